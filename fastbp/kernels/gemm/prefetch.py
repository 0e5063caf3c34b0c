"""Samples that are still far away: while sums are computed, those of the next minibatch are fetched from memory."""

from __future__ import annotations

from typing import NamedTuple

from fastbp.jit import strict
from fastbp.jit.addresses import Buffer, itemsize
from fastbp.jit.cpu import CACHE_LINE
from fastbp.jit.registers import prefetch_line

LINES, SAMPLE, END, AT, LEFT, X_AT, X_STEP, Y_AT, Y_STEP, LABELS_AT, N_CELLS = range(11)


class Prefetch(NamedTuple):
    """The samples that come next, and how far fetching them has come."""

    order: Buffer
    """Sample of each place of the epoch."""
    cursor: Buffer
    """How many cache LINES make a part of a sample; place of the next SAMPLE and END of the places; where to go on (AT)
    and how many lines are LEFT of the sample before; the addresses of X, Y and labels, and bytes from one sample to the
    next."""
    parts: int
    """How many parts each tile of sums fetches; 0: there is nothing to fetch, and the cursor means nothing."""


@strict
def fetch_parts(prefetch: Prefetch) -> None:
    """Bring some parts of the coming samples nearer.

    All of them at once would wait for each other: a core asks memory for some twenty lines at a time.
    """
    for _ in range(prefetch.parts):
        fetch_part(prefetch)


@strict
def fetch_part(prefetch: Prefetch) -> None:
    """Bring one part nearer: some cache lines of one sample, with the last part of the sample before it if need be."""
    cursor = prefetch.cursor
    at, left = cursor[AT], cursor[LEFT]
    if left <= 0:
        x = cursor[SAMPLE]
        if x >= cursor[END]:
            return
        i = prefetch.order[x]
        prefetch_line(cursor[Y_AT] + i * cursor[Y_STEP])
        prefetch_line(cursor[LABELS_AT] + i * itemsize(prefetch.order))
        # Samples need not begin on a line.
        cursor[SAMPLE], at, left = x + 1, cursor[X_AT] + i * cursor[X_STEP], cursor[X_STEP] // CACHE_LINE + 1
    n = min(left, cursor[LINES])
    for _ in range(n):
        prefetch_line(at)
        at += CACHE_LINE
    cursor[AT], cursor[LEFT] = at, left - n
