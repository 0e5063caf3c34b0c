"""How good predictions are, in units of the constant prediction's loss."""

from __future__ import annotations

import numpy as np

from bench.tables.protocol import Task

LEAST = 1e-15
"""Probabilities below it count as it, of every model: nobody's loss becomes infinite."""


def log_loss(y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The mean of -log p of the right classes; a class that was not in training has probability 0."""
    place = {name: j for j, name in enumerate(classes.tolist())}
    columns = np.array([place.get(name, -1) for name in y.tolist()])
    p = np.where(columns >= 0, probabilities[np.arange(len(y)), columns], 0.0)
    return float(-np.log(np.clip(p, LEAST, 1.0)).mean())


def rmse(y: np.ndarray, predicted: np.ndarray) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def constant(task: Task, y_train: np.ndarray, y_test: np.ndarray) -> float:
    """The loss of what is known without any column: the mean, or the shares of the classes."""
    if task == "regression":
        return rmse(y_test, np.full(len(y_test), y_train.mean()))
    classes, counts = np.unique(y_train, return_counts=True)
    shares = np.tile(counts / counts.sum(), (len(y_test), 1))
    return log_loss(y_test, shares, classes)
