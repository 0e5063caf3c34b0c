"""exp, log and their kin for users' own activations and costs: of any number, float32 or float64.

They are made of the elementary functions of the library's own activations, whose bits are the same on every machine,
and of which LLVM makes vector code. Called from Python they take arrays too, element by element.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from fastbp.functions import activations, elementary
from fastbp.jit import constants, strict


def _numbers(kind: Any) -> tuple[Any, ...]:
    return tuple(kind(value) for value in (0, 1, np.inf, 40))


_NUMBERS = constants(_numbers(np.float32), _numbers(np.float64))
_ZERO, _ONE, _INFINITY, _LARGE = range(4)
"""0, 1, infinity, and a number beyond which e^x - 1 is e^x to all digits."""


class Elementary:
    """A function of one number, which keeps its dtype in compiled code and in Python, where it takes arrays too."""

    def __init__(self, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.py_func = getattr(function, "py_func", function)
        self._function = function

    @property
    def _numba_type_(self) -> Any:
        """What compiled code calls."""
        return self._function._numba_type_

    def __call__(self, z: Any) -> Any:
        """Of a number or an array, in Python."""
        kind = np.float32 if getattr(z, "dtype", None) == np.float32 else np.float64
        with np.errstate(all="ignore"):
            if np.ndim(z) == 0:
                return kind(self._function(kind(z)))
            numbers = [self._function(number) for number in np.asarray(z, kind).ravel()]
        return np.array(numbers, kind).reshape(np.shape(z))


@Elementary
@strict
def exp(z):
    """e^z: 0 below the smallest normal number, infinite above the largest."""
    return elementary.exp(z)


@Elementary
@strict
def expm1(z):
    """e^z - 1, accurate near 0."""
    c = _NUMBERS(z)
    return elementary.exp(z) if z > c[_LARGE] else elementary.expm1(z)[0]


@Elementary
@strict
def log(z):
    """ln z: NaN below 0, -infinity at 0; a number below the smallest normal one is taken for one about as small."""
    return elementary.log_of_any(z)


@Elementary
@strict
def log1p(z):
    """ln(1 + z), accurate near 0: ln u + (z - (u - 1)) / u with u = 1 + z, rounded."""
    c = _NUMBERS(z)
    u = c[_ONE] + z
    value = elementary.log_of_any(u)
    return value + (z - (u - c[_ONE])) / u if c[_ZERO] < u < c[_INFINITY] else value


@Elementary
@strict
def sqrt(z):
    """The square root."""
    return np.sqrt(z)


@Elementary
@strict
def tanh(z):
    """tanh z."""
    return activations.tanh(z)[0]


@Elementary
@strict
def sigmoid(z):
    """1 / (1 + e^-z), which never overflows."""
    return activations.sigmoid(z)[0]


@Elementary
@strict
def softplus(z):
    """ln(1 + e^z), which never overflows."""
    return elementary.softplus(z)[0]
