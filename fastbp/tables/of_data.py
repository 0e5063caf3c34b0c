"""The preset on a data set that `fastbp.read` returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastbp.data.columns import Columns, Table
from fastbp.data.dataset import Data
from fastbp.tables.calibration import log_loss
from fastbp.tables.fitting import Fitted, drawn, fit
from fastbp.training.class_weights import balanced


def suits(data: Data) -> bool:
    """Whether the preset is made for such data: a table with named columns, whose targets are all there."""
    known = data.task == "classification" or not np.isnan(data.Y).any()
    return data.table is not None and not data.table.numbered and known


def fit_data(
    data: Data, *, learn: Callable[[Table], Columns] = Columns.learn, class_weight: str | None = None, **options: Any
) -> Fitted:
    """Train the preset on the training part of a data set.

    Parameters
    ----------
    data : Data
    learn : function, optional
        As of `fastbp.tables.fit`.
    class_weight : "balanced", optional
        Each class has the same share of the cost; without it each row has.
    **options
        Others of `fastbp.tables.fit`: ``n_members``, ``seed``, ``time_order``, ``time_limit``, ``n_threads``, ...

    Returns
    -------
    Fitted
    """
    meta = {name: value for name, value in data.meta().items() if name not in ("features", "task")}
    weight = _weight(data, class_weight)
    given: dict[str, Any] = {"sample_weight": weight, "groups": data.group, "meta": meta}
    return fit(data.table, data.Y, task=data.task, n_classes=len(data.classes or ()), learn=learn, **given, **options)


def _weight(data: Data, class_weight: str | None) -> np.ndarray | None:
    """Of each row in the cost."""
    if class_weight is None or data.task != "classification":
        return data.weight
    s = np.ones(len(data.Y)) if data.weight is None else np.asarray(data.weight, np.float64)
    weight: np.ndarray = s * balanced(data.Y, s, len(data.classes or ()))[data.Y]
    return weight


def to_hold_out(
    data: Data, n_members: int, seed: int, class_weight: str | None = None, time_order: Any = None
) -> np.ndarray:
    """The rows that `fit_data` will hold out, of one member or another, in increasing order."""
    weight = _weight(data, class_weight)
    kept = np.arange(len(data.Y)) if weight is None else np.flatnonzero(weight > 0)
    labels = data.Y if data.task == "classification" else None
    rng = np.random.default_rng(seed)
    places = drawn(kept, n_members, rng, labels=labels, weight=weight, groups=data.group, time_order=time_order)
    return np.unique(np.concatenate([fold.held_out for fold in places]))


class HeldOut(NamedTuple):
    """The loss on rows that were held out: log loss, or root of the mean squared error, in the targets' units."""

    loss: float
    constant: float
    """That of the shares of the classes, or of the mean."""


def held_out(fitted: Fitted, data: Data) -> HeldOut | None:
    """How the members do on the rows that they have not seen; None where there are none."""
    rows = np.flatnonzero(fitted.member_of >= 0)
    if not len(rows):
        return None
    weight = None if data.weight is None else data.weight[rows]
    out, y = fitted.out_of_fold[rows], data.Y[rows]
    if data.task == "classification":
        shares = np.bincount(y, weights=weight, minlength=len(data.classes or ())) + 1e-12
        constant = np.tile(shares / shares.sum(), (len(rows), 1))
        p = np.hstack([1 - out, out]) if out.shape[1] == 1 else out
        return HeldOut(log_loss(p, y, weight), log_loss(constant, y, weight))
    mean = np.average(y, axis=0, weights=weight)
    errors = [np.average(((y - predicted) ** 2).sum(axis=1), weights=weight) for predicted in (out, mean)]
    return HeldOut(float(np.sqrt(errors[0])), float(np.sqrt(errors[1])))
