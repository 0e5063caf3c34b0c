"""The numbers behind an explanation: checked input, one pass of the kernels, and the terms of one sum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.arrays import as_inputs, as_sample_weight
from fastbp.errors import argument_error
from fastbp.functions.activations import CODES, COSTS
from fastbp.functions.costs import NAMED
from fastbp.layers import Trace
from fastbp.network import Network, not_a_network
from fastbp.runtime.explained import activations, cost_slopes, partial_sums

Values = dict[str, Any]
"""Scalars of the net's dtype, and arrays of them, by name."""
QUANTITIES = ("z", "delta", "weight", "bias", "update")


@dataclass(frozen=True)
class Sum:
    """One sum, term by term.

    Attributes
    ----------
    letter : str
        The index: ``"k"`` over neurons, ``"x"`` over samples.
    first, second : numpy.ndarray
        The factors of each term, as the kernel has them.
    start : numpy scalar
        Where the running sum begins: b_j in F1, 0 elsewhere.
    running : numpy.ndarray
        The sum after each term. Where ``exact``, the kernel's own partial sums, bit for bit.
    exact : bool
        False where the kernel does not form this sum, because it collapses (softmax).
    """

    letter: str
    first: np.ndarray
    second: np.ndarray
    start: Any
    running: np.ndarray
    exact: bool = True

    @property
    def products(self) -> np.ndarray:
        """first * second, rounded by itself; inside the kernel it is not rounded before it is added."""
        return np.asarray(self.first * self.second)

    @property
    def shares(self) -> np.ndarray:
        """``|term| / sum |term|`` in float64; 0 where all terms are 0."""
        size = np.abs(self.products.astype(np.float64))
        total = size.sum()
        return np.asarray(size / total if total > 0 else size)

    @property
    def total(self) -> Any:
        """The sum."""
        return self.running[-1]

    def __len__(self) -> int:
        return len(self.first)

    def __repr__(self) -> str:
        return f"<Sum over {self.letter} of {len(self)} terms: {self.total}>"


def _sum(letter: str, start: Any, first: np.ndarray, second: np.ndarray, *, exact: bool = True) -> Sum:
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    start = first.dtype.type(start)
    return Sum(letter, first, second, start, partial_sums(start, first, second), exact)


def stepped(net: Network, trace: Trace, learning_rate: float) -> Network:
    """The network after one step of gradient descent: every weight and bias moves at once."""
    after, eta = net.copy(), net.dtype.type(learning_rate)
    for l in range(1, net.L + 1):
        after.w[l], after.b[l] = net.w[l] - eta * trace.w[l], net.b[l] - eta * trace.b[l]
    return after


@dataclass(frozen=True, repr=False)
class Numbers:
    """Every number that an explanation shows, of a network as it was when it was asked; of F1, Y may be None."""

    net: Network
    X: np.ndarray
    Y: np.ndarray | None
    of: str
    layer: int
    neuron: int
    k: int | None
    learning_rate: float
    weights: np.ndarray | None
    l1: float
    l2: float

    def __repr__(self) -> str:
        return f"<Numbers of {self.of!r}, layer={self.layer}, neuron={self.neuron}: {self.result}>"

    @property
    def cost(self) -> checks.Cost:
        """Name of the cost."""
        return self.net.cost

    @property
    def cost_parameter(self) -> float | None:
        """Of a cost that has one."""
        return self.net.cost_parameter

    @property
    def n_samples(self) -> int:
        """Samples in the minibatch."""
        return len(self.X)

    @property
    def weight(self) -> float:
        """sum s_x, what the sums over a minibatch are divided by."""
        return float(len(self.X) if self.weights is None else self.weights.sum(dtype=np.float64))

    @property
    def penalty(self) -> Values:
        """What else the cost consists of, as `Network.gradient` takes it."""
        return {"sample_weight": self.weights, "l1": self.l1, "l2": self.l2}

    @property
    def is_output(self) -> bool:
        """Whether the neuron is one of layer L."""
        return self.layer == self.net.L

    @property
    def activation(self) -> str:
        """Name of the layer's activation."""
        return self.net.activations[self.layer - 1]

    @property
    def terms(self) -> Sum | None:
        """The sum that the quantity comes from."""
        return self._found[0]

    @property
    def result(self) -> Any:
        """The quantity."""
        return self._found[1]

    @property
    def values(self) -> Values:
        """What else its steps show."""
        return self._found[2]

    @cached_property
    def trace(self) -> Trace:
        """One pass of the kernels."""
        return self.net.backprop(self.X, self._targets, **self.penalty)

    @property
    def _targets(self) -> np.ndarray:
        # F1 needs no target; any legal one lets the same pass compute it.
        J = self.net.sizes[-1]
        return np.full((len(self.X), J), 1 / J, self.net.dtype) if self.Y is None else self.Y

    def _own(self, of: Network | Trace) -> Any:
        """The parameter asked for, or its gradient."""
        l, j, k = self.layer, self.neuron, self.k
        return of.b[l][j] if k is None else of.w[l][j, k]

    def _entering(self) -> np.ndarray:
        """Activations of the layer before, a row for each sample."""
        return self.X if self.layer == 1 else self.trace.a[self.layer - 1]

    @cached_property
    def _found(self) -> tuple[Sum | None, Any, Values]:
        if self.of in ("z", "delta"):
            return self._mean() if self.n_samples > 1 else self._z() if self.of == "z" else self._delta()
        terms, g, values = self._gradient()
        if self.of != "update":
            return terms, g, values
        old, step = self._own(self.net), self.net.dtype.type(self.learning_rate) * g
        return terms, old - step, values | {"old": old, "g": g, "step": step} | self._after()

    def _mean(self) -> tuple[Sum, Any, Values]:
        """Of z or delta, over the samples: of delta what the kernels have as the gradient of the bias."""
        l, j, of_z = self.layer, self.neuron, self.of == "z"
        rows = (self.trace.z if of_z else self.trace.delta)[l][:, j]
        terms = _sum("x", 0, np.ones(len(rows), rows.dtype), rows, exact=not of_z)
        mean = rows.astype(np.float64).mean().astype(rows.dtype) if of_z else self.trace.b[l][j]
        return terms, mean, {"sum": terms.total}

    def _z(self) -> tuple[Sum, Any, Values]:
        """F1."""
        l, j, net = self.layer, self.neuron, self.net
        terms = _sum("k", net.b[l][j], net.w[l][j], self._entering()[0])
        return terms, self.trace.z[l][0, j], {"a": self.trace.a[l][0, j], "b": net.b[l][j]}

    def _delta(self) -> tuple[Sum | None, Any, Values]:
        """BP1, where only softmax has a sum, or BP2."""
        l, j, net, trace = self.layer, self.neuron, self.net, self.trace
        a, y, result = trace.a[l][0], self._targets[0], trace.delta[l][0, j]
        values: Values = {"z": trace.z[l][0, j], "a": a[j]}
        if l == net.L:
            values["y"] = y[j]
        if self.activation == "softmax":
            unit = np.zeros_like(a)
            unit[j] = 1
            # dC/da_k = -y_k / a_k and da_k/dz_j = a_k ([k = j] - a_j): a_k cancels, and nothing is divided by a 0.
            with np.errstate(divide="ignore", invalid="ignore"):
                values["dC/da"] = np.where(y == 0, 0, -y / a).astype(a.dtype)
            values["da/dz"] = a * (unit - a[j])
            return _sum("k", 0, 0 - y, unit - a[j], exact=False), result, values
        values["slope"] = activations(CODES[self.activation], trace.z[l][0, j : j + 1])[1][0]
        if l < net.L:
            return _sum("k", 0, trace.delta[l + 1][0], net.w[l + 1][:, j]), result, values
        here = slice(j, j + 1)
        values["dC/da"] = cost_slopes(COSTS[self.cost], trace.z[l][0, here], a[here], y[here], self.net._p)[0]
        if NAMED[self.cost].cancels:
            # a (1 - a) is sigma'(z) of the sigmoid; the stable form keeps its digits, and so does the quotient.
            with np.errstate(divide="ignore", invalid="ignore"):
                values["dC/da"] /= values["slope"]
        return None, result, values

    def _gradient(self) -> tuple[Sum, Any, Values]:
        """BP4, or BP3 without k: the sum over the samples, x in order, and its mean."""
        net, trace, s, n = self.net, self.trace, self.weights, self.n_samples
        delta = trace.delta[self.layer][:, self.neuron]
        a_prev = np.ones(n, net.dtype) if self.k is None else self._entering()[:, self.k]
        terms, result = _sum("x", 0, a_prev, delta), self._own(trace)
        values: Values = {"sum": terms.total}
        if self.l1 > 0 or self.l2 > 0:
            alone = trace if self.k is None else net.backprop(self.X, self._targets, sample_weight=s)
            values["mean"] = self._own(alone)
        if n > 1:
            values["mean a"], values["mean delta"] = a_prev.mean(), delta.mean()
            # One pass of the averaged sample: what a learner gets who averages before instead of after.
            means = (np.average(part, axis=0, weights=s).astype(net.dtype)[None] for part in (self.X, self._targets))
            values["averaged"] = self._own(net.backprop(*means))
        return terms, result, values

    def _after(self) -> Values:
        """Cost before and after the step; of a single sample also the neuron's activation."""
        l, j, old = self.layer, self.neuron, self.trace
        new = stepped(self.net, old, self.learning_rate).backprop(self.X, self._targets, **self.penalty)
        values = {"C": old.cost, "new C": new.cost}
        return values | ({"a": old.a[l][0, j], "new a": new.a[l][0, j]} if self.n_samples == 1 else {})


def check_net(net: Any) -> Network:
    """A network, and nothing else."""
    if not isinstance(net, Network):
        raise not_a_network(net)
    return net


def check_layer(net: Network, layer: Any) -> int:
    """A layer that has weights: 1..L."""
    number = checks.check_int(layer, "layer")
    if number == 0:
        raise argument_error(
            "layer",
            "is 0, the input: its activations are the sample itself, it has no weights, no z and no delta. "
            f"Pass a layer in 1..{net.L}.",
        )
    if not 1 <= number <= net.L:
        raise argument_error(
            "layer",
            f"is {number}; this network has layers 0 (the input) to {net.L} (the output). Pass a layer in 1..{net.L}.",
        )
    return number


def check_neuron(net: Network, neuron: Any, layer: int, name: str = "neuron") -> int:
    """A neuron of the layer, counted from 0."""
    number = checks.check_int(neuron, name)
    size = net.sizes[layer]
    if not 0 <= number < size:
        hint = f" The last one is {name}={size - 1}, because they count from 0." if number == size else ""
        raise argument_error(
            name, f"is {number}; layer {layer} has {size} neurons, 0..{size - 1}.{hint} Pass one of these numbers."
        )
    return number


def check_samples(net: Network, x: Any, y: Any, *, need_target: bool = True) -> tuple[np.ndarray, Any]:
    """One sample of shape (K,), or a minibatch of shape (n_samples, K), as a minibatch; with its targets."""
    single = np.ndim(x) == 1
    X = as_inputs(np.asarray(x)[None] if single else x, net.sizes[0], net.dtype, "x")
    if y is None:
        if need_target:
            raise argument_error(
                "y", "is None; an error needs a target to differ from. Pass the target of the sample.", TypeError
            )
        return X, None
    if single:
        y = np.asarray(y)[None] if np.ndim(y) < 2 else y
    return X, y


def dense_targets(net: Network, Y: Any, n: int) -> np.ndarray:
    """Targets as outputs, whether given so or as labels."""
    targets = net._targets(Y, n)
    if targets.labels is None:
        return np.asarray(targets.dense)
    return np.asarray(np.eye(net.sizes[-1], dtype=net.dtype)[targets.labels])


def one_sample(net: Network, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """A sample of shape (1, K), and its target as outputs of shape (1, J)."""
    X, Y = check_samples(net, x, y)
    if len(X) != 1:
        raise argument_error("x", f"has {len(X)} samples; one is needed. Pass one of them.")
    return X, dense_targets(net, Y, 1)


def _check_extras(of: str, n: int, sample_weight: Any, l1: Any, l2: Any) -> tuple[float, float]:
    """The penalties, where they and the sample weights make a difference."""
    l1, l2 = checks.check_real(l1, "l1", low=0.0), checks.check_real(l2, "l2", low=0.0)
    for name, value in (("l1", l1), ("l2", l2)):
        if value and of in ("z", "delta"):
            raise argument_error(
                name,
                f"is {value!r}, and of is {of!r}: a penalty adds to the gradient of a weight, and changes no z "
                "and no delta. Leave it out, or ask for of='weight' or of='update'.",
            )
    if sample_weight is not None and (n == 1 or of == "z"):
        raise argument_error(
            "sample_weight",
            "is given, and "
            + ("of is 'z', which does not depend on it" if of == "z" else "there is one sample: its weight cancels")
            + ". Leave it out.",
        )
    return l1, l2


def gather(
    net: Any,
    x: Any,
    y: Any,
    layer: Any,
    neuron: Any,
    of: str,
    *,
    k: Any,
    learning_rate: float,
    cost: checks.AnyCost | None,
    cost_parameter: float | None = None,
    sample_weight: Any = None,
    l1: float,
    l2: float,
) -> Numbers:
    """Check everything, and run the kernels once."""
    net = check_net(net)
    of = checks.check_name(of, QUANTITIES, "of")
    l = check_layer(net, layer)
    j = check_neuron(net, neuron, l)
    if of in ("z", "delta", "bias") and k is not None:
        raise argument_error("k", f"is {k!r}, and of is {of!r}: k is summed over or absent there. Leave it out.")
    if of == "weight" and k is None:
        raise argument_error(
            "of",
            f"is 'weight' without k; w_jk^{l} leads to neuron j = {j} from a neuron k of layer {l - 1}. "
            f"Pass k in 0..{net.sizes[l - 1] - 1}.",
        )
    k = None if k is None else check_neuron(net, k, l - 1, "k")
    eta = checks.check_real(learning_rate, "learning_rate", above=0.0)
    net = net.copy()
    net._set_cost(*net._cost_or(cost, cost_parameter))
    X, Y = check_samples(net, x, y, need_target=of != "z")
    l1, l2 = _check_extras(of, len(X), sample_weight, l1, l2)
    s = as_sample_weight(sample_weight, len(X), net.dtype)
    targets = None if Y is None else dense_targets(net, Y, len(X))
    numbers = Numbers(net, X, targets, of, l, j, k, eta, s, l1, l2)
    _ = numbers.result  # computed now, while what it comes from is as it was
    return numbers
