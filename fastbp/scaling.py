"""How inputs are brought to the range in which networks learn well, as plain numbers that a model file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fastbp.network import Network

Scaling = dict[str, float | list[float]]

BLOCK = 4096  # rows scaled at a time, so that float64 is needed for a block only


def standardise(X: npt.ArrayLike) -> Scaling:
    """The scaling that gives each column of X mean 0 and standard deviation 1; a constant column is centred."""
    values = np.asarray(X, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = values.mean(axis=0), values.std(axis=0)
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std)))
    if bad.size:
        raise ValueError(
            f"Column {bad[0]} of X has values that are not finite or too large for a standard deviation in float64. "
            "Divide the column by a constant first, for example its largest absolute value."
        )
    # The rounding error of a constant column is no variation.
    constant = std <= 1e-14 * np.abs(mean)
    return {"subtract": mean.tolist(), "divide": np.where(constant, 1.0, std).tolist()}


def apply_scaling(
    X: npt.ArrayLike, scaling: Mapping[str, Any] | None, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    """``(X - subtract) / divide``, computed in float64 and rounded once to ``dtype``.

    Parameters
    ----------
    X : array (n_samples, n_features)
        In the file's units; it is not changed.
    scaling : mapping or None
        ``{"subtract": ..., "divide": ...}``, each a number or one number per feature, as ``Data.scaling`` returns and
        ``net.meta["input"]`` holds. None only converts.
    dtype : dtype
        Of the result, float32 or float64.

    Returns
    -------
    array (n_samples, n_features)
        New, in C order.

    Raises
    ------
    ValueError
        X has another number of features than the scaling.
    """
    values = np.asarray(X)
    result = np.empty(values.shape, dtype=dtype)
    subtract, divide = (0.0, 1.0) if scaling is None else (scaling["subtract"], scaling["divide"])
    shift, scale = np.asarray(subtract, np.float64), np.asarray(divide, np.float64)
    for numbers in (shift, scale):
        if numbers.ndim and (values.ndim != 2 or values.shape[1] != numbers.size):
            raise ValueError(
                f"X has shape {values.shape}; the scaling was made for {numbers.size} features. Pass an array of shape "
                f"(n_samples, {numbers.size})."
            )
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        result[rows] = (values[rows].astype(np.float64) - shift) / scale
    return result


def unscale_outputs(net: Network, scaling: Mapping[str, Any]) -> None:
    """Let a net that learned scaled targets give them in their own units.

    An identity output is linear in the last weights and biases: ``w^L`` is multiplied by ``divide``, and ``b^L`` too,
    with ``subtract`` added.

    Parameters
    ----------
    net : Network
        With identity outputs; its last layer is changed.
    scaling : mapping
        What ``standardise`` returned for the targets.
    """
    shift, scale = np.asarray(scaling["subtract"], np.float64), np.asarray(scaling["divide"], np.float64)
    w, b = net.w[net.L], net.b[net.L]
    w[...] = w * scale[:, None]
    b[...] = b * scale + shift
