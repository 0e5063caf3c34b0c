"""The judge of a learner's function that returns one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp.layers import PerLayer
from fastbp.teach.answers import guarded, raised
from fastbp.teach.catalogue import MISTAKES
from fastbp.teach.exercises.judging import Judge, Task, Wrong, answered


def near(given: np.ndarray, wanted: np.ndarray) -> bool:
    """Single precision is right too."""
    return given.shape == wanted.shape and bool(np.allclose(given, wanted, rtol=1e-5, atol=1e-7))


def called_with(function: Any, *arguments: Any) -> Any:
    """What the learner's function gives; Refused with its place if it raises."""
    with guarded(raised), np.errstate(all="ignore"):
        return answered(function)(*arguments)


def fresh(one: Any) -> Any:
    """A copy, which the learner may change."""
    if isinstance(one, PerLayer):
        return PerLayer(one._name, [array.copy() for array in one])
    return one.copy() if isinstance(one, np.ndarray) else one


def as_array(value: Any) -> np.ndarray:
    """What the function returned as numbers; Refused if it is none."""
    with guarded(lambda error: f"Your function returned {value!r}, which is no array of numbers."):
        return np.asarray(value, float)


Case = tuple[tuple[Any, ...], np.ndarray, dict[str, np.ndarray]]
"""Arguments, the right result, and what is said of wrong ones; a name of a mistake in front of a colon."""


def returns(what: str, cases: Callable[[np.random.Generator], Sequence[Case]], hint: str, equation: str = "") -> Judge:
    """A function that returns one array, tried on some arguments."""

    def judge(function: Any, task: Task) -> Wrong | None:
        if not callable(function):
            return Wrong(f"{function!r} is no function. Pass one of {what}, without calling it.")
        for arguments, right, wrongs in cases(task.rng()):
            given = as_array(called_with(function, *map(fresh, arguments)))
            if given.shape != right.shape:
                return Wrong(f"Your function returned shape {given.shape}; {right.shape} is needed. {hint}", equation)
            if near(given, right):
                continue
            for said, wrong in wrongs.items():
                if near(given, wrong) and not near(wrong, right):
                    name = said if said in MISTAKES else ""
                    title = f"{MISTAKES[name].title} ({name})" if name else said
                    return Wrong(f"Look again: {title} {hint}", equation, name)
            return Wrong(f"Your numbers differ. {hint}", equation)
        return None

    return judge
