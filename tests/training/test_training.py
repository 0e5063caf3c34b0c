"""train: minibatches, optimizers, schedules, validation, stopping, divergence."""

from __future__ import annotations

import itertools
import math
import signal
from typing import Any

import numpy as np
import pytest
from nets import SMALL

import fastbp
from fastbp.kernels import parameters
from fastbp.training import schedules
from fastbp.training.schedules import ReduceOnPlateau


def moons(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a line does not part."""
    rng = np.random.default_rng(30)
    angle, label = rng.uniform(0, np.pi, n), np.arange(n) % 2
    X = np.stack([np.cos(angle) + label, np.sin(angle) * (1 - 2 * label) + 0.4 * label], axis=1)
    return X + 0.1 * rng.standard_normal((n, 2)), label


def small_net(**options: Any) -> fastbp.Network:
    return fastbp.Network(
        [2, 8, 2], **({"activations": ["tanh", "softmax"], "cost": "cross_entropy", "seed": 0} | options)
    )


def test_it_learns(dtype: str) -> None:
    X, Y = moons(60 if SMALL else 200)
    net = small_net(dtype=dtype)
    run = fastbp.train(net, X, Y, optimizer=fastbp.Adam(0.05), epochs=15 if SMALL else 60, batch_size=10, seed=0)
    assert run.history["loss"][-1] < 0.4 * run.history["loss"][0]
    assert net.evaluate(X, Y)["accuracy"] > 0.9
    assert len(run.history["loss"]) == run.epoch == run.n_epochs


def test_the_loss_is_the_running_mean_before_each_update() -> None:
    X, Y = moons(25)
    net = small_net()
    total = 0.0
    for start in range(0, 25, 10):
        part = slice(start, start + 10)
        g = net.gradient(X[part], Y[part], l1=0.01, l2=0.02)
        total += g.cost * len(X[part])
        for l in range(1, net.L + 1):
            net.w[l] -= 0.3 * g.w[l]
            net.b[l] -= 0.3 * g.b[l]
    other = small_net()
    run = fastbp.train(other, X, Y, optimizer=fastbp.SGD(0.3), epochs=1, batch_size=10, shuffle=False, l1=0.01, l2=0.02)
    assert math.isclose(run.history["loss"][0], total / 25, rel_tol=1e-14)
    assert np.array_equal(net.theta, other.theta)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize(("decay", "l1", "l2"), [(0.5, 0.0, 0.0), (0.0, 0.25, 0.0), (0.0, 0.0, 0.5)])
def test_descent_with_weight_decay_or_a_penalty(
    decay: float, l1: float, l2: float, batch_size: int, n_threads: int, dtype: str
) -> None:
    """Where plain descent would need no gradient in memory and a thread own neurons of layer 1."""
    rng = np.random.default_rng(32)
    options: dict[str, Any] = {"activations": ["tanh", "identity"], "dtype": dtype, "seed": 0}
    net, other = (fastbp.Network([9, 64, 3], **options) for _ in range(2))
    X, Y = rng.standard_normal((20, 9)), rng.standard_normal((20, 3))
    real = net.dtype.type
    for start in range(0, 20, batch_size):
        g = net.gradient(X[start : start + batch_size], Y[start : start + batch_size], l1=l1, l2=l2)
        for parts, slopes in ((net.w, g.w), (net.b, g.b)):
            for part, slope in zip(parts, slopes, strict=True):
                part -= real(0.05) * real(decay) * part
                part -= real(0.05) * slope
    options = {"epochs": 1, "batch_size": batch_size, "shuffle": False, "n_threads": n_threads, "l1": l1, "l2": l2}
    fastbp.train(other, X, Y, optimizer=fastbp.SGD(0.05, weight_decay=decay), **options)
    assert np.array_equal(net.theta, other.theta)


def test_the_running_accuracy_counts_each_sample_before_its_update() -> None:
    X, Y = moons(30)
    net = small_net()
    before = net.evaluate(X, Y)["accuracy"]
    run = fastbp.train(net, X, Y, epochs=1, batch_size=None)
    assert run.history["accuracy"] == [before]
    run = fastbp.train(small_net(), X, Y, epochs=1, batch_size=8, optimizer=fastbp.SGD(1e-300))
    assert run.history["accuracy"] == [before], "the last minibatch is short"


def test_seed_and_order() -> None:
    X, Y = moons(40)
    nets = [small_net() for _ in range(4)]
    for net, seed in zip(nets, (1, 1, 2, np.random.default_rng(1)), strict=True):
        fastbp.train(net, X, Y, epochs=2, seed=seed, batch_size=8)
    assert np.array_equal(nets[0].theta, nets[1].theta)
    assert not np.array_equal(nets[0].theta, nets[2].theta)
    assert np.array_equal(nets[0].theta, nets[3].theta)
    rng = np.random.default_rng(1)
    given = small_net()
    fastbp.train(given, X, Y, epochs=2, batch_size=8, shuffle=lambda epoch: rng.permutation(40))
    assert np.array_equal(nets[0].theta, given.theta)
    message = r"shuffle\(0\) returned .* needs 40 indices in 0\.\.39\. Return an .* shape \(40,\)"
    for order in (np.arange(39), np.arange(40) - 1, np.arange(40) + 1):
        with pytest.raises(ValueError, match=message):
            fastbp.train(given, X, Y, epochs=1, shuffle=lambda epoch, order=order: order)


def test_a_minibatch_without_weight_is_skipped() -> None:
    X, Y = moons(20)
    weight = np.ones(20)
    weight[8:16] = 0
    net, other = small_net(), small_net()
    adam = fastbp.Adam(0.05)
    run = fastbp.train(net, X, Y, optimizer=adam, epochs=1, batch_size=8, shuffle=False, sample_weight=weight)
    kept = np.r_[0:8, 16:20]
    expected = fastbp.train(other, X[kept], Y[kept], optimizer=adam, epochs=1, batch_size=8, shuffle=False)
    assert np.array_equal(net.theta, other.theta)
    assert run.history["loss"] == expected.history["loss"]


def test_weights_count_as_copies() -> None:
    X, Y = moons(12)
    weight = np.arange(12) % 3
    net = small_net()
    copies = np.repeat(np.arange(12), weight)
    weighted, copied = net.gradient(X, Y, sample_weight=weight), net.gradient(X[copies], Y[copies])
    np.testing.assert_allclose(weighted.w[1], copied.w[1], rtol=1e-12)
    assert math.isclose(weighted.cost, copied.cost, rel_tol=1e-12)


def test_zero_epochs_leave_the_net_as_it_is() -> None:
    X, Y = moons()
    net = small_net()
    before = net.theta.copy()
    run = fastbp.train(net, X, Y, epochs=0)
    assert run.seconds == 0
    assert np.array_equal(net.theta, before)
    assert run.history == {}
    assert run.stopped is None


def test_labels_and_one_hot_rows_are_the_same() -> None:
    X, Y = moons()
    nets = [small_net(), small_net()]
    fastbp.train(nets[0], X, Y, epochs=2, seed=0)
    fastbp.train(nets[1], X, np.eye(2)[Y], epochs=2, seed=0)
    assert np.array_equal(nets[0].theta, nets[1].theta)


def test_validation_and_early_stopping() -> None:
    X, Y = moons(80)
    net = small_net()
    seen = []
    run = fastbp.train(
        net,
        X[:40],
        Y[:40],
        optimizer=fastbp.SGD(20.0),
        epochs=40,
        batch_size=5,
        seed=0,
        validation=(X[40:], Y[40:]),
        early_stopping=fastbp.EarlyStopping(patience=3),
        callbacks=lambda run: seen.append(net.theta.copy()),
    )
    losses = run.history["val_loss"]
    assert run.stopped == "early stopping"
    assert run.best_epoch == int(np.argmin(losses)) + 1
    assert run.epoch == run.best_epoch + 3
    assert np.array_equal(net.theta, seen[run.best_epoch - 1])
    assert math.isclose(net.evaluate(X[40:], Y[40:])["loss"], min(losses), rel_tol=1e-15)


@pytest.mark.parametrize(
    ("monitor", "min_delta", "values", "epochs", "best"),
    [
        ("val_loss", 0.0, [5, 4, 4, 4, 4, 4], 5, 2),  # an equal value is no improvement
        ("val_loss", 0.5, [5, 4.6, 4.2, 4.1, 4, 3.8, 2], 6, 3),  # 4.2 is by 0.8 better than 5, the rest not by 0.5
        ("val_loss", 0.0, [5, 4, math.nan, 6, 7, 8], 5, 2),
        ("val_loss", 0.0, [math.nan, 6, 5, 5, 5, 5, 5], 6, 3),
        ("val_accuracy", 0.0, [0.5, 0.6, 0.6, 0.5, 0.4, 0.9], 5, 2),
        ("val_r2", 0.05, [0.5, 0.54, 0.6, 0.61, 0.62, 0.64], 6, 3),
    ],
)
def test_which_epochs_are_improvements(
    monitor: str, min_delta: float, values: list[float], epochs: int, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience 3, by hand."""
    X, Y = moons(8)
    given = iter(values)
    monkeypatch.setattr(fastbp.Network, "_evaluate", lambda *_: {monitor.removeprefix("val_"): next(given)})
    rule = fastbp.EarlyStopping(monitor, patience=3, min_delta=min_delta)
    options: dict[str, Any] = {"activations": ["tanh", "identity"], "cost": "quadratic"}
    net, Y = (small_net(**options), np.eye(2)[Y]) if monitor == "val_r2" else (small_net(), Y)
    run = fastbp.train(net, X, Y, epochs=len(values), validation=(X, Y), early_stopping=rule, batch_size=8)
    assert (run.epoch, run.best_epoch) == (epochs, best)


def test_monitoring_needs_what_it_monitors() -> None:
    X, Y = moons()
    with pytest.raises(ValueError, match="there is no validation set"):
        fastbp.train(small_net(), X, Y, early_stopping=fastbp.EarlyStopping())
    with pytest.raises(TypeError, match="monitor is 3"):
        fastbp.EarlyStopping(monitor=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="net is 'net'; a network is needed"):
        fastbp.train("net", X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="monitor is 'f1'"):
        fastbp.train(small_net(), X, Y, early_stopping=fastbp.EarlyStopping("f1"), epochs=1)


def test_callbacks() -> None:
    X, Y = moons()
    calls = []

    class Log(fastbp.Callback):
        def on_train_begin(self, run: fastbp.Run) -> None:
            calls.append("begin")

        def on_progress(self, run: fastbp.Run) -> None:
            assert run.running["loss"] > 0

        def on_epoch_end(self, run: fastbp.Run) -> None:
            calls.append(run.epoch)
            run.history.setdefault("norm", []).append(float(np.linalg.norm(run.net.theta)))
            if run.epoch == 3:
                run.stop()

        def on_train_end(self, run: fastbp.Run) -> None:
            calls.append("end")

    run = fastbp.train(small_net(), X, Y, epochs=10, callbacks=[Log()])
    assert calls == ["begin", 1, 2, 3, "end"]
    assert run.stopped == "stop() was called"
    assert len(run.history["norm"]) == 3
    with pytest.raises(TypeError, match=r"neither a fastbp.Callback nor a function"):
        fastbp.train(small_net(), X, Y, callbacks=[3])


@pytest.mark.parametrize(
    ("option", "wrong", "need"),
    [
        ("callbacks", lambda: None, "neither a fastbp.Callback nor a function of a run"),
        ("callbacks", lambda run, epoch: None, "neither a fastbp.Callback nor a function of a run"),
        ("schedule", lambda epoch: 1.0, r"a function of \(epoch, n_epochs\) is needed"),
        ("schedule", lambda epoch, n, step: 1.0, r"a function of \(epoch, n_epochs\) is needed"),
        ("shuffle", lambda: np.arange(200), "it must be True, False or a function of the epoch"),
        ("shuffle", lambda epoch, n: np.arange(n), "it must be True, False or a function of the epoch"),
    ],
)
def test_functions_of_other_arguments_are_refused(option: str, wrong: Any, need: str) -> None:
    X, Y = moons()
    net = small_net()
    before = net.theta.copy()
    with pytest.raises(TypeError, match=rf"^{option} .*<lambda>.*{need}") as caught:
        fastbp.train(net, X, Y, **{option: wrong})
    error: Any = caught.value
    assert error.parameter == option
    assert np.array_equal(net.theta, before)


def test_a_callback_that_raises_leaves_nothing_behind() -> None:
    X, Y = moons()
    with pytest.raises(ZeroDivisionError):
        fastbp.train(small_net(), X, Y, n_threads=2, callbacks=lambda run: 1 // 0)
    assert not fastbp.runtime.pool.in_use()
    fastbp.train(small_net(), X, Y, n_threads=2, epochs=1)


def test_schedules() -> None:
    X, Y = moons(20)
    run = fastbp.train(small_net(), X, Y, epochs=4, batch_size=10, optimizer=fastbp.SGD(0.8),
                       schedule=schedules.StepDecay(2, 0.5))  # fmt: skip
    assert run.history["learning_rate"] == [0.8, 0.8, 0.4, 0.4]
    cosine = schedules.Cosine(warmup=1, final=0.1)
    np.testing.assert_allclose(cosine(np.array([0, 0.5, 1, 4, 5.5, 10]), 10), [0, 0.5, 1, 0.775, 0.55, 0.1], atol=1e-15)
    assert schedules.ExponentialDecay(0.5)(2, 9) == 0.25
    assert schedules.ExponentialDecay()(2, 9) == pytest.approx(0.9025)
    assert [schedules.StepDecay()(epoch, 30) for epoch in (9, 10, 20)] == [1, 0.5, 0.25]
    np.testing.assert_array_equal(schedules.WarmUp(2)(np.array([0, 1, 5]), 9), [0, 0.5, 1])
    np.testing.assert_array_equal(schedules.WarmUp(0.5)(np.array([0, 0.25, 1]), 9), [0, 0.5, 1])
    run = fastbp.train(small_net(), X, Y, epochs=7, batch_size=10, optimizer=fastbp.SGD(1e-9),
                       schedule=ReduceOnPlateau(0.1, patience=2, monitor="loss"))  # fmt: skip
    np.testing.assert_allclose(run.history["learning_rate"], [1e-9] * 3 + [1e-10] * 2 + [1e-11] * 2)


@pytest.mark.parametrize("batch", [1, 10, 60])
@pytest.mark.parametrize("optimizer", [fastbp.SGD(0.5), fastbp.SGD(0.5, momentum=0.9), fastbp.Adam(0.1)])
def test_a_rate_of_0_changes_nothing(optimizer: Any, batch: int) -> None:
    rng = np.random.default_rng(5)
    X, Y = rng.random((60, 9)), rng.integers(0, 3, 60)
    net = fastbp.Network([9, 17, 3], seed=0)
    before = net.theta.copy()
    fastbp.train(net, X, Y, epochs=1, batch_size=batch, optimizer=optimizer, schedule=lambda epoch, n: 0.0)
    assert net.theta.tobytes() == before.tobytes()


@pytest.mark.parametrize("K", [1, 3, 4, 66, 131])
def test_the_penalty_counts_every_weight(K: int) -> None:
    net = fastbp.Network([K, 5, 1], seed=0)
    X, Y = np.zeros((1, K)), np.zeros((1, 1))
    w = np.concatenate([w.ravel() for w in net.w])
    expected = 0.1 * np.abs(w).sum() + 0.3 / 2 * (w**2).sum()
    penalty = net.gradient(X, Y, l1=0.1, l2=0.3).cost - net.gradient(X, Y).cost
    assert penalty == pytest.approx(expected, rel=1e-12)


def test_schedule_reaches_each_minibatch() -> None:
    X, Y = moons(20)
    nets = [small_net(), small_net()]
    fastbp.train(nets[0], X, Y, epochs=1, batch_size=10, shuffle=False, optimizer=fastbp.SGD(0.8),
                 schedule=lambda epoch, n: 1 - epoch)  # fmt: skip
    for part, rate in ((slice(0, 10), 0.8), (slice(10, 20), 0.4)):
        fastbp.train(nets[1], X[part], Y[part], epochs=1, shuffle=False, optimizer=fastbp.SGD(rate), batch_size=None)
    assert np.array_equal(nets[0].theta, nets[1].theta)


def torch_like(optimizer: fastbp.optimizers.Optimizer, w: float, gradients: list[float]) -> float:
    """The update rules as PyTorch documents them, on one number."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        w -= optimizer.learning_rate * optimizer.weight_decay * w  # PyTorch has it in AdamW, Keras everywhere
        match optimizer:
            case fastbp.SGD(learning_rate=eta, momentum=mu, nesterov=nesterov):
                m = mu * m - eta * g
                w += mu * m - eta * g if nesterov else m
            case fastbp.Adam() as o:
                m, v = o.beta_1 * m + (1 - o.beta_1) * g, o.beta_2 * v + (1 - o.beta_2) * g * g
                w -= o.learning_rate * (m / (1 - o.beta_1**t)) / (math.sqrt(v / (1 - o.beta_2**t)) + o.epsilon)
            case fastbp.RMSprop(learning_rate=eta, rho=rho, epsilon=epsilon):
                v = rho * v + (1 - rho) * g * g
                w -= eta * g / (math.sqrt(v) + epsilon)
            case fastbp.Adagrad(learning_rate=eta, epsilon=epsilon):
                v += g * g
                w -= eta * g / (math.sqrt(v) + epsilon)
    return w


@pytest.mark.parametrize(
    "optimizer",
    [
        fastbp.Adam(0.02),
        fastbp.Adam(0.02, epsilon=0.1),
        fastbp.AdamW(0.02),
        fastbp.Adam(0.02, weight_decay=0.3),
        fastbp.RMSprop(0.02),
        fastbp.RMSprop(0.02, weight_decay=0.3),
        fastbp.Adagrad(0.2),
        fastbp.Adagrad(0.2, weight_decay=0.3),
        fastbp.SGD(0.02, weight_decay=0.3),
        fastbp.SGD(0.02, momentum=0.5, weight_decay=0.3),
        fastbp.SGD(0.02, momentum=0.5, nesterov=True, weight_decay=0.3),
    ],
    ids=repr,
)
def test_optimizers_are_those_of_pytorch(optimizer: fastbp.optimizers.Optimizer) -> None:
    net = fastbp.Network([1, 1], activations="identity", seed=0)
    net.w[1][0, 0], net.b[1][0] = 0.7, 0.0
    w, gradients, b = 0.7, [], 0.0
    rng = np.random.default_rng(31)
    X, Y = rng.standard_normal((20, 1)), rng.standard_normal((20, 1))
    seen_w, seen_b = [], []
    for x, y in zip(X[:, 0], Y[:, 0], strict=True):
        delta = w * x + b - y
        seen_w.append(delta * x)
        seen_b.append(delta)
        w, b = torch_like(optimizer, 0.7, seen_w), torch_like(optimizer, 0.0, seen_b)
    fastbp.train(net, X, Y, optimizer=optimizer, epochs=1, batch_size=1, shuffle=False)
    assert gradients == []
    assert math.isclose(net.w[1][0, 0], w, rel_tol=1e-12)
    assert math.isclose(net.b[1][0], b, rel_tol=1e-12)


def test_the_codes_of_optimizers_are_the_kernels() -> None:
    from fastbp.kernels import updates

    made = {
        "SGD": fastbp.SGD(),
        "MOMENTUM": fastbp.SGD(momentum=0.5),
        "NESTEROV": fastbp.SGD(momentum=0.5, nesterov=True),
        "ADAM": fastbp.Adam(),
        "RMSPROP": fastbp.RMSprop(),
        "ADAGRAD": fastbp.Adagrad(),
        "OWN": fastbp.optimizer(lambda g, w, eta, t: w - eta * g, 0.1),
    }
    for name, optimizer in made.items():
        assert optimizer.code == getattr(updates, name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fastbp.SGD(0), "learning_rate is 0; it must be a finite number > 0"),
        (lambda: fastbp.SGD(float("nan")), "learning_rate is nan"),
        (lambda: fastbp.SGD("fast"), "learning_rate is 'fast'"),
        (lambda: fastbp.SGD(momentum=1.0), "momentum is 1; it must be a finite number >= 0 and < 1"),
        (lambda: fastbp.SGD(nesterov=True), "nesterov is True and momentum is 0; .* Pass momentum=0.9, say"),
        (lambda: fastbp.Adam(epsilon=0), "epsilon is 0"),
        (lambda: fastbp.Adam(beta_2=-0.1), "beta_2 is -0.1"),
        (lambda: fastbp.AdamW(weight_decay=-1), "weight_decay is -1"),
        (lambda: fastbp.SGD(weight_decay=float("nan")), "weight_decay is nan; it must be a finite number >= 0"),
        (lambda: fastbp.RMSprop(weight_decay="some"), "weight_decay is 'some'"),
        (lambda: fastbp.SGD(10.0, weight_decay=0.2), r"learning_rate \* weight_decay is 2; from 2 on"),
        (lambda: fastbp.AdamW(1e3, weight_decay=0.01), r"learning_rate \* weight_decay is 10; from 2 on"),
        (lambda: fastbp.EarlyStopping(patience=0), "patience is 0"),
        (lambda: schedules.StepDecay(every=0), "every is 0"),
        (lambda: ReduceOnPlateau(factor=1.5), "factor is 1.5"),
    ],
)
def test_bad_numbers(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"epochs": -1}, "epochs is -1"),
        ({"l2": -0.1}, "l2 is -0.1"),
        ({"l1": float("inf")}, "l1 is inf"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'; it must be one of fastbp's"),
        ({"validation": [1]}, "validation is not a pair"),
        ({"validation": (np.ones((3, 5)), [0, 1, 0])}, "X_val has 5 columns"),
        ({"validation": (np.ones((3, 2)), [0, 1, 2])}, "Y_val has label 2 in row 2"),
        ({"callbacks": 3}, "callbacks is 3; functions or objects"),
        ({"sample_weight": np.ones(3)}, "sample_weight has shape"),
        ({"n_threads": 0}, "n_threads is 0"),
        ({"seed": "x"}, "seed is 'x'; it must be"),
        ({"schedule": "cosine"}, "schedule is 'cosine'; a function"),
        ({"schedule": schedules.Cosine}, "schedule is <class"),
        ({"schedule": lambda epoch, n: np.ones(17)}, r"returned shape \(17,\) in epoch 1"),
        ({"schedule": lambda epoch, n: -1.0}, "factors that are negative or not finite"),
        ({"schedule": lambda epoch, n: np.nan * epoch}, "factors that are negative or not finite"),
        ({"early_stopping": 5}, "early_stopping is 5; a rule is needed"),
        ({"early_stopping": fastbp.EarlyStopping}, "early_stopping is <class"),
        ({"shuffle": "yes"}, "shuffle is 'yes'"),
        ({"shuffle": lambda epoch: np.arange(60.0)}, r"shuffle\(0\) returned float64 values"),
        ({"progress": 3}, "progress is 3"),
        ({"optimizer": fastbp.SGD(20.0), "l2": 0.1}, r"learning_rate \* l2 is 2; from 2 on"),
        ({"optimizer": fastbp.SGD(0.1), "l2": 1.0, "schedule": lambda epoch, n: 30.0}, r"learning_rate \* l2 is 3"),
        ({"callbacks": [fastbp.Callback]}, "callbacks holds the class Callback"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    X, Y = moons()
    net = small_net()
    before = net.theta.copy()
    with pytest.raises((ValueError, TypeError), match=message):
        fastbp.train(net, X, Y, **options)
    assert np.array_equal(net.theta, before)


def test_a_net_that_has_diverged_already() -> None:
    X, Y = moons()
    net = small_net()
    net.b[1][2] = np.nan
    with pytest.raises(ValueError, match="net has weights or biases that are not finite"):
        fastbp.train(net, X, Y)


def test_a_batch_larger_than_the_data_warns() -> None:
    X, Y = moons(20)
    nets = [small_net(), small_net()]
    with pytest.warns(UserWarning, match="batch_size is 100; there are 20 samples"):
        fastbp.train(nets[0], X, Y, batch_size=100, epochs=1, shuffle=False)
    fastbp.train(nets[1], X, Y, batch_size=None, epochs=1, shuffle=False)
    assert np.array_equal(nets[0].theta, nets[1].theta)


def test_the_data_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbp.training import trainer

    X, Y = moons(20)
    seen = []
    make = trainer.engine.make_data
    monkeypatch.setattr(trainer.engine, "make_data", lambda *args, **kw: seen.append(data := make(*args, **kw)) or data)
    for given in (X, np.frombuffer(X.tobytes()).reshape(X.shape)):
        fastbp.train(small_net(), given, Y, epochs=1)
        assert seen[-1].X.__array_interface__["data"][0] == given.__array_interface__["data"][0]
    assert not given.flags.writeable


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows lets no thread put signals off")
@pytest.mark.plain
def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = moons()
    after: dict[int, np.ndarray] = {}

    class Noting(fastbp.Callback):
        every = 1

        def on_minibatch(self, run: fastbp.Run) -> None:
            after[run.step] = run.net.theta.copy()

    def train(**options: Any) -> fastbp.Run:
        return fastbp.train(small_net(), X[:41], Y[:41], optimizer=fastbp.Adam(0.1), batch_size=7, epochs=2, **options)

    train(seed=0, callbacks=Noting())
    real, calls = parameters.update, itertools.count()

    def update(*args: Any) -> None:
        real(*args)
        if next(calls) == 5:
            signal.raise_signal(signal.SIGINT)  # other parts of the step are still to come

    monkeypatch.setattr(parameters, "update", update)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    try:
        run = train(seed=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.stopped == "interrupted"
    assert 0 < run.step < 12
    assert np.array_equal(run.net.theta, after[run.step])
