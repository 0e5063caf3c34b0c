"""Where the features and targets of a data set stand, for every kind of source that ``fastbp.read`` takes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.formats import STDIN, Raw, first_bytes, read_idx, read_npy, read_npz
from fastbp.data.tables import read_table
from fastbp.data.targets import Task
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Path = str | bytes | os.PathLike[Any]

KINDS = "'digits', MNIST's idx files or their folder, .npz, .npy, .csv and .tsv"
FOREIGN = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "a Feather file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80", "a pickle, which fastbp never reads because a pickle can run any program"),
)
IDX_NAME = re.compile(r"(train|t10k|test)([-_.]?)images([-_.])idx3([-_.])ubyte(\.gz)?", re.IGNORECASE)
X_KEYS = ("X", "x", "data", "X_train", "x_train")
Y_KEYS = ("y", "Y", "target", "targets", "label", "labels", "y_train", "Y_train")
X_TEST_KEYS = ("X_test", "x_test")
Y_TEST_KEYS = ("y_test", "Y_test")


def find(
    path: str,
    target: Path | int | None,
    weight: Path | int | None = None,
    task: Task | None = None,
    columns: Sequence[str] | None = None,
) -> Raw:
    """Features, targets and, if asked for, weights of whatever stands at ``path``."""
    kind = _kind(path)
    if kind == "table":
        return read_table(path, _name(target), weight=_name(weight), columns=columns, task=task, targets=True)
    if kind in ("digits", "folder") and target is not None:
        raise argument_error(
            "The target",
            f"is {str(target)!r}; {path!r} comes with targets of its own. Leave it out, or pass a file of samples.",
            LoadError,
            parameter="target",
        )
    raw = _digits() if kind == "digits" else OPENERS[kind](path, target)
    if weight is None:
        return raw
    if kind == "npz":
        arrays = read_npz(path)
        if str(weight) not in arrays:
            problem = (
                f"is {str(weight)!r}; {path!r} has no key {str(weight)!r}: it has {_keys(arrays)}. Pass one of these."
            )
            raise argument_error("weight", problem, LoadError)
        return replace(raw, weight=arrays[str(weight)])
    return replace(raw, weight=_npy(_file(weight, "weight"), "the weights"))


def _name(column: Path | int | None) -> str | int | None:
    return column if column is None or isinstance(column, int) else os.fsdecode(column)


def _file(path: Path | int, parameter: str) -> str:
    """The path of a file beside that of the samples, which must exist."""
    name = str(path) if isinstance(path, int) else os.fsdecode(path)
    if not os.path.exists(name):
        problem = f"is {name!r}; there is no such file. Pass the path of a file that exists."
        raise argument_error(parameter, problem, FileNotFoundError)
    return name


def find_features(path: str, columns: Sequence[str] | None, drop: str | int | None) -> Raw:
    """Features only; the targets need not exist."""
    kind = _kind(path)
    if kind == "table":
        return read_table(path, columns=columns, drop=drop)
    if kind in ("idx", "npy"):
        return Raw(path, os.path.basename(path), _idx_images(path) if kind == "idx" else read_npy(path))
    return _digits() if kind == "digits" else OPENERS[kind](path, None)


def _kind(path: str) -> str:
    if path == "digits":
        return "digits"
    if path == STDIN:
        return "table"
    if os.path.isdir(path):
        return "folder"
    name = os.path.basename(path).lower().removesuffix(".gz")
    start = first_bytes(path, 9)  # FileNotFoundError for a file that does not exist
    if not start:
        raise LoadError(f"{path!r} is empty. Pass a file with at least one sample.")
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"PK\x03\x04"):
        return "npz"
    for magic, what in FOREIGN:
        if start.startswith(magic):
            raise LoadError(f"{path!r} is {what}. fastbp reads {KINDS}, tables also with gzip; convert the file.")
    if start[8:] == b"{":
        raise LoadError(f"{path!r} is a model file, or looks like one. Pass a file of samples: {KINDS}.")
    if name.endswith((".csv", ".tsv")):
        return "table"
    if name.endswith((".npy", ".npz")):
        raise LoadError(
            f"{path!r} starts with {start[:4].hex(' ')}: it is no {name[-4:]} file. Save it again with NumPy."
        )
    if "idx" in name or start.startswith(b"\0\0"):
        return "idx"
    raise LoadError(
        f"{path!r} is not a data file that fastbp knows. It reads {KINDS}; convert the file to one of these."
    )


def _digits() -> Raw:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The data set 'digits' comes with scikit-learn, which is not installed. Install it with: "
            'pip install "fastbp[sklearn]"',
            name=error.name,
        ) from error
    digits = load_digits()
    return Raw("digits", "digits", digits.data, digits.target, image=(8, 8), peak=16.0)


def _idx_folder(path: str, target: Path | int | None) -> Raw:
    found: dict[str, str] = {}
    for entry in sorted(os.listdir(path), reverse=True):  # a plain file wins over its .gz
        if match := IDX_NAME.fullmatch(entry):
            found["train" if match[1].lower() == "train" else "test"] = os.path.join(path, entry)
    if "train" not in found:
        raise LoadError(
            f"The folder {path!r} has no file train-images-idx3-ubyte (or .gz). Put MNIST's four idx files there, or "
            "pass the path of a single file."
        )
    data = _idx_pair(found["train"], None)
    test = _idx_pair(found["test"], None) if "test" in found else None
    name = os.path.basename(os.path.abspath(path))
    data = replace(data, where=path, name=name)
    return data if test is None else replace(data, X_test=test.X, y_test=test.y)


def _idx_images(path: str) -> Array:
    X = read_idx(path)
    if X.ndim < 2:
        raise LoadError(f"{path!r} holds {X.ndim} dimension; images have 3. Pass the file of images, not of labels.")
    return X


def _idx_pair(path: str, target: Path | int | None) -> Raw:
    X = _idx_images(path)
    labels = _labels_beside(path) if target is None else _file(target, "target")
    y = None if labels is None else read_idx(labels)
    if y is not None and y.ndim != 1:
        raise LoadError(f"{labels!r} holds {y.ndim} dimensions; labels have 1. Pass the file of labels as target.")
    peak = 255.0 if X.dtype == np.uint8 and X.ndim > 2 else None
    image = X.shape[1:] if X.ndim > 2 else None
    hint = "Put the file of the labels (train-labels-idx1-ubyte) beside it, or pass its path as target."
    return Raw(path, os.path.basename(path), X, y, image=image, peak=peak, hint=hint)


def _labels_beside(path: str) -> str | None:
    folder, name = os.path.split(path)
    plain = name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    candidates = [os.path.join(folder, plain + ending) for ending in ("", ".gz")]
    return next((file for file in candidates if os.path.exists(file) and file != path), None)


def _npy_pair(path: str, target: Path | int | None) -> Raw:
    folder, name = os.path.split(path)
    beside = re.sub(r"(?i)(^|[-_.])(x|data|features|images)(?=[-_.])", _sibling, name, count=1)
    labels = os.path.join(folder, beside) if target is None else _file(target, "target")
    known = target is not None or (beside != name and os.path.exists(labels))
    y = _npy(labels, "the targets") if known else None
    hint = "Pass the .npy file of the targets as target, or name the two X.npy and y.npy."
    return Raw(path, name, read_npy(path), y, hint=hint)


def _npy(path: str, what: str) -> Array:
    if not first_bytes(path).startswith(b"\x93NUMPY"):
        raise LoadError(f"{path!r} is not a .npy file. Pass the .npy file of {what}.")
    return read_npy(path)


def _sibling(match: re.Match[str]) -> str:
    word = {"x": "y", "X": "y", "data": "target", "features": "targets", "images": "labels"}
    return match[1] + word.get(match[2], word.get(match[2].lower(), ""))


def _npz(path: str, target: Path | int | None) -> Raw:
    arrays = read_npz(path)
    keys = _keys(arrays)
    X = _first(arrays, X_KEYS)
    if X is None:
        raise LoadError(f"{path!r} has the keys {keys}; the features must be 'X', 'x_train' or 'data'. Rename them.")
    if target is not None and str(target) not in arrays:
        problem = f"is {str(target)!r}; {path!r} has no key {str(target)!r}: it has {keys}. Pass one of these."
        raise argument_error("target", problem, LoadError)
    y = _first(arrays, Y_KEYS) if target is None else arrays[str(target)]
    X_test, y_test = _first(arrays, X_TEST_KEYS), _first(arrays, Y_TEST_KEYS)
    hint = f"It has the keys {keys}; the targets should be 'y', 'y_train' or 'target'. Or pass a key as target."
    return Raw(path, os.path.basename(path), X, y, X_test, y_test, hint=hint)


def _keys(arrays: Mapping[str, Array]) -> str:
    return ", ".join(repr(key[:40]) for key in list(arrays)[:12]) or "none"


def _first(arrays: Mapping[str, Array], keys: Sequence[str]) -> Array | None:
    return next((arrays[key] for key in keys if key in arrays), None)


OPENERS: dict[str, Callable[[str, Path | int | None], Raw]] = {
    "folder": _idx_folder,
    "npy": _npy_pair,
    "npz": _npz,
    "idx": _idx_pair,
}
