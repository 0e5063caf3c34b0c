"""The book's first network: stochastic gradient descent with the quadratic cost, chapters 1 and 2.

``SGD`` trains on the compiled kernels; the weights are the book's to rounding (F1, F2, BP1 to BP4, U). A method or a
function of this module that is replaced, wherever, is called as the book's code would call it, in plain Python.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.nielsen import _book, _engine
from fastbp.nielsen._book import labelled, pairs

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

    def __init__(self, sizes: Sequence[int]) -> None:
        checks.check_sizes(sizes)
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases, self.weights = _book.standard_normal(sizes)

    def feedforward(self, a: Any) -> np.ndarray:
        """The output for the input column ``a``, shape (n, 1), or for each column of a matrix, shape (n, m)."""
        return _book.feedforward(self, a, sigmoid)

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

        Warns
        -----
        UserWarning
            Targets lie outside 0..1, where no output of a sigmoid gets.
        """
        tests = None if test_data is None else pairs(test_data, "test_data")
        if tests and _ORIGINALS.on_kernels(self, *_EVALUATING):
            tests = labelled(tests, "test_data")

        def after(training: _engine.Epochs, j: int) -> bool:
            training.refresh()
            evaluated = training.evaluated
            if tests:
                right = self.evaluate(tests) if evaluated is None else evaluated.hits(evaluated.outputs(self))
                print(f"Epoch {j}: {right} / {len(tests)}")
            else:
                print(f"Epoch {j} complete")
            return False

        training = _engine.Epochs(
            self,
            training_data,
            epochs,
            mini_batch_size,
            eta,
            0.0,
            tests,
            cost=lambda: "quadratic" if _ORIGINALS.on_kernels(self, *_TRAINING) else "",
            evaluates=lambda: not tests or bool(_ORIGINALS.on_kernels(self, *_EVALUATING)),
            shuffle=lambda: random.shuffle,
            step=lambda mini_batch, n: self.update_mini_batch(mini_batch, eta),
            after=after,
        )
        training.refresh()
        training.run()

    def update_mini_batch(self, mini_batch: Sequence[Pair], eta: float) -> None:
        """One step of gradient descent: the mean of the samples' gradients, times eta, is subtracted."""
        _book.step(self, mini_batch, eta)

    def backprop(self, x: Any, y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradient of the cost of one sample, or of a minibatch as matrices (BP1 to BP4).

        Parameters
        ----------
        x, y : array_like, shapes (sizes[0], 1) and (sizes[-1], 1), or (sizes[0], m) and (sizes[-1], m)

        Returns
        -------
        nabla_b : list of numpy.ndarray
            delta^l, shape (J, 1), or (J, m) of m samples: not summed over them.
        nabla_w : list of numpy.ndarray
            Of the shapes of ``weights``, summed over the samples.
        """

        def output_error(z: Any, a: Any, y: Any) -> Any:
            return self.cost_derivative(a, y) * sigmoid_prime(z)

        return _book.backprop(self, x, y, sigmoid, sigmoid_prime, output_error)

    def evaluate(self, test_data: Any) -> int:
        """How many samples have their largest output where the target says."""
        tests = labelled(test_data, "test_data")
        samples = _ORIGINALS.samples(self, tests)
        if samples is not None:
            return samples.hits(samples.outputs(self))
        return sum(int(np.argmax(self.feedforward(x)) == y) for x, y in tests)

    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        """dC/da of the output activations: a - y."""
        return output_activations - y


def sigmoid(z: Any) -> Any:
    """The sigmoid of every entry; it does not overflow."""
    t = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, t) / (1.0 + t)


def sigmoid_prime(z: Any) -> Any:
    """Its derivative, of z, not of the sigmoid of z."""
    a = sigmoid(z)
    return a * (1 - a)


_TRAINING = ("update_mini_batch", "backprop", "cost_derivative", "feedforward", "sigmoid", "sigmoid_prime")
_EVALUATING = ("evaluate", "feedforward", "sigmoid")
_ORIGINALS = _engine.Originals(globals(), ("num_layers", "weights", "biases"))
