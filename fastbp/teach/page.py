"""A page that steps through one sample: forward, BP1, BP2 layer by layer, BP3 and BP4, the update.

One file that needs nothing else. Every number is written here, from the kernels; the page only shows and hides.
"""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from fastbp.errors import argument_error
from fastbp.network import Network
from fastbp.teach.drawing import RADIUS, Plan, backdrop, brief, colour, furniture, index, ink, shown_neurons
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.formula import to_ascii, to_mathml
from fastbp.teach.notation import Notation, find
from fastbp.teach.numbers import check_layer, check_neuron, check_samples, dense_targets
from fastbp.teach.render_html import table
from fastbp.teach.rows import chosen
from fastbp.teach.steps import Step, digits_of, num

NEURONS = 8
"""Neurons of a layer that are drawn."""

LEGENDS = {
    "": "Dotted: not computed yet.",
    "z": "Circle, orange: positive. Square, purple: negative. Lines: the terms of the sum, dashed where negative.",
    "u": "Circles and squares: the errors that the gradients came from.",
    "g": "Lines: dC/dw of the weights that lead to this neuron, dashed where negative.",
}


def _formula(source: str) -> str:
    return f'<div class="formula">{to_mathml(source, display=True)}</div>'


def _result(source: str, value: Any) -> str:
    return f'<div class="formula result" data-result="{digits_of(value)}">{to_mathml(source, display=True)}</div>'


def _step_html(step: Step, terms: int) -> str:
    parts = [f"<h3>{escape(step.label)}</h3>" if step.text else ""]
    if step.text:
        parts.append(f"<p>{escape(step.text)}</p>")
    parts += map(_formula, step.formulas)
    if step.table is not None:
        if step.table.start:
            parts.append(f"<p>The running sum starts at {to_mathml(step.table.start)}.</p>")
        parts.append(table(step.table, None, terms))
    if step.note:
        parts.append(f'<p class="note">{escape(step.note)}</p>')
    return "".join(parts)


class _Builder:
    """Everything the page shows of one sample."""

    def __init__(self, net: Network, x: Any, y: Any, eta: float, notation: Notation, wanted: list[int], terms: int):
        self.net, self.eta, self.n, self.most = net, eta, notation, terms
        X, Y = check_samples(net, x, y)
        if len(X) != 1:
            raise argument_error(
                ValueError, "x", f"has {len(X)} samples; the page steps through one. Pass one of them."
            )
        self.X, self.Y = X, dense_targets(net, Y, 1)
        self.trace = net.backprop(self.X, self.Y)
        self.wanted = wanted
        shown = [shown_neurons(size, NEURONS, j) for size, j in zip(net.sizes, wanted, strict=True)]
        self.plan = Plan(shown, net.sizes)

    def explain(self, l: int, j: int, of: str) -> Explanation:
        return explain(self.net, self.X[0], self.Y[0], l, j, of, notation=self.n)

    def number(self, what: str, l: int, j: int) -> Any:
        if what == "a" and l == 0:
            return self.X[0, j]
        return getattr(self.trace, what)[l][0, j]

    def values(self) -> dict[str, dict[str, Any]]:
        """How every drawn neuron looks for each quantity."""
        n = self.n
        symbols = {"z": n.z, "a": n.a, "delta": n.delta}
        spoken = {"z": "weighted input", "a": "activation", "delta": "error delta"}
        out: dict[str, dict[str, Any]] = {}
        for what, symbol in symbols.items():
            keys = [(l, j) for l, j in self.plan.places if what == "a" or l > 0]
            largest = max(abs(float(self.number(what, l, j))) for l, j in keys)
            out[what] = {}
            for l, j in keys:
                value = self.number(what, l, j)
                out[what][f"{l},{j}"] = {
                    "exact": digits_of(value),
                    "brief": brief(float(value)),
                    "negative": bool(value < 0),
                    "fill": colour(float(value), largest),
                    "ink": ink(float(value), largest),
                    "name": to_ascii(symbol(j, l)),
                    "spoken": spoken[what],
                }
        return out

    def lines(self, l: int, ends: list[tuple[int, int, float, float, str]]) -> list[dict[str, Any]]:
        """Lines between layers l - 1 and l: from, to, value, share, title."""
        out = []
        for source, to, value, share, title in ends:
            (x1, y1), (x2, y2) = self.plan.places[l - 1, source], self.plan.places[l, to]
            width = f"{1.5 + 7 * share:.2f}"
            out.append({"line": [x1, y1, x2, y2], "negative": value < 0, "width": width, "title": title})
        return out

    def sum_lines(self, e: Explanation, l: int, *, forward: bool) -> list[dict[str, Any]]:
        terms, j, n = e.terms, e.numbers.neuron, self.n
        assert terms is not None
        products, shares = terms.products, terms.shares
        drawn = self.plan.shown[l - 1] if forward else self.plan.shown[l + 1]
        ends = []
        for i in drawn:
            symbol = f"{n.w(j, i, l)} {n.a(i, l - 1)}" if forward else f"{n.w(i, j, l + 1)} {n.delta(i, l + 1)}"
            title = f"{to_ascii(symbol)} = {float(products[i]):.6g}, {shares[i]:.1%}"
            ends.append((*((i, j) if forward else (j, i)), float(products[i]), float(shares[i]), title))
        return self.lines(l if forward else l + 1, ends)

    # Steps

    def step(
        self, kind: str, label: str, heading: str, l: int | None, shows: list[str], panels: Any, legend: str
    ) -> Any:
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
        net = self.net
        shows = ["a"] + [""] * net.L
        y = ", ".join(digits_of(v) for v in self.Y[0][:NEURONS]) + (", ..." if net.sizes[-1] > NEURONS else "")
        layers = "".join(
            f"<tr><td>{l}</td><td>{size}</td><td>{'input' if l == 0 else net.activations[l - 1]}</td></tr>"
            for l, size in enumerate(net.sizes)
        )
        html = (
            "<p>One sample goes forward through the layers; then the question is asked backwards: how fast does the "
            "cost change with each weighted input? The notes call the answer the error:</p>"
            + _formula(f"{self.n.delta('j', 'l')} = {self.n.rate(self.n.cost, self.n.z('j', 'l'))}")
            + '<div class="scroll"><table><thead><tr><th scope="col">layer l</th><th scope="col">neurons</th>'
            f'<th scope="col">activation</th></tr></thead><tbody>{layers}</tbody></table></div>'
            f"<p>Cost: {escape(net.cost)}. Target y = ({escape(y)}).</p>"
        )
        return self.step("start", "start", "The network and the sample", None, shows, {"all": _panel(html)}, "")

    def forward(self, l: int) -> list[Any]:
        L, n = self.net.L, self.n
        before = ["a"] * l
        f1, f2 = {}, {}
        for j in self.plan.shown[l]:
            e = self.explain(l, j, "z")
            first, result, second = e.steps
            html = _result(result.formulas[0], e.result) + _step_html(first, self.most)
            f1[j] = _panel(html, self.sum_lines(e, l, forward=True))
            a = self.number("a", l, j)
            f2[j] = _panel(_result(f"{n.a(j, l)} = {num(a)}", a) + _step_html(second, self.most))
        later = [""] * (L - l)
        return [
            self.step("F1", "F1", f"Weighted inputs of layer {l}", l, [*before, "z", *later], f1, "z"),
            self.step("F2", "F2", f"Activations of layer {l}", l, [*before, "a", *later], f2, "z"),
        ]

    def cost(self) -> Any:
        net, n = self.net, self.n
        rows = "".join(
            f"<tr><td>{j}</td><td>{digits_of(self.number('a', net.L, j))}</td><td>{digits_of(self.Y[0, j])}</td></tr>"
            for j in self.plan.shown[net.L]
        )
        hidden_ = net.sizes[-1] - len(self.plan.shown[net.L])
        more = f'<p class="small">{hidden_} more outputs are not shown.</p>' if hidden_ else ""
        formula = {
            "quadratic": rf"{n.cost} = \frac{{1}}{{2}} \sum_j (y_j - {n.a('j', 'L')})^2",
            "sigmoid": rf"{n.cost} = - \sum_j (y_j \ln {n.a('j', 'L')} + (1 - y_j) \ln (1 - {n.a('j', 'L')}))",
            "softmax": rf"{n.cost} = - \sum_j y_j \ln {n.a('j', 'L')}",
        }["quadratic" if net.cost == "quadratic" else net.activations[-1]]
        html = (
            "<p>How far the outputs are from the target.</p>"
            + _formula(formula)
            + '<div class="scroll"><table><thead><tr><th scope="col">j</th>'
            f'<th scope="col">{to_mathml(n.a("j", net.L))}</th><th scope="col">{to_mathml("y_j")}</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>{more}"
            + _result(f"{n.cost} = {num(self.trace.cost)}", self.trace.cost)
        )
        return self.step("C", "C", "The cost of the sample", None, ["a"] * (net.L + 1), {"all": _panel(html)}, "z")

    def error(self, l: int) -> Any:
        L = self.net.L
        panels = {}
        for j in self.plan.shown[l]:
            e = self.explain(l, j, "delta")
            *steps, result = e.steps
            html = _result(result.formulas[-1], e.result)
            html += f'<p class="note">{escape(result.note)}</p>' if result.note else ""
            html += "".join(_step_html(step, self.most) for step in steps)
            panels[j] = _panel(html, self.sum_lines(e, l, forward=False) if l < L else [])
        label = "BP1" if l == L else "BP2"
        shows = ["a"] * l + ["delta"] * (L - l + 1)
        return self.step(label, label, f"Errors of layer {l}", l, shows, panels, "z")

    def gradients(self, l: int) -> Any:
        n, net = self.n, self.net
        a_prev = self.X[0] if l == 1 else self.trace.a[l - 1][0]
        panels = {}
        for j in self.plan.shown[l]:
            g = self.trace.w[l][j]
            size = np.abs(g.astype(np.float64))
            shares = size / (size.sum() or 1.0)
            ends = [
                (k, j, float(g[k]), float(shares[k]), f"{to_ascii(n.rate(n.cost, n.w(j, k, l)))} = {digits_of(g[k])}")
                for k in self.plan.shown[l - 1]
            ]
            p = n.previous
            head, tail = chosen(net.sizes[l - 1], self.most)
            heads = (p, n.a(p, l - 1), n.delta(j, l), n.rate(n.cost, n.w(j, p, l)))
            rows = [
                f"<tr class={'negative' if g[k] < 0 else 'positive'}><td>{k}</td><td>{digits_of(a_prev[k])}</td>"
                f'<td>{digits_of(self.number("delta", l, j))}</td><td data-g="{k}">{digits_of(g[k])}</td></tr>'
                for k in [*head, *tail]
            ]
            if tail:
                rows.insert(len(head), f'<tr><td colspan="4">{tail.start - head.stop} more</td></tr>')
            b = self.trace.b[l][j]
            html = (
                "<h3>BP4</h3><p>The cost feels a weight by what enters through it, times the error where it leads.</p>"
                + _formula(rf"{n.rate(n.cost, n.w('j', p, 'l'))} = {n.a(p, 'l-1')} \cdot {n.delta('j', 'l')}")
                + '<div class="scroll"><table><thead><tr>'
                + "".join(f'<th scope="col">{to_mathml(head_)}</th>' for head_ in heads)
                + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
                "<h3>BP3</h3><p>A bias moves its weighted input one to one.</p>"
                + _result(f"{n.rate(n.cost, n.b(j, l))} = {n.delta(j, l)} = {num(b)}", b)
            )
            panels[j] = _panel(html, self.lines(l, ends))
        shows = ["a"] * l + ["delta"] * (net.L - l + 1)
        return self.step("BP4", "BP3, BP4", f"Gradients of layer {l}", l, shows, panels, "g")

    def update(self, l: int) -> Any:
        n, net = self.n, self.net
        eta = net.dtype.type(self.eta)
        panels = {}
        for j in self.plan.shown[l]:
            head, tail = chosen(net.sizes[l - 1], self.most)
            rows = []
            for k in [None, *head, *tail]:
                old, g = (net.b[l][j], self.trace.b[l][j]) if k is None else (net.w[l][j, k], self.trace.w[l][j, k])
                name = n.b(j, l) if k is None else n.w(j, k, l)
                new = digits_of(old - eta * g)
                where = "b" if k is None else k
                rows.append(
                    f"<tr><td>{to_mathml(name)}</td><td>{digits_of(old)}</td><td>{digits_of(g)}</td>"
                    f'<td data-new="{where}">{new}</td></tr>'
                )
            if tail:
                rows.insert(len(head) + 1, f'<tr><td colspan="4">{tail.start - head.stop} more</td></tr>')
            w = n.w("j", n.previous, "l")
            step = to_mathml(rf"\eta = {num(self.eta)}")
            html = (
                f"<p>A step against the gradient, with {step}. All gradients came from the old weights; all weights "
                "move at once.</p>"
                + _formula(rf"{w} \leftarrow {w} - \eta \cdot {n.rate(n.cost, w)}")
                + '<div class="scroll"><table><thead><tr><th scope="col"></th><th scope="col">before</th>'
                f'<th scope="col">gradient</th><th scope="col">after</th></tr></thead><tbody>{"".join(rows)}</tbody>'
                "</table></div>"
            )
            panels[j] = _panel(html)
        shows = ["a"] * l + ["delta"] * (net.L - l + 1)
        return self.step("U", "U", f"Update of layer {l}", l, shows, panels, "u")

    def end(self) -> Any:
        net, n = self.net, self.n
        after = net.copy()
        eta = net.dtype.type(self.eta)
        for l in range(1, net.L + 1):
            after.w[l], after.b[l] = net.w[l] - eta * self.trace.w[l], net.b[l] - eta * self.trace.b[l]
        cost = after.gradient(self.X, self.Y).cost
        html = (
            "<p>The same sample, with the new weights.</p>"
            + _formula(rf"\text{{before: }} {n.cost} = {num(self.trace.cost)}")
            + _result(rf"\text{{after: }} {n.cost} = {num(cost)}", cost)
        )
        if cost > self.trace.cost:
            html += '<p class="note">The cost has grown: the step was too long for this slope. Try a smaller eta.</p>'
        return self.step("end", "end", "The cost after the step", None, ["a"] * (net.L + 1), {"all": _panel(html)}, "z")

    def steps(self) -> list[Any]:
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

    def svg(self) -> str:
        plan = self.plan
        captions = [
            part.replace("<text ", f'<text class="caption" data-l="{l}" ', 1)
            for l, part in enumerate(part for part in furniture(plan) if "l = " in part)
        ]
        more = [
            part.replace("<text ", '<text class="faint" ', 1).replace('fill="#555555"', "")
            for part in furniture(plan)
            if "l = " not in part
        ]
        nodes = []
        for (l, j), (x, y) in plan.places.items():
            side = 2 * RADIUS - 6
            nodes.append(
                f'<g class="node" role="button" tabindex="0" data-l="{l}" data-j="{j}" aria-pressed="false">'
                "<title></title>"
                f'<circle class="halo" cx="{x:g}" cy="{y:g}" r="{RADIUS + 6}"/>'
                f'<circle class="body" cx="{x:g}" cy="{y:g}" r="{RADIUS}"/>'
                f'<rect class="body" x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side}" height="{side}" rx="3"/>'
                f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle"></text></g>'
                + index(plan, l, j, 'class="faint index"')
            )
        return "\n".join(
            [
                f'<svg viewBox="0 0 {plan.width} {plan.height}" role="group" aria-label="Neurons, layer by layer">',
                *captions,
                *more,
                *backdrop(plan, lambda l, k, j: 'class="wire"'),
                '<g id="terms"></g>',
                *nodes,
                "</svg>",
            ]
        )


def _panel(html: str, terms: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"html": html, "terms": terms or []}


def page(
    net: Network,
    x: Any,
    y: Any,
    *,
    layer: int = 1,
    neuron: int = 0,
    learning_rate: float = 0.1,
    notation: str | Notation = "nielsen",
    title: str = "Backpropagation, step by step",
    terms: int = 12,
) -> str:
    """HTML page that steps through one sample and its update, with keyboard, mouse or touch, and without a network.

    Parameters
    ----------
    net, x, y, layer, neuron, learning_rate, notation
        As in `explain`; ``neuron`` of ``layer`` is the one looked at first.
    title : str
    terms : int
        Rows of a sum that are shown.

    Returns
    -------
    str
    """
    wanted = [0] * len(getattr(net, "sizes", ()))
    first = explain(net, x, y, layer, neuron, notation=notation, learning_rate=learning_rate)
    wanted[check_layer(net, layer)] = check_neuron(net, neuron, layer)
    builder = _Builder(first.numbers.net, x, y, learning_rate, find(notation), wanted, terms)
    data = {"steps": builder.steps(), "values": builder.values(), "shown": builder.plan.shown, "chosen": wanted}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/").replace("<!--", "<\\!--")
    template = resources.files("fastbp.teach").joinpath("page.html").read_text(encoding="utf-8")
    _, counting, letters = first.header
    filled = {"TITLE": escape(title), "COUNTING": escape(counting), "LETTERS": escape(letters), "SVG": builder.svg()}
    for name, value in filled.items():
        template = template.replace(f"@@{name}@@", value)
    return template.replace("@@DATA@@", text)
