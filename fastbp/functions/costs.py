"""Every cost once: its name, where its equation stands, which outputs it goes with, and what a refusal says.

From the entries of ``COSTS`` come codes, names in messages, on the command line and in model files, and the pairs of
cost and output activation that are legal. C_x and BP1 themselves are `fastbp.kernels.costs` and
`fastbp.kernels.regression`, and the textbook's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fastbp.functions import analytic

Name = Literal["quadratic", "cross_entropy", "poisson"]
"""The costs of nets, for type checkers; a test holds them to the entries."""


@dataclass(frozen=True)
class CostFunction:
    """What the library knows of a cost.

    Attributes
    ----------
    name : str
    equations : tuple of str
        Labels of C_x in `fastbp.equations`; empty where it has none.
    of_nets : bool
        Whether a network can have it; else only the training of an estimator does.
    outputs : tuple of str or None
        Output activations that it goes with; None for every function of one z.
    refusal : str
        What is wrong with other outputs, of which ``{output}`` is the name, and what to do.
    analytic : function or None
        C_x of arrays of complex z and a and of targets, and the name of the output activation, in NumPy.
    since : int
        First version of the format of model files that may hold the name.
    """

    name: str
    equations: tuple[str, ...] = ()
    of_nets: bool = False
    outputs: tuple[str, ...] | None = None
    refusal: str = ""
    analytic: Any = None
    since: int = 1

    def goes_with(self, output: str) -> bool:
        """Whether outputs of this activation are legal."""
        return output != "softmax" if self.outputs is None else output in self.outputs

    @property
    def needs(self) -> str:
        """The legal outputs, in words."""
        return f"{self.name} {'anything but softmax' if self.outputs is None else ' or '.join(self.outputs)}"


COSTS = (
    CostFunction(
        "quadratic",
        ("C",),
        of_nets=True,
        refusal="is 'quadratic' and the output activation {output!r}; their gradient vanishes where the net is most "
        "wrong, and sigma'(z) is no function of one z. Pass cost='cross_entropy'.",
        analytic=analytic.quadratic,
    ),
    CostFunction(
        "cross_entropy",
        ("C binary", "C categorical"),
        of_nets=True,
        outputs=("sigmoid", "softmax"),
        refusal="is 'cross_entropy' and the output activation {output!r}; it is defined for outputs that are "
        "probabilities. Pass 'sigmoid' or 'softmax' for the last layer, or cost='quadratic'.",
        analytic=analytic.cross_entropy,
    ),
    CostFunction(
        "poisson",
        ("C Poisson",),
        of_nets=True,
        outputs=("exp",),
        refusal="is 'poisson' and the output activation {output!r}; it measures counts against their expectation, "
        "which 'exp' keeps positive. Pass 'exp' for the last layer, or cost='quadratic'.",
        analytic=analytic.poisson,
    ),
    CostFunction("clipped", outputs=("sigmoid", "softmax")),
    CostFunction("absolute"),
    CostFunction("huber"),
    CostFunction("quantile"),
    CostFunction("tweedie", outputs=("exp",)),
)
"""All costs; the place of one is its code in the kernels. ``clipped`` is cross-entropy as scikit-learn reports it."""

QUADRATIC, CROSS_ENTROPY, POISSON, CLIPPED, ABSOLUTE, HUBER, QUANTILE, TWEEDIE = range(len(COSTS))
NAMED = {entry.name: entry for entry in COSTS if entry.of_nets}
"""Name of a cost of nets -> entry."""
CODES = {entry.name: code for code, entry in enumerate(COSTS) if entry.of_nets}
"""Name of a cost of nets -> its code in the kernels."""
