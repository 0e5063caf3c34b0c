"""Whether training has exploded: weights and cost grow without end long before a number overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastbp.chunks import all_finite, largest_magnitude
from fastbp.functions.costs import NAMED
from fastbp.targets import Targets

if TYPE_CHECKING:
    from fastbp.network import Network

FACTOR = 1e6
"""How far both the cost and the largest weight or bias must have grown. No training that learns comes near it."""


class Watch:
    """Tells whether a run has exploded, from what the net has been at its start."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self.limit = FACTOR * max(1.0, largest_magnitude(net.theta))
        """Of the largest weight or bias: beyond it, weights have exploded."""

    def weights_have_grown(self) -> bool:
        """Whether the weights have exploded, which is half of it."""
        return largest_magnitude(self._net.theta) > self.limit  # NaN is no growth

    def explosion(self, first: float | None, cost: float, of_constant: Callable[[], float]) -> str | None:
        """How far the run has come if cost and weights have both exploded, in words; else None.

        ``first`` is C of the first minibatch, before any update; None where no minibatch had any weight.
        ``of_constant`` gives C of the best constant outputs, and is asked only where all else speaks for an explosion.
        """
        first = first or 0.0
        if cost <= FACTOR * first or not self.weights_have_grown():
            return None
        constant = of_constant()
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
    infinite = (
        (slot, l)
        for slot, values in enumerate(state.reshape(-1, net.theta.size))
        for l, parts in enumerate(zip(*net._views(values, "w", "b"), strict=True), 1)
        if not all(np.isfinite(part).all() for part in parts)
    )
    return next(infinite)


def cost_of_best_constant(
    net: Network,
    targets: Targets,
    weight: np.ndarray | None,
    samples: np.ndarray | slice = slice(None),
) -> float:
    """C of the constant outputs that do best on some samples; the same sample may come several times."""
    cost, p = NAMED[net.cost], net._p
    if targets.dense is None:
        assert targets.labels is not None
        y = np.eye(net.sizes[-1])[targets.labels[samples]]
    else:
        y = targets.dense[samples].astype(np.float64)
    s = np.ones(len(y)) if weight is None else weight[samples].astype(np.float64)

    def least(y: np.ndarray, s: np.ndarray) -> float:
        best = cost.best(y, s, p) if cost.best else np.average(y, axis=0, weights=s)
        with np.errstate(divide="ignore", invalid="ignore"):  # targets that are all 0
            each = cost.analytic(None, np.broadcast_to(best, y.shape), y, net.activations[-1], p)
        return float(np.nan_to_num(np.average(each, weights=s)))

    if targets.output_weight is None:
        return least(y, s)
    total = 0.0
    for j, u in enumerate(targets.output_weight.tolist()):
        there = ~np.isnan(y[:, j])
        share = s[there].sum() / s.sum()
        total += u * share * least(y[there, j : j + 1], s[there]) if share > 0 else 0.0
    return float(total)
