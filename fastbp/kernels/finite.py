"""Whether numbers are finite, in one pass that allocates nothing."""

from __future__ import annotations

import numpy as np

from fastbp.jit import strict
from fastbp.kernels.dense import from_bits, magnitude


@strict(cache=True)
def all_finite(values):
    """Whether all of a contiguous vector are: as bits, infinity and NaN are the largest magnitudes."""
    largest = magnitude(values.dtype.type(0))
    for i in range(values.size):
        largest = max(largest, magnitude(values[i]))
    return from_bits(values.dtype.type(0), largest) < np.inf
