"""Inputs and targets brought to the range in which networks learn well, and back."""

from __future__ import annotations

import numpy as np
import pytest
from data_files import CSV, written

from fastbp.data.reading import read
from fastbp.data.scaling import Scale, standardise
from fastbp.model import Model
from fastbp.network import Network
from fastbp.saving import load, save

RNG = np.random.default_rng(0)


def test_standardise_gives_mean_0_and_deviation_1():
    X = RNG.normal(3, 5, (500, 4)) * [1, 1e-6, 1e6, 1]
    X[:, 3] = 0.1  # a constant column, whose computed deviation is rounding error
    Z = standardise(X).apply(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0)[:3], 1, rtol=1e-12)
    np.testing.assert_allclose(Z[:, 3], 0, atol=1e-15)


def test_values_too_large_to_standardise():
    with pytest.raises(ValueError, match=r"Column 1 of X has values .* too large"):
        standardise([[1.0, 1e308], [2.0, -1e308]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaling_rounds_once_and_by_rows(dtype):
    X = RNG.integers(0, 256, (5000, 7), dtype=np.uint8)
    scaling = standardise(X)
    expected = ((X - scaling.subtract) / scaling.divide).astype(dtype)
    Z = scaling.apply(X, dtype)
    assert Z.dtype == dtype
    assert Z.flags.c_contiguous
    assert Z.tobytes() == expected.tobytes()
    assert scaling.apply(X[4990:4991], dtype).tobytes() == Z[4990:4991].tobytes()
    pixels = Scale(0, 255).apply(X, dtype)
    assert pixels.tobytes() == (X / 255).astype(dtype).tobytes()


def test_scaling_of_another_width():
    with pytest.raises(ValueError, match=r"shape \(3, 5\); the scaling was made for 4 columns"):
        standardise(np.ones((2, 4))).apply(np.ones((3, 5)))


def test_scaling_and_back_in_blocks_of_wide_rows(monkeypatch):
    monkeypatch.setattr("fastbp.chunks.CHUNK_BYTES", 80)
    X = RNG.normal(size=(5, 30))
    scaling = standardise(X)
    assert scaling.apply(X).tobytes() == ((X - scaling.subtract) / scaling.divide).tobytes()
    np.testing.assert_allclose(scaling.invert(scaling.apply(X)), X, rtol=1e-13)


@pytest.mark.parametrize(
    ("subtract", "divide", "error", "match"),
    [
        (0, 0, ValueError, "divide holds 0"),
        ([1, 2], [1, 0], ValueError, "divide holds 0"),
        ([1, 2, 3], [1, 2], ValueError, "subtract has 3 numbers and divide 2"),
        (float("nan"), 1, ValueError, "subtract is nan; one finite number"),
        (0, [[1.0]], ValueError, r"divide is \[\[1.0\]\]"),
        ("0", 1, TypeError, "subtract is '0'"),
        (0, None, TypeError, "divide is None"),
        ([[1], [1, 2]], 1, TypeError, "subtract is"),
    ],
)
def test_numbers_that_cannot_scale(subtract, divide, error, match):
    with pytest.raises(error, match=match):
        Scale(subtract, divide)


def test_scaling_and_names_travel_with_the_model(tmp_path):
    data = read(written(tmp_path / "pets.csv", CSV), "kind")
    scaling = data.scaling()
    net = Network([2, data.n_outputs], cost="cross_entropy", seed=0, meta=data.meta())
    save(Model(net, [scaling]), tmp_path / "net.fastbp")
    model = load(tmp_path / "net.fastbp")
    meta = model.meta
    assert meta["task"] == "classification"
    assert list(meta["classes"]) == ["cat", "dog"]
    assert list(meta["features"]) == ["length", "width"]
    assert meta["target"] == "kind"
    assert model.steps == (scaling,)
    assert data.named(data.Y).tolist() == ["cat", "dog", "cat"]


@pytest.mark.parametrize(("low", "high", "peak"), [(0, 1, 1.0), (0, 200, 255.0), (-1, 1, None), (0, 1000, None)])
def test_peak_of_float_images(tmp_path, low, high, peak):
    X = np.full((4, 2, 2), low, dtype=np.float32)
    X[0, 0, 0] = high
    np.savez(tmp_path / "d.npz", X=X, y=[0, 1, 0, 1])
    data = read(tmp_path / "d.npz")
    assert data.peak == peak
    assert (data.scaling() == Scale(0, peak or 1)) is (peak is not None)
