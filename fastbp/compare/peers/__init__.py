"""Who trains the nets, a file each: fastbp, and those it is compared with."""

from __future__ import annotations

import abc
import importlib
import importlib.metadata
import importlib.util
import time
from typing import Any, ClassVar

from fastbp.compare.nets import Case
from fastbp.errors import argument_error

Parameters = list[tuple[Any, Any]]
"""(w^l, b^l) for l = 1..L, w of shape (J, K)."""


class Trainer(abc.ABC):
    """One net in training, in a peer's own arrays."""

    whole: ClassVar[bool] = False
    """Whether ``run`` takes orders of all samples only, because something is compiled for their number."""

    @abc.abstractmethod
    def run(self, orders: Any) -> None:
        """Train on minibatches of consecutive samples of each row of ``orders``, whose length is a multiple of them."""

    @abc.abstractmethod
    def parameters(self) -> Parameters:
        """Copies of the weights and biases."""

    def time(self, orders: Any) -> float:
        """Seconds of ``run``."""
        began = time.perf_counter()
        self.run(orders)
        return time.perf_counter() - began


class Peer(abc.ABC):
    """A library, or a way to write the loop."""

    name: ClassVar[str]
    module: ClassVar[str]
    distribution: ClassVar[str]
    pinning: ClassVar[str]
    """How it is held to the number of threads."""

    @property
    def version(self) -> str | None:
        """None where it is not installed."""
        if importlib.util.find_spec(self.module) is None:
            return None
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return str(getattr(importlib.import_module(self.module), "__version__", "unknown"))

    def cannot(self, case: Case) -> str:
        """Why the case is not this peer's, or nothing."""
        return ""

    @abc.abstractmethod
    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Everything that comes before the first step: copies, uploads, compilation where it can be had early."""


MODULES = ("fastbp_", "jax_", "torch_", "compiled", "numpy_", "sklearn_", "prange", "textbook_", "book")


def load(names: list[str] | None = None) -> list[Peer]:
    """The peers of these names, or all, fastbp first."""
    peers = [importlib.import_module(f"fastbp.compare.peers.{module}").PEER for module in MODULES]
    if names is None:
        return peers
    known = [peer.name for peer in peers]
    for name in names:
        if name not in known:
            problem = f"has {name!r}; {name!r} is no peer. Choose among: {', '.join(known)}."
            raise argument_error(ValueError, "peers", problem)
    return [peer for peer in peers if peer.name == "fastbp" or peer.name in names]
