"""The weights of many trainings as a digest each, for a process that runs them with one kind of code."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator

import numpy as np

import fastbp
from fastbp.kernels.records import SCHEDULES
from fastbp.runtime.plan import forced

NETS = ((5, 3), (8, 16, 3), (33, 30, 10), (4, 16, 16, 1), (64, 40, 24, 12))
ACTIVATIONS = ("sigmoid", "tanh", "relu", "gelu")


def trainings() -> Iterator[tuple[str, str]]:
    """What each is, and the digest of its weights; not every training can have every schedule."""
    for sizes, hidden, dtype in itertools.product(NETS, ACTIVATIONS, ("float32", "float64")):
        for schedule, n_threads in zip(itertools.cycle(SCHEDULES), (1, 1, 1, 2, 2, 2, 3, 3, 3), strict=False):
            rng = np.random.default_rng(len(sizes) + sizes[0])
            X, Y = rng.standard_normal((70, sizes[0])), rng.random((70, sizes[-1]))
            net = fastbp.Network(
                list(sizes), activations=[*[hidden] * (len(sizes) - 2), "sigmoid"], dtype=dtype, seed=1
            )
            with forced(schedule=schedule):
                try:
                    fastbp.train(net, X, Y, epochs=2, batch_size=16, n_threads=n_threads, seed=2, shuffle=True)
                except ValueError as error:
                    if "that cannot have it" not in str(error):
                        raise
                    continue
            known = hashlib.sha256(net.theta.tobytes()).hexdigest()[:16]
            yield f"{sizes} {hidden} {dtype} {schedule} {n_threads}", known


if __name__ == "__main__":
    json.dump({"weights": dict(trainings()), "numba": "numba" in sys.modules}, sys.stdout)
