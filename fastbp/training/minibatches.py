"""Which samples a run trains on, in which order, and how many of them make a minibatch."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.arrays import as_sample_weight
from fastbp.chunks import largest_magnitude
from fastbp.errors import argument_error
from fastbp.functions.own_rows import takes
from fastbp.network import Network
from fastbp.runtime import csr
from fastbp.targets import Targets


@dataclass
class Samples:
    """Samples as the kernels take them: contiguous, of the net's dtype.

    Attributes
    ----------
    X : numpy.ndarray, shape (n_samples, sizes[0]), or fastbp.runtime.csr.Rows
    targets : Targets
    weight : numpy.ndarray, shape (n_samples,), or None
        s_x; None where all are 1.
    known_largest : float, optional
        The largest |x|, if it is known.
    """

    X: np.ndarray | csr.Rows
    targets: Targets
    weight: np.ndarray | None
    known_largest: float | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def largest(self) -> float:
        """The largest |x|."""
        return largest_magnitude(self.values) if self.known_largest is None else self.known_largest

    @property
    def values(self) -> np.ndarray:
        """All numbers of X that are stored."""
        return self.X.values if isinstance(self.X, csr.Rows) else self.X


_known: ContextVar[dict[Any, Any] | None] = ContextVar("known", default=None)


@contextlib.contextmanager
def sharing_samples() -> Iterator[None]:
    """Within this context the same samples, for networks of one kind, are checked and converted once."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def _once(check: Callable[..., Samples]) -> Callable[..., Samples]:
    """Decorator of what checks samples for a network: `sharing_samples` answers where it has been asked already."""

    @functools.wraps(check)
    def call(net: Network, *given: Any, **options: Any) -> Samples:
        known = _known.get()
        if known is None:
            return check(net, *given, **options)
        kind = net.sizes[0], net.sizes[-1], net.dtype, net.cost, net.cost_parameter, net.activations[-1]
        key = *kind, *map(id, given), *((name, id(value)) for name, value in options.items())
        if key not in known:
            known[key] = check(net, *given, **options), given, options  # kept, so that nothing else gets their ids
        samples: Samples = known[key][0]
        return samples

    return call


@_once
def check_samples(net: Network, X: Any, Y: Any, sample_weight: Any, ending: str = "", **options: Any) -> Samples:
    """Samples from what a user passes; ``ending`` is that of the arguments' names in messages, options are those of
    `as_targets`.
    """
    X, largest = csr.measured_inputs(X, net.sizes[0], net.dtype, "X" + ending)
    targets = net._targets(Y, len(X), "Y" + ending, **options)
    weight = as_sample_weight(sample_weight, len(X), net.dtype, "sample_weight" + ending)
    return Samples(X, targets, weight, largest)


def check_validation(net: Network, validation: Any, **options: Any) -> Samples | None:
    """The samples of ``validation=``; options as in `check_samples`."""
    if validation is None:
        return None
    if not isinstance(validation, Sequence) or len(validation) not in (2, 3):
        raise argument_error(
            "validation",
            "is not a pair; it needs samples and their targets. Pass validation=(X_val, Y_val), "
            "or (X_val, Y_val, sample_weight_val).",
        )
    X, Y, *weight = validation
    return check_samples(net, X, Y, weight[0] if weight else None, "_val", **options)


def check_batch_size(batch_size: Any, n: int) -> int:
    """Samples of a minibatch; of n at most n, with a warning."""
    if batch_size is None:
        return n
    if batch_size == "auto":
        return min(32, n)
    size = checks.check_int(batch_size, "batch_size", low=1)
    if size > n:
        warnings.warn(
            f"batch_size is {size}; there are {n} samples. Each epoch is one minibatch of {n}.",
            UserWarning,
            stacklevel=6,
        )
    return min(size, n)


def sizes_of_minibatches(n: int, batch_size: int) -> np.ndarray:
    """How many of n samples each minibatch of an epoch has, in float64: the last one has what is left."""
    sizes = np.full(-(-n // batch_size), float(batch_size))
    sizes[-1] = n - batch_size * (len(sizes) - 1)
    return sizes


BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


class Order:
    """The order of the samples of each epoch, as an index array: by default their own.

    Parameters
    ----------
    rng : numpy.random.Generator, optional
        Draws a new one for each epoch.
    function : function, optional
        Of the epoch, that returns it.
    """

    def __init__(self, rng: np.random.Generator | None = None, function: Callable[[int], Any] | None = None) -> None:
        self._rng, self._function = rng, function
        self._drawn: tuple[int, Any] = (-1, None)

    def __call__(self, epoch: int, n: int) -> np.ndarray:
        """Of n samples in an epoch, counted from 0."""
        if self._function is not None:
            return _checked(self._function(epoch), epoch, n)
        if self._rng is None:
            return np.arange(n, dtype=np.int64)
        self._drawn = epoch, self._rng.bit_generator.state
        return self._rng.permutation(n).astype(np.int64, copy=False)

    def state(self, epoch: int) -> dict[str, Any] | None:
        """That of the bit generator before this epoch, the last one drawn or the next; None without one."""
        if self._rng is None:
            return None
        drawn, state = self._drawn
        return dict(state if drawn == epoch else self._rng.bit_generator.state)

    def restore(self, state: dict[str, Any] | None) -> None:
        """Draw the next order from this state of a bit generator, with a generator of its own."""
        if state is None:
            return
        name = state["bit_generator"]
        if name not in BIT_GENERATORS:
            raise argument_error(
                "seed",
                f"is a Generator of {name}; a run goes on with {', '.join(BIT_GENERATORS)}. Pass one of these.",
            )
        bits = getattr(np.random, name)()
        bits.state = state
        self._rng = np.random.Generator(bits)


def _checked(given: Any, epoch: int, n: int) -> np.ndarray:
    """What a user's function of the epoch returned, if it is an order of n samples."""
    order = np.asarray(given)
    if order.dtype.kind not in "iu":
        raise TypeError(
            f"shuffle({epoch}) returned {order.dtype} values; an epoch needs indices of samples. Return an "
            "integer array."
        )
    order = np.ascontiguousarray(order, np.int64)
    # Without its sign a negative index is a very large one.
    if order.shape != (n,) or (n and order.view(np.uint64).max() >= n):
        raise ValueError(
            f"shuffle({epoch}) returned shape {order.shape} with values outside the samples or of another "
            f"number; an epoch needs {n} indices in 0..{n - 1}. Return an index array of shape ({n},)."
        )
    return order


def make_order(shuffle: Any, seed: Any) -> Order:
    """The order of ``shuffle=`` and ``seed=``."""
    if takes(shuffle, 1):
        return Order(function=shuffle)
    if not isinstance(shuffle, (bool, np.bool_)):
        raise argument_error(
            "shuffle",
            f"is {shuffle!r}; it must be True, False or a function of the epoch. Pass one of these.",
            TypeError,
        )
    return Order(checks.make_rng(seed)) if shuffle else Order()
