"""What is seen in a network, in its samples and in the curve of its loss, before anything is tried."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.functions.activations import NAMED
from fastbp.network import Network

LOOKED_AT = 500
"""Samples whose deltas are looked at."""
STEP = 1e-30
FLAT = 0.01
"""Part of its largest slope below which a bounded activation is saturated."""
MANY = 0.5
"""Share of saturated neurons, over all samples, that is more than a training recovers from by itself."""
MOST = 0.8
"""Share of dead neurons in a layer that leaves too few."""
VANISHED, EXPLODED = 0.02, 20.0
"""Delta of the first layer over that of the last, in length."""
LARGE, SMALL = 10.0, 0.03
"""Root mean square of a column from which on it is far from scaled; deviation below which it is."""
APART = 100.0
"""How far the deviations of two columns may be apart."""
FAR = 10.0
"""How many times beyond these bounds no training does as well as it could."""
LEAST_CHANGE = 1e-9
"""Part of a layer's largest weight by which two of its neurons may differ and be the same."""


@dataclass(frozen=True)
class LayerSigns:
    """One layer, over all samples looked at.

    Attributes
    ----------
    layer : int
    activation : str
    dead : float
        Share of its neurons whose sigma'(z) is 0 for every sample; 0 of bounded activations.
    saturated : float
        Share of neurons and samples with a slope below a hundredth of the largest; 0 of activations without bounds.
    delta : float
        Mean length of delta.
    """

    layer: int
    activation: str
    dead: float
    saturated: float
    delta: float


def _slopes(name: str, z: np.ndarray) -> tuple[float, float]:
    """Dead neurons and saturated ones, as shares."""
    entry = NAMED.get(name)
    if entry is None or entry.analytic is None or name == "softmax":
        return 0.0, 0.0

    def slope(z: np.ndarray) -> np.ndarray:  # by the complex step, which needs no compiler
        return np.asarray(np.abs(np.imag(entry.analytic(z.astype(float) + STEP * 1j)) / STEP))

    if not entry.is_bounded:
        return float((slope(z) == 0).all(axis=0).mean()), 0.0
    return 0.0, float((slope(z) < FLAT * slope(np.zeros(1))).mean())


def layer_signs(net: Network, X: np.ndarray, Y: Any, **counting: Any) -> tuple[LayerSigns, ...]:
    """Every layer, for these samples."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # what overflows is looked at here
        t = net.backprop(X, Y, **counting)
        return tuple(
            LayerSigns(l, name, *_slopes(name, t.z[l]), float(np.linalg.norm(t.delta[l].astype(float), axis=1).mean()))
            for l, name in enumerate(net.activations, 1)
        )


def ratio(signs: Sequence[LayerSigns]) -> float:
    """Delta of the first layer over that of the last; 1 where there is one layer, or no error."""
    return signs[0].delta / signs[-1].delta if signs[-1].delta > 0 else 1.0


def same_neurons(net: Network) -> int | None:
    """The first hidden layer whose neurons, of two and more, are all the same: weights in, bias, and weights out."""
    for l in range(1, net.L):
        w, b, out = net.w[l], net.b[l], net.w[l + 1]
        near = [np.ptp(part, axis=axis).max() <= LEAST_CHANGE * np.abs(part).max() for part, axis in
                ((w, 0), (b, 0), (out, 1))]  # fmt: skip
        if len(w) > 1 and all(near):
            return l
    return None


@dataclass(frozen=True)
class Columns:
    """How large the columns of inputs or targets are.

    Attributes
    ----------
    largest : float
        Root mean square of the largest.
    widest, narrowest : float
        Deviations, of columns that are not constant.
    """

    largest: float
    widest: float
    narrowest: float

    @property
    def scaled(self) -> bool:
        """Whether they are of a size, and that about 1."""
        if self.widest == 0:
            return True
        return self.largest <= LARGE and self.widest >= SMALL and self.widest <= APART * self.narrowest

    @property
    def far(self) -> bool:
        """Whether they are so far from that size that each training suffers."""
        return not self.scaled and max(self.largest / LARGE, self.widest / (APART * self.narrowest)) >= FAR

    def __str__(self) -> str:
        if self.widest > APART * self.narrowest:
            return f"the standard deviations of their columns reach from {self.narrowest:.2g} to {self.widest:.2g}"
        if self.largest > LARGE:
            return f"they are as large as {self.largest:.3g} in root mean square"
        return f"their standard deviation is at most {self.widest:.2g}"


def columns(X: np.ndarray) -> Columns:
    """Of inputs, or of targets."""
    X = X.astype(float)
    deviation = X.std(axis=0)
    varying = deviation[deviation > 1e-12 * np.abs(X).max(initial=0.0)]
    if not varying.size:
        return Columns(float(np.abs(X).max(initial=0.0)), 0.0, 0.0)
    return Columns(float(np.sqrt((X * X).mean(axis=0)).max()), float(varying.max()), float(varying.min()))


def rises(losses: Sequence[float]) -> int:
    """In how many epochs the loss rose by more than a twentieth."""
    return sum(not later <= earlier * 1.05 for earlier, later in itertools.pairwise(losses) if earlier > 0)
