"""Which kind a column is, and what is learned of it: from the rows that it is shown, which are those to train on."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import is_measured, is_text, looks_like_a_number
from fastbp.data.columns import dates
from fastbp.data.columns.distinct import Cells
from fastbp.data.columns.numbers import Ambiguous, Mixed, numbers_of, of_number
from fastbp.data.columns.record import WHY, Column
from fastbp.data.scaling import standardise
from fastbp.errors import argument_error

Numbers = npt.NDArray[np.float64]

YES_NO = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("0", "1"))
MOST_LEVELS, MOST_LEVELS_SHARE = 50, 0.05
"""Levels of a category: so many, or this share of the rows."""
RARE = 5
"""A level that is seen fewer times joins the others."""
WHOLE = re.compile(r"[-+]?\d{1,18}")
NAMES = re.compile(r"(?:.*_)?id|index|unnamed: \d+|", re.IGNORECASE)
"""Of identifiers: also no name at all, which is how an index is written."""
ALMOST = 0.5
"""Share of the rows from which on a column of text that would be dropped is one of numbers or dates with errors."""


def find(cells: Cells, given: str | None = None, decimal: str | None = None, date_format: str | None = None) -> Column:
    """The kind of a column and what belongs to it.

    Parameters
    ----------
    cells : Cells
    given : str, optional
        The kind that the user says.
    decimal, date_format : str, optional
        How numbers and dates are written, where the user says so.

    Raises
    ------
    ValueError
        Cells that may mean two things, that do not fit the kind that is given, or that look like errors.
    """
    known: dict[str, Any] = {"name": cells.name, "n_missing": cells.n_missing}
    if given is not None:
        known["why"] = "as you say"
        return _given(cells, given, decimal, date_format, known)
    if not cells.n_missing and len(cells) <= MOST_LEVELS and len(set(cells.levels())) <= 1:
        return Column(kind="constant", **known, why=WHY["constant"])
    if not len(cells):
        return Column(kind="constant", **known, why="every cell is empty")
    if not cells.real and NAMES.fullmatch(cells.name):
        return Column(kind="identifier", **known, why=f"its name is {cells.name!r}" if cells.name else "it has no name")
    words = _words(cells)
    if words is not None:
        return _yes_no(cells, words, known)
    numbers, mark = _numbers(cells, decimal) or (None, "")
    if numbers is not None:
        if _is_run(cells, numbers):
            return Column(kind="identifier", **known, why="its whole numbers count the rows")
        return _number(cells, numbers, mark, {**known, "why": WHY["number"]})
    instants, form = _instants(cells, date_format) or (None, "")
    if instants is not None:
        return _date(cells, instants, form, {**known, "why": WHY["date"]})
    assert cells.texts is not None
    times = dates.times_of(cells.texts)
    if times is not None and len(times):
        return _time(cells, times, {**known, "why": WHY["time"]})
    return _text(cells, decimal, date_format, known)


def _given(cells: Cells, kind: str, decimal: str | None, date_format: str | None, known: dict[str, Any]) -> Column:
    """What belongs to a kind that the user names; ValueError if the cells do not fit."""
    if kind == "category":
        return _category(cells, known)
    if kind == "yes/no":
        words = _words(cells) or tuple(sorted({level.lower() for level in cells.levels()}))
        if len(words) != 2:
            raise _unfit(cells, kind, f"it has {len(words)} different ones, and two are needed")
        return _yes_no(cells, words, known)
    if kind == "number":
        numbers, mark = _numbers(cells, decimal) or (None, "")
        if numbers is None:
            texts = cells.texts or cells.levels()
            i = next(i for i, text in enumerate(texts) if numbers_of([text], decimal) is None)
            raise _unfit(cells, kind, f"{cells.as_text(i)[:40]!r} in {cells.place(i)} is none")
        return _number(cells, numbers, mark, known)
    if kind == "date":
        instants, form = _instants(cells, date_format) or (None, "")
        if instants is None:
            texts = cells.levels() if cells.texts is None else cells.texts
            i = next((i for i, text in enumerate(texts) if _is_no_date(text, date_format)), 0)
            raise _unfit(cells, kind, f"{cells.as_text(i)[:40]!r} in {cells.place(i)} is none")
        return _date(cells, instants, form, known)
    if kind == "time":
        times = None if cells.texts is None else dates.times_of(cells.texts)
        if times is None:
            raise _unfit(cells, kind, f"{cells.as_text(0)[:40]!r} in {cells.place(0)} may be one, others are none")
        return _time(cells, times, known)
    return Column(kind=kind, **known)


def _is_no_date(text: str, date_format: str | None) -> bool:
    try:
        return dates.instants_of([text], date_format) is None
    except dates.AmbiguousDate:
        return False


def _unfit(cells: Cells, kind: str, problem: str) -> Exception:
    return argument_error(
        "kinds",
        f"says that column {cells.name!r} of {cells.table.where} is of kind {kind!r}; {problem}. Correct the cell, "
        "pass missing=['...'] with its text, or another kind.",
    )


def _words(cells: Cells) -> tuple[str, ...] | None:
    """The two words of a column of yes and no, in lower case."""
    if not 1 <= len(cells) <= 8 or cells.instants is not None:
        return None
    words = {level.lower() for level in cells.levels()}
    return next((pair for pair in YES_NO if words == set(pair)), None)


def _numbers(cells: Cells, decimal: str | None) -> tuple[Numbers, str] | None:
    """The numbers of the distinct cells, and their decimal mark."""
    if cells.numbers is not None:
        found: tuple[Numbers, str] | None = cells.numbers, "."
    elif cells.texts is None:
        return None
    else:
        try:
            found = numbers_of(cells.texts, decimal)
        except Ambiguous as error:
            raise _ambiguous_number(cells, error.args[0]) from None
        except Mixed as error:
            point, comma = (cells.texts.index(cell) for cell in error.args)
            raise argument_error(
                "decimal",
                f"would be a point for {cells.as_text(point)!r} in {cells.place(point)} and a comma for "
                f"{cells.as_text(comma)!r} in {cells.place(comma)}, column {cells.name!r} of {cells.table.where}. "
                f"Correct the cells, or pass kinds={{{cells.name!r}: 'category'}} or drop=[{cells.name!r}].",
            ) from None
    if found is not None:
        require_finite(cells, found[0])
    return found


def require_finite(cells: Cells, numbers: Numbers) -> None:
    """ValueError for a number that is infinite."""
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        i = int(infinite[0])
        raise ValueError(
            f"{cells.table.where} has {cells.as_text(i)!r} in {cells.place(i)}, column {cells.name!r}; numbers must be "
            f"finite. Correct the cell or leave it empty, or pass drop=[{cells.name!r}]."
        )


def _ambiguous_number(cells: Cells, cell: str) -> Exception:
    assert cells.texts is not None
    as_point, as_comma = (numbers_of([cell], mark) for mark in (".", ","))
    assert as_point is not None
    assert as_comma is not None
    a, b = (of_number(float(values[0])) for values in (as_point[0], as_comma[0]))
    return argument_error(
        "decimal",
        f"is not given, and column {cells.name!r} of {cells.table.where} needs it: {cell.strip()!r} in "
        f"{cells.place(cells.texts.index(cell))} may be {b} or {a}, and no cell decides. Pass decimal=',' for {b} or "
        f"decimal='.' for {a}.",
    )


def _instants(cells: Cells, date_format: str | None) -> tuple[npt.NDArray[np.int64], str] | None:
    """The instants of the distinct cells, and their format."""
    if cells.instants is not None:
        return cells.instants, dates.ISO
    if cells.texts is None or not cells.texts:
        return None
    try:
        return dates.instants_of(cells.texts, date_format)
    except dates.AmbiguousDate as error:
        raise argument_error(
            "date_format",
            f"is not given, and column {cells.name!r} of {cells.table.where} needs it: "
            f"{str(error.args[0]).strip()!r} in {cells.place(cells.texts.index(error.args[0]))} may have the day or "
            "the month first, and no cell decides. Pass date_format='%d/%m/%Y' or date_format='%m/%d/%Y', say.",
        ) from None


def _is_run(cells: Cells, numbers: Numbers) -> bool:
    """Whether whole numbers, no two of them equal, count the rows.

    The rows to train on are often a random part of those that were counted. So gaps are allowed where so many
    different numbers in so short a range could not be chance: up to half of the range from 20 rows on, up to three
    quarters from 100 on.
    """
    n = len(cells.index)
    if cells.n_missing or cells.real or cells.truth or len(numbers) != n:
        return False
    if not cells.whole and (cells.texts is None or not all(WHOLE.fullmatch(text.strip()) for text in cells.texts)):
        return False
    share = 1.0 if n < 20 else 0.5 if n < 100 else 0.25
    return n > 2 and bool(n >= share * (numbers.max() - numbers.min() + 1))


def _text(cells: Cells, decimal: str | None, date_format: str | None, known: dict[str, Any]) -> Column:
    """A column of text: categories, or what is dropped."""
    n, n_levels = len(cells.index), len(set(cells.levels()))
    distinct = n_levels == n - cells.n_missing
    if not distinct and n_levels <= max(MOST_LEVELS, MOST_LEVELS_SHARE * n):
        column = _category(cells, {**known, "why": f"text of {n_levels} levels"})
        if column.levels:
            return column
        return Column(kind="text", **known, why=f"none of its {n_levels} levels occurs {RARE} times")
    _refuse_errors(cells, decimal, date_format)
    assert cells.texts is not None
    some = cells.texts[:100]
    look = sum(map(looks_like_a_number, some)) + sum(is_measured(text) for text in some)
    hint = ""
    if look >= len(some):
        hint = f"; cells such as {some[0].strip()[:20]!r} would be numbers if they were written plainly"
    if distinct:
        return Column(kind="identifier", **known, why=f"no two cells are the same{hint}")
    return Column(kind="text", **known, why=f"{n_levels:,} different texts{hint}")


def _refuse_errors(cells: Cells, decimal: str | None, date_format: str | None) -> None:
    """ValueError for a column that would be dropped for the sake of a few cells."""
    assert cells.texts is not None
    counts = np.bincount(cells.index[cells.index >= 0], minlength=len(cells))
    tests = {
        "numbers": lambda text: not is_text(text) or (decimal is not None and numbers_of([text], decimal) is not None),
        "dates": lambda text: not _is_no_date(text, date_format),
    }
    for what, test in tests.items():
        fits = np.array([test(text) for text in cells.texts], bool)
        n = int(counts[fits].sum())
        if ALMOST * counts.sum() <= n < counts.sum():
            i = int(np.flatnonzero(~fits)[0])
            raise argument_error(
                "missing",
                f"does not name {cells.as_text(i).strip()[:40]!r}, which is in {cells.place(i)}, column "
                f"{cells.name!r} of {cells.table.where}; {n} of the column's {int(counts.sum())} cells are {what}. "
                f"Correct the cell, pass missing=[{cells.as_text(i).strip()[:40]!r}] if it stands for nothing, "
                f"kinds={{{cells.name!r}: 'category'}}, or drop=[{cells.name!r}].",
            )


def _yes_no(cells: Cells, words: tuple[str, ...], known: dict[str, Any]) -> Column:
    known = {"why": f"{words[1]} or {words[0]}", **known}
    answers = np.array([words.index(level.lower()) for level in cells.levels()], np.int64)
    counts = np.bincount(answers[cells.index[cells.index >= 0]], minlength=2)
    return Column(kind="yes/no", **known, words=words, median=float(counts[1] > counts[0]))


def _number(cells: Cells, numbers: Numbers, mark: str, known: dict[str, Any]) -> Column:
    if mark == ",":
        known["why"] += ", with a decimal comma"
    return Column(kind="number", **known, decimal=mark, **_scale(cells, numbers))


def _scale(cells: Cells, numbers: Numbers) -> dict[str, Any]:
    """Median, mean and standard deviation over the rows whose cell is there."""
    there = numbers[cells.index[cells.index >= 0]]
    if not there.size:
        return {}
    try:
        scale = standardise(there[:, np.newaxis])
    except ValueError:
        raise ValueError(
            f"{cells.table.where} has numbers in column {cells.name!r} that are too large for a standard deviation in "
            f"float64. Divide the column by a constant, or pass drop=[{cells.name!r}]."
        ) from None
    return {"median": float(np.median(there)), "mean": float(scale.subtract[0]), "std": float(scale.divide[0])}


def _date(cells: Cells, instants: npt.NDArray[np.int64], form: str, known: dict[str, Any]) -> Column:
    if not len(instants):
        return Column(kind="date", **known)
    first = int(instants.min())
    if form not in ("", dates.ISO):
        known["why"] += f", {form}"
    parts = dates.varying(instants, ("days", "month", "weekday", "hour"))
    scale = _scale(cells, dates.days(instants, first))
    return Column(kind="date", **known, date_format=form, first=first, parts=parts, **scale)


def _time(cells: Cells, times: npt.NDArray[np.int64], known: dict[str, Any]) -> Column:
    return Column(kind="time", **known, parts=dates.varying(times, ("hour",)) if len(times) else ())


def _category(cells: Cells, known: dict[str, Any]) -> Column:
    counts: dict[str, int] = {}
    for level, n in zip(cells.levels(), np.bincount(cells.index[cells.index >= 0], minlength=len(cells)), strict=True):
        counts[level] = counts.get(level, 0) + int(n)
    levels = tuple(sorted(level for level, n in counts.items() if n >= RARE))
    return Column(kind="category", **known, levels=levels, other=len(levels) < len(counts))
