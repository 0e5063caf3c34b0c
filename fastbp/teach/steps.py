"""From numbers to the steps of an explanation: formulas with their letters, then with their numbers, in a notation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.teach.numbers import Sum

FIRST_LINE = "Backpropagation, term by term."


@dataclass(frozen=True)
class Table:
    """A sum, and the formulas that head its columns."""

    sum: Sum
    heads: tuple[str, ...]
    """Of the first factor, the second factor and their product; of the term alone where it is no product."""
    start: str
    """What the running sum starts from, as a formula; empty for 0."""
    footnote: str
    letter: str
    """Of the index, in the notation's letters."""


@dataclass(frozen=True)
class Step:
    """One step: a label as in `fastbp.equations`, what it says, formulas, and perhaps a table."""

    label: str
    text: str
    formulas: tuple[str, ...] = ()
    table: Table | None = None
    note: str = ""


def num(value: Any) -> str:
    r"""A number as ``\num{...}``, all digits of its dtype."""
    return rf"\num{{{value if isinstance(value, (str, int)) else digits_of(value)}}}"


def digits_of(value: Any) -> str:
    """The shortest text that reads back as the same number of the same dtype."""
    return str(np.asarray(value)[()]) if isinstance(value, np.generic) else repr(float(value))


def factor(value: Any) -> str:
    r"""A number that follows an operator: in brackets where it is negative."""
    return f"({num(value)})" if float(value) < 0 else num(value)
