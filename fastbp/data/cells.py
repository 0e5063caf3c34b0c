"""What a cell of a table means."""

from __future__ import annotations

import re

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
PLAIN = (
    "It looks like a number: write it plainly, such as 412345 or 3.5, without units, signs of currency or per cent, "
    "with a point, and nothing between thousands."
)
"""What to do about a number that Python does not read."""

LONGEST = 60
"""Characters of a number and all that may stand around it; to search a longer cell could take for ever."""

_SIGN = r"(?:(?:US|CA?|AU?|NZ|HK)?\$|[\u20ac\u00a3\u00a5\u20b9]|USD|EUR|GBP|CHF|JPY|INR)"
_THOUSANDS = r"[,.'_ \u00a0\u2009\u202f\u2019]"
_GROUPS = rf"(?:{_THOUSANDS}\d{{2}})*(?:{_THOUSANDS}\d{{3}})+"  # of three digits, in India but the last of two
_NUMBER = rf"(?:\d{{1,3}}{_GROUPS}(?:[.,]\d+)?|\d+(?:_\d+)+|\d+(?:[.,]\d*)?|[.,]\d+)(?:e[-+]?\d+)?"
_LOOKS = re.compile(rf"\(?[-+\u2212]?\s*{_SIGN}?\s*[-+\u2212]?\s*{_NUMBER}\s*(?:%|{_SIGN})?\)?", re.IGNORECASE)
_UNIT = r"(?:[^\W\d_]{1,8}|[\u00b0\u2032\u2033%\u2030](?:[^\W\d_]{1,2})?)(?:[/ ][^\W\d_]{1,8})?[23\u00b2\u00b3]?\.?"
_MEASURED = re.compile(
    rf"[~<>=\u2248\u2264\u2265']?\s*[-+\u2212]?\s*{_SIGN}?\s*{_NUMBER}\s*(?:\u00b1\s*{_NUMBER}\s*)?(?:{_UNIT})?",
    re.IGNORECASE,
)
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
    return _matches(_LOOKS, cell) or not (is_text(cell) or is_missing(cell))


def is_measured(cell: str) -> bool:
    """Whether a cell holds a number and what it counts, or about how many: ``12 kg``, ``5k``, ``~3``; or ``2nd``."""
    return _matches(_MEASURED, cell)


def _matches(pattern: re.Pattern[str], cell: str) -> bool:
    text = cell.strip()
    return len(text) <= LONGEST and pattern.fullmatch(text) is not None


def is_padded(cell: str) -> bool:
    """Whether a number begins with a 0 that it does not need, like a code: ``01``."""
    return _PADDED.match(cell) is not None
