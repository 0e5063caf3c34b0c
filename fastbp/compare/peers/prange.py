"""Numba's ``prange`` over samples (F1, F2, BP1, BP2) and over rows of w (BP4), a parallel region for each equation.

Unblocked: what one writes with ``prange`` and the equations at hand.
"""

from __future__ import annotations

import importlib

import numpy as np

from fastbp import jit
from fastbp.compare.nets import Array, Case, Number
from fastbp.compare.peers import ArrayTrainer, Peer
from fastbp.functions.activations import CODES, COSTS, SOFTMAX, exp, sigma, sigma_prime
from fastbp.functions.costs import cancels, slope
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
            delta[x, j] = slope(cost, z[x, j], a[x, j], y[x, j], z.dtype.type(0))
            if not cancels(cost):
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
def weight_gradient(a_prev, delta, scale, g_w, g_b):
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
def copy_samples(X, Y, chosen, x, y):
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


class PrangeTrainer(ArrayTrainer):
    """Plain Numba. The loops compile when they first run."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        if not jit.DISABLED:
            importlib.import_module("numba").set_num_threads(n_threads)
        super().__init__(case, X, Y, n_threads)
        self.x, self.y = np.empty_like(X[: case.batch]), np.empty_like(Y[: case.batch])
        self.z, self.a, self.delta = self.buffers(), self.buffers(), self.buffers()
        self.g = [np.empty_like(part) for part in self.w + self.b]
        self.codes = [CODES[name] for name in case.activations]

    def gather(self, chosen: Array) -> tuple[Array, Array]:
        copy_samples(self.X, self.Y, chosen, self.x, self.y)
        return self.x, self.y

    def step(self, x: Array, y: Array) -> None:
        L, a = self.case.L, [x, *self.a]
        for l in range(L):
            forward(self.w[l], self.b[l], a[l], self.codes[l], self.z[l], a[l + 1])
        output_error(COSTS[self.case.cost], self.codes[-1], self.z[-1], a[L], y, self.delta[-1])
        for l in range(L - 1, 0, -1):
            hidden_error(self.w[l], self.delta[l], self.codes[l - 1], self.z[l - 1], self.delta[l - 1])
        scale = self.X.dtype.type(1 / len(x))
        for l in range(L):
            weight_gradient(a[l], self.delta[l], scale, self.g[l], self.g[L + l])
        self.update(self.g)

    def descend(self, w: Array, g: Array, eta: Number) -> None:
        descend(w.reshape(-1), g.reshape(-1), eta)

    def adam(self, w: Array, g: Array, m: Array, v: Array, step: Number, epsilon: Number) -> None:
        adam(w.reshape(-1), g.reshape(-1), m.reshape(-1), v.reshape(-1), step, epsilon)


PINNING = "NUMBA_NUM_THREADS before import, numba.set_num_threads, affinity"
PEERS = (Peer("Numba prange", "numba", PINNING, PrangeTrainer),)
