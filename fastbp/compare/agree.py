"""The same gradient, proven before anything is timed: a few minibatches by each peer, compared with fastbp's.

Plain descent goes the way of the gradient, so that its way decides. The way of an adaptive optimizer does not: there,
one step of plain descent decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import Peer, Trainer

TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
"""Largest part of its own length by which the way of an array of weights may differ, in the norm of all its entries.

Both sides round every sum in an order of their own, over all steps of an epoch. A gradient that is wrong by a factor,
or in one layer, is wrong by more.
"""


class DisagreementError(Exception):
    """A peer does not compute what fastbp computes: it may not be timed."""


def way(start: Parameters, end: Parameters) -> list[Array]:
    """How far each array went, in float64."""
    pairs = [(p, q) for one, other in zip(start, end, strict=True) for p, q in zip(one, other, strict=True)]
    return [np.asarray(q, np.float64) - np.asarray(p, np.float64) for p, q in pairs]


def difference(reference: list[Array], other: list[Array]) -> float:
    """The worst array's difference, as a part of its way; infinite where nothing moved or a number is not finite.

    An array that stayed in both agrees: below a layer of relu that is 0 for all samples there is no gradient.
    """
    worst = 0.0
    if not any(ours.any() for ours in reference):
        return float("inf")
    for ours, theirs in zip(reference, other, strict=True):
        if ours.shape != theirs.shape or not np.isfinite(theirs).all():
            return float("inf")
        if ours.any() or theirs.any():
            length = float(np.linalg.norm(ours))
            worst = max(worst, float(np.linalg.norm(theirs - ours)) / length if length > 0 else float("inf"))
    return worst


def check(case: Case, reference: Trainer, trainer: Trainer, orders: Array) -> float:
    """Train both on ``orders``, from the common start, and compare the ways; the difference, if it is tolerable.

    Raises
    ------
    DisagreementError
        Beyond the tolerance.
    """
    ways = []
    for one in (reference, trainer):
        one.run(orders)
        ways.append(way(case.start(), one.parameters()))
    worst = difference(*ways)
    if not worst <= TOLERANCE[case.dtype]:
        raise DisagreementError(
            f"it goes another way than fastbp: {worst:.1e} of it in the worst array, {TOLERANCE[case.dtype]:.0e} is "
            "what rounding may do"
        )
    return worst


def check_finite(trainer: Trainer, orders: Array) -> None:
    """Train on ``orders``: the weights must stay finite. All that can be asked of the way of an adaptive optimizer.

    Adam divides each entry by its own length: where a gradient is all rounding, its step is as long as any other, and
    its sign is rounding's. Two right ways part by more than any tolerance that would catch a wrong one.

    Raises
    ------
    DisagreementError
        Where a number is not finite.
    """
    trainer.run(orders)
    if not all(np.isfinite(array).all() for pair in trainer.parameters() for array in pair):
        raise DisagreementError(f"its weights are not finite after {orders.shape[0]} x {orders.shape[1]} samples")


def check_gradient(case: Case, fastbp_: Peer, peer: Peer, X: Array, Y: Array, n_threads: int) -> float:
    """One minibatch of plain descent by each: the gradient itself, whatever the optimizer of the case makes of it."""
    twin = replace(case, optimizer="sgd", learning_rate=1.0, samples=case.batch, epochs=1)
    trainers = [one.trainer(twin, X[: case.batch], Y[: case.batch], n_threads) for one in (fastbp_, peer)]
    return check(twin, trainers[0], trainers[1], twin.orders())
