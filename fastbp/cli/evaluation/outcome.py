"""How a model did on rows whose targets are known, beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp.cli.evaluation import metrics

BEST = {"accuracy": max, "balanced accuracy": max, "AUC": max, "F1": max, "R2": max}
"""Metrics that should be large; all others should be small."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Predictions for rows with known targets.

    Attributes
    ----------
    known : array
        Labels of shape (n,), or numbers of shape (n, J), NaN where one is missing.
    out : array
        Probabilities of shape (n, n_classes), or numbers of shape (n, J).
    classes : sequence
        Names of the classes; empty for numbers.
    decided : array of int (n,) or None
        The class that each row was taken for.
    proper : bool
        Whether ``out`` holds probabilities: outputs without that meaning have no log loss.
    """

    known: np.ndarray
    out: np.ndarray
    classes: Sequence[Any] = ()
    decided: np.ndarray | None = None
    proper: bool = True
    columns: Sequence[str] = field(default=("target",))

    @property
    def counts(self) -> np.ndarray:
        """The confusion matrix."""
        assert self.decided is not None
        return metrics.confusion(self.known, self.decided, len(self.classes))

    def scores(self) -> dict[str, float]:
        """Every metric by its name: those of several target columns with the column's name."""
        if self.classes:
            return self._of_classes()
        found: dict[str, float] = {}
        for j, column in enumerate(self.columns):
            there = ~np.isnan(self.known[:, j])
            y, out = self.known[there, j], np.asarray(self.out[there, j], np.float64)
            of = f" {column}" if len(self.columns) > 1 else ""
            for name, metric in (("RMSE", metrics.rmse), ("MAE", metrics.mae), ("R2", metrics.r2)):
                found[name + of] = metric(y, out) if len(y) else float("nan")
        return found

    def _of_classes(self) -> dict[str, float]:
        counts = self.counts
        f1 = metrics.f1_scores(counts)
        occurring = counts.sum(axis=0) + counts.sum(axis=1) > 0
        found = {"accuracy": metrics.accuracy(counts), "balanced accuracy": metrics.balanced_accuracy(counts)}
        if self.proper:
            found["log loss"] = float(metrics.log_losses(self.known, self.out).mean())
        found["AUC"] = metrics.mean_auc(self.known, self.out)
        found["F1"] = float(f1[1] if len(self.classes) == 2 else f1[occurring].mean())
        return found

    def losses(self) -> np.ndarray:
        """How far off each row is: the log loss, or the distance; in standard deviations where targets are several."""
        if self.classes:
            return metrics.log_losses(self.known, self.out)
        off = np.abs(self.known - self.out)
        if len(self.columns) == 1:
            return np.where(np.isnan(off), -np.inf, off)[:, 0]
        far: np.ndarray = np.nanmean(off / np.nanstd(self.known, axis=0).clip(1e-300), axis=1)
        return far

    def loss(self) -> float:
        """What should be small: the mean log loss, or the error's mean square against that of the columns' means."""
        if self.classes:
            return float(metrics.log_losses(self.known, self.out).mean())
        return float(np.nanmean(np.square(self.known - self.out) / np.nanvar(self.known, axis=0).clip(1e-300)))


def probabilities(out: np.ndarray, activation: str) -> tuple[np.ndarray, bool]:
    """A column for each class, and whether they are probabilities, from a network's outputs."""
    out = np.asarray(out, np.float64)
    if out.shape[1] == 1:
        return np.concatenate([1 - out, out], axis=1), activation == "sigmoid"
    if activation == "softmax":
        return out, True
    if activation == "sigmoid":  # each output speaks for itself: shares of their sum
        total = out.sum(axis=1, keepdims=True)
        return np.divide(out, total, out=np.full_like(out, 1 / out.shape[1]), where=total > 0), True
    e = np.exp(out - out.max(axis=1, keepdims=True))  # only their order has a meaning
    return e / e.sum(axis=1, keepdims=True), False
