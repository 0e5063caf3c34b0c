"""What a training run is, and what it records of each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from fastbp.errors import argument_error

if TYPE_CHECKING:
    from fastbp.errors import DivergenceError
    from fastbp.network import Network
    from fastbp.runtime.plan import Plan
    from fastbp.training.state import State


OF_TRAINING = frozenset(("loss", "accuracy", "val_loss", "val_accuracy", "val_r2", "learning_rate"))
"""Names of the lists that a training fills itself."""


class History(dict[str, list[float]]):
    """One list for each quantity, one value for each epoch.

    ``loss`` is the running mean of C over the epoch's minibatches, each before its update, penalty included. Then,
    where they apply: ``accuracy`` (of the same forward passes), ``val_loss`` (without penalty), ``val_accuracy``,
    ``val_r2``, ``learning_rate`` and the metrics that callbacks add.
    """

    def add(self, values: Mapping[str, float]) -> None:
        """Append a callback's own values of an epoch; ValueError for names that are the training's."""
        for name in values:
            if name in OF_TRAINING:
                raise argument_error("values", f"has {name!r}, which the training notes itself. Pass another name.")
        self._note(values)

    def _note(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.setdefault(name, []).append(value)

    def columns(self) -> dict[str, list[Any]]:
        """The lists under names; a callback may have put there anything else."""
        return {name: values for name, values in self.items() if isinstance(name, str) and isinstance(values, list)}

    def numbers(self) -> dict[str, list[Any]]:
        """Those of real numbers alone, as many as one at least."""
        return {name: values for name, values in self.columns().items() if values and all(map(_is_number, values))}

    def last_in_words(self) -> dict[str, str]:
        """The values of the last epoch as text; some may be no numbers."""
        last = {name: values[-1] for name, values in self.columns().items() if values}
        return {name: f"{float(value):.4g}" if _is_number(value) else str(value) for name, value in last.items()}

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={value}" for name, value in self.last_in_words().items())
        return f"<History of {len(self.columns().get('loss', []))} epochs: {last}>"


def _is_number(value: Any) -> bool:
    """Whether it is a real number that float64 holds."""
    if not isinstance(value, Real):
        return False
    try:
        float(value)
    except (OverflowError, ValueError, TypeError):
        return False
    return True


@dataclass(repr=False)
class Run:
    """A training run: what callbacks are handed, and what ``train`` returns."""

    net: Network
    optimizer: Any
    n_epochs: int
    """Epochs asked for."""
    n_minibatches: int
    """Minibatches of an epoch."""
    n_samples: int
    history: History = field(default_factory=History)
    epoch: int = 0
    """Epochs completed."""
    minibatch: int = 0
    """Minibatches completed in the current epoch."""
    step: int = 0
    """Updates made so far: the minibatches of all epochs, without those whose weights sum to 0."""
    n_threads: int = 1
    plan: Plan | None = None
    """The choices that it runs with, or ran with in the end: they change the speed alone. None before it begins."""
    seconds: float = 0.0
    """In kernels and validation."""
    stopped: str | None = None
    """Why the run ended before its last epoch: ``"interrupted"``, ``"early stopping"`` or ``"stop() was called"``; of
    L-BFGS also ``"converged"``, ``"max_evaluations were made"`` or ``"no step lowers the cost"``.
    """
    best_epoch: int | None = None
    """Epoch, counted from 1, whose monitored value was best; None without early stopping."""
    error: DivergenceError | None = None
    """Of `train_many`, how the run diverged; `train` raises it."""
    running: dict[str, float] = field(default_factory=dict)
    """Loss and accuracy of the current epoch so far."""
    _control: Any = None
    _state: State | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        why = self.stopped or (self.error and "diverged")
        done = f"{self.epoch} of {self.n_epochs} epochs" + (f", {why}" if why else "")
        last = ", ".join(f"{name}={value}" for name, value in self.history.last_in_words().items())
        return f"<Run of {done}{': ' + last if last else ''}>"

    def stop(self) -> None:
        """End the run after the current minibatch; may be called from a callback or from another thread."""
        self.stopped = "stop() was called"
        control = self._control  # which another thread may be about to take away
        if control is not None:
            control.stop = 1
