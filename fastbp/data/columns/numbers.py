"""Numbers that are text: with a decimal point or comma, and marks between thousands."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import LONGEST, as_number
from fastbp.errors import argument_error

Numbers = npt.NDArray[np.float64]

_GROUPS = r"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+"
_SPACES = "".join(("'", "\u2019", " ", "\u00a0", "\u2009", "\u202f"))


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    marks = [re.escape(thousands), *(re.escape(mark) for mark in _SPACES)]
    groups = "|".join(_GROUPS.format(mark=mark) for mark in marks)
    d = re.escape(decimal)
    return re.compile(rf"[-+\u2212]?(?:(?:{groups}|\d+)(?:{d}\d*)?|{d}\d+)(?:[eE][-+]?\d+)?")


PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}
"""Of each decimal mark: the numbers that are written with it."""
FEW = 20
"""Cells that are looked at first."""
_OTHER = {".": ",", ",": "."}


def parsed(cell: str, decimal: str) -> float | None:
    """The number that a cell holds when it is read with this decimal mark, or None."""
    text = cell.strip()
    if decimal == ".":
        try:
            return as_number(text)
        except ValueError:
            pass
    if len(text) > LONGEST or PATTERNS[decimal].fullmatch(text) is None:
        return None
    for mark in (_OTHER[decimal], *_SPACES):
        text = text.replace(mark, "")
    return float(text.replace(decimal, ".").replace("\u2212", "-"))


def check_decimal(given: Any) -> None:
    """ValueError for what is no decimal mark, or no mapping of columns to one."""
    for mark in given.values() if isinstance(given, Mapping) else [given]:
        if mark not in (None, *PATTERNS):
            raise argument_error("decimal", f"is {mark!r}; it must be '.' or ','. Pass one of these.")


class Ambiguous(ValueError):
    """Cells that mean different numbers with a decimal point and with a comma, none of which decides."""


class Mixed(ValueError):
    """Cells of which some are numbers with a decimal point only, others with a comma only."""


def numbers_of(cells: Sequence[str], decimal: str | None = None) -> tuple[Numbers, str] | None:
    """The numbers in some cells, none of them missing, and their decimal mark; None if one cell is no number.

    Parameters
    ----------
    cells : sequence of str
    decimal : "." or ",", optional
        The mark, where it is known.

    Raises
    ------
    Ambiguous, Mixed
        With two cells, or one, as arguments.
    """
    if decimal is None:
        found = plain(cells)
        if found is not None:
            return found, "."
    marks = list(PATTERNS) if decimal is None else [decimal]
    different = dict.fromkeys(cells)
    if any(all(parsed(cell, mark) is None for mark in marks) for cell in itertools.islice(different, FEW)):
        return None  # without a look at all cells of a column of text
    known = {mark: {cell: parsed(cell, mark) for cell in different} for mark in marks}
    whole = [mark for mark in marks if None not in known[mark].values()]
    if not whole:
        if decimal is None and all(known["."][cell] is not None or known[","][cell] is not None for cell in different):
            raise Mixed(*(next(c for c in different if known[mark][c] is None) for mark in (",", ".")))
        return None
    if len(whole) == 2:
        for cell in different:
            if known["."][cell] != known[","][cell]:
                raise Ambiguous(cell)
    return np.array([known[whole[0]][cell] for cell in cells], np.float64), whole[0]


def plain(cells: Sequence[str]) -> Numbers | None:
    """The numbers as Python reads them, or None."""
    try:
        return None if any("_" in cell for cell in cells) else np.array([*map(float, cells)], np.float64)
    except ValueError:
        return None


def canonical(cell: str) -> str:
    """A cell as the name of a level: a plain number in its shortest form, so that 1, 1.0 and ``"1"`` are one level."""
    text = cell.strip()
    if not text or text[0] not in "+-.0123456789" or re.match(r"[-+]?0\d", text):  # 007 is a code
        return text
    try:
        value = as_number(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    if abs(value) >= 2**53:  # whose digits are more than a float has
        return text.removeprefix("+")
    return of_number(value)


def of_number(value: float) -> str:
    """A number as the name of a level."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))
