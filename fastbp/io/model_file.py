"""What a model file holds.

The arrays ``layers.{l}.weight`` (J, K) and ``layers.{l}.bias`` (J,) for l = 1..L in the safetensors layout, so that the
safetensors library reads it too, and a description of the network: format version, sizes, names out of closed lists,
and ``net.meta``. From format version 2 on, the file of a `Model` also names its steps, whose numbers are further
arrays, ``steps.{i}.subtract``, ``steps.{i}.divide``, ``target.subtract`` and ``target.divide``. From version 3 on, a
file may be a checkpoint: that of a network or a model, whose description has ``checkpoint`` too, and which has the
arrays of a training beside its own; or an `Ensemble`'s, whose description lists those of its ``networks``, the first
with the steps, and whose arrays are theirs behind ``networks.{i}.``. From version 4 on, ``columns`` of a model's
description say what is known of the columns of its table, in closed lists, texts and numbers; of an ensemble each
network may have its own. ``description.py`` says
what a description may be, and ``container.py`` where which byte stands.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.data.columns import Columns
from fastbp.data.features import Features, SideBySide, from_described
from fastbp.data.scaling import Scale
from fastbp.errors import LoadError
from fastbp.functions import activations as functions
from fastbp.functions import costs
from fastbp.io.atomic import write_atomically
from fastbp.io.container import AGAIN, MAX_DEPTH, Array, depth, header, pack, unpack
from fastbp.io.description import (
    CHECKPOINT_VERSION,
    COLUMNS_VERSION,
    ENSEMBLE_VERSION,
    check_description,
    check_version,
    is_int,
    short,
)
from fastbp.io.paths import as_new_path, as_path

if TYPE_CHECKING:
    from fastbp.ensemble import Ensemble

SCALE = ("subtract", "divide")


class Contents(NamedTuple):
    """What a file holds: a network or an ensemble; ``steps`` is None for a network without preprocessing."""

    net: Any
    steps: tuple[Scale, ...] | None = None
    target: Scale | None = None
    columns: Columns | Features | SideBySide | None = None


def write(path: str | bytes | os.PathLike[Any], contents: Contents) -> None:
    """Write a model file whole or not at all."""
    write_atomically(as_new_path(path), pack(*_described(contents)))


def write_checkpoint(path: str, contents: Contents, training: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    """Write a checkpoint whole or not at all: a network or a model, and what describes its training."""
    description, weights = _described(contents, least_version=CHECKPOINT_VERSION)
    write_atomically(path, pack({**description, "checkpoint": training}, {**weights, **tensors}), alone=True)


def check_savable(contents: Contents) -> None:
    """Raise what `write` would, but for the disk."""
    header(*_described(contents))


def _described(contents: Contents, least_version: int = 1) -> tuple[dict[str, Any], dict[str, Array]]:
    """Description and tensors of a file; what would not load is refused."""
    from fastbp.network import Network

    net, steps, target, columns = contents
    if not isinstance(net, Network):
        return _described_ensemble(net, contents)
    assert not isinstance(columns, SideBySide)  # which several networks have
    since = [costs.NAMED[net.cost].since, *(functions.NAMED[name].since for name in net.activations)]
    if columns is not None or not isinstance(net.meta.get("target", ""), str):
        since.append(COLUMNS_VERSION)
    description: dict[str, Any] = {
        "format_version": max(least_version, *since),
        "sizes": [int(size) for size in net.sizes],
        "activations": list(net.activations),
        "cost": net.cost,
        "dtype": np.dtype(net.dtype).name,
        "meta": _plain(net.meta, "net.meta"),
    }
    if "input" in net.meta:
        raise ValueError(
            "net.meta has the key 'input', where fastbp 0.1.0 kept the scaling of the inputs; a network never scales. "
            "Save fastbp.Model(net, [fastbp.Scale(subtract, divide)]), or rename the key."
        )
    tensors: dict[str, Array] = {}
    for l in range(1, len(net.sizes)):
        tensors |= {f"layers.{l}.weight": net.w[l], f"layers.{l}.bias": net.b[l]}
    if steps is not None or description["format_version"] > 1:
        named = {f"steps.{i}": step for i, step in enumerate(steps or ())} | ({"target": target} if target else {})
        description |= {
            "format_version": max(2, description["format_version"]),
            "steps": None if steps is None else [{"step": "scale"} for _ in steps],
            "target": {"step": "scale"} if target else None,
        }
        tensors |= {f"{name}.{part}": getattr(scale, part) for name, scale in named.items() for part in SCALE}
    if description["format_version"] > 2:
        description["cost_parameter"] = net.cost_parameter
    if description["format_version"] >= COLUMNS_VERSION:
        description["columns"] = None if columns is None else columns.described()
    try:
        check_description(description)
    except LoadError as error:
        raise ValueError(f"This network cannot be saved: its file {error}") from None
    return description, tensors


def _described_ensemble(ensemble: Ensemble, contents: Contents) -> tuple[dict[str, Any], dict[str, Array]]:
    first, *others = ensemble
    if isinstance(contents.columns, SideBySide):
        nets = zip(others, contents.columns.of_each[1:], strict=True)
        more = [Contents(net, (), None, features) for net, features in nets]
        contents = contents._replace(columns=contents.columns.of_each[0])
    else:
        more = [*map(Contents, others)]
    parts = [_described(own, ENSEMBLE_VERSION) for own in (contents._replace(net=first), *more)]
    tensors = {f"networks.{i}.{name}": tensor for i, (_, own) in enumerate(parts) for name, tensor in own.items()}
    networks = [own for own, _ in parts]
    description = {"format_version": max(own["format_version"] for own in networks), "networks": networks}
    if depth(description) > MAX_DEPTH:
        raise ValueError("The net.meta of a network is nested too deeply for the file of an ensemble. Flatten it.")
    return description, tensors


def read(path: str | bytes | os.PathLike[Any], *, allow_nonfinite: bool = False) -> Contents:
    """Read a model file of any version; `LoadError` says what is wrong with it."""
    return read_checkpoint(path, allow_nonfinite=allow_nonfinite)[0]


def read_checkpoint(
    path: str | bytes | os.PathLike[Any], *, allow_nonfinite: bool = False
) -> tuple[Contents, dict[str, Any] | None, dict[str, Array]]:
    """Read a model file and, of a checkpoint, what describes its training, of which nothing is checked."""
    name = as_path(path)
    try:
        if "\0" in name:
            raise LoadError("cannot be the name of a file: it holds a null character. Pass another.")
        kind = os.stat(name).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # open() would wait at a pipe; at a directory it raises
            raise LoadError("is not a regular file. Pass the path of a file that fastbp.save wrote.")
        with open(name, "rb") as stream:
            description, tensors = unpack(stream, os.fstat(stream.fileno()).st_size)
        if "networks" in description:
            return _build_ensemble(description, tensors, allow_nonfinite), None, {}
        training = description.pop("checkpoint", None)
        check_description(description)
        later = description["format_version"] >= CHECKPOINT_VERSION
        if training is not None and not (later and isinstance(training, dict)):
            raise LoadError(f"is damaged: its checkpoint is {short(training)}. {AGAIN}")
        weights = set(tensors) if training is None else set(_expected(description))
        rest = {name: tensors.pop(name) for name in list(tensors) if name not in weights}
        _check_tensors(description, tensors, allow_nonfinite)
        return _build(description, tensors), training, rest
    except LoadError as error:
        raise LoadError(f"{name!r} {error}") from error.__cause__
    except MemoryError as error:
        raise LoadError(
            f"{name!r} holds more than there is memory for ({str(error) or 'none could be had'}). Load it where there "
            "is more."
        ) from None


def _build(description: dict[str, Any], tensors: dict[str, Array]) -> Contents:
    from fastbp.network import Network

    sizes, meta = description["sizes"], dict(description["meta"])
    steps: tuple[Scale, ...] | None = None
    target = columns = None
    if description.get("columns") is not None:
        columns = from_described(description["columns"])
    if description["format_version"] == 1 and "input" in meta:
        steps = (_old_scale(meta.pop("input"), sizes[0]),)
    elif description.get("steps") is not None:
        steps = tuple(_scale(tensors, f"steps.{i}") for i in range(len(description["steps"])))
        target = _scale(tensors, "target") if description["target"] else None
    try:
        net = Network(
            sizes,
            activations=description["activations"],
            cost=description["cost"],
            cost_parameter=description.get("cost_parameter"),
            dtype=description["dtype"],
            seed=0,
            meta=meta,
        )
        net._drawn = None
    except (ValueError, TypeError) as error:
        raise LoadError(f"describes a network that cannot be: {error}") from error
    for l in range(1, len(sizes)):
        net.w[l][...] = tensors[f"layers.{l}.weight"]
        net.b[l][...] = tensors[f"layers.{l}.bias"]
    return Contents(net, steps, target, columns)


def _build_ensemble(description: dict[str, Any], tensors: dict[str, Array], allow_nonfinite: bool) -> Contents:
    from fastbp.ensemble import Ensemble

    check_version(description, ENSEMBLE_VERSION)
    networks, parts = description["networks"], []
    if len(description) > 2 or not isinstance(networks, list) or not all(isinstance(d, dict) for d in networks):
        raise LoadError(f"is damaged: the description of an ensemble is that of its networks alone. {AGAIN}")
    for i, d in enumerate(networks):
        check_description(d)
        names = {name: f"networks.{i}.{name}" for name in _expected(d)}
        own = {name: tensors.pop(long) for name, long in names.items() if long in tensors}
        _check_tensors(d, own, allow_nonfinite)
        parts.append(_build(d, own))
    of_each = [part.columns for part in parts if isinstance(part.columns, Features)]
    own_inputs = len(of_each) == len(parts) > 1
    preprocessed = any(part.steps is not None for part in parts[1:]) and not own_inputs
    if tensors or preprocessed or any(part.steps or part.target is not None for part in parts[1:]):
        raise LoadError(f"is damaged: it holds what belongs to none of its networks: {short(list(tensors))}. {AGAIN}")
    try:
        ensemble = Ensemble([part.net for part in parts], own_inputs=own_inputs)
        contents = parts[0]._replace(net=ensemble)
        return contents._replace(columns=SideBySide(of_each)) if own_inputs else contents
    except ValueError as error:
        raise LoadError(f"describes an ensemble that cannot be: {error}") from error


def _scale(tensors: dict[str, Array], name: str) -> Scale:
    try:
        return Scale(*(tensors[f"{name}.{part}"] for part in SCALE))
    except (ValueError, TypeError) as error:
        raise LoadError(f"is damaged: of {name}, {error}") from error


def _old_scale(scaling: Any, n_inputs: int) -> Scale:
    """The scaling of inputs as fastbp 0.1.0 kept it."""
    with contextlib.suppress(ValueError, TypeError):
        step = Scale(**scaling)
        if step.width in (None, n_inputs):
            return step
    raise LoadError(
        f"has {short(scaling)} for the input scaling in meta; subtract and divide are needed, each one number, or one "
        f"for each of the {n_inputs} inputs, none of them 0 to divide by. {AGAIN}"
    )


def _expected(d: dict[str, Any]) -> dict[str, tuple[str, tuple[tuple[int, ...], ...]]]:
    """Name, dtype and possible shapes of every tensor."""
    sizes = d["sizes"]
    tensors: dict[str, tuple[str, tuple[tuple[int, ...], ...]]] = {}
    for l in range(1, len(sizes)):
        tensors[f"layers.{l}.weight"] = d["dtype"], ((sizes[l], sizes[l - 1]),)
        tensors[f"layers.{l}.bias"] = d["dtype"], ((sizes[l],),)
    scales = [(f"steps.{i}", sizes[0]) for i in range(len(d.get("steps") or ()))]
    scales += [("target", sizes[-1])] if d.get("target") else []
    for name, width in scales:
        tensors |= {f"{name}.{part}": ("float64", ((), (width,))) for part in SCALE}
    return tensors


def _check_tensors(d: dict[str, Any], tensors: dict[str, Array], allow_nonfinite: bool) -> None:
    """Exactly the arrays that the description asks for, and finite numbers in them."""
    expected = _expected(d)
    if list(tensors) != list(expected):
        got, need = short(list(tensors)), short(list(expected))
        raise LoadError(f"holds the tensors {got}; sizes {short(d['sizes'])} need {need}. {AGAIN}")
    for name, tensor in tensors.items():
        dtype, shapes = expected[name]
        if tensor.shape not in shapes or tensor.dtype.name != dtype:
            got = f"tensor {name} as {tensor.dtype.name} of shape {tensor.shape}"
            need = f"{dtype} of shape {' or '.join(map(str, shapes))}"
            raise LoadError(f"holds {got}; its description needs {need}. {AGAIN}")
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
    if is_int(value) and abs(value) >= 10**18:
        raise ValueError(f"{where} is {short(value)}; a model file holds integers below 10**18. Save it as a string.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}; a model file holds finite numbers. Replace it before saving.")
    if value is None or isinstance(value, str | int | float):
        return value
    if depth >= MAX_DEPTH:
        raise ValueError(f"{where} is nested too deeply for a model file. Flatten net.meta.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {short(key)}; a model file needs strings. Rename it.")
        return {key: _plain(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    kind = type(value).__name__
    raise TypeError(f"{where} is of type {kind}; a model file holds strings, numbers, lists and mappings. Convert it.")
