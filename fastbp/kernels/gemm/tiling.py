"""Block shapes for this CPU. They change the speed, never the bits: every sum keeps its order."""

from __future__ import annotations

from fastbp.jit.cpu import AVX512, HALF_LINE, VECTOR_BYTES

ONE, TWO, THREE, FOUR = (n * VECTOR_BYTES // HALF_LINE for n in (1, 2, 3, 4))
"""NR, in half-lines, of tiles as wide as so many vector registers."""

HAS_THREE = AVX512
"""Whether three vectors that are left of a row are one panel, and not two: a third vector alone waits for as many loads
as two do. Measured on a Zen 5: 0.93 of the time of 10-45-45-1 and of 20-80-48-3, minibatches of 128 and 64."""

ROW_COUNTS: tuple[int, ...] = (1, 2, 3, 4, 8, 10) if AVX512 else (1, 2, 3, 4, 6)
"""MR of the compiled tiles of two vectors, which take 2 MR registers of 32 (AVX-512) or 16 (AVX2).

With AVX2 six rows take 12, two of b 2 and a factor 1. Measured on a Zen 5 with AVX2 alone, 784-512-512-10, minibatches
of 128: 0.91 of the time with five. NEON's 32 registers are half as wide: 24, 4 and up to 4, and 24 sums hide a latency
of 4 in 4 pipes, for which 16 would do.
"""

ROW_COUNTS_OF_ONE: tuple[int, ...] = (1, 2, 4, 8, 10, 16) if AVX512 else ROW_COUNTS
"""MR of tiles of a vector or less. Eight sums are as many as hide how long a multiplication takes, if nothing else
does: with sixteen 4-32-16-4 takes 0.975 of the time."""

ROW_COUNTS_OF_THREE: tuple[int, ...] = (1, 2, 4, 7)
"""MR of tiles of three vectors. Of eight rows LLVM leaves a sum in memory: it loads all their ``a`` at once."""

LONG_RUN_ROWS = 8 if AVX512 else 6
"""MR of a long run of tiles. Ten rows fill every register, and leave none to begin the next tile with: measured 39
cycles between tiles for sums of ten terms, 15 with eight rows."""

MAX_ROWS = ROW_COUNTS[-1]

PASS_ROWS = 8
"""Rows of w that the pass of U and F1 takes at a time: all its tiles have so many, or a half or a quarter."""

TWO_VECTOR_ROWS = PASS_ROWS if AVX512 else PASS_ROWS // 2
"""Rows of its tiles of two vectors. With AVX2 four rows take 8 of 16 registers, two vectors of delta or z 2 and their
factors up to 4; eight would take all. NEON has 32 of half the width: the same blocks take 16, 4 and 2."""

FOUR_OF_ONE_SAMPLE = AVX512
"""Whether that pass takes four vectors of one sample at a time, two rows of them: w, delta and z take 16 registers.

Measured on a Zen 5 for 784-50-10, one sample at a time: with AVX-512 0.95 of the time of two vectors, with AVX2, where
they are spilled, 1.01.
"""

MANY_TERMS = 192
"""Terms from which ``b`` comes from the second-level cache each time: the fewer times, the better."""

FETCHING_TERMS = 64
"""Terms from which the rows of ``c`` that a tile ends with are fetched when it begins: they may be far."""

N_SPLITS = 40
"""Numbers of rows below which the best split into tiles is looked up."""


def row_splits(row_counts: tuple[int, ...], vectors: int) -> list[tuple[int, int]]:
    """For each number of rows below N_SPLITS: MR of its first tiles, and how many tiles of as many rows there are.

    A tile takes as long as its rows, but no less than eight vectors of sums take to hide a multiplication, and a little
    to begin, more beyond sixteen vectors; a run of equal tiles takes five rows' time to begin.
    """
    cost, split = [0.0], [(0, 0)]
    for m in range(1, N_SPLITS):
        runs = [(MR, n) for MR in row_counts for n in range(1, m // MR + 1)]
        best, MR, n = min(
            (cost[m - MR * n] + 5 + n * (max(MR, -(-8 // vectors)) + 1 + (MR * vectors > 2 * LONG_RUN_ROWS)), -MR, -n)
            for MR, n in runs
        )
        cost.append(best)
        split.append((-MR, -n))
    return split


_SPLITS = (*row_splits(ROW_COUNTS_OF_ONE, 1), *row_splits(ROW_COUNTS, 2), *row_splits(ROW_COUNTS_OF_THREE, 3))
SPLIT_ROWS, SPLIT_TILES = (tuple(column) for column in zip(*_SPLITS, strict=True))
"""Of tiles of one vector, of two, of three, one after the other."""

PACKING_PAYS = 40
"""Output rows from which copying a panel of ``b`` side by side costs less than walking its long stride each time.

Measured for F1 of 32 x 128 x 128, float64: 0.93 of numpy.dot's rate with a copy, 1.02 without.
"""

LONG_STRIDE = 1024
"""Bytes between rows from which packing is worth while."""

CROWDING_STRIDE = 1024
"""Bytes: rows that are a multiple of it apart share the same few sets of the nearest cache."""
