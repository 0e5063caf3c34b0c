"""Targets that outputs can reach, and what counts as a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp

RNG = np.random.default_rng(0)
X = RNG.random((40, 4))
SUMS = X.sum(axis=1)


def net_with(output: str, J: int = 1, dtype: str = "float64", **options: Any) -> fastbp.Network:
    cost = {"softmax": "cross_entropy", "exp": "poisson"}.get(output, "quadratic")
    return fastbp.Network(
        [4, 3, J], activations=["tanh", output], **({"cost": cost, "dtype": dtype, "seed": 0} | options)
    )


CALLS: list[Any] = [
    lambda net, Y: fastbp.train(net, X, Y, epochs=1),
    lambda net, Y: fastbp.train(net, X, np.full(np.shape(Y), 1 / net.sizes[-1]), epochs=1, validation=(X, Y)),
    lambda net, Y: net.evaluate(X, Y),
    lambda net, Y: net.gradient(X, Y),
    lambda net, Y: net.backprop(X, Y),
    lambda net, Y: fastbp.gradcheck(net, X, Y),
    lambda net, Y: net.per_sample_gradient(X, Y),
    lambda net, Y: fastbp.explain(net, X[0], Y[0], 1, 0),
]


def rows(J: int, value: float) -> np.ndarray:
    """Legal targets but for the value in row 7, which is in row 0 too where explanations look."""
    Y = np.full((len(X), J), 1.0 / J)
    Y[0, 0] = Y[7, 0] = value
    return Y


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("output", "J", "value", "message"),
    [
        ("sigmoid", 1, 3.3, r"has 3.3 in row 0; sigmoid outputs are in 0..1"),
        ("sigmoid", 2, -0.1, r"has -0.1 in row 0, column 0; sigmoid outputs are in 0..1"),
        ("tanh", 1, 1.5, r"has 1.5 in row 0; tanh outputs are in -1..1"),
        ("tanh", 2, -1.001, r"has -1.001 in row 0, column 0; tanh outputs are in -1..1"),
        ("relu", 1, -0.5, r"relu outputs are at least 0, and cannot reach it"),
        ("softplus", 2, -0.5, r"softplus outputs are at least 0"),
        ("silu", 1, -0.28, r"silu outputs are at least -0.278"),
        ("gelu", 1, -0.18, r"gelu outputs are at least -0.17"),
        ("mish", 1, -0.32, r"mish outputs are at least -0.309"),
        ("exp", 1, -0.5, r"exp outputs are at least 0"),
        ("softmax", 3, 1.2, r"softmax outputs are in 0..1"),
        ("softmax", 3, 0.5, r"sums to 1.166667 in row 0; softmax outputs sum to 1"),
    ],
)
def test_targets_that_the_outputs_cannot_reach_are_refused(
    call: Any, output: str, J: int, value: float, message: str
) -> None:
    net = net_with(output, J)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=message) as caught:
        call(net, rows(J, value))
    assert 'activations=[..., "identity"]' in str(caught.value)
    assert caught.value.parameter in ("Y", "Y_val")  # type: ignore[attr-defined]
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu", "softplus", "silu", "gelu", "mish", "leaky_relu"])
def test_every_value_that_an_output_takes_is_a_legal_target(output: str, dtype: str) -> None:
    """The closed ends too, where float32 has rounded them."""
    one = fastbp.Network([1, 1], activations=output, dtype=dtype, seed=0)
    one.w[1], one.b[1] = [[1.0]], [0.0]
    Z = np.concatenate([np.linspace(-3, 3, 601), np.linspace(-40, 40, 81)]).reshape(-1, 1)
    taken = one.feedforward(Z)
    for Y in (taken, taken.astype("f4"), taken.astype("f8")):
        assert np.isfinite(one.evaluate(Z, Y)["loss"])


@pytest.mark.parametrize("labels", [[1, 2, 1], [-1, 1, 1], [0, 1, 2]])
def test_labels_that_one_output_cannot_reach_are_told_how_to_be_numbered(labels: list[int]) -> None:
    net = fastbp.Network([2, 1], seed=0)
    with pytest.raises(ValueError, match=r"Labels of two classes are 0 and 1; those of more are 0, 1, 2 and so on"):
        fastbp.train(net, np.eye(3, 2), labels)
    with pytest.raises(ValueError, match="cannot reach it") as caught:
        fastbp.train(net, np.eye(3, 2), np.array(labels, float))
    assert "Labels" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_makes_no_target_illegal(dtype: str) -> None:
    ends = np.full((40, 1), np.nextafter(np.float32(1), np.float32(2)))
    net_with("sigmoid", dtype=dtype).evaluate(X, ends)
    net_with("tanh", dtype=dtype).evaluate(X, -ends)
    p = RNG.random((40, 1000))
    p /= p.sum(axis=1, keepdims=True)
    net_with("softmax", 1000, dtype).evaluate(X, p.astype("f4"))
    p[3] *= 1 + 3e-6
    with pytest.raises(ValueError, match=r"sums to 1\.000003 in row 3"):
        net_with("softmax", 1000, dtype).evaluate(X, p)


@pytest.mark.parametrize("output", ["identity", "leaky_relu"])
def test_outputs_without_ends_take_every_target(output: str) -> None:
    fastbp.train(net_with(output), X, 100 * SUMS - 200, epochs=1, optimizer=fastbp.SGD(1e-6))


def test_a_net_trained_on_fractions_is_a_regression(tmp_path: Path) -> None:
    Y = SUMS / 4
    net = net_with("sigmoid")
    assert net.task == "classification"
    run = fastbp.train(net, X, Y, epochs=2, validation=(X, Y))
    assert set(run.history) == {"loss", "val_loss", "val_r2", "learning_rate"}
    assert np.array_equal(net.predict(X), net.feedforward(X))
    fastbp.save(net, tmp_path / "net.fastbp")
    for other in (net.copy(), fastbp.load(tmp_path / "net.fastbp")):
        assert other.task == "regression"
        assert np.array_equal(other.predict(X), net.feedforward(X))
        assert set(other.evaluate(X, Y)) == {"loss", "r2"}


@pytest.mark.parametrize(("output", "J"), [("sigmoid", 2), ("softmax", 3)])
def test_several_fractions_are_a_regression_too(output: str, J: int) -> None:
    Y = RNG.random((40, J))
    Y /= Y.sum(axis=1, keepdims=True)
    net = net_with(output, J)
    run = fastbp.train(net, X, Y, epochs=1, validation=(X, Y))
    assert "accuracy" not in run.history
    assert "val_accuracy" not in run.history
    assert net.predict(X).shape == (40, J)


def test_what_is_stated_of_a_net_stands() -> None:
    """Smoothed labels, or another net's probabilities, are fractions that stand for classes."""
    net = net_with("softmax", 2, meta={"task": "classification"})
    smoothed = np.where(np.eye(2)[np.arange(40) % 2] == 1, 0.9, 0.1)
    run = fastbp.train(net, X, smoothed, epochs=1, validation=(X, np.arange(40) % 2))
    assert net.predict(X).shape == (40,)
    assert "accuracy" not in run.history, "no smoothed label is a class"
    assert "val_accuracy" in run.history
    regression = net_with("sigmoid", meta={"task": "regression"})
    assert set(fastbp.train(regression, X, np.arange(40) % 2, epochs=1).history) == {"loss", "learning_rate"}


@pytest.mark.parametrize(("output", "J"), [("tanh", 1), ("identity", 1), ("tanh", 3), ("relu", 3), ("softplus", 3)])
@pytest.mark.parametrize("meta", [None, {"task": "classification"}])
def test_accuracy_needs_sigmoid_or_softmax_outputs(output: str, J: int, meta: Any) -> None:
    Y = np.arange(40) % max(J, 2)
    net = net_with(output, J, meta=meta)
    run = fastbp.train(net, X, Y, epochs=1, validation=(X, Y))
    assert not [name for name in (*run.history, *net.evaluate(X, Y)) if "accuracy" in name]


def test_accuracy_needs_targets_that_are_labels_or_0_and_1() -> None:
    net = net_with("sigmoid")
    labels = np.arange(40) % 2
    assert set(net.evaluate(X, labels)) == set(net.evaluate(X, labels[:, None] * 1.0)) == {"loss", "accuracy"}
    scores = net.evaluate(X, SUMS / 4)
    assert set(scores) == {"loss", "r2"}
    known, out = SUMS / 4, net.feedforward(X)[:, 0]
    assert scores["r2"] == pytest.approx(1 - ((known - out) ** 2).sum() / ((known - known.mean()) ** 2).sum())
    run = fastbp.train(net, X, labels, epochs=1, validation=(X, SUMS / 4))
    assert set(run.history) == {"loss", "accuracy", "val_loss", "val_r2", "learning_rate"}
    assert net.task == "classification"


def test_no_epoch_makes_no_regression() -> None:
    net = net_with("sigmoid")
    fastbp.train(net, X, SUMS / 4, epochs=0)
    assert net.task == "classification"


@pytest.mark.parametrize("name", ["accuracy", "val_accuracy", "r2"])
def test_a_quantity_that_will_not_be_measured_cannot_be_monitored(name: str) -> None:
    net = net_with("sigmoid")
    before = net.theta.copy()
    for option in ("early_stopping", "schedule"):
        rule = (fastbp.EarlyStopping if option == "early_stopping" else fastbp.schedules.ReduceOnPlateau)(monitor=name)
        with pytest.raises(ValueError, match=f"monitor is '{name}'; on these targets training measures 'loss'"):
            fastbp.train(net, X, SUMS / 4, validation=(X, SUMS / 4), **{option: rule})  # type: ignore[arg-type]
    assert np.array_equal(net.theta, before)
    assert net.task == "classification"


def test_the_progress_display_shows_no_accuracy_of_a_regression() -> None:
    seen: list[dict[str, float]] = []

    class Watch(fastbp.Callback):
        def on_progress(self, run: fastbp.Run) -> None:
            seen.append(run.running)

    fastbp.train(net_with("sigmoid"), X, SUMS / 4, epochs=1, callbacks=[Watch()])
    assert seen
    assert all(set(values) == {"loss"} for values in seen)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("where", ["training", "validation"])
def test_negative_sample_weights_are_refused_by_name(where: str, dtype: str) -> None:
    """One that float32 rounds to 0, too."""
    net = net_with("sigmoid", dtype=dtype)
    for value in (-1.0, -1e-60):
        s = np.ones(40)
        s[5] = value
        labels = np.arange(40) % 2
        options: dict[str, Any] = {"sample_weight": s} if where == "training" else {"validation": (X, labels, s)}
        name = "sample_weight" if where == "training" else "sample_weight_val"
        with pytest.raises(ValueError, match=rf"^{name} has {value:g} in row 5; weights are at least 0"):
            fastbp.train(net, X, labels, **options)
