"""The book's second network, chapter 3: cross-entropy, regularisation, initial weights, monitoring, early stopping.

``SGD`` trains on the compiled kernels; the weights are the book's to rounding.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp import _checks
from fastbp.nielsen import _engine
from fastbp.nielsen._columns import column, labelled, pairs, stacked, vectorized_result
from fastbp.nielsen.network import _backward, _forward, sigmoid, sigmoid_prime

__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "load",
    "sigmoid",
    "sigmoid_prime",
    "vectorized_result",
]


class QuadraticCost:
    """Half the squared distance."""

    @staticmethod
    def fn(a: Any, y: Any) -> float:
        """C of an output ``a`` and a target ``y``."""
        return float(0.5 * np.linalg.norm(a - y) ** 2)

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """The error of the output layer (BP1)."""
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """Binary cross-entropy, summed over the outputs."""

    @staticmethod
    def fn(a: Any, y: Any) -> float:
        """C of an output ``a`` and a target ``y``; 0 ln 0 is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))))

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """The error of the output layer (BP1): sigma' cancels, and z is not needed."""
        return a - y


KERNELS = {QuadraticCost: "quadratic", CrossEntropyCost: "cross_entropy"}
"""Costs that the kernels have; any other class runs the book's way."""


class Network:
    """A feedforward network of sigmoid neurons with a choice of cost.

    Parameters
    ----------
    sizes : list of int
    cost : class
        With static methods ``fn(a, y)`` and ``delta(z, a, y)``; one of your own runs the book's way.

    Attributes
    ----------
    num_layers, sizes, weights, biases
        As of `network.Network`; weights begin with standard deviation 1 / sqrt(n_in).
    cost : class
    """

    _fast = ("feedforward", "update_mini_batch", "backprop")

    def __init__(self, sizes: Sequence[int], cost: Any = CrossEntropyCost) -> None:
        _checks.check_sizes(sizes)
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self) -> None:
        """Standard normal biases, and weights of standard deviation 1 / sqrt(n_in)."""
        self.large_weight_initializer()
        self.weights = [w / np.sqrt(w.shape[1]) for w in self.weights]

    def large_weight_initializer(self) -> None:
        """Standard normal biases and weights, as in the first network: neurons saturate, and learning slows down."""
        normal = np.random.randn  # the book's global generator, all biases first
        self.biases = [normal(n_out, 1) for n_out in self.sizes[1:]]
        self.weights = [normal(n_out, n_in) for n_in, n_out in itertools.pairwise(self.sizes)]

    def feedforward(self, a: Any) -> np.ndarray:
        """The output for the input column ``a``."""
        a = column(a, self.sizes[0], "a")
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(w @ a + b)
        return np.asarray(a)

    def SGD(
        self,
        training_data: Any,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Any = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train by stochastic gradient descent with L2 regularisation.

        Parameters
        ----------
        training_data : iterable of (x, y)
            Columns. Copied to a list; the caller's keeps its order.
        epochs, mini_batch_size : int
        eta, lmbda : float
            Step size; strength of the penalty lmbda / 2n sum w^2, n the number of training samples.
        evaluation_data : iterable of (x, int), optional
            Validation or test samples, with their digits.
        monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy : bool
            What to compute, print and return after each epoch.
        early_stopping_n : int
            Stop after so many epochs without a better evaluation accuracy (which must be monitored); 0 never does.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : lists
            A number for each epoch of what was monitored. Accuracies are counts of samples.
        """
        data = pairs(training_data, "training_data")
        held = None if evaluation_data is None else pairs(evaluation_data, "evaluation_data")
        epochs = _checks.check_int(epochs, "epochs", low=0)
        size = _checks.check_int(mini_batch_size, "mini_batch_size", low=1)
        patience = _checks.check_int(early_stopping_n, "early_stopping_n", low=0)
        if not data:
            raise ValueError("training_data has no samples; at least one is needed. A zip can be read only once.")
        if (monitor_evaluation_cost or monitor_evaluation_accuracy) and not held:
            raise ValueError("Evaluation is to be monitored; there is no evaluation_data. Pass samples to evaluate.")
        if held and monitor_evaluation_accuracy and _engine.is_plain(self, Network, ("accuracy",)):
            held = labelled(held, "evaluation_data")
        if patience and not monitor_evaluation_accuracy:
            raise ValueError(
                "early_stopping_n watches the evaluation accuracy, which is not monitored. Pass "
                "monitor_evaluation_accuracy=True and evaluation_data."
            )
        records: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])
        wanted = (
            monitor_training_cost,
            monitor_training_accuracy,
            monitor_evaluation_cost,
            monitor_evaluation_accuracy,
        )

        def after(j: int) -> bool:
            print(f"Epoch {j} training complete")  # noqa: T201
            self._monitor(records, data, held or [], lmbda, wanted)
            return bool(patience) and _since_best(records[1]) >= patience

        self._epochs(data, epochs, size, eta, lmbda, after)
        return records

    def _epochs(
        self, data: list[Any], epochs: int, size: int, eta: float, lmbda: float, after: Callable[[int], bool]
    ) -> None:
        """Train until ``after`` says stop: on the kernels, or the book's way."""
        n = len(data)
        order = list(range(n))
        cost = KERNELS.get(self.cost)
        if cost and _engine.is_plain(self, Network, self._fast) and _engine.is_float64(self):
            eta = _checks.check_real(eta, "eta", above=0.0)
            lmbda = _checks.check_real(lmbda, "lmbda", low=0.0)
            X = stacked([x for x, _ in data], self.sizes[0], "x")
            Y = stacked([y for _, y in data], self.sizes[-1], "y")
            # The kernels' cross-entropy takes probabilities; the book's does not ask.
            if cost == "quadratic" or (Y.min() >= 0 and Y.max() <= 1):
                mixed = _engine.shuffler(random.shuffle, order)
                _engine.Twin(self, cost).train(X, Y, mixed, epochs, size, eta, lmbda / n, after)
                return
        for j in range(epochs):
            random.shuffle(order)
            for k in range(0, n, size):
                self.update_mini_batch([data[i] for i in order[k : k + size]], eta, lmbda, n)
            if after(j):
                return

    def _monitor(self, records: Any, data: list[Any], held: list[Any], lmbda: float, wanted: Sequence[bool]) -> None:
        """Compute, print and keep what is monitored, in the book's order and words."""
        on_training, hits_training, on_evaluation, hits_evaluation = wanted
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = records
        if on_training:
            training_cost.append(self.total_cost(data, lmbda))
            print(f"Cost on training data: {training_cost[-1]}")  # noqa: T201
        if hits_training:
            training_accuracy.append(self.accuracy(data, convert=True))
            print(f"Accuracy on training data: {training_accuracy[-1]} / {len(data)}")  # noqa: T201
        if on_evaluation:
            evaluation_cost.append(self.total_cost(held, lmbda, convert=True))
            print(f"Cost on evaluation data: {evaluation_cost[-1]}")  # noqa: T201
        if hits_evaluation:
            evaluation_accuracy.append(self.accuracy(held))
            print(f"Accuracy on evaluation data: {evaluation_accuracy[-1]} / {len(held)}")  # noqa: T201

    def update_mini_batch(self, mini_batch: Sequence[Any], eta: float, lmbda: float, n: int) -> None:
        """One step of gradient descent; the weights, not the biases, shrink by eta lmbda / n of themselves."""
        step = eta / len(mini_batch)
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            nabla_b, nabla_w = self.backprop(x, y)
            sum_b = [total + one for total, one in zip(sum_b, nabla_b, strict=True)]
            sum_w = [total + one for total, one in zip(sum_w, nabla_w, strict=True)]
        keep = 1 - eta * lmbda / n
        self.weights = [keep * w - step * g for w, g in zip(self.weights, sum_w, strict=True)]
        self.biases = [b - step * g for b, g in zip(self.biases, sum_b, strict=True)]

    def backprop(self, x: Any, y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradient of the cost of one sample (BP1 to BP4): ``nabla_b, nabla_w``."""
        a, z = _forward(self, x)
        return _backward(self, a, z, self.cost.delta(z[-1], a[-1], column(y, self.sizes[-1], "y")))

    def _outputs(self, data: list[Any]) -> np.ndarray:
        """a^L of every sample, in rows."""
        if data and _engine.is_plain(self, Network, ("feedforward",)) and _engine.is_float64(self):
            return _engine.Evaluation(data, self.sizes).outputs(self)
        return np.array([np.ravel(self.feedforward(x)) for x, _ in data]).reshape(len(data), self.sizes[-1])

    def accuracy(self, data: Any, convert: bool = False) -> int:
        """How many samples have their largest output where the target says.

        ``convert`` is True where targets are columns (training data), False where they are digits.
        """
        data = pairs(data, "data") if convert else labelled(data, "data")
        decided = np.argmax(self._outputs(data), axis=1)
        targets = [int(np.argmax(y)) if convert else y for _, y in data]
        return sum(int(d == y) for d, y in zip(decided, targets, strict=True))

    def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
        """Mean cost over the samples, and the penalty lmbda / 2n sum w^2, n their number.

        ``convert`` is True where targets are digits (validation and test data), False where they are columns.
        """
        data = pairs(data, "data")
        n = len(data)
        cost = 0.0
        for a, (_, y) in zip(self._outputs(data), data, strict=True):
            target = vectorized_result(y, self.sizes[-1]) if convert else y
            cost += self.cost.fn(a[:, None], target) / n
        return float(cost + 0.5 * (lmbda / n) * sum(np.linalg.norm(w) ** 2 for w in self.weights))

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write sizes, weights, biases and the name of the cost as JSON, in the book's form."""
        contents = {
            "sizes": [int(size) for size in self.sizes],
            "weights": [np.asarray(w).tolist() for w in self.weights],
            "biases": [np.asarray(b).tolist() for b in self.biases],
            "cost": str(self.cost.__name__),
        }
        text = json.dumps(contents)
        with open(filename, "w", encoding="utf-8") as file:
            file.write(text)


def _since_best(scores: list[int]) -> int:
    """Epochs since the first of the best scores."""
    return len(scores) - 1 - int(np.argmax(scores))


def load(filename: str | os.PathLike[str], cost: Any = None) -> Network:
    """Read a network that ``save``, or the book's own code, has written.

    Parameters
    ----------
    filename : path
    cost : class, optional
        Of a network with a cost class of your own, of which the file holds the name only.

    Raises
    ------
    ValueError
        The file is not such JSON, or names a cost that is not known here.
    """
    with open(filename, encoding="utf-8") as file:
        try:
            contents = json.load(file)
            sizes, name = contents["sizes"], contents["cost"]
            weights = [np.array(w, np.float64) for w in contents["weights"]]
            biases = [np.array(b, np.float64) for b in contents["biases"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{os.fspath(filename)!r} is not a network of the book: {type(error).__name__} {error}. It needs JSON "
                "with sizes, weights, biases and cost."
            ) from None
    if cost is None:
        known = {kind.__name__: kind for kind in KERNELS}
        if name not in known:
            raise ValueError(
                f"The network's cost is {name!r}; this module has {' and '.join(known)}. Pass the class: cost=..."
            )
        cost = known[name]
    net = Network(sizes, cost=cost)
    net.weights, net.biases = weights, biases
    if not _engine.is_float64(net):
        shapes = [w.shape for w in weights]
        raise ValueError(f"The weights have shapes {shapes}; sizes {sizes} need others. The file is damaged.")
    return net
