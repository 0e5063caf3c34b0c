"""Records: tables in memory whose rows have fields with names, read and written alike by Python and by kernels."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fastbp.jit.addresses import Buffer, line
from fastbp.jit.cpu import LINE_PAIR
from fastbp.jit.decorators import strict

Record: TypeAlias = Any
"""A row of a table: ``record(table, i).name``."""


def fields(**formats: type[np.generic]) -> np.dtype[Any]:
    """The dtype of a table of these fields. It is one of ``numpy.record``, which gives Python the kernels' words."""
    return np.dtype((np.record, np.dtype(list(formats.items()), align=True)))


def groups_apart(*groups: dict[str, type[np.generic]]) -> np.dtype[Any]:
    """The dtype of fields in groups: while one thread writes a group, another reads the next.

    They are a pair of cache lines apart.
    """
    formats: dict[str, type[np.generic]] = {}
    offsets: list[int] = []
    end = 0
    for group in groups:
        plain: Any = fields(**group)
        formats |= group
        offsets += [end + plain.fields[name][1] for name in group]
        end += -(-plain.itemsize // LINE_PAIR) * LINE_PAIR
    parts = {"names": list(formats), "formats": list(formats.values()), "offsets": offsets, "itemsize": end}
    return np.dtype((np.record, np.dtype(parts, align=True)))  # type: ignore[call-overload]


def fields_apart(**formats: type[np.generic]) -> np.dtype[Any]:
    """``groups_apart`` of one field each."""
    return groups_apart(*({name: format} for name, format in formats.items()))


@strict
def record(table: Buffer, i: int) -> Record:
    """Row i of a table."""
    return line(table, i, 1)[0]
