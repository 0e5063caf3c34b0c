"""Exercises that check themselves: ``check(name, answer)`` says right, or not yet and why."""

from __future__ import annotations

from typing import Any

from fastbp.teach.answers import Refused, guarded
from fastbp.teach.exercises.book import BOOK
from fastbp.teach.exercises.judging import Answer, Exercise, Unanswered, task_of
from fastbp.teach.exercises.notes import NOTES
from fastbp.teach.exercises.steps import STEPS

__all__ = ["EXERCISES", "Answer", "Exercise", "check"]

EXERCISES: dict[str, Exercise] = {**NOTES, **BOOK, **STEPS}
"""Name -> exercise."""


def check(name: str, answer: Any = ..., *, seed: str | None = None) -> Answer:
    """Judge an answer; ``...`` stands for none yet and shows the question.

    Parameters
    ----------
    name : str
        Of an exercise.
    answer
        Numbers, letters or a function, as the exercise asks.
    seed : str, optional
        The name of the learner whose numbers they are; default: the published example's.

    Returns
    -------
    Answer

    Raises
    ------
    ValueError, TypeError
        For a name that no exercise has, or a seed that is no name.
    """
    if name not in EXERCISES:
        raise ValueError(f"There is no exercise {name!r}; there are {', '.join(EXERCISES)}. Pass one of these names.")
    exercise, task = EXERCISES[name], task_of(seed)
    unanswered = Answer(
        False,
        f"Exercise {name}: {exercise.asked(task)} Put your answer in place of the dots.",
        exercise.equation,
        answered=False,
    )
    if answer is ... or answer is None:
        return unanswered
    equation, mistake = exercise.equation, ""
    try:
        with guarded(
            lambda error: (
                f"Reading your answer raised {type(error).__name__}: {error} Pass plain numbers, of a tensor "
                "tensor.detach().numpy()."
            )
        ):
            wrong = exercise.judge(answer, task)
    except Unanswered:
        return unanswered
    except Refused as refused:
        text = str(refused)
    else:
        if wrong is None:
            return Answer(True, f"Exercise {name}: right.", equation)
        text, equation, mistake = wrong.text, wrong.equation or equation, wrong.mistake
    return Answer(False, f"Exercise {name}: {text}", equation, mistake)
