"""What a training run is, and what may watch it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks, synonyms
from fastbp.errors import argument_error

if TYPE_CHECKING:
    from fastbp.network import Network
    from fastbp.training.optimizers import Optimizer


class History(dict[str, list[float]]):
    """One list for each quantity, one value for each epoch.

    ``loss`` is the running mean of C over the epoch's minibatches, each before its update, penalty included. Then,
    where they apply: ``accuracy`` (of the same forward passes), ``val_loss`` (without penalty), ``val_accuracy``,
    ``val_r2``, ``learning_rate`` and the metrics that callbacks add.
    """

    def add(self, values: dict[str, float]) -> None:
        """Append one epoch."""
        for name, value in values.items():
            self.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.items() if values)
        return f"<History of {len(self.get('loss', []))} epochs: {last}>"


@dataclass(frozen=True)
class EarlyStopping(synonyms.Answering):
    """Stop when a quantity has not improved for some epochs, and go back to the weights of the best one.

    Parameters
    ----------
    monitor : str
        Key of the history. Names that end in ``accuracy`` or ``r2`` should rise, all others fall.
    patience : int
        Epochs without improvement.
    min_delta : float
        Least change that counts as one.
    restore_best : bool
        Whether to restore the best epoch's weights at the end of the run, however it ends.
    """

    _answers = synonyms.EARLY_STOPPING
    monitor: str = "val_loss"
    patience: int = 10
    min_delta: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.monitor, str):
            raise argument_error(
                TypeError, "monitor", f"is {self.monitor!r}; it must be a key of the history. Pass 'val_loss', say."
            )
        checks.check_int(self.patience, "patience", low=1)
        checks.check_real(self.min_delta, "min_delta", low=0.0)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether ``value`` is better than ``best``."""
        if best is None:
            return not np.isnan(value)
        if self.monitor.endswith(("accuracy", "r2")):
            return value > best + self.min_delta
        return value < best - self.min_delta


@dataclass(repr=False)
class Run:
    """A training run: what callbacks are handed, and what ``train`` returns."""

    net: Network
    optimizer: Optimizer
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
    n_threads: int = 1
    seconds: float = 0.0
    """In kernels and validation."""
    stopped: str | None = None
    """Why the run ended before its last epoch: ``"interrupted"``, ``"early stopping"`` or ``"stop() was called"``."""
    best_epoch: int | None = None
    """Epoch, counted from 1, whose monitored value was best; None without early stopping."""
    running: dict[str, float] = field(default_factory=dict)
    """Loss and accuracy of the current epoch so far."""
    _control: Any = None

    def __repr__(self) -> str:
        done = f"{self.epoch} of {self.n_epochs} epochs" + (f", {self.stopped}" if self.stopped else "")
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items() if values)
        return f"<Run of {done}{': ' + last if last else ''}>"

    def stop(self) -> None:
        """End the run after the current minibatch; may be called from a callback or from another thread."""
        self.stopped = "stop() was called"
        if self._control is not None:
            from fastbp.kernels import layout

            self._control[layout.STOP] = 1


class Callback:
    """Base of callbacks; override what is needed. A plain function ``f(run)`` is called at the end of each epoch."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_progress(self, run: Run) -> None:
        """About every 50 ms, at a minibatch boundary."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, its values already in ``run.history``."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""


class _Function(Callback):
    def __init__(self, function: Callable[[Run], Any]) -> None:
        self._function = function

    def on_epoch_end(self, run: Run) -> None:
        self._function(run)


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks from objects and functions, or one of either."""
    if callable(callbacks) or isinstance(callbacks, Callback):
        callbacks = [callbacks]
    if not isinstance(callbacks, Iterable):
        raise argument_error(
            TypeError,
            "callbacks",
            f"is {callbacks!r}; functions or objects derived from fastbp.Callback are needed. Pass a list of them.",
        )
    made: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, Callback):
            made.append(callback)
        elif isinstance(callback, type):
            raise argument_error(
                TypeError, "callbacks", f"holds the class {callback.__name__}; an object is needed. Call it."
            )
        elif callable(callback):
            made.append(_Function(callback))
        else:
            raise argument_error(
                TypeError,
                "callbacks",
                f"holds {callback!r}, which is neither a fastbp.Callback nor a function. "
                "Pass functions f(run) or objects derived from fastbp.Callback.",
            )
    return made
