"""Steps of every net by every peer: the time, and beside it multiples of the floor and of fastbp, of the same moments.

    python -m pytest bench/test_epoch.py --benchmark-autosave
    FASTBP_BENCH_THREADS=2 python -m pytest bench/test_epoch.py -k "JAX or fastbp"
    python -m pytest bench/test_epoch.py --benchmark-compare --benchmark-compare-fail=min:10%

Before each round, NumPy's matrix product and fastbp's own epoch have their turn: ``extra_info`` has ratios that hold on
a busy machine, where times drift.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from fastbp.bench import nets, peers, run
from fastbp.bench.measure import repeated, sgemm

PEERS = {peer.name: peer for peer in peers.load()}


@pytest.mark.parametrize("name", list(PEERS))
@pytest.mark.parametrize("case", nets.ALL, ids=lambda case: case.key)
def test_step(benchmark: Any, case: nets.Case, name: str, n_threads: int) -> None:
    peer = PEERS[name]
    if peer.version is None:
        pytest.skip(f"{name} is not installed")
    if peer.cannot(case):
        pytest.skip(f"{name}: {peer.cannot(case)}")
    X, Y = case.data()
    # A peer that computes another gradient fails here.
    prepared = run.prepare(case, peer, PEERS["fastbp"], X, Y, n_threads)
    ours = PEERS["fastbp"].trainer(case, X, Y, n_threads)
    orders = case.orders()
    dot, dot_flops = sgemm(case.dtype)
    machine = repeated(dot, 0.01)
    best = {"fastbp": float("inf")}

    def beside() -> None:
        machine.go()
        best["fastbp"] = min(best["fastbp"], ours.time(orders) / (orders.size / case.batch))
        time.sleep(0.002)

    benchmark.group = f"{case.key}, {n_threads} threads"
    rounds = 3 if not prepared.racing else 7
    benchmark.pedantic(prepared.trainer.run, (prepared.orders,), setup=beside, rounds=rounds)
    steps = prepared.orders.size / case.batch
    floor = case.flops() / (dot_flops / machine.best)
    if benchmark.stats is None:  # --benchmark-disable
        return
    step = benchmark.stats.stats.min / steps
    benchmark.extra_info.update(
        step_us=step * 1e6, floor_us=floor * 1e6, of_floor=step / floor, of_fastbp=step / best["fastbp"]
    )
