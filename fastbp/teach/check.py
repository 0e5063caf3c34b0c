"""``check_backprop``: a learner's own function, on seeded networks, with its first wrong equation and its mistake."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.network import Network
from fastbp.teach.answers import Case, described, try_on
from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.matching import FLOAT32, FLOAT64, Evidence, Match, pairs, precision_of, shown, singles
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

    def explain(self) -> Explanation:
        """Every term of the right number."""
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


def _exchanged(case: Case) -> bool:
    """Whether the first of the pair has the shapes of b, be they columns or rows, and the second those of w."""
    first, second = case.pair
    net = case.net
    return bool(first) and all(first[l].size == len(net.b[l]) and second[l].shape == net.w[l].shape for l in first)


def _is_right(case: Case) -> bool:
    return case.got is not None and case.got.matches(case.right)


def _is_steady(case: Case) -> bool:
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


class _Trial:
    """A function on networks, smallest first, and what is wrong with it."""

    def __init__(self, mine: Callable[..., Any], cases: list[Case], batch: bool) -> None:
        self.cases, self.batch = cases, batch
        for case in cases:
            try_on(mine, case, batch)
        given = [one for case in cases for one in (case.got, case.again) if one is not None]
        self.precision = precision_of(array for one in given for array in one.arrays)
        for one in given:
            # Difference quotients, or single precision somewhere on the way, are no mistake.
            one.round_as(self.precision, FLOAT32.rounding)
        self.bad = [case for case in cases if case.refused or not _is_right(case) or not _is_steady(case)]

    def check(self) -> Check | None:
        """None if all networks came out right."""
        if not self.bad:
            return None
        cases, refused = self.cases, None
        if self.bad[0].refused:
            refused = next(case.refused for case in self.bad if case.refused is not None)
        if not all(map(_is_steady, cases)):
            return self.unsteady()
        if all(map(_exchanged, cases)) and not all(case.fits for case in cases):
            columns = any(array.ndim > 1 for case in cases for array in case.pair[0].values())
            ravel = ", each grad_b[l] as a vector: grad_b[l].ravel()" if columns else ""
            return self.answer("shapes", f"The two look exchanged: return grad_w, grad_b, in this order{ravel}.")
        if all(case.got is not None and case.got.backwards().matches(case.right) for case in cases):
            return self.answer(
                "shapes",
                "Your arrays are right and in reverse: the first must be that of layer 1, not of the last layer.",
            )
        match, named = self.match(), tuple[Mistake, ...]()
        if match is None:
            label = self.label() if refused is None else refused.kind
        else:
            label = min((variant.label for variant in match.variants), key=ORDER.index)
            alone = len(match.variants) == 1
            every = (variant.mistake(match.t, alone) for variant in match.variants)
            named = (*sorted(every, key=lambda mistake: ORDER.index(mistake.equation.partition(",")[0])),)
        message = self.message(label, known=match is not None) if refused is None else str(refused)
        return self.answer(label, message, named)

    def answer(self, label: str, message: str, mistakes: tuple[Mistake, ...] = ()) -> Check:
        """What is wrong, with the smallest counterexample."""
        return Check(False, label, self.counterexample, mistakes, message, len(self.cases))

    @cached_property
    def counterexample(self) -> Counterexample:
        """The first wrong number of the smallest network: from the last layer back, b (which is delta) before w."""
        case = self.bad[0]
        x, y = (part if self.batch else part[0] for part in (case.problem.X, case.problem.Y))
        for l in range(case.net.L, 0, -1) if case.got is not None and case.fits else ():
            for what, right in (("b", case.right.b), ("w", case.right.w)):
                assert case.got is not None
                wrong = case.got.wrong(case.right, what, l)
                if len(wrong):
                    index = tuple(int(i) for i in wrong[0])
                    numbers = float(case.got.parts[what][l][index]), float(right[l - 1].value[index])
                    return Counterexample(case.net, x, y, what, l, index, *numbers)
        return Counterexample(case.net, x, y)

    def label(self) -> str:
        """The equation whose result is wrong first: delta is known by b, and by the column of w where a is known."""
        case = self.bad[0]
        assert case.got is not None
        for l in range(case.net.L, 0, -1):
            b, w = (len(case.got.wrong(case.right, kind, l)) for kind in "bw")
            if b and w:
                return "BP1" if l == case.net.L else "BP2"
            if b or w:
                return "BP3" if b else "BP4"
        return "BP1"

    def message(self, label: str, *, known: bool) -> str:
        """Where it goes wrong, and what to look for where no mistake is known that does it."""
        where = self.counterexample
        got, right = digits_of(where.got), digits_of(where.expected)
        index = ", ".join(map(str, where.index))
        text = f"{label} is where it goes wrong: grad_{where.what}[{where.layer}][{index}] is {got} instead of {right}."
        if known:
            return text
        if not self.is_rounded():
            return (
                text
                + " It is none of the known mistakes; counterexample.explain() shows every term of the right number."
            )
        off = abs(where.got - where.expected) / (abs(where.expected) or 1.0)
        return (
            text + f" They differ by {off:.1g} of it: look for rounded numbers, such as float16 or difference "
            "quotients in float32, for digits cut off or for an epsilon that is added."
        )

    def is_rounded(self) -> bool:
        """Whether nothing is off by more than rounding takes."""
        share = ROUNDED if self.precision is FLOAT64 else ROUNDED_IN_SINGLE
        return all(
            np.abs(array - wanted.value).max() <= share * np.abs(wanted.value).max()
            for case in self.cases
            if case.got is not None and case.fits
            for array, wanted in case.got.beside(case.right)
        )

    def match(self) -> Match | None:
        """The mistake, or the two at once, that explain every network."""
        cases = self.cases
        if any(case.got is None and case.refused is not None and case.refused.kind != "error" for case in cases):
            return None
        # One hidden layer shows most: the largest such network decides first, and most candidates end there.
        gave = [case for case in cases if case.got is not None]
        if not gave:
            return None
        first = max(gave, key=lambda case: (case.net.L == 2, sum(case.net.sizes)))
        evidence = [
            Evidence(case.problem, case.got) for case in (first, *(case for case in cases if case is not first))
        ]
        found = singles(evidence)
        if found or self.precision.eps > FLOAT32.eps:
            return found[0] if found else None
        return next(pairs(evidence), None)

    def unsteady(self) -> Check:
        """Two calls gave different gradients: was the first added to the second?"""
        twice = replace(RIGHT, samples="accumulated")
        if all(
            _is_right(case) and case.again is not None and case.again.matches(gradient(case.problem, twice, sized=True))
            for case in self.cases
            if not _is_steady(case)
        ):
            message = "The first call is right; a second call with the same arguments gives twice as much."
            return self.answer("averaging", message, (MISTAKES["accumulated"],))
        message = "Two calls with the same arguments give different gradients. Look for a global or a random number."
        return self.answer("error", message)


def _check_at_zero(mine: Callable[..., Any], batch: bool, n: int) -> Check | None:
    """The slope of relu at 0: that on the left is right, one between is as good, that on the right is named."""
    trial = _Trial(mine, [make_case_at_zero(SAMPLES if batch else 1)], batch)
    (case,) = trial.cases
    if case.got is None or case.got.matches(case.right):
        return None
    for variant in variants_at_zero():
        if shown(replace(RIGHT, **variant.changes), Evidence(case.problem, case.got)):
            found = trial.answer(variant.label, f"Right, on {n} networks, but for z = 0 exactly.", (variant.mistake(),))
            return replace(found, n_networks=n + 1)
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
    cost : str
        One that goes with these outputs; of one with a parameter, its default.
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
    activations = checks.check_name(activations, checks.ACTIVATIONS, "activations")
    cost = checks.check_cost(cost, ["softmax" if activations == "softmax" else activations])

    def tried(n: int) -> _Trial:
        return _Trial(mine, make_cases(activations, cost, seed, n), batch)

    trial = tried(SAMPLES if batch else 1)
    wrong, n = trial.check(), len(trial.cases)
    if wrong is not None and batch and not wrong.mistakes and wrong.first_wrong in ("BP1", "BP2", "BP3", "BP4"):
        if not trial.is_rounded() and tried(1).check() is None:
            message = (
                "One sample comes out right and three do not: how their gradients become one is wrong, or something "
                "adds up over the samples that should over the neurons (an axis)."
            )
            return trial.answer("averaging", message)
    if wrong is None and activations == "relu":
        wrong = _check_at_zero(mine, batch, n)
    if wrong is not None:
        return wrong
    what = f"minibatches of {SAMPLES} samples" if batch else "one sample"
    digits = f" in {trial.precision.name}" if trial.precision is not FLOAT64 else ""
    if trial.precision is FLOAT64 and not all(map(_is_exact, trial.cases)):
        digits = ", to about 7 digits: the others were lost on the way, as in float32 or in difference quotients"
    return Check(True, None, None, (), f"Right, on {n} networks, for {what}{digits}.", n)


def _is_exact(case: Case) -> bool:
    """Whether the numbers are right to all digits of float64."""
    assert case.got is not None
    case.got.rounding = 64 * FLOAT64.eps
    return case.got.matches(case.right)
