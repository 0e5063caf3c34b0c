"""Raw rows as the network of a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.arrays import as_inputs, as_samples, require_finite
from fastbp.data.columns import Columns, Table
from fastbp.data.columns.plain import require_matrix
from fastbp.data.features import Features, SideBySide
from fastbp.data.scaling import Scale
from fastbp.ensemble import Ensemble
from fastbp.functions.costs import SCALABLE
from fastbp.network import Network


def check_steps(net: Network | Ensemble, steps: Any, target: Any, columns: Any) -> None:
    """TypeError or ValueError for a preprocessing that does not fit a network."""
    if isinstance(steps, Scale) or not isinstance(steps, Sequence):
        raise TypeError(f"steps is {steps!r}; a list of them is needed. Pass [fastbp.Scale(0, 255)], say.")
    given = [("steps", step, net.sizes[0]) for step in steps]
    given += [] if target is None else [("target", target, net.sizes[-1])]
    for what, step, width in given:
        if not isinstance(step, Scale):
            raise TypeError(f"{what} holds {step!r}; the only step is a fastbp.Scale. Pass one.")
        if step.width not in (None, width):
            raise ValueError(
                f"{what} holds a scaling of {step.width} columns; the network has {width}. Pass one for these."
            )
    if target is not None and net.cost not in SCALABLE:
        raise ValueError(
            f"target is {target!r} and the network's cost {net.cost!r}; only targets of {', '.join(SCALABLE)} keep "
            "their meaning when they are scaled. Leave target out."
        )
    if target is not None and (target.divide < 0).any():
        raise ValueError(
            f"target is {target!r}, which divides by a negative number: what is above would be below. Pass a scale "
            "that divides by positive ones."
        )
    if columns is not None and not isinstance(columns, Columns | Features | SideBySide):
        raise TypeError(f"columns is {columns!r}; what Columns.learn returns is needed. Pass that.")
    if isinstance(columns, SideBySide) != getattr(net, "own_inputs", False):
        raise ValueError(
            "columns are those of several networks and the net is no ensemble of networks with inputs of their own, or "
            "the other way round. Pass fastbp.Ensemble(nets, own_inputs=True) with columns for each."
        )
    if columns is not None and columns.n_features != net.sizes[0]:
        raise ValueError(
            f"columns make {columns.n_features} features; the network has {net.sizes[0]} inputs. Pass a network "
            f"with sizes[0] = {columns.n_features}."
        )


def prepared(
    X: Any,
    width: int,
    dtype: np.dtype[Any],
    steps: Sequence[Scale],
    features: Sequence[str] | None,
    columns: Columns | Features | SideBySide | None,
) -> np.ndarray:
    """Raw rows encoded by ``columns``, if there are any, and scaled by ``steps``.

    Parameters
    ----------
    X : array_like, data frame or Table, shape (n_samples, n_columns)
    width : int
        Of the result.
    dtype : numpy.dtype
        Of the result; everything before is float64.
    steps : sequence of Scale
    features : sequence of str, optional
        Names of the columns wanted of a data frame or table, where there are no ``columns``.
    columns : Columns, optional

    Raises
    ------
    ValueError, TypeError
        X has other columns, or values that are missing, infinite or no numbers.
    """
    if columns is not None:
        X = columns.encode(X)
    elif isinstance(X, Table):
        X = require_matrix(X if features is None or X.numbered else _named(X, features))
    elif features is not None and hasattr(X, "columns") and hasattr(X, "__getitem__"):
        X = _of_frame(X, features)
    if not steps:
        return as_inputs(X, width, dtype)
    Z = raw = as_samples(X, width)
    for step in steps[:-1]:
        Z = step.apply(Z)
    Z = steps[-1].apply(Z, dtype)
    require_finite(Z, raw, "X")
    return Z


def _require(there: Sequence[Any], features: Sequence[str], where: str) -> None:
    missing = [name for name in features if name not in there]
    if missing:
        raise ValueError(
            f"{where} has no column {missing[0]!r}, one of {len(missing)} that are missing; the model was trained on "
            f"{', '.join(map(repr, features[:12]))}{', ...' if len(features) > 12 else ''}. Pass these."
        )


def _named(table: Table, features: Sequence[str]) -> Table:
    _require(table.names, features, table.where)
    return table.only(features)


def _of_frame(X: Any, features: Sequence[str]) -> Any:
    """The model's columns of a data frame."""
    there = list(X.columns)
    if not any(isinstance(name, str) for name in there):  # numbered, like an array's
        return X
    _require(there, features, "X")
    double = [name for name in features if there.count(name) > 1] if len(set(there)) < len(there) else []
    if double:
        raise ValueError(f"X has {there.count(double[0])} columns named {double[0]!r}. Rename all but one of them.")
    return X[list(features)]
