"""The steps of the stepping page, each with a panel for every neuron that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from fastbp.functions.costs import NAMED
from fastbp.teach.derivation import GROWN
from fastbp.teach.formula import shown, to_mathml
from fastbp.teach.page_drawing import Sample
from fastbp.teach.render import step_pieces
from fastbp.teach.render_html import MINUS, forms, formula
from fastbp.teach.steps import Step, chosen, digits_of, num

FOLDED = 24
"""Weights and biases of a layer from which they are shown on request."""

LEGENDS = {
    "z": "Circle, orange: positive. Square, purple: negative. Lines: the terms of the sum, dashed where negative.",
    "u": "Circles and squares: the errors that the gradients came from.",
    "w": "Circle, orange: positive. Square, purple: negative.",
    "g": "Lines: dC/dw of the weights that lead to this neuron, dashed where negative.",
}

Panel = dict[str, Any]
"""What a neuron shows in a step: its html, and the lines of its terms."""
Shown = dict[str, Any]
"""What the page shows of a step."""


class Steps:
    """The steps of a sample, with so many digits (None for all) and rows of a sum.

    ``asked`` is the weight whose row stands out: its layer l, and k.
    """

    def __init__(self, sample: Sample, digits: int | None, terms: int | None, asked: tuple[int, int | None]) -> None:
        self.sample, self.digits, self.most, self.asked = sample, digits, terms, asked
        self.net, self.n, self.plan, self.number = sample.net, sample.n, sample.plan, sample.number
        self.L = self.net.L

    def all(self) -> list[Shown]:
        """Every step, in order."""
        layers = range(1, self.L + 1)
        return [
            self.start(),
            *(step for l in layers for step in self.forward(l)),
            self.cost(),
            *map(self.error, reversed(layers)),
            *map(self.gradients, reversed(layers)),
            *map(self.update, layers),
            self.end(),
        ]

    # What several of them need

    def step(
        self,
        kind: str,
        heading: str,
        shows: list[str],
        panels: str | dict[int, Panel],
        legend: str,
        l: int | None = None,
    ) -> Shown:
        """What the page shows of one step: of each layer, what its neurons carry, and a panel a neuron, or one."""
        return {
            "kind": kind,
            "label": "BP3, BP4" if kind == "BP4" else kind,
            "heading": heading,
            "layer": l,
            "shows": shows + [""] * (self.L + 1 - len(shows)),
            "panels": {"all": _panel(panels)} if isinstance(panels, str) else panels,
            "legend": LEGENDS[legend],
        }

    def back(self, l: int) -> list[str]:
        """What neurons carry once the errors have come back to layer l."""
        return ["a"] * l + ["delta"] * (self.L - l + 1)

    def panels(self, l: int, panel: Callable[[int], Panel]) -> dict[int, Panel]:
        """One for each neuron that is drawn."""
        return {j: panel(j) for j in self.plan.shown[l]}

    def result(self, source: str, value: Any) -> str:
        """The formula that ends in the number that the step is about."""
        return formula(source, self.digits, f'class="formula result" data-result="{digits_of(value)}"')

    def cell(self, value: Any, attributes: str = "") -> str:
        """A number in a table; its title has all digits."""
        exact = digits_of(value)
        return f'<td data-exact="{exact}" title="{exact}"{attributes}>{self.brief(exact)}</td>'

    def brief(self, exact: str) -> str:
        """A number's text to as many digits as are shown, with a minus as long as a plus."""
        return shown(exact, self.digits).replace("-", MINUS)

    def chips(self, pairs: Iterable[tuple[str, Any]]) -> str:
        """Letters and their numbers, side by side as far as the width goes."""
        parts = []
        for symbol, value in pairs:
            exact = digits_of(value)
            number = f"{to_mathml(symbol)} <b>{self.brief(exact)}</b>"
            parts.append(f'<span class="chip" data-exact="{exact}" title="{exact}">{number}</span>')
        return f'<p class="chips">{" ".join(parts)}</p>'

    def explained(self, step: Step) -> str:
        """A step of an explanation."""
        own = forms(self.digits, self.most)
        parts = [f"<h3>{escape(step.label)}</h3><p>{escape(step.text)}</p>"] if step.text else []
        for kind, content in step_pieces(step, self.most):
            wide = " wide" if kind == "table" and len(content.heads) == 3 else ""  # a phone stacks such rows
            written = "".join(own[kind](content)) if kind in own else ""
            parts.append(f'<div class="terms{wide}">{written}</div>' if kind == "table" else written)
        return "".join(parts)

    def row(self, first: object, cells: Iterable[str], attributes: str = "") -> str:
        """A row of a table."""
        return f"<tr{attributes}><td>{first}</td>{''.join(cells)}</tr>"

    def grid(self, heads: Sequence[str], l: int, row: Callable[[int], str], first: Sequence[str] = ()) -> str:
        """A table with a row for each neuron of a layer: the first ones and the last."""
        head, tail = chosen(self.net.sizes[l], self.most)
        between = (
            [f'<tr><td class="gap" colspan="{len(heads)}">{tail.start - head.stop} more</td></tr>'] if tail else []
        )
        return _table(heads, [*first, *map(row, head), *between, *map(row, tail)])

    def marked(self, l: int, j: int, k: int | None, kind: str = "") -> str:
        """Class of a row: that of the weight that the page was asked for stands out."""
        layer, asked = self.asked
        stands_out = asked is not None and (l, j, k) == (layer, self.sample.wanted[layer], asked)
        names = " ".join(filter(None, (kind, "asked" if stands_out else "")))
        return f' class="{names}"' if names else ""

    # The steps

    def start(self) -> Shown:
        """Network, sample and what is asked."""
        net, n = self.net, self.n
        first, last = self.plan.shown[0], self.plan.shown[-1]
        html = (
            "<p>One sample goes forward through the layers; then the question is asked backwards: how fast does the "
            "cost change with each weighted input? The notes call the answer the error:</p>"
            + formula(f"{n.delta('j', 'l')} = {n.rate(n.cost, n.z('j', 'l'))}", self.digits)
            + f"<h3>The sample: inputs x = {to_mathml(n.a('', 0))} and targets y</h3>"
            + self.chips((n.a(k, 0), self.sample.X[0, k]) for k in first)
            + _more(net.sizes[0] - len(first))
            + self.chips((f"y_{{{j}}}", self.sample.Y[0, j]) for j in last)
            + _more(net.sizes[-1] - len(last))
            + "".join(map(self.weights, range(1, net.L + 1)))
            + f"<p>Cost: {escape(net.cost)}.</p>"
        )
        return self.step("start", "The network and the sample", ["a"], html, "w")

    def weights(self, l: int) -> str:
        """Weights and biases of a layer."""
        net, n = self.net, self.n
        sources, neurons = self.plan.shown[l - 1], self.plan.shown[l]
        lines = [
            self.chips([*((n.w(j, k, l), net.w[l][j, k]) for k in sources), (n.b(j, l), net.b[l][j])]) for j in neurons
        ]
        inside = "".join(lines) + _more(net.w[l].size - len(sources) * len(neurons), "weights")
        title = f"Layer {l}, {escape(net.activations[l - 1])}: a line of weights and the bias for each neuron j"
        if len(neurons) * (len(sources) + 1) <= FOLDED:
            return f"<h3>{title}</h3>{inside}"
        return f"<details><summary>{title}</summary>{inside}</details>"

    def forward(self, l: int) -> list[Shown]:
        """F1 and F2."""

        def weighted_input(j: int) -> Panel:
            e = self.sample.explain(l, j, "z")
            html = self.result(e.steps[1].formulas[0], e.result)
            return _panel(html + self.explained(e.steps[0]), self.sample.sum_lines(e))

        def activation(j: int) -> Panel:
            a = self.number("a", l, j)
            step = self.sample.explain(l, j, "z").steps[2]
            html = self.result(f"{self.n.a(j, l)} = {num(a)}", a)
            return _panel(html + self.explained(step))

        f1, f2 = self.panels(l, weighted_input), self.panels(l, activation)
        return [
            self.step("F1", f"Weighted inputs of layer {l}", ["a"] * l + ["z"], f1, "z", l),
            self.step("F2", f"Activations of layer {l}", ["a"] * (l + 1), f2, "z", l),
        ]

    def cost(self) -> Shown:
        """C."""
        net, n, L = self.net, self.n, self.L
        drawn, a, C = self.plan.shown[L], n.a("j", "L"), self.sample.trace.cost
        rows = [self.row(j, map(self.cell, (self.number("a", L, j), self.sample.Y[0, j]))) for j in drawn]
        definition = {
            "quadratic": rf"{n.cost} = \frac{{1}}{{2}} \sum_j (y_j - {a})^2",
            "sigmoid": rf"{n.cost} = - \sum_j (y_j \ln {a} + (1 - y_j) \ln (1 - {a}))",
            "softmax": rf"{n.cost} = - \sum_j y_j \ln {a}",
            "poisson": rf"{n.cost} = \sum_j ({a} - y_j \ln {a})",
        }.get(net.activations[-1] if net.cost == "cross_entropy" else net.cost, NAMED[net.cost].equations[0].latex)
        html = (
            self.result(f"{n.cost} = {num(C)}", C)
            + "<p>How far the outputs are from the target.</p>"
            + formula(definition, self.digits)
            + _table(("j", to_mathml(n.a("j", L)), to_mathml("y_j")), rows)
            + _more(net.sizes[-1] - len(drawn))
        )
        return self.step("C", "The cost of the sample", ["a"] * (L + 1), html, "w")

    def error(self, l: int) -> Shown:
        """BP1 or BP2."""

        def panel(j: int) -> Panel:
            e = self.sample.explain(l, j, "delta")
            *steps, result = e.steps
            html = self.result(result.formulas[-1], e.result)
            html += f'<p class="note">{escape(result.note)}</p>' if result.note else ""
            html += "".join(map(self.explained, steps))
            return _panel(html, self.sample.sum_lines(e))

        label = "BP1" if l == self.L else "BP2"
        return self.step(label, f"Errors of layer {l}", self.back(l), self.panels(l, panel), "z", l)

    def gradients(self, l: int) -> Shown:
        """BP3 and BP4."""
        n, p, trace = self.n, self.n.previous, self.sample.trace
        a_prev = self.sample.X[0] if l == 1 else trace.a[l - 1][0]

        def panel(j: int) -> Panel:
            g, b, delta = trace.w[l][j], trace.b[l][j], self.number("delta", l, j)
            size = np.abs(g.astype(np.float64))
            shares = size / (size.sum() or 1.0)
            heads = (p, n.a(p, l - 1), n.delta(j, l), n.rate(n.cost, n.w(j, p, l)))

            def row(k: int) -> str:
                cells = self.cell(a_prev[k]), self.cell(delta), self.cell(g[k], f" data-g={k}")
                return self.row(k, cells, self.marked(l, j, k, "negative" if g[k] < 0 else ""))

            html = (
                self.result(f"{n.rate(n.cost, n.b(j, l))} = {n.delta(j, l)} = {num(b)}", b)
                + "<h3>BP3</h3><p>How fast the cost changes with the bias: as fast as with the weighted input, which a "
                "bias moves one to one.</p><h3>BP4</h3><p>How fast the cost changes with a weight: the activation that "
                "the weight multiplies, times the error of the neuron to which it leads.</p>"
                + formula(
                    rf"{n.rate(n.cost, n.w('j', p, 'l'))} = {n.a(p, 'l-1')} \cdot {n.delta('j', 'l')}", self.digits
                )
                + self.grid([to_mathml(head) for head in heads], l - 1, row)
            )
            lines = [
                self.sample.line(l, k, j, g[k], shares[k], n.rate(n.cost, n.w(j, k, l)), digits_of(g[k]))
                for k in self.plan.shown[l - 1]
            ]
            return _panel(html, lines)

        return self.step("BP4", f"Gradients of layer {l}", self.back(l), self.panels(l, panel), "g", l)

    def update(self, l: int) -> Shown:
        """U, and the activations after it."""
        n, old, new, g = self.n, self.net, self.sample.after, self.sample.trace
        w, eta = n.w("j", n.previous, "l"), to_mathml(rf"\eta = {num(self.sample.eta)}", self.digits)

        def panel(j: int) -> Panel:
            def row(k: int) -> str:
                cells = *(self.cell(part.w[l][j, k]) for part in (old, g)), self.cell(new.w[l][j, k], f" data-new={k}")
                return self.row(to_mathml(n.w(j, k, l)), cells, self.marked(l, j, k))

            cells = *(self.cell(part.b[l][j]) for part in (old, g)), self.cell(new.b[l][j], " data-new=b")
            bias = self.row(to_mathml(n.b(j, l)), cells, self.marked(l, j, None))
            before, after = self.number("a", l, j), self.number("new a", l, j)
            return _panel(
                self.result(rf"{n.a(j, l)} = {num(before)} \to {num(after)}", after)
                + "<p>This neuron's activation before, and after all layers have moved and the sample has gone forward "
                f"once more.</p><p>A step against the gradient, with {eta}. All gradients came from the old weights; "
                "all weights and biases move at once.</p>"
                + formula(rf"{w} \leftarrow {w} - \eta \cdot {n.rate(n.cost, w)}", self.digits)
                + self.grid(("", "before", "gradient", "after"), l - 1, row, [bias])
            )

        return self.step("U", f"Update of layer {l}", self.back(l), self.panels(l, panel), "u", l)

    def end(self) -> Shown:
        """The sample after the step."""
        net, n = self.net, self.n
        old, new = self.sample.trace.cost, self.sample.new.cost
        html = (
            self.result(rf"{n.cost} = {num(old)} \to {num(new)}", new)
            + "<p>The cost before and after: the same sample goes forward through the new weights and biases. The "
            "drawing shows the activations that come out now.</p>"
        )
        html += f'<p class="note">{GROWN}</p>' if new > old else ""
        for l in range(net.L, 0, -1):
            drawn, a = self.plan.shown[l], to_mathml(n.a("j", l))
            heads, rows = ["j", f"{a} before", f"{a} after"], []
            heads += [to_mathml("y_j")] if l == net.L else []
            for j in drawn:
                after = self.cell(self.number("new a", l, j), f" data-after={j}")
                y = self.cell(self.sample.Y[0, j]) if l == net.L else ""
                rows.append(self.row(j, (self.cell(self.number("a", l, j)), after, y)))
            html += f"<h3>Layer {l}</h3>{_table(heads, rows)}{_more(net.sizes[l] - len(drawn))}"
        return self.step("end", "After the step", ["a"] + ["new a"] * net.L, html, "w")


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    above = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<table><thead><tr>{above}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _more(number: int, what: str = "") -> str:
    words = f"{number} more {what}".rstrip()
    return f'<p class="small">{words} {"is" if number == 1 else "are"} not shown.</p>' if number > 0 else ""


def _panel(html: str, terms: list[dict[str, Any]] | None = None) -> Panel:
    return {"html": html, "terms": terms or []}
