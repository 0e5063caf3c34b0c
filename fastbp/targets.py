"""Targets as the kernels take them, checked before any kernel runs: labels or outputs, which may be missing."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.arrays import REMEDY, as_numbers, require_finite
from fastbp.checks import ROUNDING, or_wider
from fastbp.chunks import all_finite, by_rows, contiguous, every, extremes
from fastbp.errors import argument_error
from fastbp.functions import costs
from fastbp.functions.activations import NAMED


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets: outputs of shape (n_samples, J), or the class of each sample; and how much each output counts.

    Attributes
    ----------
    dense : numpy.ndarray or None
        NaN where a target is missing.
    labels : numpy.ndarray or None
    output_weight : numpy.ndarray, shape (J,), or None
        u_j; None where all are 1 and no target is missing.
    """

    dense: np.ndarray | None
    labels: np.ndarray | None
    output_weight: np.ndarray | None = None

    def take(self, index: np.ndarray) -> Targets:
        """Those of these samples."""
        dense, labels = (None if part is None else part[index] for part in (self.dense, self.labels))
        return Targets(dense, labels, self.output_weight)

    @property
    def are_complete(self) -> bool:
        """Whether no target is missing."""
        return self.output_weight is None or self.dense is None or every(lambda y: y == y, self.dense)

    @functools.cached_property
    def decisions(self) -> np.ndarray:
        """Class of each sample: the index of its largest output; of one output, whether it is at least one half."""
        if self.labels is not None:
            return self.labels
        assert self.dense is not None
        return decide(self.dense)

    @functools.cached_property
    def are_classes(self) -> bool:
        """Whether every target that is not missing is a label, or 0 or 1."""
        if self.dense is None:
            return True
        if self.output_weight is None:
            return every(lambda y: (y == 0) | (y == 1), self.dense)
        return every(lambda y: (y == 0) | (y == 1) | (y != y), self.dense)


def decide(outputs: np.ndarray) -> np.ndarray:
    """The class that each row of outputs stands for: of the largest; of one output, whether it is at least one half."""
    single = outputs.shape[1] == 1
    return by_rows(lambda a: a[:, 0] >= 0.5 if single else a.argmax(axis=1), outputs, np.int64)


def as_targets(
    Y: Any,
    n: int,
    J: int,
    of: tuple[str, float],
    activation: str,
    dtype: np.dtype[Any],
    name: str = "Y",
    *,
    within_reach: bool = True,
    output_weight: Any = None,
    missing_targets: str | None = None,
) -> Targets:
    """Targets of n samples for J outputs: labels 0..J-1 (J = 1: 0 or 1) of shape (n,), or outputs of shape (n, J).

    ``of`` is the cost and its parameter. ``within_reach`` refuses targets that the outputs of the activation cannot
    reach.
    """
    cost, p = of
    u = None if output_weight is None else as_output_weight(output_weight, J, activation, dtype)
    ignoring = check_missing_targets(missing_targets, activation)
    original = as_numbers(Y, name)
    if original.ndim == 0 or original.ndim > 2:
        raise argument_error(
            name,
            f"has {original.ndim} dimensions; one label or one row per sample is needed. "
            f"Pass shape ({n},) or ({n}, {J}).",
        )
    if len(original) != n:
        raise argument_error(name, f"has {len(original)} rows; X has {n} samples. Pass one target for each sample.")
    if original.ndim == 1 and J > 1:
        return Targets(None, _as_labels(original, J, name), u)
    if original.ndim == 1:
        original = original.reshape(-1, 1)
    if original.shape[1] != J:
        raise argument_error(
            name,
            f"has {original.shape[1]} columns; this network's output layer has {J} neurons (sizes[-1]). "
            f"Pass an array of shape ({n}, {J})" + (f", or labels of shape ({n},)." if J > 1 else "."),
        )
    made = array = contiguous(original, dtype)
    if ignoring and not all_finite(array.reshape(-1)):
        u = np.ones(J, dtype) if u is None else u
        array = np.where(np.isnan(array), dtype.type(1), array)  # which every output can reach, and every cost takes
        original = np.where(np.isnan(original), 1, original)
    ignorable = J > 1 and activation != "softmax" and not ignoring
    require_finite(array, original, name, remedy=_OR_IGNORE if ignorable else REMEDY)
    problem = out_of_reach(array, activation, name) if within_reach else None
    if problem is not None:
        instead = ' and cost="quadratic"' if cost != "quadratic" else ""
        advice = f'Scale the targets, or make the net with activations=[..., "identity"]{instead}.'
        if J == 1 and original.dtype.kind in "iu" and NAMED[activation].probabilities:
            advice += " Labels of two classes are 0 and 1; those of more are 0, 1, 2 and so on, with a neuron for each."
        raise argument_error(name, f"{problem.removeprefix(name + ' ')} {advice}")
    entry = costs.NAMED[cost]
    least, excluded = extremes(array)[0], p >= entry.above_from
    if least < entry.lowest_target or (excluded and least == entry.lowest_target):
        low = array <= entry.lowest_target if excluded else array < entry.lowest_target
        i = int(np.argmax(low.any(axis=1)))
        raise argument_error(name, entry.refusal_of_targets.format(row=i, p=p))
    bounded = within_reach and NAMED[activation].range[1] < math.inf
    if not (bounded or (entry.outputs and NAMED[activation].probabilities)):
        _check_squares(array, cost, name)
    return Targets(made, None, u)


_OR_IGNORE = (
    f"{REMEDY}; where NaN says that a target is missing, train, gradient and evaluate take missing_targets='ignore'"
)


def as_output_weight(u: Any, J: int, activation: str, dtype: np.dtype[Any]) -> np.ndarray:
    """u_j of J outputs: finite, not negative, not all 0, and none where an output is part of all others' activation."""
    name = "output_weight"
    if activation == "softmax":
        raise argument_error(
            name,
            "is given, and the outputs are softmax, which are one decision between classes. Pass class_weight, or take "
            "sigmoid outputs.",
        )
    original = as_numbers(u, name)
    if original.shape != (J,):
        raise argument_error(
            name, f"has shape {original.shape}; this network has {J} output{'s' * (J > 1)}. Pass a number for each."
        )
    array = contiguous(original, dtype, copy=True)
    require_finite(array, original, name, lambda first: f"place {first[0]}")
    if original.min() < 0 or array.max() == 0:
        j = int(np.argmin(original))
        got = f"has {float(original[j]):g} in place {j}" if original[j] < 0 else "is 0 everywhere"
        raise argument_error(name, f"{got}; weights are at least 0, and not all 0. Pass such numbers.")
    limit = float(np.finfo(dtype).max) ** 0.5
    if array.max() >= limit:
        raise argument_error(
            name,
            f"has {float(array.max()):g}; in {dtype.name} gradients overflow from {limit:.2g} on. Scale the "
            "weights, or the learning rate.",
        )
    return array


def check_missing_targets(missing_targets: Any, activation: str) -> bool:
    """Whether NaN stands for a target that is missing."""
    if missing_targets is None:
        return False
    name = "missing_targets"
    if not isinstance(missing_targets, str) or missing_targets != "ignore":
        raise argument_error(name, f"is {missing_targets!r}; it must be 'ignore' or None. Pass one of these.")
    if activation == "softmax":
        raise argument_error(
            name,
            "is 'ignore', and the outputs are softmax, whose targets sum to 1: none of them can be missing alone. Drop "
            "the samples, or take sigmoid outputs.",
        )
    return True


def out_of_reach(Y: np.ndarray, activation: str, name: str = "Y") -> str | None:
    """What is wrong with targets that outputs of this activation cannot reach; None if they can.

    Parameters
    ----------
    Y : numpy.ndarray, shape (n_samples, J)
        Finite.
    activation : str
        Of the output layer. The values of softmax also sum to 1.
    name : str
        What the message calls Y.
    """
    low, high = NAMED[activation].range
    least, largest = extremes(Y)
    if least < low - ROUNDING or largest > high + ROUNDING:
        i, j = (int(index) for index in np.argwhere((Y < low - ROUNDING) | (Y > high + ROUNDING))[0])
        where = f"row {i}" + (f", column {j}" if Y.shape[1] > 1 else "")
        need = f"at least {low:.3g}" if high == math.inf else f"in {low:g}..{high:g}"
        return f"{name} has {float(Y[i, j]):g} in {where}; {activation} outputs are {need}, and cannot reach it."
    if activation == "softmax":
        off = by_rows(lambda y: np.abs(y.sum(axis=1, dtype=np.float64) - 1), Y, np.float64)
        if off.max() > ROUNDING:
            i = int(np.argmax(off))
            total = float(Y[i].sum(dtype=np.float64))
            return (
                f"{name} sums to {total:.7g} in row {i}; softmax outputs sum to 1. Where classes do not exclude each "
                "other, take sigmoid outputs."
            )
    return None


def _check_squares(array: np.ndarray, cost: str, name: str) -> None:
    limit = (float(np.finfo(array.dtype).max) / array.size) ** 0.5
    least, largest = extremes(array)
    if largest > limit or least < -limit:
        i, j = (int(index) for index in np.argwhere(np.abs(array) > limit)[0])
        raise argument_error(
            name,
            f"has {float(array[i, j]):g} in row {i}, column {j}; the {cost} cost of such a target is too large "
            f"for {array.dtype.name}. Scale the targets{or_wider(array.dtype)}.",
        )


def _as_labels(original: np.ndarray, J: int, name: str) -> np.ndarray:
    if original.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = by_rows(lambda label: np.isfinite(label) & (label == np.floor(label)), original, bool)
        if not whole.all():
            i = int(np.argmin(whole))
            raise argument_error(
                name,
                f"has {float(original[i]):g} in row {i}; a label is a whole number in 0..{J - 1}. "
                f"Pass labels, or outputs of shape ({len(original)}, {J}).",
            )
    least, largest = extremes(original) if original.size else (0, 0)
    if least < 0 or largest >= J:
        i = int(np.argmax((original < 0) | (original >= J)))
        raise argument_error(
            name,
            f"has label {int(original[i])} in row {i}; this network's {J} outputs stand for labels 0..{J - 1}. "
            "Encode the labels, or give the output layer more neurons.",
        )
    return contiguous(original, np.int64, copy=True)  # kernels use them as indices, and the user may change his
