"""Descent on small minibatches: each thread has some neurons j of layer 1 for itself, and every layer above.

Most weights of most nets are w^1, and small minibatches would spend their time on moving them from the cache of the
thread that stepped them to those that need them next. Here a thread's columns of w^1 never leave its cache. What the
threads tell each other are their neurons' z^1, once in a minibatch; the layers above, a small part of the work, each
computes for itself, with weights of its own, because all come to the same bits:

    own neurons of layer 1: F1 | every layer: F2, F1 above layer 1, C, BP1, BP2; above layer 1: BP3, BP4, U;
    own neurons of layer 1: BP3, BP4, U and F1 of the next minibatch | ...

One barrier a minibatch is enough, because there is room for z^1 of two: who writes one has passed the barrier to which
the others came after reading it.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Buffer, after, copy_line, line, number
from fastbp.kernels import dense
from fastbp.kernels.fused_update_forward import MinibatchPair, Pass, step_and_weighted_input
from fastbp.kernels.gemm.epilogues import SGD_STEP, STORE
from fastbp.kernels.gemm.problem import Accumulation
from fastbp.kernels.gemm.tiling import PASS_ROWS
from fastbp.kernels.matrix import Matrix, row, shifted
from fastbp.kernels.parameters import APPLY, REFUSE, conclude, minibatch_of, note_statistics, parameters, verdict
from fastbp.kernels.records import Minibatch, Tile, Training
from fastbp.kernels.samples import activate, begin_minibatch, sample, tile_of_samples
from fastbp.kernels.team import barrier, barrier_and_poll
from fastbp.kernels.updates import sgd
from fastbp.kernels.views import (
    activations,
    errors,
    exchanged,
    flags,
    gemm_workspace,
    layer,
    no_prefetch,
    offsets,
    prefetch,
    settings,
    thread_columns,
    thread_rest,
    thread_sums,
    thread_weights,
    zeros,
)


@strict
def layers_above(training: Training, minibatch: Minibatch, t: int) -> int:
    """From z^1 of a minibatch to delta^1, and U of every layer above if the minibatch may be applied; the ruling."""
    layers, workspace, m, X = training.layers, training.workspace, minibatch.m, minibatch.n
    tile = Tile(place=minibatch.start, row=t * offsets(workspace).tile, X=X)
    z, J = exchanged(layers, workspace, m), layer(layers, 1).J
    a, d = activations(layers, workspace, 1, tile.row), errors(layers, workspace, 1, tile.row)
    activate(layer(layers, 1).activation, X, J, z, a, d)
    begin_minibatch(training, t)
    tile_of_samples(training, tile, 2, t)
    if t == 0:
        note_statistics(training, m, tile, 0, 1)
    ruling = verdict(training, minibatch, t, t + 1)
    if ruling == APPLY:
        parameters(training, minibatch, tile, 2, 0, 1, no_prefetch(training.data, workspace, t), t)
    if t == 0:
        conclude(training, m, ruling)
    return ruling


@strict
def rows_of_pass(training: Training) -> int:
    """Rows k of w^1 that the fused pass takes: whole tiles of them, the first ones; or none."""
    fused = offsets(training.workspace).fused_update_forward
    return layer(training.layers, 1).K // PASS_ROWS * PASS_ROWS if fused else 0


@strict
def gather_rest(training: Training, start: int, X: int, a: Matrix) -> None:
    """Copy those a_k^0 that the fused pass does not take, of X samples from place ``start`` on."""
    data, K, whole = training.data, layer(training.layers, 1).K, rows_of_pass(training)
    for x in range(X):
        copy_line(K - whole, row(a, x, K - whole), line(data.X, sample(data, start + x) * K + whole, K - whole))


@strict
def step_of_rows(training: Training, over_w: Pass, k0: int, a: Matrix, t: int) -> None:
    """BP4, the penalty and U of the rows of w^1 from k0 on, one after the other."""
    J, X, w, eta, l2 = over_w.J, over_w.pair.X, over_w.w, over_w.eta, over_w.l2
    g, here = thread_sums(training.workspace, t), gemm_workspace(training.data, training.workspace, t)
    into = Accumulation(init=zeros(training.workspace), epilogue=STORE, scale=over_w.scale, eta=eta)
    for k in range(k0, over_w.K):
        dense.weight_gradient(1, J, X, shifted(a, 0, k - k0), over_w.delta, g, into, here)
        sgd(row(w, k, J), row(g, 0, J), l2, eta)


@strict
def step_of_columns(training: Training, before: Minibatch, following: Minibatch, t: int) -> None:
    """Thread t's neurons of layer 1: U of w^1 and b^1 for one minibatch; then F1 of the next. Either may have no
    samples.
    """
    layers, data, workspace = training.layers, training.data, training.workspace
    j, end = thread_columns(training, t)
    K, J, X_next, rate = layer(layers, 1).K, end - j, following.n, layer(layers, 1).rate
    X = before.n if rate != 0.0 else 0
    (w, b), delta = (
        thread_weights(training, t),
        shifted(errors(layers, workspace, 1, t * offsets(workspace).tile), 0, j),
    )
    scale, l2, eta = number(workspace.buf, 1.0), number(workspace.buf, 0.0), number(workspace.buf, 0.0)
    here = gemm_workspace(data, workspace, t)
    if X > 0:
        known, total = settings(training.optimizer), before.total
        scale, eta = number(workspace.buf, 1.0 / total), number(workspace.buf, training.optimizer.eta[before.m] * rate)
        l2 = number(workspace.buf, known.l2 / (total if known.shared_penalty else 1.0))
    fused, chunk, g = offsets(workspace).fused_update, offsets(workspace).chunk, thread_sums(workspace, t)
    into = Accumulation(init=zeros(workspace), epilogue=SGD_STEP if fused else STORE, scale=scale, eta=eta)
    if X > 0:
        dense.bias_gradient(J, X, delta, b if fused else g, into)
        if not fused:
            sgd(row(b, 0, J), row(g, 0, J), number(workspace.buf, 0.0), eta)
    z = shifted(exchanged(layers, workspace, following.m), 0, j)
    b_1 = row(b, 0, J)
    for x in range(X_next):
        z_x = row(z, x, J)
        for i in range(J):
            z_x[i] = b_1[i]
    order, order_next = after(data.order, before.start), after(data.order, following.start)
    pair = MinibatchPair(samples=data.X, order=order, X=X, order_next=order_next, X_next=X_next)
    over_w = Pass(J=J, K=K, pair=pair, w=w, delta=delta, z=z, scale=scale, eta=eta, l2=l2)
    whole = rows_of_pass(training)
    if whole > 0:
        step_and_weighted_input(over_w, prefetch(training, following.start + X_next, t))
    if whole < K:
        n, w_k, a = K - whole, shifted(w, whole, 0), thread_rest(workspace, t)
        if X > 0:
            gather_rest(training, before.start, X, a)
            if fused:
                for k in range(0, n, chunk):
                    some, w_some = min(chunk, n - k), shifted(w_k, k, 0)
                    dense.weight_gradient(some, J, X, shifted(a, 0, k), delta, w_some, into, here)
            else:
                step_of_rows(training, over_w, whole, a, t)
        gather_rest(training, following.start, X_next, a)
        dense.weighted_input(X_next, J, n, a, w_k, z, z, here)


@strict
def copy_either(n: int, shared: Array, mine: Array, returning: bool) -> None:
    """n elements of theta become a thread's own, or the other way round."""
    if returning:
        copy_line(n, shared, mine)
    else:
        copy_line(n, mine, shared)


@strict
def copy_columns(training: Training, theta: Buffer, t: int, returning: bool) -> None:
    """Take thread t's weights and biases from theta, or return them: of the layers above, thread 0 does."""
    layers = training.layers
    if training.control.n_threads == 1:
        return
    j, end = thread_columns(training, t)
    n, stride, slab = end - j, layer(layers, 1).stride, thread_weights(training, t)[0]
    for k in range(layer(layers, 1).K + 1):  # b^1 is the row after w^1
        copy_either(n, line(theta, k * stride + j, n), row(slab, k, n), returning)
    above = layer(layers, 2).w
    if t == 0 or not returning:
        n = training.optimizer.size - above
        copy_either(n, line(theta, above, n), line(layers.theta, above, n), returning)


@strict
def no_minibatch(m: int, start: int) -> Minibatch:
    """Minibatch m, from place ``start`` on, of no samples."""
    return Minibatch(m=m, start=start, n=0, total=0.0)


@strict
def column_parallel_minibatches(training: Training, theta: Buffer, t: int) -> None:
    """The slice of an epoch that `FLAGS` name; theta is that of all threads."""
    control = training.control
    m, last = flags(control).first, flags(control).last
    copy_columns(training, theta, t, False)
    minibatch = minibatch_of(training, m)
    if m < last:
        step_of_columns(training, no_minibatch(m, minibatch.start), minibatch, t)
    while m < last:
        leaving = barrier_and_poll(control, m, t)
        ruling = layers_above(training, minibatch, t)
        end = minibatch.start + minibatch.n
        following = no_minibatch(m + 1, end)
        if m + 1 < last and not leaving and ruling != REFUSE:
            following = minibatch_of(training, m + 1)
        if ruling == APPLY:
            step_of_columns(training, minibatch, following, t)
        else:
            step_of_columns(training, no_minibatch(m, end), following, t)
        if following.n == 0:
            break
        minibatch = following
        m += 1
    copy_columns(training, theta, t, True)
    barrier(control.threads, control.n_threads, t)
