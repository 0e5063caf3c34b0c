"""Every activation once: its names, formula, sigma, sigma' and sigma'', and what its outputs are.

One entry of ``ACTIVATIONS`` is all that the library knows of an activation: codes in the kernels, names in messages, on
the command line and in model files, and the table in the documentation follow from it. sigma and sigma' are one
function of one z that returns the pair, from one exponential. sigma' is not computed from sigma: ``a (1 - a)`` has lost
every digit where a has rounded to 1, and with them the gradient of a saturated neuron (`sigma_prime_notes`).

They stand under the textbook and the kernels alike. Each keeps the dtype of z, float32 or float64, and NaN. Errors are
a few units in the last place.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from fastbp.functions import analytic
from fastbp.functions.costs import CODES as COSTS
from fastbp.functions.elementary import exp, expm1, log, log1p, normal_tail, softplus
from fastbp.functions.entry import PAIR, SECOND, ActivationFunction, by_code, is_own, value
from fastbp.functions.entry import in_words as in_words
from fastbp.jit import constants, strict
from fastbp.jit.rows import call_once

__all__ = ["ACTIVATIONS", "CODES", "COSTS", "exp", "log", "log1p", "sigma", "sigma_prime", "sigma_prime_notes"]

Name = Literal[
    "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish", "identity", "exp", "softmax"
]
"""The names, for type checkers; a test holds them to the entries."""
OtherName = Literal["logistic", "linear", "swish", "exponential"]

_ZERO, _ONE, _TWO, _FOUR, _SLOPE, _BELL, _FAR, _HALF = range(8)
_NUMBERS = constants(
    tuple(np.float32(value) for value in (0, 1, 2, 4, 0.01, 0.3989422804014327, 200, 0.5)),
    tuple(np.float64(value) for value in (0, 1, 2, 4, 0.01, 0.3989422804014327, 1600, 0.5)),
)
"""0, 1, 2, 4, leaky_relu's slope, 1 / sqrt(2 pi), a |z| beyond which nothing changes, and 1/2."""


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


# sigma'', of the same functions


@strict
def sigmoid_second(z):
    """sigma'' = sigma' (1 - 2 a)."""
    c = _NUMBERS(z)
    a, d = sigmoid(z)
    return d * (c[_ONE] - c[_TWO] * a)


@strict
def tanh_second(z):
    """sigma'' = -2 a sigma'."""
    a, d = tanh(z)
    return -_NUMBERS(z)[_TWO] * a * d


@strict
def softplus_second(z):
    """sigma'' is the sigmoid's sigma'."""
    return sigmoid(z)[1]


@strict
def silu_second(z):
    """sigma'' = s' (2 + z (1 - 2 s)), s the sigmoid."""
    c = _NUMBERS(z)
    near = min(max(z, -c[_FAR]), c[_FAR])
    s, slope = sigmoid(near)
    return slope * (c[_TWO] + near * (c[_ONE] - c[_TWO] * s))


@strict
def gelu_second(z):
    """sigma'' = phi(z) (2 - z^2)."""
    c = _NUMBERS(z)
    near = min(max(z, -c[_FAR]), c[_FAR])
    return c[_BELL] * exp(-c[_HALF] * (near * near)) * (c[_TWO] - near * near)


@strict
def mish_second(z):
    """sigma'' = m' (2 + z (1 - s - 2 m s)), m = tanh(softplus(z)), s the sigmoid."""
    c = _NUMBERS(z)
    near = min(max(z, -c[_FAR]), c[_FAR])
    (m, slope), s = tanh_softplus(near), sigmoid(near)[0]
    return slope * (c[_TWO] + near * (c[_ONE] - s - c[_TWO] * m * s))


@strict
def exponential_second(z):
    """sigma'' = e^z."""
    return exponential(z)[1]


@strict
def straight_second(z):
    """sigma'' = 0, of functions made of straight lines."""
    return _NUMBERS(z)[_ZERO]


ACTIVATIONS = (
    ActivationFunction(
        "sigmoid",
        "1 / (1 + e^-z)",
        r"\frac{1}{1 + e^{-z}}",
        sigmoid,
        sigmoid_second,
        analytic.sigmoid,
        range=(0.0, 1.0),
        probabilities=True,
        also=("logistic",),
    ),
    ActivationFunction("tanh", "tanh z", r"\tanh z", tanh, tanh_second, np.tanh, range=(-1.0, 1.0)),
    ActivationFunction("relu", "max(0, z)", r"\max(0, z)", relu, straight_second, analytic.relu, range=(0.0, math.inf)),
    ActivationFunction(
        "leaky_relu",
        "max(0, z) + 0.01 min(0, z)",
        r"\max(0, z) + 0.01 \min(0, z)",
        leaky_relu,
        straight_second,
        analytic.leaky_relu,
    ),
    ActivationFunction(
        "softplus", "ln(1 + e^z)", r"\ln(1 + e^z)", softplus, softplus_second, analytic.softplus, range=(0.0, math.inf)
    ),
    ActivationFunction(
        "silu",
        "z / (1 + e^-z)",
        r"\frac{z}{1 + e^{-z}}",
        silu,
        silu_second,
        analytic.silu,
        range=(-0.27846454, math.inf),
        also=("swish",),
    ),
    ActivationFunction(
        "gelu", "z Phi(z)", r"z\,\Phi(z)", gelu, gelu_second, analytic.gelu, range=(-0.16997121, math.inf)
    ),
    ActivationFunction(
        "mish",
        "z tanh(ln(1 + e^z))",
        r"z \tanh \ln(1 + e^z)",
        mish,
        mish_second,
        analytic.mish,
        range=(-0.30884342, math.inf),
    ),
    ActivationFunction("identity", "z", "z", identity, straight_second, analytic.identity, also=("linear",)),
    ActivationFunction(
        "exp", "e^z", "e^z", exponential, exponential_second, np.exp, range=(0.0, math.inf), also=("exponential",)
    ),
    ActivationFunction(
        "softmax",
        "e^z_j / sum_k e^z_k",
        r"\frac{e^{z_j}}{\sum_k e^{z_k}}",
        None,
        None,
        None,
        range=(0.0, 1.0),
        probabilities=True,
    ),
)
"""All activations; the place of one is its code in the kernels."""

NAMED = {entry.name: entry for entry in ACTIVATIONS}
"""Name -> entry."""
CODES = {entry.name: code for code, entry in enumerate(ACTIVATIONS)}
"""Name of an activation -> its code in the kernels."""
SIGMOID, RELU, IDENTITY, EXP, SOFTMAX = (CODES[name] for name in ("sigmoid", "relu", "identity", "exp", "softmax"))
_UNBOUNDED = sum(1 << code for code, entry in enumerate(ACTIVATIONS) if not entry.is_bounded)


def _values(code: int, pair: Any, otherwise: Any) -> Any:
    @strict
    def of_code(chosen, z):
        return pair(z)[0] if chosen == code else otherwise(chosen, z)

    return of_code


def _slopes(code: int, pair: Any, otherwise: Any) -> Any:
    @strict
    def of_code(chosen, z):
        return pair(z)[1] if chosen == code else otherwise(chosen, z)

    return of_code


@strict
def _own(code, z):
    return call_once(code, PAIR, z, z, z)[1] if is_own(code) else z


@strict
def _own_prime(code, z):
    return call_once(code, PAIR, z, z, z)[2] if is_own(code) else z


@strict
def _own_double_prime(code, z):
    return call_once(code, SECOND, z, z, z)[1] if is_own(code) else z


_pairs = [entry.pair for entry in ACTIVATIONS]
_sigma = by_code(_pairs, _values, _own)
_sigma_prime = by_code(_pairs, _slopes, _own_prime)
_sigma_double_prime = by_code([entry.second for entry in ACTIVATIONS], value, _own_double_prime)


@strict
def sigma(code, z):
    """F2: a_j^l = sigma(z_j^l)

    Every activation but softmax, which is no function of one z.
    """
    return _sigma(code, z)


@strict
def sigma_prime(code, z):
    """sigma'(z_j^l), link 1 of the chain z_j^l -> a_j^l, in the stable form of each activation."""
    return _sigma_prime(code, z)


@strict
def sigma_double_prime(code, z):
    """sigma''(z) of every activation but softmax; 0 for those made of straight lines."""
    return _sigma_double_prime(code, z)


@strict
def is_unbounded(code):
    """Whether a sum of finite terms can come out of this activation as infinity; of a user's, nobody knows."""
    return is_own(code) or (_UNBOUNDED >> code) & 1 == 1


@strict
def sigma_prime_notes(z):
    """The notes' sigma'(z) = sigma(z) (1 - sigma(z)), of the sigmoid.

    1 - a is off by up to half a unit in the last place of 1, so this differs from `sigma_prime` by at most 2 eps a,
    eps that of the dtype: nothing near z = 0, everything from z = 37 (float32: 17) on, where it is 0.
    """
    a = sigmoid(z)[0]
    return a * (_NUMBERS(z)[_ONE] - a)
