"""What an explanation starts from: the network's weights and biases, the sample and its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.network import Network
from fastbp.teach.drawing import NEURONS, WIRE, Plan, brief, document
from fastbp.teach.formula import to_ascii
from fastbp.teach.notation import NIELSEN as n
from fastbp.teach.numbers import check_net, one_sample
from fastbp.teach.render import preformatted
from fastbp.teach.steps import digits_of


@dataclass(frozen=True)
class Overview:
    """A network and a sample; it prints as text, and notebooks draw it.

    Attributes
    ----------
    net : Network
    x : numpy.ndarray, shape (sizes[0],)
    y : numpy.ndarray, shape (sizes[-1],)
    """

    net: Network
    x: np.ndarray
    y: np.ndarray

    def __str__(self) -> str:
        net = self.net
        lines = ["The network and the sample: what every number of backpropagation comes from.", repr(net), ""]
        lines.append(f"sample  x = a^0 = {_written(self.x)}")
        for l in range(1, net.L + 1):
            lines.append(f"layer {l}, {net.activations[l - 1]}: a row of weights for each neuron j, and its bias")
            lines += _beside(f"w^{l} = {_written(net.w[l])}", f"b^{l} = {_written(net.b[l][:, None])}")
        return "\n".join([*lines, f"target  y = {_written(self.y)}"])

    __repr__ = __str__

    def svg(self) -> str:
        """Drawing of the network, its weights on the lines; the input's neurons carry the sample."""
        net = self.net
        plan = Plan(net.sizes, NEURONS, [None] * (net.L + 1))
        parts = [*plan.captions(), *plan.gaps(), *plan.backdrop(WIRE)]
        largest = max(abs(float(v)) for v in self.x)
        for l, j in plan.points:
            symbol, number = (n.b(j, l), net.b[l][j]) if l else (n.a(j, 0), self.x[j])
            value, title = None if l else float(number), f"{to_ascii(symbol)} = {digits_of(number)}"
            parts.append(plan.node(l, j, value, largest, "" if value is None else brief(value), title))
        for l, k, j, x, y in plan.weights():
            parts.append(
                f'<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="10.5" stroke="#ffffff" stroke-width="5" '
                f'paint-order="stroke">{brief(float(net.w[l][j, k]))}</text>'
            )
        return document(plan.width, plan.height, f"{net!r}, its weights and the sample", parts)

    def _repr_html_(self) -> str:
        return preformatted(str(self)) + self.svg()


def overview(net: Network, x: Any, y: Any) -> Overview:
    """Weights, biases, sample and target, as text and as a drawing.

    Parameters
    ----------
    net : Network
    x : array_like, shape (sizes[0],)
        A sample.
    y : array_like
        Its target: a label, or outputs of shape (sizes[-1],).

    Returns
    -------
    Overview

    Raises
    ------
    ValueError, TypeError
        For a sample or target that does not fit the network, or several samples.
    """
    check_net(net)
    X, Y = one_sample(net, x, y)
    return Overview(net.copy(), X[0], Y[0])


def _written(values: np.ndarray) -> str:
    """As NumPy writes it; of more than six rows or columns the first and last three."""
    return np.array2string(values, separator=", ", max_line_width=200, threshold=0, edgeitems=3)


def _beside(left: str, right: str) -> list[str]:
    """Two blocks of lines side by side, each hanging under its first bracket."""
    blocks = []
    for text in (left, right):
        first, *rest = text.split("\n")
        indent = " " * (first.index("[") if "[" in first else 0)
        blocks.append([first, *(indent + line for line in rest)])
    height = max(map(len, blocks))
    width = max(map(len, blocks[0])) + 3
    padded = [block + [""] * (height - len(block)) for block in blocks]
    return ["  " + (a.ljust(width) + b).rstrip() for a, b in zip(*padded, strict=True)]
