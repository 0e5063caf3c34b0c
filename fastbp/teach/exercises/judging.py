"""How an answer is judged: what an answer is, whose numbers it has, and the judges of numbers and of letters."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from fastbp.teach.catalogue import MISTAKES
from fastbp.teach.examples import worked_example
from fastbp.teach.matching import decimals
from fastbp.teach.render import WIDTH
from fastbp.teach.seeds import normal_form, number_of

ENOUGH = 0.02
"""Part of the number that half a unit of the last digit typed may be."""


@dataclass(frozen=True)
class Answer:
    """What became of an answer; true if it is right.

    Attributes
    ----------
    right, answered : bool
        Dots are no answer.
    text : str
        One paragraph or several lines; the answer prints them wrapped.
    equation : str
        The label of the equation that the exercise is about, or that is wrong first.
    mistake : str
        The name of the mistake in `MISTAKES`, or empty.
    """

    right: bool
    text: str
    equation: str = ""
    mistake: str = ""
    answered: bool = True

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return "\n".join(line for whole in self.text.split("\n") for line in _folded(whole))


def _folded(line: str) -> list[str]:
    """The line, over several where it is longer than a page is wide; they hang under its first word."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [line]


@dataclass(frozen=True)
class Wrong:
    """Why an answer is wrong."""

    text: str
    equation: str = ""
    mistake: str = ""


class Unanswered(BaseException):
    """The learner's function returned the dots. No handler of errors takes it for one."""


class Task:
    """Whose numbers they are: those of the published example, or of the learner of this name."""

    def __init__(self, seed: str | None) -> None:
        self.seed = seed
        self.net, self.x, self.y = worked_example(seed)
        self.number = 0 if seed is None else number_of(seed)

    @cached_property
    def t(self) -> Any:
        """Every z, a and delta of the sample."""
        return self.net.backprop(self.x[None], self.y[None])

    def rng(self) -> np.random.Generator:
        """For the numbers on which a function is tried."""
        return np.random.default_rng(self.number)


@lru_cache(maxsize=64)
def _task(seed: str | None) -> Task:
    return Task(seed)


def task_of(seed: str | None) -> Task:
    """The numbers of a name, in whichever spelling; of None those of the published example."""
    return _task(None if seed is None else normal_form(seed))


Judge = Callable[[Any, Task], "Wrong | None"]
"""Of an answer and whose it is; None if it is right."""


@dataclass(frozen=True)
class Exercise:
    """A question, what it is worth, which equation it is about, and who judges an answer."""

    question: str | Callable[[Task], str]
    judge: Judge
    points: int = 1
    equation: str = ""

    def asked(self, task: Task) -> str:
        """The question with the learner's own numbers."""
        return self.question if isinstance(self.question, str) else self.question(task)


def answered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; one that still returns the dots is no answer."""

    def called(*arguments: Any) -> Any:
        result = function(*arguments)
        if result is ...:
            raise Unanswered
        return result

    return called


def named(name: str, begins: str) -> Wrong:
    """A mistake of the catalogue."""
    mistake = MISTAKES[name]
    return Wrong(f"{begins} {mistake.title} ({name}, {mistake.equation}) {mistake.fix}", mistake.equation, name)


# Numbers


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


def number(
    right: Callable[[Task], Any],
    hint: Callable[[Task], str],
    mistakes: Callable[[Task], Mapping[str, Any]] = lambda task: {},
) -> Judge:
    """Numbers, in full or rounded to as many digits as were typed, of which there must be enough to tell.

    ``mistakes`` has the numbers that known mistakes lead to, by name; of several forms of one, ``name:form``.
    """

    def judge(answer: Any, task: Task) -> Wrong | None:
        wanted = np.asarray(right(task), float)
        try:
            given = _as_numbers(answer)
        except (TypeError, ValueError):
            return Wrong(f"{answer!r} is no number. {hint(task)}")
        if given.size != wanted.size:
            return Wrong(f"Your answer has shape {given.shape}; {wanted.shape} is needed. {hint(task)}")
        given, size = given.reshape(wanted.shape), float(np.abs(wanted).max())
        unit = 0.5001 * 10.0 ** -decimals(given)

        def near(numbers: Any, within: float) -> bool:
            return bool((np.abs(given - np.asarray(numbers, float).reshape(wanted.shape)) <= within).all())

        if near(wanted, 1e-6 * size):
            return None
        if near(wanted, unit):
            return None if unit <= ENOUGH * size else Wrong("That may be right; give one or two more digits.")
        begins = f"Your answer, {np.array2string(given, precision=8)}, is not right yet."
        for name, numbers in mistakes(task).items() if unit <= ENOUGH * size else ():
            if near(numbers, max(unit, 1e-6 * size)):
                return named(name.partition(":")[0], begins)
        return Wrong(f"{begins} {hint(task)}")

    return judge


# Letters


def plain(answer: Any) -> str:
    """Letters as typed in any of many ways: lists, LaTeX, Unicode, arrows; spaces only between the parts."""
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    text = unicodedata.normalize("NFKC", " ".join(map(str, parts))).replace("δ", "delta").lower()
    text = re.sub(r"\s*([+^_])\s*|(?<=[{\[])\s+|\s+(?=[}\]])", lambda found: found[1] or "", text)
    text = re.sub(r"\s*-(?!>)\s*(?=1)", "-", text)  # l - 1
    text = re.sub(r"\\(right)?arrow|\\to|[-=]+>|[→,;/|*·]|\\cdot|\\times|\bthen\b|\band\b", " ", text)
    return re.sub(r"[^a-z0-9+\s]", "", text)


def indices(answer: Any, task: Task) -> Wrong | None:
    """The indices of a weight, with or without the weight and its layer."""
    letters = re.sub(r"\s|l\+1", "", plain(answer))
    if letters.removeprefix("w") == "kj":
        return None
    return Wrong(f"A weight leads to its first index from its second: here to k, from j. You gave {answer!r}.")


def spelled(*forms: tuple[str, ...], hint: str, in_order: bool = True) -> Judge:
    """As many parts as there are forms, each spelled in one of its ways, its indices in any order."""

    def judge(answer: Any, task: Task) -> Wrong | None:
        given = plain(answer).split()

        def fits(one: str, ways: tuple[str, ...]) -> bool:
            return sorted(one) in map(sorted, ways)

        if len(given) == len(forms):
            orders = [given] if in_order else [given, given[::-1]]
            if any(all(map(fits, order, forms)) for order in orders):
                return None
        return Wrong(f"{hint} You gave {answer!r}.")

    return judge
