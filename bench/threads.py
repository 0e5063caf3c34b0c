"""Thread scaling: fastbp on 1, 2, ... threads and on as many as it chooses; and the book's run against its code."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fastbp.compare import nets, peers
from fastbp.compare.measure import Racer, race, repeated, sgemm
from fastbp.compare.peers.fastbp_ import FastbpTrainer
from fastbp.compare.run import TURN


def scaling(cases: list[nets.Case], counts: list[int | None], seconds: float) -> Iterator[dict[str, Any]]:
    """Microseconds of a step for each number of threads, in one race; None is fastbp's own choice."""
    for case in cases:
        X, Y = case.data()
        orders = case.orders()
        trainers = {str(n): FastbpTrainer(case, X, Y, n) for n in counts}
        racers = {}
        for n, trainer in trainers.items():
            trainer.run(orders)
            racers[n] = Racer(functools.partial(trainer.time, orders), orders.size / case.batch)
        race(list(racers.values()), seconds=seconds)
        last = trainers["None"].last if "None" in trainers else None
        chosen = last.n_threads if last else None
        us = {n: racer.best * 1e6 for n, racer in racers.items()}
        yield {"net": case.name, "dtype": case.dtype, "us": us, "chosen": chosen}


def measure(cases: list[Any], counts: list[int | None], seconds: float, n_threads: int) -> Iterator[dict[str, Any]]:
    """`scaling`; runs in a fresh process (`pin.task`) of as many threads as the largest count."""
    yield from scaling([nets.Case(**case) for case in cases], counts, seconds)


def book(seconds: float, n_threads: int) -> Iterator[dict[str, Any]]:
    """The book's run, 784-30-10 on minibatches of 10 of 50,000 images: its code in its float64, ours in float32.

    A part of an epoch of each, side by side, as seconds of an epoch of 50,000.
    """
    case = replace(nets.NETS[0], learning_rate=3.0)
    X, Y = case.data()
    orders = case.orders()
    ours, theirs = peers.load(["book's NumPy"])
    fast = ours.trainer(case, X, Y, n_threads)
    doubled = replace(case, dtype="float64")
    slow = theirs.trainer(doubled, X.astype("float64"), Y.astype("float64"), n_threads)
    few = orders[:, : 100 * case.batch]
    fast.run(orders)
    racers = [
        Racer(lambda: fast.time(orders), orders.size / 50_000),
        Racer(lambda: slow.time(few), few.size / 50_000),
    ]
    dot, _ = sgemm(case.dtype)
    race([repeated(dot, TURN / 3), *racers], seconds=seconds)
    yield {"threads": n_threads, "fastbp": racers[0].best, "book": racers[1].best}
