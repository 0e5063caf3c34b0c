"""C_x, BP1 and second derivatives of every cost, also of one that is added, against NumPy's complex step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastbp import textbook
from fastbp.functions import activations, costs
from fastbp.functions.entry import CostFunction

H = 1e-30
ENTRIES = [
    pytest.param(code, output, id=f"{entry.name}-{output}")
    for code, entry in enumerate(costs.COSTS)
    for output in entry.outputs or ("identity", "tanh")
    if output != "softmax"
]


def example(entry: CostFunction, output: str, dtype: Any) -> tuple[Any, Any, Any, float]:
    """z, targets for which the cost is defined, a of z, and the parameter."""
    rng = np.random.default_rng(5)
    z = (1.5 * rng.standard_normal((30, 4))).astype(dtype)
    y = np.where(rng.random((30, 4)) < 0.5, 0.0, 1.0) if output == "sigmoid" else np.abs(rng.standard_normal((30, 4)))
    a = textbook.activation(activations.CODES[output], z.reshape(-1)).reshape(z.shape)
    return z, y.astype(dtype), a, 0.0 if entry.parameter is None else entry.parameter.default


def complex_step(entry: CostFunction, output: str, z: Any, y: Any, p: float) -> np.ndarray:
    """dC_x/dz_j."""
    slopes = np.empty(z.shape)
    for j in range(z.shape[1]):
        moved = z.astype(complex)
        moved[:, j] += 1j * H
        a = activations.NAMED[output].analytic(moved)
        slopes[:, j] = entry.analytic(moved, a, y, output, p).imag / H
    return slopes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("code", "output"), ENTRIES)
def test_costs_and_errors_are_those_of_the_complex_step(code: int, output: str, dtype: Any) -> None:
    entry = costs.COSTS[code]
    z, y, a, p = example(entry, output, dtype)
    close = {"rtol": 1e-12, "atol": 1e-13} if dtype is np.float64 else {"rtol": 2e-5, "atol": 2e-6}
    wide_z, wide_y = z.astype(float), y.astype(float)
    wide_a = np.real(activations.NAMED[output].analytic(wide_z))
    known = np.real(entry.analytic(wide_z, wide_a, wide_y, output, p))
    found = [textbook.sample_cost(code, *row, dtype(p)) for row in zip(z, a, y, strict=True)]
    np.testing.assert_allclose(found, known, **close)
    np.testing.assert_allclose(entry.analytic(None, wide_a, wide_y, output, p), known, rtol=1e-11)
    sigma, slopes = activations.CODES[output], complex_step(entry, output, wide_z, wide_y, p)
    delta = [textbook.output_error(code, sigma, *row, dtype(1), p) for row in zip(z, a, y, strict=True)]
    np.testing.assert_allclose(np.array(delta), slopes, **close)
    assert delta[0].dtype == dtype
    with pytest.raises(AssertionError):  # a slope that is a little off would be seen
        np.testing.assert_allclose(np.array(delta) * dtype(1.0001), slopes, **close)


@pytest.mark.parametrize(("code", "output"), [known for known in ENTRIES if known.values[0] != costs.CLIPPED])
def test_second_derivatives_are_differences_of_slopes(code: int, output: str) -> None:
    """By z, on which slopes may depend beside a."""
    z, y, a, p = example(costs.COSTS[code], output, np.float64)
    sigma, h = activations.CODES[output], 1e-6
    for z_j, a_j, y_j in zip(z.flat, a.flat, y.flat, strict=True):
        up, down = (costs.slope(code, moved, activations.sigma(sigma, moved), y_j, p) for moved in (z_j + h, z_j - h))
        by_z = costs.second(code, z_j, a_j, y_j, p) * activations.sigma_prime(sigma, z_j)
        assert by_z == pytest.approx((up - down) / (2 * h), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spelled_out_costs_are_those_of_the_entries(dtype: Any) -> None:
    """The textbook has a loop of each cost in the letters of its equation."""
    rng = np.random.default_rng(7)
    z, y = (1.5 * rng.standard_normal((40, 3))).astype(dtype), np.abs(rng.standard_normal((40, 3))).astype(dtype)
    y[4] = 0
    for x in range(40):
        a, p = textbook.activation(activations.CODES["exp"], z[x]), dtype(1.35)
        known = {
            "absolute": textbook.absolute(a, y[x]),
            "huber": textbook.huber(a, y[x], p),
            "quantile": textbook.quantile(a, y[x], dtype(0.35)),
            "tweedie": textbook.tweedie(z[x], y[x], p),
        }
        for name, value in known.items():
            entry = textbook.sample_cost(costs.CODES[name], z[x], a, y[x], dtype(0.35) if name == "quantile" else p)
            assert value == pytest.approx(entry, rel=20 * float(np.finfo(dtype).eps)), name


@pytest.mark.parametrize("entry", [entry for entry in costs.COSTS if entry.best], ids=lambda entry: entry.name)
def test_best_constants_are_beaten_by_no_neighbour(entry: CostFunction) -> None:
    rng = np.random.default_rng(6)
    y, s = rng.standard_normal((41, 2)), rng.random(41)
    p = 0.0 if entry.parameter is None else entry.parameter.default
    best = entry.best(y, s, p)

    def value(constant: Any) -> float:
        return float(np.average(entry.analytic(None, np.broadcast_to(constant, y.shape), y, "identity", p), weights=s))

    for move in (np.array([1e-3, 0]), np.array([0, 1e-3])):
        assert value(best) <= value(best + move)
        assert value(best) <= value(best - move)
