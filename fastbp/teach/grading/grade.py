"""Grade notebooks: run what the learner wrote, judge what came of it, one row for each exercise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastbp.teach.exercises import EXERCISES, check
from fastbp.teach.grading.process import Budget, Failed, Limits, Over, Session
from fastbp.teach.grading.roster import owner
from fastbp.teach.grading.submission import Check, Code, Submission, Unreadable, gradable, read
from fastbp.teach.seeds import normal_form

WHOLE = 3.0
"""Times the limits of its exercises that a notebook may take, runs that are repeated among them."""
LONGEST = 2000
"""Characters of a message."""


@dataclass(frozen=True)
class Row:
    """An exercise of a notebook that was handed in.

    Attributes
    ----------
    file, name : str
        Of the notebook, from the folder; of the learner, by the roster or the seed.
    exercise : str
        Empty where nothing could be graded.
    points, max : int
        All or none.
    equation, mistake : str
        The label of the equation that the exercise is about, or that is wrong first; the name of a mistake in
        `fastbp.teach.MISTAKES`, where one explains the answer.
    status : str
        "right", "wrong", "not answered", "error", "time", "memory", "ended", "damaged" or "unreadable".
    message : str
    """

    file: str
    name: str
    exercise: str
    points: int
    max: int
    equation: str
    mistake: str
    status: str
    message: str


def notebooks_in(path: Path) -> list[Path]:
    """The notebook, or all below a folder, in order.

    Raises
    ------
    FileNotFoundError, ValueError
        There is none.
    """
    if not path.exists():
        raise FileNotFoundError(
            2, "there is no such file or folder to grade. Pass a notebook, or a folder of them", str(path)
        )
    if path.is_file():
        return [path]
    found = [one for one in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in one.parts and one.is_file()]
    if not found:
        raise ValueError(f"{str(path)!r} has no notebooks. Pass a folder of what was handed in, as .ipynb files.")
    return sorted(found, key=lambda one: one.relative_to(path).as_posix())


def grade(
    path: Path,
    *,
    roster: Sequence[str] | None = None,
    limits: Limits | None = None,
    progress: Callable[[str], object] = lambda file: None,
) -> list[Row]:
    """Grade a notebook, or all of a folder.

    Learners' code runs in a process of its own, with limits, and is no further contained: **this is no sandbox**. Run
    it in a container, or on a machine that has nothing else.

    Parameters
    ----------
    path : pathlib.Path
    roster : sequence of str, optional
        The names of the class. A notebook is then whose name stands in its path, and is judged by the numbers of that
        name, whatever seed it carries.
    limits : Limits, optional
        By default 10 s and 1 GiB for each exercise.
    progress : callable
        Told each file before it is graded.

    Returns
    -------
    list of Row

    Raises
    ------
    FileNotFoundError, ValueError
        There is nothing to grade.
    """
    limits = limits or Limits()
    files = notebooks_in(path)
    top = path.parent if path.is_file() else path
    rows: list[Row] = []
    seeds: dict[tuple[str, str], str] = {}  # lesson and seed -> the first file that has it
    read_in = [(one, _read(one)) for one in files]
    with_seeds = {found.lesson for _, found in read_in if isinstance(found, Submission) and found.seed is not None}
    for one, submission in read_in:
        file = one.relative_to(top).as_posix()
        progress(file)
        if isinstance(submission, Unreadable):
            error = submission
            rows.append(
                Row(file, owner(file, list(roster or ())) or "", "", 0, _most(one), "", "", "unreadable", str(error))
            )
            continue
        seed, name, note = _whose(file, submission, roster, submission.lesson in with_seeds)
        if submission.seed is not None:
            key = submission.lesson, normal_form(submission.seed)
            if seeds.setdefault(key, file) != file:
                note = f"{note} {seeds[key]} has the same seed.".strip()
        first = Row(file, name, "", 0, 0, "", "", "", note)
        rows += _graded(submission, seed, first, limits)
    return rows


def _read(path: Path) -> Submission | Unreadable:
    try:
        return read(path)
    except Unreadable as error:
        return error


def _most(path: Path) -> int:
    """Points of the lesson that a file's name names."""
    named = [found for lesson, found in gradable().items() if lesson in path.name]
    return sum(EXERCISES[exercise].points for exercise in named[0]) if named else 0


def _whose(
    file: str, submission: Submission, roster: Sequence[str] | None, seeded: bool
) -> tuple[str | None, str, str]:
    """The seed by which it is judged, the learner's name, and what is to be said about them.

    ``seeded``: others have handed in this lesson with numbers of their own, so that the published ones do not count.
    """
    said = submission.seed
    if roster is None:
        return said, said or "", ""
    name = owner(file, list(roster))
    if name is None:
        known = [one for one in roster if said is not None and normal_form(one) == normal_form(said)]
        return said, known[0] if known else said or "", "No name of the roster stands in its path."
    if said is None:
        return (name, name, "It has no seed; others' notebooks of this lesson have.") if seeded else (None, name, "")
    if normal_form(said) == normal_form(name):
        return name, name, ""
    lender = next((one for one in roster if normal_form(one) == normal_form(said)), said)
    return name, name, f"Borrowed seed: the notebook has the numbers of {lender!r}."


def _graded(submission: Submission, seed: str | None, first: Row, limits: Limits) -> list[Row]:
    """A row for each exercise of the lesson, in the order of the notebook."""
    exercises = sum(isinstance(step, Check) for step in submission.steps)
    session = Session(limits, WHOLE * limits.seconds * (exercises + 1))
    rows: list[Row] = []
    budget, over, failed = Budget(limits.seconds), None, ""
    try:
        for step in submission.steps:
            if isinstance(step, Code):
                try:
                    result = session.run(step.title, step.source, budget)
                except Over as found:
                    over, budget = over or found, Budget(limits.seconds)  # the cell is left out: the next may run
                    continue
                if isinstance(result, Failed):
                    failed = f"{step.title} raised {result.text}"
                continue
            rows.append(_judged(step, seed, session, budget, over, failed, first))
            budget, over, failed = Budget(limits.seconds), None, ""
    finally:
        session.close()
    return rows


def _judged(
    step: Check, seed: str | None, session: Session, budget: Budget, over: Over | None, failed: str, first: Row
) -> Row:
    """What becomes of one exercise."""
    exercise = EXERCISES[step.exercise]
    row = replace(first, exercise=step.exercise, max=exercise.points, equation=exercise.equation)
    status, text, right = "", "", False
    try:
        if over is not None:
            raise over
        answer = session.read(step.variable, budget)
        found = check(step.exercise, answer, seed=seed)
        right, text = found.right, found.text
        status = "right" if right else "wrong" if found.answered else "error" if failed else "not answered"
        row = replace(row, equation=found.equation, mistake=found.mistake)
        if status in ("error", "not answered"):
            text = failed
    except Over as found_over:
        status, text = found_over.status, found_over.text
    except Exception as error:  # of reading the answer
        status, text = "error", f"Reading the answer raised {type(error).__name__}: {error}"
    parts = [text if not right else "", step.note, first.message]
    message = " ".join(part for part in parts if part)
    return replace(row, points=exercise.points if right else 0, status=status, message=message[:LONGEST].strip())
