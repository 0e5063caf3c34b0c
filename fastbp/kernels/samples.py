"""The part of a tile that is split by samples x: F1 and F2 of every layer, C, BP1, and BP2 down to layer 1.

No thread looks at another's samples here.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SOFTMAX, UNBOUNDED
from fastbp.jit import strict
from fastbp.jit.addresses import copy_line, line, number
from fastbp.kernels import costs, dense, sparse
from fastbp.kernels.dropout import drop
from fastbp.kernels.job import (
    LABELS,
    OUTPUTS,
    activations,
    biases,
    errors,
    inputs,
    is_lonely,
    last_weights,
    layer,
    offsets,
    own_sums,
    settings,
    targets,
    thread,
    weighted_inputs,
    weights,
    workspace,
    zeros,
)
from fastbp.kernels.matrix import row, shifted
from fastbp.kernels.penalties import penalty_sums


@strict
def sample(job, x):
    """Row of X at place x of the epoch."""
    return job.order[x] if job.ordered else x


@strict
def gather_inputs(job, first, x0, x1, a_0):
    """Copy a^0 of samples x0..x1 of the tile that starts at place ``first`` of the epoch into the rows of ``a_0``."""
    n_in = layer(job, 0).J
    if job.sparse:
        return
    for x in range(x0, x1):
        source = line(job.X, sample(job, first + x) * n_in, n_in)
        copy_line(n_in, row(a_0, x - x0, n_in), source)


@strict
def gather_targets(job, first, x0, x1):
    """Copy y of the same samples."""
    n_out, rows = layer(job, job.L).J, targets(job, x0)
    for x in range(x0, x1):
        i, y = sample(job, first + x), row(rows, x - x0, n_out)
        if job.targets == LABELS:
            for j in range(n_out):
                y[j] = 0
            y[job.labels[i]] = 1
        elif job.targets == OUTPUTS:
            copy_line(n_out, y, line(job.Y, i * n_out, n_out))


@strict
def activate(job, l, X, J, width, z, a, d):
    """F2 of ``width`` columns from the matrices' starts on, J of them neurons, for X samples."""
    code = layer(job, l).activation
    if code == SOFTMAX:
        dense.softmax(X, J, z, a, d)
    elif width == a.i:
        n = X * width
        dense.activation(code, n, row(z, 0, n), row(a, 0, n), row(d, 0, n))
    else:
        for x in range(X):
            dense.activation(code, width, row(z, x, width), row(a, x, width), row(d, x, width))


@strict
def forward(job, first, bottom, x0, x1, a_0, t):
    """F1 and F2 of the layers from ``bottom`` on for samples x0..x1 of the tile that starts at place ``first``.

    Their a^0 are the rows of ``a_0``.
    """
    X = x1 - x0
    for l in range(bottom, job.L + 1):
        K, J = layer(job, l).K, layer(job, l).J
        a_prev = activations(job, l - 1, x0) if l > 1 else a_0
        z, a, d = weighted_inputs(job, l, x0), activations(job, l, x0), errors(job, l, x0)
        if l == 1 and job.sparse:
            sparse.weighted_input(job, first, x0, x1, weights(job, l), biases(job, l), z)
        elif is_lonely(job, l):
            sums, w, b = own_sums(job, t), weights(job, l), biases(job, l)
            dense.weighted_input_of_one(X, K, a_prev, w, b, z, sums, workspace(job, t))
        else:
            n = layer(job, l).whole
            dense.weighted_input(X, J, n, a_prev, weights(job, l), biases(job, l), z, workspace(job, t))
            if n < K:
                rest, a_rest = last_weights(job, l), shifted(a_prev, 0, n)
                dense.weighted_input(X, J, K - n, a_rest, rest, z, z, workspace(job, t))
        activate(job, l, X, J, z.i, z, a, d)
        if settings(job).dropout > 0.0 and l < job.L:
            p = settings(job).dropout
            scale = number(job.scratch, 1.0 / (1.0 - p))
            drop(settings(job).seed, l, first + x0, np.int64(p * 16777216.0), scale, X, J, a, d)


@strict
def cost_parameter(job):
    """The number that some costs depend on."""
    return number(job.scratch, settings(job).cost_parameter)


@strict
def outputs_and_costs(job, x0, x1):
    """C_x of samples x0..x1 of the tile."""
    J, code = layer(job, job.L).J, layer(job, job.L).activation
    out = line(job.scratch, offsets(job).costs + x0, x1 - x0)
    z, a = weighted_inputs(job, job.L, x0), activations(job, job.L, x0)
    if code == SOFTMAX:
        costs.of_softmax(job.cost, x1 - x0, J, z, a, errors(job, job.L, x0), targets(job, x0), out)
    else:
        costs.of_outputs(job.cost, cost_parameter(job), x1 - x0, J, z, a, targets(job, x0), out)


@strict
def hits(job, first, x0, x1):
    """For how many of samples x0..x1 of the tile the net decides as it should."""
    J, rows = layer(job, job.L).J, activations(job, job.L, x0)
    count = 0
    for x in range(x0, x1):
        a = row(rows, x - x0, J)
        label = job.labels[sample(job, first + x)]
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
def decision(J, a):
    """The class that the outputs of a sample stand for: of the first largest; of one output, whether it is at least one
    half. -1 where one of them is NaN.
    """
    if J == 1:
        return -1 if a[0] != a[0] else np.int64(a[0] >= 0.5)
    best = 0
    comparable = True
    for j in range(J):
        comparable &= a[j] == a[j]
        if a[j] > a[best]:
            best = j
    return best if comparable else -1


@strict
def backward(job, first, x0, x1, t):
    """BP1 in the output layer and BP2 in every layer below, for samples x0..x1 of the tile."""
    X = x1 - x0
    J, width = layer(job, job.L).J, layer(job, job.L).row
    z, a = weighted_inputs(job, job.L, x0), activations(job, job.L, x0)
    y, d = targets(job, x0), errors(job, job.L, x0)
    n = X * width
    z_n, a_n, y_n, d_n = row(z, 0, n), row(a, 0, n), row(y, 0, n), row(d, 0, n)
    dense.output_error(job.cost, cost_parameter(job), n, z_n, a_n, y_n, d_n)
    if job.weighted:
        for x in range(X):
            dense.weigh(width, job.weights[sample(job, first + x0 + x)], row(d, x, width))
    dense.clear_padding(X, J, width, zeros(job), d)
    for l in range(job.L - 1, 0, -1):
        J, K, width = layer(job, l).J, layer(job, l + 1).J, layer(job, l).row
        d, w_next, delta_next = errors(job, l, x0), weights(job, l + 1), errors(job, l + 1, x0)
        dense.hidden_error(X, J, K, w_next, delta_next, zeros(job), d, workspace(job, t))
        dense.clear_padding(X, J, width, zeros(job), d)


@strict
def is_unbounded(code):
    """Whether a sum of finite terms can come out of this activation as infinity."""
    return (UNBOUNDED >> code) & 1 == 1


@strict
def note_largest(job, x0, x1, t):
    """Keep in the thread's record the largest |a| and |delta|: what decides whether the minibatch may be applied."""
    X, own = x1 - x0, thread(job, t)
    for l in range(1, job.L + 1):
        width = layer(job, l).row
        if is_unbounded(layer(job, l).activation):
            n = layer(job, l).stride
            own.largest_a = dense.largest(X, n, activations(job, l, x0), own.largest_a)
        own.largest_delta = dense.largest(X, width, errors(job, l, x0), own.largest_delta)


@strict
def tile_of_samples(job, first, bottom, x0, x1, starting, t):
    """The part of a tile that is split by samples, x0..x1 of those from place ``first`` on: layers from ``bottom``.

    ``starting`` says whether it is the thread's first of a minibatch.
    """
    own = thread(job, t)
    if starting:
        own.largest_a = 0
        own.largest_delta = 0
        penalty_sums(job, t)
    gather_targets(job, first, x0, x1)
    forward(job, first, bottom, x0, x1, inputs(job, x0), t)
    outputs_and_costs(job, x0, x1)
    if job.counting_hits:
        own.hits = hits(job, first, x0, x1)
    backward(job, first, x0, x1, t)
    note_largest(job, x0, x1, t)
