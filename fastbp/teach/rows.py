"""Which rows of a sum to show, so that a wide layer does not flood the screen, and what to say of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastbp.teach.formula import shown
from fastbp.teach.numbers import Sum
from fastbp.teach.steps import digits_of


class Row(NamedTuple):
    """One line of a table: a term, or a gap between terms."""

    term: int | None
    cells: tuple[str, ...]


def chosen(n: int, most: int | None) -> tuple[range, range]:
    """Indices of the rows to show: all, or the first ones and the last ones."""
    if most is None or n <= max(most, 2):
        return range(n), range(n, n)
    tail = max(1, most // 3)
    return range(max(most, 2) - tail), range(n - tail, n)


def hidden(sum_: Sum, most: int | None, letter: str) -> str:
    """How much is not shown, which terms are largest, and how to see all; empty if nothing is hidden."""
    head, tail = chosen(len(sum_), most)
    gap = range(head.stop, tail.start)
    if not gap:
        return ""
    shares = sum_.shares
    largest = np.argsort(-shares, kind="stable")[:5]
    named = ", ".join(f"{letter} = {i} ({shares[i]:.1%})" for i in largest)
    return (
        f"{len(gap)} of {len(sum_)} terms are hidden, {shares[gap.start : gap.stop].sum():.1%} of sum |term|. "
        f"The largest of all: {named}. terms=None shows every one."
    )


def table_rows(sum_: Sum, most: int | None, digits: int | None) -> Iterator[Row]:
    """Cells: index, first factor, second factor, product, running sum, share."""
    head, tail = chosen(len(sum_), most)
    products, shares = sum_.products, sum_.shares

    def row(i: int) -> Row:
        first, second, running = (digits_of(part[i]) for part in (sum_.first, sum_.second, sum_.running))
        product = f"{float(products[i]) + 0.0:.{digits or 6}g}"
        numbers = (shown(first, digits), shown(second, digits), product, shown(running, digits))
        return Row(i, (str(i), *numbers, f"{shares[i]:.1%}"))

    yield from map(row, head)
    if tail:
        yield Row(None, ("...",) * 6)
        yield from map(row, tail)
