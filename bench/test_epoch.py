"""A step of every net by every peer, and the floor, with multiples of the floor and of fastbp's time of the same run.

    python -m pytest bench/ -k "784-30-10 and (fastbp or JAX)"
    FASTBP_BENCH_THREADS=2 python -m pytest bench/test_epoch.py -k "float32 and (floor or fastbp or PyTorch)"
    python -m pytest bench/test_epoch.py --benchmark-autosave
    python -m pytest bench/test_epoch.py --benchmark-compare --benchmark-compare-fail=min:10%

Before each round, NumPy's matrix product and fastbp's own epoch have their turn: ``extra_info`` has ratios that hold on
a busy machine, where times drift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.held import asked
from fastbp.compare import nets, peers, run
from fastbp.compare.measure import Racer, repeated, sgemm

PEERS = {peer.name: peer for peer in peers.load()}
SMALLEST = min(nets.ALL, key=lambda case: case.flops() * case.samples / case.batch * case.epochs)


THREADS = asked()
ON = f"{THREADS} thread{'s' * (THREADS > 1)}"


def cases(*names: str) -> list[Any]:
    """A parameter set for each net and peer of these names, with an id that reads like a line of a table."""
    return [
        pytest.param(
            case.name,
            case.dtype,
            name,
            THREADS,
            id=f"{case.key}, {name}, {ON}",
            marks=[pytest.mark.smallest] if case is SMALLEST else [],
        )
        for case in nets.ALL
        for name in names
    ]


def found(net: str, dtype: str) -> tuple[nets.Case, str]:
    """The case, and the name of its group."""
    (case,) = nets.find([f"{net} {dtype}"])
    return case, f"{case.key}, {ON}"


def matrix_product(case: nets.Case) -> Racer:
    """NumPy's; its unit is as many operations as a step of the case has."""
    dot, dot_flops = sgemm(case.dtype)
    machine = repeated(dot, 0.01)
    machine.amount *= dot_flops / case.flops()
    return machine


@pytest.mark.parametrize(("net", "dtype", "peer", "threads"), cases("floor"))
def test_floor(laps: Callable[..., float], net: str, dtype: str, peer: str, threads: int) -> None:
    case, group = found(net, dtype)
    assert laps(matrix_product(case), rounds=7, group=group) > 0


@pytest.mark.parametrize(("net", "dtype", "peer", "threads"), cases(*PEERS))
def test_step(laps: Callable[..., float], benchmark: Any, net: str, dtype: str, peer: str, threads: int) -> None:
    case, group = found(net, dtype)
    who, fastbp = PEERS[peer], PEERS["fastbp"]
    reason = "not installed" if who.version is None else who.cannot(case)
    if reason:
        pytest.skip(f"{peer}: {reason}")
    X, Y = case.data()
    # A peer that computes another gradient fails here.
    prepared = run.prepare(case, who, X, Y, threads)
    ours = prepared.racer if who is fastbp else run.prepare(case, fastbp, X, Y, threads).racer
    floor = matrix_product(case)
    beside = [floor] if who is fastbp else [floor, ours]
    step = laps(prepared.racer, rounds=7 if prepared.racing else 3, group=group, beside=beside)
    benchmark.extra_info.update(
        version=who.version,
        gradient_error=prepared.error,
        step_us=step * 1e6,
        floor_us=floor.best * 1e6,
        of_floor=step / floor.best,
        of_fastbp=step / ours.best,
    )
    assert step > 0
