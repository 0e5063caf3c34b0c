"""A training that has been: its network before and after, its samples, its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fastbp.network import Network
from fastbp.targets import Targets
from fastbp.teach.training.experiments import FAILED, Experiments, Skill, skill
from fastbp.teach.training.signs import LOOKED_AT, Columns, LayerSigns, columns, layer_signs

JUDGED_BY = 2000
"""Samples by which a training is judged."""


@dataclass
class Case:
    """What the rules look at."""

    before: Network
    after: Network
    X: np.ndarray
    Y: np.ndarray
    losses: list[float]
    """Of the epochs."""
    diverged: str | None
    """How, if it did."""
    experiments: Experiments
    counting: Mapping[str, Any] = field(default_factory=dict)
    validation: Skill | None = None
    """Of samples that the training has not seen, where it had some."""

    @cached_property
    def some(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples to judge by."""
        index = np.random.default_rng(1).permutation(len(self.X))[:JUDGED_BY]
        return self.X[index], self.Y[index]

    @cached_property
    def skill(self) -> Skill:
        """Of the trained network on what it was trained on."""
        return FAILED if self.diverged else skill(self.after, *self.some, **self.counting)

    @cached_property
    def skill_before(self) -> Skill:
        """Of the network as it began."""
        return skill(self.before, *self.some, **self.counting)

    def _signs(self, net: Network) -> tuple[LayerSigns, ...]:
        X, Y = self.some
        return layer_signs(net, X[:LOOKED_AT], Y[:LOOKED_AT], **self.counting)

    @cached_property
    def first_signs(self) -> tuple[LayerSigns, ...]:
        """Layers before the training."""
        return self._signs(self.before)

    @cached_property
    def last_signs(self) -> tuple[LayerSigns, ...]:
        """Layers after it."""
        return self._signs(self.after)

    @cached_property
    def targets(self) -> Targets:
        """Of all samples, checked."""
        return self.after._targets(self.Y, len(self.X), **self.counting)

    @cached_property
    def classes(self) -> np.ndarray | None:
        """The class of each sample; None of a regression."""
        return self.targets.decisions if self.after._classifies(self.targets) else None

    @cached_property
    def inputs(self) -> Columns:
        """How large the inputs are."""
        return columns(self.X)

    @cached_property
    def outputs(self) -> Columns | None:
        """How large the targets of a regression are; None of classes."""
        if self.classes is not None or self.targets.dense is None:
            return None
        return columns(np.nan_to_num(self.targets.dense))
