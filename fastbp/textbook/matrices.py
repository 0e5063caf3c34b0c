"""The equations as products of matrices, to be compared with the index forms; NumPy sums in an order of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def weighted_input_matrix(w: Array, b: Array, a_prev: Array) -> Array:
    """F1 matrix: z^l = w^l a^{l-1} + b^l"""
    return w @ a_prev + b


def output_error_matrix(a: Array, y: Array, sigma_prime_z: Array) -> Array:
    """BP1 matrix: delta^L = (a^L - y) (.) sigma'(z^L)"""
    return (a - y) * sigma_prime_z


def hidden_error_matrix(w_next: Array, delta_next: Array, sigma_prime_z: Array) -> Array:
    """BP2 matrix: delta^l = ((w^{l+1})^T delta^{l+1}) (.) sigma'(z^l)"""
    return (w_next.T @ delta_next) * sigma_prime_z


def weight_gradient_matrix(a_prev: Array, delta: Array) -> Array:
    """BP4 matrix: dC/dw^l = delta^l (a^{l-1})^T"""
    return np.outer(delta, a_prev)
