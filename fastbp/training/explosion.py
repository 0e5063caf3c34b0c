"""Whether training has exploded: weights and cost grow without end long before a number overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastbp.arrays import Targets
from fastbp.chunks import all_finite, largest_magnitude

if TYPE_CHECKING:
    from fastbp.network import Network

FACTOR = 1e6
"""How far both the cost and the largest weight or bias must have grown. No training that learns comes near it."""


class Watch:
    """Tells whether a run has exploded, from what the net has been at its start.

    ``constant`` gives C of the best constant outputs, and is asked only where all else speaks for an explosion.
    """

    def __init__(self, net: Network, constant: Callable[[], float]) -> None:
        self._net, self._constant = net, constant
        self._limit = FACTOR * max(1.0, largest_magnitude(net.theta))

    def weights_have_grown(self) -> bool:
        """Whether the weights have exploded, which is half of it."""
        return largest_magnitude(self._net.theta) > self._limit

    def explosion(self, first: float | None, cost: float) -> str | None:
        """How far the run has come if cost and weights have both exploded, in words; else None.

        ``first`` is C of the first minibatch, before any update; None where no minibatch had any weight.
        """
        first = first or 0.0
        if cost <= FACTOR * first or not self.weights_have_grown():
            return None
        constant = self._constant()
        if cost <= FACTOR * constant:
            return None
        return (
            f"has grown from {first:.2g} in the first minibatch to {cost:.2g}, that of the best constant output is "
            f"{constant:.2g}, and"
        )


def infinite_moment(net: Network, state: np.ndarray) -> tuple[int, int] | None:
    """Which vector of an optimizer's state is not finite, and in which layer; None where all are."""
    if not state.size or all_finite(state):
        return None
    places = (
        (slot, l)
        for slot, values in enumerate(state.reshape(-1, net.theta.size))
        for l, parts in enumerate(zip(*net._views(values, "w", "b"), strict=True), 1)
        if not all(np.isfinite(part).all() for part in parts)
    )
    return next(places)


def cost_of_best_constant(
    net: Network, targets: Targets, weight: np.ndarray | None, samples: np.ndarray | slice = slice(None)
) -> float:
    """C of the constant outputs that do best on some samples: for each of these costs, the mean target.

    The same sample may come several times.
    """
    if targets.dense is None:
        assert targets.labels is not None
        y = np.eye(net.sizes[-1])[targets.labels[samples]]
    else:
        y = targets.dense[samples].astype(np.float64)
    s = np.ones(len(y)) if weight is None else weight[samples].astype(np.float64)
    s = s / s.sum()
    mean = s @ y
    if net.cost == "quadratic":
        return float(s @ ((y - mean) ** 2).sum(axis=1) / 2)
    if net.cost == "poisson":
        return float(s @ (_times_log(y, y) - _times_log(y, mean)).sum(axis=1))
    entropy = -_times_log(mean, mean).sum()
    if net.activations[-1] == "sigmoid":  # of each output by itself, 1 - y beside y
        entropy -= _times_log(1 - mean, 1 - mean).sum()
    return float(entropy)


def _times_log(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """y ln x, where 0 ln x = 0."""
    result: np.ndarray = y * np.log(np.where(y > 0, x, 1.0))
    return result
