"""Derivatives of one sample at a time: Jacobians of the outputs, per-sample gradients, Hessian times vector.

Letters as in `dense`; ``w[k, j]`` is w_jk^l, ``w_next[k, j]`` is w_kj^{l+1}. Matrices are contiguous, a row for each
sample x; where there is an index i, of an output, row x I + i belongs to output i of sample x. An R before a letter is
its derivative along the vector v that theta moves along (Pearlmutter): Rw and Rb are v itself.
"""

from __future__ import annotations

from fastbp.functions.activations import SOFTMAX, sigma_double_prime
from fastbp.functions.costs import cancels, second, slope
from fastbp.functions.elementary import fma
from fastbp.jit import strict
from fastbp.kernels import dense
from fastbp.kernels.matrix import Matrix


@strict(cache=True)
def weighted_inputs(w, b, a_prev, z):
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l

    Reads w[k, j], b[j] and a_prev[x, k]; overwrites z[x, j].
    """
    X, K = a_prev.shape
    for x in range(X):
        for j in range(b.size):
            z[x, j] = b[j]
        for k in range(K):
            for j in range(b.size):
                z[x, j] = fma(a_prev[x, k], w[k, j], z[x, j])


@strict(cache=True)
def activations(code, z, a, d):
    """F2: a_j^l = sigma(z_j^l)

    Reads z[x, j]; overwrites a[x, j] and d[x, j] with sigma'(z), which softmax does not have.
    """
    X, J = z.shape
    if code == SOFTMAX:
        dense.softmax(X, J, Matrix(z.reshape(-1), J, 1), Matrix(a.reshape(-1), J, 1), Matrix(d.reshape(-1), J, 1))
    else:
        dense.activation(code, z.size, z.reshape(-1), a.reshape(-1), d.reshape(-1))


@strict(cache=True)
def output_slopes(code, a, d, delta):
    """da_i^L / dz_j^L: sigma'(z_i) where i is j, else 0; of softmax a_i (1 - a_i) and -a_i a_j.

    Reads a[x, j] and d[x, j], which holds sigma'; overwrites delta[x I + i, j].
    """
    X, I = a.shape
    one, zero = a.dtype.type(1), a.dtype.type(0)
    for x in range(X):
        for i in range(I):
            for j in range(I):
                if code == SOFTMAX:
                    delta[x * I + i, j] = a[x, i] * ((one if i == j else zero) - a[x, j])
                else:
                    delta[x * I + i, j] = d[x, j] if i == j else zero


@strict(cache=True)
def sums(w_next, delta_next, out):
    """sum_k w_kj^{l+1} delta_k^{l+1} of BP2, of every row; of layer 0, whose sigma' is 1, it is delta itself.

    Reads w_next[k, j] and delta_next[r, k]; overwrites out[r, j].
    """
    R, K = delta_next.shape
    J = out.shape[1]
    for r in range(R):
        for j in range(J):
            out[r, j] = 0
        for k in range(K):
            for j in range(J):
                out[r, j] = fma(w_next[k, j], delta_next[r, k], out[r, j])


@strict(cache=True)
def times_slope(d, out):
    """sigma'(z_j^l) times the sums, which ends BP2: reads d[x, j]; multiplies out[x I + i, j]."""
    X, J = d.shape
    I = out.shape[0] // X
    for x in range(X):
        for i in range(I):
            for j in range(J):
                out[x * I + i, j] = d[x, j] * out[x * I + i, j]


@strict(cache=True)
def outer_products(a_prev, delta, out):
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Of each sample, or each output of each, by itself: reads a_prev[x, k] and delta[x I + i, j]; overwrites
    out[x I + i, j, k].
    """
    X, K = a_prev.shape
    R, J = delta.shape
    I = R // X
    for r in range(R):
        for j in range(J):
            for k in range(K):
                out[r, j, k] = a_prev[r // I, k] * delta[r, j]


@strict(cache=True)
def moving_inputs(w, v, v_b, a_prev, Ra_prev, Rz):
    """R of F1: Rz_j = sum_k (Rw_jk a_k + w_jk Ra_k) + Rb_j.

    Reads w[k, j], v[k, j], v_b[j], a_prev[x, k] and Ra_prev[x, k]; overwrites Rz[x, j].
    """
    X, K = a_prev.shape
    for x in range(X):
        for j in range(v_b.size):
            Rz[x, j] = v_b[j]
        for k in range(K):
            for j in range(v_b.size):
                Rz[x, j] = fma(a_prev[x, k], v[k, j], Rz[x, j])
                Rz[x, j] = fma(Ra_prev[x, k], w[k, j], Rz[x, j])


@strict(cache=True)
def moving_activations(code, a, d, Rz, Ra):
    """R of F2: Ra_j = sigma'(z_j) Rz_j; of softmax a_j (Rz_j - sum_i a_i Rz_i). Overwrites Ra[x, j]."""
    X, J = a.shape
    for x in range(X):
        mean = a.dtype.type(0)
        if code == SOFTMAX:
            for j in range(J):
                mean += a[x, j] * Rz[x, j]
        for j in range(J):
            Ra[x, j] = a[x, j] * (Rz[x, j] - mean) if code == SOFTMAX else d[x, j] * Rz[x, j]


@strict(cache=True)
def moving_output_errors(cost, code, z, a, y, s, d, Rz, Ra, delta, Rdelta):
    """BP1 and R of it: Rdelta_j = d^2C/da_j^2 Ra_j sigma'(z_j) + dC/da_j sigma''(z_j) Rz_j; the first without sigma'
    where it cancels.

    Reads matrices [x, j] and the weights s[x]; overwrites delta[x, j] and Rdelta[x, j].
    """
    X, J = a.shape
    p = a.dtype.type(0)
    for x in range(X):
        for j in range(J):
            e = slope(cost, z[x, j], a[x, j], y[x, j], p)
            Re = second(cost, z[x, j], a[x, j], y[x, j], p) * Ra[x, j]
            if cancels(cost):
                delta[x, j] = e * s[x]
                Rdelta[x, j] = Re * s[x]
            else:
                delta[x, j] = e * d[x, j] * s[x]
                Rdelta[x, j] = (Re * d[x, j] + e * sigma_double_prime(code, z[x, j]) * Rz[x, j]) * s[x]


@strict(cache=True)
def moving_sums(w_next, v_next, delta_next, Rdelta_next, Ru):
    """R of the sums of BP2: sum_k (Rw_kj delta_k + w_kj Rdelta_k). Overwrites Ru[x, j]."""
    X, K = delta_next.shape
    J = Ru.shape[1]
    for x in range(X):
        for j in range(J):
            Ru[x, j] = 0
        for k in range(K):
            for j in range(J):
                Ru[x, j] = fma(v_next[k, j], delta_next[x, k], Ru[x, j])
                Ru[x, j] = fma(w_next[k, j], Rdelta_next[x, k], Ru[x, j])


@strict(cache=True)
def moving_hidden_errors(code, z, d, Rz, u, Ru, delta, Rdelta):
    """BP2 and R of it: Rdelta_j = sigma''(z_j) Rz_j u_j + sigma'(z_j) Ru_j, u_j the sum. Overwrites both deltas."""
    X, J = z.shape
    for x in range(X):
        for j in range(J):
            delta[x, j] = d[x, j] * u[x, j]
            Rdelta[x, j] = sigma_double_prime(code, z[x, j]) * Rz[x, j] * u[x, j] + d[x, j] * Ru[x, j]


@strict(cache=True)
def moving_gradient(a_prev, Ra_prev, delta, Rdelta, g, g_b):
    """R of BP3 and BP4: sum_x Rdelta_j added to g_b[j], sum_x (Rdelta_j a_k + delta_j Ra_k) to g[k, j]; x in order."""
    X, K = a_prev.shape
    J = g_b.size
    for x in range(X):
        for j in range(J):
            g_b[j] += Rdelta[x, j]
        for k in range(K):
            for j in range(J):
                g[k, j] = fma(a_prev[x, k], Rdelta[x, j], g[k, j])
                g[k, j] = fma(Ra_prev[x, k], delta[x, j], g[k, j])
