"""Trainings with one thing planted that keeps them from learning, and healthy ones.

Each is a function that returns the arguments of `fastbp.diagnose_training`: ``net``, ``X``, ``Y`` and options.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import fastbp

Case = dict[str, Any]


def blobs(seed: int, n: int = 300, K: int = 5, classes: int = 3, shares: Any = None) -> tuple[Any, Any]:
    """Clouds of points, one for each class."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n, p=shares)
    return (2.0 * rng.standard_normal((classes, K)))[y] + rng.standard_normal((n, K)), y


def moons(seed: int, n: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y, t = rng.integers(0, 2, n), np.pi * rng.random(n)
    X = np.where(y[:, None] == 0, np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)])
    return X + 0.1 * rng.standard_normal((n, 2)), y


def wave(seed: int, n: int = 300, noise: float = 0.05) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, (np.sin(1.5 * X[:, 0]) + 0.5 * X[:, 1] + noise * rng.standard_normal(n))[:, None]


def spiral(seed: int, n: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y, r = rng.integers(0, 2, n), np.sqrt(rng.random(n))
    t = 5 * r + np.pi * y
    return np.c_[r * np.cos(t), r * np.sin(t)] * 2 + 0.03 * rng.standard_normal((n, 2)), y


def digits(n: int = 600) -> tuple[Any, Any]:
    data = fastbp.read("digits")
    return np.asarray(data.X[:n], float), np.asarray(data.Y[:n])


def classifier(sizes: list[int], hidden: str = "sigmoid", seed: int = 0, **options: Any) -> fastbp.Network:
    names = [hidden] * (len(sizes) - 2) + ["softmax" if sizes[-1] > 1 else "sigmoid"]
    return fastbp.Network(sizes, activations=names, cost="cross_entropy", seed=seed, **options)  # type: ignore[arg-type]


def regressor(sizes: list[int], hidden: str = "tanh", seed: int = 0, **options: Any) -> fastbp.Network:
    return fastbp.Network(sizes, activations=[hidden] * (len(sizes) - 2) + ["identity"], seed=seed, **options)  # type: ignore[arg-type]


def case(net: fastbp.Network, data: tuple[Any, Any], rate: float, epochs: int = 30, **options: Any) -> Case:
    return {"net": net, "X": data[0], "Y": data[1], "optimizer": fastbp.SGD(rate), "epochs": epochs, "seed": 0,
            "batch_size": 16} | options  # fmt: skip


def biased(net: fastbp.Network, l: int, value: float) -> fastbp.Network:
    net.b[l] = np.full(net.sizes[l], value)
    return net


def times(net: fastbp.Network, factor: float) -> fastbp.Network:
    for l in range(1, net.L + 1):
        net.w[l] = factor * net.w[l]
    return net


def constant(net: fastbp.Network, value: float) -> fastbp.Network:
    for l in range(1, net.L + 1):
        net.w[l], net.b[l] = np.full(net.w[l].shape, value), np.zeros(net.sizes[l])
    return net


def shuffled(data: tuple[Any, Any], seed: int = 9) -> tuple[Any, Any]:
    return data[0], data[1][np.random.default_rng(seed).permutation(len(data[1]))]


def stretched(data: tuple[Any, Any], factors: Any, shift: Any = 0.0) -> tuple[Any, Any]:
    return data[0] * np.asarray(factors) + shift, data[1]


def noisy(data: tuple[Any, Any]) -> tuple[Any, Any]:
    return data[0] / 2 + np.random.default_rng(5).standard_normal(data[0].shape), data[1]


def targets(data: tuple[Any, Any], factor: float, shift: float = 0.0) -> tuple[Any, Any]:
    return data[0], factor * data[1] + shift


FAILURES: dict[str, tuple[str, Any]] = {
    "biases of -20 in front of relu": (
        "dead-relus", lambda: case(biased(classifier([5, 12, 3], "relu"), 1, -20.0), blobs(1), 0.05)),
    "biases of -30 in the second of two layers of relu": (
        "dead-relus", lambda: case(biased(regressor([2, 16, 16, 1], "relu"), 2, -30.0), wave(2), 0.05)),
    "sigmoids with biases of 25": (
        "saturation", lambda: case(biased(classifier([2, 10, 2]), 1, 25.0), moons(3), 0.5)),
    "tanh with weights fifty times as large": (
        "saturation", lambda: case(times(classifier([64, 20, 10], "tanh"), 50.0), digits(400), 0.01, 15)),
    "six layers of sigmoids": (
        "vanishing-deltas", lambda: case(classifier([2, 10, 10, 10, 10, 10, 10, 2]), moons(4), 0.5)),
    "five layers of tanh with tiny weights": (
        "vanishing-deltas", lambda: case(times(regressor([2, 12, 12, 12, 12, 12, 1]), 0.05), wave(5), 0.1)),
    "six layers of relu with weights four times as large": (
        "exploding-deltas",
        lambda: case(times(regressor([2, 24, 24, 24, 24, 24, 1], "relu"), 4.0), wave(6), 0.01)),
    "eta of 300": ("learning-rate-too-large", lambda: case(classifier([5, 12, 3]), blobs(7), 300.0)),
    "eta of 3 in a regression": (
        "learning-rate-too-large", lambda: case(regressor([2, 16, 1]), wave(8), 3.0)),
    "Adam with eta of 1e-6": (
        "learning-rate-too-small",
        lambda: case(classifier([2, 16, 2], "tanh"), moons(9), 1.0, optimizer=fastbp.Adam(1e-6))),
    "eta of 1e-5": ("learning-rate-too-small", lambda: case(classifier([5, 12, 3]), blobs(10), 1e-5)),
    "one column in thousands": (
        "inputs-not-scaled",
        lambda: case(regressor([2, 16, 1]), stretched(wave(11), [3000.0, 1.0], [50000.0, 0.0]), 0.1)),
    "targets in thousands": (
        "targets-not-scaled", lambda: case(regressor([2, 16, 1]), targets(wave(12), 4e3, 9e3), 0.1)),
    "labels in another order": ("labels-shuffled", lambda: case(classifier([5, 12, 3]), shuffled(blobs(13)), 0.5)),
    "one of thirty is of the other class": (
        "classes-unbalanced",
        lambda: case(classifier([2, 8, 2]), blobs(17, 900, 2, 2, [0.97, 0.03]), 0.02, 15)),
    "weights that are all a half": (
        "symmetric-weights", lambda: case(constant(classifier([2, 10, 2]), 0.5), moons(15), 0.5)),
}  # fmt: skip
"""What is planted -> the name of the cause, and the training."""

HEALTHY: dict[str, Any] = {
    "clouds, sigmoid": lambda: case(classifier([5, 12, 3]), blobs(21), 0.5),
    "moons, tanh": lambda: case(classifier([2, 16, 2], "tanh"), moons(22), 0.3, 100),
    "a wave, tanh": lambda: case(regressor([2, 16, 1]), wave(23), 0.1, 60),
    "a wave, relu and Adam": lambda: case(
        regressor([2, 32, 32, 1], "relu"), wave(24), 1.0, 60, optimizer=fastbp.Adam(0.005)),
    "a wave that is half noise": lambda: case(regressor([2, 8, 1]), wave(25, noise=1.0), 0.05, 60),
    "digits from 0 to 16": lambda: case(classifier([64, 20, 10], init="glorot_normal"), digits(), 0.05, 30),
    "digits, quadratic cost, as in the book": lambda: case(
        fastbp.Network([64, 30, 10], seed=0, init="nielsen_large"),
        (lambda X, y: (X / 16, np.eye(10)[y]))(*digits()), 3.0, 40, batch_size=10),
    "four classes of ten to forty in a hundred": lambda: case(
        classifier([4, 10, 4]), blobs(27, 400, 4, 4, [0.1, 0.2, 0.3, 0.4]), 0.5, 40),
    "one of twenty is of the other class, far from the rest": lambda: case(
        classifier([5, 10, 2]), blobs(28, 600, 5, 2, [0.95, 0.05]), 0.5, 60),
    "a spiral, Adam": lambda: case(
        classifier([2, 32, 32, 2], "tanh"), spiral(29), 1.0, 150, optimizer=fastbp.Adam(0.01)),
    "XOR": lambda: case(
        classifier([2, 6, 1], "tanh", seed=1), (np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])),
        0.5, 1500, batch_size=4),
    "a straight line": lambda: case(
        fastbp.Network([3, 1], activations="identity", seed=0),
        (lambda X: (X, X @ [[1.0], [-2.0], [0.5]] + 0.3))(np.random.default_rng(30).standard_normal((100, 3))), 0.05),
    "three layers of sigmoids": lambda: case(
        classifier([5, 16, 16, 16, 3], init="glorot_normal"), blobs(31), 1.0, 250),
    "three layers of relu, L2 and dropout": lambda: case(
        classifier([5, 32, 32, 32, 3], "relu", init="he_normal"), blobs(32), 0.05, 40, l2=1e-3, dropout=0.2),
    "clouds that lie in one another": lambda: case(
        classifier([5, 12, 3]), noisy(blobs(33)), 0.3, 40),
    "L-BFGS": lambda: {
        "net": regressor([2, 12, 1]), "X": wave(34)[0], "Y": wave(34)[1], "optimizer": fastbp.LBFGS(), "epochs": 60},
}  # fmt: skip
"""Trainings that learn what there is to learn."""
