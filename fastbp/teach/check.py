"""``check_backprop``: a learner's own function, on seeded networks, with its first wrong equation and its mistake."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.errors import argument_error
from fastbp.teach.answers import Case, try_on
from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.forms.form import Activations, Asked, Form
from fastbp.teach.forms.recognising import recognise
from fastbp.teach.matching import FLOAT32, FLOAT64, Evidence, Match, pairs, precision_of, shown, singles
from fastbp.teach.mistakes import ORDER, variants_at_zero
from fastbp.teach.passes import gradient
from fastbp.teach.steps import digits_of
from fastbp.teach.trials import SAMPLES, make_case_at_zero, make_cases
from fastbp.teach.verdict import Check as Check
from fastbp.teach.verdict import Counterexample as Counterexample
from fastbp.teach.ways import RIGHT

NO_NUMBERS = ("error", "shapes", "values", "inputs")
"""What is wrong where there is no gradient to look at."""
ROUNDED = 5e-4
"""A relative error below it comes of rounded numbers, not of a mistake."""
ROUNDED_IN_SINGLE = 1e-2
"""The same in the short formats: difference quotients in float32 lose five digits of seven."""


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

    def __init__(self, mine: Callable[..., Any], cases: list[Case], batch: bool, alike: bool = False) -> None:
        self.cases, self.batch, self.alike, self.matches = cases, batch, alike, list[Match]()
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
            return self.answer("shapes", "The two look exchanged: return grad_w, grad_b, in this order.")
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
        if self.alike and len(named) == 1:
            names = sorted({one.variants[0].name for one in self.matches})
            if len(names) > 1:  # networks of other sizes would tell them apart
                return self.answer(label, f"{message} Any of these gives it, with these sizes: {', '.join(names)}.")
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
        self.matches = found = singles(evidence, every=self.alike)
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
    mine: Any,
    batch: bool = False,
    *,
    activations: str | Sequence[str] | None = None,
    cost: str = "quadratic",
    loss: Callable[[Any, Any], Any] | None = None,
    seed: int = 0,
) -> Check:
    """Check a learner's own backpropagation on small networks, and say what is wrong with it.

    Parameters
    ----------
    mine : function, class or module
        One of these:

        - ``mine(w, b, x, y) -> (grad_w, grad_b)``. ``w[l]``, shape (J, K), and ``b[l]``, shape (J,), exist for
          l = 1..L, ``w[-1]`` is the last, and ``len(w)`` is L; x and y are one sample, shapes (K,) and (J,). It returns
          lists (or dicts, or what gives them one by one) of arrays of the same shapes for l = 1..L; biases may be
          columns, and a list of L + 1 with anything at index 0 is fine too.
        - The book's class, or one of its objects: sizes in the constructor, lists ``weights`` and ``biases``, and
          ``backprop(x, y) -> (nabla_b, nabla_w)`` on column vectors.
        - ``mine(parameters, X, Y) -> grads``, or a pair ``(forward, backward)`` of ``forward(X, parameters)`` and
          ``backward(...)``, whose arguments are known by their names: parameters, cache (or caches), X, Y, and anything
          else for the output. ``parameters`` is a dict of W1, b1, W2, ...; ``grads`` one of dW1, db1, .... Samples are
          columns, or rows with W1 of shape (K, J).
        - A class of scalars with ``data``, ``grad`` and ``backward()``, of which networks are built with + and * and
          its methods such as ``tanh()``; or a class of models ``Model(K, [J, ...])`` with ``parameters()``.
        - A PyTorch module of linear layers and activations, which is tried with its own sizes.
    batch : bool
        Whether x and y are minibatches of three samples, shapes (3, K) and (3, J), and the gradient that of their mean.
        A class's ``backprop`` of matrices may also return the sum over the samples, as in the book's exercise.
    activations : str or (str, str), optional
        Of all layers, or of the hidden layers and of the outputs; "softmax" has sigmoid hidden layers. Default: what a
        model or a module shows, else "sigmoid".
    cost : str
        One that goes with these outputs; of one with a parameter, its default.
    loss : function, optional
        Of a module: ``loss(outputs, y)``, which is checked with it; default: the cost.
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
    given = None if activations is None else _layers(activations)
    form = recognise(mine, Asked(given, str(cost), batch, loss))
    both = given or form.activations or ("sigmoid", "sigmoid")
    cost = checks.check_cost(cost, [both[1]])
    calls = form.calls
    if len(calls) > 1:  # right, if it is so in one of the ways that it may be meant
        right = (call for call in calls if not _tried(call, form, batch, both, cost, seed, SAMPLES if batch else 1).bad)
        calls = (*itertools.islice(right, 1),) or calls
    tried: list[Check] = []
    for call in calls:
        tried.append(_checked(call, form, batch, both, cost, seed))
        if tried[-1].passed or len(tried[-1].mistakes) == 1:
            break
    # Else that in which least is wrong.
    found = min(tried, key=lambda check: (not check.passed, len(check.mistakes) or 9, check.first_wrong in NO_NUMBERS))
    if found.passed and form.what:
        return replace(found, message=f"{found.message} Taken for {form.what}.")
    return found


def _layers(activations: str | Sequence[str]) -> Activations:
    """Those of hidden layers and of the output."""
    pair = [activations] * 2 if isinstance(activations, str) else list(activations)
    if len(pair) != 2:
        raise argument_error(
            "activations",
            f"has {len(pair)} names; one is needed for hidden layers and one for outputs. Pass ('tanh', 'sigmoid'), "
            "say.",
        )
    hidden, output = (checks.check_name(name, checks.ACTIVATIONS, "activations") for name in pair)
    return ("sigmoid" if hidden == "softmax" else hidden), output


def _tried(
    mine: Callable[..., Any], form: Form, batch: bool, activations: Activations, cost: str, seed: int, n: int
) -> _Trial:
    return _Trial(mine, make_cases(activations, cost, seed, n, form), batch, form.sizes is not None)


def _checked(
    mine: Callable[..., Any], form: Form, batch: bool, activations: Activations, cost: str, seed: int
) -> Check:
    """One way that it may be meant."""
    tried = functools.partial(_tried, mine, form, batch, activations, cost, seed)
    trial = tried(SAMPLES if batch else 1)
    wrong, n = trial.check(), len(trial.cases)
    if wrong is not None and batch and not wrong.mistakes and wrong.first_wrong in ("BP1", "BP2", "BP3", "BP4"):
        if not trial.is_rounded() and tried(1).check() is None:
            message = (
                "One sample comes out right and three do not: how their gradients become one is wrong, or something "
                "adds up over the samples that should over the neurons (an axis)."
            )
            return trial.answer("averaging", message)
    if wrong is None and activations == ("relu", "relu") and form.sizes is None:
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
