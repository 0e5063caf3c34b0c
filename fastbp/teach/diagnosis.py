"""``diagnose``: which mistakes a learner's own numbers match."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.network import Network, PerLayer
from fastbp.teach import mistakes
from fastbp.teach.mistakes import MISTAKES, Flags, Found, Mistake, Problem
from fastbp.teach.numbers import check_samples, dense_targets
from fastbp.teach.render import wrapped

FULL = 12
"""Digits after the point from which a number counts as printed in full."""


@dataclass(frozen=True)
class Diagnosis:
    """What the numbers are.

    Attributes
    ----------
    correct : bool
        They are the gradient, to the digits given.
    mistakes : tuple of Mistake
        Every mistake that gives these numbers; several where the numbers cannot tell them apart.
    pairs : tuple of (Mistake, Mistake)
        Two mistakes at once that give them, where no single one does.
    learning_rate : float or None
        eta of the update that came too early, where that is the mistake.
    """

    correct: bool
    mistakes: tuple[Mistake, ...]
    pairs: tuple[tuple[Mistake, Mistake], ...]
    learning_rate: float | None = None

    @property
    def unknown(self) -> bool:
        """Whether the numbers are wrong in a way that is not in the catalogue."""
        return not (self.correct or self.mistakes or self.pairs)

    def __str__(self) -> str:
        if self.correct:
            return "These numbers are right, to the digits given."
        if self.unknown:
            return (
                f"These numbers are wrong, and match none of the {len(MISTAKES)} known mistakes, nor two at once. "
                "fastbp.explain shows every term of the right ones; compare z, then delta from the last layer back."
            )
        lines = ["These numbers are what this mistake gives:"]
        if len(self.mistakes) > 1:
            lines = [f"These numbers are what any of {len(self.mistakes)} mistakes gives; they cannot tell them apart:"]
        if self.pairs:
            lines = ["These numbers are what two mistakes at once give:"]
        for mistake in self.mistakes or self.pairs[0]:
            lines.append(f"- {mistake.title} ({mistake.name}, {mistake.equation})")
            lines += [*wrapped(mistake.why), *wrapped(mistake.fix)]
        if self.learning_rate is not None:
            lines.append(f"  The step that came too early had a learning rate of {self.learning_rate:.6g}.")
        return "\n".join(lines)

    __repr__ = __str__


def per_layer(given: Any, L: int, name: str) -> dict[int, np.ndarray]:
    """Arrays by layer: from a mapping, from L arrays, or from L + 1 of which the first stands for layer 0."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, PerLayer):
        pairs = list(enumerate(given, 1))
    elif isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, (str, bytes)):
        pairs = list(enumerate(given, 1 if len(given) == L else 0))
        if len(given) == L + 1:
            pairs = pairs[1:]
        elif len(given) != L:
            raise ValueError(
                f"{name} has {len(given)} arrays; the network has layers 1..{L}. Pass {L} arrays, or a dict by layer."
            )
    else:
        raise TypeError(f"{name} is {type(given).__name__}; one array for each layer is needed. Pass a list or a dict.")
    out = {}
    for l, value in pairs:
        if value is None:
            continue
        if l not in range(1, L + 1):
            what = "a layer 0, which is the input and has no weights" if l == 0 else f"a layer {l!r}"
            raise ValueError(f"{name} has {what}; the network has layers 1..{L}. Pass these.")
        if np.iscomplexobj(value):
            raise TypeError(f"{name}[{l}] is complex; a gradient of real numbers is real. Pass real numbers.")
        try:
            out[int(l)] = np.asarray(value, float)
        except (TypeError, ValueError):
            raise TypeError(f"{name}[{l}] is {value!r}; an array of numbers is needed. Pass one.") from None
    return out


def decimals(values: np.ndarray) -> int:
    """The most digits after the point that any of the numbers was written with."""
    most = 0
    for value in values.ravel():
        mantissa, _, exponent = repr(float(value)).partition("e")
        digits = len(mantissa.partition(".")[2]) if not mantissa.endswith(".0") else 0
        most = max(most, digits - int(exponent or 0))
    return most


class Given:
    """A learner's numbers, and how far they may be from a candidate."""

    def __init__(self, w: Any, b: Any, delta: Any, L: int, tolerance: float | None) -> None:
        self.parts = {"w": per_layer(w, L, "w"), "b": per_layer(b, L, "b"), "delta": per_layer(delta, L, "delta")}
        arrays = [array for part in self.parts.values() for array in part.values()]
        if not arrays:
            raise ValueError("There are no numbers to diagnose. Pass w=, b= or delta=, by layer.")
        places = max(map(decimals, arrays))
        self.unit = 0.5001 * 10.0**-places if places < FULL else 0.0
        largest = max((float(np.abs(array).max(initial=0.0)) for array in arrays), default=0.0)
        self.precise = self.unit <= 1e-3 * largest
        """Whether there are digits enough to tell two mistakes at once from chance."""
        self.relative = 1e-8 if tolerance is None else tolerance
        if tolerance is not None:
            self.unit = 0.0

    def hidden_rows(self, L: int) -> int:
        """Hidden neurons of which something is given: a step size, one unknown, needs two."""
        return len(
            {(l, j) for part in self.parts.values() for l, array in part.items() if l < L for j in range(len(array))}
        )

    def backwards(self) -> Given:
        """The same arrays, counted from the last layer."""
        other = copy.copy(self)
        other.parts = {kind: dict(zip(part, reversed(part.values()), strict=True)) for kind, part in self.parts.items()}
        return other

    def matches(self, found: Found) -> bool:
        """Whether every number given is the candidate's."""
        for kind, part in self.parts.items():
            arrays = getattr(found, kind)
            for l, given in part.items():
                wanted = arrays[l - 1]
                if given.shape != wanted.shape or not np.isfinite(given).all():
                    return False
                bound = self.unit + self.relative * (float(np.abs(wanted).max()) if wanted.size else 0.0)
                if not (np.abs(given - wanted) <= bound).all():
                    return False
        return True


def attempt(problem: Problem, flags: Flags, given: Given) -> tuple[bool, float | None]:
    """Whether a mistake gives these numbers, and with which step size."""
    try:
        if not any(flag.startswith("updated-weights") for flag in flags):
            return given.matches(mistakes.gradient(problem, flags)), None
        l = len(problem.w) - 1
        b = given.parts["b"].get(l, given.parts["delta"].get(l) if len(problem.X) == 1 else None)
        w = given.parts["w"].get(l)
        right = mistakes.gradient(problem)
        if l < 1 or given.hidden_rows(l + 1) < 2:
            return False, None
        if w is None or w.shape != right.w[l - 1].shape:
            w = None
        if b is None or b.shape != right.b[l - 1].shape:
            b = None
        if b is None and w is None:
            return False, None
        if b is None:  # a row of the gradient of layer L - 1 is delta_j times a: one column tells delta
            assert w is not None
            eta = _from_weights(problem, flags, w)
        else:
            eta = mistakes.step_size(problem, flags, b, w)
        if eta is None or not math.isfinite(eta) or not 1e-6 < eta < 1e6:
            return False, None
        return given.matches(mistakes.gradient(problem, flags, eta)), eta
    except ValueError:  # the mistake does not fit the shapes
        return False, None


def _from_weights(problem: Problem, flags: Flags, w: np.ndarray) -> float | None:
    base, one = mistakes.gradient(problem, flags, 0.0), mistakes.gradient(problem, flags, 1.0)
    l = len(problem.w) - 2
    slope = (one.w[l] - base.w[l]).ravel()
    size = float(slope @ slope)
    return None if size == 0 else float(slope @ (w - base.w[l]).ravel()) / size


def find(problem: Problem, given: Given) -> Diagnosis:
    """Compare with the right gradient, with every mistake, and then with every two of them."""
    right = mistakes.gradient(problem)
    if given.matches(right):
        return Diagnosis(True, (), ())
    found: dict[str, float | None] = {}
    for name, flags in mistakes.candidates(problem):
        fits, eta = attempt(problem, flags, given)
        if fits:
            found.setdefault(name, eta)
    if found:
        eta = next((eta for eta in found.values() if eta is not None), None)
        return Diagnosis(False, tuple(MISTAKES[name] for name in found), (), eta)
    if not given.precise:
        return Diagnosis(False, (), ())
    two = {names: None for names, flags in mistakes.pairs(problem) if attempt(problem, flags, given)[0]}
    return Diagnosis(False, (), tuple((MISTAKES[a], MISTAKES[b]) for a, b in two))


def diagnose(
    net: Network,
    x: Any,
    y: Any,
    w: Any = None,
    b: Any = None,
    *,
    delta: Any = None,
    before: Any = None,
    tolerance: float | None = None,
) -> Diagnosis:
    """Name the mistakes that a learner's numbers match, or say that they are right, or unknown.

    Parameters
    ----------
    net : Network
        With the weights that the numbers belong to.
    x : array_like, shape (sizes[0],) or (n_samples, sizes[0])
    y : array_like
        As in `explain`.
    w, b : optional
        The learner's dC/dw^l and dC/db^l: L arrays, or L + 1 with layer 0 first, or a dict by layer of those there are.
    delta : optional
        The learner's delta^l of one sample, in the same forms.
    before : tuple, optional
        ``(x, y)`` of the call before, in case its gradients were never cleared; default: the same sample twice.
    tolerance : float, optional
        Relative to the largest number of an array; by default 1e-8, and half a unit of the last digit given where
        numbers were typed with fewer digits.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError, TypeError
        For a sample or numbers that do not fit the network.
    """
    X, Y = check_samples(net, x, y)
    targets = dense_targets(net, Y, len(X))
    if delta is not None and len(X) > 1:
        raise ValueError(f"delta belongs to one sample; x has {len(X)}. Pass one of them, or w and b.")
    earlier = None
    if before is not None:
        X_0, Y_0 = check_samples(net, *before)
        earlier = X_0.astype(float), dense_targets(net, Y_0, len(X_0)).astype(float)
    problem = Problem(
        [np.array(part, float) for part in net.w],
        [np.array(part, float) for part in net.b],
        X.astype(float),
        targets.astype(float),
        net.activations,
        net.cost,
        earlier,
    )
    relative = 2e-4 if tolerance is None and net.dtype == np.float32 else tolerance
    return find(problem, Given(w, b, delta, net.L, relative))
