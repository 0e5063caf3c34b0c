"""fastbp.sklearn beside scikit-learn, with the goals as assertions: `bench.estimators` measures.

python -m pytest bench/test_sklearn.py -k "64-30-10 and adam"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("sklearn")

from bench import estimators
from bench.held import asked
from fastbp.compare.measure import Racer

THREADS = asked()
DATA = list(estimators.data_sets())


@pytest.mark.parametrize(
    ("net", "solver", "dtype", "peer", "threads"),
    [
        pytest.param(
            f"{net.sizes} b{net.batch}",
            solver,
            dtype,
            peer,
            THREADS,
            id=f"{net.sizes} b{net.batch} {solver} {dtype}, {peer}",
            marks=[pytest.mark.smallest] if (net, solver, dtype) == estimators.CASES[1] else [],
        )
        for net, solver, dtype in estimators.CASES
        for peer in ("fastbp", "scikit-learn")
    ],
)
def test_an_epoch(
    laps: Callable[..., float],
    benchmark: Any,
    one_round: bool,
    net: str,
    solver: str,
    dtype: str,
    peer: str,
    threads: int,
) -> None:
    (one,) = {one for one, _, _ in estimators.CASES if f"{one.sizes} b{one.batch}" == net}
    pair = estimators.Pair(one, solver, dtype, threads)
    racers = {name: Racer(lambda name=name: pair.fit(name), one.epochs) for name in estimators.PAIR}
    (other,) = (racer for name, racer in racers.items() if name != peer)
    laps(
        racers[peer],
        rounds=one.turns,
        group=f"{net} {solver} {dtype}, {threads} thread{'s' * (threads > 1)}",
        beside=[other],
    )
    pair.agree()
    ratio = racers["scikit-learn"].best / racers["fastbp"].best
    benchmark.extra_info.update(times_faster=ratio, goal=one.goal)
    row = pair.row({name: racer.best for name, racer in racers.items()})
    assert one_round or estimators.missed([row]) == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.smallest] if name == DATA[0] else []) for name in DATA]
)
def test_a_data_set(name: str, one_round: bool, n_threads: int) -> None:
    estimators.quality(name, n_threads, seeds=1)  # compiled before it is timed
    row = estimators.quality(name, n_threads, seeds=2 if one_round else estimators.SEEDS)
    print("\n" + "\n".join(estimators.quality_table([row])))
    assert one_round or estimators.within_noise(row)
