"""Samples held out of training, and scikit-learn's rule that stops by them or by the loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, validate_data

from fastbp.network import Network
from fastbp.sklearn._parameters import Estimator, pack, views
from fastbp.sklearn._weights import check_some_weight

INPUT: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32)}
"""How samples are checked."""


class HeldOut(NamedTuple):
    """Samples that decide when training stops."""

    X: Any
    columns: np.ndarray
    """Targets, a column for each output."""
    y: Any
    """Targets as the user gave them."""
    weight: Any


def hold_out(estimator: Estimator, X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, ...]:
    """Training part and held-out part, drawn as scikit-learn draws them."""
    arrays = (X, y) if sample_weight is None else (X, y, sample_weight)
    parts = train_test_split(
        *arrays,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=y if is_classifier(estimator) and estimator.n_outputs_ == 1 else None,  # not several labels
    )
    X, X_val, y, y_val, *weights = parts
    if X_val.shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    weight, weight_val = weights or (None, None)
    check_some_weight(weight, " Those of the samples that are not held out are all 0.")
    check_some_weight(weight_val, " Those of the samples that early stopping holds out are all 0.")
    return X, y, weight, HeldOut(X_val, y_val, estimator._as_given(y_val), weight_val)


def require_whole(X: Any, y: Any, weight: Any) -> bool:
    """Whether the user gave validation samples; ValueError for a part of them, as HistGradientBoosting's."""
    if X is None and y is None:
        if weight is not None:
            raise ValueError("sample_weight_val is provided, but X_val was not provided.")
        return False
    if X is None or y is None:
        given, other = ("X_val", "y_val") if y is None else ("y_val", "X_val")
        raise ValueError(f"{given} is provided, but {other} was not provided.")
    return True


def given_validation(estimator: Estimator, validation: tuple[Any, Any, Any] | None) -> Any:
    """Checked validation samples that the user gave, under HistGradientBoosting's rules."""
    X, y, weight = validation or (None, None, None)
    if not require_whole(X, y, weight):
        return None
    if not estimator.early_stopping or estimator.solver == "lbfgs":
        raise ValueError(
            "X_val and y_val are passed to fit while at the same time early_stopping is False or the solver is "
            "'lbfgs'. When passing X_val and y_val to fit, early_stopping should be set to True."
        )
    X = validate_data(estimator, X, reset=False, **INPUT)
    columns = estimator._encoded(y)
    check_consistent_length(X, columns)
    if weight is not None:
        weight = _check_sample_weight(weight, X)
        check_some_weight(weight, " sample_weight_val is 0 everywhere.")
    return HeldOut(X, columns, estimator._as_given(columns), weight)


class Stopping:
    """scikit-learn's bookkeeping: the best loss or score, epochs without improvement, the best weights."""

    def __init__(self, estimator: Estimator, net: Network, held_out: HeldOut | None) -> None:
        self._estimator, self._net, self._held_out = estimator, net, held_out
        scoring = estimator.scoring
        self.scorer = None if scoring in (None, "loss") else check_scoring(estimator, scoring)
        hooks = estimator._attempt.hooks
        self._hooks = "_score" in hooks
        self.watched = self.scorer is not None or bool(hooks.difference(("_init_coef",)))
        if held_out is not None:
            self._y = held_out.y if is_classifier(estimator) else held_out.columns  # as scikit-learn has it
            self._samples = estimator._prepared(net, held_out.X, held_out.columns, None)

    def score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Score on the samples held out, NaN where outputs are not finite; their loss joins ``validation_loss_curve_``.

        The loss has no penalty and, unlike the training loss, is not clipped.
        """
        estimator, held_out = self._estimator, self._held_out
        assert held_out is not None
        out, cost = self._net._outputs(self._samples.X, self._samples.targets, estimator.n_threads)
        finite = np.isfinite(out).all()
        loss = estimator._mean_cost(cost, held_out.weight) if finite else float("nan")
        estimator.validation_loss_curve_.append(loss)
        if self._hooks or not (X is held_out.X and y is self._y and sample_weight is held_out.weight):
            return float(estimator._score(X, y, sample_weight=sample_weight))
        if estimator.scoring == "loss":
            return -loss
        if self.scorer is None:
            return estimator._score_of_outputs(out, held_out.columns, held_out.weight)
        if not np.isfinite(self._net.theta).all():
            return float("nan")
        options = {} if held_out.weight is None else {"sample_weight": held_out.weight}
        return float(self.scorer(estimator, held_out.X, held_out.y, **options))

    def note(self) -> None:
        """The epoch that has just ended."""
        estimator, held_out = self._estimator, self._held_out
        if held_out is None:
            estimator._update_no_improvement_count(False, None, None, None)
            return
        estimator._stopping = self
        try:
            estimator._update_no_improvement_count(True, held_out.X, self._y, held_out.weight)
        finally:
            del estimator._stopping

    def keep(self) -> None:
        """Copy the weights, which are the best so far."""
        self._estimator._keep_best(*views(self._net, self._net.theta))

    def restore(self) -> None:
        """Put the best weights back."""
        if self._held_out is not None:
            pack(self._net, self._estimator._best_coefs, self._estimator._best_intercepts)

    def is_over(self) -> bool:
        """Whether there was no improvement for too long; the message says so when ``verbose``."""
        estimator = self._estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "Training loss" if self._held_out is None else "Validation score"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} "
            "consecutive epochs."
        )
        if estimator._optimizer.has_stalled(message, estimator.verbose):
            return True
        estimator._no_improvement_count = 0
        return False
