"""How large numbers are, in one pass that allocates nothing."""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Array
from fastbp.kernels.dense import from_bits, magnitude


@strict(cache=True)
def largest_magnitude(values: Array) -> float:
    """The largest |value| of a contiguous vector, 0 of none. As bits, infinity is above all numbers, NaN above it."""
    zero = values.dtype.type(0)
    largest = magnitude(zero)
    for i in range(values.size):
        largest = max(largest, magnitude(values[i]))
    return float(from_bits(zero, largest))
