"""One sample at a time: the step of w^1 that ends a minibatch of one, and F1 of the next sample, in one pass over w.

Between two samples every w_jk^1 is needed twice: U changes it and F1 multiplies it. With one sample in a minibatch that
is all that happens to it, and reading and writing w takes longer than the arithmetic. Here each row k is read once,
changed, added to the next z while it is in registers, and written once.
"""

from __future__ import annotations

import numpy as np

from fastbp._jit import inlined, strict
from fastbp.kernels.blocks import stepped
from fastbp.kernels.shapes import FOUR, ONE, TWO, VECTOR_BYTES
from fastbp.kernels.views import copy_row, full_width, itemsize, line, literally, number, register_block, shifted, view

ROWS = 8
"""Rows k that every block's number of rows divides."""


@inlined
def any_columns(R, N, k0, k1, w, a, delta, eta, a_next, z_next):
    """``columns`` of any R and N, which LLVM must know: the loops over them are unrolled."""
    w_k = register_block(R, N, w.buf)
    delta_x = register_block(1, N, w.buf)
    z = register_block(1, N, w.buf)
    V = z.shape[1]
    rows = view(w.buf, 0, k1, V, w.i, 1)
    copy_row(N, delta_x, 0, view(delta.buf, 0, 1, V, V, 1), 0)
    copy_row(N, z, 0, view(z_next.buf, 0, 1, V, V, 1), 0)
    a, a_next = line(a.buf, 0, k1), line(a_next.buf, 0, k1)
    zero = number(w.buf, 0)
    for k in range(k0, k1, R):
        for i in range(R):
            copy_row(N, w_k, i, rows, k + i)
        for v in range(V):
            for i in range(R):
                w_k[i, v] = stepped(w_k[i, v], eta, zero + a[k + i] * delta_x[0, v])
                z[0, v] += a_next[k + i] * w_k[i, v]
        for i in range(R):
            copy_row(N, rows, k + i, w_k, i)
    copy_row(N, view(z_next.buf, 0, 1, V, V, 1), 0, z, 0)


@strict
def columns(R, N, k0, k1, w, a, delta, eta, a_next, z_next):
    """N strips of columns j of ``step_and_weighted_input``, R rows k at a time, from k0 to before k1."""
    R = literally(R)
    N = literally(N)
    full_width()
    any_columns(np.int64(R), np.int64(N), np.int64(k0), k1, w, a, delta, eta, a_next, z_next)


@strict
def step_and_weighted_input(J, K, w, a, delta, eta, a_next, z_next):
    """U and F1: w_jk <- w_jk - eta * a_k delta_j, then z_j + sum_k w_jk a_k of the next sample.

    Reads a[k] and delta[j] of one sample and a_next[k] of the next; overwrites w[k, j]; accumulates into z_next[j],
    which holds b_j. Each sum over k is in order: these are the bits of BP4, U and F1 one after the other.
    """
    V = VECTOR_BYTES // itemsize(w.buf)
    whole = K // ROWS * ROWS
    j = 0
    while j < J:
        w_j, delta_j, z_j = shifted(w, 0, j), shifted(delta, 0, j), shifted(z_next, 0, j)
        # Eight vectors at a time: with fewer LLVM would leave the block in memory. Never more columns than a row has.
        if J - j > 3 * V:
            N = 4
            columns(2, FOUR, 0, whole, w_j, a, delta_j, eta, a_next, z_j)
        elif J - j > V:
            N = 2
            columns(4, TWO, 0, whole, w_j, a, delta_j, eta, a_next, z_j)
        else:
            N = 1
            columns(8, ONE, 0, whole, w_j, a, delta_j, eta, a_next, z_j)
        for n in range(N):
            w_n, delta_n, z_n = shifted(w_j, 0, n * V), shifted(delta_j, 0, n * V), shifted(z_j, 0, n * V)
            columns(1, ONE, whole, K, w_n, a, delta_n, eta, a_next, z_n)
        j += N * V
