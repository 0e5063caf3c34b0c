"""What a model is compared with: the constant prediction, and a linear model of the same inputs.

Both learn from the training rows. The linear one is fitted in closed form, or to convergence, so that a bad choice of
optimizer is no excuse for the network; validation rows choose its penalty.
"""

from __future__ import annotations

import numpy as np

from fastbp.cli.evaluation.metrics import log_losses

PENALTIES = (1e-2, 1.0, 1e2, 1e4)
"""Strengths of the penalty on squared weights, in units of one row of standardised inputs."""

MOST_ROWS, MOST_INPUTS = 20_000, 2_000
"""A linear model of more rows is fitted to a random part of them; of more inputs there is none."""


def constant_probabilities(labels: np.ndarray, n_classes: int, weight: np.ndarray | None) -> np.ndarray:
    """Share of each class."""
    totals = np.bincount(labels, weights=weight, minlength=n_classes).astype(np.float64)
    shares: np.ndarray = totals / totals.sum()
    return shares


def constant_values(Y: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Mean of each target column, without what is missing."""
    s = np.ones(len(Y)) if weight is None else weight
    there = ~np.isnan(Y)
    means: np.ndarray = (s[:, None] * np.where(there, Y, 0)).sum(axis=0) / (s[:, None] * there).sum(axis=0)
    return means


def part(n: int, seed: int) -> np.ndarray | slice:
    """Which rows the linear model is fitted to."""
    if n <= MOST_ROWS:
        return slice(None)
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_ROWS])


class Linear:
    """A ridge regression of numbers, or a penalised logistic regression of labels.

    Parameters
    ----------
    X : array (n, K)
    Y : array
        Labels (n,), or numbers (n, J) without NaN.
    n_classes : int
        0 for numbers.
    weight : array (n,) or None
    validation : tuple (X, Y) or None
        Rows that choose the penalty; without them it is 1.
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        n_classes: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        X = np.asarray(X, np.float64)
        s = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
        self._mean = np.average(X, axis=0, weights=s)
        scale = np.sqrt(np.average(np.square(X - self._mean), axis=0, weights=s))
        self._scale = np.where(
            scale > 1e-12 * np.maximum(1.0, np.abs(self._mean)), scale, np.inf
        )  # a constant column counts nothing
        Z = (X - self._mean) / self._scale
        self._classifies = n_classes > 0
        solve = _logistic if self._classifies else _ridge
        targets = np.eye(n_classes)[Y] if self._classifies else np.asarray(Y, np.float64)
        values, vectors = np.linalg.eigh((Z * s[:, None]).T @ Z)
        spectrum = (np.maximum(values, 0.0), vectors)
        best = np.inf
        for penalty in (1.0,) if validation is None else PENALTIES:
            solution = solve(Z, targets, s, penalty, spectrum)
            if validation is None:
                self._w, self._b = solution
                break
            loss = self._loss(validation[0], validation[1], *solution)
            if loss < best:
                best, (self._w, self._b) = loss, solution

    def _outputs(self, X: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        z: np.ndarray = (np.asarray(X, np.float64) - self._mean) / self._scale @ w + b
        return _softmax(z) if self._classifies else z

    def _loss(self, X: np.ndarray, Y: np.ndarray, w: np.ndarray, b: np.ndarray) -> float:
        out = self._outputs(X, w, b)
        return float(log_losses(Y, out).mean() if self._classifies else np.square(out - Y).mean())

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n, n_classes), or numbers (n, J)."""
        return self._outputs(X, self._w, self._b)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    shares: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return shares


Spectrum = tuple[np.ndarray, np.ndarray]


def _ridge(
    Z: np.ndarray, Y: np.ndarray, s: np.ndarray, penalty: float, spectrum: Spectrum
) -> tuple[np.ndarray, np.ndarray]:
    """The minimum of sum s (Z w + b - Y)^2 + penalty sum w^2."""
    values, vectors = spectrum
    b = np.average(Y, axis=0, weights=s)
    w = vectors @ ((vectors.T @ ((Z * s[:, None]).T @ (Y - b))) / (values + penalty)[:, None])
    return w, b


def _logistic(
    Z: np.ndarray, Y: np.ndarray, s: np.ndarray, penalty: float, spectrum: Spectrum, steps: int = 300
) -> tuple[np.ndarray, np.ndarray]:
    """The minimum of sum s (-log p) + penalty/2 sum w^2.

    Each step goes to the minimum of a parabola above the cost, whose curvature, Z^T Z / 2, is that of no row exceeded
    (Böhning, 1992), from a point ahead of the last one (Nesterov), until nothing changes.
    """
    values, vectors = spectrum
    curvature = (values / 2 + penalty)[:, None]
    w, b = np.zeros((Z.shape[1], Y.shape[1])), np.log(np.average(Y, axis=0, weights=s) + 1e-12)
    v, c, t = w, b, 1.0
    for _ in range(steps):
        error = s[:, None] * (_softmax(Z @ v + c) - Y)
        step = vectors @ ((vectors.T @ (Z.T @ error + penalty * v)) / curvature)
        new_w, new_b = v - step, c - 2 * error.sum(axis=0) / s.sum()
        if ((new_w - v) * (new_w - w)).sum() < 0:
            t = 1.0  # uphill: start anew
        t_next = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead = (t - 1) / t_next
        v, c, t = new_w + ahead * (new_w - w), new_b + ahead * (new_b - b), t_next
        change = max(np.abs(new_w - w).max(initial=0.0), np.abs(new_b - b).max())
        w, b = new_w, new_b
        if change < 1e-6:
            break
    return w, b
