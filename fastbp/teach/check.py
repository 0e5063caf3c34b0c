"""``check_backprop``: a learner's own function, on seeded networks, with its first wrong equation and its mistake."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastbp import _checks
from fastbp.network import Network, PerLayer
from fastbp.teach import mistakes
from fastbp.teach.diagnosis import Given, attempt, per_layer
from fastbp.teach.mistakes import LAYER_WIDE, MISTAKES, Found, Mistake, Problem
from fastbp.teach.render import wrapped
from fastbp.teach.steps import digits_of

SIZES = (
    [1, 1],
    [2, 1],
    [1, 2],
    [1, 1, 1],
    [2, 3],
    [2, 1, 1],
    [1, 2, 1],
    [1, 1, 2],
    [2, 2, 2],
    [2, 3, 2],
    [3, 2, 4],
    [3, 4, 2],
    [2, 3, 3, 2],
    [3, 2, 4, 2],
    [4, 3, 3, 5],
)
"""Networks tried, smallest first; most have no square weights, so that a forgotten transpose does not go unnoticed."""

TOLERANCE = 1e-6
ROUNDED = 5e-4
"""Relative error of a number kept in float16."""
PACKAGE = str(Path(__file__).parents[1])
SAMPLES = 3
"""Of a minibatch: with two, a missing 1/2 and a sum instead of a mean look alike."""


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
        Label of the first wrong equation, going as the computation does: F1, BP1, BP2, BP3, BP4; or "averaging",
        "shapes", "values" (not a number), "inputs" (they were changed) or "error" (it raised).
    counterexample : Counterexample or None
    mistake : Mistake or None
        The one mistake that explains every number on every network; None if none does.
    message : str
        What to do.
    n_networks : int
        How many networks were tried.
    """

    passed: bool
    first_wrong: str | None
    counterexample: Counterexample | None
    mistake: Mistake | None
    message: str
    n_networks: int

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        if self.passed:
            return self.message
        lines = [f"Not yet right. First wrong: {self.first_wrong}.", *wrapped(self.message, "")]
        if self.mistake is not None:
            lines.append(f"The mistake: {self.mistake.title} ({self.mistake.name})")
            lines += [*wrapped(self.mistake.why), *wrapped(self.mistake.fix)]
        if self.counterexample is not None:
            lines += ["The smallest counterexample:", str(self.counterexample)]
        return "\n".join(lines)

    __repr__ = __str__


class _Refused(Exception):
    """What the function did that is no gradient: a kind, and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class _Case:
    """One network, its samples, and what the function made of them."""

    net: Network
    problem: Problem
    right: Found
    got: Given | None = None
    refused: _Refused | None = None
    shapes_only: bool = False
    """Whether it was refused for shapes that a mistake would explain."""


def _problem(
    sizes: list[int], rng: np.random.Generator, activations: Any, cost: Any, n: int
) -> tuple[Network, Problem]:
    """A network with numbers of two digits, all different, and samples."""
    L = len(sizes) - 1
    hidden: Any = "sigmoid" if activations == "softmax" else activations
    names = [hidden] * (L - 1) + [activations]
    net = Network(sizes, activations=names, cost=cost, seed=0)
    for l in range(1, L + 1):
        net.w[l] = np.round(rng.uniform(0.2, 1.4, net.w[l].shape) * rng.choice([-1, 1], net.w[l].shape), 2)
        net.b[l] = np.round(rng.uniform(0.1, 0.9, sizes[l]) * rng.choice([-1, 1], sizes[l]), 2)
    X = np.round(rng.uniform(-1.5, 1.5, (n, sizes[0])), 2)
    Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], n)] if activations == "softmax" else None
    if Y is None:
        Y = np.round(rng.uniform(0.05, 0.95, (n, sizes[-1])), 2)
    return net, Problem([np.array(w) for w in net.w], [np.array(b) for b in net.b], X, Y, names, cost)


def _arrays(answer: Any, net: Network) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """The function's answer as arrays by layer, or _Refused with what is wrong with it."""
    if answer is None:
        raise _Refused("shapes", "Your function returned None. End it with: return grad_w, grad_b.")
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise _Refused(
            "shapes",
            f"Your function returned {_described(answer)}; it must return the pair grad_w, grad_b, each a list of "
            f"arrays for l = 1..{net.L}.",
        )
    out = []
    for name, part in zip(("grad_w", "grad_b"), answer, strict=True):
        try:
            out.append(per_layer(part, net.L, name))
        except (TypeError, ValueError) as error:
            raise _Refused("shapes", str(error)) from None
        missing = [l for l in range(1, net.L + 1) if l not in out[-1]]
        if missing:
            hint = f" In a list of {net.L + 1} the first stands for layer 0." if _length(part) == net.L + 1 else ""
            raise _Refused(
                "shapes", f"{name} has no array for layer {missing[0]}.{hint} Return one for each l = 1..{net.L}."
            )
    return out[0], out[1]


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, (tuple, list)) else None


def _described(value: Any) -> str:
    if inspect.isgenerator(value):
        return "a generator (a function with yield in it returns one)"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} of shape {np.shape(value)}" if isinstance(value, np.ndarray) else repr(value)


def _check_shapes(w: dict[int, np.ndarray], b: dict[int, np.ndarray], net: Network) -> None:
    for l in range(1, net.L + 1):
        J, K = net.w[l].shape
        for name, array, shape in (("grad_w", w[l], (J, K)), ("grad_b", b[l], (J,))):
            if array.shape == shape:
                continue
            hint = ""
            if name == "grad_w" and array.shape == (J,) and b[l].shape == (J, K):
                hint = " The two look exchanged: return grad_w, grad_b, in this order."
            elif name == "grad_w" and array.shape == (K, J):
                hint = " It looks transposed: j, from delta, is the row."
            elif name == "grad_b" and array.shape in ((J, 1), (1, J)):
                hint = f" It is a matrix with one row or column: return {name}[{l}].ravel()."
            raise _Refused(
                "shapes", f"{name}[{l}] has shape {array.shape}; {name[5:]}[{l}] has {shape}, and so must it.{hint}"
            )


def _check_finite(w: dict[int, np.ndarray], b: dict[int, np.ndarray]) -> None:
    for name, part in (("grad_w", w), ("grad_b", b)):
        for l, array in part.items():
            if not np.isfinite(array).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise _Refused(
                    "values",
                    f"{name}[{l}]{list(index)} is {array[index]}. Look for a division by 0, a logarithm of 0, or an "
                    "array from np.empty that nothing was written to.",
                )


def _place(error: BaseException) -> str:
    """Where in the learner's own code it was raised: NumPy's lines, or this package's, would not help."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [
        frame for frame in frames if not frame.filename.startswith(PACKAGE) and "site-packages" not in frame.filename
    ]
    if not own:
        return ""
    line = f": {own[-1].line}" if own[-1].line else ""
    return f" (in {own[-1].name}, line {own[-1].lineno}{line})"


def _call(mine: Callable[..., Any], case: _Case, batch: bool) -> Any:
    """Call the function on copies; _Refused if it raises or changes them."""
    problem = case.problem
    w = PerLayer("w", [array.copy() for array in problem.w])
    b = PerLayer("b", [array.copy() for array in problem.b])
    x, y = (part.copy() if batch else part[0].copy() for part in (problem.X, problem.Y))
    before = [array.copy() for array in (*w, *b, x, y)]
    try:
        with np.errstate(all="ignore"):
            answer = mine(w, b, x, y)
    except (Exception, SystemExit) as error:  # a learner's function may raise anything
        raise _Refused("error", f"Your function raised {type(error).__name__}: {error}{_place(error)}") from error
    L = len(problem.w)
    names = [f"{letter}[{l}]" for letter in "wb" for l in range(1, L + 1)] + ["x", "y"]
    for name, old, new in zip(names, before, (*w, *b, x, y), strict=True):
        if not np.array_equal(old, new):
            raise _Refused(
                "inputs",
                f"Your function changes its input {name} in place (such as {name.split('[')[0]}[...] -= ...). "
                "Work on copies: the caller still needs the old numbers, and so does BP2.",
            )
    return answer


def _try(mine: Callable[..., Any], case: _Case, batch: bool) -> None:
    """Call the function twice, and note what came of it."""
    try:
        w, b = _arrays(_call(mine, case, batch), case.net)
        w, b = ({l: a.copy() for l, a in part.items()} for part in (w, b))
        try:
            _check_shapes(w, b, case.net)
        except _Refused:
            case.shapes_only = True
            case.got = Given(w, b, None, case.net.L, TOLERANCE)
            raise
        _check_finite(w, b)
        case.got = Given(w, b, None, case.net.L, TOLERANCE)
        again_w, again_b = _arrays(_call(mine, case, batch), case.net)
        case_again = Given(again_w, again_b, None, case.net.L, TOLERANCE)
        if any(not _close(w[l], again_w[l]) or not _close(b[l], again_b[l]) for l in w):
            growing = case_again.matches(mistakes.gradient(case.problem, frozenset(["accumulated"])))
            first = case.got.matches(case.right)
            if growing or first:
                raise _Refused("averaging" if growing else "error", "accumulated" if growing else "unsteady")
            raise _Refused("error", "unsteady")
    except _Refused as refused:
        case.refused = refused


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=TOLERANCE, atol=1e-12)


def _first_difference(case: _Case) -> tuple[str, int, tuple[int, ...], float, float] | None:
    """The first wrong array as the computation goes, from the last layer back, b (which is delta) before w."""
    assert case.got is not None
    for l in range(case.net.L, 0, -1):
        for what, part, right in (("b", case.got.parts["b"], case.right.b), ("w", case.got.parts["w"], case.right.w)):
            given, wanted = part[l], right[l - 1]
            bound = TOLERANCE * max(float(np.abs(wanted).max()), 1e-12)
            wrong = np.argwhere(~(np.abs(given - wanted) <= bound))
            if len(wrong):
                index = tuple(int(i) for i in wrong[0])
                return what, l, index, float(given[index]), float(wanted[index])
    return None


def _label(case: _Case) -> str:
    """The equation whose result is wrong first: delta is known by b, and by the column of w where a is known."""
    assert case.got is not None
    for l in range(case.net.L, 0, -1):
        wrong_b = not _close(case.got.parts["b"][l], case.right.b[l - 1])
        wrong_w = not _close(case.got.parts["w"][l], case.right.w[l - 1])
        if wrong_b and wrong_w:
            return "BP1" if l == case.net.L else "BP2"
        if wrong_b:
            return "BP3"
        if wrong_w:
            return "BP4"
    return "BP1"


def _explains(name: str, flags: frozenset[str], case: _Case) -> bool:
    """Whether a mistake gives what the function gave on this network, be it an error."""
    square = all(w.shape[0] == w.shape[1] for w in case.problem.w[1 if name == "w-not-transposed" else 0 :])
    if case.refused is not None and case.refused.kind == "error":
        return name in LAYER_WIDE and not square
    if case.got is None:
        return False
    if flags & {"updated-weights", "updated-weights:batch"}:
        hidden = len(case.problem.w) > 1
        rows = sum(len(b) for b in case.problem.b[:-1])
        # One hidden neuron and one unknown step size: anything would fit.
        return case.got.matches(case.right) if not hidden else rows < 2 or attempt(case.problem, flags, case.got)[0]
    return attempt(case.problem, flags, case.got)[0]


def _mistake(cases: list[_Case]) -> Mistake | None:
    """The mistake that explains every network, if it is one alone."""
    for name, flags in mistakes.candidates(cases[-1].problem):
        if all(_explains(name, flags, case) for case in cases):
            return MISTAKES[name]
    return None


def _counterexample(case: _Case, batch: bool) -> Counterexample:
    x, y = (case.problem.X, case.problem.Y) if batch else (case.problem.X[0], case.problem.Y[0])
    if case.got is not None and not case.shapes_only:
        found = _first_difference(case)
        if found is not None:
            return Counterexample(case.net, x, y, *found)
    return Counterexample(case.net, x, y)


def _cases(activations: str, cost: str, seed: int, n: int) -> list[_Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes in SIZES:
        if activations == "softmax" and sizes[-1] < 2:
            continue
        net, problem = _problem(list(sizes), rng, activations, cost, n)
        cases.append(_Case(net, problem, mistakes.gradient(problem)))
    return cases


def _verdict(cases: list[_Case], batch: bool) -> Check | None:
    """None if all networks came out right."""
    bad = [case for case in cases if case.refused is not None or not (case.got and case.got.matches(case.right))]
    if not bad:
        return None
    first = bad[0]
    n = len(cases)
    counterexample = _counterexample(first, batch)
    refused = first.refused
    if refused is not None and str(refused) == "accumulated":
        message = "The first call is right; a second call with the same arguments gives twice as much."
        return Check(False, "averaging", counterexample, MISTAKES["accumulated"], message, n)
    if refused is not None and str(refused) == "unsteady":
        message = "Two calls with the same arguments give different gradients. Look for a global or a random number."
        return Check(False, "error", counterexample, None, message, n)
    if all(case.got is not None and case.got.backwards().matches(case.right) for case in cases):
        message = "Your arrays are right and in reverse: the first must be that of layer 1, not of the last layer."
        return Check(False, "shapes", counterexample, None, message, n)
    mistake = _mistake(cases)
    if refused is not None:
        if mistake is None:
            return Check(False, refused.kind, counterexample, None, str(refused), n)
        label = mistake.equation.partition(",")[0]
        return Check(False, label, counterexample, mistake, str(refused), n)
    label = _label(first)
    if mistake is not None and mistake.equation in ("F1", "averaging"):
        label = mistake.equation
    l = counterexample.layer
    got, right = digits_of(counterexample.got), digits_of(counterexample.expected)
    index = ", ".join(map(str, counterexample.index))
    message = f"{label} is where it goes wrong: grad_{counterexample.what}[{l}][{index}] is {got} instead of {right}."
    if mistake is None:
        off = abs(counterexample.got - counterexample.expected) / (abs(counterexample.expected) or 1.0)
        message += (
            f" They differ by {off:.1g} of it: look for rounded numbers, such as float16, or for digits cut off."
            if off < ROUNDED
            else " It is none of the known mistakes; counterexample.explain() shows every term of the right number."
        )
    return Check(False, label, counterexample, mistake, message, n)


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
        raise TypeError(f"mine is {_described(mine)}; a function of w, b, x, y is needed. Pass it without calling it.")
    names = (*_checks.ACTIVATIONS,)
    activations = _checks.check_name(activations, names, "activations")
    cost = _checks.check_cost(cost, ["softmax" if activations == "softmax" else activations])
    cases = _cases(activations, cost, seed, SAMPLES if batch else 1)
    for case in cases:
        _try(mine, case, batch)
    wrong = _verdict(cases, batch)
    if wrong is not None and batch and wrong.mistake is None and wrong.first_wrong in ("BP1", "BP2", "BP3", "BP4"):
        single = _cases(activations, cost, seed, 1)
        for case in single:
            _try(mine, case, batch)
        if _verdict(single, batch) is None:
            message = "One sample comes out right and three do not: how their gradients become one is wrong."
            return Check(False, "averaging", wrong.counterexample, None, message, len(cases))
    if wrong is not None:
        return wrong
    what = f"minibatches of {SAMPLES} samples" if batch else "one sample"
    return Check(True, None, None, None, f"Right, on {len(cases)} networks, for {what}.", len(cases))
