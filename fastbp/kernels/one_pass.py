"""The step of w^1 that ends a minibatch, and F1 of the next minibatch, in one pass over w.

Between two small minibatches every w_jk^1 is needed twice: U changes it and F1 multiplies it, and reading and writing w
takes as long as the arithmetic. Here some rows k are read once, changed, added to the next z while they are in
registers, and written once. Samples are read where they lie: of each, a block takes a few neighbouring elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp.jit import inlined, strict
from fastbp.kernels.blocks import fetch, stepped
from fastbp.kernels.gemm.tiling import FOUR, ONE, PASS_ROWS, TWO, TWO_VECTOR_ROWS, VECTOR_BYTES
from fastbp.kernels.updates import penalised
from fastbp.kernels.views import PARTS, copy_row, itemsize, line, literally, number, register_block, shifted, view


class Turn(NamedTuple):
    """From one minibatch to the next: where their samples lie."""

    samples: Any
    """Rows of K elements."""
    order: Any
    """Rows of the minibatch that ends, X of them."""
    X: int
    order_next: Any
    """Rows of the next one, X_next of them."""
    X_next: int


@inlined
def any_columns(R, N, single, K, turn, w, delta, scale, eta, l2, z, ahead):
    """``columns`` of any R, N and ``single``, which LLVM must know: the loops over them are unrolled."""
    g = register_block(R, N, w.buf)
    w_k = register_block(R, N, w.buf)
    z_x = register_block(1, N, w.buf)
    V = g.shape[1]
    X, X_next = (min(turn.X, 1), min(turn.X_next, 1)) if single else (turn.X, turn.X_next)
    rows = view(w.buf, 0, K, V, w.i, 1)
    deltas = view(delta.buf, 0, X, V, delta.i, 1)
    sums = view(z.buf, 0, 1 if single else X_next, V, z.i, 1)
    zero = number(w.buf, 0)
    if single:
        copy_row(N, z_x, 0, sums, 0)
    for k in range(0, K // PASS_ROWS * PASS_ROWS, R):
        for v in range(V):
            for i in range(R):
                g[i, v] = zero
        for x in range(X):
            a = line(turn.samples, turn.order[x] * K + k, R)
            for v in range(V):
                for i in range(R):
                    g[i, v] += a[i] * deltas[x, v]
        for i in range(R):
            copy_row(N, w_k, i, rows, k + i)
        if scale != 1:
            for v in range(V):
                for i in range(R):
                    g[i, v] *= scale
        if l2 != 0:
            for v in range(V):
                for i in range(R):
                    g[i, v] = penalised(g[i, v], w_k[i, v], l2)
        for v in range(V):
            for i in range(R):
                w_k[i, v] = stepped(w_k[i, v], eta, g[i, v])
        for i in range(R):
            copy_row(N, rows, k + i, w_k, i)
        for x in range(X_next):
            a = line(turn.samples, turn.order_next[x] * K + k, R)
            if not single:
                copy_row(N, z_x, 0, sums, x)
            for v in range(V):
                for i in range(R):
                    z_x[0, v] += a[i] * w_k[i, v]
            if not single:
                copy_row(N, sums, x, z_x, 0)
        for _ in range(ahead.cursor[PARTS]):
            fetch(ahead)
    if single:
        copy_row(N, sums, 0, z_x, 0)


@strict
def columns(R, N, single, K, turn, w, delta, scale, eta, l2, z, ahead):
    """N strips of columns j of ``step_and_weighted_input``, R rows k at a time.

    ``single`` says that there is at most one sample, whose z stays in registers.
    """
    R = literally(R)
    N = literally(N)
    single = literally(single)
    any_columns(np.int64(R), np.int64(N), np.int64(single), K, turn, w, delta, scale, eta, l2, z, ahead)


@strict
def step_and_weighted_input(J, K, turn, w, delta, scale, eta, l2, z, ahead):
    """BP4, U and F1: w_jk <- w_jk - eta (scale * sum_x a_k delta_j + l2 w_jk), then z_j + sum_k w_jk a_k of the next
    samples.

    For k < K // PASS_ROWS * PASS_ROWS. Reads a[x, k] of both minibatches and delta[x, j]; overwrites w[k, j];
    accumulates into z[x, j] of the next one, which holds b_j. Each sum is in order: these are the bits of BP4, U and F1
    one after the other.
    """
    V = VECTOR_BYTES // itemsize(w.buf)
    several = max(turn.X, turn.X_next) > 1
    j = 0
    while j < J:
        w_j, delta_j, z_j = shifted(w, 0, j), shifted(delta, 0, j), shifted(z, 0, j)
        # Of one sample eight vectors at a time: with fewer LLVM would leave the block in memory.
        if several and J - j > V:
            N = 2
            columns(TWO_VECTOR_ROWS, TWO, 0, K, turn, w_j, delta_j, scale, eta, l2, z_j, ahead)
        elif several:
            N = 1
            columns(8, ONE, 0, K, turn, w_j, delta_j, scale, eta, l2, z_j, ahead)
        elif J - j > 3 * V:
            N = 4
            columns(2, FOUR, 1, K, turn, w_j, delta_j, scale, eta, l2, z_j, ahead)
        elif J - j > V:
            N = 2
            columns(4, TWO, 1, K, turn, w_j, delta_j, scale, eta, l2, z_j, ahead)
        else:
            N = 1
            columns(8, ONE, 1, K, turn, w_j, delta_j, scale, eta, l2, z_j, ahead)
        j += N * V
