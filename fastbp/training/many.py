"""`train_many`: many networks at a time, each on a thread of its own."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from fastbp import synonyms
from fastbp.errors import DivergenceError, argument_error, renamed
from fastbp.network import Network, not_a_network
from fastbp.runtime import pool, team
from fastbp.runtime.plan import choose_threads
from fastbp.training.callbacks import Callback, CSVLog, JSONLines, as_callbacks
from fastbp.training.checkpoints import Checkpoint
from fastbp.training.history import Run
from fastbp.training.minibatches import sharing_samples
from fastbp.training.prepared import Prepared
from fastbp.training.progress import as_bar_of_many
from fastbp.training.standard import train

prepare: Callable[..., Prepared] = vars(train)["prepare"]

OF_EACH = ("X", "Y", "optimizer", "epochs", "seed", "sample_weight", "validation", "continuing", "checkpoint")
"""Arguments of which a list holds one for each network."""

ONLY_OF_EACH = ("continuing", "checkpoint")
"""Those that belong to one network."""


def _with_options_of_train(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the signature is that of `train`, but for the networks and what is returned."""
    known: Any = inspect.signature(train)
    _, *others = known.parameters.values()
    nets = inspect.Parameter("nets", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Iterable[Network]")
    changed: Any = function
    changed.__signature__ = known.replace(parameters=[nets, *others], return_annotation="list[Run]")
    return function


@synonyms.answering(
    "train_many",
    synonyms.TRAIN,
    lambda _: "It takes nets, X and Y so, and all else by name: epochs=30, seed=[0, 1, 2], say.",
)
@_with_options_of_train
def train_many(nets: Iterable[Network], X: Any, Y: Any, **options: Any) -> list[Run]:
    """Train many networks in place, each on one thread, with the bits that `train` gives it alone.

    The threads take the networks one after the other, so that none waits while there are any left. All is checked, for
    all networks, before any is trained; samples that are the same for all are checked and converted once.

    Parameters
    ----------
    nets : iterable of Network
        No network may be there twice.
    X, Y, optimizer, epochs, seed, sample_weight, validation
        As in `train`: one for all networks, or a list, which holds one for each. A list is never taken for samples or
        labels; pass these as arrays.
    continuing, checkpoint : list, optional
        What each network's run goes on from, and the file of its state: one for each, or None.
    callbacks : iterable of Callback or function
        For all networks; ``run.net`` says which one a call is about. No two are called at the same time. `CSVLog` and
        `JSONLines` write the file of one run, and are refused.
    progress : bool
        True shows one progress bar for all (needs ``rich``).
    n_threads : int, optional
        Networks that are trained at a time. Default: chosen from the machine.
    **options
        All other arguments of `train`, for all networks.

    Returns
    -------
    list of Run
        In the order of the networks. A run that diverged has its ``error``; the others are not concerned. Ctrl-C ends
        them all within 0.1 s and one minibatch, at a minibatch boundary, with ``stopped="interrupted"``; while the
        arguments are checked, before any training begins, it raises KeyboardInterrupt as ever.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be trained on, before any kernel runs; the message names the network.
    MemoryError, RuntimeError
        As in `train`; the other networks then stop at a minibatch boundary. So they do where a callback raises.
    """
    checked = _checked(nets)
    n = len(checked)
    n_threads = choose_threads(options.pop("n_threads", None), n, 1.0)
    callbacks = [_of_all(callback) for callback in as_callbacks(options.pop("callbacks", ()))]
    bar = as_bar_of_many(options.pop("progress", False), n)
    in_turn = threading.Lock()
    watching = [_InTurn(callback, in_turn) for callback in (*callbacks, *([bar] if bar else []))]
    options |= {"X": X, "Y": Y}
    each = {name: _of_each(name, options.pop(name), n) for name in OF_EACH if name in options}
    _require_own_generators(each.get("seed", []))
    _require_own_files(each.get("checkpoint", []))
    trainings = []
    with sharing_samples():
        for i, net in enumerate(checked):
            with _about(i):
                own = {name: values[i] for name, values in each.items()}
                trainings.append(prepare(net, **own, **options, n_threads=1, callbacks=watching))
    try:
        return _Trainings(trainings).run(min(n_threads, n))
    finally:
        if bar:
            bar.close()


def _checked(nets: Any) -> list[Network]:
    """The networks, each of which is there once."""
    if isinstance(nets, Network) or not isinstance(nets, Iterable):
        raise argument_error(
            "nets", f"is {nets!r}; several networks are needed. Pass a list of them, or call fastbp.train.", TypeError
        )
    given: list[Network] = list(nets)
    place: dict[int, int] = {}
    for i, net in enumerate(given):
        if not isinstance(net, Network):
            raise renamed(not_a_network(net), {"net": f"nets[{i}]"})
        if id(net) in place:
            raise argument_error(
                "nets",
                f"has the same network in places {place[id(net)]} and {i}; two trainings at a time would mix their "
                "steps. Pass a copy: net.copy().",
            )
        place[id(net)] = i
    if not given:
        raise argument_error("nets", "is empty; at least one network is needed. Pass [fastbp.Network(...)], say.")
    return given


def _of_each(name: str, value: Any, n: int) -> list[Any]:
    """The argument of each network."""
    if isinstance(value, list):
        if len(value) == n:
            return value
        array = f", which is no list: numpy.asarray({name})" if name in ("X", "Y", "sample_weight") else ""
        raise argument_error(
            name, f"is a list of {len(value)}; a list has one for each of the {n} networks. Pass {n}, or one for "
            f"all{array}.",
        )  # fmt: skip
    if name in ONLY_OF_EACH and value is not None:
        raise argument_error(
            name, f"is {value!r}; it belongs to one network. Pass a list with one for each of the {n}.", TypeError
        )
    return [value] * n


def _require_own_generators(seeds: Sequence[Any]) -> None:
    """ValueError where two networks would draw from one generator, in whatever order their threads come to it."""
    drawing = np.random.Generator, np.random.BitGenerator, np.random.RandomState
    stateful = [id(seed) for seed in seeds if isinstance(seed, drawing)]
    if len(set(stateful)) < len(stateful):
        raise argument_error(
            "seed",
            "is one generator for several networks, whose draws would depend on their threads. Pass a number, or "
            "seed=generator.spawn(n) with one for each.",
        )


def _require_own_files(checkpoints: Sequence[Any]) -> None:
    """ValueError where two networks' checkpoints would be one file."""
    paths = [os.path.realpath(given.name) for given in checkpoints if isinstance(given, Checkpoint)]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise argument_error("checkpoint", f"has {twice!r} for several networks. Pass another name for each.")


def _of_all(callback: Callback) -> Callback:
    """The callback, if it can watch several runs."""
    if isinstance(callback, CSVLog | JSONLines):
        raise argument_error(
            "callbacks",
            f"holds a {type(callback).__name__}, which writes the file of one run. Pass a function f(run), which finds "
            "the network as run.net, or write run.history of each run afterwards.",
        )
    return callback


@contextlib.contextmanager
def _about(i: int) -> Iterator[None]:
    """Context in which errors about arguments say which network they are about."""
    try:
        yield
    except (ValueError, TypeError, MemoryError) as error:
        error.args = (f"nets[{i}]: {error}",)
        raise


class _InTurn(Callback):
    """A callback that is never called twice at a time."""

    def __init__(self, callback: Callback, lock: Any) -> None:
        self._callback, self._lock, self.every = callback, lock, callback.every

    def on_train_begin(self, run: Run) -> None:
        with self._lock:
            self._callback.on_train_begin(run)

    def on_progress(self, run: Run) -> None:
        with self._lock:
            self._callback.on_progress(run)

    def on_minibatch(self, run: Run) -> None:
        with self._lock:
            self._callback.on_minibatch(run)

    def on_epoch_end(self, run: Run) -> None:
        with self._lock:
            self._callback.on_epoch_end(run)

    def on_train_end(self, run: Run) -> None:
        with self._lock:
            self._callback.on_train_end(run)


class _Watch(Callback):
    """Knows the run of a training while it lasts, and ends it at once if all have been asked to stop."""

    def __init__(self, trainings: _Trainings) -> None:
        self._trainings = trainings
        self.run: Run | None = None

    def on_train_begin(self, run: Run) -> None:
        self.run = run  # first: whoever asks all to stop then finds it
        if self._trainings.stopping:
            run.stopped = "interrupted"


class _Trainings:
    """Trainings that several threads take, one after the other.

    A KeyboardInterrupt may come between any two lines of the thread that calls `run`, and of no other.
    """

    def __init__(self, trainings: Sequence[Prepared]) -> None:
        self.stopping = False
        self._trainings = trainings
        self._watches = [_Watch(self) for _ in trainings]
        for training, watch in zip(trainings, self._watches, strict=True):
            training.policy.callbacks.insert(0, watch)
        self._runs: list[Run | None] = [None] * len(trainings)
        self._next = iter(range(len(trainings)))
        self._errors: list[BaseException] = []
        self._workers: list[weakref.ref[_Worker]] = []  # weak: one that is gone takes nothing more
        self.ended: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self, n_threads: int) -> list[Run]:
        """The runs, in order; trained by so many threads, or by the caller if there are no others."""
        try:
            if n_threads > 1:
                self._submit(pool.current().provide(n_threads))
            self._finish()
        except KeyboardInterrupt:
            self.stop()
            self._finish()
        if self._errors:
            raise self._errors[0]
        runs = [run for run in self._runs if run is not None]
        if self.stopping and not any(run.stopped == "interrupted" for run in runs):
            runs[-1].stopped = "interrupted"  # Ctrl-C came when all were done: whoever called is told all the same
        return runs

    def stop(self) -> None:
        """Have all runs end at a minibatch boundary, and those to come before their first."""
        self.stopping = True
        for watch, done in zip(self._watches, self._runs, strict=True):
            if watch.run is not None and done is None:
                watch.run.stop()
                watch.run.stopped = "interrupted"

    def _submit(self, n_threads: int) -> None:
        here, *others = pool.assign_cores(n_threads - 1)
        context = contextvars.copy_context()
        if n_threads <= pool.effective(None):  # else who spins has the core of another: 1.9 times the time
            context.run(team.share_spin_lock)
        for core in (here, *others):  # the caller only waits
            worker = _Worker(self, core, context.copy())
            self._workers.append(weakref.ref(worker))
            pool.current().submit(worker)

    def _finish(self) -> None:
        """Wait for the threads; what none of them has trained is the caller's."""
        while any(not (worker is None or worker.over) for worker in [known() for known in self._workers]):
            with contextlib.suppress(queue.Empty):
                self.ended.get(timeout=0.1)
        for i, done in enumerate(self._runs):
            if done is None and not self._errors:
                self._train(i)

    def take(self) -> None:
        """Train networks until there are no more. Each number is taken in one call of a C function, by one thread."""
        for i in self._next:
            self._train(i)

    def _train(self, i: int) -> None:
        """Train a network, unless its training has begun already: the caller's, which Ctrl-C has left."""
        watch = self._watches[i]
        run = watch.run
        if run is not None:
            run.stopped = run.stopped or "interrupted"
            self._runs[i] = run
            return
        try:
            run = self._trainings[i].run()
        except DivergenceError as error:
            run = watch.run
            assert run is not None
            run.error = error.with_traceback(None)  # whose frames would keep all that the training needed
        except Exception as error:
            error.add_note(f"While nets[{i}] was trained.")
            self.fail(error)
            return
        self._runs[i] = run
        if run.stopped == "interrupted" and not self.stopping:  # the caller was training itself
            self.stop()

    def fail(self, error: BaseException) -> None:
        """Note an error that ends everything."""
        self._errors.append(error)
        self.stop()


class _Worker:
    """A thread that takes trainings, in a context of its own."""

    def __init__(self, trainings: _Trainings, core: int | None, context: contextvars.Context) -> None:
        self._trainings, self._core, self._context = trainings, core, context
        self.over = False

    def run(self) -> None:
        try:
            pool.move(threading.get_native_id(), self._core)
            self._context.run(self._trainings.take)
        except BaseException as error:
            self._trainings.fail(error)
        finally:
            self.over = True
            self._trainings.ended.put(None)
