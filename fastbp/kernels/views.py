"""The parts of the records under the names of the notes."""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Buffer, after, byte_address, exists, itemsize, line
from fastbp.jit.cpu import CACHE_LINE, VECTOR_BYTES
from fastbp.jit.records import Record, record
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import GemmWorkspace
from fastbp.kernels.gemm.tiling import LONG_RUN_ROWS
from fastbp.kernels.matrix import Matrix, matrix, repeated
from fastbp.kernels.records import COLUMN_PARALLEL, Control, Data, Layers, Optimizer, Training, Workspace


@strict
def layer(layers: Layers, l: int) -> Record:
    """The `LAYER` of this number."""
    return record(layers.table, l)


@strict
def settings(optimizer: Optimizer) -> Record:
    """The `SETTINGS` of the update."""
    return record(optimizer.settings, 0)


@strict
def offsets(workspace: Workspace) -> Record:
    """The `OFFSETS` in the workspace."""
    return record(workspace.offsets, 0)


@strict
def flags(control: Control) -> Record:
    """The `FLAGS` of the team."""
    return record(control.flags, 0)


@strict
def thread(control: Control, t: int) -> Record:
    """What thread t says to the others."""
    return record(control.threads, t)


@strict
def weights(layers: Layers, l: int) -> Matrix:
    """w^l as w[k, j], input-major."""
    return matrix(layers.theta, layer(layers, l).w, layer(layers, l).stride)


@strict
def last_weights(layers: Layers, l: int) -> Matrix:
    """The rows of w^l after the ``whole`` ones, where the table has some: b^l follows them."""
    at, n = layer(layers, l).rest, layer(layers, l).K - layer(layers, l).whole
    return matrix(layers.theta, at, (layer(layers, l).b - at) // n)


@strict
def biases(layers: Layers, l: int) -> Matrix:
    """b^l as a row repeated for every sample."""
    return repeated(layers.theta, layer(layers, l).b)


@strict
def parameters_from(layers: Layers, buf: Buffer, l: int, k: int) -> Matrix:
    """w^l from row k on, row K being b^l, in theta or a vector laid out like it."""
    stride = layer(layers, l).stride
    at = layer(layers, l).w + k * stride if k < layer(layers, l).K else layer(layers, l).b
    return matrix(buf, at, stride)


@strict
def is_single_output(layers: Layers, l: int) -> bool:
    """Whether the layer is one output neuron, whose weights lie in a row (`layout`)."""
    return bool(layer(layers, l).row == 1)


@strict
def activations(layers: Layers, workspace: Workspace, l: int, x: int) -> Matrix:
    """a^l of the tile from its sample x on, as a[x, j]."""
    row = layer(layers, l).row
    return matrix(workspace.buf, layer(layers, l).a + x * row, row)


@strict
def weighted_inputs(layers: Layers, workspace: Workspace, l: int, x: int) -> Matrix:
    """z^l, likewise, where x is the first sample of a thread."""
    return matrix(workspace.buf, layer(layers, l).z + x * layer(layers, l).z_step, layer(layers, l).row)


@strict
def errors(layers: Layers, workspace: Workspace, l: int, x: int) -> Matrix:
    """sigma'(z^l), which becomes delta^l, likewise."""
    row = layer(layers, l).row
    return matrix(workspace.buf, layer(layers, l).delta + x * row, row)


@strict
def targets(layers: Layers, workspace: Workspace, x: int) -> Matrix:
    """y of the tile, likewise, rows like those of a^L."""
    row = layer(layers, layers.L).row
    return matrix(workspace.buf, offsets(workspace).targets + x * row, row)


@strict
def exchanged(layers: Layers, workspace: Workspace, m: int) -> Matrix:
    """z^1 of minibatch m, to which threads with columns of w^1 add those of z."""
    row = layer(layers, 1).row
    return matrix(workspace.buf, offsets(workspace).exchanged + (m & 1) * offsets(workspace).tile * row, row)


@strict
def output_weights(workspace: Workspace, J: int) -> Array:
    """u_j of the J outputs."""
    return line(workspace.buf, offsets(workspace).output_weights, J)


@strict
def zeros(workspace: Workspace) -> Matrix:
    """0 everywhere."""
    return repeated(workspace.buf, offsets(workspace).zeros)


@strict
def thread_sums(workspace: Workspace, t: int) -> Matrix:
    """Thread t's room for its part of a gradient, which serves as a row of sums in F1 of a single output."""
    return matrix(workspace.buf, offsets(workspace).gradients + t * offsets(workspace).gradients_step, 1)


@strict
def gradient(training: Training, l: int, k: int, t: int) -> Matrix:
    """dC/dw^l from row k on, row K being dC/db^l.

    In g where it is kept, else in thread t's room until the update has used it up.
    """
    layers, optimizer = training.layers, training.optimizer
    if exists(optimizer.g):
        return parameters_from(layers, optimizer.g, l, k)
    return Matrix(thread_sums(training.workspace, t).buf, layer(layers, l).stride, 1)


@strict
def thread_rest(workspace: Workspace, t: int) -> Matrix:
    """Thread t's room for those a_k^0 of the samples of a minibatch that the fused pass does not take."""
    row = offsets(workspace).rests_row
    return matrix(workspace.buf, offsets(workspace).rests + t * offsets(workspace).tile * row, row)


@strict
def thread_columns(training: Training, t: int) -> tuple[int, int]:
    """Thread t's neurons of layer 1, padding included: whole cache lines of each row of w."""
    line, n_threads = CACHE_LINE // itemsize(training.workspace.buf), training.control.n_threads
    n_lines = layer(training.layers, 1).stride // line
    return n_lines * t // n_threads * line, n_lines * (t + 1) // n_threads * line


@strict
def thread_weights(training: Training, t: int) -> tuple[Matrix, Matrix]:
    """Thread t's columns of w^1 and of b^1: side by side in its slab, while the team is at work.

    In theta they lie between the other threads' columns, and a cache that fetches neighbouring lines on suspicion would
    take them away from the thread that is about to change them.
    """
    layers, buf = training.layers, training.workspace.buf
    j, end = thread_columns(training, t)
    if training.control.n_threads == 1:
        return weights(layers, 1), biases(layers, 1)
    at = offsets(training.workspace).slabs + t * offsets(training.workspace).slabs_step
    width = end - j
    return matrix(buf, at, width), repeated(buf, at + layer(layers, 1).K * width)


@strict
def thread_theta(training: Training, t: int) -> Buffer:
    """Theta as thread t sees it: column-parallel, its copy of the layers above layer 1 lies at the slab's end."""
    if training.control.schedule != COLUMN_PARALLEL or training.control.n_threads == 1:
        return training.layers.theta
    end = offsets(training.workspace).slabs + (t + 1) * offsets(training.workspace).slabs_step
    return after(training.workspace.buf, end - training.optimizer.size)


@strict
def with_theta(training: Training, theta: Buffer) -> Training:
    """The same training of another theta."""
    given = training.layers
    return Training(
        layers=Layers(
            theta=theta,
            table=given.table,
            L=given.L,
            cost=given.cost,
            cost_parameter=given.cost_parameter,
            lowest=given.lowest,
        ),
        data=training.data,
        optimizer=training.optimizer,
        workspace=training.workspace,
        control=training.control,
    )


@strict
def fetching_workspace(workspace: Workspace, prefetch: Prefetch, t: int) -> GemmWorkspace:
    """What thread t's sums work with, and fetch meanwhile."""
    pack_a, pack_b = offsets(workspace).pack_a, offsets(workspace).pack_b
    return GemmWorkspace(panel=panel(workspace, t), pack_a=pack_a, pack_b=pack_b, prefetch=prefetch)


@strict
def gemm_workspace(data: Data, workspace: Workspace, t: int) -> GemmWorkspace:
    """What thread t's sums work with, where nothing is fetched meanwhile."""
    return fetching_workspace(workspace, no_prefetch(data, workspace, t), t)


@strict
def panel(workspace: Workspace, t: int) -> Buffer:
    """Thread t's room for packed panels."""
    return after(workspace.buf, offsets(workspace).panels + t * offsets(workspace).panels_step)


@strict
def no_prefetch(data: Data, workspace: Workspace, t: int) -> Prefetch:
    """No samples to fetch."""
    return Prefetch(order=data.order, cursor=after(workspace.cursors, t), parts=0)


@strict
def prefetch(training: Training, first: int, t: int) -> Prefetch:
    """The samples that thread t gathers for the tile that starts at place ``first``, to be fetched while BP4 runs."""
    layers, data, workspace, control = training.layers, training.data, training.workspace, training.control
    X = min(offsets(workspace).tile, control.n - first)
    if not control.fetching or X <= 0:
        return no_prefetch(data, workspace, t)
    n_in, width, size = layer(layers, 0).J, layer(layers, 1).J, itemsize(data.X)
    rows, x0, x1 = n_in // control.n_threads, X * t // control.n_threads, X * (t + 1) // control.n_threads
    if control.schedule == COLUMN_PARALLEL:
        j, end = thread_columns(training, t)
        rows, width, x0, x1 = n_in, end - j, 0, X
    # Spread over the tiles that BP4 of the first layer will take.
    n_tiles = max(1, rows // LONG_RUN_ROWS) * max(1, width * size // (2 * VECTOR_BYTES))
    parts = (x1 - x0 + n_tiles - 1) // n_tiles
    calls = max(1, n_tiles * parts // max(1, x1 - x0))
    cursor = record(workspace.cursors, t)
    cursor.lines = (n_in * size // CACHE_LINE + calls) // calls
    cursor.sample, cursor.end, cursor.left = first + x0, first + x1, 0
    cursor.X, cursor.X_step = byte_address(data.X), n_in * size
    cursor.Y, cursor.Y_step = byte_address(data.Y), layer(layers, layers.L).J * size
    cursor.labels = byte_address(data.labels)
    return Prefetch(order=data.order, cursor=after(workspace.cursors, t), parts=parts)
