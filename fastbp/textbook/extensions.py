"""What the notes leave out, as loops over one sample: softmax, further costs, penalties and optimizers."""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SOFTMAX, exp, log, sigma_prime, softplus
from fastbp.functions.costs import term
from fastbp.jit import strict


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


# Costs C_x


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
def absolute(a, y):
    """C absolute: C_x = sum_j |a_j^L - y_j|"""
    C = a.dtype.type(0)
    for j in range(a.size):
        C += abs(a[j] - y[j])
    return C


@strict(cache=True)
def huber(a, y, p):
    """C Huber: C_x = sum_j e_j^2 / 2 where e_j = |a_j^L - y_j| <= p, p e_j - p^2 / 2 beyond

    Beyond is p (e_j - p / 2), which loses no digits.
    """
    C, half = a.dtype.type(0), a.dtype.type(0.5)
    for j in range(a.size):
        e = abs(a[j] - y[j])
        if e <= p:
            C += half * (e * e)
        else:
            C += p * (e - half * p)
    return C


@strict(cache=True)
def quantile(a, y, p):
    """C quantile: C_x = sum_j max(p (y_j - a_j^L), (1 - p) (a_j^L - y_j))"""
    C, one = a.dtype.type(0), a.dtype.type(1)
    for j in range(a.size):
        C += max(p * (y[j] - a[j]), (one - p) * (a[j] - y[j]))
    return C


@strict(cache=True)
def tweedie(z, y, p):
    """C Tweedie: C_x = sum_j y_j^(2-p) / ((1-p) (2-p)) - y_j (a_j^L)^(1-p) / (1-p) + (a_j^L)^(2-p) / (2-p)

    With a_j = e^{z_j}, a_j^q is e^{q z_j}; p = 1 and p = 2 are limits, which `sample_cost` knows.
    """
    C, one = z.dtype.type(0), z.dtype.type(1)
    q = one - p
    for j in range(z.size):
        if y[j] > 0:
            log_y = log(y[j]) if y[j] >= one else -log(one / y[j])
            C += exp((q + one) * log_y) / (q * (q + one))
        C += exp((q + one) * z[j]) / (q + one) - y[j] * exp(q * z[j]) / q
    return C


@strict(cache=True)
def sample_cost(cost, z, a, y, p):
    """C_x of any cost, p its parameter if it has one, of outputs that are functions of one z; of one sample."""
    C = z.dtype.type(0)
    for j in range(z.size):
        C = term(cost, C, z[j], a[j], y[j], p)
    return C


@strict(cache=True)
def weighed_cost(cost, z, a, y, p, u):
    """C_x = sum_j u_j c(a_j, y_j) of any such cost, over the outputs that count: u_j is not 0, nor y_j missing, NaN."""
    C = z.dtype.type(0)
    for j in range(z.size):
        if y[j] == y[j] and u[j] != 0:
            C += u[j] * term(cost, z.dtype.type(0), z[j], a[j], y[j], p)
    return C


@strict(cache=True)
def weigh_error(delta, y, u):
    """u_j delta_j in place of delta_j; 0 where u_j is, or the target is missing, which is NaN."""
    for j in range(delta.size):
        delta[j] = u[j] * delta[j] if y[j] == y[j] and u[j] != 0 else delta.dtype.type(0)


# Penalties, and U of every optimizer, on vectors of one length: w and the state are overwritten; eta, mu, ... have w's
# dtype.


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


@strict(cache=True)
def update_decay(w, shrink):
    """w <- w - shrink w, shrink = eta weight_decay: weight decay of any optimizer, before its step."""
    for i in range(w.size):
        w[i] = w[i] - shrink * w[i]


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
