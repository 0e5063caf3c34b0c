"""The definition, tried out: move z_j^l a little to either side, run forward, and see how the cost changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.network import Network
from fastbp.teach.drawing import document
from fastbp.teach.numbers import Numbers
from fastbp.teach.render import preformatted, wrapped
from fastbp.teach.steps import FIRST_LINE

SWEEP = tuple(10.0**-e for e in range(1, 13))
"""Steps h at which the error is shown."""


@dataclass(frozen=True)
class Difference:
    """What two or three forward passes say about a derivative.

    Attributes
    ----------
    h : float
    above, below : float
        C with the quantity moved by +h and by -h.
    centred, forward : float
        (C(+h) - C(-h)) / 2h and (C(+h) - C(0)) / h.
    centred_error, forward_error : float
        |difference - exact| / |exact|; the absolute error where the derivative is 0.
    """

    h: float
    above: float
    below: float
    centred: float
    forward: float
    centred_error: float
    forward_error: float


@dataclass(frozen=True)
class Nudge:
    """One `Difference`, and a sweep of them over h.

    Attributes
    ----------
    what : str
        What was moved, and how.
    exact : float
        The derivative by backpropagation, in float64.
    cost : float
        C where nothing is moved.
    at : Difference
        For the h that was asked for.
    sweep : tuple of Difference
        For h = 0.1, 0.01, ..., 1e-12: the error falls with h^2 (forward: h) until rounding takes over.
    """

    what: str
    exact: float
    cost: float
    at: Difference
    sweep: tuple[Difference, ...]

    @property
    def best(self) -> Difference:
        """The h of the sweep with the smallest error of the centred difference."""
        return min(self.sweep, key=lambda d: d.centred_error)

    def __str__(self) -> str:
        d = self.at
        lines = [
            FIRST_LINE,
            *wrapped(self.what, ""),
            f"  C(+h) = {d.above!r}   C(-h) = {d.below!r}   h = {d.h:g}",
            f"  centred difference (C(+h) - C(-h)) / 2h = {d.centred!r}",
            f"  backpropagation                         = {self.exact!r}",
            f"  relative error {d.centred_error:.2g}; of the forward difference (C(+h) - C) / h: {d.forward_error:.2g}",
            "",
            "         h   centred error   forward error",
        ]
        for s in self.sweep:
            lines.append(f"  {s.h:8.0e}   {s.centred_error:13.1e}   {s.forward_error:13.1e}")
        lines += wrapped(
            "A large h shows the error of the formula, which falls with h^2 for the centred difference and with h for "
            "the forward one. A small h shows rounding: C(+h) and C(-h) agree in so many digits that their difference "
            "has few left.",
            "",
        )
        return "\n".join(lines)

    __repr__ = __str__

    def svg(self) -> str:
        """Plot of both errors over h, both axes logarithmic."""
        width, height, left, top, right, bottom = 560, 330, 64, 34, 20, 52
        series = (
            ([s.centred_error for s in self.sweep], "#b35806", ""),
            ([s.forward_error for s in self.sweep], "#542788", ' stroke-dasharray="7 5"'),
        )
        logs = [math.log10(e) for errors, *_ in series for e in errors if 0 < e < math.inf] or [0.0]
        low, high = math.floor(min(logs)), math.ceil(max(logs)) + 1
        hs = [math.log10(s.h) for s in self.sweep]

        def x(log_h: float) -> float:
            return left + (log_h - hs[-1]) / (hs[0] - hs[-1]) * (width - left - right)

        def y(log_error: float) -> float:
            return top + (high - log_error) / (high - low) * (height - top - bottom)

        parts = []
        for power in range(low, high + 1, max(1, (high - low) // 7)):
            parts.append(
                f'<line x1="{left}" x2="{width - right}" y1="{y(power):.1f}" y2="{y(power):.1f}" stroke="#ddd"/>'
                f'<text x="{left - 6}" y="{y(power) + 4:.1f}" font-size="11" text-anchor="end">1e{power}</text>'
            )
        for log_h in hs[::2]:
            parts.append(
                f'<text x="{x(log_h):.1f}" y="{height - bottom + 18}" font-size="11" text-anchor="middle">'
                f"1e{log_h:.0f}</text>"
            )
        for errors, hue, dashes in series:
            points = [(x(h), y(math.log10(e))) for h, e in zip(hs, errors, strict=True) if 0 < e < math.inf]
            line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{hue}" stroke-width="2"{dashes}/>')
            for px, py in points:
                square = f'<rect x="{px - 3:.1f}" y="{py - 3:.1f}" width="6" height="6" fill="{hue}"/>'
                parts.append(square if dashes else f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{hue}"/>')
        parts += [
            f'<text x="{left}" y="20" font-size="13">relative error of the difference quotient: '
            '<tspan fill="#b35806">&#9679; centred</tspan>, <tspan fill="#542788">&#9632; forward</tspan></text>',
            f'<text x="{width / 2}" y="{height - 10}" font-size="13" text-anchor="middle">h</text>',
        ]
        return document(width, height, "Error of the difference quotient over h", parts, str(self))

    def _repr_html_(self) -> str:
        return preformatted(str(self)) + self.svg()


def _twin(numbers: Numbers) -> Network:
    """The net in float64: differences of float32 costs have no digits to spare."""
    net = numbers.net
    functions: Any = {"activations": net.activations, "cost": net.cost, "cost_parameter": net.cost_parameter}
    twin = Network(net.sizes, **functions, dtype="float64", seed=0)
    for l in range(1, net.L + 1):
        twin.w[l], twin.b[l] = net.w[l], net.b[l]
    return twin


def make_nudge(numbers: Numbers, h: Any) -> Nudge:
    """Move the bias of the neuron, which moves z_j^l alone, or the weight."""
    h = checks.check_real(h, "h", above=0.0, high=10.0)
    if numbers.Y is None:
        raise ValueError("A nudge changes the cost, and without a target there is none. Pass y to explain.")
    l, j, k = numbers.layer, numbers.neuron, numbers.k
    if numbers.n_samples > 1 and numbers.of in ("z", "delta"):
        raise ValueError(
            f"There are {numbers.n_samples} samples, each with a z_j^l of its own to move. Use .sample(x).nudge(h)."
        )
    net, X, Y = _twin(numbers), numbers.X.astype(np.float64), numbers.Y.astype(np.float64)
    array, index = (net.b[l], (j,)) if k is None else (net.w[l], (j, k))
    moved = (
        f"z_{j}^{l} is moved by h. Nudging z is nudging b_{j}^{l}: a bias moves its weighted input one to one (BP3)."
        if k is None
        else f"w_{{{j},{k}}}^{l} is moved by h."
    )
    if numbers.net.dtype == np.float32:
        moved += " In float64: differences of float32 costs have no digits to spare."
    kept = float(array[index])

    def cost(step: float) -> float:
        array[index] = kept + step
        value = net.gradient(X, Y, **numbers.penalty).cost
        array[index] = kept
        return value

    gradient = net.gradient(X, Y, **numbers.penalty)
    exact = float((gradient.b[l] if k is None else gradient.w[l])[index])
    here = gradient.cost

    def difference(step: float) -> Difference:
        above, below = cost(step), cost(-step)
        centred, forward = (above - below) / (2 * step), (above - here) / step
        scale = abs(exact) or 1.0
        errors = abs(centred - exact) / scale, abs(forward - exact) / scale
        return Difference(step, above, below, centred, forward, *errors)

    return Nudge(moved, exact, here, difference(h), tuple(map(difference, SWEEP)))
