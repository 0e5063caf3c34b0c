"""What a run needs, beside its `Run` and the weights, to go on as if it had never stopped."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp.kernels import fingerprint
from fastbp.training.described import Described, described


def fingerprint_of(theta: np.ndarray) -> int:
    """What tells the weights that a run has left from others of the same net; it is asked for after each run."""
    return int(fingerprint.fingerprint(theta.view(np.uint64)))


@dataclass
class State:
    """Of a run that is at a minibatch boundary; epochs, steps, history and seconds are the `Run`'s own."""

    options: dict[str, Any]
    """Settings of the training, by name."""
    moments: np.ndarray
    """The optimizer's vectors, one after the other, laid out like theta."""
    powers: tuple[float, float]
    """beta_1^t and beta_2^t."""
    minibatch: int
    """Minibatches done of the epoch after those that the run counts."""
    statistics: np.ndarray
    """`STATISTICS` of these."""
    first_loss: float | None
    generator: dict[str, Any] | None
    """State of the bit generator before the order of that epoch was drawn; None where no order is drawn."""
    seed: int
    """Of the masks of the first epoch."""
    plateau: tuple[float, float, int]
    """Of ReduceOnPlateau: the factor, the best value so far, and epochs since then."""
    concluded: bool
    """Whether schedule and early stopping have been asked about the last epoch that the run counts."""
    limit: float
    """Largest weight or bias from which a training may have exploded."""
    best: float | None
    """The best value that early stopping has seen."""
    best_theta: np.ndarray | None = field(repr=False)
    """The weights with which, where they are to be restored."""
    last_theta: np.ndarray | None = field(default=None, repr=False)
    """The last weights, where the net has others."""
    fingerprint: int = 0
    """Of the net's theta as the run left it."""
    finished: bool = False
    """Whether early stopping has ended the run for good."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"options": {name: _pickled(value) for name, value in self.options.items()}}


def _pickled(value: Any) -> Any:
    """The option, or what is left of one that cannot be pickled."""
    try:
        pickle.dumps(value)
    except Exception:  # a user's object may raise anything
        return Described(described(value))
    return value


def encoded(value: Any) -> Any:
    """A bit generator's state for JSON: its numbers, of up to 128 bits, as text."""
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}:{value.astype(value.dtype.newbyteorder('<')).tobytes().hex()}"
    if isinstance(value, float):
        return f"float:{value.hex()}"
    return value if isinstance(value, str) else hex(value)


def decoded(value: Any) -> Any:
    """What `encoded` made text of."""
    if isinstance(value, Mapping):
        return {key: decoded(item) for key, item in value.items()}
    kind, colon, digits = value.partition(":")
    if kind == "float":
        return float.fromhex(digits)
    if colon:
        return np.frombuffer(bytes.fromhex(digits), np.dtype(kind).newbyteorder("<")).astype(kind)
    return int(value, 16) if value.startswith("0x") else value
