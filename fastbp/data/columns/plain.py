"""Tables that are numbers throughout, as matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import PLAIN, is_measured, is_missing, is_text, looks_like_a_number
from fastbp.data.columns.distinct import plain_numbers
from fastbp.data.columns.table import Table

Numbers = npt.NDArray[np.float64]


def matrix_of(table: Table) -> Numbers | None:
    """The table as (n_rows, n_columns) of float64 if every cell is a finite number, written plainly; else None."""
    columns = []
    for name in table.names:
        values = table[name]
        if values.dtype.kind == "S":
            numbers = plain_numbers(values)
        else:
            numbers = values.astype(np.float64) if values.dtype.kind in "iuf" else None
        if numbers is None or not np.isfinite(numbers).all():
            return None
        columns.append(numbers)
    return np.stack(columns, axis=1)


def require_matrix(table: Table) -> Numbers:
    """`matrix_of`; ValueError that names the first cell that is no number, for who knows numbers only."""
    matrix = matrix_of(table)
    if matrix is not None:
        return matrix
    for name in table.names:
        if matrix_of(table.only([name])) is None:
            raise _problem(table, name)
    raise ValueError(f"{table.where} is no matrix of numbers.")


def _problem(table: Table, name: str) -> ValueError:
    """What is wrong with a column that is not all numbers."""
    for row, value in enumerate(table[name].tolist()):
        cell = value.decode() if isinstance(value, bytes) else "" if value is None else str(value)
        where = f"in {table.place(row)}, column {name!r}"
        if is_missing(cell):
            return ValueError(
                f"{table.where} has no value {where}; every cell must be filled. Fill in the missing values, or train "
                "with fastbp train, whose models do."
            )
        if is_text(cell):
            advice = PLAIN if looks_like_a_number(cell) or is_measured(cell) else "Pass columns of numbers."
            return ValueError(f"{table.where} has the text {cell[:40]!r} {where}; features must be numbers. {advice}")
        if _is_infinite(cell):
            break
    return ValueError(f"{table.where} has an infinite value {where}; every value must be finite. Correct the row.")


def _is_infinite(cell: str) -> Any:
    return np.isinf(float(cell))
