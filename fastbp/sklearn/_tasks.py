"""scikit-learn's callbacks (sklearn.callback, from 1.9 on): fit is a task, each epoch a task of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.sklearn._parameters import Estimator


def _mixin() -> Any:
    """scikit-learn's; before 1.9, a class that supports nothing."""
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:
        return type("CallbackSupportMixin", (), {})
    return CallbackSupportMixin


CallbackSupportMixin: Any = _mixin()


class Tasks:
    """The task of one call of ``fit`` or ``partial_fit``; without callbacks, nothing."""

    def __init__(self, estimator: Estimator, n_epochs: int, X: Any, y: Any) -> None:
        self._estimator, self._data = estimator, {"X": X, "y": y}
        self._root: Any = None
        begin: Any = getattr(estimator, "_init_callback_context", None)
        if begin is not None:
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
