"""One sample at a time: the step of w^1 that ends a minibatch of one, and F1 of the next sample, in one pass over w.

Between two samples every w_jk^1 is needed twice: U changes it and F1 multiplies it. With one sample in a minibatch that
is all that happens to it, and reading and writing w takes longer than the arithmetic. Here each row k is read once,
changed, added to the next z while it is in registers, and written once.
"""

from __future__ import annotations

from fastbp._jit import fused, strict
from fastbp.kernels.blocks import stepped
from fastbp.kernels.shapes import VECTOR_BYTES
from fastbp.kernels.views import copy_row, full_width, itemsize, line, literally, number, register_block, shifted, view


@fused
def columns(N, K, w, a, delta, eta, a_next, z_next):
    """N vectors of columns j of ``step_and_weighted_input``."""
    N = literally(N)
    full_width()
    w_k = register_block(1, N, w.buf)
    delta_x = register_block(1, N, w.buf)
    z = register_block(1, N, w.buf)
    V = z.shape[1]
    rows = view(w.buf, w.at, K, V, w.i, 1)
    copy_row(N, delta_x, 0, view(delta.buf, delta.at, 1, V, V, 1), 0)
    copy_row(N, z, 0, view(z_next.buf, z_next.at, 1, V, V, 1), 0)
    a, a_next = line(a.buf, a.at, K), line(a_next.buf, a_next.at, K)
    zero = number(w.buf, 0)
    for k in range(K):
        copy_row(N, w_k, 0, rows, k)
        for v in range(V):
            w_k[0, v] = stepped(w_k[0, v], eta, zero + a[k] * delta_x[0, v])
        copy_row(N, rows, k, w_k, 0)
        for v in range(V):
            z[0, v] += a_next[k] * w_k[0, v]
    copy_row(N, view(z_next.buf, z_next.at, 1, V, V, 1), 0, z, 0)


@strict
def step_and_weighted_input(J, K, w, a, delta, eta, a_next, z_next):
    """U and F1: w_jk <- w_jk - eta * a_k delta_j, then z_j + sum_k w_jk a_k of the next sample.

    Reads a[k] and delta[j] of one sample and a_next[k] of the next; overwrites w[k, j]; accumulates into z_next[j],
    which holds b_j. Each sum over k is in order: these are the bits of BP4, U and F1 one after the other.
    """
    V = VECTOR_BYTES // itemsize(w.buf)
    j = 0
    while j < J:
        w_j, delta_j, z_j = shifted(w, 0, j), shifted(delta, 0, j), shifted(z_next, 0, j)
        if J - j > 2 * V:
            columns(4, K, w_j, a, delta_j, eta, a_next, z_j)
            j += 4 * V
        elif J - j > V:
            columns(2, K, w_j, a, delta_j, eta, a_next, z_j)
            j += 2 * V
        else:
            columns(1, K, w_j, a, delta_j, eta, a_next, z_j)
            j += V
