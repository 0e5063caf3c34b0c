"""Data files: ``read`` finds out what a file holds, and gives it as arrays ready for ``train``.

The values of ``X`` stay as they were read. ``Data.scaling`` is the step that brings them to the range in which networks
learn well; a `Model` keeps it beside the network.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastbp.arrays import as_sample_weight
from fastbp.checks import check_name
from fastbp.chunks import every, extremes
from fastbp.data import sources, tables
from fastbp.data.columns import Table
from fastbp.data.compressed import STDIN, on_disk
from fastbp.data.dataset import Data, split
from fastbp.data.dialects import Dialect
from fastbp.data.formats import Raw
from fastbp.data.splitting import split_indices
from fastbp.data.targets import Task, check_task, encode
from fastbp.data.text import Progress
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Path = str | bytes | os.PathLike[Any]

__all__ = ["Data", "read", "read_features", "split", "split_indices"]


def read(
    path: Any,
    target: Any = None,
    *,
    weight: Path | int | None = None,
    group: str | int | None = None,
    task: Task | None = None,
    columns: Sequence[str] | None = None,
    missing_targets: Literal["ignore"] | None = None,
    decimal: Any = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    header: bool | None = None,
    sheet: str | None = None,
    progress: Progress | None = None,
) -> Data:
    """Read a data set with targets.

    Parameters
    ----------
    path : str, bytes, path-like, pair of these, data frame or mapping
        ``"digits"`` (scikit-learn's bundled handwritten digits), a folder with MNIST's idx files, an idx file of images
        (the labels beside it are found), an ``.npz`` file, a ``.npy`` file of features, or a table: delimited text
        (``.csv``, ``.tsv``, ``.txt``, ``.dat``, ...), JSON lines (``.jsonl``, ``.ndjson``, ``.json``), Parquet, Arrow,
        or a workbook (``.xlsx``, ``.xls``, ``.ods``); these three need the extra ``tables``. ``"-"`` is a table on
        standard input. idx files and text may be compressed with gzip, bzip2 or xz, or be alone in a zip archive. A
        pair is the file of the features and that of the targets. A pandas or polars frame, or a mapping of names to
        columns, is a table too.
    target : str, path-like, int, sequence of str or int, or None
        Tables: name or index of the target column, or of several, also as one text with commas. ``.npz``: the key of
        the targets, if it is not a usual one (``y``, ``target``, ``labels``, ``y_train``). Other files: the file of the
        targets.
    weight : str, path-like, int or None
        Tables: name or index of the column of the samples' weights. ``.npz``: their key. Other sources: their ``.npy``
        file. The test part has none.
    group : str, int or None
        Tables: name or index of the column that says which rows belong together; `split` keeps them so.
    task : "classification", "regression" or None
        None decides from the targets: text, booleans, one-hot rows and whole numbers of few distinct values (two, or at
        most 100 that occur twice on average) are classes, everything else is regression. Text that looks like numbers
        (``$412,345``) is refused unless it is said to be the names of classes.
    columns : sequence of str or None
        Tables with a header: the features wanted, in this order; None for all columns but the target, the weights and
        the group.
    missing_targets : "ignore" or None
        Whether targets may be missing, as `fastbp.train` takes them: NaN in arrays, and in tables a row without a
        target, which is left out; of several targets, only those that are there count.
    decimal : ".", "," or None
        Decimal mark of targets that are text, where no cell decides.
    delimiter, encoding, quote, comment, header, sheet
        Of a table: the mark between cells, Python's name of the encoding, the mark around cells or ``"none"``, what
        lines begin with that are no rows, whether the first row names the columns, and the sheet of a workbook. None
        finds out: of encodings UTF-8, or what the file's first bytes say.
    progress : callable, optional
        Is called with the bytes that have been read, and those there are, while text is read.

    Returns
    -------
    Data

    Raises
    ------
    LoadError
        The file is malformed, truncated or damaged, does not have the target or weights asked for, has targets that are
        missing, infinite or may mean two things, or is too large. A compressed file may grow to 100 times its size, in
        any case to 16 MB of a table and to 1 GB of arrays; a line of a table may have 16 million characters and a cell
        131,072; and the values must fit into memory.
    ValueError, TypeError
        ``task`` or ``path`` is nothing of the kind.
    ModuleNotFoundError
        ``"digits"`` without scikit-learn; Parquet, Arrow or a workbook without polars.
    OSError
        The file does not exist or cannot be read.
    """
    check_task(task)
    if missing_targets is not None:
        check_name(missing_targets, ("ignore",), "missing_targets")
    dialect = Dialect(delimiter, encoding, quote, comment, header, sheet)
    missing = missing_targets is not None
    if isinstance(path, tuple) and len(path) == 2:
        path, target = path
    asked: dict[str, Any] = {"columns": columns, "weight": _column(weight), "group": _column(group), "task": task}
    if _is_frame(path):
        held = sources.columns_of(path)
        return _data(
            tables.arrange(held, target, targets=True, missing_targets=missing, decimal=decimal, **asked), task, missing
        )
    name = _name(path)
    with _loading(name), on_disk(name) as file:
        kind = sources.kind_of(file, name == STDIN)
        if kind in sources.TABLE_KINDS:
            wanted = _columns(target)
            held = sources.read_columns(file, kind, dialect, wanted, progress)
            raw = tables.arrange(held, wanted, targets=True, missing_targets=missing, decimal=decimal, **asked)
        else:
            raw = sources.find(file, target, weight, kind)
        if raw.y is None:
            raise LoadError(f"{raw.where!r} has no targets that fastbp can find. {raw.hint}")
        data = _data(raw, task, missing)
    return data if name != STDIN else replace(data, name=name)


def read_table(path: Any, *, progress: Progress | None = None, **format: Any) -> Table | None:
    """The columns of a table as they stand in a file; None for a file that is no table.

    Parameters
    ----------
    path, progress
        As of `read`.
    **format
        ``delimiter``, ``encoding`` and so on, as of `read`.

    Returns
    -------
    Table or None
        Of two columns with the same name, the second has its index behind it.

    Raises
    ------
    LoadError, ValueError, TypeError, ModuleNotFoundError, OSError
        As `read`.
    """
    if _is_frame(path):
        return Table.of(path)
    name = _name(path)
    dialect = Dialect(**format)
    with _loading(name), on_disk(name) as file:
        kind = sources.kind_of(file, name == STDIN)
        if kind not in sources.TABLE_KINDS:
            return None
        return tables.table_of(sources.read_columns(file, kind, dialect, progress=progress), repr(name))


def with_test(
    data: Data, path: Any, *, missing_targets: Literal["ignore"] | None = None, decimal: Any = None, **format: Any
) -> Data:
    """The data of a table, with the rows of another one to test on.

    Parameters
    ----------
    data : Data
        Without a test part; its classes are those of its own rows.
    path : str, path-like, data frame or mapping
        A table with the same columns.
    missing_targets, decimal, **format
        As of `read`.

    Returns
    -------
    Data
        Its ``X_test`` and ``table_test`` are `Table`.

    Raises
    ------
    LoadError
        As `read`, and for a class that ``data`` does not have.
    """
    name = "the table" if _is_frame(path) else _name(path)
    if data.table is None or data.X_test is not None:
        raise ValueError(f"{data.name!r} is no table, or has a test part already. Pass a table without one.")
    dialect = Dialect(**format)
    target: Any = data.target if isinstance(data.target, str | None) else list(data.target)
    if data.table.numbered and isinstance(target, str):
        target = int(target)
    options: dict[str, Any] = {"targets": True, "missing_targets": missing_targets is not None, "decimal": decimal}
    if _is_frame(path):
        raw = tables.arrange(sources.columns_of(path), target, task=data.task, **options)
    else:
        with _loading(name), on_disk(name) as file:
            kind = sources.kind_of(file, name == STDIN)
            if kind not in sources.TABLE_KINDS:
                raise LoadError(f"{name!r} is no table, and {data.name!r} is one. Pass a table with the same columns.")
            held = sources.read_columns(file, kind, dialect, target)
            raw = tables.arrange(held, target, task=data.task, **options)
    assert raw.y is not None
    return replace(data, X_test=raw.table, table_test=raw.table, Y_test=_known(raw, data))


def _known(raw: Raw, data: Data) -> Array:
    """The targets of other rows, as those of the data are encoded."""
    assert raw.y is not None
    if data.classes is None:
        return encode([raw.y], "regression", raw.where, raw.lines, missing=True)[2][0]
    known = {str(name): label for label, name in enumerate(data.classes)}
    labels = [known.get(str(value)) for value in raw.y.tolist()]
    if None in labels:
        wrong = raw.y.tolist()[labels.index(None)]
        raise LoadError(
            f"{raw.where!r} has the class {wrong!r}; {data.name!r} knows {', '.join(list(known)[:12])}. Remove such "
            "rows, or train on rows of this class too."
        )
    return np.array(labels, np.int64)


def _is_frame(source: Any) -> bool:
    return isinstance(source, Table | Mapping) or (hasattr(source, "columns") and hasattr(source, "__getitem__"))


def _column(name: Any) -> Any:
    return os.fsdecode(name) if isinstance(name, bytes | os.PathLike) else name


def _columns(target: Any) -> Any:
    """Names or indices of the targets of a table."""
    if target is None or isinstance(target, str | int | bytes | os.PathLike):
        return _column(target)
    return [_column(name) for name in target]


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
        table=raw.table,
        group=raw.group,
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


def read_features(
    path: Path, *, columns: Sequence[str] | None = None, drop: str | int | None = None, **format: Any
) -> Any:
    """Read features only, to predict from.

    Parameters
    ----------
    path : str, bytes or path-like
        Of the kinds that ``read`` takes.
    columns : sequence of str or None
        Tables with a header: the columns wanted, in this order (``Model.features``).
    drop : str, int or None
        Tables: a column that is not a feature; ignored where a file does not have it, or with ``columns``.
    **format
        ``delimiter``, ``encoding`` and so on, as of `read`.

    Returns
    -------
    array (n_samples, n_features), or Table
        In the file's units; a `Table` where a table has cells that are no plain numbers. Of a folder of idx files it is
        the test part if there is one.

    Raises
    ------
    LoadError, TypeError, OSError
        As `read`.
    """
    name = _name(path)
    dialect = Dialect(**format)
    with _loading(name), on_disk(name) as file:
        kind = sources.kind_of(file, name == STDIN)
        if kind in sources.TABLE_KINDS:
            raw = tables.arrange(sources.read_columns(file, kind, dialect), columns=columns, drop=drop)
            return raw.X
        raw = sources.find_features(file, kind)
        X = raw.X if raw.X_test is None else raw.X_test
        return _flatten(raw.where, X)[0]


def _check_rows(where: str, X: Any, y: Array) -> None:
    for what, part in (("features", X), ("targets", y)):
        if not len(part.shape):
            raise LoadError(
                f"{where!r} has a single number as its {what}; an array is needed. Save one with a row for each sample."
            )
    if len(X) != len(y):
        raise LoadError(f"{where!r} has {len(X)} samples and {len(y)} targets; there must be one target for each.")
    if len(X) == 0:
        raise LoadError(f"{where!r} has no samples. Pass a file with at least one.")


def _flatten(where: str, X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """X as (n_samples, n_features) of numbers, and the shape of an image if that is what a sample was."""
    if isinstance(X, Table):
        return X, None
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
