"""Costs of regression beside the quadratic one: C_x, and BP1 with their slope.

| cost     | C_x, a sum over j of                                          | parameter p             |
|----------|---------------------------------------------------------------|-------------------------|
| ABSOLUTE | abs(a - y)                                                    |                         |
| HUBER    | (a - y)^2 / 2 within p, p abs(a - y) - p^2 / 2 beyond         | p > 0                   |
| QUANTILE | p (y - a) above a, (1 - p) (a - y) below                      | 0 < p < 1, the quantile |
| TWEEDIE  | y^(2-p) / ((1-p) (2-p)) - y a^(1-p) / (1-p) + a^(2-p) / (2-p) | p > 1; a = e^z          |

With p = 2 that last one is ln(a / y) + y / a - 1. Where a = y, abs has the slope 0.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import exp
from fastbp.functions.costs import ABSOLUTE, HUBER, QUANTILE
from fastbp.jit import constants, strict
from fastbp.kernels.costs import log_of_positive
from fastbp.kernels.matrix import row

_ZERO, _ONE, _TWO, _HALF = range(4)


def _numbers(kind):
    return kind(0), kind(1), kind(2), kind(0.5)


_NUMBERS = constants(_numbers(np.float32), _numbers(np.float64))


@strict
def absolute(J, a, y):
    """C_x = sum_j |a_j - y_j|"""
    total = _NUMBERS(a[0])[_ZERO]
    for j in range(J):
        total += abs(a[j] - y[j])
    return total


@strict
def huber(J, a, y, p):
    """C_x = sum_j (a_j - y_j)^2 / 2 where that difference is within p, and p |a_j - y_j| - p^2 / 2 beyond."""
    c = _NUMBERS(a[0])
    total = c[_ZERO]
    for j in range(J):
        distance = abs(a[j] - y[j])
        if distance <= p:
            total += c[_HALF] * (distance * distance)
        else:
            total += p * (distance - c[_HALF] * p)
    return total


@strict
def pinball(J, a, y, p):
    """C_x = sum_j p (y_j - a_j) where y_j is above a_j, and (1 - p) (a_j - y_j) below."""
    c = _NUMBERS(a[0])
    total = c[_ZERO]
    for j in range(J):
        total += p * (y[j] - a[j]) if y[j] > a[j] else (c[_ONE] - p) * (a[j] - y[j])
    return total


@strict
def tweedie(J, z, y, p):
    """C_x = half of Tweedie's deviance of power p > 1, from z = ln a."""
    c = _NUMBERS(z[0])
    total = c[_ZERO]
    for j in range(J):
        if p == c[_TWO]:
            total += z[j] - log_of_positive(y[j]) + y[j] * exp(-z[j]) - c[_ONE]
        else:
            q = c[_ONE] - p
            power = exp((q + c[_ONE]) * log_of_positive(y[j])) if y[j] != c[_ZERO] else c[_ZERO]
            total += power / (q * (q + c[_ONE]))
            total += exp((q + c[_ONE]) * z[j]) / (q + c[_ONE]) - y[j] * exp(q * z[j]) / q
    return total


@strict
def costs(cost, p, X, J, z, a, y, out):
    """C_x of X samples whose rows of z^L, a^L and y are given, into the vector ``out``."""
    if cost == ABSOLUTE:
        for x in range(X):
            out[x] = absolute(J, row(a, x, J), row(y, x, J))
    elif cost == HUBER:
        for x in range(X):
            out[x] = huber(J, row(a, x, J), row(y, x, J), p)
    elif cost == QUANTILE:
        for x in range(X):
            out[x] = pinball(J, row(a, x, J), row(y, x, J), p)
    else:
        for x in range(X):
            out[x] = tweedie(J, row(z, x, J), row(y, x, J), p)


@strict
def output_error(cost, p, n, z, a, y, d):
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    Reads n elements of z, a and y; d holds sigma'(z) and is overwritten with delta. TWEEDIE's sigma' = a is inside the
    powers of a.
    """
    c = _NUMBERS(a[0])
    if cost == ABSOLUTE:
        for i in range(n):
            slope = c[_ONE] if a[i] > y[i] else (-c[_ONE] if a[i] < y[i] else c[_ZERO])
            d[i] = slope * d[i]
    elif cost == HUBER:
        for i in range(n):
            slope = a[i] - y[i]
            slope = p if slope > p else (-p if slope < -p else slope)
            d[i] = slope * d[i]
    elif cost == QUANTILE:
        for i in range(n):
            slope = c[_ONE] - p if a[i] > y[i] else (-p if a[i] < y[i] else c[_ZERO])
            d[i] = slope * d[i]
    else:
        q = c[_ONE] - p
        for i in range(n):
            d[i] = exp((q + c[_ONE]) * z[i]) - y[i] * exp(q * z[i])
