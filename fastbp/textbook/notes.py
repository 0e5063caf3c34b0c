"""Every equation of the notes as one short loop over one sample, in their order and their letters.

The fast kernels return the bits of these loops, which fix the order of every sum. F1 starts at b_j and adds k in order;
BP2 starts at 0; BP3 and BP4 are added up in place, sample after sample. A term of such a sum is ``fma(a, b, sum)``:
sum + a b, rounded once.

In the loops ``w[j, k]`` is w_jk^l; ``_prev`` is layer l - 1, ``_next`` layer l + 1; J and K count neurons. Loops take
contiguous arrays of one dtype, float32 or float64, and keep it.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import sigma, sigma_prime
from fastbp.functions.costs import cancels, slope
from fastbp.functions.elementary import fma
from fastbp.jit import strict

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
def quadratic(a, y):
    """C: C_x = 1/2 sum_j (y_j - a_j^L)^2"""
    C = a.dtype.type(0)
    for j in range(a.size):
        C += (a[j] - y[j]) * (a[j] - y[j])
    return C * a.dtype.type(0.5)


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
def output_error(cost, code, z, a, y, s, p=0.0):
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    Times the weight s of the sample; p is the parameter of a cost that has one. With cross-entropy and Poisson's cost,
    sigma' cancels and a_j - y_j remains.
    """
    J = a.size
    delta = np.empty(J, a.dtype)
    for j in range(J):
        delta[j] = slope(cost, z[j], a[j], y[j], a.dtype.type(p))
        if not cancels(cost):
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


# What the minibatch adds up, BP3 and BP4, and the step U


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
def update_sgd(w, g, eta):
    """U: w <- w - eta * g"""
    for i in range(w.size):
        w[i] = w[i] - eta * g[i]
