"""An exception at every line of the runtime that one call executes, and what is left afterwards.

A program of its own: ``python tests/contracts/injection.py CALL caller``, or ``worker``. Python's own tracing finds the
lines and raises there, in the thread that calls or in fastbp's. Which lines a call comes to depends on who is first,
and on whether a thread fails: each of these is a scene that is set. Afterwards all calls must come to the same bits and
neither a thread nor a core may have been lost. A hang ends in a traceback of all threads after ten minutes without
progress. A line is interrupted once, in the first scene that comes to it; with ``whole`` as the last argument in every
scene, at its first three times, and the scene is played too that takes long.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from scipy.sparse import csr_array

import fastbp
from fastbp.runtime import csr, pool, team
from fastbp.targets import Targets
from fastbp.training.minibatches import Samples
from fastbp.training.trainer import Trainer

ROOM = str(Path(fastbp.__file__).parent / "runtime")
OCCURRENCES = 3
"""How often a line is interrupted: the first times that a call comes to it."""
REHEARSALS = 3
"""Calls that show which lines are come to: a disturbed one may come to some more often."""
TRIES = 100
"""Calls that wait for a line to be come to, on a machine that does much else."""
PATIENCE = 600
"""Seconds without progress that are a hang, also on a machine that does much else."""
THREADS = 2
MOST_THREADS = 8
"""fastbp's threads that a process may have after hundreds of interrupts: those of a team and of predictions."""

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((96, 12)), rng.integers(0, 3, 96)
CHECK = rng.standard_normal((300, 12))
SPARSE = csr_array(np.where(rng.random(X.shape) < 0.3, X, 0))


def network() -> fastbp.Network:
    return fastbp.Network([12, 9, 3], activations=["sigmoid", "softmax"], cost="cross_entropy", seed=0)


def training(net: fastbp.Network) -> bytes:
    """Weights after three epochs; of a run that was interrupted, b""."""
    run = fastbp.train(net, X, Y, epochs=3, batch_size=32, seed=1, n_threads=THREADS, validation=(CHECK, [0] * 300))
    return b"" if run.stopped else net.theta.tobytes()


def prediction(net: fastbp.Network) -> bytes:
    return net.feedforward(CHECK, n_threads=THREADS).tobytes()


def gradient(net: fastbp.Network) -> bytes:
    g = net.gradient(X, Y, n_threads=THREADS)
    return b"".join(part.tobytes() for part in (*g.w, *g.b))


def sparse(net: fastbp.Network) -> bytes:
    """The gradient and the outputs of samples of which only some values are stored."""
    rows = csr.as_rows(SPARSE, net.dtype)
    trainer = Trainer(net, None, batch_size=len(rows), n_threads=THREADS)

    def solve(g: np.ndarray, evaluate: Callable[[], Any]) -> bytes:
        evaluate()
        return g.tobytes()

    g = trainer.minimize(Samples(rows, Targets(None, Y), None), solve)
    return g + net._outputs(rows, None, THREADS)[0].tobytes()


CALLS: dict[str, Callable[[fastbp.Network], bytes]] = {
    "training": training,
    "prediction": prediction,
    "gradient": gradient,
    "sparse": sparse,
}


class Injected(KeyboardInterrupt):
    """What is raised."""


class Tracer:
    """Counts how often each line is come to, and raises at one of them."""

    def __init__(self, target: tuple[str, int] | None = None, occurrence: int = 1) -> None:
        self.target, self.occurrence = target, occurrence
        self.lines: dict[tuple[str, int], int] = {}
        self.over = False

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        return self.at_line

    def at_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and not self.over:
            place = frame.f_code.co_filename, frame.f_lineno
            self.lines[place] = self.lines.get(place, 0) + 1
            if place == self.target and self.lines[place] == self.occurrence:
                self.over = True
                raise Injected
        return self.at_line


class Stage:
    """Which scene is set, and who traces fastbp's threads."""

    scene = ""
    tracer: Tracer | None = None
    waited = False
    """Whether the caller has found that a thread of its team is missing."""


SCENES = {
    "caller": ("workers first", "caller first", "late", "failing", "lost"),
    "worker": ("workers first", "caller first", "failing", "interrupted"),
}
"""A worker comes first, or the caller does; the caller is so late that the gate is closed; a worker fails in what it
does; a worker is gone without a word; the caller is interrupted before the worker begins.
"""
ENDS_IN_AN_EXCEPTION = "failing", "lost", "interrupted"


def hold(scene: str, over: Callable[[], bool]) -> None:
    """Wait in this scene until something has come about; for no thread that there is no more."""
    while Stage.scene == scene and not over() and pool.current().n_threads():
        time.sleep(0.0002)


class Shares(team._Shares):
    """Samples of a prediction, taken in the order of the scene."""

    taken = ended = False

    def take(self, t: int) -> int:
        if t == 0:
            for scene in "workers first", "failing", "lost":
                hold(scene, lambda: self.ended)
            if Stage.scene == "interrupted":
                raise KeyboardInterrupt
        elif Stage.scene in ("failing", "lost"):
            next(self.starts)
            raise MemoryError
        try:
            return super().take(t)
        finally:
            self.taken = self.taken or t == 0


class Share(team._Share):
    def run(self) -> None:
        shares: Any = self._shares
        hold("caller first", lambda: shares.taken or self.over)
        hold("interrupted", lambda: self.over)
        try:
            if Stage.scene == "lost":
                shares.take(self._t)
            super().run()
        finally:
            shares.ended = True


class Session(team._Session):
    """A team, of which the caller or the others are there first."""

    def __init__(self, training: Any, size: int) -> None:
        super().__init__(training, size)
        hold("workers first", lambda: self.is_closed() or all(self.gate[1:]["present"]))
        if not Stage.waited:
            hold("late", self.is_closed)
            Stage.waited = Stage.scene == "late"
        if Stage.scene == "interrupted":
            raise KeyboardInterrupt

    def is_closed(self) -> bool:
        return bool(self.gate[0].slice == team.CLOSED)

    def wait(self) -> None:
        Stage.waited = True
        super().wait()


class Service(team._Service):
    def run(self) -> None:
        hold("caller first", lambda: Stage.waited or self.over)
        hold("interrupted", lambda: self.over)
        if Stage.scene == "lost":
            raise SystemExit
        if Stage.scene == "failing":
            self._cores = {0: "no core"}  # type: ignore[dict-item]
        super().run()


serve = pool._serve


def serve_traced(*arguments: Any) -> None:
    sys.settrace(Stage.tracer)
    serve(*arguments)


team._Shares, team._Share, team._Session, team._Service = Shares, Share, Session, Service  # type: ignore[misc]
pool._serve = serve_traced


class Roll:
    """A call of the roll, which threads answer that are free."""

    def __init__(self) -> None:
        self.answers, self.over, self.ends = 0, False, False


class Answer:
    """A task for every thread: none gets two, because all wait for the last."""

    over = True

    def __init__(self, roll: Roll) -> None:
        self.roll = roll

    def run(self) -> None:
        self.roll.answers += 1
        while not self.roll.over:
            time.sleep(0.0002)
        if self.roll.ends:
            raise SystemExit


def call_the_roll(*, end: bool = False) -> None:
    """Wait until all threads of the pool are free, or gone; and end them."""
    roll, threads, called = Roll(), pool.current(), 0
    while roll.answers < threads.n_threads():
        for _ in range(threads.n_threads() - called):  # one that was being started may count a little later
            threads.submit(Answer(roll))
            called += 1
        time.sleep(0.0002)
    roll.ends, roll.over = end, True
    if end:
        while threads.n_threads():
            time.sleep(0.0002)
        assert threads.n_tasks() == 0, "a task is taken for one that somebody waits for"
        pool._forget()


def threads() -> int:
    return sum(thread.name == "fastbp" for thread in threading.enumerate())


def cores() -> object:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def perform(
    call: Callable[[fastbp.Network], bytes], net: fastbp.Network, scene: str, where: str, tracer: Tracer
) -> Any:
    """What a call comes to whose threads have all been started in it, bits or an exception."""
    Stage.scene, Stage.waited, Stage.tracer = scene, False, tracer if where == "worker" else None
    sys.settrace(tracer if where == "caller" else None)
    try:
        return call(net)
    except (KeyboardInterrupt, RuntimeError) as error:
        return error
    finally:
        sys.settrace(None)
        Stage.scene = ""
        call_the_roll()
        tracer.over = True
        Stage.tracer = None


def rehearse(call: Callable[[fastbp.Network], bytes], scene: str, where: str, expected: bytes) -> dict[Any, int]:
    """The lines that a call comes to, and how often at least: 0 where it depends on who is faster."""
    rehearsed: list[dict[Any, int]] = []
    for _ in range(REHEARSALS):
        tracer = Tracer()
        result = perform(call, network(), scene, where, tracer)
        assert isinstance(result, BaseException) if scene in ENDS_IN_AN_EXCEPTION else result == expected, result
        call_the_roll(end=True)
        rehearsed.append(tracer.lines)
    return {place: min(lines.get(place, 0) for lines in rehearsed) for place in set().union(*rehearsed)}


def main(name: str, where: str, whole: bool) -> None:
    call = CALLS[name]
    expected = {name: call(network()) for name, call in CALLS.items()}
    allowed = cores()
    call_the_roll(end=True)
    places: list[tuple[str, tuple[str, int], int]] = []
    certain: list[tuple[str, tuple[str, int], int]] = []
    for scene in SCENES[where] if whole else [scene for scene in SCENES[where] if scene != "late"]:
        known = set() if whole else {place for _, place, _ in places}
        for place, n in rehearse(call, scene, where, expected[name]).items():
            if place not in known:
                places += [(scene, place, i) for i in range(1, min(max(n, 1), OCCURRENCES if whole else 1) + 1)]
                certain += [(scene, place, 1)] if n else []
    missed, rare = [], []
    kept = []  # as an interactive session keeps the last traceback, and with it all that the call's frames hold
    for at in places:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        scene, place, occurrence = at
        for _ in range(TRIES):
            tracer, net = Tracer(place, occurrence), network()
            pool.START_SECONDS = 0.5 if where == "worker" else 10.0  # it may be a thread's first line
            kept[:] = [perform(call, net, scene, where, tracer)]
            pool.START_SECONDS = 10.0
            assert isinstance(kept[0], BaseException) or kept[0] in (expected[name], b""), f"a wrong result: {at}"
            if tracer.lines.get(place, 0) == occurrence:
                break
            call_the_roll(end=True)
        else:  # whether a loop goes round again may depend on who is faster
            (missed if at in certain else rare).append(at)
        with contextlib.suppress(KeyboardInterrupt):
            call(net)  # the same network can go on
        for other, function in CALLS.items():
            assert function(network()) == expected[other], f"{other} is wrong: {at}"
        assert threads() <= MOST_THREADS, f"{threads()} threads: {at}"
        assert cores() == allowed, f"a thread has only some of its cores: {at}"
        call_the_roll(end=True)
    faulthandler.cancel_dump_traceback_later()
    kept.clear()
    assert places
    assert not missed, f"no exception was raised at {missed}"
    sys.stdout.write(f"exceptions at {len(places) - len(rare)} places, {len(rare)} more were not come to again\n")


if __name__ == "__main__":
    sys.unraisablehook = lambda _: None  # threads that an exception ends
    main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["whole"])
