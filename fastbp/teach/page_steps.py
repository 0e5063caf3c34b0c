"""The steps of the stepping page, each with a panel for every neuron that is drawn."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from fastbp.teach import page_parts as parts
from fastbp.teach.formula import to_ascii, to_mathml
from fastbp.teach.page_drawing import lines, sum_lines
from fastbp.teach.page_sample import Sample
from fastbp.teach.render_html import formula
from fastbp.teach.steps import chosen, digits_of, num

FOLDED = 24
"""Weights and biases of a layer from which they are shown on request."""

LEGENDS = {
    "": "Dotted: not computed yet.",
    "z": "Circle, orange: positive. Square, purple: negative. Lines: the terms of the sum, dashed where negative.",
    "u": "Circles and squares: the errors that the gradients came from.",
    "w": "Circle, orange: positive. Square, purple: negative.",
    "g": "Lines: dC/dw of the weights that lead to this neuron, dashed where negative.",
}


class Steps:
    """The steps of a sample, with so many digits (None for all) and rows of a sum.

    ``asked`` is the weight whose row stands out: its layer l, and k.
    """

    def __init__(self, sample: Sample, digits: int | None, terms: int | None, asked: tuple[int, int | None]) -> None:
        self.sample, self.digits, self.most, self.asked = sample, digits, terms, asked
        self.net, self.n, self.plan, self.number = sample.net, sample.n, sample.plan, sample.number

    def rows(self, l: int) -> tuple[range, range, int]:
        """Neurons of a layer for a table: the first ones, the last ones, and how many are between."""
        head, tail = chosen(self.net.sizes[l], self.most)
        return head, tail, tail.start - head.stop if tail else 0

    def cell(self, value: Any, attributes: str = "") -> str:
        """A number in a table."""
        return parts.cell(value, self.digits, attributes)

    def step(
        self, kind: str, label: str, heading: str, l: int | None, shows: list[str], panels: Any, legend: str
    ) -> Any:
        """What the page shows of one step; ``shows`` is what each layer's neurons carry."""
        return {
            "kind": kind,
            "label": label,
            "heading": heading,
            "layer": l,
            "shows": shows,
            "panels": panels,
            "legend": LEGENDS[legend],
        }

    def start(self) -> Any:
        """Network, sample and what is asked."""
        net, n = self.net, self.n
        first, last = self.plan.shown[0], self.plan.shown[-1]
        html = (
            "<p>One sample goes forward through the layers; then the question is asked backwards: how fast does the "
            "cost change with each weighted input? The notes call the answer the error:</p>"
            + formula(f"{n.delta('j', 'l')} = {n.rate(n.cost, n.z('j', 'l'))}", self.digits)
            + f"<h3>The sample: inputs x = {to_mathml(n.a('', 0))} and targets y</h3>"
            + parts.chips([(n.a(k, 0), self.sample.X[0, k]) for k in first], self.digits)
            + _more(net.sizes[0] - len(first))
            + parts.chips([(f"y_{{{j}}}", self.sample.Y[0, j]) for j in last], self.digits)
            + _more(net.sizes[-1] - len(last))
            + "".join(self.weights(l) for l in range(1, net.L + 1))
            + f"<p>Cost: {escape(net.cost)}.</p>"
        )
        return self.step("start", "start", "The network and the sample", None, ["a"] + [""] * net.L, _all(html), "w")

    def weights(self, l: int) -> str:
        """Weights and biases of a layer."""
        net, n = self.net, self.n
        sources, neurons = self.plan.shown[l - 1], self.plan.shown[l]
        lines = []
        for j in neurons:
            pairs = [(n.w(j, k, l), net.w[l][j, k]) for k in sources] + [(n.b(j, l), net.b[l][j])]
            lines.append(parts.chips(pairs, self.digits))
        inside = "".join(lines) + _more(net.w[l].size - len(sources) * len(neurons), "weights")
        title = f"Layer {l}, {escape(net.activations[l - 1])}: a line of weights and the bias for each neuron j"
        if len(neurons) * (len(sources) + 1) <= FOLDED:
            return f"<h3>{title}</h3>{inside}"
        return f"<details><summary>{title}</summary>{inside}</details>"

    def forward(self, l: int) -> list[Any]:
        """F1 and F2."""
        L, n = self.net.L, self.n
        before = ["a"] * l
        f1, f2 = {}, {}
        for j in self.plan.shown[l]:
            e = self.sample.explain(l, j, "z")
            first, result, second = e.steps
            html = parts.result(result.formulas[0], e.result, self.digits) + parts.step_html(
                first, self.digits, self.most
            )
            f1[j] = _panel(html, sum_lines(self.sample, e, l, forward=True))
            a = self.number("a", l, j)
            html = parts.result(f"{n.a(j, l)} = {num(a)}", a, self.digits)
            f2[j] = _panel(html + parts.step_html(second, self.digits, self.most))
        later = [""] * (L - l)
        return [
            self.step("F1", "F1", f"Weighted inputs of layer {l}", l, [*before, "z", *later], f1, "z"),
            self.step("F2", "F2", f"Activations of layer {l}", l, [*before, "a", *later], f2, "z"),
        ]

    def cost(self) -> Any:
        """C."""
        net, n = self.net, self.n
        drawn = self.plan.shown[net.L]
        rows = [
            f"<tr><td>{j}</td>{self.cell(self.number('a', net.L, j))}{self.cell(self.sample.Y[0, j])}</tr>"
            for j in drawn
        ]
        definition = {
            "quadratic": rf"{n.cost} = \frac{{1}}{{2}} \sum_j (y_j - {n.a('j', 'L')})^2",
            "sigmoid": rf"{n.cost} = - \sum_j (y_j \ln {n.a('j', 'L')} + (1 - y_j) \ln (1 - {n.a('j', 'L')}))",
            "softmax": rf"{n.cost} = - \sum_j y_j \ln {n.a('j', 'L')}",
            "exp": rf"{n.cost} = \sum_j ({n.a('j', 'L')} - y_j \ln {n.a('j', 'L')})",
        }["quadratic" if net.cost == "quadratic" else net.activations[-1]]
        html = (
            parts.result(f"{n.cost} = {num(self.sample.trace.cost)}", self.sample.trace.cost, self.digits)
            + "<p>How far the outputs are from the target.</p>"
            + formula(definition, self.digits)
            + parts.grid(("j", to_mathml(n.a("j", net.L)), to_mathml("y_j")), rows)
            + _more(net.sizes[-1] - len(drawn))
        )
        return self.step("C", "C", "The cost of the sample", None, ["a"] * (net.L + 1), _all(html), "w")

    def error(self, l: int) -> Any:
        """BP1 or BP2."""
        L = self.net.L
        panels = {}
        for j in self.plan.shown[l]:
            e = self.sample.explain(l, j, "delta")
            *steps, result = e.steps
            html = parts.result(result.formulas[-1], e.result, self.digits)
            html += f'<p class="note">{escape(result.note)}</p>' if result.note else ""
            html += "".join(parts.step_html(step, self.digits, self.most) for step in steps)
            panels[j] = _panel(html, sum_lines(self.sample, e, l, forward=False) if l < L else [])
        label = "BP1" if l == L else "BP2"
        shows = ["a"] * l + ["delta"] * (L - l + 1)
        return self.step(label, label, f"Errors of layer {l}", l, shows, panels, "z")

    def gradients(self, l: int) -> Any:
        """BP3 and BP4."""
        n, net = self.n, self.net
        a_prev = self.sample.X[0] if l == 1 else self.sample.trace.a[l - 1][0]
        panels = {}
        for j in self.plan.shown[l]:
            g = self.sample.trace.w[l][j]
            size = np.abs(g.astype(np.float64))
            shares = size / (size.sum() or 1.0)
            ends = [
                (k, j, float(g[k]), float(shares[k]), f"{to_ascii(n.rate(n.cost, n.w(j, k, l)))} = {digits_of(g[k])}")
                for k in self.plan.shown[l - 1]
            ]
            p = n.previous
            head, tail, hidden = self.rows(l - 1)
            heads = (p, n.a(p, l - 1), n.delta(j, l), n.rate(n.cost, n.w(j, p, l)))
            delta, b = self.number("delta", l, j), self.sample.trace.b[l][j]
            rows = [
                f"<tr{self.marked(l, j, k, 'negative' if g[k] < 0 else '')}><td>{k}</td>{self.cell(a_prev[k])}"
                f"{self.cell(delta)}{self.cell(g[k], f' data-g={k}')}</tr>"
                for k in [*head, *tail]
            ]
            if hidden:
                rows.insert(len(head), parts.gap(4, hidden))
            html = (
                parts.result(f"{n.rate(n.cost, n.b(j, l))} = {n.delta(j, l)} = {num(b)}", b, self.digits)
                + "<h3>BP3</h3><p>How fast the cost changes with the bias: as fast as with the weighted input, which a "
                "bias moves one to one.</p><h3>BP4</h3><p>How fast the cost changes with a weight: what enters through "
                "the weight, times the error of the neuron where it leads.</p>"
                + formula(
                    rf"{n.rate(n.cost, n.w('j', p, 'l'))} = {n.a(p, 'l-1')} \cdot {n.delta('j', 'l')}", self.digits
                )
                + parts.grid([to_mathml(head_) for head_ in heads], rows)
            )
            panels[j] = _panel(html, lines(self.sample, l, ends))
        shows = ["a"] * l + ["delta"] * (net.L - l + 1)
        return self.step("BP4", "BP3, BP4", f"Gradients of layer {l}", l, shows, panels, "g")

    def update(self, l: int) -> Any:
        """U, and the activations after it."""
        n, net = self.n, self.net
        panels = {}
        w, eta = n.w("j", n.previous, "l"), to_mathml(rf"\eta = {num(self.sample.eta)}", self.digits)
        for j in self.plan.shown[l]:
            head, tail, hidden = self.rows(l - 1)
            rows = []
            for k in [None, *head, *tail]:
                name, g = (
                    (n.b(j, l), self.sample.trace.b[l][j])
                    if k is None
                    else (n.w(j, k, l), self.sample.trace.w[l][j, k])
                )
                old, new = ((part.b[l][j] if k is None else part.w[l][j, k]) for part in (self.net, self.sample.after))
                where = "b" if k is None else k
                rows.append(
                    f"<tr{self.marked(l, j, k)}><td>{to_mathml(name)}</td>{self.cell(old)}{self.cell(g)}"
                    f"{self.cell(new, f' data-new={where}')}</tr>"
                )
            if hidden:
                rows.insert(len(head) + 1, parts.gap(4, hidden))
            old, new = self.number("a", l, j), self.number("new a", l, j)
            html = (
                parts.result(rf"{n.a(j, l)} = {num(old)} \to {num(new)}", new, self.digits)
                + "<p>This neuron's activation before, and after all layers have moved and the sample has gone forward "
                f"once more.</p><p>A step against the gradient, with {eta}. All gradients came from the old weights; "
                "all weights and biases move at once.</p>"
                + formula(rf"{w} \leftarrow {w} - \eta \cdot {n.rate(n.cost, w)}", self.digits)
                + parts.grid(("", "before", "gradient", "after"), rows)
            )
            panels[j] = _panel(html)
        shows = ["a"] * l + ["delta"] * (net.L - l + 1)
        return self.step("U", "U", f"Update of layer {l}", l, shows, panels, "u")

    def marked(self, l: int, j: int, k: int | None, kind: str = "") -> str:
        """Class of a row: that of the weight that the page was asked for stands out."""
        layer, asked = self.asked
        asked = asked is not None and (l, j, k) == (layer, self.sample.wanted[layer], asked)
        names = " ".join(filter(None, (kind, "asked" if asked else "")))
        return f' class="{names}"' if names else ""

    def end(self) -> Any:
        """The sample after the step."""
        net, n = self.net, self.n
        old, new = self.sample.trace.cost, self.sample.new.cost
        html = (
            parts.result(rf"{n.cost} = {num(old)} \to {num(new)}", new, self.digits)
            + "<p>The cost before and after: the same sample goes forward through the new weights and biases. The "
            "drawing shows the activations that come out now.</p>"
        )
        if new > old:
            html += '<p class="note">The cost has grown: the step was too long for this slope. Try a smaller eta.</p>'
        for l in range(net.L, 0, -1):
            drawn = self.plan.shown[l]
            heads = ["j", f"{to_mathml(n.a('j', l))} before", f"{to_mathml(n.a('j', l))} after"]
            heads += [to_mathml("y_j")] if l == net.L else []
            rows = [
                f"<tr><td>{j}</td>{self.cell(self.number('a', l, j))}"
                f"{self.cell(self.number('new a', l, j), f' data-after={j}')}"
                f"{self.cell(self.sample.Y[0, j]) if l == net.L else ''}</tr>"
                for j in drawn
            ]
            html += f"<h3>Layer {l}</h3>{parts.grid(heads, rows)}{_more(net.sizes[l] - len(drawn))}"
        shows = ["a"] + ["new a"] * net.L
        return self.step("end", "end", "After the step", None, shows, _all(html), "w")

    def all(self) -> list[Any]:
        """Every step, in order."""
        layers = range(1, self.net.L + 1)
        return [
            self.start(),
            *(step for l in layers for step in self.forward(l)),
            self.cost(),
            *(self.error(l) for l in reversed(layers)),
            *(self.gradients(l) for l in reversed(layers)),
            *(self.update(l) for l in layers),
            self.end(),
        ]


def _more(number: int, what: str = "") -> str:
    words = f"{number} more {what}".rstrip()
    return f'<p class="small">{words} {"is" if number == 1 else "are"} not shown.</p>' if number > 0 else ""


def _all(html: str) -> dict[str, Any]:
    return {"all": _panel(html)}


def _panel(html: str, terms: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"html": html, "terms": terms or []}
