"""Copies of the lessons in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastbp.io.atomic import write_atomically
from fastbp.teach.formats import FORMATS, Format
from fastbp.teach.notebooks import Kind, lessons, notebook, written
from fastbp.teach.plan import plan
from fastbp.teach.seeds import normal_form


def copy_lessons(
    folder: Path,
    *,
    overwrite: bool = False,
    kind: Kind = "both",
    seed: str | None = None,
    format: Format | None = None,
) -> list[Path]:
    """Write every lesson as a notebook, and of teachers' copies a plan of one page.

    Raises
    ------
    FileExistsError
        A lesson is already there, perhaps with a learner's answers; nothing is written.
    ValueError
        The seed is no name, or a format was given that only teachers' copies have.
    """
    if seed is not None:
        normal_form(seed)
    if format is not None and kind != "teacher":
        raise ValueError(f"format is {format!r}; it is of teachers' copies, from which {format} makes the students'.")
    write: Any = notebook if format is None else FORMATS[format]
    of_kind: dict[str, Any] = {"kind": kind} if format is None else {}
    files = {f"{name}.ipynb": written(write(text, seed=seed, name=name, **of_kind)) for name, text in lessons().items()}
    if kind == "teacher":
        files["plan.md"] = plan().encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{error.strerror}; the folder of the lessons cannot be made. Pass another folder"
        raise OSError(error.errno, reason, str(folder)) from None
    there = [folder / name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"{str(there[0])!r} is already there, perhaps with your answers; nothing was written. Pass another folder, "
            "or --overwrite."
        )
    for name, contents in files.items():
        write_atomically(folder / name, [contents])
    return [folder / name for name in files]
