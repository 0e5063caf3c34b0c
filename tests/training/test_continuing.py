"""A run that goes on ends in the bits of one that never stopped."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from continued_runs import (
    HELD_OUT,
    N_MINIBATCHES,
    OPTIMIZERS,
    SOME,
    THREADS,
    WAYS,
    WEIGHTS,
    Stopping,
    check_same,
    go_on,
    make_net,
    plateau,
    train,
)
from nets import SMALL, same_bits

import fastbp
from fastbp.training.state import fingerprint_of


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_five_epochs_and_five_more_are_ten(optimizer: Any, dtype: str) -> None:
    for name in WAYS if not SMALL else SOME if (optimizer, dtype) == (fastbp.Adam(0.01), "float64") else ("weighted",):
        options = WAYS[name]
        whole = train(make_net(dtype), optimizer=optimizer, epochs=10, n_threads=THREADS[0], **options)
        net = make_net(dtype)
        half = train(net, optimizer=optimizer, epochs=5, n_threads=THREADS[1], **options)
        check_same(go_on(net, half, options, epochs=10, n_threads=THREADS[0]), whole)
        assert len(half.history["loss"]) == half.epoch == 5  # it stays what it was


@pytest.mark.parametrize("n_threads", set(THREADS))
@pytest.mark.parametrize("wide", [False, True])
def test_whatever_the_schedule_of_the_threads(wide: bool, n_threads: int) -> None:
    """Column-parallel, tiles in order, and data-parallel."""
    rng = np.random.RandomState(0)
    sizes, n, batch = ([64, 20, 10], 64, 16) if wide else ([8, 8, 1], 20_000, 10_000)
    if SMALL:
        n, batch = 12, 6
    samples, y = rng.randn(n, sizes[0]), rng.rand(n, sizes[-1])
    nets = [fastbp.Network(sizes, seed=0) for _ in range(2)]
    options: dict[str, Any] = {"optimizer": fastbp.SGD(0.5), "batch_size": batch, "seed": 0, "n_threads": n_threads}
    fastbp.train(nets[0], samples, y, epochs=4, **options)
    half = fastbp.train(nets[1], samples, y, epochs=1, **options)
    fastbp.train(nets[1], samples, y, epochs=4, continuing=half)
    assert same_bits(nets[0].theta, nets[1].theta)


class Interrupting(fastbp.Callback):
    """Ctrl-C at a moment of the second epoch, or another exception there."""

    every = 1

    def __init__(self, minibatch: int | None, error: BaseException) -> None:
        self.minibatch, self.error = minibatch, error
        self.run: Any = None

    def on_train_begin(self, run: fastbp.Run) -> None:
        self.run = run

    def on_minibatch(self, run: fastbp.Run) -> None:
        if (run.epoch, run.minibatch) == (1, self.minibatch):
            raise self.error

    def on_epoch_end(self, run: fastbp.Run) -> None:
        if self.minibatch is None and run.epoch == 2:
            raise self.error


CUT = {
    "optimizer": fastbp.Adam(0.05), "schedule": plateau(), "early_stopping": fastbp.EarlyStopping(patience=2),
    "validation": HELD_OUT, "sample_weight": WEIGHTS, "dropout": 0.2, "shuffle": True,
}  # fmt: skip


@pytest.mark.parametrize("minibatch", [1, 2, 5, 6, None])
def test_an_interrupted_run_goes_on_from_its_last_minibatch(minibatch: int | None) -> None:
    whole = train(make_net(), epochs=6, **CUT)
    net = make_net()
    cut = train(net, epochs=6, callbacks=[Interrupting(minibatch, KeyboardInterrupt())], **CUT)
    assert cut.stopped == "interrupted"
    assert (cut.epoch, cut.minibatch) == ((1, minibatch) if minibatch else (2, 0))
    check_same(go_on(net, cut, CUT), whole)


def test_interrupted_while_it_validates(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(make_net(), epochs=6, **CUT)
    net = make_net()
    evaluate, calls = fastbp.Network._evaluate, []

    def cut_off(self: Any, *args: Any) -> Any:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(self, *args)

    monkeypatch.setattr(fastbp.Network, "_evaluate", cut_off)
    cut = train(net, epochs=6, **CUT)
    assert (cut.epoch, cut.minibatch, len(cut.history["loss"])) == (2, N_MINIBATCHES, 2)
    check_same(go_on(net, cut, CUT), whole)


def test_an_epoch_that_an_interrupt_left_half_noted_is_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(make_net(), epochs=4, validation=HELD_OUT)
    net = make_net()

    def add(self: Any, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.setdefault(name, []).append(value)
            if len(self[name]) == 3 and name == "val_loss":
                monkeypatch.undo()
                raise KeyboardInterrupt

    monkeypatch.setattr(fastbp.History, "add", add)
    cut = train(net, epochs=4, validation=HELD_OUT)
    check_same(go_on(net, cut, {"validation": HELD_OUT}), whole)


def test_again_and_again() -> None:
    """A minibatch at a time, and from a pickle each time."""
    whole = train(make_net(), epochs=2, **CUT)
    run = train(make_net(), epochs=2, callbacks=[Stopping(1)], **CUT)
    while run.stopped:
        run = pickle.loads(pickle.dumps(run))
        run = go_on(run.net, run, CUT, callbacks=[Stopping(1)])
    check_same(run, whole)


def test_after_an_exception_the_run_is_that_of_the_callbacks() -> None:
    whole = train(make_net(), epochs=3)
    net, raising = make_net(), Interrupting(4, RuntimeError("enough"))
    with pytest.raises(RuntimeError, match="enough"):
        train(net, epochs=3, callbacks=[raising])
    check_same(go_on(net, raising.run, {}), whole)


def test_after_divergence_the_run_stands_before_the_minibatch() -> None:
    """What made it diverge is gone: it goes on as if it had never been there."""
    whole = train(make_net(), epochs=3)

    class Spoiling(Interrupting):
        def on_minibatch(self, run: fastbp.Run) -> None:
            if (run.epoch, run.minibatch) == (1, 4):
                self.kept = run.net.theta.copy()
                run.net.b[2][0] = np.nan

    net, spoiling = make_net(), Spoiling(4, RuntimeError())
    with pytest.raises(fastbp.DivergenceError) as caught:
        train(net, epochs=3, callbacks=[spoiling])
    assert (caught.value.epoch, caught.value.minibatch) == (2, 5)
    with pytest.raises(ValueError, match=r"^net has weights or biases that are not finite"):
        go_on(net, spoiling.run, {})
    state = spoiling.run._state
    assert state is not None
    net.theta[:] = spoiling.kept
    with pytest.raises(ValueError, match=r"^continuing is a run that left other weights than the net now has"):
        go_on(net, spoiling.run, {})
    state.fingerprint = fingerprint_of(net.theta)
    check_same(go_on(net, spoiling.run, {}), whole)


def test_from_the_last_weights_not_the_best() -> None:
    options: dict[str, Any] = {
        "optimizer": fastbp.SGD(5.0), "early_stopping": fastbp.EarlyStopping("loss", patience=20), "epochs": 6,
    }  # fmt: skip
    last, best = make_net(), make_net()
    plain = train(last, optimizer=fastbp.SGD(5.0), epochs=6)
    run = train(best, **options)
    assert run.best_epoch is not None
    assert run.best_epoch < 6
    assert not same_bits(last.theta, best.theta)
    more = go_on(best, run, {}, epochs=9)
    assert more.history["loss"] == go_on(last, plain, {}, epochs=9).history["loss"]
    check_same(more, train(make_net(), **(options | {"epochs": 9})))


def test_after_early_stopping_it_may_go_on() -> None:
    rule = fastbp.EarlyStopping("loss", patience=1, min_delta=10.0)
    net = make_net()
    run = train(net, epochs=9, early_stopping=rule)
    assert (run.epoch, run.stopped) == (2, "early stopping")
    assert go_on(net, run, {}).epoch == 3


def test_a_run_may_go_on_more_than_once() -> None:
    whole, net = train(make_net(), epochs=4, **CUT), make_net()
    half = train(net, epochs=2, **CUT)
    other = net.copy()
    for one in (net, other):
        check_same(go_on(one, half, CUT, epochs=4), whole)


def test_the_generator_that_was_passed_is_left_as_it_is() -> None:
    whole = train(make_net(), epochs=4, seed=np.random.Generator(np.random.MT19937(7)))
    rng, net = np.random.Generator(np.random.MT19937(7)), make_net()
    half = train(net, epochs=2, seed=rng)
    rng.random(100)
    before = str(rng.bit_generator.state)
    check_same(go_on(net, half, {}, epochs=4), whole)
    assert str(rng.bit_generator.state) == before


# Errors that are planted: each has to change the bits.


@pytest.mark.parametrize("planted", ["power", "moment", "order", "masks", "best", "statistics"])
def test_a_state_that_lacks_anything_is_noticed(planted: str) -> None:
    options = CUT | {"schedule": None}
    whole, net = train(make_net(), epochs=4, **options), make_net()
    run = train(net, epochs=4, callbacks=[Stopping(8)], **options)
    state = run._state
    assert state is not None
    assert (run.epoch, state.minibatch) == (1, 2)
    if planted == "power":
        state.powers = (state.powers[0], 1.0)
    elif planted == "moment":
        state.moments[len(net.theta) :] = 0
    elif planted == "order":
        before = train(make_net(), epochs=0, **options)._state
        assert before is not None
        state.generator = before.generator
    elif planted == "masks":
        state.seed -= 1
    elif planted == "best":
        state.best = np.inf
    else:
        state.statistics["cost"] = 0
    with pytest.raises(AssertionError):
        check_same(go_on(net, run, options), whole)


def test_options_that_are_changed_in_place_afterwards_stay_what_they_were() -> None:
    """Of the run, as of what is compared with it."""
    options: dict[str, Any] = {
        "frozen": [[np.zeros((5, 4), bool), np.zeros(5, bool)], [False, False]],
        "layer_rates": np.array([1.0, 0.5]), "dropout": [0.25], "class_weight": {0: 2.0, 1: 1.0},
    }  # fmt: skip

    def net() -> fastbp.Network:
        return fastbp.Network([4, 5, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=1)

    samples, labels = np.random.RandomState(5).randn(23, 4), np.arange(23) % 3
    given: Any = {"batch_size": 4, "seed": 3, "optimizer": fastbp.Adam(0.05)}
    whole = fastbp.train(net(), samples, labels, epochs=4, **given, **pickle.loads(pickle.dumps(options)))
    kept = pickle.loads(pickle.dumps(options))
    run = fastbp.train(net(), samples, labels, epochs=2, **given, **options)
    options["frozen"][0][0][:] = True
    options["frozen"][1][1] = True
    options["layer_rates"][:] = 3.0
    options["dropout"][0] = 0.5
    options["class_weight"][0] = 9.0
    fastbp.train(run.net, samples, labels, epochs=4, continuing=run, **kept)
    assert same_bits(run.net.theta, whole.net.theta)
    for name, value in options.items():
        with pytest.raises(ValueError, match=rf"other settings.* {name}: run: "):
            fastbp.train(run.net, samples, labels, epochs=6, continuing=run, **{name: value})
