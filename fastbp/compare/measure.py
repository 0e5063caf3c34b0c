"""Turns side by side: the least of many, so that a busy moment of the machine hits all who are compared."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from fastbp.compare import pin

PAUSE = 0.002
"""Seconds before each turn."""

SPINNING = 0.1
"""The same where there are several cores: the threads of the one before, OpenBLAS's and OpenMP's among them, spin for a
while before they go to sleep. Measured with a pause of 0.002 s: whoever came after NumPy's product had one core of two.
"""


MOST = 40
"""Rounds of a race."""


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


def race(racers: list[Racer], *, seconds: float, least: int = 5) -> None:
    """Turns in order, round by round, at least ``least`` of them; then those go on who have not taken their time.

    Each may take an equal part of ``seconds``: whoever is slow has few turns, and does not shorten the others' race.
    """
    for turn in range(MOST):
        racing = [racer for racer in racers if turn < least or racer.wall < seconds / len(racers)]
        for racer in racing:
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


def sgemm(dtype: str) -> tuple[Callable[[], object], float]:
    """A square matrix product of NumPy, and its floating-point operations: the machine's rate in this run."""
    n = 512
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    out = np.empty_like(a)
    return lambda: np.dot(a, a, out), 2.0 * n**3
