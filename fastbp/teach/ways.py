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


class Found(NamedTuple):
    """Gradients, and the errors of the last sample; index l - 1."""

    w: Arrays
    b: Arrays
    delta: Arrays


@dataclass(frozen=True)
class Way:
    """What is done in each place; the defaults are right.

    Attributes
    ----------
    inputs : {"x", "activated"}
        What enters the first layer.
    bias : {"added", "missing", "subtracted"}
        In F1.
    transposed : bool
        Whether F1 takes w^T.
    hidden, output : str
        Other activations of the hidden layers and of the output layer; "" for the network's own.
    axis : {"outputs", "samples"}
        Along which softmax adds up.
    cost : str
        Another cost; "" for the network's own.
    error : str
        dC/da of the output: "a - y", "y - a", "|a - y|", "(a - y)^2", "one term" (that of y ln a alone), or the "sum
        over j" or "mean over j" of a - y.
    factor : {"1", "2", "1/2", "1/J", "2/J"}
        Before it.
    output_slope, hidden_slope : str
        sigma' in BP1 and in BP2, as in `_slope`; "" for what belongs there.
    back : {"delta", "error", "top error", "output"}
        What goes back through the weights: delta; the error without any slope; the same from the output layer only;
        delta of the output layer, to every layer.
    sums : str
        The sum over k in BP2, as in `_sums`.
    local : str
        What BP3 and BP4 take: "delta", or "error", what it is before sigma'; that "in w" or "in b" alone, or only "at
        the output".
    enters : str
        The other factor of BP4, as in `_weights`.
    biases : str
        BP3, as in `_biases`.
    divided : {"", "w by inputs", "by inputs", "w by fan-in", "by fan-in", "by layers", "by samples again"}
        What the gradient is divided by that it should not be; the last one more time for each layer that the error has
        gone back.
    left_out : {"", "first", "hidden", "last"}
        Layers whose gradients are 0.
    penalty : {"", "w", "w and b", "sign"}
        What is added, t times.
    returned : {"gradient", "new", "new w", "step"}
        The gradient; new parameters, or new weights, after a step of t; the step itself.
    samples : str
        How the samples' gradients become one, as in `gradient`.
    """

    inputs: str = "x"
    bias: str = "added"
    transposed: bool = False
    hidden: str = ""
    output: str = ""
    axis: str = "outputs"
    cost: str = ""
    error: str = "a - y"
    factor: str = "1"
    output_slope: str = ""
    hidden_slope: str = ""
    back: str = "delta"
    sums: str = "down a column"
    local: str = "delta"
    enters: str = "a"
    biases: str = "delta"
    divided: str = ""
    left_out: str = ""
    penalty: str = ""
    returned: str = "gradient"
    samples: str = "mean"


RIGHT = Way()
