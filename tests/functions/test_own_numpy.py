"""NumPy's functions in a user's own: the same of numbers, whatever Numba knows of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nets import same_bits, textbook_gradient

import fastbp
from fastbp.functions.own_rows import second_row
from fastbp.jit.rows import Rows, guarded

Z = np.array([-2.5, -1.0, -0.0, 0.0, 0.3, 1.0, 7.0, np.nan, np.inf])

SINGLE: list[Callable[[Any], Any]] = [
    lambda z: np.where(z > 0, z, 0.125 * z),
    lambda z: np.where(z > 0, 1, 0) * z,
    lambda z: np.where(z < -1, -1.0, np.where(z > 1, 1.0, z)),
    lambda z: np.where(np.isnan(z), 0, z),
    lambda z: np.clip(z, -1.0, 1.0) * 0.1,
    lambda z: np.clip(z, None, 0.5),
    lambda z: np.clip(z, a_min=-1, a_max=z / 2),
    lambda z: np.heaviside(z, 0) * 3,
    lambda z: np.sign(z) + np.abs(z) + np.maximum(z, 0) - np.minimum(z, 0.0),
    lambda z: np.pi * z + math.tau,
]


@pytest.mark.compiled
@pytest.mark.parametrize("f", SINGLE, ids=range(len(SINGLE)))
def test_compiled_they_have_the_bits_of_numpy(f: Callable[[Any], Any]) -> None:
    rows = Rows([second_row(guarded(f, 1))])
    for dtype in (np.float32, np.float64):
        z = Z.astype(dtype)
        with np.errstate(all="ignore"):
            expected = np.array([dtype(f(number)) for number in z])
        out = np.zeros_like(z)
        rows(0, z.size, z, out, np.zeros_like(z))
        assert same_bits(out, expected)


def hinge(z: Any) -> Any:
    return np.where(z > 1, 1.0, np.clip(z, 0, None))


def hinge_prime(z: Any) -> Any:
    return np.heaviside(z, 0) * np.where(z > 1, 0, 1)


def test_in_activations_costs_and_optimizers() -> None:
    activation = fastbp.activation("numpy_hinge", hinge, hinge_prime, range=(0, 1))
    cost = fastbp.cost(
        "numpy_cost", lambda a, y: np.where(a > y, 2, 1) * (a - y) ** 2, lambda a, y: np.where(a > y, 4, 2) * (a - y)
    )

    def clipped(g: Any, w: Any, m: Any, eta: Any, t: Any) -> Any:
        return np.where(g > 0, w - eta, w + eta), np.clip(m + g, -1, None)

    assert (repr(activation), repr(cost)) == (
        "<activation 'numpy_hinge', a user's own>",
        "<cost 'numpy_cost', a user's own>",
    )
    X, Y = np.random.RandomState(0).randn(6, 3), np.random.RandomState(1).rand(6, 2)
    for dtype in ("float32", "float64"):
        net = fastbp.Network([3, 4, 2], activations=[activation, "tanh"], cost=cost, seed=0, dtype=dtype)  # type: ignore[arg-type]
        g, expected = net.gradient(X, Y), textbook_gradient(net, X, Y)
        assert all(same_bits(g.w[l], expected.w[l - 1]) for l in (1, 2))
        assert fastbp.gradcheck(net, X, Y).passed
        before, g = net.copy(), net.gradient(X, Y)
        run = fastbp.train(net, X, Y, optimizer=fastbp.optimizer(clipped, 0.25), epochs=1)
        assert run._state is not None
        state = before.copy()
        state.theta[:] = run._state.moments
        for l in (1, 2):
            moved = np.where(g.w[l] > 0, before.w[l] - net.dtype.type(0.25), before.w[l] + net.dtype.type(0.25))
            assert same_bits(net.w[l], moved)
            np.testing.assert_allclose(state.w[l], np.maximum(g.w[l], -1), rtol=1e-5)


TABLE, WORDS = [1.0], {"a": 1.0}

LACKING: list[tuple[Callable[[Any], Any], str]] = [
    (lambda z: np.select([z > 0], [z], 0.0), "Numba knows no select of these arguments"),
    (lambda z: np.dot(z, 2.0), "Numba knows no dot of these arguments"),
    (lambda z: np.where(z > 0), "Numba knows no where of these arguments"),
    (lambda z: TABLE[0] * z, "it uses the list TABLE; a tuple or an array is needed"),
    (lambda z: WORDS["a"] * z, "it uses WORDS, of type dict"),
]


def refused(reason: str, function: Any, *, begin: str) -> None:
    with pytest.raises(TypeError, match=begin + reason) as caught:
        function()
    assert " at 0x" not in str(caught.value)
    assert "numba.core" not in str(caught.value)


@pytest.mark.compiled
@pytest.mark.parametrize(("f", "why"), LACKING)
def test_what_cannot_be_compiled_is_said_in_plain_words(f: Callable[[Any], Any], why: str) -> None:
    refused(why, lambda: fastbp.activation("never", f, f), begin="^f cannot be compiled: ")


@pytest.mark.plain
def test_what_returns_no_number_is_refused() -> None:
    for f in (lambda z: str(z), lambda z: (z, z), lambda z: None, lambda z: 1j * z):
        with pytest.raises(TypeError, match=r"^f cannot be compiled: it returns a \w+, not a number"):
            fastbp.activation("uncompiled", f, lambda z: 1.0)


def test_numbers_beyond_float32_are_infinite_in_it_without_a_warning() -> None:
    steep = guarded(lambda z: 1e100 * z, 1)
    assert steep(np.float64(2.0)) == 2e100


@pytest.mark.compiled
def test_so_it_is_where_a_list_comes_from_around_and_of_updates() -> None:
    factors, net = [0.5], fastbp.Network([2, 2], seed=0)
    why = "it uses a list from around it; a tuple or an array is needed"
    refused(
        why, lambda: fastbp.activation("never", lambda z: factors[0] * z, math.sin), begin="^f cannot be compiled: "
    )

    def listed(g: Any, w: Any, eta: Any, t: Any) -> Any:
        return w - eta * g * TABLE[0]

    def selected(g: Any, w: Any, m: Any, eta: Any, t: Any, beta: float = 0.5) -> Any:
        return w - eta * g, np.select([g > 0], [g], beta * m)

    def boxed(g: Any, w: Any, eta: Any, t: Any) -> Any:
        return np.array(w - eta * g)

    for update, reason in (
        (listed, "it uses the list TABLE; a tuple"),
        (selected, "Numba knows no select of these"),
        (boxed, r"it returns array\(float64, 0d, C\); needed are w, a number"),
    ):
        optimizer = fastbp.optimizer(update, 0.1)
        refused(
            reason,
            lambda optimizer=optimizer: fastbp.train(net, np.eye(2), np.eye(2), optimizer=optimizer),
            begin=rf"^optimizer is {update.__name__}, which cannot be compiled \(",
        )
