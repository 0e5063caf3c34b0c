"""A network drawn as SVG: delta as a diverging colour and, for those who do not see colours, as a shape."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from fastbp.teach.explained import Explained
from fastbp.teach.formula import to_ascii
from fastbp.teach.numbers import Numbers
from fastbp.teach.steps import digits_of

# Purple and orange can be distinguished with every common colour blindness; the shape says the sign without any colour.
POSITIVE, NEGATIVE, ZERO = (179, 88, 6), (84, 39, 136), (247, 247, 247)
BLACK, GREY = "#1b1b1b", 'font-size="10" fill="#555555"'
RADIUS, COLUMN, ROW = 26, 190, 74
WIRE = 'stroke="#c8c8c8" stroke-width="1"'
NEURONS = 8
"""Neurons of a layer that a drawing has, unless it is asked for more."""
LABELLED = 3
"""Neurons of a layer up to which every line carries its weight."""


def colour(value: float, largest: float) -> str:
    """Of a number on a scale that is white at 0."""
    t = 0.0 if largest == 0 or not np.isfinite(value) else min(1.0, abs(value) / largest) ** 0.6
    end = POSITIVE if value > 0 else NEGATIVE
    return "#{:02x}{:02x}{:02x}".format(*(round(z + t * (e - z)) for z, e in zip(ZERO, end, strict=True)))


def ink(value: float, largest: float) -> str:
    """Colour of a text on that."""
    dark = largest > 0 and np.isfinite(value) and min(1.0, abs(value) / largest) ** 0.6 > 0.55
    return "#ffffff" if dark else BLACK


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


class Plan:
    """Which neurons of the layers are drawn (at most so many, and the ones wanted), where, and what belongs to them."""

    left, top = 60, 56

    def __init__(self, sizes: Sequence[int], most: int | None, wanted: Sequence[int | None]) -> None:
        self.sizes, self.L = sizes, len(sizes) - 1
        self.shown = [shown_neurons(size, most, want) for size, want in zip(sizes, wanted, strict=True)]
        rows = [len(column) + (len(column) < size) for column, size in zip(self.shown, sizes, strict=True)]
        self.height = self.top + max(rows) * ROW + 20
        self.width = 2 * self.left + self.L * COLUMN
        self.points: dict[tuple[int, int], tuple[float, float]] = {}
        for l, column in enumerate(self.shown):
            y = self.top + (max(rows) - rows[l]) * ROW / 2 + ROW / 2
            for at, j in enumerate(column):
                # The gap stands before the last neuron.
                gap = rows[l] > len(column) and at == len(column) - 1
                self.points[l, j] = (self.left + l * COLUMN, y + (at + gap) * ROW)

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """l, k, j of every line, from neuron k of layer l - 1 to neuron j of layer l."""
        for l in range(1, self.L + 1):
            yield from ((l, k, j) for j in self.shown[l] for k in self.shown[l - 1])

    def edge(self, l: int, k: int, j: int, attributes: str, title: str = "") -> str:
        """One line."""
        (x1, y1), (x2, y2) = self.points[l - 1, k], self.points[l, j]
        tip = f"<title>{escape(title)}</title>" if title else ""
        return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" {attributes}>{tip}</line>'

    def backdrop(self, attributes: str) -> list[str]:
        """Every line."""
        return [self.edge(l, k, j, attributes) for l, k, j in self.edges()]

    def weights(self) -> Iterator[tuple[int, int, int, float, float]]:
        """l, k, j of every line, and where its weight is written: near its start, apart from those that cross it."""
        if max(map(len, self.shown)) <= LABELLED:
            for l, k, j in self.edges():
                (x1, y1), (x2, y2) = self.points[l - 1, k], self.points[l, j]
                yield l, k, j, x1 + 0.25 * (x2 - x1), y1 + 0.25 * (y2 - y1) + 3

    def index(self, l: int, j: int, attributes: str = GREY) -> str:
        """The number of a neuron, beside it."""
        x, y = self.points[l, j]
        return f'<text x="{x - RADIUS - 3:g}" y="{y - RADIUS + 7:g}" text-anchor="end" {attributes}>{j}</text>'

    def node(
        self, l: int, j: int, value: float | None, largest: float, label: str, title: str, *, ring: bool = False
    ) -> str:
        """Neuron: a circle for a positive value, a square for a negative one, dotted where there is none."""
        x, y = self.points[l, j]
        fill, text = ("#ffffff", BLACK) if value is None else (colour(value, largest), ink(value, largest))
        stroke = f'stroke="{BLACK}" stroke-width="3.5"' if ring else 'stroke="#555555" stroke-width="1.2"'
        dotted = ' stroke-dasharray="2 3"' if value is None and not ring else ""
        shape = f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}"'
        if value is not None and value < 0:
            shape = square(x, y)
        return (
            f'<g><title>{escape(title)}</title>{shape} fill="{fill}" {stroke}{dotted}/>'
            f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="11" fill="{text}">{escape(label)}</text>'
            "</g>" + self.index(l, j)
        )

    def captions(self, attributes: Callable[[int], str] = lambda l: 'font-size="13"') -> list[str]:
        """Names of the layers, above them."""
        names = {0: " (input)", self.L: " (output)"}
        return [
            f'<text x="{self.left + l * COLUMN}" y="24" text-anchor="middle" {attributes(l)}>l = {l}{names.get(l, "")}'
            "</text>"
            for l in range(self.L + 1)
        ]

    def gaps(self, attributes: str = 'font-size="12" fill="#555555"') -> list[str]:
        """How many neurons of a layer are not drawn."""
        parts = []
        for l, column in enumerate(self.shown):
            x, y = self.points[l, column[-1]]
            if missing := self.sizes[l] - len(column):
                parts.append(
                    f'<text x="{x}" y="{y - ROW + 4:g}" text-anchor="middle" {attributes}>{missing} more</text>'
                )
        return parts


def square(x: float, y: float, attributes: str = "") -> str:
    """The beginning of what a neuron with a negative value is."""
    side = 2 * RADIUS - 6
    return f'<rect {attributes}x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side}" height="{side}" rx="3"'


def document(width: int, height: int, title: str, body: Iterable[str], description: str = "") -> str:
    """The SVG of a drawing."""
    about = f"<desc>{escape(description)}</desc>" if description else ""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
            'font-family="system-ui, sans-serif" style="max-width:100%;height:auto">',
            f"<title>{escape(title)}</title>{about}",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *body,
            "</svg>",
        ]
    )


def sum_edges(numbers: Numbers, plan: Plan) -> list[tuple[int, int, int, int]]:
    """l, k and j of the lines over which the sum of F1 or BP2 runs, and the term of each."""
    l, j = numbers.layer, numbers.neuron
    if numbers.n_samples == 1 and numbers.of == "z":
        return [(l, k, j, k) for k in plan.shown[l - 1]]
    if numbers.n_samples == 1 and numbers.of == "delta" and not numbers.is_output:
        return [(l + 1, j, k, k) for k in plan.shown[l + 1]]
    return []


def _highlight(e: Explained, plan: Plan, digits: int | None) -> list[str]:
    """The lines over which the explained sum runs: width is the term's share, dashes mean negative."""
    numbers, n = e.numbers, e.notation
    l, j, k, p = numbers.layer, numbers.neuron, numbers.k, n.previous
    if k is not None and k in plan.shown[l - 1]:
        return [plan.edge(l, k, j, f'stroke="{BLACK}" stroke-width="4"', to_ascii(n.w(j, k, l)))]
    lines = []
    symbol = f"{n.w(j, p, l)} {n.a(p, l - 1)}" if numbers.of == "z" else f"{n.w('k', j, l + 1)} {n.delta('k', l + 1)}"
    for at, source, to, i in sum_edges(numbers, plan):
        assert numbers.terms is not None
        value, share = float(numbers.terms.products[i]), numbers.terms.shares[i]
        dashes = ' stroke-dasharray="7 5"' if value < 0 else ""
        hue = "#b35806" if value > 0 else "#542788"
        attributes = f'stroke="{hue}" stroke-width="{1.5 + 7 * share:.2f}" stroke-linecap="round"{dashes}'
        title = f"term {i}: {to_ascii(symbol)} = {value:.{digits or 6}g}, {share:.1%} of sum |term|"
        lines.append(plan.edge(at, source, to, attributes, title))
    return lines


def svg(e: Explained, digits: int | None, terms: int | None) -> str:
    """The network with delta of every neuron (a where there is no target), and the explained neuron ringed."""
    numbers, n, net = e.numbers, e.notation, e.numbers.net
    wanted: list[int | None] = [None] * (net.L + 1)
    wanted[numbers.layer] = numbers.neuron
    wanted[numbers.layer - 1] = numbers.k
    plan = Plan(net.sizes, terms, wanted)
    trace, with_delta = numbers.trace, numbers.Y is not None

    def value(l: int, j: int) -> Any:
        if l == 0:
            return numbers.X[:, j].astype(np.float64).mean()
        rows = (trace.delta if with_delta else trace.a)[l][:, j]
        return rows[0] if len(rows) == 1 else rows.astype(np.float64).mean()

    largest = max((abs(float(value(l, j))) for l, j in plan.points if l > 0), default=0.0)
    body = [*plan.backdrop(WIRE), *_highlight(e, plan, digits)]
    for l, j in plan.points:
        symbol = n.a(j, 0) if l == 0 else n.delta(j, l) if with_delta else n.a(j, l)
        exact = value(l, j)
        title = f"{to_ascii(symbol)} = {digits_of(exact)}"
        ring = (l, j) == (numbers.layer, numbers.neuron)
        body.append(plan.node(l, j, float(exact) if l else None, largest, brief(float(exact)), title, ring=ring))
    what = "delta" if with_delta else "a"
    mean = ", mean over the samples" if numbers.n_samples > 1 else ""
    legend = f"{what}{mean}: circle and orange positive, square and purple negative; lines: terms, dashed negative"
    width = max(plan.width, 420)
    fits = int((width - plan.left // 3) / 6.4)
    about = textwrap.wrap(f"{e.header[0]} j and k count from 0; l = 0 is the input.", fits)
    below = [(line, BLACK) for line in about] + [(line, "#555555") for line in textwrap.wrap(legend, fits)]
    captions = [
        f'<text x="{plan.left // 3}" y="{plan.height + 8 + 18 * i}" font-size="12" fill="{fill}">{escape(line)}</text>'
        for i, (line, fill) in enumerate(below)
    ]
    return document(
        width,
        plan.height + 8 + 18 * len(below),
        f"{to_ascii(e.subject)} = {digits_of(e.result)}",
        [*plan.captions(), *plan.gaps(), *body, *captions],
        " ".join([*e.header, legend]),
    )
