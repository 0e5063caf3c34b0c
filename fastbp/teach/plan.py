"""The plan of a course on one page: minutes, exercises and points of every lesson."""

from __future__ import annotations

from fastbp.teach.exercises import EXERCISES
from fastbp.teach.notebooks import CHECK, exercise_cells, lessons, minutes, title

BEFORE = """# Plan

A course of the lessons in this folder. Each stands alone; the first is what the others build on. Minutes are those of a
class that has not seen them, with the exercises.

| lesson | minutes | exercises | points |
|---|---:|---|---:|
"""
AFTER = """
- Hand out: `fastbp learn FOLDER --student`, or one folder each with `--seed NAME`, whose numbers are that name's own.
- Collect the notebooks into a folder, and grade them: `fastbp grade FOLDER --csv > grades.csv`. With
  `--roster names.txt`, a name a line, borrowed numbers are found.
- Grading runs what learners wrote. It is no sandbox: grade in a container, or on a machine that has nothing else.
- An exercise gives all of its points or none. The column of mistakes names what went wrong, for the talk afterwards.
- The answers are in this folder, and in the package that learners install: grade what is asked in the talk, too.
"""


def plan() -> str:
    """The page, in Markdown."""
    rows, total, points = [], 0, 0
    for name, text in lessons().items():
        found = [cell.exercise for cell in exercise_cells(text) if cell.role == CHECK]
        worth = sum(EXERCISES[exercise].points for exercise in found)
        total, points = total + minutes(text), points + worth
        rows.append(f"| {name.partition('-')[0]}. {title(text)} | {minutes(text)} | {', '.join(found)} | {worth} |\n")
    return BEFORE + "".join(rows) + f"| **all** | {total} | | {points} |\n" + AFTER
