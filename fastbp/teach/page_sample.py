"""What the stepping page is about: one sample, its pass forward and backward, and the same sample after the step."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastbp.network import Network
from fastbp.teach.drawing import Plan, shown_neurons
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.notation import Notation
from fastbp.teach.numbers import one_sample, stepped

NEURONS = 8
"""Neurons of a layer that are drawn."""


class Sample:
    """One sample, its numbers before and after the step, and the neurons that are drawn.

    Parameters
    ----------
    net, x, y, eta, notation
        As in `explain`.
    wanted : list of int
        Of each layer, the neuron looked at first.
    """

    def __init__(self, net: Network, x: Any, y: Any, eta: float, notation: Notation, wanted: list[int]) -> None:
        self.net, self.eta, self.n, self.wanted = net, eta, notation, wanted
        self.X, self.Y = one_sample(net, x, y)
        self.trace = net.backprop(self.X, self.Y)
        self.after = stepped(net, self.trace, eta)
        self.new = self.after.backprop(self.X, self.Y)
        self.plan = Plan(
            [shown_neurons(size, NEURONS, j) for size, j in zip(net.sizes, wanted, strict=True)], net.sizes
        )
        self.explain = cache(self._explain)

    def _explain(self, l: int, j: int, of: str) -> Explanation:
        return explain(self.net, self.X[0], self.Y[0], l, j, of, notation=self.n)

    def number(self, what: str, l: int, j: int) -> Any:
        """z, a or delta of a neuron, or its activation after the step."""
        if l == 0:
            return self.X[0, j]
        return self.new.a[l][0, j] if what == "new a" else getattr(self.trace, what)[l][0, j]
