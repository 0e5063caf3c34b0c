"""Lessons: MyST Markdown in the package, read in the documentation; Jupyter notebooks where a learner wants them."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from fastbp.io.atomic import write_atomically

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TAGS = re.compile(r"\A:tags: \[([\w, -]*)\]\n+")
_HEAD = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def lessons() -> dict[str, str]:
    """Name -> text of every lesson, in order."""
    folder = resources.files("fastbp.teach").joinpath("lessons")
    found = {file.name[:-3]: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".md")}
    return dict(sorted(found.items()))


def cells(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind (``"markdown"`` or ``"code"``), source and tags of each cell."""
    text = _HEAD.sub("", text)
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


def notebook(text: str) -> dict[str, Any]:
    """A lesson in the Jupyter notebook format, version 4.5, without outputs; folded cells stay folded."""
    made = []
    for i, (kind, source, tags) in enumerate(cells(text)):
        metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
        if "hide-cell" in tags:
            metadata["jupyter"] = {"source_hidden": True}
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": f"cell-{i}",
            "metadata": metadata,
            "source": source.splitlines(keepends=True),
        }
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        made.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": made,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def copy_lessons(folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write every lesson as a notebook.

    Raises
    ------
    FileExistsError
        A lesson is already there, perhaps with a learner's answers; nothing is written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{error.strerror}; the folder of the lessons cannot be made. Pass another folder"
        raise OSError(error.errno, reason, str(folder)) from None
    paths = {folder / f"{name}.ipynb": text for name, text in lessons().items()}
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"{str(there[0])!r} is already there, perhaps with your answers; nothing was written. Pass another folder, "
            "or --overwrite."
        )
    for path, text in paths.items():
        write_atomically(path, [(json.dumps(notebook(text), indent=1, ensure_ascii=False) + "\n").encode()])
    return list(paths)
