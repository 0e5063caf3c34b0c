"""A data set: features, targets and what belongs to them, and how it is divided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.arrays import as_names
from fastbp.chunks import take
from fastbp.data.columns import Table
from fastbp.data.scaling import Scale, standardise
from fastbp.data.splitting import split_indices
from fastbp.data.targets import Task
from fastbp.errors import called

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Data:
    """A data set.

    Attributes
    ----------
    X : array (n_samples, n_features), or Table
        In the file's units; integers, float32 or float64. A `Table` where a table has cells that are no plain numbers:
        ``fastbp.data.columns.Columns.learn`` makes numbers of them.
    Y : array
        Classification: (n_samples,) int64, indices into ``classes``. Regression: (n_samples, n_outputs) float64.
    task : "classification" or "regression"
    name : str
    X_test, Y_test : arrays or None
        A test part, if the source has one; ``split`` makes one.
    classes : tuple or None
        Of classification: what the file calls class 0, 1, ...
    feature_names : tuple of str or None
    target : str, tuple of str, or None
        Name of the target column, or of several.
    image : tuple of int or None
        Height and width (and channels), if a row of ``X`` is an image.
    peak : float or None
        Of images: the largest value a pixel can have.
    weight : array (n_samples,) or None
        Weights of the samples of ``X``, if the source was asked for them.
    table, table_test : Table or None
        The features of a table, column by column, as they were found; of ``X`` and of ``X_test``.
    group : array (n_samples,) of int64 or None
        Group of each sample of ``X``, if the source was asked for them: a group is never divided.
    """

    X: Any = field(repr=False)
    Y: Array = field(repr=False)
    task: Task
    name: str
    X_test: Any = field(default=None, repr=False)
    Y_test: Array | None = field(default=None, repr=False)
    classes: tuple[Any, ...] | None = None
    feature_names: tuple[str, ...] | None = field(default=None, repr=False)
    target: str | tuple[str, ...] | None = None
    image: tuple[int, ...] | None = None
    peak: float | None = None
    weight: Array | None = field(default=None, repr=False)
    table: Table | None = field(default=None, repr=False)
    table_test: Table | None = field(default=None, repr=False)
    group: Array | None = field(default=None, repr=False)

    @property
    def n_outputs(self) -> int:
        """Output neurons that the targets ask for: one for two classes, else one for each class or target column."""
        if self.classes is None:
            return int(self.Y.shape[1])
        return len(self.classes) if len(self.classes) > 2 else 1

    def scaling(self, rows: npt.NDArray[np.intp] | slice = slice(None)) -> Scale:
        """How to scale the inputs: pixels to 0..1, other features to mean 0 and standard deviation 1 over ``X[rows]``.

        Leave out the rows that are to be validated on.
        """
        if isinstance(self.X, Table):
            raise TypeError(
                f"{self.name!r} has columns that are no plain numbers; these have no scale. Pass "
                "fastbp.data.columns.Columns.learn(data.X) to fastbp.Model as columns."
            )
        return Scale(0.0, self.peak) if self.peak is not None else standardise(take(self.X, rows))

    def named(self, Y: Array | None) -> Array | None:
        """Targets as the file has them, and as a `Model` takes them: the names of classes, or numbers as they are."""
        return Y if Y is None or self.classes is None else as_names(self.classes)[Y]

    def meta(self) -> dict[str, Any]:
        """What belongs to the data rather than to the network, for ``Network(meta=...)``."""
        meta: dict[str, Any] = {"task": self.task}
        for name, value in (("classes", self.classes), ("features", self.feature_names), ("image", self.image)):
            if value is not None:
                meta[name] = list(value)
        if self.target is not None:
            meta["target"] = self.target if isinstance(self.target, str) else list(self.target)
        return meta


def split(data: Data, test: float = 0.2, *, seed: int = 0) -> Data:
    """Set a part of the samples aside as ``X_test`` and ``Y_test``, every class in proportion.

    Parameters
    ----------
    data : Data
        Without a test part.
    test : float
        The fraction of the samples to set aside, between 0 and 1.
    seed : int
        The same seed gives the same split. The order of the samples is kept.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        ``data`` has a test part already, or one of the two parts would be empty.
    """
    if data.X_test is not None:
        raise ValueError(f"{data.name!r} has a test part of {len(data.X_test)} samples already. Use it as it is.")
    labels = data.Y if data.task == "classification" else None
    with called({"fraction": "test"}):
        train, aside = split_indices(len(data.X), test, seed=seed, labels=labels, groups=data.group)
    return parted(data, train, aside)


def parted(data: Data, train: npt.NDArray[np.intp], aside: npt.NDArray[np.intp]) -> Data:
    """The data with these rows, and with those as its test part."""
    weight = None if data.weight is None else data.weight[train]
    group = None if data.group is None else data.group[train]
    tables = [None if data.table is None else data.table.rows(index) for index in (train, aside)]
    return replace(
        data,
        X=rows_of(data.X, train),
        Y=data.Y[train],
        X_test=rows_of(data.X, aside),
        Y_test=data.Y[aside],
        weight=weight,
        group=group,
        table=tables[0],
        table_test=tables[1],
    )


def rows_of(X: Any, index: npt.NDArray[np.intp]) -> Any:
    """These rows of an array or a table."""
    return X.rows(index) if isinstance(X, Table) else take(X, index)
