"""The step of w^1 that ends a minibatch, and F1 of the next minibatch, in one pass over w.

Between two small minibatches every w_jk^1 is needed twice: U changes it and F1 multiplies it, and reading and writing w
takes as long as the arithmetic. Here some rows k are read once, changed, added to the next z while they are in
registers, and written once. Samples are read where they lie: of each, a block takes a few neighbouring elements.
"""

from __future__ import annotations

from typing import NamedTuple

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Buffer, Real, itemsize, line, number, view
from fastbp.jit.cpu import HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.jit.vectors import put_vector, vector, vector_of
from fastbp.kernels.gemm.epilogues import sgd_step
from fastbp.kernels.gemm.prefetch import Prefetch, fetch_parts
from fastbp.kernels.gemm.tiling import FOUR, FOUR_OF_ONE_SAMPLE, ONE, PASS_ROWS, TWO, TWO_VECTOR_ROWS
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
    block = register_block(MR, NR, p.w.buf)  # g, then w
    z_x = register_block(1, NR, p.w.buf)
    n = block.shape[1]
    n_vectors = NR * HALF_LINE // VECTOR_BYTES
    w = view(p.w.buf, 0, K, n, p.w.i, 1)
    delta = view(p.delta.buf, 0, X, n, p.delta.i, 1)
    z = view(p.z.buf, 0, 1 if single else X_next, n, p.z.i, 1)
    zero = vector_of(block, number(p.w.buf, 0))
    # Where one sample lies is found once: LLVM cannot know that a step of w leaves the order as it is. Measured for
    # 784-50-10, one sample at a time: 0.85 of the time.
    only = order[0] * K if single and X > 0 else 0
    only_next = order_next[0] * K if single and X_next > 0 else 0
    if single:
        copy_row(NR, z_x, 0, z, 0)
    for k in range(0, K // PASS_ROWS * PASS_ROWS, MR):
        for v in range(n_vectors):
            for i in range(MR):
                put_vector(block, i, v, zero)
        for x in range(X):
            a = line(samples, (only if single else order[x] * K) + k, MR)
            for v in range(n_vectors):
                delta_x = vector(delta, x, v)
                for i in range(MR):
                    put_vector(block, i, v, vector(block, i, v) + a[i] * delta_x)
        for v in range(n_vectors):
            for i in range(MR):
                w_k = vector(w, k + i, v)
                w_k = sgd_step(w_k, eta, penalised(vector(block, i, v) * scale, w_k, l2))
                put_vector(block, i, v, w_k)
                put_vector(w, k + i, v, w_k)
        for x in range(X_next):
            a = line(samples, (only_next if single else order_next[x] * K) + k, MR)
            if not single:
                copy_row(NR, z_x, 0, z, x)
            for v in range(n_vectors):
                for i in range(MR):
                    put_vector(z_x, 0, v, vector(z_x, 0, v) + a[i] * vector(block, i, v))
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
        if several and p.J > V:
            vectors = 2
            tiles(TWO_VECTOR_ROWS, TWO, 0, p, prefetch)
        elif several:
            vectors = 1
            tiles(8, ONE, 0, p, prefetch)
        elif FOUR_OF_ONE_SAMPLE and p.J > 3 * V:
            vectors = 4
            tiles(2, FOUR, 1, p, prefetch)
        elif p.J > V:
            vectors = 2
            tiles(4, TWO, 1, p, prefetch)
        else:
            vectors = 1
            tiles(8, ONE, 1, p, prefetch)
        p = columns(p, vectors * V)
