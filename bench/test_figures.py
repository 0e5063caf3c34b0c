"""The other figures, each with the goal it has to meet: prediction, start, memory, threads, the book's run, MNIST.

python -m pytest bench/test_figures.py -s
FASTBP_BENCH_THREADS=2 FASTBP_MNIST=folder python -m pytest bench/test_figures.py -s
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

import fastbp
from bench import forward, memory, mnist, start, threads
from fastbp.compare import nets, peers, pin, run


def small_first(values: list[Any]) -> list[Any]:
    """As parameters, the first of them for --smallest."""
    return [
        pytest.param(
            value, marks=[pytest.mark.smallest] if i == 0 else [], id=str(getattr(value, "key", None) or value)
        )
        for i, value in enumerate(values)
    ]


def test_one_row_is_faster_than_numpys_two_lines(one_round: bool) -> None:
    us = forward.single(seconds=0.1 if one_round else 1.0)
    print(f"\none row through 784-30-10: {us}")
    assert one_round or us["fastbp"] < us["NumPy"]


@pytest.mark.parametrize("sizes", small_first([(64, 30, 10), (4, 3), (4, 8, 1), (784, 30, 10), (20, 1000)]))
def test_the_decision_for_one_row_costs_little_more_than_its_outputs(sizes: tuple[int, ...], one_round: bool) -> None:
    net = fastbp.Network(sizes, seed=0)
    x = np.random.default_rng(0).random((1, sizes[0]))
    best = {net.feedforward: math.inf, net.predict: math.inf}
    for _ in range(10 if one_round else 400):
        for call in best:
            began = time.perf_counter()
            call(x)
            best[call] = min(best[call], time.perf_counter() - began)
    ratio = best[net.predict] / best[net.feedforward]
    print(f"\n{sizes}: {ratio:.2f}")
    assert one_round or ratio <= 1.2


@pytest.mark.parametrize("case", small_first(sorted(nets.find(forward.WIDE), key=lambda case: case.flops())))
def test_prediction_of_many_rows(case: nets.Case, one_round: bool, n_threads: int) -> None:
    parts = forward.bulk(case, 0.1 if one_round else 1.0, n_threads)
    print(f"\n{case.key}, of sgemm's rate: {parts}")
    if case.sizes[1] >= 512 and not one_round:
        assert parts["fastbp"] >= 0.9


def test_import(one_round: bool) -> None:
    seconds = start.imports(1 if one_round else 10)
    print(f"\n{seconds}")
    assert one_round or seconds["fastbp"] - seconds["numpy"] <= 0.03


def test_first_training(one_round: bool) -> None:
    if one_round:
        assert start.first_train("float32") > 0  # a cold compilation is no small case
        return
    found = start.measure(turns=4)
    print(f"\n{found}")
    assert found["warm"]["float32"] <= 0.9
    assert found["cold"]["float32"] <= 15


@pytest.mark.skipif(not memory.supported(), reason="the system does not tell a process its peak")
@pytest.mark.parametrize("i", small_first(list(range(len(memory.CASES)))))
def test_peak_memory(i: int, n_threads: int) -> None:
    (one,) = pin.task("bench.memory:measure", n_threads, case=i)
    print(f"\n{one['net']}: {one['bytes'] / 1e6:.1f} MB, {one['bytes'] / one['expected']:.2f} of what it should be")
    assert one["bytes"] <= 1.3 * one["expected"]


@pytest.mark.parametrize("case", small_first(list(nets.ALL)))
def test_threads(case: nets.Case, one_round: bool, n_threads: int) -> None:
    if n_threads < 2 and not one_round:
        pytest.skip("FASTBP_BENCH_THREADS is 1")
    (one,) = threads.scaling([case], [1, n_threads, None], seconds=0.0 if one_round else 1.0)
    us = one["us"]
    print(f"\n{case.key}: {us}, chosen {one['chosen']}")
    if one_round:
        return
    assert us["None"] <= 1.03 * us["1"]
    if us["1"] > 50 and n_threads == 2:
        assert us["1"] >= 1.8 * us["2"]


def test_the_books_run(one_round: bool, n_threads: int) -> None:
    (one,) = threads.book(0.0 if one_round else 2.0, n_threads)
    print(f"\nan epoch of the book's run: {one}, {one['book'] / one['fastbp']:.1f} times faster")
    assert one_round or one["book"] / one["fastbp"] >= {1: 30, 2: 45}.get(n_threads, 30)


@pytest.mark.skipif(mnist.folder() is None, reason="FASTBP_MNIST does not name the folder of MNIST's files")
def test_mnist(n_threads: int) -> None:
    results = {one["peer"]: one for one in mnist.measure(n_threads)}
    for name, one in results.items():
        print(f"\n{name}: {one}")
    assert results["fastbp"]["reached"]
    times = [one["seconds"] for name, one in results.items() if one.get("reached") and name != "fastbp"]
    assert results["fastbp"]["seconds"] <= np.min(times, initial=np.inf)


def test_every_peer_is_held(one_round: bool, n_threads: int) -> None:
    """Nobody keeps more cores busy than it is allowed, whatever its library thinks."""
    case = nets.find(["64-32-10 b16 float32" if one_round else "784-128-64-10 b128 float32"])[0]
    result = run.measure(case, peers.load(), n_threads=n_threads, seconds=0.0 if one_round else 1.0)
    for name, peer in result["peers"].items():
        if "cores" in peer:
            assert peer["cores"] <= n_threads + 0.1, name
