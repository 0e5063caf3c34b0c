"""All columns of a table: their kinds, what was learned of them, and the matrices that they become."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import dates, kinds, matrices
from fastbp.data.columns.distinct import Cells
from fastbp.data.columns.numbers import check_decimal
from fastbp.data.columns.record import KINDS, Column
from fastbp.data.columns.table import Table, listed
from fastbp.errors import argument_error

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
PerColumn = str | Mapping[str, str] | None


class Columns:
    """What is known of the columns of a table, and how its rows become numbers.

    `learn` finds it out from the rows to train on, and from no others.

    Parameters
    ----------
    found : sequence of Column
        In the table's order.
    missing : sequence of str
        Words that stand for nothing, beside the usual ones.
    numbered : bool
        Whether the columns' names are only their indices.

    Attributes
    ----------
    found : tuple of Column
        All columns of the table, those that are dropped too.
    used : tuple of Column
        Those that a network gets to see.
    missing : tuple of str
    numbered : bool
    number_names, category_names : tuple of str
        Of the matrices that `values` returns.
    n_levels : tuple of int
        Levels of each category; the first two are a missing cell, and a level that is rare or was never seen.
    feature_names : tuple of str
        Of the matrix that `encode` returns.
    """

    def __init__(self, found: Iterable[Column], missing: Iterable[str] = (), *, numbered: bool = False) -> None:
        self.found = tuple(found)
        self.missing = tuple(str(word).strip().lower() for word in missing)
        self.numbered = numbered
        names = [column.name for column in self.found]
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        for column in self.found:
            column.check()

    @classmethod
    def learn(
        cls,
        table: Any,
        kinds: Mapping[str, str] | None = None,
        decimal: PerColumn = None,
        date_format: PerColumn = None,
        drop: Sequence[str] = (),
        only: Sequence[str] | None = None,
        missing: Sequence[str] = (),
    ) -> Columns:
        """Find out the kinds of columns and what belongs to them, from these rows alone.

        Parameters
        ----------
        table : Table, mapping, data frame or array_like, shape (n_rows, n_columns)
            The rows to train on, without the target.
        kinds : mapping of str to str, optional
            Columns whose kind the user says: one of ``"number"``, ``"yes/no"``, ``"category"``, ``"date"``,
            ``"time"``; the other kinds of `KINDS` drop them.
        decimal : "." or ",", or mapping of str to these, optional
            The decimal mark of numbers that are text, where cells may mean two numbers.
        date_format : str or mapping of str to str, optional
            The format of dates that are not ISO's, as for ``strptime``.
        drop, only : sequence of str
            Columns to leave out, and all that are to be used.
        missing : sequence of str
            Words that stand for nothing, such as ``"-"`` or ``"-999"``, beside the usual ones: an empty cell, NA, N/A,
            NaN, null, None and ?.

        Returns
        -------
        Columns

        Raises
        ------
        ValueError
            For a table without rows or without columns that can be used, for columns that do not exist, and for cells
            that may mean two things, that do not fit the kind that is said, that look like errors or are infinite.
        TypeError
            For cells that no table has.
        """
        rows = Table.of(table)
        if not rows.n_rows:
            raise ValueError(f"{rows.where} has no rows to learn columns from. Pass a table with at least one.")
        given = dict(kinds or {})
        marks, forms = _per_column(decimal, rows, "decimal"), _per_column(date_format, rows, "date_format")
        check_decimal(marks)
        for form in forms.values():
            try:
                dates.check_format(form)
            except ValueError as error:
                raise argument_error("date_format", f"is wrong: {error}") from None
        named: list[tuple[str, Iterable[str]]] = [("kinds", given), ("drop", drop), ("only", only or ())]
        for parameter, names in named:
            for name in names:
                if name not in rows:
                    raise argument_error(
                        parameter,
                        f"names the column {name!r}; {rows.where} has no such column: it has {listed(rows.names)}. "
                        "Pass one of these.",
                    )
        for name, kind in given.items():
            if kind not in KINDS:
                problem = f"says {kind!r} of column {name!r}; known are {', '.join(KINDS)}. Pass one of these."
                raise argument_error("kinds", problem)
        words = frozenset(str(word).strip().lower() for word in missing)
        found = [
            _left_out(name, drop, only)
            or _found(
                _cells(rows, name, words, given.get(name), marks.get(name)),
                given.get(name),
                marks.get(name),
                forms.get(name),
            )
            for name in rows.names
        ]
        columns = cls(_without_duplicates(found, rows, words, given), missing, numbered=rows.numbered)
        if not columns.feature_names:
            reasons = "; ".join(f"{column.name!r}: {column.kind}, {column.why}" for column in columns.found[:12])
            raise ValueError(
                f"{rows.where} has no column to learn from: {reasons}. Give a column the kind that it has, or pass a "
                "table with more columns."
            )
        return columns

    @cached_property
    def used(self) -> tuple[Column, ...]:
        """Columns that a network gets to see."""
        return tuple(column for column in self.found if column.is_used)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that a table to predict from needs."""
        return tuple(column.name for column in self.used)

    @cached_property
    def _of_numbers(self) -> tuple[Column, ...]:
        return tuple(column for column in self.used if column.kind != "category")

    @cached_property
    def _of_levels(self) -> tuple[Column, ...]:
        return tuple(column for column in self.used if column.kind == "category")

    @cached_property
    def number_names(self) -> tuple[str, ...]:
        """Of the numbers that `values` returns."""
        return tuple(name for column in self._of_numbers for name in matrices.number_names(column))

    @cached_property
    def category_names(self) -> tuple[str, ...]:
        """Of the categories that `values` returns."""
        return tuple(column.name for column in self._of_levels)

    @cached_property
    def n_levels(self) -> tuple[int, ...]:
        """Levels of each category, with the two that all have."""
        return tuple(2 + len(column.levels) for column in self._of_levels)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Of the features that `encode` returns."""
        return (*self.number_names, *(name for column in self._of_levels for name in matrices.one_hot_names(column)))

    @property
    def n_features(self) -> int:
        """Columns of the matrix that `encode` returns."""
        return len(self.feature_names)

    def features_of(self, column: Column) -> list[str]:
        """Names of the features that a column becomes."""
        return matrices.one_hot_names(column) if column.kind == "category" else matrices.number_names(column)

    def without_scale(self) -> Columns:
        """The same columns, whose numbers `encode` leaves in the table's units."""
        return Columns(
            (replace(column, mean=0.0, std=1.0) for column in self.found), self.missing, numbered=self.numbered
        )

    def values(self, table: Any) -> tuple[Numbers, Codes]:
        """The rows of a table as numbers and indices of levels.

        Parameters
        ----------
        table : Table, mapping, data frame or array_like
            With at least the columns in `names`; others are not looked at.

        Returns
        -------
        numbers : array (n_rows, n_numbers) of float64
            In the table's units; NaN where a cell is missing, but in the columns that say so, which are 0 and 1.
        codes : array (n_rows, n_categories) of int64
            0 for a missing cell, 1 for a level that is rare or was never seen, else 2 and more.

        Raises
        ------
        ValueError
            A column that is not there, and a cell that is nothing of its column's kind.
        """
        rows = self._named(Table.of(table))
        words = frozenset(self.missing)
        numbers = [
            matrices.numbers(column, _cells(rows, column.name, words, column.kind, column.decimal))
            for column in self._of_numbers
        ]
        codes = [matrices.codes(column, _cells(rows, column.name, words, column.kind)) for column in self._of_levels]
        n = rows.n_rows
        return (
            np.concatenate(numbers, axis=1) if numbers else np.empty((n, 0)),
            np.stack(codes, axis=1) if codes else np.empty((n, 0), np.int64),
        )

    def encode(self, table: Any) -> Numbers:
        """The rows of a table as a plain network takes them.

        Parameters
        ----------
        table : Table, mapping, data frame or array_like

        Returns
        -------
        array (n_rows, n_features) of float64
            Numbers to mean 0 and standard deviation 1, with the median where a cell is missing; 0 and 1 for yes and no,
            and for each level of a category.

        Raises
        ------
        ValueError
            As `values`.
        """
        numbers, codes = self.values(table)
        for j, (fill, subtract, divide) in enumerate(zip(*self._filling, strict=True)):
            column = numbers[:, j]
            column[np.isnan(column)] = fill
            column -= subtract
            column /= divide
        hot = [matrices.one_hot(column, codes[:, k]) for k, column in enumerate(self._of_levels)]
        return np.concatenate([numbers, *hot], axis=1)

    @cached_property
    def _filling(self) -> tuple[Numbers, Numbers, Numbers]:
        parts = [matrices.filling(column) for column in self._of_numbers]
        fill, subtract, divide = (np.concatenate([part[i] for part in parts] or [np.empty(0)]) for i in range(3))
        return fill, subtract, divide

    def _named(self, table: Table) -> Table:
        """The table with the columns' names; ValueError where one is not there."""
        if table.numbered and not self.numbered:
            if len(table.names) not in (len(self.found), len(self.used)):
                raise ValueError(
                    f"{table.where} has {len(table.names)} columns without names; the model was trained on "
                    f"{len(self.found)}: {listed([column.name for column in self.found])}. Pass these, in this order, "
                    "or a table with names."
                )
            columns = self.found if len(table.names) == len(self.found) else self.used
            named = {column.name: table[name] for column, name in zip(columns, table.names, strict=True)}
            return Table(named, where=table.where, lines=table.lines)
        missing = [name for name in self.names if name not in table]
        if missing:
            raise ValueError(
                f"{table.where} has no column {missing[0]!r}, one of {len(missing)} that are missing; the model was "
                f"trained on {listed(self.names)}. Pass these."
            )
        return table

    def described(self) -> dict[str, Any]:
        """All that is known, in lists, texts and numbers that JSON holds."""
        return {
            "columns": [column.described() for column in self.found],
            "missing": list(self.missing),
            "numbered": self.numbered,
        }

    @classmethod
    def from_described(cls, described: Any) -> Columns:
        """The columns of which `described` told; ValueError for what cannot be."""
        if not isinstance(described, Mapping) or set(described) != {"columns", "missing", "numbered"}:
            raise ValueError("columns, missing and numbered are needed, and nothing else")
        found, missing, numbered = described["columns"], described["missing"], described["numbered"]
        if not isinstance(found, list) or not isinstance(missing, list) or not isinstance(numbered, bool):
            raise ValueError("columns and missing must be lists, and numbered true or false")
        if not all(isinstance(word, str) for word in missing):
            raise ValueError("missing must hold texts")
        columns = cls(map(Column.from_described, found), missing, numbered=numbered)
        if not columns.feature_names:
            raise ValueError("none of the columns is used")
        return columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Columns) and self.described() == other.described()

    def __hash__(self) -> int:
        return hash((self.found, self.missing))

    def __repr__(self) -> str:
        return f"<Columns: {len(self.used)} of {len(self.found)} used, {self.n_features} features>"


def _per_column(value: PerColumn, table: Table, parameter: str) -> dict[str, str]:
    """What holds for each column, from what holds for all or for some."""
    if value is None:
        return {}
    if isinstance(value, str):
        return dict.fromkeys(table.names, value)
    for name in value:
        if name not in table:
            problem = f"names the column {name!r}; {table.where} has {listed(table.names)}. Pass one of these."
            raise argument_error(parameter, problem)
    return dict(value)


def _left_out(name: str, drop: Sequence[str], only: Sequence[str] | None) -> Column | None:
    if name in drop:
        return Column(name, "left out", "as you say")
    return Column(name, "left out", "not among those to use") if only is not None and name not in only else None


def _cells(table: Table, name: str, words: frozenset[str], kind: str | None, decimal: str | None = None) -> Cells:
    """The cells of a column, as text where numbers are written in another way, or mean no numbers."""
    return Cells(table, name, words, as_text=kind in ("category", "date", "time") or decimal == ",")


def _found(cells: Cells, given: str | None, decimal: str | None, date_format: str | None) -> Column:
    return kinds.find(cells, given, decimal, date_format)


def _without_duplicates(
    found: Sequence[Column], table: Table, words: frozenset[str], given: Mapping[str, str]
) -> list[Column]:
    """The columns; one whose values are those of an earlier one is a duplicate, unless its kind was given."""
    seen: dict[bytes, str] = {}
    result = []
    for column in found:
        if column.is_used:
            cells = _cells(table, column.name, words, column.kind)
            value = matrices.codes(column, cells) if column.kind == "category" else matrices.numbers(column, cells)
            told = repr((column.kind, column.levels, column.first, value.shape)).encode()
            key = hashlib.sha256(told + np.ascontiguousarray(value).tobytes()).digest()
            first = seen.setdefault(key, column.name)
            if first != column.name and column.name not in given:
                column = replace(
                    Column(column.name, "duplicate", f"the same as {first!r}", column.n_missing), same_as=first
                )
        result.append(column)
    return result
