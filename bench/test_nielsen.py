"""An epoch of the book's two networks: the kernels against the book's code, one sample after another in NumPy.

    python -m pytest bench/test_nielsen.py

784-30-10, minibatches of 10, float64; the second network with its penalty, a cost object and every monitor. The weights
are compared before anything is timed, and the two take turns.
"""

from __future__ import annotations

import contextlib
import io
import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bench.held import asked
from fastbp.compare.measure import Racer
from fastbp.nielsen import network, network2

SAMPLES, SIZES, BATCH = 10_000, (784, 30, 10), 10
ROUNDS, EPOCHS = 5, 6
LEAST = {"network": 12.0, "network2": 20.0}


def sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Any) -> Any:
    return sigmoid(z) * (1 - sigmoid(z))


class Book:
    """The book's first program, operation by operation: new arrays for every sum, and sigma twice for its slope."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]  # noqa: NPY002
        self.weights = [np.random.randn(n_out, n_in) for n_in, n_out in pairwise(sizes)]  # noqa: NPY002

    def SGD(self, data: list[Any], epochs: int, size: int, eta: float) -> None:
        data = list(data)
        for _ in range(epochs):
            random.shuffle(data)
            for batch in [data[k : k + size] for k in range(0, len(data), size)]:
                self.update(batch, eta)

    def update(self, batch: list[Any], eta: float, keep: float = 1.0) -> None:
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            g_b, g_w = self.backprop(x, y)
            sum_b = [total + g for total, g in zip(sum_b, g_b, strict=True)]
            sum_w = [total + g for total, g in zip(sum_w, g_w, strict=True)]
        self.weights = [keep * w - (eta / len(batch)) * g for w, g in zip(self.weights, sum_w, strict=True)]
        self.biases = [b - (eta / len(batch)) * g for b, g in zip(self.biases, sum_b, strict=True)]

    def output_error(self, z: Any, a: Any, y: Any) -> Any:
        return (a - y) * sigmoid_prime(z)

    def backprop(self, x: Any, y: Any) -> tuple[list[Any], list[Any]]:
        g_b = [np.zeros(b.shape) for b in self.biases]
        g_w = [np.zeros(w.shape) for w in self.weights]
        a, z = [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            z.append(np.dot(w, a[-1]) + b)
            a.append(sigmoid(z[-1]))
        delta = self.output_error(z[-1], a[-1], y)
        g_b[-1], g_w[-1] = delta, np.dot(delta, a[-2].transpose())
        for l in range(2, len(a)):
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sigmoid_prime(z[-l])
            g_b[-l], g_w[-l] = delta, np.dot(delta, a[-l - 1].transpose())
        return g_b, g_w


class Book2(Book):
    """The book's second program, with cross-entropy: the penalty, and all that it monitors after an epoch."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__(sizes)
        self.weights = [w / np.sqrt(w.shape[1]) for w in self.weights]

    def output_error(self, z: Any, a: Any, y: Any) -> Any:
        return a - y

    def SGD(
        self, data: list[Any], epochs: int, size: int, eta: float, lmbda: float, held: list[Any], *monitors: bool
    ) -> None:
        data = list(data)
        for _ in range(epochs):
            random.shuffle(data)
            for batch in [data[k : k + size] for k in range(0, len(data), size)]:
                self.update(batch, eta, 1 - eta * (lmbda / len(data)))
            print(self.total_cost(data, lmbda), self.accuracy(data, convert=True))
            print(self.total_cost(held, lmbda, convert=True), self.accuracy(held))
            print(self.accuracy(held))  # once to keep it, once to print it

    def feedforward(self, a: Any) -> Any:
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def accuracy(self, data: list[Any], convert: bool = False) -> int:
        return sum(int(np.argmax(self.feedforward(x)) == (np.argmax(y) if convert else y)) for x, y in data)

    def total_cost(self, data: list[Any], lmbda: float, convert: bool = False) -> float:
        cost = 0.0
        for x, target in data:
            a, y = self.feedforward(x), network2.vectorized_result(target) if convert else target
            cost += np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))) / len(data)
        return float(cost + 0.5 * (lmbda / len(data)) * sum(np.linalg.norm(w) ** 2 for w in self.weights))


class Marks(io.StringIO):
    """What is printed, and when the line of each epoch was."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def write(self, text: str) -> int:
        if text.startswith("Epoch"):
            self.seconds.append(time.perf_counter())
        return super().write(text)


def trained(kind: Callable[[Any], Any], data: Any, epochs: int) -> tuple[Any, list[float]]:
    """A net after these epochs, and when its call began, printed the line of each epoch, and ended."""
    np.random.seed(0)  # noqa: NPY002
    net = kind(SIZES)
    random.seed(0)
    held = [(x, int(np.argmax(y))) for x, y in data[: len(data) // 5]]
    second = isinstance(net, (Book2, network2.Network))
    arguments = (0.5, 5.0, held, True, True, True, True) if second else (3.0,)
    began, marks = time.perf_counter(), Marks()
    with contextlib.redirect_stdout(marks):
        net.SGD(data, epochs, BATCH, *arguments)
    return net, [began, *marks.seconds, time.perf_counter()]


def with_a_cost_object(sizes: Any) -> network2.Network:
    return network2.Network(sizes, cost=network2.CrossEntropyCost())


PROGRAMS: dict[str, tuple[Any, Any]] = {"network": (network.Network, Book), "network2": (with_a_cost_object, Book2)}


class Turns:
    """Epochs of a net, without what a call does once: it makes arrays of the lists."""

    def __init__(self, kind: Callable[[Any], Any], data: Any) -> None:
        self.kind, self.data = kind, data

    def time(self) -> float:
        """Seconds of one epoch: the mean of those between the second line that is printed and the last.

        No difference of two calls: the least of such differences is that of a first call that was disturbed.
        """
        if self.kind in (Book, Book2):  # nothing is made once in a call
            began, ended = trained(self.kind, self.data, 1)[1]
            return ended - began
        _, _, second, *_, last, _ = trained(self.kind, self.data, EPOCHS)[1]
        return (last - second) / (EPOCHS - 2)


@pytest.mark.parametrize(
    ("program", "net", "dtype", "peer", "threads"),
    [
        pytest.param(program, "784-30-10 b10", "float64", peer, asked(), id=f"{program}, 784-30-10 b10 float64, {peer}")
        for program in PROGRAMS
        for peer in ("fastbp.nielsen", "book")
    ],
)
def test_an_epoch(
    laps: Callable[..., float],
    benchmark: Any,
    one_round: bool,
    program: str,
    net: str,
    dtype: str,
    peer: str,
    threads: int,
) -> None:
    samples = 500 if one_round else SAMPLES
    rng = np.random.default_rng(0)
    X, digits = rng.random((samples, SIZES[0], 1)), rng.integers(0, SIZES[-1], samples)
    data = [(x, np.eye(SIZES[-1])[:, [d]]) for x, d in zip(X, digits, strict=True)]
    kernels, book = PROGRAMS[program]
    fast, slow = trained(kernels, data[:500], 1)[0], trained(book, data[:500], 1)[0]
    assert max(np.abs(a - b).max() for a, b in zip(fast.weights, slow.weights, strict=True)) < 1e-10
    racers = {"fastbp.nielsen": Racer(Turns(kernels, data).time), "book": Racer(Turns(book, data).time)}
    (other,) = (racer for name, racer in racers.items() if name != peer)
    group = f"{program}, {net} {dtype}, an epoch of {samples:,} samples"
    laps(racers[peer], rounds=ROUNDS, group=group, beside=[other])
    ratio = racers["book"].best / racers["fastbp.nielsen"].best
    benchmark.extra_info.update(times_faster=ratio)
    if not one_round:
        assert ratio >= LEAST[program]
