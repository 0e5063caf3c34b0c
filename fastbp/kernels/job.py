"""What a kernel works on, and its parts under the names of the notes."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastbp.jit import strict
from fastbp.jit.addresses import after, byte_address, itemsize, nowhere, pointer
from fastbp.jit.cpu import CACHE_LINE, VECTOR_BYTES
from fastbp.jit.records import Record, record
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import GemmWorkspace
from fastbp.kernels.gemm.tiling import LONG_RUN_ROWS, PASS_ROWS
from fastbp.kernels.matrix import Matrix, matrix, repeated

NO_TARGETS, OUTPUTS, LABELS = range(3)
"""What a job knows of its samples: nothing, the rows of Y, or their class, which stands for a one-hot row."""


class Job(NamedTuple):
    """What a kernel works on: buffers of the net's dtype, of indices (int64) and of sums (float64), and counts."""

    theta: Any
    """Weights and biases."""
    state: Any
    """The optimizer's vectors, each of theta's size."""
    g: Any
    """The gradient, like theta, if it is kept; else each part of it is used up at once."""
    X: Any
    """Samples, rows of sizes[0] elements; of sparse samples the stored values."""
    indices: Any
    """Sparse samples: k of each stored value."""
    indptr: Any
    """Sparse samples: where each begins in X and ``indices``."""
    Y: Any
    """Targets, rows of sizes[-1] elements."""
    labels: Any
    """Class of each sample."""
    weights: Any
    """s_x."""
    order: Any
    """Sample of each place of the epoch."""
    layers: Any
    """`LAYER` of 0, the input, to L."""
    offsets: Any
    """`OFFSETS`, one row."""
    scratch: Any
    sums: Any
    """float64 scratch of ``sums_size``."""
    stats: Any
    """`STATISTICS` of each minibatch."""
    eta: Any
    """Step size of each minibatch, float64."""
    settings: Any
    """`SETTINGS`, one row."""
    control: Any
    threads: Any
    """`THREAD` of each."""
    cursors: Any
    """`CURSOR` of each thread."""
    L: int
    size: int
    """Elements of theta."""
    slots: int
    """Vectors of the optimizer's state."""
    n: int
    """Samples of an epoch."""
    batch: int
    tile: int
    """Samples that pass through all layers before their gradients are added."""
    n_threads: int
    cost: int
    optimizer: int
    targets: int
    """NO_TARGETS, OUTPUTS or LABELS."""
    sparse: int
    """Whether X holds the stored values of sparse samples."""
    ordered: int
    """0: the samples' own order."""
    weighted: int
    """0: all s_x are 1."""
    keeping: int
    """0: there is no g."""
    updating: int
    """0: the gradient stays in g and theta as it is."""
    owning: int
    """Whether each thread has some neurons of layer 1 for itself, and every layer above."""
    relaying: int
    """Whether threads take tiles in turn."""
    fetching: int
    """Whether samples are fetched from memory before they are needed."""
    counting_hits: int
    """Whether to count right decisions; then ``labels`` holds the right ones, whatever the targets are."""


@strict
def addressed(job: Job, theta: Any) -> Job:
    """The same job with addresses for arrays: no reference counts, which threads would fight over, and few words."""
    return Job(
        theta=theta,
        state=pointer(job.state),
        g=pointer(job.g),
        X=pointer(job.X),
        indices=pointer(job.indices),
        indptr=pointer(job.indptr),
        Y=pointer(job.Y),
        labels=pointer(job.labels),
        weights=pointer(job.weights),
        order=pointer(job.order),
        layers=pointer(job.layers),
        offsets=pointer(job.offsets),
        scratch=pointer(job.scratch),
        sums=pointer(job.sums),
        stats=pointer(job.stats),
        eta=pointer(job.eta),
        settings=pointer(job.settings),
        control=pointer(job.control),
        threads=pointer(job.threads),
        cursors=pointer(job.cursors),
        L=job.L,
        size=job.size,
        slots=job.slots,
        n=job.n,
        batch=job.batch,
        tile=job.tile,
        n_threads=job.n_threads,
        cost=job.cost,
        optimizer=job.optimizer,
        targets=job.targets,
        sparse=job.sparse,
        ordered=job.ordered,
        weighted=job.weighted,
        keeping=job.keeping,
        updating=job.updating,
        owning=job.owning,
        relaying=job.relaying,
        fetching=job.fetching,
        counting_hits=job.counting_hits,
    )


@strict
def job_of_outputs(
    theta, X, indices, indptr, Y, labels, layers, offsets, scratch, sums, settings, cursors, L, tile, cost, kind, sparse
):
    """A job that computes outputs and costs only: what is written in a training lies nowhere."""
    return Job(
        theta=pointer(theta),
        state=nowhere(theta),
        g=nowhere(theta),
        X=pointer(X),
        indices=pointer(indices),
        indptr=pointer(indptr),
        Y=pointer(Y),
        labels=pointer(labels),
        weights=nowhere(theta),
        order=nowhere(indices),
        layers=pointer(layers),
        offsets=pointer(offsets),
        scratch=pointer(scratch),
        sums=pointer(sums),
        stats=nowhere(sums),
        eta=nowhere(sums),
        settings=pointer(settings),
        control=nowhere(indices),
        threads=nowhere(indices),
        cursors=nowhere(cursors),
        L=L,
        size=0,
        slots=0,
        n=0,
        batch=0,
        tile=tile,
        n_threads=0,
        cost=cost,
        optimizer=0,
        targets=kind,
        sparse=sparse,
        ordered=0,
        weighted=0,
        keeping=0,
        updating=0,
        owning=0,
        relaying=0,
        fetching=0,
        counting_hits=0,
    )


@strict
def settings(job: Job) -> Record:
    """The `SETTINGS` of the training."""
    return record(job.settings, 0)


@strict
def layer(job: Job, l: int) -> Record:
    """The `LAYER` of this number."""
    return record(job.layers, l)


@strict
def thread(job: Job, t: int) -> Record:
    """What thread t tells the others."""
    return record(job.threads, t)


@strict
def offsets(job: Job) -> Record:
    """The `OFFSETS` in the scratch buffer."""
    return record(job.offsets, 0)


@strict
def weights(job: Job, l: int) -> Matrix:
    """w^l as w[k, j], input-major."""
    return matrix(job.theta, layer(job, l).w, layer(job, l).stride)


@strict
def last_weights(job: Job, l: int) -> Matrix:
    """The rows of w^l after the WHOLE ones, where the table has some: b^l follows them."""
    at, n = layer(job, l).rest, layer(job, l).K - layer(job, l).whole
    return matrix(job.theta, at, (layer(job, l).b - at) // n)


@strict
def biases(job: Job, l: int) -> Matrix:
    """b^l as a row repeated for every sample."""
    return repeated(job.theta, layer(job, l).b)


@strict
def activations(job: Job, l: int, x: int) -> Matrix:
    """a^l of the tile from sample x on, as a[x, j]; of l > 0."""
    row = layer(job, l).row
    return matrix(job.scratch, layer(job, l).a + x * row, row)


@strict
def inputs(job: Job, x: int) -> Matrix:
    """a^0 of the tile, likewise."""
    row = layer(job, 0).row
    return matrix(job.scratch, layer(job, 0).a + x * row, row)


@strict
def exchanged(job: Job, m: int) -> Matrix:
    """z^1 of minibatch m, to which threads that own neurons of layer 1 add their columns."""
    row = layer(job, 1).row
    return matrix(job.scratch, offsets(job).exchanged + (m & 1) * job.tile * row, row)


@strict
def own_rest(job: Job, t: int) -> Matrix:
    """Thread t's room for the last few a_k^0 of the samples of a minibatch."""
    return matrix(job.scratch, offsets(job).rests + t * job.tile * PASS_ROWS, PASS_ROWS)


@strict
def weighted_inputs(job: Job, l: int, x: int) -> Matrix:
    """z^l, likewise, where x is the first sample of a thread."""
    return matrix(job.scratch, layer(job, l).z + x * layer(job, l).z_step, layer(job, l).row)


@strict
def errors(job: Job, l: int, x: int) -> Matrix:
    """sigma'(z^l), which becomes delta^l, likewise."""
    row = layer(job, l).row
    return matrix(job.scratch, layer(job, l).delta + x * row, row)


@strict
def targets(job: Job, x: int) -> Matrix:
    """y of the tile, likewise, rows like those of a^L."""
    row = layer(job, job.L).row
    return matrix(job.scratch, offsets(job).targets + x * row, row)


@strict
def own_columns(job: Job, t: int) -> tuple[int, int]:
    """Thread t's neurons of layer 1, padding included: whole cache lines of each row of w."""
    line = CACHE_LINE // itemsize(job.scratch)
    n_lines = layer(job, 1).stride // line
    return n_lines * t // job.n_threads * line, n_lines * (t + 1) // job.n_threads * line


@strict
def own_weights(job: Job, t: int) -> tuple[Matrix, Matrix]:
    """Thread t's columns of w^1 and of b^1: side by side in its slab, while the team is at work.

    In theta they lie between the other threads' columns, and a cache that fetches neighbouring lines on suspicion would
    take them away from the thread that is about to change them.
    """
    j, end = own_columns(job, t)
    if job.n_threads == 1:
        return weights(job, 1), biases(job, 1)
    at = offsets(job).slabs + t * offsets(job).slabs_step
    width = end - j
    return matrix(job.scratch, at, width), repeated(job.scratch, at + layer(job, 1).K * width)


@strict
def own_theta(job: Job, t: int) -> Any:
    """Theta as thread t sees it: of threads that own neurons of layer 1, the layers above lie at the slab's end."""
    if job.owning == 0 or job.n_threads == 1:
        return pointer(job.theta)
    return after(job.scratch, offsets(job).slabs + (t + 1) * offsets(job).slabs_step - job.size)


@strict
def is_lonely(job: Job, l: int) -> bool:
    """Whether the layer is one output neuron, whose weights lie in a row (`layout`)."""
    return layer(job, l).row == 1


@strict
def zeros(job: Job) -> Matrix:
    """0 everywhere."""
    return repeated(job.scratch, offsets(job).zeros)


@strict
def ones(job: Job) -> Matrix:
    """1 everywhere."""
    return Matrix(after(job.scratch, offsets(job).ones), 0, 0)


@strict
def panel(job: Job, t: int) -> Any:
    """Thread t's scratch for packed strips."""
    return after(job.scratch, offsets(job).panels + t * offsets(job).panels_step)


@strict
def parameters_from(job: Job, buf: Any, l: int, k: int) -> Matrix:
    """w^l from row k on, row K being b^l, in theta or a vector laid out like it."""
    stride = layer(job, l).stride
    at = layer(job, l).w + k * stride if k < layer(job, l).K else layer(job, l).b
    return matrix(buf, at, stride)


@strict
def gradient(job: Job, l: int, k: int, t: int) -> Matrix:
    """dC/dw^l from row k on, row K being dC/db^l.

    In g where it is kept, else in thread t's scratch until the update has used it up.
    """
    if job.keeping:
        return parameters_from(job, job.g, l, k)
    return Matrix(own_sums(job, t).buf, layer(job, l).stride, 1)


@strict
def own_sums(job: Job, t: int) -> Matrix:
    """Thread t's scratch for its part of a gradient, which serves as a row of sums in F1 of one output neuron."""
    return matrix(job.scratch, offsets(job).gradients + t * offsets(job).gradients_step, 1)


@strict
def workspace(job: Job, t: int) -> GemmWorkspace:
    """What thread t's sums work with, where nothing is fetched meanwhile."""
    return GemmWorkspace(panel=panel(job, t), prefetch=no_prefetch(job, t))


@strict
def no_prefetch(job: Job, t: int) -> Prefetch:
    """No samples to fetch."""
    return Prefetch(order=job.order, cursor=after(job.cursors, t), parts=0)


@strict
def prefetch(job: Job, first: int, t: int) -> Prefetch:
    """The samples that thread t gathers for the tile that starts at place ``first``, to be fetched while BP4 runs."""
    X = min(job.tile, job.n - first)
    if not job.fetching or X <= 0:
        return no_prefetch(job, t)
    n_in, width = layer(job, 0).J, layer(job, 1).J
    rows, x0, x1 = n_in // job.n_threads, X * t // job.n_threads, X * (t + 1) // job.n_threads
    if job.owning:
        j, end = own_columns(job, t)
        rows, width, x0, x1 = n_in, end - j, 0, X
    # Spread over the tiles that BP4 of the first layer will take.
    n_tiles = max(1, rows // LONG_RUN_ROWS) * max(1, width * itemsize(job.X) // (2 * VECTOR_BYTES))
    parts = (x1 - x0 + n_tiles - 1) // n_tiles
    calls = max(1, n_tiles * parts // max(1, x1 - x0))
    cursor = record(job.cursors, t)
    cursor.lines = (n_in * itemsize(job.X) // CACHE_LINE + calls) // calls
    cursor.sample, cursor.end, cursor.left = first + x0, first + x1, 0
    cursor.X, cursor.X_step = byte_address(job.X), n_in * itemsize(job.X)
    cursor.Y, cursor.Y_step = byte_address(job.Y), layer(job, job.L).J * itemsize(job.Y)
    cursor.labels = byte_address(job.labels)
    return Prefetch(order=job.order, cursor=after(job.cursors, t), parts=parts)
