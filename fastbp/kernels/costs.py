"""C_x of each sample, in the net's dtype, from z where a alone has lost the digits."""

from __future__ import annotations

from fastbp._jit import strict
from fastbp.activations import QUADRATIC, SIGMOID, exp, log, softplus
from fastbp.kernels.views import row


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
def costs(cost, activation, X, J, z, a, y, out):
    """C_x of X samples whose rows of z^L, a^L and y are given, into the vector ``out``."""
    if cost == QUADRATIC:
        for x in range(X):
            out[x] = quadratic(J, row(a, x, J), row(y, x, J))
    elif activation == SIGMOID:
        for x in range(X):
            out[x] = binary_cross_entropy(J, row(z, x, J), row(y, x, J))
    else:
        for x in range(X):
            out[x] = categorical_cross_entropy(J, row(z, x, J), row(y, x, J))
