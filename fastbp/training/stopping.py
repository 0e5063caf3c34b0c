"""What early stopping and schedules watch: whether it is there, and the best epoch so far."""

from __future__ import annotations

import numpy as np

from fastbp.arrays import Targets
from fastbp.errors import argument_error
from fastbp.network import Network
from fastbp.training.callbacks import EarlyStopping, Run


def require_measured(name: str, net: Network, targets: Targets, held_out: Targets | None) -> None:
    """ValueError where training will not measure a quantity of this name, unless a callback might add it."""
    measured = {"loss": True, "learning_rate": True, "accuracy": net._classifies(targets), "r2": False}
    if held_out is not None:
        hits = net._classifies(held_out) and not net._becomes_regression(targets)
        measured |= {"val_loss": True, "val_accuracy": hits, "val_r2": not hits and held_out.dense is not None}
    if not measured.get(name, True):
        has = ", ".join(repr(key) for key, value in measured.items() if value)
        raise argument_error(
            ValueError,
            "monitor",
            f"is {name!r}; on these targets training measures {has}. accuracy needs sigmoid or softmax "
            "outputs and targets that are labels, or 0 and 1; r2 other targets. Name one of these.",
        )


def monitored_value(run: Run, name: str) -> float:
    """The last epoch's value of a quantity; ValueError where the history does not have it."""
    if name not in run.history:
        raise argument_error(
            ValueError,
            "monitor",
            f"is {name!r}; the history has {', '.join(map(repr, run.history))}. Name one of these.",
        )
    return run.history[name][-1]


class Best:
    """The best epoch so far, for early stopping."""

    def __init__(self, rule: EarlyStopping | None, net: Network) -> None:
        self._rule, self._net = rule, net
        self._value: float | None = None
        self._theta: np.ndarray | None = None

    def is_over(self, run: Run) -> bool:
        """Note the epoch that has just ended; whether patience is."""
        rule = self._rule
        if rule is None:
            return False
        value = monitored_value(run, rule.monitor)
        if rule.improves(value, self._value):
            self._value, run.best_epoch = value, run.epoch
            if rule.restore_best:
                if self._theta is None:
                    self._theta = np.empty_like(self._net.theta)
                self._theta[:] = self._net.theta
            return False
        return run.epoch - (run.best_epoch or 0) >= rule.patience

    def restore(self) -> None:
        """Put the best weights back."""
        if self._theta is not None:
            self._net.theta[:] = self._theta
