"""What becomes of finished sums before they leave their registers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Array, Real
from fastbp.jit.registers import copy_row, register_block

# Not literals, of which Numba would compile a function once more.
STORE: Any = np.int64(0)
MULTIPLY: Any = np.int64(1)
SGD_STEP: Any = np.int64(2)
"""The epilogues of a sum s: c = s; c = c * s, as BP2 multiplies by sigma'; c = c - eta * s, the step U of descent."""


@strict
def sgd_step(w: Real, eta: Real, g: Real) -> Real:
    """The step U of one weight, w - eta * g: the product is rounded before it is subtracted."""
    return w - eta * g


@inlined
def finish(NR: int, acc: Array, c: Array, epilogue: int, scale: Real, eta: Real) -> None:
    """Scale the sums of a tile, and turn them into what the epilogue makes of them and of c."""
    MR, n = acc.shape
    if scale != 1:
        for j in range(n):
            for i in range(MR):
                acc[i, j] *= scale
    if epilogue != STORE:
        old = register_block(MR, NR, c)
        for i in range(MR):
            copy_row(NR, old, i, c, i)
        if epilogue == SGD_STEP:
            for j in range(n):
                for i in range(MR):
                    acc[i, j] = sgd_step(old[i, j], eta, acc[i, j])
        else:
            for j in range(n):
                for i in range(MR):
                    acc[i, j] *= old[i, j]
