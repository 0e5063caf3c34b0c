"""Jacobians, per-sample gradients and Hessian times vector of a network given as lists of arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp import jit
from fastbp.checks import check_memory
from fastbp.kernels import tangents as kernels


class Layers(NamedTuple):
    """What stands between the input and the output: w[l][k, j], b[l][j] and codes of layers 1..L at l - 1."""

    w: list[np.ndarray]
    b: list[np.ndarray]
    codes: Sequence[int]


def _quiet() -> contextlib.AbstractContextManager[Any]:
    """As plain Python, kernels must not warn of an overflow."""
    return np.errstate(all="ignore") if jit.DISABLED else contextlib.nullcontext()


def _forward(net: Layers, X: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """z, a and sigma' of every layer; a begins with X."""
    z, a, d = [], [X], []
    for w, b, code in zip(net.w, net.b, net.codes, strict=True):
        z.append(np.empty((len(X), b.size), X.dtype))
        a.append(np.empty_like(z[-1]))
        d.append(np.empty_like(z[-1]))
        kernels.weighted_inputs(w, b, a[-2], z[-1])
        kernels.activations(code, z[-1], a[-1], d[-1])
    return z, a, d


def _down(net: Layers, d: list[np.ndarray], delta: np.ndarray, lowest: int) -> list[np.ndarray]:
    """BP2 from delta of layer L to that of ``lowest``: a list of L - lowest + 1, of layer L last."""
    deltas = [delta]
    for l in range(len(net.w) - 1, lowest - 1, -1):
        w_next = np.ascontiguousarray(net.w[l].T)
        out = np.empty((len(delta), w_next.shape[1]), delta.dtype)
        kernels.sums(w_next, deltas[0], out)
        if l > 0:
            kernels.times_slope(d[l - 1], out)
        deltas.insert(0, out)
    return deltas


def _output_slopes(net: Layers, a: np.ndarray, d: np.ndarray) -> np.ndarray:
    X, I = a.shape
    delta = np.empty((X * I, I), a.dtype)
    kernels.output_slopes(net.codes[-1], a, d, delta)
    return delta


def input_jacobian(net: Layers, X: np.ndarray) -> np.ndarray:
    """da_i^L / da_k^0, shape (n_samples, n_out, n_in)."""
    check_memory(len(X) * net.b[-1].size * X.shape[1] * X.itemsize, "The Jacobians by inputs")
    with _quiet():
        _, a, d = _forward(net, X)
        delta = _down(net, d, _output_slopes(net, a[-1], d[-1]), 0)[0]
    return delta.reshape(len(X), -1, X.shape[1])


def _by_parameters(net: Layers, a: list[np.ndarray], deltas: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
    w, b = [], []
    for l, delta in enumerate(deltas):
        out = np.empty((len(delta), delta.shape[1], a[l].shape[1]), delta.dtype)
        kernels.outer_products(a[l], delta, out)
        w.append(out)
        b.append(delta)
    return w, b


def parameter_jacobian(net: Layers, X: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """da_i^L / dw_jk^l and da_i^L / db_j^l, shapes (n_samples * n_out, J, K) and (n_samples * n_out, J)."""
    n_parameters = sum(w.size + b.size for w, b in zip(net.w, net.b, strict=True))
    check_memory(len(X) * net.b[-1].size * n_parameters * X.itemsize, "The Jacobians by parameters")
    with _quiet():
        _, a, d = _forward(net, X)
        return _by_parameters(net, a, _down(net, d, _output_slopes(net, a[-1], d[-1]), 1))


def per_sample_gradient(net: Layers, cost: int, X: np.ndarray, Y: np.ndarray) -> tuple[list[Any], list[Any]]:
    """dC_x/dw_jk^l and dC_x/db_j^l of every sample, shapes (n_samples, J, K) and (n_samples, J)."""
    n_parameters = sum(w.size + b.size for w, b in zip(net.w, net.b, strict=True))
    check_memory(len(X) * n_parameters * X.itemsize, "The gradients of all samples")
    with _quiet():
        z, a, d = _forward(net, X)
        delta, still, ones = np.empty_like(z[-1]), np.zeros_like(z[-1]), np.ones(len(X), X.dtype)
        kernels.moving_output_errors(
            cost, net.codes[-1], z[-1], a[-1], Y, ones, d[-1], still, still, delta, np.empty_like(delta)
        )
        return _by_parameters(net, a, _down(net, d, delta, 1))


def hessian_vector(
    net: Layers, cost: int, X: np.ndarray, Y: np.ndarray, s: np.ndarray, v: list[np.ndarray], v_b: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The sums over samples of (d^2 C_x / d theta^2) v, like w[k, j] and b[j]; not yet divided by sum s_x."""
    L = len(net.w)
    with _quiet():
        z, a, d = _forward(net, X)
        Rz = [np.empty_like(layer) for layer in z]
        Ra = [np.zeros_like(X), *(np.empty_like(layer) for layer in z)]
        for l in range(L):
            kernels.moving_inputs(net.w[l], v[l], v_b[l], a[l], Ra[l], Rz[l])
            kernels.moving_activations(net.codes[l], a[l + 1], d[l], Rz[l], Ra[l + 1])
        g, g_b = [np.zeros_like(w) for w in net.w], [np.zeros_like(b) for b in net.b]
        delta, Rdelta = np.empty_like(z[-1]), np.empty_like(z[-1])
        kernels.moving_output_errors(cost, net.codes[-1], z[-1], a[-1], Y, s, d[-1], Rz[-1], Ra[-1], delta, Rdelta)
        for l in range(L - 1, -1, -1):
            kernels.moving_gradient(a[l], Ra[l], delta, Rdelta, g[l], g_b[l])
            if l == 0:
                break
            w_next, v_next = np.ascontiguousarray(net.w[l].T), np.ascontiguousarray(v[l].T)
            u, Ru = np.empty_like(z[l - 1]), np.empty_like(z[l - 1])
            kernels.sums(w_next, delta, u)
            kernels.moving_sums(w_next, v_next, delta, Rdelta, Ru)
            delta, Rdelta = np.empty_like(u), np.empty_like(u)
            kernels.moving_hidden_errors(net.codes[l - 1], z[l - 1], d[l - 1], Rz[l - 1], u, Ru, delta, Rdelta)
    return g, g_b
