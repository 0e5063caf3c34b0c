"""Vectors in kernels: a vector's width of elements at a time, each rounded as the kernel's decorator says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fastbp.jit import fused, strict
from fastbp.jit.cpu import VECTOR_BYTES
from fastbp.jit.vectors import put_vector, vector, vector_of


@strict(cache=True)
def rounded_apart(a: Any, b: Any, c: Any, out: Any) -> None:
    """Sum, difference and products of the second vector of row 1."""
    A, B = vector(a, 1, 1), vector(b, 1, 1)
    put_vector(out, 0, 1, A - c * B)
    put_vector(out, 1, 1, A + B * c)
    put_vector(out, 2, 1, A * B)
    put_vector(out, 3, 1, vector_of(out, c) - A)


@fused(cache=True)
def rounded_once(n: int, a: Any, b: Any, c: Any, out: Any) -> None:
    for v in range(n):
        put_vector(out, 0, v, vector(a, 0, v) + c * vector(b, 0, v))


def operands(dtype: str) -> tuple[np.ndarray, np.ndarray, Any, np.ndarray, int]:
    """Two matrices, a number, where results go, and the elements of a vector, of which a row has sixteen."""
    rng = np.random.default_rng(3)
    V = VECTOR_BYTES // np.dtype(dtype).itemsize
    a, b = (rng.standard_normal((2, 16 * V)).astype(dtype) for _ in range(2))
    return a, b, np.dtype(dtype).type(0.7), np.full((5, 16 * V), np.nan, dtype), V


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operations_round_apart(dtype: str) -> None:
    """As NumPy's do, in the elements of one vector and in no others."""
    a, b, c, out, V = operands(dtype)
    rounded_apart(a, b, c, out)
    A, B = a[1, V : 2 * V], b[1, V : 2 * V]
    expected = np.full_like(out, np.nan)
    expected[:4, V : 2 * V] = A - c * B, A + B * c, A * B, c - A
    assert out.tobytes() == expected.tobytes()


@pytest.mark.compiled  # plain Python has no fused multiply-add
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_is_fused_with_its_sum(dtype: str) -> None:
    a, b, c, out, V = operands(dtype)
    n = 15
    rounded_once(n, a, b, c, out)
    A, B = a[0, : n * V], b[0, : n * V]
    sums = [Fraction(float(x)) + Fraction(float(c)) * Fraction(float(y)) for x, y in zip(A, B, strict=True)]
    expected = np.array([s.numerator / s.denominator for s in sums]).astype(dtype)
    assert out[0, : n * V].tobytes() == expected.tobytes()
    assert (expected != A + c * B).any()
    assert np.isnan(out[0, n * V :]).all()
