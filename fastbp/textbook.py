"""Every equation as one short loop over one sample, in the order and the letters of the notes.

This is the independent reference: the fast kernels return the bits of these loops, which fix the order of every sum.
F1 starts at b_j and adds k in order; BP2 starts at 0; BP3 and BP4 are added up in place, sample after sample. A term of
such a sum is ``fma(a, b, sum)``: sum + a b, rounded once.

In the loops ``w[j, k]`` is w_jk^l; ``_prev`` is layer l - 1, ``_next`` layer l + 1; J and K count neurons. Loops take
contiguous arrays of one dtype, float32 or float64, and keep it. Lists hold layer l = 1..L at index l - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp._elementary import fma
from fastbp._jit import strict
from fastbp.activations import (
    ABSOLUTE,
    CODES,
    COSTS,
    HUBER,
    POISSON,
    QUADRATIC,
    QUANTILE,
    SIGMOID,
    SOFTMAX,
    exp,
    log,
    sigma,
    sigma_prime,
    softplus,
)

Array = NDArray[Any]
Names = str | Sequence[str]

# Forward: F1, F2 and the cost


@strict(cache=True)
def weighted_input(w, b, a_prev):
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l"""
    J, K = w.shape
    z = np.empty(J, w.dtype)
    for j in range(J):
        z[j] = b[j]
        for k in range(K):
            z[j] = fma(w[j, k], a_prev[k], z[j])
    return z


@strict(cache=True)
def activation(code, z):
    """F2: a_j^l = sigma(z_j^l)"""
    J = z.size
    a = np.empty(J, z.dtype)
    for j in range(J):
        a[j] = sigma(code, z[j])
    return a


@strict(cache=True)
def softmax(z):
    """softmax: a_j^L = e^{z_j^L} / sum_k e^{z_k^L}

    The largest z is taken from all of them, which changes nothing but keeps e^z finite.
    """
    J = z.size
    largest = z[0]
    for k in range(1, J):
        largest = max(largest, z[k])
    total = z.dtype.type(0)
    for k in range(J):
        total += exp(z[k] - largest)
    a = np.empty(J, z.dtype)
    for j in range(J):
        a[j] = exp(z[j] - largest) / total
    return a


@strict(cache=True)
def quadratic(a, y):
    """C: C_x = 1/2 sum_j (y_j - a_j^L)^2"""
    C = a.dtype.type(0)
    for j in range(a.size):
        C += (a[j] - y[j]) * (a[j] - y[j])
    return C * a.dtype.type(0.5)


@strict(cache=True)
def binary_cross_entropy(z, y):
    """C binary: C_x = -sum_j (y_j ln a_j^L + (1 - y_j) ln(1 - a_j^L))

    From z, because a may have rounded to 1: with t = ln(1 + e^z), -ln(1 - a) is t and -ln a is t - z.
    """
    C = z.dtype.type(0)
    for j in range(z.size):
        C += softplus(z[j])[0] - y[j] * z[j]
    return C


@strict(cache=True)
def categorical_cross_entropy(z, y):
    """C categorical: C_x = -sum_j y_j ln a_j^L

    From z, because a may have rounded to 0: -ln a_j is ln sum_k e^{z_k} - z_j.
    """
    J = z.size
    largest = z[0]
    for k in range(1, J):
        largest = max(largest, z[k])
    total = z.dtype.type(0)
    for k in range(J):
        total += exp(z[k] - largest)
    log_total = largest + log(total)
    C = z.dtype.type(0)
    for j in range(J):
        C += y[j] * (log_total - z[j])
    return C


@strict(cache=True)
def poisson(z, a, y):
    """C Poisson: C_x = sum_j (y_j ln(y_j / a_j^L) - y_j + a_j^L)

    With a_j = e^{z_j}, ln a_j is z_j; 0 ln 0 is 0. ``log`` is for numbers of at least 1.
    """
    C, one = z.dtype.type(0), z.dtype.type(1)
    for j in range(z.size):
        C += a[j] - y[j]
        if y[j] > 0:
            log_y = log(y[j]) if y[j] >= one else -log(one / y[j])
            C += y[j] * (log_y - z[j])
    return C


@strict(cache=True)
def regression_cost(cost, p, z, a, y):
    """C_x of absolute, Huber's, the quantile's and Tweedie's cost with parameter p, of one sample.

    Tweedie's from z = ln a: y^(2-p) / ((1-p) (2-p)) - y a^(1-p) / (1-p) + a^(2-p) / (2-p); if p is 2, its limit.
    """
    zero, one, two = z.dtype.type(0), z.dtype.type(1), z.dtype.type(2)
    C = zero
    for j in range(z.size):
        e = a[j] - y[j]
        if cost == ABSOLUTE:
            C += abs(e)
        elif cost == HUBER:
            if abs(e) <= p:
                C += (abs(e) * abs(e)) / two
            else:
                C += p * (abs(e) - p / two)
        elif cost == QUANTILE:
            if y[j] > a[j]:
                C += p * (y[j] - a[j])
            else:
                C += (one - p) * e
        else:
            log_y = zero
            if y[j] > 0:
                log_y = log(y[j]) if y[j] >= one else -log(one / y[j])
            if p == two:
                C += z[j] - log_y + y[j] * exp(-z[j]) - one
            else:
                q = one - p
                C += (exp((q + one) * log_y) if y[j] > 0 else zero) / (q * (q + one))
                C += exp((q + one) * z[j]) / (q + one) - y[j] * exp(q * z[j]) / q
    return C


@strict(cache=True)
def regression_error(cost, code, p, z, a, y):
    """BP1 of these costs: dC/da_j times sigma'(z_j); Tweedie's is a^(2-p) - y a^(1-p), sigma' = a included."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    delta = np.empty(z.size, z.dtype)
    for j in range(z.size):
        e = a[j] - y[j]
        slope = zero
        if cost == ABSOLUTE:
            slope = one if e > 0 else (-one if e < 0 else zero)
        elif cost == HUBER:
            slope = min(max(e, -p), p)
        elif cost == QUANTILE:
            slope = one - p if e > 0 else (-p if e < 0 else zero)
        if cost == ABSOLUTE or cost == HUBER or cost == QUANTILE:
            delta[j] = slope * sigma_prime(code, z[j])
        else:
            q = one - p
            delta[j] = exp((q + one) * z[j]) - y[j] * exp(q * z[j])
    return delta


# Backward: BP1, the two links, BP2


@strict(cache=True)
def cost_slope(a, y):
    """dC/da: dC/da_j^L = a_j^L - y_j"""
    J = a.size
    slope = np.empty(J, a.dtype)
    for j in range(J):
        slope[j] = a[j] - y[j]
    return slope


@strict(cache=True)
def output_error(cost, code, z, a, y, s):
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    Times the weight s of the sample. With cross-entropy and Poisson's cost, sigma' cancels and a_j - y_j remains.
    """
    J = a.size
    delta = np.empty(J, a.dtype)
    for j in range(J):
        delta[j] = a[j] - y[j]
        if cost == QUADRATIC:
            delta[j] = delta[j] * sigma_prime(code, z[j])
        delta[j] = delta[j] * s
    return delta


@strict(cache=True)
def link_1(code, z):
    """link 1: da_j^l/dz_j^l = sigma'(z_j^l)"""
    J = z.size
    link = np.empty(J, z.dtype)
    for j in range(J):
        link[j] = sigma_prime(code, z[j])
    return link


@strict(cache=True)
def link_2(w_next):
    """link 2: dz_k^{l+1}/da_j^l = w_kj^{l+1}"""
    K, J = w_next.shape
    link = np.empty((K, J), w_next.dtype)
    for k in range(K):
        for j in range(J):
            link[k, j] = w_next[k, j]
    return link


@strict(cache=True)
def links(w_next, code, z):
    """I: dz_k^{l+1}/dz_j^l = w_kj^{l+1} * sigma'(z_j^l)"""
    K, J = w_next.shape
    link = np.empty((K, J), w_next.dtype)
    for k in range(K):
        for j in range(J):
            link[k, j] = w_next[k, j] * sigma_prime(code, z[j])
    return link


@strict(cache=True)
def hidden_error_by_links(link, delta_next):
    """BP2 sum: delta_j^l = sum_k dC/dz_k^{l+1} * dz_k^{l+1}/dz_j^l

    ``link[k, j]`` as `links` gives it. BP2 takes sigma' out of this sum: one rounding instead of one for each k.
    """
    K, J = link.shape
    delta = np.empty(J, link.dtype)
    for j in range(J):
        delta[j] = 0
        for k in range(K):
            delta[j] = fma(delta_next[k], link[k, j], delta[j])
    return delta


@strict(cache=True)
def hidden_error(w_next, delta_next, code, z):
    """BP2: delta_j^l = sigma'(z_j^l) * sum_k w_kj^{l+1} delta_k^{l+1}"""
    K, J = w_next.shape
    delta = np.empty(J, w_next.dtype)
    for j in range(J):
        delta[j] = 0
        for k in range(K):
            delta[j] = fma(w_next[k, j], delta_next[k], delta[j])
        delta[j] = sigma_prime(code, z[j]) * delta[j]
    return delta


@strict(cache=True)
def output_slopes(code, z, a):
    """da_i^L / dz_j^L of every output i: sigma'(z_i) where i is j; of softmax a_i (1 - a_i) and -a_i a_j."""
    J = a.size
    one, zero = a.dtype.type(1), a.dtype.type(0)
    slopes = np.empty((J, J), a.dtype)
    for i in range(J):
        for j in range(J):
            if code == SOFTMAX:
                slopes[i, j] = a[i] * ((one if i == j else zero) - a[j])
            else:
                slopes[i, j] = sigma_prime(code, z[j]) if i == j else zero
    return slopes


# R of the equations: how everything changes when theta moves along a vector, Rw and Rb (Pearlmutter). With it, the
# Hessian times that vector is R of the gradient.


@strict(cache=True)
def moving_input(w, Rw, Rb, a_prev, Ra_prev):
    """Rz_j = sum_k (Rw_jk a_k + w_jk Ra_k) + Rb_j: R of F1."""
    J, K = w.shape
    Rz = np.empty(J, w.dtype)
    for j in range(J):
        Rz[j] = Rb[j]
        for k in range(K):
            Rz[j] = fma(Rw[j, k], a_prev[k], Rz[j])
            Rz[j] = fma(w[j, k], Ra_prev[k], Rz[j])
    return Rz


@strict(cache=True)
def moving_activation(code, z, a, Rz):
    """Ra_j = sigma'(z_j) Rz_j: R of F2; of softmax a_j (Rz_j - sum_i a_i Rz_i)."""
    J = a.size
    mean = a.dtype.type(0)
    for j in range(J):
        mean += a[j] * Rz[j]
    Ra = np.empty(J, a.dtype)
    for j in range(J):
        Ra[j] = a[j] * (Rz[j] - mean) if code == SOFTMAX else sigma_prime(code, z[j]) * Rz[j]
    return Ra


@strict(cache=True)
def moving_output_error(cost, slope, bend, a, y, s, Rz, Ra):
    """Rdelta_j = Ra_j sigma'(z_j) + (a_j - y_j) sigma''(z_j) Rz_j: R of BP1; Ra_j where sigma' cancels."""
    J = a.size
    Rdelta = np.empty(J, a.dtype)
    for j in range(J):
        if cost == QUADRATIC:
            Rdelta[j] = (Ra[j] * slope[j] + (a[j] - y[j]) * bend[j] * Rz[j]) * s
        else:
            Rdelta[j] = Ra[j] * s
    return Rdelta


@strict(cache=True)
def moving_sum(w_next, Rw_next, delta_next, Rdelta_next):
    """sum_k (Rw_kj delta_k + w_kj Rdelta_k): R of the sum in BP2."""
    K, J = w_next.shape
    Ru = np.empty(J, w_next.dtype)
    for j in range(J):
        Ru[j] = 0
        for k in range(K):
            Ru[j] = fma(Rw_next[k, j], delta_next[k], Ru[j])
            Ru[j] = fma(w_next[k, j], Rdelta_next[k], Ru[j])
    return Ru


@strict(cache=True)
def moving_hidden_error(slope, bend, Rz, u, Ru):
    """Rdelta_j = sigma''(z_j) Rz_j u_j + sigma'(z_j) Ru_j: R of BP2, u_j its sum."""
    J = u.size
    Rdelta = np.empty(J, u.dtype)
    for j in range(J):
        Rdelta[j] = bend[j] * Rz[j] * u[j] + slope[j] * Ru[j]
    return Rdelta


@strict(cache=True)
def moving_weight_gradient(a_prev, Ra_prev, delta, Rdelta, g):
    """Rdelta_j a_k + delta_j Ra_k, added to ``g[j, k]``: R of BP4."""
    J, K = g.shape
    for j in range(J):
        for k in range(K):
            g[j, k] = fma(a_prev[k], Rdelta[j], g[j, k])
            g[j, k] = fma(Ra_prev[k], delta[j], g[j, k])


# What the minibatch adds up: BP3, BP4


@strict(cache=True)
def bias_gradient(delta, g):
    """BP3: dC/db_j^l = delta_j^l

    Added to ``g[j]``.
    """
    for j in range(delta.size):
        g[j] += delta[j]


@strict(cache=True)
def weight_gradient(a_prev, delta, g):
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Added to ``g[j, k]``.
    """
    J, K = g.shape
    for j in range(J):
        for k in range(K):
            g[j, k] = fma(a_prev[k], delta[j], g[j, k])


@strict(cache=True)
def penalty_gradient(w, g, l1, l2):
    """d/dw of ``l1 |w| + l2/2 w^2``, added to ``g``: l2 w, then l1 sign(w), sign(0) = 0, unless l1 is 0. Vectors of one
    length.
    """
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for i in range(w.size):
        g[i] = g[i] + l2 * w[i]
        if l1 != zero:
            sign = one if w[i] > zero else (-one if w[i] < zero else zero)
            g[i] = g[i] + l1 * sign


# U of every optimizer, on vectors of one length: w and the state are overwritten. eta, mu, ... are of w's dtype.


@strict(cache=True)
def update_decay(w, shrink):
    """w <- w - shrink w, shrink = eta weight_decay: weight decay of any optimizer, before its step."""
    for i in range(w.size):
        w[i] = w[i] - shrink * w[i]


@strict(cache=True)
def update_sgd(w, g, eta):
    """U: w <- w - eta * g"""
    for i in range(w.size):
        w[i] = w[i] - eta * g[i]


@strict(cache=True)
def update_momentum(w, g, v, eta, mu, nesterov):
    """v <- mu v - eta g, then w <- w + v; with Nesterov's momentum w <- w + (mu v - eta g), of the new v."""
    for i in range(w.size):
        v[i] = mu * v[i] - eta * g[i]
        if nesterov:
            w[i] = w[i] + (mu * v[i] - eta * g[i])
        else:
            w[i] = w[i] + v[i]


@strict(cache=True)
def update_adam(w, g, m, v, step, beta_1, beta_2, epsilon):
    """m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2; w <- w - step m / (sqrt(v) + epsilon).

    In step t, ``step`` is eta sqrt(1 - beta_2^t) / (1 - beta_1^t), and ``epsilon`` carries sqrt(1 - beta_2^t).
    """
    one = w.dtype.type(1)
    for i in range(w.size):
        m[i] = beta_1 * m[i] + (one - beta_1) * g[i]
        v[i] = beta_2 * v[i] + (one - beta_2) * (g[i] * g[i])
        w[i] = w[i] - step * m[i] / (np.sqrt(v[i]) + epsilon)


@strict(cache=True)
def update_rmsprop(w, g, v, eta, rho, epsilon):
    """v <- rho v + (1 - rho) g^2; w <- w - eta g / (sqrt(v) + epsilon)."""
    one = w.dtype.type(1)
    for i in range(w.size):
        v[i] = rho * v[i] + (one - rho) * (g[i] * g[i])
        w[i] = w[i] - eta * g[i] / (np.sqrt(v[i]) + epsilon)


@strict(cache=True)
def update_adagrad(w, g, v, eta, epsilon):
    """v <- v + g^2; w <- w - eta g / (sqrt(v) + epsilon)."""
    for i in range(w.size):
        v[i] = v[i] + g[i] * g[i]
        w[i] = w[i] - eta * g[i] / (np.sqrt(v[i]) + epsilon)


# Matrix forms, to be compared with the index forms; NumPy sums in an order of its own.


def weighted_input_matrix(w: Array, b: Array, a_prev: Array) -> Array:
    """F1 matrix: z^l = w^l a^{l-1} + b^l"""
    return w @ a_prev + b  # type: ignore[no-any-return]


def output_error_matrix(a: Array, y: Array, sigma_prime_z: Array) -> Array:
    """BP1 matrix: delta^L = (a^L - y) (.) sigma'(z^L)"""
    return (a - y) * sigma_prime_z  # type: ignore[no-any-return]


def hidden_error_matrix(w_next: Array, delta_next: Array, sigma_prime_z: Array) -> Array:
    """BP2 matrix: delta^l = ((w^{l+1})^T delta^{l+1}) (.) sigma'(z^l)"""
    return (w_next.T @ delta_next) * sigma_prime_z  # type: ignore[no-any-return]


def weight_gradient_matrix(a_prev: Array, delta: Array) -> Array:
    """BP4 matrix: dC/dw^l = delta^l (a^{l-1})^T"""
    return np.outer(delta, a_prev)


# The equations composed


class Trace(NamedTuple):
    """One sample, forward and back: z^l, a^l and delta^l at index l - 1, and C_x."""

    z: list[Array]
    a: list[Array]
    delta: list[Array]
    cost: Any


class Gradient(NamedTuple):
    """dC/dw^l and dC/db^l at index l - 1, and C."""

    w: list[Array]
    b: list[Array]
    cost: float


def _codes(activations: Names, cost: str, L: int) -> tuple[list[int], int]:
    """Codes of the activations of layers 1..L and of the cost."""
    names = [activations] * L if isinstance(activations, str) else list(activations)
    if L == 0 or len(names) != L:
        raise ValueError(
            f"There are {len(names)} activations for {L} layers. Pass one name, or one for each layer 1..L."
        )
    for name, known, what in [*((name, CODES, "activation") for name in names), (cost, COSTS, "cost")]:
        if name not in known:
            raise ValueError(f"{name!r} is no {what}. Choose one of: {', '.join(known)}.")
    if "softmax" in names[:-1]:
        raise ValueError(
            "softmax stands in a hidden layer; it needs the output layer. Choose another for layers below L."
        )
    legal = {"cross_entropy": ("sigmoid", "softmax"), "poisson": ("exp",)}
    if (names[-1] == "softmax") if cost == "quadratic" else (names[-1] not in legal[cost]):
        raise ValueError(
            f"The cost {cost!r} does not go with {names[-1]!r} outputs: cross_entropy needs sigmoid or softmax, "
            "poisson exp, quadratic anything but softmax. Change one of the two."
        )
    return [CODES[name] for name in names], COSTS[cost]


def _arrays(weights: Sequence[Array], biases: Sequence[Array], X: ArrayLike, Y: ArrayLike) -> tuple[Any, ...]:
    """Contiguous arrays of the dtype of the weights, of shapes that fit: compiled loops do not look."""
    dtype = np.asarray(weights[0]).dtype
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"weights[0] has dtype {dtype}; the loops need float32 or float64. Convert it with .astype.")
    w, b = ([np.ascontiguousarray(array, dtype) for array in arrays] for arrays in (weights, biases))
    x, y = np.ascontiguousarray(X, dtype), np.ascontiguousarray(Y, dtype)
    sizes = [x.shape[-1], *(array.shape[0] for array in w)]
    for l in range(1, len(w) + 1):
        if w[l - 1].shape != (sizes[l], sizes[l - 1]):
            raise ValueError(
                f"w^{l} has shape {w[l - 1].shape}; between {sizes[l - 1]} and {sizes[l]} neurons it needs "
                f"{(sizes[l], sizes[l - 1])}: w[j, k] leads from k to j. Pass weights in this order."
            )
    if [array.shape for array in b] != [(size,) for size in sizes[1:]] or y.shape != (*x.shape[:-1], sizes[-1]):
        raise ValueError(
            f"Biases have shapes {[array.shape for array in b]} and y {y.shape}; the weights need "
            f"{[(size,) for size in sizes[1:]]} and {(*x.shape[:-1], sizes[-1])}. Pass one bias for each neuron of "
            "layers 1..L and one target for each output."
        )
    return w, b, x, y


def _feedforward(w: list[Array], b: list[Array], x: Array, codes: list[int]) -> tuple[list[Array], list[Array]]:
    z: list[Array] = []
    a = [x]
    for l in range(1, len(w) + 1):
        z.append(weighted_input(w[l - 1], b[l - 1], a[l - 1]))
        a.append(softmax(z[-1]) if codes[l - 1] == SOFTMAX else activation(codes[l - 1], z[-1]))
    return z, a


def _backprop(w: list[Array], b: list[Array], x: Array, y: Array, codes: list[int], cost: int, s: Any) -> Trace:
    z, a = _feedforward(w, b, x, codes)
    if cost == QUADRATIC:
        C = quadratic(a[-1], y)
    elif cost == POISSON:
        C = poisson(z[-1], a[-1], y)
    elif codes[-1] == SIGMOID:
        C = binary_cross_entropy(z[-1], y)
    else:
        C = categorical_cross_entropy(z[-1], y)
    L = len(w)
    delta = list(z)  # of the same shapes; overwritten from the last to the first
    delta[L - 1] = output_error(cost, codes[L - 1], z[L - 1], a[L], y, s)
    for l in range(L - 1, 0, -1):
        delta[l - 1] = hidden_error(w[l], delta[l], codes[l - 1], z[l - 1])
    return Trace(z, a[1:], delta, C)


def feedforward(
    weights: Sequence[Array], biases: Sequence[Array], x: ArrayLike, *, activations: Names = "sigmoid"
) -> list[Array]:
    """a^l of one sample for l = 1..L (F1, F2). Parameters as in `gradient`."""
    names = [activations] if isinstance(activations, str) else list(activations)
    codes, _ = _codes(activations, "cross_entropy" if names[-1:] == ["softmax"] else "quadratic", len(weights))
    w, b, sample, _ = _arrays(weights, biases, x, np.zeros(len(weights[-1])))
    return _feedforward(w, b, sample, codes)[1][1:]


def backprop(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: ArrayLike,
    y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str = "quadratic",
) -> Trace:
    """z^l, a^l and delta^l of one sample, and C_x (F1, F2, C, BP1, BP2). Parameters as in `gradient`."""
    codes, cost_code = _codes(activations, cost, len(weights))
    w, b, sample, target = _arrays(weights, biases, x, y)
    return _backprop(w, b, sample, target, codes, cost_code, w[0].dtype.type(1))


def gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: ArrayLike,
    y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str = "quadratic",
) -> Gradient:
    """The gradient of C_x for one sample (BP1 to BP4).

    Parameters
    ----------
    weights, biases : sequence of numpy.ndarray
        w^l of shape (J, K) and b^l of shape (J,) for l = 1..L. The dtype of w^1, float32 or float64, is that of all.
    x, y : array_like, shapes (sizes[0],) and (sizes[-1],)
        The sample and its target.
    activations : str or sequence of str
        One name, or one for each layer 1..L.
    cost : str
        "quadratic", or "cross_entropy" after sigmoid or softmax outputs.

    Returns
    -------
    Gradient
        ``w[l - 1][j, k]``, ``b[l - 1][j]`` and ``cost``.

    Raises
    ------
    TypeError, ValueError
        For a dtype, a shape or a name that does not fit.
    """
    return minibatch_gradient(
        weights, biases, np.asarray(x)[None], np.asarray(y)[None], activations=activations, cost=cost
    )


def minibatch_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: ArrayLike,
    Y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str = "quadratic",
    sample_weight: ArrayLike | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
) -> Gradient:
    """The gradient of C over a minibatch, sample after sample (C total, BP1 to BP4).

    delta carries the weight s_x; the sums of BP3 and BP4 are multiplied once by 1 / sum_x s_x, and the penalty follows.

    Parameters
    ----------
    weights, biases, activations, cost
        As in `gradient`.
    X, Y : array_like, shapes (n_samples, sizes[0]) and (n_samples, sizes[-1])
        The samples and their targets.
    sample_weight : array_like, shape (n_samples,), optional
        s_x, 1 if not given.
    l1, l2 : float
        Strengths of the penalties on weights; biases are free.

    Returns
    -------
    Gradient

    Raises
    ------
    TypeError, ValueError
        As `gradient`, and where the sample weights do not fit or sum to 0.
    """
    codes, cost_code = _codes(activations, cost, len(weights))
    w, b, samples, targets = _arrays(weights, biases, X, Y)
    number = w[0].dtype.type
    s = np.ones(len(samples), number) if sample_weight is None else np.asarray(sample_weight, number)
    if samples.ndim != 2 or s.shape != samples.shape[:1] or not s.sum(dtype=np.float64) > 0:
        raise ValueError(
            f"X has shape {samples.shape} and the sample weights {s.shape}, of sum {s.sum()}; X needs two axes and "
            "each sample one weight, with a positive sum. Pass X[None] for one sample, and weights that are not all 0."
        )
    g_w, g_b = [np.zeros_like(array) for array in w], [np.zeros_like(array) for array in b]
    C, S = 0.0, 0.0
    for x in range(len(samples)):
        one = _backprop(w, b, samples[x], targets[x], codes, cost_code, s[x])
        for l in range(1, len(w) + 1):
            weight_gradient(samples[x] if l == 1 else one.a[l - 2], one.delta[l - 1], g_w[l - 1])
            bias_gradient(one.delta[l - 1], g_b[l - 1])
        C += float(s[x]) * float(one.cost)
        S += float(s[x])
    C /= S
    for l in range(1, len(w) + 1):
        g_w[l - 1] *= number(1.0 / S)
        g_b[l - 1] *= number(1.0 / S)
        if l1 or l2:
            penalty_gradient(w[l - 1].ravel(), g_w[l - 1].reshape(-1), number(l1), number(l2))
            w_double = w[l - 1].astype(np.float64)
            C += l1 * float(np.abs(w_double).sum()) + l2 / 2 * float((w_double * w_double).sum())
    return Gradient(g_w, g_b, C)
