"""Targets as training needs them: class indices or numbers, and how to tell which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import PLAIN, is_measured, is_padded, is_text, looks_like_a_number
from fastbp.data.columns.numbers import Ambiguous, Mixed, numbers_of
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Task = Literal["classification", "regression"]

MOST_CLASSES = 100


def check_task(task: Any) -> None:
    """ValueError for what is no task."""
    if task not in (None, "classification", "regression"):
        problem = f"is {task!r}; it must be 'classification', 'regression' or None. Pass one of these."
        raise argument_error("task", problem)


def encode(
    parts: Sequence[Array], task: Task | None, where: str, lines: Sequence[int] = (), *, missing: bool = False
) -> tuple[Task, tuple[Any, ...] | None, tuple[Array, ...]]:
    """The task, decided from the values if it is None, the names of the classes, and each part encoded.

    Parts, (n,) or (n, n_outputs), are the targets to train and, if there are any, to test on: numbers, booleans or
    strings. Messages name the file ``where``, and of a text file the lines. With ``missing``, numbers of a regression
    may be NaN; there are no classes that are missing.
    """
    parts = [_checked(part, where, missing and task != "classification") for part in parts]
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.shape) for part in parts)
        raise LoadError(f"{where!r} has targets of shapes {shapes}; their columns must agree. Check the files.")
    y = np.concatenate(parts)
    if task != "classification" and y.dtype.kind == "U":
        _refuse_disguised(y.ravel().tolist(), lines, task, where)
    task = task or ("classification" if _are_classes(y) else "regression")
    if task == "regression":
        y = y.astype(np.float64).reshape(len(y), -1)
        return task, None, _cut(y, parts)
    if y.ndim == 2:
        if not _is_one_hot(y):
            raise LoadError(
                f"{where!r} has targets of shape {y.shape} that are not one-hot; classification needs one class for "
                "each sample. Choose the task 'regression', or pass a single column of classes."
            )
        return task, tuple(range(y.shape[1])), _cut(y.argmax(axis=1).astype(np.int64), parts)
    if y.dtype.kind == "f" and (y == np.rint(y)).all() and (np.abs(y) < 2**53).all():
        y = y.astype(np.int64)
    names, index = np.unique(y, return_inverse=True)
    if len(names) < 2:
        got = f"{where!r} has the single class {names[0].item()!r}"
        raise LoadError(
            f"{got}; classification needs two or more. Pass another target, or choose the task 'regression'."
        )
    return task, tuple(names.tolist()), _cut(index.astype(np.int64), parts)


def from_text(
    cells: Sequence[str], task: Task | None, decimal: str | None = None, *, where: str = "The table", name: str = ""
) -> Array:
    """A column of cells: integers if all are, else floats if all are, else text. Classes keep the names they have.

    Numbers may have a decimal comma, and marks between thousands; ``decimal`` says which mark is which where no cell
    does.
    """
    numbers = _numbers(cells) if decimal != "," else None
    if numbers is None and task != "classification":
        try:
            found = numbers_of(cells, decimal)
        except Ambiguous as error:
            raise argument_error(
                "decimal",
                f"is not given, and the target {name!r} of {where} needs it: {error.args[0]!r} has a comma, which may "
                "be the decimal mark or stand between thousands, and no cell decides. Pass decimal=',' or "
                "decimal='.'. If these are names of classes, choose the task 'classification'.",
                LoadError,
            ) from None
        except Mixed:
            found = None
        numbers = None if found is None else found[0]
    if numbers is None:
        return np.array(cells)
    classes = task == "classification" or (task is None and _are_classes(numbers))
    large = numbers.dtype.kind == "f" and (np.abs(numbers) >= 2**53).any()
    return np.array(cells) if classes and (large or any(map(is_padded, cells))) else numbers


def _numbers(cells: Sequence[str]) -> Array | None:
    if any("_" in cell for cell in cells):
        return None
    for kind, dtype in ((int, np.int64), (float, np.float64)):
        try:
            return np.array([kind(cell) for cell in cells], dtype)
        except (ValueError, OverflowError):
            continue
    return None


def _refuse_disguised(cells: Sequence[str], lines: Sequence[int], task: Task | None, where: str) -> None:
    """LoadError for a target of text that a reader would take for numbers, if it is not plainly one of classes."""
    repeat = _repeat(cells)

    def looks(cell: str) -> bool:  # a unit is no part of a number that is the name of a class: 1st, 5a
        return looks_like_a_number(cell) or ((task is not None or not repeat) and is_measured(cell))

    alike = {cell: looks(cell) for cell in set(cells)}
    numbers = sum(map(alike.__getitem__, cells))
    if task is None:
        some = 0 < numbers < len(cells) and 2 * numbers >= len(cells)
        plain = numbers == len(cells) and not any(map(is_text, cells))
        if (plain and lines) or ((some or plain) and repeat) or not (some or numbers == len(cells)):
            return
    odd = [i for i, cell in enumerate(cells) if is_text(cell) and looks(cell) == (numbers == len(cells))]
    i = odd[0] if odd else 0
    remedy = f"{numbers} of the {len(cells)} targets look like numbers: correct this one, or remove the row."
    if not numbers:
        remedy = "Pass another target."
    elif looks(cells[i]):
        remedy = PLAIN if odd else "Convert the array with .astype(float)."
    instead = "" if task else " If these are names of classes, choose the task 'classification'."
    need = "regression needs numbers" if task else "classes or numbers are needed"
    place = f"line {lines[i]}" if lines else f"row {i}, counting from 0"
    raise LoadError(f"{where!r} has the text {cells[i][:40]!r} as its target in {place}; {need}. {remedy}{instead}")


def _checked(y: Array, where: str, missing: bool) -> Array:
    if y.dtype.kind not in "biufUS":
        raise LoadError(
            f"{where!r} has targets of type {y.dtype}; needed are real numbers or text. Convert them first."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or y.size == 0:
        raise LoadError(f"{where!r} has targets of shape {y.shape}; needed is (n_samples,) or (n_samples, n_outputs).")
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "replace")
    unknown = ~np.isfinite(y) & ~(np.isnan(y) & missing) if y.dtype.kind == "f" else np.zeros(0, bool)
    if unknown.any():
        row = np.argwhere(unknown)[0][0]
        raise LoadError(
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
    return _repeat(y.tolist())


def _repeat(values: Sequence[Any]) -> bool:
    """Whether values are few, and occur often, as those of classes do."""
    distinct = len(set(values))
    return distinct <= 2 or (distinct <= MOST_CLASSES and 2 * distinct <= len(values))


def _is_one_hot(y: Array) -> bool:
    return y.dtype.kind in "biuf" and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _cut(y: Array, parts: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(np.split(y, np.cumsum([len(part) for part in parts])[:-1]))
