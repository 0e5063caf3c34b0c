"""Block shapes for this CPU. They change the speed, never the bits: every sum keeps its order."""

from __future__ import annotations

from fastbp import jit


def cpu_features() -> str:
    """LLVM's features of the CPU that Numba compiles for, which NUMBA_CPU_NAME and NUMBA_CPU_FEATURES may change."""
    if jit.DISABLED:
        return ""
    from numba.core.registry import cpu_target

    return str(cpu_target.target_context.codegen().magic_tuple()[2])


AVX512 = "+avx512f" in cpu_features().split(",")

VECTOR_BYTES = 64 if AVX512 else 32
"""One vector register. AVX2; assumed for the rest (two NEON registers)."""

STRIP_BYTES = 32
"""Half a cache line: as much of a row as a layer of few neurons fills, and what blocks count columns by."""

ONE, TWO, FOUR = (n * VECTOR_BYTES // STRIP_BYTES for n in (1, 2, 4))
"""Strips of as many vector registers."""

ROW_COUNTS: tuple[int, ...] = (1, 2, 3, 4, 8, 10) if AVX512 else (1, 2, 3, 4, 5)
"""R of the compiled blocks. A block of R rows and two vectors takes 2 R registers of 32 (AVX-512) or 16 (AVX2)."""

LONG_RUN_ROWS = 8 if AVX512 else 5
"""R of a long run of blocks. Ten rows fill every register, and leave none to begin the next block with: measured 39
cycles between blocks for sums of ten terms, 15 with eight rows."""

MAX_ROWS = ROW_COUNTS[-1]

PASS_ROWS = 8
"""Rows of w that the pass of U and F1 takes at a time: all its blocks have so many, or a half or a quarter."""

TWO_VECTOR_ROWS = PASS_ROWS if AVX512 else PASS_ROWS // 2
"""Rows of its blocks of two vectors: of sixteen registers, eight rows would take all."""

BLOCK_VECTORS = max(2 * MAX_ROWS, 16)
"""Vectors of the largest register block, the bench's included."""

MANY_TERMS = 192
"""Terms from which ``rows`` come from the second-level cache each time: the fewer times, the better."""

N_SPLITS = 40
"""Numbers of rows below which the best split into blocks is looked up."""


def row_splits() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each number of rows below N_SPLITS: rows of its first blocks, and how many blocks of as many there are.

    A block takes as long as its rows, but no less than a few take to hide a multiplication, and a little to begin,
    more beyond LONG_RUN_ROWS; a run of equal blocks takes five rows' time to begin.
    """
    cost, rows, blocks = [0.0], [0], [0]
    for P in range(1, N_SPLITS):
        runs = [(R, n) for R in ROW_COUNTS for n in range(1, P // R + 1)]
        best, R, n = min((cost[P - R * n] + 5 + n * (max(R, 4) + 1 + (R > LONG_RUN_ROWS)), -R, -n) for R, n in runs)
        cost.append(best)
        rows.append(-R)
        blocks.append(-n)
    return tuple(rows), tuple(blocks)


SPLIT_ROWS, SPLIT_BLOCKS = row_splits()

PACKING_PAYS = 40
"""Output rows from which copying a strip of ``rows`` side by side costs less than walking its long stride each time.

Measured for F1 of 32 x 128 x 128, float64: 0.93 of numpy.dot's rate with a copy, 1.02 without.
"""

CACHE_LINE = 64
"""Bytes. Rows of every matrix start on one."""

LONG_STRIDE = 1024
"""Bytes between rows from which packing is worth while."""

CROWDING_STRIDE = 1024
"""Bytes: rows that are a multiple of it apart fall into the same few places of the nearest cache."""
