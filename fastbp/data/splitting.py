"""Samples set aside: at random, every class in proportion, groups whole, or the last ones in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastbp.errors import argument_error

Indices = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def split_indices(
    n: int,
    fraction: float,
    *,
    seed: int = 0,
    labels: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of the samples to keep and of those to set aside, each ascending.

    Parameters
    ----------
    n : int
        Number of samples.
    fraction : float
        Of the samples to set aside, between 0 and 1; the number is rounded to the nearest.
    seed : int
        Of NumPy's PCG64 generator.
    labels : array (n,) or None
        Class of each sample: each class is then divided in this proportion too, and keeps at least one sample.
    groups : array (n,) or None
        Group of each sample: groups are then set aside whole, as many as come nearest to the fraction of the samples,
        and classes are not looked at.
    """
    if not 0 < fraction < 1:
        problem = f"is {fraction}; it must lie between 0 and 1, for example 0.2. Pass another number."
        raise argument_error("fraction", problem)
    rng = np.random.Generator(np.random.PCG64(seed))
    if groups is not None:
        return _whole_groups(np.asarray(groups), fraction, rng)
    order = rng.permutation(n)
    wanted = round(n * fraction)
    classes = np.zeros(n, np.intp) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    # Rank r of a sample within its class of m, in random order: the smallest (r + 1/2) / m are set aside. This takes
    # the same share of every class and the wanted number in all, as nearly as whole samples allow.
    counts = np.bincount(classes, minlength=1)
    by_class = order[np.argsort(classes[order], kind="stable")]
    rank = np.empty(n, np.intp)
    rank[by_class] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    position = (rank + 0.5) / counts[classes]
    position[rank == counts[classes] - 1] = np.inf  # the last of each class stays
    chosen = order[np.argsort(position[order], kind="stable")][:wanted]
    aside = np.sort(chosen[np.isfinite(position[chosen])])
    if not 0 < aside.size < n:
        problem = f"is {fraction:g}, and one part of {n} samples would be empty. Pass another number, or more samples."
        if labels is not None and 1 < n == len(counts):
            problem = f"is {fraction:g}, and each of the {n} classes has one sample, which stays. Pass another target."
        raise argument_error("fraction", problem)
    kept = np.ones(n, bool)
    kept[aside] = False
    return np.flatnonzero(kept), aside


def _whole_groups(groups: npt.NDArray[np.generic], fraction: float, rng: np.random.Generator) -> Indices:
    """Groups in random order, set aside until their samples come nearest to the fraction."""
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(counts))
    taken = np.cumsum(counts[order])
    n_aside = int(np.argmin(np.abs(taken - fraction * len(groups)))) + 1
    if len(counts) < 2:
        problem = (
            f"is {fraction:g}, and all {len(groups)} samples are of one group, which stays whole. Pass another group."
        )
        raise argument_error("fraction", problem)
    chosen = np.isin(member, order[: min(n_aside, len(counts) - 1)])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def last_in_time(moments: npt.NDArray[np.float64], fraction: float) -> Indices:
    """The samples to keep and those to set aside, each ascending: these are the last, and equal ones stay together.

    Parameters
    ----------
    moments : array (n,)
        When each sample was taken.
    fraction : float
        Of the samples to set aside, between 0 and 1.
    """
    n = len(moments)
    wanted = round(n * fraction)
    ordered = np.sort(moments)
    border = ordered[max(0, n - wanted - 1)]  # samples up to here stay
    late = moments > border
    if not 0 < wanted < n or not late.any():
        problem = (
            f"is {fraction:g}, and no sample of {n} is later than the others. Pass another number, or another column."
        )
        raise argument_error("fraction", problem)
    return np.flatnonzero(~late), np.flatnonzero(late)
