"""The drawing of the stepping page: neurons that change with the step, lines with their weights, terms of a sum."""

from __future__ import annotations

from typing import Any

from fastbp.teach.drawing import RADIUS, backdrop, brief, captions, colour, gaps, index, ink, weight_places
from fastbp.teach.explanation import Explanation
from fastbp.teach.formula import to_ascii
from fastbp.teach.page_sample import Sample
from fastbp.teach.steps import digits_of


def values(sample: Sample) -> dict[str, dict[str, Any]]:
    """How every drawn neuron looks for each quantity."""
    n = sample.n
    symbols = {"z": n.z, "a": n.a, "delta": n.delta, "new a": n.a}
    spoken = {
        "z": "weighted input",
        "a": "activation",
        "delta": "error delta",
        "new a": "activation after the step",
    }
    out: dict[str, dict[str, Any]] = {}
    for what, symbol in symbols.items():
        keys = [(l, j) for l, j in sample.plan.places if what in ("a", "new a") or l > 0]
        largest = max(abs(float(sample.number(what, l, j))) for l, j in keys)
        out[what] = {}
        for l, j in keys:
            value = sample.number(what, l, j)
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


def lines(sample: Sample, l: int, ends: list[tuple[int, int, float, float, str]]) -> list[dict[str, Any]]:
    """Lines between layers l - 1 and l: from, to, value, share, title."""
    out = []
    for source, to, value, share, title in ends:
        (x1, y1), (x2, y2) = sample.plan.places[l - 1, source], sample.plan.places[l, to]
        width = f"{1.5 + 7 * share:.2f}"
        out.append({"line": [x1, y1, x2, y2], "negative": value < 0, "width": width, "title": title})
    return out


def sum_lines(sample: Sample, e: Explanation, l: int, *, forward: bool) -> list[dict[str, Any]]:
    """Lines over which a sum runs; their width is the term's share."""
    terms, j, n = e.terms, e.numbers.neuron, sample.n
    assert terms is not None
    products, shares = terms.products, terms.shares
    drawn = sample.plan.shown[l - 1] if forward else sample.plan.shown[l + 1]
    ends = []
    for i in drawn:
        symbol = f"{n.w(j, i, l)} {n.a(i, l - 1)}" if forward else f"{n.w(i, j, l + 1)} {n.delta(i, l + 1)}"
        title = f"{to_ascii(symbol)} = {float(products[i]):.6g}, {shares[i]:.1%}"
        ends.append((*((i, j) if forward else (j, i)), float(products[i]), float(shares[i]), title))
    return lines(sample, l if forward else l + 1, ends)


# Steps


def svg(sample: Sample) -> str:
    """The drawing, before the page's script fills it in."""
    plan = sample.plan
    nodes = []
    for (l, j), (x, y) in plan.places.items():
        side = 2 * RADIUS - 6
        nodes.append(
            f'<g class="node" role="button" tabindex="0" data-l="{l}" data-j="{j}" aria-pressed="false">'
            "<title></title>"
            f'<circle class="halo" cx="{x:g}" cy="{y:g}" r="{RADIUS + 6}"/>'
            f'<circle class="body" cx="{x:g}" cy="{y:g}" r="{RADIUS}"/>'
            f'<rect class="body" x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side}" height="{side}" rx="3"/>'
            f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle"></text></g>' + index(plan, l, j, 'class="faint index"')
        )
    return "\n".join(
        [
            f'<svg viewBox="0 0 {plan.width} {plan.height}" role="group" aria-label="Neurons, layer by layer">',
            *captions(plan, lambda l: f'class="caption" data-l="{l}"'),
            *gaps(plan, 'class="faint"'),
            *backdrop(plan, lambda l, k, j: 'class="wire"'),
            '<g id="terms"></g>',
            *nodes,
            *labels(sample),
            "</svg>",
        ]
    )


def labels(sample: Sample) -> list[str]:
    """Weights on the lines, before and after the step."""
    out = []
    for l, k, j, x, y in weight_places(sample.plan):
        old, new = (brief(float(net.w[l][j, k])) for net in (sample.net, sample.after))
        out.append(
            f'<text class="weight" x="{x:g}" y="{y:g}" text-anchor="middle" data-old="{old}" data-new="{new}"></text>'
        )
    return out
