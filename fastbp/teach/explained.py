"""What an explanation is about, before it is shown: the numbers, the letters and the steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastbp.teach.derivation import Derivation
from fastbp.teach.formula import to_ascii
from fastbp.teach.notation import NIELSEN, Notation
from fastbp.teach.numbers import Numbers, Sum
from fastbp.teach.steps import FIRST_LINE, Step


@dataclass(frozen=True)
class Explained:
    """One quantity and its terms, before it is shown; every rendering takes one.

    Attributes
    ----------
    numbers : Numbers
        All of the numbers.
    notation : Notation
        In whose letters.
    """

    numbers: Numbers
    notation: Notation = NIELSEN

    @property
    def result(self) -> Any:
        """The quantity explained, a scalar of the net's dtype with the kernel's bits."""
        return self.numbers.result

    @property
    def terms(self) -> Sum | None:
        """The sum it comes from, if it comes from one."""
        return self.numbers.terms

    @cached_property
    def steps(self) -> list[Step]:
        """The steps from the definition to the result."""
        return Derivation(self.notation, self.numbers).steps()

    @property
    def header(self) -> list[str]:
        """First lines of every rendering."""
        numbers = self.numbers
        sample = "one sample" if numbers.n_samples == 1 else f"a minibatch of {numbers.n_samples} samples"
        return [
            FIRST_LINE,
            f"{numbers.net}, {sample}. j and k count from 0; l = 0 is the input, l = {numbers.net.L} the output.",
            f"Letters of {self.notation.title}: {self.notation.sentence}",
        ]

    @property
    def subject(self) -> str:
        """What is explained, as a formula."""
        n, numbers = self.notation, self.numbers
        l, j, k = numbers.layer, numbers.neuron, numbers.k
        if numbers.of in ("z", "delta"):
            return n.z(j, l) if numbers.of == "z" else n.delta(j, l)
        parameter = n.b(j, l) if k is None else n.w(j, k, l)
        return rf"\text{{new }} {parameter}" if numbers.of == "update" else n.rate(n.cost, parameter)

    def to_dict(self) -> dict[str, Any]:
        """All numbers and steps, for JSON: floats are exact, and None where they are not finite."""
        numbers, net, sum_ = self.numbers, self.numbers.net, self.terms
        parts = ("start", "first", "second", "products", "running", "shares")
        return {
            **dict(zip(("about", "counting", "letters"), self.header, strict=True)),
            "notation": self.notation.name,
            "net": {
                "sizes": list(net.sizes),
                "activations": list(net.activations),
                "cost": numbers.cost,
                "dtype": net.dtype.name,
            },
            **{name: getattr(numbers, name) for name in ("of", "layer", "neuron", "k", "n_samples")},
            "learning_rate": numbers.learning_rate if numbers.of == "update" else None,
            "sample_weight": None if numbers.weights is None else _plain(numbers.weights),
            "l1": numbers.l1,
            "l2": numbers.l2,
            "result": _plain(self.result),
            "values": {name: _plain(value) for name, value in numbers.values.items()},
            "sum": None
            if sum_ is None
            else {
                "over": sum_.letter,
                **{name: _plain(getattr(sum_, name)) for name in parts},
                "running_is_the_kernels": sum_.exact,
            },
            "steps": [
                {"label": step.label, "text": step.text, "formulas": [to_ascii(f) for f in step.formulas]}
                for step in self.steps
            ],
        }


def _plain(value: Any) -> Any:
    """A number, or each of an array, for JSON."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value]
    number = float(value)
    return number if math.isfinite(number) else None
