"""Every form of every mistake that learners make: what `diagnose` and `check_backprop` compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from fastbp.functions.activations import CODES
from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.passes import EXACT_SLOPES, cancels
from fastbp.teach.terms import MORE
from fastbp.teach.ways import Problem

STRAIGHT = ("relu", "leaky_relu")
"""Activations whose slope is kept when another one goes forward."""
COMMON = ("sigmoid", "tanh", "relu", "identity")
"""Activations that learners take in place of others, and make a second mistake with."""
ORDER = ("F1", "F2", "BP1", "BP2", "BP3", "BP4", "averaging", "U")
"""Labels as the computation goes."""


@dataclass(frozen=True)
class Variant:
    """One form of a mistake.

    Attributes
    ----------
    name : str
        Of the mistake.
    changes : dict
        Fields of a `Way`.
    equation : str
        What is wrong in this form; "" for the mistake's own.
    number : str
        What t is, where the form has a number to be fitted: "eta", "eta, early", "lambda" or "step".
    detail : str
        Put into the title: the other activation, the other cost.
    pairs : bool
        Whether it is tried together with others.
    rare : bool
        Whether it only counts where no common mistake gives the same numbers.
    """

    name: str
    changes: dict[str, Any] = field(hash=False)
    equation: str = ""
    number: str = ""
    detail: str = ""
    pairs: bool = True
    rare: bool = False

    def mistake(self, t: float | None = None, alone: bool = True) -> Mistake:
        """The mistake, as this form shows it; not ``alone``: beside another."""
        mistake = MISTAKES[self.name]
        title, why = mistake.title, mistake.why
        if self.other and not alone:
            title = title.replace("Right, but for", "It is made for")
        if self.detail:
            title = f"{title[:-1]}: {self.detail}."
        if t is not None and self.number:
            why += f" Here {'lambda' if self.number == 'lambda' else 'eta'} is {t:.6g}."
            if self.number == "eta" and t < 0:
                why += " It is negative: the step goes up the slope, as y - a in the place of a - y makes it."
        return replace(mistake, title=title, why=why, equation=self.equation or mistake.equation)

    @property
    def other(self) -> bool:
        """Whether it is no mistake, but right for another network."""
        return self.name in ("another-activation", "another-cost")

    @property
    def label(self) -> str:
        """The first wrong equation."""
        return (self.equation or MISTAKES[self.name].equation).partition(",")[0]


def _forms(name: str, field: str, *choices: str, equation: str = "", rare: bool = False) -> Iterator[Variant]:
    """One form for each choice of a field."""
    yield from (Variant(name, {field: choice}, equation, rare=rare) for choice in choices)


def _slopes(problem: Problem, name: str, kind: str, detail: str = "") -> Iterator[Variant]:
    """sigma' wrong in the output layer, in the hidden layers, in both: the form that blames least comes first."""
    own = not cancels(problem.cost, problem.activations[-1])
    if own:
        yield Variant(name, {"output_slope": kind}, "BP1", detail=detail)
    yield Variant(name, {"hidden_slope": kind}, "BP2", detail=detail)
    if own:
        yield Variant(name, {"output_slope": kind, "hidden_slope": kind}, "BP1, BP2", detail=detail)


def _of_slopes(problem: Problem) -> Iterator[Variant]:
    output = problem.activations[-1]
    hidden = problem.activations[0] if len(problem.activations) > 1 else output
    simple = cancels(problem.cost, output)
    yield from _slopes(problem, "slope-at-a", "at a")
    yield from _slopes(problem, "sigma-not-slope", "value")
    yield Variant("no-hidden-slope", {"hidden_slope": "none"})
    yield Variant("no-output-slope", {"output_slope": "dC/da" if simple else "none"})
    if not simple:
        yield Variant("no-slope", {"output_slope": "none", "hidden_slope": "none"}, "BP1, BP2")
    if hidden in EXACT_SLOPES:
        yield from _slopes(problem, "formula-at-z", "a (1 - a) of z")
        yield from _slopes(problem, "part-of-slope", "1 - a")
        yield Variant("slope-of-wrong-layer", {"hidden_slope": "formula below"}, "BP2")
    yield from _slopes(problem, "slope-squared", "squared")
    yield Variant("slope-negated", {"hidden_slope": "negated"}, "BP2", rare=True)
    for variant in (*_slopes(problem, "slope-divided", "divided"), *_slopes(problem, "slope-of-wrong-side", "at -z")):
        yield replace(variant, pairs=False, rare=True)
    if not simple and output in EXACT_SLOPES:
        yield Variant("slope-of-target", {"output_slope": "of target"}, pairs=False)
    if not simple:
        changes = {"output_slope": "negated", "hidden_slope": "negated"}
        yield Variant("slope-negated", changes, "BP1, BP2", rare=True)
    yield from _forms("slope-of-wrong-layer", "hidden_slope", "inside", "layer above")
    yield from _slopes(problem, "slope-of-wrong-layer", "layer below")
    for other in EXACT_SLOPES:
        if other != hidden:
            yield from _slopes(problem, "slope-of-another", f"formula of:{other}", other)
    for other in EXACT_SLOPES:
        if other != hidden:
            yield from _slopes(problem, "slope-of-another", f"of:{other}", other)
    for other in STRAIGHT:
        if other != hidden:
            for variant in _slopes(problem, "slope-of-another", f"of:{other}", other):
                yield replace(variant, pairs=False, rare=True)
    if simple:
        yield Variant("extra-slope", {"output_slope": "own" if output != "softmax" else "diagonal"})
        yield from _forms("extra-slope", "output_slope", "at a", "own")
        if output in EXACT_SLOPES:
            yield Variant("extra-slope", {"output_slope": "a (1 - a) of z"})


def _of_the_output(problem: Problem) -> Iterator[Variant]:
    yield Variant("y-minus-a", {"error": "y - a"})
    if problem.cost == "quadratic":
        yield Variant("no-half", {"factor": "2"})
    yield Variant("mean-over-outputs", {"factor": "1/J"})
    if problem.cost == "quadratic":
        yield Variant("mean-over-outputs", {"factor": "2/J"})
    yield Variant("half-left", {"factor": "1/2"})
    yield Variant("sign-lost", {"error": "|a - y|"}, "BP1", rare=True)
    yield Variant("error-at-z", {"error": "z - y"}, pairs=False)
    yield from _forms("one-error", "error", "sum over j", "mean over j", rare=True)
    yield from _forms("cost-not-slope", "error", "(a - y)^2", "(a - y)^2 / 2")
    if problem.cost == "cross_entropy":
        softmax = problem.activations[-1] == "softmax"
        yield Variant("softmax-diagonal" if softmax else "half-cross-entropy", {"error": "one term"})


def _of_the_sum(problem: Problem) -> Iterator[Variant]:
    for layers in ("first", "hidden", "last"):
        yield Variant("layers-left-out", {"left_out": layers}, "BP4" if layers == "last" else "BP2", pairs=False)
    yield Variant("w-not-transposed", {"sums": "along a row"})
    yield from _forms("one-path", "sums", "first", "last")
    yield Variant("updated-weights", {"sums": "early"}, number="eta, early")
    yield Variant("updated-weights", {"sums": "early, of all"}, number="eta, early")
    yield from _forms("raw-error", "back", "error", "top error")
    yield Variant("output-error-everywhere", {"back": "output"})
    yield from _forms("sign-lost", "sums", "absolute", "absolute weights", equation="BP2", rare=True)
    yield Variant("mean-over-paths", {"sums": "mean"})
    yield Variant("own-weights", {"sums": "own weights"})
    if not (problem.activations[-1] == "softmax" and cancels(problem.cost, "softmax")):  # whose deltas add up to 0
        yield Variant("product-of-sums", {"sums": "multiplied"}, pairs=False)
    yield Variant("no-weights", {"sums": "no weights"})
    yield Variant("error-shared", {"sums": "shares"})
    yield Variant("reshaped", {"sums": "reshaped"}, "BP2", rare=True)
    yield from _forms("bias-unit", "sums", "bias unit last", "bias unit first")


def _of_gradients(problem: Problem) -> Iterator[Variant]:
    yield Variant("outer-transposed", {"enters": "transposed"})
    yield Variant("reshaped", {"enters": "reshaped"}, "BP4", rare=True)
    yield Variant("z-not-a", {"enters": "z"})
    yield from _forms("own-activation", "enters", "own a", "own a, cut")
    yield Variant("no-activation", {"enters": "1"})
    yield Variant("inputs-everywhere", {"enters": "x"})
    yield Variant("activated-twice", {"enters": "activated again"})
    yield Variant("error-not-delta", {"local": "error"}, "BP3, BP4")
    yield Variant("error-not-delta", {"local": "error in w"}, "BP4")
    yield Variant("error-not-delta", {"local": "error in b"}, "BP3")
    if not cancels(problem.cost, problem.activations[-1]):
        yield Variant("error-not-delta", {"local": "error at the output"}, "BP3, BP4")
        yield Variant("error-not-delta", {"local": "error in w at the output"}, "BP4")
        yield Variant("error-not-delta", {"local": "error in b at the output"}, "BP3")
    yield from _forms("no-bias-gradient", "biases", "0", "0 in hidden layers")
    yield Variant("bias-from-weights", {"biases": "rows of w"})
    yield from _forms("bias-summed-over-neurons", "biases", "sum over j", "one number", "mean over j", "one mean")
    if len(problem.X) > 1:
        yield Variant("bias-summed-over-neurons", {"biases": "other axis"})
    yield Variant("bias-times-b", {"biases": "times b"})
    yield Variant("bias-negated", {"biases": "negated"})
    yield from _forms("divided-by-sizes", "divided", "w by inputs", "w by fan-in", equation="BP4")
    yield from _forms("divided-by-sizes", "divided", "by inputs", "by fan-in", "by layers")


def _of_the_end(problem: Problem) -> Iterator[Variant]:
    if len(problem.X) > 1:
        yield Variant("sum-not-mean", {"samples": "sum"})
        yield Variant("averaged-sample", {"samples": "averaged"})
        yield from _forms("last-sample", "samples", "last", "last, divided", "first", "first, divided")
        yield Variant("averages-multiplied", {"enters": "mean over samples"})
        yield Variant("divided-twice", {"samples": "divided twice"})
        yield Variant("one-sample-less", {"samples": "divided by n - 1"})
        yield Variant("divided-in-every-layer", {"divided": "by samples again"})
        yield from _forms("half-averaged", "samples", "b summed", "w summed")
        if problem.activations[-1] == "softmax":
            yield Variant("softmax-over-samples", {"axis": "samples"})
    yield Variant("accumulated", {"samples": "accumulated"})
    yield Variant("new-weights", {"returned": "new"}, number="eta")
    yield Variant("new-weights", {"returned": "new w"}, number="eta")
    yield Variant("step-returned", {"returned": "step"}, number="step")
    for kind in ("w", "w and b", "sign"):
        yield Variant("penalty-left", {"penalty": kind}, number="lambda")


def _of_others(problem: Problem) -> Iterator[Variant]:
    """Right, but for other activations or another cost."""
    output = problem.activations[-1]
    hidden = problem.activations[0] if len(problem.activations) > 1 else ""
    names = [name for name in (*CODES, *MORE) if name != "softmax"]
    for name in names:
        if name != output or (hidden and name != hidden):
            changes = {"hidden": name, "output": name} | ({"cost": "quadratic"} if problem.cost != "quadratic" else {})
            yield Variant("another-activation", changes, "F2", detail=f"{name} in every layer", pairs=name in COMMON)
    costs = ["quadratic", "cross_entropy", "binary cross_entropy", "absolute", "poisson", "root"]
    for cost in costs:
        if cost != problem.cost and (cost, output) != ("poisson", "softmax"):  # with softmax that is cross-entropy
            yield Variant("another-cost", {"cost": cost}, "BP1", detail=_COSTS[cost])
    for one in names if hidden else [""]:
        for last in (*names, "softmax"):
            for cost in ("quadratic", "cross_entropy"):
                if cost == "cross_entropy" and last not in ("sigmoid", "softmax"):
                    continue
                if (one or hidden, last, cost) == (hidden, output, problem.cost):
                    continue
                where = [f"{one} in hidden layers"] if one and one != hidden else []
                where += [f"{last} outputs"] if last != output else []
                where += [_COSTS[cost]] if cost != problem.cost else []
                changes = {"output": last, "cost": cost} | ({"hidden": one} if one else {})
                name, label = "another-activation", "F2"
                if where == [_COSTS[cost]]:
                    name, label = "another-cost", "BP1"
                yield Variant(name, changes, label, detail=", ".join(where), pairs=False)


_COSTS = {
    "quadratic": "the quadratic cost",
    "cross_entropy": "the cross-entropy",
    "binary cross_entropy": "the binary cross-entropy of each output",
    "absolute": "the absolute error",
    "poisson": "Poisson's cost",
    "root": "the root of the mean squared error",
}


def variants(problem: Problem) -> Iterator[Variant]:
    """Every form of every mistake that this problem can show, the commonest first."""
    yield from _of_slopes(problem)
    yield from _of_the_output(problem)
    yield from _of_the_sum(problem)
    yield from _of_gradients(problem)
    yield Variant("no-bias", {"bias": "missing"})
    yield Variant("bias-subtracted", {"bias": "subtracted"})
    yield Variant("w-transposed-forward", {"transposed": True})
    yield Variant("inputs-activated", {"inputs": "activated"})
    yield from _of_the_end(problem)
    yield from _of_others(problem)


def variants_at_zero() -> Iterator[Variant]:
    """The slope of relu where z is exactly 0, taken from the right."""
    yield Variant("slope-at-zero", {"output_slope": "1 at 0"}, "BP1")
    yield Variant("slope-at-zero", {"hidden_slope": "1 at 0"}, "BP2")
    yield Variant("slope-at-zero", {"output_slope": "1 at 0", "hidden_slope": "1 at 0"}, "BP1, BP2")
