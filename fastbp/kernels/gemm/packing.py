"""Packing: copies of panels whose rows lie far apart, side by side, where they are used often enough to pay for it."""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Buffer, itemsize, view
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import copy_row, transpose_tile
from fastbp.kernels.gemm.tiling import LONG_STRIDE, ONE, PACKING_PAYS, THREE, TWO
from fastbp.kernels.matrix import Matrix


@strict
def round_up(n: int, multiple: int) -> int:
    """The next multiple."""
    return (n + multiple - 1) // multiple * multiple


@strict
def panel_columns(n: int, size: int) -> int:
    """Columns of the widest panel of n columns of ``size`` bytes: whole cache lines, three vectors at most."""
    return min(3 * VECTOR_BYTES // size, (n + CACHE_LINE // size - 1) // (CACHE_LINE // size) * (CACHE_LINE // size))


@strict
def packs_b(m: int, stride: int, size: int) -> bool:
    """Whether a gemm of m rows copies panels of ``b`` whose rows lie ``stride`` elements of ``size`` bytes apart.

    Without padding, rows begin in the middle of cache lines, and a panel takes one more from the second-level cache.
    """
    step = stride * size
    return m >= PACKING_PAYS and (step >= LONG_STRIDE or (step > HALF_LINE and step % CACHE_LINE != 0))


@strict
def packs_a(stride: int, n: int, size: int) -> bool:
    """Whether a gemm of n columns copies ``a``, of which term k + 1 lies ``stride`` elements after term k."""
    return stride * size >= LONG_STRIDE and n >= PACKING_PAYS * (VECTOR_BYTES // size)


@strict
def pack(NR: int, k: int, b: Matrix, panel: Buffer) -> Matrix:
    """Copy k rows of two or three vectors side by side: long strides defeat the caches' associativity."""
    n = NR // ONE * (VECTOR_BYTES // itemsize(panel))
    source = view(b.buf, 0, k, n, b.i, 1)
    packed = view(panel, 0, k, n, n, 1)
    for row in range(k):
        if NR == TWO:
            copy_row(int(TWO), packed, row, source, row)
        else:
            copy_row(int(THREE), packed, row, source, row)
    return Matrix(panel, n, 1)


@strict
def pack_transposed(n: int, k: int, b: Matrix, n_columns: int, panel: Buffer) -> Matrix:
    """Copy k rows of n columns, whole vectors, whose rows are contiguous in memory, into ``panel``, where columns are.

    Reads rows up to the next whole vector, the padding of what is contiguous; columns from ``n_columns`` on repeat the
    one before.
    """
    side = VECTOR_BYTES // itemsize(panel)
    whole = round_up(k, side)
    for j in range(0, n, side):
        source = view(b.buf, j * b.j, side, whole, b.j, 1)
        packed = view(panel, j, whole, side, n, 1)
        for row in range(0, k, side):
            transpose_tile(packed, row, source, 0, max(1, min(side, n_columns - j)))
    return Matrix(panel, n, 1)
