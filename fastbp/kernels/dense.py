"""The equations of one layer, for the samples x of a tile.

Letters as in the notes: j is a neuron of layer l; k one of layer l - 1 in F1 and BP4, of layer l + 1 in BP2. ``_prev``
is layer l - 1, ``_next`` layer l + 1. ``w[k, j]`` is w_jk^l: weights are stored input-major. Capitals count: X samples,
J and K neurons. Rows are padded to whole vectors; padding of a and z is arbitrary, that of delta 0.
"""

from __future__ import annotations

import numpy as np

from fastbp._jit import by_dtype, part, strict
from fastbp.activations import (
    EXP,
    GELU,
    IDENTITY,
    LEAKY_RELU,
    QUADRATIC,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
    exp,
    exponential,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from fastbp.kernels.blocks import product
from fastbp.kernels.views import full_width, transposed


@part
def weighted_input(X, J, K, a_prev, w, b, z, panel):
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l

    Reads a_prev[x, k], w[k, j] and the repeated row b[j]; overwrites z[x, j].
    """
    one, zero = z.buf.dtype.type(1), z.buf.dtype.type(0)
    product(X, J, K, z, b, a_prev, w, one, zero, panel)


@strict
def activation(code, n, z, a, d):
    """F2: a_j^l = sigma(z_j^l)

    Reads n elements of z; overwrites a with sigma(z) and d with sigma'(z), from one exponential.
    """
    full_width()
    if code == SIGMOID:
        for i in range(n):
            a[i], d[i] = sigmoid(z[i])
    elif code == TANH:
        for i in range(n):
            a[i], d[i] = tanh(z[i])
    elif code == RELU:
        for i in range(n):
            a[i], d[i] = relu(z[i])
    elif code == LEAKY_RELU:
        for i in range(n):
            a[i], d[i] = leaky_relu(z[i])
    elif code == SOFTPLUS:
        for i in range(n):
            a[i], d[i] = softplus(z[i])
    elif code == SILU:
        for i in range(n):
            a[i], d[i] = silu(z[i])
    elif code == GELU:
        for i in range(n):
            a[i], d[i] = gelu(z[i])
    elif code == EXP:
        for i in range(n):
            a[i], d[i] = exponential(z[i])
    elif code == IDENTITY:
        one = z.dtype.type(1)
        for i in range(n):
            a[i] = z[i]
            d[i] = one


@strict
def softmax(J, z, a):
    """F2 of the one activation that is a function of a whole layer: a_j = e^z_j / sum_i e^z_i, of one sample.

    Reads z[j], overwrites a[j].
    """
    largest = z[0]
    for j in range(1, J):
        largest = max(largest, z[j])
    for j in range(J):
        a[j] = exp(z[j] - largest)
    total = a.dtype.type(0)
    for j in range(J):
        total += a[j]
    for j in range(J):
        a[j] = a[j] / total


@strict
def output_error(cost, J, row, a, y, s, d):
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    One sample of weight s: reads the padded rows a[j] and y[j]; d[j] holds sigma'(z_j) and is overwritten with
    s delta_j, its padding up to ``row`` with 0. With cross-entropy, and with Poisson's cost of exp outputs, sigma'
    cancels against the derivative of the cost.
    """
    # Over the padding too: whole vectors, without a remainder.
    if cost == QUADRATIC:
        for j in range(row):
            d[j] = (a[j] - y[j]) * d[j] * s
    else:
        for j in range(row):
            d[j] = (a[j] - y[j]) * s
    for j in range(J, row):
        d[j] = d.dtype.type(0)


@part
def hidden_sums(X, J, K, w_next, delta_next, zeros, sums, panel):
    """sum_k w_kj^{l+1} delta_k^{l+1} of BP2.

    Reads delta_next[x, k] and w_next[j, k]; overwrites sums[x, j].
    """
    one, zero = sums.buf.dtype.type(1), sums.buf.dtype.type(0)
    product(X, J, K, sums, zeros, delta_next, transposed(w_next), one, zero, panel)


@strict
def hidden_error(X, J, row, sums, d):
    """BP2: delta_j^l = sigma'(z_j^l) * sum_k w_kj^{l+1} delta_k^{l+1}

    Reads the sums over k; d[x, j] holds sigma'(z_j) and is overwritten with delta_j, its padding with 0.
    """
    full_width()
    for i in range(X * row):
        d[i] = d[i] * sums[i]
    zero = d.dtype.type(0)
    for x in range(X):
        for j in range(J, row):
            d[x * row + j] = zero


@part
def weight_gradient(K, J, X, a_prev, delta, start, g, scale, eta, panel):
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Reads a_prev[x, k] and delta[x, j]; accumulates their products over x, in order from ``start``, into g[k, j], then
    scales the sum. With ``eta``, g is w itself, and takes the step U.
    """
    product(K, J, X, g, start, transposed(a_prev), delta, scale, eta, panel)


@part
def bias_gradient(J, X, ones, delta, start, g, scale, eta, panel):
    """BP3: dC/db_j^l = delta_j^l

    Reads delta[x, j]; accumulates over x, in order from ``start``, into the row g[j], then scales the sum. With
    ``eta``, g is b itself, and takes the step U. It is BP4 of a neuron that is always 1: a product with 1 is exact.
    """
    # A literal 1 would compile the whole sum once more.
    product(np.int64(1), J, X, g, start, ones, delta, scale, eta, panel)


@strict
def _magnitude_32(z):
    return np.float32(z).view(np.int32) & np.int32(0x7FFFFFFF)


@strict
def _magnitude_64(z):
    return np.float64(z).view(np.int64) & np.int64(0x7FFFFFFFFFFFFFFF)


magnitude = by_dtype(_magnitude_32, _magnitude_64)


@strict
def largest(n, values, so_far):
    """The largest |value| as bits: they order as the numbers do, infinity next and NaN on top, so nothing escapes."""
    full_width()
    for i in range(n):
        so_far = max(so_far, magnitude(values[i]))
    return so_far


@strict
def _from_bits_32(like, bits):
    return np.float64(np.int32(bits).view(np.float32))


@strict
def _from_bits_64(like, bits):
    return np.float64(np.int64(bits).view(np.float64))


from_bits = by_dtype(_from_bits_32, _from_bits_64)
"""``from_bits(like, bits)``: the float64 value of a magnitude of ``like``'s dtype."""
