"""The one vector theta that holds every w^l and b^l of a network, and its views, indexed as in the notes."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastbp import checks, synonyms
from fastbp.checks import Activation, Cost
from fastbp.chunks import all_finite
from fastbp.functions import own
from fastbp.functions.activations import CODES
from fastbp.functions.costs import parameter_of
from fastbp.kernels import layout
from fastbp.layers import Floats, PerLayer

FIXED = ("sizes", "activations", "cost", "cost_parameter", "dtype", "n_parameters")
"""Attributes of a network that cannot be assigned to."""


def freeze(value: Any) -> Any:
    """What cannot be changed in place of mappings and lists."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """Plain dicts in their place again."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value


class Parameters:
    """Sizes, functions and weights of a network: what the runtime asks of it."""

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    cost: Cost
    cost_parameter: float | None
    dtype: np.dtype[Any]
    meta: Mapping[str, Any]
    _drawn: str | None = None
    """How the weights began; None where they were read."""

    if not TYPE_CHECKING:  # or a type checker would believe in every attribute

        def __getattr__(self, name: str) -> Any:
            answer = synonyms.ATTRIBUTES.get(name)
            what = f"A Network has no {name}" + (f". {answer}" if answer else "; see help(fastbp.Network)")
            raise AttributeError(what, name=name, obj=self)

        def __setattr__(self, name: str, value: Any) -> None:
            if name in synonyms.ATTRIBUTES:  # what nobody would ever read
                raise AttributeError(f"A Network has no {name}. {synonyms.ATTRIBUTES[name]}", name=name, obj=self)
            if name in FIXED and name in self.__dict__:  # what the memory and the kernels stand on
                problem = f"{name} is fixed once a network is made. Make another: fastbp.Network(...)"
                raise AttributeError(problem, name=name, obj=self)
            object.__setattr__(self, name, value)

    def _set_cost(self, cost: Cost, cost_parameter: float | None) -> None:
        """Give a network another cost that has been checked, and that nobody else has seen yet."""
        self.__dict__.update(cost=cost, cost_parameter=cost_parameter)

    def _allocate(self) -> None:
        codes = tuple(CODES[name] for name in self.activations)
        n_parameters = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(self.sizes))
        checks.check_memory(n_parameters * self.dtype.itemsize, f"The weights of sizes {list(self.sizes)}")
        self.n_parameters = n_parameters
        self._layers, size = layout.theta_layout(self.sizes, codes, self.dtype.itemsize)
        self._stand_on(layout.aligned(size, self.dtype))
        self._layouts: dict[Any, tuple[Any, list[Any]]] = {}

    def _stand_on(self, theta: Floats) -> None:
        """Take a vector laid out like theta for the memory of w and b."""
        self._theta = theta
        self._w, self._b = self._views(theta, "w", "b")

    def _views(self, theta: np.ndarray, w_name: str, b_name: str) -> tuple[PerLayer, PerLayer]:
        """w and b inside a vector laid out like theta."""
        w, b = [], []
        for l in range(1, self.L + 1):
            n_in, n_out, stride, w_at, b_at = (int(self._layers[name][l]) for name in ("K", "J", "stride", "w", "b"))
            w.append(theta[w_at : w_at + n_in * stride].reshape(n_in, stride)[:, :n_out].T)
            b.append(theta[b_at : b_at + n_out])
        return PerLayer(w_name, w), PerLayer(b_name, b)

    @property
    def theta(self) -> Floats:
        """The one vector behind all weights and biases, rows padded with zeros. It is never replaced."""
        return self._theta

    @theta.setter
    def theta(self, values: Any) -> None:
        raise AttributeError(
            "theta is the memory that w and b are views of; it cannot be replaced. Write into net.theta[...], or copy "
            "values in with net.set_parameters."
        )

    @property
    def w(self) -> PerLayer:
        """``w[l][j, k]`` is w_jk^l, l = 1..L. Assigning one array for each layer copies them in."""
        return self._w

    @w.setter
    def w(self, arrays: Sequence[Any]) -> None:
        self._w.assign(arrays)

    @property
    def b(self) -> PerLayer:
        """``b[l][j]`` is b_j^l, l = 1..L. Assigning one array for each layer copies them in."""
        return self._b

    @b.setter
    def b(self, arrays: Sequence[Any]) -> None:
        self._b.assign(arrays)

    @property
    def L(self) -> int:
        """Number of the output layer."""
        return len(self.sizes) - 1

    @property
    def _p(self) -> float:
        """The cost's parameter as kernels take it; 0 where it has none."""
        return parameter_of(self.cost, self.cost_parameter)

    def _located(self, where: Any) -> Any:
        """The layout with where this network's weights lie: for networks whose weights are not in theta."""
        return where

    def _warn_of_what_is_not_finite(self, what: str, stacklevel: int, weights: str = "net.w and net.b") -> None:
        why = f"something overflows {self.dtype.name} on the way. Scale the inputs, or lower the weights"
        if not all_finite(self.theta):
            why = f"not all weights are finite. Look at {weights}, or load the net again"
        warnings.warn(f"{what}; {why}.", RuntimeWarning, stacklevel=stacklevel)

    def parameters(self) -> Floats:
        """Compact copy of all parameters, for optimizers from elsewhere: w[1] row by row, b[1], w[2], ..."""
        return np.concatenate([part.ravel() for part in self._parts()])

    def _parts(self) -> list[Floats]:
        """w[1], b[1], w[2], ..."""
        return [part for layer in zip(self.w, self.b, strict=True) for part in layer]

    def _unpacked(self, values: np.ndarray) -> list[np.ndarray]:
        """A vector in the order of ``parameters`` as views of the shapes of w[1], b[1], w[2], ..."""
        parts = self._parts()
        ends = np.cumsum([part.size for part in parts]).tolist()
        return [values[end - part.size : end].reshape(part.shape) for part, end in zip(parts, ends, strict=True)]

    def set_parameters(self, values: Any) -> None:
        """Copy in a vector in the order of ``parameters``."""
        values = np.asarray(values)
        if values.shape != (self.n_parameters,):
            raise ValueError(
                f"The parameters have shape {values.shape}; this network has {self.n_parameters} of them. "
                f"Pass an array of shape ({self.n_parameters},)."
            )
        for part, given in zip(self._parts(), self._unpacked(values), strict=True):
            part[...] = given

    def copy(self) -> Self:
        """An independent network with the same weights."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in ("sizes", "activations", "cost", "cost_parameter", "dtype")}
        return state | {"meta": thaw(self.meta), "theta": np.array(self.theta), "drawn": self._drawn}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name in ("sizes", "activations", "cost", "dtype"):
            setattr(self, name, state[name])
        own.require(self.activations, self.cost)
        self.cost_parameter = state.get("cost_parameter")  # an older fastbp's pickle has none
        self.meta, self._drawn = freeze(state["meta"]), state.get("drawn")
        self._allocate()
        self.theta[:] = state["theta"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        twin.__setstate__(self.__getstate__())
        memo[id(self)] = twin
        return twin

    def __copy__(self) -> Self:
        return self.copy()
