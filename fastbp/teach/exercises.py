"""Exercises that check themselves: ``check(name, answer)`` says right, or not yet and why."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp import textbook
from fastbp.functions.activations import SIGMOID
from fastbp.teach.answers import Refused, guarded
from fastbp.teach.check import check_backprop
from fastbp.teach.examples import worked_example
from fastbp.teach.matching import decimals

ENOUGH = 0.02
"""Part of the number that half a unit of the last digit typed may be."""


@dataclass(frozen=True)
class Answer:
    """What became of an answer; true if it is right."""

    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Exercise:
    """A question, a hint, and how an answer is judged: a message if it is wrong, else None."""

    question: str
    judge: Callable[[Any], str | None]


def _as_numbers(answer: Any) -> np.ndarray:
    """The real numbers of an answer, also where they are typed as text; ValueError if there are none."""
    if isinstance(answer, str):
        found = re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", answer)
        answer = float(found[0]) if len(found) == 1 else [float(number) for number in found]
    numbers = np.asarray(answer)
    if not numbers.size or np.iscomplexobj(numbers):
        raise ValueError("there is no real number in it")
    if numbers.dtype in (np.float16, np.float32):  # with the digits they print, not those of the nearest double
        return np.array([float(str(number)) for number in numbers.ravel()]).reshape(numbers.shape)
    return np.asarray(numbers, float)


def _number(right: Callable[[], Any], hint: str) -> Callable[[Any], str | None]:
    """Numbers, in full or rounded to as many digits as were typed, of which there must be enough to tell."""

    def judge(answer: Any) -> str | None:
        wanted = np.asarray(right(), float)
        try:
            given = _as_numbers(answer)
        except (TypeError, ValueError):
            return f"{answer!r} is no number. {hint}"
        if given.size != wanted.size:
            return f"Your answer has shape {given.shape}; {wanted.shape} is needed. {hint}"
        given, size = given.reshape(wanted.shape), float(np.abs(wanted).max())
        off = np.abs(given - wanted)
        if (off <= 1e-6 * size).all():
            return None
        unit = 0.5001 * 10.0 ** -decimals(given)
        if not (off <= unit).all():
            return f"Your answer, {np.array2string(given, precision=8)}, is not right yet. {hint}"
        return None if unit <= ENOUGH * size else "That may be right; give one or two more digits."

    return judge


def _plain(answer: Any) -> str:
    """Letters as typed in any of many ways: lists, LaTeX, Unicode, arrows; spaces only between the parts."""
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    text = unicodedata.normalize("NFKC", " ".join(map(str, parts))).lower()
    text = re.sub(r"\s*([+^_])\s*|(?<=[{\[])\s+|\s+(?=[}\]])", lambda found: found[1] or "", text)
    text = re.sub(r"\\(right)?arrow|\\to|[-=]+>|[\u2192,;/|]|\bthen\b|\band\b", " ", text)
    return re.sub(r"[^a-z0-9+\s]", "", text)


def _letters(answer: Any) -> str | None:
    """The indices of a weight, with or without the weight and its layer."""
    letters = re.sub(r"\s|l\+1", "", _plain(answer))
    if letters.removeprefix("w") == "kj":
        return None
    return f"Not {answer!r}. A weight leads to its first index from its second: here to k, from j."


def _chain(answer: Any) -> str | None:
    """a_j^l, z_k^{l+1}, C, each with its indices or without."""
    given = _plain(answer).split()
    spelled = [("a", "aj", "ajl"), ("z", "zk", "zkl+1"), ("c",)]
    matches = len(given) == 3 and all(
        sorted(one) in map(sorted, forms) for one, forms in zip(given, spelled, strict=True)
    )
    if matches:
        return None
    return f"Not {answer!r}. z_j^l only enters its own activation; that enters the next layer's sums, then C."


def _output_error(function: Any) -> str | None:
    """A function of a, y and z, vectors of the output layer."""
    if not callable(function):
        return f"{function!r} is no function. Pass one of a, y and z, without calling it."
    rng = np.random.default_rng(0)
    for n in (2, 1, 5):
        z, y = rng.standard_normal(n), rng.random(n)
        a = textbook.activation(SIGMOID, z)
        with guarded(lambda error: f"Your function raised {type(error).__name__}: {error}"):
            given = np.asarray(function(a.copy(), y.copy(), z.copy()), float)
        right = (a - y) * a * (1 - a)
        if given.shape != right.shape:
            return f"For {n} neurons your function returned shape {given.shape}; delta has {right.shape}."
        for name, wrong in (("y - a in place of a - y", -right), ("no sigma'", a - y)):
            if n > 1 and np.allclose(given, wrong):
                return f"Not yet: that is BP1 with {name}."
        if not np.allclose(given, right, rtol=1e-5, atol=1e-6):  # single precision is right too
            return "Not yet. BP1 is dC/da times sigma'(z); dC/da is a - y, and sigma'(z) is a (1 - a)."
    return None


def _checked(batch: bool) -> Callable[[Any], str | None]:
    def judge(function: Any) -> str | None:
        if not callable(function):
            return f"{function!r} is no function. Pass one of w, b, x and y, without calling it."
        found = check_backprop(function, batch)
        return None if found.passed else str(found)

    return judge


def _trace() -> Any:
    net, x, y = worked_example()
    return net, net.backprop(x[None], y[None])


def _slope(l: int, j: int) -> float:
    return float(textbook.link_1(SIGMOID, np.ascontiguousarray(_trace()[1].z[l][0]))[j])


def _sum() -> float:
    net, t = _trace()
    return float(t.delta[2][0] @ net.w[2][:, 0])


EXERCISES = {
    "touch": Exercise(
        "Through which two does z_j^l move the cost? Put these three in order: C, a_j^l, z_k^{l+1}.",
        _chain,
    ),
    "link-1": Exercise(
        "Link 1 of neuron j = 0 in layer 1 of the worked example, sigma'(z), z = 0.3775.",
        _number(lambda: _slope(1, 0), "sigma'(z) is sigma(z) (1 - sigma(z)), with sigma(0.3775) = 0.59327."),
    ),
    "link-2": Exercise(
        "The indices of the weight in link 2, dz_k^{l+1}/da_j^l = w_??^{l+1}.",
        _letters,
    ),
    "bp1": Exercise(
        "A function of a, y and z that returns delta of the output layer, with the quadratic cost.", _output_error
    ),
    "sum": Exercise(
        "sum_k w_k0^2 delta_k^2 of the worked example.",
        _number(_sum, "Two terms: w_00^2 delta_0^2 + w_10^2 delta_1^2, down the first column of w[2]."),
    ),
    "delta": Exercise(
        "delta^1 of the worked example, both neurons.",
        _number(lambda: _trace()[1].delta[1][0], "sigma'(z_j^1) times the sum over k, for j = 0 and j = 1."),
    ),
    "shape": Exercise(
        "Layer 1 has 30 neurons, layer 2 has 10. Which shape has (w^2)^T?",
        _number(
            lambda: (30, 10),
            "w^2 has a row for each neuron it leads to: (10, 30). Its transpose has the rows as columns.",
        ),
    ),
    "weight": Exercise(
        "dC/dw_01^1 of the worked example: to neuron 0 of layer 1, from input 1.",
        _number(lambda: _trace()[1].w[1][0, 1], "BP4: a_1^0 is the input 0.10, delta_0^1 you have just computed."),
    ),
    "backprop": Exercise("A function of w, b, x, y that returns grad_w, grad_b for one sample.", _checked(False)),
    "minibatch": Exercise("The same for a minibatch: x and y have a row for each sample.", _checked(True)),
}
"""Name -> exercise."""


def check(name: str, answer: Any = ...) -> Answer:
    """Judge an answer; ``...`` stands for none yet and shows the question.

    Raises
    ------
    ValueError
        For a name that no exercise has.
    """
    if name not in EXERCISES:
        raise ValueError(f"There is no exercise {name!r}; there are {', '.join(EXERCISES)}. Pass one of these names.")
    exercise = EXERCISES[name]
    if answer is ... or answer is None:
        return Answer(False, f"Exercise {name}: {exercise.question} Put your answer in place of the dots.")
    try:
        with guarded(
            lambda error: (
                f"Reading your answer raised {type(error).__name__}: {error} Pass plain numbers, of a tensor "
                "tensor.detach().numpy()."
            )
        ):
            wrong = exercise.judge(answer)
    except Refused as refused:
        wrong = str(refused)
    return Answer(True, f"Exercise {name}: right.") if wrong is None else Answer(False, f"Exercise {name}: {wrong}")
