"""``diagnose``: which mistakes a learner's own numbers match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.network import Network
from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.matching import (
    FLOAT32,
    FULL,
    Evidence,
    Given,
    Match,
    decimals,
    pairs,
    precision_of,
    shown,
    singles,
)
from fastbp.teach.numbers import check_samples, dense_targets
from fastbp.teach.render import wrapped
from fastbp.teach.ways import RIGHT, Problem

RELATIVE = 1e-8
"""Part of the largest number of an array that each may be off by."""
ENOUGH, ENOUGH_FOR_TWO = 2.5, 6.0
"""Digits that the numbers must hold together, so that a match with one of some hundred forms, or with one of some
thousand pairs of them, is no chance."""


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


def _given(net: Network, w: Any, b: Any, delta: Any, tolerance: float | None) -> Given:
    """The numbers, and how far they may be off: as typed, or as their format rounds."""
    given = Given(w, b, delta, net.L, relative=RELATIVE if tolerance is None else tolerance)
    if tolerance is not None:
        return given
    digits = max(map(decimals, given.arrays))
    if digits < FULL:
        given.unit = 0.5001 * 10.0**-digits
    else:
        given.round_as(precision_of(given.arrays), FLOAT32.rounding if net.dtype == np.float32 else 0.0)
    return given


def find(problem: Problem, given: Given) -> Diagnosis:
    """Compare with the right gradient, with every mistake, and then with every two of them."""
    evidence = [Evidence(problem, given)]
    if shown(RIGHT, evidence[0]):
        return Diagnosis(True, (), ())
    digits = given.digits()
    found: dict[str, Match] = {}
    for match in singles(evidence, every=True) if digits > ENOUGH else ():
        found.setdefault(match.variants[0].name, match)
    if found:
        etas = [match.t for match in found.values() if match.variants[0].number.startswith("eta")]
        named = tuple(match.variants[0].mistake(match.t) for match in found.values())
        return Diagnosis(False, named, (), etas[0] if etas else None)
    two: dict[tuple[str, ...], tuple[Mistake, Mistake]] = {}
    for match in pairs(evidence) if digits > ENOUGH_FOR_TWO else ():
        one, other = (variant.mistake(match.t, alone=False) for variant in match.variants)
        two.setdefault((one.name, other.name), (one, other))
    return Diagnosis(False, (), tuple(two.values()))


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
        net._p,
    )
    return find(problem, _given(net, w, b, delta, tolerance))
