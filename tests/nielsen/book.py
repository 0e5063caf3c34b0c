"""The book's algorithm, spelled anew from its description: one sample at a time, in NumPy, nothing from the package."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np


def sigma(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def weights(sizes: list[int], seed: int, scaled: bool) -> tuple[list[Any], list[Any]]:
    """All biases first, then all weights, from the global generator."""
    np.random.seed(seed)  # noqa: NPY002
    b = [np.random.randn(n, 1) for n in sizes[1:]]  # noqa: NPY002
    w = []
    for n_in, n_out in zip(sizes, sizes[1:]):  # noqa: B905, RUF007
        w.append(np.random.randn(n_out, n_in) / (np.sqrt(n_in) if scaled else 1))  # noqa: NPY002
    return w, b


@dataclass
class Parts:
    """What a reader of the book replaces: sigma of z, sigma' of z, the output's error of (z, a, y), the gradient."""

    sigma: Any = sigma
    slope: Any = lambda z: sigma(z) * (1 - sigma(z))
    error: Any = None
    change: Any = lambda g: g


def gradient(
    w: list[Any], b: list[Any], x: Any, y: Any, cross_entropy: bool, parts: Parts | None = None
) -> tuple[list[Any], list[Any]]:
    parts = parts or Parts()
    L = len(w)
    z, a = [], [x]
    for l in range(L):
        z.append(np.dot(w[l], a[l]) + b[l])
        a.append(parts.sigma(z[l]))
    if parts.error is not None:
        delta = parts.error(z[-1], a[L], y)
    else:
        delta = (a[L] - y) * (1 if cross_entropy else parts.slope(z[-1]))
    g_w, g_b = [0.0] * L, [0.0] * L
    for l in range(L - 1, -1, -1):
        g_w[l], g_b[l] = parts.change(np.dot(delta, a[l].T)), parts.change(delta)
        if l > 0:
            delta = np.dot(w[l].T, delta) * parts.slope(z[l - 1])
    return g_w, g_b


def train(
    w: list[Any], b: list[Any], data: list[Any], epochs: int, size: int, eta: float, *,
    lmbda: float = 0.0, cross_entropy: bool = False, most: int | None = None, parts: Parts | None = None,
    fresh: bool = True,
) -> None:  # fmt: skip
    """Stochastic gradient descent in place, of at most so many minibatches; shuffles with ``random``, where ``fresh``
    says so a copy of the list."""
    data, n, done = list(data) if fresh else data, len(data), 0
    for _ in range(epochs):
        random.shuffle(data)
        for start in range(0, n, size):
            if done == most:
                return
            part = data[start : start + size]
            g_w, g_b = [np.zeros_like(m) for m in w], [np.zeros_like(m) for m in b]
            for x, y in part:
                one_w, one_b = gradient(w, b, x, y, cross_entropy, parts)
                for l in range(len(w)):
                    g_w[l] += one_w[l]
                    g_b[l] += one_b[l]
            for l in range(len(w)):
                w[l] = w[l] * (1 - eta * lmbda / n) - eta / len(part) * g_w[l]
                b[l] = b[l] - eta / len(part) * g_b[l]
            done += 1


def samples(n: int, n_in: int, n_out: int, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Training data with columns as targets, and the same samples with digits."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, n_in, 1))
    digits = rng.integers(0, n_out, n)
    columns = [np.eye(n_out)[:, [d]] for d in digits]
    return list(zip(X, columns, strict=True)), [(x, int(d)) for x, d in zip(X, digits, strict=True)]


def outputs(w: list[Any], b: list[Any], x: Any, parts: Parts | None = None) -> Any:
    """a^L of one sample, or of samples in columns."""
    a = x
    for l in range(len(w)):
        a = (parts or Parts()).sigma(np.dot(w[l], a) + b[l])
    return a


def cross_entropy(a: Any, y: Any) -> float:
    return float(np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))))


def total_cost(
    w: list[Any], b: list[Any], data: list[Any], lmbda: float, fn: Any = cross_entropy, parts: Parts | None = None
) -> float:
    """Mean cost of (x, column) and the penalty."""
    costs = [fn(outputs(w, b, x, parts), y) for x, y in data]
    return sum(costs) / len(data) + 0.5 * lmbda / len(data) * sum(float(np.sum(m**2)) for m in w)
