"""A network drawn as SVG: delta as a diverging colour and, for those who do not see colours, as a shape."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from fastbp.teach.explained import Explained
from fastbp.teach.formula import to_ascii
from fastbp.teach.steps import digits_of

# Purple and orange are told apart with every common colour blindness; the shape says the sign without any colour.
POSITIVE, NEGATIVE, ZERO = (179, 88, 6), (84, 39, 136), (247, 247, 247)
RADIUS, COLUMN, ROW = 26, 190, 74


def colour(value: float, largest: float) -> str:
    """Of a number on a scale that is white at 0."""
    t = 0.0 if largest == 0 or not np.isfinite(value) else min(1.0, abs(value) / largest) ** 0.6
    end = POSITIVE if value > 0 else NEGATIVE
    return "#{:02x}{:02x}{:02x}".format(*(round(z + t * (e - z)) for z, e in zip(ZERO, end, strict=True)))


def ink(value: float, largest: float) -> str:
    """Colour of a text on that."""
    dark = largest > 0 and np.isfinite(value) and min(1.0, abs(value) / largest) ** 0.6 > 0.55
    return "#ffffff" if dark else "#1b1b1b"


def brief(value: float) -> str:
    """A number in at most seven characters, to fit into a neuron."""
    short = f"{value:.3f}" if 0.001 <= abs(value) < 100 else f"{value:.1e}" if value else "0"
    return short.replace("e-0", "e-").replace("e+0", "e").replace("-", "\N{MINUS SIGN}", int(value < 0))


def shown_neurons(size: int, most: int | None, wanted: int | None) -> list[int]:
    """Neurons of a layer to draw: all, or the first ones, the one that is wanted, and the last."""
    if most is None or size <= most:
        return list(range(size))
    first = [i for i in range(most - 1) if i != wanted]
    kept = {*first, size - 1} if wanted is None else {*first[: most - 2], wanted, size - 1}
    return sorted(kept)


@dataclass
class Plan:
    """Which neurons are drawn, and where."""

    shown: list[list[int]]
    sizes: tuple[int, ...]
    left: int = 60
    top: int = 56
    places: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tallest = max(len(column) + (len(column) < size) for column, size in zip(self.shown, self.sizes, strict=True))
        self.height = self.top + tallest * ROW + 20
        self.width = 2 * self.left + (len(self.sizes) - 1) * COLUMN
        for l, column in enumerate(self.shown):
            rows = len(column) + (len(column) < self.sizes[l])
            y = self.top + (tallest - rows) * ROW / 2 + ROW / 2
            for at, j in enumerate(column):
                # The gap stands before the last neuron.
                gap = len(column) < self.sizes[l] and at == len(column) - 1
                self.places[l, j] = (self.left + l * COLUMN, y + (at + gap) * ROW)


def edge(plan: Plan, l: int, k: int, j: int, attributes: str, title: str = "") -> str:
    """Line from neuron k of layer l - 1 to neuron j of layer l."""
    (x1, y1), (x2, y2) = plan.places[l - 1, k], plan.places[l, j]
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" {attributes}>{tip}</line>'


def node(plan: Plan, l: int, j: int, value: float | None, largest: float, label: str, title: str, ring: bool) -> str:
    """Neuron: a circle for a positive value, a square for a negative one, dotted where there is none."""
    x, y = plan.places[l, j]
    fill = "#ffffff" if value is None else colour(value, largest)
    text = "#1b1b1b" if value is None else ink(value, largest)
    stroke = 'stroke="#1b1b1b" stroke-width="3.5"' if ring else 'stroke="#555555" stroke-width="1.2"'
    dotted = ' stroke-dasharray="2 3"' if value is None and not ring else ""
    if value is not None and value < 0:
        side = 2 * RADIUS - 6
        shape = f'<rect x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side}" height="{side}" rx="3"'
    else:
        shape = f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}"'
    return (
        f'<g><title>{escape(title)}</title>{shape} fill="{fill}" {stroke}{dotted}/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="11" fill="{text}">{escape(label)}</text></g>'
        + index(plan, l, j, 'font-size="10" fill="#555555"')
    )


def index(plan: Plan, l: int, j: int, attributes: str) -> str:
    """The number of a neuron, beside it."""
    x, y = plan.places[l, j]
    return f'<text x="{x - RADIUS - 3:g}" y="{y - RADIUS + 7:g}" text-anchor="end" {attributes}>{j}</text>'


def layer_name(l: int, L: int) -> str:
    """What stands above a column."""
    return f"l = {l}" + (" (input)" if l == 0 else " (output)" if l == L else "")


def captions(plan: Plan, attributes: Callable[[int], str]) -> list[str]:
    """Names of the layers."""
    L = len(plan.sizes) - 1
    return [
        f'<text x="{plan.left + l * COLUMN}" y="24" text-anchor="middle" {attributes(l)}>{layer_name(l, L)}</text>'
        for l in range(L + 1)
    ]


def gaps(plan: Plan, attributes: str) -> list[str]:
    """How many neurons of a layer are not drawn."""
    parts = []
    for l, column in enumerate(plan.shown):
        missing = plan.sizes[l] - len(column)
        if missing:
            x, y = plan.left + l * COLUMN, plan.places[l, column[-1]][1] - ROW + 4
            parts.append(f'<text x="{x}" y="{y:g}" text-anchor="middle" {attributes}>{missing} more</text>')
    return parts


def backdrop(plan: Plan, attributes: Callable[[int, int, int], str]) -> list[str]:
    """Every line between drawn neurons."""
    return [
        edge(plan, l, k, j, attributes(l, k, j))
        for l in range(1, len(plan.sizes))
        for j in plan.shown[l]
        for k in plan.shown[l - 1]
    ]


LABELLED = 3
"""Neurons of a layer up to which every line carries its weight."""


def weight_places(plan: Plan) -> list[tuple[int, int, int, float, float]]:
    """l, k, j of every line, and where its weight is written: near where it begins, apart from those that cross it."""
    if max(map(len, plan.shown)) > LABELLED:
        return []
    out = []
    for l in range(1, len(plan.sizes)):
        for j in plan.shown[l]:
            for k in plan.shown[l - 1]:
                (x1, y1), (x2, y2) = plan.places[l - 1, k], plan.places[l, j]
                out.append((l, k, j, x1 + 0.25 * (x2 - x1), y1 + 0.25 * (y2 - y1) + 3))
    return out


def _highlight(e: Explained, plan: Plan, digits: int | None) -> list[str]:
    """The lines over which the explained sum runs: width is the term's share, dashes mean negative."""
    numbers, n = e.numbers, e.notation
    l, j, terms = numbers.layer, numbers.neuron, numbers.terms
    lines = []
    if numbers.n_samples == 1 and numbers.of == "delta" and terms is not None and l < numbers.net.L:
        ends = [(l + 1, j, k, k, rf"{n.w('k', j, l + 1)} {n.delta('k', l + 1)}") for k in plan.shown[l + 1]]
    elif numbers.n_samples == 1 and numbers.of == "z":
        ends = [(l, k, j, k, rf"{n.w(j, n.previous, l)} {n.a(n.previous, l - 1)}") for k in plan.shown[l - 1]]
    elif numbers.k is not None and numbers.k in plan.shown[l - 1]:
        return [edge(plan, l, numbers.k, j, 'stroke="#1b1b1b" stroke-width="4"', to_ascii(n.w(j, numbers.k, l)))]
    else:
        return []
    assert terms is not None
    shares, products = terms.shares, terms.products
    for layer, source, to, i, symbol in ends:
        value = float(products[i])
        dashes = ' stroke-dasharray="7 5"' if value < 0 else ""
        hue = "#b35806" if value > 0 else "#542788"
        attributes = f'stroke="{hue}" stroke-width="{1.5 + 7 * shares[i]:.2f}" stroke-linecap="round"{dashes}'
        title = f"term {i}: {to_ascii(symbol)} = {value:.{digits or 6}g}, {shares[i]:.1%} of sum |term|"
        lines.append(edge(plan, layer, source, to, attributes, title))
    return lines


def svg(e: Explained, digits: int | None, terms: int | None) -> str:
    """The network with delta of every neuron (a where there is no target), and the explained neuron ringed."""
    numbers, n, net = e.numbers, e.notation, e.numbers.net
    wanted: list[int | None] = [None] * (net.L + 1)
    wanted[numbers.layer] = numbers.neuron
    wanted[numbers.layer - 1] = numbers.k
    plan = Plan([shown_neurons(size, terms, want) for size, want in zip(net.sizes, wanted, strict=True)], net.sizes)
    trace = numbers.trace
    assert trace is not None
    with_delta = numbers.Y is not None

    def value(l: int, j: int) -> Any:
        if l == 0:
            return numbers.X[:, j].astype(np.float64).mean()
        rows = (trace.delta if with_delta else trace.a)[l][:, j]
        return rows[0] if len(rows) == 1 else rows.astype(np.float64).mean()

    largest = max((abs(float(value(l, j))) for l, j in plan.places if l > 0), default=0.0)
    body = [*backdrop(plan, lambda l, k, j: 'stroke="#c8c8c8" stroke-width="1"'), *_highlight(e, plan, digits)]
    for l, j in plan.places:
        symbol = n.a(j, 0) if l == 0 else n.delta(j, l) if with_delta else n.a(j, l)
        exact = value(l, j)
        title = f"{to_ascii(symbol)} = {digits_of(exact)}"
        label = brief(float(exact))
        ring = (l, j) == (numbers.layer, numbers.neuron)
        body.append(node(plan, l, j, None if l == 0 else float(exact), largest, label, title, ring))
    what = "delta" if with_delta else "a"
    mean = ", mean over the samples" if numbers.n_samples > 1 else ""
    legend = f"{what}{mean}: circle and orange positive, square and purple negative; lines: terms, dashed negative"
    description = " ".join([*e.header, legend])
    subject = f"{to_ascii(e.subject)} = {digits_of(e.result)}"
    width = max(plan.width, 420)
    fits = int((width - plan.left // 3) / 6.4)
    about = textwrap.wrap(f"{e.header[0]} j and k count from 0; l = 0 is the input.", fits)
    below = [(line, "#1b1b1b") for line in about] + [(line, "#555555") for line in textwrap.wrap(legend, fits)]
    height = plan.height + 8 + 18 * len(below)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
            'font-family="system-ui, sans-serif" style="max-width:100%;height:auto">',
            f"<title>{escape(subject)}</title><desc>{escape(description)}</desc>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *captions(plan, lambda l: 'font-size="13"'),
            *gaps(plan, 'font-size="12" fill="#555555"'),
            *body,
            *(
                f'<text x="{plan.left // 3}" y="{plan.height + 8 + 18 * i}" font-size="12" fill="{fill}">{escape(line)}'
                "</text>"
                for i, (line, fill) in enumerate(below)
            ),
            "</svg>",
        ]
    )
