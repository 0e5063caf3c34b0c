"""Grades as CSV, and as a few lines to read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import astuple, fields

from fastbp.teach.grading.grade import Row

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute. Names and messages are a learner's to choose."""


def _cell(value: object) -> str:
    """Without characters that control a terminal, and never a formula."""
    text = re.sub(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(rows: Sequence[Row]) -> str:
    """One line for each exercise, below one with the names of the columns; the same rows give the same bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    return out.getvalue()


def summary(rows: Sequence[Row]) -> str:
    """Points of each notebook, and each exercise that is not right with its first line."""
    lines = []
    for file in dict.fromkeys(row.file for row in rows):
        own = [row for row in rows if row.file == file]
        name = f" ({own[0].name})" if own[0].name else ""
        lines.append(_cell(f"{file}{name}: {sum(row.points for row in own)} of {sum(row.max for row in own)} points"))
        table = []
        for row in own:
            if row.status == "right" and not row.message:
                continue
            why = row.mistake or _cell(row.message.split("\n")[0])
            table.append(
                (f"{row.points}/{row.max}", row.exercise, row.status, why if len(why) < 90 else why[:87] + "...")
            )
        if table:
            widest = max(len(row[1]) for row in table)
            lines += [
                f"  {points}  {exercise.ljust(widest)}  {status.ljust(12)}  {why}".rstrip()
                for points, exercise, status, why in table
            ]
    return "\n".join(lines)
