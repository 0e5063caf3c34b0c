"""What becomes of finished sums before they leave their registers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit import inlined, strict
from fastbp.jit.addresses import Array, Real
from fastbp.jit.cpu import HALF_LINE, VECTOR_BYTES
from fastbp.jit.vectors import half_line, put_half_line, put_vector, vector

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
    """Scale the sums of a tile, and turn them into what the epilogue makes of them and of c; scale is 1 to multiply."""
    n_vectors = NR * HALF_LINE // VECTOR_BYTES
    # A loop for each: LLVM would read c before it knows whether it is asked for, and spill.
    if epilogue == STORE:
        if scale != 1:
            for i in range(acc.shape[0]):
                if n_vectors == 0:
                    put_half_line(acc, i, half_line(acc, i) * scale)
                for v in range(n_vectors):
                    put_vector(acc, i, v, vector(acc, i, v) * scale)
    elif epilogue == SGD_STEP:
        for i in range(acc.shape[0]):
            if n_vectors == 0:
                put_half_line(acc, i, sgd_step(half_line(c, i), eta, half_line(acc, i) * scale))
            for v in range(n_vectors):
                put_vector(acc, i, v, sgd_step(vector(c, i, v), eta, vector(acc, i, v) * scale))
    else:
        for i in range(acc.shape[0]):
            if n_vectors == 0:
                put_half_line(acc, i, half_line(acc, i) * half_line(c, i))
            for v in range(n_vectors):
                put_vector(acc, i, v, vector(acc, i, v) * vector(c, i, v))
