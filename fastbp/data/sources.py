"""Where the features and targets of a data set stand, for every kind of source that ``fastbp.read`` takes."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data import tables
from fastbp.data.columns import Table
from fastbp.data.compressed import TABLES, first_bytes, plain_name
from fastbp.data.dialects import Dialect
from fastbp.data.formats import Raw, read_idx, read_npy, read_npz
from fastbp.data.frames import BINARY, read_binary, read_json
from fastbp.data.text import Columns, Progress, read_text
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Path = str | bytes | os.PathLike[Any]

KINDS = (
    "'digits', MNIST's idx files or their folder, .npz, .npy, .csv, .tsv and other delimited text, .jsonl, .parquet "
    "and .xlsx"
)
FOREIGN = (
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80", "a pickle, which fastbp never reads because a pickle can run any program"),
)
TABLE_KINDS = ("text", "json", "parquet", "arrow", "workbook")
"""What `kind_of` says of tables."""
IDX_NAME = re.compile(r"(train|t10k|test)([-_.]?)images([-_.])idx3([-_.])ubyte(\.gz)?", re.IGNORECASE)
X_KEYS = ("X", "x", "data", "X_train", "x_train")
Y_KEYS = ("y", "Y", "target", "targets", "label", "labels", "y_train", "Y_train")
X_TEST_KEYS = ("X_test", "x_test")
Y_TEST_KEYS = ("y_test", "Y_test")


def find(path: str, target: Any, weight: Path | int | None = None, kind: str | None = None) -> Raw:
    """Features, targets and, if asked for, weights of whatever stands at ``path`` and is no table."""
    kind = kind or kind_of(path)
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


def find_features(path: str, kind: str) -> Raw:
    """Features only, of what is no table; the targets need not exist."""
    if kind in ("idx", "npy"):
        return Raw(path, os.path.basename(path), _idx_images(path) if kind == "idx" else read_npy(path))
    return _digits() if kind == "digits" else OPENERS[kind](path, None)


def read_columns(
    path: str, kind: str, dialect: Dialect, target: tables.Names = None, progress: Progress | None = None
) -> Columns:
    """The columns of a table in a file."""
    if kind == "text":
        given = [] if target is None else [target] if isinstance(target, str | int) else list(target)
        words = [part.strip() for name in given if isinstance(name, str) for part in (name, *name.split(","))]
        return read_text(path, dialect, words, progress)
    return read_json(path, dialect) if kind == "json" else read_binary(path, kind, dialect)


def columns_of(source: Any) -> Columns:
    """The columns of a data frame, or of a mapping of names to columns."""
    table = Table.of(source)
    return Columns("the table", list(table.names), [table[name] for name in table.names], not table.numbered)


def _file(path: Path | int, parameter: str) -> str:
    """The path of a file beside that of the samples, which must exist."""
    name = str(path) if isinstance(path, int) else os.fsdecode(path)
    if not os.path.exists(name):
        problem = f"is {name!r}; there is no such file. Pass the path of a file that exists."
        raise argument_error(parameter, problem, FileNotFoundError)
    return name


def kind_of(path: str, stdin: bool = False) -> str:
    """What stands at a path: one of `TABLE_KINDS`, ``"digits"``, or a kind in `OPENERS`."""
    if path == "digits":
        return "digits"
    if os.path.isdir(path):
        return "folder"
    name = plain_name(path)
    start = first_bytes(path, 9)  # FileNotFoundError for a file that does not exist
    if not start:
        raise LoadError(f"{path!r} is empty. Pass a file with at least one sample.")
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    for magic, kind in BINARY.items():
        if start.startswith(magic):
            return kind
    for magic, what in FOREIGN:
        if start.startswith(magic):
            raise LoadError(f"{path!r} is {what}. fastbp reads {KINDS}; convert the file.")
    if start[8:] == b"{" and not name.endswith(TABLES):
        raise LoadError(f"{path!r} is a model file, or looks like one. Pass a file of samples: {KINDS}.")
    if name.endswith((".jsonl", ".ndjson", ".json")) or (stdin and start.lstrip()[:1] in (b"{", b"[")):
        return "json"
    if name.endswith(TABLES) or stdin:
        return "text"
    if name.endswith((".npy", ".npz")):
        raise LoadError(
            f"{path!r} starts with {start[:4].hex(' ')}: it is no {name[-4:]} file. Save it again with NumPy."
        )
    if "idx" in name or start.startswith(b"\0\0"):
        return "idx"
    raise LoadError(
        f"{path!r} is not a data file that fastbp knows. It reads {KINDS}; convert the file to one of these, or give "
        "it the ending of what it is."
    )


def _in_zip(path: str) -> str:
    """What a zip archive is: arrays, a workbook, or one table of text."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile meets damage with a dozen kinds; the reader of arrays says what is wrong
        return "npz"
    if any(name.startswith("xl/") for name in names) or "content.xml" in names:
        return "workbook"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    inside = [name for name in names if name.lower().endswith(TABLES)]
    if not inside:
        return "npz"
    return "json" if inside[0].lower().endswith((".jsonl", ".ndjson", ".json")) else "text"


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
