"""A trainer's steps, epochs and fits: the bits of one training, whatever it is cut into."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits
from online_steps import LABELS, ONE_HOT, OPTIMIZERS, RNG, WAYS, WEIGHTS, X, make_net, steps, train
from scipy.sparse import csr_matrix

import fastbp
from fastbp.runtime import single, team
from fastbp.training import online


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_steps_are_those_of_a_training(optimizer: Any, dtype: str) -> None:
    for name in WAYS if not SMALL or (optimizer, dtype) == (fastbp.Adam(0.05), "float64") else ("penalised",):
        options = WAYS[name]
        whole, net = make_net(dtype), make_net(dtype)
        run = train(whole, optimizer=optimizer, epochs=2, **options)
        trainer = fastbp.Trainer(net, optimizer=optimizer, **options)
        losses = [np.mean(steps(trainer)) for _ in range(2)]
        assert same_bits(net.theta, whole.theta)
        np.testing.assert_allclose(losses, run.history["loss"], rtol=1e-12 if dtype == "float64" else 1e-5)
        assert trainer.state.step == run.step == 6


@pytest.mark.parametrize(
    ("targets", "options"),
    [
        (ONE_HOT, {}), (ONE_HOT, {"activations": "sigmoid"}), (RNG.rand(24, 3), {"activations": "sigmoid"}),
        (RNG.randn(24, 3), {"activations": "identity", "cost": "quadratic"}),
        (LABELS.astype(np.int32), {}), (LABELS.astype(float), {}), (ONE_HOT.astype(np.float32), {}),
        (ONE_HOT.astype(bool), {}), (LABELS.tolist(), {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_targets_and_samples_of_every_kind(targets: Any, options: dict[str, Any], weights: Any) -> None:
    wholes = [make_net(**options) for _ in range(2)]
    for samples, whole in zip((X, X.astype(np.float32)), wholes, strict=True):
        fastbp.train(whole, samples, targets, batch_size=8, shuffle=False, epochs=2, sample_weight=weights)
    for samples, whole in (
        (X, wholes[0]), (X.tolist(), wholes[0]), (np.asfortranarray(X), wholes[0]), (csr_matrix(X), wholes[0]),
        (X.astype(np.float32), wholes[1]),
    ):  # fmt: skip
        net = make_net(**options)
        trainer = fastbp.Trainer(net)
        for _ in range(2):
            steps(trainer, targets, samples, weights)
        assert same_bits(net.theta, whole.theta)
        assert net.task == whole.task


@pytest.mark.parametrize("rows", [[3, 4, 20], [10, 11, 20]])
def test_outputs_that_count_more_and_targets_that_are_missing(rows: list[int]) -> None:
    """Some minibatches have all of theirs, the first among them or not."""
    targets = RNG.randn(24, 3)
    targets[rows, [0, 2, 1]] = np.nan
    for options in ({}, {"output_weight": [1.0, 0.5, 2.0]}):
        nets = [make_net(activations="identity", cost="quadratic") for _ in range(2)]
        train(nets[0], targets, optimizer=fastbp.Adam(), epochs=2, missing_targets="ignore", **options)
        trainer = fastbp.Trainer(nets[1], optimizer=fastbp.Adam(), missing_targets="ignore", **options)
        for _ in range(2):
            steps(trainer, targets)
        assert same_bits(nets[0].theta, nets[1].theta)
    with pytest.raises(ValueError, match=r"^Y has nan"):
        fastbp.Trainer(nets[0]).step(X, targets)


def test_minibatches_of_any_size() -> None:
    """And targets of one output, as a vector or a column."""
    nets = [fastbp.Network([4, 5, 1], cost="cross_entropy", seed=1) for _ in range(2)]
    trainers = [fastbp.Trainer(net, optimizer=fastbp.Adam(0.05)) for net in nets]
    y = (LABELS > 1).astype(float)
    for n in (1, 1, 7, 2, 7, 24, 1):
        trainers[0].step(X[:n], y[:n, None])
        trainers[1].step(X[:n], y[:n].astype(int))
    assert same_bits(nets[0].theta, nets[1].theta)
    plain = fastbp.Network([4, 5, 1], cost="cross_entropy", seed=1)
    again = fastbp.Trainer(plain, optimizer=fastbp.SGD(0.5))
    for n in (1, 3):
        g = plain.gradient(X[:n], y[:n])
        expected = [part - 0.5 * slope for part, slope in zip([*plain.w, *plain.b], [*g.w, *g.b], strict=True)]
        assert again.step(X[:n], y[:n]) == pytest.approx(g.cost, rel=1e-13)
        for part, value in zip([*plain.w, *plain.b], expected, strict=True):
            np.testing.assert_allclose(part, value, rtol=1e-13)


def test_steps_epochs_and_fits_are_one_training() -> None:
    whole, net = make_net(), make_net()
    train(whole, optimizer=fastbp.Adam(0.05), epochs=6)
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adam(0.05), seed=0)
    steps(trainer)
    values = trainer.epoch(X, LABELS, batch_size=8, shuffle=False)
    assert set(values) == {"loss", "accuracy", "learning_rate"}
    run = trainer.fit(X, LABELS, epochs=2, batch_size=8, shuffle=False)
    assert (run.epoch, run.step) == (2, 6)
    steps(trainer)
    trainer.fit(X, LABELS, epochs=1, batch_size=8, shuffle=False)
    assert same_bits(net.theta, whole.theta)
    assert trainer.state.step == 18


def test_epochs_are_in_orders_of_their_own() -> None:
    """Those of the trainer's generator, one after the other."""
    whole, net = make_net(), make_net()
    train(whole, optimizer=fastbp.Adam(), epochs=3, shuffle=True, seed=4)
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adam(), seed=4)
    for _ in range(3):
        trainer.epoch(X, LABELS, batch_size=8)
    assert same_bits(net.theta, whole.theta)


def test_what_a_fit_has_learned_is_not_lost_when_it_ends_early() -> None:
    whole, net = make_net(), make_net()
    train(whole, optimizer=fastbp.Adam(0.05), epochs=2)
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adam(0.05))

    def enough(run: fastbp.Run) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        trainer.fit(X, LABELS, epochs=5, batch_size=8, shuffle=False, callbacks=enough)
    steps(trainer)
    assert same_bits(net.theta, whole.theta)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_what_it_remembers(optimizer: Any) -> None:
    """Of the first step, by hand; and it cannot be changed."""
    net = make_net()
    g = net.gradient(X, LABELS)
    trainer = fastbp.Trainer(net, optimizer=optimizer)
    trainer.step(X, LABELS)
    state = trainer.state
    update = optimizer.update()
    factors = {
        "first moment v (the velocity)": lambda g: -0.1 * g,
        "first moment m (the mean of g)": lambda g: (1 - 0.9) * g,
        "second moment v (the mean of g^2)": lambda g: (1 - update.constants[update.slots - 1]) * g**2,
        "second moment v (the sum of g^2)": lambda g: g**2,
    }
    assert [moment.name for moment in state.moments] == list(optimizer.moments)
    for moment in state.moments:
        for l in (1, 2):
            np.testing.assert_allclose(moment.w[l], factors[moment.name](g.w[l]), rtol=1e-12)
            np.testing.assert_allclose(moment.b[l], factors[moment.name](g.b[l]), rtol=1e-12)
        with pytest.raises(ValueError, match="read-only"):
            moment.w[1][0, 0] = 1.0
    assert state.powers == ((0.9, 0.999) if isinstance(optimizer, fastbp.Adam) else (1.0, 1.0))


def test_masks_of_dropout_are_other_ones_in_each_step() -> None:
    nets = [make_net() for _ in range(3)]
    trainers = [fastbp.Trainer(net, dropout=0.5, seed=seed) for net, seed in zip(nets, (1, 1, 2), strict=True)]
    losses = [[fastbp.Trainer.step(trainer, X, LABELS) for _ in range(3)] for trainer in trainers]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    still = fastbp.Trainer(make_net(), optimizer=fastbp.SGD(1e-300), dropout=0.5, seed=1)
    assert len({still.step(X, LABELS) for _ in range(5)}) == 5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda trainer: pickle.loads(pickle.dumps(trainer))])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_copy_goes_on_by_itself(copied: Any, dropout: float) -> None:
    trainer = fastbp.Trainer(make_net(), optimizer=fastbp.Adam(0.05), dropout=dropout, seed=2)
    steps(trainer)
    other = copied(trainer)
    assert other.net is not trainer.net
    for one in (trainer, other):
        steps(one)
    assert same_bits(trainer.net.theta, other.net.theta)
    assert other.state.powers == trainer.state.powers


def test_an_interrupt_anywhere_leaves_a_whole_number_of_steps() -> None:
    """At each line of a step, of one for which there is memory and of one for which there is none yet."""
    expected, trainer = [], fastbp.Trainer(make_net(), optimizer=fastbp.Adam(0.05))
    for n in (8, 8, 5, 8):
        trainer.step(X[:n], LABELS[:n])
        expected.append((trainer.net.theta.copy(), trainer.state.powers))
    rooms = online.__file__, single.__file__, team.__file__

    def trace(target: int) -> Any:
        left = [target]

        def at_line(frame: Any, event: str, arg: Any) -> Any:
            if event == "line":
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt
            return at_line

        def at_call(frame: Any, event: str, arg: Any) -> Any:
            # Tracing raises between the end of a with block and the release of its lock, where no signal can.
            return at_line if frame.f_code.co_filename in rooms and frame.f_code.co_name != "step" else None

        return at_call

    target = 0
    while True:
        target += 4 if SMALL else 1
        trainer = fastbp.Trainer(make_net(), optimizer=fastbp.Adam(0.05))
        trainer.step(X[:8], LABELS[:8])
        before = sys.gettrace()  # of what measures the tests' coverage
        sys.settrace(trace(target))
        try:
            for n in (8, 5):
                trainer.step(X[:n], LABELS[:n])
        except KeyboardInterrupt:
            pass
        else:
            break
        finally:
            sys.settrace(before)
        done = trainer.state.step
        theta, powers = expected[done - 1]
        assert same_bits(trainer.net.theta, theta)
        assert trainer.state.powers == powers
        for n in (8, 8, 5, 8)[done:]:
            trainer.step(X[:n], LABELS[:n])
        assert same_bits(trainer.net.theta, expected[-1][0])
    assert target > 60
