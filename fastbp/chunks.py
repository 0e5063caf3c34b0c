"""Large arrays a chunk at a time.

Python runs no signal handler before a call of NumPy has ended, and on a gigabyte a single one can take a second. Of
arrays that are smaller than a chunk nothing here costs more than the one call would.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

CHUNK_BYTES = 1 << 24
"""Of a chunk: some milliseconds of a pass over memory, and of a conversion."""


def chunks(n: int, row_bytes: int) -> Iterator[slice]:
    """Slices of n rows, one after the other: as many rows at a time as a chunk holds, and at least one."""
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    return (slice(first, min(first + step, n)) for first in range(0, n, step))


def of_rows(array: np.ndarray) -> Iterator[Any]:
    """The rows of an array, a chunk at a time."""
    return (array[rows] for rows in chunks(len(array), array.nbytes // max(1, len(array))))


def writable(array: np.ndarray) -> Any:
    """The same memory under a type that kernels are compiled for; they never write to samples or targets."""
    if array.flags.writeable:
        return array
    memory: Any = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
    return np.frombuffer(memory, array.dtype)


@functools.cache
def _largest_magnitude() -> Any:
    """The kernel, imported when it is first needed: reading files and models needs no Numba."""
    from fastbp.kernels.finite import largest_magnitude

    return largest_magnitude


def _largest(values: np.ndarray) -> float:
    """The largest |value|, NaN if one is, of a vector of float32 or float64."""
    kernel = _largest_magnitude()
    if values.nbytes <= CHUNK_BYTES:
        return float(kernel(writable(values)))
    return float(np.max([kernel(writable(part)) for part in of_rows(values)]))


def all_finite(values: np.ndarray) -> bool:
    """Whether all numbers of a contiguous vector of float32 or float64 are finite."""
    return _largest(values) < math.inf


def largest_magnitude(values: np.ndarray) -> float:
    """The largest |value|, NaN if one is; 0 of no values."""
    if values.dtype in (np.float32, np.float64):
        return _largest(values.ravel(order="K"))
    least, largest = extremes(values) if values.size else (0, 0)
    return max(float(largest), -float(least))


def extremes(values: np.ndarray) -> tuple[Any, Any]:
    """The least and the largest of some values, of their dtype; both NaN where one is."""
    if values.nbytes <= CHUNK_BYTES:
        return values.min(), values.max()
    least, largest = zip(*((part.min(), part.max()) for part in of_rows(values)), strict=True)
    return np.min(least), np.max(largest)


def take(array: np.ndarray, index: np.ndarray | slice) -> np.ndarray:
    """These rows: of a slice the same memory, of indices a copy."""
    if isinstance(index, slice):
        return array[index]
    result = np.empty((len(index), *array.shape[1:]), array.dtype)
    for rows in chunks(len(index), array[:1].nbytes):
        result[rows] = array[index[rows]]
    return result


def every(condition: Callable[[Any], Any], array: np.ndarray) -> bool:
    """Whether a condition, an array of truth values for some rows, holds everywhere."""
    return all(bool(condition(part).all()) for part in of_rows(array))


def by_rows(function: Callable[[Any], Any], array: np.ndarray, dtype: Any) -> np.ndarray:
    """A vector with the value of each row, from a function of some rows."""
    values = np.empty(len(array), dtype)
    for rows in chunks(len(array), array.nbytes // max(1, len(array))):
        values[rows] = function(array[rows])
    return values


def contiguous(array: np.ndarray, dtype: Any, *, copy: bool = False) -> np.ndarray:
    """C-contiguous, aligned, native and of ``dtype``: the array itself if it is all that and no copy is asked for."""
    flags = array.flags
    if not copy and array.dtype == dtype and flags.c_contiguous and flags.aligned and array.dtype.isnative:
        return array
    result = np.empty(array.shape, dtype)
    with np.errstate(over="ignore"):
        if result.nbytes <= CHUNK_BYTES:
            result[...] = array
        else:
            for rows in chunks(len(array), result[:1].nbytes):
                result[rows] = array[rows]
    return result


def squares_of_differences(Y: np.ndarray, out: np.ndarray, s: np.ndarray) -> tuple[Any, Any]:
    """For each output, the weighted sums of squares of what Y differs by from its mean, and from ``out``."""
    mean = sum(s[rows] @ Y[rows].astype(np.float64) for rows in chunks(len(Y), 8 * Y.shape[1])) / s.sum()
    spread = residual = np.zeros(Y.shape[1])
    for rows in chunks(len(Y), 8 * Y.shape[1]):
        known = Y[rows].astype(np.float64)
        spread = spread + s[rows] @ (known - mean) ** 2
        with np.errstate(over="ignore"):  # the loss tells
            residual = residual + s[rows] @ (known - out[rows]) ** 2
    return spread, residual


def r2(Y: np.ndarray, out: np.ndarray, s: np.ndarray, complete: bool) -> float:
    """R2, the mean over the outputs: of targets that are the same for all samples, whether they are hit.

    Unless they are ``complete``, each output's is that of its targets that are not NaN; of one that has none, none.
    """
    if complete:
        spread, residual = squares_of_differences(Y, out, s)
    else:
        parts = []
        for j in range(Y.shape[1]):
            there = ~np.isnan(Y[:, j])
            if s[there].sum() > 0:
                parts.append(squares_of_differences(Y[there, j : j + 1], out[there, j : j + 1], s[there]))
        if not parts:
            return math.nan
        spread, residual = (np.concatenate(side) for side in zip(*parts, strict=True))
    of_outputs = np.where(spread > 0, 1 - residual / np.where(spread > 0, spread, 1), np.where(residual > 0, 0.0, 1.0))
    return float(of_outputs.mean())
