"""A trainer's steps, epochs and fits: the bits of one training, whatever it is cut into."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits
from scipy.sparse import csr_matrix

import fastbp
from fastbp.runtime import single, team
from fastbp.training import online

RNG = np.random.RandomState(5)
X, LABELS = RNG.randn(24, 4), RNG.randint(0, 3, 24)
WEIGHTS = np.linspace(0.1, 1.0, 24)
ONE_HOT = np.eye(3)[LABELS]
OPTIMIZERS = (fastbp.SGD(0.1), fastbp.SGD(0.1, 0.9, True), fastbp.Adam(0.05), fastbp.RMSprop(), fastbp.Adagrad())
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "penalised": {"l1": 0.01, "l2": 0.1}, "clipped": {"clip_norm": 0.3}, "frozen": {"frozen": [1]},
    "rates": {"layer_rates": (0.5, 2.0)}, "threads": {"n_threads": 1 if SMALL else 2},
}  # fmt: skip


def make_net(dtype: str = "float64", **options: Any) -> fastbp.Network:
    usual: dict[str, Any] = {"activations": ["tanh", "softmax"], "cost": "cross_entropy", "seed": 1, "dtype": dtype}
    return fastbp.Network([4, 5, 3], **(usual | options))


def steps(trainer: fastbp.Trainer, targets: Any = LABELS, samples: Any = X, weights: Any = None) -> list[float]:
    """An epoch of minibatches of 8, as steps."""
    parts = [slice(at, at + 8) for at in range(0, 24, 8)]
    return [
        trainer.step(samples[part], targets[part], sample_weight=None if weights is None else weights[part])
        for part in parts
    ]


def train(net: fastbp.Network, targets: Any = LABELS, **options: Any) -> fastbp.Run:
    return fastbp.train(net, X, targets, **({"batch_size": 8, "shuffle": False, "seed": 0} | options))


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


def test_outputs_that_count_more_and_targets_that_are_missing() -> None:
    """Some minibatches have all of theirs."""
    targets = RNG.randn(24, 3)
    targets[[3, 4, 20], [0, 2, 1]] = np.nan
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


# What is refused.

BAD: list[tuple[Any, Any, str]] = [
    (np.full((2, 4), np.nan), [0, 1], "X has nan"), (np.full((2, 4), -np.inf), [0, 1], "X has -inf"),
    (X[:2, :3], [0, 1], "X has 3 columns"), (X[0], [0], "X has shape"), (X[:2], [0, 3], "Y has label 3"),
    (X[:2], [0, -1], "Y has label -1"), (X[:2], [0], "Y has 1 rows"), (X[:2], ONE_HOT[:2] + 0.5, "Y has 1.5"),
    (X[:2], ONE_HOT[:2] / 2, "Y sums to"), (X[:2], np.full((2, 3), np.nan), "Y has nan"),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "targets", "match"), BAD)
def test_every_minibatch_is_looked_at(samples: Any, targets: Any, match: str) -> None:
    """The first one, and one after others that were fine; nothing has changed then."""
    targets = np.array(targets)
    good = (X[:2], np.array([0, 2]) if targets.ndim == 1 else ONE_HOT[:2])
    for n_before in (0, 3):
        trainer = fastbp.Trainer(make_net(), optimizer=fastbp.Adam())
        for _ in range(n_before):
            trainer.step(*good)
        other = copy.deepcopy(trainer)
        with pytest.raises((ValueError, TypeError), match=f"^{match}"):
            trainer.step(samples, targets)
        assert same_bits(trainer.net.theta, other.net.theta)
        for one in (trainer, other):
            one.step(*good)
        assert same_bits(trainer.net.theta, other.net.theta)


@pytest.mark.parametrize("n", [1, 20 if SMALL else 600])
def test_targets_between_those_that_were_fine_are_not_looked_at_again(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all others are: of few and of many, of numbers and of classes."""
    samples = RNG.randn(n, 4)
    net = fastbp.Network([4, 5, 1], activations="sigmoid", seed=1, meta={"task": "regression"})
    deciding = fastbp.Network([4, 5, 1], activations="sigmoid", seed=1)
    trainer, other = fastbp.Trainer(net), fastbp.Trainer(deciding)
    looked: list[float] = []
    check = online.check_samples

    def looking(net: Any, X: Any, Y: Any, s: Any, **options: Any) -> Any:
        looked.append(float(Y[0, 0]))
        return check(net, X, Y, s, **options)

    monkeypatch.setattr(online, "check_samples", looking)
    for value in (0.25, 0.75, 0.5, 0.25, 0.76, 0.8, 0.77):
        trainer.step(samples, np.full((n, 1), value))
    assert looked == [0.25, 0.75, 0.76, 0.8]
    looked.clear()
    for value in (0.0, 1.0, 0.0, 1.0):
        other.step(samples, np.full((n, 1), value))
    assert looked == [0.0, 1.0]
    assert deciding.task == "classification"
    other.step(samples, np.full((n, 1), 0.5))
    assert looked == [0.0, 1.0, 0.5]
    assert deciding.task == "regression"
    for value in (np.nan, np.inf, -0.1, 1.1):
        with pytest.raises(ValueError, match=r"^Y has"):
            trainer.step(samples, np.full((n, 1), value))


def test_a_step_that_cannot_be_applied_leaves_the_weights() -> None:
    net = make_net(activations=["relu", "identity"], cost="quadratic")
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adam())
    trainer.step(X, ONE_HOT)
    net.b[1][0] = np.nan
    before, powers = net.theta.copy(), trainer.state.powers
    with pytest.raises(fastbp.DivergenceError, match=r"^Step 2 diverged: its gradient is not finite.* are kept"):
        trainer.step(X, ONE_HOT)
    assert same_bits(net.theta, before)
    assert trainer.state.powers == powers
    assert trainer.state.step == 1
    net.b[1][0] = 0.0
    trainer.step(X, ONE_HOT)


def own(g, w, m, eta, t):  # type: ignore[no-untyped-def]
    """With a number of steps and a state; large weights are lost."""
    return w - eta * (g + m) * (1.0 + 1.0 / t) if w < 100.0 else w * 1e308 * 1e308, 0.5 * m + g


def test_a_users_own_update() -> None:
    """It goes on in a checkpoint and a trainer; what it makes that is not finite is said."""
    optimizer = fastbp.optimizer(own, learning_rate=0.1)
    whole, net = make_net(), make_net()
    train(whole, optimizer=optimizer, epochs=3)
    trainer = fastbp.Trainer(net, optimizer=optimizer)
    steps(trainer)
    trainer.fit(X, LABELS, epochs=1, batch_size=8, shuffle=False)
    steps(trainer)
    assert same_bits(net.theta, whole.theta)
    half = make_net()
    run = train(half, optimizer=optimizer, epochs=1)
    fastbp.train(half, X, LABELS, continuing=run, epochs=3)
    assert same_bits(half.theta, whole.theta)
    net.b[2][0] = 200.0
    with pytest.raises(
        fastbp.DivergenceError, match=r"^Step 10 diverged: optimizer\(.*own, .* makes of some parameters"
    ):
        trainer.step(X, LABELS)
    net.b[2][0] = 0.0
    trainer.step(X, LABELS)


def test_a_moment_that_has_overflowed_is_noticed() -> None:
    net = fastbp.Network([1, 1], activations="identity", dtype="float32", seed=0)
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adagrad(1e-3))

    def many() -> None:
        for _ in range(64):
            trainer.step(np.ones((1, 1)), np.full((1, 1), 1.5e19))

    with pytest.raises(fastbp.DivergenceError, match=r"the second moment v .* of layer 1 has become infinite"):
        many()


def test_a_network_that_is_being_trained_is_refused() -> None:
    net = make_net()
    trainer, other = fastbp.Trainer(net), fastbp.Trainer(net)
    trainer.step(X, LABELS)
    errors: list[BaseException] = []

    def disturb(run: fastbp.Run) -> None:
        for call in (trainer.step, other.step):
            with pytest.raises(RuntimeError, match="This network is being trained already") as caught:
                call(X, LABELS)
            errors.append(caught.value)

    train(net, epochs=1, callbacks=[disturb])
    assert len(errors) == 2
    trainer.step(X, LABELS)
    other.step(X, LABELS)


@pytest.mark.parametrize("disturbing", ["step", "fit", "a step of another thread"])
def test_a_call_from_a_callback_of_its_own_fit_is_refused_and_changes_nothing(disturbing: str) -> None:
    """What the optimizer remembers is that of the fit, not that of the step which was refused."""
    fits: dict[str, Any] = {"batch_size": 8, "epochs": 2, "shuffle": False}
    trainers = [fastbp.Trainer(make_net(), optimizer=fastbp.Adam(0.05)) for _ in range(2)]
    threads: list[threading.Thread] = []

    def disturb(run: fastbp.Run) -> None:
        if disturbing == "step":
            with pytest.raises(RuntimeError, match="This network is being trained already"):
                trainers[0].step(X, LABELS)
        elif disturbing == "fit":
            with pytest.raises(RuntimeError, match="This network is being trained already"):
                trainers[0].fit(X, LABELS, **fits)
        elif not threads:
            threads.append(threading.Thread(target=trainers[0].step, args=(X, LABELS)))
            threads[0].start()

    trainers[0].fit(X, LABELS, callbacks=[disturb], **fits)
    trainers[1].fit(X, LABELS, **fits)
    for thread in threads:  # its step waits for the end of the fit
        thread.join()
        trainers[1].step(X, LABELS)
    for trainer in trainers:
        steps(trainer)
    assert trainers[0].state.step == trainers[1].state.step
    assert trainers[0].state.powers == trainers[1].state.powers
    assert same_bits(trainers[0].net.theta, trainers[1].net.theta)


def test_steps_of_several_threads_follow_one_another() -> None:
    """All of the same minibatch: the weights are those of as many steps by one thread."""
    n = 20 if SMALL else 300
    nets = [make_net() for _ in range(2)]
    trainers = [fastbp.Trainer(net, optimizer=fastbp.Adam()) for net in nets]

    def work() -> None:
        for _ in range(n):
            trainers[0].step(X, ONE_HOT[::-1])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(3 * n):
        trainers[1].step(X, ONE_HOT[::-1])
    assert trainers[0].state.step == 3 * n
    assert same_bits(nets[0].theta, nets[1].theta)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"optimizer": "adam"}, "optimizer"), ({"optimizer": fastbp.LBFGS()}, "optimizer"), ({"l1": -1}, "l1"),
        ({"l2": float("nan")}, "l2"), ({"dropout": 1.0}, "dropout"), ({"clip_norm": 0}, "clip_norm"),
        ({"frozen": [1, 2]}, "frozen"), ({"layer_rates": [1]}, "layer_rates"), ({"seed": "x"}, "seed"),
        ({"optimizer": fastbp.SGD(1e200)}, "learning_rate"), ({"output_weight": [1, 2]}, "output_weight"),
        ({"missing_targets": True}, "missing_targets"), ({"n_threads": 0}, "n_threads"),
    ],
)  # fmt: skip
def test_what_no_training_takes_is_refused_at_once(options: dict[str, Any], name: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        fastbp.Trainer(make_net(), **options)
    assert caught.value.parameter == name
    with pytest.raises(TypeError, match="its network is needed"):
        fastbp.Trainer(fastbp.Model(make_net()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["optimizer", "l1", "l2", "dropout", "clip_norm", "frozen", "layer_rates", "seed", "n_threads", "continuing"],
)
def test_what_is_the_trainers_is_no_option_of_a_fit(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} belongs to the trainer") as caught:
        fastbp.Trainer(make_net()).fit(X, LABELS, **{name: None})
    assert caught.value.parameter == name  # type: ignore[attr-defined]


def test_an_option_that_there_is_not_is_answered() -> None:
    with pytest.raises(TypeError, match=r"^Trainer.fit has no argument batchsize"):
        fastbp.Trainer(make_net()).fit(X, LABELS, batchsize=3)


def test_a_fit_keeps_a_checkpoint(tmp_path: Any) -> None:
    whole, net = make_net(), make_net()
    train(whole, optimizer=fastbp.Adam(), epochs=4)
    for epochs in (2, 3):
        net = make_net()
        trainer = fastbp.Trainer(net, optimizer=fastbp.Adam())
        checkpoint = fastbp.Checkpoint(tmp_path / "run.ckpt")
        trainer.fit(X, LABELS, epochs=epochs, batch_size=8, shuffle=False, checkpoint=checkpoint)
    steps(trainer)
    assert same_bits(net.theta, whole.theta)
