"""Two things side by side: the minimum of many interleaved turns, so that a busy moment hits both."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def side_by_side(*functions: Callable[[], object], seconds: float = 0.02, turns: int = 25) -> list[float]:
    """Seconds of one call of each function: the best of ``turns``, in each of which every function runs in its turn."""
    counts = []
    for function in functions:
        function()
        began = time.perf_counter()
        function()
        counts.append(max(1, int(seconds / max(time.perf_counter() - began, 1e-7))))
    best = [float("inf")] * len(functions)
    for _ in range(turns):
        for i, (function, count) in enumerate(zip(functions, counts, strict=True)):
            began = time.perf_counter()
            for _ in range(count):
                function()
            best[i] = min(best[i], (time.perf_counter() - began) / count)
    return best


def sgemm(dtype: str, n: int = 512) -> tuple[Callable[[], object], float]:
    """A square matrix product of NumPy, and its floating-point operations: the machine's rate in this run."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    out = np.empty_like(a)
    return lambda: np.dot(a, a, out), 2.0 * n**3
