"""Which rows each member trains on and which it keeps its best epoch by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

LEAST_ROWS = 40
"""With fewer rows, all are trained on."""
SHARE_OF_ONE = 0.15
"""Of the rows, held out by a single member."""
MOST_HELD_OUT = 10_000


class Fold(NamedTuple):
    """Rows of one member, as indices in increasing order."""

    train: Rows
    held_out: Rows


def folds(
    n_members: int,
    n_rows: int,
    rng: np.random.Generator,
    *,
    labels: npt.NDArray[np.int64] | None = None,
    groups: npt.NDArray[Any] | None = None,
    time: npt.NDArray[Any] | None = None,
) -> list[Fold]:
    """Folds of the members: each row is held out by one of them; a single member holds out a part of the rows.

    Parameters
    ----------
    n_members : int
    n_rows : int
    rng : numpy.random.Generator
    labels : array (n_rows,), optional
        Of classes, whose shares are then the same in all folds as nearly as may be.
    groups : array (n_rows,), optional
        Rows of one group stay together.
    time : array (n_rows,), optional
        Folds are then stretches of time, a single member's the last one; rows of one moment stay together. A member
        sees what was before its fold and what came after.

    Returns
    -------
    list of Fold
        Nothing is held out of fewer than `LEAST_ROWS` rows, nor where there are fewer groups than folds.
    """
    everything = np.arange(n_rows)
    nothing = [Fold(everything, everything[:0])] * n_members
    if n_rows < LEAST_ROWS:
        return nothing
    share = max(SHARE_OF_ONE, 20 / n_rows) if n_rows * SHARE_OF_ONE < MOST_HELD_OUT else MOST_HELD_OUT / n_rows
    n_folds = n_members if n_members > 1 else max(2, round(1 / share))
    if groups is not None:
        fold = _by_group(groups, n_folds, rng)
    elif time is not None:
        fold = _by_time(time, n_folds)
    else:
        fold = _evenly(labels, n_rows, n_folds, rng)
    if fold is None:
        return nothing
    chosen = range(n_folds) if n_members > 1 else [n_folds - 1]
    return [Fold(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in chosen]


def _evenly(labels: Any, n_rows: int, n_folds: int, rng: np.random.Generator) -> Rows:
    """Folds dealt out one by one to rows in random order, class by class."""
    order = rng.permutation(n_rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(n_rows, np.int64)
    fold[order] = np.arange(n_rows) % n_folds
    return fold


def _by_group(groups: npt.NDArray[Any], n_folds: int, rng: np.random.Generator) -> Rows | None:
    """Groups in random order, then the largest first, each to the fold that has fewest rows."""
    names, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < n_folds:
        return None
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold_of = np.zeros(n_folds, np.int64), np.empty(len(names), np.int64)
    for name in order:
        fold_of[name] = np.argmin(filled)
        filled[fold_of[name]] += sizes[name]
    result: Rows = fold_of[index]
    return result


def _by_time(time: npt.NDArray[Any], n_folds: int) -> Rows | None:
    """Stretches of time with as nearly as many rows as may be."""
    moments, index, sizes = np.unique(time, return_inverse=True, return_counts=True)
    if len(moments) < n_folds:
        return None
    middle = np.cumsum(sizes) - sizes / 2
    fold = np.minimum((middle * n_folds / len(time)).astype(np.int64), n_folds - 1)
    if len(np.unique(fold)) < n_folds:
        fold = np.arange(len(moments)) * n_folds // len(moments)
    result: Rows = fold[index]
    return result
