"""Turns side by side: the least of many, so that a busy moment of the machine hits all who are compared."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from fastbp.bench import pin
from fastbp.jit import fused, strict
from fastbp.kernels.gemm.tiling import STRIP_BYTES, TWO
from fastbp.kernels.views import copy_row, literally, pointer, register_block, view

PAUSE = 0.002
"""Seconds before each turn."""

SPINNING = 0.1
"""The same where there are several cores: the threads of the one before, OpenBLAS's and OpenMP's among them, spin for a
while before they go to sleep. Measured with a pause of 0.002 s: whoever came after NumPy's product had one core of two.
"""


def rest() -> None:
    """Wait until the threads of the one before sleep."""
    time.sleep(SPINNING if len(pin.cores()) > 1 else PAUSE)


class Racer:
    """Someone who takes turns: ``turn()`` gives the seconds of ``amount`` units of work."""

    def __init__(self, turn: Callable[[], float], amount: float = 1.0) -> None:
        self.turn, self.amount = turn, amount
        self.best = float("inf")
        self.turns: int = 0
        self.wall = self.cpu = 0.0

    def go(self) -> float:
        """One turn: the seconds of a unit in it."""
        rest()
        cpu, began = time.process_time(), time.perf_counter()
        seconds = self.turn()
        self.wall += time.perf_counter() - began
        self.cpu += time.process_time() - cpu
        self.best = min(self.best, seconds / self.amount)
        self.turns += 1
        return seconds / self.amount

    @property
    def cores(self) -> float:
        """Mean number of cores at work in its turns: no more than it was allowed, or it was not held."""
        return self.cpu / max(self.wall, 1e-9)


def race(racers: list[Racer], *, seconds: float, least: int = 3, most: int = 40) -> None:
    """Turns in order, round by round, until they have taken their time, but at least ``least`` rounds."""
    for turn in range(most):
        if turn >= least and sum(racer.wall for racer in racers) > seconds:
            return
        for racer in racers:
            racer.go()


def repeated(function: Callable[[], object], seconds: float) -> Racer:
    """A racer who calls a short function as often as fits into a turn; its unit is one call."""
    function()
    began = time.perf_counter()
    function()
    count = max(1, int(seconds / max(time.perf_counter() - began, 1e-7)))

    def turn() -> float:
        began = time.perf_counter()
        for _ in range(count):
            function()
        return time.perf_counter() - began

    return Racer(turn, count)


def side_by_side(*functions: Callable[[], object], seconds: float = 0.02, turns: int = 25) -> list[float]:
    """Seconds of one call of each function: the best of ``turns`` in which every function has its turn."""
    racers = [repeated(function, seconds) for function in functions]
    race(racers, seconds=float("inf"), most=turns)
    return [racer.best for racer in racers]


def sgemm(dtype: str, n: int = 512) -> tuple[Callable[[], object], float]:
    """A square matrix product of NumPy, and its floating-point operations: the machine's rate in this run."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    out = np.empty_like(a)
    return lambda: np.dot(a, a, out), 2.0 * n**3


ROWS = 8


@fused
def _fma_chains(R, N, n, coef, rows, sums):  # type: ignore[no-untyped-def]
    """R rows by N strips of sums in registers, each one chain of n fused multiply-adds of the same operands."""
    R = literally(R)
    N = literally(N)
    coef, rows, sums = pointer(coef), pointer(rows), pointer(sums)
    acc = register_block(R, N, rows)
    V = acc.shape[1]
    coefs = view(coef, 0, R, n, 1, 0)
    row = view(rows, 0, n, V, 0, 1)
    out = view(sums, 0, R, V, V, 1)
    for i in range(R):
        copy_row(N, acc, i, out, i)
    for r in range(n):
        for v in range(V):
            for i in range(R):
                acc[i, v] += coefs[i, r] * row[r, v]
    for i in range(R):
        copy_row(N, out, i, acc, i)


@strict(cache=True)
def _peak(n, coef, rows, sums):  # type: ignore[no-untyped-def]
    _fma_chains(ROWS, TWO, n, coef, rows, sums)


def peak(dtype: str) -> tuple[Callable[[], object], float]:
    """Multiply-adds on operands that never leave the first-level cache, and their number of operations.

    About the most that one core can do. It is a block of sums in registers like the kernels': where a compiler leaves
    blocks in memory, this rate falls far below that of ``numpy.dot`` and theirs with it, and the suite says so.
    """
    V = TWO * STRIP_BYTES // np.dtype(dtype).itemsize
    coef, rows, sums = (np.zeros(n, dtype) for n in (ROWS, V, ROWS * V))
    n = 50_000
    return lambda: _peak(n, coef, rows, sums), 2.0 * n * ROWS * V
