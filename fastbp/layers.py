"""Arrays for each layer l = 1..L, indexed as in the notes, and what a pass through the layers gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastbp import checks

Floats = npt.NDArray[np.floating[Any]]
"""An array of a network's dtype."""


class PerLayer(Sequence[Floats]):
    """One array for each layer l = 1..L, indexed as in the notes: there are no weights into layer 0, the input.

    Iterating gives l = 1..L; ``len`` is L; negative indices count from L. Assigning to an index copies the values in.
    """

    def __init__(self, name: str, arrays: Sequence[Floats], reason: str = "layer 0 is the input") -> None:
        self._name = name
        self._arrays = list(arrays)
        self._reason = reason

    def __len__(self) -> int:
        return len(self._arrays)

    def __iter__(self) -> Iterator[Floats]:
        return iter(self._arrays)

    def _check(self, l: Any) -> int:
        number = checks.check_int(l, f"layer l of {self._name}[l]")
        if -len(self) <= number < 0:  # counted from L, as the book does
            return number + len(self) + 1
        if not 1 <= number <= len(self):
            raise IndexError(
                f"{self._name}[{number}] does not exist; {self._reason}, and the last layer is L = {len(self)}. "
                f"Pass l in 1..{len(self)}, or -1 for the last."
            )
        return number

    def __getitem__(self, l: int) -> Floats:  # type: ignore[override]  # there are no slices
        return self._arrays[self._check(l) - 1]

    def __setitem__(self, l: int, value: Any) -> None:
        array = self[l]
        value = np.asarray(value)
        if value.shape != array.shape:
            raise ValueError(
                f"{self._name}[{l}] was given shape {value.shape}; it has {array.shape}. Pass an array of that shape."
            )
        array[...] = value

    def assign(self, arrays: Sequence[Any]) -> None:
        """Copy in one array for each layer, all or none."""
        given = [np.asarray(array) for array in arrays]
        shapes = [array.shape for array in given]
        if shapes != [array.shape for array in self._arrays]:
            raise ValueError(
                f"{self._name} was given shapes {shapes}; it has {[array.shape for array in self._arrays]}. Pass one "
                f"array for each layer 1..{len(self)}."
            )
        for array, value in zip(self._arrays, given, strict=True):
            array[...] = value

    def __repr__(self) -> str:
        shapes = ", ".join(f"{l}: {array.shape}" for l, array in enumerate(self._arrays, 1))
        return f"<{self._name}[l] of shapes {{{shapes}}}>"


class Gradient(NamedTuple):
    """dC/dw and dC/db of a batch, and C itself."""

    w: PerLayer
    """``w[l]``, shape (J, K): dC/dw_jk^l (BP4)."""
    b: PerLayer
    """``b[l]``, shape (J,): dC/db_j^l (BP3)."""
    cost: float
    """C, penalty included."""


class Trace(NamedTuple):
    """Every quantity of one pass forward and back. Rows are samples x; delta carries the sample's weight s_x."""

    z: PerLayer
    """``z[l]``, shape (n_samples, J): weighted inputs (F1)."""
    a: PerLayer
    """``a[l]``, shape (n_samples, J): activations (F2)."""
    delta: PerLayer
    """``delta[l]``, shape (n_samples, J): errors dC_x/dz_j^l (BP1, BP2)."""
    w: PerLayer
    b: PerLayer
    cost: float
