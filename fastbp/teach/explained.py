"""What an explanation is about, before it is shown: the numbers, the letters and the steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastbp.teach import derivation
from fastbp.teach.notation import NIELSEN, Notation
from fastbp.teach.numbers import Numbers, Sum
from fastbp.teach.steps import FIRST_LINE, Step


@dataclass(frozen=True)
class Explained:
    """One quantity and its terms; every rendering takes one.

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
        return derivation.build(self.notation, self.numbers)

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
        return derivation.subject(self.notation, self.numbers)
