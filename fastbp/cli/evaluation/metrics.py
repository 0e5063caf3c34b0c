"""Metrics of classes and of numbers, by scikit-learn's definitions, which a test compares.

``known`` has labels 0, 1, ... of shape (n,), or numbers of shape (n,); ``p`` has probabilities of shape (n, n_classes).
A metric that the rows do not define is NaN.
"""

from __future__ import annotations

import numpy as np

EPS = float(np.finfo(np.float64).eps)
"""The least probability that the log loss believes in."""


def confusion(known: np.ndarray, decided: np.ndarray, n_classes: int) -> np.ndarray:
    """Samples of each class (rows) by what was decided (columns)."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (known, decided), 1)
    return counts


def accuracy(counts: np.ndarray) -> float:
    """Share of right decisions, from a confusion matrix."""
    return float(np.trace(counts) / counts.sum())


def balanced_accuracy(counts: np.ndarray) -> float:
    """Mean recall of the classes that occur."""
    there = counts.sum(axis=1) > 0
    return float(np.mean(np.diag(counts)[there] / counts.sum(axis=1)[there]))


def f1_scores(counts: np.ndarray) -> np.ndarray:
    """2 hits / (decided + known) of each class; 0 where the class is neither."""
    both = counts.sum(axis=0) + counts.sum(axis=1)
    scores: np.ndarray = 2 * np.diag(counts) / np.maximum(both, 1)
    return scores


def log_losses(known: np.ndarray, p: np.ndarray) -> np.ndarray:
    """-log of the probability that each row gave to its class."""
    chosen = np.take_along_axis(np.asarray(p, np.float64), known[:, None], axis=1)[:, 0]
    losses: np.ndarray = -np.log(np.clip(chosen, EPS, 1.0))
    return losses


def roc(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true positive rates, both from 0 to 1, and the threshold that each point is reached at.

    A row is taken for positive whose score is at least the threshold; the first threshold is infinite.
    """
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order].astype(bool)
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each run of equal scores
    hits = np.cumsum(positive)[last]
    wrong = last + 1 - hits
    with np.errstate(invalid="ignore"):
        rates = [np.append(0.0, n / np.float64(n[-1])) for n in (wrong, hits)]
    return rates[0], rates[1], np.append(np.inf, score[last])


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Probability that a positive row has a higher score than a negative one, ties counting half."""
    if positive.all() or not positive.any():
        return float("nan")
    false, true, _ = roc(positive, score)
    return float((np.diff(false) * (true[1:] + true[:-1])).sum() / 2)


def mean_auc(known: np.ndarray, p: np.ndarray) -> float:
    """AUC of the second of two classes; of more, the mean of each against the rest, over those that occur."""
    if p.shape[1] == 2:
        return auc(known == 1, p[:, 1])
    each = [auc(known == label, p[:, label]) for label in np.unique(known)]
    return float(np.mean(each)) if each else float("nan")


def calibration(positive: np.ndarray, p: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of positives and number of rows of each bin that has rows; bins are equally wide."""
    bin_of = np.minimum((p * bins).astype(np.intp), bins - 1)
    n = np.bincount(bin_of, minlength=bins)
    some = n > 0
    mean, share = (np.bincount(bin_of, weights=v, minlength=bins)[some] / n[some] for v in (p, positive))
    return mean, share, n[some]


def rmse(known: np.ndarray, out: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean(np.square(known - out))))


def mae(known: np.ndarray, out: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(known - out)))


def r2(known: np.ndarray, out: np.ndarray) -> float:
    """1 - squared error / squared error of the mean of these rows; NaN where all targets are one number."""
    spread = np.square(known - known.mean()).sum()
    return float(1 - np.square(known - out).sum() / spread) if spread > 0 else float("nan")
