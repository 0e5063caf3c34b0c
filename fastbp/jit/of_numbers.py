"""Functions of NumPy that Numba knows for arrays alone, or not at all: the same of numbers, for a user's functions.

The compiler of these puts them in the place of NumPy's. In Python, NumPy's are called as ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload


def where(condition: Any, x: Any, y: Any) -> Any:
    """np.where."""
    return np.where(condition, x, y)


def clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    """np.clip."""
    return np.clip(a, a_min, a_max)


def heaviside(x1: Any, x2: Any) -> Any:
    """np.heaviside."""
    return np.heaviside(x1, x2)


OF_NUMBERS = ((np.where, where), (np.clip, clip), (np.heaviside, heaviside))


def _are_numbers(*kinds: Any) -> bool:
    return all(isinstance(kind, types.Float | types.Integer | types.Boolean) for kind in kinds)


def _common(x: Any, y: Any) -> Any:
    """The dtype of two numbers' choice, in which a whole number takes that of the other."""
    floats = [kind for kind in (x, y) if isinstance(kind, types.Float)]
    return max(floats, key=lambda kind: int(kind.bitwidth)) if floats else types.int64


@overload(where)
def _type_of_where(condition: Any, x: Any, y: Any) -> Any:
    if not _are_numbers(condition, x, y):
        return None
    kind = _common(x, y)

    def chosen(condition: Any, x: Any, y: Any) -> Any:
        return kind(x) if condition else kind(y)

    return chosen


@overload(clip)
def _type_of_clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    absent = [bound is None or isinstance(bound, types.NoneType | types.Omitted) for bound in (a_min, a_max)]
    if not _are_numbers(a, *(bound for bound, missing in zip((a_min, a_max), absent, strict=True) if not missing)):
        return None
    kind = a if isinstance(a, types.Float) else types.float64
    below, above = (not missing for missing in absent)

    def clipped(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
        value = kind(a)
        if below:
            value = value if value > a_min or value != value else kind(a_min)
        if above:
            value = value if value < a_max or value != value else kind(a_max)
        return value

    return clipped


@overload(heaviside)
def _type_of_heaviside(x1: Any, x2: Any) -> Any:
    if not _are_numbers(x1, x2):
        return None
    kind = x1 if isinstance(x1, types.Float) else types.float64

    def step(x1: Any, x2: Any) -> Any:
        if x1 == 0:
            return kind(x2)
        return kind(x1) if x1 != x1 else kind(x1 > 0)

    return step


def of_numbers(function: Any) -> Any:
    """What stands in the place of a function of NumPy; None if it may stay."""
    return next((ours for theirs, ours in OF_NUMBERS if theirs is function), None)
