"""The mistakes that learners make, by name. Their sentences are prose, and stand in ``catalogue.md``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Mistake:
    """A mistake by name.

    Attributes
    ----------
    name : str
    equation : str
        The label of the equation that is wrong, or "averaging".
    title, why, fix : str
        What was done, how it comes about, what to write.
    """

    name: str
    equation: str
    title: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name} ({self.equation}): {self.title} {self.why} {self.fix}"


_ENTRY = re.compile(r"^## (\S+) \(([^)]+)\)\n\n(.+?)\n\n(.+?)\n\n(.+?)\n(?:\n|\Z)", re.MULTILINE | re.DOTALL)


def read(package: str, name: str) -> dict[str, Mistake]:
    """The entries of a file of prose, by name."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return {
        name: Mistake(name, equation, *(" ".join(part.split()) for part in parts))
        for name, equation, *parts in _ENTRY.findall(text)
    }


MISTAKES = read("fastbp.teach", "catalogue.md")
"""Name -> mistake."""
