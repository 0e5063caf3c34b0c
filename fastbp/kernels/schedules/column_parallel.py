"""Descent on small minibatches: each thread has some neurons j of layer 1 for itself, and every layer above.

Most weights of most nets are w^1, and small minibatches would spend their time on moving them from the cache of the
thread that stepped them to those that need them next. Here a thread's columns of w^1 never leave its cache. What the
threads tell each other are their neurons' z^1, once in a minibatch; the layers above, a small part of the work, each
computes for itself, with weights of its own, because all come to the same bits:

    own neurons of layer 1: F1 | every layer: F2, F1 above layer 1, C, BP1, BP2; above layer 1: BP3, BP4, U;
    own neurons of layer 1: BP3, BP4, U and F1 of the next minibatch | ...

One barrier a minibatch is enough, because z^1 and what thread 0 says about leaving have two places, used in turn: who
writes one has passed the barrier to which the others came after reading it.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import after, copy_line, line, number
from fastbp.jit.records import record
from fastbp.kernels import dense
from fastbp.kernels.fused_update_forward import MinibatchPair, Pass, step_and_weighted_input
from fastbp.kernels.gemm.epilogues import SGD_STEP, STORE
from fastbp.kernels.gemm.problem import Accumulation
from fastbp.kernels.gemm.tiling import PASS_ROWS
from fastbp.kernels.job import (
    activations,
    errors,
    exchanged,
    layer,
    no_prefetch,
    ones,
    own_columns,
    own_rest,
    own_sums,
    own_weights,
    prefetch,
    settings,
    workspace,
    zeros,
)
from fastbp.kernels.matrix import row, shifted
from fastbp.kernels.parameters import APPLY, REFUSE, conclude, note_statistics, parameters, sum_of_weights, verdict
from fastbp.kernels.samples import activate, tile_of_samples
from fastbp.kernels.team import barrier, barrier_and_poll
from fastbp.kernels.updates import sgd


@strict
def size_of(job, m):
    """Samples of minibatch m: the last may have fewer."""
    return min(job.batch, job.n - m * job.batch)


@strict
def layers_above(job, m, t):
    """From z^1 of minibatch m to delta^1, and U of every layer above if the minibatch may be applied; the ruling."""
    own, X, start = t * job.tile, size_of(job, m), m * job.batch
    z, a, d = exchanged(job, m), activations(job, 1, own), errors(job, 1, own)
    activate(job, 1, X, layer(job, 1).J, z.i, z, a, d)
    first = start - own  # of the tile that would have this minibatch in these rows
    tile_of_samples(job, first, 2, own, own + X, True, t)
    if t == 0:
        note_statistics(job, m, start, 0, X, 0, 1)
    total = sum_of_weights(job, start, X)
    ruling = verdict(job, m, X, total, t, t + 1)
    if ruling == APPLY:
        parameters(job, m, first, 2, own, X, True, True, total, no_prefetch(job, t), 0, 1, t)
    if t == 0:
        conclude(job, m, ruling)
    return ruling


@strict
def gather_rest(job, start, X, a):
    """Copy the last few a_k^0, which no tile of the fused pass takes, of X samples from place ``start`` on."""
    K = layer(job, 1).K
    whole = K // PASS_ROWS * PASS_ROWS
    for x in range(X):
        copy_line(K - whole, row(a, x, K - whole), line(job.X, job.order[start + x] * K + whole, K - whole))


@strict
def step_of_rows(job, n, J, X, a, delta, w, scale, l2, eta, t):
    """BP4, the penalty and U of n rows of w^1, one after the other."""
    g = own_sums(job, t)
    into = Accumulation(init=zeros(job), epilogue=STORE, scale=scale, eta=eta)
    for k in range(n):
        dense.weight_gradient(1, J, X, shifted(a, 0, k), delta, g, into, workspace(job, t))
        sgd(row(w, k, J), row(g, 0, J), l2, eta)


@strict
def step_of_own(job, start, X, eta, X_next, t):
    """Own neurons of layer 1: U of w^1 and b^1 for the X samples from place ``start`` of the epoch on; then F1 of the
    X_next that come next. One of both may be none.
    """
    j, end = own_columns(job, t)
    K, J = layer(job, 1).K, end - j
    next_start = start + X
    (w, b), delta = own_weights(job, t), shifted(errors(job, 1, t * job.tile), 0, j)
    scale, l2, here = number(job.scratch, 1.0), number(job.scratch, 0.0), workspace(job, t)
    if X > 0:
        total = sum_of_weights(job, start, X)
        scale = number(job.scratch, 1.0 / total)
        l2 = number(job.scratch, settings(job).l2 / (total if settings(job).shared_penalty else 1.0))
    into = Accumulation(init=zeros(job), epilogue=SGD_STEP, scale=scale, eta=eta)
    if X > 0:
        dense.bias_gradient(J, X, ones(job), delta, b, into, here)
    z = shifted(exchanged(job, (next_start + job.batch - 1) // job.batch), 0, j)
    b_1 = row(b, 0, J)
    for x in range(X_next):
        z_x = row(z, x, J)
        for i in range(J):
            z_x[i] = b_1[i]
    order, order_next = after(job.order, start), after(job.order, next_start)
    pair = MinibatchPair(samples=job.X, order=order, X=X, order_next=order_next, X_next=X_next)
    over_w = Pass(J=J, K=K, pair=pair, w=w, delta=delta, z=z, scale=scale, eta=eta, l2=l2)
    step_and_weighted_input(over_w, prefetch(job, next_start + X_next, t))
    whole = K // PASS_ROWS * PASS_ROWS
    if whole < K:
        n, w_k, a = K - whole, shifted(w, whole, 0), own_rest(job, t)
        if X > 0:
            gather_rest(job, start, X, a)
            if l2 == 0:
                dense.weight_gradient(n, J, X, a, delta, w_k, into, here)
            else:
                step_of_rows(job, n, J, X, a, delta, w_k, scale, l2, eta, t)
        gather_rest(job, next_start, X_next, a)
        dense.weighted_input(X_next, J, n, a, w_k, z, z, here)


@strict
def copy_either(n, theta, at, own, own_at, returning):
    """n elements of theta become a thread's own, or the other way round."""
    shared, own = line(theta, at, n), line(own, own_at, n)
    if returning:
        copy_line(n, shared, own)
    else:
        copy_line(n, own, shared)


@strict
def copy_own(job, theta, t, returning):
    """Take thread t's weights and biases from theta, or return them: of the layers above, thread 0 does."""
    if job.n_threads == 1:
        return
    j, end = own_columns(job, t)
    stride = layer(job, 1).stride
    slab = own_weights(job, t)[0]
    for k in range(layer(job, 1).K + 1):  # b^1 is the row after w^1
        copy_either(end - j, theta, k * stride + j, slab.buf, k * slab.i, returning)
    above = layer(job, 2).w
    if t == 0 or not returning:
        copy_either(job.size - above, theta, above, job.theta, above, returning)


@strict
def owned_minibatches(job, theta, t):
    """The slice of an epoch that `CONTROL` names."""
    control = record(job.control, 0)
    m, last = control.first, control.last
    eta = number(job.scratch, 0)
    copy_own(job, theta, t, False)
    if m < last:
        step_of_own(job, m * job.batch, 0, eta, size_of(job, m), t)
    while m < last:
        leaving = barrier_and_poll(job.control, job.threads, job.n_threads, m, t)
        ruling = layers_above(job, m, t)
        following = m + 1 < last and not leaving and ruling != REFUSE
        X_next = size_of(job, m + 1) if following else 0
        start = m * job.batch
        if ruling == APPLY:
            step_of_own(job, start, size_of(job, m), number(job.scratch, job.eta[m]), X_next, t)
        else:
            step_of_own(job, start + size_of(job, m), 0, eta, X_next, t)
        if not following:
            break
        m += 1
    copy_own(job, theta, t, True)
    barrier(job.threads, job.n_threads, t)
