"""A training that changes its plan while it runs has the bits of one that does not, and ends with the fastest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse
from nets import same_bits

import fastbp
from fastbp.runtime import engine, pool, tuning
from fastbp.runtime.plan import Plan, Task, alternatives, forced, plan_training
from fastbp.runtime.tuning import Tuner

ONE, TWO, THREE = (Plan("data_parallel", n_threads, 8) for n_threads in (1, 2, 3))


def run_for(tuner: Tuner, seconds: float, rates: dict[Plan, float]) -> dict[Plan, float]:
    """Slices with what the tuner says, of so many seconds a minibatch each; how long each plan ran."""
    spent = dict.fromkeys(rates, 0.0)
    while seconds > 0:
        plan = tuner.plan
        n = max(1, round(tuner.seconds(0.05) / rates[plan]))
        tuner.note(n, n * rates[plan])
        spent[plan] += n * rates[plan]
        seconds -= n * rates[plan]
    return spent


def test_a_short_training_tries_nothing() -> None:
    tuner = Tuner((ONE, TWO))
    assert run_for(tuner, 0.9 * tuning.BEFORE_SECONDS, {ONE: 1e-3, TWO: 1e-4})[TWO] == 0


@pytest.mark.parametrize(("rates", "best"), [((1.0, 0.9, 0.5), THREE), ((1.0, 0.9, 1.5), TWO), ((1.0, 0.99, 1.0), ONE)])
@pytest.mark.parametrize("unit", [1e-6, 1e-4, 0.03])
def test_the_fastest_is_found_and_kept(rates: tuple[float, ...], best: Plan, unit: float) -> None:
    tuner = Tuner((ONE, TWO, THREE))
    of_plan = dict(zip(tuner.plans, (unit * rate for rate in rates), strict=True))
    run_for(tuner, 0.5 + 200 * unit, of_plan)
    assert tuner.best == best
    spent = run_for(tuner, 100.0, of_plan)
    assert tuner.best == best
    assert spent[best] > 0.95 * sum(spent.values())


def test_a_hopeless_plan_has_one_turn() -> None:
    tuner = Tuner((ONE, TWO))
    spent = run_for(tuner, 1.0, {ONE: 1e-4, TWO: 2e-4})
    assert 0 < spent[TWO] < 1.5 * tuning.TRIAL_SECONDS


@pytest.mark.parametrize("later", [0.3, 5.0])
def test_it_looks_again_when_its_speed_changes(later: float) -> None:
    tuner = Tuner((TWO, ONE))
    run_for(tuner, later, {TWO: 1e-4, ONE: 1.5e-4})
    assert tuner.best == TWO
    spent = run_for(tuner, 3.0, {TWO: 9e-4, ONE: 1.5e-4})  # another process has come to the second core
    assert tuner.best == ONE
    assert spent[TWO] < 1.0
    run_for(tuner, 12.0, {TWO: 1e-4, ONE: 1.5e-4})  # and it has gone, which one thread does not feel
    assert tuner.best == TWO


def test_where_speeds_change_all_the_time_trials_become_rare() -> None:
    tuner, spent = Tuner((TWO, ONE)), {TWO: 0.0, ONE: 0.0}
    for i in range(200):
        for plan, seconds in run_for(tuner, 0.2, {TWO: 1e-4 * (1 + i % 2), ONE: 4e-4}).items():
            spent[plan] += seconds
    assert tuner.best == TWO
    assert spent[ONE] < 0.02 * sum(spent.values())


def test_a_plan_that_has_no_room_is_not_asked_for_again() -> None:
    tuner, rates = Tuner((ONE, TWO, THREE)), {ONE: 1e-4, TWO: 0.5e-4, THREE: 0.2e-4}
    while tuner.plan != THREE:
        run_for(tuner, 1e-6, rates)
    tuner.drop(THREE)
    assert run_for(tuner, 30.0, rates)[THREE] == 0
    assert tuner.best == TWO


def test_it_may_be_interrupted_anywhere() -> None:
    rates, steps = {ONE: 1e-4, TWO: 0.6e-4, THREE: 1.1e-4}, 0

    def interrupt(frame: FrameType, event: str, _: object) -> object:
        nonlocal steps
        if frame.f_code.co_filename != tuning.__file__ or frame.f_code.co_name == "__init__":
            return None
        frame.f_trace_opcodes = True
        steps -= event == "opcode"
        if event == "opcode" and steps == 0:
            raise KeyboardInterrupt
        return interrupt

    before = sys.gettrace()
    for place in range(1, 6000, 7):
        tuner, steps = Tuner((ONE, TWO, THREE)), place
        sys.settrace(interrupt)
        try:
            run_for(tuner, 0.2, rates)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        tuner.resume()
        run_for(tuner, 9.0, rates)
        assert tuner.best == TWO, place


def test_the_longest_training_goes_on() -> None:
    tuner = Tuner((ONE, TWO))
    for _ in range(2000):
        tuner._until_next = 0.0
        run_for(tuner, 0.1, {ONE: 1e-4, TWO: 2e-4})
    assert tuner.best == ONE


class Restless(Tuner):
    """Wants another plan after each slice, of a few minibatches."""

    def __init__(self, plans: Any) -> None:
        super().__init__(plans)
        self.seen: list[Plan] = []
        self._step = 0

    @property
    def plan(self) -> Plan:
        """The next one, round after round."""
        return self.plans[self._step % len(self.plans)]

    def seconds(self, longest: float) -> float:
        """As good as nothing."""
        return 1e-9

    def note(self, minibatches: float, seconds: float) -> None:
        """Only count."""
        self.seen.append(self.plan)
        self._step += 1

    @property
    def trying(self) -> bool:
        """Now and then not, so that memory is given up and made anew."""
        return self._step % 5 > 0


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> list[Restless]:
    """The tuners of the trainings that follow, each of which changes its plan all the time."""
    made: list[Restless] = []

    def take(task: Task, plans: tuple[Plan, ...]) -> Tuner:
        made.append(Restless(plans))
        return made[-1]

    monkeypatch.setattr(tuning, "ENABLED", True)
    monkeypatch.setattr(tuning, "take", take)
    monkeypatch.setattr(pool, "effective", lambda n: 3 if n is None else n)
    monkeypatch.setattr("fastbp.runtime.plan.NEAR", 1e9)
    monkeypatch.setattr("fastbp.runtime.plan.PART", 1e3)
    monkeypatch.setattr("fastbp.runtime.plan.ORDERED_TILE", 1e3)
    monkeypatch.setattr("fastbp.runtime.plan.ORDERED_BYTE", 0.0)
    alternatives.cache_clear()
    return made


RNG = np.random.RandomState(7)
X, Y = RNG.rand(90, 20), RNG.rand(90, 3)
LABELS = RNG.randint(0, 3, 90)
WEIGHTS = RNG.rand(90)
MASK = [np.ones((33, 20), bool), np.ones((9, 33), bool), RNG.rand(3, 9) > 0.5]

OPTIONS: dict[str, dict[str, Any]] = {
    "descent": {"optimizer": fastbp.SGD(0.3)},
    "small minibatches": {"optimizer": fastbp.SGD(0.3), "batch_size": 4},
    "penalised": {"optimizer": fastbp.SGD(0.3, 0.9), "l1": 1e-3, "l2": 1e-2},
    "adam": {"optimizer": fastbp.Adam(0.01), "sample_weight": WEIGHTS},
    "clipped": {"optimizer": fastbp.Adam(0.01), "clip_norm": 0.1},
    "masked": {"optimizer": fastbp.RMSprop(), "dropout": 0.3, "layer_rates": (1.0, 0.5, 2.0)},
    "frozen": {"optimizer": fastbp.SGD(0.3), "frozen": [1]},
    "one epoch, one minibatch": {"optimizer": fastbp.Adagrad(), "batch_size": 90},
    "scheduled": {"optimizer": fastbp.AdamW(0.01), "schedule": fastbp.schedules.Cosine(warmup=2)},
}


def train(dtype: str, **options: Any) -> fastbp.Run:
    net = fastbp.Network(
        [20, 33, 9, 3], activations=["tanh", "relu", "softmax"], cost="cross_entropy", seed=1, dtype=dtype
    )
    return fastbp.train(net, X, LABELS, **({"batch_size": 60, "epochs": 6, "seed": 2} | options))


WEIGHED = {"output_weight": [2.0, 0.0, 0.5], "missing_targets": "ignore", "batch_size": 20, "epochs": 4, "seed": 0}


@pytest.mark.compiled
def test_outputs_keep_their_weights(dtype: str, request: pytest.FixtureRequest) -> None:
    holed = np.where(RNG.rand(90, 3) > 0.8, np.nan, Y)
    runs = []
    for tuned in (False, True):
        if tuned:
            request.getfixturevalue("restless")
        net = fastbp.Network([20, 33, 3], activations="tanh", seed=1, dtype=dtype)
        options: dict[str, Any] = {"optimizer": fastbp.SGD(0.3), **WEIGHED}
        runs.append(fastbp.train(net, X, holed, **options))
    check_same(*runs)


def check_same(run: fastbp.Run, other: fastbp.Run) -> None:
    assert same_bits(run.net.theta, other.net.theta)
    assert run.history == other.history
    assert (run.epoch, run.step) == (other.epoch, other.step)


@pytest.mark.compiled
@pytest.mark.parametrize("name", OPTIONS)
def test_the_bits_are_those_of_one_plan(name: str, dtype: str, request: pytest.FixtureRequest) -> None:
    whole = train(dtype, **OPTIONS[name])
    restless: list[Restless] = request.getfixturevalue("restless")
    check_same(train(dtype, **OPTIONS[name]), whole)
    seen = set(restless[0].seen)
    assert {plan.n_threads for plan in seen} == {1, 2, 3}
    if name in ("descent", "small minibatches", "penalised"):
        assert len({plan.schedule for plan in seen}) > 1
        assert {plan.parts for plan in seen} == {1, 2}
    assert seen <= set(restless[0].plans)


def test_other_tiles_and_gemms_without_copies_are_tried() -> None:
    """Where a minibatch takes several tiles, and where rows of w are copied; of small nets neither."""
    narrow, wide = Task((4, 32, 16, 4), 4, 10_000), Task((784, 512, 512, 10), 4, 128, descent=True)
    tile = plan_training(narrow, 1).tile
    assert {plan.tile for plan in alternatives(narrow, 1, None)} == {tile // 2, tile, 2 * tile}
    assert {(plan.pack_a, plan.pack_b) for plan in alternatives(wide, 1, None)} == {(True, True), (False, False)}
    assert len({(plan.tile, plan.pack_b) for plan in alternatives(Task((20, 33, 9, 3), 8, 60), 1, None)}) == 1


@pytest.mark.compiled
def test_sparse_samples_too(dtype: str, request: pytest.FixtureRequest) -> None:
    rows = sparse.csr_array(np.where(X > 0.7, X, 0))
    runs = []
    for tuned in (False, True):
        if tuned:
            request.getfixturevalue("restless")
        net = fastbp.Network([20, 33, 3], activations="tanh", seed=1, dtype=dtype)
        runs.append(fastbp.train(net, rows, Y, optimizer=fastbp.Adam(), batch_size=20, epochs=4, seed=0))
    check_same(*runs)


@pytest.mark.compiled
def test_a_run_that_stops_and_goes_on_may_have_any_plan(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    options: dict[str, Any] = {"optimizer": fastbp.Adam(0.01), "batch_size": 7, "dropout": 0.2}
    whole = train("float32", **options)
    request.getfixturevalue("restless")

    def stopping_after(n: int) -> Callable[[fastbp.Run], None]:
        class Stop(fastbp.Callback):
            every = 1

            def on_minibatch(self, run: fastbp.Run) -> None:
                if run.step >= n:
                    run.stop()

        return Stop()

    for n in (3, 20, 41, 1000):
        run = train(
            "float32", checkpoint=fastbp.Checkpoint(tmp_path / "run.ckpt"), callbacks=stopping_after(n), **options
        )
    check_same(run, whole)
    cut = train("float32", callbacks=stopping_after(31), **options)
    check_same(fastbp.train(cut.net, X, LABELS, continuing=cut), whole)


@pytest.mark.compiled
def test_a_plan_for_which_memory_is_missing_is_left_out(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("float64")
    monkeypatch.setattr(tuning, "ENABLED", True)
    monkeypatch.setattr(tuning, "BEFORE_SECONDS", 0.0)
    monkeypatch.setattr(tuning, "TRIAL_SECONDS", 1e-5)
    monkeypatch.setattr(tuning, "_known", {})
    monkeypatch.setattr("fastbp.runtime.plan.NEAR", 1e9)
    alternatives.cache_clear()

    def refuse(*_: Any) -> None:
        raise MemoryError("none left")

    monkeypatch.setattr(engine, "with_plan", refuse)
    run = train("float64", epochs=6)
    check_same(run, whole)
    assert run.plan == plan_training(*_task_and_threads())
    (tuner,) = tuning._known.values()
    assert len(tuner.plans) < len(alternatives(_task_and_threads()[0], 1, pool.effective(None)))


def _task_and_threads() -> tuple[Task, int]:
    return Task((20, 33, 9, 3), 8, 60, descent=True), 1


@pytest.mark.compiled
def test_what_was_learned_stays_and_what_is_forced_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "ENABLED", True)
    monkeypatch.setattr(tuning, "_known", {})
    net = fastbp.Network([300, 100, 10], seed=0, dtype="float32")
    rows, targets = RNG.rand(200, 300), RNG.rand(200, 10)

    def once(**options: Any) -> fastbp.Run:
        return fastbp.train(net, rows, targets, epochs=1, **({"batch_size": 10} | options))

    with forced(tile=8):
        once()
    once(optimizer=fastbp.LBFGS(), batch_size=None)
    assert not tuning._known
    once()
    ((key, tuner),) = tuning._known.items()
    other = next(plan for plan in tuner.plans if plan != tuner.best)
    tuner.best = other
    assert once().plan == other
    assert tuning._known[key] is tuner
    once(n_threads=2)
    assert all(plan.n_threads == 2 for plan in list(tuning._known)[1][1])
    monkeypatch.setattr(tuning, "ENABLED", False)
    assert once().plan == tuner.plans[0]
