"""What is done a chunk at a time is what NumPy does at once, wherever a chunk ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import r2_score

import fastbp
from fastbp import chunks
from fastbp.arrays import as_inputs
from fastbp.nielsen._book import stacked
from fastbp.runtime import csr
from fastbp.targets import Targets, as_targets, decide, out_of_reach

DTYPES = (np.float64, np.float32, np.int64, np.uint8, bool)


@pytest.fixture(autouse=True, params=[1, 100, 1 << 24])
def chunk_bytes(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", request.param)
    return int(request.param)


def values(shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    return (100 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("n", [0, 1, 2, 24, 25, 26, 100])
def test_every_row_is_in_one_chunk(n: int, chunk_bytes: int) -> None:
    slices = list(chunks.chunks(n, 4))
    assert np.array_equal(np.concatenate([np.arange(n)[rows] for rows in slices] or [np.arange(0)]), np.arange(n))
    assert all((rows.stop - rows.start) * 4 <= max(4, chunk_bytes) for rows in slices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (30,), (13, 7), (1, 60)])
def test_extremes(shape: tuple[int, ...], dtype: Any) -> None:
    array = values(shape, dtype)
    for found, expected in zip(chunks.extremes(array), (array.min(), array.max()), strict=True):
        assert found == expected
        assert found.dtype == dtype
    assert chunks.largest_magnitude(array) == np.abs(array.astype(float)).max()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_value_is_seen(bad: float, dtype: Any) -> None:
    array = values((61,), dtype)
    assert chunks.all_finite(array)
    for i in range(61):
        spoilt = array.copy()
        spoilt[i] = bad
        spoilt.flags.writeable = False
        assert not chunks.all_finite(spoilt)
        assert np.isnan(chunks.largest_magnitude(spoilt)) == np.isnan(bad)
        assert not chunks.every(np.isfinite, spoilt)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_magnitude_wherever_it_stands(sign: int, dtype: Any) -> None:
    array = values((61,), dtype)
    for i in range(61):
        largest = array.copy()
        largest[i] = sign * 1e6
        assert chunks.largest_magnitude(largest) == 1e6
    for order in ("C", "F"):
        assert chunks.largest_magnitude(np.array(largest[:60].reshape(12, 5), order=order)) < 1e6
    assert chunks.largest_magnitude(array[:0]) == 0


@pytest.mark.parametrize("into", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["C", "F", "strided", "swapped", "unaligned"])
def test_contiguous(way: str, dtype: Any, into: Any) -> None:
    array = values((13, 7), dtype)
    if way == "F":
        array = np.asfortranarray(array)
    elif way == "strided":
        array = np.repeat(array, 2, axis=1)[:, ::2]
    elif way == "swapped":
        array = array.astype(array.dtype.newbyteorder())
    elif way == "unaligned":
        array = np.frombuffer(b"." + array.tobytes(), dtype, offset=1).reshape(array.shape)
    found, expected = chunks.contiguous(array, into), np.require(array, into, ["C", "A"])
    assert found.tobytes() == expected.tobytes()
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.flags.c_contiguous
    assert found.flags.aligned
    assert found.dtype.isnative
    assert (found is array) == (expected is array)
    copied = chunks.contiguous(array, into, copy=True)
    assert copied.tobytes() == expected.tobytes()
    assert not np.shares_memory(copied, array)


def test_what_does_not_fit_into_float32_becomes_infinite_without_a_warning() -> None:
    found = chunks.contiguous(np.full((20, 3), 1e300), np.float32)
    assert np.isinf(found).all()


@pytest.mark.parametrize("J", [1, 3])
def test_targets(J: int) -> None:
    Y = np.random.default_rng(0).integers(0, 2, (40, J)).astype(float)
    assert Targets(Y, None).are_classes
    assert np.array_equal(decide(Y), Y.argmax(axis=1) if J > 1 else Y[:, 0])
    for i in range(40):
        odd = Y.copy()
        odd[i, -1] = 1.25
        assert not Targets(odd, None).are_classes
        assert f"1.25 in row {i}" in (out_of_reach(odd, "sigmoid") or "")
    softmax = np.full((40, 2), 0.5)
    assert out_of_reach(softmax, "softmax") is None
    softmax[39] = 0.25
    assert "row 39" in (out_of_reach(softmax, "softmax") or "")


def test_samples_and_labels() -> None:
    X = values((40, 3), np.int32)
    assert np.array_equal(as_inputs(X, 3, np.dtype(np.float32)), X)
    spoilt = X.astype(float)
    spoilt[17, 2] = np.nan
    with pytest.raises(ValueError, match="nan in row 17, column 2"):
        as_inputs(spoilt, 3, np.dtype(np.float64))
    labels = (np.arange(40) % 4).astype(float)
    targets = as_targets(labels, 40, 4, ("quadratic", 0.0), "sigmoid", np.dtype(np.float64))
    assert targets.labels is not None
    assert np.array_equal(targets.labels, labels)
    labels[31] = 0.5
    with pytest.raises(ValueError, match=r"0\.5 in row 31"):
        as_targets(labels, 40, 4, ("quadratic", 0.0), "sigmoid", np.dtype(np.float64))
    labels[31] = 4
    with pytest.raises(ValueError, match="label 4 in row 31"):
        as_targets(labels, 40, 4, ("quadratic", 0.0), "sigmoid", np.dtype(np.float64))


def test_sparse_rows() -> None:
    dense = values((40, 5), np.float32)
    dense[dense < 0] = 0
    X = csr_array(dense)
    rows = csr.as_rows(X, np.float64)
    assert np.array_equal(csr_array((rows.values, rows.indices, rows.indptr), rows.shape).toarray(), dense)
    assert not np.shares_memory(rows.indices, X.indices)


def test_rows_that_are_taken() -> None:
    array, index = values((40, 3)), np.random.default_rng(1).permutation(40)[:23]
    assert np.array_equal(chunks.take(array, index), array[index])
    assert np.shares_memory(chunks.take(array, slice(3, 9)), array)


@pytest.mark.parametrize("dtype", DTYPES[:4])  # of bool all values are 1
def test_mean_and_deviation(dtype: Any) -> None:
    """To the bit: sums over rows begin with that of the chunks before."""
    array = values((60, 4), dtype)
    scale = fastbp.standardise(array)
    assert scale.subtract.tobytes() == array.astype(float).mean(axis=0).tobytes()
    assert scale.divide.tobytes() == array.astype(float).std(axis=0).tobytes()


def test_the_books_columns(chunk_bytes: int) -> None:
    rows = values((40, 3))
    assert np.array_equal(stacked([row[:, None] for row in rows], 3, "x"), rows)
    for spoilt, message in ((rows[5], r"x of sample 5 has shape \(3,\)"), (rows[:3], "x of sample 5 has shape")):
        columns = [row[:, None] for row in rows]
        columns[5] = spoilt
        with pytest.raises(ValueError, match=message):
            stacked(columns, 3, "x")


def test_the_share_of_variance() -> None:
    rng = np.random.default_rng(2)
    net = fastbp.Network([4, 3], activations="identity", seed=0)
    X, Y, s = rng.standard_normal((60, 4)), rng.standard_normal((60, 3)), rng.random(60)
    found = net.evaluate(X, Y, sample_weight=s)["r2"]
    assert found == pytest.approx(r2_score(Y, net.feedforward(X), sample_weight=s), rel=1e-12)


def test_a_model_file(tmp_path: Path) -> None:
    """The same bytes, and the same digest of them, whatever is hashed and read at a time."""
    net = fastbp.Network([4, 5, 3], seed=0)
    fastbp.save(net, tmp_path / "a.fastbp")
    assert fastbp.load(tmp_path / "a.fastbp").theta.tobytes() == net.theta.tobytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chunks, "CHUNK_BYTES", 1 << 30)
        fastbp.save(net, tmp_path / "b.fastbp")
    assert (tmp_path / "a.fastbp").read_bytes() == (tmp_path / "b.fastbp").read_bytes()


def test_a_training_and_its_evaluation() -> None:
    """The bits of other sizes of chunks, whatever is in between."""
    X, Y = values((60, 4), np.float32).T.copy().T, np.arange(60) % 3
    found = []
    for size in (chunks.CHUNK_BYTES, 1 << 30):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(chunks, "CHUNK_BYTES", size)
            net = fastbp.Network([4, 5, 3], seed=0)
            run = fastbp.train(net, X, Y, epochs=2, seed=1, validation=(X, Y))
            found.append((net.theta.tobytes(), run.history, net.evaluate(X, np.eye(3)[Y])))
    assert found[0] == found[1]
