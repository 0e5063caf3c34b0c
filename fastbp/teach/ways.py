"""Backpropagation in NumPy with every choice that a learner makes open: the right way, and any of the wrong ones.

Each field of a `Way` is one such choice, and its default is the notes' own. The gradients here are spelled apart from
the kernels and from the textbook's composition. Rows are samples; lists hold layer l = 1..L at index l - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Arrays = list[Any]


@dataclass(frozen=True, eq=False)
class Problem:
    """Parameters and samples: lists hold layer l = 1..L at index l - 1."""

    w: Arrays
    b: Arrays
    X: np.ndarray
    Y: np.ndarray
    activations: Sequence[str]
    cost: str
    before: tuple[np.ndarray, np.ndarray] | None = None
    """Samples and targets of an earlier call."""
    p: float = 0.0
    """Parameter of a cost that has one."""


class Found(NamedTuple):
    """Gradients, and the errors of the last sample; index l - 1."""

    w: Arrays
    b: Arrays
    delta: Arrays


@dataclass(frozen=True)
class Way:
    """What is done in each place; the defaults are right."""

    inputs: str = "x"
    """What enters the first layer: "x" or "activated"."""
    bias: str = "added"
    """In F1: "added", "missing" or "subtracted"."""
    transposed: bool = False
    """Whether F1 takes w^T."""
    hidden: str = ""
    """Another activation of the hidden layers; "" for the network's own."""
    output: str = ""
    """That of the output layer."""
    axis: str = "outputs"
    """Along which softmax adds up: "outputs" or "samples"."""
    cost: str = ""
    """Another cost; "" for the network's own."""
    error: str = "a - y"
    """dC/da of the output, as in `_output`; "one term" is that of y ln a alone."""
    factor: str = "1"
    """Before it: "1", "2", "1/2", "1/J" or "2/J"."""
    output_slope: str = ""
    """sigma' in BP1, as in `_Forward`; "" for what belongs there."""
    hidden_slope: str = ""
    """The same in BP2; "inside" for that of the layer after, within the sum."""
    back: str = "delta"
    """What goes back through the weights: "delta"; "error", without any slope; "top error", the same from the output
    layer only; "output", delta of the output layer, to every layer."""
    sums: str = "down a column"
    """The sum over k in BP2, as in `_sums`."""
    local: str = "delta"
    """What BP3 and BP4 take: "delta", or "error", what it is before sigma'; that "in w" or "in b" alone, or only "at
    the output"."""
    enters: str = "a"
    """The other factor of BP4, as in `_weights`."""
    biases: str = "delta"
    """BP3, as in `_biases`."""
    divided: str = ""
    """What the gradient, or that of "w" alone, is divided by that it should not be, as in `_finished`; "by samples
    again": once more for each layer that the error has gone back."""
    left_out: str = ""
    """Layers whose gradients are 0: "first", "hidden" or "last"."""
    penalty: str = ""
    """What is added, t times: "w", "w and b" or "sign"."""
    returned: str = "gradient"
    """The gradient; "new" parameters, or "new w" alone, after a step of t; the "step" itself."""
    samples: str = "mean"
    """How the samples' gradients become one, as in `gradient`."""


RIGHT = Way()
