"""Networks of every cost, and the parameter that some have: the textbook's bits, plain NumPy, files, refusals."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, same_bits, textbook_gradient, textbook_lists

import fastbp
from fastbp import textbook

RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((23, 3)), RNG.gamma(2.0, size=(23, 2))
CASES = [
    ("absolute", None, "identity"),
    ("absolute", None, "tanh"),
    ("huber", None, "identity"),
    ("huber", 0.3, "softplus"),
    ("quantile", None, "identity"),
    ("quantile", 0.9, "tanh"),
    ("poisson", None, "exp"),
    ("tweedie", None, "exp"),
    ("tweedie", 1.0, "exp"),
    ("tweedie", 2.0, "exp"),
    ("tweedie", 3.0, "exp"),
]
CASE = pytest.mark.parametrize(("cost", "p", "output"), CASES)
DEFAULTS = {"huber": 1.35, "quantile": 0.5, "tweedie": 1.5}


def make_net(cost: str, p: float | None, output: str, **options: Any) -> fastbp.Network:
    functions: dict[str, Any] = {"activations": ["tanh", output], "cost": cost, "cost_parameter": p}
    return fastbp.Network([3, 5, 2], **{**functions, "seed": 1, "init": "nielsen_unit_bias", **options})


def slope_of_error(cost: str, p: float, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dC/da in NumPy, from the formulas."""
    e = a - y
    if cost == "absolute":
        return np.sign(e)
    if cost == "huber":
        return np.clip(e, -p, p)
    if cost == "quantile":
        return np.where(e > 0, 1 - p, -p)
    return e / a ** (1 if cost == "poisson" else p)


@CASE
def test_gradients_have_the_textbooks_bits(cost: str, p: float | None, output: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    for sizes in ([4, 3], [3, 18, 2], [2, 5, 1]):
        functions: Any = {"activations": ["tanh"] * (len(sizes) - 2) + [output], "cost": cost, "cost_parameter": p}
        net = fastbp.Network(sizes, **functions, dtype=dtype, seed=3)
        samples, targets = random_data(rng, net, 19)
        s = rng.random(19)
        fast = net.gradient(samples, targets, sample_weight=s)
        slow = textbook_gradient(net, samples, targets, sample_weight=s)
        for l in range(1, net.L + 1):
            assert same_bits(fast.w[l], slow.w[l - 1])
            assert same_bits(fast.b[l], slow.b[l - 1])
        assert fast.cost == slow.cost
        weights, biases = textbook_lists(net)
        functions: Any = {"activations": net.activations, "cost": cost, "cost_parameter": p}
        one, trace = (
            textbook.backprop(weights, biases, samples[0], targets[0], **functions),
            net.backprop(samples, targets),
        )
        assert same_bits(trace.delta[net.L][0], one.delta[-1])
        assert net.evaluate(samples[:1], targets[:1])["loss"] == one.cost


@CASE
@pytest.mark.parametrize("n_threads", [1, 2])
def test_trainings_are_those_of_plain_numpy(cost: str, p: float | None, output: str, n_threads: int) -> None:
    targets = np.tanh(Y) if output == "tanh" else Y
    net = make_net(cost, p, output)
    used = DEFAULTS.get(cost, 0.0) if p is None else p
    w, b = ([np.array(part) for part in side] for side in (net.w, net.b))
    for start in (0, 10, 20) * 2:
        rows = slice(start, start + 10)
        a1 = np.tanh(X[rows] @ w[0].T + b[0])
        z = a1 @ w[1].T + b[1]
        a2 = {"identity": z, "tanh": np.tanh(z), "softplus": np.log1p(np.exp(z)), "exp": np.exp(z)}[output]
        slope = {"identity": 1.0, "tanh": 1 - a2**2, "softplus": 1 / (1 + np.exp(-z)), "exp": a2}[output]
        d2 = slope_of_error(cost, used, a2, targets[rows]) * slope
        d1 = d2 @ w[1] * (1 - a1**2)
        for l, (a, d) in enumerate([(X[rows], d1), (a1, d2)]):
            w[l] -= 0.05 * d.T @ a / len(d)
            b[l] -= 0.05 * d.mean(axis=0)
    options: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False, "n_threads": n_threads}
    fastbp.train(net, X, targets, optimizer=fastbp.SGD(0.05), **options)
    for ours, by_hand in zip([*net.w, *net.b], [*w, *b], strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-10, atol=1e-13)
    if p is not None:
        other = make_net(cost, {"huber": 0.31, "quantile": 0.89}.get(cost, p + 0.01), output)
        fastbp.train(other, X, targets, optimizer=fastbp.SGD(0.05), **options)
        assert not np.allclose(other.theta, net.theta, rtol=1e-6)  # another parameter would be seen


@CASE
def test_hessian_vector_products_are_differences_of_gradients(cost: str, p: float | None, output: str) -> None:
    net, targets = make_net(cost, p, output), np.tanh(Y) if output == "tanh" else Y
    v, h = np.random.default_rng(3).standard_normal(net.n_parameters), 1e-6
    moved = []
    for sign in (1, -1):
        other = net.copy()
        other.set_parameters(net.parameters() + sign * h * v)
        g = other.gradient(X, targets)
        moved.append(np.concatenate([part.ravel() for l in (1, 2) for part in (g.w[l], g.b[l])]))
    product = net.hessian_vector_product(X, targets, v)
    np.testing.assert_allclose(product, (moved[0] - moved[1]) / (2 * h), rtol=1e-6, atol=1e-7)


def test_a_cost_of_a_call_has_its_own_parameter() -> None:
    quadratic, huber = make_net("quadratic", None, "identity"), make_net("huber", 0.4, "identity")
    huber.theta[:] = quadratic.theta
    same = [
        (quadratic.gradient(X, Y, cost="huber", cost_parameter=0.4), huber.gradient(X, Y)),
        (quadratic.gradient(X, Y, cost="huber"), huber.gradient(X, Y, cost_parameter=1.35)),
        (quadratic.backprop(X, Y, cost="huber", cost_parameter=0.4), huber.backprop(X, Y)),
    ]
    for ours, theirs in same:
        assert ours.cost == theirs.cost
        assert same_bits(ours.w[1], theirs.w[1])
    assert fastbp.gradcheck(quadratic, X, Y, cost="quantile", cost_parameter=0.2).passed
    of: dict[str, Any] = {"cost": "quantile", "cost_parameter": 0.2}
    explained, delta = fastbp.explain(quadratic, X[:2], Y[:2], 2, 1, "bias", **of), quadratic.backprop(X, Y, **of).delta
    assert set(np.unique(delta[2])) <= {-0.2, 0.8}
    for x in 0, 1:
        alone = explained.sample(x)
        assert alone.numbers.result == delta[2][x, 1]
        assert alone.nudge().at.centred == pytest.approx(delta[2][x, 1], rel=1e-8)


def test_the_parameter_travels(tmp_path: Path) -> None:
    net = make_net("quantile", 0.8, "identity")
    assert repr(net).endswith("cost='quantile', cost_parameter=0.8, dtype='float64')")
    fastbp.save(net, tmp_path / "net.fastbp")
    scaled = fastbp.Model(net, [fastbp.Scale(0, 2)], target=fastbp.Scale(1, [2, 4]))
    fastbp.save(scaled, tmp_path / "model.fastbp")
    for other in (
        net.copy(),
        pickle.loads(pickle.dumps(net)),
        fastbp.load(tmp_path / "net.fastbp"),
        fastbp.load(tmp_path / "model.fastbp").net,
    ):
        assert (other.cost, other.cost_parameter) == ("quantile", 0.8)
        assert other.evaluate(X, Y) == net.evaluate(X, Y)
    assert scaled.cost_parameter == 0.8
    older = make_net("quadratic", None, "identity").__getstate__()
    del older["cost_parameter"]  # as a pickle of an earlier version
    again = fastbp.Network.__new__(fastbp.Network)
    again.__setstate__(older)
    assert again.cost_parameter is None


@pytest.mark.parametrize(("cost", "p"), [("absolute", None), ("huber", 0.4), ("quantile", 0.8), ("quadratic", None)])
def test_a_model_evaluates_scaled_targets_in_their_own_units(cost: str, p: float | None) -> None:
    net = make_net(cost, p, "identity")
    divide = np.array([2.0, 5.0])
    model = fastbp.Model(net, target=fastbp.Scale([1.0, -3.0], divide))
    e = net.feedforward(X) * divide + [1.0, -3.0] - Y
    far = np.abs(e)
    C = {
        "absolute": far,
        "huber": np.where(far <= 0.4 * divide, e**2 / 2, 0.4 * divide * far - (0.4 * divide) ** 2 / 2),
        "quantile": np.where(e > 0, 0.2 * e, -0.8 * e),
        "quadratic": e**2 / 2,
    }[cost].sum(axis=1)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(C.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cost": "huber", "cost_parameter": 0}, ValueError, "is 0; it must be a finite number > 0"),
        ({"cost": "quantile", "cost_parameter": 1.0}, ValueError, "is 1; it must be a finite number > 0 and < 1"),
        (
            {"cost": "tweedie", "activations": "exp", "cost_parameter": 0.9},
            ValueError,
            "is 0.9; it must be a finite number >= 1",
        ),
        ({"cost": "huber", "cost_parameter": "1"}, TypeError, "is '1'; it must be a finite number > 0"),
        (
            {"cost": "huber", "cost_parameter": 1e39, "dtype": "float32"},
            ValueError,
            "is 1e[+]39; float32 holds 1.2e-38 to",
        ),
        ({"cost": "huber", "cost_parameter": 1e-320}, ValueError, "is 9.99989e-321; float64 holds"),
        ({"cost_parameter": 1.0}, ValueError, "is 1.0; the cost 'quadratic' has none, but 'huber', 'quantile', 'twee"),
    ],
)
def test_parameters_that_no_cost_has(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^cost_parameter {message}") as caught:
        fastbp.Network([3, 2], **options)
    assert caught.value.parameter == "cost_parameter"  # type: ignore[attr-defined]


def test_outputs_and_targets_that_a_cost_is_not_for() -> None:
    for cost in ("absolute", "huber", "quantile"):
        with pytest.raises(ValueError, match=f"^cost is '{cost}' and the output activation 'softmax'; it is for num"):
            fastbp.Network([3, 2], activations="softmax", cost=cost)
    with pytest.raises(ValueError, match=r"^cost is 'tweedie' and the output activation 'identity'; it measures amou"):
        fastbp.Network([3, 2], activations="identity", cost="tweedie")
    targets = np.where(np.arange(23)[:, None] == 5, 0.0, Y)
    for p, fits in ((1.0, True), (1.9, True), (2.0, False), (3.0, False)):
        net = make_net("tweedie", p, "exp")
        if fits:
            assert np.isfinite(net.evaluate(X, targets)["loss"])
            continue
        with pytest.raises(ValueError, match=rf"^Y has values in row 5 that Tweedie's cost of power {p:g} is not defi"):
            net.gradient(X, targets)
    with pytest.raises(ValueError, match=r"The cost 'quadratic' was given the parameter 1.0; it has none"):
        textbook.gradient(*textbook_lists(net), X[0], Y[0], activations=net.activations, cost_parameter=1.0)


@pytest.mark.skipif(SMALL, reason="600 epochs")
def test_a_quantile_is_learned() -> None:
    """Without features the best output is the quantile of the targets."""
    y = np.random.default_rng(0).gamma(2.0, size=(400, 1))
    for q in (0.1, 0.9):
        net = fastbp.Network([1, 1], activations="identity", cost="quantile", cost_parameter=q, seed=0)
        fastbp.train(net, np.zeros((400, 1)), y, optimizer=fastbp.Adam(0.02), epochs=600, batch_size=None, seed=0)
        assert np.mean(y < net.b[1][0]) == pytest.approx(q, abs=0.02)


@pytest.mark.parametrize(("cost", "output"), [(cost, output) for cost, p, output in CASES if p is None])
def test_a_learners_own_numbers_are_checked(cost: str, output: str) -> None:
    """A right function passes, one that forgets the slope of the output does not; numbers are told right from wrong."""

    def mine(w: Any, b: Any, x: Any, y: Any, slope: float = 1.0) -> Any:
        a, z = [x], []
        activations = {"identity": lambda z: z, "tanh": np.tanh, "exp": np.exp}
        slopes = {"identity": np.ones_like, "tanh": lambda z: 1 - np.tanh(z) ** 2, "exp": np.exp}
        for w_l, b_l in zip(w, b, strict=True):
            z.append(w_l @ a[-1] + b_l)
            a.append(activations[output](z[-1]))
        d = [slope_of_error(cost, DEFAULTS.get(cost, 0.0), a[-1], y) * (slopes[output](z[-1]) if slope else 1)]
        for l in range(len(z) - 1, 0, -1):
            d.insert(0, [*w][l].T @ d[0] * slopes[output](z[l - 1]))
        return [np.outer(d_l, a_l) for d_l, a_l in zip(d, a[:-1], strict=True)], d

    check = fastbp.check_backprop(mine, activations=output, cost=cost)
    assert check.passed, str(check)
    if output != "identity":
        wrong = fastbp.check_backprop(lambda *sample: mine(*sample, slope=0.0), activations=output, cost=cost)
        assert not wrong.passed
        assert wrong.first_wrong == "BP1"
    net = make_net(cost, None, output)
    targets = np.tanh(Y) if output == "tanh" else Y
    g = net.gradient(X[:1], targets[:1])
    assert fastbp.diagnose(net, X[0], targets[0], w=g.w, b=g.b).correct
    assert not fastbp.diagnose(net, X[0], targets[0], w=[1.5 * part for part in g.w], b=g.b).correct
