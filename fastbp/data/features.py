"""What a network for tables sees of a row: scaled numbers, levels as 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import Column, Columns, Table, matrices

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FARTHEST = 1e6
"""No scaled number is larger: none is infinite in float32."""
PARTS = ("fill", "subtract", "divide")


class Features:
    """Columns, and how their numbers become those of a network.

    A number x becomes (x - subtract) / divide; a missing one is ``fill`` before.

    Parameters
    ----------
    columns : Columns
    fill, subtract, divide : array_like, shape (n_numbers,)
        Of each number that ``columns.values`` returns.

    Raises
    ------
    ValueError
        Numbers that are not finite, or of other shapes.
    """

    def __init__(
        self,
        columns: Columns,
        fill: npt.ArrayLike,
        subtract: npt.ArrayLike,
        divide: npt.ArrayLike,
    ) -> None:
        n = len(columns.number_names)
        self.columns = columns
        self.fill, self.subtract, self.divide = (np.asarray(part, np.float64) for part in (fill, subtract, divide))
        for name in PARTS:
            if getattr(self, name).shape != (n,):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}; the columns have {n} numbers")
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds a number that is not finite")
        if not (self.divide > 0).all():
            raise ValueError("divide holds a number that is not above 0")

    @property
    def found(self) -> tuple[Column, ...]:
        """All columns of the table, those that are dropped too."""
        return self.columns.found

    @property
    def used(self) -> tuple[Column, ...]:
        """Columns that a network gets to see."""
        return self.columns.used

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that a table to predict from needs."""
        return self.columns.names

    @property
    def numbered(self) -> bool:
        """Whether the columns' names are only their indices."""
        return self.columns.numbered

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of the columns that `encode` returns."""
        return self.columns.feature_names

    @property
    def n_features(self) -> int:
        """Columns of what `encode` returns."""
        return len(self.columns.feature_names)

    def encode(self, table: Any, dtype: npt.DTypeLike = np.float64) -> Array:
        """The rows of a table as the network takes them.

        Parameters
        ----------
        table : Table, mapping, data frame or array_like
        dtype : dtype
            Of the result, which is rounded to it once.

        Returns
        -------
        array (n_rows, n_features)

        Raises
        ------
        ValueError
            As ``columns.values``.
        """
        return self.encode_values(*self.columns.values(table), dtype)

    def encode_values(self, numbers: Numbers, codes: Codes, dtype: npt.DTypeLike = np.float64) -> Array:
        """The same of what ``columns.values`` returned."""
        u = scaled(numbers, self.fill, self.subtract, self.divide)
        at = u.shape[1]
        result = np.empty((len(u), self.n_features), dtype)
        result[:, :at] = u
        for k, column in enumerate(self.columns._of_levels):
            hot = matrices.one_hot(column, codes[:, k])
            result[:, at : at + hot.shape[1]] = hot
            at += hot.shape[1]
        return result

    def described(self) -> dict[str, Any]:
        """All of it, in lists, texts and numbers that JSON holds."""
        return {
            "columns": self.columns.described(),
            **{name: getattr(self, name).tolist() for name in PARTS},
        }

    @classmethod
    def from_described(cls, described: Any) -> Features:
        """The features of which `described` told; ValueError for what cannot be."""
        names = {"columns", *PARTS}
        if not isinstance(described, Mapping) or set(described) != names:
            raise ValueError(f"{', '.join(sorted(names))} are needed, and nothing else")
        given: dict[str, Any] = {name: described[name] for name in PARTS}
        for name, value in given.items():
            if not (isinstance(value, list) and all(type(x) in (int, float) and abs(x) < 2**63 for x in value)):
                raise ValueError(f"{name} must be a list of numbers")
        return cls(Columns.from_described(described["columns"]), **given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Features) and self.described() == other.described()

    def __hash__(self) -> int:
        return hash((self.columns, self.divide.tobytes()))

    def __repr__(self) -> str:
        return f"<Features: {self.n_features} of {len(self.columns.used)} columns>"


class SideBySide:
    """Features of several networks, each of which sees its own part of a row.

    Parameters
    ----------
    of_each : sequence of Features

    Attributes
    ----------
    of_each : tuple of Features
    found, used, numbered
        Of the first: all have learned of the same table.
    """

    def __init__(self, of_each: Sequence[Features]) -> None:
        self.of_each = tuple(of_each)
        if not self.of_each:
            raise ValueError("of_each is empty; at least one is needed")
        self.found, self.used = self.of_each[0].found, self.of_each[0].used
        self.numbered = self.of_each[0].numbered

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that a table to predict from needs."""
        return tuple(dict.fromkeys(name for one in self.of_each for name in one.names))

    @property
    def n_features(self) -> int:
        """Columns of what `encode` returns."""
        return sum(one.n_features for one in self.of_each)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of these columns."""
        return tuple(f"{i}: {name}" for i, one in enumerate(self.of_each) for name in one.feature_names)

    def encode(self, table: Any, dtype: npt.DTypeLike = np.float64) -> Array:
        """The rows of a table as the networks take them, side by side; see `Features.encode`."""
        rows = Table.of(table)
        known: dict[Columns, tuple[Numbers, Codes]] = {}
        result, at = np.empty((rows.n_rows, self.n_features), dtype), 0
        for one in self.of_each:
            if one.columns not in known:
                known[one.columns] = one.columns.values(rows)
            result[:, at : at + one.n_features] = one.encode_values(*known[one.columns], dtype)
            at += one.n_features
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SideBySide) and self.of_each == other.of_each

    def __hash__(self) -> int:
        return hash(self.of_each)

    def __repr__(self) -> str:
        return f"<SideBySide of {len(self.of_each)}: {self.of_each[0]!r}, ...>"


def from_described(described: Any) -> Columns | Features:
    """What `described` of either told; ValueError for what cannot be."""
    kind = Features if isinstance(described, Mapping) and "fill" in described else Columns
    made: Columns | Features = kind.from_described(described)
    return made


def scaled(numbers: Numbers, fill: Numbers, subtract: Numbers, divide: Numbers) -> Numbers:
    """Numbers of columns, filled and scaled."""
    with np.errstate(over="ignore"):
        u: Numbers = (np.where(np.isnan(numbers), fill, numbers) - subtract) / divide
    return np.clip(u, -FARTHEST, FARTHEST, out=u)


def weighted_quantiles(values: Numbers, weight: Numbers | None, shares: tuple[float, ...]) -> list[float]:
    """The least values up to which there are such shares of the weight: with whole weights, those of repeated values.

    Parameters
    ----------
    values : array (n,)
        Without NaN, at least one.
    weight : array (n,), optional
        Above 0.
    shares : tuple of float
    """
    order = np.argsort(values, kind="stable")
    total = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    places = np.searchsorted(total, np.array(shares) * total[-1] * (1 - 1e-12))
    return [float(values[order[min(place, len(order) - 1)]]) for place in places]


def standard_scale(values: Numbers, weight: Numbers | None) -> tuple[float, float, float]:
    """The median of a number, its mean and its standard deviation, 1 of a constant one."""
    there = ~np.isnan(values)
    if not there.any():
        return 0.0, 0.0, 1.0
    known, w = values[there], None if weight is None else weight[there]
    (middle,) = weighted_quantiles(known, w, (0.5,))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.average(known, weights=w))
        std = float(np.sqrt(np.average((known - mean) ** 2, weights=w)))
    if not math.isfinite(std):  # so are squares, or the sum, of numbers that are
        return middle, middle, 1.0
    return middle, mean, std if std > 1e-14 * abs(mean) else 1.0
