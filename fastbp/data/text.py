"""Delimited text, row by row, as columns of cells in which nothing has been interpreted.

A broken file raises ``LoadError``, which names the line.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import is_text
from fastbp.data.compressed import MOST_TEXT, opened, plain_name, refuse_bomb
from fastbp.data.dialects import Dialect, separator_line
from fastbp.errors import LoadError

Array = npt.NDArray[Any]
Row = tuple[int, list[str]]  # line number, cells
Progress = Callable[[int, int], None]
"""Is told how many bytes of how many have been read; of how many is 0 where nobody knows."""

SAMPLE = 200  # rows that decide whether the first one is a header
LONGEST_LINE = 1 << 24
BLOCK = 1 << 15  # rows that are lists of Python's strings at a time
WIDEST = 64
"""Bytes of a cell from which on a column is not held in cells of one width."""


@dataclass(frozen=True)
class Columns:
    """Columns as they were read; two may have the same name.

    Attributes
    ----------
    where : str
        The file.
    names : list of str
        Of the columns; their indices where the file has no header.
    columns : list of array (n_rows,)
        Bytes where all cells are short ASCII text, else Python objects.
    header : bool
    lines : array (n_rows,) of int, or None
        Line in which each row ends, if rows have lines.
    """

    where: str
    names: list[str]
    columns: list[Any]
    header: bool
    lines: Array | None = None


def read_text(
    path: str, dialect: Dialect, target: Sequence[str | int] = (), progress: Progress | None = None
) -> Columns:
    """The cells of a table of text; a header is also recognised by the names of ``target``."""
    with _text(path, dialect) as (text, size):
        rows = _rows(text, path, dialect)
        sample = list(itertools.islice(rows, SAMPLE))
        if not sample:
            raise LoadError(f"{path!r} is empty. Pass a file with at least one row.")
        first = [cell.strip() for cell in sample[0][1]]
        header = dialect.header
        if header is None:
            header = _has_header(first, [cells for _, cells in sample[1:]], target)
        names = first if header else [str(i) for i in range(len(first))]
        columns, lines = _columns(path, itertools.chain(sample[header:], rows), len(names), size, progress)
    return Columns(path, names, columns, header, lines)


def _columns(path: str, rows: Iterator[Row], n: int, size: int, progress: Progress | None) -> tuple[list[Array], Array]:
    """The rows turned into columns, a block at a time."""
    blocks: list[list[Array]] = [[] for _ in range(n)]
    lines: list[Array] = []
    done = 0
    while block := list(itertools.islice(rows, BLOCK)):
        for line, cells in block:
            if len(cells) != n:
                raise LoadError(
                    f"{path!r} has {len(cells)} cells in line {line}; {n} are needed. Correct the line; if it is none "
                    "of the table, pass what it begins with, such as comment='#'."
                )
        lines.append(np.array([line for line, _ in block], np.int64))
        for column, values in zip(blocks, zip(*(cells for _, cells in block), strict=True), strict=True):
            column.append(_packed(values))
            if progress is not None:
                done += sum(map(len, values)) + len(values)
        if progress is not None:
            progress(min(done, size), size)
    if not lines:
        raise LoadError(f"{path!r} has a header and no rows. Pass a file with at least one row.")
    return [_joined(column) for column in blocks], np.concatenate(lines)


def _packed(cells: Sequence[str]) -> Array:
    """Cells in as little memory as their text takes, where it is short ASCII."""
    longest = max(map(len, cells))
    if longest <= WIDEST:
        with contextlib.suppress(UnicodeEncodeError):
            packed = np.array(cells, f"S{max(1, longest)}")
            if "\0" not in "".join(cells):  # which would be lost at the end of a cell
                return packed
    objects = np.empty(len(cells), object)
    objects[:] = cells
    return objects


def _joined(blocks: list[Array]) -> Array:
    if len({block.dtype.kind for block in blocks}) > 1:
        blocks = [block.astype(str).astype(object) if block.dtype.kind == "S" else block for block in blocks]
    return np.concatenate(blocks)


@contextlib.contextmanager
def _text(path: str, dialect: Dialect) -> Iterator[tuple[io.TextIOWrapper, int]]:
    """The text of a file, and how many bytes it has; 0 where nobody knows."""
    with opened(path) as (stream, length, compressed):
        if compressed:
            length = refuse_bomb(path, MOST_TEXT)
        raw: Any = stream  # of any kind that has read
        buffered: io.BufferedReader = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
        encoding = dialect.encoding_of(buffered.peek(4)[:4])
        text = io.TextIOWrapper(buffered, encoding=encoding, newline="")
        try:
            yield text, length
        finally:
            text.detach()  # standard input stays open, and a file is closed by whoever opened it


def _rows(text: io.TextIOWrapper, path: str, dialect: Dialect) -> Iterator[Row]:
    """Rows that are not blank, with the number of their (last) line."""
    skipped = 0
    reader = None
    source = _lines(text, path)
    try:
        start = list(itertools.islice(source, SAMPLE))
        delimiter = separator_line(start[0]) if start else None
        if delimiter is not None:
            start, skipped = start[1:], 1
        start, comments = _without_comments(start, dialect)
        delimiter = delimiter or dialect.delimiter_of(start, plain_name(path))
        options = dialect.reader_options(delimiter)
        header = _commented_header(comments, start, options) if dialect.comment is None else None
        skipped += len(comments) - (header is not None)
        kept: Iterator[str] = itertools.chain([] if header is None else [header], start, source)
        numbers: list[int] = []
        if dialect.comment is not None:
            kept = _kept(itertools.chain(comments, start, source), dialect.comment, numbers)
            skipped = 0
        if delimiter == " ":
            kept = (line.strip(" \r\n") + "\n" for line in kept)
        reader = csv.reader(kept, **options)
        for cells in reader:
            if "".join(cells).strip():
                yield (numbers[-1] if numbers else reader.line_num + skipped), cells
    except UnicodeDecodeError as error:
        raise LoadError(
            f"{path!r} is not text in {(text.encoding or '').upper().removesuffix('-SIG')}: {error}. Pass the encoding "
            "that it has, such as encoding='cp1252' for Western languages, encoding='utf-16', or encoding='shift_jis'; "
            "or the format it really has."
        ) from None
    except csv.Error as error:
        line = skipped + (reader.line_num if reader else 1)
        raise LoadError(
            f"{path!r} cannot be read as a table: line {line}: {error}. Correct the line, or pass what the table has: "
            "delimiter=';' and quote='none', say."
        ) from None


def _lines(text: io.TextIOWrapper, path: str) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise LoadError(f"{path!r} has a line of {LONGEST_LINE} characters or more. It is not a table.")
        yield line


def _without_comments(lines: list[str], dialect: Dialect) -> tuple[list[str], list[str]]:
    """The lines from the table's first one on, and the comments and blank lines before it."""
    mark = dialect.comment or "#"
    n = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(mark)), 0)
    return lines[n:], lines[:n]


def _kept(lines: Iterable[str], mark: str, numbers: list[int]) -> Iterator[str]:
    """The lines that are no comments; ``numbers`` ends with the number of the last one in its file."""
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith(mark):
            numbers[:] = [number]
            yield line


def _commented_header(comments: Sequence[str], lines: Sequence[str], options: Mapping[str, Any]) -> str | None:
    """The last comment before the table if it names the columns, as NumPy writes them, or the first row's names."""
    last = next((line for line in reversed(comments) if line.strip()), None)
    if last is None or not lines:
        return None
    named = last.lstrip().lstrip("#").lstrip()
    try:
        names, first = (next(csv.reader([line], **options), []) for line in (named, lines[0]))
    except csv.Error:
        return None
    fits = len(names) == len(first) > 1 and all(map(is_text, names)) and not all(map(is_text, first))
    return named if fits else None


def _has_header(first: list[str], others: list[list[str]], target: Sequence[str | int]) -> bool:
    """Whether the first row names the columns.

    It does when it names a target, when it has no number at all, or when it has text over a column of numbers.
    """
    if any(isinstance(name, str) and name in first and is_text(name) for name in target):
        return True
    text = [is_text(cell) for cell in first]
    if all(text):
        return True
    rest = [cells for cells in others if len(cells) == len(first)]
    return any(over and rest and not any(is_text(cells[j]) for cells in rest) for j, over in enumerate(text))
