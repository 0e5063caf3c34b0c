"""Derivatives of one sample at a time: Jacobians of the outputs, per-sample gradients, Hessian times vector.

Letters as in `dense`; ``w[k, j]`` is w_jk^l, ``w_next[k, j]`` is w_kj^{l+1}. Matrices are contiguous, a row for each
sample x; where there is an index i, of an output, row x I + i belongs to output i of sample x. An R before a letter is
its derivative along the vector v that theta moves along (Pearlmutter): Rw and Rb are v itself.
"""

from __future__ import annotations

from typing import TypeAlias

from fastbp.functions.activations import SOFTMAX, sigma_double_prime
from fastbp.functions.costs import cancels, second, slope
from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real, addressed, flat, pointer
from fastbp.kernels import dense
from fastbp.kernels.gemm.gemm import gemm
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.gemm.problem import Gemm, GemmWorkspace
from fastbp.kernels.matrix import Matrix

Moving: TypeAlias = tuple[Array, Array]
"""A matrix and its derivative along v."""
Cost: TypeAlias = tuple[int, Real]
"""Code of a cost, and its parameter."""


@strict(cache=True)
def index_sums(g: Gemm, panel: Array, order: Array, cursors: Array) -> None:
    """The gemm of F1, BP2 and BP4, here with operands that are arrays. Nothing is prefetched."""
    nothing = Prefetch(order=pointer(order), cursor=pointer(cursors), parts=0)
    gemm(addressed(g), GemmWorkspace(panel=pointer(panel), pack_a=1, pack_b=1, prefetch=nothing))


@strict(cache=True)
def activations(code: int, z: Array, a: Array, d: Array) -> None:
    """F2: a_j^l = sigma(z_j^l)

    Reads z[x, j]; overwrites a[x, j] and d[x, j] with sigma'(z), which softmax does not have.
    """
    X, J = z.shape
    if code == SOFTMAX:
        dense.softmax(X, J, Matrix(flat(z), J, 1), Matrix(flat(a), J, 1), Matrix(flat(d), J, 1))
    else:
        dense.activation(code, z.size, flat(z), flat(a), flat(d))


@strict(cache=True)
def output_slopes(code: int, a: Array, d: Array, delta: Array) -> None:
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
def times_slope(d: Array, out: Array) -> None:
    """sigma'(z_j^l) times the sums, which ends BP2: reads d[x, j]; multiplies out[x I + i, j]."""
    X, J = d.shape
    I = out.shape[0] // X
    for x in range(X):
        for i in range(I):
            for j in range(J):
                out[x * I + i, j] = d[x, j] * out[x * I + i, j]


@strict(cache=True)
def outer_products(a_prev: Array, delta: Array, out: Array) -> None:
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
def moving_activations(code: int, a: Array, d: Array, Rz: Array, Ra: Array) -> None:
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
def moving_output_errors(
    of: Cost, code: int, y: Array, s: Array, d: Array, z_R: Moving, a_R: Moving, delta_R: Moving
) -> None:
    """BP1 and R of it: Rdelta_j = d^2C/da_j^2 Ra_j sigma'(z_j) + dC/da_j sigma''(z_j) Rz_j; the first without sigma'
    where it cancels.

    Reads matrices [x, j] and the weights s[x]; overwrites delta[x, j] and Rdelta[x, j].
    """
    (cost, p), (z, Rz), (a, Ra), (delta, Rdelta) = of, z_R, a_R, delta_R
    X, J = a.shape
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
def moving_hidden_errors(code: int, d: Array, z_R: Moving, u_R: Moving, delta_R: Moving) -> None:
    """BP2 and R of it: Rdelta_j = sigma''(z_j) Rz_j u_j + sigma'(z_j) Ru_j, u_j the sum. Overwrites both deltas."""
    (z, Rz), (u, Ru), (delta, Rdelta) = z_R, u_R, delta_R
    X, J = z.shape
    for x in range(X):
        for j in range(J):
            delta[x, j] = d[x, j] * u[x, j]
            Rdelta[x, j] = sigma_double_prime(code, z[x, j]) * Rz[x, j] * u[x, j] + d[x, j] * Ru[x, j]
