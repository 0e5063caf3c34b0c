"""The textbook against published digits, the matrix forms, and a complex-step derivative written in NumPy alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import erfc, xlogy

from fastbp import textbook
from fastbp.functions.activations import CODES, COSTS, SIGMOID
from fastbp.textbook import composed

HIDDEN = [name for name in CODES if name not in ("softmax", "exp")]

# The worked 2-2-2 step of Matt Mazur, "A Step by Step Backpropagation Example" (2015): its digits, and exact doubles.

X, Y = np.array([0.05, 0.10]), np.array([0.01, 0.99])
ETA = 0.5


def mazur() -> tuple[list[np.ndarray], list[np.ndarray]]:
    w = [np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([[0.40, 0.45], [0.50, 0.55]])]
    return w, [np.array([0.35, 0.35]), np.array([0.60, 0.60])]


def mazur_values() -> dict[str, Any]:
    w, b = mazur()
    z, a, delta, cost = textbook.backprop(w, b, X, Y)
    g = textbook.gradient(w, b, X, Y)
    for l in (0, 1):
        textbook.update_sgd(w[l].reshape(-1), g.w[l].reshape(-1), ETA)
    after = textbook.backprop(w, b, X, Y)
    w_next = mazur()[0][1]
    return {
        "net_h": z[0],
        "out_h": a[0],
        "net_o": z[1],
        "out_o": a[1],
        "E": [cost],
        "E_o": [textbook.quadratic(a[1][j : j + 1], Y[j : j + 1]) for j in (0, 1)],
        "dE/dout_o": textbook.cost_slope(a[1], Y),
        "sigma'(net_o)": textbook.link_1(SIGMOID, z[1]),
        "delta_o": delta[1],
        "dE/dw5..8": g.w[1].ravel(),
        "w5..8 after": w[1].ravel(),
        "terms of the sum, h1": [delta[1][k] * textbook.link_2(w_next)[k, 0] for k in (0, 1)],
        "terms of the sum, h2": [delta[1][k] * textbook.link_2(w_next)[k, 1] for k in (0, 1)],
        "sigma'(net_h)": textbook.link_1(SIGMOID, z[0]),
        "delta_h": delta[0],
        "dE/dw1..4": g.w[0].ravel(),
        "w1..4 after": w[0].ravel(),
        "E after": [after.cost],
        "out_o after": after.a[1],
    }


EXACT = {
    "net_h": [0.3775, 0.39249999999999996],
    "out_h": [0.5932699921071872, 0.596884378259767],
    "net_o": [1.10590596705977, 1.2249214040964653],
    "out_o": [0.7513650695523157, 0.7729284653214625],
    "E": [0.2983711087600027],
    "E_o": [0.274811083176155, 0.023560025583847746],
    "dE/dout_o": [0.7413650695523157, -0.21707153467853746],
    "sigma'(net_o)": [0.18681560180895948, 0.17551005281727122],
    "delta_o": [0.13849856162855695, -0.038098236516556236],
    "dE/dw5..8": [0.08216704056423077, 0.08266762784753325, -0.02260254047747507, -0.022740242215978222],
    "w5..8 after": [0.35891647971788465, 0.4086661860762334, 0.5113012702387375, 0.5613701211079891],
    "terms of the sum, h1": [0.05539942465142278, -0.019049118258278118],
    "terms of the sum, h2": [0.06232435273285063, -0.020954030084105933],
    "sigma'(net_h)": [0.24130070857232525, 0.2406134172492184],
    "delta_h": [0.00877135468948693, 0.009954254705217196],
    "dE/dw1..4": [0.0004385677344743465, 0.000877135468948693, 0.0004977127352608599, 0.0009954254705217198],
    "w1..4 after": [0.1497807161327628, 0.19956143226552567, 0.24975114363236958, 0.29950228726473915],
    "E after": [0.29102777369359933],
    "out_o after": [0.7420881111907824, 0.7752849682944595],
}
# As printed; None where the page prints nothing.
PUBLISHED = {
    "net_h": ["0.3775", "0.3925"],
    "out_h": ["0.593269992", "0.596884378"],
    "net_o": ["1.105905967", None],
    "out_o": ["0.75136507", "0.772928465"],
    "E": ["0.298371109"],
    "E_o": ["0.274811083", "0.023560026"],
    "dE/dout_o": ["0.74136507", None],
    "sigma'(net_o)": ["0.186815602", None],
    "delta_o": ["0.138498562", None],
    "dE/dw5..8": ["0.082167041", None, None, None],
    "w5..8 after": ["0.35891648", "0.408666186", "0.511301270", "0.561370121"],
    "terms of the sum, h1": ["0.055399425", "-0.019049119"],
    "sigma'(net_h)": ["0.241300709", None],
    "dE/dw1..4": ["0.000438568", None, None, None],
    "w1..4 after": ["0.149780716", "0.19956143", "0.24975114", "0.29950229"],
}


@pytest.mark.parametrize("name", EXACT)
def test_the_worked_example_exactly(name: str) -> None:
    # 1e-15 of the value itself; where it comes from a difference, of what was subtracted: dE/dout_o = a - y, with 0.99.
    scale = 0.99 if name == "dE/dout_o" else 0.0
    error = np.abs(np.array(mazur_values()[name]) - EXACT[name])
    assert np.all(error <= 1e-15 * np.maximum(np.abs(EXACT[name]), scale)), error / np.abs(EXACT[name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_worked_example_as_published(name: str) -> None:
    for value, printed in zip(mazur_values()[name], PUBLISHED[name], strict=True):
        if printed is not None:
            # The page rounds and, in one place (-0.0190491183), rounds up: one unit of its last digit at most.
            unit = 10.0 ** -len(printed.partition(".")[2])
            assert abs(value - float(printed)) <= (1.0 if printed == "-0.019049119" else 0.5000001) * unit


def test_the_pages_wrong_cost_comes_from_weights_updated_too_early() -> None:
    """The page's cost after the step, 0.291027924, uses the new w^2 in BP2; ours is the simultaneous step."""
    w, b = mazur()
    z, _, delta, _ = textbook.backprop(w, b, X, Y)
    right = textbook.gradient(w, b, X, Y)
    textbook.update_sgd(w[1].reshape(-1), right.w[1].reshape(-1), ETA)
    early, g = textbook.hidden_error(w[1], delta[1], SIGMOID, z[0]), np.zeros((2, 2))
    textbook.weight_gradient(X, early, g)
    textbook.update_sgd(w[0].reshape(-1), g.reshape(-1), ETA)
    assert textbook.backprop(w, b, X, Y).cost == pytest.approx(0.29102792390544197, rel=1e-14)
    assert abs(mazur_values()["E after"][0] - 0.291027924) > 1e-7


def test_the_worked_example_with_biases() -> None:
    w, b = mazur()
    g = textbook.gradient(w, b, X, Y)
    for parameter, slope in zip(w + b, g.w + g.b, strict=True):
        textbook.update_sgd(parameter.reshape(-1), slope.reshape(-1), ETA)
    np.testing.assert_allclose(np.concatenate(b), [.3456143226552565, .3450228726473914, .5307507191857215, .6190491182582781], rtol=1e-15)  # fmt: skip  # noqa: E501
    assert textbook.backprop(w, b, X, Y).cost == pytest.approx(0.28047144679143016, rel=1e-15)


# Random nets


def random_net(rng: np.random.Generator, sizes: list[int], dtype: Any = np.float64) -> tuple[list[Any], list[Any]]:
    pairs = list(itertools.pairwise(sizes))
    w = [(rng.standard_normal((J, K)) / np.sqrt(K)).astype(dtype) for K, J in pairs]
    return w, [rng.standard_normal(J).astype(dtype) for _, J in pairs]


def target(rng: np.random.Generator, output: str, cost: str, n: int) -> np.ndarray:
    if cost == "quadratic":
        return rng.standard_normal(n)
    if cost == "poisson":
        return rng.integers(0, 4, n).astype(float)
    return np.eye(n)[rng.integers(n)] if output == "softmax" else rng.integers(0, 2, n).astype(float)


@pytest.mark.parametrize("sizes", [[5, 3, 7, 2], [1, 1], [2, 9, 4], [1, 6, 1, 3]])
def test_index_forms_equal_matrix_forms(sizes: list[int]) -> None:
    rng = np.random.default_rng(len(sizes))
    w, b = random_net(rng, sizes)
    x, y = rng.standard_normal(sizes[0]), rng.standard_normal(sizes[-1])
    z, a, delta, _ = textbook.backprop(w, b, x, y, activations="tanh")
    g = textbook.gradient(w, b, x, y, activations="tanh")
    slopes = [textbook.link_1(CODES["tanh"], z_l) for z_l in z]
    a = [x, *a]
    close = {"rtol": 1e-13, "atol": 1e-15}
    np.testing.assert_allclose(delta[-1], textbook.output_error_matrix(a[-1], y, slopes[-1]), **close)
    for l in range(1, len(sizes)):
        np.testing.assert_allclose(z[l - 1], textbook.weighted_input_matrix(w[l - 1], b[l - 1], a[l - 1]), **close)
        np.testing.assert_allclose(g.w[l - 1], textbook.weight_gradient_matrix(a[l - 1], delta[l - 1]), **close)
        np.testing.assert_array_equal(g.b[l - 1], delta[l - 1])
    for l in range(1, len(sizes) - 1):
        matrix = textbook.hidden_error_matrix(w[l], delta[l], slopes[l - 1])
        np.testing.assert_allclose(delta[l - 1], matrix, **close)
        # BP2 is the sum over k of delta_k times both links, and both links are their product.
        link = textbook.links(w[l], CODES["tanh"], z[l - 1])
        np.testing.assert_array_equal(link, textbook.link_2(w[l]) * textbook.link_1(CODES["tanh"], z[l - 1]))
        np.testing.assert_allclose(delta[l - 1], textbook.hidden_error_by_links(link, delta[l]), **close)
        # Without the transpose the shapes do not even fit, or the numbers differ.
        if w[l].shape[0] != w[l].shape[1] and 1 not in w[l].shape:
            with pytest.raises(ValueError, match="matmul"):
                w[l] @ delta[l]


# The reference: f(x + ih) = f(x) + i h f'(x) to the last digit for h = 1e-30. Nothing here comes from the package.

REFERENCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "leaky_relu": lambda z: np.where(z.real > 0, z, 0.01 * z),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * 0.5 * erfc(-z / np.sqrt(2)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "exp": np.exp,
    "identity": lambda z: z,
    "softmax": lambda z: np.exp(z) / np.sum(np.exp(z), axis=0),
}


def reference_cost(theta: list[np.ndarray], x: np.ndarray, y: np.ndarray, names: list[str], cost: str) -> Any:
    """C_x; the last axis of everything is one perturbed copy of the parameters after another."""
    L = len(names)
    a = x[:, None]
    for l in range(L):
        a = REFERENCE[names[l]](
            np.einsum("jkn,kn->jn", theta[l], np.broadcast_to(a, (len(a), theta[l].shape[-1]))) + theta[L + l]
        )
    y = y[:, None]
    if cost == "quadratic":
        return 0.5 * np.sum((y - a) ** 2, axis=0)
    if cost == "poisson":
        return np.sum(xlogy(y, y) - y * np.log(a) - y + a, axis=0)
    if names[-1] == "sigmoid":
        return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a), axis=0)
    return -np.sum(y * np.log(a), axis=0)


def complex_step(w: list[Any], b: list[Any], x: Any, y: Any, names: list[str], cost: str) -> list[np.ndarray]:
    shapes = [array.shape for array in w + b]
    flat = np.concatenate([array.ravel() for array in w + b]).astype(complex)
    copies = flat[:, None] + 1e-30j * np.eye(flat.size)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    theta = [part.reshape(*shape, -1) for part, shape in zip(np.split(copies, ends), shapes, strict=True)]
    slopes = reference_cost(theta, x, y, names, cost).imag / 1e-30
    return [part.reshape(shape) for part, shape in zip(np.split(slopes, ends), shapes, strict=True)]


def worst_error(arrays: list[Any], reference: list[Any]) -> float:
    """The largest |g - g_ref| / |g_ref| over the arrays; 0 where both are 0."""
    pairs = zip(arrays, reference, strict=True)
    return max(float(np.linalg.norm(g - r) / (np.linalg.norm(r) or 1.0)) for g, r in pairs)


LEGAL = [(name, "quadratic") for name in [*HIDDEN, "exp"]] + [
    ("sigmoid", "cross_entropy"),
    ("softmax", "cross_entropy"),
    ("exp", "poisson"),
]


@pytest.mark.parametrize(("output", "cost"), LEGAL)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradient_equals_the_complex_step(hidden: str, output: str, cost: str) -> None:
    # Seeds whose nets are well conditioned: where the terms of an error nearly cancel, float32 keeps fewer digits.
    rng = np.random.default_rng([CODES[hidden], CODES[output], COSTS[cost] == 0, 1])
    for _ in range(3):
        sizes = rng.integers(1, 8, rng.integers(2, 6)).tolist()
        names = [hidden] * (len(sizes) - 2) + [output]
        w, b = random_net(rng, sizes)
        x, y = rng.standard_normal(sizes[0]), target(rng, output, cost, sizes[-1])
        reference = complex_step(w, b, x, y, names, cost)
        g = textbook.gradient(w, b, x, y, activations=names, cost=cost)
        assert worst_error(g.w + g.b, reference) <= 1e-13
        theta = [array[..., None] for array in w + b]
        # log(1 - a) in the reference loses digits that ours, from z, keeps.
        assert g.cost == pytest.approx(float(reference_cost(theta, x, y, names, cost)[0]), rel=1e-12, abs=1e-15)
        single = [[array.astype(np.float32) for array in arrays] for arrays in (w, b)]
        g = textbook.gradient(*single, x, y, activations=names, cost=cost)
        reference = complex_step(*single, x.astype(np.float32), y.astype(np.float32), names, cost)
        assert all(array.dtype == np.float32 for array in g.w + g.b)
        assert worst_error(g.w + g.b, reference) <= 2e-5


def without_slope(w_next: Any, delta_next: Any, code: int, z: Any) -> Any:
    return w_next.T @ delta_next


def first_path_only(w_next: Any, delta_next: Any, code: int, z: Any) -> Any:
    return w_next[0] * delta_next[0] * textbook.link_1(code, z)


def slope_of_a(w_next: Any, delta_next: Any, code: int, z: Any) -> Any:
    return (w_next.T @ delta_next) * textbook.link_1(code, textbook.activation(code, z))


def without_transpose(w_next: Any, delta_next: Any, code: int, z: Any) -> Any:
    return (w_next @ delta_next) * textbook.link_1(code, z)


def target_minus_output(cost: int, code: int, z: Any, a: Any, y: Any, s: Any, p: Any) -> Any:
    return (y - a) * textbook.link_1(code, z) * s


def one_bit_in_forty(a_prev: Any, delta: Any, g: Any) -> None:
    g += np.outer(delta, a_prev) * (1 + 2.0**-40)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("hidden_error", without_slope),
        ("hidden_error", first_path_only),
        ("hidden_error", slope_of_a),
        ("hidden_error", without_transpose),
        ("output_error", target_minus_output),
        ("weight_gradient", one_bit_in_forty),
    ],
)
def test_planted_mistakes_are_caught(monkeypatch: pytest.MonkeyPatch, name: str, mistake: Any) -> None:
    rng = np.random.default_rng(1)
    w, b = random_net(rng, [3, 4, 4, 4])
    x, y, names = rng.standard_normal(3), rng.standard_normal(4), ["sigmoid"] * 3
    reference = complex_step(w, b, x, y, names, "quadratic")
    g = textbook.gradient(w, b, x, y)
    assert worst_error(g.w + g.b, reference) <= 1e-13
    monkeypatch.setattr(composed, name, mistake)
    g = textbook.gradient(w, b, x, y)
    assert worst_error(g.w + g.b, reference) > 1e-13


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loops_of_costs_have_the_bits_of_the_sum_of_terms(dtype: Any) -> None:
    """The equations' own loops, beside the one sum over the terms of the entries."""
    rng, none = np.random.default_rng(4), dtype(0)
    for _ in range(50):
        z = (3 * rng.standard_normal(7)).astype(dtype)
        y, counts = rng.random(7).astype(dtype), rng.integers(0, 4, 7).astype(dtype)
        a = textbook.activation(CODES["exp"], z)
        assert textbook.sample_cost(COSTS["quadratic"], z, a, y, none) == textbook.quadratic(a, y)
        assert textbook.sample_cost(COSTS["cross_entropy"], z, a, y, none) == textbook.binary_cross_entropy(z, y)
        for targets in (counts, y):
            assert textbook.sample_cost(COSTS["poisson"], z, a, targets, none) == textbook.poisson(z, a, targets)


# The minibatch


@pytest.mark.parametrize("cost", ["quadratic", "cross_entropy"])
def test_minibatch_is_the_weighted_mean_plus_the_penalty(cost: str) -> None:
    rng = np.random.default_rng(2)
    w, b = random_net(rng, [3, 5, 2])
    w[0][0, 0] = 0.0
    X, Y = rng.standard_normal((6, 3)), rng.integers(0, 2, (6, 2)).astype(float)
    s = rng.uniform(0.1, 3.0, 6)
    s[2] = 0.0
    g = textbook.minibatch_gradient(w, b, X, Y, cost=cost, sample_weight=s, l1=0.03, l2=0.2)
    each = [complex_step(w, b, x, y, ["sigmoid"] * 2, cost) for x, y in zip(X, Y, strict=True)]
    mean = [sum(s_x * one[i] for s_x, one in zip(s, each, strict=True)) / s.sum() for i in range(4)]
    expected = [mean[l] + 0.2 * w[l] + 0.03 * np.sign(w[l]) for l in (0, 1)] + mean[2:]
    assert worst_error(g.w + g.b, expected) <= 1e-13
    costs = [textbook.gradient(w, b, x, y, cost=cost).cost for x, y in zip(X, Y, strict=True)]
    penalty = sum(0.03 * np.abs(w_l).sum() + 0.1 * (w_l**2).sum() for w_l in w)
    assert g.cost == pytest.approx(s @ costs / s.sum() + penalty, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loops_keep_the_dtype(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    w, b = random_net(rng, [3, 5, 2], dtype)
    for names, cost in ([["gelu", "sigmoid"], "quadratic"], [["silu", "softmax"], "cross_entropy"]):
        t = textbook.backprop(w, b, rng.standard_normal(3), [0, 1], activations=names, cost=cost)
        assert all(array.dtype == dtype for array in t.z + t.a + t.delta)
    code = CODES["silu"]
    assert textbook.links(w[1], code, t.z[0]).dtype == textbook.link_2(w[1]).dtype == dtype
    assert textbook.output_error(COSTS["quadratic"], code, t.z[1], t.a[1], t.a[1], dtype(1)).dtype == dtype


def test_saturated_outputs_keep_a_finite_cost_and_a_gradient() -> None:
    w, b = [np.array([[1.0], [-1.0]])], [np.zeros(2)]
    for names in ("sigmoid", "softmax"):
        g = textbook.gradient(w, b, [800.0], [0.0, 1.0], activations=names, cost="cross_entropy")
        assert g.cost == pytest.approx(1600.0)
        np.testing.assert_allclose(g.b[0], [1.0, -1.0])


# U, against its formula in extended precision with hats as Kingma and Ba print them


def test_updates() -> None:
    rng = np.random.default_rng(4)
    w0, eta = rng.standard_normal(7), 0.1
    gs = rng.standard_normal((3, 7))
    names = ("sgd", "momentum", "nesterov", "adam", "rmsprop", "adagrad")
    w = {name: w0.copy() for name in (*names, *(f"{name}, decayed" for name in names))}
    m, v = ({name: np.zeros(7) for name in w} for _ in range(2))
    e = {name: w0.astype(np.longdouble) for name in w}
    em, ev = ({name: np.zeros(7, np.longdouble) for name in w} for _ in range(2))
    for t, g in enumerate(gs, start=1):
        root = np.sqrt(1 - 0.99**t)
        step, epsilon = eta * root / (1 - 0.9**t), 1e-3 * root
        for name in w:
            if name.endswith("decayed"):
                textbook.update_decay(w[name], eta * 0.01)
                e[name] *= 1 - eta * 0.01
            match name.split(",")[0]:
                case "sgd":
                    textbook.update_sgd(w[name], g, eta)
                    e[name] -= eta * g
                case "momentum":
                    textbook.update_momentum(w[name], g, v[name], eta, 0.9, False)
                    ev[name] = 0.9 * ev[name] - eta * g
                    e[name] += ev[name]
                case "nesterov":
                    textbook.update_momentum(w[name], g, v[name], eta, 0.9, True)
                    ev[name] = 0.9 * ev[name] - eta * g
                    e[name] += 0.9 * ev[name] - eta * g
                case "adam":
                    textbook.update_adam(w[name], g, m[name], v[name], step, 0.9, 0.99, epsilon)
                    em[name] = 0.9 * em[name] + (1 - 0.9) * g
                    ev[name] = 0.99 * ev[name] + (1 - 0.99) * g**2
                    e[name] -= eta * (em[name] / (1 - 0.9**t)) / (np.sqrt(ev[name] / (1 - 0.99**t)) + 1e-3)
                case "rmsprop":
                    textbook.update_rmsprop(w[name], g, v[name], eta, 0.9, 1e-3)
                    ev[name] = 0.9 * ev[name] + (1 - 0.9) * g**2
                    e[name] -= eta * g / (np.sqrt(ev[name]) + 1e-3)
                case "adagrad":
                    textbook.update_adagrad(w[name], g, v[name], eta, 1e-3)
                    ev[name] += g**2
                    e[name] -= eta * g / (np.sqrt(ev[name]) + 1e-3)
    for name in w:
        np.testing.assert_allclose(w[name], e[name].astype(float), rtol=1e-13, atol=1e-15, err_msg=name)


# Messages


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"activations": "swish"}, "'swish' is no activation"),
        ({"cost": "hinge"}, "'hinge' is no cost"),
        ({"activations": ["sigmoid"]}, "1 activations for 2 layers"),
        ({"activations": ["softmax", "sigmoid"]}, "hidden layer"),
        ({"activations": "tanh", "cost": "cross_entropy"}, "does not go with 'tanh'"),
        ({"activations": ["tanh", "softmax"]}, "does not go with 'softmax'"),
        ({"x": np.zeros(3)}, r"w\^1 has shape \(2, 2\)"),
        ({"y": np.zeros(3)}, "one target for each output"),
        ({"biases": [np.zeros(2), np.zeros(3)]}, "one bias for each neuron"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], match: str) -> None:
    w, b = mazur()
    given = {"weights": w, "biases": b, "x": X, "y": Y} | change
    with pytest.raises(ValueError, match=match):
        textbook.gradient(**given)


def test_integers_and_empty_weight_are_refused() -> None:
    w, b = mazur()
    with pytest.raises(TypeError, match="float32 or float64"):
        textbook.gradient([np.eye(2, dtype=int)], [np.zeros(2)], X, Y)
    with pytest.raises(ValueError, match="positive sum"):
        textbook.minibatch_gradient(w, b, X[None], Y[None], sample_weight=[0.0])
