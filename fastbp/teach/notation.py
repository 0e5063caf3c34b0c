"""Letters of three traditions for the same numbers: Nielsen's (and the notes'), Bishop's, and row vectors."""

from __future__ import annotations

from dataclasses import dataclass

from fastbp import checks


@dataclass(frozen=True)
class Notation:
    """How a tradition writes neurons, weights and sums.

    Attributes
    ----------
    name, title, sentence : str
        ``sentence`` says what a weight's indices mean, and what to look out for.
    weighted, activation, cost, slope : str
        Letters of z, a, C and sigma.
    previous : str
        Letter of a neuron in layer l - 1; j is one of layer l and k one of layer l + 1.
    to_first : bool
        Whether a weight's first index is the neuron it leads to.
    in_brackets : bool
        Whether layers are written in brackets.
    """

    name: str
    title: str
    sentence: str
    weighted: str = "z"
    activation: str = "a"
    cost: str = "C"
    slope: str = r"\sigma"
    previous: str = "k"
    to_first: bool = True
    in_brackets: bool = False

    def _at(self, letter: str, neuron: object, layer: object) -> str:
        above = f"({layer})" if self.in_brackets else layer
        return rf"{letter}_{{{neuron}}}^{{{above}}}"

    def z(self, neuron: object, layer: object) -> str:
        """Weighted input."""
        return self._at(self.weighted, neuron, layer)

    def a(self, neuron: object, layer: object) -> str:
        """Activation."""
        return self._at(self.activation, neuron, layer)

    def b(self, neuron: object, layer: object) -> str:
        """Bias."""
        return self._at("b", neuron, layer)

    def delta(self, neuron: object, layer: object) -> str:
        """Error."""
        return self._at(r"\delta", neuron, layer)

    def w(self, to: object, source: object, layer: object) -> str:
        """Weight to a neuron of ``layer`` from one of the layer before."""
        first, second = (to, source) if self.to_first else (source, to)
        comma = "," if any(str(index).isdigit() for index in (first, second)) else ""
        return self._at("w", f"{first}{comma}{second}", layer)

    def slope_at(self, argument: str) -> str:
        """sigma' of something."""
        return rf"{self.slope}'({argument})"

    def sigma_at(self, argument: str) -> str:
        """sigma of something."""
        return rf"{self.slope}({argument})"

    @staticmethod
    def rate(top: str, bottom: str) -> str:
        """A partial derivative."""
        return rf"\frac{{\partial {top}}}{{\partial {bottom}}}"


NIELSEN = Notation(
    "nielsen",
    "Nielsen and the notes",
    "w_jk^l leads to neuron j of layer l from neuron k of layer l-1: net.w[l][j, k].",
)
BISHOP = Notation(
    "bishop",
    "Bishop (PRML, chapter 5)",
    "a is the weighted input and z = h(a) the activation, the other way round than in the notes; E is the cost; "
    "w_ji^(l) leads to neuron j from neuron i of the layer before: net.w[l][j, i].",
    weighted="a",
    activation="z",
    cost="E",
    slope="h",
    previous="i",
    in_brackets=True,
)
ROW = Notation(
    "row",
    "row vectors (Keras, scikit-learn)",
    "samples are rows, z = a w + b, and w_kj^l leads from neuron k of layer l-1 to neuron j of layer l: it is "
    "net.w[l].T[k, j], Keras's kernel[k, j], scikit-learn's coefs_[l-1][k, j].",
    to_first=False,
)
NOTATIONS = {notation.name: notation for notation in (NIELSEN, BISHOP, ROW)}
"""Name -> notation."""


def find(notation: str | Notation) -> Notation:
    """The notation of this name."""
    if isinstance(notation, Notation):
        return notation
    return NOTATIONS[checks.check_name(notation, NOTATIONS, "notation")]
