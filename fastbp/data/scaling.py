"""How inputs and targets are brought to the range in which networks learn well, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.chunks import chunks, of_rows

FAR_FROM_ZERO = 1e4
"""From here on, a mean of values in units of their deviation, float32 rounds off a thousandth of the deviation."""


class Scale:
    """The step x -> (x - subtract) / divide of a `Model`.

    Parameters
    ----------
    subtract, divide : float or array_like, shape (n_columns,)
        One number for all columns, or one for each; finite, and none of ``divide`` 0.

    Attributes
    ----------
    subtract, divide : numpy.ndarray, shape () or (n_columns,), float64
        Read-only.

    Raises
    ------
    ValueError, TypeError
        Numbers that cannot be subtracted and divided by.
    """

    def __init__(self, subtract: npt.ArrayLike, divide: npt.ArrayLike) -> None:
        self.subtract, self.divide = _numbers(subtract, "subtract"), _numbers(divide, "divide")
        if (self.divide == 0).any():
            raise ValueError("divide holds 0; nothing can be divided by it. Pass 1 for a column that is constant.")
        if self.subtract.ndim and self.divide.ndim and self.subtract.shape != self.divide.shape:
            raise ValueError(
                f"subtract has {self.subtract.size} numbers and divide {self.divide.size}; each needs one, or one for "
                "each column. Pass arrays of one length."
            )

    @property
    def width(self) -> int | None:
        """The number of columns, or None where one number serves all."""
        sizes = [numbers.size for numbers in (self.subtract, self.divide) if numbers.ndim]
        return sizes[0] if sizes else None

    def apply(self, X: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """``(X - subtract) / divide``, computed in float64 and rounded once.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_columns)
            It is not changed.
        dtype : dtype
            Of the result.

        Returns
        -------
        numpy.ndarray, shape (n_samples, n_columns)
            New, in C order.

        Raises
        ------
        ValueError
            X has another number of columns.
        """
        return self._in_blocks(X, dtype, lambda x: (x - self.subtract) / self.divide)

    def invert(self, Z: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """``Z * divide + subtract``, likewise: what `apply` was given."""
        return self._in_blocks(Z, dtype, lambda z: z * self.divide + self.subtract)

    def dtype_of_values(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype, of scaled values, if it holds the values themselves; float64 where they are so far from 0, or so
        large, that float32 would round away more than a thousandth of their standard deviation.
        """
        far, large = np.abs(self.subtract), np.abs(self.divide)
        fits = (far <= FAR_FROM_ZERO * large).all() and max(far.max(), large.max()) < 1e30
        return dtype if fits else np.dtype(np.float64)

    def _in_blocks(self, X: npt.ArrayLike, dtype: npt.DTypeLike, function: Any) -> npt.NDArray[Any]:
        values = np.asarray(X)
        if self.width is not None and (values.ndim != 2 or values.shape[1] != self.width):
            raise ValueError(
                f"X has shape {values.shape}; the scaling was made for {self.width} columns. Pass an array of shape "
                f"(n_samples, {self.width})."
            )
        result = np.empty(values.shape, dtype)
        with np.errstate(over="ignore"):  # whoever takes the result looks for what is not finite
            for rows in chunks(len(values), 8 * values[:1].size):  # float64 is needed for so many only
                result[rows] = function(values[rows].astype(np.float64))
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scale):
            return NotImplemented
        pairs = ((self.subtract, other.subtract), (self.divide, other.divide))
        return all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in pairs)

    def __hash__(self) -> int:
        return hash((self.subtract.tobytes(), self.divide.tobytes()))

    def __repr__(self) -> str:
        if self.width is None:
            return f"Scale({float(self.subtract)!r}, {float(self.divide)!r})"
        return f"<Scale of {self.width} columns>"


def _mean(values: npt.NDArray[Any], function: Any) -> Any:
    """The mean of a function of the rows, computed in float64; their sum begins with that of the chunks before."""
    total: Any = None
    for rows in of_rows(values):
        terms = function(rows.astype(np.float64))
        total = np.add.reduce(terms if total is None else np.concatenate([total[np.newaxis], terms]))
    return total / len(values)


def standardise(X: npt.ArrayLike, *, missing: bool = False) -> Scale:
    """The scaling that gives each column of X mean 0 and standard deviation 1; a constant column is centred.

    With ``missing``, NaN is left out of both.
    """
    values = np.asarray(X)
    if missing and np.isnan(values).any():
        columns = [column[~np.isnan(column)] for column in values.T]
        scales = [standardise(column[:, np.newaxis]) if column.size else Scale([0.0], [1.0]) for column in columns]
        return Scale(*(np.concatenate([getattr(scale, part) for scale in scales]) for part in ("subtract", "divide")))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = _mean(values, lambda x: x)
        std = np.sqrt(_mean(values, lambda x: (x - mean) ** 2))
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std)))
    if bad.size:
        raise ValueError(
            f"Column {bad[0]} of X has values that are not finite or too large for a standard deviation in float64. "
            "Divide the column by a constant first, for example its largest absolute value."
        )
    # The rounding error of a constant column is no variation.
    constant = std <= 1e-14 * np.abs(mean)
    return Scale(mean, np.where(constant, 1.0, std))


def _numbers(values: Any, name: str) -> npt.NDArray[np.float64]:
    need = "one finite number, or one for each column, is needed. Pass a float or a list of floats."
    try:
        given = np.asarray(values)
    except ValueError:  # rows of different lengths
        given = np.empty(0, object)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"{name} is {values!r}; {need}")
    numbers = np.array(given, np.float64)
    if numbers.ndim > 1 or not np.isfinite(numbers).all():
        raise ValueError(f"{name} is {values!r}; {need}")
    numbers.flags.writeable = False
    return numbers
