"""Arrays in, messages out: samples, targets and weights as the kernels take them, checked before any kernel runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from fastbp.chunks import contiguous, largest_magnitude
from fastbp.errors import argument_error

REMEDY = "Impute them, or drop the samples"
"""What to do about numbers that are not finite."""


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


def _refuse(
    array: np.ndarray, original: np.ndarray, name: str, place: Callable[[tuple[int, ...]], str], remedy: str
) -> None:
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
        f"{remedy}.",
    )


def require_finite(
    array: np.ndarray,
    original: np.ndarray,
    name: str,
    place: Callable[[tuple[int, ...]], str] = _place,
    remedy: str = REMEDY,
) -> float:
    """The largest |value| of a contiguous float array, if every one is finite; ``original`` is what it was made from.

    ``place`` says where the value of an index stands, ``remedy`` what to do about it.
    """
    largest = largest_magnitude(array)
    if not largest < math.inf:
        _refuse(array, original, name, place, remedy)
    return largest


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
    return measured_inputs(X, K, dtype, name)[0]


def measured_inputs(X: Any, K: int, dtype: np.dtype[Any], name: str) -> tuple[np.ndarray, float]:
    """What `as_inputs` returns, and its largest |x|: both are found in one pass over memory."""
    original = as_samples(X, K, name)
    array = contiguous(original, dtype)
    return array, require_finite(array, original, name)


def as_sample_weight(s: Any, n: int, dtype: np.dtype[Any], name: str = "sample_weight") -> np.ndarray | None:
    """s_x of n samples: finite, not negative, not all 0, of a sensible size; None stays None, which means 1."""
    if s is None:
        return None
    original = as_numbers(s, name)
    if original.shape != (n,):
        raise argument_error(name, f"has shape {original.shape}; X has {n} samples. Pass shape ({n},).")
    if original.min() < 0:  # before float32 has rounded it to -0
        i = int(np.argmin(original))
        raise argument_error(
            name, f"has {float(original[i]):g} in row {i}; weights are at least 0. Clip or shift them."
        )
    if original.max() == 0:
        raise argument_error(name, "is 0 everywhere; a mean needs some weight. Pass None to weight all alike.")
    numbers = np.finfo(dtype)
    if np.isfinite(original).all():
        check_total(original, name, dtype)
    array = contiguous(original, dtype)
    require_finite(array, original, name)
    tiny = (original > 0) & (original < numbers.tiny)
    if tiny.any():
        i = int(np.argmax(tiny))
        raise argument_error(
            name,
            f"has {float(original[i]):g} in row {i}; {dtype.name} cannot divide by so little. Scale the "
            "weights, only their ratios matter; or set it to 0.",
        )
    return array


def check_total(weights: np.ndarray, name: str, dtype: np.dtype[Any], parameter: str | None = None) -> None:
    """ValueError, about ``name``, for weights of samples whose sum is so large that gradients of the dtype overflow."""
    with np.errstate(over="ignore"):
        total, limit = float(np.abs(weights).sum(dtype=np.float64)), float(np.finfo(dtype).max) ** 0.5
    if not total < limit:
        size = f"{total:g}" if np.isfinite(total) else f"more than {np.finfo(np.float64).max:.2g}"
        problem = (
            f"sums to {size} over all samples, which is too large: in {dtype.name} gradients overflow from {limit:.2g} "
            "on. Scale the weights, only their ratios matter."
        )
        raise argument_error(name, problem, parameter=parameter)


def check_out(
    out: Any, shape: tuple[int, int], dtype: np.dtype[Any], X: Sequence[Any], thetas: Sequence[np.ndarray]
) -> None:
    """Refuse an array that outputs cannot be written to.

    Parameters
    ----------
    out : object
        What was given as ``out``.
    shape : tuple of int
    dtype : numpy.dtype
    X : sequence
        The samples as they were given and as kernels read them: arrays among these may not share memory with it.
    thetas : sequence of numpy.ndarray
        Likewise: the weights of the networks that are asked.
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
        problem = f"has dtype {out.dtype}; the outputs are {dtype.name}"
    elif not out.flags.c_contiguous:
        problem = "is not C-contiguous; rows are written one after the other"
    elif not out.flags.writeable:
        problem = "is read-only; outputs are written to it"
    elif not out.flags.aligned:
        problem = f"is not aligned; its address must be a multiple of {dtype.alignment}"
    if problem is not None:
        raise argument_error("out", f"{problem}. Pass np.empty({shape}, {dtype.name!r}), say.")
    for name, value in (*(("X", x) for x in X), *(("the network's theta", theta) for theta in thetas)):
        read = getattr(value, "values", value)  # those of sparse samples
        if isinstance(read, np.ndarray) and np.shares_memory(out, read):
            raise argument_error(
                "out", f"shares memory with {name}, which is read while outputs are written. Pass memory of its own."
            )
