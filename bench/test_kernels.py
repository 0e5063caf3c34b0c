"""F1, BP2 and BP4 against ``numpy.dot`` on the same product, and against the most multiply-adds a core can do.

    python -m pytest bench/test_kernels.py
    python -m pytest bench/test_kernels.py -k "BP2 and float32"

The results are checked against each other before anything is timed. A compiler that leaves the tiles of sums in memory
costs a kernel four fifths of its rate or more: the last assertion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.peak import peak
from fastbp.compare.measure import Racer, repeated
from fastbp.jit import strict
from fastbp.jit.addresses import addressed, number, pointer
from fastbp.jit.cpu import CACHE_LINE
from fastbp.kernels import dense, layout
from fastbp.kernels.gemm.epilogues import STORE
from fastbp.kernels.gemm.gemm import gemm
from fastbp.kernels.gemm.prefetch import CURSOR, Prefetch
from fastbp.kernels.gemm.problem import Accumulation, Gemm, GemmWorkspace
from fastbp.kernels.matrix import Matrix, shifted, transposed

SHAPES = [
    (10, 30, 784, 1.0, 0.2),
    (32, 128, 128, 1.0, 0.4),
    (128, 512, 784, 1.0, 0.6),
    (256, 1024, 1024, 0.9, 0.6),
]
"""Samples, J, K, and the least parts of numpy.dot's rate and of the peak. Tiles left in memory reach 0.02 to 0.16."""


@strict
def workspace(panel: Any, order: Any, cursor: Any) -> GemmWorkspace:
    nothing = Prefetch(order=pointer(order), cursor=pointer(cursor), parts=0)
    return GemmWorkspace(panel=pointer(panel), pack_a=1, pack_b=1, prefetch=nothing)


@strict(cache=True)
def repeat_f1(turns, X, J, K, a, w, b, z, panel, order, cursor):
    here = workspace(panel, order, cursor)
    a, w, b, z = addressed(a), addressed(w), addressed(b), addressed(z)
    for _ in range(turns):
        dense.weighted_input(X, J, K, a, w, b, z, here)


@strict(cache=True)
def repeat_bp2(turns, X, J, K, w_next, delta_next, zeros, sums, panel, order, cursor):
    here = workspace(panel, order, cursor)
    w_next, delta_next, zeros, sums = addressed(w_next), addressed(delta_next), addressed(zeros), addressed(sums)
    one, zero, w = number(sums.buf, 1), number(sums.buf, 0), transposed(w_next)
    for _ in range(turns):  # the sums of BP2; the kernel multiplies them by sigma' before they leave their registers
        gemm(Gemm(m=X, n=J, k=K, a=delta_next, b=w, init=zeros, c=sums, epilogue=STORE, scale=one, eta=zero), here)


@strict(cache=True)
def repeat_bp4(turns, chunk, K, J, X, a, delta, zeros, g, panel, order, cursor):
    here = workspace(panel, order, cursor)
    a, delta, zeros, g = addressed(a), addressed(delta), addressed(zeros), addressed(g)
    into = Accumulation(init=zeros, epilogue=STORE, scale=number(g.buf, 1), eta=number(g.buf, 0))
    for _ in range(turns):
        for k in range(0, K, chunk):
            n = min(chunk, K - k)
            dense.weight_gradient(n, J, X, shifted(a, 0, k), delta, shifted(g, k, 0), into, here)


def matrix(n_rows: int, n_columns: int, dtype: str, values: np.ndarray | None = None) -> tuple[np.ndarray, Matrix]:
    """A padded matrix as the kernels have it, and its contents."""
    width = CACHE_LINE // np.dtype(dtype).itemsize
    row = -(-n_columns // width) * width
    row += width if row * np.dtype(dtype).itemsize % 1024 == 0 else 0
    buf = layout.aligned((n_rows + width) * row, dtype)
    inside = buf[: n_rows * row].reshape(n_rows, row)[:, :n_columns]
    inside[:] = np.random.default_rng(n_rows).standard_normal((n_rows, n_columns)) if values is None else values
    return inside, Matrix(buf, row, 1)


def case(equation: str, X: int, J: int, K: int, dtype: str) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The kernel and numpy.dot as functions of a number of turns, and what each of them writes."""
    itemsize = np.dtype(dtype).itemsize
    order, cursor = np.empty(0, np.int64), np.empty(0, CURSOR)
    panel = layout.aligned(4 * (max(X, J, K) + 64) * (max(X, J, K) + 64), dtype)
    zeros = Matrix(layout.aligned(max(J, K) + 64, dtype), 0, 1)
    a, a_m = matrix(X, K, dtype)
    delta, delta_m = matrix(X, J, dtype)
    if equation == "F1":
        w, w_m = matrix(K, J, dtype)
        out, out_m = matrix(X, J, dtype)
        left, right = np.ascontiguousarray(a), np.ascontiguousarray(w)
        repeat, operands = repeat_f1, (X, J, K, a_m, w_m)
    elif equation == "BP2":
        w, w_m = matrix(K, J, dtype)
        out, out_m = matrix(X, K, dtype)
        left, right = np.ascontiguousarray(delta), np.ascontiguousarray(w).T
        repeat, operands = repeat_bp2, (X, K, J, w_m, delta_m)
    else:
        out, out_m = matrix(K, J, dtype)
        chunk = layout.chunk_rows(out_m.i, itemsize)
        left, right = np.ascontiguousarray(a).T, np.ascontiguousarray(delta)
        repeat, operands = repeat_bp4, (chunk, K, J, X, a_m, delta_m)
    product = np.empty(out.shape, dtype)

    def kernel(n: int) -> None:
        repeat(n, *operands, zeros, out_m, panel, order, cursor)

    def dot(n: int) -> None:
        for _ in range(n):
            np.dot(left, right, product)

    return kernel, dot, out, product


RACERS = ("fastbp", "numpy.dot", "peak")

PRODUCTS = [
    pytest.param(
        equation,
        f"{X}x{J}x{K}",
        dtype,
        peer,
        1,
        id=f"{equation} {X}x{J}x{K} {dtype}, {peer}",
        marks=[pytest.mark.smallest] if (X, J, K, equation, dtype) == (*SHAPES[0][:3], "F1", "float32") else [],
    )
    for X, J, K, _, _ in SHAPES
    for equation in ("F1", "BP2", "BP4")
    for dtype in ("float32", "float64")
    for peer in RACERS
]


def counted(function: Callable[[int], Any], turns: int) -> Racer:
    """A racer whose unit is one product of ``turns``."""

    def turn() -> float:
        began = time.perf_counter()
        function(turns)
        return time.perf_counter() - began

    return Racer(turn, turns)


@pytest.mark.parametrize(("equation", "shape", "dtype", "peer", "threads"), PRODUCTS)
def test_product(
    laps: Callable[..., float],
    benchmark: Any,
    one_round: bool,
    equation: str,
    shape: str,
    dtype: str,
    peer: str,
    threads: int,
    n_threads: int,
) -> None:
    if n_threads > threads:
        pytest.skip("a kernel is one thread's")
    X, J, K = map(int, shape.split("x"))
    kernel, dot, out, product = case(equation, X, J, K, dtype)
    kernel(1)
    dot(1)
    np.testing.assert_allclose(out, product, rtol=0, atol=2e3 * np.finfo(dtype).eps)
    flops = 2.0 * X * J * K
    turns = max(1, int(2e7 / flops))
    most, most_flops = peak(dtype)
    racers = {"fastbp": counted(kernel, turns), "numpy.dot": counted(dot, turns), "peak": repeated(most, 0.02)}
    racers["peak"].amount *= most_flops / flops
    beside = [racer for name, racer in racers.items() if name != peer]
    best = laps(racers[peer], rounds=25, group=f"{equation} {shape} {dtype}", beside=beside)
    of_numpy, of_peak = racers["numpy.dot"].best / best, racers["peak"].best / best
    benchmark.extra_info.update(gflops=flops / best / 1e9, of_numpy=of_numpy, of_peak=of_peak)
    if peer == "fastbp" and not one_round:
        least, least_of_peak = next((a, b) for *sizes, a, b in SHAPES if tuple(sizes) == (X, J, K))
        assert of_numpy >= least
        assert of_peak >= least_of_peak
