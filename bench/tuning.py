"""What ``n_threads=None`` does of the best fixed number of threads: ``python -m bench.tuning [--busy CORE]``.

Each net is trained with one thread, with all, with the plan of the model of costs, and with the one that trainings find
as they measure; the four take turns, and medians count. With ``--busy`` another process is held to a core meanwhile.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np

import fastbp
from fastbp.compare import pin
from fastbp.runtime import tuning

SAMPLES = 2000

LOOP = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"


class Case(NamedTuple):
    """A network, and how it is trained."""

    sizes: tuple[int, ...]
    activation: Any
    optimizer: Any
    batch: int


DESCENT, ADAM = fastbp.SGD(0.01), fastbp.Adam(1e-4)
CASES = (
    Case((784, 30, 10), "sigmoid", DESCENT, 10),
    Case((784, 30, 10), "sigmoid", DESCENT, 32),
    Case((64, 32, 10), "sigmoid", DESCENT, 16),
    Case((4, 16, 16, 1), "tanh", DESCENT, 32),
    Case((784, 128, 64, 10), "relu", DESCENT, 128),
    Case((784, 512, 512, 10), "relu", DESCENT, 128),
    Case((784, 1024, 1024, 10), "relu", DESCENT, 256),
    Case((100, *(64,) * 8, 10), "relu", DESCENT, 64),
    Case((4, 32, 16, 4), "tanh", ADAM, 10_000),
    Case((10, 46, 46, 10), "relu", ADAM, 128),
    Case((784, 50, 10), "relu", DESCENT, 1),
    Case((4, 500, 1), "relu", ADAM, 128),
    Case((200, 100, 5), "tanh", DESCENT, 20),
    Case((30, 300, 300, 1), "relu", ADAM, 64),
    Case((1000, 20, 2), "relu", DESCENT, 8),
    Case((16, 64, 64, 64, 4), "tanh", ADAM, 256),
)
"""Those of the tables, and four that nothing was tuned on."""


def measure(case: Case, rounds: int, seconds: float) -> tuple[dict[str, float], Any]:
    """Microseconds of a minibatch in each way; the plan that was found."""
    n = max(SAMPLES, case.batch)
    rng = np.random.default_rng(0)
    X, Y = (rng.random((n, size), np.float32) for size in (case.sizes[0], case.sizes[-1]))
    activations = [case.activation] * (len(case.sizes) - 2) + ["sigmoid"]
    net = fastbp.Network(case.sizes, activations=activations, dtype="float32", seed=0)
    ways: dict[str, int | None] = {"1": 1, str(len(pin.cores())): len(pin.cores()), "model": None, "found": None}

    def train(way: str, epochs: int) -> tuple[float, Any]:
        tuning.ENABLED = way == "found"
        options: Any = {"optimizer": case.optimizer, "batch_size": case.batch, "n_threads": ways[way], "seed": 0}
        began = time.perf_counter()
        run = fastbp.train(net, X, Y, epochs=epochs, **options)
        return (time.perf_counter() - began) / epochs / run.n_minibatches * 1e6, run.plan

    train("model", 1)
    us, _ = train("model", 1)
    epochs = max(1, int(seconds / (us * 1e-6 * -(-n // case.batch))))
    for _ in range(4):
        train("found", epochs)
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            us, plan = train(way, epochs)
            taken[way].append(us)
    return {way: statistics.median(values) for way, values in taken.items()}, plan


def main() -> None:
    """Measure, and print a line for each net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.08, help="of a turn")
    parser.add_argument("--busy", type=int, help="core of a process that never rests")
    options = parser.parse_args()
    other = None
    if options.busy is not None:
        other = subprocess.Popen([sys.executable, "-c", LOOP, str(options.busy)])
    sys.stdout.write(f"{len(pin.cores())} cores, load {os.getloadavg()[0]:.2f}, busy core: {options.busy}\n")
    try:
        for case in CASES:
            us, plan = measure(case, options.rounds, options.seconds)
            model, found = us.pop("model"), us.pop("found")
            best = min(us.values())
            times = ", ".join(f"{way} {value:.1f}" for way, value in us.items())
            sys.stdout.write(
                f"{'-'.join(map(str, case.sizes))} b{case.batch}: {times} us; of the best: model {model / best:.3f}, "
                f"found {found / best:.3f} ({plan.schedule}, {plan.n_threads} threads)\n"
            )
            sys.stdout.flush()
    finally:
        if other is not None:
            other.kill()


if __name__ == "__main__":
    main()
