"""Arrays in, messages out: samples, targets and weights as the kernels take them, checked before any kernel runs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from fastbp.checks import ROUNDING, or_wider
from fastbp.chunks import all_finite, by_rows, contiguous, every, extremes
from fastbp.errors import argument_error
from fastbp.functions import costs
from fastbp.functions.activations import NAMED


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets: outputs of shape (n_samples, J), or the class of each sample."""

    dense: np.ndarray | None
    labels: np.ndarray | None

    @functools.cached_property
    def decisions(self) -> np.ndarray:
        """Class of each sample: the index of its largest output; of one output, whether it is at least one half."""
        if self.labels is not None:
            return self.labels
        assert self.dense is not None
        return decide(self.dense)

    @functools.cached_property
    def are_classes(self) -> bool:
        """Whether every target is a label, or 0 or 1."""
        return self.dense is None or every(lambda y: (y == 0) | (y == 1), self.dense)


def decide(outputs: np.ndarray) -> np.ndarray:
    """The class that each row of outputs stands for: of the largest; of one output, whether it is at least one half."""
    single = outputs.shape[1] == 1
    return by_rows(lambda a: a[:, 0] >= 0.5 if single else a.argmax(axis=1), outputs, np.int64)


def as_names(classes: Sequence[Any]) -> np.ndarray:
    """Names of classes as an array; of objects where they are of several kinds, or larger than int64."""
    alike = len({type(name) for name in classes}) == 1
    small = not any(isinstance(name, int) and abs(name) >= 2**63 for name in classes)
    return np.array(classes, None if alike and small else object)


def as_numbers(value: Any, name: str) -> np.ndarray:
    """Any array-like of numbers as an array; what is none is refused by name."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
        raise argument_error(
            name, "is a masked array with masked values; every value is used. Fill them, or drop the samples."
        )
    if hasattr(value, "tocsr") or hasattr(value, "todense"):
        raise argument_error(name, f"is a sparse matrix; a dense array is needed. Pass {name}.toarray().", TypeError)
    if hasattr(value, "__dlpack_device__") and not isinstance(value, np.ndarray):
        device = int(value.__dlpack_device__()[0])
        if device != 1:
            raise TypeError(
                f"{name} lives on a device (DLPack type {device}); CPU memory is needed. Move it there first."
            )
        if not hasattr(value, "__array__"):
            value = np.from_dlpack(value)
    try:
        array = np.asarray(value)
    except ValueError:
        raise argument_error(name, "has rows of different lengths; it must be rectangular. Pad or cut them.") from None
    if array.dtype.kind == "c":
        raise argument_error(
            name, "is complex; real numbers are needed. Pass its real and imaginary parts as columns.", TypeError
        )
    if array.dtype.kind in "USMmV" or (
        array.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in array.flat)
    ):
        what = {"M": "dates", "m": "time spans", "V": "records"}.get(array.dtype.kind, "text")
        raise argument_error(name, f"holds {what}; numbers are needed. Encode it as numbers first.", TypeError)
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise argument_error(
                name,
                "holds objects that are no numbers, or none that fit into a float; numbers are needed. Convert "
                "them to float.",
                TypeError,
            ) from None
    return array


def _place(first: tuple[int, ...]) -> str:
    """Where a value stands, in words."""
    return f"row {first[0]}" + (f", column {first[1]}" if len(first) > 1 else "")


def _refuse(array: np.ndarray, original: np.ndarray, name: str, place: Callable[[tuple[int, ...]], str]) -> None:
    """Name the first value that is not finite, and how many there are."""
    bad = np.argwhere(~np.isfinite(array))
    first = tuple(int(i) for i in bad[0])
    where = place(first)
    value = original[first]
    if np.isfinite(value):
        shown = str(value) if value.dtype.itemsize > 8 else f"{float(value):g}"
        raise argument_error(
            name,
            f"has {shown} in {where}, too large for {array.dtype.name}, one of {len(bad)} such values. "
            "Scale the data, or use dtype='float64'.",
        )
    raise argument_error(
        name,
        f"has {float(value)} in {where}, and {len(bad)} values that are not finite in all; numbers are needed. "
        "Impute them, or drop the samples.",
    )


def require_finite(
    array: np.ndarray, original: np.ndarray, name: str, place: Callable[[tuple[int, ...]], str] = _place
) -> None:
    """Raise unless every value of a contiguous float array is finite; ``original`` is what it was made from.

    ``place`` says where the value of an index stands.
    """
    if not all_finite(array.reshape(-1)):
        _refuse(array, original, name, place)


def refuse_shape(original: Any, K: int, name: str, kind: str) -> NoReturn:
    """Say what is wrong with the shape of samples, an array or a sparse matrix."""
    shape = f"Pass an array of shape (n_samples, {K})."
    if original.ndim == 1:
        problem = (
            f"has shape {original.shape}, one dimension; two are needed, samples and features. Pass "
            f"{name}.reshape(1, -1) for one sample, {name}.reshape(-1, 1) for one feature."
        )
    elif original.ndim == 0:
        problem = f"is a single {kind}; two dimensions are needed, samples and features. {shape}"
    elif original.ndim > 2:
        advice = f"Pass {name}.reshape(len({name}), -1)."
        problem = f"has {original.ndim} dimensions; two are needed, samples and features. {advice}"
    elif original.shape[0] == 0:
        problem = f"has 0 samples; at least one is needed. {shape}"
    else:
        problem = f"has {original.shape[1]} columns; this network's layer 0 has {K} neurons (sizes[0]). {shape}"
    raise argument_error(name, problem)


def as_samples(X: Any, K: int, name: str = "X") -> np.ndarray:
    """Samples of shape (n_samples, K), of the dtype and layout they have; not yet looked at for what is not finite."""
    original = as_numbers(X, name)
    if original.ndim != 2 or original.shape[1] != K or not len(original):
        refuse_shape(original, K, name, type(X).__name__)
    return original


def as_inputs(X: Any, K: int, dtype: np.dtype[Any], name: str = "X") -> np.ndarray:
    """Samples of shape (n_samples, K), contiguous, of the net's dtype and finite; not copied when already so."""
    original = as_samples(X, K, name)
    array = contiguous(original, dtype)
    require_finite(array, original, name)
    return array


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
) -> Targets:
    """Targets of n samples for J outputs: labels 0..J-1 (J = 1: 0 or 1) of shape (n,), or outputs of shape (n, J).

    ``of`` is the cost and its parameter. ``within_reach`` refuses targets that the outputs of the activation cannot
    reach.
    """
    cost, p = of
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
        return Targets(None, _as_labels(original, J, name))
    if original.ndim == 1:
        original = original.reshape(-1, 1)
    if original.shape[1] != J:
        raise argument_error(
            name,
            f"has {original.shape[1]} columns; this network's output layer has {J} neurons (sizes[-1]). "
            f"Pass an array of shape ({n}, {J})" + (f", or labels of shape ({n},)." if J > 1 else "."),
        )
    array = contiguous(original, dtype)
    require_finite(array, original, name)
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
    return Targets(array, None)


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


def as_sample_weight(s: Any, n: int, dtype: np.dtype[Any], name: str = "sample_weight") -> np.ndarray | None:
    """s_x of n samples: finite, not negative, not all 0, of a sensible size; None stays None, which means 1."""
    if s is None:
        return None
    original = as_numbers(s, name)
    if original.shape != (n,):
        raise argument_error(name, f"has shape {original.shape}; X has {n} samples. Pass shape ({n},).")
    array = contiguous(original, dtype)
    require_finite(array, original, name)
    if original.min() < 0:  # before float32 has rounded it to -0
        i = int(np.argmin(original))
        raise argument_error(
            name, f"has {float(original[i]):g} in row {i}; weights are at least 0. Clip or shift them."
        )
    if array.max() == 0:
        raise argument_error(name, "is 0 everywhere; a mean needs some weight. Pass None to weight all alike.")
    numbers = np.finfo(dtype)
    tiny = (original > 0) & (original < numbers.tiny)
    if tiny.any():
        i = int(np.argmax(tiny))
        raise argument_error(
            name,
            f"has {float(original[i]):g} in row {i}; {dtype.name} cannot divide by so little. Scale the "
            "weights, only their ratios matter; or set it to 0.",
        )
    total, limit = float(array.sum(dtype=np.float64)), float(numbers.max) ** 0.5
    if total >= limit:
        raise ValueError(
            f"{name} sums to {total:g}; in {dtype.name} gradients overflow from {limit:.2g} on. Scale the "
            "weights, only their ratios matter."
        )
    return array


def check_out(out: Any, shape: tuple[int, int], dtype: np.dtype[Any], X: tuple[Any, Any], theta: np.ndarray) -> None:
    """Refuse an array that a kernel cannot write its outputs to.

    Parameters
    ----------
    out : object
        What was given as ``out``.
    shape : tuple of int
    dtype : numpy.dtype
    X : tuple
        The samples as they were given and as the kernel reads them: arrays among these may not share memory with it.
    theta : numpy.ndarray
        Likewise.
    """
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise argument_error(
            "out",
            f"is a {type(out).__name__}; a NumPy array is needed. Pass np.empty({shape}, {dtype.name!r}).",
            TypeError,
        )
    problem = None
    if out.shape != shape:
        problem = f"has shape {out.shape}; {shape} is needed, a row for each sample and a column for each output"
    elif out.dtype != dtype:
        problem = f"has dtype {out.dtype}; this network's outputs are {dtype.name}"
    elif not out.flags.c_contiguous:
        problem = "is not C-contiguous; rows are written one after the other"
    elif not out.flags.writeable:
        problem = "is read-only; outputs are written to it"
    elif not out.flags.aligned:
        problem = f"is not aligned; its address must be a multiple of {dtype.alignment}"
    if problem is not None:
        raise argument_error("out", f"{problem}. Pass np.empty({shape}, {dtype.name!r}), say.")
    for name, value in (("X", X[0]), ("X", X[1]), ("the network's theta", theta)):
        read = getattr(value, "values", value)  # those of sparse samples
        if isinstance(read, np.ndarray) and np.shares_memory(out, read):
            raise argument_error(
                "out", f"shares memory with {name}, which is read while outputs are written. Pass memory of its own."
            )
