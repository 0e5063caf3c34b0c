"""Records: tables in memory whose rows have fields with names, read and written alike by Python and by kernels."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fastbp.jit.addresses import Buffer, line
from fastbp.jit.cpu import CACHE_LINE
from fastbp.jit.decorators import strict

Record: TypeAlias = Any
"""A row of a table: ``record(table, i).name``."""


def fields(**formats: type[np.generic]) -> np.dtype[Any]:
    """The dtype of a table of these fields. It is one of ``numpy.record``, which gives Python the kernels' words."""
    return np.dtype((np.record, np.dtype(list(formats.items()), align=True)))


def _spread(formats: dict[str, type[np.generic]], offsets: list[int], end: int) -> np.dtype[Any]:
    """The dtype of fields at these offsets, whose rows are whole cache lines."""
    size = -(-end // CACHE_LINE) * CACHE_LINE
    parts = {"names": list(formats), "formats": list(formats.values()), "offsets": offsets, "itemsize": size}
    return np.dtype((np.record, np.dtype(parts, align=True)))  # type: ignore[call-overload]


def whole_lines(**formats: type[np.generic]) -> np.dtype[Any]:
    """``fields`` whose rows are whole cache lines, so that threads which write them do not wait for each other."""
    plain: Any = fields(**formats)
    return _spread(formats, [plain.fields[name][1] for name in formats], plain.itemsize)


def lines_apart(**formats: type[np.generic]) -> np.dtype[Any]:
    """``fields``, each with a cache line for itself: one thread writes one while another reads the next."""
    offsets = [CACHE_LINE * i for i in range(len(formats))]
    return _spread(formats, offsets, CACHE_LINE * len(formats))


@strict
def record(table: Buffer, i: int) -> Record:
    """Row i of a table."""
    return line(table, i, 1)[0]
