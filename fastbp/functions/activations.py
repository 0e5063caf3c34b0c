"""sigma and sigma' of every activation: functions of one z that return the pair, from one exponential.

They stand under the textbook and the kernels alike. sigma' is not computed from sigma: ``a (1 - a)`` has lost every
digit where a has rounded to 1, and with them the gradient of a saturated neuron (`sigma_prime_notes`).

Each keeps the dtype of z, float32 or float64, and NaN. Errors are a few units in the last place.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.elementary import exp, expm1, log, log1p, normal_tail
from fastbp.jit import constants, strict

__all__ = ["CODES", "COSTS", "exp", "log", "log1p", "sigma", "sigma_prime", "sigma_prime_notes"]

SIGMOID, TANH, RELU, LEAKY_RELU, SOFTPLUS, SILU, GELU, IDENTITY, SOFTMAX, EXP, MISH = range(11)
CODES = {
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "softplus": SOFTPLUS,
    "silu": SILU,
    "gelu": GELU,
    "mish": MISH,
    "identity": IDENTITY,
    "softmax": SOFTMAX,
    "exp": EXP,
}
"""Name of an activation -> its code in the kernels."""

QUADRATIC, CROSS_ENTROPY, POISSON, CLIPPED, ABSOLUTE, HUBER, QUANTILE, TWEEDIE = range(8)
COSTS = {"quadratic": QUADRATIC, "cross_entropy": CROSS_ENTROPY, "poisson": POISSON}
"""Name of a cost -> its code in the kernels. From CLIPPED (cross-entropy as scikit-learn reports it) on,
costs are those of jobs, not of nets."""

_ZERO, _ONE, _TWO, _FOUR, _SLOPE, _BELL, _FAR = range(7)
_NUMBERS = constants(
    tuple(np.float32(value) for value in (0, 1, 2, 4, 0.01, 0.3989422804014327, 200)),
    tuple(np.float64(value) for value in (0, 1, 2, 4, 0.01, 0.3989422804014327, 1600)),
)
"""0, 1, 2, 4, leaky_relu's slope, 1 / sqrt(2 pi), and a |z| beyond which nothing changes."""


@strict
def sigmoid(z):
    """a = 1 / (1 + e^-z) and sigma' = t / (1 + t)^2, ``t = e^-|z|``, which never overflows."""
    one = _NUMBERS(z)[_ONE]
    t = exp(-abs(z))
    q = one / (one + t)
    p = t * q
    return q if z >= 0 else p, p * q


@strict
def tanh(z):
    """a = (1 - t) / (1 + t) with the sign of z and sigma' = 4 t / (1 + t)^2, ``t = e^-2|z|``; 1 - t keeps digits."""
    c = _NUMBERS(z)
    minus, t = expm1(-c[_TWO] * abs(z))
    q = c[_ONE] / (c[_ONE] + t)
    a = -minus * q
    return a if z >= 0 else -a, c[_FOUR] * (t * q) * q


@strict
def relu(z):
    """a = max(0, z); sigma' = 1 above 0, and 0 at 0."""
    c = _NUMBERS(z)
    return c[_ZERO] if z <= 0 else z, c[_ONE] if z > 0 else c[_ZERO]


@strict
def leaky_relu(z):
    """a = z above 0, 0.01 z below; sigma' = 1 above 0, 0.01 at 0 and below."""
    c = _NUMBERS(z)
    return c[_SLOPE] * z if z <= 0 else z, c[_ONE] if z > 0 else c[_SLOPE]


@strict
def softplus(z):
    """a = ln(1 + e^z) = max(0, z) + ln(1 + t), ``t = e^-|z|``; sigma' is the sigmoid."""
    c = _NUMBERS(z)
    t = exp(-abs(z))
    q = c[_ONE] / (c[_ONE] + t)
    above = c[_ZERO] if z <= 0 else z
    return above + log1p(t), q if z >= 0 else t * q


@strict
def _within(z, far):
    """z, not beyond -far..far; NaN stays NaN."""
    z = -far if z < -far else z
    return far if z > far else z


@strict
def silu(z):
    """a = z s(z), s the sigmoid; sigma' = s (1 + z (1 - s))."""
    c = _NUMBERS(z)
    near = _within(z, c[_FAR])
    t = exp(-abs(z))
    q = c[_ONE] / (c[_ONE] + t)
    p = t * q
    s, rest = (q, p) if z >= 0 else (p, q)
    return (near if z <= 0 else z) * s, s + near * (s * rest)


@strict
def gelu(z):
    """a = z Phi(z), Phi the normal law's distribution, the exact form; sigma' = Phi(z) + z phi(z)."""
    c = _NUMBERS(z)
    near = _within(z, c[_FAR])
    tail, bell = normal_tail(abs(near))
    phi = tail if z <= 0 else c[_ONE] - tail
    return (near if z <= 0 else z) * phi, phi + near * (c[_BELL] * bell)


@strict
def tanh_softplus(z):
    """m = tanh(ln(1 + e^z)) and m' = (1 - m) (1 + m) s, s the sigmoid: quotients of sums of ``t = e^-|z|``, all > 0.

    With e^z = v / u, one of them t and the other 1, m is n / (n + 2 u^2), n = v (v + 2 u).
    """
    c = _NUMBERS(z)
    t = exp(-abs(z))
    u, v = (t, c[_ONE]) if z >= 0 else (c[_ONE], t)
    n, rest = v * (v + c[_TWO] * u), c[_TWO] * (u * u)
    q = c[_ONE] / (n + rest)
    return n * q, c[_TWO] * (rest * q) * (v * (c[_ONE] + t) * q)


@strict
def mish(z):
    """a = z m, m = tanh(softplus(z)); sigma' = m + z m'."""
    near = _within(z, _NUMBERS(z)[_FAR])
    m, slope = tanh_softplus(z)
    return (near if z <= 0 else z) * m, m + near * slope


@strict
def identity(z):
    """a = z; sigma' = 1."""
    return z, _NUMBERS(z)[_ONE]


@strict
def exponential(z):
    """a = e^z; sigma' = e^z."""
    a = exp(z)
    return a, a


@strict
def sigma(code, z):
    """F2: a_j^l = sigma(z_j^l)

    Every activation but softmax, which is no function of one z.
    """
    if code == SIGMOID:
        return sigmoid(z)[0]
    if code == TANH:
        return tanh(z)[0]
    if code == RELU:
        return relu(z)[0]
    if code == LEAKY_RELU:
        return leaky_relu(z)[0]
    if code == SOFTPLUS:
        return softplus(z)[0]
    if code == SILU:
        return silu(z)[0]
    if code == GELU:
        return gelu(z)[0]
    if code == MISH:
        return mish(z)[0]
    if code == EXP:
        return exponential(z)[0]
    return z


@strict
def sigma_prime(code, z):
    """sigma'(z_j^l), link 1 of the chain z_j^l -> a_j^l, in the stable form of each activation."""
    if code == SIGMOID:
        return sigmoid(z)[1]
    if code == TANH:
        return tanh(z)[1]
    if code == RELU:
        return relu(z)[1]
    if code == LEAKY_RELU:
        return leaky_relu(z)[1]
    if code == SOFTPLUS:
        return softplus(z)[1]
    if code == SILU:
        return silu(z)[1]
    if code == GELU:
        return gelu(z)[1]
    if code == MISH:
        return mish(z)[1]
    if code == EXP:
        return exponential(z)[1]
    return identity(z)[1]


@strict
def sigma_prime_notes(z):
    """The notes' sigma'(z) = sigma(z) (1 - sigma(z)), of the sigmoid.

    1 - a is off by up to half a unit in the last place of 1, so this differs from `sigma_prime` by at most 2 eps a,
    eps that of the dtype: nothing near z = 0, everything from z = 37 (float32: 17) on, where it is 0.
    """
    a = sigmoid(z)[0]
    return a * (_NUMBERS(z)[_ONE] - a)
