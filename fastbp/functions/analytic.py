"""Activations and costs of arrays of complex z, in NumPy: with them the compiled ones are checked."""

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


def quadratic(z: np.ndarray, a: np.ndarray, y: np.ndarray, output: str) -> Any:
    """C_x of the last axis."""
    return 0.5 * ((a - y) ** 2).sum(axis=-1)


def cross_entropy(z: np.ndarray, a: np.ndarray, y: np.ndarray, output: str) -> Any:
    """C_x of the last axis, from z: binary of sigmoids, categorical of softmax."""
    if output == "sigmoid":
        return (softplus(z) - y * z).sum(axis=-1)
    largest = z.real.max(axis=-1, keepdims=True)
    log_sum = largest + np.log(np.exp(z - largest).sum(axis=-1, keepdims=True))
    return (y * (log_sum - z)).sum(axis=-1)


def poisson(z: np.ndarray, a: np.ndarray, y: np.ndarray, output: str) -> Any:
    """C_x of the last axis, of a = e^z."""
    return (y * (np.log(np.where(y > 0, y, 1)) - z) - y + a).sum(axis=-1)
