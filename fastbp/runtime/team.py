"""The team of threads that runs a job, and predictions split between threads."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from fastbp.kernels import layout
from fastbp.kernels.job import Job
from fastbp.kernels.schedules import data_parallel
from fastbp.runtime import engine, pool


class ThreadTeam:
    """Thread 0 (the caller's) and its borrowed workers, resident in ``data_parallel.work`` while the context lasts.

    The number of threads in the job is that of the workers really there: build the job with ``ThreadTeam.size``.
    """

    def __init__(self, n_threads: int) -> None:
        self._workers = pool.borrow(n_threads - 1)
        self.size = len(self._workers) + 1
        self._job: Job | None = None
        self._core: int | None = None

    def __enter__(self) -> ThreadTeam:
        return self

    def start(self, job: Job) -> None:
        """Send the workers into the kernel, where they wait for the first slice."""
        _load_outputs(job)
        self._job = job
        self._core, *cores = pool.spread(len(self._workers))
        for t, (worker, core) in enumerate(zip(self._workers, cores, strict=True), 1):
            worker.hand(core, self._serve, job, t)

    @staticmethod
    def _serve(job: Job, t: int) -> None:
        try:
            data_parallel.work(job, t)
        except BaseException:
            job.control[layout.ABORT] = 1  # or the others would wait in the barrier for ever
            raise

    def run(self, first: int, last: int) -> tuple[int, int]:
        """Minibatches first .. last - 1; the number of the first one not done, and the status."""
        job = self._job
        assert job is not None
        control = job.control
        control[layout.FIRST], control[layout.LAST] = first, last
        control[layout.DONE], control[layout.STATUS] = first, layout.ABORTED
        control[layout.TURN] = control[layout.LEAVING] = 0
        pool.move_to(self._core)
        with engine.as_compiled():
            data_parallel.work(job, 0)
        return int(control[layout.DONE]), int(control[layout.STATUS])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._job is not None:
            self._job.control[layout.ABORT] = 1
        for worker in self._workers:
            worker.idle.wait()
        pool.give_back(self._workers)
        self._workers = []


def _arguments_of_outputs(job: Job, out: np.ndarray) -> tuple[Any, ...]:
    """The arguments of ``data_parallel.outputs`` but for samples and thread."""
    arrays = (job.theta, job.X, job.indices, job.indptr, job.Y, job.labels, job.layers, job.offsets, job.scratch)
    return (*arrays, job.sums, job.settings, out, job.L, job.tile, job.cost, job.targets, job.sparse)


_loaded: set[Any] = set()


def _load_outputs(job: Job) -> None:
    """Compile or load the code of predictions with that of training, once for each dtype: who trains will predict.

    The first prediction, or evaluation between epochs, then finds it in memory, and one of a later process on disk.
    """
    if job.theta.dtype not in _loaded:
        data_parallel.outputs(*_arguments_of_outputs(job, np.empty((0, 1), job.theta.dtype)), 0, 0, 0)
        _loaded.add(job.theta.dtype)


def run_outputs(job: Job, out: np.ndarray, n_threads: int) -> None:
    """``data_parallel.outputs`` over all samples of the job, split between threads."""
    n = len(out)
    args = _arguments_of_outputs(job, out)
    if n_threads == 1:
        with engine.as_compiled():
            data_parallel.outputs(*args, 0, n, 0)
        return
    workers = pool.borrow(n_threads - 1)
    try:
        T = len(workers) + 1
        here, *cores = pool.spread(T - 1)
        for t, (worker, core) in enumerate(zip(workers, cores, strict=True), 1):
            worker.hand(core, data_parallel.outputs, *args, n * t // T, n * (t + 1) // T, t)
        pool.move_to(here)
        data_parallel.outputs(*args, 0, n // T, 0)
    finally:
        for worker in workers:
            worker.idle.wait()
        pool.give_back(workers)
