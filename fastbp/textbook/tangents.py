"""R of the equations: how everything changes when theta moves along a vector, Rw and Rb (Pearlmutter).

With it, the Hessian times that vector is R of the gradient.
"""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SOFTMAX, sigma_prime
from fastbp.functions.costs import cancels, second
from fastbp.functions.costs import slope as cost_slope
from fastbp.functions.elementary import fma
from fastbp.jit import strict


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
def moving_output_error(cost, p, slope, bend, y, z_R, a_R):
    """Rdelta_j = d^2C/da_j^2 Ra_j sigma'(z_j) + dC/da_j sigma''(z_j) Rz_j: R of BP1; the first without sigma' where it
    cancels, of a sample whose s_x is 1. z_R is the pair of z and Rz, a_R that of a and Ra; p is the cost's parameter.
    """
    (z, Rz), (a, Ra) = z_R, a_R
    J = a.size
    Rdelta = np.empty(J, a.dtype)
    for j in range(J):
        Re = second(cost, z[j], a[j], y[j], p) * Ra[j]
        if cancels(cost):
            Rdelta[j] = Re
        else:
            Rdelta[j] = Re * slope[j] + cost_slope(cost, z[j], a[j], y[j], p) * bend[j] * Rz[j]
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
