"""What predictions depend on: permutation importance, and partial dependence of the strongest columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastbp.cli.evaluation.outcome import Outcome
from fastbp.cli.evaluation.rows import Rows

REPEATS = 5
MOST_ROWS = 2_000
"""More rows than these tell little more about a column."""

PARTIAL_ROWS = 400
"""Rows that an effect is averaged over."""


@dataclass(frozen=True)
class Importance:
    """How much worse the loss of `Outcome.loss` becomes when a column is shuffled."""

    name: str
    mean: float
    deviation: float


def some(n: int, most: int, seed: int) -> np.ndarray:
    """At most so many of n rows, in order."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).permutation(n)[:most])


def importances(
    judge: Callable[[Rows, np.ndarray], Outcome],
    rows: Rows,
    *,
    seed: int = 0,
    repeats: int = REPEATS,
    on_column: Callable[[], None] = lambda: None,
) -> list[Importance]:
    """Permutation importance (Breiman, 2001) of each column, strongest first.

    Parameters
    ----------
    judge : callable
        The outcome of rows, whose indices among those given are its second argument.
    rows : Rows
    on_column : callable
        Called when a column is done.
    """
    index = some(len(rows), MOST_ROWS, seed)
    rows = rows.take(index)
    before = judge(rows, index).loss()
    found = []
    for k, name in enumerate(rows.names):
        rng = np.random.default_rng([seed, k])
        values = rows.column(name)
        worse = [
            judge(rows.changed(name, values[rng.permutation(len(values))]), index).loss() - before
            for _ in range(repeats)
        ]
        found.append(Importance(name, float(np.mean(worse)), float(np.std(worse))))
        on_column()
    return sorted(found, key=lambda importance: -importance.mean)


@dataclass(frozen=True, eq=False)
class Partial:
    """Mean output where a column has a value in all rows, for some values.

    Attributes
    ----------
    values : array (m,)
        Numbers, ascending, or levels.
    means : array (m, J)
        Of each output: of the second class alone where there are two.
    """

    name: str
    values: np.ndarray
    means: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether the values have an order."""
        return self.values.dtype.kind in "iuf"


def partial_dependence(outputs: Callable[[Rows], np.ndarray], rows: Rows, name: str, *, seed: int = 0) -> Partial:
    """Friedman's (2001) partial dependence of the outputs on a column."""
    cells, shown = rows.grid(name)
    n = min(len(rows), PARTIAL_ROWS)
    chosen = some(len(rows), PARTIAL_ROWS, seed)
    everywhere = rows.take(np.tile(chosen, len(cells))).changed(name, np.repeat(cells, n))
    out = np.asarray(outputs(everywhere), np.float64).reshape(len(cells), n, -1)
    return Partial(name, shown, out.mean(axis=1))
