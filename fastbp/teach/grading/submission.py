"""A notebook that was handed in: which lesson it is, its cells, and the teacher's checks in their places."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastbp.teach.notebooks import ANSWER, CHECK, checked, exercise_cells, lessons, seeded

LARGEST = 64 * 2**20
"""Bytes of a notebook; pictures are the most of it."""

CHANGED = "Its check cell had been changed; the teacher's was used."
MISSING = "Its check cell was missing; the teacher's was used."


class Unreadable(Exception):
    """A file that is no notebook of a lesson."""


@dataclass(frozen=True)
class Code:
    """A cell of the learner's."""

    title: str
    source: str


@dataclass(frozen=True)
class Check:
    """The teacher's check of an exercise, and what had become of it."""

    exercise: str
    variable: str
    note: str = ""


@dataclass(frozen=True)
class Submission:
    """What is to be run and checked, in order.

    Attributes
    ----------
    lesson : str
    seed : str or None
        The name in the notebook.
    steps : list of Code or Check
        Up to the last check.
    """

    lesson: str
    seed: str | None
    steps: list[Code | Check] = field(default_factory=list)


def checks_of(lesson: str) -> dict[str, str]:
    """Exercise -> variable of a lesson, in order."""
    return {cell.exercise: cell.variable for cell in exercise_cells(lessons()[lesson]) if cell.role == CHECK}


def gradable() -> dict[str, dict[str, str]]:
    """The lessons that have exercises, and these."""
    return {name: found for name in lessons() if (found := checks_of(name))}


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _loaded(path: Path) -> dict[str, Any]:
    """The file's JSON; Unreadable if it has none."""
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"It has more than {LARGEST >> 20} MiB. Clear its outputs.")
        contents = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise Unreadable("It is no notebook: its contents are not JSON.") from None
    if type(contents) is not dict or type(contents.get("cells")) is not list:
        raise Unreadable("It is no notebook of format 4: it has no list of cells.")
    return contents


def _lesson(contents: dict[str, Any], path: Path) -> str:
    """The lesson, by what the notebook says, else by its file's name."""
    known = gradable()
    named = _dict(_dict(contents.get("metadata")).get("fastbp")).get("lesson")
    if isinstance(named, str) and named in known:
        return named
    found = [name for name in known if re.search(rf"(?<!\d){re.escape(name)}", path.name)]
    if not found:
        raise Unreadable(f"Neither its metadata nor its name say which lesson it is: {', '.join(known)}.")
    return found[0]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    lines = source if type(source) is list else [source]
    return "".join(line for line in lines if isinstance(line, str))


def _role(cell: dict[str, Any]) -> tuple[str, str]:
    """Exercise and role that a cell's contents, its metadata or its id name: what a check says counts first."""
    alone = checked(_source(cell))
    if alone:
        return alone[0], CHECK
    said = _dict(_dict(cell.get("metadata")).get("fastbp"))
    exercise, role = said.get("exercise"), said.get("role")
    if isinstance(exercise, str) and isinstance(role, str):
        return exercise, role
    graded = _dict(_dict(cell.get("metadata")).get("nbgrader")).get("grade_id", cell.get("id"))
    if isinstance(graded, str) and "-" in graded:
        exercise, _, role = graded.rpartition("-")
        if role in (ANSWER, CHECK):
            return exercise, role
    return "", ""


def _is_as_given(source: str, exercise: str, variable: str, seed: str | None) -> bool:
    """Whether a check cell is the teacher's, but for spaces and comments."""
    return checked(source) == (exercise, variable) and "".join(source.split()).startswith(
        "".join(seeded(f'check("{exercise}", {variable})', seed).split())
    )


def read(path: Path) -> Submission:
    """A notebook that was handed in.

    Raises
    ------
    Unreadable
    """
    contents = _loaded(path)
    lesson = _lesson(contents, path)
    seed = _dict(_dict(contents.get("metadata")).get("fastbp")).get("seed")
    seed = seed if isinstance(seed, str) and seed.strip() else None
    variables = checks_of(lesson)
    cells = [_dict(cell) for cell in contents["cells"]]
    code = [(i, cell, *_role(cell)) for i, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"]
    checks: dict[str, int] = {}  # where each is
    for i, _, exercise, role in code:
        if role == CHECK and exercise in variables:
            checks.setdefault(exercise, i)
    after = _places_of_missing(code, [name for name in variables if name not in checks])
    steps: list[Code | Check] = [Check(name, variables[name], MISSING) for name in after.pop(0, [])]
    for i, cell, exercise, role in code:
        if role == CHECK and exercise in variables:
            if checks[exercise] == i:
                given = _is_as_given(_source(cell), exercise, variables[exercise], seed)
                steps.append(Check(exercise, variables[exercise], "" if given else CHANGED))
        else:
            steps.append(Code(f"cell {i}", _source(cell)))
        steps += [Check(name, variables[name], MISSING) for name in after.pop(i, [])]
    while steps and isinstance(steps[-1], Code):  # nobody asks what they do
        steps.pop()
    return Submission(lesson, seed, steps)


def _places_of_missing(code: list[tuple[int, dict[str, Any], str, str]], missing: list[str]) -> dict[int, list[str]]:
    """Behind which cells the checks that are not there belong: behind the answer, else at the end."""
    places: dict[int, list[str]] = {}
    end = code[-1][0] if code else 0
    for name in missing:
        answers = [i for i, _, exercise, role in code if (exercise, role) == (name, ANSWER)]
        places.setdefault(answers[-1] if answers else end, []).append(name)
    return places
