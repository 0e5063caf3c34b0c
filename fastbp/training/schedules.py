"""Learning-rate schedules: the factor on the optimizer's learning rate at a moment of the run.

``schedule(epoch, n_epochs)`` takes epochs done, a float or an array of them (0.5 is the middle of the first), and
returns the factor, of the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.checks import keep_int, keep_real
from fastbp.errors import argument_error
from fastbp.functions.own_rows import takes


@dataclass(frozen=True)
class StepDecay:
    """Multiply by ``factor`` after every ``every`` epochs."""

    every: int = 10
    factor: float = 0.5

    def __post_init__(self) -> None:
        keep_int(self, "every", low=1)
        keep_real(self, "factor", above=0.0)

    def __call__(self, epoch: Any, n_epochs: int) -> Any:
        return self.factor ** np.floor(np.asarray(epoch) / self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    """Multiply by ``rate`` in each epoch, smoothly: rate ** epoch."""

    rate: float = 0.95

    def __post_init__(self) -> None:
        keep_real(self, "rate", above=0.0)

    def __call__(self, epoch: Any, n_epochs: int) -> Any:
        return self.rate ** np.asarray(epoch, float)


@dataclass(frozen=True)
class Cosine:
    """Rise linearly from 0 during ``warmup`` epochs, then fall along half a cosine to ``final`` at the end.

    The end is that of the run, or after as many ``epochs``: a run that is to go on later needs to know them.
    """

    warmup: float = 0.0
    final: float = 0.0
    epochs: int | None = None

    def __post_init__(self) -> None:
        keep_real(self, "warmup", low=0.0)
        keep_real(self, "final", low=0.0)
        if self.epochs is not None:
            keep_int(self, "epochs", low=1)

    def __call__(self, epoch: Any, n_epochs: int) -> Any:
        epoch, n_epochs = np.asarray(epoch, float), self.epochs or n_epochs
        done = np.clip((epoch - self.warmup) / max(n_epochs - self.warmup, 1e-12), 0, 1)
        falling = self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * done))
        return np.where(epoch < self.warmup, epoch / max(self.warmup, 1e-12), falling)


@dataclass(frozen=True)
class CosineLog:
    """Rise and fall ``cycles`` times, each time twice as long as before, from 0 to 1 and back to 0.

    It has to run out: the end is that of the run, or after as many ``epochs``.
    """

    cycles: int = 4
    epochs: int | None = None

    def __post_init__(self) -> None:
        keep_int(self, "cycles", low=1, high=30)
        if self.epochs is not None:
            keep_int(self, "epochs", low=1)

    def __call__(self, epoch: Any, n_epochs: int) -> Any:
        done = np.clip(np.asarray(epoch, float) / max(self.epochs or n_epochs, 1), 0, 1)
        return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + (2.0**self.cycles - 1) * done)))


@dataclass(frozen=True)
class WarmUp:
    """Rise linearly from 0 during ``epochs`` epochs, then stay at 1."""

    epochs: float = 1.0

    def __post_init__(self) -> None:
        keep_real(self, "epochs", above=0.0)

    def __call__(self, epoch: Any, n_epochs: int) -> Any:
        return np.minimum(np.asarray(epoch, float) / self.epochs, 1.0)


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiply by ``factor`` whenever a quantity has not improved for ``patience`` epochs.

    Parameters
    ----------
    factor : float
        In (0, 1).
    patience : int
        Epochs without improvement.
    min_delta : float
        Least change that counts as one.
    monitor : str
        Key of the history. Names that end in ``accuracy`` or ``r2`` should rise, all others fall.
    """

    factor: float = 0.5
    patience: int = 5
    min_delta: float = 1e-4
    monitor: str = "val_loss"

    def __post_init__(self) -> None:
        keep_real(self, "factor", above=0.0, below=1.0)
        keep_int(self, "patience", low=1)
        keep_real(self, "min_delta", low=0.0)


class Factors:
    """The factors on the learning rate during one run.

    Parameters
    ----------
    schedule : function, ReduceOnPlateau or None

    Raises
    ------
    TypeError
        It is something else.
    """

    def __init__(self, schedule: Any) -> None:
        known = schedule is None or isinstance(schedule, ReduceOnPlateau) or takes(schedule, 2)
        if not known or isinstance(schedule, type):
            raise argument_error(
                "schedule",
                f"is {schedule!r}; a function of (epoch, n_epochs) is needed. Pass fastbp.schedules.Cosine(), say.",
                TypeError,
            )
        self._rule = schedule if isinstance(schedule, ReduceOnPlateau) else None
        self._function = None if self._rule else schedule
        self.monitor = None if self._rule is None else self._rule.monitor
        """Name of the quantity that `note` wants after each epoch."""
        self._factor, self._best, self._waited = 1.0, np.inf, 0

    @property
    def state(self) -> tuple[float, float, int]:
        """Of ReduceOnPlateau: the factor, the best value so far, and epochs since then."""
        return self._factor, self._best, self._waited

    def restore(self, state: tuple[float, float, int]) -> None:
        """Go on from there."""
        self._factor, self._best, self._waited = state

    def require_same_until(self, epoch: int, totals: tuple[int, int], n_minibatches: int) -> None:
        """ValueError where factors of epochs before ``epoch`` depend on which of two numbers of epochs is the total."""
        if self._function is None or totals[0] == totals[1]:
            return
        for e in range(epoch):
            known, now = (self.of_epoch(e, total, n_minibatches) for total in totals)
            if not np.array_equal(known, now):
                raise argument_error(
                    "schedule",
                    f"is {self._function!r}, to which epoch {e + 1} of {totals[0]} is another one than of {totals[1]}; "
                    "the run that goes on was asked for the former. Pass one that knows the total from the beginning, "
                    f"such as fastbp.schedules.Cosine(epochs={totals[1]}).",
                )

    def of_epoch(self, epoch: int, n_epochs: int, n_minibatches: int) -> float | np.ndarray:
        """Of each minibatch of an epoch, counted from 0; one number where all are the same.

        Raises
        ------
        ValueError
            The schedule returned something else than such factors.
        """
        if self._function is None:
            return self._factor
        moments = epoch + np.arange(n_minibatches) / n_minibatches
        factors = np.asarray(self._function(moments, n_epochs), float)
        if factors.shape not in ((), moments.shape) or not (np.isfinite(factors) & (factors >= 0)).all():
            raise ValueError(
                f"The schedule returned shape {factors.shape} in epoch {epoch + 1}, or factors that are "
                f"negative or not finite; one factor of at least 0 is needed, or shape {moments.shape}. "
                "Return one of these."
            )
        return factors

    def note(self, value: float) -> None:
        """The value of the monitored quantity in the epoch that has just ended."""
        rule = self._rule
        if rule is None:
            return
        value = -value if rule.monitor.endswith(("accuracy", "r2")) else value
        self._waited += 1
        if value < self._best - rule.min_delta:
            self._best, self._waited = value, 0
        elif self._waited >= rule.patience:
            self._waited = 0
            self._factor *= rule.factor


SCHEDULES = {
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "cosine": Cosine,
    "cosine_log": CosineLog,
    "warmup": WarmUp,
    "plateau": ReduceOnPlateau,
}
