"""Lessons: MyST Markdown in the package, read in the documentation; Jupyter notebooks where a learner wants them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Literal

from fastbp.teach.exercises import EXERCISES
from fastbp.teach.exercises.book import line_points
from fastbp.teach.exercises.judging import task_of
from fastbp.teach.exercises.notes import layer_sizes

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TAGS = re.compile(r"\A:tags: \[([\w, -]*)\]\n+")
_HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_NOTE = re.compile(r"^% teacher: (.*(?:\n% .*)*)\n", re.MULTILINE)
_MINUTES = re.compile(r"^minutes: (\d+)$", re.MULTILINE)

ANSWER, CHECK, SOLUTION = "answer", "check", "solution"
"""Tags of an exercise's three cells: the learner's, the one that judges it, and the answer, folded."""

Kind = Literal["both", "student", "teacher"]
"""Of a copy: with the answers folded, without them, or with them in their places and notes for whoever teaches."""


def lessons() -> dict[str, str]:
    """Name -> text of every lesson, in order."""
    folder = resources.files("fastbp.teach").joinpath("lessons")
    found = {file.name[:-3]: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".md")}
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition("-")[0])))


def minutes(text: str) -> int:
    """How long a lesson takes a class."""
    head = _HEAD.match(text)
    found = _MINUTES.search(head[1]) if head else None
    return int(found[1]) if found else 0


def title(text: str) -> str:
    """The lesson's heading."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def cells(text: str, *, notes: bool = False) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind (``"markdown"`` or ``"code"``), source and tags of each cell; with the notes for teachers, if asked for."""
    text = _HEAD.sub("", text)
    said = r"> **For the teacher.** \1\n" if notes else ""
    text = _NOTE.sub(lambda found: found.expand(said).replace("\n% ", "\n> "), text)
    out: list[tuple[str, str, tuple[str, ...]]] = []
    at = 0
    for match in _CELL.finditer(text):
        prose = text[at : match.start()].strip()
        if prose:
            out.append(("markdown", prose, ()))
        tagged = _TAGS.match(match[1])
        tags = tuple(tag.strip() for tag in tagged[1].split(",")) if tagged else ()
        out.append(("code", _TAGS.sub("", match[1]).strip("\n"), tags))
        at = match.end()
    if text[at:].strip():
        out.append(("markdown", text[at:].strip(), ()))
    return out


def checked(source: str) -> tuple[str, str] | None:
    """Exercise and variable of a cell that is nothing but ``check("exercise", variable)``, with a seed or without."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "check":
        return None
    match call.args:
        case [ast.Constant(value=str(name)), ast.Name(id=variable)] if name in EXERCISES:
            return name, variable
    return None


@dataclass(frozen=True)
class Cell:
    """A cell of a copy.

    Attributes
    ----------
    kind : str
        "markdown" or "code".
    source : str
    tags : tuple of str
    exercise, role, variable : str
        Of an exercise's cells: its name, the tag, and what the learner's cell assigns.
    """

    kind: str
    source: str
    tags: tuple[str, ...] = ()
    exercise: str = ""
    role: str = ""
    variable: str = ""


def exercise_cells(text: str, *, notes: bool = False) -> Iterator[Cell]:
    """All cells of a lesson; those of an exercise carry its name."""
    found = [Cell(*one) for one in cells(text, notes=notes)]
    for i, cell in enumerate(found):
        roles = {ANSWER, CHECK, SOLUTION} & set(cell.tags)
        if not roles:
            yield cell
            continue
        (role,) = roles
        at = i + {ANSWER: 1, CHECK: 0, SOLUTION: -1}[role]
        named = checked(found[at].source)
        assert named is not None, f"no check of an exercise beside {cell.source!r}"
        yield replace(cell, exercise=named[0], role=role, variable=named[1])


def without_check(source: str) -> str:
    """A solution without the check that follows it."""
    return source.rpartition("\ncheck(")[0].strip("\n")


def _arranged(text: str, kind: Kind) -> list[Cell]:
    """The cells of this kind of copy."""
    found = list(exercise_cells(text, notes=kind == "teacher"))
    if kind == "both":
        return found
    solutions = {cell.exercise: without_check(cell.source) for cell in found if cell.role == SOLUTION}
    kept = [cell for cell in found if cell.role != SOLUTION]
    if kind == "student":
        return kept
    return [replace(cell, source=solutions[cell.exercise]) if cell.role == ANSWER else cell for cell in kept]


def seeded(source: str, seed: str | None) -> str:
    """The code with the numbers of this name."""
    if seed is None:
        return source
    source = source.replace("worked_example()", f"worked_example(seed={seed!r})")
    own, given = task_of(seed), task_of(None)
    source = source.replace(str(layer_sizes(given)), str(layer_sizes(own)))
    for old, new in zip(line_points(given), line_points(own), strict=True):
        source = source.replace(str(old.tolist()), str(new.tolist()))
    return re.sub(r"\bcheck\((\"[\w-]+\"(?:, \w+)?)\)", lambda call: f"check({call[1]}, seed={seed!r})", source)


def as_notebook(made: list[dict[str, Any]], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """Cells in the Jupyter notebook format, version 4.5."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": made,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}, **(metadata or {})},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def as_cell(kind: str, source: str, id: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """A cell, without outputs."""
    cell: dict[str, Any] = {"cell_type": kind, "id": id, "metadata": metadata or {}}
    cell["source"] = source.splitlines(keepends=True)
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def notebook(text: str, kind: Kind = "both", seed: str | None = None, name: str = "") -> dict[str, Any]:
    """A lesson as a Jupyter notebook, without outputs; folded cells stay folded.

    Parameters
    ----------
    text : str
        Of the lesson.
    kind : {"both", "student", "teacher"}
    seed : str, optional
        The name of the learner whose numbers it has.
    name : str
        Of the lesson; it stands in the metadata, by which a submission is known.
    """
    made = []
    for i, cell in enumerate(_arranged(text, kind)):
        metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
        if "hide-cell" in cell.tags:
            metadata["jupyter"] = {"source_hidden": True}
        id = f"cell-{i}"
        if cell.role:
            id = f"{cell.exercise}-{cell.role}"
            metadata["fastbp"] = {"exercise": cell.exercise, "role": cell.role}
        if cell.role == CHECK:
            metadata["fastbp"]["points"] = EXERCISES[cell.exercise].points
            metadata |= {"editable": False, "deletable": False}
        made.append(as_cell(cell.kind, seeded(cell.source, seed), id, metadata))
    return as_notebook(made, {"fastbp": {"lesson": name, "seed": seed}})


def written(contents: dict[str, Any]) -> bytes:
    """A notebook as its file has it."""
    return (json.dumps(contents, indent=1, ensure_ascii=False) + "\n").encode()
