"""Jacobians, per-sample gradients and Hessian times vector of a network given as lists of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp.checks import check_memory
from fastbp.kernels import layout
from fastbp.kernels import tangents as kernels
from fastbp.kernels.gemm.epilogues import STORE
from fastbp.kernels.gemm.prefetch import CURSOR
from fastbp.kernels.gemm.problem import Gemm
from fastbp.kernels.matrix import Matrix

AT_ONCE = 2e7
"""Floating-point operations of the samples between two looks at Ctrl-C: some 10 ms."""


class Layers(NamedTuple):
    """What stands between the input and the output: w[l][k, j], b[l][j] and codes of layers 1..L at l - 1."""

    w: list[np.ndarray]
    b: list[np.ndarray]
    codes: Sequence[int]


_NO_ORDER, _NO_CURSORS = np.empty(0, np.int64), np.empty(0, CURSOR)


def _padded(n_rows: int, n_columns: int, dtype: np.dtype[Any]) -> tuple[np.ndarray, Matrix]:
    """Zeros in padded rows, as an array and as the matrix that a gemm takes."""
    width = layout.padded(n_columns, dtype.itemsize)
    buf = layout.aligned(n_rows * width, dtype)
    return buf.reshape(n_rows, width)[:, :n_columns], Matrix(buf, width, 1)


def _copied(values: np.ndarray) -> Matrix:
    n_rows, n_columns = values.shape
    array, matrix = _padded(n_rows, n_columns, values.dtype)
    array[...] = values
    return matrix


def index_sums(a: np.ndarray, b: np.ndarray, init: np.ndarray | None = None) -> np.ndarray:
    """init + sum_k a[i, k] b[k, j], k in order: F1, the sum of BP2 or that of BP4.

    ``init`` is 0 if None, one row for all i, or the sums so far.
    """
    (m, k), n, real = a.shape, b.shape[1], a.dtype.type
    sums, c = _padded(m, n, a.dtype)
    start = _copied(np.atleast_2d(np.zeros(n, a.dtype) if init is None else init))
    if init is None or init.ndim == 1:
        start = Matrix(start.buf, 0, 1)
    panel = layout.aligned(layout.panel_size(0, n, k, a.itemsize), a.dtype)
    g = Gemm(m=m, n=n, k=k, a=_copied(a), b=_copied(b), init=start, c=c, epilogue=STORE, scale=real(1), eta=real(0))
    kernels.index_sums(g, panel, _NO_ORDER, _NO_CURSORS)
    return np.ascontiguousarray(sums)


def _in_turn(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows of two matrices in turn: row r of the first, then row r of the second."""
    return np.stack([first, second], axis=1).reshape(2 * len(first), -1)


def moving_sums(a: np.ndarray, Ra: np.ndarray, b: np.ndarray, Rb: np.ndarray, init: np.ndarray | None) -> np.ndarray:
    """R of the same sum: init[j] + sum_k (a[i, k] Rb[k, j] + Ra[i, k] b[k, j]), the two products of each k in turn."""
    return index_sums(_in_turn(a.T, Ra.T).T, _in_turn(Rb, b), init)


def _forward(net: Layers, X: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """z, a and sigma' of every layer; a begins with X."""
    z, a, d = [], [X], []
    for w, b, code in zip(net.w, net.b, net.codes, strict=True):
        z.append(index_sums(a[-1], w, b))
        a.append(np.empty_like(z[-1]))
        d.append(np.empty_like(z[-1]))
        kernels.activations(code, z[-1], a[-1], d[-1])
    return z, a, d


def _down(net: Layers, d: list[np.ndarray], delta: np.ndarray, lowest: int) -> list[np.ndarray]:
    """BP2 from delta of layer L to that of ``lowest``: a list of L - lowest + 1, of layer L last."""
    deltas = [delta]
    for l in range(len(net.w) - 1, lowest - 1, -1):
        out = index_sums(deltas[0], net.w[l].T)
        if l > 0:
            kernels.times_slope(d[l - 1], out)
        deltas.insert(0, out)
    return deltas


def _output_slopes(net: Layers, a: np.ndarray, d: np.ndarray) -> np.ndarray:
    X, I = a.shape
    delta = np.empty((X * I, I), a.dtype)
    kernels.output_slopes(net.codes[-1], a, d, delta)
    return delta


def _operations(net: Layers) -> float:
    """Floating-point operations of one vector of numbers on its way through all layers."""
    return 2.0 * sum(w.size for w in net.w)


def _rows_at_a_time(n: int, operations: float) -> Iterator[slice]:
    """The rows of n samples, so many at a time that Python can look at Ctrl-C in between."""
    step = max(1, int(AT_ONCE / operations))
    return (slice(first, min(first + step, n)) for first in range(0, n, step))


def input_jacobian(net: Layers, X: np.ndarray) -> np.ndarray:
    """da_i^L / da_k^0, shape (n_samples, n_out, n_in)."""
    n_out = net.b[-1].size
    check_memory(len(X) * n_out * X.shape[1] * X.itemsize, "The Jacobians by inputs")
    out = np.empty((len(X), n_out, X.shape[1]), X.dtype)
    for rows in _rows_at_a_time(len(X), (1 + n_out) * _operations(net)):
        _, a, d = _forward(net, X[rows])
        out[rows] = _down(net, d, _output_slopes(net, a[-1], d[-1]), 0)[0].reshape(-1, *out.shape[1:])
    return out


def parameter_jacobian(net: Layers, X: np.ndarray) -> np.ndarray:
    """da_i^L / dw_jk^l and da_i^L / db_j^l, shape (n_samples, n_out, n_parameters): w^1, b^1, w^2, ..."""
    n_out, n_parameters = net.b[-1].size, sum(w.size + b.size for w, b in zip(net.w, net.b, strict=True))
    check_memory(len(X) * n_out * n_parameters * X.itemsize, "The Jacobians by parameters")
    out = np.empty((len(X), n_out, n_parameters), X.dtype)
    for rows in _rows_at_a_time(len(X), 3 * (1 + n_out) * _operations(net)):
        _, a, d = _forward(net, X[rows])
        at = 0
        for a_prev, delta in zip(a[:-1], _down(net, d, _output_slopes(net, a[-1], d[-1]), 1), strict=True):
            w = np.empty((len(delta), delta.shape[1], a_prev.shape[1]), X.dtype)
            kernels.outer_products(a_prev, delta, w)
            for part in w, delta:
                end = at + part[0].size
                out[rows, :, at:end] = part.reshape(-1, n_out, end - at)
                at = end
    return out


def _weigh_outputs(u: np.ndarray | None, y: np.ndarray, *errors: np.ndarray) -> None:
    """u_j delta_j in place of delta_j, 0 where the target is missing, which is NaN; and R of that likewise."""
    if u is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            for error in errors:
                error[...] = np.where(np.isnan(y), 0, u * error)


def per_sample_gradient(
    net: Layers, cost: kernels.Cost, X: np.ndarray, Y: np.ndarray, output_weight: np.ndarray | None
) -> tuple[list[Any], list[Any]]:
    """dC_x/dw_jk^l and dC_x/db_j^l of every sample, shapes (n_samples, J, K) and (n_samples, J)."""
    n_parameters = sum(w.size + b.size for w, b in zip(net.w, net.b, strict=True))
    check_memory(len(X) * n_parameters * X.itemsize, "The gradients of all samples")
    g = [np.empty((len(X), *w.T.shape), X.dtype) for w in net.w]
    g_b = [np.empty((len(X), b.size), X.dtype) for b in net.b]
    for rows in _rows_at_a_time(len(X), 3 * _operations(net)):
        z, a, d = _forward(net, X[rows])
        delta, still, ones = np.empty_like(z[-1]), np.zeros_like(z[-1]), np.ones(len(z[-1]), X.dtype)
        moving = (z[-1], still), (a[-1], still), (delta, np.empty_like(delta))
        kernels.moving_output_errors(cost, net.codes[-1], Y[rows], ones, d[-1], *moving)
        _weigh_outputs(output_weight, Y[rows], delta)
        for l, error in enumerate(_down(net, d, delta, 1)):
            kernels.outer_products(a[l], error, g[l][rows])
            g_b[l][rows] = error
    return g, g_b


def hessian_vector(
    net: Layers,
    cost: kernels.Cost,
    X: np.ndarray,
    Y: np.ndarray,
    s: np.ndarray,
    output_weight: np.ndarray | None,
    v: list[np.ndarray],
    v_b: list[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The sums over samples of (d^2 C_x / d theta^2) v, like w[k, j] and b[j]; not yet divided by sum s_x."""
    g, g_b = [np.zeros_like(w) for w in net.w], [np.zeros_like(b) for b in net.b]
    for rows in _rows_at_a_time(len(X), 6 * _operations(net)):
        z, a, d = _forward(net, X[rows])
        Rz, Ra = [], [np.zeros_like(a[0])]
        for l in range(len(net.w)):
            Rz.append(moving_sums(a[l], Ra[l], net.w[l], v[l], v_b[l]))
            Ra.append(np.empty_like(z[l]))
            kernels.moving_activations(net.codes[l], a[l + 1], d[l], Rz[l], Ra[l + 1])
        ones = np.ones((1, len(a[0])), X.dtype)
        delta, Rdelta = np.empty_like(z[-1]), np.empty_like(z[-1])
        moving = (z[-1], Rz[-1]), (a[-1], Ra[-1]), (delta, Rdelta)
        kernels.moving_output_errors(cost, net.codes[-1], Y[rows], s[rows], d[-1], *moving)
        _weigh_outputs(output_weight, Y[rows], delta, Rdelta)
        for l in range(len(net.w) - 1, -1, -1):
            g[l] = moving_sums(a[l].T, Ra[l].T, delta, Rdelta, g[l])
            g_b[l] = index_sums(ones, Rdelta, g_b[l])[0]
            if l == 0:
                break
            u, Ru = index_sums(delta, net.w[l].T), moving_sums(delta, Rdelta, net.w[l].T, v[l].T, None)
            delta, Rdelta = np.empty_like(u), np.empty_like(u)
            moving = (z[l - 1], Rz[l - 1]), (u, Ru), (delta, Rdelta)
            kernels.moving_hidden_errors(net.codes[l - 1], d[l - 1], *moving)
    return g, g_b
