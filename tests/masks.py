"""Dropout's masks, without the kernels."""

from __future__ import annotations

import numpy as np


def dropout_mask(seed: int, l: int, place: int, J: int, p: float) -> np.ndarray:
    """The rule of fastbp.kernels.dropout in Python's whole numbers."""
    whole = (1 << 64) - 1

    def mixed(v: int) -> int:
        v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9 & whole
        v = (v ^ (v >> 27)) * 0x94D049BB133111EB & whole
        return v ^ (v >> 31)

    step = 0x9E3779B97F4A7C15
    key = mixed(mixed((seed + step * l) & whole) + step * place & whole)
    bits = [mixed((key + step * j) & whole) >> 40 for j in range(J)]
    return np.array([0.0 if b < int(p * 2**24) else 1 / (1 - p) for b in bits])
