"""One call of ``fit`` or ``partial_fit``: what becomes of attributes when it fails, and scikit-learn's callbacks.

To those (sklearn.callback, from 1.9 on) fit is a task, and each epoch a task of it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from fastbp.sklearn._parameters import Estimator

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
except ImportError:  # before 1.9, a class that supports nothing
    CallbackSupportMixin = type("CallbackSupportMixin", (), {})

PRIVATE = {
    "_best_coefs",
    "_best_intercepts",
    "_label_binarizer",
    "_networks",
    "_no_improvement_count",
    "_optimizer",
    "_random_state",
}
"""Attributes of a fitted estimator whose names do not end with an underscore."""


class Attempt:
    """One call of ``fit`` or ``partial_fit``, as a context.

    What is refused before training begins leaves all attributes as they were. When training itself fails, a new fit
    leaves no fitted attributes; one that goes on from earlier weights leaves the last finite ones, and no state of the
    optimizer that is not finite. ``hooks`` are the methods of scikit-learn that the user has overridden.
    """

    def __init__(self, estimator: Estimator, *, going_on: bool, hooks: set[str]) -> None:
        self._estimator, self.going_on, self.hooks = estimator, going_on, hooks
        self._before = dict(vars(estimator))
        self._began = False

    def begin(self) -> None:
        """Training begins: from here on weights change."""
        self._began = True

    def __enter__(self) -> None:
        self._estimator._attempt = self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        attributes = self._estimator.__dict__
        del attributes["_attempt"]
        if error is None:
            return
        if not self._began:
            attributes.clear()
            attributes.update(self._before)
        elif not isinstance(error, Exception) or isinstance(error, Warning):
            return  # an interrupt, or a warning that the user has made an error, is no failure of the weights
        elif self.going_on:  # coefs_ take over finite weights only
            stepper = attributes.get("_optimizer")
            if stepper is not None and not stepper.is_finite():
                del attributes["_optimizer"]
        else:
            for name in list(attributes):
                if name in PRIVATE or (name.endswith("_") and not name.startswith("_")):  # scikit-learn's convention
                    del attributes[name]


class Tasks:
    """The task of one call of ``fit`` or ``partial_fit``; without callbacks, nothing."""

    def __init__(self, estimator: Estimator, n_epochs: int, X: Any, y: Any) -> None:
        self._estimator, self._data = estimator, {"X": X, "y": y}
        self._root: Any = None
        begin: Any = getattr(estimator, "_init_callback_context", None)
        heard = getattr(estimator, "_skl_callbacks", None) or hasattr(estimator, "_parent_callback_ctx")
        if begin is not None and heard:
            root = begin(max_subtasks=n_epochs)
            if getattr(root, "_callbacks", True):  # without any, nobody hears of the epochs
                self._root = root.call_on_fit_task_begin(estimator=estimator, **self._data)

    @property
    def watched(self) -> bool:
        """Whether somebody hears of the epochs."""
        return self._root is not None

    def _state(self) -> dict[str, Any]:
        """What makes a copy of the estimator one that is fitted so far."""
        return {
            "coefs_": [np.array(coef) for coef in self._estimator.coefs_],
            "intercepts_": [np.array(intercept) for intercept in self._estimator.intercepts_],
        }

    def epoch(self) -> Any:
        """Begin an epoch."""
        if self._root is None:
            return None
        task = self._root.subcontext(task_name="epoch")
        return task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_ends(self, task: Any) -> bool:
        """End it; whether a callback asks to stop."""
        if task is None:
            return False
        options = {**self._data, "reconstruction_attributes": self._state}
        return bool(task.call_on_fit_task_end(estimator=self._estimator, **options))

    def end(self) -> None:
        """End the whole."""
        if self._root is not None:
            options = {**self._data, "reconstruction_attributes": self._state}
            self._root.call_on_fit_task_end(estimator=self._estimator, **options)
