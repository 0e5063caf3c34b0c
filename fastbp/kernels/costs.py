"""C_x of each sample, in the net's dtype, from z where a alone has lost the digits."""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SIGMOID, log, softplus
from fastbp.functions.costs import CLIPPED, POISSON, QUADRATIC
from fastbp.jit import constants, strict
from fastbp.jit.addresses import number
from fastbp.kernels.matrix import row

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
def categorical_cross_entropy(X, J, z, d, y, out):
    """C_x = sum_j y_j (ln sum_i e^z_i - z_j), which is - sum_j y_j ln a_j of the softmax, for X samples.

    `dense.softmax` has left the sum of e^(z_i - largest z) in d[x, 0]. Logarithms side by side, for which LLVM has
    vector code: the samples wait in ``out``.
    """
    for x in range(X):
        d_x = row(d, x, J)
        out[x] = d_x[0]
    for x in range(X):
        out[x] = log(out[x])
    for x in range(X):
        z_x, y_x = row(z, x, J), row(y, x, J)
        largest = z_x[0]
        for j in range(1, J):
            largest = max(largest, z_x[j])
        log_sum = largest + out[x]
        cost = number(z.buf, 0)
        for j in range(J):
            cost += y_x[j] * (log_sum - z_x[j])
        out[x] = cost


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
def clipped(a):
    """A probability, not below eps or above 1 - eps; NaN stays NaN."""
    c = _NUMBERS(a)
    return c[_LOW] if a < c[_LOW] else (c[_HIGH] if a > c[_HIGH] else a)


@strict
def clipped_binary_cross_entropy(J, a, y):
    """C_x of sigmoids as scikit-learn reports it, from clipped probabilities; y_j is 0 or 1."""
    one = _NUMBERS(a[0])[_ONE]
    total = a.dtype.type(0)
    for j in range(J):
        p = clipped(a[j])
        total += log(one / (p if y[j] != 0 else one - p))
    return total


@strict
def clipped_categorical_cross_entropy(X, J, a, y, out):
    """C_x of softmax as scikit-learn reports it, from clipped probabilities, for X one-hot rows y.

    Logarithms side by side, for which LLVM has vector code: the samples wait in ``out``.
    """
    one = _NUMBERS(out[0])[_ONE]
    for x in range(X):
        a_x, y_x = row(a, x, J), row(y, x, J)
        p = number(a.buf, 0)
        for j in range(J):
            p += y_x[j] * a_x[j]
        out[x] = p
    for x in range(X):
        out[x] = log(one / clipped(out[x]))


@strict
def costs(cost, activation, X, J, z, a, d, y, out):
    """C_x of X samples whose rows of z^L, a^L, what F2 left in d, and y are given, into the vector ``out``."""
    if cost == QUADRATIC:
        for x in range(X):
            out[x] = quadratic(J, row(a, x, J), row(y, x, J))
    elif cost == POISSON:
        for x in range(X):
            out[x] = poisson(J, row(z, x, J), row(a, x, J), row(y, x, J))
    elif cost == CLIPPED and activation == SIGMOID:
        for x in range(X):
            out[x] = clipped_binary_cross_entropy(J, row(a, x, J), row(y, x, J))
    elif cost == CLIPPED:
        clipped_categorical_cross_entropy(X, J, a, y, out)
    elif activation == SIGMOID:
        for x in range(X):
            out[x] = binary_cross_entropy(J, row(z, x, J), row(y, x, J))
    else:
        categorical_cross_entropy(X, J, z, d, y, out)
