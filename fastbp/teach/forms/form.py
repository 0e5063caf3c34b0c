"""One shape: how it is called, and which networks it can be tried on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[Any, Any, Any, Any], Any]
"""``mine(w, b, x, y) -> (grad_w, grad_b)``, as `fastbp.check_backprop` has it."""
Activations = tuple[str, str]
"""Of the hidden layers, and of the output layer."""


@dataclass(frozen=True)
class Form:
    """A learner's backpropagation, as a function or several.

    Attributes
    ----------
    calls : tuple of function
        The ways it may be meant: right if it is in one of them.
    what : str
        What it was taken for; empty for a function of w, b, x, y.
    sizes : tuple of int or None
        The only network that it can be tried on; None for any.
    L : int or None
        The only number of layers; None for any.
    narrow : bool
        Whether hidden layers of one neuron can be.
    activations : tuple of str or None
        What it has, as far as can be seen.
    """

    calls: tuple[Call, ...]
    what: str = ""
    sizes: tuple[int, ...] | None = None
    L: int | None = None
    narrow: bool = True
    activations: Activations | None = None

    def can_be(self, sizes: Sequence[int]) -> bool:
        """Whether it can be tried on a network of these sizes."""
        return self.L in (None, len(sizes) - 1) and (self.narrow or min(sizes[1:-1], default=2) > 1)


@dataclass(frozen=True)
class Asked:
    """What `fastbp.check_backprop` was asked: None where that was left to be seen."""

    activations: Activations | None
    cost: str
    batch: bool
    loss: Any = None
