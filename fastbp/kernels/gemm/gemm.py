"""The blocked sum under F1, BP2 and BP4: one gemm, three fillings.

    c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j]))

| equation | i | j | k | a                 | b              | init             | epilogue                    |
|----------|---|---|---|-------------------|----------------|------------------|-----------------------------|
| F1       | x | j | k | a^{l-1}[x, k]     | w^l[k, j]      | b_j              | STORE                       |
| BP2      | x | j | k | delta^{l+1}[x, k] | w^{l+1}[k, j]  | 0                | MULTIPLY, by sigma'(z_j^l)  |
| BP4      | k | j | x | a^{l-1}[x, k]     | delta^l[x, j]  | 0, or sum so far | STORE; SGD_STEP, the step U |

with scale 1 but for the last tile of BP4, where it is 1 / sum_x s_x. Each c[i, j] is one sum over k, in order from its
init, so its bits are the textbook's. Blocking only chooses the order in which the independent (i, j) are visited: tiles
of MR rows by NR half-lines of columns, one or two vectors, stay in registers for a whole sum. Columns beyond n up to
the end of a padded row are computed too.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import after, itemsize
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import literal_unroll
from fastbp.kernels.gemm.microkernel import tiles
from fastbp.kernels.gemm.packing import pack, pack_transposed, packs_a, packs_b, round_up
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import Gemm, GemmWorkspace, columns, rows
from fastbp.kernels.gemm.tiling import (
    FOUR,
    LONG_RUN_ROWS,
    MANY_TERMS,
    MAX_ROWS,
    N_SPLITS,
    ONE,
    ROW_COUNTS,
    SPLIT_ROWS,
    SPLIT_TILES,
    TWO,
)
from fastbp.kernels.matrix import shifted


@strict
def panel_width(m: int, n: int, left: int, is_row_major: bool, size: int) -> int:
    """NR of the panel of columns that comes next, of which ``left`` of n are left."""
    V = VECTOR_BYTES // size
    if m <= 2 and round_up(left, CACHE_LINE // size) >= 4 * V and is_row_major:
        return FOUR  # sums enough to hide how long a multiplication takes
    # All of the padding is computed, of rows that `layout.padded` has made long enough.
    if n <= HALF_LINE // size:
        return 1
    return ONE if left <= V and VECTOR_BYTES == CACHE_LINE else TWO


@strict
def macro_kernel(NR: int, g: Gemm, prefetch: Prefetch) -> None:
    """One panel of NR half-lines of columns, all rows: runs of equal tiles, few of them."""
    if NR == FOUR:
        if g.m == 1:
            tiles(1, FOUR, g, prefetch)
        else:
            tiles(2, FOUR, g, prefetch)
        return
    while g.m > 0:
        if g.m < N_SPLITS:
            MR, n_tiles = SPLIT_ROWS[g.m], SPLIT_TILES[g.m]
        else:
            MR = LONG_RUN_ROWS if g.k <= MANY_TERMS else MAX_ROWS
            n_tiles = g.m // MR - 1
        run = rows(g, 0, n_tiles * MR)
        for size in literal_unroll(ROW_COUNTS):
            if size == MR:
                if NR == TWO:
                    tiles(size, TWO, run, prefetch)
                elif NR == ONE:
                    tiles(size, ONE, run, prefetch)
                else:
                    tiles(size, 1, run, prefetch)
        g = rows(g, run.m, g.m - run.m)


@strict
def gemm(g: Gemm, workspace: GemmWorkspace) -> None:
    """Gemm: c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j]))

    ``a`` and ``b`` each have one stride of 1, ``init`` and ``c`` rows of columns side by side. The loops around: panels
    of columns, and in `macro_kernel` runs of tiles of rows.
    """
    if g.m <= 0:
        return
    size = itemsize(g.c.buf)
    panel, a = workspace.panel, g.a
    if workspace.pack_a and a.i == 1 and packs_a(a.j, g.n, size):
        k = round_up(g.k, VECTOR_BYTES // size)
        a = pack_transposed(k, g.m, a, g.k, after(panel, 2 * VECTOR_BYTES // size * k))
    packing = workspace.pack_b and packs_b(g.m, g.b.i, size)
    j = 0
    while j < g.n:
        left = g.n - j
        NR = panel_width(g.m, g.n, left, g.b.j == 1, size)
        b = shifted(g.b, 0, j)
        if b.j != 1:
            b = pack_transposed(max(NR * HALF_LINE, VECTOR_BYTES) // size, g.k, b, left, panel)
        elif packing and NR == TWO:
            b = pack(g.k, b, panel)
        macro_kernel(NR, columns(g, j, a, b), workspace.prefetch)
        j += NR * (HALF_LINE // size)
