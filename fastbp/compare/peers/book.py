"""The book's way to write it: one sample at a time through NumPy, columns, lists of nablas (Nielsen's network.py)."""

from __future__ import annotations

import numpy as np

from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import BY_ENVIRONMENT, Peer, Trainer


def sigmoid(z: Array) -> Array:
    """sigma(z)."""
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Array) -> Array:
    """sigma'(z), from two calls of sigma as in the book."""
    return sigmoid(z) * (1 - sigmoid(z))


class BookTrainer(Trainer):
    """Nielsen's network.py, in the case's dtype: samples are pairs of columns, in lists that are sliced."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        super().__init__(case, X, Y, n_threads)
        self.weights = [np.ascontiguousarray(w) for w, _ in case.start()]
        self.biases = [b[:, None] for _, b in case.start()]
        self.data = [(x[:, None], y[:, None]) for x, y in zip(X, Y, strict=True)]

    def run(self, orders: Array) -> None:
        n = self.case.batch
        for order in orders:
            data = [self.data[i] for i in order]
            for k in range(0, len(data), n):
                self.update_mini_batch(data[k : k + n])

    def update_mini_batch(self, mini_batch: list[tuple[Array, Array]]) -> None:
        """U, from the sum over the samples."""
        eta = self.case.learning_rate
        nabla_b = [np.zeros(b.shape, b.dtype) for b in self.biases]
        nabla_w = [np.zeros(w.shape, w.dtype) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b, strict=True)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w, strict=True)]
        step = eta / len(mini_batch)
        self.weights = [w - step * nw for w, nw in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - step * nb for b, nb in zip(self.biases, nabla_b, strict=True)]

    def backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """F1, F2, BP1 to BP4 of one sample."""
        nabla_b = [np.zeros(b.shape, b.dtype) for b in self.biases]
        nabla_w = [np.zeros(w.shape, w.dtype) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights, strict=True):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, len(self.case.sizes)):
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sigmoid_prime(zs[-l])
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return nabla_b, nabla_w

    def parameters(self) -> Parameters:
        return [(w.copy(), b[:, 0].copy()) for w, b in zip(self.weights, self.biases, strict=True)]


def cannot(case: Case) -> str:
    """network.py has sigmoids, the quadratic cost and plain descent."""
    if set(case.activations) != {"sigmoid"} or case.cost != "quadratic" or case.optimizer != "sgd":
        return "the book's network.py has sigmoids, the quadratic cost and plain descent only"
    return ""


PEERS = (Peer("book's NumPy", "numpy", BY_ENVIRONMENT, BookTrainer, cannot),)
