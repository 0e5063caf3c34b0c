"""Training that explodes in finite numbers, or whose moments become infinite, is no training that went well."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from nets import random_data
from scipy.optimize import minimize_scalar
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import fastbp
import fastbp.sklearn
from fastbp.functions.costs import LOSSES
from fastbp.training.explosion import Watch, cost_of_best_constant

X = np.random.default_rng(0).random((100, 4))
SUMS = X.sum(axis=1)


def explosive(seed: int = 0, **options: Any) -> fastbp.Network:
    return fastbp.Network([4, 16, 1], **({"activations": ["relu", "identity"], "seed": seed} | options))


@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_explodes_in_finite_numbers_diverges(seed: int) -> None:
    net = explosive(seed)
    with pytest.raises(
        fastbp.DivergenceError, match=r"Training diverged in epoch 1 and explodes: .* standardise X and y"
    ) as caught:
        fastbp.train(net, X * 1e3, SUMS * 1e6, optimizer=fastbp.SGD(10.0), epochs=5, seed=seed)
    assert (caught.value.epoch, caught.value.minibatch) == (1, 4)
    assert np.isfinite(net.theta).all()


@pytest.mark.parametrize("optimizer", [fastbp.SGD(1e9, 0.9), fastbp.Adam(1e12), fastbp.RMSprop(1e12)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_last_update_of_a_run_can_be_the_one_that_explodes(optimizer: Any, weighted: bool) -> None:
    """One update only: the loss of the epoch is the one before it."""
    s = np.random.default_rng(1).random(100) if weighted else None
    with pytest.raises(fastbp.DivergenceError, match="Training diverged in epoch 1 and explodes"):
        fastbp.train(explosive(), X, SUMS, optimizer=optimizer, epochs=1, batch_size=None, sample_weight=s)


def test_a_penalty_beyond_all_numbers_is_an_explosion() -> None:
    net = fastbp.Network([1, 1], cost="cross_entropy", seed=0)
    adam = fastbp.Adam(1e152, beta_1=0.0, beta_2=0.0)
    with pytest.raises(fastbp.DivergenceError, match=r"explodes: the cost has grown from .* to inf"):
        fastbp.train(net, [[0.0]], [[0.0]], optimizer=adam, epochs=1, batch_size=1, l2=1e5)


def test_a_weighted_cost_beyond_all_numbers_is_an_explosion() -> None:
    net = fastbp.Network([1, 1, 1], activations=["sigmoid", "relu"], seed=0)
    net.theta[:] = 0
    net.w[2][0, 0] = 0.1
    options: dict[str, Any] = {"optimizer": fastbp.Adagrad(1e103), "sample_weight": [1e102], "shuffle": False}
    with pytest.raises(fastbp.DivergenceError, match=r"explodes: the cost has grown from .* to inf"):
        fastbp.train(net, [[0.0]], [[1.0]], epochs=1, batch_size=1, **options)
    net.b[2][0] = 1e155
    with pytest.warns(RuntimeWarning, match="C is inf; something overflows float64"):
        assert net.evaluate([[0.0]], [[1.0]], sample_weight=[1e102])["loss"] == np.inf


def test_an_explosion_in_an_epoch_that_was_stopped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastbp.runtime.slices.SLOWEST", 0.0)  # or one slice might be the epoch

    class Stop(fastbp.Callback):
        def on_progress(self, run: fastbp.Run) -> None:
            if run.minibatch > 5:
                run.stop()

    with pytest.raises(fastbp.DivergenceError, match="Training diverged in epoch 1 and explodes") as caught:
        fastbp.train(explosive(), X, SUMS, optimizer=fastbp.SGD(1e3), batch_size=5, epochs=9, callbacks=[Stop()])
    assert 5 < caught.value.minibatch < 20


def test_an_explosion_gives_back_the_best_weights_where_they_are_kept() -> None:
    net = explosive()
    stopping = fastbp.EarlyStopping("loss")
    rates = [1e-3, 1e4]
    seen: list[np.ndarray] = []
    with pytest.raises(fastbp.DivergenceError, match="Training diverged in epoch 2 and explodes"):
        fastbp.train(net, X, SUMS, optimizer=fastbp.SGD(1.0), epochs=5, early_stopping=stopping, seed=0,
                     schedule=lambda epoch, n: rates[int(np.min(epoch))],
                     callbacks=lambda run: seen.append(net.theta.copy()))  # fmt: skip
    assert np.array_equal(net.theta, seen[0])


@pytest.mark.parametrize(
    ("start", "first", "constant", "theta", "cost", "explodes"),
    [
        (0.1, 1.0, 1.0, -1.1e6, 1.1e6, True),
        (0.1, 1.0, 1.0, 0.9e6, 1.1e6, False),  # below 1, a start counts as 1
        (0.1, 1.0, 1.0, 1.1e6, 0.9e6, False),
        (-1e3, 1.0, 1.0, 0.9e9, 1e9, False),
        (-1e3, 1.0, 1.0, 1.1e9, 1e9, True),
        (0.1, 10.0, 1.0, 1e9, 0.9e7, False),
        (0.1, 10.0, 1.0, 1e9, 1.1e7, True),
        (0.1, 1.0, 10.0, 1e9, 0.9e7, False),
        (0.1, 1.0, 10.0, 1e9, 1.1e7, True),
        (0.1, 0.0, 0.0, 1e9, 1e-3, True),  # from a perfect start
        (0.1, 1.0, 1.0, 1e9, float("inf"), True),
        (0.1, 1.0, 1.0, 1e9, float("nan"), True),
    ],
)
def test_an_explosion_is_one_of_the_cost_and_of_the_weights(
    start: float, first: float, constant: float, theta: float, cost: float, explodes: bool
) -> None:
    """Both a million times: the cost of the larger of two, the weights of at least 1."""
    net = fastbp.Network([1, 1], activations="identity", seed=0)
    net.w[1], net.b[1] = [[0.0]], [start]
    watch = Watch(net)
    assert watch.explosion(first, cost, lambda: constant) is None
    net.w[1], net.b[1] = [[theta]], [0.0]
    found = watch.explosion(first, cost, lambda: constant)
    assert (found is not None) == explodes
    if found is not None:
        assert [float(number) for number in re.findall(r"[\d.]+(?:e[+-]\d+)?|inf|nan", found)][:3] == pytest.approx(
            [first, cost, constant], rel=0.05, nan_ok=True
        )


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_weights_that_have_to_grow_or_costs_that_are_large_are_no_explosion(scale: float) -> None:
    net = fastbp.Network([4, 1], activations="identity", seed=0)
    net.theta[:] *= 1e-9
    run = fastbp.train(net, X, SUMS * scale, optimizer=fastbp.SGD(0.5), epochs=50, seed=0)
    assert run.history["loss"][-1] < 0.1 * run.history["loss"][0]
    assert np.abs(net.theta).max() == pytest.approx(scale, rel=0.5)
    started_far_off = fastbp.Network([4, 1], activations="identity", seed=0)
    started_far_off.theta[:] *= 1e9
    fastbp.train(started_far_off, X, SUMS, optimizer=fastbp.SGD(0.01), epochs=2, seed=0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("output", "cost", "J"),
    [("identity", "quadratic", 1), ("tanh", "quadratic", 3), ("sigmoid", "cross_entropy", 2),
     ("softmax", "cross_entropy", 3), ("exp", "poisson", 2), ("identity", "absolute", 1), ("identity", "huber", 2),
     ("identity", "quantile", 1), ("exp", "tweedie", 2)],
)  # fmt: skip
def test_the_best_constant_output_is_the_one_that_no_bias_beats(output: str, cost: str, J: int, weighted: bool) -> None:
    """Biases of a net without weights, one after the other until none of them helps."""
    rng = np.random.default_rng(2)
    net = fastbp.Network([2, J], activations=output, cost=cost, seed=0)
    net.w[1] = np.zeros((J, 2))
    samples, Y = random_data(rng, net, 12)
    s = rng.random(12) if weighted else None
    for _ in range(40 if output == "softmax" else 2):
        for j in range(J):

            def value(b: float, j: int = j) -> float:
                net.b[1][j] = b
                return net.evaluate(samples, Y, sample_weight=s)["loss"]

            net.b[1][j] = minimize_scalar(value, bounds=(-9, 9), method="bounded", options={"xatol": 1e-9}).x
    found = net.evaluate(samples, Y, sample_weight=s)["loss"]
    assert cost_of_best_constant(net, net._targets(Y, 12), s) == pytest.approx(found, rel=1e-9, abs=1e-12)
    if J == 3:  # labels, of the samples of an epoch that has some of them twice
        labels, order = np.arange(12) % J, rng.integers(0, 12, 12)
        both = [cost_of_best_constant(net, net._targets(Y, 12), s, order) for Y in (labels, np.eye(J)[labels])]
        assert both[0] == pytest.approx(both[1], rel=1e-14)
        repeated = cost_of_best_constant(net, net._targets(labels[order], 12), None if s is None else s[order])
        assert both[0] == pytest.approx(repeated, rel=1e-14)


@pytest.mark.parametrize(
    ("loss", "p"), [("absolute_error", 0.0), ("huber", 0.3), ("quantile", 0.8), ("quantile", 0.1), ("tweedie", 1.5)]
)
def test_the_best_constant_of_the_losses_of_the_estimators(loss: str, p: float) -> None:
    rng = np.random.default_rng(3)
    y, s, cost = rng.gamma(2.0, size=(31, 2)), rng.random(31), LOSSES[loss]
    found = np.average(y, axis=0, weights=s) if cost.best is None else cost.best(y, s, p)
    for j in range(2):

        def value(a: float, j: int = j) -> float:
            return float(np.average(cost.analytic(None, np.full((31, 1), a), y[:, j : j + 1], "", p), weights=s))

        best = minimize_scalar(value, bounds=(0.01, 9), method="bounded", options={"xatol": 1e-10})
        assert value(found[j]) == pytest.approx(best.fun, rel=1e-8)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_an_estimator_warns_of_an_explosion_and_keeps_its_numbers(loss: str) -> None:
    options: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 3e3, "max_iter": 2, "random_state": 0,
                               "hidden_layer_sizes": (16,), "batch_size": 10, "momentum": 0.0}  # fmt: skip
    if loss != "squared_error":
        options["learning_rate_init"] = 1e7
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = fastbp.sklearn.MLPRegressor(loss=loss, **options).fit(X, SUMS)
        if loss == "squared_error":
            theirs = neural_network.MLPRegressor(**options).fit(X, SUMS)
            np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    told = [w for w in caught if "Training has exploded" in str(w.message)]
    assert len(told) == 1
    assert told[0].category is ConvergenceWarning
    assert "Standardise X and y" in str(told[0].message)


def test_an_estimator_warns_of_an_explosion_in_its_last_update() -> None:
    model = fastbp.sklearn.MLPRegressor(
        hidden_layer_sizes=(), solver="sgd", learning_rate_init=1e9, batch_size=100, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="Training has exploded"):
        model.partial_fit(X, SUMS)


# In one layer g is the input 1e12 times an error of 1e10, in the other 1e10: float32 holds no square above 3.4e38.
@pytest.mark.parametrize(
    ("optimizer", "moment"),
    [
        (fastbp.Adam(), r"second moment v \(the mean of g\^2\)"),
        (fastbp.AdamW(), r"second moment v \(the mean of g\^2\)"),
        (fastbp.RMSprop(), r"second moment v \(the mean of g\^2\)"),
        (fastbp.Adagrad(), r"second moment v \(the sum of g\^2\)"),
    ],
)
@pytest.mark.parametrize("layer", [1, 2])
def test_a_moment_that_would_become_infinite_is_named_with_its_layer(layer: int, optimizer: Any, moment: str) -> None:
    net = fastbp.Network([1, 1, 1], activations="identity", dtype="float32", seed=0)
    net.w[layer], net.w[3 - layer] = [[1e-12]], [[1.0]]
    net.b = [[0], [0]]
    before = net.theta.copy()
    message = rf"in layer {layer}, where it reaches 1e\+22 and would make the {moment} infinite in float32"
    with pytest.raises(fastbp.DivergenceError, match=message):
        fastbp.train(net, [[1e12]], [[1e10]], optimizer=optimizer, epochs=3)
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize("layer", [1, 2])
def test_a_moment_that_has_become_infinite_is_named_with_its_layer(layer: int) -> None:
    """A sum of squares grows beyond all numbers with gradients whose squares do not."""
    net = fastbp.Network([1, 1, 1], activations="identity", dtype="float32", seed=0)
    net.w[1], net.w[2] = [[0.0]], [[1.0 if layer == 1 else 1e-3]]  # what of the error reaches layer 1
    net.b = [[0], [0]]
    message = rf"the second moment v \(the sum of g\^2\) of layer {layer} has become infinite in float32"
    with pytest.raises(fastbp.DivergenceError, match=message) as caught:
        fastbp.train(net, [[1.0]], [[1.3e19]], optimizer=fastbp.Adagrad(1e-3), epochs=9)
    assert caught.value.epoch == 3, "3 times the square of 1.3e19 is above 3.4e38, twice is not"
    assert np.isfinite(net.theta).all()


def test_a_gradient_that_is_too_large_is_named_with_its_layer() -> None:
    net = fastbp.Network([1, 1, 1], activations="identity", seed=0)
    net.w[1], net.w[2], net.b = [[1e100]], [[1.0]], [[0], [0]]
    with pytest.raises(
        fastbp.DivergenceError, match=r"too large to apply, most of all in layer 2, where it reaches 1e\+2"
    ):
        fastbp.train(net, [[1.0]], [[0.0]], optimizer=fastbp.SGD(0.1))
