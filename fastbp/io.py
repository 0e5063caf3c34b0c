"""Model files: ``save`` and ``load``.

A model file holds the arrays ``layers.{l}.weight`` (J, K) and ``layers.{l}.bias`` (J,) for l = 1..L in the safetensors
layout, so that the safetensors library reads it too, and a description of the network: format version, sizes, names out
of closed lists, and ``net.meta``. ``_container.py`` says where which byte stands. Nothing in a file is ever executed.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from fastbp._atomic import write_atomically
from fastbp._container import AGAIN, MAX_DEPTH, Array, pack, unpack
from fastbp.errors import LoadError

if TYPE_CHECKING:
    from fastbp.network import Network

FORMAT_VERSION = 1
# The names format version 1 may hold. They belong to the format: from the first release on, a name
# added to fastbp needs a new format version.
ACTIVATIONS = (
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "softplus",
    "silu",
    "gelu",
    "mish",
    "identity",
    "exp",
    "softmax",
)
COSTS = ("quadratic", "cross_entropy", "poisson")
DTYPES = ("float32", "float64")
TASKS = ("classification", "regression")
KEYS = {"format_version", "sizes", "activations", "cost", "dtype", "meta"}


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a model file.

    The file appears whole or not at all: on any failure (disk full, interruption, power loss) an older file of that
    name stays as it was.

    Parameters
    ----------
    net : Network
        Its weights, biases and ``meta`` are stored. Values of ``meta`` may be strings, numbers, booleans, None, and
        lists, arrays or mappings of these. Weights that are not finite are written as they are; ``load`` then asks for
        ``allow_nonfinite=True``.
    path : str or path-like
        The file; ``.fastbp`` is the usual ending.

    Raises
    ------
    TypeError, ValueError
        ``net.meta`` holds something that a model file cannot, or more than fits into the 1 MB of the header.
    OSError
        The file cannot be written.
    """
    _check_path(path)
    if not hasattr(net, "sizes"):
        raise TypeError(f"net is {net!r}; a network is needed. Pass fastbp.save(net, path).")
    description = {
        "format_version": FORMAT_VERSION,
        "sizes": [int(size) for size in net.sizes],
        "activations": list(net.activations),
        "cost": net.cost,
        "dtype": np.dtype(net.dtype).name,
        "meta": _plain(net.meta, "net.meta"),
    }
    try:  # what would not load is not saved
        _check_description(description)
    except LoadError as error:
        raise ValueError(f"This network cannot be saved: its file {error}") from None
    tensors = {}
    for l in range(1, len(net.sizes)):
        tensors[f"layers.{l}.weight"] = net.w[l]
        tensors[f"layers.{l}.bias"] = net.b[l]
    write_atomically(path, pack(description, tensors))


def load(path: str | os.PathLike[str], *, allow_nonfinite: bool = False) -> Network:
    """Read a network from a model file.

    Parameters
    ----------
    path : str or path-like
        A file that ``save`` wrote. It may come from anywhere: reading it runs nothing that it contains.
    allow_nonfinite : bool
        Accept weights and biases that are NaN or infinite.

    Returns
    -------
    Network

    Raises
    ------
    LoadError
        The file is empty, truncated, damaged, of another kind or program, or of a newer format; the message says which.
    OSError
        The file does not exist or cannot be read.
    """
    name = _check_path(path)
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # open() would wait at a pipe; at a directory it raises
            raise LoadError("is not a regular file. Pass the path of a file that fastbp.save wrote.")
        with open(path, "rb") as stream:
            description, tensors = unpack(stream, os.fstat(stream.fileno()).st_size)
        _check_description(description)
        _check_tensors(description, tensors, allow_nonfinite)
        return _build(description, tensors)
    except LoadError as error:
        raise LoadError(f"{name!r} {error}") from error.__cause__


def _check_path(path: Any) -> Any:
    """The path as a name."""
    try:
        return os.fspath(path)
    except TypeError:
        raise TypeError(f"path is {path!r}; the name of a file is needed. Pass 'digits.fastbp', say.") from None


def _build(description: dict[str, Any], tensors: dict[str, Array]) -> Network:
    from fastbp.network import Network

    sizes = description["sizes"]
    try:
        net = Network(
            sizes,
            activations=description["activations"],
            cost=description["cost"],
            dtype=description["dtype"],
            seed=0,
            meta=description["meta"],
        )
    except (ValueError, TypeError) as error:
        raise LoadError(f"describes a network that cannot be: {error}") from error
    for l in range(1, len(sizes)):
        net.w[l][...] = tensors[f"layers.{l}.weight"]
        net.b[l][...] = tensors[f"layers.{l}.bias"]
    return net


def _check_description(d: dict[str, Any]) -> None:
    """Closed lists and plausible numbers only."""
    version = d.get("format_version")
    if not _is_int(version) or version < 1:
        raise LoadError(
            f"is damaged: its format_version is {_short(version)}; it must be a whole number from 1. {AGAIN}"
        )
    if version > FORMAT_VERSION:
        raise LoadError(
            f"was written by a newer fastbp: it has format version {version}, and this fastbp reads versions up to "
            f"{FORMAT_VERSION}. Upgrade with: pip install --upgrade fastbp"
        )
    if set(d) != KEYS:
        raise LoadError(f"is damaged: its description must hold {', '.join(sorted(KEYS))}, and nothing else. {AGAIN}")
    sizes, activations = d["sizes"], d["activations"]
    if not isinstance(sizes, list) or len(sizes) < 2 or not all(_is_int(size) and size >= 1 for size in sizes):
        raise LoadError(f"has sizes {_short(sizes)}; they must be two or more whole numbers from 1. {AGAIN}")
    if not isinstance(activations, list) or len(activations) != len(sizes) - 1:
        raise LoadError(f"has {_short(activations)} for activations; {len(sizes) - 1} names are needed. {AGAIN}")
    for what, value, names in [
        *(("activation", name, ACTIVATIONS) for name in activations),
        ("cost", d["cost"], COSTS),
        ("dtype", d["dtype"], DTYPES),
    ]:
        if not isinstance(value, str) or value not in names:
            raise LoadError(
                f"has the {what} {_short(value)}; format version {version} knows {', '.join(names)}. {AGAIN}"
            )
    _check_meta(d["meta"], sizes[0])


def _check_meta(meta: Any, n_inputs: int) -> None:
    """The entries that fastbp itself reads; others are the user's own and never interpreted."""
    if not isinstance(meta, dict):
        raise LoadError(f"has {_short(meta)} for meta; it must be a mapping. {AGAIN}")
    if "task" in meta and meta["task"] not in TASKS:
        raise LoadError(f"has the task {_short(meta['task'])} in meta; known are {', '.join(TASKS)}. {AGAIN}")
    classes = meta.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(name, str | int | float) for name in classes):
        raise LoadError(f"has classes {_short(classes)} in meta; a list of names or numbers is needed. {AGAIN}")
    if "input" not in meta:
        return
    scaling = meta["input"]
    if not isinstance(scaling, dict) or set(scaling) != {"subtract", "divide"}:
        raise LoadError(f"has {_short(scaling)} for the input scaling in meta; subtract and divide are needed. {AGAIN}")
    for name, value in scaling.items():
        numbers = value if isinstance(value, list) else [value]
        fits = not isinstance(value, list) or len(value) == n_inputs
        if not fits or not all(_is_number(v) and (v != 0 or name == "subtract") for v in numbers):
            need = f"one number, or one for each of the {n_inputs} inputs, none of them 0 to divide by"
            raise LoadError(f"has {_short(value)} as {name} of the input scaling in meta; needed is {need}. {AGAIN}")


def _check_tensors(description: dict[str, Any], tensors: dict[str, Array], allow_nonfinite: bool) -> None:
    """Exactly the arrays that the sizes ask for, and finite numbers in them."""
    sizes = description["sizes"]
    shapes: dict[str, tuple[int, ...]] = {}
    for l in range(1, len(sizes)):
        shapes[f"layers.{l}.weight"] = (sizes[l], sizes[l - 1])
        shapes[f"layers.{l}.bias"] = (sizes[l],)
    if list(tensors) != list(shapes):
        names = _short(list(tensors))
        raise LoadError(f"holds the tensors {names}; sizes {_short(sizes)} need {_short(list(shapes))}. {AGAIN}")
    for name, tensor in tensors.items():
        if tensor.shape != shapes[name] or tensor.dtype.name != description["dtype"]:
            got = f"tensor {name} as {tensor.dtype.name} of shape {tensor.shape}"
            raise LoadError(
                f"holds {got}; its description needs {description['dtype']} of shape {shapes[name]}. {AGAIN}"
            )
        if not allow_nonfinite and not np.isfinite(tensor).all():
            where = ", ".join(str(i) for i in np.argwhere(~np.isfinite(tensor))[0])
            raise LoadError(
                f"holds a weight or bias that is not finite: {name}[{where}], counting from 0. The network probably "
                "diverged before it was saved. Pass allow_nonfinite=True to look at it."
            )


def _plain(value: Any, where: str, depth: int = 1) -> Any:
    """``net.meta`` as what JSON knows: NumPy's scalars and arrays become numbers and lists."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if _is_int(value) and abs(value) >= 10**18:
        raise ValueError(f"{where} is {_short(value)}; a model file holds integers below 10**18. Save it as a string.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}; a model file holds finite numbers. Replace it before saving.")
    if value is None or isinstance(value, str | int | float):
        return value
    if depth >= MAX_DEPTH:
        raise ValueError(f"{where} is nested too deeply for a model file. Flatten net.meta.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {_short(key)}; a model file needs strings. Rename it.")
        return {key: _plain(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    kind = type(value).__name__
    raise TypeError(f"{where} is of type {kind}; a model file holds strings, numbers, lists and mappings. Convert it.")


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or isinstance(value, float)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
