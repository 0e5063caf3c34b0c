"""What an entry of a function holds, and how the function of a code is found by compiled code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastbp.equations import Equation
from fastbp.jit import strict
from fastbp.jit.rows import FIRST_ADDRESS


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


@dataclass(frozen=True)
class Parameter:
    """The number p that a cost depends on: what the estimators call it, its default, and the bounds it lies between.

    ``low_included`` says whether it may be the lower bound itself; it is never the upper one. ``is_distance`` says
    whether it is measured in units of the targets.
    """

    name: str
    default: float
    low: float
    high: float = math.inf
    low_included: bool = False
    is_distance: bool = False

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds, as `checks.check_real` takes them."""
        low = {"low" if self.low_included else "above": self.low}
        return low | ({} if self.high == math.inf else {"below": self.high})


@dataclass(frozen=True)
class CostFunction:
    """What the library knows of a cost.

    Attributes
    ----------
    name : str
    equations : tuple of Equation
        C_x; after sigmoid and after softmax where these are two.
    term : function
        (C, z_j, a_j, y_j, p) -> C with what output j adds to C_x, ``strict``; softmax has loops of its own.
    slope : function
        (z_j, a_j, y_j, p) -> dC/da_j, ``strict``; delta_j where ``cancels``.
    analytic : function
        C_x of rows of targets y in NumPy, written apart from ``term``, which it checks: z, which is None where only a
        is known, a, y, the name of the output activation and p; z and a may be complex.
    second : function or None
        (z_j, a_j, y_j, p) -> the derivative of ``slope`` by a_j, ``strict``; costs of networks have one.
    cancels : bool
        Whether sigma' cancels in BP1, so that ``slope`` is delta already.
    of_difference : bool
        Whether it is a function of a_j - y_j, so that it keeps its meaning when targets are scaled.
    outputs : tuple of str or None
        Output activations that it goes with; None for every function of one z.
    refusal : str
        What is wrong with other outputs, of which ``{output}`` is the name, and what to do.
    lowest_target : float
    above_from : float
        Parameter from which on targets must be above the lowest.
    refusal_of_targets : str
        What is wrong with lower targets, of which ``{row}`` is the first row, ``{p}`` the parameter, and what to do.
    parameter : Parameter or None
    best : function or None
        (y, s, p) -> the constant outputs that do best on targets y of weights s; None for the mean.
    loss : str
        What the estimators call it, if not by its name.
    answer : str
        What to say to its names ``elsewhere``, in small letters: other libraries' are not always the same function.
    elsewhere : str
    since : int
        First version of the format of model files that may hold the name.
    """

    name: str
    equations: tuple[Equation, ...]
    term: Any
    slope: Any
    analytic: Any
    second: Any = None
    cancels: bool = False
    of_difference: bool = False
    outputs: tuple[str, ...] | None = None
    refusal: str = ""
    lowest_target: float = -math.inf
    above_from: float = math.inf
    refusal_of_targets: str = ""
    parameter: Parameter | None = None
    best: Any = None
    loss: str = ""
    answer: str = ""
    elsewhere: str = ""
    since: int = 1

    def goes_with(self, output: str) -> bool:
        """Whether outputs of this activation are legal."""
        return output != "softmax" if self.outputs is None else output in self.outputs

    @property
    def needs(self) -> str:
        """The legal outputs, in words."""
        return "anything but softmax" if self.outputs is None else " or ".join(self.outputs)


def in_words(entries: Iterable[ActivationFunction]) -> str:
    """Their names for a docstring, other names behind each."""
    return ", ".join(
        f"``{entry.name}``" + (f" (or ``{'``, ``'.join(entry.also)}``)" if entry.also else "") for entry in entries
    )


def value(code: int, function: Any, otherwise: Any) -> Any:
    """The link of functions that return a number."""

    @strict
    def of_code(chosen: int, *args: Any) -> Any:
        return function(*args) if chosen == code else otherwise(chosen, *args)

    return of_code


@strict
def first(chosen: int, *args: Any) -> Any:
    """What stands for the value of no code: a number of the same dtype."""
    return args[0]


@strict
def is_own(code: int) -> bool:
    """Whether a code is of a user's own function."""
    return code >= FIRST_ADDRESS


PAIR, SECOND = range(2)
"""Row functions of a user's activation: (n, z, a, sigma'), and (n, z, sigma'', anything)."""
TERMS, SLOPES = range(2)
"""Row functions of a user's cost: (n, a, y, C), which adds to C[0], and (n, a, y, d), which multiplies d by dC/da."""


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
