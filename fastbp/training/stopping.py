"""Early stopping: the rule, what it watches, and the best epoch so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks, synonyms
from fastbp.errors import argument_error
from fastbp.targets import Targets
from fastbp.training.history import Run

if TYPE_CHECKING:
    from fastbp.network import Network


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
                "monitor", f"is {self.monitor!r}; it must be a key of the history. Pass 'val_loss', say.", TypeError
            )
        checks.keep_int(self, "patience", low=1)
        checks.keep_real(self, "min_delta", low=0.0)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether ``value`` is better than ``best``."""
        if best is None:
            return not np.isnan(value)
        if self.monitor.endswith(("accuracy", "r2")):
            return value > best + self.min_delta
        return value < best - self.min_delta


def require_measured(monitors: Sequence[str | None], net: Network, targets: Targets, held_out: Targets | None) -> None:
    """ValueError where training will not measure a quantity of such a name, unless a callback might add it."""
    if not any(monitors):
        return
    measured = {"loss": True, "learning_rate": True, "accuracy": net._classifies(targets), "r2": False}
    if held_out is not None:
        hits = net._classifies(held_out) and not net._becomes_regression(targets)
        measured |= {"val_loss": True, "val_accuracy": hits, "val_r2": not hits and held_out.dense is not None}
    for name in monitors:
        if name is not None and name.startswith("val_") and held_out is None:
            raise argument_error(
                "monitor", f"is {name!r}; there is no validation set. Pass validation=(X_val, Y_val) or monitor='loss'."
            )
        if name is not None and not measured.get(name, True):
            has = ", ".join(repr(key) for key, value in measured.items() if value)
            raise argument_error(
                "monitor",
                f"is {name!r}; on these targets training measures {has}. accuracy needs sigmoid or softmax "
                "outputs and targets that are labels, or 0 and 1; r2 other targets. Name one of these.",
            )


def monitored_value(run: Run, name: str) -> float:
    """The last epoch's value of a quantity; ValueError where the history does not have it."""
    if name not in run.history:
        raise argument_error(
            "monitor", f"is {name!r}; the history has {', '.join(map(repr, run.history))}. Name one of these."
        )
    return run.history[name][-1]


class Best:
    """The best epoch so far, for early stopping.

    Raises
    ------
    TypeError
        The rule is none.
    """

    def __init__(self, rule: EarlyStopping | None, net: Network) -> None:
        if rule is not None and not isinstance(rule, EarlyStopping):
            raise argument_error(
                "early_stopping",
                f"is {rule!r}; a rule is needed. Pass fastbp.EarlyStopping(patience=10), say.",
                TypeError,
            )
        self._rule, self._net = rule, net
        self.monitor = None if rule is None else rule.monitor
        self.value: float | None = None
        """That of the best epoch."""
        self.theta: np.ndarray | None = None
        """Its weights, if they are to be restored."""
        self._last: np.ndarray | None = None

    def is_over(self, run: Run) -> bool:
        """Note the epoch that has just ended; whether patience is."""
        rule = self._rule
        if rule is None:
            return False
        value = monitored_value(run, rule.monitor)
        if rule.improves(value, self.value):
            self.value, run.best_epoch = value, run.epoch
            if rule.restore_best:
                if self.theta is None:
                    self.theta, self._last = np.empty_like(self._net.theta), np.empty_like(self._net.theta)
                self.theta[:] = self._net.theta
            return False
        return run.epoch - (run.best_epoch or 0) >= rule.patience

    def take_over(self, value: float | None, theta: np.ndarray) -> None:
        """Go on from the best value of a run before, and its weights."""
        self.value = value
        if self._rule is not None and self._rule.restore_best and value is not None:
            self.theta, self._last = theta.copy(), np.empty_like(theta)

    def restore(self) -> np.ndarray | None:
        """Put the best weights back; the last ones, if there are others."""
        if self.theta is not None and self._last is not None:
            self._last[:] = self._net.theta
            self._net.theta[:] = self.theta
        return self._last
