"""Names that go together, and coefs_ and intercepts_ as views of a network's theta."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastbp.kernels import layout
from fastbp.network import Network

NAMES = {"logistic": "sigmoid"}
"""scikit-learn's name of an activation -> fastbp's, where they differ."""

OF_LOSS = {"huber": "huber_delta", "quantile": "quantile", "tweedie": "power"}
"""Loss of regression -> the parameter of the estimator that it goes with."""


def fastbp_name(activation: str) -> str:
    """The activation under fastbp's name."""
    return NAMES.get(activation, activation)


def blank_network(sizes: Sequence[int], activations: Sequence[str], cost: str, dtype: Any) -> Network:
    """A network whose weights are 0: nothing is drawn."""
    net = Network.__new__(Network)
    net.__setstate__(
        {
            "sizes": tuple(int(size) for size in sizes),
            "activations": tuple(activations),
            "cost": cost,
            "dtype": np.dtype(dtype),
            "meta": {},
            "theta": 0.0,
        }
    )
    return net


def without_output(net: Network) -> Network:
    """Layers 0..L-1 of a network, on the same weights: layer after layer they stand in theta."""
    below = blank_network(net.sizes[:-1], net.activations[:-1], "quadratic", net.dtype)
    below._layers = net._layers[:-1]  # a last layer of one neuron would lie otherwise
    below._stand_on(net.theta[: int(net._layers[-1, layout.W])])
    return below


def views(net: Network, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """scikit-learn's shapes of a vector laid out like theta: (n_in, n_out) for each layer, and (n_out,)."""
    w, b = net._views(theta, "w", "b")
    return [layer.T for layer in w], list(b)


class Bound(NamedTuple):
    """A network and the views of its theta that an estimator shows as its fitted attributes."""

    net: Network
    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]

    @classmethod
    def of(cls, net: Network) -> Bound:
        """The views of this network."""
        return cls(net, *views(net, net.theta))

    def holds(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> bool:
        """Whether the attributes are still these views: nobody has assigned other arrays."""
        return (
            len(coefs) == len(self.coefs)
            and len(intercepts) == len(self.intercepts)
            and all(a is b for a, b in zip(coefs, self.coefs, strict=True))
            and all(a is b for a, b in zip(intercepts, self.intercepts, strict=True))
        )

    def take(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None:
        """Copy assigned arrays into theta, so that they take effect."""
        for given, own in zip([*coefs, *intercepts], [*self.coefs, *self.intercepts], strict=True):
            if given is not own:
                own[...] = given


def sizes_of(coefs: Sequence[Any], intercepts: Sequence[Any]) -> list[int]:
    """Neurons of all layers, from the shapes of coefs_ and intercepts_; ValueError unless they fit each other."""
    shapes = [np.shape(coef) for coef in coefs], [np.shape(intercept) for intercept in intercepts]
    sizes = [shape[0] for shape in shapes[0][:1] if shape] + [shape[-1] for shape in shapes[0] if shape]
    wanted = list(pairwise(sizes)), [(n,) for n in sizes[1:]]
    if len(sizes) < 2 or shapes != wanted:
        raise ValueError(
            f"coefs_ have shapes {shapes[0]} and intercepts_ {shapes[1]}; each layer needs (n_in, n_out) and (n_out,), "
            "n_in being n_out of the layer before. Assign arrays of such shapes."
        )
    return sizes
