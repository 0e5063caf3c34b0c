"""Raw rows as a model takes them, column by column: importances change them, the worst rows show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fastbp.data.columns import Columns, Table
from fastbp.data.tables import cells_of

MOST_COLUMNS = 200
"""An array of more columns than this, such as one of pixels, is not looked at column by column."""

GRID, LEVELS = 24, 12
"""Values of a number that are tried, and levels of anything else."""


class Rows(Protocol):
    """Rows whose columns have names."""

    names: Sequence[str]

    def __len__(self) -> int: ...

    @property
    def raw(self) -> Any:
        """What a `Model` takes."""

    def take(self, index: np.ndarray) -> Rows:
        """Those of these rows."""

    def column(self, name: str) -> np.ndarray:
        """The cells of a column."""

    def cell(self, name: str, i: int) -> Any:
        """A cell as a reader knows it; None where it is empty."""

    def place(self, i: int) -> str:
        """Where a row stands."""

    def changed(self, name: str, cells: np.ndarray) -> Rows:
        """The same rows with other cells in a column."""

    def grid(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Cells of a column to try, and what they are to a reader: numbers, ascending, or words."""


class ArrayRows:
    """Rows of an array of numbers.

    Parameters
    ----------
    X : array (n_samples, n_features)
    names : sequence of str, optional
        Default: ``column 0``, ``column 1``, ...
    """

    def __init__(self, X: np.ndarray, names: Sequence[str] | None = None) -> None:
        self._X = X
        self.names: Sequence[str] = [f"column {k}" for k in range(X.shape[1])] if names is None else list(names)

    def __len__(self) -> int:
        return len(self._X)

    @property
    def raw(self) -> Any:
        """The array."""
        return self._X

    def take(self, index: np.ndarray) -> ArrayRows:
        """Those of these rows."""
        return ArrayRows(self._X[index], self.names)

    def column(self, name: str) -> np.ndarray:
        """The cells of a column."""
        cells: np.ndarray = self._X[:, self.names.index(name)]
        return cells

    def cell(self, name: str, i: int) -> Any:
        """A number."""
        return self.column(name)[i]

    def place(self, i: int) -> str:
        """The row's index among the test rows."""
        return f"test row {i}"

    def changed(self, name: str, cells: np.ndarray) -> ArrayRows:
        """The same rows with other cells in a column."""
        X = self._X.copy()
        X[:, self.names.index(name)] = cells
        return ArrayRows(X, self.names)

    def grid(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Quantiles of the middle 98 % of a column, or all its values if they are few."""
        values = _spread(np.asarray(self.column(name), np.float64))
        return values, values


class TableRows:
    """Rows of a table, whose columns are of several kinds.

    Parameters
    ----------
    table : Table
    columns : Columns
        What the training rows said of them; columns that are dropped are not looked at.
    """

    def __init__(self, table: Table, columns: Columns) -> None:
        self._table, self._columns = table, columns
        self.names: Sequence[str] = columns.names
        self._there = dict(zip(columns.names, columns.names, strict=True))
        if columns.numbered and len(table.names) == len(columns.found):
            self._there = {c.name: name for c, name in zip(columns.found, table.names, strict=True)}

    def __len__(self) -> int:
        return self._table.n_rows

    @property
    def raw(self) -> Any:
        """The table."""
        return self._table

    def take(self, index: np.ndarray) -> TableRows:
        """Those of these rows."""
        return TableRows(self._table.rows(index), self._columns)

    def column(self, name: str) -> np.ndarray:
        """The cells of a column, as they were read."""
        cells: np.ndarray = self._table[self._there[name]]
        return cells

    def cell(self, name: str, i: int) -> Any:
        """Text or a number."""
        cells = self.column(name)[i : i + 1]
        return cells[0] if cells.dtype.kind in "biuf" else cells_of(cells)[0] or None

    def place(self, i: int) -> str:
        """Where the row stands in its file."""
        return f"test row {i}" if self._table.lines is None else self._table.place(i)

    def changed(self, name: str, cells: np.ndarray) -> TableRows:
        """The same rows with other cells in a column."""
        columns = {other: self._table[other] for other in self._table.names}
        columns[self._there[name]] = cells
        table = Table(columns, where=self._table.where, lines=self._table.lines, numbered=self._table.numbered)
        return TableRows(table, self._columns)

    def grid(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Cells that are quantiles of a number or a date, or the most frequent ones of anything else."""
        cells = self.column(name)
        found = next(column for column in self._columns.found if column.name == name)
        text = np.array(cells_of(cells))
        there = np.flatnonzero(text != "") if cells.dtype.kind not in "biuf" else np.flatnonzero(cells == cells)
        if found.kind not in ("number", "date", "time") or not len(there):
            words, first, counts = np.unique(text, return_index=True, return_counts=True)
            chosen = np.argsort(-counts, kind="stable")[:LEVELS]
            return cells[first[chosen]], np.where(words[chosen] == "", "(empty)", words[chosen])
        feature = self._columns.features_of(found)[0]
        at = list(self._columns.feature_names).index(feature)
        encoded = np.asarray(self._columns.encode(self._table)[:, at], np.float64)[there]
        most = GRID if found.kind == "number" else LEVELS
        wanted = _spread(encoded, most)
        order = np.argsort(encoded, kind="stable")
        nearest = order[np.minimum(np.searchsorted(encoded[order], wanted), len(order) - 1)]
        rows = there[nearest]
        if found.kind == "number":
            return cells[rows], encoded[nearest] * found.std + found.mean
        return cells[rows], text[rows]


def _spread(values: np.ndarray, most: int = GRID) -> np.ndarray:
    """Quantiles of the middle 98 %, or all values if they are few."""
    values = values[~np.isnan(values)]
    distinct: np.ndarray = np.unique(values)
    if len(distinct) <= LEVELS:
        return distinct
    spread: np.ndarray = np.unique(np.quantile(values, np.linspace(0.01, 0.99, most)))
    return spread
