"""The book's first network: stochastic gradient descent with the quadratic cost, chapters 1 and 2.

``SGD`` trains on the compiled kernels; the weights are the book's to rounding (F1, F2, BP1 to BP4, U).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp import _checks
from fastbp.nielsen import _engine
from fastbp.nielsen._columns import column, labelled, pairs, stacked

Pair = tuple[Any, Any]


class Network:
    """A feedforward network of sigmoid neurons.

    Parameters
    ----------
    sizes : list of int
        Neurons of each layer, the input first.

    Attributes
    ----------
    num_layers : int
    sizes : list of int
    weights : list of numpy.ndarray
        ``weights[l - 1]``, shape (J, K), is w^l; standard normal at first, drawn from ``np.random`` after all biases.
    biases : list of numpy.ndarray
        ``biases[l - 1]``, shape (J, 1), is b^l.
    """

    _fast = ("feedforward", "update_mini_batch", "backprop", "cost_derivative")

    def __init__(self, sizes: Sequence[int]) -> None:
        _checks.check_sizes(sizes)
        self.num_layers = len(sizes)
        self.sizes = sizes
        # The book's global generator, in the book's order: its seeds give its weights.
        normal = np.random.randn
        self.biases = [normal(n_out, 1) for n_out in sizes[1:]]
        self.weights = [normal(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]

    def feedforward(self, a: Any) -> np.ndarray:
        """The output for the input column ``a``, shape (n, 1)."""
        a = column(a, self.sizes[0], "a")
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(w @ a + b)
        return np.asarray(a)

    def SGD(self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, test_data: Any = None) -> None:
        """Train by stochastic gradient descent, printing a line after each epoch.

        Parameters
        ----------
        training_data : iterable of (x, y)
            Columns of shapes (sizes[0], 1) and (sizes[-1], 1). Copied to a list, whose order ``random.shuffle`` changes
            before every epoch; the caller's own list keeps its order.
        epochs, mini_batch_size : int
        eta : float
            Step size; a minibatch steps by eta times its mean gradient.
        test_data : iterable of (x, int), optional
            Samples and their digits; evaluated after each epoch, which takes time.
        """
        data = pairs(training_data, "training_data")
        tests = None if test_data is None else pairs(test_data, "test_data")
        epochs = _checks.check_int(epochs, "epochs", low=0)
        size = _checks.check_int(mini_batch_size, "mini_batch_size", low=1)
        if not data:
            raise ValueError("training_data has no samples; at least one is needed. A zip can be read only once.")
        fast = _engine.is_plain(self, Network, self._fast) and _engine.is_float64(self)
        watched = None
        if tests and fast and _engine.is_plain(self, Network, ("evaluate",)):
            watched = _engine.Evaluation(labelled(tests, "test_data"), self.sizes)
        order = list(range(len(data)))

        def after(j: int) -> bool:
            if tests is None:
                print(f"Epoch {j} complete")  # noqa: T201
            else:
                right = _hits(watched, self) if watched is not None else self.evaluate(tests)
                print(f"Epoch {j}: {right} / {len(tests)}")  # noqa: T201
            return False

        if fast:
            eta = _checks.check_real(eta, "eta", above=0.0)
            X = stacked([x for x, _ in data], self.sizes[0], "x")
            Y = stacked([y for _, y in data], self.sizes[-1], "y")
            mixed = _engine.shuffler(random.shuffle, order)
            _engine.Twin(self, "quadratic").train(X, Y, mixed, epochs, size, eta, 0.0, after)
            return
        for j in range(epochs):
            random.shuffle(order)
            for k in range(0, len(order), size):
                self.update_mini_batch([data[i] for i in order[k : k + size]], eta)
            after(j)

    def update_mini_batch(self, mini_batch: Sequence[Pair], eta: float) -> None:
        """One step of gradient descent: the mean of the samples' gradients, times eta, is subtracted."""
        step = eta / len(mini_batch)
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            nabla_b, nabla_w = self.backprop(x, y)
            sum_b = [total + one for total, one in zip(sum_b, nabla_b, strict=True)]
            sum_w = [total + one for total, one in zip(sum_w, nabla_w, strict=True)]
        self.weights = [w - step * g for w, g in zip(self.weights, sum_w, strict=True)]
        self.biases = [b - step * g for b, g in zip(self.biases, sum_b, strict=True)]

    def backprop(self, x: Any, y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradient of the cost of one sample (BP1 to BP4).

        Returns
        -------
        nabla_b, nabla_w : lists of numpy.ndarray
            Of the shapes of ``biases`` and ``weights``.
        """
        a, z = _forward(self, x)
        delta = self.cost_derivative(a[-1], column(y, self.sizes[-1], "y")) * sigmoid_prime(z[-1])
        return _backward(self, a, z, delta)

    def evaluate(self, test_data: Any) -> int:
        """How many samples have their largest output where the target says."""
        tests = labelled(test_data, "test_data")
        if tests and _engine.is_plain(self, Network, ("feedforward",)) and _engine.is_float64(self):
            return _hits(_engine.Evaluation(tests, self.sizes), self)
        return sum(int(np.argmax(self.feedforward(x)) == y) for x, y in tests)

    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        """dC/da of the output activations: a - y."""
        return output_activations - y


def _hits(evaluation: _engine.Evaluation, net: Network) -> int:
    decided = np.argmax(evaluation.outputs(net), axis=1)
    return sum(int(d == y) for d, y in zip(decided, evaluation.targets, strict=True))


def _forward(net: Any, x: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """a^l for l = 0..L and z^l for l = 1..L of one sample."""
    a, z = [column(x, net.sizes[0], "x")], []
    for w, b in zip(net.weights, net.biases, strict=True):
        z.append(w @ a[-1] + b)
        a.append(sigmoid(z[-1]))
    return a, z


def _backward(
    net: Any, a: list[np.ndarray], z: list[np.ndarray], delta: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """BP3 and BP4 of every layer, and BP2 between them, from delta^L."""
    nabla_b, nabla_w = [delta], [delta @ a[-2].T]
    for l in range(len(net.weights) - 1, 0, -1):  # l as in the notes: w^l is weights[l - 1]
        delta = net.weights[l].T @ delta * sigmoid_prime(z[l - 1])
        nabla_b.insert(0, delta)
        nabla_w.insert(0, delta @ a[l - 1].T)
    return nabla_b, nabla_w


def sigmoid(z: Any) -> Any:
    """The sigmoid of every entry; it does not overflow."""
    t = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, t) / (1.0 + t)


def sigmoid_prime(z: Any) -> Any:
    """Its derivative, of z, not of the sigmoid of z."""
    a = sigmoid(z)
    return a * (1 - a)
