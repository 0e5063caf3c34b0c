"""fastbp's own threads: how many there should be, and a pool that survives interrupts, forks and failed starts."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import ctypes
import functools
import os
import queue
import threading
import time
import weakref
from _thread import start_new_thread
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from fastbp import checks
from fastbp.kernels.team import MAX_TEAM
from fastbp.machine import performance_cores

MAX_THREADS = 64

START_SECONDS = 10.0
"""How long a new thread may take until it counts; after that the work is done by fewer."""


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
    return min(os.cpu_count() or 1, performance_cores() or MAX_THREADS)


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
    return {
        "cores this process may use": _from_affinity(),
        "container's CPU quota": _from_cgroup(),
        "NUMBA_NUM_THREADS, OMP_NUM_THREADS": _from_environment(),
        "plain Python": MAX_TEAM,
    }


def effective(n_threads: int | None) -> int:
    """Threads to use at most: the explicit number, or the smallest of ``limits``."""
    if n_threads is None:
        return min(limits().values())
    n_threads = checks.check_int(n_threads, "n_threads", low=1, high=MAX_THREADS)
    return min(n_threads, MAX_TEAM)


@functools.cache
def _sched_getcpu() -> Any:
    """The C library's function, or OSError, AttributeError: to load the library makes a class each time."""
    return ctypes.CDLL(None).sched_getcpu


def assign_cores(n: int) -> Sequence[int | None]:
    """A core for the caller, the one it is on, and for each of n workers, not the caller's while there are others; None
    where nobody can tell.
    """
    if n == 0 or not hasattr(os, "sched_getaffinity"):
        return [None] * (n + 1)
    try:
        here = int(_sched_getcpu()())
    except (OSError, AttributeError):
        return [None] * (n + 1)
    others = sorted(os.sched_getaffinity(0) - {here})
    return [here, *(others[i % len(others)] for i in range(n))] if others else [None] * (n + 1)


def move(thread: int, core: int | None) -> None:
    """Move a thread, by its native number, to a core, and let the system move it on if it must.

    Left alone, a thread that has slept is often woken on the core of the one that wakes it, where the two of a team
    take turns until the system notices: measured up to a second.
    """
    if core is None:
        return
    with contextlib.suppress(OSError):
        allowed = os.sched_getaffinity(thread)
        # One call of a C function: no exception comes between its two steps, which would leave the thread one core for
        # ever, and no other thread, which would take that one core for all that are allowed.
        list(map(os.sched_setaffinity, (thread, thread), ({core}, allowed)))


class _Worker:
    """What stands for a thread of the pool. Only the thread's own storage holds it, so it is gone when the thread is.

    A local variable would not do: an error that is kept keeps its traceback's frames and those that called them.
    """

    __slots__ = ("__weakref__",)


_here = threading.local()


class Task(Protocol):
    """What a thread of the pool runs, once.

    The pool does not hold it: a task is one that a queue or a thread still has.
    """

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more, so that its thread is about to be free."""

    def run(self) -> None:
        """Run it."""


def _serve(tasks: queue.SimpleQueue[Task], workers: list[Any], ready: Any) -> None:
    """What a thread of the pool does: tasks, one after the other, for as long as the process lives.

    An exception ends the thread; who waits for its task sees that the task is gone.
    """
    threading.current_thread().name = "fastbp"
    _here.worker = _Worker()
    workers.append(weakref.ref(_here.worker, workers.remove))
    ready.release()
    while True:
        tasks.get().run()


class ThreadPool:
    """Threads that wait for tasks.

    An exception, Ctrl-C above all, may come between any two lines of the thread that uses the pool. So there are no
    lists of who is free and who is taken, which have to be kept: how many threads there are, and how many tasks they
    have, follows from which of them still exist.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._workers: list[weakref.ref[_Worker]] = []
        self._tasks: list[weakref.ref[Task]] = []

    def submit(self, task: Task) -> None:
        """Have a task run by the next thread that is free."""
        self._queue.put(task)  # first: a kept traceback would keep one that is counted and never put
        self._tasks.append(weakref.ref(task, self._tasks.remove))

    def provide(self, n: int) -> int:
        """Start threads until n tasks more would find one each. How many would: less where the system refuses."""
        free = len(self._workers) - self.n_tasks()
        while free < n and self._start():
            free += 1
        return max(0, min(n, free))

    def n_threads(self) -> int:
        """Threads of the pool."""
        return len(self._workers)

    def n_tasks(self) -> int:
        """Tasks that wait for a thread or have one, but for those that are over."""
        return sum(task is not None and not task.over for task in [known() for known in list(self._tasks)])

    def _start(self) -> bool:
        """Start a thread and wait until it counts. Whether that went well."""
        ready = _thread.allocate_lock()
        ready.acquire()
        try:
            start_new_thread(_serve, (self._queue, self._workers, ready))
        except RuntimeError:  # can't start new thread
            return False
        return ready.acquire(timeout=START_SECONDS)


_pool = ThreadPool()


def current() -> ThreadPool:
    """The pool of this process."""
    return _pool


def _forget() -> None:
    """In a forked child: the threads stayed with the parent."""
    global _pool
    _pool = ThreadPool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def in_use() -> bool:
    """Whether a team is at work in this process: another one would only be in its way."""
    return _pool.n_tasks() > 0


@atexit.register
def _drain() -> None:
    """Leave no thread inside a kernel while the interpreter goes away."""
    end = time.monotonic() + 1.0
    while in_use() and time.monotonic() < end:
        time.sleep(0.001)
