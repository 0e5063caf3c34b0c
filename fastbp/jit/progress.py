"""How far a compilation is, for whoever waits for it; how long it takes is remembered beside the cache."""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fastbp.jit import cache

LOGGER = logging.getLogger("fastbp")

WORTH_A_WORD = 0.5
"""Seconds from which on a compilation is logged as INFO; what takes less, as DEBUG."""
BETWEEN_LOGS = 2.0


class Cost(NamedTuple):
    """What it takes to compile a function that Python calls, with all that it calls."""

    functions: int
    typing: float
    """Seconds until the last of them has begun: they come one after another, and can be counted."""
    rest: float
    """Seconds that LLVM then needs for all of them together."""

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.typing + self.rest


FIRST = {
    f"{name} {dtype}": cost
    for name, cost in {
        "outputs": Cost(148, 4.1, 3.7),
        "work": Cost(112, 4.5, 5.0),
        "an update of your own": Cost(1, 0.2, 0.4),
    }.items()
    for dtype in ("float32", "float64")
} | {"a function of your own": Cost(6, 0.8, 0.2)}
"""Measured on an Intel of 2.1 GHz, those of one's own on a Zen 5 with Numba's start. A machine's own figures take their
places when it has compiled for the first time."""


class Status(NamedTuple):
    """How far a compilation is."""

    name: str
    fraction: float
    left: float
    """Seconds."""


class _Running:
    """A function that is being compiled."""

    def __init__(self, name: str, cost: Cost | None) -> None:
        self.name, self.cost, self.functions = name, cost, 0
        self.began = self.last = self.logged = time.monotonic()

    def took(self) -> Cost:
        """If it ended now."""
        return Cost(self.functions, self.last - self.began, time.monotonic() - self.last)

    def fraction_and_pace(self) -> tuple[float, float]:
        """How much of it is done, and how many times as long as was remembered everything takes."""
        cost = self.cost
        if cost is None or not cost.seconds or not cost.functions:
            return 0.0, 1.0
        typing = cost.typing / cost.seconds
        typed = min(1.0, self.functions / cost.functions)
        pace = (self.last - self.began) / (cost.typing * typed) if self.functions >= 5 and cost.typing else 1.0
        if typed < 1:
            return typing * typed, pace
        done = (time.monotonic() - self.last) / (cost.rest * pace) if cost.rest and pace else 1.0
        return typing + (1 - typing) * min(0.99, done), pace


class _Progress:
    """What is being compiled, and what has been."""

    def __init__(self) -> None:
        self.running: _Running | None = None
        self.ready: set[str] = set()
        self.path: pathlib.Path | None = None
        self._costs: dict[str, Cost] | None = None

    @property
    def costs(self) -> dict[str, Cost]:
        """By name, those of this machine before those of another."""
        if self._costs is None:
            self._costs = dict(FIRST)
            with contextlib.suppress(ValueError, TypeError, AttributeError):  # of another version
                data = None if self.path is None else cache.read(self.path)
                for name, (functions, typing, rest) in json.loads(data or b"{}").items():
                    self._costs[name] = Cost(int(functions), abs(float(typing)), abs(float(rest)))
        return self._costs

    def remember(self, name: str, cost: Cost) -> None:
        """For the next time, in this process or another; where nothing can be written, nothing is remembered."""
        self._costs = None  # another process may have written meanwhile
        self.costs[name] = cost
        if self.path is not None:
            with contextlib.suppress(OSError):
                cache.write(self.path, json.dumps(self.costs).encode())

    def status(self, names: Sequence[str]) -> Status:
        """Of all of these together, or of what is being compiled alone."""
        running = self.running
        fraction, pace = (0.0, 1.0) if running is None else running.fraction_and_pace()
        name = names[0] if running is None else running.name
        if not names:
            seconds = running.cost.seconds if running and running.cost else 0.0
            return Status(name, fraction, (1 - fraction) * seconds * pace)
        done = whole = 0.0
        for known in names:
            seconds = self.costs[known].seconds if known in self.costs else 0.0
            whole += seconds
            part = 1.0 if known in self.ready else fraction if running is not None and known == running.name else 0.0
            done += part * seconds
        return Status(name, done / whole if whole else 0.0, (whole - done) * pace)


_progress = _Progress()
_watchers: list[tuple[Callable[[Status], Any], Sequence[str]]] = []


def remembered_at(path: pathlib.Path) -> None:
    """Where durations are remembered."""
    _progress.path = path


def is_ready(name: str) -> None:
    """A function is there, compiled now or before."""
    _progress.ready.add(name)


def function_begins() -> None:
    """One more of the functions that the one that Python calls is made of."""
    running = _progress.running
    if running is not None:
        running.functions += 1
        running.last = time.monotonic()


def begin(name: str) -> None:
    """A compilation begins, as the cache does not have it."""
    cost = _progress.costs.get(name)
    _progress.running = _Running(name, cost)
    seconds = cost.seconds if cost else 0.0
    LOGGER.log(_level(seconds), f"Compiling {name}" + (f", in about {max(1, round(seconds))} s" if cost else ""))


def end(*, failed: bool = False) -> None:
    """The compilation that began last, if there is one, has ended."""
    running, _progress.running = _progress.running, None
    if running is None or failed:
        return
    cost = running.took()
    is_ready(running.name)
    _progress.remember(running.name, cost)
    LOGGER.log(_level(cost.seconds), f"Compiled {running.name} in {cost.seconds:.1f} s")


@contextlib.contextmanager
def compiling(name: str) -> Iterator[None]:
    """Context in which something is compiled by itself."""
    begin(name)
    try:
        yield
    except BaseException:
        end(failed=True)
        raise
    end()


def _level(seconds: float) -> int:
    return logging.INFO if seconds >= WORTH_A_WORD else logging.DEBUG


def tick() -> None:
    """From the thread that waits, some times a second: tell the watchers, and now and then the log."""
    running = _progress.running
    if running is None:
        return
    for tell, names in _watchers:
        tell(_progress.status(names))
    now = time.monotonic()
    if now - running.logged >= BETWEEN_LOGS:
        running.logged = now
        _, fraction, left = _progress.status(())
        if running.cost is not None:
            LOGGER.info(f"Compiling {running.name}: {min(fraction, 0.99):.0%}, about {max(1, round(left))} s left")


@contextlib.contextmanager
def watching(tell: Callable[[Status], Any], names: Sequence[str] = ()) -> Iterator[None]:
    """Context in which ``tell`` is called, while something is compiled, with how far it is.

    Parameters
    ----------
    tell : callable
        Of a `Status`, in the thread that waits.
    names : sequence of str
        What is going to be needed: the status is that of all of it together. Without names, of each by itself.
    """
    watcher = (tell, names)
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)
