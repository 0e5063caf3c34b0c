"""The teacher's copy as nbgrader and otter-grader take it: their marks around answers and checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from fastbp.teach.exercises import EXERCISES
from fastbp.teach.notebooks import (
    ANSWER,
    CHECK,
    SOLUTION,
    Cell,
    as_cell,
    as_notebook,
    exercise_cells,
    seeded,
    title,
    without_check,
)

Format = Literal["nbgrader", "otter"]


def _parts(text: str, seed: str | None) -> tuple[list[Cell], dict[str, str]]:
    """The cells of a lesson without the solutions, and these by exercise."""
    found = list(exercise_cells(text))
    solutions = {cell.exercise: seeded(without_check(cell.source), seed) for cell in found if cell.role == SOLUTION}
    return [cell for cell in found if cell.role != SOLUTION], solutions


def _asserted(cell: Cell, seed: str | None) -> str:
    """The check as a statement that raises where the answer is wrong: what these tools count."""
    call = seeded(f'check("{cell.exercise}", {cell.variable})', seed)
    return f"from fastbp.teach.exercises import check\nassert (found := {call}), found"


def for_nbgrader(text: str, seed: str | None = None, name: str = "") -> dict[str, Any]:
    """A notebook for nbgrader's ``source`` folder: ``nbgrader generate_assignment`` takes the answers out.

    Each check is a locked cell with the exercise's points; it has them if nothing is raised.
    """
    made = []
    kept, solutions = _parts(text, seed)
    for i, cell in enumerate(kept):
        metadata: dict[str, Any] = {}
        source = seeded(cell.source, seed)
        if cell.role:
            graded = cell.role == CHECK
            marks = {"schema_version": 3, "grade_id": f"{cell.exercise}-{cell.role}", "task": False}
            marks |= {"grade": graded, "locked": graded, "solution": not graded}
            marks |= {"points": EXERCISES[cell.exercise].points} if graded else {}
            metadata = {"nbgrader": marks, "fastbp": {"exercise": cell.exercise, "role": cell.role}}
        if cell.role == ANSWER:
            source = f"{source}\n### BEGIN SOLUTION\n{solutions[cell.exercise]}\n### END SOLUTION"
        elif cell.role == CHECK:
            source = _asserted(cell, seed)
        made.append(as_cell(cell.kind, source, f"{cell.exercise}-{cell.role}" if cell.role else f"cell-{i}", metadata))
    return as_notebook(made, {"fastbp": {"lesson": name, "seed": seed}})


def question_name(exercise: str) -> str:
    """An exercise's name as otter's files take it."""
    return exercise.replace("-", "_")


def for_otter(text: str, seed: str | None = None, name: str = "") -> dict[str, Any]:
    """A notebook for ``otter assign``: each exercise is a question with one test, which has its points."""
    made = []
    for i, (kind, source) in enumerate(_otter_cells(text, seed)):
        made.append(as_cell(kind, source, f"cell-{i}"))
    return as_notebook(made, {"fastbp": {"lesson": name, "seed": seed}})


def _otter_cells(text: str, seed: str | None) -> Iterator[tuple[str, str]]:
    kept, solutions = _parts(text, seed)
    yield (
        "raw",
        f"# ASSIGNMENT CONFIG\nname: {title(text)!r}\ninit_cell: true\nexport_cell: false\ncheck_all_cell: false",
    )
    for cell in kept:
        if cell.role == ANSWER:
            name, points = question_name(cell.exercise), EXERCISES[cell.exercise].points
            prompt = seeded(cell.source, seed).replace('"""', "'''")
            yield "raw", f"# BEGIN QUESTION\nname: {name}\npoints: {points}"
            yield "markdown", f"**{cell.exercise}**"
            yield "raw", "# BEGIN SOLUTION"
            solution = f"# BEGIN SOLUTION NO PROMPT\n{solutions[cell.exercise]}\n# END SOLUTION\n"
            yield "code", f'{solution}""" # BEGIN PROMPT\n{prompt}\n"""; # END PROMPT'
            yield "raw", "# END SOLUTION"
        elif cell.role == CHECK:
            yield "raw", "# BEGIN TESTS"
            yield "code", _asserted(cell, seed)
            yield "raw", "# END TESTS"
            yield "raw", "# END QUESTION"
        else:
            yield cell.kind, seeded(cell.source, seed)


FORMATS = {"nbgrader": for_nbgrader, "otter": for_otter}
"""Name -> who writes it."""
