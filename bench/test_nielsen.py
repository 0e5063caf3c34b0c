"""An epoch of the book's first network on the kernels and the book's way, one sample after another in NumPy.

    taskset -c 0 python -m pytest bench/test_nielsen.py -s

784-30-10, minibatches of 10, float64; a net this small trains on one thread. The weights are
compared before anything is timed.
"""

from __future__ import annotations

import contextlib
import io
import random
import time
from typing import Any

import numpy as np

from fastbp.nielsen import network

N = 10_000
LEAST = 12.0


class BooksWay(network.Network):
    """Overriding any part sends every sample through the book's methods."""

    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        return output_activations - y


def trained(kind: Any, data: Any, epochs: int) -> tuple[Any, float]:
    """A net after these epochs, and its seconds."""
    np.random.seed(0)  # noqa: NPY002
    net = kind([784, 30, 10])
    random.seed(0)
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        net.SGD(data, epochs, 10, 3.0)
    return net, time.perf_counter() - began


def test_an_epoch() -> None:
    rng = np.random.default_rng(0)
    X, digits = rng.random((N, 784, 1)), rng.integers(0, 10, N)
    data = [(x, np.eye(10)[:, [d]]) for x, d in zip(X, digits, strict=True)]
    fast, _ = trained(network.Network, data[:500], 1)
    slow, _ = trained(BooksWay, data[:500], 1)
    assert max(np.abs(a - b).max() for a, b in zip(fast.weights, slow.weights, strict=True)) < 1e-10
    # Epochs alone: a run of six minus a run of one, without the conversion of the lists to arrays.
    per_epoch = min((trained(network.Network, data, 6)[1] - trained(network.Network, data, 1)[1]) / 5 for _ in range(5))
    books = min(trained(BooksWay, data, 1)[1] for _ in range(2))
    print(
        f"\nan epoch of {N:,}: the book's way {books:.3f} s, kernels {per_epoch:.4f} s, {books / per_epoch:.1f} times"
    )
    assert books / per_epoch >= LEAST
