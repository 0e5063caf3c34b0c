"""Whether numbers are small enough, in one pass that allocates nothing."""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Array
from fastbp.kernels.dense import from_bits, magnitude


@strict(cache=True)
def all_below(values: Array, limit: float) -> bool:
    """Whether every |value| of a contiguous vector is below the limit: as bits, infinity and NaN are the largest."""
    largest = magnitude(values.dtype.type(0))
    for i in range(values.size):
        largest = max(largest, magnitude(values[i]))
    return bool(from_bits(values.dtype.type(0), largest) < limit)
