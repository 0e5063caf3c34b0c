"""Samples that are still far away: while sums are computed, those of the next minibatch are fetched from memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Buffer, after, byte_address, itemsize
from fastbp.jit.cpu import CACHE_LINE, HALF_LINE
from fastbp.jit.records import groups_apart, record
from fastbp.jit.registers import prefetch_line
from fastbp.kernels.matrix import Matrix

CURSOR = groups_apart(
    {
        "lines": np.int64,  # cache lines of a part
        "sample": np.int64,  # place in the epoch of the next sample, and of the end
        "end": np.int64,
        "at": np.int64,  # address where to go on, and how many lines are left there of the sample before
        "left": np.int64,
        "X": np.int64,  # addresses of X, Y and labels, and bytes from one sample to the next
        "X_step": np.int64,
        "Y": np.int64,
        "Y_step": np.int64,
        "labels": np.int64,
    }
)
"""How far a thread has come with fetching."""


class Prefetch(NamedTuple):
    """The samples that come next, and how far fetching them has come."""

    order: Buffer
    """Sample of each place of the epoch."""
    cursor: Buffer
    """A `CURSOR`, which only this thread advances."""
    parts: int
    """How many parts each tile of sums fetches; 0: there is nothing to fetch, and the cursor means nothing."""


@inlined
def fetch_rows(MR: int, NR: int, c: Matrix, first: int) -> None:
    """Bring MR rows of NR half-lines nearer: those that a tile will end with."""
    for i in range(first, first + MR):
        at = byte_address(after(c.buf, i * c.i))
        for half in range(0, NR, 2):
            prefetch_line(at + half * HALF_LINE)


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
    cursor = record(prefetch.cursor, 0)
    at, left = cursor.at, cursor.left
    if left <= 0:
        x = cursor.sample
        if x >= cursor.end:
            return
        i = prefetch.order[x]
        prefetch_line(cursor.Y + i * cursor.Y_step)
        prefetch_line(cursor.labels + i * itemsize(prefetch.order))
        # Samples need not begin on a line.
        cursor.sample, at, left = x + 1, cursor.X + i * cursor.X_step, cursor.X_step // CACHE_LINE + 1
    n = min(left, cursor.lines)
    for _ in range(n):
        prefetch_line(at)
        at += CACHE_LINE
    cursor.at, cursor.left = at, left - n
