"""``explain``: every term of one quantity of backpropagation, with the kernels' numbers, in many renderings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbp import checks
from fastbp.network import Network
from fastbp.teach.drawing import svg
from fastbp.teach.explained import Explained
from fastbp.teach.notation import Notation, find
from fastbp.teach.nudge import Nudge, make_nudge
from fastbp.teach.numbers import gather
from fastbp.teach.paths import Paths, find_paths
from fastbp.teach.render import latex, markdown, rich, text
from fastbp.teach.render_html import html
from fastbp.teach.source import Source, find_source
from fastbp.teach.steps import digits_of

if TYPE_CHECKING:
    from rich.console import Group

TERMS = 12
"""Rows of a sum that a rendering shows unless it is asked for more."""


class Explanation(Explained):
    """What `explain` found: one quantity, its terms, and every way of showing them.

    ``print(e)`` shows text; notebooks show HTML; ``text latex markdown html svg json`` return strings. Each takes
    ``digits`` (significant digits; None for all of the dtype) and ``terms`` (rows of a sum; None for all).
    ``.numbers`` has all of the numbers, ``.notation`` says in whose letters they are shown.
    """

    def in_notation(self, notation: str | Notation) -> Explanation:
        """The same numbers in the letters of ``"nielsen"``, ``"bishop"`` or ``"row"``."""
        return Explanation(self.numbers, find(notation))

    def sample(self, x: int) -> Explanation:
        """The explanation of one sample of the minibatch, by itself: a sample weight cancels."""
        numbers = self.numbers
        x = checks.check_int(x, "x", low=0, high=numbers.n_samples - 1)
        same = {name: getattr(numbers, name) for name in ("k", "learning_rate", "cost", "cost_parameter", "l1", "l2")}
        at = (numbers.layer, numbers.neuron, numbers.of)
        Y = None if numbers.Y is None else numbers.Y[x]
        return Explanation(gather(numbers.net, numbers.X[x], Y, *at, **same), self.notation)

    # Renderings

    def text(self, *, digits: int | None = None, terms: int | None = TERMS) -> str:
        """Plain text."""
        return text(self, digits, terms)

    def latex(self, *, digits: int | None = None, terms: int | None = TERMS) -> str:
        """LaTeX: paragraphs and displayed mathematics, as notebooks and documents take them."""
        return latex(self, digits, terms)

    def markdown(self, *, digits: int | None = None, terms: int | None = TERMS) -> str:
        """Markdown with LaTeX mathematics."""
        return markdown(self, digits, terms)

    def html(self, *, digits: int | None = None, terms: int | None = TERMS) -> str:
        """HTML that needs nothing else: MathML, tables, the drawing."""
        return html(self, digits, terms)

    def svg(self, *, digits: int | None = 4, terms: int | None = 8) -> str:
        """Drawing of the network: delta as colour and shape, the terms of the sum as the width of lines.

        ``terms`` is the number of neurons drawn of a layer.
        """
        return svg(self, digits, terms)

    def json(self, *, indent: int | None = 2) -> str:
        """``to_dict`` as JSON; a number that is not finite becomes null."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        numbers = self.numbers
        k = "" if numbers.k is None else f", k={numbers.k}"
        where = f"layer={numbers.layer}, neuron={numbers.neuron}{k}"
        return f"<Explanation of {numbers.of!r}, {where}: {digits_of(self.result)}>"

    def __rich__(self) -> Group:
        return rich(self, None, TERMS)

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_latex_(self) -> str:
        return self.latex()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    # Further questions

    def paths(self, n: int = 10) -> Paths:
        """Every path from z_j^l to the cost, with its product; their sum is delta_j^l.

        Parameters
        ----------
        n : int
            How many to return where there are more than 10,000: those with the largest ``|product|``.
        """
        return find_paths(self.numbers, n)

    def nudge(self, h: float = 1e-5) -> Nudge:
        """The derivative from two forward passes, and how its error depends on h.

        Parameters
        ----------
        h : float
            How far z_j^l, or the weight, is moved to either side.
        """
        return make_nudge(self.numbers, h)

    def source(self) -> Source:
        """The equation in index form and matrix form, the textbook's loop, and the kernel that ran."""
        return find_source(self.numbers)


def explain(
    net: Network,
    x: Any,
    y: Any = None,
    layer: int = 1,
    neuron: int = 0,
    of: str = "delta",
    *,
    k: int | None = None,
    learning_rate: float = 0.1,
    cost: checks.AnyCost | None = None,
    cost_parameter: float | None = None,
    sample_weight: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    notation: str | Notation = "nielsen",
) -> Explanation:
    """Every term of one quantity of backpropagation, with its numbers (F1, BP1 to BP4, U).

    These are the terms of the derivative of the cost, not a measure of what matters to the net.

    Parameters
    ----------
    net : Network
        Copied: the explanation stays what it is when the net is trained on.
    x : array_like, shape (sizes[0],) or (n_samples, sizes[0])
        A sample, or a minibatch.
    y : array_like
        The target: a label, or outputs of shape (sizes[-1],); one for each sample of a minibatch. ``of="z"`` needs
        none.
    layer, neuron : int
        l in 1..L and j, counted from 0.
    of : {"z", "delta", "weight", "bias", "update"}
        F1; BP1 or BP2; BP4, with ``k``; BP3; U of the weight with ``k``, of the bias without.
    k : int, optional
        Neuron of layer l - 1 where the weight comes from.
    learning_rate : float
        eta of ``of="update"``, which is a step of plain gradient descent; momentum and Adam take the same gradient.
    cost : str, optional
        In place of the network's.
    cost_parameter : float, optional
        In place of the network's, or of the default of ``cost``.
    sample_weight : array_like, shape (n_samples,), optional
        s_x of a minibatch, as in `Network.gradient`; every delta carries its sample's.
    l1, l2 : float
        Strengths of the penalties on weights, as in `Network.gradient`.
    notation : {"nielsen", "bishop", "row"}
        In whose letters.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError, TypeError
        For a layer, neuron, k or sample that does not exist or fit; the message says which do.
    """
    letters = find(notation)
    extras: dict[str, Any] = {
        "cost": cost,
        "cost_parameter": cost_parameter,
        "sample_weight": sample_weight,
        "l1": l1,
        "l2": l2,
    }
    return Explanation(gather(net, x, y, layer, neuron, of, k=k, learning_rate=learning_rate, **extras), letters)
