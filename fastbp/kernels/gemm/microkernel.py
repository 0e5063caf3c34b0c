"""The micro-kernel: a tile of MR x NR sums stays in vector registers for the whole sum over k."""

from __future__ import annotations

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import view
from fastbp.jit.cpu import HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.jit.vectors import half_line, put_half_line, put_vector, vector
from fastbp.kernels.gemm.epilogues import finish
from fastbp.kernels.gemm.prefetch import Prefetch, fetch_parts, fetch_rows
from fastbp.kernels.gemm.problem import Gemm
from fastbp.kernels.gemm.tiling import FETCHING_TERMS


@inlined
def micro_kernel(MR: int, NR: int, g: Gemm, prefetch: Prefetch) -> None:
    """Gemm: c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j]))

    For NR half-lines of columns j and g.m rows i, a tile of MR rows after the other. LLVM must know MR and NR: the
    loops over them are unrolled.
    """
    acc = register_block(MR, NR, g.c.buf)
    n = acc.shape[1]
    n_vectors = NR * HALF_LINE // VECTOR_BYTES
    b = view(g.b.buf, 0, g.k, n, g.b.i, 1)
    for tile in range(g.m // MR):
        first = tile * MR
        a = view(g.a.buf, first * g.a.i, MR, g.k, g.a.i, g.a.j)
        init = view(g.init.buf, first * g.init.i, MR, n, g.init.i, 1)
        c = view(g.c.buf, first * g.c.i, MR, n, g.c.i, 1)
        if g.k >= FETCHING_TERMS:
            fetch_rows(MR, NR, g.c, first)
        for i in range(MR):
            copy_row(NR, acc, i, init, i)
        for k in range(g.k):
            for i in range(MR):
                if n_vectors == 0:
                    put_half_line(acc, i, half_line(acc, i) + a[i, k] * half_line(b, k))
                for v in range(n_vectors):
                    put_vector(acc, i, v, vector(acc, i, v) + a[i, k] * vector(b, k, v))
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
