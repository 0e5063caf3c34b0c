"""What a trainer refuses, by name and before anything has changed, and what cannot disturb it."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits
from online_steps import LABELS, ONE_HOT, RNG, X, make_net, steps, train

import fastbp
from fastbp.training import online

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
    assert trainer.state.step == 2  # the second sum of squares is beyond 3.4e38, and 2 is a step after which it looks


def test_targets_of_softmax_are_never_missing_however_many_layers_there_are() -> None:
    net = fastbp.Network([4, 5, 6, 3], activations=["tanh", "tanh", "softmax"], cost="cross_entropy", seed=0)
    with pytest.raises(ValueError, match=r"^missing_targets is .*softmax"):
        fastbp.Trainer(net, missing_targets="ignore")
    fastbp.Trainer(fastbp.Network([4, 5, 6, 3], activations="tanh", seed=0), missing_targets="ignore")


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


def test_what_a_trainer_stands_on_is_fixed() -> None:
    net = make_net()
    trainer = fastbp.Trainer(net, optimizer=fastbp.Adam())
    trainer.step(X, LABELS)
    for name, value in (("net", make_net()), ("optimizer", fastbp.SGD()), ("l2", 3.0), ("lerning_rate", 1.0)):
        with pytest.raises(AttributeError, match=rf"^{name} is fixed once a trainer is made. Make another"):
            setattr(trainer, name, value)
    assert trainer.net is net
    again = pickle.loads(pickle.dumps(trainer))
    with pytest.raises(AttributeError, match=r"^net is fixed"):
        again.net = net
    for name, other in (("cost", "quadratic"), ("cost_parameter", 1.0)):
        with pytest.raises(AttributeError, match=rf"^{name} is fixed once a network is made"):
            setattr(net, name, other)
    assert again.step(X, LABELS) == trainer.step(X, LABELS)


def test_a_checkpoint_that_is_older_than_the_trainers_steps_is_refused(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "run.ckpt")
    trainer = fastbp.Trainer(make_net(), optimizer=fastbp.Adam(), seed=5)
    trainer.fit(X, LABELS, epochs=2, checkpoint=checkpoint)
    trainer.step(X, LABELS)
    before = trainer.net.theta.copy()
    with pytest.raises(ValueError, match=r"^checkpoint is .*: the file is there, and steps of this trainer are not in"):
        trainer.fit(X, LABELS, epochs=3, checkpoint=checkpoint)
    assert same_bits(trainer.net.theta, before)
    again = fastbp.Trainer(make_net(), optimizer=fastbp.Adam(), seed=5)
    again.fit(X, LABELS, epochs=3, checkpoint=checkpoint)
    whole = fastbp.Trainer(make_net(), optimizer=fastbp.Adam(), seed=5)
    whole.fit(X, LABELS, epochs=3)
    assert same_bits(again.net.theta, whole.net.theta)
    assert again.state.step == whole.state.step


def test_weights_that_are_read_only_are_not_trained() -> None:
    net = make_net()
    net.theta.flags.writeable = False
    for call in (lambda: fastbp.Trainer(net), lambda: fastbp.train(net, X, LABELS)):
        with pytest.raises(
            ValueError, match=r"^net has read-only weights, and training overwrites them. Pass net.copy"
        ):
            call()
