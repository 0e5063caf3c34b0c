"""A page that steps through one sample: forward, BP1, BP2 layer by layer, BP3 and BP4, the update.

One file that needs nothing else. Every number is written here, from the kernels; the page only shows and hides.
"""

from __future__ import annotations

import json
import re
from html import escape
from importlib import resources
from typing import Any

from fastbp.network import Network
from fastbp.teach.explanation import explain
from fastbp.teach.notation import Notation, find
from fastbp.teach.numbers import check_layer, check_neuron
from fastbp.teach.page_drawing import Sample
from fastbp.teach.page_steps import Steps
from fastbp.teach.steps import FIRST_LINE

DIGITS = 5
"""Significant digits of a number, unless the reader asks for all."""

KINDS = {"z": ("F1",), "delta": ("BP1", "BP2"), "weight": ("BP4",), "bias": ("BP4",), "update": ("U",)}
"""Quantity -> the kinds of steps that show it."""


def page(
    net: Network,
    x: Any,
    y: Any,
    *,
    layer: int = 1,
    neuron: int = 0,
    of: str | None = None,
    k: int | None = None,
    learning_rate: float = 0.1,
    notation: str | Notation = "nielsen",
    title: str = "Backpropagation, step by step",
    digits: int | None = None,
    terms: int | None = 12,
) -> str:
    """HTML page that steps through one sample and its update, with keyboard, mouse or touch, and without a network.

    Parameters
    ----------
    net, x, y, layer, neuron, k, learning_rate, notation
        As in `explain`; ``neuron`` of ``layer`` is the one looked at first, and the row of ``k`` stands out.
    of : {"z", "delta", "weight", "bias", "update"}, optional
        The step at which the page opens; its beginning if None.
    title : str
    digits : int, optional
        Significant digits of the numbers, 5 if None. A button shows all digits.
    terms : int or None
        Rows of a sum that are shown; None for all.

    Returns
    -------
    str
    """
    wanted = [0] * len(getattr(net, "sizes", ()))
    first = explain(net, x, y, layer, neuron, of or "delta", k=k, notation=notation, learning_rate=learning_rate)
    layer = check_layer(net, layer)
    wanted[layer] = check_neuron(net, neuron, layer)
    if k is not None:
        wanted[layer - 1] = k
    sample = Sample(first.numbers.net, x, y, learning_rate, find(notation), wanted)
    steps, exact = (Steps(sample, d, terms, (layer, k)).all() for d in (DIGITS if digits is None else digits, None))
    for step, other in zip(steps, exact, strict=True):
        for name, panel in step["panels"].items():
            panel["exact"] = other["panels"][name]["html"]
    start = next((i for i, s in enumerate(steps) if of and s["layer"] == layer and s["kind"] in KINDS[of]), 0)
    data: dict[str, Any] = {"steps": steps, "start": start, "chosen": wanted}
    data |= {"values": sample.values(), "shown": sample.plan.shown}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/").replace("<!--", "<\\!--")
    template = resources.files("fastbp.teach").joinpath("page.html").read_text(encoding="utf-8")
    _, counting, letters = first.header
    filled = {
        "TITLE": escape(title),
        "FIRST": escape(FIRST_LINE),
        "COUNTING": escape(counting),
        "LETTERS": escape(letters),
        "SVG": sample.svg(),
        "DATA": text,
    }
    return re.sub("@@([A-Z]+)@@", lambda found: filled[found[1]], template)  # in one pass: what is filled in stays
