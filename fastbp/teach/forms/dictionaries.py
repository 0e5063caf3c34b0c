"""Dicts of W1, b1, W2, b2 and so on, samples as columns: a function of (parameters, X, Y), or forward and backward."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastbp.teach.forms.form import Asked, Call, Form

KEY = re.compile(r"[dD]?([wWbB])_?(\d+)")
ROLES = {
    "parameters": ("param", "theta", "weights"),
    "cache": ("cache", "memory", "stored"),
    "Y": ("y", "t"),
    "X": ("x",),
}
"""What an argument is, by how its name begins."""


def _names(function: Any) -> list[str]:
    """Of the arguments that have to be passed."""
    try:
        every = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in every if one.kind in positional and one.default is one.empty]


def _role(name: str) -> str:
    low = name.lower()
    return next((role for role, starts in ROLES.items() if low.startswith(starts)), "A")


def is_function(mine: Any) -> bool:
    """Whether it takes parameters, X and Y, in any order."""
    names = _names(mine)
    return len(names) == 3 and sorted(map(_role, names)) == ["X", "Y", "parameters"]


def is_pair(mine: Any) -> bool:
    """Whether it is forward and backward."""
    return isinstance(mine, (tuple, list)) and len(mine) == 2 and all(map(callable, mine))


def _given(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call it with what its arguments' names stand for."""
    return function(*(values[_role(name)] for name in _names(function)))


def _read(answer: Any, L: int, rows: bool) -> Any:
    """Gradients as lists of arrays, from dW1, db1, ..."""
    if isinstance(answer, (tuple, list)):  # such as (loss, grads)
        answer = next((part for part in answer if isinstance(part, Mapping)), answer)
    if not isinstance(answer, Mapping):
        return answer
    parts: dict[str, dict[int, Any]] = {"w": {}, "b": {}}
    for key, value in answer.items():
        found = KEY.fullmatch(str(key))
        if found:
            parts[found[1].lower()][int(found[2])] = value
    w, b = ({l: v for l, v in part.items() if 1 <= l <= L} for part in parts.values())
    return {l: np.asarray(v).T if rows else v for l, v in w.items()}, {
        l: np.asarray(v).reshape(-1) if np.size(v) == max(np.shape(v), default=1) else v for l, v in b.items()
    }


def _call(mine: Any, rows: bool) -> Call:
    def called(w: Any, b: Any, x: Any, y: Any) -> Any:
        X, Y = np.atleast_2d(x).copy(), np.atleast_2d(y).copy()
        parameters: dict[str, Any] = {}
        for l, (v, c) in enumerate(zip(w, b, strict=True), 1):
            parameters[f"W{l}"] = (v.T if rows else v).copy()
            parameters[f"b{l}"] = c.copy() if rows else c[:, None].copy()
        values = {"parameters": parameters, "X": X if rows else X.T, "Y": Y if rows else Y.T}
        if is_pair(mine):
            forward, backward = mine
            output = _given(forward, values)
            output = output if isinstance(output, (tuple, list)) and len(output) == 2 else (output, output)
            answer = _given(backward, values | {"A": output[0], "cache": output[1]})
        else:
            answer = _given(mine, values)
        return _read(answer, len(b), rows)

    return called


def _only_two(calls: Sequence[Call]) -> bool:
    """Whether it asks for W2 where there is no second layer, as code for one hidden layer does."""
    for call in calls:
        try:
            with np.errstate(all="ignore"):
                call([np.ones((2, 3))], [np.ones(2)], np.ones(3), np.full(2, 0.5))
        except KeyError:
            return True
        except Exception:  # whatever else it is comes out when it is tried
            continue
    return False


def form(mine: Any, asked: Asked) -> Form:
    """A function of (parameters, X, Y), or (forward, backward)."""
    calls = _call(mine, False), _call(mine, True)
    what = "forward and backward" if is_pair(mine) else "a function of parameters, X and Y"
    return Form(calls, f"{what}, with W1, b1, ... in dicts", L=2 if _only_two(calls) else None)
