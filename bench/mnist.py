"""MNIST, when its files are given (FASTBP_MNIST=folder): seconds of training to 95 % of the test images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastbp
from fastbp.compare import nets, peers

GOAL = 0.95
MOST = 30

CASE = nets.Case(
    "784-30-10 softmax b10", (784, 30, 10), 10, 60_000, ("sigmoid", "softmax"), "cross_entropy", learning_rate=0.3
)

RACERS = ["fastbp", "JAX", "NumPy", "PyTorch", "scikit-learn"]


def folder() -> str | None:
    """Where the files are."""
    return os.environ.get("FASTBP_MNIST") or None


def accuracy(parameters: nets.Parameters, X: Any, labels: Any) -> float:
    """Of the softmax net, by NumPy, for every peer alike."""
    (w1, b1), (w2, b2) = parameters
    a = 1 / (1 + np.exp(-(X @ w1.T + b1)))
    return float(np.mean(np.argmax(a @ w2.T + b2, axis=1) == labels))


def run(peer: peers.Peer, data: Any, n_threads: int) -> dict[str, Any]:
    """Epochs until the goal; the clock stands still while the test images are looked at."""
    X, Y, X_test, labels = data
    trainer = peer.trainer(CASE, X, Y, n_threads)
    rng = np.random.default_rng(0)
    seconds, reached, epochs = 0.0, 0.0, 0
    while reached < GOAL and epochs < MOST:
        seconds += trainer.time(rng.permutation(len(X))[None])
        reached = accuracy(trainer.parameters(), X_test, labels)
        epochs += 1
    return {"seconds": seconds, "epochs": epochs, "accuracy": reached, "reached": reached >= GOAL}


def measure(n_threads: int) -> Iterator[dict[str, Any]]:
    """All peers in their turn; runs in a fresh process (`pin.task`)."""
    where = folder()
    assert where is not None
    images = fastbp.read(where)
    assert images.X_test is not None
    X = (images.X.reshape(len(images.X), -1) / 255).astype(CASE.dtype)
    X_test = (images.X_test.reshape(len(images.X_test), -1) / 255).astype(CASE.dtype)
    Y = np.eye(10, dtype=CASE.dtype)[images.Y]
    for peer in peers.load(RACERS):
        reason = "not installed" if peer.version is None else peer.cannot(CASE)
        found = {"reason": reason} if reason else run(peer, (X, Y, X_test, images.Y_test), n_threads)
        yield {"peer": peer.name, "threads": n_threads} | found
