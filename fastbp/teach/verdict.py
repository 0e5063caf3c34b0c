"""What `fastbp.check_backprop` answers: right or wrong, the first wrong equation, a counterexample, the mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastbp.network import Network
from fastbp.teach.catalogue import Mistake
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.render import wrapped


@dataclass(frozen=True)
class Counterexample:
    """The smallest network tried on which the function is wrong.

    Attributes
    ----------
    net : Network
    x, y : numpy.ndarray
        One sample, or a minibatch.
    what : str
        "w" or "b"; empty where the function gave no gradient at all.
    layer : int
    index : tuple of int
        Of the first wrong number: ``(j, k)`` of w, ``(j,)`` of b.
    got, expected : float
    """

    net: Network
    x: np.ndarray
    y: np.ndarray
    what: str = ""
    layer: int = 0
    index: tuple[int, ...] = ()
    got: float = math.nan
    expected: float = math.nan

    def explain(self) -> Explanation:
        """Every term of the right number."""
        k = self.index[1] if self.what == "w" else None
        of = "weight" if self.what == "w" else "bias"
        return explain(self.net, self.x, self.y, max(self.layer, 1), self.index[0] if self.index else 0, of, k=k)

    def __str__(self) -> str:
        lines = [f"Network of sizes {list(self.net.sizes)}, {self.net.activations[-1]} outputs, cost {self.net.cost}"]
        for l in range(1, self.net.L + 1):
            lines.append(f"  w[{l}] = {self.net.w[l].tolist()}   b[{l}] = {self.net.b[l].tolist()}")
        lines.append(f"  x = {self.x.tolist()}   y = {self.y.tolist()}")
        if self.what:
            index = ", ".join(map(str, self.index))
            lines.append(
                f"  grad_{self.what}[{self.layer}][{index}]: yours {self.got!r}, right {self.expected!r} "
                "(j and k count from 0; l = 0 is the input)"
            )
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class Check:
    """The answer of `check_backprop`; true if the function is right.

    Attributes
    ----------
    passed : bool
    first_wrong : str or None
        Label of the first wrong equation, going as the computation does: F1, F2, BP1, BP2, BP3, BP4, U; or "averaging",
        "shapes", "values" (not a number), "inputs" (they were changed) or "error" (it raised).
    counterexample : Counterexample or None
    mistakes : tuple of Mistake
        What explains every number on every network: one mistake, or two at once; empty if nothing known does.
    message : str
        What to do.
    n_networks : int
        How many networks were tried.
    """

    passed: bool
    first_wrong: str | None
    counterexample: Counterexample | None
    mistakes: tuple[Mistake, ...]
    message: str
    n_networks: int

    def __bool__(self) -> bool:
        return self.passed

    @property
    def mistake(self) -> Mistake | None:
        """The mistake; of two at once the one that comes first in the computation."""
        return self.mistakes[0] if self.mistakes else None

    def __str__(self) -> str:
        if self.passed:
            return self.message
        lines = [f"First wrong: {self.first_wrong}.", *wrapped(self.message, "")]
        for i, mistake in enumerate(self.mistakes):
            which = "The mistake" if len(self.mistakes) == 1 else ("Two mistakes at once", "And")[i]
            lines += wrapped(f"{which}: {mistake.title} ({mistake.name}, {mistake.equation})", "")
            lines += [*wrapped(mistake.why), *wrapped(mistake.fix)]
        if self.counterexample is not None:
            lines += ["The smallest counterexample:", str(self.counterexample)]
        return "\n".join(lines)

    __repr__ = __str__
