"""Delimited text (``.csv``, ``.tsv``, plain or ``.gz``) as numbers, read row by row.

A broken file raises ``LoadError`` and a column that does not exist ``ValueError``; both name the line or the columns.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp._readers.formats import opened
from fastbp.errors import LoadError

Array = npt.NDArray[Any]
Row = tuple[int, list[str]]  # line number, cells

DELIMITERS = (",", ";", "\t", "|")
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
SAMPLE = 200  # rows that decide whether the first one is a header
LONGEST_LINE = 1 << 24


@dataclass(frozen=True)
class Table:
    """The columns of a file: ``X`` (n_rows, n_features) in float64, and the cells of the target as text."""

    X: Array
    y: list[str] | None
    names: tuple[str, ...] | None
    target: str | None
    weight: Array | None = None


def read_table(
    path: str,
    target: str | int | None = None,
    *,
    columns: Sequence[str] | None = None,
    drop: str | int | None = None,
    weight: str | int | None = None,
) -> Table:
    """Read the features, and the target if one is named.

    Parameters
    ----------
    path : str
        The file.
    target : str, int or None
        Name or index (counting from 0; negative from the end) of the target column; None reads features only.
    columns : sequence of str or None
        The features wanted, by name and in this order, if the file has a header; None means all but the target.
    drop : str, int or None
        A column to leave out, if it exists.
    weight : str, int or None
        The column of the samples' weights, which is no feature.
    """
    with opened(path) as (stream, _, _), io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        rows = _rows(text, path)
        sample, names, header = _start(path, rows, target)
        t = None if target is None else _find(path, target, names, header)
        s = None if weight is None else _find(path, weight, names, header)
        if s is not None and s == t:
            raise ValueError(f"{path!r} has one column for both target and weight, {names[s]!r}. Name two columns.")
        wanted = [j for j in range(len(names)) if j not in (t, s, _index(drop, names))]
        if columns is not None and header:
            wanted = [_find(path, name, names, header, by_index=False) for name in columns]
        if not wanted:
            raise LoadError(f"{path!r} has no column besides the target. Add at least one column of numbers.")
        asked = wanted if s is None else [*wanted, s]
        X, y = _numbers(path, itertools.chain(sample[header:], rows), names, asked, t)
    kept = tuple(names[j] for j in wanted) if header else None
    target_name = None if t is None else names[t]
    return Table(X[:, : len(wanted)], y, kept, target_name, None if s is None else X[:, -1])


def describe_columns(path: str) -> str:
    """What columns a file has, as part of a sentence."""
    with opened(path) as (stream, _, _), io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        _, names, header = _start(path, _rows(text, path), None)
    return _have(names, header)


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
        reader = csv.reader(itertools.chain([start], source), delimiter=_delimiter(path, start), strict=True)
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


def _delimiter(path: str, line: str) -> str:
    if path.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    return max(DELIMITERS, key=line.count)


def _is_text(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() not in MISSING
    return False


def _has_header(first: list[str], others: list[list[str]], target: str | int | None) -> bool:
    """Whether the first row names the columns.

    It does when it names the target, when it has no number at all, or when it has text over a column of numbers.
    """
    if isinstance(target, str) and target in first and _is_text(target):
        return True
    text = [_is_text(cell) for cell in first]
    if all(text):
        return True
    rest = [cells for cells in others if len(cells) == len(first)]
    return any(is_text and rest and not any(_is_text(cells[j]) for cells in rest) for j, is_text in enumerate(text))


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


def _find(path: str, column: str | int, names: list[str], header: bool, by_index: bool = True) -> int:
    if isinstance(column, str) and names.count(column) > 1:
        raise ValueError(f"{path!r} has {names.count(column)} columns named {column!r}. Rename them or pass an index.")
    index = _index(column, names) if by_index or column in names else None
    if index is not None:
        return index
    raise ValueError(f"{path!r} has no column {column!r}: it has {_have(names, header)}. Pass one of these.")


def _numbers(
    path: str, rows: Iterator[Row], names: list[str], wanted: list[int], target: int | None
) -> tuple[Array, list[str] | None]:
    values, lines, labels = array("d"), array("q"), []
    for line, cells in rows:
        if len(cells) != len(names):
            raise LoadError(
                f"{path!r} has {len(cells)} cells in line {line}; {len(names)} are needed. Correct the line."
            )
        if target is not None:
            if cells[target].strip().lower() in MISSING:
                raise _missing(path, line, names[target])
            labels.append(cells[target].strip())
        try:
            values.extend([float(cells[j]) for j in wanted])
        except ValueError:
            raise _not_a_number(path, line, cells, names, wanted) from None
        lines.append(line)
    if not lines:
        raise LoadError(f"{path!r} has a header and no rows. Pass a file with at least one row of numbers.")
    X = np.array(values, dtype=np.float64).reshape(len(lines), len(wanted))
    finite = np.isfinite(X)
    if not finite.all():
        i, k = np.argwhere(~finite)[0]
        if math.isnan(X[i, k]):
            raise _missing(path, lines[i], names[wanted[k]])
        got = f"{path!r} has an infinite value in line {lines[i]}, column {names[wanted[k]]!r}"
        raise LoadError(f"{got}; every value must be finite. Correct or remove the row.")
    return X, labels if target is not None else None


def _missing(path: str, line: int, name: str) -> LoadError:
    return LoadError(
        f"{path!r} has no value in line {line}, column {name!r}; every cell must be filled. Fill in the missing values "
        "or remove these rows."
    )


def _not_a_number(path: str, line: int, cells: list[str], names: list[str], wanted: list[int]) -> LoadError:
    for j in wanted:
        if cells[j].strip().lower() in MISSING:
            return _missing(path, line, names[j])
        if _is_text(cells[j]):
            break
    return LoadError(
        f"{path!r} has the text {cells[j][:40]!r} in line {line}, column {names[j]!r}; features must be numbers. "
        "Replace the column by numbers (for categories, one column of 0 and 1 for each) or remove it."
    )
