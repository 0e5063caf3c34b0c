"""Whose a notebook is: the names of a class, and the seeds that its notebooks carry."""

from __future__ import annotations

import re
from pathlib import Path

from fastbp.teach.seeds import normal_form


def read_roster(path: Path) -> list[str]:
    """The names, a line each; lines that are empty or begin with # are none.

    Raises
    ------
    ValueError
        There is no name, or one twice.
    """
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise ValueError(f"--roster {str(path)!r} has no names; one a line is needed. Pass a list of the class.")
    forms = [normal_form(name) for name in names]
    twice = [name for name, form in zip(names, forms, strict=True) if forms.count(form) > 1]
    if twice:
        raise ValueError(f"--roster {str(path)!r} has {twice[0]!r} twice; seeds are by name. Write them apart.")
    return names


def _plain(text: str) -> str:
    """Letters and digits, with one space between words."""
    return " ".join(re.findall(r"\w+", normal_form(text).replace("_", " ")))


def owner(file: str, roster: list[str]) -> str | None:
    """The name that stands in a file's path, the longest if several do, wherever spaces are underscores or dots.

    Where the nearest part of the path decides: the file's own name before its folder's.
    """
    for part in reversed(Path(file).parts):
        said = f" {_plain(part)} " if re.search(r"\w", part) else " "
        found = [name for name in roster if f" {_plain(name)} " in said]
        if found:
            return max(found, key=len)
    return None
