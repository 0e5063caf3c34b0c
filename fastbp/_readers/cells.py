"""What a cell of a table means."""

from __future__ import annotations

import re

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
PLAIN = (
    "It looks like a number: write it plainly, such as 412345 or 3.5, without signs of currency or per cent, with a "
    "point, and nothing between thousands."
)
"""What to do about a number that Python does not read."""

_SIGN = r"(?:[$\u20ac\u00a3\u00a5\u20b9]|USD|EUR|GBP|CHF|JPY|INR)"
_THOUSANDS = r"[,.'_ \u00a0\u2009\u202f\u2019]"
_NUMBER = rf"(?:\d{{1,3}}(?:{_THOUSANDS}\d{{3}})+(?:[.,]\d+)?|\d+(?:_\d+)+|\d+(?:[.,]\d*)?|[.,]\d+)(?:e[-+]?\d+)?"
_LOOKS = re.compile(rf"\(?[-+\u2212]?\s*{_SIGN}?\s*[-+\u2212]?\s*{_NUMBER}\s*(?:%|{_SIGN})?\)?", re.IGNORECASE)
_PADDED = re.compile(r"[-+]?0[0-9]")


def is_missing(cell: str) -> bool:
    """Whether there is nothing in a cell, or a word for nothing."""
    return cell.strip().lower() in MISSING


def as_number(cell: str) -> float:
    """The number that a cell holds; ValueError for text, and for Python's own ``1_000``."""
    if "_" in cell:
        raise ValueError
    return float(cell)


def is_text(cell: str) -> bool:
    """Whether a cell holds something that is no number."""
    try:
        as_number(cell)
    except ValueError:
        return not is_missing(cell)
    return False


def looks_like_a_number(cell: str) -> bool:
    """Whether a reader would take a cell for a number: ``$412,345``, ``12 %``, ``1_000``, ``3,5``, ``(7)``."""
    return _LOOKS.fullmatch(cell.strip()) is not None or not (is_text(cell) or is_missing(cell))


def is_padded(cell: str) -> bool:
    """Whether a number begins with a 0 that it does not need, like a code: ``01``."""
    return _PADDED.match(cell) is not None
