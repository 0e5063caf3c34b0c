"""Turns side by side: the least of many, so that a busy moment of the machine hits all who are compared."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from fastbp.compare import pin
from fastbp.jit import fused, strict
from fastbp.jit.addresses import pointer, view
from fastbp.jit.cpu import HALF_LINE
from fastbp.jit.registers import copy_row, literally, register_block
from fastbp.kernels.gemm.tiling import TWO

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
def _fma_chains(MR, NR, k, a, b, c):
    """MR rows by NR half-lines of sums in registers, each a chain of k fused multiply-adds of the same operands."""
    MR = literally(MR)
    NR = literally(NR)
    a, b, c = pointer(a), pointer(b), pointer(c)
    acc = register_block(MR, NR, b)
    n = acc.shape[1]
    a_rows = view(a, 0, MR, k, 1, 0)
    b_rows = view(b, 0, k, n, 0, 1)
    sums = view(c, 0, MR, n, n, 1)
    for i in range(MR):
        copy_row(NR, acc, i, sums, i)
    for term in range(k):
        for j in range(n):
            for i in range(MR):
                acc[i, j] += a_rows[i, term] * b_rows[term, j]
    for i in range(MR):
        copy_row(NR, sums, i, acc, i)


@strict(cache=True)
def _peak(k, a, b, c):
    _fma_chains(ROWS, TWO, k, a, b, c)


def peak(dtype: str) -> tuple[Callable[[], object], float]:
    """Multiply-adds on operands that never leave the first-level cache, and their number of operations.

    About the most that one core can do. It is a tile of sums in registers like the kernels': where a compiler leaves
    tiles in memory, this rate falls far below that of ``numpy.dot`` and theirs with it, and the suite says so.
    """
    n = TWO * HALF_LINE // np.dtype(dtype).itemsize
    a, b, c = (np.zeros(size, dtype) for size in (ROWS, n, ROWS * n))
    k = 50_000
    return lambda: _peak(k, a, b, c), 2.0 * k * ROWS * n
