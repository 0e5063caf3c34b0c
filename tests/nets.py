"""Random networks and data, and the bridge from a network to the textbook's lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastbp
from fastbp import jit
from fastbp.functions.costs import NAMED

HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish", "identity")
SMALL = jit.DISABLED
"""Plain Python: the same tests on smaller shapes."""


OF_NOTES = ("quadratic", "cross_entropy")


def legal_output(rng: np.random.Generator, costs: Sequence[str] = OF_NOTES) -> tuple[str, str]:
    """An output activation and a cost, one of these, that go together."""
    cost = str(rng.choice(costs))
    return str(rng.choice(NAMED[cost].outputs or HIDDEN)), cost


def random_net(
    rng: np.random.Generator, sizes: list[int], dtype: str, costs: Sequence[str] = OF_NOTES
) -> fastbp.Network:
    """A net of these sizes with random activations, a legal cost out of these and biases that are not 0."""
    output, cost = legal_output(rng, costs)
    hidden = [str(name) for name in rng.choice(HIDDEN, len(sizes) - 2)]
    net = fastbp.Network(
        sizes, activations=[*hidden, output], cost=cost, dtype=dtype, seed=rng, init="nielsen_unit_bias"
    )
    return net


def random_data(rng: np.random.Generator, net: fastbp.Network, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and targets that are legal for the net's cost."""
    X = rng.standard_normal((n, net.sizes[0])).astype(net.dtype)
    if net.activations[-1] == "softmax":
        Y = np.eye(net.sizes[-1])[rng.integers(0, net.sizes[-1], n)]
    else:
        Y = rng.uniform(0.02, 1, (n, net.sizes[-1])) if net.cost == "tweedie" else rng.random((n, net.sizes[-1]))
    return X, Y.astype(net.dtype)


def textbook_lists(net: fastbp.Network) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Copies of w^l and b^l, l = 1..L."""
    return [np.ascontiguousarray(w) for w in net.w], [np.array(b) for b in net.b]


def textbook_gradient(net: fastbp.Network, X: np.ndarray, Y: np.ndarray, **options: Any) -> Any:
    """The textbook's gradient of the net."""
    weights, biases = textbook_lists(net)
    functions: Any = {"activations": net.activations, "cost": net.cost, "cost_parameter": net.cost_parameter}
    return fastbp.textbook.minibatch_gradient(weights, biases, X, Y, **functions, **options)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are equal as bytes."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
