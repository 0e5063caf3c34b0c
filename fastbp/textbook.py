"""Every equation as one short loop over one sample, in the order in which the notes write it.

The independent reference of the fast kernels, which return the same bits: F1 starts at b_j and adds k in order; BP2
starts at 0; BP3 and BP4 accumulate in place, sample after sample. Lists of layers hold layer l at index l - 1, because
Python counts from 0 and there are no weights into layer 0.

Letters: ``w[j, k]`` is w_jk^l, ``_prev`` layer l - 1, ``_next`` layer l + 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp._jit import fused, strict
from fastbp.activations import (
    CODES,
    COSTS,
    QUADRATIC,
    SIGMOID,
    SOFTMAX,
    exp,
    identity,
    log,
    sigma,
    sigma_prime,
    softplus,
)

# Forward ------------------------------------------------------------------------------------------------------------


@fused(cache=True)
def weighted_input(w, b, a_prev):
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l"""
    J, K = w.shape
    z = np.empty(J, w.dtype)
    for j in range(J):
        total = b[j]
        for k in range(K):
            total += w[j, k] * a_prev[k]
        z[j] = total
    return z


@strict(cache=True)
def activation(code, z):
    """F2: a_j^l = sigma(z_j^l)"""
    a = np.empty(z.size, z.dtype)
    for j in range(z.size):
        a[j] = sigma(code, z[j])
    return a


@strict(cache=True)
def softmax(z):
    """softmax: a_j^L = e^{z_j^L} / sum_k e^{z_k^L}"""
    largest = z[0]
    for j in range(z.size):
        largest = max(largest, z[j])
    total = z.dtype.type(0)
    for k in range(z.size):
        total += exp(z[k] - largest)
    a = np.empty(z.size, z.dtype)
    for j in range(z.size):
        a[j] = exp(z[j] - largest) / total
    return a


# Cost ---------------------------------------------------------------------------------------------------------------


@strict(cache=True)
def quadratic_cost(a, y):
    """C: C_x = 1/2 sum_j (y_j - a_j^L)^2"""
    total = a.dtype.type(0)
    for j in range(a.size):
        total += (a[j] - y[j]) * (a[j] - y[j])
    return total * a.dtype.type(0.5)


@strict(cache=True)
def binary_cross_entropy(z, y):
    """C binary: C_x = -sum_j y_j ln a_j^L + (1 - y_j) ln(1 - a_j^L)

    From z: with a = sigma(z), -ln a = softplus(z) - z and -ln(1 - a) = softplus(z), which lose no digits.
    """
    total = z.dtype.type(0)
    for j in range(z.size):
        total += softplus(z[j])[0] - y[j] * z[j]
    return total


@strict(cache=True)
def categorical_cross_entropy(z, y):
    """C categorical: C_x = -sum_j y_j ln a_j^L

    From z: -ln a_j = ln sum_k e^{z_k} - z_j.
    """
    largest = z[0]
    for k in range(z.size):
        largest = max(largest, z[k])
    total = z.dtype.type(0)
    for k in range(z.size):
        total += exp(z[k] - largest)
    log_of_sum = largest + log(total)
    cost = z.dtype.type(0)
    for j in range(z.size):
        cost += y[j] * (log_of_sum - z[j])
    return cost


# Backward -----------------------------------------------------------------------------------------------------------


@strict(cache=True)
def cost_slope(a, y):
    """dC/da: dC/da_j^L = a_j^L - y_j"""
    slope = np.empty(a.size, a.dtype)
    for j in range(a.size):
        slope[j] = a[j] - y[j]
    return slope


@strict(cache=True)
def link_1(code, z):
    """link 1: da_j^l/dz_j^l = sigma'(z_j^l)"""
    slope = np.empty(z.size, z.dtype)
    for j in range(z.size):
        slope[j] = sigma_prime(code, z[j])
    return slope


@strict(cache=True)
def link_2(w_next):
    """link 2: dz_k^{l+1}/da_j^l = w_kj^{l+1}"""
    K, J = w_next.shape
    slope = np.empty((K, J), w_next.dtype)
    for k in range(K):
        for j in range(J):
            slope[k, j] = w_next[k, j]
    return slope


@strict(cache=True)
def link(w_next, sigma_prime_z):
    """link: dz_k^{l+1}/dz_j^l = w_kj^{l+1} sigma'(z_j^l)"""
    K, J = w_next.shape
    slope = np.empty((K, J), w_next.dtype)
    for k in range(K):
        for j in range(J):
            slope[k, j] = w_next[k, j] * sigma_prime_z[j]
    return slope


@strict(cache=True)
def output_error(slope, sigma_prime_z, s):
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    ``s`` is the sample's weight s_x, which delta carries; cross-entropy passes sigma' = 1, because it cancels.
    """
    delta = np.empty(slope.size, slope.dtype)
    for j in range(slope.size):
        delta[j] = slope[j] * sigma_prime_z[j] * s
    return delta


@fused(cache=True)
def hidden_sum(w_next, delta_next):
    """sum_k w_kj^{l+1} delta_k^{l+1} of BP2, for every j."""
    K, J = w_next.shape
    sums = np.empty(J, w_next.dtype)
    for j in range(J):
        total = w_next.dtype.type(0)
        for k in range(K):
            total += w_next[k, j] * delta_next[k]
        sums[j] = total
    return sums


@strict(cache=True)
def hidden_error(w_next, delta_next, sigma_prime_z):
    """BP2: delta_j^l = sigma'(z_j^l) * sum_k w_kj^{l+1} delta_k^{l+1}"""
    sums = hidden_sum(w_next, delta_next)
    delta = np.empty(sums.size, sums.dtype)
    for j in range(sums.size):
        delta[j] = sigma_prime_z[j] * sums[j]
    return delta


@strict(cache=True)
def hidden_error_from_links(w_next, delta_next, sigma_prime_z):
    """BP2 sum: delta_j^l = sum_k dC/dz_k^{l+1} * dz_k^{l+1}/dz_j^l

    BP2 before sigma' is taken out of the sum; it rounds once more for each k.
    """
    slope = link(w_next, sigma_prime_z)
    K, J = slope.shape
    delta = np.empty(J, slope.dtype)
    for j in range(J):
        total = slope.dtype.type(0)
        for k in range(K):
            total += delta_next[k] * slope[k, j]
        delta[j] = total
    return delta


@strict(cache=True)
def add_bias_gradient(delta, g):
    """BP3: dC/db_j^l = delta_j^l

    Added to ``g`` in place.
    """
    for j in range(delta.size):
        g[j] += delta[j]


@fused(cache=True)
def add_weight_gradient(a_prev, delta, g):
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Added to ``g[j, k]`` in place.
    """
    for j in range(delta.size):
        for k in range(a_prev.size):
            g[j, k] += a_prev[k] * delta[j]


# Update, on flat vectors ---------------------------------------------------------------------------------------------


@strict(cache=True)
def penalised(w, g, l1, l2):
    """Gradient of C with the penalty l1 |w| + l2/2 w^2: (g + l2 w) + l1 sign(w)."""
    out = np.empty(g.size, g.dtype)
    for i in range(g.size):
        out[i] = g[i] + l2 * w[i]
        if w[i] > 0:
            out[i] = out[i] + l1
        elif w[i] < 0:
            out[i] = out[i] - l1
    return out


@strict(cache=True)
def update_sgd(w, g, eta):
    """U: w <- w - eta * g"""
    for i in range(w.size):
        w[i] -= eta * g[i]


@strict(cache=True)
def update_momentum(w, g, v, eta, mu, nesterov):
    """v <- mu v - eta g, then w <- w + v, or with Nesterov's momentum w <- w + (mu v - eta g)."""
    for i in range(w.size):
        v[i] = mu * v[i] - eta * g[i]
        if nesterov:
            w[i] += mu * v[i] - eta * g[i]
        else:
            w[i] += v[i]


@strict(cache=True)
def update_adam(w, g, m, v, step, beta_1, beta_2, epsilon, decay):
    """Adam: both means, then w <- w - step m / (sqrt(v) + epsilon); AdamW shrinks w by ``decay`` first.

    step = eta sqrt(1 - beta_2^t) / (1 - beta_1^t), epsilon = epsilon_hat sqrt(1 - beta_2^t).
    """
    one = w.dtype.type(1)
    for i in range(w.size):
        m[i] = beta_1 * m[i] + (one - beta_1) * g[i]
        v[i] = beta_2 * v[i] + (one - beta_2) * (g[i] * g[i])
        if decay != 0:
            w[i] -= decay * w[i]
        w[i] -= step * m[i] / (math.sqrt(v[i]) + epsilon)


@strict(cache=True)
def update_rmsprop(w, g, v, eta, rho, epsilon):
    """v <- rho v + (1 - rho) g^2, then w <- w - eta g / (sqrt(v) + epsilon)."""
    one = w.dtype.type(1)
    for i in range(w.size):
        v[i] = rho * v[i] + (one - rho) * (g[i] * g[i])
        w[i] -= eta * g[i] / (math.sqrt(v[i]) + epsilon)


@strict(cache=True)
def update_adagrad(w, g, v, eta, epsilon):
    """v <- v + g^2, then w <- w - eta g / (sqrt(v) + epsilon)."""
    for i in range(w.size):
        v[i] += g[i] * g[i]
        w[i] -= eta * g[i] / (math.sqrt(v[i]) + epsilon)


# Matrix forms, to be compared with the index forms --------------------------------------------------------------------


def weighted_input_matrix(w: np.ndarray, b: np.ndarray, a_prev: np.ndarray) -> np.ndarray:
    """z^l = w^l a^{l-1} + b^l."""
    return w @ a_prev + b


def output_error_matrix(slope: np.ndarray, sigma_prime_z: np.ndarray) -> np.ndarray:
    """BP1 matrix: delta^L = (a^L - y) (.) sigma'(z^L)"""
    return slope * sigma_prime_z


def hidden_error_matrix(w_next: np.ndarray, delta_next: np.ndarray, sigma_prime_z: np.ndarray) -> np.ndarray:
    """BP2 matrix: delta^l = ((w^{l+1})^T delta^{l+1}) (.) sigma'(z^l)"""
    return (w_next.T @ delta_next) * sigma_prime_z


def weight_gradient_matrix(a_prev: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """dC/dw^l = delta^l (a^{l-1})^T, an outer product."""
    return np.outer(delta, a_prev)


# Compositions ---------------------------------------------------------------------------------------------------------


class Pass(NamedTuple):
    """One sample forward and back; lists hold layer l at index l - 1."""

    z: list[np.ndarray]
    a: list[np.ndarray]
    delta: list[np.ndarray]
    cost: Any


def _names(activations: str | Sequence[str], L: int) -> list[str]:
    names = [activations] * L if isinstance(activations, str) else list(activations)
    for name in names:
        if name not in CODES:
            raise ValueError(f"An activation is {name!r}; it must be one of {', '.join(CODES)}. Pass one of these.")
    if len(names) != L:
        raise ValueError(f"activations has {len(names)} names; there are {L} layers. Pass one name, or {L}.")
    return names


def backprop(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    activations: str | Sequence[str] = "sigmoid",
    cost: str = "quadratic",
    s: float = 1.0,
) -> Pass:
    """Every z, a and delta of one sample (F1, F2, C, BP1, BP2).

    Parameters
    ----------
    weights, biases : sequence of numpy.ndarray
        w^l of shape (J, K) and b^l of shape (J,) for l = 1..L, of one dtype.
    x, y : numpy.ndarray, shapes (sizes[0],) and (sizes[-1],)
    activations : str or sequence of str
    cost : str
    s : float
        Weight of the sample.

    Raises
    ------
    ValueError
        For unknown names.
    """
    L = len(weights)
    codes = [CODES[name] for name in _names(activations, L)]
    if cost not in COSTS:
        raise ValueError(f"cost is {cost!r}; it must be one of {', '.join(COSTS)}. Pass one of these.")
    dtype = weights[0].dtype
    a_prev = np.ascontiguousarray(x, dtype)
    y = np.ascontiguousarray(y, dtype)
    z, a = [], []
    for l in range(1, L + 1):
        z.append(weighted_input(np.ascontiguousarray(weights[l - 1]), np.ascontiguousarray(biases[l - 1]), a_prev))
        a.append(softmax(z[-1]) if codes[l - 1] == SOFTMAX else activation(codes[l - 1], z[-1]))
        a_prev = a[-1]
    if COSTS[cost] == QUADRATIC:
        C, slopes = quadratic_cost(a[-1], y), link_1(codes[-1], z[-1])
    else:
        C = (binary_cross_entropy if codes[-1] == SIGMOID else categorical_cross_entropy)(z[-1], y)
        slopes = np.ones(y.size, dtype)
    delta = [output_error(cost_slope(a[-1], y), slopes, dtype.type(s))]
    for l in range(L - 1, 0, -1):
        delta.insert(0, hidden_error(np.ascontiguousarray(weights[l]), delta[0], link_1(codes[l - 1], z[l - 1])))
    return Pass(z, a, delta, C)


class Gradient(NamedTuple):
    """dC/dw^l and dC/db^l at index l - 1, and C."""

    w: list[np.ndarray]
    b: list[np.ndarray]
    cost: float


def gradient(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    activations: str | Sequence[str] = "sigmoid",
    cost: str = "quadratic",
) -> Gradient:
    """Gradient of C_x of one sample (BP1 to BP4); parameters as in `backprop`."""
    return minibatch_gradient(weights, biases, x[None], y[None], activations=activations, cost=cost)


def minibatch_gradient(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    X: np.ndarray,
    Y: np.ndarray,
    *,
    activations: str | Sequence[str] = "sigmoid",
    cost: str = "quadratic",
    sample_weight: np.ndarray | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
) -> Gradient:
    """Gradient of C over a minibatch, sample after sample (C total; BP1 to BP4).

    Parameters
    ----------
    weights, biases, activations, cost
        As in `backprop`.
    X, Y : numpy.ndarray, shapes (n_samples, sizes[0]) and (n_samples, sizes[-1])
    sample_weight : numpy.ndarray, shape (n_samples,), optional
    l1, l2 : float
        Strengths of the penalties on the weights.
    """
    dtype = weights[0].dtype.type
    g_w = [np.zeros(w.shape, dtype) for w in weights]
    g_b = [np.zeros(b.shape, dtype) for b in biases]
    total, total_weight = 0.0, 0.0
    for i, (x, y) in enumerate(zip(X, Y, strict=True)):
        s = dtype(1 if sample_weight is None else sample_weight[i])
        one = backprop(weights, biases, x, y, activations=activations, cost=cost, s=s)
        a_prev = np.ascontiguousarray(x, dtype)
        for a, delta, w, b in zip(one.a, one.delta, g_w, g_b, strict=True):
            add_weight_gradient(a_prev, delta, w)
            add_bias_gradient(delta, b)
            a_prev = a
        total += float(s) * float(one.cost)
        total_weight += float(s)
    scale = dtype(1.0 / total_weight)
    for l, w in enumerate(weights):
        g_w[l] *= scale
        g_b[l] *= scale
        if l1 or l2:
            g_w[l] = penalised(w.ravel(), g_w[l].ravel(), dtype(l1), dtype(l2)).reshape(w.shape)
    absolute = sum(float(np.abs(w.astype(np.float64)).sum()) for w in weights)
    squared = sum(float((w.astype(np.float64) ** 2).sum()) for w in weights)
    return Gradient(g_w, g_b, total / total_weight + l1 * absolute + l2 / 2 * squared)
