"""Numbers that kernels hold for a moment and go on with, as arrays: explanations show them beside the results."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.kernels import explained as kernels
from fastbp.kernels import tangents


def partial_sums(start: Any, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The sum ``start`` + first_r second_r + ..., r in order, after each term; contiguous vectors of one dtype."""
    running = np.empty(first.size, first.dtype)
    kernels.partial_sums(first.dtype.type(start), first, second, running)
    return running


def activations(code: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sigma(z) and sigma'(z) of an activation that is not softmax; like z, of float32 or float64."""
    rows = np.ascontiguousarray(z).reshape(1, -1)
    a, d = np.empty_like(rows), np.empty_like(rows)
    tangents.activations(code, rows, a, d)
    return a.reshape(np.shape(z)), d.reshape(np.shape(z))


def cost_slopes(cost: int, z: np.ndarray, a: np.ndarray, y: np.ndarray, p: float) -> np.ndarray:
    """dC/da_j of a sample; delta_j of costs whose sigma' cancels. Contiguous vectors of one dtype."""
    out = np.empty_like(z)
    kernels.cost_slopes(cost, z, a, y, z.dtype.type(p), out)
    return out
