"""Targets as training needs them: class indices or numbers, and how to tell which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Task = Literal["classification", "regression"]

MOST_CLASSES = 100


def encode(
    parts: Sequence[Array], task: Task | None, where: str
) -> tuple[Task, tuple[Any, ...] | None, tuple[Array, ...]]:
    """The task, the names of the classes, and each part encoded.

    Parameters
    ----------
    parts : sequence of arrays, each (n,) or (n, n_outputs)
        The targets of the training part and, if there is one, of the test part; numbers, booleans or strings.
    task : "classification", "regression" or None
        None decides from the values.
    where : str
        The file, for messages.
    """
    if task not in (None, "classification", "regression"):
        raise ValueError(f"task is {task!r}; it must be 'classification', 'regression' or None. Pass one of these.")
    parts = [_checked(part, where) for part in parts]
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.shape) for part in parts)
        raise ValueError(f"{where!r} has targets of shapes {shapes}; their columns must agree. Check the files.")
    y = np.concatenate(parts)
    task = task or ("classification" if _are_classes(y) else "regression")
    if task == "regression":
        if y.dtype.kind in "US":
            raise ValueError(f"{where!r} has text as its target, as {y.flat[0]!r}; regression needs numbers.")
        y = y.astype(np.float64).reshape(len(y), -1)
        return task, None, _cut(y, parts)
    if y.ndim == 2:
        if not _is_one_hot(y):
            raise ValueError(
                f"{where!r} has targets of shape {y.shape} that are not one-hot; classification needs one class for "
                "each sample. Pass task='regression' or a single column of classes."
            )
        return task, tuple(range(y.shape[1])), _cut(y.argmax(axis=1).astype(np.int64), parts)
    if y.dtype.kind == "f" and (y == np.rint(y)).all() and (np.abs(y) < 2**53).all():
        y = y.astype(np.int64)
    names, index = np.unique(y, return_inverse=True)
    if len(names) < 2:
        got = f"{where!r} has the single class {names[0].item()!r}"
        raise ValueError(f"{got}; classification needs two or more. Pass another target, or task='regression'.")
    return task, tuple(names.tolist()), _cut(index.astype(np.int64), parts)


def from_text(cells: Sequence[str]) -> Array:
    """A column of cells as integers if all are, else as floats, else as text."""
    for kind in (int, float):
        try:
            return np.array([kind(cell) for cell in cells])
        except (ValueError, OverflowError):
            continue
    return np.array(cells)


def _checked(y: Array, where: str) -> Array:
    if y.dtype.kind not in "biufUS":
        raise ValueError(
            f"{where!r} has targets of type {y.dtype}; needed are real numbers or text. Convert them first."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or y.size == 0:
        raise ValueError(f"{where!r} has targets of shape {y.shape}; needed is (n_samples,) or (n_samples, n_outputs).")
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = np.argwhere(~np.isfinite(y))[0][0]
        raise ValueError(
            f"{where!r} has a target that is missing or infinite in row {row}, counting from 0; every target must be a "
            "finite number. Fill in or remove the row."
        )
    return y


def _are_classes(y: Array) -> bool:
    if y.ndim == 2:
        return _is_one_hot(y)
    if y.dtype.kind in "USb":
        return True
    if y.dtype.kind == "f" and not (y == np.rint(y)).all():
        return False
    distinct = len(np.unique(y))
    return distinct <= 2 or (distinct <= MOST_CLASSES and 2 * distinct <= len(y))


def _is_one_hot(y: Array) -> bool:
    return y.dtype.kind in "biuf" and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _cut(y: Array, parts: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(np.split(y, np.cumsum([len(part) for part in parts])[:-1]))
