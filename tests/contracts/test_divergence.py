"""Divergence: whatever is trained on and however, the weights stay finite, and what made them grow is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from effort import examples
from hypothesis import event, given, settings
from hypothesis import strategies as st
from nets import HIDDEN, SMALL

import fastbp
from fastbp.training import optimizers


def moons() -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a line does not part."""
    rng = np.random.default_rng(30)
    angle, label = rng.uniform(0, np.pi, 16), np.arange(16) % 2
    X = np.stack([np.cos(angle) + label, np.sin(angle) * (1 - 2 * label) + 0.4 * label], axis=1)
    return X, label


@pytest.mark.parametrize("batch_size", [1, 4, None])
def test_divergence_keeps_the_last_finite_weights(batch_size: int | None, dtype: str) -> None:
    X, Y = moons()
    net = fastbp.Network([2, 8, 1], activations=["relu", "identity"], dtype=dtype, seed=0)
    with pytest.raises(fastbp.DivergenceError, match="Training diverged in epoch") as caught:
        fastbp.train(net, X, Y.astype(float), optimizer=fastbp.SGD(1e6), epochs=50, batch_size=batch_size, seed=0)
    assert np.isfinite(net.theta).all()
    assert caught.value.epoch >= 1
    assert caught.value.minibatch >= 1


@pytest.mark.parametrize("decay", [0.0, 0.4, 1.7])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_where_penalised_weights_begin_to_grow(momentum: float, nesterov: bool, decay: float) -> None:
    """The limit is where the recurrence of U, iterated here, turns from shrinking to growing."""
    optimizer = fastbp.SGD(1.0, momentum, nesterov, weight_decay=decay)
    for l2 in np.linspace(0.1, 4.5, 45).tolist():
        w, v = 1.0, 0.0
        for _ in range(2000):
            g = l2 * w
            v = momentum * v - g
            w -= decay * w
            w += momentum * v - g if nesterov else v
            if abs(w) > 1e3:
                break
        if abs(w) < 1e-3:
            optimizer.check_shrinking(1.0, l2)
        elif abs(w) > 1e3:
            with pytest.raises(ValueError, match="the weights grow without end"):
                optimizer.check_shrinking(1.0, l2)


def test_divergence_is_noticed_within_one_minibatch() -> None:
    """The weights are those from before the minibatch that the error names."""
    X, Y = moons()
    nets = [fastbp.Network([2, 8, 1], activations=["relu", "identity"], seed=0) for _ in range(2)]
    options: dict[str, Any] = {"optimizer": fastbp.SGD(1e6), "batch_size": 2, "shuffle": False}
    with pytest.raises(fastbp.DivergenceError) as caught:
        fastbp.train(nets[0], X, Y.astype(float), epochs=50, **options)
    done = 2 * (caught.value.minibatch - 1)
    assert caught.value.epoch == 1
    with pytest.raises(fastbp.DivergenceError, match="explodes"):  # in numbers that are still finite
        fastbp.train(nets[1], X[:done], Y[:done].astype(float), epochs=1, **options)
    assert np.array_equal(nets[0].theta, nets[1].theta)


# A saturated neuron shows nothing of the weights behind it: sigma' and with it delta is 0 or nearly so, and then only
# the numbers of the optimizer say how far a step goes.
UNSEEN: list[tuple[str, float, dict[str, Any], str]] = [
    ("float32", 200, {"optimizer": fastbp.SGD(1e40)}, r"learning_rate is 1e\+40; in float32 steps overflow from"),
    ("float32", 46, {"optimizer": fastbp.RMSprop(3e38, epsilon=1e-10)}, "learning_rate is 3e"),
    ("float64", 356, {"optimizer": fastbp.Adam(1.7e308, epsilon=1e-150)}, r"learning_rate is 1.7e\+308; in float64"),
    ("float32", 0, {"optimizer": fastbp.SGD(1.0), "schedule": lambda epoch, n: 1e20}, "learning_rate is 1e"),
    ("float32", 9, {"optimizer": fastbp.SGD(1e10, 0.9, True), "l1": 1e10}, r"learning_rate \* l1 is 1e\+20"),
    ("float32", 0, {"l1": 1e40}, r"l1 is 1e\+40; in float32"),
    ("float32", 0, {"l2": 1e300}, r"l2 is 1e\+300; in float32 .* or use dtype='float64'"),
    ("float32", 9, {"optimizer": fastbp.Adam(epsilon=1e-46)}, "epsilon is 1e-46; in float32 it must be at least"),
    ("float32", 9, {"optimizer": fastbp.Adam(beta_2=1 - 1e-9)}, "beta_2 is 0.999999999, which is 1 in float32"),
    ("float32", 9, {"sample_weight": np.full(4, 1e-40)}, "sample_weight has 1e-40 in row 0; float32 cannot divide"),
    ("float32", 9, {"sample_weight": np.full(4, 1e30)}, r"sample_weight sums to 4e\+30 over all .* gradients overflow"),
]


@pytest.mark.parametrize(("dtype", "bias", "options", "message"), UNSEEN)
def test_numbers_that_could_overflow_unseen(dtype: str, bias: float, options: Any, message: str) -> None:
    net = fastbp.Network([1, 1], cost="cross_entropy", dtype=dtype, seed=0)
    net.w[1], net.b[1] = [[0.0]], [-bias]
    before = net.theta.copy()
    with pytest.raises(ValueError, match=message):
        fastbp.train(net, np.ones((4, 1)), np.zeros(4), **options)
    assert np.array_equal(net.theta, before)


POWERS = {"float32": 19, "float64": 154}
"""About the square root of the largest number."""


def powers(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of all magnitudes alike."""
    return st.floats(low, high).map(lambda power: 10.0**power)


DECAYS = st.sampled_from([0.0, 0.5, 0.9, 0.999, 1 - 1e-6])


@st.composite
def hard_cases(draw: st.DrawFn) -> tuple[fastbp.Network, np.ndarray, np.ndarray, dict[str, Any]]:
    """Weights, inputs, steps and penalties of any size, on nets that saturate: what a run can be started with."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    top = POWERS[dtype]
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    cost = draw(st.sampled_from(["cross_entropy", "quadratic"]))
    output = "sigmoid" if cost == "cross_entropy" else draw(st.sampled_from(HIDDEN))
    hidden = draw(st.lists(st.sampled_from(["sigmoid", "tanh", *HIDDEN]), min_size=len(sizes) - 2, max_size=len(sizes)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    net = fastbp.Network(
        sizes, activations=[*hidden[: len(sizes) - 2], output], cost=cost, dtype=dtype, seed=rng, init="nielsen_large"
    )
    net.theta[:] *= net.dtype.type(draw(st.sampled_from([1.0, 30.0, 300.0]) | powers(-top, 1.8 * top)))
    n = draw(st.integers(1, 8))
    X = rng.standard_normal((n, sizes[0])) * draw(st.sampled_from([0.0, 1.0, 1.0]) | powers(-top, 1.8 * top))
    Y = rng.integers(0, 2, (n, sizes[-1])).astype(float)
    rate = draw(powers(-3, 3) | powers(3, top) | powers(top - 2, 2 * top) | powers(2 * top, 308))
    epsilon = draw(st.sampled_from([1e-8, 1e-10]) | powers(-2 * top, 3))
    make = draw(st.sampled_from([*optimizers.OPTIMIZERS.values()]))
    options: dict[str, Any] = {"learning_rate": rate}
    if make is fastbp.SGD:
        options["momentum"] = draw(DECAYS)
        options["nesterov"] = options["momentum"] > 0 and draw(st.booleans())
    else:
        options["epsilon"] = epsilon
    if make in (fastbp.Adam, fastbp.AdamW):
        options |= {"beta_1": draw(DECAYS), "beta_2": draw(DECAYS)}
    options["weight_decay"] = draw(st.sampled_from([0.0]) | st.floats(0, 1.9)) / rate
    if make is fastbp.RMSprop:
        options["rho"] = draw(DECAYS)
    none = st.just(0.0)
    return net, X, Y, {
        "optimizer": make(**options),
        "l1": draw(none | none | powers(-top, top)),
        "l2": draw(none | none | powers(-top, top) | st.floats(0, 2).map(lambda part: part / rate)),
        "sample_weight": draw(st.none() | st.lists(powers(-2 * top, top), min_size=n, max_size=n)),
        "batch_size": draw(st.integers(1, n)),
        "n_threads": draw(st.sampled_from([1, 1, 2])),
    }  # fmt: skip


@settings(max_examples=examples(20 if SMALL else 800))
@given(hard_cases(), st.integers(1, 40))
def test_weights_stay_finite_whatever_is_trained(case: Any, epochs: int) -> None:
    net, X, Y, options = case
    try:
        fastbp.train(net, X, Y, epochs=2 if SMALL else epochs, seed=0, **options)
        event("trained")
    except fastbp.DivergenceError:
        event("diverged")
    except ValueError:
        event("refused")
    assert np.isfinite(net.theta).all()


def test_large_outputs_are_no_divergence_if_the_gradient_is_small_enough(dtype: str) -> None:
    net = fastbp.Network([1, 1], activations="exp", cost="poisson", seed=0, dtype=dtype)
    net.w[1][:], net.b[1][:] = 0, 24  # a and delta are 2.6e10: no sum multiplies them
    before = float(net.b[1][0])
    run = fastbp.train(net, [[1.0]], [[1.0]], optimizer=fastbp.SGD(1e-12), epochs=1)
    assert run.history["loss"][0] == pytest.approx(np.exp(24) - 24, rel=1e-5)
    assert net.b[1][0] == pytest.approx(before - 1e-12 * (np.exp(24) - 1), rel=1e-6)


@pytest.mark.parametrize("cost", ["absolute", "quantile", "huber", "quadratic"])
@pytest.mark.parametrize("sign", [1, -1], ids=["infinity", "NaN"])
def test_outputs_that_are_not_finite_are_divergence_even_where_no_slope_shows_it(cost: Any, sign: int) -> None:
    net = fastbp.Network([2, 1], activations="identity", cost=cost, seed=0, dtype="float32")
    net.w[1][:] = np.finfo(np.float32).max * np.array([1, sign])
    before = net.theta.copy()
    with pytest.raises(fastbp.DivergenceError, match="diverged in epoch 1"):
        fastbp.train(net, [[10.0, 10.0]], [[1.0]], optimizer=fastbp.SGD(1e-3))
    assert np.array_equal(net.theta, before)
