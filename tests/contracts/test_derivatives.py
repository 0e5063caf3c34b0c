"""Backpropagation against derivatives that do not share its derivation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nets import HIDDEN, SMALL, random_data, random_net

import fastbp
from fastbp.checks import ACTIVATIONS, COSTS, check_cost
from fastbp.derivatives import numerical_gradient

N_NETS = 70 if SMALL else 504
WIDEST = 7 if SMALL else 40
BOUND = {"float64": 1e-13, "float32": 2e-5}


def legal_outputs() -> list[tuple[str, str]]:
    """Every output activation with every cost that it goes with."""
    pairs = []
    for cost, activation in itertools.product(COSTS, ACTIVATIONS):
        try:
            pairs.append((activation, check_cost(cost, [activation])))
        except ValueError:
            pass
    return pairs


def test_complex_step_of_random_nets(dtype: str) -> None:
    """At least 500 nets: depth 1 to 5, width 1 to 40, every activation, every legal cost.

    Of a seed whose nets are well conditioned: where all paths lead through one neuron whose z or error nearly cancels,
    no arithmetic keeps within the bound, and of 500 nets now and then one is such.
    """
    rng = np.random.default_rng(14)
    pairs = legal_outputs()
    assert len(pairs) == 44
    outputs, hidden, depths, widths = set(), set(), set(), set()
    for i in range(N_NETS):
        cost = [*COSTS][i % len(COSTS)]  # each as often, whatever the number of its outputs
        going = [activation for activation, of in pairs if of == cost]
        output = going[i // len(COSTS) % len(going)]
        sizes = [int(n) for n in rng.integers(1, WIDEST + 1, 2 + i % 5)]
        names = [str(name) for name in rng.choice(HIDDEN, len(sizes) - 2)]
        if names and rng.random() < 0.1:  # one at most: exp of exp leaves the range of numbers
            names[rng.integers(len(names))] = "exp"
        net = fastbp.Network(
            sizes, activations=[*names, output], cost=cost, dtype=dtype, seed=rng, init="nielsen_unit_bias"
        )
        X, Y = random_data(rng, net, int(rng.integers(1, 6)))
        check = fastbp.gradcheck(net, X, Y, tolerance=BOUND[dtype])
        assert check.passed, f"{i}: {net}\n{check}"
        outputs.add((output, cost))
        hidden |= {(name, cost) for name in names}
        depths.add(net.L)
        widths |= {*sizes}
    assert outputs == {*pairs}
    assert depths == {1, 2, 3, 4, 5}
    assert widths == {*range(1, WIDEST + 1)}
    if not SMALL:
        assert hidden == {*itertools.product([*ACTIVATIONS][:-1], COSTS)}


def test_penalties_and_weights(dtype: str) -> None:
    rng = np.random.default_rng(11)
    net = random_net(rng, [4, 5, 3], dtype)
    X, Y = random_data(rng, net, 7)
    check = fastbp.gradcheck(net, X, Y, sample_weight=rng.random(7), l1=0.05, l2=0.2, tolerance=BOUND[dtype])
    assert check.passed, str(check)


def test_centred_differences() -> None:
    rng = np.random.default_rng(12)
    net = random_net(rng, [4, 6, 3], "float64")
    X, Y = random_data(rng, net, 5)
    check = fastbp.gradcheck(net, X, Y, method="centred")
    assert check.passed, str(check)
    assert check.worst > 1e-13, "a centred difference is never this good: is it one?"


def test_a_wrong_gradient_fails() -> None:
    rng = np.random.default_rng(13)
    net = random_net(rng, [4, 6, 3], "float64")
    X, Y = random_data(rng, net, 5)
    wrong = net.gradient(X, Y)
    wrong.w[1][2, 3] *= 1 + 1e-6
    check = fastbp.gradcheck(net, X, Y, gradient=wrong)
    assert not check.passed
    assert "FAILED" in str(check)
    assert check.w[2] < 1e-12 < check.w[1]
    wrong.b[2][1] = np.nan
    assert not fastbp.gradcheck(net, X, Y, gradient=wrong, tolerance=1e-3).passed


def test_a_gradient_of_ones_own() -> None:
    """A function, a pair of lists as in the book, or what the textbook returns."""
    rng = np.random.default_rng(15)
    net = fastbp.Network([3, 4, 2], seed=rng)
    x, y = rng.standard_normal((1, 3)), rng.random((1, 2))

    def mine(net: fastbp.Network, X: np.ndarray, Y: np.ndarray, sign: float = 1.0) -> tuple[list, list]:
        a = [X[0]]
        for w, b in zip(net.w, net.b, strict=True):
            a.append(1 / (1 + np.exp(-(w @ a[-1] + b))))
        delta_2 = sign * (a[2] - Y[0]) * a[2] * (1 - a[2])
        delta_1 = (net.w[2].T @ delta_2) * a[1] * (1 - a[1])
        return [np.outer(delta_1, a[0]), np.outer(delta_2, a[1])], [delta_1, delta_2]

    for gradient in (mine, mine(net, x, y), fastbp.textbook.gradient([*net.w], [*net.b], x[0], y[0])):
        assert fastbp.gradcheck(net, x, y, gradient=gradient, tolerance=1e-13).passed
    assert not fastbp.gradcheck(net, x, y, gradient=lambda *data: mine(*data, sign=-1.0)).passed
    w, b = mine(net, x, y)
    with pytest.raises(ValueError, match=r"A gradient has shape \(4,\); its array has \(4, 3\)"):
        fastbp.gradcheck(net, x, y, gradient=(b, w))
    with pytest.raises(ValueError, match="gradient has 1 arrays for w and 2 for b; this network has 2 layers"):
        fastbp.gradcheck(net, x, y, gradient=(w[:1], b))
    with pytest.raises(TypeError, match="gradient is a ndarray"):
        fastbp.gradcheck(net, x, y, gradient=w[0])


def test_saturated_neurons_keep_their_gradient() -> None:
    """With weights ten times as large a (1 - a) has no digit left; sigma'(z) from z has."""
    rng = np.random.default_rng(14)
    for _ in range(5 if SMALL else 30):
        net = random_net(rng, [5, 6, 4], "float64")
        for w in net.w:
            w *= 10
        X, Y = random_data(rng, net, 4)
        assert fastbp.gradcheck(net, X, Y, tolerance=1e-11).passed


def test_bad_arguments() -> None:
    net = fastbp.Network([2, 2], seed=0)
    with pytest.raises(ValueError, match="method is 'forward'"):
        fastbp.gradcheck(net, [[1, 2]], [[0, 1]], method="forward")
    with pytest.raises(ValueError, match="step is 0"):
        numerical_gradient(net, [[1, 2]], [[0, 1]], step=0.0)
