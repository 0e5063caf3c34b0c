"""Plain tables of text, split into cells by NumPy: many rows at a time, with the cells that Python's reader finds.

A block is plain where lines end alike, every row has the same number of cells, and quotes stand around whole cells. Any
other is for Python's reader, whose messages name the line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

Bools = npt.NDArray[np.bool_]

WIDEST = 64
"""Bytes of a cell from which on a column is not held in cells of one width."""
LONGEST_LINE = 1 << 24
SIZE = 1 << 24
"""Bytes that are split at a time."""
FEW = 1000
"""Rows of a block that may look blank, which are looked at one by one."""
NEWLINE, RETURN, SPACE, QUOTE = 10, 13, 32, 34
_WHITE = np.zeros(256, bool)
_WHITE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True
_WHITE[128:] = True  # a letter may begin so, or a blank of Unicode


class Block(NamedTuple):
    """Rows of a table: where their cells are."""

    raw: bytes
    data: Bytes
    """The same, with room behind."""
    starts: Places
    """(n_rows, n)"""
    ends: Places
    lines: Places
    """Lines in the block up to the row's end."""
    n_lines: int
    """Lines in the block."""

    def without_the_first(self) -> Block:
        """The rows but the first one."""
        return self._replace(starts=self.starts[1:], ends=self.ends[1:], lines=self.lines[1:])

    def column(self, j: int) -> Array:
        """Cells as bytes where all are ASCII text no longer than `WIDEST`, else as Python's strings."""
        starts, ends = self.starts[:, j], self.ends[:, j]
        width = max(1, int((ends - starts).max()))
        if width <= WIDEST:
            cells = np.lib.stride_tricks.sliding_window_view(self.data, width)[starts]
            cells *= np.arange(width) < (ends - starts)[:, np.newaxis]
            if not (cells & 128).any():
                packed: Array = cells.view(f"S{width}")[:, 0]
                return packed
        objects = np.empty(len(starts), object)
        objects[:] = [self.raw[a:b].decode() for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        return objects


def blocks(stream: IO[bytes], delimiter: str, n: int) -> Iterator[Block | None]:
    """The rows of ``n`` cells that a stream of UTF-8 has from here on; None, at the end, where they are not plain."""
    rest = b""
    while True:
        more = stream.read(SIZE)
        raw = rest + more
        if not more and not raw:
            return
        if not more and not raw.endswith(b"\n"):
            raw += b"\n"
        end = len(raw) if not more else _last_end(raw)
        if not end:
            yield None
            return
        raw, rest = raw[:end], raw[end:]
        block = _split(raw, delimiter, n)
        yield block
        if block is None:
            return


def _last_end(raw: bytes) -> int:
    """Where the last row of a part ends that is there as a whole; 0 if there is none."""
    end = raw.rfind(b"\n") + 1
    while end and raw.count(b'"', 0, end) % 2:
        end = raw.rfind(b"\n", 0, end - 1) + 1
    return end


def _split(raw: bytes, delimiter: str, n: int) -> Block | None:
    """The cells of whole rows."""
    if b"\0" in raw or raw.count(b"\r") != raw.count(b"\r\n"):
        return None
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return None
    data = np.frombuffer(raw, np.uint8)
    marks = np.flatnonzero((data == ord(delimiter)) | (data == NEWLINE))
    newlines = marks[data[marks] == NEWLINE]
    quotes = np.flatnonzero(data == QUOTE)
    if len(quotes):
        if len(quotes) % 2:
            return None
        marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    before, ends_line = np.concatenate([[-1], marks[:-1]]), data[marks] == NEWLINE
    if n > 1:
        kept = _without_empty(raw, before, marks, ends_line)
        if kept is None:
            return None
        before, marks, ends_line = before[kept], marks[kept], ends_line[kept]
    if len(marks) % n or not _each_ends(ends_line.reshape(-1, n)):
        return None
    found = _trimmed(data, (before + 1).reshape(-1, n), marks.reshape(-1, n).copy(), len(quotes))
    there = None if found is None else _not_blank(raw, data, *found)
    if found is None or there is None:
        return None
    longest = (found[1] - found[0]).max(initial=0)
    if longest > csv.field_size_limit() or np.diff(newlines, prepend=-1).max(initial=0) > LONGEST_LINE:
        return None
    lines = np.searchsorted(newlines, marks[n - 1 :: n]) + 1
    starts, ends = (places if there.all() else places[there] for places in found)
    return Block(raw, np.frombuffer(raw + bytes(WIDEST), np.uint8), starts, ends, lines[there], len(newlines))


def _without_empty(raw: bytes, before: Places, marks: Places, ends_line: Bools) -> Bools | None:
    """Which marks there are but those that end a line without a delimiter in which there is nothing."""
    kept = np.ones(len(marks), bool)
    alone = np.flatnonzero(ends_line & np.concatenate([[True], ends_line[:-1]])) if len(marks) else marks
    if len(alone) > FEW:
        return None
    for i in alone.tolist():
        kept[i] = bool(raw[int(before[i]) + 1 : int(marks[i])].decode().strip())
    return kept


def _each_ends(ends_line: Bools) -> bool:
    """Whether lines end where rows do, and nowhere else."""
    return bool(ends_line[:, -1].all()) and not ends_line[:, :-1].any()


def _trimmed(data: Bytes, starts: Places, ends: Places, n_quotes: int) -> tuple[Places, Places] | None:
    """Cells without blanks before them, the quotes around them, and the return at a line's end."""
    last = ends[:, -1]
    last -= (data[last - 1] == RETURN) & (starts[:, -1] < last)
    while (blank := (data[starts] == SPACE) & (starts < ends)).any():
        starts = starts + blank
    if n_quotes:
        quoted = (data[starts] == QUOTE) & (starts < ends)
        whole = quoted & (ends - starts >= 2) & (data[ends - 1] == QUOTE)
        if 2 * np.count_nonzero(whole) != n_quotes or (quoted & ~whole).any():
            return None
        starts, ends = starts + whole, ends - whole
    return starts, ends


def _not_blank(raw: bytes, data: Bytes, starts: Places, ends: Places) -> Bools | None:
    """Which rows have anything in their cells."""
    there = np.ones(len(starts), bool)
    look = np.flatnonzero(((starts >= ends) | _WHITE[data[starts]]).all(axis=1))
    if len(look) > FEW:
        return None
    for i in look.tolist():
        cells = [raw[a:b].decode() for a, b in zip(starts[i].tolist(), ends[i].tolist(), strict=True)]
        there[i] = bool("".join(cells).strip())
    return there
