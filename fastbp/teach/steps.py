"""The steps of an explanation: formulas with their letters, then with their numbers, and the rows of a sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastbp.teach.formula import shown
from fastbp.teach.numbers import Sum

FIRST_LINE = "Backpropagation, term by term."


class Row(NamedTuple):
    """One line of a table: a term, or a gap between terms."""

    term: int | None
    cells: tuple[str, ...]


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

    def rows(self, most: int | None, digits: int | None) -> Iterator[Row]:
        """Cells: index, what the heads say (two factors and their product, or a term), running sum, share."""
        head, tail = chosen(len(self.sum), most)
        products, shares = self.sum.products, self.sum.shares

        def row(i: int) -> Row:
            parts = (self.sum.first, self.sum.second, self.sum.running)
            first, second, running = (shown(digits_of(part[i]), digits) for part in parts)
            term = (first, second, f"{float(products[i]) + 0.0:.{digits or 6}g}") if len(self.heads) == 3 else (second,)
            return Row(i, (str(i), *term, running, f"{shares[i]:.1%}"))

        yield from map(row, head)
        if tail:
            yield Row(None, ("...",) * (len(self.heads) + 3))
            yield from map(row, tail)

    def hidden(self, most: int | None) -> str:
        """How much is not shown, which terms are largest, and how to see all; empty if nothing is hidden."""
        head, tail = chosen(len(self.sum), most)
        gap = range(head.stop, tail.start)
        if not gap:
            return ""
        shares = self.sum.shares
        largest = np.argsort(-shares, kind="stable")[:5]
        named = ", ".join(f"{self.letter} = {i} ({shares[i]:.1%})" for i in largest)
        return (
            f"{len(gap)} of {len(self.sum)} terms are hidden, {shares[gap.start : gap.stop].sum():.1%} of sum |term|. "
            f"The largest of all: {named}. terms=None shows every one."
        )


@dataclass(frozen=True)
class Step:
    """One step: a label as in `fastbp.equations`, what it says, formulas, and perhaps a table."""

    label: str
    text: str
    formulas: tuple[str, ...] = ()
    table: Table | None = None
    note: str = ""


def chosen(n: int, most: int | None) -> tuple[range, range]:
    """Indices of the rows to show, so that a wide layer does not flood the screen: all, or the first and the last."""
    if most is None or n <= max(most, 2):
        return range(n), range(n, n)
    tail = max(1, most // 3)
    return range(max(most, 2) - tail), range(n - tail, n)


def num(value: Any) -> str:
    r"""A number as ``\num{...}``, all digits of its dtype."""
    return rf"\num{{{value if isinstance(value, (str, int)) else digits_of(value)}}}"


def digits_of(value: Any) -> str:
    """The shortest text that reads back as the same number of the same dtype."""
    return str(np.asarray(value)[()]) if isinstance(value, np.generic) else repr(float(value))


def factor(value: Any) -> str:
    r"""A number that follows an operator: in brackets where it is negative."""
    return f"({num(value)})" if float(value) < 0 else num(value)
