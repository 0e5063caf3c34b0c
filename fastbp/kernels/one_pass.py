"""The step of w^1 that ends a minibatch, and F1 of the next minibatch, in one pass over w.

Between two small minibatches every w_jk^1 is needed twice: U changes it and F1 multiplies it, and reading and writing w
takes as long as the arithmetic. Here some rows k are read once, changed, added to the next z while they are in
registers, and written once. Samples are read where they lie: of each, a block takes a few neighbouring elements.
"""

from __future__ import annotations

import numpy as np

from fastbp._jit import inlined, strict
from fastbp.kernels.blocks import fetch, stepped
from fastbp.kernels.shapes import FOUR, ONE, PASS_ROWS, TWO, VECTOR_BYTES
from fastbp.kernels.views import (
    PARTS,
    copy_row,
    itemsize,
    line,
    literally,
    number,
    register_block,
    shifted,
    view,
)


@inlined
def any_columns(R, N, single, K, w, samples, order, X, delta, scale, eta, order_next, X_next, z_next, ahead):
    """``columns`` of any R and N, which LLVM must know: the loops over them are unrolled."""
    g = register_block(R, N, w.buf)
    w_k = register_block(R, N, w.buf)
    z_x = register_block(1, N, w.buf)
    V = g.shape[1]
    rows = view(w.buf, 0, K, V, w.i, 1)
    deltas = view(delta.buf, 0, X, V, delta.i, 1)
    z = view(z_next.buf, 0, X_next, V, z_next.i, 1)
    zero = number(w.buf, 0)
    if single:
        copy_row(N, z_x, 0, z, 0)
    for k in range(0, K // PASS_ROWS * PASS_ROWS, R):
        for v in range(V):
            for i in range(R):
                g[i, v] = zero
        for x in range(X):
            a = line(samples, order[x] * K + k, R)
            for v in range(V):
                for i in range(R):
                    g[i, v] += a[i] * deltas[x, v]
        for i in range(R):
            copy_row(N, w_k, i, rows, k + i)
        if scale != 1:
            for v in range(V):
                for i in range(R):
                    g[i, v] *= scale
        for v in range(V):
            for i in range(R):
                w_k[i, v] = stepped(w_k[i, v], eta, g[i, v])
        for i in range(R):
            copy_row(N, rows, k + i, w_k, i)
        for x in range(X_next):
            a = line(samples, order_next[x] * K + k, R)
            if not single:
                copy_row(N, z_x, 0, z, x)
            for v in range(V):
                for i in range(R):
                    z_x[0, v] += a[i] * w_k[i, v]
            if not single:
                copy_row(N, z, x, z_x, 0)
        for _ in range(ahead.cursor[PARTS]):
            fetch(ahead)
    if single:
        copy_row(N, z, 0, z_x, 0)


@strict
def columns(R, N, single, K, w, samples, order, X, delta, scale, eta, order_next, X_next, z_next, ahead):
    """N strips of columns j of ``step_and_weighted_input``, R rows k at a time.

    ``one_pass`` says that there is at most one sample, whose z stays in registers.
    """
    R = literally(R)
    N = literally(N)
    single = literally(single)
    if single:
        any_columns(
            np.int64(R), np.int64(N), True, K, w, samples, order, min(X, 1), delta, scale, eta,
            order_next, min(X_next, 1), z_next, ahead,
        )  # fmt: skip
    else:
        any_columns(
            np.int64(R), np.int64(N), False, K, w, samples, order, X, delta, scale, eta,
            order_next, X_next, z_next, ahead,
        )  # fmt: skip


@strict
def step_and_weighted_input(J, K, w, samples, order, X, delta, scale, eta, order_next, X_next, z, ahead):
    """BP4, U and F1: w_jk <- w_jk - eta * scale * sum_x a_k delta_j, then z_j + sum_k w_jk a_k of the next samples.

    For k < K // PASS_ROWS * PASS_ROWS. Reads a[k] of the X samples that ``order`` names, rows of K elements,
    delta[x, j], and a[k] of the X_next next samples; overwrites w[k, j]; accumulates into z[x, j], which holds b_j.
    Each sum is in order: these are the bits of BP4, U and F1 one after the other.
    """
    V = VECTOR_BYTES // itemsize(w.buf)
    j = 0
    while j < J:
        w_j, delta_j, z_j = shifted(w, 0, j), shifted(delta, 0, j), shifted(z, 0, j)
        if max(X, X_next) > 1:
            if J - j > V:
                columns(8, TWO, 0, K, w_j, samples, order, X, delta_j, scale, eta, order_next, X_next, z_j, ahead)
                j += 2 * V
            else:
                columns(8, ONE, 0, K, w_j, samples, order, X, delta_j, scale, eta, order_next, X_next, z_j, ahead)
                j += V
        elif J - j > 3 * V:
            columns(2, FOUR, 1, K, w_j, samples, order, X, delta_j, scale, eta, order_next, X_next, z_j, ahead)
            j += 4 * V
        elif J - j > V:
            columns(4, TWO, 1, K, w_j, samples, order, X, delta_j, scale, eta, order_next, X_next, z_j, ahead)
            j += 2 * V
        else:
            columns(8, ONE, 1, K, w_j, samples, order, X, delta_j, scale, eta, order_next, X_next, z_j, ahead)
            j += V
