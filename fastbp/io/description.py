"""What the description in a model file may say: closed lists and plausible numbers, by format version.

Messages of ``LoadError`` continue a sentence that begins with the name of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from fastbp import decisions
from fastbp.checks import check_cost_parameter
from fastbp.data.features import from_described
from fastbp.errors import LoadError
from fastbp.functions import activations as functions
from fastbp.functions import costs, own
from fastbp.io.container import AGAIN

CHECKPOINT_VERSION = ENSEMBLE_VERSION = 3
COLUMNS_VERSION = 4
_ENTRIES = (*functions.ACTIVATIONS, *costs.COSTS)
FORMAT_VERSION = max(own.FORMAT, CHECKPOINT_VERSION, COLUMNS_VERSION, *(entry.since for entry in _ENTRIES))
"""Version 1 is a network, in whose meta fastbp 0.1.0 kept the scaling of its inputs; version 2 is a model. A later one
is either, whose ``steps`` are null for a network, or a checkpoint, or an ensemble; it holds the cost's parameter, null
for a cost that has none, and may hold a name that no earlier version knows. Version 4 holds the columns of a
table, null where there are none, and may have several targets.
"""
DTYPES = ("float32", "float64")
TASKS = ("classification", "regression")
STEPS = ("scale",)
KEYS = {"format_version", "sizes", "activations", "cost", "dtype", "meta"}
MODEL_KEYS = KEYS | {"steps", "target"}
LATER_KEYS = MODEL_KEYS | {"cost_parameter"}
COLUMNS_KEYS = LATER_KEYS | {"columns"}


def check_version(d: dict[str, Any], least: int = 1) -> int:
    """The version, if it is one that this fastbp reads."""
    version = d.get("format_version")
    if not is_int(version) or version < least:
        problem = f"its format_version is {short(version)}; it must be a whole number from {least}"
        raise LoadError(f"is damaged: {problem}. {AGAIN}")
    if version > FORMAT_VERSION:
        raise LoadError(
            f"was written by a newer fastbp: it has format version {version}, and this fastbp reads versions up to "
            f"{FORMAT_VERSION}. Upgrade with: pip install --upgrade fastbp"
        )
    return version


def check_description(d: dict[str, Any]) -> None:
    """Closed lists and plausible numbers only."""
    version = check_version(d)
    keys = {1: KEYS, 2: MODEL_KEYS, 3: LATER_KEYS}.get(version, COLUMNS_KEYS)
    if set(d) != keys:
        raise LoadError(f"is damaged: its description must hold {', '.join(sorted(keys))}, and nothing else. {AGAIN}")
    sizes, activations = d["sizes"], d["activations"]
    if not isinstance(sizes, list) or len(sizes) < 2 or not all(is_int(size) and size >= 1 for size in sizes):
        raise LoadError(f"has sizes {short(sizes)}; they must be two or more whole numbers from 1. {AGAIN}")
    if not isinstance(activations, list) or len(activations) != len(sizes) - 1:
        raise LoadError(f"has {short(activations)} for activations; {len(sizes) - 1} names are needed. {AGAIN}")
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
                f"has the {what} {short(value)}; format version {version} knows {', '.join(names)}. {AGAIN}"
            )
    _check_cost_parameter(d)
    _check_meta(d["meta"], sizes, version)
    if version == 1:
        return
    _check_columns(d)
    if "input" in d["meta"]:
        raise LoadError(f"has the key 'input' in meta, which holds the steps of an earlier version. {AGAIN}")
    named = {"step": "scale"}
    if d["steps"] is None and version > 2 and d["target"] is None:
        return
    if not isinstance(d["steps"], list) or not all(step == named for step in d["steps"]):
        raise LoadError(f"has the steps {short(d['steps'])}; known are {', '.join(STEPS)}. {AGAIN}")
    if d["target"] not in (None, named):
        raise LoadError(f"has the step {short(d['target'])} for targets; known are {', '.join(STEPS)}. {AGAIN}")
    if d["target"] and not costs.NAMED[d["cost"]].of_difference:
        raise LoadError(f"scales targets of the cost {d['cost']!r}, which cannot be. {AGAIN}")


def _check_columns(d: dict[str, Any]) -> None:
    """Columns that make as many features as the network has inputs."""
    if d.get("columns") is None:
        return
    try:
        columns = from_described(d["columns"])
    except (ValueError, TypeError) as error:
        raise LoadError(f"has columns that cannot be: {error}. {AGAIN}") from None
    if columns.n_features != d["sizes"][0] or d["steps"] is None or "features" in d["meta"]:
        raise LoadError(
            f"has columns that make {columns.n_features} features for {d['sizes'][0]} inputs, or no steps, or features "
            f"in meta beside them. {AGAIN}"
        )


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


def _check_meta(meta: Any, sizes: Sequence[int], version: int) -> None:
    """The entries that fastbp itself reads; others are the user's own and never interpreted."""
    if not isinstance(meta, dict):
        raise LoadError(f"has {short(meta)} for meta; it must be a mapping. {AGAIN}")
    if "task" in meta and meta["task"] not in TASKS:
        raise LoadError(f"has the task {short(meta['task'])} in meta; known are {', '.join(TASKS)}. {AGAIN}")
    if "classes" in meta:
        classes, n = meta["classes"], max(2, sizes[-1])
        known = isinstance(classes, list) and all(isinstance(name, str | int | float) for name in classes)
        if not known or len(classes) != n or len(set(classes)) != n:
            raise LoadError(
                f"has classes {short(classes)} in meta; {n} different names or numbers are needed, one for each class "
                f"that the outputs tell apart. {AGAIN}"
            )
    if "features" in meta:
        features = meta["features"]
        known = isinstance(features, list) and all(isinstance(name, str) for name in features)
        if not known or len(features) != sizes[0]:
            raise LoadError(
                f"has features {short(features)} in meta; needed is the name of each of the {sizes[0]} inputs. {AGAIN}"
            )
    wrong = decisions.problem(meta, sizes[-1])
    if wrong is not None:
        raise LoadError(f"{wrong}. {AGAIN}")
    several = version >= COLUMNS_VERSION and isinstance(meta.get("target"), list) and len(meta["target"]) > 1
    if "target" in meta and not all(isinstance(t, str) for t in (meta["target"] if several else [meta["target"]])):
        raise LoadError(f"has the target {short(meta['target'])} in meta; the name of a column is needed. {AGAIN}")


def is_int(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: Any) -> str:
    """What a message shows of a value."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
