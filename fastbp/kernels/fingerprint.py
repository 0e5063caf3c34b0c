"""A number that tells arrays apart: it is found faster than a CRC, and never written to a file."""

from __future__ import annotations

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import Array

STEP = np.uint64(0x9E37_79B9_7F4A_7C15)
FACTOR = np.uint64(0xBF58_476D_1CE4_E5B9)
"""Odd numbers without a pattern in their bits."""

HIGH, LOW = np.uint64(32), np.uint64(29)


@strict(cache=True)
def fingerprint(words: Array) -> np.uint64:
    """Of a contiguous vector of uint64: the sum of a hash of each word and its place, modulo 2^64.

    Lanes add apart, so that it runs at the rate of memory. A change of one word always changes it.
    """
    total = place = np.uint64(0)
    for i in range(words.size):
        place += STEP
        z = words[i] + place
        z = (z ^ (z >> HIGH)) * FACTOR
        total += z ^ (z >> LOW)
    return total
