"""Every path from a weighted input to the cost: what BP2, applied layer by layer, adds up without visiting them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.functions.activations import CODES
from fastbp.runtime.explained import activations
from fastbp.teach.numbers import Numbers
from fastbp.teach.render import preformatted, wrapped
from fastbp.teach.steps import FIRST_LINE

MOST = 10_000
"""Paths up to which all are listed."""


@dataclass(frozen=True)
class Path:
    """One path.

    Attributes
    ----------
    neurons : tuple of int
        One of each layer l..L.
    factors : tuple of float
        sigma'(z) and w, alternating, and the error of the output neuron where it ends.
    product : float
        Of the factors.
    """

    neurons: tuple[int, ...]
    factors: tuple[float, ...]
    product: float


@dataclass(frozen=True)
class Paths:
    """Paths from z_j^l to the cost.

    Attributes
    ----------
    number : int
        How many there are: the product of the sizes of layers l + 1..L.
    listed : tuple of Path
        All of them, or those with the largest ``|product|``, largest first.
    delta : float
        delta_j^l, what all of them add up to.
    search : str
        How the listed ones were found.
    """

    layer: int
    number: int
    listed: tuple[Path, ...]
    delta: float
    search: str

    @property
    def complete(self) -> bool:
        """Whether all paths are listed."""
        return len(self.listed) == self.number

    @property
    def total(self) -> float:
        """Sum of the listed products."""
        return math.fsum(path.product for path in self.listed)

    @property
    def remainder(self) -> float:
        """What the paths not listed add up to: delta without the listed ones; 0 up to rounding if all are."""
        return math.fsum([self.delta, *(-path.product for path in self.listed)])

    def text(self, *, most: int | None = 12) -> str:
        """Plain text, of at most so many paths; None for all that are listed."""
        shown = self.listed if most is None else self.listed[:most]
        lines = [
            FIRST_LINE,
            *wrapped(
                f"{self.number:,} paths lead from this neuron to the cost, one for each choice of a neuron k in every "
                "later layer. Neurons count from 0; l = 0 is the input.",
                "",
            ),
            *wrapped(f"Search: {self.search}", ""),
            "",
        ]
        for path in shown:
            way = " -> ".join(f"{j}" for j in path.neurons)
            lines.append(f"  {way} -> C   {' * '.join(f'{f:.6g}' for f in path.factors)} = {path.product:.6g}")
        if len(shown) < len(self.listed):
            lines.append(f"  ... {len(self.listed) - len(shown):,} more are listed; .text(most=None) shows them.")
        lines += ["", f"sum of the {len(self.listed):,} listed = {self.total!r}"]
        if not self.complete:
            lines.append(f"all others     = {self.remainder!r}")
        return "\n".join([*lines, f"delta          = {self.delta!r}"])

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__  # there may be thousands

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "about": FIRST_LINE,
            "layer": self.layer,
            "number": self.number,
            "delta": self.delta,
            "total": self.total,
            "remainder": self.remainder,
            "search": self.search,
            "paths": [
                {"neurons": list(p.neurons), "factors": list(p.factors), "product": p.product} for p in self.listed
            ],
        }


def _path(neurons: tuple[int, ...], l: int, slopes: list[np.ndarray], w: Any, end: np.ndarray) -> Path:
    factors: list[float] = []
    for at, (j, k) in enumerate(itertools.pairwise(neurons)):
        factors += [float(slopes[at][j]), float(w[l + at + 1][k, j])]
    factors.append(float(end[neurons[-1]]))
    return Path(neurons, tuple(factors), math.prod(factors))


def _largest(
    n: int, j: int, l: int, L: int, slopes: list[np.ndarray], w: Any, end: np.ndarray
) -> list[tuple[int, ...]]:
    """The n paths of largest |product|, exactly: the best n continuations of each neuron, from the last layer back."""
    best: list[list[tuple[float, tuple[int, ...]]]] = [[(abs(float(value)), (k,))] for k, value in enumerate(end)]
    for layer in range(L - 1, l - 1, -1):
        ahead = best
        sources = range(len(slopes[layer - l])) if layer > l else [j]
        best = []
        for i in sources:
            link = np.abs(w[layer + 1][:, i].astype(np.float64) * float(slopes[layer - l][i]))
            found = [
                (float(link[k]) * size, (i, *rest)) for k in range(len(ahead)) if link[k] > 0 for size, rest in ahead[k]
            ]
            best.append(sorted(found, key=lambda pair: (-pair[0], pair[1]))[:n])
    return [neurons for _, neurons in best[0]]


def find_paths(numbers: Numbers, n: int) -> Paths:
    """Paths from the explained neuron to the cost."""
    n = checks.check_int(n, "n", low=1)
    if numbers.Y is None or numbers.n_samples > 1:
        raise ValueError(
            "Paths lead from one neuron to the cost of one sample; this explanation has "
            + ("no target." if numbers.Y is None else f"{numbers.n_samples} samples. Use .sample(x).paths().")
        )
    net, trace, l, j = numbers.net, numbers.trace, numbers.layer, numbers.neuron
    slopes = [activations(CODES[net.activations[m - 1]], trace.z[m][0])[1] for m in range(l, net.L)]
    end = trace.delta[net.L][0]
    number = math.prod(net.sizes[l + 1 :])
    if number <= MOST:
        every = itertools.product([j], *(range(size) for size in net.sizes[l + 1 :]))
        listed = [_path(neurons, l, slopes, net.w, end) for neurons in every]
        listed.sort(key=lambda path: (-abs(path.product), path.neurons))
        search = "all of them, by every choice of neurons."
    else:
        listed = [_path(p, l, slopes, net.w, end) for p in _largest(n, j, l, net.L, slopes, net.w, end)]
        search = f"the {n} of largest |product|, exactly: from the output back, each neuron keeps its {n} best ways on."
    return Paths(l, number, tuple(listed), float(trace.delta[l][0, j]), search)
