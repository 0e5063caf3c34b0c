"""Weights of samples and of classes, which may be signed as in scikit-learn, and the sums that they are divided by."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight


def _of_classes(given: Any, classes: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
    """The weight of each class; "balanced" counts samples by their weights."""
    if given != "balanced" or sample_weight is None:
        return compute_class_weight(given, classes=classes, y=y)
    codes = np.searchsorted(classes, y)
    counts = np.bincount(codes, weights=sample_weight, minlength=len(classes))
    some = np.bincount(codes, weights=sample_weight != 0, minlength=len(classes)) > 0
    if np.any((counts == 0) & some):
        name = classes[int(np.argmax((counts == 0) & some))]
        raise ValueError(
            f"The sample weights of class {name!r} sum to 0, though not all of them are 0; class_weight='balanced' "
            "divides by that sum. Pass other weights, or class_weight as a dictionary."
        )
    with np.errstate(divide="ignore"):
        weight = compute_class_weight(given, classes=classes, y=y, sample_weight=sample_weight)
    return np.where(some, weight, 0.0)  # a class without weight does not count


def with_class_weights(given: Any, classes: Any, y: np.ndarray, sample_weight: np.ndarray | None) -> Any:
    """Sample weights, multiplied by those of the classes: of the classes known, not of those that happen to be in y."""
    if y.ndim == 1:
        weight = _of_classes(given, classes, y, sample_weight)[np.searchsorted(classes, y)]
    elif given != "balanced" or sample_weight is None:
        weight = compute_sample_weight(given, y)
    else:  # of several labels, the product
        weight = np.ones(len(y))
        for column in y.T:
            known, codes = np.unique(column, return_inverse=True)
            weight *= _of_classes(given, known, column, sample_weight)[codes]
    if not np.isfinite(weight).all():
        raise ValueError(f"class_weight is {given!r}, in which not all are finite; numbers are needed. Pass some.")
    if sample_weight is None:
        return weight
    with np.errstate(over="ignore"):  # check_total says so
        return weight * sample_weight


def check_some_weight(sample_weight: np.ndarray | None, which: str = "") -> None:
    """ValueError for weights that are all 0, in the words of newer versions of scikit-learn."""
    if sample_weight is not None and not np.any(sample_weight):
        raise ValueError("Sample weights must contain at least one non-zero number." + which)


def check_sums(sample_weight: np.ndarray, order: np.ndarray, batch: int) -> None:
    """ValueError that names the first minibatch in which weights cancel each other: its loss is divided by their sum.

    One without any weight is skipped.
    """
    weight, starts = sample_weight[order].astype(np.float64), np.arange(0, len(order), batch)
    total, size = np.add.reduceat(weight, starts), np.add.reduceat(np.abs(weight), starts)
    # Less than the sum's own rounding is 0.
    lost = (np.abs(total) <= size * min(batch, len(order)) * np.finfo(sample_weight.dtype).eps) & (size > 0)
    if lost.any():
        m = int(np.argmax(lost))
        raise ValueError(
            f"The sample weights of minibatch {m + 1} of {len(starts)} sum to {total[m]:.3g}, though not all "
            "of them are 0; its loss is divided by that sum. Pass weights of one sign, or another batch_size."
        )
