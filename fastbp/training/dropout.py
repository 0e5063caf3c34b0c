"""The parts of the hidden layers that `train` leaves out, and the seeds of their masks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.errors import argument_error

SEEDS = 1 << 62
"""Of an epoch's masks: a number below this one, to which the epoch is added."""


def check_dropout(dropout: Any, L: int) -> tuple[float, ...]:
    """The part of each hidden layer that is left out, from one number for all of them or one for each."""
    hidden = L - 1
    if isinstance(dropout, Set | Mapping):
        problem = f"is {dropout!r}, which has no order; one number, or one for each of layers 1..{hidden}, is needed"
        raise argument_error("dropout", f"{problem}. Pass 0.5, or {[0.5] * hidden}, say.", TypeError)
    if isinstance(dropout, str | bytes) or not isinstance(dropout, Iterable) or getattr(dropout, "ndim", 1) == 0:
        part = checks.check_real(dropout, "dropout", low=0.0, below=1.0)
        if part and not hidden:
            raise argument_error(
                "dropout",
                f"is {part:g}; this network has no hidden layer, and only hidden neurons are left out. Pass 0, or make "
                "a net with hidden layers.",
            )
        return (part,) * hidden
    parts = tuple(checks.check_real(part, "dropout", low=0.0, below=1.0) for part in dropout)
    if len(parts) != hidden:
        raise argument_error(
            "dropout",
            f"has {len(parts)} numbers; this network has {hidden} hidden layer{'s' * (hidden > 1)}. Pass one number, "
            "or one for each.",
        )
    return parts


def no_masks(epoch: int) -> int:
    """The seed of an epoch without dropout."""
    return 0


def mask_seeds(rng: np.random.Generator) -> Callable[[int], int]:
    """Function of the epoch that gives the seed of its masks, from one number that is drawn now."""
    return masks_from(int(rng.integers(SEEDS)))


def masks_from(first: int) -> Callable[[int], int]:
    """Function of the epoch that gives the seed of its masks, from that of the first epoch."""
    return functools.partial(operator.add, first)  # which can be pickled with a `Trainer`
