"""A user's functions of one number or two, compiled as loops over rows of numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastbp.errors import argument_error
from fastbp.jit import strict
from fastbp.jit.decorators import Uncompilable
from fastbp.jit.mode import DISABLED
from fastbp.jit.progress import compiling
from fastbp.jit.rows import Rows, guarded
from fastbp.jit.shield import shielded

if TYPE_CHECKING:
    from fastbp.jit.addresses import Array


def takes(function: Any, n: int) -> bool:
    """Whether something can be called with n arguments, as far as Python knows."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(n))
    except TypeError:
        return False
    except ValueError:  # some of C have no signature
        pass
    return True


def guarded_all(functions: dict[str, Any], n: int, what: str) -> list[Any]:
    """The user's functions of n numbers, guarded."""
    made = []
    for name, function in functions.items():
        if not takes(function, n):
            raise argument_error(
                name, f"is {function!r}; a function of {what} is needed. Pass one, such as a lambda.", TypeError
            )
        keywords = getattr(function, "__kwdefaults__", None)
        if keywords:
            raise argument_error(
                name,
                f"has the keyword {next(iter(keywords))}, which only Python knows; a function of {what} is needed. "
                "Make it an argument with a default, or a number inside.",
                TypeError,
            )
        try:
            made.append(guarded(function, n))
        except Uncompilable as error:
            raise argument_error(
                name,
                f"cannot be compiled: {error.reason}. Needed is a number, by arithmetic, if and for, with "
                "fastbp.functions, math or np, and no function beside them that numba.njit has not marked. Write it "
                "so.",
                TypeError,
            ) from error
    return made


def compiled_rows(
    functions: dict[str, Any], n: int, what: str, rows_of: Callable[..., list[Any]]
) -> tuple[list[Any], Rows]:
    """The user's functions, guarded, and the rows of them: what is waited for is announced, Numba's start included."""

    def make(functions: dict[str, Any]) -> tuple[list[Any], Rows]:
        made = guarded_all(functions, n, what)
        return made, Rows(rows_of(*made))

    if DISABLED:
        return make(functions)
    with compiling("a function of your own"):
        made: tuple[list[Any], Rows] = shielded(make, functions)
        return made


def pair_row(value: Any, slope: Any) -> Any:
    """a_j = f(z_j) of F2 and d_j = f'(z_j) of BP1 and BP2, over a row of n numbers."""

    @strict
    def row(n: int, z: Array, a: Array, d: Array) -> None:
        for i in range(n):
            a[i], d[i] = value(z[i]), slope(z[i])

    return row


def second_row(second: Any) -> Any:
    """f''(z_j) over a row of n numbers."""

    @strict
    def row(n: int, z: Array, bend: Array, rest: Array) -> None:
        for i in range(n):
            bend[i] = second(z[i])

    return row


def terms_row(term: Any) -> Any:
    """C of F2's outputs: the sum over j of c(a_j, y_j), added to C[0]."""

    @strict
    def row(n: int, a: Array, y: Array, C: Array) -> None:
        for j in range(n):
            C[0] = C[0] + term(a[j], y[j])

    return row


def slopes_row(slope: Any) -> Any:
    """BP1: d_j, which holds sigma'(z_j), times dc/da_j."""

    @strict
    def row(n: int, a: Array, y: Array, d: Array) -> None:
        for j in range(n):
            d[j] = slope(a[j], y[j]) * d[j]

    return row
