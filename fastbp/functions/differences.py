"""A user's derivative against differences of the function that it is said to be the derivative of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.errors import argument_error

N_POINTS = 1000
"""Points at which derivatives are compared with differences."""
REACH = 10.0
"""How far from 0 they lie."""
STEP = 2.0**-17
TOLERANCE = 1e-5
"""Of a derivative, relative, beside a difference whose own error is some 1e-10."""
KINK = 1e-3
"""How much the differences to the left and to the right disagree where there is a kink, at least."""
ROUNDING = 1e-6
"""How far values may lie beyond the range that is given for them."""


def _differences(f: Callable[[Any], Any], z: Any) -> tuple[Any, Any, Any, float]:
    """Centred differences of f, how far rounding of f may take them, and whether f is smooth there: at a kink, those to
    both sides disagree. Then the size of the largest, at most 1: what errors of smaller ones are measured by.
    """
    below, here, above = f(z - STEP), f(z), f(z + STEP)
    with np.errstate(all="ignore"):
        right, left = (above - here) / STEP, (here - below) / STEP
        centred, rounding = (above - below) / (2 * STEP), 8 * np.finfo(float).eps * np.abs(here) / STEP
        sizes = np.abs(centred)[np.isfinite(centred)]
        size = min(1.0, max(np.finfo(float).tiny, float(sizes.max(initial=0.0))))
        smooth = np.abs(right - left) <= KINK * np.maximum(min(1.0, 10 * size), np.abs(centred)) + rounding
    return centred, rounding, smooth, size


def check_derivative(
    f: Callable[[Any], Any], slope: Any, z: Any, names: tuple[str, str], at: Callable[[int], str], least: int
) -> None:
    """Refuse a derivative that differs from the differences of its function, away from kinks."""
    centred, rounding, smooth, size = _differences(f, z)
    if np.count_nonzero(smooth) < least:
        raise argument_error(
            names[0],
            f"has finite values and a slope at {np.count_nonzero(smooth)} of {z.size} points, not at "
            f"{at(int(np.argmin(smooth)))}; at least {least} are needed. Pass a function that is smooth between few "
            "kinks.",
        )
    with np.errstate(all="ignore"):
        off = np.maximum(0, np.abs(slope - centred) - rounding)
        error = np.where(smooth, off / np.maximum(size, np.abs(centred)), 0.0)
    worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
    if not error[worst] <= TOLERANCE:
        raise argument_error(
            names[1],
            f"is {slope[worst]:.8g} at {at(worst)}, where differences of {names[0]} come to {centred[worst]:.8g}; it "
            f"must be the derivative of {names[0]}. Correct one of the two.",
        )
