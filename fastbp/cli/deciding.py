"""``--threshold`` and ``--interval``: checked before a training, found after it by rows that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp.checks import check_real
from fastbp.cli.fitting import Prepared
from fastbp.data.dataset import Data
from fastbp.decisions import INTERVAL, THRESHOLD, best_threshold, least_rows, residual_bounds

GOALS = ("balanced", "f1")
"""What a threshold may be chosen for."""


def check(data: Data, aside: np.ndarray, output: str, o: Mapping[str, Any]) -> None:
    """ValueError where the data, the model's output activation or the rows that are held out cannot have them."""
    if o["threshold"] is not None:
        _check_threshold(data, aside, output, o["threshold"])
    if o["interval"] is not None:
        _check_interval(data, aside, o["interval"])


def _check_threshold(data: Data, aside: np.ndarray, output: str, given: str) -> None:
    if len(data.classes or ()) != 2 or output != "sigmoid":
        what = f"{len(data.classes)} classes" if data.classes else "numbers"
        if len(data.classes or ()) == 2:
            what = f"{output} outputs"
        raise ValueError(
            f"--threshold is {given!r}; it is the probability of the second of two classes, and there are {what}. "
            "Leave it out."
        )
    if given not in GOALS:
        try:
            value = float(given)
        except ValueError:
            value = float("nan")
        if not 0 < value < 1:
            raise ValueError(
                f"--threshold is {given!r}; it must be a number between 0 and 1, balanced or f1. Pass one of these."
            )
        return
    labels = data.Y[aside]
    if len(np.unique(labels)) < 2:
        raise ValueError(
            f"--threshold is {given!r}, which is chosen by the validation rows; of these "
            f"{len(labels)} there are {len(np.unique(labels))} classes. Pass a larger --validation, or a number."
        )


def _check_interval(data: Data, aside: np.ndarray, level: float) -> None:
    check_real(level, "--interval", above=0.0, below=1.0)
    if data.classes:
        raise ValueError(
            f"--interval is {level:g}; an interval is around numbers, and these are classes, which have probabilities. "
            "Leave it out."
        )
    known = np.isfinite(data.Y[aside]).sum(axis=0)
    if known.min() < least_rows(level):
        raise ValueError(
            f"--interval is {level:g}; intervals are as wide as the errors on validation rows, of which it takes at "
            f"least {least_rows(level)}, and there are {known.min()}. Pass a larger --validation, or a lower level."
        )


def settle(prepared: Prepared, o: Mapping[str, Any]) -> list[str]:
    """Write threshold and interval into the model; what there is to say of them."""
    model, data = prepared.model, prepared.data
    found: dict[str, Any] = {}
    said = []
    if o["threshold"] is not None:
        if o["threshold"] in GOALS:
            assert prepared.held_out is not None
            rows, out = prepared.held_out
            found[THRESHOLD] = best_threshold(data.Y[rows], out[:, 0], o["threshold"])
            name = "balanced accuracy" if o["threshold"] == "balanced" else "F1"
            said.append(
                f"From {found[THRESHOLD]:.4g} on a row is taken for {data.classes[1]!r}: the best {name} of the "
                "validation rows."
            )
        else:
            found[THRESHOLD] = float(o["threshold"])
    if o["interval"] is not None:
        assert prepared.held_out is not None
        rows, out = prepared.held_out
        residuals = data.Y[rows] - out
        ends = [residual_bounds(column[np.isfinite(column)], o["interval"]) for column in residuals.T]
        low, high = ([float(v) for v in side] for side in zip(*ends, strict=True))
        found[INTERVAL] = {"level": float(o["interval"]), "low": low, "high": high}
        shown = ", ".join(f"{a:+.4g} to {b:+.4g}" for a, b in ends[:4])
        said.append(f"Intervals that cover {o['interval']:.4g} of the validation rows: prediction {shown}.")
    if found:
        from fastbp.parameters import freeze

        for net in getattr(model.net, "nets", (model.net,)):
            net.meta = freeze({**net.meta, **found})
    return said
