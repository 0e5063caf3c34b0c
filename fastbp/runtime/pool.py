"""fastbp's own threads: how many there should be, and a pool of them that survives forks and failed starts."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastbp import checks, jit

MAX_THREADS = 64


def _from_environment() -> int:
    """What NUMBA_NUM_THREADS, OMP_NUM_THREADS (set to 1 in joblib's loky workers) allow."""
    allowed = MAX_THREADS
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            allowed = min(allowed, int(value))
    return allowed


def _from_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _from_cgroup() -> int:
    """Cores that the container's CPU quota pays for, rounded up."""
    cgroup = Path("/sys/fs/cgroup")
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return MAX_THREADS
    try:
        return max(1, -(-int(quota) // int(period))) if int(quota) > 0 else MAX_THREADS
    except ValueError:  # "max"
        return MAX_THREADS


def limits() -> dict[str, int]:
    """Each reason for a number of threads, with its number."""
    alone = jit.DISABLED or sys.platform == "win32"
    return {
        "cores this process may use": _from_affinity(),
        "container's CPU quota": _from_cgroup(),
        "NUMBA_NUM_THREADS, OMP_NUM_THREADS": _from_environment(),
        "plain Python, or a system without sched_yield": 1 if alone else MAX_THREADS,
    }


def effective(n_threads: int | None) -> int:
    """Threads to use at most: the explicit number, or the smallest of ``limits``."""
    if n_threads is None:
        return min(limits().values())
    n_threads = checks.check_int(n_threads, "n_threads", low=1, high=MAX_THREADS)
    return 1 if jit.DISABLED or sys.platform == "win32" else n_threads


def spread(n: int) -> Sequence[int | None]:
    """The caller's core, and one for each of n workers, not the caller's while there are others; None where nobody can
    tell.
    """
    if n == 0 or not hasattr(os, "sched_getaffinity"):
        return [None] * (n + 1)
    try:
        here = int(ctypes.CDLL(None).sched_getcpu())
    except (OSError, AttributeError):
        return [None] * (n + 1)
    others = sorted(os.sched_getaffinity(0) - {here})
    return [here, *(others[i % len(others)] for i in range(n))] if others else [None] * (n + 1)


def move_to(core: int | None) -> None:
    """Move the calling thread to a core, and let the system move it on if it must.

    Left alone, a thread that has slept is often woken on the core of the one that wakes it, where the two of a team
    take turns until the system notices: measured up to a second. The caller's thread is moved too, to where it was when
    it chose the workers' cores.
    """
    if core is None:
        return
    with contextlib.suppress(OSError):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        os.sched_setaffinity(0, allowed)


class _Worker(threading.Thread):
    """A thread that runs what it is handed. ``idle`` is set while it has nothing to run."""

    def __init__(self) -> None:
        super().__init__(name="fastbp", daemon=True)
        self.tasks: queue.SimpleQueue[tuple[int | None, Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        self.idle = threading.Event()
        self.idle.set()

    def run(self) -> None:
        while True:
            core, function, args = self.tasks.get()
            move_to(core)
            try:
                function(*args)
            finally:
                del function, args
                self.idle.set()

    def hand(self, core: int | None, function: Callable[..., Any], *args: Any) -> None:
        self.idle.clear()
        self.tasks.put((core, function, args))


_free: list[_Worker] = []
_taken: set[_Worker] = set()


def _forget() -> None:
    """In a forked child: the threads stayed with the parent."""
    _free.clear()
    _taken.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def borrow(n: int) -> list[_Worker]:
    """At most n idle workers, fewer when the system refuses to start threads. Give them back with ``give_back``."""
    workers: list[_Worker] = []
    while len(workers) < n:
        try:
            worker = _free.pop()
        except IndexError:
            worker = _Worker()
            try:
                worker.start()
            except RuntimeError:  # can't start new thread
                break
        workers.append(worker)
    _taken.update(workers)
    return workers


def give_back(workers: list[_Worker]) -> None:
    """Return borrowed workers, which must be idle."""
    _taken.difference_update(workers)
    _free.extend(workers)


def in_use() -> bool:
    """Whether a team is at work in this process: another one would only be in its way."""
    return bool(_taken)


@atexit.register
def _drain() -> None:
    """Leave no thread inside a kernel while the interpreter goes away."""
    for worker in list(_taken):
        worker.idle.wait(1.0)
