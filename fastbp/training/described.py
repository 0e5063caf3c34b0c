"""Options of a training as text, the same in every process: how two trainings are told apart."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, MethodType
from typing import Any

import numpy as np

from fastbp.chunks import of_rows


def checksum(values: np.ndarray) -> int:
    """CRC-32 of an array's bytes."""
    crc = 0
    for part in of_rows(np.ascontiguousarray(values).reshape(-1)):
        crc = zlib.crc32(part, crc)
    return crc


class Described:
    """In place of an option that no file and no pickle holds, such as a function: how it is described."""

    def __init__(self, description: object) -> None:
        self._description = description

    @property
    def description(self) -> str:
        """As text, which is made when somebody reads it."""
        return str(self._description)


def described(value: Any) -> str:
    """An option as text, the same for the same option in another process."""
    if isinstance(value, Described):
        return value.description
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}, CRC {checksum(value):08x}"
    if isinstance(value, np.random.Generator):
        return f"a Generator of {type(value.bit_generator).__name__}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{described(key)}: {described(item)}" for key, item in value.items())) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "(" + ", ".join(map(described, value)) + ")"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}{_code_of(value)}"
    functions = getattr(value, "functions", (value,))  # of a user's own activation, cost or optimizer
    return _without_address(repr(value)) + "".join(map(_code_of, functions))


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _code_of(function: Any, around: tuple[Any, ...] = ()) -> str:
    """Which code a function of Python's has: its instructions, constants, and numbers from around it.

    Of a method, a partial function or an object that is called, it is that of the function behind it. A function that
    is one of those ``around``, which it stands in, is not described again.
    """
    function = getattr(function, "py_func", function)
    while not inspect.isfunction(function):
        behind = _behind(function)
        if behind is None:
            return ""
        function = behind
    if function in around:
        return ""
    crc = zlib.crc32("".join(_parts_of(function, (*around, function))).encode(errors="replace"))
    return f" [code {crc:08x} of Python {sys.version_info.major}.{sys.version_info.minor}]"


def _behind(called: Any) -> Any:
    """What a call of this, which is no function, comes to next; None where that is not known."""
    if isinstance(called, functools.partial):
        return called.func
    if isinstance(called, MethodType):
        return called.__func__
    if hasattr(called, "__wrapped__"):  # of functools.lru_cache
        return inspect.unwrap(called)
    own = not isinstance(called, type) and not type(called).__module__.startswith("fastbp.")
    method = inspect.getattr_static(type(called), "__call__", None) if own else None
    return method if inspect.isfunction(method) else None


CODE = re.compile(r" \[code [0-9a-f]{8} of Python (\d+\.\d+)\]")


def _parts_of(function: Any, around: tuple[Any, ...]) -> Iterator[str]:
    yield from _parts_of_code(function.__code__)
    for name in sorted(_names_in(function.__code__)):
        if isinstance(function.__globals__.get(name), int | float | complex | str | bytes):
            yield f"{name} = {function.__globals__[name]!r}"
    yield _without_address(repr((function.__defaults__, function.__kwdefaults__)))
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # one that is empty
            inside = cell.cell_contents
            yield _without_address(repr(inside)) + _code_of(inside, around)


def _names_in(code: CodeType) -> set[str]:
    inside = [_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return {*code.co_names}.union(*inside)


def _parts_of_code(code: CodeType) -> Iterator[str]:
    yield repr((code.co_code, code.co_names, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts_of_code(constant)
        else:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _are_same(old: str, new: str) -> bool:
    """Whether two descriptions say the same. Another Python has other instructions, which say nothing."""
    return old == new or (set(CODE.findall(old)) != set(CODE.findall(new)) and CODE.sub("", old) == CODE.sub("", new))


def differences(before: Mapping[str, Any], now: Mapping[str, Any], who: str) -> dict[str, str]:
    """A phrase for each option, by its name, that two runs differ in; ``who`` is what the earlier one is called."""
    missing = Described("not known")
    pairs = {name: [described(options.get(name, missing)) for options in (before, now)] for name in {**before, **now}}
    return {name: f"{name}: {who}: {old}; now: {new}" for name, (old, new) in pairs.items() if not _are_same(old, new)}
