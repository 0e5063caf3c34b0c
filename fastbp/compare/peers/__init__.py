"""Who trains the nets: fastbp, and those it is compared with."""

from __future__ import annotations

import abc
import importlib
import importlib.metadata
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import fastbp
from fastbp.compare.nets import Array, Case, Number, Parameters
from fastbp.errors import argument_error

BY_ENVIRONMENT = "OPENBLAS_NUM_THREADS and its like before import, affinity"
"""How NumPy's products are held to a number of threads."""


def adam_step(learning_rate: float, t: int) -> tuple[float, float]:
    """Step size and epsilon of Adam's step t = 1, 2, ..., for m and v that are not corrected themselves."""
    root = (1 - 0.999**t) ** 0.5
    return learning_rate * root / (1 - 0.9**t), 1e-8 * root


class Trainer(abc.ABC):
    """One net in training, in a peer's own arrays. All that comes before the first step belongs to its construction.

    Parameters
    ----------
    case : Case
    X, Y : array (n_samples, sizes[0]), array (n_samples, sizes[-1])
    n_threads : int or None
        None, for fastbp only, is its own choice.
    """

    whole: ClassVar[bool] = False
    """Whether ``run`` takes orders of all samples only, because something is compiled for their number."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        self.case, self.X, self.Y, self.n_threads, self.t = case, X, Y, n_threads, 0

    def run(self, orders: Array) -> None:
        """Train on minibatches of consecutive samples of each row of ``orders``, whose length is a multiple of them."""
        batch = self.case.batch
        for order in orders:
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                self.step(*((self.X, self.Y) if self.case.full_batch else self.gather(chosen)))

    def gather(self, chosen: Array) -> tuple[Array, Array]:
        """The samples of a minibatch and their targets."""
        return self.X[chosen], self.Y[chosen]

    def step(self, x: Array, y: Array) -> None:
        """One minibatch."""
        raise NotImplementedError

    @abc.abstractmethod
    def parameters(self) -> Parameters:
        """Copies of the weights and biases."""

    def time(self, orders: Array) -> float:
        """Seconds of ``run``."""
        began = time.perf_counter()
        self.run(orders)
        return time.perf_counter() - began


class ArrayTrainer(Trainer):
    """A trainer of NumPy arrays, with an update for each of them. ``w[l][k, j]`` is w_jk, so that ``a @ w`` is F1."""

    transposed: ClassVar[bool] = True
    """False for ``w[l][j, k]``."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        super().__init__(case, X, Y, n_threads)
        self.w = [np.ascontiguousarray(w.T if self.transposed else w) for w, _ in case.start()]
        self.b = [b for _, b in case.start()]
        if case.optimizer == "adam":
            self.m, self.v = ([np.zeros_like(part) for part in self.w + self.b] for _ in range(2))

    def buffers(self) -> list[Array]:
        """An array for each layer's neurons of all samples of a minibatch."""
        return [np.empty((self.case.batch, J), self.X.dtype) for J in self.case.sizes[1:]]

    def update(self, gradients: list[Array]) -> None:
        """U, from the gradients of the weights and then of the biases."""
        number, rate = self.X.dtype.type, self.case.learning_rate
        if self.case.optimizer == "sgd":
            for w, g in zip(self.w + self.b, gradients, strict=True):
                self.descend(w, g, number(rate))
            return
        self.t += 1
        step, epsilon = map(number, adam_step(rate, self.t))
        for w, g, m, v in zip(self.w + self.b, gradients, self.m, self.v, strict=True):
            self.adam(w, g, m, v, step, epsilon)

    @abc.abstractmethod
    def descend(self, w: Array, g: Array, eta: Number) -> None:
        """U of plain descent, of one array."""

    def adam(self, w: Array, g: Array, m: Array, v: Array, step: Number, epsilon: Number) -> None:
        """U of Adam, of one array."""
        raise NotImplementedError

    def parameters(self) -> Parameters:
        return [((w.T if self.transposed else w).copy(), b.copy()) for w, b in zip(self.w, self.b, strict=True)]


@dataclass
class Peer:
    """A library, or a way to write the loop."""

    name: str
    module: str
    pinning: str
    """How it is held to the number of threads."""
    trainer: Callable[[Case, Array, Array, int | None], Trainer]
    cannot: Callable[[Case], str] = lambda case: ""
    """Why the case is not this peer's, or nothing."""
    distribution: str = ""
    """The name of the module's distribution, if it is another."""

    @property
    def version(self) -> str | None:
        """None where it is not installed; of fastbp, that of these sources."""
        if self.module == "fastbp":
            return fastbp.__version__
        if importlib.util.find_spec(self.module) is None:
            return None
        try:
            return importlib.metadata.version(self.distribution or self.module)
        except importlib.metadata.PackageNotFoundError:
            return str(getattr(importlib.import_module(self.module), "__version__", "unknown"))


MODULES = ("fastbp_", "jax_", "torch_", "numpy_", "sklearn_", "prange", "textbook_", "book")


def load(names: list[str] | None = None) -> list[Peer]:
    """The peers of these names, or all, fastbp first."""
    peers = [peer for name in MODULES for peer in importlib.import_module(f"fastbp.compare.peers.{name}").PEERS]
    if names is None:
        return peers
    known = [peer.name for peer in peers]
    for name in names:
        if name not in known:
            problem = f"has {name!r}; {name!r} is no peer. Choose among: {', '.join(known)}."
            raise argument_error("peers", problem)
    return [peer for peer in peers if peer.name == "fastbp" or peer.name in names]
