"""The book's lists of column vectors, checked, and as the arrays that kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.chunks import chunks


def column(value: Any, n: int, name: str) -> np.ndarray:
    """The value, if it is a column of n numbers, or several side by side: a minibatch as a matrix, shape (n, m).

    In the book's code a vector of shape (n,) broadcasts against the biases, of shape (n, 1), to an (n, n) matrix, and
    everything goes on with it.
    """
    array = np.asarray(value)
    if array.ndim == 2 and len(array) == n:
        return array
    if array.shape == (n,):
        raise ValueError(
            f"{name} has shape ({n},); the book's net takes columns, of shape ({n}, 1). A vector of shape ({n},) would "
            f"broadcast against the biases to a matrix. Pass np.reshape({name.split()[0]}, ({n}, 1))."
        )
    hint = f"Pass vectorized_result({array}, {n})." if array.shape == () else "Pass one."
    raise ValueError(
        f"{name} has shape {array.shape}; the net needs a column of shape ({n}, 1), or a matrix with a sample in each "
        f"column, here. {hint}"
    )


def pairs(data: Any, name: str) -> list[tuple[Any, Any]]:
    """The samples as a list; a ``zip`` is used up once, as in the ports to Python 3."""
    try:
        listed = list(data)
    except TypeError:
        raise TypeError(f"{name} is {type(data).__name__}; a list of pairs (x, y) is needed. Pass one.") from None
    for i, pair in enumerate(listed):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"{name}[{i}] is no pair (x, y); each sample has an input and a target. Pass pairs.")
    return listed


def labelled(data: Any, name: str) -> list[tuple[Any, Any]]:
    """`pairs` to evaluate on, whose targets are digits; data for training, whose targets are columns, is refused."""
    listed = pairs(data, name)
    for i, (_, y) in enumerate(listed):
        if np.size(y) != 1:
            raise ValueError(
                f"The target of {name}[{i}] has shape {np.shape(y)}; to count right answers it takes a digit, as "
                "validation and test data have. Pass (x, int(np.argmax(y))) for each sample."
            )
    return listed


def _filled(array: np.ndarray, columns: Sequence[Any]) -> bool:
    """Copy columns into an array if they have its shape; whether they have."""
    given = np.array(columns, np.float64)
    if given.shape == array.shape:
        array[...] = given
    return given.shape == array.shape


def stacked(columns: Sequence[Any], n: int, name: str) -> np.ndarray:
    """Columns of n numbers as the rows of one float64 array."""
    array = np.empty((len(columns), n, 1))
    try:
        if all(_filled(array[rows], columns[rows]) for rows in chunks(len(columns), 8 * n)) and columns:
            return array[:, :, 0]
    except (ValueError, TypeError):
        pass
    for i, value in enumerate(columns):  # name the first one that is wrong
        wrong = column(value, n, f"{name} of sample {i}")
        if wrong.shape != (n, 1):
            raise ValueError(
                f"{name} of sample {i} has shape {wrong.shape}; SGD takes a sample as a column of shape ({n}, 1). Pass "
                "the columns one by one."
            )
    raise ValueError(f"{name} cannot be read as numbers. Pass arrays of shape ({n}, 1).")


def vectorized_result(j: int, n: int = 10) -> np.ndarray:
    """Column of n numbers, 1 in place j and 0 elsewhere."""
    unit = np.zeros((n, 1))
    unit[j] = 1.0
    return unit
