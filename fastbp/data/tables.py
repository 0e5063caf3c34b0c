"""Delimited text (``.csv``, ``.tsv``, plain or ``.gz``) as numbers, read row by row.

A broken file, or one without the columns asked for, raises ``LoadError``, which names the line or the columns.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import io
import itertools
import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import PLAIN, as_number, is_measured, is_missing, is_text, looks_like_a_number
from fastbp.data.formats import MOST_TEXT, Raw, opened, refuse_bomb
from fastbp.data.targets import Task, from_text
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Row = tuple[int, list[str]]  # line number, cells

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 200  # rows that decide whether the first one is a header
LONGEST_LINE = 1 << 24


def read_table(
    path: str,
    target: str | int | None = None,
    *,
    columns: Sequence[str] | None = None,
    drop: str | int | None = None,
    weight: str | int | None = None,
    task: Task | None = None,
    targets: bool = False,
) -> Raw:
    """The features in float64, and the target if one is named, as ``task`` or its cells say; ``targets`` demands one.

    Columns are names or indices, negative ones from the end. ``columns`` are the features wanted, in this order, of a
    file with a header; None means all but the target, the ``weight`` of the samples, and ``drop``, if it exists.
    """
    with _text(path) as text:
        rows = _rows(text, path)
        sample, names, header = _start(path, rows, target)
        if targets and target is None:
            raise LoadError(f"{path!r} needs a target: it has {_have(names, header)}. Pass one of these as target.")
        if header and target is not None and columns is None:
            _refuse_doubles(path, names)
        t = None if target is None else _find(path, "target", target, names, header)
        s = None if weight is None else _find(path, "weight", weight, names, header)
        if s is not None and s == t:
            raise LoadError(f"{path!r} has one column for both target and weight, {names[s]!r}. Name two columns.")
        others = {t, s, _index(drop, names)}
        wanted = [j for j in range(len(names)) if j not in others]
        if columns is not None and header:
            wanted = _by_name(path, columns, names)
        if not wanted:
            raise LoadError(f"{path!r} has no column besides the target. Add at least one column of numbers.")
        asked = wanted if s is None else [*wanted, s]
        X, cells, lines = _numbers(path, itertools.chain(sample[header:], rows), names, asked, t)
    return Raw(
        path,
        os.path.basename(path),
        X[:, : len(wanted)],
        None if cells is None else from_text(cells, task),
        names=tuple(names[j] for j in wanted) if header else None,
        target=None if t is None else names[t],
        weight=None if s is None else X[:, -1],
        lines=lines,
    )


@contextlib.contextmanager
def _text(path: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file."""
    with opened(path) as (stream, _, compressed):
        if compressed:
            refuse_bomb(path, MOST_TEXT)
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield text
        finally:
            text.detach()  # standard input stays open, and a file is closed by whoever opened it


def _start(path: str, rows: Iterator[Row], target: str | int | None) -> tuple[list[Row], list[str], bool]:
    """The first rows, the names of the columns, and whether the first row holds them."""
    sample = list(itertools.islice(rows, SAMPLE))
    if not sample:
        raise LoadError(f"{path!r} is empty. Pass a file with at least one row of numbers.")
    first = [cell.strip() for cell in sample[0][1]]
    header = _has_header(first, [cells for _, cells in sample[1:]], target)
    return sample, first if header else [str(i) for i in range(len(first))], header


def _have(names: list[str], header: bool) -> str:
    shown = ", ".join(repr(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    return f"the columns {shown}" if header else f"no header and {len(names)} columns, 0 to {len(names) - 1}"


def _rows(text: io.TextIOWrapper, path: str) -> Iterator[Row]:
    """Rows that are not blank, with the number of their (last) line."""

    def lines() -> Iterator[str]:
        while line := text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise LoadError(f"{path!r} has a line of {LONGEST_LINE} characters or more. It is not a table.")
            yield line

    source = lines()
    reader = None
    try:
        start = next(source, "")
        tsv = path.lower().removesuffix(".gz").endswith(".tsv")
        delimiter = "\t" if tsv else max(DELIMITERS, key=start.count)
        reader = csv.reader(itertools.chain([start], source), delimiter=delimiter, strict=True)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise LoadError(
            f"{path!r} is not text in UTF-8: {error}. Convert it, or pass the format it really has."
        ) from None
    except csv.Error as error:
        line = reader.line_num if reader else 1
        raise LoadError(f"{path!r} cannot be read as a table: line {line}: {error}. Correct the line.") from None


def _has_header(first: list[str], others: list[list[str]], target: str | int | None) -> bool:
    """Whether the first row names the columns.

    It does when it names the target, when it has no number at all, or when it has text over a column of numbers.
    """
    if isinstance(target, str) and target in first and is_text(target):
        return True
    text = [is_text(cell) for cell in first]
    if all(text):
        return True
    rest = [cells for cells in others if len(cells) == len(first)]
    return any(over and rest and not any(is_text(cells[j]) for cells in rest) for j, over in enumerate(text))


def _index(column: str | int | None, names: list[str]) -> int | None:
    """Index of a column given by name or by index; None when there is no such column."""
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        if not re.fullmatch(r"-?[0-9]{1,9}", column):
            return None
    if column is None or not -len(names) <= int(column) < len(names):
        return None
    return int(column) % len(names)


def _find(path: str, what: str, column: str | int, names: list[str], header: bool) -> int:
    if isinstance(column, str) and names.count(column) > 1:
        raise LoadError(f"{path!r} has {names.count(column)} columns named {column!r}. Rename them or pass an index.")
    index = _index(column, names)
    if index is not None:
        return index
    problem = f"is {column!r}; {path!r} has no column {column!r}: it has {_have(names, header)}. Pass one of these."
    raise argument_error(what, problem, LoadError)


def _refuse_doubles(path: str, names: list[str]) -> None:
    """LoadError for a header with a name twice: the model would not find its columns again."""
    counts = collections.Counter(names)
    if len(counts) < len(names):
        name, n = counts.most_common(1)[0]
        indices = [str(j) for j, other in enumerate(names) if other == name][:6]
        raise LoadError(
            f"{path!r} has {n} columns named {name!r}, of index {', '.join(indices)}; samples to predict are found by "
            "their columns' names. Rename or remove all but one of them."
        )


def _by_name(path: str, wanted: Sequence[str], names: list[str]) -> list[int]:
    """Index of each wanted column. Where a name is wanted as often as it is there, the columns follow each other."""
    columns: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        columns.setdefault(name, []).append(j)
    counts = collections.Counter(wanted)
    for name, n in counts.items():
        there = len(columns.get(name, ()))
        if not there:
            raise LoadError(f"{path!r} has no column {name!r}: it has {_have(names, True)}. Add it.")
        if there != n:
            raise LoadError(f"{path!r} has {there} columns named {name!r}; {n} of it is needed. Rename the others.")
    following = {name: iter(indices) for name, indices in columns.items()}
    return [next(following[name]) for name in wanted]


def _numbers(
    path: str, rows: Iterator[Row], names: list[str], wanted: list[int], target: int | None
) -> tuple[Array, list[str] | None, Sequence[int]]:
    values, lines, labels = array("d"), array("q"), []
    for line, cells in rows:
        if len(cells) != len(names):
            raise LoadError(
                f"{path!r} has {len(cells)} cells in line {line}; {len(names)} are needed. Correct the line."
            )
        if target is not None:
            if is_missing(cells[target]):
                raise _missing(path, line, names[target])
            labels.append(cells[target].strip())
        try:
            values.extend([float(cells[j]) for j in wanted])
            if "_" in "".join(cells):
                for j in wanted:
                    as_number(cells[j])
        except ValueError:
            raise _not_a_number(path, line, cells, names, wanted) from None
        lines.append(line)
    if not lines:
        raise LoadError(f"{path!r} has a header and no rows. Pass a file with at least one row of numbers.")
    X = np.frombuffer(values, np.float64).reshape(len(lines), len(wanted))
    finite = np.isfinite(X)
    if not finite.all():
        i, k = np.argwhere(~finite)[0]
        if math.isnan(X[i, k]):
            raise _missing(path, lines[i], names[wanted[k]])
        got = f"{path!r} has an infinite value in line {lines[i]}, column {names[wanted[k]]!r}"
        raise LoadError(f"{got}; every value must be finite. Correct or remove the row.")
    return X, labels if target is not None else None, lines


def _missing(path: str, line: int, name: str) -> LoadError:
    return LoadError(
        f"{path!r} has no value in line {line}, column {name!r}; every cell must be filled. Fill in the missing values "
        "or remove these rows."
    )


def _not_a_number(path: str, line: int, cells: list[str], names: list[str], wanted: list[int]) -> LoadError:
    for j in wanted:
        if is_missing(cells[j]):
            return _missing(path, line, names[j])
        if is_text(cells[j]):
            break
    got = f"{path!r} has the text {cells[j][:40]!r} in line {line}, column {names[j]!r}; features must be numbers. "
    if looks_like_a_number(cells[j]) or is_measured(cells[j]):
        return LoadError(f"{got}{PLAIN}")
    return LoadError(
        f"{got}Replace the column by numbers (for categories, one column of 0 and 1 for each) or remove it."
    )
