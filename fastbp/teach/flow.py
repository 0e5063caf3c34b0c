"""How errors shrink on their way back: norms of delta layer by layer, and the factors behind them (chapter 5)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from fastbp.functions.activations import CODES
from fastbp.network import Network
from fastbp.runtime.explained import activations
from fastbp.teach.numbers import check_samples
from fastbp.teach.render import aligned
from fastbp.teach.render_html import STYLE
from fastbp.training.callbacks import Callback
from fastbp.training.history import Run

SATURATED = 1e-3
"""sigma'(z) below which a neuron is called saturated."""
COLUMNS = (
    ("l", "layer", "d"),
    ("neurons", "neurons", "d"),
    ("activation", "activation", ""),
    ("|dC/db|", "gradient_norm", ".3g"),
    ("mean |delta|", "delta_norm", ".3g"),
    ("ratio", "ratio", ".3f"),
    ("sigma'", "slope", ".3f"),
    ("gain", "gain", ".2f"),
    ("saturated", "saturated", ".1%"),
    ("zero", "dead", ".1%"),
)
"""Head, field and format of each column."""
NOTE = "ratio: |dC/db| of a layer over that of the next; about sigma' (link 1) times gain (link 2)."


@dataclass(frozen=True)
class LayerFlow:
    """One layer.

    Attributes
    ----------
    layer, neurons : int
    activation : str
    gradient_norm : float
        Norm of dC/db^l, the mean of delta^l over the samples: the book's measure of how fast a layer learns.
    delta_norm : float
        Mean over the samples of the norm of delta^l.
    ratio : float or None
        ``gradient_norm`` over that of the layer after; None for the output layer.
    slope : float or None
        Mean sigma'(z), link 1; None for softmax.
    gain : float or None
        Mean over the samples of ``|w^{l+1}^T delta^{l+1}| / |delta^{l+1}|``: what link 2 does to the length.
    saturated : float or None
        Share of neurons and samples with ``|sigma'(z)|`` below 0.001.
    dead : float or None
        Share with sigma'(z) exactly 0.
    """

    layer: int
    neurons: int
    activation: str
    gradient_norm: float
    delta_norm: float
    ratio: float | None
    slope: float | None
    gain: float | None
    saturated: float | None
    dead: float | None


@dataclass(frozen=True)
class GradientFlow:
    """Every layer of a network, for some samples.

    Attributes
    ----------
    layers : tuple of LayerFlow
        l = 1..L.
    n_samples : int
    """

    layers: tuple[LayerFlow, ...]
    n_samples: int

    @property
    def norms(self) -> tuple[float, ...]:
        """``gradient_norm`` of the hidden layers, as the book lists them."""
        return tuple(layer.gradient_norm for layer in self.layers[:-1])

    def rows(self) -> list[tuple[str, ...]]:
        """Cells of the table, heads first."""
        heads = tuple(head for head, _, _ in COLUMNS)
        found = [[(getattr(layer, name), form) for _, name, form in COLUMNS] for layer in self.layers]
        return [heads, *(tuple("" if value is None else format(value, form) for value, form in row) for row in found)]

    def __str__(self) -> str:
        lines = [line.rstrip() for line in aligned(self.rows())]
        return "\n".join(
            [f"Backpropagation, layer by layer; {self.n_samples} samples. l = 0 is the input.", *lines, NOTE]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        first, *body = self.rows()
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in first)
        largest = max((f.gradient_norm for f in self.layers), default=0.0) or 1.0
        lines = []
        for cells, f in zip(body, self.layers, strict=True):
            bar = f'<span class="bar" style="width:{8 * f.gradient_norm / largest:.2f}em"></span>'
            row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            lines.append(f'<tr>{row}<td class="share" aria-hidden="true">{bar}</td></tr>')
        caption = str(self).partition("\n")[0]
        return (
            f'<div class="fastbp"><style>{STYLE}</style><p class="about">{escape(caption)}</p>'
            f'<div class="scroll"><table><thead><tr>{head}<td class="share"></td></tr></thead>'
            f'<tbody>{"".join(lines)}</tbody></table></div><p class="small">{escape(NOTE)}</p></div>'
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"n_samples": self.n_samples, "layers": [vars(layer).copy() for layer in self.layers]}


def gradient_flow(net: Network, X: Any, Y: Any) -> GradientFlow:
    """Norms of delta in every layer, and the factors behind them (BP1, BP2).

    Parameters
    ----------
    net : Network
    X : array_like, shape (n_samples, sizes[0])
    Y : array_like
        Labels, or outputs of shape (n_samples, sizes[-1]).

    Returns
    -------
    GradientFlow
    """
    X, Y = check_samples(net, X, Y)
    t = net.backprop(X, Y)
    delta = {l: t.delta[l].astype(np.float64) for l in range(1, net.L + 1)}
    norms = {l: float(np.linalg.norm(delta[l].mean(axis=0))) for l in delta}
    layers = []
    for l, name in enumerate(net.activations, 1):
        ratio = slope = gain = saturated = dead = None
        if name != "softmax":
            slopes = activations(CODES[name], t.z[l])[1].astype(np.float64)
            slope = float(slopes.mean())
            saturated, dead = float((np.abs(slopes) < SATURATED).mean()), float((slopes == 0).mean())
        if l < net.L:
            ratio = norms[l] / norms[l + 1] if norms[l + 1] > 0 else None
            before = np.linalg.norm(delta[l + 1], axis=1)
            after = np.linalg.norm(delta[l + 1] @ net.w[l + 1].astype(np.float64), axis=1)
            gain = float((after[before > 0] / before[before > 0]).mean()) if (before > 0).any() else None
        size = float(np.linalg.norm(delta[l], axis=1).mean())
        layers.append(LayerFlow(l, net.sizes[l], name, norms[l], size, ratio, slope, gain, saturated, dead))
    return GradientFlow(tuple(layers), len(X))


class FlowRecorder(Callback):
    """Callback of `fastbp.train` that takes a `GradientFlow` before the first epoch and after each one.

    Parameters
    ----------
    X, Y
        The samples to take it for.

    Attributes
    ----------
    flows : list of GradientFlow
    """

    def __init__(self, X: Any, Y: Any) -> None:
        self.X, self.Y = X, Y
        self.flows: list[GradientFlow] = []

    def on_train_begin(self, run: Run) -> None:
        """Take the first."""
        self.flows = [gradient_flow(run.net, self.X, self.Y)]

    def on_epoch_end(self, run: Run) -> None:
        """Take another."""
        self.flows.append(gradient_flow(run.net, self.X, self.Y))

    @property
    def norms(self) -> np.ndarray:
        """``gradient_norm`` of the hidden layers: a row for each epoch, a column for each layer l = 1..L - 1."""
        return np.array([flow.norms for flow in self.flows])

    def __str__(self) -> str:
        L = len(self.flows[0].layers) if self.flows else 1
        lines = ["epoch  " + "  ".join(f"|dC/db^{l}|".rjust(10) for l in range(1, L))]
        for epoch, row in enumerate(self.norms):
            lines.append(f"{epoch:5d}  " + "  ".join(f"{value:10.3g}" for value in row))
        return "\n".join(lines)
