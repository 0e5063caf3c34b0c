"""train against plain loops in NumPy: weights, orders, moments, penalties, step sizes and reports of whole runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp.training.schedules import ReduceOnPlateau

RNG = np.random.default_rng(7)
N, BATCH, EPOCHS = 37, 10, 3
X, LABELS = RNG.standard_normal((N, 4)), RNG.integers(0, 3, N)
WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 2.5], N)
X_VAL, LABELS_VAL, WEIGHTS_VAL = RNG.standard_normal((11, 4)), RNG.integers(0, 3, 11), RNG.random(11)
ORDERS = [RNG.permutation(N) for _ in range(EPOCHS)]
ORDERS[2][:5] = ORDERS[2][5:10]  # a sample may come twice


def factor(epoch: Any, n_epochs: int) -> Any:
    """A schedule that changes within an epoch and knows how long the run is."""
    return 1 / (1 + np.asarray(epoch) / n_epochs)


def small_net() -> fastbp.Network:
    return fastbp.Network([4, 5, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=3)


def outputs(p: dict[str, np.ndarray], samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = np.tanh(samples @ p["w1"].T + p["b1"])
    e = np.exp(a @ p["w2"].T + p["b2"])
    return a, e / e.sum(axis=1, keepdims=True)


def gradient(p: dict[str, np.ndarray], x: np.ndarray, s: np.ndarray) -> tuple[dict[str, np.ndarray], float]:
    """Weighted mean of the samples' gradients, and of their costs."""
    a, out = outputs(p, X[x])
    y = np.eye(3)[LABELS[x]]
    delta_2 = s[:, None] * (out - y)
    delta_1 = (1 - a**2) * (delta_2 @ p["w2"])
    sums = {"w1": delta_1.T @ X[x], "b1": delta_1.sum(0), "w2": delta_2.T @ a, "b2": delta_2.sum(0)}
    cost = -s @ np.log(out[np.arange(len(x)), LABELS[x]])
    return {name: value / s.sum() for name, value in sums.items()}, cost / s.sum()


def step(optimizer: Any, value: np.ndarray, g: np.ndarray, rate: float, state: dict[str, Any]) -> np.ndarray:
    """The rules as PyTorch and Keras document them."""
    value = value - rate * optimizer.weight_decay * value
    t = state["t"] = state.get("t", 0) + 1
    m, v = state.get("m", 0 * g), state.get("v", 0 * g)
    match optimizer:
        case fastbp.SGD(momentum=mu, nesterov=nesterov):
            state["v"] = v = mu * v - rate * g
            return value + (mu * v - rate * g if nesterov else v)
        case fastbp.Adam(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            state["m"], state["v"] = m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
            return value - rate * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        case fastbp.RMSprop(rho=rho, epsilon=epsilon):
            state["v"] = v = rho * v + (1 - rho) * g * g
            return value - rate * g / (np.sqrt(v) + epsilon)
        case fastbp.Adagrad(epsilon=epsilon):
            state["v"] = v = v + g * g
            return value - rate * g / (np.sqrt(v) + epsilon)
    raise AssertionError


def plain_loops(optimizer: Any, l1: float, l2: float, s: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Parameters after all epochs, and the history."""
    net = small_net()
    p = {"w1": net.w[1].copy(), "b1": net.b[1].copy(), "w2": net.w[2].copy(), "b2": net.b[2].copy()}
    states: dict[str, dict[str, Any]] = {name: {} for name in p}
    history: dict[str, Any] = {name: [] for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")}
    n_minibatches = -(-N // BATCH)
    for epoch, order in enumerate(ORDERS):
        costs, weights, hits = [], [], 0
        for m in range(n_minibatches):
            x = order[m * BATCH : (m + 1) * BATCH]
            g, cost = gradient(p, x, s[x])
            hits += int((outputs(p, X[x])[1].argmax(axis=1) == LABELS[x]).sum())
            penalty = sum(l1 * np.abs(p[w]).sum() + l2 / 2 * (p[w] ** 2).sum() for w in ("w1", "w2"))
            costs.append(cost + penalty)
            weights.append(s[x].sum())
            rate = optimizer.learning_rate * float(factor(epoch + m / n_minibatches, EPOCHS))
            for name in p:
                if name in ("w1", "w2"):
                    g[name] = g[name] + l1 * np.sign(p[name]) + l2 * p[name]
            p = {name: step(optimizer, p[name], g[name], rate, states[name]) for name in p}
        out = outputs(p, X_VAL)[1]
        history["loss"].append(np.average(costs, weights=weights))
        history["accuracy"].append(hits / N)
        history["val_loss"].append(np.average(-np.log(out[np.arange(11), LABELS_VAL]), weights=WEIGHTS_VAL))
        history["val_accuracy"].append(np.average(out.argmax(axis=1) == LABELS_VAL, weights=WEIGHTS_VAL))
        history["learning_rate"].append(rate)
    return p, history


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.02, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize(
    "optimizer",
    [fastbp.SGD(0.3), fastbp.SGD(0.3, weight_decay=0.1), fastbp.SGD(0.2, 0.8), fastbp.SGD(0.2, 0.8, True),
     fastbp.Adam(0.05, 0.8, 0.9), fastbp.AdamW(0.05), fastbp.RMSprop(0.05, 0.7), fastbp.Adagrad(0.1)],
    ids=repr,
)  # fmt: skip
def test_a_run_is_what_plain_loops_compute(optimizer: Any, l1: float, l2: float, weighted: bool) -> None:
    """Several epochs, so that moments, corrections and orders must outlive one; weights of samples on both sides."""
    s = WEIGHTS if weighted else np.ones(N)
    expected, history = plain_loops(optimizer, l1, l2, s)
    net = small_net()
    run = fastbp.train(
        net, X, LABELS, optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH, shuffle=lambda epoch: ORDERS[epoch],
        sample_weight=s if weighted else None, validation=(X_VAL, LABELS_VAL, WEIGHTS_VAL), l1=l1, l2=l2,
        schedule=factor,
    )  # fmt: skip
    for name, value in expected.items():
        found = (net.w if name[0] == "w" else net.b)[int(name[1])]
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
    assert set(run.history) == set(history)
    for name, values in history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize("optimizer", [fastbp.SGD(0.1), fastbp.SGD(0.1, 0.5), fastbp.Adam(0.1)])
def test_biases_are_never_penalised(optimizer: Any, batch: int) -> None:
    """Where the cost has its least, nothing but a penalty moves a parameter."""
    for penalties in ({"l1": 0.3}, {"l2": 0.3}, {"l1": 0.2, "l2": 0.1}):
        net = fastbp.Network([3, 2], activations="identity", seed=0)
        net.w[1], net.b[1] = np.zeros((2, 3)), [1.5, -2.5]
        fastbp.train(net, np.ones((40, 3)), np.tile([1.5, -2.5], (40, 1)), optimizer=optimizer, batch_size=batch,
                     epochs=2, **penalties)  # fmt: skip
        assert net.b[1].tolist() == [1.5, -2.5]


def test_the_validation_weighs_its_samples_by_their_own_weights() -> None:
    """Those of a regression as well, in R2."""
    net = fastbp.Network([4, 1], activations="identity", seed=0)
    targets = X_VAL @ [1.0, -1.0, 0.5, 2.0] + 1
    run = fastbp.train(net, X, X[:, 0], epochs=2, validation=(X_VAL, targets, WEIGHTS_VAL))
    residual = targets - net.feedforward(X_VAL)[:, 0]
    spread = np.average((targets - np.average(targets, weights=WEIGHTS_VAL)) ** 2, weights=WEIGHTS_VAL)
    error = np.average(residual**2, weights=WEIGHTS_VAL)
    assert run.history["val_loss"][-1] == pytest.approx(error / 2, rel=1e-12)
    assert run.history["val_r2"][-1] == pytest.approx(1 - error / spread, rel=1e-12)


@pytest.mark.parametrize("restore_best", [False, True])
def test_the_best_weights_come_back_only_where_they_are_asked_for(restore_best: bool) -> None:
    net, seen = small_net(), []
    rates = iter([0.5, 30.0, 30.0, 30.0, 30.0])
    run = fastbp.train(
        net, X, LABELS, epochs=5, seed=0, schedule=lambda epoch, n: next(rates), validation=(X_VAL, LABELS_VAL),
        early_stopping=fastbp.EarlyStopping(patience=2, restore_best=restore_best),
        callbacks=lambda run: seen.append(net.theta.copy()),
    )  # fmt: skip
    assert run.stopped == "early stopping"
    assert run.best_epoch is not None
    assert run.best_epoch < run.epoch
    assert np.array_equal(net.theta, seen[run.best_epoch - 1 if restore_best else -1])


@pytest.mark.parametrize(
    ("monitor", "min_delta", "values", "rates"),
    [
        ("val_loss", 0.08, [5, 4, 4, 4, 3.9, 3.9, 3.9, 3.9], [8, 8, 8, 8, 4, 4, 4, 2]),
        ("val_accuracy", 0.05, [0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3], [8, 8, 8, 8, 4, 4, 4, 2]),
        ("val_loss", 0.15, [5, 4.95, 4.9, 4.5, 4.5, 4.5, 4.5, 4.5], [8, 8, 8, 4, 4, 4, 2, 2]),
        ("val_loss", 0.08, [5, 5, 5, 5, 5, 5, 5, 5], [8, 8, 8, 4, 4, 2, 2, 1]),
    ],
)
def test_when_the_learning_rate_is_reduced(
    monitor: str, min_delta: float, values: list[float], rates: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience 2, by hand."""
    given = iter(values)
    monkeypatch.setattr(fastbp.Network, "_evaluate", lambda *_: {monitor.removeprefix("val_"): next(given)})
    rule = ReduceOnPlateau(0.5, patience=2, min_delta=min_delta, monitor=monitor)
    run = fastbp.train(small_net(), X, LABELS, epochs=8, optimizer=fastbp.SGD(8e-9), schedule=rule,
                       validation=(X_VAL, LABELS_VAL))  # fmt: skip
    np.testing.assert_allclose(run.history["learning_rate"], np.array(rates) * 1e-9)


def test_callbacks_hear_of_the_end_however_a_run_ends() -> None:
    heard: list[str] = []

    class Hears(fastbp.Callback):
        def on_train_end(self, run: fastbp.Run) -> None:
            heard.append("end")

    with pytest.raises(ZeroDivisionError):
        fastbp.train(small_net(), X, LABELS, callbacks=[lambda run: 1 // 0, Hears()])
    net = fastbp.Network([4, 1], activations="identity", seed=0)
    with pytest.raises(fastbp.DivergenceError):
        fastbp.train(net, X, X[:, 0], optimizer=fastbp.SGD(1e12), callbacks=[Hears()])
    assert heard == ["end", "end"]


def test_every_callback_is_called_and_stopping_ends_the_epoch_under_way() -> None:
    """The first to stop does not keep the others from hearing of the epoch."""
    heard: list[int] = []

    class Stops(fastbp.Callback):
        def on_train_begin(self, run: fastbp.Run) -> None:
            run.stop()

    run = fastbp.train(small_net(), X, LABELS, callbacks=[lambda run: run.stop(), lambda run: heard.append(run.epoch)])
    assert heard == [1]
    assert run.epoch == 1
    begun = fastbp.train(small_net(), X, LABELS, callbacks=[Stops()], epochs=3)
    assert (begun.epoch, begun.history) == (0, {})


def test_auto_is_32_samples_and_none_all() -> None:
    for n, batch_size, n_minibatches in ((100, "auto", 4), (32, "auto", 1), (20, "auto", 1), (100, None, 1)):
        run = fastbp.train(small_net(), np.ones((n, 4)), np.zeros(n, int), batch_size=batch_size, epochs=1)
        assert run.n_minibatches == n_minibatches


def test_each_epoch_has_an_order_of_its_own() -> None:
    """Of samples alone in their minibatches, the cost before each update shows which came."""
    nets = [small_net() for _ in range(3)]
    for net, epochs, seed in zip(nets, (2, 2, 1), (4, 4, 4), strict=True):
        fastbp.train(net, X, LABELS, epochs=epochs, batch_size=1, seed=seed)
    rng = np.random.default_rng(4)
    orders = [rng.permutation(N) for _ in range(2)]
    by_hand = small_net()
    for order in orders:
        for x in order:
            fastbp.train(by_hand, X[[x]], LABELS[[x]], epochs=1, batch_size=1, shuffle=False)
    assert np.array_equal(nets[0].theta, nets[1].theta)
    np.testing.assert_allclose(nets[0].theta, by_hand.theta, rtol=1e-12, atol=1e-15)
    assert not np.array_equal(nets[0].theta, nets[2].theta)


def test_what_is_shown_during_an_epoch_is_of_the_samples_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first slice is one minibatch where no speed is trusted before it has been measured."""
    monkeypatch.setattr("fastbp.runtime.slices.SLOWEST", 0.0)
    net, seen = small_net(), []

    class Watch(fastbp.Callback):
        def on_progress(self, run: fastbp.Run) -> None:
            seen.append((run.minibatch, run.running["loss"], run.running["accuracy"]))

    hits = net.predict(X) == LABELS
    costs = np.array([net.evaluate(X[[x]], LABELS[[x]])["loss"] for x in range(N)])
    order = np.argsort(hits, kind="stable")  # misses first
    fastbp.train(net, X, LABELS, optimizer=fastbp.SGD(1e-300), epochs=1, batch_size=2, callbacks=[Watch()],
                 shuffle=lambda epoch: order)  # fmt: skip
    assert seen[0][0] < seen[-1][0] == 19
    for minibatches, loss, accuracy in seen:
        so_far = order[: 2 * minibatches]
        assert loss == pytest.approx(costs[so_far].mean(), rel=1e-12)
        assert accuracy == pytest.approx(hits[so_far].mean(), rel=1e-12)
