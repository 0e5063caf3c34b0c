"""Copies of the lessons in a folder."""

from __future__ import annotations

from pathlib import Path

from fastbp.io.atomic import write_atomically
from fastbp.teach.notebooks import Kind, lessons, notebook, written
from fastbp.teach.plan import plan
from fastbp.teach.seeds import normal_form


def copy_lessons(folder: Path, *, overwrite: bool = False, kind: Kind = "both", seed: str | None = None) -> list[Path]:
    """Write every lesson as a notebook, and of teachers' copies a plan of one page.

    Raises
    ------
    FileExistsError
        A lesson is already there, perhaps with a learner's answers; nothing is written.
    ValueError
        The seed is no name.
    """
    if seed is not None:
        normal_form(seed)
    files = {f"{name}.ipynb": written(notebook(text, kind, seed, name)) for name, text in lessons().items()}
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
