"""The micro-kernel: a tile of MR x NR sums stays in vector registers for the whole sum over k."""

from __future__ import annotations

from fastbp.functions.elementary import fma
from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Real, view
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.kernels.gemm.epilogues import finish
from fastbp.kernels.gemm.prefetch import Prefetch, fetch_parts, fetch_rows
from fastbp.kernels.gemm.problem import Gemm
from fastbp.kernels.gemm.tiling import FETCHING_TERMS


@inlined
def multiply_add(MR: int, a: Real, b: Real, c: Real) -> Real:
    """The sum a b + c, rounded once: LLVM need not fuse, and takes sums of one row apart where that pays, as on ARM."""
    return fma(a, b, c) if MR == 1 else a * b + c


@inlined
def micro_kernel(MR: int, NR: int, g: Gemm, prefetch: Prefetch) -> None:
    """Gemm: c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j]))

    For NR half-lines of columns j and g.m rows i, a tile of MR rows after the other. LLVM must know MR and NR: the
    loops over them are unrolled.
    """
    acc = register_block(MR, NR, g.c.buf)
    n = acc.shape[1]
    b = view(g.b.buf, 0, g.k, n, g.b.i, 1)
    # LLVM leaves a tile in memory whose loops are shorter than 128: a small one takes U terms of each sum at a time.
    U = max(1, 128 // (MR * n))
    several = g.k // U * U if U > 1 else 0
    for tile in range(g.m // MR):
        first = tile * MR
        a = view(g.a.buf, first * g.a.i, MR, g.k, g.a.i, g.a.j)
        init = view(g.init.buf, first * g.init.i, MR, n, g.init.i, 1)
        c = view(g.c.buf, first * g.c.i, MR, n, g.c.i, 1)
        if g.k >= FETCHING_TERMS:
            fetch_rows(MR, NR, g.c, first)
        for i in range(MR):
            copy_row(NR, acc, i, init, i)
        for k in range(0, several, U):
            for j in range(n):
                for u in range(U):
                    for i in range(MR):
                        acc[i, j] = multiply_add(MR, a[i, k + u], b[k + u, j], acc[i, j])
        for k in range(several, g.k):
            for j in range(n):  # outside i: the other way round LLVM leaves acc in memory, at a fortieth of the speed
                for i in range(MR):
                    acc[i, j] = multiply_add(MR, a[i, k], b[k, j], acc[i, j])
        finish(NR, acc, c, g.epilogue, g.scale, g.eta)
        for i in range(MR):
            copy_row(NR, c, i, acc, i)
        fetch_parts(prefetch)


@strict
def tiles(MR: int, NR: int, g: Gemm, prefetch: Prefetch) -> None:
    """``micro_kernel`` of each MR and NR that is asked for, compiled apart."""
    MR = literally(MR)
    NR = literally(NR)
    micro_kernel(int(MR), int(NR), g, prefetch)
