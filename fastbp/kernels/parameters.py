"""The part of a tile that is split by rows k of every w^l: BP4, BP3, the penalty and U; and whether U may be taken."""

from __future__ import annotations

import math

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real, copy_line, exists, itemsize, line, number
from fastbp.jit.cpu import HALF_LINE
from fastbp.jit.records import record
from fastbp.kernels import dense, sparse
from fastbp.kernels.gemm.epilogues import SGD_STEP, STORE
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import Accumulation
from fastbp.kernels.matrix import Matrix, row, shifted
from fastbp.kernels.penalties import total_penalty
from fastbp.kernels.records import DIVERGED, RUNNING, Data, Minibatch, Tile, Training
from fastbp.kernels.samples import sample
from fastbp.kernels.updates import ADAM, Constants, penalty, update
from fastbp.kernels.views import (
    activations,
    errors,
    fetching_workspace,
    flags,
    gradient,
    is_single_output,
    layer,
    offsets,
    parameters_from,
    settings,
    thread,
    zeros,
)

APPLY, SKIP, REFUSE = range(3)


@strict
def sum_of_weights(data: Data, start: int, n: int) -> float:
    """sum_x s_x in float64, x in order."""
    if not exists(data.weights):
        return np.float64(n)
    total = 0.0
    for x in range(n):
        total += np.float64(data.weights[sample(data, start + x)])
    return total


@strict
def minibatch_of(training: Training, m: int) -> Minibatch:
    """Minibatch m of the epoch: the last may have fewer samples."""
    start = m * training.control.batch
    n = min(training.control.batch, training.control.n - start)
    return Minibatch(m=m, start=start, n=n, total=sum_of_weights(training.data, start, n))


@strict
def note_statistics(training: Training, m: int, tile: Tile, t: int, end: int) -> None:
    """Add a tile to the statistics of minibatch m: sum of s_x C_x in float64, x in order; sum of s_x; the penalty; and
    the hits that threads t to before ``end`` have counted.
    """
    data, workspace, control = training.data, training.workspace, training.control
    c = line(workspace.buf, offsets(workspace).costs + tile.row, tile.X)
    statistics = record(control.statistics, m)
    total, weight = statistics.cost, statistics.weight
    for x in range(tile.X):
        s = 1.0
        if exists(data.weights):
            s = np.float64(data.weights[sample(data, tile.place + x)])
        total += s * np.float64(c[x])
        weight += s
    statistics.cost, statistics.weight = total, weight
    statistics.penalty = total_penalty(training)
    if control.counting_hits:
        for counter in range(t, end):
            statistics.hits += thread(control, counter).hits
            thread(control, counter).hits = 0


@strict
def verdict(training: Training, minibatch: Minibatch, t: int, end: int) -> int:
    """Whether the minibatch, which threads t to before ``end`` have seen, may be applied.

    The point of no return.

    No entry of the gradient can exceed n |a| |delta| / sum s_x. Refused from the square root of the largest finite
    number on: below it no square overflows, and no weight can within more steps than anyone takes. The sum s_x may be
    negative: the estimators' weights are signed.
    """
    total = minibatch.total
    if total == 0.0:
        return SKIP
    a, delta = 0, 0
    for seen in range(t, end):
        a = max(a, thread(training.control, seen).largest_a)
        delta = max(delta, thread(training.control, seen).largest_delta)
    zero, known = number(training.workspace.buf, 0), settings(training.optimizer)
    largest_a = max(known.largest_input, 1.0)
    # A maximum may drop NaN, a sum does not.
    largest_a += dense.from_bits(zero, a)
    largest_delta = dense.from_bits(zero, delta)
    bound = largest_a * largest_delta * minibatch.n / abs(total) * max(training.optimizer.eta[minibatch.m], 1.0)
    if known.limit == np.inf:  # the largest of two layers, which no entry multiplies, say nothing about the gradient
        bound = largest_a / 2 + largest_delta / 2
    return APPLY if bound + total_penalty(training) < known.limit else REFUSE


@strict
def constants(training: Training, m: int, rate: float) -> Constants:
    """The optimizer's constants of this step, in the net's dtype, where the step size is multiplied by ``rate``."""
    optimizer, like = training.optimizer, training.workspace.buf
    known, eta = settings(optimizer), training.optimizer.eta[m] * rate
    step, epsilon = 0.0, known.epsilon
    if optimizer.code == ADAM:
        # Kingma and Ba's corrections of both means, moved out of the loop over parameters.
        first, second = known.beta_1_power * known.beta_1, known.beta_2_power * known.beta_2
        step = eta * math.sqrt(1.0 - second) / (1.0 - first)
        epsilon = known.plain_epsilon if known.plain_epsilon != 0.0 else known.epsilon * math.sqrt(1.0 - second)
    return Constants(
        eta=number(like, eta),
        beta_1=number(like, known.beta_1),
        beta_2=number(like, known.beta_2),
        epsilon=number(like, epsilon),
        weight_decay=number(like, known.weight_decay),
        step=number(like, step),
    )


@strict
def step(training: Training, g: Array, at: int, n: int, l2: Real, c: Constants) -> None:
    """U of n parameters of theta from ``at`` on; with a mask of a copy of them, of which frozen ones are left."""
    optimizer = training.optimizer
    w = line(training.layers.theta, at, n)
    m = line(optimizer.state, at, n if optimizer.slots > 0 else 0)
    v = line(optimizer.state, optimizer.size + at, n if optimizer.slots > 1 else 0)
    stepped = w
    if exists(optimizer.mask):
        stepped = line(optimizer.stepped, at, n)
        copy_line(n, stepped, w)
    update(optimizer.code, stepped, g, l2, m, v, c)
    if exists(optimizer.mask):
        mask = line(optimizer.mask, at, n)
        for i in range(n):
            w[i] = stepped[i] if mask[i] != 0 else w[i]


@strict
def finish(training: Training, g: Matrix, at: int, n: int, l1: float, l2: float, c: Constants) -> None:
    """Penalty and U: from the gradient of n parameters of theta from ``at`` on to their new values."""
    optimizer, masked = training.optimizer, exists(training.optimizer.mask)
    w, g_w = line(training.layers.theta, at, n), row(g, 0, n)
    stepping = optimizer.updating and settings(optimizer).clip_norm == 0.0  # clipping waits for the whole gradient
    if l1 != 0 or (l2 != 0 and (c.weight_decay != 0 or not stepping or masked)):
        penalty(w, g_w, l1, l2)
        l2 = number(w, 0)
    if masked:
        mask = line(optimizer.mask, at, n)
        for i in range(n):
            g_w[i] = g_w[i] if mask[i] != 0 else number(w, 0)
    if stepping:
        step(training, g_w, at, n, l2, c)


@strict
def parameters(
    training: Training,
    minibatch: Minibatch,
    tile: Tile,
    bottom: int,
    share: int,
    n_shares: int,
    prefetch: Prefetch,
    t: int,
) -> None:
    """The part of a tile that is split by rows of w: BP4, BP3 and, with the last tile of a minibatch, U.

    Of layers from ``bottom`` on, by thread t: one of ``n_shares`` shares of the rows of each.
    """
    layers, data, workspace = training.layers, training.data, training.workspace
    X = tile.X
    starting, finishing = tile.place == minibatch.start, tile.place + X == minibatch.start + minibatch.n
    known, total = settings(training.optimizer), minibatch.total
    zero = number(workspace.buf, 0)
    scale = number(workspace.buf, 1.0 / total if finishing else 1.0)
    per = total if known.shared_penalty else 1.0
    l1, l2 = number(workspace.buf, known.l1 / per), number(workspace.buf, known.l2 / per)
    c, known_rate = Constants(eta=zero, beta_1=zero, beta_2=zero, epsilon=zero, weight_decay=zero, step=zero), 0.0
    chunk = offsets(workspace).chunk
    stepping = offsets(workspace).fused_update == 1
    epilogue = SGD_STEP if stepping else STORE
    here = fetching_workspace(workspace, prefetch, t)
    for l in range(bottom, layers.L + 1):
        K, J, stride, rate = layer(layers, l).K, layer(layers, l).J, layer(layers, l).stride, layer(layers, l).rate
        if rate == 0.0:
            continue
        if rate != known_rate:
            c, known_rate = constants(training, minibatch.m, rate), rate
        a_prev = activations(layers, workspace, l - 1, tile.row)
        delta, w_at = errors(layers, workspace, l, tile.row), layer(layers, l).w
        k, end = (K + 1) * share // n_shares, (K + 1) * (share + 1) // n_shares
        single_output = is_single_output(layers, l)
        if single_output:  # too little to divide
            k, end = 0, (K + 1 if share == 0 else 0)
        if l == 1 and exists(data.indptr) and k < K:
            n = min(end, K) - k
            g = gradient(training, l, k, t)
            sparse.weight_gradient(layers, data, tile, k, delta, row(g, 0, n * stride), starting, scale)
            if finishing:
                finish(training, g, w_at + k * stride, n * stride, l1, l2, c)
            k += n
        while k < end:
            g = parameters_from(layers, layers.theta, l, k) if stepping else gradient(training, l, k, t)
            init = zeros(workspace) if starting else g
            into = Accumulation(init=init, epilogue=epilogue, scale=scale, eta=c.eta)
            if k < K:
                n = min(chunk, min(end, K) - k)
                a = shifted(a_prev, 0, k)
                if single_output:
                    dense.weight_gradient_of_one(n, X, a, delta, g, into, here)
                    if k + n == K:
                        dense.clear_padding(1, n, layer(layers, l).b - w_at - k, zeros(workspace), g)
                else:
                    dense.weight_gradient(n, J, X, a, delta, g, into, here)
                if finishing and not stepping:
                    finish(training, g, w_at + k * stride, n * stride, l1, l2, c)
            else:
                n = 1
                dense.bias_gradient(J, X, delta, g, into)
                if single_output:
                    dense.clear_padding(1, 1, HALF_LINE // itemsize(g.buf), zeros(workspace), g)
                if finishing and not stepping:
                    finish(training, g, layer(layers, l).b, stride, zero, zero, c)
            k += n


@strict
def conclude(training: Training, m: int, ruling: int) -> None:
    """What is left of a minibatch after U."""
    if ruling == APPLY and training.optimizer.code == ADAM:  # nobody else asks, and all read the line of settings
        known = settings(training.optimizer)
        known.beta_1_power *= known.beta_1
        known.beta_2_power *= known.beta_2
    said = flags(training.control)
    said.status = DIVERGED if ruling == REFUSE else RUNNING
    said.done = m + (ruling != REFUSE)
    said.total += ruling != REFUSE
