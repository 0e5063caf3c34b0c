"""``check_backprop``: a learner's own function, on seeded networks, with its first wrong equation and its mistake."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.network import Network
from fastbp.teach.answers import Case, described, try_on
from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.matching import (
    FLOAT32,
    FLOAT64,
    SMALLEST,
    Evidence,
    Match,
    Precision,
    pairs,
    precision_of,
    shown,
    singles,
)
from fastbp.teach.mistakes import ORDER, variants_at_zero
from fastbp.teach.passes import gradient
from fastbp.teach.render import wrapped
from fastbp.teach.steps import digits_of
from fastbp.teach.trials import SAMPLES, make_case_at_zero, make_cases
from fastbp.teach.ways import RIGHT

ROUNDED = 5e-4
"""A relative error below it comes of rounded numbers, not of a mistake."""
ROUNDED_IN_SINGLE = 1e-2
"""The same in the short formats: difference quotients in float32 lose five digits of seven."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest network tried on which the function is wrong.

    Attributes
    ----------
    net : Network
    x, y : numpy.ndarray
        One sample, or a minibatch.
    what : str
        "w" or "b"; empty where the function gave no gradient at all.
    layer : int
    index : tuple of int
        Of the first wrong number: ``(j, k)`` of w, ``(j,)`` of b.
    got, expected : float
    """

    net: Network
    x: np.ndarray
    y: np.ndarray
    what: str = ""
    layer: int = 0
    index: tuple[int, ...] = ()
    got: float = math.nan
    expected: float = math.nan

    def explain(self) -> Any:
        """Every term of the right number."""
        from fastbp.teach.explanation import explain

        k = self.index[1] if self.what == "w" else None
        of = "weight" if self.what == "w" else "bias"
        return explain(self.net, self.x, self.y, max(self.layer, 1), self.index[0] if self.index else 0, of, k=k)

    def __str__(self) -> str:
        lines = [f"Network of sizes {list(self.net.sizes)}, {self.net.activations[-1]} outputs, cost {self.net.cost}"]
        for l in range(1, self.net.L + 1):
            lines.append(f"  w[{l}] = {self.net.w[l].tolist()}   b[{l}] = {self.net.b[l].tolist()}")
        lines.append(f"  x = {self.x.tolist()}   y = {self.y.tolist()}")
        if self.what:
            index = ", ".join(map(str, self.index))
            lines.append(
                f"  grad_{self.what}[{self.layer}][{index}]: yours {self.got!r}, right {self.expected!r} "
                "(j and k count from 0; l = 0 is the input)"
            )
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class Check:
    """The answer of `check_backprop`; true if the function is right.

    Attributes
    ----------
    passed : bool
    first_wrong : str or None
        Label of the first wrong equation, going as the computation does: F1, F2, BP1, BP2, BP3, BP4, U; or "averaging",
        "shapes", "values" (not a number), "inputs" (they were changed) or "error" (it raised).
    counterexample : Counterexample or None
    mistakes : tuple of Mistake
        What explains every number on every network: one mistake, or two at once; empty if nothing known does.
    message : str
        What to do.
    n_networks : int
        How many networks were tried.
    """

    passed: bool
    first_wrong: str | None
    counterexample: Counterexample | None
    mistakes: tuple[Mistake, ...]
    message: str
    n_networks: int

    def __bool__(self) -> bool:
        return self.passed

    @property
    def mistake(self) -> Mistake | None:
        """The mistake; of two at once the one that comes first in the computation."""
        return self.mistakes[0] if self.mistakes else None

    def __str__(self) -> str:
        if self.passed:
            return self.message
        lines = [f"Not yet right. First wrong: {self.first_wrong}.", *wrapped(self.message, "")]
        for i, mistake in enumerate(self.mistakes):
            which = "The mistake" if len(self.mistakes) == 1 else ("Two mistakes at once", "And")[i]
            lines += wrapped(f"{which}: {mistake.title} ({mistake.name}, {mistake.equation})", "")
            lines += [*wrapped(mistake.why), *wrapped(mistake.fix)]
        if self.counterexample is not None:
            lines += ["The smallest counterexample:", str(self.counterexample)]
        return "\n".join(lines)

    __repr__ = __str__


def _first_difference(case: Case) -> tuple[str, int, tuple[int, ...], float, float] | None:
    """The first wrong array as the computation goes, from the last layer back, b (which is delta) before w."""
    assert case.got is not None
    for l in range(case.net.L, 0, -1):
        for what, right in (("b", case.right.b), ("w", case.right.w)):
            given, wanted = case.got.parts[what][l], right[l - 1]
            wrong = np.argwhere(~(np.abs(given - wanted.value) <= case.got.bound(wanted)))
            if len(wrong):
                index = tuple(int(i) for i in wrong[0])
                return what, l, index, float(given[index]), float(wanted.value[index])
    return None


def _counterexample(case: Case, batch: bool) -> Counterexample:
    x, y = (case.problem.X, case.problem.Y) if batch else (case.problem.X[0], case.problem.Y[0])
    found = _first_difference(case) if case.got is not None and case.fits else None
    return Counterexample(case.net, x, y, *found) if found else Counterexample(case.net, x, y)


def _label(case: Case) -> str:
    """The equation whose result is wrong first: delta is known by b, and by the column of w where a is known."""
    assert case.got is not None

    def wrong(kind: str, l: int) -> bool:
        wanted = getattr(case.right, kind)[l - 1]
        return not (np.abs(case.got.parts[kind][l] - wanted.value) <= case.got.bound(wanted)).all()  # type: ignore[union-attr]

    for l in range(case.net.L, 0, -1):
        if wrong("b", l) and wrong("w", l):
            return "BP1" if l == case.net.L else "BP2"
        if wrong("b", l):
            return "BP3"
        if wrong("w", l):
            return "BP4"
    return "BP1"


def _rounded(cases: list[Case], precision: Precision) -> bool:
    """Whether nothing is off by more than rounding takes."""
    share = ROUNDED if precision is FLOAT64 else ROUNDED_IN_SINGLE
    return all(
        np.abs(array - getattr(case.right, kind)[l - 1].value).max()
        <= share * np.abs(getattr(case.right, kind)[l - 1].value).max()
        for case in cases
        if case.got is not None and case.fits
        for kind, part in case.got.parts.items()
        for l, array in part.items()
    )


def _measure(cases: list[Case]) -> Precision:
    """The precision of all that the function returned, and with it how far each number may be off."""
    given = [one for case in cases for one in (case.got, case.again) if one is not None]
    precision = precision_of(array for one in given for array in one.arrays)
    for one in given:
        # Difference quotients, or single precision somewhere on the way, are no mistake.
        one.rounding = max(precision.rounding, FLOAT32.rounding)
        one.unit = SMALLEST if precision.eps > FLOAT32.eps else 0.0
    return precision


def _steady(case: Case) -> bool:
    """Whether a second call gave the same."""
    if case.got is None or case.again is None:
        return True
    for kind, part in case.got.parts.items():
        for l, first in part.items():
            second = case.again.parts[kind].get(l)
            if second is None or first.shape != second.shape:
                return False
            size = 1e-6 * np.abs(first).max(initial=0.0) + case.got.bound(getattr(case.right, kind)[l - 1])
            if not (np.abs(first - second) <= size).all():
                return False
    return True


def _matches(cases: list[Case], precision: Precision) -> Match | None:
    """The mistake, or the two at once, that explain every network."""
    if any(case.got is None and case.refused is not None and case.refused.kind != "error" for case in cases):
        return None
    # One hidden layer shows most: the largest such network decides first, and most candidates end there.
    gave = [case for case in cases if case.got is not None]
    if not gave:
        return None
    first = max(gave, key=lambda case: (case.net.L == 2, sum(case.net.sizes)))
    evidence = [Evidence(case.problem, case.got) for case in (first, *(case for case in cases if case is not first))]
    found = singles(evidence)
    if found or precision.eps > FLOAT32.eps:
        return found[0] if found else None
    return next(pairs(evidence), None)


def _unsteady(cases: list[Case], counterexample: Counterexample) -> Check:
    n, changed = len(cases), [case for case in cases if not _steady(case)]
    twice = replace(RIGHT, samples="accumulated")
    if all(
        case.again is not None
        and (case.got is not None and case.got.matches(case.right))
        and case.again.matches(gradient(case.problem, twice, sized=True))
        for case in changed
    ):
        message = "The first call is right; a second call with the same arguments gives twice as much."
        return Check(False, "averaging", counterexample, (MISTAKES["accumulated"],), message, n)
    message = "Two calls with the same arguments give different gradients. Look for a global or a random number."
    return Check(False, "error", counterexample, (), message, n)


def _verdict(cases: list[Case], batch: bool, precision: Precision) -> Check | None:
    """None if all networks came out right."""
    bad = [
        case
        for case in cases
        if case.refused is not None or not (case.got and case.got.matches(case.right)) or not _steady(case)
    ]
    if not bad:
        return None
    n = len(cases)
    counterexample = _counterexample(bad[0], batch)
    refused = next((case.refused for case in bad if case.refused is not None), None) if bad[0].refused else None
    if not all(map(_steady, cases)):
        return _unsteady(cases, counterexample)
    if all(case.exchanged for case in cases) and any(not case.fits for case in cases):
        columns = any(array.ndim > 1 for case in cases for array in case.pair[0].values())
        ravel = ", each grad_b[l] as a vector: grad_b[l].ravel()" if columns else ""
        message = f"The two look exchanged: return grad_w, grad_b, in this order{ravel}."
        return Check(False, "shapes", counterexample, (), message, n)
    if all(case.got is not None and case.got.backwards().matches(case.right) for case in cases):
        message = "Your arrays are right and in reverse: the first must be that of layer 1, not of the last layer."
        return Check(False, "shapes", counterexample, (), message, n)
    match = _matches(cases, precision)
    named = tuple(variant.mistake(match.t, len(match.variants) == 1) for variant in match.variants) if match else ()
    if match:
        label = min((variant.label for variant in match.variants), key=ORDER.index)
        named = tuple(sorted(named, key=lambda mistake: ORDER.index(mistake.equation.partition(",")[0])))
    else:
        label = refused.kind if refused is not None else _label(bad[0])
    if refused is not None:
        return Check(False, label, counterexample, named, str(refused), n)
    l = counterexample.layer
    got, right = digits_of(counterexample.got), digits_of(counterexample.expected)
    index = ", ".join(map(str, counterexample.index))
    message = f"{label} is where it goes wrong: grad_{counterexample.what}[{l}][{index}] is {got} instead of {right}."
    if not named:
        off = abs(counterexample.got - counterexample.expected) / (abs(counterexample.expected) or 1.0)
        message += (
            f" They differ by {off:.1g} of it: look for rounded numbers, such as float16 or difference "
            "quotients in float32, for digits cut off or for an epsilon that is added."
            if _rounded(cases, precision)
            else " It is none of the known mistakes; counterexample.explain() shows every term of the right number."
        )
    return Check(False, label, counterexample, named, message, n)


def _at_zero(mine: Callable[..., Any], batch: bool, n: int) -> Check | None:
    """The slope of relu at 0: that on the left is right, one between is as good, that on the right is named."""
    case = make_case_at_zero(SAMPLES if batch else 1)
    try_on(mine, case, batch)
    _measure([case])
    if case.got is None or case.got.matches(case.right):
        return None
    for variant in variants_at_zero():
        if shown(replace(RIGHT, **variant.changes), Evidence(case.problem, case.got)):
            message = f"Right, on {n} networks, but for z = 0 exactly."
            return Check(False, variant.label, _counterexample(case, batch), (variant.mistake(),), message, n + 1)
    return None


def check_backprop(
    mine: Callable[..., Any],
    batch: bool = False,
    *,
    activations: str = "sigmoid",
    cost: str = "quadratic",
    seed: int = 0,
) -> Check:
    """Check a learner's own backpropagation on small networks, and say what is wrong with it.

    Parameters
    ----------
    mine : function
        ``mine(w, b, x, y) -> (grad_w, grad_b)``. ``w[l]``, shape (J, K), and ``b[l]``, shape (J,), exist for l = 1..L,
        and ``len(w)`` is L; x and y are one sample, shapes (K,) and (J,). It returns lists (or dicts) of arrays of the
        same shapes for l = 1..L; a list of L + 1 with anything at index 0 is fine too.
    batch : bool
        Whether x and y are minibatches of three samples, shapes (3, K) and (3, J), and the gradient that of their mean.
    activations : str
        Of all layers; "softmax" has sigmoid hidden layers.
    cost : {"quadratic", "cross_entropy"}
    seed : int
        Of the networks.

    Returns
    -------
    Check
        ``.passed``, ``.first_wrong``, ``.counterexample``, ``.mistake``; print it.

    Raises
    ------
    TypeError, ValueError
        For arguments of this function; whatever ``mine`` does becomes part of the answer.
    """
    if not callable(mine):
        raise TypeError(f"mine is {described(mine)}; a function of w, b, x, y is needed. Pass it without calling it.")
    names = (*checks.ACTIVATIONS,)
    activations = checks.check_name(activations, names, "activations")
    cost = checks.check_cost(cost, ["softmax" if activations == "softmax" else activations])
    cases, precision, wrong = _tried(mine, activations, cost, seed, batch, SAMPLES if batch else 1)
    if wrong is not None and batch and not wrong.mistakes and wrong.first_wrong in ("BP1", "BP2", "BP3", "BP4"):
        if not _rounded(cases, precision) and _tried(mine, activations, cost, seed, batch, 1)[2] is None:
            message = (
                "One sample comes out right and three do not: how their gradients become one is wrong, or something "
                "adds up over the samples that should over the neurons (an axis)."
            )
            return Check(False, "averaging", wrong.counterexample, (), message, len(cases))
    if wrong is None and activations == "relu":
        wrong = _at_zero(mine, batch, len(cases))
    if wrong is not None:
        return wrong
    what = f"minibatches of {SAMPLES} samples" if batch else "one sample"
    digits = f" in {precision.name}" if precision is not FLOAT64 else ""
    if precision is FLOAT64 and not all(map(_exact, cases)):
        digits = ", to about 7 digits: the others were lost on the way, as in float32 or in difference quotients"
    return Check(True, None, None, (), f"Right, on {len(cases)} networks, for {what}{digits}.", len(cases))


def _exact(case: Case) -> bool:
    """Whether the numbers are right to all digits of float64."""
    assert case.got is not None
    case.got.rounding = 64 * FLOAT64.eps
    return case.got.matches(case.right)


def _tried(
    mine: Callable[..., Any], activations: str, cost: str, seed: int, batch: bool, n: int
) -> tuple[list[Case], Precision, Check | None]:
    cases = make_cases(activations, cost, seed, n)
    for case in cases:
        try_on(mine, case, batch)
    precision = _measure(cases)
    return cases, precision, _verdict(cases, batch, precision)
