"""What decides about a training between its epochs: the orders of its samples, step sizes, reports, and its end."""

from __future__ import annotations

import abc
from typing import NamedTuple

import numpy as np

from fastbp.training.history import Run


class Epoch(NamedTuple):
    """What an epoch needs."""

    order: np.ndarray
    """Index of the sample in each place, shape (n_samples,)."""
    eta: float | np.ndarray
    """Step size, or that of each minibatch."""
    seed: int = 0
    """Of dropout."""


class Policy(abc.ABC):
    """Decides what a `Trainer` does next, and what it reports."""

    @abc.abstractmethod
    def begin(self, run: Run) -> None:
        """Before the first epoch."""

    @abc.abstractmethod
    def epoch(self, run: Run) -> Epoch:
        """Before each epoch: what it needs."""

    @abc.abstractmethod
    def measure(self, statistics: np.ndarray) -> dict[str, float]:
        """Loss, and what else there is, of an epoch's first minibatches, whose `STATISTICS` are given."""

    @abc.abstractmethod
    def progress(self, run: Run) -> None:
        """After each slice of an epoch, at a minibatch boundary."""

    def next_boundary(self, run: Run) -> int:
        """Before each slice: the minibatch of this epoch before which it ends at the latest."""
        return run.n_minibatches

    def scores(self, run: Run) -> dict[str, float]:
        """After each epoch: what the history gets beside the epoch's own measures."""
        return {}

    @abc.abstractmethod
    def epoch_ended(self, run: Run) -> None:
        """After that: whether the run goes on; ``run.stopped`` says why not."""

    @abc.abstractmethod
    def diverged(self, run: Run) -> None:
        """A minibatch could not be applied: raise, or end the run, or all further epochs pass without a step."""

    @abc.abstractmethod
    def end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""
