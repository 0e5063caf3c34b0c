"""Peers agree before they are timed, in processes that are held to their threads; floors are right."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastbp.compare import measure, nets, peers, pin, run
from fastbp.compare.peers.numpy_ import NumpyTrainer

ROOT = Path(__file__).parents[2]
PEERS = {peer.name: peer for peer in peers.load()}
HERE = [name for name, peer in PEERS.items() if peer.version is not None and name != "fastbp"]

SMALL = (
    nets.Case("6-5-3 b4", (6, 5, 3), 4, 12, learning_rate=0.5),
    nets.Case("6-5-4-3 adam", (6, 5, 4, 3), 5, 10, ("tanh", "tanh", "identity"), "quadratic", "adam", 0.01, epochs=2),
    nets.Case("6-5-3 softmax", (6, 5, 3), 4, 8, ("relu", "softmax"), "cross_entropy", learning_rate=0.1),
    nets.Case("6-5-3 full", (6, 5, 3), 12, 12, ("relu", "identity"), epochs=3),
    nets.Case("6-5-1 b1", (6, 5, 1), 1, 5),
)


# The table


def test_the_table_has_the_nets_that_were_promised() -> None:
    assert [(case.sizes, case.batch) for case in nets.NETS] == [
        ((784, 30, 10), 10),
        ((64, 32, 10), 16),
        ((4, 16, 16, 1), 32),
        ((784, 128, 64, 10), 128),
        ((784, 512, 512, 10), 128),
        ((784, 1024, 1024, 10), 256),
        ((4, 32, 16, 4), 10_000),
        ((784, 50, 10), 1),
    ]
    assert {case.dtype for case in nets.NETS} == {"float32"}
    assert len(nets.FLOAT64) == 3
    assert len({case.key for case in nets.ALL}) == len(nets.ALL)


def test_operations_by_hand() -> None:
    """3-2-1, two samples: F1 6 + 2, BP2 2 (of the hidden layer only), BP4 6 + 2 multiply-adds for each sample."""
    case = nets.Case("hand", (3, 2, 1), 2, 2)
    assert case.flops() == 2 * 2 * (8 + 2 + 8)
    assert case.flops(training=False) == 2 * 2 * 8
    book = nets.NETS[0]
    assert book.flops() == 2 * 10 * (2 * (784 * 30 + 30 * 10) + 30 * 10)


def test_data_and_orders() -> None:
    for case in SMALL:
        X, Y = case.data()
        assert X.shape == (case.samples, 6)
        assert Y.shape == (case.samples, case.sizes[-1])
        assert X.dtype == Y.dtype == np.float32
        orders = case.orders()
        assert orders.shape == (case.epochs, case.samples)
        assert (np.sort(orders) == np.arange(case.samples)).all()
    with pytest.raises(ValueError, match="no multiple"):
        nets.Case("odd", (2, 1), 3, 4)


def test_nets_by_name_and_by_description() -> None:
    assert [case.key for case in nets.find(["784-30-10"])] == ["784-30-10 b10 float32", "784-30-10 b10 float64"]
    (new,) = nets.find(["30-20-10 b8 tanh adam float64"])
    assert (new.sizes, new.batch, new.activations) == ((30, 20, 10), 8, ("tanh", "identity"))
    assert (new.optimizer, new.dtype, new.samples % 8) == ("adam", "float64", 0)
    (new,) = nets.find(["30-20-10 softmax"])
    assert (new.activations, new.cost) == (("sigmoid", "softmax"), "cross_entropy")
    for wrong, message in [
        ("784-31x", "is no net"),
        ("5", "is no net"),
        ("0-5", "is no net"),
        ("5-4 fast", "'fast'"),
        ("5-1 softmax", "one output"),
    ]:
        with pytest.raises(ValueError, match=message):
            nets.find([wrong])
    with pytest.raises(ValueError, match="is no net") as caught:
        nets.find(["784-31x"])
    assert str(caught.value).count("784-30-10 b10,") == 1  # which is there in two dtypes


def test_cases_travel_as_json() -> None:
    given = json.loads(json.dumps([asdict(case) for case in nets.ALL]))
    assert [nets.Case(**case) for case in given] == list(nets.ALL)


# Agreement


def compared(case: nets.Case, trainer: peers.Trainer, n_threads: int = 1) -> float:
    X, Y = case.data()
    return run.check_way(case, PEERS["fastbp"].trainer(case, X, Y, n_threads), trainer, case.orders())


@pytest.mark.filterwarnings("default")  # of the peers' own
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
@pytest.mark.parametrize("name", [name for name in HERE if name != "torch.compile"])
def test_every_peer_computes_the_same_gradient(name: str, case: nets.Case, dtype: str) -> None:
    case = replace(case, dtype=dtype)
    reason = PEERS[name].cannot(case)
    if reason:
        assert re.search(r"\w+ \w+", reason)
        return
    X, Y = case.data()
    trainers = [PEERS[who].trainer(case, X, Y, 1) for who in ("fastbp", name)]
    ways = []
    for one in trainers:
        one.run(case.orders())
        ways.append(run.way(case.start(), one.parameters()))
    # scikit-learn adds Adam's epsilon elsewhere, which float64 can see.
    elsewhere = (name, case.optimizer, dtype) == ("scikit-learn", "adam", "float64")
    assert run.difference(*ways) < (1e-6 if elsewhere else run.TOLERANCE[dtype])
    run.check_gradient(case, PEERS[name], X, Y, 1)


class Planted(NumpyTrainer):
    """A peer with an error."""

    error = ""

    def step(self, x: Any, y: Any) -> None:
        before = [w.copy() for w in self.w + self.b]
        if self.error == "targets":
            y = np.roll(y, 1, axis=1)
        super().step(x, y)
        if self.error == "scale":  # one part in a hundred
            for now, then in zip(self.w + self.b, before, strict=True):
                now += 0.01 * (now - then)
        if self.error == "layer":  # the first bias stays
            self.b[0][:] = before[len(self.w)]
        if self.error == "nan":
            self.w[0][0, 0] = np.nan


@pytest.mark.parametrize("error", ["scale", "layer", "targets", "nan"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_planted_error_is_caught(error: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = replace(SMALL[0], dtype=dtype)
    X, Y = case.data()
    compared(case, Planted(case, X, Y, 1))
    monkeypatch.setattr(Planted, "error", error)
    with pytest.raises(run.DisagreementError, match="another way"):
        compared(case, Planted(case, X, Y, 1))


def test_adams_missing_scale_is_caught_by_the_gradient() -> None:
    """Twice the gradient makes the same Adam steps; one step of plain descent tells."""

    class Doubled(Planted):
        def step(self, x: Any, y: Any) -> None:
            before = [w.copy() for w in self.w + self.b]
            super().step(x, y)
            if self.case.optimizer == "sgd":
                for now, then in zip(self.w + self.b, before, strict=True):
                    now += now - then

    case = SMALL[1]
    X, Y = case.data()
    with pytest.raises(run.DisagreementError):
        run.check_gradient(case, replace(PEERS["NumPy"], trainer=Doubled), X, Y, 1)


@pytest.mark.compiled
@pytest.mark.filterwarnings("default")  # of the peers' own
@pytest.mark.parametrize(
    "words",
    [
        "50-64-64-1 b64 relu adam",
        "50-64-64-1 b64 relu adam float64",
        "20-32-32-4 b32 tanh adam float64 softmax",
        "20-32-32-4 b32 adam softmax",
        "20-32-32-4 b32 identity adam float64",
        "50-64-64-1 b64 tanh",
    ],
)
def test_right_peers_are_raced_where_rounding_parts_their_ways(words: str) -> None:
    """Adam's steps have no scale, and descent on a saturated net grows what rounding left: neither is an error."""
    (case,) = nets.find([words])
    X, Y = case.data()
    for name in [name for name in ("NumPy", "scikit-learn", "JAX", "PyTorch") if name in HERE]:
        if not PEERS[name].cannot(case):
            assert run.prepare(case, PEERS[name], X, Y, 1).error <= run.TOLERANCE[case.dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("error", ["scale", "layer", "targets", "nan"])
def test_a_wrong_gradient_under_adam_is_caught(error: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = replace(SMALL[1], dtype=dtype)
    X, Y = case.data()
    peer = PEERS["NumPy"]
    monkeypatch.setattr(peer, "trainer", Planted)
    run.prepare(case, peer, X, Y, 1)
    monkeypatch.setattr(Planted, "error", error)
    with pytest.raises(run.DisagreementError):
        run.prepare(case, peer, X, Y, 1)


def test_weights_that_do_not_stay_finite_are_no_race() -> None:
    case = SMALL[1]
    X, Y = case.data()
    trainer = Planted(case, X, Y, 1)
    run.check_finite(trainer, case.orders())
    trainer.w[0][0, 0] = np.inf
    with pytest.raises(run.DisagreementError, match="not finite after 2 x 10 samples"):
        run.check_finite(trainer, case.orders())


def test_an_array_that_stays_in_both_agrees() -> None:
    """Below a layer of relu that is 0 for all samples no weight has a gradient."""
    still, moved = [np.zeros(3), np.ones(2)], [np.full(3, 1e-9), np.ones(2)]
    assert run.difference(still, still) == 0
    assert run.difference(still, moved) == math.inf
    assert run.difference(moved, still) == 1


def test_nothing_that_stays_agrees() -> None:
    zero, one = [np.zeros(3)], [np.ones(3)]
    assert run.difference(zero, zero) == math.inf
    assert run.difference(one, one) == 0
    assert run.difference(one, [np.ones(2)]) == math.inf


def test_a_disagreeing_or_failing_peer_is_reported_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any) -> Any:
        raise MemoryError("no room")

    monkeypatch.setattr(Planted, "error", "scale")
    monkeypatch.setattr(PEERS["NumPy"], "trainer", Planted)
    monkeypatch.setattr(PEERS["textbook"], "trainer", failing)
    monkeypatch.setattr(PEERS["JAX"], "module", "no_such_module")
    racing = [PEERS[name] for name in ("fastbp", "JAX", "NumPy", "textbook", "scikit-learn")]
    found = run.measure(SMALL[0], racing, n_threads=1, seconds=0)["peers"]
    assert found["fastbp"]["us"] > 0
    assert found["JAX"] == {"reason": "not installed"}
    assert "another way" in found["NumPy"]["reason"]
    assert "no room" in found["textbook"]["reason"]
    assert "sigmoid output" in found["scikit-learn"]["reason"]


# Measuring


def test_the_least_of_all_turns_counts_and_all_have_as_many() -> None:
    times = iter([3.0, 1.0, 2.0])
    one, other = measure.Racer(lambda: next(times), 2.0), measure.Racer(lambda: 5.0)
    measure.race([one, other], seconds=0, least=3)
    assert (one.best, one.turns, other.best, other.turns) == (0.5, 3, 5.0, 3)


def test_who_is_slow_does_not_shorten_the_race_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def lasting(seconds: float) -> float:
        clock[0] += seconds
        return seconds

    monkeypatch.setattr(measure, "rest", lambda: None)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock[0])
    slow, quick = measure.Racer(lambda: lasting(5.0)), measure.Racer(lambda: lasting(0.25))
    measure.race([slow, quick], seconds=4.0, least=3)
    assert (slow.turns, quick.turns) == (3, 8)


def test_cores_at_work() -> None:
    import time

    busy, idle = measure.Racer(lambda: sum(range(2_000_000))), measure.Racer(lambda: time.sleep(0.05) or 0.05)
    measure.race([busy, idle], seconds=0, least=2)
    assert idle.cores < 0.5
    assert busy.cores > idle.cores


@pytest.mark.compiled
def test_a_held_process_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "bench"))
    (found,) = pin.task("results:where", 1)
    assert found["variables"] == dict.fromkeys(pin.VARIABLES, "1")
    assert found["pools"]
    assert set(found["pools"]) == {1}
    if hasattr(os, "sched_setaffinity"):
        assert found["cores"] == 1


def test_a_process_with_numpy_cannot_be_held_any_more() -> None:
    with pytest.raises(RuntimeError, match="Hold a process before"):
        pin.hold(1)


def test_a_failing_task_says_so() -> None:
    with pytest.raises(RuntimeError, match="ended with code"):
        pin.task("fastbp.compare.nets:nothing", 1)
