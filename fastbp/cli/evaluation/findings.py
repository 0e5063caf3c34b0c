"""What a user should know first about a result, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.cli.evaluation.outcome import Outcome


@dataclass(frozen=True)
class Finding:
    """A sentence; ``serious`` ones come before everything else."""

    text: str
    serious: bool = False


def findings(
    validated: tuple[Outcome, Outcome] | None, tested: Outcome, constant: Outcome, linear: Outcome | None
) -> list[Finding]:
    """Whether the model is better than simpler ones, and which classes it never decides for.

    ``validated`` has the outcomes of the model and of the constant prediction on the validation rows.
    """
    found = []
    model, other = (tested, constant) if validated is None else validated
    where = "On the test rows" if validated is None else "Validation"
    if not model.loss() < other.loss():
        what = "class shares of the training rows" if tested.classes else "mean of the training rows"
        names = ("log loss", "RMSE")
        name = names[0] if tested.classes else names[1]
        numbers = ""
        if name in model.scores() and name in other.scores():
            numbers = f" ({name} {model.scores()[name]:.4g} against {other.scores()[name]:.4g})"
        verb = "the model does not beat" if validated is None else "does not beat"
        found.append(
            Finding(
                f"{where} {verb} the constant prediction, the {what}{numbers}: the inputs tell nothing that this "
                "network has learned. Look at the columns, or try another seed, a smaller network, or more rows.",
                True,
            )
        )
    elif linear is not None and linear.loss() < tested.loss():
        found.append(
            Finding(
                f"On the test rows a linear model does better: {_compared(linear, tested)}. Prefer it, or try "
                "fastbp tune."
            )
        )
    found += [Finding(text) for text in never_predicted(tested)]
    return found


def _compared(linear: Outcome, tested: Outcome) -> str:
    name = next(name for name in ("log loss", "RMSE", "AUC", *tested.scores()) if name in tested.scores())
    return f"{name} {linear.scores()[name]:.4g} against {tested.scores()[name]:.4g}"


def never_predicted(tested: Outcome) -> list[str]:
    """A sentence about classes that rows have and that were never decided for."""
    if not tested.classes:
        return []
    counts = tested.counts
    never: list[int] = np.flatnonzero((counts.sum(axis=0) == 0) & (counts.sum(axis=1) > 0)).tolist()
    if not never:
        return []
    named = _named([tested.classes[label] for label in never])
    rows = int(counts[never].sum())
    remedy = "Give the classes equal weight with --class-weight balanced"
    remedy += ", or lower the bar with --threshold." if len(tested.classes) == 2 else "."
    kind = "The class" if len(never) == 1 else "The classes"
    verb = "is" if len(never) == 1 else "are"
    return [f"{kind} {named} {verb} never predicted: 0 of {rows} test row{'s' * (rows != 1)} {verb} found. {remedy}"]


def _named(names: Sequence[Any], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
