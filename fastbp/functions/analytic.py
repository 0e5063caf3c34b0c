"""Activations of arrays of complex z, in NumPy, with which the compiled ones are checked. Neither calls the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_erf = np.vectorize(math.erf, otypes=[float])


def flipped(z: np.ndarray) -> Any:
    """|z|, continued analytically: z where its real part is positive, else -z."""
    return np.where(z.real > 0, z, -z)


def sigmoid(z: np.ndarray) -> Any:
    """1 / (1 + e^-z)."""
    t = np.exp(-flipped(z))
    return np.where(z.real > 0, 1, t) / (1 + t)


def relu(z: np.ndarray) -> Any:
    """Z where its real part is positive, else 0."""
    return np.where(z.real > 0, z, 0)


def leaky_relu(z: np.ndarray) -> Any:
    """Z where its real part is positive, else z / 100."""
    return np.where(z.real > 0, z, 0.01 * z)


def softplus(z: np.ndarray) -> Any:
    """ln(1 + e^z)."""
    return np.where(z.real > 0, z, 0) + np.log1p(np.exp(-flipped(z)))


def silu(z: np.ndarray) -> Any:
    """Z times the sigmoid."""
    return z * sigmoid(z)


def gelu(z: np.ndarray) -> Any:
    """Z Phi(z). erf at x + ih is its value there, and h times the integrand that defines it."""
    x = z.real / math.sqrt(2)
    erf = _erf(x) + 1j * (z.imag / math.sqrt(2)) * (2 / math.sqrt(math.pi)) * np.exp(-x * x)
    return 0.5 * z * (1 + erf)


def mish(z: np.ndarray) -> Any:
    """Z tanh(softplus(z))."""
    return z * np.tanh(softplus(z))


def identity(z: np.ndarray) -> Any:
    """Z itself."""
    return z
