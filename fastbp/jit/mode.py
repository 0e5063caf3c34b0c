"""Which code runs: a library's, what Numba compiles, or plain Python; and what is left undone until Numba is needed."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable
from typing import Any

from fastbp.jit.asked import PLAIN
from fastbp.jit.library import LIBRARY, REASON


@functools.cache
def has_numba() -> bool:
    """Whether Numba is installed. Without it what a library does not have runs as plain Python."""
    return all(importlib.util.find_spec(name) is not None for name in ("numba", "llvmlite"))


DISABLED = PLAIN or (LIBRARY is None and not has_numba())
"""True in plain-Python mode: no function is compiled, and there is no library."""

if DISABLED and not PLAIN and sys.platform != "emscripten":  # a browser, which has neither
    warnings.warn(
        f"Everything runs as plain Python, some hundred times slower: Numba is not installed, and {REASON}. "
        "Run: pip install numba. Or take a wheel of fastbp with machine code. FASTBP_DISABLE_JIT=1 asks for plain "
        "Python, without this warning.",
        stacklevel=2,
    )

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
            "Numba is not installed. Training and prediction, by ready-made machine code, do without it; functions of "
            "your own, which that code is to call, are compiled. "
            "Run: pip install numba. Or set FASTBP_DISABLE_JIT=1, with which everything runs as plain Python, slowly.",
            name=error.name,
        ) from error


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
