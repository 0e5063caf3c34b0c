"""Members of the preset: what each learns of its columns, and the network that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import Columns, Table
from fastbp.data.features import Features, standard_scale
from fastbp.data.scaling import Scale
from fastbp.network import Network
from fastbp.tables.folds import LEAST_ROWS
from fastbp.tables.recipe import Recipe

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Member:
    """What one member is trained on."""

    features: Features
    X: Array
    Y: Array
    weight: Numbers | None
    validation: tuple[Any, ...] | None
    net: Network
    units: Scale | None
    """Of the targets."""


class Maker:
    """Makes members, and what is common to them."""

    def __init__(
        self,
        rows: Table,
        y: Array,
        weight: Numbers | None,
        *,
        task: str,
        n_classes: int,
        recipe: Recipe,
        learn: Callable[[Table], Columns],
        validation: tuple[Any, Any, Any] | None,
        meta: Mapping[str, Any],
    ) -> None:
        self.rows, self.y, self.weight, self.task, self.recipe = rows, y, weight, task, recipe
        self.n_classes, self.validation, self.meta = n_classes, validation, meta
        counted = rows if weight is None else rows.rows(np.flatnonzero(weight > 0))
        self.whole = learn(counted)
        """What all training rows say of the columns."""
        self._learned: tuple[Any, Columns, Numbers, Array] | None = None

    def member(self, train: Array, held_out: Array, seed: int) -> Member:
        """A member that is to be trained on these rows."""
        columns, numbers, codes = self._columns(train)
        weight = None if self.weight is None else self.weight[train]
        small = (len(train) if weight is None else weight.sum()) < LEAST_ROWS
        features = _features(columns, numbers[train], weight)
        dtype: Any = np.float64 if small else np.float32
        units = self.units(train, weight)
        Y = self._targets(self.y[train], units, dtype)
        validation: tuple[Any, ...] | None = None
        if self.validation is not None:
            X_val, y_val, weight_val = self.validation
            validation = (features.encode(X_val, dtype), self._targets(y_val, units, dtype))
            validation += () if weight_val is None else (np.asarray(weight_val, np.float64),)
        elif len(held_out):
            of_fold = features.encode_values(numbers[held_out], codes[held_out], dtype)
            validation = (of_fold, self._targets(self.y[held_out], units, dtype))
            validation += () if self.weight is None else (self.weight[held_out],)
        net = self._net(features.n_features, dtype, seed)
        X = features.encode_values(numbers[train], codes[train], dtype)
        return Member(features, X, Y, weight, validation, net, units)

    def _columns(self, train: Array) -> tuple[Columns, Numbers, Array]:
        """Columns as these rows say, and what they make of all rows."""
        if self._learned is None or not np.array_equal(self._learned[0], train):
            columns = learned_again(self.whole, self.rows.rows(train))
            self._learned = (train, columns, *columns.values(self.rows))
        return self._learned[1:]

    def _net(self, n_inputs: int, dtype: Any, seed: int) -> Network:
        if self.task == "regression":
            outputs, cost, last = self.y.shape[1], "quadratic", "identity"
        else:
            outputs = self.n_classes if self.n_classes > 2 else 1
            cost, last = "cross_entropy", "softmax" if outputs > 1 else "sigmoid"
        hidden = self.recipe.hidden
        named: dict[str, Any] = {
            "activations": [*(self.recipe.activation for _ in hidden), last],
            "cost": cost,
            "dtype": np.dtype(dtype).name,
            "init": self.recipe.init,
        }
        made = Network([n_inputs, *hidden, outputs], seed=seed, meta={**self.meta, "task": self.task}, **named)
        made.w[made.L][...] = 0.0  # it begins with the shares of the classes, or the mean
        return made

    def units(self, rows: Array, weight: Numbers | None) -> Scale | None:
        """Mean and standard deviation of the targets of these rows; None for classes."""
        if self.task != "regression":
            return None
        of = [standard_scale(column, weight) for column in self.y[rows].T]
        return Scale([mean for _, mean, _ in of], [std for _, _, std in of])

    def _targets(self, y: Array, units: Scale | None, dtype: Any) -> Array:
        if units is None:
            labels: Array = np.asarray(y, np.int64)
            return labels
        return units.apply(np.asarray(y, np.float64).reshape(len(y), -1), dtype)


def learned_again(columns: Columns, rows: Table) -> Columns:
    """Columns of the same kinds, and written in the same way, of which these rows say all else.

    Where they do not say enough, such as the two words of a yes/no, it is what all training rows say.
    """
    used = columns.used
    try:
        return Columns.learn(
            rows,
            kinds={column.name: column.kind for column in used},
            decimal={column.name: column.decimal for column in used if column.kind == "number"},
            date_format={column.name: column.date_format for column in used if column.date_format},
            only=columns.names,
            missing=columns.missing,
        )
    except ValueError:
        return columns


def _features(columns: Columns, numbers: Numbers, weight: Numbers | None) -> Features:
    """Scales of the numbers; a flag keeps its 0 and 1."""
    parts = [standard_scale(column, weight) for column in numbers.T]
    parts = [(part[0], 0.0, 1.0) if _is_flag(column) else part for part, column in zip(parts, numbers.T, strict=True)]
    fill, subtract, divide = (np.array([part[i] for part in parts], np.float64) for i in range(3))
    return Features(columns, fill, subtract, divide)


def _is_flag(column: Numbers) -> bool:
    known = column[~np.isnan(column)]
    return bool(np.isin(known, (0.0, 1.0)).all())
