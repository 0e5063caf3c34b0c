"""What is known of one column, in closed lists and numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fastbp.data.columns import dates

Kind = Literal[
    "number", "yes/no", "category", "date", "time", "text", "identifier", "constant", "duplicate", "left out"
]
KINDS: tuple[str, ...] = get_args(Kind)
USED = ("number", "yes/no", "category", "date", "time")
"""Kinds that a network gets to see; the others are dropped."""
WHY = {
    "number": "every cell is a number",
    "date": "every cell is a date",
    "time": "every cell is a time",
    "constant": "every cell is the same",
}
"""The usual reasons, which a description leaves out."""
PARTS = ("days", "month", "weekday", "hour")
"""Of a date. A time has an hour alone."""
DECIMALS = (".", ",")


@dataclass(frozen=True)
class Column:
    """A column, what kind it is and why, and what was learned of it from the training rows.

    Attributes
    ----------
    name : str
    kind : str
        One of `KINDS`; the last five are dropped.
    why : str
        The reason, for the user.
    n_missing : int
        Cells of the training rows that are missing. If there are any, numbers get a column that says so, and
        categories a level.
    decimal : str
        Of numbers that are text: the decimal mark, ``"."`` or ``","``.
    date_format : str
        Of dates that are text: ``"ISO"``, ``"day first"``, ``"month first"``, or a format of ``strptime``.
    first : int
        Of dates: the first one, in microseconds since 1970.
    parts : tuple of str
        Of dates and times: what varies, of `PARTS`.
    median, mean, std : float
        Of numbers, of dates' days, and the median of yes/no: what a missing cell gets, and the scale.
    words : tuple of str
        Of yes/no: the words of 0 and of 1, in lower case.
    levels : tuple of str
        Of categories, in alphabetical order.
    other : bool
        Of categories: whether rare levels were joined.
    same_as : str
        Of a duplicate: the earlier column.
    """

    name: str
    kind: str
    why: str = ""
    n_missing: int = 0
    decimal: str = "."
    date_format: str = ""
    first: int = 0
    parts: tuple[str, ...] = ()
    median: float = 0.0
    mean: float = 0.0
    std: float = 1.0
    words: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    other: bool = False
    same_as: str = ""

    @property
    def is_used(self) -> bool:
        """Whether a network gets to see it."""
        return self.kind in USED

    def described(self) -> dict[str, Any]:
        """What differs from the usual, as JSON knows it."""
        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        usual["why"] = WHY.get(self.kind, "")
        kept = {name: value for name, value in given.items() if value != usual[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    @classmethod
    def from_described(cls, described: Any) -> Column:
        """The column of which `described` told; ValueError for what cannot be one."""
        if not isinstance(described, Mapping) or not {"name", "kind"} <= set(described):
            raise ValueError(f"a column is {_short(described)}; its name and kind are needed")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        given: dict[str, Any] = {}
        for key, value in described.items():
            if key not in fields:
                raise ValueError(f"a column has the entry {_short(key)}; known are {', '.join(fields)}")
            usual = fields[key].default
            kind = str if usual is dataclasses.MISSING else type(usual)
            given[key] = tuple(value) if kind is tuple and isinstance(value, list) else value
            if kind is float and type(value) is int:
                given[key] = float(value)
            if type(given[key]) is not kind:
                raise ValueError(f"{key} of a column is {_short(value)}; a {kind.__name__} is needed")
        column = cls(**{"why": WHY.get(str(given["kind"]), ""), **given})
        column.check()
        return column

    def check(self) -> None:
        """ValueError where something is outside its closed list, or no finite number."""
        texts = {"parts": self.parts, "words": self.words, "levels": self.levels}
        for key, values in texts.items():
            if not all(isinstance(value, str) for value in values) or len(set(values)) != len(values):
                raise ValueError(
                    f"{key} of column {_short(self.name)} are {_short(values)}; different texts are needed"
                )
        closed: list[tuple[str, Any, tuple[str, ...]]] = [
            ("kind", self.kind, KINDS),
            ("decimal", self.decimal, DECIMALS),
            *(("part", part, PARTS) for part in self.parts),
        ]
        for key, value, known in closed:
            if value not in known:
                raise ValueError(
                    f"{key} of column {_short(self.name)} is {_short(value)}; known are {', '.join(known)}"
                )
        for key in ("median", "mean", "std"):
            if not math.isfinite(getattr(self, key)):
                raise ValueError(f"{key} of column {_short(self.name)} is {getattr(self, key)}; it must be finite")
        problem = ""
        if not self.std > 0:
            problem = f"a std of {self.std}; it must be above 0"
        elif self.n_missing < 0 or abs(self.first) > 10**18:
            problem = "numbers that cannot be"
        elif self.kind == "yes/no" and len(self.words) != 2:
            problem = f"the words {_short(self.words)}; two are needed"
        elif self.kind == "date" and self.date_format and not dates.is_format(self.date_format):
            problem = f"the date format {_short(self.date_format)}; it must be one of strptime's"
        elif self.kind == "time" and self.parts not in ((), ("hour",)):
            problem = f"the parts {_short(self.parts)}; a time has an hour"
        if problem:
            raise ValueError(f"column {_short(self.name)} has {problem}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
