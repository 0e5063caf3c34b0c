"""The page as a string, in a notebook, and what it is made of."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.errors import argument_error
from fastbp.functions import activations, costs
from fastbp.network import Network
from fastbp.teach.catalogue import MISTAKES
from fastbp.teach.numbers import check_samples, dense_targets
from fastbp.teach.playground.joining import join, read

TITLE = "The playground"
KNOWN = {entry.name for entry in (*activations.ACTIVATIONS, *costs.COSTS)}
"""Functions that the page has in JavaScript."""
MOST_NUMBERS = 200_000
"""Numbers of a network, and of its samples, that a page may hold: beyond, a browser is slow."""
MOST_KERNEL_NUMBERS = 100_000
"""Numbers of the kernels that are written into a page, for the first samples."""
LARGEST_ETA = 1e150
"""Beyond, steps overflow; state.js has it too."""


class Playground:
    """The page of a network, which a notebook shows inline; ``html`` is its text."""

    def __init__(self, html: str, height: int = 900) -> None:
        self.html, self.height = html, height

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{TITLE}" '
            f'style="width:100%;height:{self.height}px;border:0" allow="clipboard-write"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Playground: a page of {len(self.html) // 1024} kB; .html is its text, a notebook shows it>"


def _lists(arrays: Any) -> list[Any]:
    return [np.asarray(array, np.float64).tolist() for array in arrays]


def _kernel(net: Network, X: np.ndarray, Y: np.ndarray) -> list[dict[str, Any]]:
    """What the kernels make of the first samples: z, a, delta, C and the gradient of each."""
    per_sample = sum(2 * w.size + 4 * len(w) for w in net.w)
    found = []
    for x in range(min(len(X), max(1, MOST_KERNEL_NUMBERS // per_sample))):
        t = net.backprop(X[x : x + 1], Y[x : x + 1])
        parts = {name: [getattr(t, name)[l][0] for l in range(1, net.L + 1)] for name in ("z", "a", "delta")}
        parts |= {"g_w": list(t.w), "g_b": list(t.b)}
        if not all(np.isfinite(array).all() for arrays in parts.values() for array in arrays):
            break
        found.append({**{name: _lists(arrays) for name, arrays in parts.items()}, "C": float(t.cost)})
    return found


def _given(net: Network, x: Any, y: Any, eta: float, batch: int | None, title: str) -> dict[str, Any]:
    """A network and its samples, as the page reads them."""
    unknown = [name for name in (*net.activations, net.cost) if name not in KNOWN]
    if unknown:
        raise argument_error(
            "net", f"has {unknown[0]!r}, a function of your own; the page knows fastbp's. Use one of those."
        )
    if not np.isfinite(net.theta).all():
        raise argument_error(
            "net",
            "has weights or biases that are not finite; a page needs numbers. Load the net again, or train it anew.",
        )
    X, Y = check_samples(net, x, y)
    targets = dense_targets(net, Y, len(X))
    for what, size in (("parameters", net.theta.size), ("numbers in its samples", X.size + targets.size)):
        if size > MOST_NUMBERS:
            raise argument_error(
                "net" if what == "parameters" else "x",
                f"has {size:,} {what}; a page holds up to {MOST_NUMBERS:,}. Pass fewer.",
            )
    batch = min(len(X), 10) if batch is None else checks.check_int(batch, "batch_size", low=1, high=len(X))
    return {
        "title": title,
        "sizes": list(net.sizes),
        "activations": list(net.activations),
        "cost": net.cost,
        "p": net.cost_parameter,
        "dtype": net.dtype.name,
        "w": _lists(net.w),
        "b": _lists(net.b),
        "X": _lists(X),
        "Y": _lists(targets),
        "eta": eta,
        "batch": batch,
        "kernel": _kernel(net, X, targets),
    }


def playground(
    net: Network | None = None,
    x: Any = None,
    y: Any = None,
    *,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    title: str = TITLE,
    name: str = "your samples",
) -> str:
    """The page as HTML, which needs nothing else, by the parameters of `play`; ``name`` is that of the samples."""
    if net is None:
        options = {"x": x, "y": y, "learning_rate": learning_rate, "batch_size": batch_size}
        for option, value in options.items():
            if value is not None:
                raise argument_error(
                    option, "is given without a network; the page then begins with XOR. Pass net too, or leave it out."
                )
    eta = (
        0.5 if learning_rate is None else checks.check_real(learning_rate, "learning_rate", above=0.0, high=LARGEST_ETA)
    )
    given = None if net is None else _given(net, x, y, eta, batch_size, name)
    mistakes = {key: asdict(mistake) for key, mistake in MISTAKES.items()}
    text = json.dumps({"net": given, "mistakes": mistakes}, ensure_ascii=False, allow_nan=False)
    filled = {
        "TITLE": escape(title),
        "STYLE": read("style.css"),
        "SCRIPT": join(),
        "DATA": text.replace("</", "<\\/").replace("<!--", "<\\!--"),
    }
    return re.sub("@@([A-Z]+)@@", lambda found: filled[found[1]], read("page.html"))


def play(
    net: Network | None = None,
    x: Any = None,
    y: Any = None,
    *,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    title: str = TITLE,
    height: int = 900,
) -> Playground:
    """The playground: a page on which a network is changed, trained and broken, and every equation watched.

    A notebook shows it inline; ``.html`` is its text. With a network of yours it shows the kernels' numbers until
    something is changed or stepped; then the page computes by itself, in float64, and says so.

    Parameters
    ----------
    net : Network, optional
        The page's network at first, of fastbp's own activations and costs; without one the page begins with XOR.
        Numbers in float32 are converted exactly.
    x, y : array_like
        Samples of the network and their targets, as `fastbp.explain` takes them: one, or several.
    learning_rate : float, optional
        eta at first; by default 0.5.
    batch_size : int, optional
        Samples of a minibatch at first; by default 10, or all where there are fewer.
    title : str
    height : int
        Of the frame in a notebook, in pixels.

    Returns
    -------
    Playground

    Raises
    ------
    ValueError, TypeError
        For samples that do not fit the network, and for what a page cannot hold: more than 200,000 parameters,
        as many numbers in the samples, or functions of your own.
    """
    text = playground(net, x, y, learning_rate=learning_rate, batch_size=batch_size, title=title)
    return Playground(text, checks.check_int(height, "height", low=100))
