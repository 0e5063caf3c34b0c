"""What a model file holds.

The arrays ``layers.{l}.weight`` (J, K) and ``layers.{l}.bias`` (J,) for l = 1..L in the safetensors layout, so that the
safetensors library reads it too, and a description of the network: format version, sizes, names out of closed lists,
and ``net.meta``. From format version 2 on, the file of a `Model` also names its steps, whose numbers are further
arrays, ``steps.{i}.subtract``, ``steps.{i}.divide``, ``target.subtract`` and ``target.divide``. From version 3 on, a
file may be a checkpoint: that of a network or a model, whose description has ``checkpoint`` too, and which has the
arrays of a training beside its own; or an `Ensemble`'s, whose description lists those of its ``networks``, the first
with the steps, and whose arrays are theirs behind ``networks.{i}.``. ``container.py`` says where which byte stands.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from fastbp.checks import check_cost_parameter
from fastbp.data.scaling import Scale
from fastbp.errors import LoadError
from fastbp.functions import activations as functions
from fastbp.functions import costs, own
from fastbp.io.atomic import write_atomically
from fastbp.io.container import AGAIN, MAX_DEPTH, Array, depth, header, pack, unpack
from fastbp.io.paths import as_new_path, as_path

if TYPE_CHECKING:
    from fastbp.ensemble import Ensemble

CHECKPOINT_VERSION = ENSEMBLE_VERSION = 3
_ENTRIES = (*functions.ACTIVATIONS, *costs.COSTS)
FORMAT_VERSION = max(own.FORMAT, CHECKPOINT_VERSION, *(entry.since for entry in _ENTRIES))
"""Version 1 is a network, in whose meta fastbp 0.1.0 kept the scaling of its inputs; version 2 is a model. A later one
is either, whose ``steps`` are null for a network, or a checkpoint, or an ensemble; it holds the cost's parameter, null
for a cost that has none, and may hold a name that no earlier version knows.
"""
DTYPES = ("float32", "float64")
TASKS = ("classification", "regression")
STEPS = ("scale",)
KEYS = {"format_version", "sizes", "activations", "cost", "dtype", "meta"}
MODEL_KEYS = KEYS | {"steps", "target"}
LATER_KEYS = MODEL_KEYS | {"cost_parameter"}
SCALE = ("subtract", "divide")


class Contents(NamedTuple):
    """What a file holds: a network or an ensemble; ``steps`` is None for a network without preprocessing."""

    net: Any
    steps: tuple[Scale, ...] | None = None
    target: Scale | None = None


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

    net, steps, target = contents
    if not isinstance(net, Network):
        return _described_ensemble(net, contents)
    since = (costs.NAMED[net.cost].since, *(functions.NAMED[name].since for name in net.activations))
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
    try:
        _check_description(description)
    except LoadError as error:
        raise ValueError(f"This network cannot be saved: its file {error}") from None
    return description, tensors


def _described_ensemble(ensemble: Ensemble, contents: Contents) -> tuple[dict[str, Any], dict[str, Array]]:
    first, *others = ensemble
    parts = [_described(own, ENSEMBLE_VERSION) for own in (contents._replace(net=first), *map(Contents, others))]
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
        _check_description(description)
        later = description["format_version"] >= CHECKPOINT_VERSION
        if training is not None and not (later and isinstance(training, dict)):
            raise LoadError(f"is damaged: its checkpoint is {_short(training)}. {AGAIN}")
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
    target = None
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
    return Contents(net, steps, target)


def _build_ensemble(description: dict[str, Any], tensors: dict[str, Array], allow_nonfinite: bool) -> Contents:
    from fastbp.ensemble import Ensemble

    _check_version(description, ENSEMBLE_VERSION)
    networks, parts = description["networks"], []
    if len(description) > 2 or not isinstance(networks, list) or not all(isinstance(d, dict) for d in networks):
        raise LoadError(f"is damaged: the description of an ensemble is that of its networks alone. {AGAIN}")
    for i, d in enumerate(networks):
        _check_description(d)
        names = {name: f"networks.{i}.{name}" for name in _expected(d)}
        own = {name: tensors.pop(long) for name, long in names.items() if long in tensors}
        _check_tensors(d, own, allow_nonfinite)
        parts.append(_build(d, own))
    if tensors or any(steps is not None for _, steps, _ in parts[1:]):
        raise LoadError(f"is damaged: it holds what belongs to none of its networks: {_short(list(tensors))}. {AGAIN}")
    try:
        return Contents(Ensemble([part.net for part in parts]), *parts[0][1:])
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
        f"has {_short(scaling)} for the input scaling in meta; subtract and divide are needed, each one number, or one "
        f"for each of the {n_inputs} inputs, none of them 0 to divide by. {AGAIN}"
    )


def _check_version(d: dict[str, Any], least: int = 1) -> int:
    """The version, if it is one that this fastbp reads."""
    version = d.get("format_version")
    if not _is_int(version) or version < least:
        problem = f"its format_version is {_short(version)}; it must be a whole number from {least}"
        raise LoadError(f"is damaged: {problem}. {AGAIN}")
    if version > FORMAT_VERSION:
        raise LoadError(
            f"was written by a newer fastbp: it has format version {version}, and this fastbp reads versions up to "
            f"{FORMAT_VERSION}. Upgrade with: pip install --upgrade fastbp"
        )
    return version


def _check_description(d: dict[str, Any]) -> None:
    """Closed lists and plausible numbers only."""
    version = _check_version(d)
    keys = KEYS if version == 1 else MODEL_KEYS if version == 2 else LATER_KEYS
    if set(d) != keys:
        raise LoadError(f"is damaged: its description must hold {', '.join(sorted(keys))}, and nothing else. {AGAIN}")
    sizes, activations = d["sizes"], d["activations"]
    if not isinstance(sizes, list) or len(sizes) < 2 or not all(_is_int(size) and size >= 1 for size in sizes):
        raise LoadError(f"has sizes {_short(sizes)}; they must be two or more whole numbers from 1. {AGAIN}")
    if not isinstance(activations, list) or len(activations) != len(sizes) - 1:
        raise LoadError(f"has {_short(activations)} for activations; {len(sizes) - 1} names are needed. {AGAIN}")
    if version >= own.FORMAT:
        words = [word for word in (*activations, d["cost"]) if isinstance(word, str) and word.isidentifier()]
        own.require([n for n in activations if n in words], d["cost"] if d["cost"] in words else None, pickled=False)
    known = [entry.name for entry in functions.NAMED.values() if entry.since <= version]
    for what, value, names in [
        *(("activation", name, known) for name in activations),
        ("cost", d["cost"], [entry.name for entry in costs.NAMED.values() if entry.since <= version]),
        ("dtype", d["dtype"], DTYPES),
    ]:
        if not isinstance(value, str) or value not in names:
            raise LoadError(
                f"has the {what} {_short(value)}; format version {version} knows {', '.join(names)}. {AGAIN}"
            )
    _check_cost_parameter(d)
    _check_meta(d["meta"], sizes)
    if version == 1:
        return
    if "input" in d["meta"]:
        raise LoadError(f"has the key 'input' in meta, which holds the steps of an earlier version. {AGAIN}")
    named = {"step": "scale"}
    if d["steps"] is None and version > 2 and d["target"] is None:
        return
    if not isinstance(d["steps"], list) or not all(step == named for step in d["steps"]):
        raise LoadError(f"has the steps {_short(d['steps'])}; known are {', '.join(STEPS)}. {AGAIN}")
    if d["target"] not in (None, named):
        raise LoadError(f"has the step {_short(d['target'])} for targets; known are {', '.join(STEPS)}. {AGAIN}")
    if d["target"] and not costs.NAMED[d["cost"]].of_difference:
        raise LoadError(f"scales targets of the cost {d['cost']!r}, which cannot be. {AGAIN}")


def _check_cost_parameter(d: dict[str, Any]) -> None:
    """A number within its bounds for a cost that needs one, nothing for the others."""
    p, cost = d.get("cost_parameter"), d["cost"]
    try:
        missing = p is None and costs.NAMED[cost].parameter is not None
        if not missing:
            check_cost_parameter(p, cost)
    except (ValueError, TypeError) as error:
        raise LoadError(f"has a parameter that its cost {cost!r} cannot have: {error}") from error
    if missing:
        raise LoadError(f"has no parameter for the cost {cost!r}, which needs one. {AGAIN}")


def _check_meta(meta: Any, sizes: Sequence[int]) -> None:
    """The entries that fastbp itself reads; others are the user's own and never interpreted."""
    if not isinstance(meta, dict):
        raise LoadError(f"has {_short(meta)} for meta; it must be a mapping. {AGAIN}")
    if "task" in meta and meta["task"] not in TASKS:
        raise LoadError(f"has the task {_short(meta['task'])} in meta; known are {', '.join(TASKS)}. {AGAIN}")
    if "classes" in meta:
        classes, n = meta["classes"], max(2, sizes[-1])
        known = isinstance(classes, list) and all(isinstance(name, str | int | float) for name in classes)
        if not known or len(classes) != n or len(set(classes)) != n:
            raise LoadError(
                f"has classes {_short(classes)} in meta; {n} different names or numbers are needed, one for each class "
                f"that the outputs tell apart. {AGAIN}"
            )
    if "features" in meta:
        features = meta["features"]
        known = isinstance(features, list) and all(isinstance(name, str) for name in features)
        if not known or len(features) != sizes[0]:
            raise LoadError(
                f"has features {_short(features)} in meta; needed is the name of each of the {sizes[0]} inputs. {AGAIN}"
            )
    if "target" in meta and not isinstance(meta["target"], str):
        raise LoadError(f"has the target {_short(meta['target'])} in meta; the name of a column is needed. {AGAIN}")


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
        got, need = _short(list(tensors)), _short(list(expected))
        raise LoadError(f"holds the tensors {got}; sizes {_short(d['sizes'])} need {need}. {AGAIN}")
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


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
