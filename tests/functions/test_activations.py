"""sigma and sigma' against values with 50 digits; vector loops against single calls, as bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from nets import SMALL, same_bits

from fastbp.functions import activations, elementary
from fastbp.functions.activations import CODES, RELU, SOFTMAX, sigma, sigma_prime, sigma_prime_notes
from fastbp.kernels import dense

mp.mp.dps = 50
N = 40 if SMALL else 400


def logistic(z: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-z))


def phi(z: mp.mpf) -> mp.mpf:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def gate(z: mp.mpf) -> mp.mpf:
    return mp.tanh(mp.log1p(mp.exp(z)))


EXACT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sigmoid": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "relu": (lambda z: max(z, mp.mpf(0)), lambda z: mp.mpf(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else z / 100, lambda z: mp.mpf(1) if z > 0 else mp.mpf(1) / 100),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), logistic),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * logistic(-z))),
    "gelu": (lambda z: z * phi(z), lambda z: phi(z) + z * mp.npdf(z)),
    "mish": (lambda z: z * gate(z), lambda z: gate(z) + z * mp.sech(mp.log1p(mp.exp(z))) ** 2 * logistic(z)),
    "identity": (lambda z: z, lambda z: mp.mpf(1)),
    "exp": (mp.exp, mp.exp),
}


def samples(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(40)
    parts = [rng.uniform(-3, 3, N), rng.uniform(-30, 30, N), rng.uniform(-1e-3, 1e-3, N // 4), [0.0, 40.0, -40.0]]
    return np.concatenate(parts).astype(dtype)


def units(value: Any, exact: Any, dtype: str, scale: Any = None) -> float:
    """Error in units of eps of the exact value, or of ``scale``; results below the least normal number aside."""
    info = np.finfo(dtype)
    if max(abs(value), abs(exact)) < 4 * info.tiny:
        return 0.0  # an exponential below the least normal number may have become 0
    size = max(abs(exact) if scale is None else scale, mp.mpf(float(info.tiny)))
    return float(abs(mp.mpf(float(value)) - exact) / size / mp.mpf(float(info.eps)))


@pytest.mark.parametrize("name", EXACT)
def test_sigma_and_its_derivative(name: str, dtype: str) -> None:
    """A few units in the last place; where terms of opposite sign cancel, of the larger term."""
    exact, slope = EXACT[name]
    for z in samples(dtype):
        x = mp.mpf(float(z))
        a, d = sigma(CODES[name], z), sigma_prime(CODES[name], z)
        assert float(a) == z.dtype.type(a), "not a number of the dtype of z"
        assert float(d) == z.dtype.type(d), "not a number of the dtype of z"
        # The exponent of gelu's bell is rounded before e is raised to it.
        bound = 4 + (float(z) ** 2 if name == "gelu" else 0)
        assert units(a, exact(x), dtype) <= bound, z
        largest = max(abs(slope(x)), {"silu": logistic(x), "gelu": phi(x), "mish": gate(x)}.get(name, mp.mpf(0)))
        assert units(d, slope(x), dtype, largest) <= bound, z


@pytest.mark.parametrize(
    ("function", "exact", "low", "high"),
    [
        (elementary.exp, mp.exp, -85, 85),
        (lambda x: elementary.expm1(x)[0], mp.expm1, -30, 0),
        (lambda x: elementary.expm1(x)[1], mp.exp, -30, 0),
        (elementary.log1p, mp.log1p, 0, 1),
        (elementary.log, mp.log, 1, 1000),
    ],
    ids=["exp", "expm1", "exp of expm1", "log1p", "log"],
)
def test_elementary_functions(function: Any, exact: Any, low: float, high: float, dtype: str) -> None:
    for x in np.random.default_rng(41).uniform(low, high, N).astype(dtype):
        assert units(function(x), exact(mp.mpf(float(x))), dtype) <= 2, x


def test_a_wrong_value_is_caught(dtype: str) -> None:
    z = np.dtype(dtype).type(0.7)
    wrong = sigma(CODES["tanh"], z) * (1 + 8 * np.finfo(dtype).eps)
    assert units(wrong, mp.tanh(mp.mpf(float(z))), dtype) > 4


def test_the_ends_of_the_line(dtype: str) -> None:
    kind = np.dtype(dtype).type
    low, high, nan = kind(-np.inf), kind(np.inf), kind(np.nan)
    assert elementary.exp(low) == 0
    with np.errstate(over="ignore"):  # as plain Python, NumPy says that e^x overflows
        assert elementary.exp(high) == high
        assert activations.exponential(high) == (high, high)
    assert activations.exponential(low) == (0, 0)
    ends = {
        "sigmoid": ((0, 0), (1, 0)),
        "tanh": ((-1, 0), (1, 0)),
        "relu": ((0, 0), (high, 1)),
        "leaky_relu": ((low, kind(0.01)), (high, 1)),
        "softplus": ((0, 0), (high, 1)),
        "silu": ((0, 0), (high, 1)),
        "gelu": ((0, 0), (high, 1)),
        "mish": ((0, 0), (high, 1)),
        "identity": ((low, 1), (high, 1)),
    }
    for name, (left, right) in ends.items():
        pair = getattr(activations, name)
        assert tuple(pair(low)) == left, name
        assert tuple(pair(high)) == right, name
        assert np.isnan(pair(nan)[0]), name


def test_a_saturated_neuron_keeps_its_slope(dtype: str) -> None:
    """sigma' from z keeps its digits where a (1 - a) has none."""
    for z in (40.0, 80.0, -80.0):
        x = np.dtype(dtype).type(z)
        exact = logistic(mp.mpf(z)) * logistic(mp.mpf(-z))
        assert units(sigma_prime(CODES["sigmoid"], x), exact, dtype) < 4
    assert sigma_prime_notes(np.dtype(dtype).type(80)) == 0


def test_the_notes_slope_is_within_its_bound(dtype: str) -> None:
    for z in samples(dtype):
        a = float(sigma(CODES["sigmoid"], z))
        difference = abs(float(sigma_prime_notes(z)) - float(sigma_prime(CODES["sigmoid"], z)))
        assert difference <= 2 * np.finfo(dtype).eps * a


def test_relu_at_zero(dtype: str) -> None:
    assert sigma_prime(RELU, np.dtype(dtype).type(0)) == 0


@pytest.mark.parametrize("name", [name for name in CODES if CODES[name] != SOFTMAX])
def test_vectors_tails_and_single_calls_have_the_same_bits(name: str, dtype: str) -> None:
    values = np.random.default_rng(42).uniform(-100, 100, 150).astype(dtype)
    for n in (1, 7, 150) if SMALL else (1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 150):
        z = values[:n].copy()
        a, d = np.empty_like(z), np.empty_like(z)
        with np.errstate(over="ignore"):  # e^100 is infinite in float32; plain Python says so, compiled code does not
            dense.activation(CODES[name], n, z, a, d)
            assert same_bits(a, np.array([sigma(CODES[name], x) for x in z], dtype))
            assert same_bits(d, np.array([sigma_prime(CODES[name], x) for x in z], dtype))
