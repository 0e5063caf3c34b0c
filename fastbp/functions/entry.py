"""What an entry of a function holds, and how the function of a code is found by compiled code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ActivationFunction:
    """What the library knows of an activation.

    Attributes
    ----------
    name : str
    ascii, latex : str
        sigma(z).
    pair : function or None
        z -> (sigma(z), sigma'(z)), ``strict``; None for softmax, which is no function of one z.
    second : function or None
        z -> sigma''(z), ``strict``.
    analytic : function or None
        sigma of an array of complex z, in NumPy, written apart from ``pair``, which it checks: its complex step is the
        derivative that `fastbp.gradcheck` compares with.
    range : tuple of float
        Where the values lie, ends included.
    probabilities : bool
        Whether outputs are probabilities, so that they can stand for classes.
    also : tuple of str
        Other names of the same function, which are accepted.
    since : int
        First version of the format of model files that may hold the name.
    """

    name: str
    ascii: str
    latex: str
    pair: Any
    second: Any
    analytic: Any
    range: tuple[float, float] = (-math.inf, math.inf)
    probabilities: bool = False
    also: tuple[str, ...] = ()
    since: int = 1

    @property
    def is_bounded(self) -> bool:
        """Whether all values are finite: a sum of finite terms cannot come out as infinity."""
        return math.isfinite(self.range[0]) and math.isfinite(self.range[1])


def in_words(entries: Iterable[ActivationFunction]) -> str:
    """Their names for a docstring, other names behind each."""
    return ", ".join(
        f"``{entry.name}``" + (f" (or ``{'``, ``'.join(entry.also)}``)" if entry.also else "") for entry in entries
    )


def by_code(functions: Iterable[Any], link: Callable[[int, Any, Any], Any], last: Any) -> Any:
    """One function of a code that calls the function of that code, made of links, each of which knows one code.

    Parameters
    ----------
    functions : iterable
        Of each code, in order; codes of None are left to ``last``.
    link : function
        ``link(code, function, otherwise)``, the compiled function of a code and further arguments that uses
        ``function`` where it is given ``code``, and else calls ``otherwise`` with the same arguments.
    last : function
        Called with any other code.
    """
    for code, function in reversed(list(enumerate(functions))):
        if function is not None:
            last = link(code, function, last)
    return last
