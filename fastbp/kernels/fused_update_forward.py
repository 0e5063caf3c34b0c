"""The step of w^1 that ends a minibatch, and F1 of the next minibatch, in one pass over w.

Between two small minibatches every w_jk^1 is needed twice: U changes it and F1 multiplies it, and reading and writing w
takes as long as the arithmetic. Here some rows k are read once, changed, added to the next z while they are in
registers, and written once. Samples are read where they lie: of each, a block takes a few neighbouring elements.
"""

from __future__ import annotations

from typing import NamedTuple

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Buffer, Real, itemsize, line, number, view
from fastbp.jit.cpu import VECTOR_BYTES
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.kernels.gemm.epilogues import sgd_step
from fastbp.kernels.gemm.prefetch import Prefetch, fetch_parts
from fastbp.kernels.gemm.tiling import FOUR, ONE, PASS_ROWS, TWO, TWO_VECTOR_ROWS
from fastbp.kernels.matrix import Matrix, shifted
from fastbp.kernels.updates import penalised


class MinibatchPair(NamedTuple):
    """From one minibatch to the next: where their samples lie."""

    samples: Buffer
    """Rows of K elements."""
    order: Buffer
    """Rows of the minibatch that ends, X of them."""
    X: int
    order_next: Buffer
    """Rows of the next one, X_next of them."""
    X_next: int


class Pass(NamedTuple):
    """What one pass over w^1 reads and writes, and the constants of its step."""

    J: int
    K: int
    pair: MinibatchPair
    w: Matrix
    delta: Matrix
    z: Matrix
    scale: Real
    eta: Real
    l2: Real


@strict
def columns(p: Pass, j: int) -> Pass:
    """The pass over the columns of w from j on."""
    w, delta, z = shifted(p.w, 0, j), shifted(p.delta, 0, j), shifted(p.z, 0, j)
    return Pass(J=p.J - j, K=p.K, pair=p.pair, w=w, delta=delta, z=z, scale=p.scale, eta=p.eta, l2=p.l2)


@inlined
def micro_kernel(MR: int, NR: int, single: int, p: Pass, prefetch: Prefetch) -> None:
    """``tiles`` of any MR, NR and ``single``, which LLVM must know: the loops over them are unrolled."""
    samples, order, order_next = p.pair.samples, p.pair.order, p.pair.order_next
    K, scale, eta, l2 = p.K, p.scale, p.eta, p.l2
    X, X_next = (min(p.pair.X, 1), min(p.pair.X_next, 1)) if single else (p.pair.X, p.pair.X_next)
    g = register_block(MR, NR, p.w.buf)
    w_k = register_block(MR, NR, p.w.buf)
    z_x = register_block(1, NR, p.w.buf)
    n = g.shape[1]
    w = view(p.w.buf, 0, K, n, p.w.i, 1)
    delta = view(p.delta.buf, 0, X, n, p.delta.i, 1)
    z = view(p.z.buf, 0, 1 if single else X_next, n, p.z.i, 1)
    zero = number(p.w.buf, 0)
    # Where one sample lies is found once: LLVM cannot know that a step of w leaves the order as it is. Measured for
    # 784-50-10, one sample at a time: 0.85 of the time.
    only = order[0] * K if single and X > 0 else 0
    only_next = order_next[0] * K if single and X_next > 0 else 0
    if single:
        copy_row(NR, z_x, 0, z, 0)
    for k in range(0, K // PASS_ROWS * PASS_ROWS, MR):
        for j in range(n):
            for i in range(MR):
                g[i, j] = zero
        for x in range(X):
            a = line(samples, (only if single else order[x] * K) + k, MR)
            for j in range(n):
                for i in range(MR):
                    g[i, j] += a[i] * delta[x, j]
        for i in range(MR):
            copy_row(NR, w_k, i, w, k + i)
        if scale != 1:
            for j in range(n):
                for i in range(MR):
                    g[i, j] *= scale
        if l2 != 0:
            for j in range(n):
                for i in range(MR):
                    g[i, j] = penalised(g[i, j], w_k[i, j], l2)
        for j in range(n):
            for i in range(MR):
                w_k[i, j] = sgd_step(w_k[i, j], eta, g[i, j])
        for i in range(MR):
            copy_row(NR, w, k + i, w_k, i)
        for x in range(X_next):
            a = line(samples, (only_next if single else order_next[x] * K) + k, MR)
            if not single:
                copy_row(NR, z_x, 0, z, x)
            for j in range(n):
                for i in range(MR):
                    z_x[0, j] += a[i] * w_k[i, j]
            if not single:
                copy_row(NR, z, x, z_x, 0)
        fetch_parts(prefetch)
    if single:
        copy_row(NR, z, 0, z_x, 0)


@strict
def tiles(MR: int, NR: int, single: int, p: Pass, prefetch: Prefetch) -> None:
    """NR half-lines of columns j of ``step_and_weighted_input``, MR rows k at a time.

    ``single`` says that there is at most one sample, whose z stays in registers.
    """
    MR = literally(MR)
    NR = literally(NR)
    single = literally(single)
    micro_kernel(int(MR), int(NR), int(single), p, prefetch)


@strict
def step_and_weighted_input(p: Pass, prefetch: Prefetch) -> None:
    """BP4, U and F1: w_jk <- w_jk - eta (scale * sum_x a_k delta_j + l2 w_jk), then z_j + sum_k w_jk a_k of the next
    samples.

    For k < K // PASS_ROWS * PASS_ROWS. Reads a[x, k] of both minibatches and delta[x, j]; overwrites w[k, j];
    accumulates into z[x, j] of the next one, which holds b_j. Each sum is in order: these are the bits of BP4, U and F1
    one after the other.
    """
    V = VECTOR_BYTES // itemsize(p.w.buf)
    several = max(p.pair.X, p.pair.X_next) > 1
    while p.J > 0:
        # Of one sample eight vectors at a time: with fewer LLVM would leave the block in memory.
        if several and p.J > V:
            vectors = 2
            tiles(TWO_VECTOR_ROWS, TWO, 0, p, prefetch)
        elif several:
            vectors = 1
            tiles(8, ONE, 0, p, prefetch)
        elif p.J > 3 * V:
            vectors = 4
            tiles(2, FOUR, 1, p, prefetch)
        elif p.J > V:
            vectors = 2
            tiles(4, TWO, 1, p, prefetch)
        else:
            vectors = 1
            tiles(8, ONE, 1, p, prefetch)
        p = columns(p, vectors * V)
