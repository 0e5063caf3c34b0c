"""Weights of outputs, and targets that are missing: the textbook's bits, plain NumPy, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, same_bits, textbook_gradient
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array

import fastbp
from fastbp.functions.costs import NAMED
from fastbp.runtime.plan import forced
from fastbp.training.explosion import cost_of_best_constant

RNG = np.random.RandomState(8)
X = RNG.randn(29, 6)
Y = RNG.randn(29, 3)
GAPS = RNG.rand(29, 3) < 0.3
GAPS[4] = True
U = np.array([2.0, 0.25, 1.5])
HOLED = np.where(GAPS, np.nan, Y)
IGNORE: dict[str, Any] = {"missing_targets": "ignore"}
SCHEDULES = ("data_parallel", "column_parallel", "ordered_tiles")


def make_net(**options: Any) -> fastbp.Network:
    return fastbp.Network([6, 5, 4, 3], **({"activations": ["tanh", "tanh", "identity"], "seed": 1} | options))


def parts(net: Any) -> list[np.ndarray]:
    return [*net.w, *net.b]


def pairs() -> list[tuple[str, str]]:
    return [(cost, output) for cost, entry in NAMED.items() for output in entry.outputs or ("identity", "softplus")]


@pytest.mark.parametrize("n_out", [1, 5])
@pytest.mark.parametrize(("cost", "output"), [pair for pair in pairs() if pair[1] != "softmax"])
def test_gradients_have_the_textbooks_bits(cost: str, output: str, n_out: int, dtype: str) -> None:
    rng = np.random.default_rng(n_out)
    net = fastbp.Network([4, 7, n_out], activations=["tanh", output], cost=cost, dtype=dtype, seed=rng)
    samples, targets = random_data(rng, net, 21)
    holed = np.where(rng.random(targets.shape) < 0.3, np.nan, targets)
    u, s = rng.uniform(0.1, 3, n_out), rng.random(21)
    for y, options in ((targets, {"output_weight": u}), (holed, IGNORE), (holed, {"output_weight": u, **IGNORE})):
        fast = net.gradient(samples, y, sample_weight=s, **options)
        slow = textbook_gradient(net, samples, y, sample_weight=s, **options)
        for l in (1, 2):
            assert same_bits(fast.w[l], slow.w[l - 1])
            assert same_bits(fast.b[l], slow.b[l - 1])
        assert fast.cost == slow.cost
        assert np.isfinite(fast.cost)
        assert net.evaluate(samples, y, sample_weight=s, **options)["loss"] == pytest.approx(fast.cost, rel=1e-6)
        assert fastbp.gradcheck(net, samples, y, sample_weight=s, **options).passed
    # What is missing is a 0 of delta, and the divisor stays.
    t = net.backprop(samples, holed, **IGNORE)
    assert not t.delta[2][np.isnan(holed)].any()
    assert np.isfinite(t.delta[1]).all()


def holed_descent(net: fastbp.Network, options: dict[str, Any], *, per_target: bool = False) -> list[np.ndarray]:
    """Weights and biases after two epochs of minibatches of 10; ``per_target`` divides by the targets there, an error.

    The rule of PyTorch's ``(u * (a - y) ** 2 / 2)[present].sum() / n``.
    """
    w, b = ([np.array(part) for part in side] for side in (net.w, net.b))
    u = options.get("output_weight", np.ones(3))
    for start in (0, 10, 20) * 2:
        rows = slice(start, start + 10)
        a1 = np.tanh(X[rows] @ w[0].T + b[0])
        a2 = np.tanh(a1 @ w[1].T + b[1])
        present = ~GAPS[rows] if "missing_targets" in options else np.ones((len(a1), 3), bool)
        d3 = np.zeros((len(a1), 3))
        d3[present] = ((a2 @ w[2].T + b[2] - Y[rows]) * u)[present]
        d2 = d3 @ w[2] * (1 - a2**2)
        d1 = d2 @ w[1] * (1 - a1**2)
        n = present.sum() / 3 if per_target else len(a1)
        for l, (a, d) in enumerate([(X[rows], d1), (a1, d2), (a2, d3)]):
            w[l] -= 0.1 * d.T @ a / n
            b[l] -= 0.1 * d.sum(axis=0) / n
    return [*w, *b]


@pytest.mark.parametrize("options", [{"output_weight": U}, IGNORE, {"output_weight": U, **IGNORE}], ids=str)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_trainings_are_those_of_plain_numpy(options: dict[str, Any], n_threads: int) -> None:
    net = make_net()
    targets = HOLED if "missing_targets" in options else Y
    expected = holed_descent(net, options)
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False, "n_threads": n_threads}
    run = fastbp.train(net, X, targets, optimizer=fastbp.SGD(0.1), **settings, **options)
    for ours, by_hand in zip(parts(net), expected, strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-10, atol=1e-13)
    assert np.isfinite(run.history["loss"]).all()
    if "missing_targets" in options:
        assert not np.allclose(net.w[1], holed_descent(make_net(), options, per_target=True)[0], rtol=1e-3)
    plain = make_net()
    fastbp.train(plain, X, Y, optimizer=fastbp.SGD(0.1), **settings)
    assert not np.allclose(net.w[1], plain.w[1], rtol=1e-3)


def test_what_changes_nothing_changes_no_bit() -> None:
    nets = [make_net() for _ in range(3)]
    for net, options in zip(nets, ({}, IGNORE, {"output_weight": [1, 1, 1]}), strict=True):
        fastbp.train(net, X, Y, epochs=2, batch_size=10, seed=0, **options)
    assert same_bits(nets[0].theta, nets[1].theta)
    np.testing.assert_allclose(nets[0].theta, nets[2].theta, rtol=1e-12)


def test_every_schedule_has_the_same_bits(dtype: str) -> None:
    """Also tiles of a few samples, and validation samples with targets that are missing."""
    options: dict[str, Any] = {"epochs": 2, "batch_size": 8, "seed": 3, "output_weight": U, **IGNORE}
    wide = fastbp.Network([19, 18, 5, 3], activations=["tanh", "tanh", "identity"], dtype=dtype, seed=1)
    samples = np.random.default_rng(9).standard_normal((29, 19))
    trained = []
    for choices in ({}, *({"schedule": schedule} for schedule in SCHEDULES), {"schedule": "ordered_tiles", "tile": 3}):
        for n_threads in (1,) if SMALL else (1, 2):  # plain Python has a team of one
            net = wide.copy()
            with forced(**choices, n_threads=n_threads):
                run = fastbp.train(net, samples, HOLED, validation=(samples, HOLED), **options)
            assert run.history["val_loss"][-1] == net.evaluate(samples, HOLED, output_weight=U, **IGNORE)["loss"]
            trained.append(net.theta.tobytes())
    assert set(trained) == {trained[0]}
    sparse = wide.copy()
    fastbp.train(sparse, csr_array(samples), HOLED, **options)
    assert sparse.theta.tobytes() == trained[0]


def test_a_run_goes_on_with_them() -> None:
    options: dict[str, Any] = {"optimizer": fastbp.Adam(), "batch_size": 8, "seed": 3, "output_weight": [*U], **IGNORE}
    whole, net = make_net(), make_net()
    fastbp.train(whole, X, HOLED, epochs=4, **options)
    run = fastbp.train(net, X, HOLED, epochs=2, **options)
    with pytest.raises(ValueError, match=r"output_weight: run: .*; now: "):
        fastbp.train(net, X, HOLED, epochs=4, continuing=run, output_weight=2 * U)
    run = fastbp.train(net, X, HOLED, epochs=3, continuing=run, output_weight=[*U])
    assert not same_bits(net.theta, whole.theta)
    fastbp.train(net, X, HOLED, epochs=4, continuing=run)
    assert same_bits(net.theta, whole.theta)


def test_scores_are_those_of_the_targets_that_are_there() -> None:
    net = make_net()
    out = net.feedforward(X)
    scores = net.evaluate(X, HOLED, output_weight=U, **IGNORE)
    squares = np.where(GAPS, 0, (out - Y) ** 2)
    assert scores["loss"] == pytest.approx((squares @ U / 2).mean(), rel=1e-12)
    r2 = [1 - squares[:, j].sum() / np.var(Y[~GAPS[:, j], j]) / (~GAPS[:, j]).sum() for j in range(3)]
    assert scores["r2"] == pytest.approx(np.mean(r2), rel=1e-12)
    two = HOLED.copy()
    two[:, 1] = np.nan  # an output without any target has no R2
    assert net.evaluate(X, two, **IGNORE)["r2"] == pytest.approx(np.mean([r2[0], r2[2]]), rel=1e-12)
    assert np.isnan(net.evaluate(X[4:5], HOLED[4:5], **IGNORE)["r2"])
    assert net.evaluate(X[4:5], HOLED[4:5], **IGNORE)["loss"] == 0
    divide = np.array([2.0, 3.0, 0.5])
    model = fastbp.Model(net, target=fastbp.Scale(1.0, divide))
    far = np.where(GAPS, 0, (out * divide + 1 - Y) ** 2)
    found = model.evaluate(X, HOLED, output_weight=U, **IGNORE)["loss"]
    assert found == pytest.approx((far @ U / 2).mean(), rel=1e-12)
    assert model.train(X, HOLED, epochs=1, seed=0, **IGNORE).history["loss"][0] > 0


def test_labels_of_which_some_are_unknown() -> None:
    """Several labels of a sample: the net stays a classification, and no accuracy is counted."""
    labels = np.where(GAPS, np.nan, Y > 0)
    net = make_net(activations=["tanh", "tanh", "sigmoid"], cost="cross_entropy")
    run = fastbp.train(net, X, labels, epochs=3, seed=0, **IGNORE)
    assert net.task == "classification"
    assert "accuracy" not in run.history
    assert run.history["loss"][-1] < run.history["loss"][0]
    rule = fastbp.EarlyStopping("accuracy", patience=2)
    with pytest.raises(ValueError, match="on these targets training measures 'loss'"):
        fastbp.train(net, X, labels, epochs=3, early_stopping=rule, **IGNORE)
    assert "accuracy" in fastbp.train(net, X, np.nan_to_num(labels), epochs=1, **IGNORE).history


@pytest.mark.parametrize("cost", ["quadratic", "absolute", "quantile"])
def test_the_best_constant_is_that_of_the_targets_that_are_there(cost: str) -> None:
    net = fastbp.Network([6, 3], activations="identity", cost=cost, cost_parameter=0.8 if cost == "quantile" else None)
    net.w[1] = np.zeros((3, 6))
    s = RNG.rand(29)
    options: dict[str, Any] = {"output_weight": U, **IGNORE}
    for j in range(3):

        def value(b: float, j: int = j) -> float:
            net.b[1][j] = b
            return net.evaluate(X, HOLED, sample_weight=s, **options)["loss"]

        net.b[1][j] = minimize_scalar(value, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10}).x
    found = net.evaluate(X, HOLED, sample_weight=s, **options)["loss"]
    assert cost_of_best_constant(net, net._targets(HOLED, 29, **options), s) == pytest.approx(found, rel=1e-8)


def test_divergence_leaves_finite_weights() -> None:
    net = make_net(activations="identity", dtype="float32")
    with pytest.raises(fastbp.DivergenceError, match="Training diverged in epoch"):
        fastbp.train(net, X, 1e6 * HOLED, optimizer=fastbp.SGD(1e5), epochs=30, seed=0, output_weight=U, **IGNORE)
    assert np.isfinite(net.theta).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"output_weight": [1, 2]}, ValueError, r"^output_weight has shape \(2,\); this network has 3 outputs"),
        ({"output_weight": [1, -2, 0]}, ValueError, "^output_weight has -2 in place 1; weights are at least 0"),
        ({"output_weight": [0, 0, 0]}, ValueError, "^output_weight is 0 everywhere; weights are at least 0, and not"),
        ({"output_weight": [1, np.inf, 1]}, ValueError, "^output_weight has inf in place 1"),
        ({"output_weight": [1, 1e200, 1]}, ValueError, "^output_weight has 1e[+]200; in float64 gradients overflow"),
        ({"output_weight": "equal"}, TypeError, "^output_weight holds text"),
        ({"missing_targets": "drop"}, ValueError, "^missing_targets is 'drop'; it must be 'ignore' or None"),
        ({"missing_targets": True}, ValueError, "^missing_targets is True; it must be 'ignore' or None"),
    ],
)
def test_weights_and_words_that_do_not_fit(options: dict[str, Any], error: type[Exception], message: str) -> None:
    net = make_net()
    before = net.theta.copy()
    for call in (net.gradient, net.backprop, net.evaluate, lambda *data, **given: fastbp.train(net, *data, **given)):
        with pytest.raises(error, match=message) as caught:
            call(X, Y, **options)
        assert caught.value.parameter == next(iter(options))  # type: ignore[attr-defined]
    assert np.array_equal(net.theta, before)


def test_what_does_not_go_with_softmax_and_what_is_refused_as_before() -> None:
    net = make_net(activations=["tanh", "tanh", "softmax"], cost="cross_entropy")
    labels = np.arange(29) % 3
    with pytest.raises(ValueError, match=r"^output_weight is given, and the outputs are softmax.* Pass class_weight"):
        fastbp.train(net, X, labels, output_weight=U)
    with pytest.raises(ValueError, match=r"^missing_targets is 'ignore', and the outputs are softmax"):
        fastbp.train(net, X, labels, **IGNORE)
    net = make_net()
    with pytest.raises(
        ValueError,
        match=r"^Y has nan in row \d+, column \d, and 2\d values .* take missing_targets='ignore'\.$",
    ):
        fastbp.train(net, X, HOLED)
    infinite = HOLED.copy()
    infinite[7, 2] = np.inf
    with pytest.raises(ValueError, match=r"^Y has inf in row 7, column 2, and 1 values that are not finite in all"):
        fastbp.train(net, X, infinite, **IGNORE)
    bounded = make_net(activations="tanh")
    with pytest.raises(ValueError, match=r"^Y has .* in row \d+, column \d; tanh outputs are in -1..1"):
        fastbp.train(bounded, X, HOLED, **IGNORE)
    with pytest.raises(ValueError, match=r"^Y_val has inf in row 7"):
        fastbp.train(net, X, HOLED, validation=(X, infinite), **IGNORE)
    with pytest.raises(ValueError, match=r"needed are shape \(3,\), 'ignore' or None, and no softmax"):
        fastbp.textbook.minibatch_gradient([*net.w], [*net.b], X, Y, output_weight=[1.0])


@pytest.mark.parametrize("options", [{"output_weight": U}, IGNORE, {"output_weight": U, **IGNORE}], ids=str)
def test_derivatives_of_each_sample_and_second_ones(options: dict[str, Any], dtype: str) -> None:
    net = make_net(activations=["tanh", "softplus", "tanh"], dtype=dtype)
    targets = np.tanh(HOLED if "missing_targets" in options else Y)
    w, b = net.per_sample_gradient(X, targets, **options)
    for x in (0, 4, 20):
        alone = net.gradient(X[x : x + 1], targets[x : x + 1], **options)
        for l in (1, 2, 3):
            assert same_bits(w[l][x] + 0, alone.w[l] + 0)
            assert same_bits(b[l][x] + 0, alone.b[l] + 0)
    if dtype == "float32":
        return
    v, h, moved = np.random.default_rng(3).standard_normal(net.n_parameters), 1e-6, []
    for sign in (1, -1):
        other = net.copy()
        other.set_parameters(net.parameters() + sign * h * v)
        g = other.gradient(X, targets, **options)
        moved.append(np.concatenate([part.ravel() for l in (1, 2, 3) for part in (g.w[l], g.b[l])]))
    product = net.hessian_vector_product(X, targets, v, **options)
    np.testing.assert_allclose(product, (moved[0] - moved[1]) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.usefixtures("own")
def test_a_cost_of_ones_own_is_weighed_too(dtype: str) -> None:
    net = make_net(cost="quartic", dtype=dtype)
    options: dict[str, Any] = {"output_weight": U, **IGNORE}
    e = np.where(GAPS, 0, net.feedforward(X) - Y.astype(dtype))
    close = 1e-5 if dtype == "float32" else 1e-12
    assert net.evaluate(X, HOLED, **options)["loss"] == pytest.approx((e**4 @ U / 4).mean(), rel=close)
    np.testing.assert_allclose(net.backprop(X, HOLED, **options).delta[3], e**3 * U, rtol=100 * close, atol=close)
    fast, slow = net.gradient(X, HOLED, **options), textbook_gradient(net, X, HOLED, **options)
    assert same_bits(fast.w[1], slow.w[0])
    assert fast.cost == slow.cost
    assert fastbp.gradcheck(net, X, HOLED, **options).passed


@pytest.mark.parametrize("options", [{"output_weight": [1.0, 0.0]}, IGNORE], ids=str)
def test_an_output_that_does_not_count_may_overflow(options: dict[str, Any], dtype: str) -> None:
    net = fastbp.Network([1, 2], activations="exp", cost="poisson", seed=0, dtype=dtype)
    net.w[1][:] = 0
    net.b[1][:] = [0.5, 95 if dtype == "float32" else 720]
    alone = fastbp.Network([1, 1], activations="exp", cost="poisson", seed=0, dtype=dtype)
    alone.w[1][:], alone.b[1][:] = 0, 0.5
    targets = [[3.0, np.nan if options is IGNORE else 1.0]]
    g, expected = net.gradient([[1.0]], targets, **options), alone.gradient([[1.0]], [[3.0]])
    assert g.b[1].tolist() == [expected.b[1][0], 0.0]
    assert g.cost == expected.cost
    assert net.evaluate([[1.0]], targets, **options)["loss"] == expected.cost
    run = fastbp.train(net, [[1.0]], targets, epochs=3, **options)
    assert run.history["loss"] == fastbp.train(alone, [[1.0]], [[3.0]], epochs=3).history["loss"]
    assert net.b[1][0] == alone.b[1][0]
    w, b = [net.w[1]], [net.b[1]]
    of = {"activations": "exp", "cost": "poisson"}
    twin = fastbp.textbook.minibatch_gradient(w, b, [[1.0]], targets, **of, **options)
    assert np.array_equal(twin[1][0], net.gradient([[1.0]], targets, **options).b[1])


def test_targets_of_which_none_is_known_are_refused() -> None:
    net = fastbp.Network([1, 2], activations="identity")
    with pytest.raises(ValueError, match=r"^Y is NaN everywhere; some target is needed"):
        fastbp.train(net, [[1.0]], [[np.nan, np.nan]], **IGNORE)
