"""The part of a tile that is split by rows k of every w^l: BP4, BP3, the penalty and U; and whether U may be taken."""

from __future__ import annotations

import math

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import itemsize, line, number
from fastbp.jit.cpu import HALF_LINE
from fastbp.jit.records import record
from fastbp.kernels import dense, sparse
from fastbp.kernels.gemm.epilogues import SGD_STEP, STORE
from fastbp.kernels.gemm.problem import Accumulation, GemmWorkspace
from fastbp.kernels.job import (
    activations,
    errors,
    gradient,
    inputs,
    is_lonely,
    layer,
    offsets,
    ones,
    panel,
    parameters_from,
    settings,
    thread,
    workspace,
    zeros,
)
from fastbp.kernels.matrix import row, shifted
from fastbp.kernels.penalties import total_penalty
from fastbp.kernels.records import DIVERGED, RUNNING
from fastbp.kernels.samples import sample
from fastbp.kernels.updates import ADAM, SGD, Constants, penalty, update

APPLY, SKIP, REFUSE = range(3)


@strict
def note_statistics(job, m, first, x0, X, t, end):
    """Add X samples of a tile, from x0 on, to the minibatch's statistics: sum of s_x C_x in float64, x in order; sum of
    s_x; the penalty; and the hits that threads t to before ``end`` have counted.
    """
    c = line(job.scratch, offsets(job).costs + x0, X)
    stats = record(job.stats, m)
    total, weight = stats.cost, stats.weight
    for x in range(X):
        s = 1.0
        if job.weighted:
            s = np.float64(job.weights[sample(job, first + x0 + x)])
        total += s * np.float64(c[x])
        weight += s
    stats.cost, stats.weight, stats.penalty = total, weight, total_penalty(job)
    if job.counting_hits:
        for counter in range(t, end):
            stats.hits += thread(job, counter).hits


@strict
def sum_of_weights(job, first, n):
    """sum_x s_x in float64, x in order."""
    if not job.weighted:
        return np.float64(n)
    total = 0.0
    for x in range(n):
        total += np.float64(job.weights[sample(job, first + x)])
    return total


@strict
def verdict(job, m, n, total, t, end):
    """Whether the minibatch of n samples, which threads t to before ``end`` have seen, may be applied.

    The point of no return.

    No entry of the gradient can exceed n |a| |delta| / sum s_x. Refused from the square root of the largest finite
    number on: below it no square overflows, and no weight can within more steps than anyone takes. The sum s_x may be
    negative: the estimators' weights are signed.
    """
    if total == 0.0:
        return SKIP
    a, delta = 0, 0
    for seen in range(t, end):
        a = max(a, thread(job, seen).largest_a)
        delta = max(delta, thread(job, seen).largest_delta)
    largest_a = max(settings(job).largest_input, 1.0)
    # A maximum may drop NaN, a sum does not.
    largest_a += dense.from_bits(number(job.scratch, 0), a)
    largest_delta = dense.from_bits(number(job.scratch, 0), delta)
    bound = largest_a * largest_delta * n / abs(total) * max(job.eta[m], 1.0) + total_penalty(job)
    return APPLY if bound < settings(job).limit else REFUSE


@strict
def constants(job, m):
    """The optimizer's constants of this step, in the net's dtype."""
    own, like = settings(job), job.scratch
    step, epsilon = 0.0, own.epsilon
    if job.optimizer == ADAM:
        # Kingma and Ba's corrections of both means, moved out of the loop over parameters.
        first, second = own.beta_1_power * own.beta_1, own.beta_2_power * own.beta_2
        step = job.eta[m] * math.sqrt(1.0 - second) / (1.0 - first)
        epsilon = own.plain_epsilon if own.plain_epsilon != 0.0 else own.epsilon * math.sqrt(1.0 - second)
    return Constants(
        beta_1=number(like, own.beta_1),
        beta_2=number(like, own.beta_2),
        epsilon=number(like, epsilon),
        weight_decay=number(like, own.weight_decay),
        step=number(like, step),
    )


@strict
def finish(job, g, at, n, l1, l2, eta, c):
    """Penalty and U: from the gradient of n parameters of theta from ``at`` on to their new values."""
    w, g = line(job.theta, at, n), row(g, 0, n)
    stepping = job.updating and settings(job).clip_norm == 0.0  # clipping waits for the whole gradient
    if l1 != 0 or (l2 != 0 and (c.weight_decay != 0 or not stepping)):
        penalty(w, g, l1, l2)
        l2 = number(w, 0)
    if stepping:
        m = line(job.state, at, n if job.slots > 0 else 0)
        v = line(job.state, job.size + at, n if job.slots > 1 else 0)
        update(job.optimizer, w, g, l2, m, v, eta, c)


@strict
def at_once(job):
    """Whether each block of sums of BP4 becomes a step of w while it is in registers.

    Plain descent needs no gradient in memory.
    """
    shrunk = settings(job).l1 != 0.0 or settings(job).l2 != 0.0 or settings(job).weight_decay != 0.0
    return job.updating and job.optimizer == SGD and not shrunk and not job.keeping


@strict
def parameters(job, m, first, bottom, x0, X, starting, finishing, total, prefetch, share, n_shares, t):
    """The part of a tile that is split by rows of w: BP4, BP3 and, with the last tile of a minibatch, U.

    From X samples in the scratch's rows x0 on. Thread t takes the rows of ``share`` of ``n_shares``.
    """
    zero = number(job.scratch, 0)
    scale = number(job.scratch, 1.0 / total if finishing else 1.0)
    eta = number(job.scratch, job.eta[m])
    per = total if settings(job).shared_penalty else 1.0
    l1, l2 = number(job.scratch, settings(job).l1 / per), number(job.scratch, settings(job).l2 / per)
    c = constants(job, m)
    chunk = offsets(job).chunk
    stepping = at_once(job)
    epilogue = SGD_STEP if stepping else STORE
    here = GemmWorkspace(panel=panel(job, t), prefetch=prefetch)
    for l in range(bottom, job.L + 1):
        K, J, stride = layer(job, l).K, layer(job, l).J, layer(job, l).stride
        a_prev = activations(job, l - 1, x0) if l > 1 else inputs(job, x0)
        delta, w_at = errors(job, l, x0), layer(job, l).w
        k, end = (K + 1) * share // n_shares, (K + 1) * (share + 1) // n_shares
        lonely = is_lonely(job, l)
        if lonely:  # too little to divide
            k, end = 0, (K + 1 if share == 0 else 0)
        if l == 1 and job.sparse and k < K:
            n = min(end, K) - k
            g = gradient(job, l, k, t)
            sparse.weight_gradient(job, first, X, k, k + n, delta, row(g, 0, n * stride), starting, scale)
            if finishing:
                finish(job, g, w_at + k * stride, n * stride, l1, l2, eta, c)
            k += n
        while k < end:
            g = parameters_from(job, job.theta, l, k) if stepping else gradient(job, l, k, t)
            init = zeros(job) if starting else g
            into = Accumulation(init=init, epilogue=epilogue, scale=scale, eta=eta)
            if k < K:
                n = min(chunk, min(end, K) - k)
                a = shifted(a_prev, 0, k)
                if lonely:
                    dense.weight_gradient_of_one(n, X, a, delta, g, into, here)
                    if k + n == K:
                        dense.clear_padding(1, n, layer(job, l).b - w_at - k, zeros(job), g)
                else:
                    dense.weight_gradient(n, J, X, a, delta, g, into, here)
                if finishing and not stepping:
                    finish(job, g, w_at + k * stride, n * stride, l1, l2, eta, c)
            else:
                n = 1
                dense.bias_gradient(J, X, ones(job), delta, g, into, workspace(job, t))
                if lonely:
                    dense.clear_padding(1, 1, HALF_LINE // itemsize(g.buf), zeros(job), g)
                if finishing and not stepping:
                    finish(job, g, layer(job, l).b, stride, zero, zero, eta, c)
            k += n


@strict
def conclude(job, m, ruling):
    """What is left of a minibatch after U."""
    if ruling == APPLY:
        own = settings(job)
        own.beta_1_power *= own.beta_1
        own.beta_2_power *= own.beta_2
    control = record(job.control, 0)
    control.status = DIVERGED if ruling == REFUSE else RUNNING
    control.done = m + (ruling != REFUSE)
    control.total += ruling != REFUSE
