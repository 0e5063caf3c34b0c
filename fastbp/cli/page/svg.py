"""Small charts as SVG that takes its colours from the page: axes with round numbers, lines, points, bars, words."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

WIDTH, HEIGHT = 340, 240
"""Units of a chart: pixels on a phone, so that its words are never smaller than they say."""


def number(value: float, digits: int = 4) -> str:
    """A number for readers: four digits, thousands apart, no needless zeros."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    size = abs(value)
    if size != 0 and (size >= 1e9 or size < 1e-4):
        return f"{value:.{digits - 1}g}"
    if size >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def brief(value: float) -> str:
    """A number beside an axis: thousands and millions in a letter."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if max(size, 1e4) <= abs(value) < 1e12:
            return f"{value / size:.4g}{letter}"
    return number(value)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high, at most so many: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    power: float = 10.0 ** math.floor(math.log10(span / most))
    for m in (1, 2, 5, 10, 20):
        step = power * m
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [i * step for i in range(first, last + 1)]


def widened(values: Any, part: float = 0.04) -> tuple[float, float]:
    """From the least to the greatest, and a little further; never of no width."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    more = part * (high - low) or max(abs(high) * 0.05, 1e-12, 0.5 * (high == 0))
    return low - more, high + more


def short(name: Any, most: int = 12) -> str:
    """A name that fits beside an axis."""
    text = str(name)
    return text if len(text) <= most else text[: most - 1] + "…"


class Chart:
    """A drawing with axes.

    Parameters
    ----------
    title : str
        Said above the drawing, and to those who do not see it.
    x, y : pair of float
        Ends of the axes.
    x_label, y_label : str
    left : int
        Room for what is written beside the y axis.
    """

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        x_label: str = "",
        y_label: str = "",
        *,
        left: int = 50,
        height: int = HEIGHT,
        bottom: int = 40,
    ) -> None:
        self.title, self._x, self._y, self._left = title, x, y, left
        self._top, self._right, self._bottom, self._height = 14, 12, bottom, height
        self._labels = x_label, y_label
        self._parts: list[str] = []
        self._legend: list[tuple[str, int]] = []
        self.described = title

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Where a point lies in the drawing."""
        (x0, x1), (y0, y1) = self._x, self._y
        width, height = WIDTH - self._left - self._right, self._height - self._top - self._bottom
        return (
            self._left + (np.asarray(x, np.float64) - x0) / (x1 - x0) * width,
            self._top + (y1 - np.asarray(y, np.float64)) / (y1 - y0) * height,
        )

    def add(self, element: str) -> None:
        """A part of the drawing."""
        self._parts.append(element)

    def x_axis(self, marks: Sequence[tuple[float, str]] | None = None) -> None:
        """Numbers below, or these words."""
        marks = [(t, brief(t)) for t in ticks(*self._x)] if marks is None else marks
        base = self._height - self._bottom
        for value, text in marks:
            px, _ = self.at(value, self._y[0])
            self.add(f'<line class="tick" x1="{px:.1f}" x2="{px:.1f}" y1="{base}" y2="{base + 4}"/>')
            self.text(px, base + 16, text, "middle")

    def y_axis(self, marks: Sequence[tuple[float, str]] | None = None, *, grid: bool = True) -> None:
        """Numbers at the left, or these words."""
        marks = [(t, brief(t)) for t in ticks(*self._y)] if marks is None else marks
        for value, text in marks:
            _, py = self.at(self._x[0], value)
            if grid:
                self.add(
                    f'<line class="grid" x1="{self._left}" x2="{WIDTH - self._right}" y1="{py:.1f}" y2="{py:.1f}"/>'
                )
            self.text(self._left - 6, py + 4, text, "end")

    def text(self, px: float, py: float, text: str, anchor: str = "start", kind: str = "") -> None:
        """Words, at a place of the drawing."""
        of = f' class="{kind}"' if kind else ""
        self.add(f'<text{of} x="{px:.1f}" y="{py:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>')

    def line(self, x: Any, y: Any, series: int = 0, kind: str = "", name: str = "") -> None:
        """A line through points; of many no more than can be told apart. Gaps are where a value is not finite."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if len(x) > 600:
            chosen = np.unique(np.linspace(0, len(x) - 1, 600).astype(int))
            x, y = x[chosen], y[chosen]
        low, high = sorted(self._y)
        px, py = self.at(x, np.clip(y, low, high))
        there = np.isfinite(px) & np.isfinite(py)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(px[there], py[there], strict=True))
        self.add(f'<polyline class="line s{series} {kind}" points="{points}"/>')
        if name:
            self._legend.append((name, series))

    def points(self, x: Any, y: Any, series: int = 0, radius: float = 2.0, kind: str = "dot") -> None:
        """A dot for each point."""
        px, py = self.at(x, y)
        for a, b in zip(np.atleast_1d(px), np.atleast_1d(py), strict=True):
            self.add(f'<circle class="{kind} s{series}" cx="{a:.1f}" cy="{b:.1f}" r="{radius:g}"/>')

    def box(self, x0: float, x1: float, y0: float, y1: float, series: int = 0, opacity: float = 1.0) -> None:
        """A filled rectangle between these values."""
        (ax, ay), (bx, by) = self.at(x0, y1), self.at(x1, y0)
        self.add(
            f'<rect class="bar s{series}" x="{min(ax, bx):.1f}" y="{min(ay, by):.1f}" width="{abs(bx - ax):.1f}" '
            f'height="{abs(by - ay):.1f}" fill-opacity="{opacity:.3g}"/>'
        )

    def straight(self, x0: float, y0: float, x1: float, y1: float, kind: str = "guide") -> None:
        """A straight line between two points."""
        (ax, ay), (bx, by) = self.at(x0, y0), self.at(x1, y1)
        self.add(f'<line class="{kind}" x1="{ax:.1f}" y1="{ay:.1f}" x2="{bx:.1f}" y2="{by:.1f}"/>')

    def svg(self) -> str:
        """The drawing below its title, and what its colours mean, as an element of the page."""
        x_label, y_label = self._labels
        middle = (self._left + WIDTH - self._right) / 2
        if x_label:
            self.text(middle, self._height - 5, x_label, "middle", "label")
        heading = html.escape(self.title) + (f" <small>{html.escape(y_label)}</small>" if y_label else "")
        legend = "".join(
            f'<span><i class="s{series}"></i>{html.escape(short(name, 28))}</span>' for name, series in self._legend
        )
        drawing = (
            f'<svg viewBox="0 0 {WIDTH} {self._height}" role="img" aria-label="{html.escape(self.described)}">'
            f"{''.join(self._parts)}</svg>"
        )
        below = f'<figcaption class="legend">{legend}</figcaption>' if legend else ""
        return f'<figure class="chart"><h3>{heading}</h3>{drawing}{below}</figure>'
