"""The cells of a column, each different one once."""

from __future__ import annotations

import datetime
import decimal
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import LONGEST, MISSING
from fastbp.data.columns.numbers import canonical, of_number
from fastbp.data.columns.table import Table

Array = npt.NDArray[Any]


class Cells:
    """What stands in a column.

    Attributes
    ----------
    index : array (n_rows,) of int64
        Of each row's cell among the distinct ones; -1 where it is missing.
    texts : list of str, or None
        Distinct cells of a column of text, as they stand there.
    numbers : array (n_distinct,) of float64, or None
        Those of a column of numbers or truth values.
    instants : array (n_distinct,) of int64, or None
        Those of a column of dates, in microseconds since 1970.
    whole : bool
        Whether it is a column of whole numbers, by its type or as they are written.
    real : bool
        Whether it is a column of floats, by its type.
    """

    __slots__ = ("index", "instants", "name", "numbers", "real", "table", "texts", "truth", "whole")

    def __init__(
        self, table: Table, name: str, missing: frozenset[str] = frozenset(), *, as_text: bool = False
    ) -> None:
        values = table[name]
        self.table, self.name = table, name
        self.texts: list[str] | None = None
        self.numbers: npt.NDArray[np.float64] | None = None
        self.instants: npt.NDArray[np.int64] | None = None
        self.whole, self.real, self.truth = (
            values.dtype.kind in "iu",
            values.dtype.kind == "f",
            values.dtype.kind == "b",
        )
        if values.dtype.kind in "biuf":
            self._of_numbers(values, missing)
        elif values.dtype.kind == "M":
            instants = values.astype("datetime64[us]")
            there = ~np.isnat(instants)
            self.instants, self.index = _distinct(instants.astype(np.int64), there)
        else:
            plain = None if as_text or missing or values.dtype.kind != "S" else plain_numbers(values)
            if plain is None:
                self._of_text(values.tolist(), MISSING | missing)
            else:  # which spares text to be looked at cell by cell
                self.numbers, self.index = _distinct(plain, np.ones(len(plain), bool))
                self.whole = not np.isin(_bytes(values), _FLOATING).any()

    def _of_numbers(self, values: Array, missing: frozenset[str]) -> None:
        numbers = values.astype(np.float64)
        there = ~np.isnan(numbers)
        for word in missing:
            try:
                there &= numbers != float(word)
            except ValueError:
                continue
        self.numbers, self.index = _distinct(numbers, there)

    def _of_text(self, values: list[Any], missing: frozenset[str]) -> None:
        try:
            known = {value: i for i, value in enumerate(dict.fromkeys(values))}
            raw = np.fromiter(map(known.__getitem__, values), np.int64, len(values))
        except TypeError:  # a list, which has no hash
            raise self.refused(next(i for i, v in enumerate(values) if isinstance(v, list | dict | set))) from None
        places: dict[str, int] = {}
        new: list[int] = []
        for i, value in enumerate(known):
            text = _text(value)
            if text is None:
                raise self.refused(int(np.flatnonzero(raw == i)[0]))
            new.append(-1 if text.strip().lower() in missing else places.setdefault(text, len(places)))
        self.texts = list(places)
        self.index = np.array(new, np.int64)[raw]

    def refused(self, row: int, need: str = "numbers, text and dates are needed") -> TypeError:
        """An error about the type of a cell."""
        value = self.table[self.name][row]
        return TypeError(
            f"{self.table.where} has a {type(value).__name__} in {self.table.place(row)}, column {self.name!r}; "
            f"{need}. Convert the column, or leave it out."
        )

    def __len__(self) -> int:
        """The number of distinct cells, the missing ones left out."""
        given = self.texts if self.texts is not None else self.numbers if self.numbers is not None else self.instants
        assert given is not None
        return len(given)

    @property
    def n_missing(self) -> int:
        """Cells in which there is nothing."""
        return int(np.count_nonzero(self.index < 0))

    def levels(self) -> list[str]:
        """The distinct cells as names of levels, some of which may be the same."""
        if self.texts is not None:
            return [canonical(text) for text in self.texts]
        if self.numbers is not None:
            return [str(bool(x)) for x in self.numbers] if self.truth else [of_number(x) for x in self.numbers]
        assert self.instants is not None
        return [str(moment) for moment in self.instants.astype("datetime64[us]")]

    def as_text(self, i: int) -> str:
        """A distinct cell, for messages."""
        return self.texts[i] if self.texts is not None else self.levels()[i]

    def place(self, i: int) -> str:
        """Where a distinct cell stands first."""
        return self.table.place(int(np.argmax(self.index == i)))

    def spread(self, values: Array, missing: Any) -> Array:
        """Values of the distinct cells, as those of the rows."""
        return (
            np.where(self.index < 0, missing, values[self.index]) if len(values) else np.full(len(self.index), missing)
        )


_FLOATING = np.frombuffer(b".eEnN", np.uint8)
"""What is in a number that is not written as a whole one."""


def _bytes(values: Array) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(values).view(np.uint8)


def plain_numbers(values: Array) -> npt.NDArray[np.float64] | None:
    """Cells of text as numbers, if each is one as Python writes it."""
    if not len(values) or values.dtype.itemsize > LONGEST or (_bytes(values) == ord("_")).any():
        return None
    try:
        numbers = values.astype(np.float64)
    except ValueError:
        return None
    return None if np.isnan(numbers).any() else numbers


def _distinct(values: Array, there: npt.NDArray[np.bool_]) -> tuple[Array, npt.NDArray[np.int64]]:
    distinct, inverse = np.unique(values[there], return_inverse=True)
    index = np.full(len(values), -1, np.int64)
    index[there] = inverse
    return distinct, index


def _text(value: Any) -> str | None:
    """A Python object as the text that a file would have; None for what no file has."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Real | decimal.Decimal):
        number = float(value)
        return "" if number != number else str(value) if isinstance(value, int) else repr(number)
    if type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return None
