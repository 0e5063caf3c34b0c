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


def _log(x: np.ndarray, y: np.ndarray) -> Any:
    """ln x; 0 where y, by which it will be multiplied, is 0: 0 ln 0 = 0."""
    return np.log(np.where(y > 0, x, 1))


def quadratic(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis."""
    return 0.5 * ((a - y) ** 2).sum(axis=-1)


def cross_entropy(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis: binary of sigmoids, categorical of softmax; from z, if it is known."""
    if z is None:
        binary = (1 - y) * _log(1 - a, 1 - y) if output == "sigmoid" else 0
        return -(y * _log(a, y) + binary).sum(axis=-1)
    if output == "sigmoid":
        return (softplus(z) - y * z).sum(axis=-1)
    largest = z.real.max(axis=-1, keepdims=True)
    log_sum = largest + np.log(np.exp(z - largest).sum(axis=-1, keepdims=True))
    return (y * (log_sum - z)).sum(axis=-1)


def poisson(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis; of a = e^z from z, if it is known."""
    ratio = _log(y / a, y) if z is None else _log(y, y) - z
    return (y * ratio - y + a).sum(axis=-1)


def absolute(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis."""
    return flipped(a - y).sum(axis=-1)


def huber(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis, of distances that count by themselves beyond p."""
    distance = flipped(a - y)
    return np.where(distance.real <= p, distance**2 / 2, p * (distance - p / 2)).sum(axis=-1)


def quantile(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis, of the quantile p."""
    return np.where((y - a).real > 0, p * (y - a), (1 - p) * (a - y)).sum(axis=-1)


def tweedie(z: Any, a: np.ndarray, y: np.ndarray, output: str, p: float) -> Any:
    """C_x of the last axis, of a variance that grows as a^p."""
    if p == 1:
        return poisson(None, a, y, output, p)
    if p == 2:
        each = np.log(a / y) + y / a - 1
    else:
        each = y ** (2 - p) / ((1 - p) * (2 - p)) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)
    return each.sum(axis=-1)


def weighted_quantile(y: np.ndarray, s: np.ndarray, p: float) -> Any:
    """Of each column of y, the value below which a part p of the weights s lies."""
    order = np.argsort(y, axis=0)
    shares = np.cumsum(s[order], axis=0) / s.sum()
    found = np.argmax(shares >= p, axis=0)
    return np.take_along_axis(y, np.take_along_axis(order, found[None], 0), 0)[0]


def weighted_median(y: np.ndarray, s: np.ndarray, p: float) -> Any:
    """Of each column of y."""
    return weighted_quantile(y, s, 0.5)


def huber_mean(y: np.ndarray, s: np.ndarray, p: float) -> Any:
    """Of each column of y, a mean in which what is farther from it than p counts less."""
    best = weighted_median(y, s, p)
    for _ in range(50):
        nearer = s[:, None] * np.minimum(1, p / np.maximum(np.abs(y - best), p))
        best = (nearer * y).sum(axis=0) / nearer.sum(axis=0)
    return best
