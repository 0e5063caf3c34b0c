"""The rules: what is seen says which cause may be at work; that the training learns without it says that it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastbp.functions.activations import NAMED
from fastbp.teach.catalogue import Mistake
from fastbp.teach.training.case import Case
from fastbp.teach.training.causes import CAUSES
from fastbp.teach.training.experiments import Skill
from fastbp.teach.training.relation import CHANCE, FEWEST, relation
from fastbp.teach.training.signs import (
    EXPLODED,
    MANY,
    MOST,
    VANISHED,
    LayerSigns,
    ratio,
    rises,
    same_neurons,
)

ENOUGH, ANY = 0.75, 0.7
"""Skill of a training that is not asked any further; that of classes, where the loss has come down too."""
LEARNED = 0.3
"""Skill that a training with one thing changed must come to, so that what was changed counts as the cause."""
HALF, LEFT = 0.5, 0.6
"""Part of that skill which the training must have missed; or, where something is plain to see too, what is left of the
rest of C.
"""
CALM = 0.3
"""What is left of the rest of C with a smaller learning rate, where the loss jumps."""
SUFFERING = 0.85
"""Where columns are far from scaled: skill below which a training suffers."""
NOTHING = 0.2
"""Skill below which signs alone are enough."""
RARE = 0.4
"""Share of a class beside that of an even one, below which it is rare."""
HEARD, GAINED = 0.2, 0.15
"""Skill of classes that counting them alike must come to, and what that must gain."""
UNHEARD = 0.5
"""Recall of a class below which it is not learned."""
STEPS = (10.0, 1e2, 1e3, 1e4, 1e5, 1e6)
"""Factors on the learning rate that are tried."""


@dataclass(frozen=True)
class Finding:
    """One cause, with its numbers.

    Attributes
    ----------
    cause : Mistake
        Name, equation, what was found, what it does, what to do.
    seen : str
        The numbers.
    tried : str
        What the training did without it; empty where that was not tried.
    layer : int or None
    follows : bool
        Whether it is a consequence of the finding before.
    """

    cause: Mistake
    seen: str
    tried: str = ""
    layer: int | None = None
    follows: bool = False

    @property
    def name(self) -> str:
        """Of the cause."""
        return self.cause.name

    @property
    def equation(self) -> str:
        """The label of the equation in which it acts."""
        return self.cause.equation

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.cause.fix

    @property
    def line(self) -> str:
        """All of it in one line."""
        tried = f" {self.tried}" if self.tried else ""
        return f"{self.cause.title} ({self.name}, {self.equation}) {self.seen}{tried} {self.remedy}"


def _finding(name: str, seen: str, tried: str = "", **more: Any) -> Finding:
    return Finding(CAUSES[name], seen, tried, **more)


def _better(case: Case, other: Skill) -> bool:
    """Whether a training with one thing changed learned what this one missed."""
    of = case.skill
    learned = of.classes is not None and of.classes >= ANY and of.cost >= NOTHING
    return other.cost >= LEARNED and of.cost < HALF * other.cost and not learned


def _suffers(case: Case, other: Skill, below: float = ENOUGH) -> bool:
    """Whether, where something is plain to see, a training without it does better."""
    of = case.skill
    much_better = LEARNED <= other.cost and 1 - other.cost <= LEFT * (1 - of.cost)
    return _better(case, other) or (of.cost < below and much_better)


def _beside(what: str, other: Skill, case: Case) -> str:
    own = "" if case.diverged else f", against {case.skill}"
    return f"Tried {what}: of samples held out C is {other} of what the best constant output has{own}."


def _epochs(case: Case) -> str:
    if case.diverged:
        return case.diverged
    first, last = case.skill_before, case.skill
    return (
        f"The loss went from {first.loss:.3g} to {last.loss:.3g} in {len(case.losses)} epochs; of the best constant "
        f"output it is {last.constant:.3g}."
    )


# Causes that need no experiment


def symmetric(case: Case) -> Iterator[Finding]:
    """All neurons of a hidden layer are one."""
    l = same_neurons(case.before)
    if l is not None:
        J = case.before.sizes[l]
        yield _finding(
            "symmetric-weights",
            f"All {J} neurons of layer {l} begin with the same w[{l}], b[{l}] and w[{l + 1}].",
            layer=l,
        )


def _is_chance(case: Case, other: Skill) -> bool:
    """Whether a skill on samples held out may be chance."""
    n = len(case.experiments.held)
    if other.classes is None:
        return other.cost < max(0.05, 3 / n)
    K = len(other.recalls)
    bound = max(0.1, 2.5 / math.sqrt(n * max(K - 1, 1)))
    return other.classes < bound or (other.cost < 0.05 and other.classes < 2 * bound)


def shuffled(case: Case) -> Iterator[Finding]:
    """The rows tell nothing about their targets, and what was learned holds for no other rows."""
    if len(case.X) < FEWEST or (case.validation is not None and not _is_chance(case, case.validation)):
        return
    if case.targets.dense is None:
        assert case.targets.labels is not None
        Y = np.eye(case.after.sizes[-1])[case.targets.labels]
    else:
        Y = np.nan_to_num(case.targets.dense)
    if np.ptp(Y, axis=0).max() == 0:
        return
    found = relation(case.X, Y, np.random.default_rng(2))
    if found.found:
        return
    tried = case.experiments.again("as it is")
    if not _is_chance(case, tried):
        return
    fresh = case.experiments.again("fresh weights, scaled inputs", net=case.experiments.fresh(), inputs=True)
    if not _is_chance(case, fresh):
        return
    yield _finding(
        "labels-shuffled",
        f"Of {found.n} rows the nearest other rows tell the target by {found.neighbours:.1f} standard deviations of "
        f"chance, a straight line by {found.line:.1f}; {CHANCE:g} would be a sign.",
        f"Trained on three quarters, C of the rest is {tried} of what the best constant output has.",
    )


# Causes that are seen at the start, or in the data


def unbalanced(case: Case) -> Iterator[Finding]:
    """Rare classes that are not learned, and are when they count as much as the others."""
    if case.classes is None or case.skill.classes is None or case.experiments.options.get("class_weight") is not None:
        return
    counts = np.bincount(case.classes)
    counts = counts[counts > 0]
    shares = counts / counts.sum()
    rare = shares < RARE / len(shares)
    if len(shares) != len(case.skill.recalls) or not rare.any():
        return
    worst = min(recall for recall, few in zip(case.skill.recalls, rare, strict=True) if few)
    if worst >= UNHEARD or max(case.skill.recalls) < 0.8:
        return
    labels = None if case.after.sizes[-1] == 1 else case.classes  # which class_weight takes
    tried = case.experiments.again("balanced classes", labels=labels, class_weight="balanced")
    if tried.classes is None or tried.classes < max(HEARD, case.skill.classes + GAINED):
        return
    yield _finding(
        "classes-unbalanced",
        f"The rarest class has {shares.min():.1%} of the samples, and {worst:.0%} of a rare class are recognised.",
        f'Tried class_weight="balanced": the recalls are {", ".join(f"{r:.0%}" for r in tried.recalls)} on samples '
        "held out.",
    )


def not_scaled(case: Case) -> Iterator[Finding]:
    """Inputs or targets of another size than 1, and a training that learns once they have it."""
    inputs = not case.inputs.scaled
    unbounded = not NAMED[case.after.activations[-1]].is_bounded if case.after.activations[-1] in NAMED else False
    free = unbounded and NAMED[case.after.activations[-1]].range[0] == -math.inf
    targets = case.outputs is not None and free and not case.outputs.scaled
    again = case.experiments.again
    far = (inputs and case.inputs.far) or (case.outputs is not None and targets and case.outputs.far)
    for x, t in ((True, False), (False, True), (True, True)):
        if (x and not inputs) or (t and not targets):
            continue
        what = " and ".join(name for name, used in (("inputs", x), ("targets", t)) if used)
        tried = again(f"{what} standardised", inputs=x, targets=t)
        if not _suffers(case, tried, SUFFERING if far else ENOUGH):
            continue
        said = _beside(f"standardised {what}", tried, case)
        if x:
            yield _finding("inputs-not-scaled", f"Of the inputs, {case.inputs}.", said)
        if t:
            yield _finding("targets-not-scaled", f"Of the targets, {case.outputs}.", said)
        return


def _worst_dead(signs: tuple[LayerSigns, ...]) -> LayerSigns:
    return max(signs, key=lambda sign: sign.dead)


def _saturated(case: Case, signs: tuple[LayerSigns, ...]) -> LayerSigns | None:
    """The layer that is most saturated, if it is; the output layer counts only where sigma' is part of its delta."""
    counted = [sign for sign in signs[:-1] if sign.saturated >= MANY]
    if case.after.cost == "quadratic" and signs[-1].saturated >= MOST:
        counted.append(signs[-1])
    return max(counted, key=lambda sign: sign.saturated) if counted else None


def _mechanisms(case: Case, signs: tuple[LayerSigns, ...]) -> Iterator[Finding]:
    """What stops deltas, in a network as it is seen here."""
    dead, full, back = _worst_dead(signs), _saturated(case, signs), ratio(signs)
    if dead.dead >= MOST:
        seen = f"{dead.dead:.0%} of the neurons of layer {dead.layer} have sigma'(z) = 0 for every sample."
        yield _finding("dead-relus", seen, layer=dead.layer)
    if full is not None:
        seen = f"In layer {full.layer}, {full.saturated:.0%} of all sigma'(z) are below a hundredth of the largest."
        yield _finding("saturation", seen, layer=full.layer)
    lengths = ", ".join(f"{sign.delta:.2g}" for sign in signs)
    seen = f"The mean length of delta in layers 1 to {len(signs)} is {lengths}."
    if back > EXPLODED:
        yield _finding("exploding-deltas", seen, layer=1)
    if back < VANISHED and dead.dead < MOST:
        yield _finding("vanishing-deltas", seen, layer=1)


def weights(case: Case) -> Iterator[Finding]:
    """A network that stops deltas from the start, and one that does not."""
    found = list(_mechanisms(case, case.first_signs))
    if not found:
        return
    fresh, again = case.experiments.fresh, case.experiments.again
    trials: list[tuple[str, dict[str, Any]]] = [("weights drawn anew", {"net": fresh()})]
    if found[-1].name == "vanishing-deltas" or case.after.L > 3:
        for name in ("tanh", "relu"):
            trials += [
                (f"{name} in hidden layers", {"net": fresh(name)}),
                (f"{name} in hidden layers, and a tenth of the learning rate", {"net": fresh(name), "factor": 0.1}),
            ]
    for what, change in trials:
        if "factor" in change and not case.experiments.has_rate:
            continue
        tried = again(what, **change)
        if _suffers(case, tried):
            said = _beside(what, tried, case)
            yield from (replace(one, tried=said, follows=i > 0) for i, one in enumerate(found))
            return


def _jumps(case: Case) -> bool:
    """Whether the loss rises in one epoch of five: a training that is not thrown about does so less often."""
    return rises(case.losses) >= max(2, len(case.losses) // 5)


def _calmer(case: Case, other: Skill) -> bool:
    """Whether hardly anything is left of what a training that is thrown about has missed."""
    return case.skill.cost < ENOUGH and other.cost >= LEARNED and 1 - other.cost <= CALM * (1 - case.skill.cost)


def _falls(case: Case) -> bool:
    """Whether the loss came down evenly: with too large a learning rate it does not."""
    losses = case.losses
    return case.skill.loss <= case.skill_before.loss * 1.01 and rises(losses) <= max(1, len(losses) // 10)


def learning_rate(case: Case) -> Iterator[Finding]:
    """Another learning rate, with which the same training learns."""
    experiments = case.experiments
    if not experiments.has_rate:
        return
    eta = experiments.optimizer.learning_rate
    best: tuple[float, Skill] | None = None
    for direction in (-1, 1):
        if direction > 0 and (best is not None or not _falls(case)):
            continue
        for step in STEPS:
            factor = step**direction
            if not 1e-12 < eta * factor < 1e6:
                continue
            tried = experiments.again(f"eta times {factor:g}", factor=factor)
            good = _better(case, tried) or (direction < 0 and _jumps(case) and _calmer(case, tried))
            if good and (best is None or tried.cost > best[1].cost + 0.02):
                best = factor, tried
            elif best is not None and best[0] ** direction > 1:
                break
    if best is None:
        return
    factor, tried = best
    said = _beside(f"eta = {eta * factor:g} instead of {eta:g}", tried, case)
    name = "learning-rate-too-small" if factor > 1 else "learning-rate-too-large"
    seen = _epochs(case)
    if factor < 1 and not case.diverged and rises(case.losses):
        seen += f" It rose in {rises(case.losses)} of {len(case.losses) - 1} epochs."
    yield _finding(name, seen, said)


def consequences(case: Case, named: set[str]) -> Iterator[Finding]:
    """What stops deltas at the end, or did at the start, and has a cause that is named already."""
    for signs in (case.first_signs, () if case.diverged else case.last_signs):
        for one in _mechanisms(case, signs) if signs else ():
            if one.name not in named and one.name in ("dead-relus", "saturation"):
                named.add(one.name)
                yield replace(one, follows=True)


def findings(case: Case) -> list[Finding]:
    """All that is found: one cause, what goes with it, and what follows from it; nothing of a training that learns."""
    found = list(symmetric(case))
    failed = case.skill.cost < ENOUGH or (case.skill.classes is not None and case.skill.classes < ENOUGH)
    if found or not (case.losses or case.diverged):
        return found
    found = list(shuffled(case))
    if not found and not failed and case.skill.cost < SUFFERING:
        found = list(not_scaled(case)) if case.inputs.far or (case.outputs is not None and case.outputs.far) else []
    if found or not failed:
        return found
    for rule in (unbalanced, not_scaled, weights, learning_rate):
        found = list(rule(case))
        if found:
            break
    if not found and case.skill.cost < NOTHING:
        # Nothing alone helps: what is plain to see is said all the same.
        found = [_finding("inputs-not-scaled", f"Of the inputs, {case.inputs}.")] if case.inputs.far else []
        found = found or list(_mechanisms(case, case.first_signs))
        if not case.diverged:
            found = found or list(_mechanisms(case, case.last_signs))
    if found:
        found += consequences(case, {one.name for one in found})
    return found
