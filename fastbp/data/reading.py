"""Data files: ``read`` finds out what a file holds, and gives it as arrays ready for ``train``.

The values of ``X`` stay as they were read. ``Data.scaling`` is the step that brings them to the range in which networks
learn well; a `Model` keeps it beside the network.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastbp.arrays import as_names, as_sample_weight
from fastbp.checks import check_name
from fastbp.chunks import every, extremes, take
from fastbp.data import sources
from fastbp.data.formats import Raw
from fastbp.data.scaling import Scale, standardise
from fastbp.data.targets import Task, check_task, encode
from fastbp.errors import LoadError, argument_error, called

Array = npt.NDArray[Any]
Path = str | bytes | os.PathLike[Any]

__all__ = ["Data", "read", "read_features", "split", "split_indices"]


@dataclass(frozen=True, eq=False)
class Data:
    """A data set.

    Attributes
    ----------
    X : array (n_samples, n_features)
        In the file's units; integers, float32 or float64.
    Y : array
        Classification: (n_samples,) int64, indices into ``classes``. Regression: (n_samples, n_outputs) float64.
    task : "classification" or "regression"
    name : str
    X_test, Y_test : arrays or None
        A test part, if the source has one; ``split`` makes one.
    classes : tuple or None
        Of classification: what the file calls class 0, 1, ...
    feature_names : tuple of str or None
    target : str or None
        Name of the target column.
    image : tuple of int or None
        Height and width (and channels), if a row of ``X`` is an image.
    peak : float or None
        Of images: the largest value a pixel can have.
    weight : array (n_samples,) or None
        Weights of the samples of ``X``, if the source was asked for them.
    """

    X: Array = field(repr=False)
    Y: Array = field(repr=False)
    task: Task
    name: str
    X_test: Array | None = field(default=None, repr=False)
    Y_test: Array | None = field(default=None, repr=False)
    classes: tuple[Any, ...] | None = None
    feature_names: tuple[str, ...] | None = field(default=None, repr=False)
    target: str | None = None
    image: tuple[int, ...] | None = None
    peak: float | None = None
    weight: Array | None = field(default=None, repr=False)

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
            meta["target"] = self.target
        return meta


def read(
    path: Path | tuple[Path, Path],
    target: Path | int | None = None,
    *,
    weight: Path | int | None = None,
    task: Task | None = None,
    columns: Sequence[str] | None = None,
    missing_targets: Literal["ignore"] | None = None,
) -> Data:
    """Read a data set with targets.

    Parameters
    ----------
    path : str, bytes, path-like or pair of these
        ``"digits"`` (scikit-learn's bundled handwritten digits), a folder with MNIST's idx files, an idx file of images
        (the labels beside it are found), an ``.npz`` file, a ``.npy`` file of features, or a ``.csv`` or ``.tsv`` file;
        ``"-"`` is a table on standard input. idx files and tables may be compressed with gzip. A pair is the file of
        the features and that of the targets.
    target : str, path-like, int or None
        Tables: name or index of the target column. ``.npz``: the key of the targets, if it is not a usual one
        (``y``, ``target``, ``labels``, ``y_train``). Other files: the file of the targets.
    weight : str, path-like, int or None
        Tables: name or index of the column of the samples' weights. ``.npz``: their key. Other sources: their ``.npy``
        file. The test part has none.
    task : "classification", "regression" or None
        None decides from the targets: text, booleans, one-hot rows and whole numbers of few distinct values (two, or at
        most 100 that occur twice on average) are classes, everything else is regression. Text that looks like numbers
        (``$412,345``) is refused unless it is said to be the names of classes.
    columns : sequence of str or None
        Tables with a header: the features wanted, in this order; None for all columns but the target and the weights.
    missing_targets : "ignore" or None
        Arrays of numbers: whether NaN is a target that is missing, as `fastbp.train` takes them. A row of a table has
        one target, without which it tells nothing: it is refused.

    Returns
    -------
    Data

    Raises
    ------
    LoadError
        The file is malformed, truncated or damaged, has values that are missing, infinite or not numbers, does not have
        the target or weights asked for, or is too large. A compressed file may grow to 100 times its size, in any case
        to 16 MB of a table and to 1 GB of arrays; a line of a table may have 16 million characters and a cell 131,072;
        and the values must fit into memory, 8 bytes each.
    ValueError, TypeError
        ``task`` or ``path`` is nothing of the kind.
    ModuleNotFoundError
        ``"digits"`` without scikit-learn.
    OSError
        The file does not exist or cannot be read.
    """
    check_task(task)
    if missing_targets is not None:
        check_name(missing_targets, ("ignore",), "missing_targets")
    if isinstance(path, tuple) and len(path) == 2:
        path, target = path
    name = _name(path)
    with _loading(name):
        raw = sources.find(name, target, weight, task, columns)
        if raw.y is None:
            raise LoadError(f"{raw.where!r} has no targets that fastbp can find. {raw.hint}")
        return _data(raw, task, missing_targets is not None)


def _data(raw: Raw, task: Task | None, missing: bool) -> Data:
    """A data set from what was found, checked and encoded."""
    assert raw.y is not None
    _check_rows(raw.where, raw.X, raw.y)
    X, image = _flatten(raw.where, raw.X)
    X_test, parts = None, [raw.y]
    if raw.X_test is not None and raw.y_test is not None:
        _check_rows(raw.where, raw.X_test, raw.y_test)
        if raw.X_test.shape[1:] != raw.X.shape[1:]:
            raise LoadError(
                f"{raw.where!r} has samples of shape {raw.X.shape[1:]} to train on and {raw.X_test.shape[1:]} to test "
                "on; both must be the same. Check which files belong together."
            )
        X_test, _ = _flatten(raw.where, raw.X_test)
        parts.append(raw.y_test)
    found, classes, targets = encode(parts, task, raw.where, raw.lines, missing=missing)
    try:
        weight = as_sample_weight(raw.weight, len(X), np.dtype(np.float64))
    except (ValueError, TypeError) as error:
        raise LoadError(f"{raw.where!r}: {error}") from None
    return Data(
        X,
        targets[0],
        task=found,
        name=raw.name,
        X_test=X_test,
        Y_test=targets[1] if len(parts) == 2 else None,
        classes=classes,
        feature_names=raw.names,
        target=raw.target,
        image=raw.image or image,
        peak=raw.peak if raw.peak is not None or image is None else _peak(raw.X),
        weight=weight,
    )


def _name(path: Any) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise argument_error(
            "path",
            f"is a {type(path).__name__}; a path or a pair of paths is needed. Arrays need no reading: pass them "
            "to fastbp.train.",
            TypeError,
        ) from None


@contextlib.contextmanager
def _loading(name: str) -> Iterator[None]:
    """Context in which too little memory is an error of the file."""
    try:
        yield
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        raise LoadError(f"{name!r} holds more than there is memory for{reason}. Pass a smaller file.") from None


def read_features(path: Path, *, columns: Sequence[str] | None = None, drop: str | int | None = None) -> Array:
    """Read features only, to predict from.

    Parameters
    ----------
    path : str, bytes or path-like
        Of the kinds that ``read`` takes.
    columns : sequence of str or None
        Tables with a header: the columns wanted, in this order (``Model.features``).
    drop : str, int or None
        Tables: a column that is not a feature; ignored where a file does not have it, or with ``columns``.

    Returns
    -------
    array (n_samples, n_features)
        In the file's units. Of a folder of idx files it is the test part if there is one.

    Raises
    ------
    LoadError, TypeError, OSError
        As `read`.
    """
    name = _name(path)
    with _loading(name):
        raw = sources.find_features(name, columns, drop)
        X = raw.X if raw.X_test is None else raw.X_test
        return _flatten(raw.where, X)[0]


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
        train, aside = split_indices(len(data.X), test, seed=seed, labels=labels)
    weight = None if data.weight is None else data.weight[train]
    return replace(
        data, X=take(data.X, train), Y=data.Y[train], X_test=take(data.X, aside), Y_test=data.Y[aside], weight=weight
    )


def split_indices(
    n: int, fraction: float, *, seed: int = 0, labels: npt.ArrayLike | None = None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of the samples to keep and of those to set aside, each ascending.

    Parameters
    ----------
    n : int
        Number of samples.
    fraction : float
        Of the samples to set aside, between 0 and 1; the number is rounded to the nearest.
    seed : int
        Of NumPy's PCG64 generator.
    labels : array (n,) or None
        Class of each sample: each class is then divided in this proportion too, and keeps at least one sample.
    """
    if not 0 < fraction < 1:
        problem = f"is {fraction}; it must lie between 0 and 1, for example 0.2. Pass another number."
        raise argument_error("fraction", problem)
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(n)
    wanted = round(n * fraction)
    groups = np.zeros(n, np.intp) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    # Rank r of a sample within its class of m, in random order: the smallest (r + 1/2) / m are set aside. This takes
    # the same share of every class and the wanted number in all, as nearly as whole samples allow.
    counts = np.bincount(groups, minlength=1)
    by_class = order[np.argsort(groups[order], kind="stable")]
    rank = np.empty(n, np.intp)
    rank[by_class] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    position = (rank + 0.5) / counts[groups]
    position[rank == counts[groups] - 1] = np.inf  # the last of each class stays
    chosen = order[np.argsort(position[order], kind="stable")][:wanted]
    aside = np.sort(chosen[np.isfinite(position[chosen])])
    if not 0 < aside.size < n:
        problem = f"is {fraction:g}, and one part of {n} samples would be empty. Pass another number, or more samples."
        if labels is not None and 1 < n == len(counts):
            problem = f"is {fraction:g}, and each of the {n} classes has one sample, which stays. Pass another target."
        raise argument_error("fraction", problem)
    kept = np.ones(n, bool)
    kept[aside] = False
    return np.flatnonzero(kept), aside


def _check_rows(where: str, X: Array, y: Array) -> None:
    for what, part in (("features", X), ("targets", y)):
        if not part.ndim:
            raise LoadError(
                f"{where!r} has a single number as its {what}; an array is needed. Save one with a row for each sample."
            )
    if len(X) != len(y):
        raise LoadError(f"{where!r} has {len(X)} samples and {len(y)} targets; there must be one target for each.")
    if len(X) == 0:
        raise LoadError(f"{where!r} has no samples. Pass a file with at least one.")


def _flatten(where: str, X: Array) -> tuple[Array, tuple[int, ...] | None]:
    """X as (n_samples, n_features) of numbers, and the shape of an image if that is what a sample was."""
    if X.ndim < 2 or X.size == 0:
        raise LoadError(
            f"{where!r} has features of shape {X.shape}; needed is (n_samples, n_features), neither of them 0. For a "
            "single feature use X.reshape(-1, 1)."
        )
    if X.dtype.kind not in "biuf":
        raise LoadError(f"{where!r} has features of type {X.dtype}; needed are real numbers. Convert them first.")
    image = tuple(n for n in X.shape[1:] if n > 1) if X.ndim > 2 else None
    flat = X.reshape(len(X), -1)
    if flat.dtype.kind == "f":
        flat = flat.astype(np.float32 if flat.dtype.itemsize == 4 else np.float64, copy=False)
        if not every(np.isfinite, flat):
            i, k = np.argwhere(~np.isfinite(flat))[0]
            raise LoadError(
                f"{where!r} has the value {flat[i, k]} in row {i}, column {k}, counting from 0; every value must be a "
                "finite number. Fill in or remove it."
            )
    return flat, image


def _peak(X: Array) -> float | None:
    """The largest value the pixels can have, or None when they do not look like pixels."""
    low, high = extremes(X)
    if low < 0 or high > 255:
        return None
    return 255.0 if X.dtype == np.uint8 or high > 1 else 1.0
