"""Which rows of a sum to show, so that a wide layer does not flood the screen, and what to say of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastbp.teach.formula import shown
from fastbp.teach.numbers import Sum
from fastbp.teach.steps import Table, digits_of


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


def table_rows(table: Table, most: int | None, digits: int | None) -> Iterator[Row]:
    """Cells: index, what the table's heads say (two factors and their product, or a term), running sum, share."""
    sum_ = table.sum
    head, tail = chosen(len(sum_), most)
    products, shares = sum_.products, sum_.shares

    def row(i: int) -> Row:
        first, second, running = (digits_of(part[i]) for part in (sum_.first, sum_.second, sum_.running))
        product = f"{float(products[i]) + 0.0:.{digits or 6}g}"
        factors = (shown(first, digits), shown(second, digits), product)
        term = factors if len(table.heads) == 3 else factors[1:2]
        return Row(i, (str(i), *term, shown(running, digits), f"{shares[i]:.1%}"))

    yield from map(row, head)
    if tail:
        yield Row(None, ("...",) * (len(table.heads) + 3))
        yield from map(row, tail)
