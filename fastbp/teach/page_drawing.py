"""What the stepping page draws: one sample before and after the step, its neurons, and the lines of a sum."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from fastbp.network import Network
from fastbp.teach.drawing import NEURONS, RADIUS, Plan, brief, colour, ink, square
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.formula import to_ascii
from fastbp.teach.notation import Notation
from fastbp.teach.numbers import one_sample, stepped
from fastbp.teach.steps import digits_of


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
        self.plan = Plan(net.sizes, NEURONS, wanted)
        self.explain = cache(self._explain)

    def _explain(self, l: int, j: int, of: str) -> Explanation:
        return explain(self.net, self.X[0], self.Y[0], l, j, of, notation=self.n)

    def number(self, what: str, l: int, j: int) -> Any:
        """z, a or delta of a neuron, or its activation after the step."""
        if l == 0:
            return self.X[0, j]
        return self.new.a[l][0, j] if what == "new a" else getattr(self.trace, what)[l][0, j]

    def values(self) -> dict[str, dict[str, Any]]:
        """How every drawn neuron looks for each quantity."""
        n, out = self.n, {}
        for what, symbol, spoken in (
            ("z", n.z, "weighted input"),
            ("a", n.a, "activation"),
            ("delta", n.delta, "error delta"),
            ("new a", n.a, "activation after the step"),
        ):
            found = {(l, j): self.number(what, l, j) for l, j in self.plan.points if l > 0 or what in ("a", "new a")}
            largest = max(abs(float(value)) for value in found.values())
            out[what] = {
                f"{l},{j}": {
                    "exact": digits_of(value),
                    "brief": brief(float(value)),
                    "negative": bool(value < 0),
                    "fill": colour(float(value), largest),
                    "ink": ink(float(value), largest),
                    "name": to_ascii(symbol(j, l)),
                    "spoken": spoken,
                }
                for (l, j), value in found.items()
            }
        return out

    def lines(self, l: int, terms: Iterable[tuple[int, int, Any, Any, str]]) -> list[dict[str, Any]]:
        """Lines between layers l - 1 and l, of from, to, value, share and title; their width is the share."""
        return [
            {
                "line": [*self.plan.points[l - 1, source], *self.plan.points[l, to]],
                "negative": bool(value < 0),
                "width": f"{1.5 + 7 * float(share):.2f}",
                "title": title,
            }
            for source, to, value, share, title in terms
        ]

    def sum_lines(self, e: Explanation) -> list[dict[str, Any]]:
        """Lines over which the sum of F1 runs, or that of BP2; none where BP1 has no sum over the layer after."""
        terms, l, j, n = e.terms, e.numbers.layer, e.numbers.neuron, self.n
        if e.numbers.of == "delta" and e.numbers.is_output:
            return []
        assert terms is not None
        products, shares = terms.products, terms.shares
        if e.numbers.of == "z":
            symbols = [(k, k, j, f"{n.w(j, k, l)} {n.a(k, l - 1)}") for k in self.plan.shown[l - 1]]
        else:
            l += 1
            symbols = [(k, j, k, f"{n.w(k, j, l)} {n.delta(k, l)}") for k in self.plan.shown[l]]
        return self.lines(
            l,
            (
                (*ends, products[k], shares[k], f"{to_ascii(symbol)} = {float(products[k]):.6g}, {shares[k]:.1%}")
                for k, *ends, symbol in symbols
            ),
        )

    def svg(self) -> str:
        """The drawing, before the page's script fills it in; weights before and after the step are on the lines."""
        plan, nodes, labels = self.plan, [], []
        for (l, j), (x, y) in plan.points.items():
            nodes.append(
                f'<g class="node" role="button" tabindex="0" data-l="{l}" data-j="{j}" aria-pressed="false">'
                "<title></title>"
                f'<circle class="halo" cx="{x:g}" cy="{y:g}" r="{RADIUS + 6}"/>'
                f'<circle class="body" cx="{x:g}" cy="{y:g}" r="{RADIUS}"/>'
                + square(x, y, 'class="body" ')
                + f'/><text x="{x:g}" y="{y + 4:g}" text-anchor="middle"></text></g>'
                + plan.index(l, j, 'class="faint index"')
            )
        for l, k, j, x, y in plan.weights():
            old, new = (brief(float(net.w[l][j, k])) for net in (self.net, self.after))
            labels.append(
                f'<text class="weight" x="{x:g}" y="{y:g}" text-anchor="middle" data-old="{old}" data-new="{new}">'
                "</text>"
            )
        return "\n".join(
            [
                f'<svg viewBox="0 0 {plan.width} {plan.height}" role="group" aria-label="Neurons, layer by layer">',
                *plan.captions(lambda l: f'class="caption" data-l="{l}"'),
                *plan.gaps('class="faint"'),
                *plan.backdrop('class="wire"'),
                '<g id="terms"></g>',
                *nodes,
                *labels,
                "</svg>",
            ]
        )
