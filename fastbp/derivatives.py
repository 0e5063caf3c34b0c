"""Gradients checked against derivatives that know nothing of backpropagation: complex step and centred differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastbp import checks
from fastbp.arrays import as_inputs, as_sample_weight
from fastbp.checks import AnyCost
from fastbp.functions import analytic, costs
from fastbp.functions.activations import NAMED
from fastbp.network import Network
from fastbp.targets import Targets, as_targets

METHODS = ("complex", "centred")
STEPS = {"complex": 1e-30, "centred": 1e-6}
TOLERANCES = {("complex", "float64"): 1e-11, ("centred", "float64"): 1e-5}
"""Of the relative difference; float32 gradients are held to 2e-5 and 1e-3."""

AT_ONCE = 1 << 18
"""Numbers of a layer that many perturbed passes hold together: as much as stays in a cache."""


def _feedforward(net: Network, l: int, z: Any) -> Iterator[tuple[Any, Any]]:
    """z and a of the layers from l on, by matrix products, from rows of z^l; a softmax's a is not computed."""
    for m in range(l, net.L + 1):
        name = net.activations[m - 1]
        a = z if name == "softmax" else NAMED[name].analytic(z)
        yield z, a
        if m < net.L:
            z = a @ net.w[m + 1].T.astype(float) + net.b[m + 1].astype(float)


def _costs(net: Network, of: tuple[str, float], l: int, z: Any, targets: Targets) -> Any:
    """C_x, shape (n_passes, n_samples), from real or complex z^l, shape (n_passes, n_samples, J).

    ``of`` is the cost and its parameter; the targets are outputs.
    """
    Y, u = targets.dense, targets.output_weight
    assert Y is not None
    *_, above = _feedforward(net, l, z.reshape(-1, z.shape[-1]))
    z, a = (part.reshape(-1, *Y.shape) for part in above)
    cost, p = of
    if u is None:
        return costs.NAMED[cost].analytic(z, a, Y, net.activations[-1], p)
    there = ~np.isnan(Y)
    z, a, y = (part[..., None] for part in (z, a, np.where(there, Y, 1)))  # each output by itself
    return np.where(there, costs.NAMED[cost].analytic(z, a, y, net.activations[-1], p), 0) @ u


@dataclass(frozen=True)
class GradientCheck:
    """Relative difference of a gradient from numerical derivatives, norm by norm for each array.

    ``w[l]`` and ``b[l]``, l = 1..L; arrays whose derivative is 0 are compared with the largest array's norm.
    """

    method: str
    step: float
    tolerance: float
    w: dict[int, float]
    b: dict[int, float]

    @property
    def worst(self) -> float:
        """The largest of the differences; NaN if one is."""
        return float(np.max([*self.w.values(), *self.b.values()]))

    @property
    def passed(self) -> bool:
        """Whether every difference is within the tolerance."""
        return self.worst <= self.tolerance

    def __str__(self) -> str:
        lines = [f"{self.method} step {self.step:g}: relative difference of each array (tolerance {self.tolerance:g})"]
        for l in self.w:
            lines.append(f"  layer {l}: dC/dw {self.w[l]:.2e}   dC/db {self.b[l]:.2e}")
        return "\n".join([*lines, "passed" if self.passed else f"FAILED: the largest is {self.worst:.2e}"])


def numerical_gradient(
    net: Network,
    X: Any,
    Y: Any,
    *,
    method: str = "complex",
    step: float | None = None,
    sample_weight: Any = None,
    output_weight: Any = None,
    missing_targets: Literal["ignore"] | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    cost: AnyCost | None = None,
    cost_parameter: float | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """dC/dw^l and dC/db^l for l = 1..L from their definition, in float64.

    Parameters are those of `gradcheck`. Each parameter moves by itself, and every sample passes forward again from its
    layer on: for nets of some ten thousand parameters and some samples.
    """
    checks.check_name(method, METHODS, "method")
    h = STEPS[method] if step is None else checks.check_real(step, "step", above=0.0)
    name, p = net._cost_or(cost, cost_parameter)
    of = name, costs.parameter_of(name, p)
    wide = np.dtype("float64")
    X = as_inputs(X, net.sizes[0], wide)
    options: dict[str, Any] = {"output_weight": output_weight, "missing_targets": missing_targets}
    targets = as_targets(Y, len(X), net.sizes[-1], of, net.activations[-1], wide, **options)
    if targets.labels is not None:
        targets = Targets(np.eye(net.sizes[-1])[targets.labels], None, targets.output_weight)
    s = as_sample_weight(sample_weight, len(X), net.dtype)
    s = np.ones(len(X)) if s is None else s.astype(float)
    moves = [1j * h] if method == "complex" else [h, -h]

    def quotient(values: list[Any]) -> Any:
        return values[0].imag / h if method == "complex" else np.real(values[0] - values[1]) / (2 * h)

    out_w, out_b = [], []
    a_prev = X
    for l in range(1, net.L + 1):
        w, b = net.w[l].astype(float), net.b[l].astype(float)
        J, K = w.shape
        z = a_prev @ w.T + b
        # A weight moves z_j by its own move times a_k of the layer below (F1); a bias likewise, with 1 for a_k.
        a_prev = np.column_stack([a_prev, np.ones(len(X))])
        slopes = np.empty(J * (K + 1))
        at_once = max(1, AT_ONCE // (len(X) * max(net.sizes[l:])))
        for first in range(0, slopes.size, at_once):
            place = np.arange(first, min(first + at_once, slopes.size))
            j, k = divmod(place, K + 1)
            values = []
            for move in moves:
                moved = np.repeat(z[None].astype(type(move)), len(place), axis=0)
                moved[place - first, :, j] += move * a_prev[:, k].T
                values.append(_costs(net, of, l, moved, targets) @ s / s.sum())
            slopes[place] = quotient(values)
        slopes = slopes.reshape(J, K + 1)
        penalties = [l1 * analytic.flipped(w + move) + l2 / 2 * (w + move) ** 2 for move in moves]
        out_w.append(slopes[:, :K] + quotient(penalties))
        out_b.append(slopes[:, K])
        a_prev = np.real(next(_feedforward(net, l, z))[1])
    return out_w, out_b


def _arrays_of(gradient: Any, net: Network, X: Any, Y: Any) -> tuple[list[Any], list[Any]]:
    """dC/dw^l and dC/db^l, l = 1..L, of whatever a user calls a gradient."""
    if callable(gradient):
        gradient = gradient(net, X, Y)
    if hasattr(gradient, "w") and hasattr(gradient, "b"):
        gradient = (gradient.w, gradient.b)
    if not isinstance(gradient, (tuple, list)) or len(gradient) != 2:
        raise TypeError(
            f"gradient is a {type(gradient).__name__}; dC/dw and dC/db are needed. Pass a pair (w, b), or an object "
            "with w and b."
        )
    parts = [list(part) if isinstance(part, Iterable) else [part] for part in gradient]
    if [len(part) for part in parts] != [net.L, net.L]:
        raise ValueError(
            f"gradient has {len(parts[0])} arrays for w and {len(parts[1])} for b; this network has {net.L} layers. "
            "Pass one array of each for every layer 1..L."
        )
    return parts[0], parts[1]


def gradcheck(
    net: Network,
    X: Any,
    Y: Any,
    *,
    gradient: Any = None,
    method: str = "complex",
    step: float | None = None,
    tolerance: float | None = None,
    sample_weight: Any = None,
    output_weight: Any = None,
    missing_targets: Literal["ignore"] | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    cost: AnyCost | None = None,
    cost_parameter: float | None = None,
) -> GradientCheck:
    """Compare a gradient with numerical derivatives of C (BP3, BP4 against their definition).

    The complex step, Im C(w + ih) / h, has no cancellation: it is exact to rounding for any small h. Centred
    differences are what a hand calculation would do; their error has a minimum near h = 1e-6.

    Parameters
    ----------
    net : Network
    X : array_like, shape (n_samples, sizes[0])
    Y : array_like
        Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]).
    gradient : Gradient, pair or function, optional
        What to check: an object with ``w`` and ``b``, a pair ``(w, b)``, each an array for every layer 1..L in order,
        or a function of ``(net, X, Y)`` that returns one of these. Default ``net.gradient(X, Y, ...)``.
    method : {"complex", "centred"}
    step : float, optional
        h; default 1e-30 and 1e-6.
    tolerance : float, optional
        Of the relative difference of each array; default by method and dtype.
    sample_weight, output_weight, missing_targets, l1, l2, cost, cost_parameter
        As in `Network.gradient`.

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        As `Network.gradient` does.
    """
    options: dict[str, Any] = {"sample_weight": sample_weight, "l1": l1, "l2": l2}
    options |= {"cost": cost, "cost_parameter": cost_parameter}
    options |= {"output_weight": output_weight, "missing_targets": missing_targets}
    given_w, given_b = _arrays_of(net.gradient(X, Y, **options) if gradient is None else gradient, net, X, Y)
    exact_w, exact_b = numerical_gradient(net, X, Y, method=method, step=step, **options)
    if tolerance is None:
        default = 2e-5 if method == "complex" else 1e-3
        tolerance = TOLERANCES.get((method, net.dtype.name), default)
    largest = max(float(np.linalg.norm(part)) for part in (*exact_w, *exact_b))

    def difference(given: Any, exact: np.ndarray) -> float:
        given = np.asarray(given, float)
        if given.shape != exact.shape:
            raise ValueError(f"A gradient has shape {given.shape}; its array has {exact.shape}. Pass that shape.")
        norm = float(np.linalg.norm(exact)) or largest or 1.0
        return float(np.linalg.norm(given - exact)) / norm

    layers = range(1, net.L + 1)
    return GradientCheck(
        method,
        STEPS[method] if step is None else step,
        tolerance,
        {l: difference(given_w[l - 1], exact_w[l - 1]) for l in layers},
        {l: difference(given_b[l - 1], exact_b[l - 1]) for l in layers},
    )
