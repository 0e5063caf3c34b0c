"""How a model decides and what it is unsure of: a threshold of two classes, intervals around numbers.

Both are numbers in a network's ``meta``, found on rows that the weights were not fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp.targets import decide

THRESHOLD, INTERVAL = "decision_threshold", "residual_interval"
"""Their keys in ``meta``."""


def decided(out: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """The label that each row of outputs stands for, by the threshold that ``meta`` has, if it has one.

    Parameters
    ----------
    out : array, shape (n_samples, sizes[-1])
    meta : mapping
        ``meta["decision_threshold"]``: the least output that stands for label 1 of two; without it one half.
    """
    threshold = meta.get(THRESHOLD)
    if threshold is None or out.shape[1] != 1:
        return decide(out)
    labels: np.ndarray = (out[:, 0] >= threshold).astype(np.int64)
    return labels


def labels_of(net: Any, Z: np.ndarray, n_threads: int | None) -> np.ndarray:
    """The labels of rows as the network takes them: what `decided` makes of its outputs."""
    if THRESHOLD not in net.meta:
        labels: np.ndarray = net.predict(Z, n_threads=n_threads)
        return labels
    return decided(net.feedforward(Z, n_threads=n_threads), net.meta)


def best_threshold(known: np.ndarray, p: np.ndarray, goal: str) -> float:
    """The threshold with the best balanced accuracy or F1 of label 1 on some rows.

    It lies in the middle between two probabilities that occur. Of several that are equally good the one nearest to one
    half is taken.

    Parameters
    ----------
    known : array of 0 and 1, shape (n,)
        Both occur.
    p : array, shape (n,)
        Probabilities of label 1.
    goal : "balanced" or "f1"
    """
    p = np.asarray(p, np.float64)
    values = np.unique(p)
    candidates = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2]) if len(values) > 1 else values
    order = np.sort(p[known == 1])
    others = np.sort(p[known == 0])
    hits = len(order) - np.searchsorted(order, candidates)
    wrong = len(others) - np.searchsorted(others, candidates)
    if goal == "balanced":
        score = hits / len(order) + (len(others) - wrong) / len(others)
    else:
        score = 2 * hits / (len(order) + hits + wrong)
    best = candidates[score >= score.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def least_rows(level: float) -> int:
    """How many residuals an interval of this level needs at least."""
    return math.ceil(2 / (1 - level) - 1e-9) - 1


def residual_bounds(residuals: np.ndarray, level: float) -> tuple[float, float]:
    """What to add to a prediction, so that the interval covers a new target with a probability of at least ``level``.

    The residuals, target minus prediction, are those of rows that the model was not fitted to (split conformal
    prediction, Vovk et al. 2005): each end is an order statistic that leaves (1 - level) / 2 outside, with one more row
    counted than there are.

    Parameters
    ----------
    residuals : array, shape (n,)
        At least `least_rows` of them.
    level : float
        Between 0 and 1.
    """
    ordered = np.sort(np.asarray(residuals, np.float64))
    n, outside = len(ordered), (1 - level) / 2
    k = math.floor(outside * (n + 1) + 1e-9)  # counted from either end
    return float(ordered[k - 1]), float(ordered[n - k])


def interval(out: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """Ends of the intervals around predictions, shape (n_samples, J, 2).

    Parameters
    ----------
    out : array, shape (n_samples, J)
        In the targets' own units.
    meta : mapping
        ``meta["residual_interval"]`` has ``low`` and ``high``, what is added to each output.
    """
    found = meta[INTERVAL]
    ends = [np.asarray(out, np.float64) + np.asarray(found[name], np.float64) for name in ("low", "high")]
    return np.stack(ends, axis=2)


def problem(meta: Mapping[str, Any], n_outputs: int) -> str | None:
    """What is wrong with the two entries of a file's ``meta``, if anything."""
    if THRESHOLD in meta:
        value = meta[THRESHOLD]
        if not _is_number(value) or not 0 < value < 1:
            return f"has a {THRESHOLD} in meta that is no number between 0 and 1"
    if INTERVAL in meta:
        found = meta[INTERVAL]
        if not isinstance(found, Mapping) or not {"level", "low", "high"} <= set(found):
            return f"has a {INTERVAL} in meta without level, low and high"
        ends = [found[name] for name in ("low", "high")]
        lists = all(isinstance(end, list | tuple) and len(end) == n_outputs for end in ends)
        if not (lists and all(_is_number(value) for end in ends for value in end)):
            return f"has a {INTERVAL} in meta whose low and high are not {n_outputs} numbers each"
        if not _is_number(found["level"]) or not 0 < found["level"] < 1:
            return f"has a {INTERVAL} in meta whose level is no number between 0 and 1"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
