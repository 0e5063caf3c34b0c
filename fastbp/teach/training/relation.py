"""Whether targets have anything to do with their rows: predictions of them, beside those of targets in other orders."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 5
ORDERS = 60
"""Random orders of the targets, to which their own is compared."""
LARGEST = 600
"""Samples looked at."""
FEWEST = 40
"""With fewer samples nothing is said."""
CHANCE = 4.0
"""Standard deviations above the mean of other orders, from which on it is no chance."""


class Relation(NamedTuple):
    """How many standard deviations the targets' own order is above random ones, by two ways of prediction."""

    n: int
    neighbours: float
    line: float

    @property
    def found(self) -> bool:
        """Whether the rows tell something about their targets."""
        return max(self.neighbours, self.line) >= CHANCE


def standardised(X: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1; constant ones are 0."""
    X = X - X.mean(axis=0)
    deviation = X.std(axis=0)
    return np.asarray(X / np.where(deviation > 0, deviation, 1.0))


def relation(X: np.ndarray, Y: np.ndarray, rng: np.random.Generator) -> Relation:
    """Compare the targets' order with others, on some hundred samples.

    Parameters
    ----------
    X : numpy.ndarray, shape (n_samples, K)
    Y : numpy.ndarray, shape (n_samples, J)
        Classes as rows of 0 and 1.
    rng : numpy.random.Generator

    Returns
    -------
    Relation
    """
    if len(X) > LARGEST:
        some = rng.choice(len(X), LARGEST, replace=False)
        X, Y = X[some], Y[some]
    n = len(X)
    x, y = standardised(X.astype(float)), standardised(Y.astype(float))
    gram = x @ x.T
    size = np.diag(gram)
    distance = size[:, None] + size - 2 * gram
    np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    # Ridge regression, each row predicted by all others: (H y - diag(H) y) / (1 - diag(H)).
    hat = gram @ np.linalg.inv(gram + 0.1 * n * np.eye(n))
    leverage = np.minimum(np.diag(hat), 0.99)[:, None]

    def scores(y: np.ndarray) -> tuple[float, float]:
        by_line = (hat @ y - leverage * y) / (1 - leverage)
        return float((y[nearest].mean(axis=1) * y).sum()), float((by_line * y).sum())

    own = np.array(scores(y))
    others = np.array([scores(y[rng.permutation(n)]) for _ in range(ORDERS)])
    deviation = others.std(axis=0)
    z = (own - others.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return Relation(n, float(z[0]), float(z[1]))
