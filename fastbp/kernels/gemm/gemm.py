"""The blocked sum under F1, BP2 and BP4: one gemm, three fillings.

    c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j]))

| equation | i | j | k | a                 | b              | init             | epilogue                    |
|----------|---|---|---|-------------------|----------------|------------------|-----------------------------|
| F1       | x | j | k | a^{l-1}[x, k]     | w^l[k, j]      | b_j              | STORE                       |
| BP2      | x | j | k | delta^{l+1}[x, k] | w^{l+1}[k, j]  | 0                | MULTIPLY, by sigma'(z_j^l)  |
| BP4      | k | j | x | a^{l-1}[x, k]     | delta^l[x, j]  | 0, or sum so far | STORE; SGD_STEP, the step U |

with scale 1 but for the last tile of BP4, where it is 1 / sum_x s_x. Each c[i, j] is one sum over k, in order from its
init, so its bits are the textbook's. Blocking only chooses the order in which the independent (i, j) are visited: tiles
of MR rows by NR half-lines of columns, one to three vectors, stay in registers for a whole sum. Columns beyond n up to
the end of a padded row are computed too.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import after, itemsize
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.jit.registers import literal_unroll
from fastbp.kernels.gemm.microkernel import tiles
from fastbp.kernels.gemm.packing import pack, pack_transposed, packs_a, packs_b, panel_columns, round_up
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import Gemm, GemmWorkspace, columns, rows
from fastbp.kernels.gemm.tiling import (
    FOUR,
    HAS_THREE,
    LONG_RUN_ROWS,
    MANY_TERMS,
    MAX_ROWS,
    N_SPLITS,
    ONE,
    ROW_COUNTS,
    ROW_COUNTS_OF_ONE,
    ROW_COUNTS_OF_THREE,
    SPLIT_ROWS,
    SPLIT_TILES,
    THREE,
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
    if HAS_THREE and 2 * V < left <= 3 * V:
        return THREE
    return ONE if left <= V and VECTOR_BYTES == CACHE_LINE else TWO


@strict
def run_of_tiles(NR: int, m: int, k: int) -> tuple[int, int]:
    """MR of the first tiles of m rows of k terms each, in NR half-lines of columns; and how many tiles of as many rows
    there are.
    """
    if m < N_SPLITS:
        of_vectors = max(0, (NR - 1) // ONE) * N_SPLITS
        return SPLIT_ROWS[of_vectors + m], SPLIT_TILES[of_vectors + m]
    MR = LONG_RUN_ROWS if k <= MANY_TERMS else MAX_ROWS
    if NR == THREE:
        MR = ROW_COUNTS_OF_THREE[-1]
    elif NR <= ONE:
        MR = ROW_COUNTS_OF_ONE[-1]
    return MR, m // MR - 1


@strict
def tiles_of_two(MR: int, g: Gemm, prefetch: Prefetch) -> None:
    """Tiles of two vectors: ``tiles`` compiled for this MR."""
    for size in literal_unroll(ROW_COUNTS):
        if size == MR:
            tiles(size, TWO, g, prefetch)


@strict
def tiles_of_three(MR: int, g: Gemm, prefetch: Prefetch) -> None:
    """Tiles of three vectors, likewise."""
    for size in literal_unroll(ROW_COUNTS_OF_THREE):
        if size == MR:
            tiles(size, THREE, g, prefetch)


@strict
def tiles_of_one(MR: int, NR: int, g: Gemm, prefetch: Prefetch) -> None:
    """Tiles of one vector, or half of one, likewise."""
    for size in literal_unroll(ROW_COUNTS_OF_ONE):
        if size == MR:
            if NR == ONE:
                tiles(size, ONE, g, prefetch)
            else:
                tiles(size, 1, g, prefetch)


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
        MR, n_tiles = run_of_tiles(NR, g.m, g.k)
        run = rows(g, 0, n_tiles * MR)
        if NR == TWO:
            tiles_of_two(MR, run, prefetch)
        elif HAS_THREE and NR == THREE:
            tiles_of_three(MR, run, prefetch)
        else:
            tiles_of_one(MR, NR, run, prefetch)
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
        a = pack_transposed(k, g.m, a, g.k, after(panel, panel_columns(g.n, size) * k))
    packing = workspace.pack_b and packs_b(g.m, g.b.i, size)
    j = 0
    while j < g.n:
        left = g.n - j
        NR = panel_width(g.m, g.n, left, g.b.j == 1, size)
        b = shifted(g.b, 0, j)
        if b.j != 1:
            b = pack_transposed(max(NR * HALF_LINE, VECTOR_BYTES) // size, g.k, b, left, panel)
        elif packing and TWO <= NR <= THREE:
            b = pack(NR, g.k, b, panel)
        macro_kernel(NR, columns(g, j, a, b), workspace.prefetch)
        j += NR * (HALF_LINE // size)
