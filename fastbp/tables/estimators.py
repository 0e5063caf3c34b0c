"""`TabularClassifier` and `TabularRegressor`: the preset as estimators of scikit-learn."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from fastbp.data.columns import KINDS, Columns, Table
from fastbp.runtime.pool import MAX_THREADS
from fastbp.sklearn._validation import require_whole
from fastbp.tables.fitting import Fitted, fit
from fastbp.tables.recipe import Recipe


class _Tabular(BaseEstimator, abc.ABC):
    """What both estimators share."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "kinds": [Mapping, None],
        "recipe": [Recipe, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "n_threads": [None, Interval(Integral, 1, MAX_THREADS, closed="both")],
    }

    fitted_: Fitted

    def __init__(
        self,
        n_members: int = 5,
        *,
        kinds: Mapping[str, str] | None = None,
        recipe: Recipe | None = None,
        time_limit: float | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_members = n_members
        self.kinds = kinds
        self.recipe = recipe
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_threads = n_threads

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _table(self, X: Any, *, reset: bool) -> Table:
        """X as a table: a frame as it is, anything else as an array of numbers or of cells."""
        if hasattr(X, "columns") and not isinstance(X, np.ndarray):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X) or not len(X.columns):
                check_array(np.empty((len(X), len(X.columns))))  # which says what is missing
            return Table.of(X)
        X = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        return Table.of(X)

    def _learn(self, rows: Table) -> Columns:
        """Columns of training rows; those of an array of numbers are numbers, whatever they look like."""
        kinds = dict(self.kinds or {})
        if rows.numbered:
            kinds = {name: "number" for name in rows.names if rows[name].dtype.kind in "biuf"} | kinds
        return Columns.learn(rows, kinds=kinds)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        time: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit to a table.

        Parameters
        ----------
        X : data frame or array-like, shape (n_samples, n_features)
            Numbers, text, dates, truth values, and missing cells.
        y : array-like, shape (n_samples,), of a regressor also (n_samples, n_outputs)
            Classes of any kind; numbers for a regressor.
        sample_weight : array-like, shape (n_samples,), optional
        groups, time : array-like, shape (n_samples,), optional
            Rows of one group stay in one fold; with time, folds are stretches of it.
        X_val, y_val, sample_weight_val : optional
            Rows by which all members keep their best epoch, and which calibrate them, in place of folds.

        Returns
        -------
        TabularClassifier or TabularRegressor
            Itself.

        Raises
        ------
        ValueError, TypeError
            For rows, targets and parameters that cannot be trained on.
        DivergenceError
            The training of a member diverged.
        """
        table = self._table(X, reset=True)
        for kind in (self.kinds or {}).values():
            if kind not in KINDS:
                raise ValueError(f"kinds has {kind!r}; known are {', '.join(KINDS)}. Pass one of these.")
        y = self._encoded(y, reset=True)
        check_consistent_length(y, *(rows for rows in (groups, time) if rows is not None), np.empty(table.n_rows))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, np.empty((table.n_rows, 1)), ensure_non_negative=True)
        held_out = None
        if require_whole(X_val, y_val, sample_weight_val):
            rows_val, y_val = self._table(X_val, reset=False), self._encoded(y_val, reset=False)
            check_consistent_length(y_val, np.empty(rows_val.n_rows))
            weight_val = None
            if sample_weight_val is not None:
                weight_val = _check_sample_weight(
                    sample_weight_val, np.empty((rows_val.n_rows, 1)), ensure_non_negative=True
                )
            held_out = (rows_val, y_val, weight_val)
        self.fitted_ = fit(
            table,
            y,
            n_members=self.n_members,
            recipe=self.recipe,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            sample_weight=sample_weight,
            groups=None if groups is None else np.asarray(groups),
            time_order=None if time is None else np.asarray(time),
            validation=held_out,
            time_limit=self.time_limit,
            n_threads=self.n_threads,
            learn=self._learn,
            **self._task(),
        )
        self.n_iter_ = max(run.epoch for run in self.fitted_.runs)
        return self

    @abc.abstractmethod
    def _encoded(self, y: Any, *, reset: bool) -> np.ndarray:
        """Targets as `fastbp.tables.fit` takes them; with ``reset`` their classes or shape are learned."""

    @abc.abstractmethod
    def _task(self) -> dict[str, Any]:
        """Arguments of `fastbp.tables.fit` that say what is learned."""

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.fitted_.outputs(self._table(X, reset=False), self.n_threads)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")


class TabularClassifier(ClassifierMixin, _Tabular):
    """Networks for tables of any columns, as the preset trains them: probabilities of classes.

    Parameters
    ----------
    n_members : int
        k. Each member is trained on all folds but one, on which it keeps its best epoch; a single member holds out 15 %
        of the rows. Probabilities are the mean of the members', each calibrated by a temperature that the held-out rows
        give.
    kinds : mapping of str to str, optional
        Kinds of columns where they should not be found out: ``{"zip": "category"}``, say.
    recipe : Recipe, optional
        The numbers of the preset.
    time_limit : float, optional
        Seconds that `fit` may take about. The result then depends on the machine.
    random_state : int, RandomState or None
    n_threads : int, optional
        Members that are trained at a time. Default: chosen from the machine. The result does not depend on it.

    Attributes
    ----------
    classes_ : numpy.ndarray
    fitted_ : Fitted
        The members, and what came out while they were trained.
    n_features_in_ : int
    feature_names_in_ : numpy.ndarray
        Of a data frame's columns.
    n_iter_ : int
        Epochs.
    """

    classes_: np.ndarray

    def _encoded(self, y: Any, *, reset: bool) -> np.ndarray:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y has the one class {self.classes_[0]!r}; a classifier needs at least 2 classes. Pass rows of "
                    "another one too."
                )
        known = {name: label for label, name in enumerate(self.classes_.tolist())}
        unknown = next((name for name in y.tolist() if name not in known), None)
        if unknown is not None:
            raise ValueError(f"y_val has the class {unknown!r}, which y does not have. Leave its rows out.")
        return np.array([known[name] for name in y.tolist()], np.int64)

    def _task(self) -> dict[str, Any]:
        return {"task": "classification", "n_classes": len(self.classes_)}

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples, n_classes)
        """
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p / p.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row.

        Parameters
        ----------
        X : data frame or array-like, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples,)
        """
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


class TabularRegressor(RegressorMixin, _Tabular):
    """Networks for tables of any columns, as the preset trains them: numbers.

    Parameters are those of `TabularClassifier`.

    Attributes
    ----------
    fitted_ : Fitted
        The members, and what came out while they were trained.
    n_features_in_ : int
    feature_names_in_ : numpy.ndarray
        Of a data frame's columns.
    n_iter_ : int
        Epochs.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags

    def _encoded(self, y: Any, *, reset: bool) -> np.ndarray:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset:
            self._flat = y.ndim == 1
        return y.reshape(len(y), -1)

    def _task(self) -> dict[str, Any]:
        return {"task": "regression"}

    def predict(self, X: Any) -> np.ndarray:
        """Numbers for each row, in the targets' units.

        Parameters
        ----------
        X : data frame or array-like, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples,) or (n_samples, n_outputs)
        """
        out = self._outputs(X)
        return out[:, 0] if self._flat else out
