"""The team of threads that runs a training, and predictions split between threads.

A KeyboardInterrupt may come between any two lines here, and may leave any function before its end. Nothing that must
happen stands in such a place: what a call leaves behind ends by itself. Threads at the gate leave it after a moment
(`kernels.team`), threads with samples of a prediction finish those, and no thread is inside a slice while Python runs.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from fastbp import jit
from fastbp.kernels import layout
from fastbp.kernels.records import NEVER, RUNNING, Layers, Training, Workspace
from fastbp.kernels.schedules import data_parallel
from fastbp.kernels.team import CLOSED, GATE, RUN
from fastbp.runtime import pool
from fastbp.runtime.plan import Plan

ROWS_OPERATIONS = 1e5 if jit.DISABLED else 5e7
"""Floating-point operations of the samples that a prediction takes at a time, if a tile has no more: some 1 ms."""


class _Service:
    """Thread t of a team, from its coming until the gate is closed."""

    def __init__(
        self, training: Training, gate: Any, t: int, cores: dict[int, int | None], errors: list[BaseException]
    ) -> None:
        self._training, self._gate, self._t, self._cores, self._errors = training, gate, t, cores, errors

    @property
    def over(self) -> bool:
        return bool(self._gate[0].slice == CLOSED)

    def run(self) -> None:
        try:
            for thread, core in self._cores.items():
                pool.move(thread or threading.get_native_id(), core)
            code_of_work(self._training)(self._training, self._gate, self._t)
        except BaseException as error:
            self._errors.append(error)
        finally:
            self._gate[0].slice = CLOSED


class _Session:
    """Threads at one gate. It ends when the gate is closed, and a new one takes its place."""

    def __init__(self, training: Training, size: int) -> None:
        self.pool = pool.current()
        self.gate = layout.aligned(size, GATE)
        self.errors: list[BaseException] = []
        here, *cores = pool.assign_cores(size - 1)
        caller = threading.get_native_id()
        self._services = []  # weak: a service that is gone will not come
        self.pool.provide(size - 1)
        for t, core in enumerate(cores, 1):
            moves = {0: core} if t > 1 else {caller: here, 0: core}
            service = _Service(training, self.gate, t, moves, self.errors)
            self._services.append(weakref.ref(service))
            self.pool.submit(service)

    def is_lost(self) -> bool:
        """Whether a thread has gone without closing the gate."""
        gone = any(known() is None for known in self._services)
        return gone and self.gate[0].slice != CLOSED

    def wait(self) -> None:
        """See to it that there are threads for those that have not come yet."""
        self.pool.provide(0)
        if not self.pool.n_threads():
            raise RuntimeError("The system starts no threads any more; the weights are those of the last minibatch.")

    def close(self) -> None:
        self.gate[0].slice = CLOSED


class _Asked(NamedTuple):
    """Those of the `FLAGS` that say what a slice is, and what they are when it begins."""

    first: int
    last: int
    done: int
    begun: int
    at_most: int
    status: int = RUNNING
    leaving: int = NEVER
    ticket: int = 0


class _Reached(NamedTuple):
    """Those that say how far it has come."""

    done: int
    begun: int
    status: int


teams: list[weakref.ref[Any]] = []
"""Teams, and single threads, that update weights; those that are gone, or whose call has ended, do not count."""


def require_alone(others: Iterable[weakref.ref[Any]], theta: Any) -> None:
    """RuntimeError where one of these updates these weights."""
    for known in others:
        other = known()
        if other is not None and other.trains(theta):
            raise RuntimeError(
                "This network is being trained already, by a call that has not ended; two at a time would mix their "
                "steps. Wait for it, or train a copy: net.copy()."
            )


def is_on_stack(thread: int, frame_id: int) -> bool:
    """Whether a call has not ended: whether its frame is on its thread's stack."""
    frame = sys._current_frames().get(thread)
    while frame is not None and id(frame) != frame_id:
        frame = frame.f_back
    return frame is not None


class ThreadTeam:
    """Thread 0 (the caller's) and others, resident in ``data_parallel.work`` while the context lasts.

    The number of threads of the training is at most that of the threads really there, ``ThreadTeam.size``.
    """

    def __init__(self, n_threads: int) -> None:
        self.size = 1 + pool.current().provide(n_threads - 1)
        self.batch = 0
        """Samples of a minibatch, once there is a training."""
        self._training: Training | None = None
        self._session: _Session | None = None
        self._gate_alone = _shared_gate.get(CLOSED_GATE)
        self._thread = threading.get_ident()
        self._frame = id(sys._getframe(1))

    def __enter__(self) -> ThreadTeam:
        return self

    def start(self, training: Training) -> None:
        """Send the threads into the kernel, where they wait for the first slice.

        Raises
        ------
        RuntimeError
            The training updates weights that another training updates.
        """
        code_of_work(training)  # before any thread needs it
        self._training, self.batch = training, training.control.batch
        flags = training.control.flags  # several fields at once, as a tuple: an epoch may be a few microseconds
        self._asked, self._reached = flags[list(_Asked._fields)], flags[list(_Reached._fields)]
        self._tile = int(training.workspace.offsets["tile"][0])
        if training.optimizer.updating:
            self._require_alone()
        if training.control.n_threads > 1:
            self._session = _Session(training, training.control.n_threads)

    def change(self, training: Training) -> None:
        """Go on with the same training in the memory of another plan, of as many threads as the team has at most."""
        if self._session is not None:
            self._session.close()
        self._session, self._training = None, training
        self._tile = int(training.workspace.offsets["tile"][0])

    def _require_alone(self) -> None:
        mine: weakref.ref[ThreadTeam] = weakref.ref(self, teams.remove)
        teams.append(mine)  # first, so that of two at the same time the second one sees the first
        assert self._training is not None
        try:
            before = itertools.takewhile(lambda known: known is not mine, list(teams))
            require_alone(before, self._training.layers.theta)
        except RuntimeError:
            self._training = None
            raise

    def trains(self, theta: Any) -> bool:
        """Whether this team updates these weights, in a call that is still on its thread's stack."""
        training = self._training
        return training is not None and training.layers.theta is theta and is_on_stack(self._thread, self._frame)

    def run(self, first: int, last: int, begun: int = 0, part: float = 1.0) -> _Reached:
        """Minibatches first .. last - 1 in one slice, if they are not too long.

        Parameters
        ----------
        first, last : int
        begun : int
            Samples of minibatch ``first`` that the slice before has done.
        part : float
            Of a minibatch that takes several tiles: how much of it the slice may do, at least a tile.

        Returns
        -------
        done : int
            The number of the first minibatch that is not done.
        begun : int
            Samples of it that are done.
        status : int

        Raises
        ------
        RuntimeError
            A thread was lost, or could not work, before the first of these minibatches.
        """
        training = self._training
        assert training is not None
        at_most = max(1, int(part * self.batch / self._tile)) * self._tile
        self._asked[0] = _Asked(first=first, last=last, done=first, begun=begun, at_most=at_most)
        if training.control.n_threads == 1:
            code_of_work(training)(training, self._gate_alone, 0)
        else:
            while not self._run_slice(training):
                pass
        return _Reached(*self._reached.item())

    def _run_slice(self, training: Training) -> bool:
        """Run a slice if all threads are there, else see to it that they come. Whether it ran."""
        session = self._session
        if session is None or session.pool is not pool.current():  # of the process that this one was forked from
            session = self._session = _Session(training, training.control.n_threads)
        status = code_of_work(training)(training, session.gate, 0)
        if status == RUN:
            return True
        if session.errors or session.is_lost():
            session.close()
            self._session = None
            cause = session.errors[0] if session.errors else None
            raise RuntimeError("A thread was lost; the weights are those of the last whole minibatch.") from cause
        if status == CLOSED:  # after a long pause
            self._session = None
        else:
            session.wait()
        return False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._session is not None:
            self._session.close()
        self._training = self._session = None


CLOSED_GATE = np.full(2, CLOSED, GATE)
_shared_gate: ContextVar[Any] = ContextVar("shared_gate")


def share_spin_lock() -> None:
    """From here on, in this context and its copies: teams of one thread hold one spin lock while they are in Python."""
    _shared_gate.set(layout.aligned(2, GATE))


_code_of_outputs: dict[int, Any] = {}
_code_of_work: dict[int, Any] = {}


def _outputs(layers: Layers, data: tuple[Any, ...], workspace: Workspace, out: tuple[Any, ...]) -> Any:
    """``data_parallel.outputs``, compiled or loaded for arguments of these types: one code for each dtype of nets.

    Numba would find out the types of eighteen arguments in each call, which takes as long as a row of a small net.
    """
    size = layers.theta.itemsize
    code = _code_of_outputs.get(size)
    if code is None:
        plain = tuple(layers), tuple(data), tuple(workspace), out, 0, 0, 0
        code = _code_of_outputs[size] = jit.machine_code(data_parallel.outputs, *plain)
    return code


def code_of_work(training: Training) -> Any:
    """``data_parallel.work``, likewise; with it that of predictions: who trains will predict.

    The first prediction, or evaluation between epochs, then finds it in memory, and one of a later process on disk; and
    other threads never wait for a compiler.
    """
    size = training.layers.theta.itemsize
    code = _code_of_work.get(size)
    if code is None:
        layers, data, _, workspace, _ = training
        _outputs(layers, data, workspace, (np.empty((0, 1), layers.theta.dtype), np.empty(0), np.empty(0, np.int64)))
        code = _code_of_work[size] = jit.machine_code(data_parallel.work, training, CLOSED_GATE, 0)
    return code


def rows_at_a_time(n: int, flops: float, tile: int, n_threads: int = 1) -> int:
    """Samples of a prediction between two looks at Ctrl-C, and that a thread takes: whole tiles where there are enough.

    With less than a tile weights would be packed as often for fewer samples: 4,096 rows of 784-1024-1024-10, 13 at a
    time, took 2.9 times as long.
    """
    least = 1 if jit.DISABLED else tile
    step = max(least, int(ROWS_OPERATIONS * n / flops) // least * least) if flops else n
    if n_threads > 1:
        step = min(step, max(-(-n // (4 * n_threads)), min(least, -(-n // n_threads))))
    return max(1, min(n, step))


class _Shares:
    """Samples of a prediction that the team's threads take, some rows at a time.

    Rows are taken with one call of a C function, so no two threads get the same ones; what a thread has finished is in
    a queue, so that none waits for a thread that has taken nothing.
    """

    def __init__(self, outputs: Any, arguments: tuple[Any, Any, Any, Any], n: int, step: int) -> None:
        self.outputs, self.arguments, self.n, self.step = outputs, arguments, n, step
        self.starts: Iterator[int] = iter(range(0, n, step))
        self.finished: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self.over = False

    def take(self, t: int) -> int:
        """As thread t, take rows until there are no more; how often."""
        count = 0
        for start in self.starts:
            if self.over:
                break
            self.outputs(*self.arguments, start, min(start + self.step, self.n), t)
            count += 1
            if t:
                self.finished.put(None)
        return count


class _Share:
    """Thread t of a prediction."""

    def __init__(self, shares: _Shares, t: int, core: int | None) -> None:
        self._shares, self._t, self._core = shares, t, core
        self._ended = False

    @property
    def over(self) -> bool:
        return self._ended or self._shares.over

    def run(self) -> None:
        try:
            pool.move(threading.get_native_id(), self._core)
            self._shares.take(self._t)
        except BaseException as error:
            self._shares.finished.put(error)
        finally:
            self._ended = True  # the error's traceback keeps it


def run_outputs(
    layers: Layers, data: tuple[Any, ...], workspace: Workspace, out: tuple[Any, ...], plan: Plan, flops: float
) -> None:
    """``data_parallel.outputs`` over all samples, split between threads; Python looks at Ctrl-C in between.

    Raises
    ------
    RuntimeError
        A thread was lost on the way.
    """
    n, n_threads = len(out[0]), plan.n_threads
    arguments = layers, data, workspace, out
    outputs = _outputs(*arguments)  # before any thread needs it: the others never wait for a compiler
    if n_threads == 1 and flops <= ROWS_OPERATIONS:
        outputs(*arguments, 0, n, 0)
        return
    if n_threads > 1:
        n_threads = 1 + pool.current().provide(n_threads - 1)
    step = rows_at_a_time(n, flops, plan.tile, n_threads)
    if n_threads == 1:
        for x in range(0, n, step):
            outputs(*arguments, x, min(x + step, n), 0)
        return
    shares = _Shares(outputs, arguments, n, step)
    try:
        tasks = []  # weak: one that is gone finishes nothing more
        _, *cores = pool.assign_cores(n_threads - 1)
        for t, core in enumerate(cores, 1):
            share = _Share(shares, t, core)
            tasks.append(weakref.ref(share))
            pool.current().submit(share)
        del share
        left = len(range(0, n, shares.step)) - shares.take(0)
        while left > 0:
            gone = all(known() is None for known in tasks)  # before looking: what they finished is in the queue
            with contextlib.suppress(queue.Empty):
                error = shares.finished.get(timeout=0.1)
                if error is not None:
                    raise RuntimeError("A thread was lost; there is no prediction.") from error
                left -= 1
                continue
            if gone:
                raise RuntimeError("A thread was lost; there is no prediction.")
    finally:
        shares.over = True
