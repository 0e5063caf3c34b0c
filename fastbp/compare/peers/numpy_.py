"""Vectorised NumPy over the minibatch, as tight as it can be written: no temporary is allocated in a step."""

from __future__ import annotations

import numpy as np

from fastbp.compare.nets import Array, Case, Number
from fastbp.compare.peers import BY_ENVIRONMENT, ArrayTrainer, Peer

KNOWN = ("sigmoid", "tanh", "relu", "identity", "softmax")


def activate(name: str, z: Array, d: Array) -> None:
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


class NumpyTrainer(ArrayTrainer):
    """The vectorised loop."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        super().__init__(case, X, Y, n_threads)
        self.x, self.y = np.empty_like(X[: case.batch]), np.empty_like(Y[: case.batch])
        self.a, self.d, self.delta = self.buffers(), self.buffers(), self.buffers()
        self.g = [np.empty_like(part) for part in self.w + self.b]
        self.spare = {part.shape: np.empty_like(part) for part in self.g if case.optimizer == "adam"}

    def gather(self, chosen: Array) -> tuple[Array, Array]:
        x = self.X.take(chosen, axis=0, out=self.x, mode="clip")
        return x, self.Y.take(chosen, axis=0, out=self.y, mode="clip")

    def step(self, x: Array, y: Array) -> None:
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
        self.update(self.g)

    def descend(self, w: Array, g: Array, eta: Number) -> None:
        g *= eta
        w -= g

    def adam(self, w: Array, g: Array, m: Array, v: Array, step: Number, epsilon: Number) -> None:
        s = self.spare[w.shape]
        m *= 0.9
        np.multiply(g, 0.1, out=s)
        m += s
        v *= 0.999
        np.multiply(g, g, out=s)
        s *= 0.001
        v += s
        np.sqrt(v, out=s)
        s += epsilon
        np.divide(m, s, out=s)
        s *= step
        w -= s


def cannot(case: Case) -> str:
    """Activations that NumPy has no function for."""
    missing = [name for name in case.activations if name not in KNOWN]
    return f"no vectorised {missing[0]} in NumPy" if missing else ""


PEERS = (Peer("NumPy", "numpy", BY_ENVIRONMENT, NumpyTrainer, cannot),)
