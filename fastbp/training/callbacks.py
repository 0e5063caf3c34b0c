"""What may watch a training run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastbp.checks import check_int
from fastbp.errors import argument_error
from fastbp.training.history import History as History  # pickles of version 0.1.0 look for these three here
from fastbp.training.history import Run as Run
from fastbp.training.stopping import EarlyStopping as EarlyStopping


class Callback:
    """Base of callbacks; override what is needed. A plain function ``f(run)`` is called at the end of each epoch.

    Attributes
    ----------
    every : int, optional
        A callback that has it is also called after every so many minibatches of the run, epochs notwithstanding:
        `on_minibatch`, or the function itself. It is read when the run begins.
    """

    every: int | None = None

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_progress(self, run: Run) -> None:
        """About every 50 ms, at a minibatch boundary."""

    def on_minibatch(self, run: Run) -> None:
        """After every ``every`` minibatches, whose loss so far is in ``run.running``; ``run.stop()`` ends the run.

        Of an epoch's last minibatch that is before `on_epoch_end`.
        """

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, its values already in ``run.history``."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""


class _Function(Callback):
    def __init__(self, function: Callable[[Run], Any]) -> None:
        self._function = function
        self.every = getattr(function, "every", None)

    def on_minibatch(self, run: Run) -> None:
        self._function(run)

    def on_epoch_end(self, run: Run) -> None:
        self._function(run)


def check_every(callback: Callback, name: str) -> Callback:
    """The callback, if its ``every`` is None or a number of minibatches; ``name`` is what the message calls it."""
    if callback.every is not None:
        check_int(callback.every, f"{name}.every", low=1)
    return callback


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks from objects and functions, or one of either."""
    if callable(callbacks) or isinstance(callbacks, Callback):
        callbacks = [callbacks]
    if not isinstance(callbacks, Iterable):
        raise argument_error(
            "callbacks",
            f"is {callbacks!r}; functions or objects derived from fastbp.Callback are needed. Pass a list of them.",
            TypeError,
        )
    made: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, Callback):
            made.append(callback)
        elif isinstance(callback, type):
            raise argument_error(
                "callbacks", f"holds the class {callback.__name__}; an object is needed. Call it.", TypeError
            )
        elif callable(callback):
            made.append(_Function(callback))
        else:
            raise argument_error(
                "callbacks",
                f"holds {callback!r}, which is neither a fastbp.Callback nor a function. "
                "Pass functions f(run) or objects derived from fastbp.Callback.",
                TypeError,
            )
    return [check_every(callback, f"callbacks[{i}]") for i, callback in enumerate(made)]
