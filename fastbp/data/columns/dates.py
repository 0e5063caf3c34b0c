"""Dates and times that are text, and the numbers that stand for them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.int64]  # microseconds since 1970
Numbers = npt.NDArray[np.float64]

DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1)
_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
_ISO = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}})(?:[T ]+{_CLOCK})?\s*(Z|UTC|[-+]\d{{2}}:?\d{{2}})?")
_PARTS = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}})(?:[T ]+{_CLOCK}\s*([AaPp][Mm])?)?")
_TIME = re.compile(rf"{_CLOCK}\s*([AaPp][Mm])?")

ISO, DAY_FIRST, MONTH_FIRST = "ISO", "day first", "month first"


class AmbiguousDate(ValueError):
    """Dates that mean different days with the day first and with the month first, none of which decides."""


_FIRST = np.datetime64("0001-01-01", "us")  # of Python's dates
_PLAINEST = ("dddd-dd-dd", "dddd-dd-dd dd:dd", "dddd-dd-dd dd:dd:dd")
"""d is a digit, and a T may stand for the blank."""


def _plain_iso(cells: Sequence[str]) -> Instants | None:
    """The instants in cells that are all written in the same one of the three plainest ways, else None."""
    width = len(cells[0]) if cells else 0
    way = next((way for way in _PLAINEST if len(way) == width), None)
    if way is None or any(len(cell) != width or not cell.isascii() for cell in cells):
        return None
    letters = np.array(cells, f"S{width}").view(np.uint8).reshape(-1, width)
    for letter, mark in zip(letters.T, way, strict=True):
        if mark == "d":
            fits = (letter >= ord("0")) & (letter <= ord("9"))
        else:
            fits = (letter == ord(mark)) | ((mark == " ") & (letter == ord("T")))
        if not fits.all():  # NumPy reads more than is said here, a letter for the zone for example
            return None
    try:
        moments = np.array(cells, "datetime64[us]")
    except ValueError:  # a thirty-first of April
        return None
    if moments.min() < _FIRST:
        return None
    found: Instants = moments.astype(np.int64)
    return found


def _since_epoch(moment: datetime) -> int:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _clock(hour: str | None, minute: str | None, second: str | None, part: str | None, half: str | None = None) -> int:
    """Microseconds since midnight; ValueError for a time that is none."""
    if hour is None:
        return 0
    h, m, s = int(hour), int(minute or 0), int(second or 0)
    if half is not None:
        if not 1 <= h <= 12:
            raise ValueError
        h = h % 12 + (12 if half.lower() == "pm" else 0)
    if h > 23 or m > 59 or s > 59:
        raise ValueError
    return ((h * 60 + m) * 60 + s) * 1_000_000 + int((part or "0").ljust(6, "0")[:6])


def _iso(cell: str) -> int:
    match = _ISO.fullmatch(cell.strip())
    if match is None:
        raise ValueError
    year, _, month, day, *clock, zone = match.groups()
    moment = _since_epoch(datetime(int(year), int(month), int(day))) + _clock(*clock)
    if zone is not None and zone[0] in "+-":
        offset = int(zone[1:3]) * 60 + int(zone[-2:])
        moment -= (1 if zone[0] == "+" else -1) * offset * 60_000_000
    return moment


def _ordered(day: int, month: int) -> Callable[[str], int]:
    """Reads dates whose day and month are these groups of `_PARTS`."""

    def read(cell: str) -> int:
        match = _PARTS.fullmatch(cell.strip())
        if match is None or len(match[4]) != 4:
            raise ValueError
        return _since_epoch(datetime(int(match[4]), int(match[month]), int(match[day]))) + _clock(*match.groups()[4:])

    return read


def _reader(date_format: str) -> Callable[[str], int]:
    known = {ISO: _iso, DAY_FIRST: _ordered(1, 3), MONTH_FIRST: _ordered(3, 1)}
    if date_format in known:
        return known[date_format]
    return lambda cell: _since_epoch(datetime.strptime(cell.strip(), date_format))


def check_format(date_format: str) -> None:
    """ValueError for what is no format of dates."""
    if date_format in (ISO, DAY_FIRST, MONTH_FIRST):
        return
    try:
        if "%" not in date_format:
            raise ValueError
        datetime.strptime(datetime(2001, 2, 3, 4, 5, 6).strftime(date_format), date_format)
    except ValueError:
        raise ValueError(
            f"the date format {date_format!r} is none. Pass '%d/%m/%Y' for 31/12/2025, '%m/%d/%Y' for 12/31/2025, or "
            "another of Python's strptime."
        ) from None


def is_format(date_format: str) -> bool:
    """Whether a text is a format of dates."""
    try:
        check_format(date_format)
    except ValueError:
        return False
    return True


def instant_of(cell: str, date_format: str) -> int | None:
    """The instant that a cell holds in this format, in microseconds since 1970, or None."""
    try:
        return _reader(date_format)(cell)
    except (ValueError, OverflowError):
        return None


def instants_of(cells: Sequence[str], date_format: str | None = None) -> tuple[Instants, str] | None:
    """The instants in some cells, none of them missing, and their format; None if one cell is no date.

    Parameters
    ----------
    cells : sequence of str
    date_format : str, optional
        The format, where it is known; beside it, dates may be ISO's.

    Raises
    ------
    AmbiguousDate
        With the first cell as its argument.
    """
    for known in (ISO,) if date_format is None else (date_format, ISO):
        found = instants_in(cells, known)
        if found is not None:
            return found, known
    if date_format is not None:
        return None
    matches = [match for cell in cells if (match := _PARTS.fullmatch(cell.strip()))]
    if len(matches) < len(cells):
        return None
    day, month = instants_in(cells, DAY_FIRST), instants_in(cells, MONTH_FIRST)
    if day is not None and month is not None and (day == month).all():
        return day, DAY_FIRST
    if day is not None and month is None:
        return day, DAY_FIRST
    if month is not None and day is None:
        return month, MONTH_FIRST
    short = [cell for cell, match in zip(cells, matches, strict=True) if len(match[4]) == 2]
    if day is None and not short:
        return None
    raise AmbiguousDate(short[0] if short else cells[0])


def instants_in(cells: Sequence[str], date_format: str) -> Instants | None:
    """The instants in some cells, if all of them have this format."""
    if date_format == ISO and (plain := _plain_iso(cells)) is not None:
        return plain
    read = _reader(date_format)
    try:
        return np.array([read(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        return None


def time_of(cell: str) -> int | None:
    """Microseconds since midnight of a time such as 23:59 or 11:59:30 PM, or None."""
    match = _TIME.fullmatch(cell.strip())
    try:
        return None if match is None else _clock(*match.groups())
    except ValueError:
        return None


def times_of(cells: Sequence[str]) -> Instants | None:
    """The times in some cells, none of them missing; None if one cell is no time."""
    times = [time_of(cell) for cell in cells]
    return None if None in times else np.array(times, np.int64)


def part(instants: Instants, name: str) -> Numbers:
    """Month 0 to 11, weekday 0 (Monday) to 6, or hour 0 to 24 of some instants."""
    if name == "month":
        return (instants.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12).astype(np.float64)
    if name == "weekday":
        return ((instants // DAY + 3) % 7).astype(np.float64)  # 1970 began on a Thursday
    return (instants % DAY) / 3.6e9


PERIODS = {"month": 12.0, "weekday": 7.0, "hour": 24.0}


def days(instants: Instants, first: int) -> Numbers:
    """Days since the first instant."""
    return (instants - first) / DAY


def cyclic(instants: Instants, name: str) -> tuple[Numbers, Numbers]:
    """Sine and cosine of a part of some instants, which comes round again."""
    angle = 2 * math.pi * part(instants, name) / PERIODS[name]
    return np.sin(angle), np.cos(angle)


def varying(instants: Instants, names: Sequence[str]) -> tuple[str, ...]:
    """The parts in which some instants differ."""
    return tuple(name for name in names if np.ptp(instants // DAY if name == "days" else part(instants, name)) > 0)
