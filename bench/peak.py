"""The most multiply-adds that one core can do: what a kernel's rate is a part of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastbp.jit import fused, strict
from fastbp.jit.addresses import pointer, view
from fastbp.jit.cpu import HALF_LINE
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.kernels.gemm.tiling import TWO

ROWS = 8


@fused
def _fma_chains(MR, NR, k, a, b, c):
    """MR rows by NR half-lines of sums in registers, each a chain of k fused multiply-adds of the same operands."""
    MR = literally(MR)
    NR = literally(NR)
    a, b, c = pointer(a), pointer(b), pointer(c)
    acc = register_block(MR, NR, b)
    n = acc.shape[1]
    a_rows = view(a, 0, MR, k, 1, 0)
    b_rows = view(b, 0, k, n, 0, 1)
    sums = view(c, 0, MR, n, n, 1)
    for i in range(MR):
        copy_row(NR, acc, i, sums, i)
    for term in range(k):
        for j in range(n):
            for i in range(MR):
                acc[i, j] += a_rows[i, term] * b_rows[term, j]
    for i in range(MR):
        copy_row(NR, sums, i, acc, i)


@strict(cache=True)
def _peak(k, a, b, c):
    _fma_chains(ROWS, TWO, k, a, b, c)


def peak(dtype: str) -> tuple[Callable[[], object], float]:
    """Multiply-adds on operands that never leave the first-level cache, and their number of operations.

    About the most that one core can do. It is a tile of sums in registers like the kernels': where a compiler leaves
    tiles in memory, this rate falls far below that of ``numpy.dot`` and theirs with it, and the suite says so.
    """
    n = TWO * HALF_LINE // np.dtype(dtype).itemsize
    a, b, c = (np.zeros(size, dtype) for size in (ROWS, n, ROWS * n))
    k = 50_000
    return lambda: _peak(k, a, b, c), 2.0 * k * ROWS * n
