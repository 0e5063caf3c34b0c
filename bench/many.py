"""What `fastbp.train_many` does of the work of as many processes as it has threads: ``python -m bench.many``.

Processes that train half of the networks each, one after the other on one thread, and one process that trains all of
them take turns. The ratio is the quotient of the least times: 1 where a thread is worth a process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from typing import Any, NamedTuple

import numpy as np

import fastbp

WORKERS = 2
SAMPLES = 1797


class Case(NamedTuple):
    """Networks of one kind, and how they are trained."""

    sizes: tuple[int, ...]
    batch: int


CASES = (Case((4, 16, 16, 1), 32), Case((64, 100, 10), 200))


def make(case: Case, n: int) -> tuple[list[fastbp.Network], np.ndarray, np.ndarray]:
    """That many networks, samples and labels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, case.sizes[0])).astype(np.float32)
    Y = rng.integers(0, max(2, case.sizes[-1]), SAMPLES)
    return [fastbp.Network(case.sizes, dtype="float32", seed=seed) for seed in range(n)], X, Y


def alone(case: Case, n: int, epochs: int) -> None:
    """Train one after the other."""
    nets, X, Y = make(case, n)
    for seed, net in enumerate(nets):
        fastbp.train(net, X, Y, epochs=epochs, batch_size=case.batch, seed=seed, n_threads=1)


def together(case: Case, n: int, epochs: int) -> None:
    """Train all at a time."""
    nets, X, Y = make(case, n)
    seeds = list(range(n))
    fastbp.train_many(nets, X, Y, epochs=epochs, batch_size=case.batch, seed=seeds, n_threads=WORKERS)


def serve(connection: Any) -> None:
    """A process that trains whenever it is asked to."""
    while (asked := connection.recv()) is not None:
        alone(*asked)
        connection.send(None)


def timed(work: Any) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(case: Case, n: int, seconds: float, rounds: int, connections: list[Any]) -> float:
    """Throughput of `train_many` by that of the processes."""

    def ask(share: int, epochs: int) -> None:
        for connection in connections:
            connection.send((case, share, epochs))
        for connection in connections:
            connection.recv()

    share = n // WORKERS
    ask(share, 2)
    together(case, n, 2)
    epochs = max(2, int(20 * seconds / timed(lambda: together(case, n, 20))))
    turns = [(timed(lambda: ask(share, epochs)), timed(lambda: together(case, n, epochs))) for _ in range(rounds)]
    return min(processes for processes, _ in turns) / min(threads for _, threads in turns)


def main() -> None:
    """Measure, and print a line for each kind and number of networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    connections, processes = [], []
    for _ in range(WORKERS):
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there,), daemon=True)
        process.start()
        connections.append(here)
        processes.append(process)
    for case in CASES:
        for n in (2, 8):
            ratio = measure(case, n, options.seconds, options.rounds, connections)
            name = "-".join(map(str, case.sizes))
            sys.stdout.write(f"{name} b{case.batch}, {n} networks: {ratio:.3f} of {WORKERS} processes\n")
    for connection, process in zip(connections, processes, strict=True):
        connection.send(None)
        process.join()


if __name__ == "__main__":
    main()
