"""Jacobians, per-sample gradients and Hessian times vector: the textbook's bits, and derivatives by complex step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, random_net, same_bits, textbook_lists

import fastbp
from fastbp import textbook
from fastbp.functions.activations import CODES, COSTS, NAMED, SOFTMAX, sigma_double_prime, sigma_prime
from fastbp.runtime import tangents
from fastbp.textbook import composed

COSTS_TRIED = ("quadratic", "cross_entropy", "huber", "quantile", "tweedie")
SIZES = [[3, 2], [4, 5, 3], [2, 6, 4, 1]] if SMALL else [[3, 2], [4, 5, 3], [2, 6, 4, 1], [9, 17, 8, 5]]


def codes(net: fastbp.Network) -> list[int]:
    return [CODES[name] for name in net.activations]


def textbook_input_jacobian(net: fastbp.Network, x: np.ndarray) -> np.ndarray:
    """BP2 of each output's slopes, down to the input, whose sigma' is 1."""
    w, b = textbook_lists(net)
    z, a = composed._feedforward(w, b, x, codes(net))
    rows = []
    for delta in textbook.output_slopes(codes(net)[-1], z[-1], a[-1]):
        for l in range(net.L - 1, 0, -1):
            delta = textbook.hidden_error(w[l], np.ascontiguousarray(delta), codes(net)[l - 1], z[l - 1])
        rows.append(textbook.hidden_error(w[0], np.ascontiguousarray(delta), CODES["identity"], x))
    return np.array(rows)


def complex_forward(net: fastbp.Network, w: list[Any], b: list[Any], X: np.ndarray) -> np.ndarray:
    a = X
    for l, name in enumerate(net.activations):
        z = a @ w[l].T + b[l]
        if name == "softmax":
            e = np.exp(z - z.real.max(axis=1, keepdims=True))
            a = e / e.sum(axis=1, keepdims=True)
        else:
            a = NAMED[name].analytic(z)
    return a


def smooth_net(rng: np.random.Generator, sizes: list[int], dtype: str) -> fastbp.Network:
    return random_net(rng, sizes, dtype)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_input_jacobian(sizes: list[int], dtype: str) -> None:
    rng = np.random.default_rng(len(sizes))
    for _ in range(6):
        net = random_net(rng, sizes, dtype)
        X, _ = random_data(rng, net, 5)
        J = net.input_jacobian(X)
        assert J.shape == (5, sizes[-1], sizes[0])
        for x in range(5):
            assert same_bits(J[x], textbook_input_jacobian(net, X[x]))
        w, b = ([part.astype(float) for part in parts] for parts in textbook_lists(net))
        for k in range(sizes[0]):
            moved = X.astype(complex)
            moved[:, k] += 1e-30j
            slope = complex_forward(net, w, b, moved).imag / 1e-30
            scale = max(np.abs(slope).max(), 1e-3)
            assert np.abs(J[:, :, k] - slope).max() <= scale * (1e-12 if dtype == "float64" else 1e-4), net


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_parameter_jacobian(sizes: list[int]) -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        net = random_net(rng, sizes, "float64")
        X, _ = random_data(rng, net, 3)
        J = net.parameter_jacobian(X)
        assert J.shape == (3, sizes[-1], net.n_parameters)
        theta = net.parameters()
        for i in rng.integers(0, net.n_parameters, 12):
            moved = theta.astype(complex)
            moved[i] += 1e-30j
            slope = complex_forward(net, *unpacked(net, moved), X).imag / 1e-30
            np.testing.assert_allclose(J[:, :, i], slope, rtol=1e-10, atol=1e-13)


def unpacked(net: fastbp.Network, theta: np.ndarray) -> tuple[list[Any], list[Any]]:
    w, b, at = [], [], 0
    for n_in, n_out in zip(net.sizes[:-1], net.sizes[1:], strict=True):
        w.append(theta[at : at + n_in * n_out].reshape(n_out, n_in))
        at += n_in * n_out
        b.append(theta[at : at + n_out])
        at += n_out
    return w, b


def test_per_sample_gradients_are_the_textbooks(dtype: str) -> None:
    rng = np.random.default_rng(4)
    for sizes in SIZES:
        for _ in range(6):
            net = random_net(rng, sizes, dtype, COSTS_TRIED)
            X, Y = random_data(rng, net, 6)
            w, b = net.per_sample_gradient(X, Y)
            weights, biases = textbook_lists(net)
            for x in range(6):
                functions: Any = {
                    "activations": net.activations,
                    "cost": net.cost,
                    "cost_parameter": net.cost_parameter,
                }
                one = textbook.gradient(weights, biases, X[x], Y[x], **functions)
                for l in range(1, net.L + 1):
                    assert same_bits(w[l][x] + net.dtype.type(0), one.w[l - 1] + net.dtype.type(0))
                    assert same_bits(b[l][x] + net.dtype.type(0), one.b[l - 1] + net.dtype.type(0))
            whole = net.gradient(X, Y)
            np.testing.assert_allclose(
                w[1].mean(axis=0), whole.w[1], rtol=1e-3 if dtype == "float32" else 1e-10, atol=1e-6
            )


def textbook_hessian_vector(net: fastbp.Network, X: Any, Y: Any, s: Any, v_w: list[Any], v_b: list[Any]) -> Any:
    w, b = textbook_lists(net)
    kinds, L, zero = codes(net), net.L, net.dtype.type(0)
    cost = COSTS[net.cost]
    g, g_b = [np.zeros_like(part) for part in w], [np.zeros_like(part) for part in b]
    for x in range(len(X)):
        z, a = composed._feedforward(w, b, X[x], kinds)
        slope = [np.array([sigma_prime(c, q) for q in z_l], net.dtype) for c, z_l in zip(kinds, z, strict=True)]
        bend = [np.array([sigma_double_prime(c, q) for q in z_l], net.dtype) for c, z_l in zip(kinds, z, strict=True)]
        Rz, Ra = [], [np.zeros_like(X[x])]
        for l in range(L):
            Rz.append(textbook.moving_input(w[l], v_w[l], v_b[l], a[l], Ra[l]))
            Ra.append(textbook.moving_activation(kinds[l], z[l], a[l + 1], Rz[l]))
        delta = textbook.output_error(cost, kinds[-1], z[-1], a[-1], Y[x], s[x], net._p)
        moving, p = ((z[-1], Rz[-1]), (a[-1], Ra[-1])), net.dtype.type(net._p)
        Rdelta = s[x] * textbook.moving_output_error(cost, p, slope[-1], bend[-1], Y[x], *moving)
        for l in range(L - 1, -1, -1):
            textbook.moving_weight_gradient(a[l], Ra[l], delta, Rdelta, g[l])
            g_b[l] += Rdelta
            if l:
                u = textbook.hidden_error(w[l], delta, CODES["identity"], z[l - 1])
                Ru = textbook.moving_sum(w[l], v_w[l], delta, Rdelta)
                delta = textbook.hidden_error(w[l], delta, kinds[l - 1], z[l - 1])
                Rdelta = textbook.moving_hidden_error(slope[l - 1], bend[l - 1], Rz[l - 1], u, Ru)
    scale = net.dtype.type(1.0 / float(np.sum(s, dtype=np.float64)))
    return [part * scale + zero for part in g], [part * scale + zero for part in g_b]


def test_hessian_vector_product_has_the_textbooks_bits(dtype: str) -> None:
    rng = np.random.default_rng(6)
    for sizes in SIZES:
        for _ in range(6):
            net = random_net(rng, sizes, dtype, COSTS_TRIED)
            X, Y = random_data(rng, net, 5)
            s = rng.random(5).astype(dtype)
            v = rng.standard_normal(net.n_parameters).astype(dtype)
            v_w, v_b = ([np.ascontiguousarray(part) for part in parts] for parts in unpacked(net, v))
            slow = textbook_hessian_vector(net, X, Y, s, v_w, v_b)
            flat = np.concatenate([part.ravel() for layer in zip(*slow, strict=True) for part in layer])
            fast = net.hessian_vector_product(X, Y, v, sample_weight=s)
            assert same_bits(fast + net.dtype.type(0), flat)


@pytest.mark.parametrize(
    "hidden", ["sigmoid", "tanh", "softplus", "silu", "gelu", "mish", "relu", "leaky_relu", "identity"]
)
@pytest.mark.parametrize(
    ("output", "cost"), [("identity", "quadratic"), ("sigmoid", "quadratic"), ("sigmoid", "cross_entropy"),
                         ("softmax", "cross_entropy"), ("exp", "poisson"), ("gelu", "quadratic")],
)  # fmt: skip
def test_hessian_vector_product_is_the_derivative_of_the_gradient(hidden: str, output: str, cost: str) -> None:
    """The gradient in complex arithmetic, written down here, moved by i h along v."""
    rng = np.random.default_rng(CODES[hidden] + 10 * CODES[output])
    sizes = [3, 4, 5, 2]
    net = fastbp.Network(sizes, activations=[hidden, hidden, output], cost=cost, seed=1, init="nielsen_unit_bias")
    X, Y = random_data(rng, net, 4)
    s, v = rng.random(4), rng.standard_normal(net.n_parameters)
    theta = net.parameters().astype(complex) + 1e-30j * v
    w, b = unpacked(net, theta)

    slopes = {
        "sigmoid": lambda z: NAMED["sigmoid"].analytic(z) * NAMED["sigmoid"].analytic(-z),
        "tanh": lambda z: 1 - np.tanh(z) ** 2,
        "softplus": NAMED["sigmoid"].analytic,
        "silu": lambda z: NAMED["sigmoid"].analytic(z) * (1 + z * NAMED["sigmoid"].analytic(-z)),
        "gelu": lambda z: NAMED["gelu"].analytic(z) / z + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
        "mish": lambda z: (
            np.tanh(np.log(1 + np.exp(z))) + z * NAMED["sigmoid"].analytic(z) / np.cosh(np.log(1 + np.exp(z))) ** 2
        ),
        "relu": lambda z: (z.real > 0) + 0j,
        "leaky_relu": lambda z: np.where(z.real > 0, 1, 0.01) + 0j,
        "identity": np.ones_like,
        "exp": np.exp,
    }
    z, a = [], [X.astype(complex)]
    for l in range(3):
        z.append(a[-1] @ w[l].T + b[l])
        a.append(NAMED[net.activations[l]].analytic(z[-1]) if net.activations[l] != "softmax" else softmax(z[-1]))
    delta = (a[-1] - Y) * (slopes[output](z[-1]) if cost == "quadratic" else 1) * s[:, None] / s.sum()
    parts: list[Any] = []
    for l in (2, 1, 0):
        parts = [(delta.T @ a[l]).ravel() + 0.1 * w[l].ravel(), delta.sum(axis=0), *parts]
        if l:
            delta = delta @ w[l] * slopes[hidden](z[l - 1])
    expected = np.concatenate(parts).imag / 1e-30
    product = net.hessian_vector_product(X, Y, v, sample_weight=s, l2=0.1)
    assert np.abs(product - expected).max() <= 1e-11 * np.abs(expected).max()
    product[3] *= 1 + 1e-9
    assert not np.abs(product - expected).max() <= 1e-12 * np.abs(expected[3])


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.real.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def test_the_hessian_is_symmetric() -> None:
    rng = np.random.default_rng(8)
    net = fastbp.Network([3, 4, 2], activations=["tanh", "softmax"], cost="cross_entropy", seed=2)
    X, Y = random_data(rng, net, 6)
    H = np.array([net.hessian_vector_product(X, Y, e) for e in np.eye(net.n_parameters)])
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    assert not np.allclose(H, 0)


@pytest.mark.parametrize("name", [name for name in CODES if CODES[name] != SOFTMAX])
def test_curvature_is_the_slope_of_the_slope(name: str) -> None:
    for z in np.random.default_rng(9).uniform(-4, 4, 20):
        h = 1e-5
        difference = (sigma_prime(CODES[name], z + h) - sigma_prime(CODES[name], z - h)) / (2 * h)
        assert sigma_double_prime(CODES[name], z) == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_messages() -> None:
    net = fastbp.Network([3, 4, 2])
    X, Y = np.zeros((2, 3)), np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"v has shape \(3,\); this network has 26 parameters"):
        net.hessian_vector_product(X, Y, np.zeros(3))
    with pytest.raises(ValueError, match="X has 2 columns"):
        net.input_jacobian(np.zeros((2, 2)))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_slices_of_samples(sizes: list[int], dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few samples are between two looks at Ctrl-C, the bits are the same."""
    rng = np.random.default_rng(6)
    net = random_net(rng, sizes, dtype)
    X, Y = random_data(rng, net, 11)
    v, s = rng.standard_normal(net.n_parameters), rng.random(11)

    def everything() -> list[bytes]:
        w, b = net.per_sample_gradient(X, Y)
        product = net.hessian_vector_product(X, Y, v, sample_weight=s)
        found = [net.input_jacobian(X), net.parameter_jacobian(X), product, *w, *b]
        return [part.tobytes() for part in found]

    whole, forward, slices = everything(), tangents._forward, []

    def noted(layers: tangents.Layers, rows: np.ndarray) -> Any:
        slices.append(len(rows))
        return forward(layers, rows)

    monkeypatch.setattr(tangents, "_forward", noted)
    monkeypatch.setattr(tangents, "AT_ONCE", 1.0)
    assert everything() == whole
    assert slices == [1] * 44
    monkeypatch.setattr(tangents, "AT_ONCE", 4 * 6 * tangents._operations(net._as_layers()))
    assert everything() == whole
    slices.clear()
    net.hessian_vector_product(X, Y, v)  # it takes six times as long as F1
    assert slices == [4, 4, 3]
