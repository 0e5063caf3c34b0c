"""Vectorised NumPy over the minibatch, as tight as it can be written: no temporary is allocated in a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer

PLAIN = ("sigmoid", "tanh", "relu", "identity")


def activate(name: str, z: Any, d: Any) -> None:
    """z becomes a = sigma(z); d becomes sigma'(z)."""
    if name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
        np.subtract(1, z, out=d)
        d *= z
    elif name == "tanh":
        np.tanh(z, out=z)
        np.multiply(z, z, out=d)
        np.subtract(1, d, out=d)
    elif name == "relu":
        np.greater(z, 0, out=d)
        z *= d
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)


class Sgd:
    """w <- w - eta g."""

    def __init__(self, eta: float, parameters: list[Any]) -> None:
        self.eta = eta

    def step(self, parameters: list[Any], gradients: list[Any]) -> None:
        for w, g in zip(parameters, gradients, strict=True):
            g *= self.eta
            w -= g


class Adam:
    """Kingma and Ba's, with PyTorch's epsilon."""

    def __init__(self, eta: float, parameters: list[Any]) -> None:
        self.eta, self.t = eta, 0
        self.m = [np.zeros_like(w) for w in parameters]
        self.v = [np.zeros_like(w) for w in parameters]
        self.spare = [np.empty_like(w) for w in parameters]

    def step(self, parameters: list[Any], gradients: list[Any]) -> None:
        self.t += 1
        root = math.sqrt(1 - 0.999**self.t)
        for w, g, m, v, s in zip(parameters, gradients, self.m, self.v, self.spare, strict=True):
            m *= 0.9
            np.multiply(g, 0.1, out=s)
            m += s
            v *= 0.999
            np.multiply(g, g, out=s)
            s *= 0.001
            v += s
            np.sqrt(v, out=s)
            s += 1e-8 * root
            np.divide(m, s, out=s)
            s *= self.eta * root / (1 - 0.9**self.t)
            w -= s


class NumpyTrainer(Trainer):
    """Weights as w[k, j], so that ``a @ w`` is F1."""

    def __init__(self, case: Case, X: Any, Y: Any) -> None:
        net = case.network()
        self.case, self.X, self.Y = case, X, Y
        self.w = [np.ascontiguousarray(w.T) for w in net.w]
        self.b = [b.copy() for b in net.b]
        n = case.batch
        self.x, self.y = np.empty((n, case.sizes[0]), X.dtype), np.empty((n, case.sizes[-1]), X.dtype)
        self.a, self.d, self.delta = ([np.empty((n, J), X.dtype) for J in case.sizes[1:]] for _ in range(3))
        self.g = [np.empty_like(w) for w in self.w] + [np.empty_like(b) for b in self.b]
        kind = Adam if case.optimizer == "adam" else Sgd
        self.optimizer = kind(case.learning_rate, self.w + self.b)

    def run(self, orders: Any) -> None:
        batch = self.case.batch
        for order in orders:
            for start in range(0, len(order), batch):
                if self.case.full_batch:
                    x, y = self.X, self.Y
                else:
                    chosen = order[start : start + batch]
                    x = self.X.take(chosen, axis=0, out=self.x, mode="clip")
                    y = self.Y.take(chosen, axis=0, out=self.y, mode="clip")
                self.step(x, y)

    def step(self, x: Any, y: Any) -> None:
        """One minibatch."""
        L, a, delta = self.case.L, [x, *self.a], self.delta
        for l in range(L):
            np.dot(a[l], self.w[l], out=a[l + 1])
            a[l + 1] += self.b[l]
            activate(self.case.activations[l], a[l + 1], self.d[l])
        np.subtract(a[L], y, out=delta[-1])
        if self.case.cost == "quadratic" and self.case.activations[-1] != "identity":
            delta[-1] *= self.d[-1]
        delta[-1] *= 1 / len(x)
        for l in range(L - 1, -1, -1):
            np.dot(a[l].T, delta[l], out=self.g[l])
            np.sum(delta[l], axis=0, out=self.g[L + l])
            if l:
                np.dot(delta[l], self.w[l].T, out=delta[l - 1])
                if self.case.activations[l - 1] != "identity":
                    delta[l - 1] *= self.d[l - 1]
        self.optimizer.step(self.w + self.b, self.g)

    def parameters(self) -> Parameters:
        return [(w.T.copy(), b.copy()) for w, b in zip(self.w, self.b, strict=True)]


class Numpy(Peer):
    """The vectorised loop."""

    name = "NumPy"
    module = distribution = "numpy"
    pinning = "OPENBLAS_NUM_THREADS and its like before import, affinity"

    def cannot(self, case: Case) -> str:
        """Activations that NumPy has no function for."""
        missing = [name for name in case.activations if name not in (*PLAIN, "softmax")]
        return f"no vectorised {missing[0]} in NumPy" if missing else ""

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Weights, buffers."""
        return NumpyTrainer(case, X, Y)


PEER = Numpy()
