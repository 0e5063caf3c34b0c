"""When the rows of a table were taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import dates
from fastbp.data.columns.distinct import Cells
from fastbp.data.columns.kinds import find
from fastbp.data.columns.table import Table
from fastbp.errors import argument_error


def moments_of(table: Table, name: str, date_format: str | Mapping[str, str] | None = None) -> npt.NDArray[np.float64]:
    """A number for each row of a table that grows with time, from a column of dates or numbers.

    Raises
    ------
    ValueError
        The column is neither, or a cell is missing.
    """
    form = date_format if date_format is None or isinstance(date_format, str) else date_format.get(name)
    cells = Cells(table, name, as_text=table[name].dtype.kind in "SUO")
    if cells.n_missing:
        row = int(np.argmax(cells.index < 0))
        raise argument_error(
            "split",
            f"is by column {name!r}; {table.where} has no value in {table.place(row)}. Fill it in, or remove the row.",
        )
    try:
        column = find(cells, "date" if cells.numbers is None else "number", None, form)
    except ValueError as error:
        if getattr(error, "parameter", "") == "date_format":
            raise
        try:
            column = find(cells, "number")
        except ValueError:
            raise argument_error(
                "split", f"is by column {name!r} of {table.where}, which has neither dates nor numbers. Pass another."
            ) from None
    if column.kind == "date":
        texts = cells.texts or []
        instants = cells.instants
        if instants is None:
            instants = np.array([_instant(text, column.date_format) for text in texts], np.int64)
        return instants[cells.index].astype(np.float64)
    return _numbers(cells, column.decimal)[cells.index]


def _instant(text: str, date_format: str) -> int:
    found = dates.instant_of(text, date_format)
    assert found is not None
    return found


def _numbers(cells: Cells, decimal: str) -> npt.NDArray[np.float64]:
    from fastbp.data.columns.numbers import numbers_of

    if cells.numbers is not None:
        return cells.numbers
    found = numbers_of(cells.texts or [], decimal)
    assert found is not None
    return found[0]
