"""Names that go together; coefs_ and intercepts_ copied to train, and read where they lie to predict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from fastbp import jit
from fastbp.functions.activations import CODES
from fastbp.functions.costs import LOSSES
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.kernels import layout
from fastbp.network import Network
from fastbp.runtime import engine

Estimator: TypeAlias = Any
"""`MLPClassifier` or `MLPRegressor`. Their base, scikit-learn's, has no types, and nobody who uses one can have any."""

NAMES = {"logistic": "sigmoid"}
"""scikit-learn's name of an activation -> fastbp's, where they differ."""

OF_LOSS = {loss: entry.parameter.name for loss, entry in LOSSES.items() if entry.parameter is not None}
"""Loss of regression -> the parameter of the estimator that it goes with."""


class Names(Set[str]):
    """Names that are looked up each time: users register more of them.

    Parameters
    ----------
    look_up : function
        Of nothing, what they are now.
    """

    def __init__(self, look_up: Callable[[], Collection[str]]) -> None:
        self._look_up = look_up

    def __contains__(self, name: object) -> bool:
        return name in self._look_up()

    def __iter__(self) -> Iterator[str]:
        return iter(self._look_up())

    def __len__(self) -> int:
        return len(self._look_up())

    @classmethod
    def _from_iterable(cls, names: Iterable[Any]) -> Any:
        return set(names)


def plain_name(value: Any) -> Any:
    """The name in place of what `fastbp.activation` or `fastbp.cost` has returned; anything else as it is."""
    return value.name if isinstance(value, ActivationFunction | CostFunction) else value


def fastbp_name(activation: Any) -> str:
    """The activation under fastbp's name."""
    name: str = plain_name(activation)
    return NAMES.get(name, name)


def blank_network(sizes: Sequence[int], activations: Sequence[str], dtype: Any) -> Network:
    """A network whose weights are 0, nothing being drawn, and whose cost is yet to be set."""
    net = Network.__new__(Network)
    net.__setstate__(
        {
            "sizes": tuple(int(size) for size in sizes),
            "activations": tuple(activations),
            "cost": "quadratic",
            "dtype": np.dtype(dtype),
            "meta": {},
            "theta": 0.0,
        }
    )
    return net


def views(net: Network, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """scikit-learn's shapes of a vector laid out like theta: (n_in, n_out) for each layer, and (n_out,)."""
    w, b = (net.w, net.b) if theta is net.theta else net._views(theta, "w", "b")
    return [layer.T for layer in w], list(b)


def pack(net: Network, coefs: Sequence[Any], intercepts: Sequence[Any], *, changes: bool = False) -> None:
    """Copy values of scikit-learn's shapes into the network; of ``changes``, those that are not its own, rounded."""
    own_w, own_b = views(net, net.theta)
    for given, own in zip([*coefs, *intercepts], [*own_w, *own_b], strict=True):
        if not changes or not np.array_equal(given, own.astype(np.asarray(given).dtype, copy=False)):
            own[...] = given


def unpack(net: Network, coefs: Sequence[Any], intercepts: Sequence[Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Copy theta into these arrays, as scikit-learn trains in place; a new one stands for one that cannot take it."""
    own_w, own_b = views(net, net.theta)
    parts = [_copied(own, into) for own, into in zip([*own_w, *own_b], [*coefs, *intercepts], strict=True)]
    return parts[: net.L], parts[net.L :]


def _is_plain(array: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a kernel can read this array where it lies."""
    return type(array) is np.ndarray and array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


def _copied(values: np.ndarray, into: Any) -> np.ndarray:
    plain = type(into) is np.ndarray and into.dtype in (np.float32, np.float64) and _is_plain(into, into.dtype)
    if plain and into.flags.writeable and into.shape == values.shape:
        into[...] = values
        return into
    return np.array(values, order="C")


def in_own_memory(array: Any) -> np.ndarray:
    """The array in C order and in memory of its own, which unpickling does not ensure; one in a file stays there."""
    plain = np.ascontiguousarray(array)
    return plain if plain.flags.owndata or isinstance(array, np.memmap) else plain.copy()


MANY_SAMPLES = 1024
SMALL_WEIGHTS = 1 << 17
"""For so many samples, weights of so few bytes are copied into padded rows. Used where they lie, predictions of 2,000
samples take 0.99 to 1.08 of the time (64-30-10 to 64-150-10), of 200 samples 0.89 (64-30-10); on AVX-512."""

_OF_PLAIN_LAYER = ["K", "J", "whole", "rest", "b"]


class PlainNetwork(Network):
    """A network whose weights are coefs_ and intercepts_ where they lie. It predicts, and nothing else.

    What is written into those arrays, by whichever view, is what the next one predicts with.
    """

    _arrays: list[np.ndarray]
    """coefs_, alive as long as a kernel may read them."""
    _table: np.ndarray
    """Where they lie."""

    __setattr__ = object.__setattr__  # one is made for each prediction, and no user sees it

    def __init__(self, sizes: Sequence[int], activations: Sequence[Any], cost: tuple[Any, Any], dtype: Any) -> None:
        self.sizes, self.activations, self.dtype = tuple(sizes), tuple(activations), np.dtype(dtype)
        self.cost, self.cost_parameter = cost
        codes = tuple(CODES[name] for name in self.activations)
        self._padded, self._n_padded = layout.theta_layout(self.sizes, codes, self.dtype.itemsize)
        self._layers, self._n_copied = layout.plain_layout(self._padded, self.dtype.itemsize)
        self._places = self._layers[_OF_PLAIN_LAYER][1:].tolist()
        self._layouts = {}

    def on(self, coefs: Sequence[Any], intercepts: Sequence[Any], n: int) -> PlainNetwork | None:
        """The same network on these arrays, for n samples; None if it has other shapes.

        Small arrays are copied for many samples, which then take less time; else only those that no kernel can read.
        """
        if not len(coefs) == len(intercepts) == len(self._places):
            return None
        net = PlainNetwork.__new__(PlainNetwork)
        net.__dict__.update(self.__dict__)
        dtype, arrays = self.dtype, []
        theta = np.zeros(self._n_copied, dtype)
        for coef, intercept, (n_in, n_out, whole, rest, bias) in zip(coefs, intercepts, self._places, strict=True):
            w = coef if _is_plain(coef, dtype) else np.require(np.asarray(coef), dtype, ["C", "A"])
            if w.shape != (n_in, n_out) or np.shape(intercept) != (n_out,):
                return None
            theta[bias : bias + n_out] = intercept
            if rest < bias:
                theta[rest:bias].reshape(n_in - whole, -1)[:, :n_out] = w[whole:]
            arrays.append(w)
        net._arrays = arrays
        if n >= MANY_SAMPLES and sum(w.nbytes for w in arrays) <= SMALL_WEIGHTS:
            net._table = net._layers = self._padded
            net._stand_on(layout.aligned(self._n_padded, dtype))
            pack(net, arrays, intercepts)
            net._layers = self._layers  # layouts have room for either way
            return net
        net._table = table = self._layers.copy()
        table["stride"] = table["J"]
        if jit.DISABLED:  # a buffer is then an array, and what lies outside it cannot be read
            table["w"][1:] = np.cumsum([len(theta), *(w.size for w in arrays)])[:-1]
            theta = np.concatenate([theta, *(w.ravel() for w in arrays)])
        else:
            start = theta.ctypes.data
            table["w"][1:] = [(w.ctypes.data - start) // dtype.itemsize for w in arrays]
        net._theta = theta
        return net

    def _located(self, where: engine.Layout) -> engine.Layout:
        table = where.layers.table.copy()
        for name in ("stride", "w", "b", "whole", "rest"):
            table[name] = self._table[name]
        return where._replace(layers=where.layers._replace(theta=self._theta, table=table))


def sizes_of(coefs: Sequence[Any], intercepts: Sequence[Any]) -> list[int]:
    """Neurons of all layers, from the shapes of coefs_ and intercepts_; ValueError unless they fit each other."""
    shapes = [np.shape(coef) for coef in coefs], [np.shape(intercept) for intercept in intercepts]
    sizes = [shape[0] for shape in shapes[0][:1] if shape] + [shape[-1] for shape in shapes[0] if shape]
    wanted = list(pairwise(sizes)), [(n,) for n in sizes[1:]]
    if len(sizes) < 2 or shapes != wanted:
        raise ValueError(
            f"coefs_ have shapes {shapes[0]} and intercepts_ {shapes[1]}; each layer needs (n_in, n_out) and (n_out,), "
            "n_in being n_out of the layer before. Assign arrays of such shapes."
        )
    return sizes
