"""Values as data: what a learner's code hands over is JSON, read back as numbers, texts and lists, never as objects.

A number keeps its dtype, because the digits that an answer must have depend on it.
"""

from __future__ import annotations

import base64
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

DEEPEST = 16
MOST = 4_000_000
"""Bytes of numbers and texts that a value may hold."""
DTYPES = {np.dtype(code).str for code in "?bBhHiIqQefdFD"}
"""Numbers, and nothing that could be an object."""


class Damaged(Exception):
    """What came is no value of this form."""


class Opaque:
    """Something that is no data; it shows what its own text was."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


# Writing, where the learner's code is. It may lie about its own values: what it says is its answer.


class Writer:
    """A value as JSON; callables are kept, by number, so that they can be called later."""

    def __init__(self) -> None:
        self.functions: list[Callable[..., Any]] = []
        self._size = 0

    def _room(self, n: int) -> None:
        self._size += n
        if self._size > MOST:
            raise ValueError(f"the answer holds more than {MOST} bytes")

    def write(self, value: Any, depth: int = 0) -> Any:
        """The value in JSON's types."""
        if depth == 0:
            self._size = 0
        if depth > DEEPEST:
            raise ValueError(f"the answer is nested more than {DEEPEST} deep")
        self._room(8)
        if value is None or value is True or value is False:
            return value
        if value is ...:
            return {"dots": 1}
        kind = type(value)
        if kind is int:
            return value if value.bit_length() < 64 else {"other": "a whole number of more than 64 bits"}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return self._array(np.asarray(value))
        if kind is str:
            self._room(len(value))
            return {"text": value}
        return self._compound(value, depth)

    def _compound(self, value: Any, depth: int) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return self._array(np.asarray(value), depth)
        if isinstance(value, Mapping):
            return {"dict": [[self.write(k, depth + 1), self.write(v, depth + 1)] for k, v in value.items()]}
        if isinstance(value, tuple):
            return {"tuple": [self.write(one, depth + 1) for one in value]}
        if isinstance(value, list) or type(value).__name__ == "PerLayer":
            return {"list": [self.write(one, depth + 1) for one in value]}
        if inspect.isgenerator(value):
            return {"generator": 1}
        if isinstance(value, Iterator):
            return {"iterator": [self.write(one, depth + 1) for one in value]}
        if hasattr(value, "__array__"):
            if "bfloat16" in str(getattr(value, "dtype", "")):  # which NumPy does not know
                return self._array(np.asarray(value.tolist(), float), depth)
            return self._array(np.asarray(value), depth)
        if callable(value):
            self.functions.append(value)
            return {"function": len(self.functions) - 1}
        for base in (int, float, str):
            if isinstance(value, base):
                return self.write(base(value), depth)
        return {"other": str(repr(value))[:200]}

    def _array(self, array: np.ndarray, depth: int = 0) -> Any:
        if array.dtype.str not in DTYPES and array.dtype.kind in "biufc":
            array = array.astype(complex if array.dtype.kind == "c" else float)
        if array.dtype.kind not in "biufc":
            return self.write(array.tolist(), depth + 1)
        self._room(array.nbytes)
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {"array": [array.dtype.str, list(array.shape), data]}


# Reading, where the checks are. Nothing of what was sent is trusted.


def read(written: Any, function: Callable[[int], Any] | None = None, depth: int = 0) -> Any:
    """The value, of exact types of Python and NumPy.

    Parameters
    ----------
    written : JSON
    function : callable, optional
        Makes what stands for a function, of its number.

    Raises
    ------
    Damaged
    """
    if depth > 2 * DEEPEST:
        raise Damaged("nested too deep")
    if written is None or type(written) in (bool, int, float):
        return written
    if type(written) is not dict or len(written) != 1:
        raise Damaged("no value")
    ((kind, content),) = written.items()

    def inside(one: Any) -> Any:
        return read(one, function, depth + 1)

    def items() -> list[Any]:
        if type(content) is not list:
            raise Damaged("no list")
        return content

    match kind:
        case "dots":
            return ...
        case "text" if type(content) is str:
            return content
        case "other" if type(content) is str:
            return Opaque(content[:200])
        case "float" if content in ("inf", "-inf", "nan"):
            return float(content)
        case "array":
            return _array(content)
        case "list":
            return [inside(one) for one in items()]
        case "tuple":
            return tuple(inside(one) for one in items())
        case "iterator":
            return iter([inside(one) for one in items()])
        case "generator":
            return (one for one in list[Any]())
        case "dict":
            return _dict([(inside(one[0]), inside(one[1])) for one in items() if type(one) is list and len(one) == 2])
        case "function" if function is not None and type(content) is int:
            return function(content)
    raise Damaged(f"no value of kind {kind[:20]!r}")


def _dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    try:
        return dict(pairs)
    except TypeError:
        raise Damaged("a key that is no key") from None


def _array(content: Any) -> Any:
    """An array, or a NumPy scalar where the shape is ()."""
    try:
        code, shape, data = content
        if code not in DTYPES or type(data) is not str or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError
        array = np.frombuffer(base64.b64decode(data, validate=True), np.dtype(code)).reshape(shape).copy()
    except (ValueError, TypeError):
        raise Damaged("no array") from None
    return array[()] if array.shape == () else array
