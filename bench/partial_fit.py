"""What `partial_fit` of one row costs, by what scikit-learn's own checks of it cost: ``python -m bench.partial_fit``.

The checks are `_validate_params` and `validate_data`. Both take turns in one run; the ratio is that of the least times.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.utils.validation import validate_data

from fastbp import sklearn as ours

NETS = ((4, 16, 1), (20, 64, 64, 1), (784, 100, 1))
KINDS = ("MLPRegressor", "MLPClassifier")


def calls(kind: str, sizes: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """What takes turns."""
    rng = np.random.default_rng(0)
    classifies = kind == "MLPClassifier"
    X, y = rng.standard_normal((1, sizes[0])), np.array([1]) if classifies else rng.standard_normal(1)
    first = {"classes": [0, 1]} if classifies else {}
    own, theirs = (
        getattr(room, kind)(hidden_layer_sizes=sizes[1:-1], random_state=0).partial_fit(X, y, **first)
        for room in (ours, neural_network)
    )
    options: dict[str, Any] = {} if classifies else {"y_numeric": True}

    def check() -> None:
        theirs._validate_params()
        dtypes = np.float64, np.float32
        validate_data(
            theirs, X, y, multi_output=True, reset=False, accept_sparse=["csr", "csc"], dtype=dtypes, **options
        )

    return {
        "checks": check,
        "fastbp": lambda: own.partial_fit(X, y),
        "scikit-learn": lambda: theirs.partial_fit(X, y),
    }


def measure(kind: str, sizes: tuple[int, ...], rounds: int, repeats: int) -> dict[str, float]:
    """The least time of each call, in seconds."""
    best: dict[str, float] = {}
    turns = calls(kind, sizes)
    for _ in range(rounds):
        for name, call in turns.items():
            call()  # what the other ones have pushed out of the caches comes back
            began = time.perf_counter()
            for _ in range(repeats):
                call()
            best[name] = min(best.get(name, np.inf), (time.perf_counter() - began) / repeats)
    return best


def main() -> None:
    """Print a line for each kind of estimator and net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for kind in KINDS:
        for sizes in NETS:
            best = measure(kind, sizes, options.rounds, options.repeats)
            times = ", ".join(f"{name} {seconds * 1e6:.0f} us" for name, seconds in best.items())
            name = "-".join(map(str, sizes))
            sys.stdout.write(f"{kind} {name}: {best['fastbp'] / best['checks']:.2f} x the checks ({times})\n")


if __name__ == "__main__":
    main()
