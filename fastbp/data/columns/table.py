"""A table: columns by name, each as it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.errors import argument_error

Array = npt.NDArray[Any]
KINDS = "biufSUOM"
"""Of arrays that may be columns: truth values, numbers, text, Python objects, instants."""


class Table:
    """Columns of equal length, by name; nothing in their cells has been interpreted.

    Parameters
    ----------
    columns : mapping of str to array (n_rows,)
        Numbers, truth values, instants (``datetime64``), text, or Python objects of these; None and NaN are missing.
    where : str
        What messages call the table.
    lines : sequence of int, optional
        Line of each row in its file.
    numbered : bool
        Whether the names are only the columns' indices, because the source has no names.

    Raises
    ------
    ValueError, TypeError
        For columns of different lengths, for none, and for what is no column.
    """

    __slots__ = ("_columns", "lines", "n_rows", "numbered", "where")

    def __init__(
        self,
        columns: Mapping[str, Any],
        *,
        where: str = "the table",
        lines: Sequence[int] | Array | None = None,
        numbered: bool = False,
    ) -> None:
        self._columns = {str(name): _column(name, values) for name, values in columns.items()}
        self.where, self.numbered = where, numbered
        self.lines = None if lines is None else np.asarray(lines)
        lengths = {name: len(values) for name, values in self._columns.items()}
        if not lengths:
            raise ValueError(f"{where} has no columns. Pass a table with at least one.")
        self.n_rows = next(iter(lengths.values()))
        for name, n in lengths.items():
            if n != self.n_rows:
                raise ValueError(
                    f"{where} has {n} cells in column {name!r} and {self.n_rows} in the first. Pass columns of one "
                    "length."
                )

    @classmethod
    def of(cls, source: Any) -> Table:
        """The table in a table, a mapping, a pandas or polars frame, a structured array or an array of two dimensions.

        Parameters
        ----------
        source : Table, mapping, data frame or array_like, shape (n_rows, n_columns)
            The columns of an array are called ``"0"``, ``"1"``, ... Nothing is copied that need not be.

        Returns
        -------
        Table

        Raises
        ------
        TypeError, ValueError
            For anything else, and for two columns of one name.
        """
        if isinstance(source, cls):
            return source
        if isinstance(source, Mapping):
            return cls(source)
        if hasattr(source, "columns") and hasattr(source, "__getitem__"):
            return cls(_of_frame(source))
        values = np.asarray(source)
        if values.dtype.names:
            return cls({name: values[name] for name in values.dtype.names})
        if values.ndim != 2 or values.dtype.kind not in KINDS:
            raise argument_error(
                "table",
                f"is a {type(source).__name__}{f' of shape {values.shape}' if values.ndim else ''}; columns are "
                "needed. Pass a data frame, a mapping of names to columns, or an array of shape (n_rows, n_columns).",
                TypeError,
            )
        return cls({str(j): column for j, column in enumerate(values.T)}, numbered=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_rows, len(self._columns)

    def __len__(self) -> int:
        return self.n_rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Array:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"{self.where} has no column {name!r}: it has {listed(self.names)}.") from None

    def rows(self, index: Array | slice) -> Table:
        """These rows, in this order.

        Parameters
        ----------
        index : array of int (n,) or bool (n_rows,), or slice
        """
        return self._like(
            {name: values[index] for name, values in self._columns.items()},
            None if self.lines is None else self.lines[index],
        )

    def only(self, names: Sequence[str]) -> Table:
        """These columns, in this order."""
        return self._like({name: self[name] for name in names}, self.lines)

    def without(self, names: Sequence[str]) -> Table:
        """All columns but these."""
        return self._like({name: values for name, values in self._columns.items() if name not in names}, self.lines)

    def _like(self, columns: Mapping[str, Any], lines: Any) -> Table:
        return Table(columns, where=self.where, lines=lines, numbered=self.numbered)

    def place(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f"row {row}, counting from 0" if self.lines is None else f"line {int(self.lines[row])}"

    def __repr__(self) -> str:
        return f"<Table of {self.n_rows} rows, {len(self._columns)} columns: {listed(self.names)}>"


def listed(names: Sequence[Any], most: int = 12) -> str:
    """Names with commas between, as many as a message can have."""
    return ", ".join(repr(name) for name in names[:most]) + (", ..." if len(names) > most else "")


def _of_frame(frame: Any) -> dict[str, Any]:
    """The columns of a pandas or polars frame by their names as text."""
    names = [str(name) for name in frame.columns]
    double, n = Counter(names).most_common(1)[0] if names else ("", 0)
    if n > 1:
        raise ValueError(f"The table has {n} columns named {double!r}. Rename all but one of them.")
    return {name: frame[original] for name, original in zip(names, frame.columns, strict=True)}


def _column(name: Any, values: Any) -> Array:
    """One column as an array of a kind that `KINDS` knows; what is missing is None, NaN or NaT."""
    if isinstance(values, np.ndarray):
        array = values
    elif type(values).__module__.startswith("polars"):
        array = _of_polars(values)
    elif hasattr(values, "to_numpy") and hasattr(values, "dtype"):
        array = _of_pandas(values)
    else:
        try:
            array = np.asarray(values)
        except ValueError:  # lists among the cells
            array = np.empty(0)
        if array.dtype.kind in "USV" or array.ndim != 1 or len(array) != len(values):  # numbers beside text become text
            array = np.empty(len(values), object)
            array[:] = list(values)
    if np.ma.isMaskedArray(array):
        mask, array = np.ma.getmaskarray(array), np.asarray(array.data).astype(object)
        array[mask] = None
    if array.dtype.kind == "T":  # NumPy's text of any length
        array = array.astype(object)
    if array.ndim != 1 or array.dtype.kind not in KINDS:
        raise TypeError(
            f"Column {str(name)!r} is of type {array.dtype}, shape {array.shape}; needed is one of numbers, truth "
            "values, dates or text, of one dimension. Convert it, or leave it out."
        )
    return array


def _of_polars(series: Any) -> Array:
    kind = str(series.dtype).partition("(")[0]
    if kind in ("String", "Categorical", "Enum", "Time", "Object", "Null"):
        array = np.empty(len(series), object)
        array[:] = series.to_list()
        return array
    if kind == "Decimal":
        series = series.cast(float)
    if kind == "Boolean" and series.null_count():
        return np.array(series.to_list(), object)
    result: Array = series.to_numpy()
    return result


def _of_pandas(series: Any) -> Array:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if getattr(dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(dtype, np.dtype):
        plain: Array = series.to_numpy()
        return plain
    if kind == "M":
        instants: Array = series.to_numpy(dtype="datetime64[us]")
        return instants
    if kind in "iuf":
        if kind != "f" and not series.isna().any():
            whole: Array = series.to_numpy(dtype=dtype.numpy_dtype)
            return whole
        numbers: Array = series.to_numpy(dtype="float64", na_value=np.nan)
        return numbers
    if kind == "b" and not series.isna().any():
        truth: Array = series.to_numpy(dtype=bool)
        return truth
    objects: Array = np.asarray(series.astype(object).where(series.notna(), None), object)
    return objects
