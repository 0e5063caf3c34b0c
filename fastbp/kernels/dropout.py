"""Dropout: masks that are functions of where a neuron stands, so that no number of threads changes them.

Neuron j of layer l is left out of the sample at place x of epoch e where the hash of (seed of e, l, x, j), a number of
24 bits, is below p 2^24. What remains is divided by 1 - p, sigma' too: then BP2 and BP4 need nothing of their own.
"""

from __future__ import annotations

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import number
from fastbp.kernels.matrix import Matrix, row

# Steele, Lea and Flood's splitmix64: an odd step, then two multiplications between shifts.
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(40)


@strict
def mixed(state: np.uint64) -> np.uint64:
    """The hash of 64 bits."""
    state = (state ^ (state >> _SHIFTS[0])) * _FIRST
    state = (state ^ (state >> _SHIFTS[1])) * _SECOND
    return state ^ (state >> _SHIFTS[2])


@strict
def key(seed: int, l: int, x: int) -> np.uint64:
    """Of a layer and a place."""
    state = mixed(np.uint64(seed) + _STEP * np.uint64(l))
    return mixed(state + _STEP * np.uint64(x))


@strict
def is_dropped(sample_key: np.uint64, j: int, threshold: np.int64) -> bool:
    """Whether neuron j is left out."""
    return bool((mixed(sample_key + _STEP * np.uint64(j)) >> _SHIFTS[3]) < np.uint64(threshold))


@strict
def drop(seed: int, l: int, place: int, p: float, X: int, J: int, a: Matrix, d: Matrix) -> None:
    """Of X samples from ``place`` on: a[x, j] and d[x, j], which holds sigma', become 0 or are multiplied."""
    scale, threshold = number(a.buf, 1.0 / (1.0 - p)), np.int64(p * 16777216.0)
    for x in range(X):
        a_x, d_x = row(a, x, J), row(d, x, J)
        sample_key = key(seed, l, place + x)
        for j in range(J):
            keep = scale * (1 - is_dropped(sample_key, j, threshold))
            a_x[j] = a_x[j] * keep
            d_x[j] = d_x[j] * keep
