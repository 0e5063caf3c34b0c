"""The part of a tile that is split by samples x: F1 and F2 of every layer, C, BP1, and BP2 down to layer 1.

No thread looks at another's samples here.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SOFTMAX, is_unbounded
from fastbp.functions.entry import is_own
from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real, copy_line, exists, line, number
from fastbp.kernels import costs, dense, sparse
from fastbp.kernels.dropout import drop
from fastbp.kernels.matrix import Matrix, row, shifted
from fastbp.kernels.penalties import penalty_sums
from fastbp.kernels.records import Data, Layers, Tile, Training, Workspace
from fastbp.kernels.views import (
    activations,
    biases,
    errors,
    gemm_workspace,
    is_single_output,
    last_weights,
    layer,
    offsets,
    output_weights,
    settings,
    targets,
    thread,
    thread_sums,
    weighted_inputs,
    weights,
    zeros,
)


@strict
def sample(data: Data, x: int) -> int:
    """Row of X at place x of the epoch."""
    return data.order[x] if exists(data.order) else x


@strict
def gather_inputs(layers: Layers, data: Data, tile: Tile, a_0: Matrix) -> None:
    """Copy a^0 of a tile into the rows of ``a_0``; sparse samples are read where they lie."""
    n_in = layer(layers, 0).J
    if exists(data.indptr):
        return
    for x in range(tile.X):
        source = line(data.X, sample(data, tile.place + x) * n_in, n_in)
        copy_line(n_in, row(a_0, x, n_in), source)


@strict
def gather_targets(layers: Layers, data: Data, workspace: Workspace, tile: Tile) -> None:
    """Copy y of a tile; of a class, its one-hot row."""
    n_out, rows = layer(layers, layers.L).J, targets(layers, workspace, tile.row)
    for x in range(tile.X):
        i, y = sample(data, tile.place + x), row(rows, x, n_out)
        if exists(data.Y):
            copy_line(n_out, y, line(data.Y, i * n_out, n_out))
        else:
            for j in range(n_out):
                y[j] = 0
            y[data.labels[i]] = 1


@strict
def activate(code: int, X: int, J: int, z: Matrix, a: Matrix, d: Matrix) -> None:
    """F2 of the J neurons of a layer and of their rows' padding, for X samples."""
    if code == SOFTMAX:
        dense.softmax(X, J, z, a, d)
    elif z.i == a.i:
        n = X * z.i
        dense.activation(code, n, row(z, 0, n), row(a, 0, n), row(d, 0, n))
    else:
        for x in range(X):
            dense.activation(code, z.i, row(z, x, z.i), row(a, x, z.i), row(d, x, z.i))


@strict
def forward(layers: Layers, data: Data, workspace: Workspace, tile: Tile, bottom: int, a_0: Matrix, t: int) -> None:
    """F1 and F2 of the layers from ``bottom`` on for a tile of thread t, whose a^0 are the rows of ``a_0``."""
    X, x0 = tile.X, tile.row
    here = gemm_workspace(data, workspace, t)
    for l in range(bottom, layers.L + 1):
        K, J = layer(layers, l).K, layer(layers, l).J
        a_prev = activations(layers, workspace, l - 1, x0) if l > 1 else a_0
        w, b, z = weights(layers, l), biases(layers, l), weighted_inputs(layers, workspace, l, x0)
        if l == 1 and exists(data.indptr):
            sparse.weighted_input(layers, data, tile, w, b, z)
        elif is_single_output(layers, l):
            dense.weighted_input_of_one(X, K, a_prev, w, b, z, thread_sums(workspace, t), here)
        else:
            n = layer(layers, l).whole
            dense.weighted_input(X, J, n, a_prev, w, b, z, here)
            if n < K:
                rest, a_rest = last_weights(layers, l), shifted(a_prev, 0, n)
                dense.weighted_input(X, J, K - n, a_rest, rest, z, z, here)
        a, d = activations(layers, workspace, l, x0), errors(layers, workspace, l, x0)
        activate(layer(layers, l).activation, X, J, z, a, d)
        if layer(layers, l).dropout > 0.0:
            drop(layer(layers, l).seed, l, tile.place, layer(layers, l).dropout, X, J, a, d)


@strict
def cost_parameter(layers: Layers) -> Real:
    """The number that some costs depend on."""
    return number(layers.theta, layers.cost_parameter)


@strict
def outputs_and_costs(layers: Layers, workspace: Workspace, tile: Tile) -> None:
    """C_x of a tile."""
    L, X, x0 = layers.L, tile.X, tile.row
    J, code = layer(layers, L).J, layer(layers, L).activation
    out = line(workspace.buf, offsets(workspace).costs + x0, X)
    z, a = weighted_inputs(layers, workspace, L, x0), activations(layers, workspace, L, x0)
    d, y = errors(layers, workspace, L, x0), targets(layers, workspace, x0)
    if offsets(workspace).weighing_outputs:
        costs.of_weighed_outputs(layers.cost, cost_parameter(layers), z, a, y, output_weights(workspace, J), out)
    elif code == SOFTMAX:
        costs.of_softmax(layers.cost, X, J, z, a, d, y, out)
    else:
        costs.of_outputs(layers.cost, cost_parameter(layers), X, J, z, a, y, out)


@strict
def hits(layers: Layers, data: Data, workspace: Workspace, tile: Tile) -> int:
    """For how many samples of a tile the net decides as it should."""
    J, rows = layer(layers, layers.L).J, activations(layers, workspace, layers.L, tile.row)
    count = 0
    for x in range(tile.X):
        a = row(rows, x, J)
        label = data.labels[sample(data, tile.place + x)]
        if J == 1:
            count += (a[0] >= 0.5) == (label == 1)
        else:
            # The first of the largest decides. No branch: which output is the largest cannot be predicted.
            largest = a[label]
            better = 0
            for j in range(J):
                better += (a[j] > largest) | ((a[j] == largest) & (j < label))
            count += better == 0
    return count


@strict
def decision(J: int, a: Array) -> int:
    """The class that the outputs of a sample stand for: of the first largest; of one output, whether it is at least one
    half. -1 where one of them is NaN.
    """
    if J == 1:
        return -1 if a[0] != a[0] else int(a[0] >= 0.5)
    best = 0
    comparable = True
    for j in range(J):
        comparable &= a[j] == a[j]
        if a[j] > a[best]:
            best = j
    return best if comparable else -1


@strict
def backward(layers: Layers, data: Data, workspace: Workspace, tile: Tile, t: int) -> None:
    """BP1 in the output layer and BP2 in every layer below, for a tile of thread t."""
    L, X, x0 = layers.L, tile.X, tile.row
    J, width = layer(layers, L).J, layer(layers, L).row
    z, a = weighted_inputs(layers, workspace, L, x0), activations(layers, workspace, L, x0)
    y, d = targets(layers, workspace, x0), errors(layers, workspace, L, x0)
    n = X * width
    z_n, a_n, y_n, d_n = row(z, 0, n), row(a, 0, n), row(y, 0, n), row(d, 0, n)
    dense.output_error(layers.cost, cost_parameter(layers), n, z_n, a_n, y_n, d_n)
    if exists(data.weights):
        for x in range(X):
            dense.weigh(width, data.weights[sample(data, tile.place + x)], row(d, x, width))
    if offsets(workspace).weighing_outputs:
        for x in range(X):
            dense.weigh_outputs(J, output_weights(workspace, J), row(y, x, J), row(d, x, J))
    dense.clear_padding(X, J, width, zeros(workspace), d)
    here = gemm_workspace(data, workspace, t)
    for l in range(L - 1, layers.lowest - 1, -1):
        J, K, width = layer(layers, l).J, layer(layers, l + 1).J, layer(layers, l).row
        d, delta_next = errors(layers, workspace, l, x0), errors(layers, workspace, l + 1, x0)
        dense.hidden_error(X, J, K, weights(layers, l + 1), delta_next, zeros(workspace), d, here)
        dense.clear_padding(X, J, width, zeros(workspace), d)


@strict
def largest_output(layers: Layers, workspace: Workspace, tile: Tile) -> int:
    """The largest |a_j^L| of the outputs that count in C, as bits."""
    L, a = layers.L, activations(layers, workspace, layers.L, tile.row)
    if not offsets(workspace).weighing_outputs:
        return dense.largest(tile.X, layer(layers, L).stride, a, 0)
    J, zero, largest = layer(layers, L).J, number(workspace.buf, 0), 0
    u = output_weights(workspace, J)
    for x in range(tile.X):
        a_x, y_x = row(a, x, J), row(targets(layers, workspace, tile.row), x, J)
        for j in range(J):
            if u[j] != zero and y_x[j] == y_x[j]:
                largest = max(largest, int(dense.magnitude(a_x[j])))
    return largest


@strict
def what_is_unusable(training: Training, tile: Tile) -> int:
    """What, as bits, is infinite or NaN in outputs and costs: no delta need show it, where a cost's slope is bounded or
    a user's own; 0 if nothing is.
    """
    layers, workspace = training.layers, training.workspace
    infinite = int(dense.magnitude(number(workspace.buf, np.inf)))
    if is_unbounded(layer(layers, layers.L).activation):
        largest = largest_output(layers, workspace, tile)
        if largest >= infinite:
            return largest
    if is_own(layers.cost) and settings(training.optimizer).limit < np.inf:
        c = line(workspace.buf, offsets(workspace).costs + tile.row, tile.X)
        for x in range(tile.X):
            if c[x] != c[x]:
                return infinite
    return 0


@strict
def note_largest(training: Training, tile: Tile, t: int) -> None:
    """Keep in thread t's record the largest |a| and |delta|: what decides whether the minibatch may be applied."""
    layers, workspace, said = training.layers, training.workspace, thread(training.control, t)
    largest_a, largest_delta = said.largest_a, max(said.largest_delta, what_is_unusable(training, tile))
    for l in range(1, layers.L + 1):
        width = layer(layers, l).row
        if l < layers.L and is_unbounded(layer(layers, l).activation):  # a^L enters no sum
            n = layer(layers, l).stride
            largest_a = dense.largest(tile.X, n, activations(layers, workspace, l, tile.row), largest_a)
        if l >= layers.lowest:
            largest_delta = dense.largest(tile.X, width, errors(layers, workspace, l, tile.row), largest_delta)
    said.largest_a, said.largest_delta = largest_a, largest_delta


@strict
def begin_minibatch(training: Training, t: int) -> None:
    """Thread t, before its first samples of a minibatch: its maxima and hits anew, and its share of the penalty."""
    said = thread(training.control, t)
    said.largest_a = 0
    said.largest_delta = 0
    said.hits = 0
    penalty_sums(training, t)


@strict
def tile_of_samples(training: Training, tile: Tile, bottom: int, t: int) -> None:
    """The part of a tile that is split by samples, of some of them by thread t: layers from ``bottom``."""
    layers, data, workspace = training.layers, training.data, training.workspace
    gather_targets(layers, data, workspace, tile)
    forward(layers, data, workspace, tile, bottom, activations(layers, workspace, 0, tile.row), t)
    outputs_and_costs(layers, workspace, tile)
    if training.control.counting_hits:
        thread(training.control, t).hits += hits(layers, data, workspace, tile)
    backward(layers, data, workspace, tile, t)
    note_largest(training, tile, t)
