"""Which code runs: kernels that Numba compiles, or plain Python; and what is left undone until Numba is needed."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from fastbp.jit.cache import flag

DISABLED = flag("FASTBP_DISABLE_JIT") or flag("NUMBA_DISABLE_JIT")
"""True in plain-Python mode: no function is compiled."""

BUILD_FOR = os.environ.get("FASTBP_BUILD_FOR", "").split()
"""Of a process that makes a library for another machine: its ``sys.platform``, and ``wide`` if it has AVX-512."""

SYSTEM = BUILD_FOR[0] if BUILD_FOR else sys.platform
"""``sys.platform`` where the code will run."""

_waiting: list[Callable[[], None]] | None = []
"""What defines compiled twins; None once Numba is there."""


def when_compiling(define: Callable[[], None]) -> None:
    """Call this, which defines compiled twins of Python functions, when Numba has been imported, or now if it is."""
    if _waiting is None:
        define()
    elif not DISABLED:
        _waiting.append(define)


def define_twins() -> None:
    """Numba has been imported."""
    global _waiting
    waiting, _waiting = _waiting or [], None
    for define in waiting:
        define()


def compiler(module: str) -> Any:
    """A module of this room that needs Numba.

    Raises
    ------
    ModuleNotFoundError
        Numba is not installed; the message says what to do.
    """
    return needing_numba(f"fastbp.jit.{module}")


def needing_numba(name: str) -> Any:
    """Any module that is Numba's, or needs it; `compiler` says what is raised."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("numba", "llvmlite"):
            raise
        raise ModuleNotFoundError(
            "Numba is not installed. Training and prediction do without it where fastbp has ready-made machine code"
            f"{_code_here()}; the textbook, the lessons and functions of your own are compiled. "
            "Run: pip install numba. Or set FASTBP_DISABLE_JIT=1, with which everything runs as plain Python, slowly.",
            name=error.name,
        ) from error


def _code_here() -> str:
    return f" (here it has none: {why_no_library[0]})" if why_no_library else ""


why_no_library: list[str] = []
"""What `library` found, if it found none."""


class Placeholder:
    """A Python function in whose place compiled code finds something of Numba's.

    That is ``compiled``, which is not known until Numba is there; an intrinsic is found under the function's own name,
    because it belongs to the function that calls: what it takes on the stack, and constants that it is given.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.compiled: Any = None

    def __call__(self, *args: Any) -> Any:
        """Call the Python function."""
        return self.py_func(*args)


def placeholder(function: Any) -> Any:
    """Let compiled code find something else in the place of a function."""
    return function if DISABLED else Placeholder(function)


def fill_placeholders(function: Any) -> None:
    """Put into the module of a function that is about to be compiled what compiled code finds there."""
    names = function.__globals__
    for name in function.__code__.co_names:
        known = names.get(name)
        if isinstance(known, Placeholder):
            names[name] = known.compiled
