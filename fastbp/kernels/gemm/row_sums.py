"""Sums of rows, BP3: what a gemm would compute of a row of 1, without the products.

A sum that is alone in its lane waits for each addition, which takes half as long as a multiplication and addition.
Measured for 4-16-16-1, minibatches of 32, beside a gemm of a row of 1: 0.945 of the time.
"""

from __future__ import annotations

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import itemsize, view
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.jit.vectors import half_line, put_half_line, put_vector, vector
from fastbp.kernels.gemm.epilogues import finish
from fastbp.kernels.gemm.problem import Accumulation
from fastbp.kernels.gemm.tiling import FOUR, ONE, TWO
from fastbp.kernels.matrix import Matrix, shifted


@strict
def row_sums(J: int, K: int, b: Matrix, c: Matrix, into: Accumulation) -> None:
    """Row sums: c[j] = epilogue(scale * (init[j] + sum_k b[k, j]))

    Of J columns and their padding, panel by panel: the loop around.
    """
    size = itemsize(c.buf)
    half, V, line = HALF_LINE // size, VECTOR_BYTES // size, CACHE_LINE // size
    j = 0
    while j < J:
        left = (J - j + line - 1) // line * line
        init, epilogue, scale, eta = into
        there = Accumulation(init=shifted(init, 0, j), epilogue=epilogue, scale=scale, eta=eta)
        if J <= half:
            panel(1, K, shifted(b, 0, j), shifted(c, 0, j), there)
            j += half
        elif left >= 4 * V:
            panel(FOUR, K, shifted(b, 0, j), shifted(c, 0, j), there)
            j += 4 * V
        elif left >= 2 * V:
            panel(TWO, K, shifted(b, 0, j), shifted(c, 0, j), there)
            j += 2 * V
        else:
            panel(ONE, K, shifted(b, 0, j), shifted(c, 0, j), there)
            j += V


@strict
def panel(NR: int, K: int, b: Matrix, c: Matrix, into: Accumulation) -> None:
    """``sum_rows`` of each NR that is asked for, compiled apart."""
    NR = literally(NR)
    sum_rows(int(NR), K, b, c, into)


@inlined
def sum_rows(NR: int, K: int, b: Matrix, c: Matrix, into: Accumulation) -> None:
    """Row sums: c[j] = epilogue(scale * (init[j] + sum_k b[k, j]))

    For NR half-lines of columns j, in registers for the whole sum over k.
    """
    acc = register_block(1, NR, c.buf)
    n, n_vectors = acc.shape[1], NR * HALF_LINE // VECTOR_BYTES
    rows = view(b.buf, 0, K, n, b.i, 1)
    init = view(into.init.buf, 0, 1, n, into.init.i, 1)
    out = view(c.buf, 0, 1, n, c.i, 1)
    copy_row(NR, acc, 0, init, 0)
    for k in range(K):
        if n_vectors == 0:
            put_half_line(acc, 0, half_line(acc, 0) + half_line(rows, k))
        for v in range(n_vectors):
            put_vector(acc, 0, v, vector(acc, 0, v) + vector(rows, k, v))
    finish(NR, acc, out, into.epilogue, into.scale, into.eta)
    copy_row(NR, out, 0, acc, 0)
