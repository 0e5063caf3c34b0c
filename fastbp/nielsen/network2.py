"""The book's second network, chapter 3: cross-entropy, regularisation, initial weights, monitoring, early stopping.

``SGD`` trains and monitors on the compiled kernels; the weights are the book's to rounding. A method, a cost's function
or a function of this module that is replaced, wherever, is called as the book's code would call it, in plain Python.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.nielsen import _book, _engine
from fastbp.nielsen._book import labelled, pairs, vectorized_result

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
        return float(np.sum(_cross_entropies(a, y)))

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """The error of the output layer (BP1): sigma' cancels, and z is not needed."""
        return a - y


def _cross_entropies(a: Any, y: Any) -> Any:
    """The cost of every entry."""
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = -y * np.log(a) - (1 - y) * np.log(1 - a)
    return costs if np.isfinite(costs).all() else np.nan_to_num(costs)


def sigmoid(z: Any) -> Any:
    """The sigmoid of every entry; it does not overflow."""
    t = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, t) / (1.0 + t)


def sigmoid_prime(z: Any) -> Any:
    """Its derivative, of z, not of the sigmoid of z."""
    a = sigmoid(z)
    return a * (1 - a)


class Network:
    """A feedforward network of sigmoid neurons with a choice of cost.

    Parameters
    ----------
    sizes : list of int
    cost : class or object
        With ``fn(a, y)`` and ``delta(z, a, y)``: a cost class of this module, an object of one, or one of your own,
        whose functions are called for one sample after another.

    Attributes
    ----------
    num_layers, sizes, weights, biases
        As of `network.Network`; weights begin with standard deviation 1 / sqrt(n_in).
    cost : class or object
    """

    def __init__(self, sizes: Sequence[int], cost: Any = CrossEntropyCost) -> None:
        checks.check_sizes(sizes)
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.weights: list[np.ndarray] = []
        self.biases: list[np.ndarray] = []
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self) -> None:
        """Standard normal biases, and weights of standard deviation 1 / sqrt(n_in)."""
        self.biases, weights = _book.standard_normal(self.sizes)
        self.weights = [w / np.sqrt(w.shape[1]) for w in weights]

    def large_weight_initializer(self) -> None:
        """Standard normal biases and weights, as in the first network: neurons saturate, and learning slows down."""
        self.biases, self.weights = _book.standard_normal(self.sizes)

    def feedforward(self, a: Any) -> np.ndarray:
        """The output for the input column ``a``, shape (n, 1), or for each column of a matrix, shape (n, m)."""
        return _book.feedforward(self, a, sigmoid)

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

        Warns
        -----
        UserWarning
            Targets lie outside 0..1, where no output of a sigmoid gets.
        """
        held = None if evaluation_data is None else pairs(evaluation_data, "evaluation_data")
        patience = checks.check_int(early_stopping_n, "early_stopping_n", low=0)
        if (monitor_evaluation_cost or monitor_evaluation_accuracy) and not held:
            raise ValueError("Evaluation is to be monitored; there is no evaluation_data. Pass samples to evaluate.")
        if held and monitor_evaluation_accuracy and _ORIGINALS.run(self, "accuracy"):
            held = labelled(held, "evaluation_data")
        if patience and not monitor_evaluation_accuracy:
            raise ValueError(
                "early_stopping_n watches the evaluation accuracy, which is not monitored. Pass "
                "monitor_evaluation_accuracy=True and evaluation_data."
            )
        on_training = _Monitor("training", monitor_training_cost, monitor_training_accuracy)
        on_evaluation = _Monitor("evaluation", monitor_evaluation_cost, monitor_evaluation_accuracy)

        def after(training: _engine.Epochs, j: int) -> bool:
            print(f"Epoch {j} training complete")
            training.refresh()
            on_training.look(self, training.data, training.samples, lmbda)
            on_evaluation.look(self, held or [], training.evaluated, lmbda)
            scores = on_evaluation.accuracy
            return bool(patience) and len(scores) - 1 - int(np.argmax(scores)) >= patience  # epochs since the best

        training = _engine.Epochs(
            self,
            training_data,
            epochs,
            mini_batch_size,
            eta,
            lmbda,
            held if on_evaluation.is_wanted else None,
            cost=lambda: _cost_on_kernels(self),
            evaluates=lambda: not (on_training.is_wanted or on_evaluation.is_wanted) or _monitors_on_kernels(self),
            shuffle=lambda: random.shuffle,
            step=lambda mini_batch, n: self.update_mini_batch(mini_batch, eta, lmbda, n),
            after=after,
        )
        training.run()
        return on_evaluation.cost, on_evaluation.accuracy, on_training.cost, on_training.accuracy

    def update_mini_batch(self, mini_batch: Sequence[Any], eta: float, lmbda: float, n: int) -> None:
        """One step of gradient descent; the weights, not the biases, shrink by eta lmbda / n of themselves."""
        _book.step(self, mini_batch, eta, keep=1 - eta * (lmbda / n))

    def backprop(self, x: Any, y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradient of the cost of one sample, or of a minibatch as matrices (BP1 to BP4).

        Parameters and results are those of `network.Network.backprop`.
        """
        return _book.backprop(self, x, y, sigmoid, sigmoid_prime, self.cost.delta)

    def accuracy(self, data: Any, convert: bool = False) -> int:
        """How many samples have their largest output where the target says.

        ``convert`` is True where targets are columns (training data), False where they are digits.
        """
        data = pairs(data, "data") if convert else labelled(data, "data")
        samples = _ORIGINALS.samples(self, data)
        if samples is not None:
            return samples.hits(samples.outputs(self), convert)
        results = [(np.argmax(self.feedforward(x)), np.argmax(y) if convert else y) for x, y in data]
        return sum(int(decided == y) for decided, y in results)

    def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
        """Mean cost over the samples, and the penalty lmbda / 2n sum w^2, n their number.

        ``convert`` is True where targets are digits (validation and test data), False where they are columns.
        """
        data = pairs(data, "data")
        samples = _ORIGINALS.samples(self, data)
        if samples is not None and _cost_of_entries(self) and not (convert and _units_are_replaced()):
            return _mean_cost(self, samples, samples.outputs(self), lmbda, convert)
        outputs = (
            (self.feedforward(x) for x, _ in data) if samples is None else (a[:, None] for a in samples.outputs(self))
        )
        n = len(data)
        cost = 0.0
        for a, (_, y) in zip(outputs, data, strict=True):
            cost += self.cost.fn(a, _unit(self, y) if convert else y) / n
        return cost + _penalty(self, lmbda, n)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write sizes, weights, biases and the name of the cost as JSON, in the book's form."""
        contents = {
            "sizes": [int(size) for size in self.sizes],
            "weights": [np.asarray(w).tolist() for w in self.weights],
            "biases": [np.asarray(b).tolist() for b in self.biases],
            "cost": str(getattr(self.cost, "__name__", type(self.cost).__name__)),
        }
        text = json.dumps(contents)
        with open(filename, "w", encoding="utf-8") as file:
            file.write(text)


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
        cost = globals().get(name) if isinstance(name, str) else None  # one that the user has put here counts too
        if not (callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))):
            raise ValueError(
                f"The network's cost is {name!r}; this module has QuadraticCost and CrossEntropyCost. Pass the class: "
                "cost=..."
            )
    net = Network(sizes, cost=cost)
    net.weights, net.biases = weights, biases
    if _engine.sizes_on_kernels(net) != list(sizes):
        shapes = [w.shape for w in weights]
        raise ValueError(f"The weights have shapes {shapes}; sizes {sizes} need others. The file is damaged.")
    return net


class _Monitor:
    """What is computed, printed and kept of one set of samples after each epoch, in the book's order and words."""

    def __init__(self, name: str, wants_cost: bool, wants_accuracy: bool) -> None:
        self.name, self.wants_cost, self.wants_accuracy = name, wants_cost, wants_accuracy
        self.is_wanted = wants_cost or wants_accuracy
        self.cost: list[float] = []
        self.accuracy: list[int] = []

    def look(self, net: Network, data: list[Any], samples: _engine.Samples | None, lmbda: float) -> None:
        """Evaluate the samples as they were read, or the book's way through the net's methods."""
        if not self.is_wanted:
            return
        digits = self.name == "evaluation"  # the targets of training data are columns
        outputs = None if samples is None else samples.outputs(net)
        if self.wants_cost:
            if samples is not None and outputs is not None:
                cost = _mean_cost(net, samples, outputs, lmbda, digits)
            else:
                cost = net.total_cost(data, lmbda, convert=True) if digits else net.total_cost(data, lmbda)
            self.cost.append(cost)
            print(f"Cost on {self.name} data: {cost}")
        if self.wants_accuracy:
            if samples is not None and outputs is not None:
                hits = samples.hits(outputs, columns=not digits)
            else:
                hits = net.accuracy(data) if digits else net.accuracy(data, convert=True)
            self.accuracy.append(hits)
            print(f"Accuracy on {self.name} data: {hits} / {len(data)}")


def _mean_cost(net: Network, samples: _engine.Samples, outputs: np.ndarray, lmbda: float, convert: bool) -> float:
    """`Network.total_cost` of samples whose outputs are known."""
    of_entries = _cost_of_entries(net)
    assert of_entries is not None
    costs = np.sum(of_entries(outputs, samples.units if convert else samples.Y), axis=1)
    return float(np.sum(costs / len(outputs))) + _penalty(net, lmbda, len(outputs))


def _penalty(net: Network, lmbda: float, n: int) -> float:
    return 0.5 * (lmbda / n) * sum(float(np.linalg.norm(w)) ** 2 for w in net.weights)


def _unit(net: Network, y: Any) -> Any:
    """The column of a digit; the book's own function knows ten of them."""
    return vectorized_result(y) if _units_are_replaced() else vectorized_result(y, len(net.weights[-1]))


def _units_are_replaced() -> bool:
    return vectorized_result is not _VECTORIZED_RESULT


# What the kernels know instead of a cost's functions, wherever a cost has them from.
_COSTS_ON_KERNELS = ((QuadraticCost.delta, "quadratic"), (CrossEntropyCost.delta, "cross_entropy"))
_COSTS_OF_ENTRIES = (
    (QuadraticCost.fn, lambda a, y: 0.5 * (a - y) ** 2),
    (CrossEntropyCost.fn, _cross_entropies),
)
_VECTORIZED_RESULT = vectorized_result
_TRAINING = ("update_mini_batch", "backprop", "feedforward", "sigmoid", "sigmoid_prime")


def _cost_on_kernels(net: Network) -> str:
    """Name of the cost under which the kernels do to the weights what the net's methods would, if they do."""
    if not _ORIGINALS.on_kernels(net, *_TRAINING):
        return ""
    delta = getattr(net.cost, "delta", None)
    return next((name for function, name in _COSTS_ON_KERNELS if function is delta), "")


def _cost_of_entries(net: Network) -> Callable[[Any, Any], Any] | None:
    """The cost's ``fn`` for every entry of arrays, if it is one of this module's."""
    fn = getattr(net.cost, "fn", None)
    return next((of_entries for function, of_entries in _COSTS_OF_ENTRIES if function is fn), None)


def _monitors_on_kernels(net: Network) -> bool:
    """Whether cost and accuracy can be had from the kernels' outputs, as the net's methods would compute them."""
    return (
        bool(_ORIGINALS.on_kernels(net, "total_cost", "accuracy", "feedforward", "sigmoid"))
        and not _units_are_replaced()
        and _cost_of_entries(net) is not None
    )


_ORIGINALS = _engine.Originals(globals(), ("num_layers", "weights", "biases", "cost"))
