"""An exception at every line of the runtime that one call executes, and what is left afterwards.

A program of its own: ``python tests/contracts/injection.py CALL caller``, or ``worker``. Python's own tracing finds the
lines and raises there, in the thread that calls or in fastbp's. Afterwards all calls must come to the same bits, and no
thread may have been lost. A hang ends in a traceback of all threads after ten minutes without progress.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from scipy.sparse import csr_array

import fastbp
from fastbp.arrays import Targets
from fastbp.runtime import csr, pool
from fastbp.training.minibatches import Samples
from fastbp.training.trainer import Trainer

ROOM = str(Path(fastbp.__file__).parent / "runtime")
OCCURRENCES = 3
"""How often a line is interrupted: the first times that a call comes to it."""
TRIES = 200
"""Calls that wait for the line to be come to: a worker may come too late to take any of a small one."""
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
        self.raised = False

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        return self.at_line

    def at_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and not self.raised:
            place = frame.f_code.co_filename, frame.f_lineno
            self.lines[place] = self.lines.get(place, 0) + 1
            if place == self.target and self.lines[place] == self.occurrence:
                self.raised = True
                raise Injected
        return self.at_line


class Spy:
    """A task that has its thread traced from then on."""

    over = True

    def __init__(self, tracer: Tracer | None) -> None:
        self.tracer, self.done = tracer, threading.Event()

    def run(self) -> None:
        sys.settrace(self.tracer)
        frame = sys._getframe().f_back
        assert frame is not None
        frame.f_trace = None if self.tracer is None else self.tracer.at_line
        self.done.set()


def trace(tracer: Tracer | None, where: str) -> None:
    """Trace this thread or those of fastbp that are free."""
    if where == "caller":
        sys.settrace(tracer)
        return
    threads = pool.current()
    threads.provide(1)
    for _ in range(threads.n_threads()):
        spy = Spy(tracer)
        done, known = spy.done, weakref.ref(spy)
        threads.submit(spy)
        del spy
        while not done.wait(0.01) and known() is not None:  # or its thread has just been ended
            pass


def threads() -> int:
    return sum(thread.name == "fastbp" for thread in threading.enumerate())


def main(name: str, where: str) -> None:
    call = CALLS[name]
    expected = {name: call(network()) for name, call in CALLS.items()}
    tracer = Tracer()
    trace(tracer, where)
    assert call(network()) == expected[name]
    trace(None, where)
    places = [(place, i) for place, n in tracer.lines.items() for i in range(1, min(n, OCCURRENCES) + 1)]
    raised = 0
    kept = []  # as an interactive session keeps the last traceback, and with it all that the call's frames hold
    for place, occurrence in places:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        for _ in range(TRIES):
            tracer = Tracer(place, occurrence)
            net = network()
            trace(tracer, where)
            try:
                result = call(net)
            except (KeyboardInterrupt, RuntimeError) as error:
                kept[:] = [error]
            else:
                assert result in (expected[name], b""), f"a wrong result after {place}, {occurrence}"
            finally:
                came = tracer.raised
                tracer.raised = True  # nothing more, also in a thread that is still traced because it is not free
                trace(None, where)
            if came:
                raised += 1
                break
        with contextlib.suppress(KeyboardInterrupt):
            call(net)  # the same network can go on
        for other, function in CALLS.items():
            assert function(network()) == expected[other], f"{other} is wrong after {place}, {occurrence}"
        assert threads() <= MOST_THREADS, f"{threads()} threads after {place}, {occurrence}"
    faulthandler.cancel_dump_traceback_later()
    kept.clear()
    least = 0.9 if where == "caller" else 0.5
    assert raised > least * len(places), f"only {raised} exceptions for {len(places)} places"
    sys.stdout.write(f"{raised} exceptions at {len(places)} places\n")


if __name__ == "__main__":
    sys.unraisablehook = lambda _: None  # threads that an exception ends
    main(sys.argv[1], sys.argv[2])
