"""The line that `fastbp train` prints when a training ends badly: why it did not learn."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastbp
from fastbp.cli.app import Out
from fastbp.training.explosion import cost_of_best_constant

SOME = 2000
"""Samples that say whether a training ended badly."""
BADLY = 0.2
"""How much better than a constant output, or than a guess, it must be: 1 is perfect."""

REMEDIES = {
    "inputs-not-scaled": "Leave out --no-scale.",
    "targets-not-scaled": "Leave out --no-scale.",
    "classes-unbalanced": "Pass --class-weight balanced.",
    "dead-relus": "Pass --init he_normal, a smaller --learning-rate or --activation leaky_relu.",
    "saturation": "Pass --init glorot_normal, and leave out --no-scale.",
    "vanishing-deltas": "Pass --activation tanh or relu, or fewer layers.",
    "exploding-deltas": "Pass --init glorot_normal, or he_normal with relu, or --clip-norm 1.",
    "learning-rate-too-large": "Pass a smaller --learning-rate.",
    "learning-rate-too-small": "Pass a larger --learning-rate, or more --epochs.",
}
"""Cause -> which options help; of the others what the catalogue says."""


def say_why(
    out: Out,
    run: fastbp.Run | None,
    before: fastbp.Network,
    X: Any,
    Y: Any,
    error: fastbp.DivergenceError | None = None,
    **options: Any,
) -> None:
    """Print it, if there is something to say; ``error``: what the training diverged with."""
    if run is None or not (error or _ended_badly(run.net, X[-SOME:], Y[-SOME:], options)):
        return
    from fastbp.teach.training.watching import diagnose_training

    run.error = error
    for one in diagnose_training(run.net, X, Y, run=run, before=before, **options).findings[:1]:
        remedy = REMEDIES.get(one.name, one.remedy)
        parts = (one.cause.title, f"({one.name}, {one.equation})", one.seen, one.tried, remedy)
        out.print(f"Why it did not learn: {' '.join(part for part in parts if part)}", markup=False, soft_wrap=True)


def _ended_badly(net: fastbp.Network, X: Any, Y: Any, options: dict[str, Any]) -> bool:
    """Whether a trained network is hardly better than one constant output, or recognises hardly more of its classes
    than a guess.
    """
    counting = {name: options[name] for name in ("output_weight", "missing_targets")}
    targets = net._targets(Y, len(X), **counting)
    if net.evaluate(X, Y, **counting)["loss"] > (1 - BADLY) * cost_of_best_constant(net, targets, None):
        return True
    if not net._classifies(targets):
        return False
    known, decided = targets.decisions, net.predict(X)
    recalls = [float((decided[known == c] == c).mean()) for c in np.unique(known)]
    return len(recalls) > 1 and sum(recalls) < 1 + BADLY * (len(recalls) - 1)
