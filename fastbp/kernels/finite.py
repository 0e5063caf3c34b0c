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


@strict(cache=True)
def all_between(values: Array, least: float, largest: float) -> bool:
    """Whether all values of a contiguous vector lie between two numbers, or are one of them; NaN does not."""
    for i in range(values.size):
        value = float(values[i])
        if not (least <= value <= largest):
            return False
    return True
