"""The blocked sum against three plain loops: every tile that `tiling` can choose, every panel, packed or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits

from fastbp.functions.elementary import fma
from fastbp.jit import strict
from fastbp.jit.addresses import addressed, pointer
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.kernels.gemm import prefetch
from fastbp.kernels.gemm.epilogues import MULTIPLY, SGD_STEP, STORE
from fastbp.kernels.gemm.gemm import gemm, tiles_of_one, tiles_of_three, tiles_of_two
from fastbp.kernels.gemm.microkernel import tiles
from fastbp.kernels.gemm.packing import packs_a, packs_b
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import Gemm, GemmWorkspace
from fastbp.kernels.gemm.tiling import (
    FOUR,
    HAS_THREE,
    MAX_ROWS,
    ONE,
    ROW_COUNTS,
    ROW_COUNTS_OF_ONE,
    ROW_COUNTS_OF_THREE,
    THREE,
    TWO,
)
from fastbp.kernels.matrix import Matrix

EPILOGUES = {"STORE": STORE, "MULTIPLY": MULTIPLY, "SGD_STEP": SGD_STEP}
SCALES = {"STORE": 0.3, "MULTIPLY": 1.0, "SGD_STEP": 0.3}
ETA = 0.7
TILES = [
    *((MR, NR) for NR in sorted({1, ONE}) for MR in ROW_COUNTS_OF_ONE),
    *((MR, TWO) for MR in ROW_COUNTS),
    *((MR, THREE) for MR in ROW_COUNTS_OF_THREE if HAS_THREE),
    (1, FOUR),
    (2, FOUR),
]


@strict(cache=True)
def three_loops(a: Any, b: Any, init: Any, c: Any, epilogue: int, scale: Any, eta: Any) -> None:
    """What a gemm is, sum after sum."""
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            s = init[i, j]
            for k in range(a.shape[1]):
                s = fma(a[i, k], b[k, j], s)
            s = s * scale
            if epilogue == MULTIPLY:
                s = s * c[i, j]
            elif epilogue == SGD_STEP:
                s = c[i, j] - eta * s
            c[i, j] = s


@strict(cache=True)
def run_tiles(MR: int, NR: int, g: Gemm, order: Any, cursor: Any, parts: int) -> None:
    """The micro-kernel of this MR and NR, among all that `tiling` can choose."""
    g, prefetch = addressed(g), Prefetch(order=pointer(order), cursor=pointer(cursor), parts=parts)
    if NR == FOUR:
        if MR == 1:
            tiles(1, FOUR, g, prefetch)
        else:
            tiles(2, FOUR, g, prefetch)
        return
    if NR == TWO:
        tiles_of_two(MR, g, prefetch)
    elif HAS_THREE and NR == THREE:
        tiles_of_three(MR, g, prefetch)
    else:
        tiles_of_one(MR, NR, g, prefetch)


@strict(cache=True)
def run_gemm(g: Gemm, panel: Any, order: Any, cursor: Any) -> None:
    nothing = Prefetch(order=pointer(order), cursor=pointer(cursor), parts=0)
    gemm(addressed(g), GemmWorkspace(panel=pointer(panel), pack_a=1, pack_b=1, prefetch=nothing))


class Case:
    """Random operands of a gemm, as the kernels have them and as plain arrays."""

    def __init__(
        self, rng: np.random.Generator, m: int, n: int, k: int, dtype: str, epilogue: str, equation: str = "F1"
    ) -> None:
        self.rng, self.dtype = rng, np.dtype(dtype)
        self.epilogue, kind = EPILOGUES[epilogue], self.dtype.type
        self.scale, self.eta = kind(SCALES[epilogue]), kind(ETA)
        if equation == "BP4":
            self.a, a = self._transposed(k, m)
        else:
            self.a, a = self._matrix(m, k)
        if equation == "BP2":
            self.b, b = self._transposed(n, k)
        else:
            self.b, b = self._matrix(k, n)
        self.init, init = self._matrix(1, n)
        self.c, c = self._matrix(m, n)
        self.expected = self.c.copy()
        rows = np.ascontiguousarray(np.broadcast_to(self.init, (m, n)))
        three_loops(np.ascontiguousarray(self.a), np.ascontiguousarray(self.b), rows, self.expected, *self.ends)
        self.gemm = Gemm(m, n, k, a, b, Matrix(init.buf, 0, 1), c, *self.ends)

    @property
    def ends(self) -> tuple[Any, Any, Any]:
        return self.epilogue, self.scale, self.eta

    def _matrix(self, n_rows: int, n_columns: int) -> tuple[np.ndarray, Matrix]:
        """A matrix whose rows are padded to a cache line, NaN wherever nothing has been written."""
        line = CACHE_LINE // self.dtype.itemsize
        row = -(-n_columns // line) * line
        buf = layout.aligned((n_rows + line) * row + 4 * VECTOR_BYTES, self.dtype)
        buf[:] = np.nan
        values = buf[: n_rows * row].reshape(n_rows, row)[:, :n_columns]
        values[:] = self.rng.standard_normal((n_rows, n_columns))
        return values, Matrix(buf, row, 1)

    def _transposed(self, n_rows: int, n_columns: int) -> tuple[np.ndarray, Matrix]:
        values, m = self._matrix(n_rows, n_columns)
        return values.T, Matrix(m.buf, 1, m.i)

    @property
    def is_right(self) -> bool:
        return same_bits(self.c, self.expected)


NO_ORDER, NO_CURSOR = np.empty(0, np.int64), np.empty(0, prefetch.CURSOR)


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize(("MR", "NR"), TILES)
def test_every_tile(MR: int, NR: int, epilogue: str, dtype: str) -> None:
    """With sums shorter and longer than the terms it may take at a time, and one and several tiles of rows."""
    rng = np.random.default_rng([MR, NR])
    n = NR * HALF_LINE // np.dtype(dtype).itemsize
    for k in (1, 2, 5) if SMALL else (1, 2, 3, 15, 16, 17, 64, 131):
        for n_tiles in 1, 3:
            case = Case(rng, MR * n_tiles, n, k, dtype, epilogue)
            run_tiles(MR, NR, case.gemm, NO_ORDER, NO_CURSOR, 0)
            assert case.is_right, (k, n_tiles)


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("equation", ["F1", "BP2", "BP4"])
def test_every_ragged_tail(equation: str, epilogue: str, dtype: str) -> None:
    """All row counts, and column counts around each multiple of a vector, in the layout of each equation."""
    rng = np.random.default_rng(4)
    V = VECTOR_BYTES // np.dtype(dtype).itemsize
    columns = [1, V // 2, V - 1] if SMALL else [1, V // 2, V - 1, V, V + 1, 2 * V - 1, 2 * V, 2 * V + 3, 5 * V + 1]
    for m in [1, 3, 10] if SMALL else range(1, 3 * MAX_ROWS + 2):
        for n in columns:
            k = int(rng.integers(1, 12 if SMALL else 40))
            run(rng, m, n, k, dtype, epilogue, equation)


def run(rng: np.random.Generator, m: int, n: int, k: int, dtype: str, epilogue: str, equation: str) -> None:
    case = Case(rng, m, n, k, dtype, epilogue, equation)
    panel = layout.aligned(layout.panel_size(m, n, k, case.dtype.itemsize), dtype)
    panel[:] = np.nan
    if equation == "BP2":
        case.gemm.b.buf[np.isnan(case.gemm.b.buf)] = 0  # the padding of theta
    run_gemm(case.gemm, panel, NO_ORDER, NO_CURSOR)
    assert case.is_right, (m, n, k)


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize(
    ("equation", "m", "n", "k"), [("F1", 41, 300, 70), ("F1", 43, 257, 260), ("BP2", 47, 300, 33), ("BP4", 300, 680, 9)]
)
def test_packed_panels(equation: str, m: int, n: int, k: int, epilogue: str, dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    if equation == "F1":
        assert packs_b.py_func(m, -(-n * size // CACHE_LINE) * CACHE_LINE // size, size)
    if equation == "BP4":
        assert packs_a.py_func(-(-m * size // CACHE_LINE) * CACHE_LINE // size, n, size)
    if SMALL:
        m, n, k = m if equation == "F1" else m // 8, n if equation == "BP4" else n // 8, min(k, 4)
    run(np.random.default_rng(5), m, n, k, dtype, epilogue, equation)


def test_a_sum_in_another_order_is_caught(dtype: str) -> None:
    case = Case(np.random.default_rng(6), 3, 8, 40, dtype, "STORE")
    backwards = np.ascontiguousarray(case.a[:, ::-1]), np.ascontiguousarray(case.b[::-1])
    init = np.ascontiguousarray(np.broadcast_to(case.init, case.c.shape))
    three_loops(*backwards, init, case.c, *case.ends)
    assert not case.is_right
    np.testing.assert_allclose(case.c, case.expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("parts", [1, 2])
def test_samples_are_fetched_part_by_part(parts: int, dtype: str) -> None:
    """The sums are the same whatever is fetched meanwhile; every line of each sample has its turn, then no more."""
    order = np.array([4, 2, 0, 3, 1])
    X, Y, labels = np.zeros((5, 50), dtype), np.zeros((5, 3), dtype), np.zeros(5, np.int64)
    lines, at_once, first, end = X.strides[0] // CACHE_LINE + 1, 2, 1, 4
    parts_of_sample = -(-lines // at_once)
    for n_tiles in range(1, 3 * parts_of_sample + 3):
        table = np.zeros(1, prefetch.CURSOR)
        cursor = table[0]
        cursor.lines, cursor.sample, cursor.end = at_once, first, end
        cursor.X, cursor.X_step = X.ctypes.data, X.strides[0]
        cursor.Y, cursor.Y_step, cursor.labels = Y.ctypes.data, Y.strides[0], labels.ctypes.data
        case = Case(np.random.default_rng(n_tiles), 2 * n_tiles, 3, 5, dtype, "STORE")
        run_tiles(2, 1, case.gemm, order, table, parts)
        assert case.is_right
        done = min(parts * n_tiles, (end - first) * parts_of_sample)
        begun = -(-done // parts_of_sample)
        left = max(0, lines - at_once * (done - (begun - 1) * parts_of_sample))
        assert cursor.sample == first + begun
        assert cursor.left == left
        at = X.ctypes.data + order[first + begun - 1] * X.strides[0] + CACHE_LINE * (lines - left)
        assert cursor.at == at
