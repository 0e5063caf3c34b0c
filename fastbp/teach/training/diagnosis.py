"""What is found about a training: whether it learned, and why not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fastbp.teach.render import wrapped
from fastbp.teach.training.case import Case
from fastbp.teach.training.experiments import Skill
from fastbp.teach.training.rules import Finding, findings


@dataclass(frozen=True)
class TrainingDiagnosis:
    """Why a training does not learn; true if nothing was found.

    Attributes
    ----------
    findings : tuple of Finding
        The cause first, then what goes with it or follows from it. Each has ``name``, ``equation`` (its label),
        ``seen`` and ``tried`` (the numbers), ``remedy``, ``layer`` and ``follows``. Empty where nobody is to blame.
    skill : Skill
        Of the trained network on its samples: ``cost`` is 1 - C / C of the best constant output; ``classes``, of a
        classification, compares the mean recall with chance in the same way.
    n_epochs : int
    diverged : str or None
        How the training diverged, if it did.
    """

    findings: tuple[Finding, ...]
    skill: Skill
    n_epochs: int
    diverged: str | None = None

    def __bool__(self) -> bool:
        return not self.findings

    @property
    def names(self) -> tuple[str, ...]:
        """Of the findings."""
        return tuple(finding.name for finding in self.findings)

    @property
    def line(self) -> str:
        """The cause in one line; empty where none was found."""
        return self.findings[0].line if self.findings else ""

    def _how_well(self) -> str:
        if self.diverged:
            return self.diverged
        skill = self.skill
        text = (
            f"After {self.n_epochs} epochs the loss is {skill.loss:.3g}; of the best constant output it is "
            f"{skill.constant:.3g}."
        )
        if skill.recalls:
            mean = sum(skill.recalls) / len(skill.recalls)
            text += f" The mean recall of the {len(skill.recalls)} classes is {mean:.0%}."
        return text

    def __str__(self) -> str:
        lines = wrapped(self._how_well(), "")
        if not self.findings:
            return "\n".join([*lines, "Nothing was found that keeps it from learning."])
        for finding in self.findings:
            follows = "It follows: " if finding.follows else ""
            lines += wrapped(f"{follows}{finding.cause.title} ({finding.name}, {finding.equation})", "")
            for text in (finding.seen, finding.cause.why, finding.tried, finding.remedy):
                lines += wrapped(text)
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        keys = ("name", "equation", "layer", "follows", "seen", "tried", "remedy")
        numbers = {"cost": self.skill.cost, "loss": self.skill.loss, "constant": self.skill.constant}
        return {
            "findings": [{key: getattr(finding, key) for key in keys} for finding in self.findings],
            "skill": {name: value if math.isfinite(value) else None for name, value in numbers.items()},
            "recalls": list(self.skill.recalls),
            "n_epochs": self.n_epochs,
            "diverged": self.diverged,
        }


def judge(case: Case) -> TrainingDiagnosis:
    """Apply the rules."""
    return TrainingDiagnosis(tuple(findings(case)), case.skill, len(case.losses), case.diverged)
