"""C_x of each sample, in the net's dtype, from z where a alone has lost the digits."""

from __future__ import annotations

import numpy as np

from fastbp._jit import constants, strict
from fastbp.activations import CLIPPED, POISSON, QUADRATIC, SIGMOID, exp, log, softplus
from fastbp.kernels.views import row

_ZERO, _ONE, _NAN, _LOW, _HIGH = range(5)


def _numbers(kind):
    eps = np.finfo(kind).eps
    return kind(0), kind(1), kind(np.nan), eps, kind(1) - eps


_NUMBERS = constants(_numbers(np.float32), _numbers(np.float64))
"""0, 1, NaN, and the probabilities between which scikit-learn's cross-entropy clips."""


@strict
def quadratic(J, a, y):
    """C: C_x = 1/2 sum_j (y_j - a_j^L)^2"""
    total = a.dtype.type(0)
    for j in range(J):
        difference = a[j] - y[j]
        total += difference * difference
    return total * a.dtype.type(0.5)


@strict
def binary_cross_entropy(J, z, y):
    """C_x = sum_j ln(1 + e^z_j) - y_j z_j, which is - sum_j y_j ln a_j + (1 - y_j) ln(1 - a_j) without the logarithm
    of an a_j that has rounded to 0 or 1.
    """
    total = z.dtype.type(0)
    for j in range(J):
        total += softplus(z[j])[0] - y[j] * z[j]
    return total


@strict
def categorical_cross_entropy(J, z, y):
    """C_x = sum_j y_j (ln sum_i e^z_i - z_j), which is - sum_j y_j ln a_j of the softmax."""
    largest = z[0]
    for j in range(1, J):
        largest = max(largest, z[j])
    total = z.dtype.type(0)
    for j in range(J):
        total += exp(z[j] - largest)
    log_sum = largest + log(total)
    cost = z.dtype.type(0)
    for j in range(J):
        cost += y[j] * (log_sum - z[j])
    return cost


@strict
def log_of_positive(x):
    """ln x for any x > 0, infinite x aside; NaN below."""
    c = _NUMBERS(x)
    if x >= c[_ONE]:
        return log(x)
    return -log(c[_ONE] / x) if x > c[_ZERO] else c[_NAN]


@strict
def poisson(J, z, a, y):
    """C_x = sum_j y_j ln(y_j / a_j) - y_j + a_j with a_j = e^z_j, half of Poisson's deviance; 0 ln 0 = 0."""
    total = z.dtype.type(0)
    for j in range(J):
        total += a[j] - y[j]
        if y[j] != 0:
            total += y[j] * (log_of_positive(y[j]) - z[j])
    return total


@strict
def clipped_cross_entropy(activation, J, a, y):
    """Cross-entropy as scikit-learn reports it: from probabilities clipped to eps..1 - eps."""
    c = _NUMBERS(a[0])
    total = c[_ZERO]
    for j in range(J):
        p = c[_LOW] if a[j] < c[_LOW] else (c[_HIGH] if a[j] > c[_HIGH] else a[j])  # NaN stays NaN
        if y[j] != c[_ZERO]:
            total -= y[j] * log_of_positive(p)
        if activation == SIGMOID and y[j] != c[_ONE]:
            total -= (c[_ONE] - y[j]) * log_of_positive(c[_ONE] - p)
    return total


@strict
def costs(cost, activation, X, J, z, a, y, out):
    """C_x of X samples whose rows of z^L, a^L and y are given, into the vector ``out``."""
    if cost == QUADRATIC:
        for x in range(X):
            out[x] = quadratic(J, row(a, x, J), row(y, x, J))
    elif cost == POISSON:
        for x in range(X):
            out[x] = poisson(J, row(z, x, J), row(a, x, J), row(y, x, J))
    elif cost == CLIPPED:
        for x in range(X):
            out[x] = clipped_cross_entropy(activation, J, row(a, x, J), row(y, x, J))
    elif activation == SIGMOID:
        for x in range(X):
            out[x] = binary_cross_entropy(J, row(z, x, J), row(y, x, J))
    else:
        for x in range(X):
            out[x] = categorical_cross_entropy(J, row(z, x, J), row(y, x, J))
