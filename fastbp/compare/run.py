"""What a process of a given number of threads measures of a case: agreement first, then turns side by side.

The same gradient is proven before anything is timed: a few minibatches by each peer, compared with fastbp's. Plain
descent goes the way of the gradient, so that its way decides. The way of an adaptive optimizer does not: there, one
step of plain descent decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np

from fastbp.compare import nets, peers, pin
from fastbp.compare.measure import Racer, race, repeated, sgemm
from fastbp.compare.peers import fastbp_

OURS = fastbp_.PEERS[0]
TURN = 0.03
"""Seconds that a turn should take; an epoch that takes longer is a turn, unless the peer can stop in it."""

SLOW = 0.3
"""Seconds for one step, from which a peer's first step is its measurement: where it is so far behind, once will do."""

TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
"""Largest part of its own length by which the way of an array of weights may differ, in the norm of all its entries.

Both sides round every sum in an order of their own, over all steps of an epoch. A gradient that is wrong by a factor,
or in one layer, is wrong by more.
"""


class DisagreementError(Exception):
    """A peer does not compute what fastbp computes: it may not be timed."""


def way(start: nets.Parameters, end: nets.Parameters) -> list[nets.Array]:
    """How far each array went, in float64."""
    pairs = [(p, q) for one, other in zip(start, end, strict=True) for p, q in zip(one, other, strict=True)]
    return [np.asarray(q, np.float64) - np.asarray(p, np.float64) for p, q in pairs]


def difference(reference: list[nets.Array], other: list[nets.Array]) -> float:
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


def check_way(case: nets.Case, reference: peers.Trainer, trainer: peers.Trainer, orders: nets.Array) -> float:
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


def check_finite(trainer: peers.Trainer, orders: nets.Array) -> None:
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


def check_gradient(case: nets.Case, peer: peers.Peer, X: nets.Array, Y: nets.Array, n_threads: int) -> float:
    """One minibatch of plain descent by each: the gradient itself, whatever the optimizer of the case makes of it."""
    twin = replace(case, optimizer="sgd", learning_rate=1.0, samples=case.batch, epochs=1)
    trainers = [one.trainer(twin, X[: case.batch], Y[: case.batch], n_threads) for one in (OURS, peer)]
    return check_way(twin, trainers[0], trainers[1], twin.orders())


class Prepared:
    """A peer's trainer that has proven itself, and the part of an epoch that fills a turn."""

    def __init__(self, trainer: peers.Trainer, orders: nets.Array, case: nets.Case, error: float) -> None:
        self.trainer, self.error = trainer, error
        self.orders, first = orders, 0.0
        if not trainer.whole:
            part = orders[:1, : case.batch]
            first = trainer.time(part)
            fitting = max(1, int(TURN / first))
            if case.full_batch:
                self.orders = orders[: min(len(orders), fitting)]
            else:
                self.orders = orders[:1, : min(orders.shape[1] // case.batch, fitting) * case.batch]
        self.racer = Racer(lambda: trainer.time(self.orders), self.orders.size / case.batch)
        self.racing = first < SLOW
        if not self.racing:
            self.racer.best, self.racer.turns = first, 1


def prepare(case: nets.Case, peer: peers.Peer, X: nets.Array, Y: nets.Array, n_threads: int) -> Prepared:
    """Check the gradient, try the very trainer that will be timed, and size its turn."""
    orders = case.orders()
    # fastbp takes as many of the cores as pay, as it does for its users.
    trainer = peer.trainer(case, X, Y, None if peer is OURS else n_threads)
    # Three minibatches from the same start, or one where they are large: a slow peer is not asked for an epoch, and in
    # an epoch rounding can grow until two right ways part.
    steps = 3 if case.flops() < 1e8 else 1
    few = replace(case, samples=case.batch * min(steps, case.samples // case.batch), epochs=min(case.epochs, 3))
    part, X_few, Y_few = few.orders(), X[: few.samples], Y[: few.samples]
    if case.optimizer == "sgd":
        reference = OURS.trainer(few, X_few, Y_few, n_threads)
        one = peer.trainer(few, X_few, Y_few, n_threads) if trainer.whole else trainer
        error = check_way(case, reference, one, part)
    else:
        error = check_gradient(case, peer, X, Y, n_threads)
    check_finite(trainer, orders if trainer.whole else part)
    return Prepared(trainer, orders, case, error)


def measure(case: nets.Case, racing: list[peers.Peer], *, n_threads: int, seconds: float) -> nets.Result:
    """Microseconds of a step by each peer, in one race with NumPy's matrix product, which gives the floor."""
    X, Y = case.data()
    found: nets.Result = {}
    ready: dict[str, Prepared] = {}
    for peer in racing:
        if peer.version is None:
            found[peer.name] = {"reason": "not installed"}
            continue
        reason = peer.cannot(case)
        if not reason:
            try:
                ready[peer.name] = prepare(case, peer, X, Y, n_threads)
            except DisagreementError as error:
                reason = str(error)
            except Exception as error:
                # A peer that fails, for a reason of its own, is reported; fastbp's own failure is the run's.
                if peer.name == "fastbp":
                    raise
                reason = f"failed: {type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        if reason:
            found[peer.name] = {"reason": reason}
    dot, dot_flops = sgemm(case.dtype)
    machine = repeated(dot, TURN / 3)
    race([machine, *(one.racer for one in ready.values() if one.racing)], seconds=seconds)
    rate = dot_flops / machine.best
    for name, one in ready.items():
        racer = one.racer
        found[name] = {"us": racer.best * 1e6, "turns": racer.turns, "cores": racer.cores, "error": one.error}
    return {
        "net": case.name,
        "dtype": case.dtype,
        "threads": n_threads,
        "samples": case.samples,
        "rate": rate / 1e9,
        "floor": case.flops() / rate * 1e6,
        "peers": {peer.name: found[peer.name] for peer in racing},
    }


def table(cases: list[nets.Result], names: list[str] | None, seconds: float, n_threads: int) -> Iterator[nets.Result]:
    """`measure` of each case; runs in a fresh process (`pin.task`)."""
    racing = peers.load(names)
    if not pin.held():
        raise RuntimeError(f"This process is not held to {n_threads} threads. Run it through fastbp.compare.pin.task.")
    for given in cases:
        yield measure(nets.Case(**given), racing, n_threads=n_threads, seconds=seconds)


def tables(
    cases: Sequence[nets.Case],
    names: Sequence[str] | None,
    threads: Sequence[int],
    seconds: float,
    seen: Callable[[nets.Result], None],
) -> list[nets.Result]:
    """`table` of each number of threads, in a fresh process each; every result is passed to ``seen`` as it comes."""
    given = {"cases": [asdict(case) for case in cases], "names": names and list(names), "seconds": seconds}
    return [result for n in threads for result in pin.task("fastbp.compare.run:table", n, seen, **given)]
