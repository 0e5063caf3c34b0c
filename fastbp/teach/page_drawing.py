"""What the stepping page draws: one sample before and after the step, its neurons, and the lines of a sum."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastbp.network import Network
from fastbp.teach.drawing import NEURONS, RADIUS, Plan, brief, colour, ink, square, sum_edges
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

    def line(self, l: int, k: int, j: int, value: Any, share: Any, symbol: str, number: str) -> dict[str, Any]:
        """The line from neuron k of layer l - 1 to neuron j of layer l; its width is the share."""
        return {
            "line": [*self.plan.points[l - 1, k], *self.plan.points[l, j]],
            "negative": bool(value < 0),
            "width": f"{1.5 + 7 * float(share):.2f}",
            "title": f"{to_ascii(symbol)} = {number}",
        }

    def sum_lines(self, e: Explanation) -> list[dict[str, Any]]:
        """Lines over which the sum of F1 runs, or that of BP2."""
        n, lines = self.n, []
        for l, k, j, i in sum_edges(e.numbers, self.plan):
            assert e.terms is not None
            product, share = e.terms.products[i], e.terms.shares[i]
            symbol = f"{n.w(j, k, l)} {n.a(k, l - 1) if e.numbers.of == 'z' else n.delta(j, l)}"
            lines.append(self.line(l, k, j, product, share, symbol, f"{float(product):.6g}, {share:.1%}"))
        return lines

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
