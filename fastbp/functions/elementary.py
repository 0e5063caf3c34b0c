"""exp, log and their kin for float32 and float64, without branches and without the C library.

LLVM turns loops over them into vector code, and their bits are the same on every CPU with FMA: each addition in a
``fused`` function meets at most one product. Coefficients are Chebyshev fits made with 60 digits; the error of a fit is
below a fifth of a unit in the last place. Measured against 60 digits: ``exp`` and ``expm1`` 1.5, ``log1p`` 2, ``log`` 2
and ``normal_tail`` 4 + x^2 / 2 units in the last place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp import jit
from fastbp.jit import by_dtype, constants, fused, strict


@jit.fma
def fma(a: Any, b: Any, c: Any) -> Any:
    """The sum a b + c, rounded once where the CPU can: a term of an index sum.

    ``fused`` permits LLVM to fuse a product with the sum that it feeds, which it does where each lane of a vector has a
    sum of its own. A sum alone in its lane it may take apart: on ARM it rounds four products first and adds them then.
    """
    return a * b + c


def _numbers(kind: Any, *values: float) -> tuple[Any, ...]:
    return tuple(kind(value) for value in values)


# Coefficients, highest power first: of (e^r - 1) / r in r for |r| <= ln 2 / 2,
_EXPM1 = constants(
    _numbers(np.float32, 0.0013933642, 0.008369149, 0.041666467, 0.16666505, 0.5, 1.0),
    _numbers(
        np.float64,
        2.5105206475334834e-08, 2.7626357373278975e-07, 2.75572554255029e-06, 2.4801504346680997e-05,
        0.00019841269874800683, 0.0013888888932488848, 0.008333333333326141, 0.04166666666657314,
        0.1666666666666667, 0.5000000000000006, 1.0,
    ),
)  # fmt: skip
# of 2 atanh(s) / s in s^2 for s <= 1/3,
_LOG1P = constants(
    _numbers(np.float32, 0.24393909, 0.2139856, 0.28620207, 0.3999871, 0.6666668, 2.0),
    _numbers(
        np.float64,
        0.1607256613467827, 0.0578540899766765, 0.10098185468634059, 0.10454947515530863, 0.11770618555248309,
        0.13332999520385172, 0.15384628221264643, 0.18181817852181228, 0.22222222227641733, 0.2857142857137565,
        0.4000000000000027, 0.6666666666666666, 2.0,
    ),
)  # fmt: skip
# and of (x + 4) e^{x^2/2} times the tail of the normal law beyond x, in u = (x - 4) / (x + 4), for x >= 0: those of
# even powers of u and those of odd ones, because LLVM does not write out a longer loop.
_EVEN_TAIL = constants(
    _numbers(np.float32, -1.6733154e-06, 0.00013351024, -0.003479831, 0.060396604, 0.3871374, 0.75528514),
    _numbers(
        np.float64,
        -1.6858481937283894e-09, 1.605194251428513e-08, -7.874694430471419e-08, 2.646845612647108e-07,
        -6.249141680900715e-07, 7.145802592193128e-07, -1.9076685133202153e-06, 0.00013334420755153713,
        -0.0034796923564507777, 0.06039657489034808, 0.3871374007422269, 0.7552851304157514,
    ),
)  # fmt: skip
_ODD_TAIL = constants(
    _numbers(np.float32, -0.00015712155, 0.001563337, -0.007511892, -0.1865268, -0.6078964),
    _numbers(
        np.float64,
        -1.4936479510010984e-10, -4.177483852404356e-10, 1.741912517945244e-08, -1.5916439391794094e-07,
        1.024236898856534e-06, -5.921289422115026e-06, 3.514498813160344e-05, -0.00023109498674854848,
        0.0016308184627789688, -0.007540188966996623, -0.18652185795965176, -0.6078966419718921,
    ),
)  # fmt: skip

# Arguments at which, and beyond which, e^x is 0, and infinite: the exponents of 2^n as they stand say so.
_RANGE = constants(_numbers(np.float32, -88.0, 89.0), _numbers(np.float64, -709.2, 710.0))
_UNITS = constants(
    *(_numbers(kind, 0.0, 0.5, 1.0, 2.0, 4.0, np.nan, np.inf, np.sqrt(2.0)) for kind in (np.float32, np.float64))
)
# ln 2 in two parts, the first with so few digits that its product with a small whole number is exact.
_LN2 = constants(
    _numbers(np.float32, 0.693359375, -2.12194440e-4), _numbers(np.float64, 0.6931471803691238, 1.9082149292705877e-10)
)
# 1 / ln 2, and the number whose sum with y has the nearest whole number to y in its lowest digits.
_ROUNDING = constants(
    _numbers(np.float32, 1.4426950408889634, 12582912.0), _numbers(np.float64, 1.4426950408889634, 6755399441055744.0)
)


@fused
def horner(coefficients, x):
    """The polynomial with these coefficients, highest power first."""
    p = coefficients[0]
    for c in coefficients[1:]:
        p = p * x + c
    return p


@strict
def _power_32(t):
    """2^n from the sum t of n and the rounding number, whose own bits the shift drops: 0 for n = -127."""
    return np.int32((np.float32(t).view(np.int32) << np.int32(23)) + np.int32(0x3F800000)).view(np.float32)


@strict
def _power_64(t):
    """2^n from the sum t of n and the rounding number, whose own bits the shift drops: 0 for n = -1023."""
    return np.int64((np.float64(t).view(np.int64) << np.int64(52)) + np.int64(0x3FF0000000000000)).view(np.float64)


_power = by_dtype(_power_32, _power_64)


@strict
def _clamped(x):
    """x, not beyond where e^x is 0 or infinite; NaN stays NaN."""
    low, high = _RANGE(x)
    x = low if x < low else x
    return high if x > high else x


@fused
def _reduced(x):
    """(e^r - 1, t) with x = n ln 2 + r, n the nearest whole number, and t its sum with the rounding number."""
    per_ln2, rounding = _ROUNDING(x)
    high, low = _LN2(x)
    t = x * per_ln2 + rounding
    n = t - rounding
    r = (x - n * high) - n * low
    return r * horner(_EXPM1(x), r), t


@strict
def exp(x):
    """e^x, in the dtype of x. NaN stays NaN.

    0 below x = -87.7 (float64: -708.7) and infinite above 88.3 (709.4), where 2^n is: numbers smaller than the smallest
    normal one are not worth seven more operations on every element.
    """
    e, t = _reduced(_clamped(x))
    return (_UNITS(x)[2] + e) * _power(t)


@fused
def expm1(x):
    """e^x - 1 for x <= 0, accurate where e^x rounds to 1; and e^x, from the same polynomial."""
    e, t = _reduced(_clamped(x))
    power = _power(t)
    return power * e + (power - _UNITS(x)[2]), power * e + power


@strict
def log1p(t):
    """ln(1 + t) for 0 <= t <= 1, in the dtype of t: with s = t / (2 + t), it is 2 atanh(s)."""
    s = t / (_UNITS(t)[3] + t)
    return s * horner(_LOG1P(t), s * s)


@strict
def _split_32(x):
    bits = np.float32(x).view(np.int32)
    n = (bits >> 23) - np.int32(127)
    return np.float32(n), np.int32((bits & 0x007FFFFF) | 0x3F800000).view(np.float32)


@strict
def _split_64(x):
    bits = np.float64(x).view(np.int64)
    n = (bits >> 52) - np.int64(1023)
    return np.float64(n), np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)


_split = by_dtype(_split_32, _split_64)
"""x = 2^n m with 1 <= m < 2."""


@strict
def log(x):
    """ln x for finite x >= 1, in the dtype of x; NaN stays NaN."""
    n, m = _split(x)
    high, low = _LN2(x)
    value = n * high + (n * low + log1p(m - _UNITS(x)[2]))
    return value if x == x else x


@strict
def log_of_positive(x):
    """ln x for any x > 0, infinite x aside; NaN below."""
    c = _UNITS(x)
    if x >= c[2]:
        return log(x)
    return -log(c[2] / x) if x > c[0] else c[5]


@strict
def log_of_any(x):
    """ln x: NaN below 0, -infinity at 0. With x = 2^n m and m between 1/sqrt(2) and sqrt(2), so that it is accurate
    beside 1; a number below the smallest normal one is taken for one about as small.
    """
    c = _UNITS(x)
    n, m = _split(x)
    large = m > c[7]
    n, m = n + c[2] if large else n, c[1] * m if large else m
    high, low = _LN2(x)
    f = m - c[2]
    s = f / (c[3] + f)
    value = n * high + (n * low + s * horner(_LOG1P(x), s * s))
    value = -c[6] if x == c[0] else (c[5] if x < c[0] else value)
    return value if x < c[6] else x


@strict
def softplus(z):
    """ln(1 + e^z) = max(0, z) + ln(1 + t), ``t = e^-|z|``; its slope is the sigmoid."""
    zero, one = _UNITS(z)[0], _UNITS(z)[2]
    t = exp(-abs(z))
    q = one / (one + t)
    above = zero if z <= zero else z
    return above + log1p(t), q if z >= zero else t * q


@fused
def _even_and_odd(even, odd, u):
    """The polynomial whose coefficients of even and of odd powers are given."""
    return horner(even, u * u) + u * horner(odd, u * u)


@strict
def normal_tail(x):
    """Probability of the normal law beyond finite x >= 0, and e^{-x^2/2}, in the dtype of x.

    Relative errors grow as x^2: the exponent is rounded before e is raised to it.
    """
    c = _UNITS(x)
    bell = exp(-c[1] * (x * x))
    beyond = x + c[4]
    u = (x - c[4]) / beyond
    return bell * (_even_and_odd(_EVEN_TAIL(x), _ODD_TAIL(x), u) / beyond), bell
