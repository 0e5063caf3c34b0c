"""Numba's own parallel loops, unblocked: what one writes with ``prange`` and the equations at hand."""

from __future__ import annotations

import numpy as np

from fastbp.functions.activations import SOFTMAX, exp, sigma, sigma_prime
from fastbp.functions.costs import QUADRATIC
from fastbp.jit import parallel, prange


@parallel
def forward(w, b, a_prev, code, z, a):
    """F1 and F2 of one layer, samples x in parallel. ``w[k, j]`` is w_jk, so that j runs with unit stride."""
    K, J = w.shape
    for x in prange(len(a_prev)):
        for j in range(J):
            z[x, j] = b[j]
        for k in range(K):
            for j in range(J):
                z[x, j] += w[k, j] * a_prev[x, k]
        if code == SOFTMAX:
            largest = z[x, 0]
            for j in range(1, J):
                largest = max(largest, z[x, j])
            total = z.dtype.type(0)
            for j in range(J):
                a[x, j] = exp(z[x, j] - largest)
                total += a[x, j]
            for j in range(J):
                a[x, j] = a[x, j] / total
        else:
            for j in range(J):
                a[x, j] = sigma(code, z[x, j])


@parallel
def output_error(cost, code, z, a, y, delta):
    """BP1."""
    for x in prange(len(a)):
        for j in range(a.shape[1]):
            delta[x, j] = a[x, j] - y[x, j]
            if cost == QUADRATIC:
                delta[x, j] = delta[x, j] * sigma_prime(code, z[x, j])


@parallel
def hidden_error(w_next, delta_next, code, z, delta):
    """BP2, samples x in parallel."""
    J, K = w_next.shape
    for x in prange(len(delta)):
        for j in range(J):
            total = z.dtype.type(0)
            for k in range(K):
                total += w_next[j, k] * delta_next[x, k]
            delta[x, j] = sigma_prime(code, z[x, j]) * total


@parallel
def gradient(a_prev, delta, scale, g_w, g_b):
    """BP4, rows k of w in parallel, and BP3."""
    X, K = a_prev.shape
    J = delta.shape[1]
    for k in prange(K + 1):
        if k == K:
            for j in range(J):
                g_b[j] = 0
            for x in range(X):
                for j in range(J):
                    g_b[j] += delta[x, j]
            for j in range(J):
                g_b[j] = g_b[j] * scale
        else:
            for j in range(J):
                g_w[k, j] = 0
            for x in range(X):
                for j in range(J):
                    g_w[k, j] += a_prev[x, k] * delta[x, j]
            for j in range(J):
                g_w[k, j] = g_w[k, j] * scale


@parallel
def gather(X, Y, chosen, x, y):
    """The minibatch's samples, side by side."""
    for i in prange(len(chosen)):
        s = chosen[i]
        for k in range(X.shape[1]):
            x[i, k] = X[s, k]
        for j in range(Y.shape[1]):
            y[i, j] = Y[s, j]


@parallel
def descend(w, g, eta):
    """U of plain descent, on vectors."""
    for i in prange(w.size):
        w[i] = w[i] - eta * g[i]


@parallel
def adam(w, g, m, v, step, epsilon):
    """U of Adam, on vectors."""
    kind = w.dtype.type
    for i in prange(w.size):
        m[i] = kind(0.9) * m[i] + kind(0.1) * g[i]
        v[i] = kind(0.999) * v[i] + kind(0.001) * (g[i] * g[i])
        w[i] = w[i] - step * m[i] / (np.sqrt(v[i]) + epsilon)
