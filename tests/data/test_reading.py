"""What is to be learned: classes or numbers, by what the targets are; sources that are no files; samples held out."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from data_files import written

from fastbp.data.reading import Data, read, split, split_indices
from fastbp.data.scaling import Scale
from fastbp.errors import LoadError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (np.array([0, 1] * 5), "classification", (0, 1)),
        (np.array([1.0, -1.0] * 5), "classification", (-1, 1)),
        (np.array([True, False] * 5), "classification", (False, True)),
        (np.array(["b", "a"] * 5), "classification", ("a", "b")),
        (np.array([b"b", b"a"] * 5), "classification", ("a", "b")),
        (np.array([3, 1, 4, 1, 5, 3, 1, 4, 1, 5]), "classification", (1, 3, 4, 5)),
        (np.eye(2)[[0, 1] * 5], "classification", (0, 1)),
        (np.array([[1], [2]] * 5), "classification", (1, 2)),
        (np.array([0.5, 1.0] * 5), "regression", None),
        (np.arange(10), "regression", None),
        (np.arange(10.0), "regression", None),
        (np.ones((10, 2)), "regression", None),
    ],
)
def test_task_is_chosen_from_the_target(tmp_path, y, task, classes):
    np.savez(tmp_path / "d.npz", X=np.ones((10, 2)), y=y)
    data = read(tmp_path / "d.npz")
    assert (data.task, data.classes) == (task, classes)
    if classes is None:
        assert data.Y.dtype == np.float64
        np.testing.assert_array_equal(data.Y, y.reshape(10, -1))
    else:
        assert data.Y.dtype == np.int64
        names = y.argmax(axis=1) if y.shape == (10, 2) else y.ravel()
        assert [classes[i] for i in data.Y] == [n.decode() if isinstance(n, bytes) else n for n in names.tolist()]


def test_task_can_be_given(tmp_path):
    np.savez(tmp_path / "d.npz", X=np.ones((10, 2)), y=np.arange(10), f=np.arange(10) / 2, m=np.ones((10, 2)))
    assert read(tmp_path / "d.npz", task="classification").classes == tuple(range(10))
    assert read(tmp_path / "d.npz", "f", task="classification").classes == tuple(np.arange(10) / 2)
    np.savez(tmp_path / "e.npz", X=np.ones((4, 2)), y=np.array([0, 1, 0, 1]), t=np.array(["a", "b"] * 2))
    assert read(tmp_path / "e.npz", task="regression").Y.shape == (4, 1)
    with pytest.raises(ValueError, match="the text 'a' as its target in row 0"):
        read(tmp_path / "e.npz", "t", task="regression")
    with pytest.raises(ValueError, match="not one-hot"):
        read(tmp_path / "d.npz", "m", task="classification")
    with pytest.raises(ValueError, match="task is 'cluster'"):
        read(tmp_path / "e.npz", task="cluster")


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"X": np.array([[1.0, 2], [3, np.nan]]), "y": [0, 1]}, "value nan in row 1, column 1"),
        ({"X": np.array([[1.0, -np.inf]]), "y": [0]}, "value -inf in row 0, column 1"),
        ({"X": np.ones((2, 2)), "y": [0.5, np.nan]}, "target that is missing or infinite in row 1"),
        ({"X": np.ones(4), "y": np.ones(4)}, r"shape \(4,\)"),
        ({"X": np.ones((0, 4)), "y": np.ones(0)}, "no samples"),
        ({"X": np.ones((4, 0)), "y": [0, 1, 0, 1]}, r"shape \(4, 0\)"),
        ({"X": np.ones((2, 2)) * 1j, "y": [0, 1]}, "type complex128"),
        ({"X": np.array([["a"], ["b"]]), "y": [0, 1]}, "type <U1"),
        ({"X": np.ones((2, 2)), "y": np.ones((2, 2, 2))}, r"targets of shape \(2, 2, 2\)"),
        ({"X": np.ones((2, 2)), "y": np.ones(2) * 1j}, "targets of type complex128"),
        ({"X": np.ones((2, 2)), "y": [0, 1], "X_test": np.ones((2, 2)), "y_test": np.eye(2)}, "columns must agree"),
    ],
)
def test_values_that_cannot_be_used(tmp_path, arrays, match):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(LoadError, match=match) as caught:
        read(tmp_path / "d.npz")
    assert "d.npz" in str(caught.value)


def test_sources_that_do_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.csv", 0)
    with pytest.raises(LoadError, match=r"reads 'digits', MNIST's idx files"):
        read(written(tmp_path / "notes.me", "hello"))


def test_digits():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    data = read("digits")
    digits = sklearn_datasets.load_digits()
    np.testing.assert_array_equal(data.X, digits.data)
    np.testing.assert_array_equal(data.Y, digits.target)
    assert (data.classes, data.image, data.task) == (tuple(range(10)), (8, 8), "classification")
    assert data.scaling() == Scale(0.0, 16.0)
    assert repr(data).startswith("Data(task='classification', name='digits'")


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fastbp\[sklearn\]"'):
        read("digits")


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("counts", [(50, 50), (90, 10), (97, 1, 2), (33, 33, 34), (3, 3, 3)])
def test_split_keeps_the_proportions(counts, fraction):
    labels = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    kept, aside = split_indices(len(labels), fraction, seed=3, labels=labels)
    assert sorted([*kept, *aside]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all()
    for c, count in enumerate(counts):
        taken = (labels[aside] == c).sum()
        assert abs(taken - count * fraction) <= (1 if min(counts) >= 10 else len(counts))
        assert taken < count
    assert abs(len(aside) - len(labels) * fraction) <= len(counts)


def test_split_is_seeded():
    first, again, other = (split_indices(100, 0.2, seed=s)[1] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == 20


def test_split_of_data(tmp_path):
    X = np.arange(40).reshape(20, 2)
    data = Data(X, np.arange(20) % 2, task="classification", name="d", classes=(0, 1))
    parts = split(data, 0.25, seed=0)
    assert (len(parts.X), len(parts.X_test)) == (15, 5)
    np.testing.assert_array_equal(parts.X[:, 0] // 2 % 2, parts.Y)
    np.testing.assert_array_equal(parts.X_test[:, 0] // 2 % 2, parts.Y_test)
    with pytest.raises(ValueError, match="test part of 5 samples already"):
        split(parts)
    for fraction in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            split(data, fraction)
    with pytest.raises(ValueError, match="one part of 2 samples would be empty"):
        split_indices(2, 0.1)
