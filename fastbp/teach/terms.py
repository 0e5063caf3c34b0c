"""Arrays that know of how large terms each of their numbers was made: what says how far rounding can take it.

A number that is a sum of large terms which cancel has fewer right digits than its size suggests. `Sized` carries,
beside each number, the sum of |terms| behind it, handed on from operation to operation as first derivatives hand on
errors: an error of eps times the terms of what goes in is, but for a small factor, at most eps times the terms of what
comes out. Equations written with operators work on plain arrays and on these alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.functions.activations import CODES
from fastbp.runtime.explained import activations

Array = Any
"""numpy.ndarray or `Sized`, which know the same operators."""

MORE: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1, np.exp(np.minimum(z, 0))),
    ),
    "2 sigmoid(z) - 1": (lambda z: np.tanh(z / 2), lambda z: 0.5 / np.cosh(z / 2) ** 2),
    "1.7159 tanh(2 z / 3)": (
        lambda z: 1.7159 * np.tanh(2 * z / 3),
        lambda z: 1.7159 * 2 / 3 / np.cosh(2 * z / 3) ** 2,
    ),
    "leaky_relu with slope 0.1": (lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 0, 1, 0.1)),
    "leaky_relu with slope 0.2": (lambda z: np.where(z > 0, z, 0.2 * z), lambda z: np.where(z > 0, 1, 0.2)),
    "leaky_relu with slope 0.3": (lambda z: np.where(z > 0, z, 0.3 * z), lambda z: np.where(z > 0, 1, 0.3)),
    "the tanh approximation of gelu": (
        lambda z: 0.5 * z * (1 + np.tanh(_gelu_inside(z))),
        lambda z: 0.5 * (1 + np.tanh(_gelu_inside(z)))
        + 0.5 * z / np.cosh(_gelu_inside(z)) ** 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2),
    ),
}  # fmt: skip
"""Activations that fastbp does not have and learners use: sigma and sigma'."""

STRAIGHT = ("relu", "leaky_relu", "identity")
"""Activations of straight pieces: nothing is rounded in them but a product."""


def _gelu_inside(z: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


class Sized:
    """Numbers, and beside each the sum of |terms| behind it; a plain array beside it stands for exact numbers."""

    __array_ufunc__ = None  # an array on the left leaves the operation to this class

    def __init__(self, value: Any, terms: Any = None) -> None:
        self.value = np.asarray(value, float)
        self.terms = np.abs(self.value) if terms is None else np.asarray(terms, float)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the numbers."""
        return self.value.shape

    def __len__(self) -> int:
        return len(self.value)

    def each(self, function: Callable[[np.ndarray], Any]) -> Sized:
        """What is done to numbers and terms alike: indices, transposes, sums."""
        return Sized(function(self.value), function(self.terms))

    def __getitem__(self, index: Any) -> Sized:
        return self.each(lambda array: array[index])

    @property
    def T(self) -> Sized:
        """The transpose."""
        return Sized(self.value.T, self.terms.T)

    def __neg__(self) -> Sized:
        return Sized(-self.value, self.terms)

    def __abs__(self) -> Sized:
        return Sized(np.abs(self.value), self.terms)

    def __add__(self, other: Any) -> Sized:
        return Sized(self.value + number(other), self.terms + terms(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Sized:
        return Sized(self.value - number(other), self.terms + terms(other))

    def __rsub__(self, other: Any) -> Sized:
        return Sized(number(other) - self.value, self.terms + terms(other))

    def __mul__(self, other: Any) -> Sized:
        value = self.value * number(other)
        if isinstance(other, Sized):
            return Sized(value, self.terms * np.abs(other.value) + np.abs(self.value) * other.terms)
        return Sized(value, self.terms * np.abs(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Sized:
        if isinstance(other, Sized):
            size = other.value**2
            return Sized(
                self.value / other.value,
                self.terms / np.abs(other.value) + np.abs(self.value) * other.terms / size,
            )
        return Sized(self.value / other, self.terms / np.abs(other))

    def __rtruediv__(self, other: Any) -> Sized:
        return Sized(other / self.value, np.abs(other) * self.terms / self.value**2)

    def __matmul__(self, other: Any) -> Sized:
        value = self.value @ number(other)
        if isinstance(other, Sized):
            return Sized(value, self.terms @ np.abs(other.value) + np.abs(self.value) @ other.terms)
        return Sized(value, self.terms @ np.abs(other))

    def __rmatmul__(self, other: Any) -> Sized:
        return Sized(other @ self.value, np.abs(other) @ self.terms)


def number(x: Any) -> Any:
    """The numbers alone."""
    return x.value if isinstance(x, Sized) else x


def terms(x: Any) -> Any:
    """The sums of |terms|."""
    return x.terms if isinstance(x, Sized) else np.abs(x)


def each(function: Callable[[np.ndarray], Any], x: Array) -> Array:
    """`Sized.each`, of plain arrays too."""
    return x.each(function) if isinstance(x, Sized) else np.asarray(function(x))


def beside(one: Array, other: Array) -> Array:
    """The columns of one array, then those of another."""
    if isinstance(one, Sized):
        return Sized(np.hstack([one.value, other.value]), np.hstack([one.terms, other.terms]))
    return np.hstack([one, other])


def through(function: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray], z: Array,
            curved: bool = True) -> Array:  # fmt: skip
    """f(z), of which f'(z) is the slope; ``curved``: made of terms such as 1 - e^-z, which are about 1."""
    if not isinstance(z, Sized):
        return function(z)
    value = function(z.value)
    return Sized(value, np.abs(slope(z.value)) * z.terms + np.abs(value) + (1.0 if curved else 0.0))


def _of_code(name: str, which: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: activations(CODES[name], np.asarray(z, float))[which]


def pair(name: str) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """sigma and sigma' of an activation, elementwise."""
    return MORE[name] if name in MORE else (_of_code(name, 0), _of_code(name, 1))


def sigma(name: str, z: Array, axis: int = 1) -> Array:
    """F2; softmax along an axis."""
    if name == "softmax":
        e = np.exp(number(z) - number(z).max(axis=axis, keepdims=True))
        a = e / e.sum(axis=axis, keepdims=True)
        if not isinstance(z, Sized):
            return np.asarray(a)
        return Sized(a, a * (1 + z.terms + (a * z.terms).sum(axis=axis, keepdims=True)))
    function, slope = pair(name)
    return through(function, slope, z, name not in STRAIGHT)


def sigma_prime(name: str, z: Array) -> Array:
    """sigma' (z); softmax's are the diagonal of its Jacobian."""
    if name == "softmax":
        a = sigma(name, z)
        return a * (1 - a)
    slope = pair(name)[1]
    h = 1e-5

    def second(z: np.ndarray) -> np.ndarray:
        return np.asarray((slope(z + h) - slope(z - h)) / (2 * h))

    straight = name in STRAIGHT
    return through(slope, np.zeros_like if straight else second, z, not straight)
