"""What a column becomes: numbers, or the index of a level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import dates
from fastbp.data.columns.distinct import Cells
from fastbp.data.columns.kinds import YES_NO, require_finite
from fastbp.data.columns.numbers import parsed, plain
from fastbp.data.columns.record import Column

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ZERO_ONE = ("0", "1")
"""Words of yes/no that are numbers."""
MISSING, OTHER = 0, 1
"""Indices of the first two levels of every category: a missing cell, and a level that is rare or was never seen."""


def number_names(column: Column) -> list[str]:
    """What `numbers` returns, by name: the column itself, what comes round again, and whether the cell is missing."""
    names: list[str] = []
    if column.kind in ("number", "yes/no"):
        names = [column.name]
    elif column.kind in ("date", "time"):
        for part in column.parts:
            names += [column.name] if part == "days" else [f"{column.name}: {part} sin", f"{column.name}: {part} cos"]
    if names and column.n_missing:
        names.append(f"{column.name} is missing")
    return names


def numbers(column: Column, cells: Cells) -> Numbers:
    """A column that is no category as numbers, NaN where a cell is missing.

    Returns
    -------
    array (n_rows, len(number_names(column)))

    Raises
    ------
    ValueError
        A cell that is nothing of the column's kind.
    """
    parts: list[Numbers] = []
    if column.kind == "number":
        parts = [_as_numbers(column, cells)]
    elif column.kind == "yes/no":
        parts = [_as_answers(column, cells)]
    elif column.parts:
        instants = _as_instants(column, cells)
        for part in column.parts:
            parts += [dates.days(instants, column.first)] if part == "days" else list(dates.cyclic(instants, part))
    if not parts:
        return np.empty((len(cells.index), 0))
    spread = [cells.spread(values, np.nan).astype(np.float64) for values in parts]
    if column.n_missing:
        spread.append((cells.index < 0).astype(np.float64))
    return np.stack(spread, axis=1)


def filling(column: Column) -> tuple[Numbers, Numbers, Numbers]:
    """For each of the column's numbers: what a missing one gets, what is subtracted from it, and what divides it."""
    fill, subtract, divide = [], [], []
    for name in number_names(column):
        plain = name == column.name
        scaled = plain and column.kind != "yes/no"
        fill.append(column.median if plain else 0.0)
        subtract.append(column.mean if scaled else 0.0)
        divide.append(column.std if scaled else 1.0)
    return np.array(fill), np.array(subtract), np.array(divide)


def codes(column: Column, cells: Cells) -> Codes:
    """A category as indices of levels: `MISSING`, `OTHER`, then those of ``column.levels``.

    Returns
    -------
    array (n_rows,) of int64
    """
    known = {level: i for i, level in enumerate(column.levels, 2)}
    indices = np.array([known.get(level, OTHER) for level in cells.levels()], np.int64)
    spread: Codes = cells.spread(indices, MISSING).astype(np.int64)
    return spread


def one_hot_names(column: Column) -> list[str]:
    """What `one_hot` returns, by name."""
    names = [f"{column.name} = {level}" for level in column.levels]
    names += [f"{column.name} is another"] if column.other else []
    return names + ([f"{column.name} is missing"] if column.n_missing else [])


def one_hot(column: Column, indices: Codes) -> Numbers:
    """One column of 0 and 1 for each level, for the rare ones if there were any, and for a missing cell likewise.

    A level that was never seen is 0 in all of them where no level was rare.
    """
    shown = [
        *range(2, 2 + len(column.levels)),
        *([OTHER] if column.other else []),
        *([MISSING] if column.n_missing else []),
    ]
    result: Numbers = (indices[:, np.newaxis] == np.array(shown, np.int64)).astype(np.float64)
    return result


def _wrong(column: Column, cells: Cells, i: int, need: str) -> ValueError:
    return ValueError(
        f"{cells.table.where} has {cells.as_text(i).strip()[:40]!r} in {cells.place(i)}, column {column.name!r}; "
        f"the model needs {need} there. Correct the cell, or leave it empty."
    )


def _as_numbers(column: Column, cells: Cells) -> Numbers:
    if cells.numbers is not None:
        values = cells.numbers
    else:
        texts = cells.texts if cells.texts is not None else cells.levels()
        read = plain(texts) if column.decimal == "." else None
        if read is None:
            found = [parsed(text, column.decimal) for text in texts]
            if None in found:
                raise _wrong(column, cells, found.index(None), "a number")
            read = np.array(found, np.float64)
        values = read
    require_finite(cells, values)
    return values


def _as_answers(column: Column, cells: Cells) -> Numbers:
    own = [column.words, *(YES_NO if column.words in YES_NO else ())]
    known = {word: float(answer) for pair in reversed(own) for answer, word in enumerate(pair)}
    levels = cells.levels()
    answers = [known.get(level.lower()) for level in levels]
    if column.words == ZERO_ONE:
        # A count that was 0 or 1 in all rows that were learned from may well be 2 in others.
        answers = [parsed(level, ".") if x is None else x for level, x in zip(levels, answers, strict=True)]
    if None in answers:
        raise _wrong(column, cells, answers.index(None), " or ".join(map(repr, column.words)))
    values = np.array(answers, np.float64)
    require_finite(cells, values)
    return values


def _as_instants(column: Column, cells: Cells) -> Codes:
    if cells.instants is not None:
        return cells.instants
    texts = cells.texts if cells.texts is not None else cells.levels()
    if column.kind == "date" and (all_of_them := dates.instants_in(texts, column.date_format)) is not None:
        return all_of_them
    if column.kind == "time":
        found = [dates.time_of(text) for text in texts]
        need = "a time such as 23:59"
    else:
        found = [dates.instant_of(text, column.date_format) for text in texts]
        if column.date_format != dates.ISO:
            found = [dates.instant_of(t, dates.ISO) if x is None else x for t, x in zip(texts, found, strict=True)]
        need = f"a date ({column.date_format})"
    if None in found:
        raise _wrong(column, cells, found.index(None), need)
    return np.array(found, np.int64)
