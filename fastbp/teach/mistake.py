"""What a mistake of learners is: its name, its equation, and three sentences."""

from __future__ import annotations

from dataclasses import dataclass


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
