"""The weight of each class, multiplied with the weights of its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.arrays import as_sample_weight, check_total
from fastbp.errors import argument_error
from fastbp.network import Network
from fastbp.training.minibatches import Samples


def with_class_weight(net: Network, samples: Samples, class_weight: Any) -> Samples:
    """The samples, with s_x multiplied by the weight of their class; None leaves them as they are."""
    if class_weight is None:
        return samples
    is_balanced = isinstance(class_weight, str) and class_weight == "balanced"
    if not (is_balanced or isinstance(class_weight, Mapping)):
        raise argument_error(
            "class_weight",
            f"is {class_weight!r}; it must be 'balanced' or a mapping from labels to weights. Pass one of these, such "
            "as {0: 1.0, 1: 5.0}.",
            ValueError if isinstance(class_weight, str) else TypeError,
        )
    labels = _labels(net, samples)
    n_classes = max(2, net.sizes[-1])
    s = np.ones(len(samples)) if samples.weight is None else samples.weight.astype(np.float64)
    with np.errstate(over="ignore"):
        of_class = balanced(labels, s, n_classes) if is_balanced else _given(class_weight, n_classes)
        of_sample = of_class[labels]
        weight = of_sample * s
    check_total(weight, "class_weight", net.dtype)
    if np.any((weight == 0) & (of_sample > 0) & (s > 0)):
        raise argument_error(
            "class_weight",
            "comes to less than any number, multiplied with the weights of the samples; it would be taken for 0. Scale "
            "the weights, only their ratios matter; or set it to 0.",
        )
    return replace(samples, weight=as_sample_weight(weight, len(s), net.dtype, "class_weight"))


def by_label(by_name: Mapping[Any, Any], labels: Mapping[Any, int]) -> dict[int, Any]:
    """Weights by label, of classes that are given by name; ValueError for a name that is none."""
    for name in by_name:
        if name not in labels:
            raise argument_error(
                "class_weight",
                f"has the class {name!r}; the model knows {', '.join(map(repr, labels))}. Pass names of these "
                "classes, as predict returns them.",
            )
    return {labels[name]: weight for name, weight in by_name.items()}


def _labels(net: Network, samples: Samples) -> np.ndarray:
    """The class of each sample; ValueError where targets are outputs."""
    targets = samples.targets
    if targets.labels is not None:
        return targets.labels
    if net.sizes[-1] == 1 and net._classifies(targets):
        return targets.decisions
    n = len(samples)
    if not targets.are_complete:
        raise argument_error(
            "class_weight",
            "is given, and Y has targets that are missing; a sample without a target is of no class. Drop these "
            "samples, or pass weights of the samples as sample_weight.",
        )
    raise argument_error(
        "class_weight",
        "is given, and Y holds outputs; weights of classes go with labels. "
        + (
            f"Pass labels of shape ({n},)."
            if net.sizes[-1] > 1
            else "Pass labels 0 and 1 to a net of a sigmoid output, or weights of the samples as sample_weight."
        ),
    )


def balanced(labels: np.ndarray, s: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights with which all classes that occur weigh the same, and all samples together what they weigh without."""
    totals = np.bincount(labels, weights=s, minlength=n_classes)
    some = totals > 0
    of_class = np.zeros(n_classes)
    np.divide(totals.sum() / some.sum(), totals, out=of_class, where=some)
    return of_class


def _given(class_weight: Mapping[Any, Any], n_classes: int) -> np.ndarray:
    """Weights by label, 1 for those that are not named."""
    of_class = np.ones(n_classes)
    for label, weight in class_weight.items():
        is_label = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
        if not (is_label and 0 <= label < n_classes):
            raise argument_error(
                "class_weight",
                f"has the label {label!r}; this network's labels are 0..{n_classes - 1}. Pass weights of these.",
            )
        of_class[label] = checks.check_real(weight, "class_weight", low=0.0)
    return of_class
