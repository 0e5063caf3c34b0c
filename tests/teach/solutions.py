"""Right backpropagations as learners write them: every activation and cost, NumPy, PyTorch and JAX, any precision.

The formulas are the naive ones of textbooks: ``1 / (1 + exp(-z))``, ``a * (1 - a)``, the whole Jacobian of softmax.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

PAIRS = (
    *((name, "quadratic") for name in (
        "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish", "identity", "exp",
    )),
    ("sigmoid", "cross_entropy"),
    ("softmax", "cross_entropy"),
    ("exp", "poisson"),
)  # fmt: skip
"""Every activation and cost that go together."""


def _erf(z: Any) -> Any:
    return np.vectorize(math.erf, otypes=[z.dtype])(z)


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _phi(z: Any) -> Any:
    return np.exp(-z * z / 2) / np.asarray(math.sqrt(2 * math.pi), z.dtype)


def _mish_slope(z: Any) -> Any:
    m = np.tanh(np.log(1 + np.exp(z)))
    return m + z * (1 - m * m) * _sigmoid(z)


def _normal(z: Any) -> Any:
    return (1 + _erf(z / np.asarray(math.sqrt(2), z.dtype))) / 2


NUMPY: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "sigmoid": (_sigmoid, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, z * z.dtype.type(0.01)),
        lambda z, a: np.where(z > 0, 1, 0.01).astype(z.dtype),
    ),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z, a: _sigmoid(z)),
    "silu": (lambda z: z * _sigmoid(z), lambda z, a: _sigmoid(z) * (1 + z * (1 - _sigmoid(z)))),
    "gelu": (lambda z: z * _normal(z), lambda z, a: _normal(z) + z * _phi(z)),
    "mish": (lambda z: z * np.tanh(np.log(1 + np.exp(z))), lambda z, a: _mish_slope(z)),
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "exp": (np.exp, lambda z, a: a),
}
"""Activation -> sigma of z, sigma' of z and a."""


def numpy_solution(activation: str, cost: str, dtype: Any = np.float64, whole: bool = False) -> Any:
    """``whole``: softmax by its Jacobian, and sigmoid's cross-entropy by the chain rule, nothing cancelled by hand."""
    hidden = "sigmoid" if activation == "softmax" else activation

    def softmax(z: Any) -> Any:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def output_error(z: Any, a: Any, y: Any) -> Any:
        if cost == "quadratic":
            return (a - y) * NUMPY[activation][1](z, a)
        if whole and activation == "softmax":
            jacobian = [np.diag(row) - np.outer(row, row) for row in a]
            return np.array([J @ (-target / row) for J, target, row in zip(jacobian, y, a, strict=True)])
        if whole and cost == "cross_entropy":
            return (-y / a + (1 - y) / (1 - a)) * a * (1 - a)
        return a - y

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        w, b, x, y = [dtype(v) for v in w], [dtype(v) for v in b], dtype(np.atleast_2d(x)), dtype(np.atleast_2d(y))
        a, z = [x], []
        for l in range(len(w)):
            z.append(a[-1] @ w[l].T + b[l])
            last = l == len(w) - 1
            a.append(softmax(z[-1]) if last and activation == "softmax" else NUMPY[hidden][0](z[-1]))
        delta = output_error(z[-1], a[-1], y)
        grad_w, grad_b = [], []
        for l in range(len(w) - 1, -1, -1):
            grad_w.insert(0, delta.T @ a[l] / dtype(len(x)))
            grad_b.insert(0, delta.sum(axis=0) / dtype(len(x)))
            if l:
                delta = delta @ w[l] * NUMPY[hidden][1](z[l - 1], a[l])
        return grad_w, grad_b

    return mine


def torch_solution(activation: str, cost: str, dtype: str = "float32") -> Any:
    import torch
    from torch.nn import functional

    kind = getattr(torch, dtype)
    sigmas: dict[str, Any] = {
        **{name: getattr(torch, name) for name in ("sigmoid", "tanh", "relu", "exp")},
        **{name: getattr(functional, name) for name in ("leaky_relu", "softplus", "silu", "gelu", "mish")},
        "identity": lambda z: z,
    }
    hidden = "sigmoid" if activation == "softmax" else activation

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        W, B = ([torch.tensor(np.array(v), dtype=kind).requires_grad_() for v in part] for part in (w, b))
        a, y = (torch.tensor(np.atleast_2d(v), dtype=kind) for v in (x, y))
        for l, (p, q) in enumerate(zip(W, B, strict=True)):
            z = a @ p.T + q
            a = sigmas[hidden](z) if l < len(W) - 1 or activation != "softmax" else torch.softmax(z, 1)
        if cost == "quadratic":
            loss = ((a - y) ** 2).sum() / 2
        elif cost == "poisson":
            loss = (a - y * torch.log(a)).sum()
        elif activation == "softmax":
            loss = -(y * torch.log(a)).sum()
        else:
            loss = functional.binary_cross_entropy(a, y, reduction="sum")
        (loss / len(y)).backward()
        if dtype == "bfloat16":  # NumPy has none
            return [p.grad.float() for p in W], [q.grad.float() for q in B]
        return [p.grad for p in W], [q.grad for q in B]

    return mine


def jax_solution(activation: str, cost: str, dtype: str = "float32") -> Any:
    """In float64 only where ``jax_enable_x64`` is set."""
    import jax
    import jax.numpy as jnp

    sigmas: dict[str, Any] = {
        **{
            name: getattr(jax.nn, name)
            for name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "mish")
        },
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
        "identity": lambda z: z,
        "exp": jnp.exp,
    }
    hidden = "sigmoid" if activation == "softmax" else activation

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        W, B = parameters
        a = x
        for l, (p, q) in enumerate(zip(W, B, strict=True)):
            z = a @ p.T + q
            a = sigmas[hidden](z) if l < len(W) - 1 or activation != "softmax" else jax.nn.softmax(z, axis=1)
        if cost == "quadratic":
            return ((a - y) ** 2).sum() / 2 / len(y)
        if cost == "poisson":
            return (a - y * jnp.log(a)).sum() / len(y)
        if activation == "softmax":
            return -(y * jnp.log(a)).sum() / len(y)
        return -(y * jnp.log(a) + (1 - y) * jnp.log(1 - a)).sum() / len(y)

    slopes = jax.jit(jax.grad(loss))

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        W, B = ([jnp.asarray(np.array(v), dtype) for v in part] for part in (w, b))
        x, y = (jnp.asarray(np.atleast_2d(v), dtype) for v in (x, y))
        return slopes((W, B), x, y)

    return mine
