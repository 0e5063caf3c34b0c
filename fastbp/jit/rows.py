"""Functions of a user's over a row, which kernels call by their address.

A row function takes a number n and three vectors of one dtype, some of which it reads and others it overwrites. The
kernels know several of them, for both dtypes, by one code, as they know the library's own functions by theirs: it is
the address of the table of their addresses. So no kernel is compiled again for a user's function, and what one call
costs is shared by a whole row.
"""

from __future__ import annotations

import contextlib
import ctypes
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp.jit.decorators import Twin, Uncompilable
from fastbp.jit.mode import DISABLED, compiler

FIRST_ADDRESS = 4096
"""Codes below it are those of the library's own functions: no system has anything at such an address."""

_known: dict[int, Rows] = {}
"""Code -> row functions. They stay as long as the process lives: any network may hold the code."""


class Rows:
    """Row functions that a user's functions are called in.

    Parameters
    ----------
    functions : sequence of function
        ``(n, u, v, w)``, ``strict``; kernels name them by their place.
    """

    def __init__(self, functions: Sequence[Any]) -> None:
        self._functions = functions
        self._addresses = np.zeros((len(functions), 2), np.int64)
        self._compiled: list[Any] = []
        if not DISABLED:
            compile_row = compiler("user_code").compile_row
            for i, function in enumerate(functions):
                for j, dtype in enumerate(("float32", "float64")):
                    self._compiled.append(compile_row(function, dtype))
                    self._addresses[i, j] = self._compiled[-1].address
        self.code = int(self._addresses.ctypes.data)
        _known[self.code] = self

    def __call__(self, which: int, n: int, u: Any, v: Any, w: Any) -> None:
        """Call one of them from Python, on contiguous vectors of at least n elements."""
        if DISABLED:
            with np.errstate(all="ignore"):
                self._functions[which](n, u, v, w)
            return
        address = int(self._addresses[which, u.dtype.itemsize // 8])
        call = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * 3)(address)
        call(n, *(vector.ctypes.data for vector in (u, v, w)))


def _by_address(function: Callable[..., Any], maker: str) -> Any:
    """The function for Python, and for compiled code what a function of ``user_code`` makes."""
    if DISABLED:
        return function

    def make() -> Any:
        return getattr(compiler("user_code"), maker)()

    return Twin(function, make)


def _call_row(code: int, which: int, n: int, u: Any, v: Any, w: Any) -> None:
    _known[code](which, n, u, v, w)


def _call_once(code: int, which: int, u: Any, v: Any, w: Any) -> tuple[Any, Any, Any]:
    vectors = [np.array([part]) for part in (u, v, w)]
    _known[code](which, 1, *vectors)
    return vectors[0][0], vectors[1][0], vectors[2][0]


call_row = _by_address(_call_row, "type_of_call_row")
"""(code, which, n, u, v, w): call a row function on the first n elements of three vectors."""
call_once = _by_address(_call_once, "type_of_call_once")
"""(code, which, u, v, w) -> what three numbers are after a row function was called on vectors of one element each."""


def guarded(function: Callable[..., Any], n: int) -> Any:
    """A user's function of n numbers of one dtype, whose result is of that dtype: NaN where it raises an exception.

    Raises
    ------
    Uncompilable
        It cannot be compiled, or returns no number; the message says why.
    """
    plain: Any = getattr(function, "py_func", function)

    def call(*given: Any) -> Any:
        kind = type(given[0])
        try:
            return kind(as_number(plain(*given)))
        except Exception:  # a user's function may raise anything: divergence, as in compiled code
            return kind(np.nan)

    if DISABLED:
        with np.errstate(all="ignore"), contextlib.suppress(ArithmeticError, ValueError, LookupError):
            as_number(plain(*[np.float64(0.5)] * n))
        return call
    of_guarded = compiler("user_code").type_of_guarded(plain, n)
    return Twin(call, lambda: of_guarded)


def is_number(result: Any) -> bool:
    """Whether it is a real number; some functions of NumPy's return arrays without axes."""
    inside = result[()] if isinstance(result, np.ndarray) and result.ndim == 0 else result
    return isinstance(inside, bool | np.bool_ | numbers.Real)


def as_number(result: Any) -> Any:
    """What a user's function has returned, unless it is no real number."""
    if not is_number(result):
        raise Uncompilable(f"it returns a {type(result).__name__}, not a number")
    return result
