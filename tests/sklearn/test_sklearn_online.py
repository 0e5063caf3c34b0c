"""`partial_fit` again and again: what is kept between calls changes no bit, and no check is left out."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from nets import same_bits
from sklearn import neural_network

from fastbp.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(2)


def same(a: Any, b: Any) -> bool:
    parts = zip([*a.coefs_, *a.intercepts_], [*b.coefs_, *b.intercepts_], strict=True)
    return all(same_bits(one, other) for one, other in parts) and a.loss_curve_ == b.loss_curve_


def samples(n: int, dtype: str, kind: Any) -> tuple[np.ndarray, np.ndarray]:
    X = RNG.randn(n, 3).astype(dtype)
    return X, RNG.randint(0, 3, n) if kind is MLPClassifier else RNG.randn(n)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_what_is_kept_changes_no_bit(kind: Any, solver: str, dtype: str) -> None:
    given = {"hidden_layer_sizes": (4,), "solver": solver, "random_state": 3, "n_threads": 1}
    kept, anew = kind(**given), kind(**given)
    first: dict[str, Any] = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    changes = {4: {"alpha": 0.1}, 6: {"dropout": 0.5}, 8: {"clip_norm": 0.1}, 10: {"l1": 0.01}, 12: {"n_threads": 2}}
    for call, n in enumerate([1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 250, 1]):
        X, y = samples(n, dtype, kind)
        for estimator in (kept, anew):
            estimator.set_params(**changes.get(call, {}))
            estimator.partial_fit(X, y, **first)
        anew.__dict__["_networks"].clear()
        anew._optimizer._state = None  # built from its moments again
        first = {}
        assert same(kept, anew)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_single_rows_give_scikit_learns_numbers(kind: Any) -> None:
    ours = kind(hidden_layer_sizes=(4,), random_state=3)
    theirs = getattr(neural_network, kind.__name__)(hidden_layer_sizes=(4,), random_state=3)
    first: dict[str, Any] = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    for _ in range(20):
        X, y = samples(1, "float64", kind)
        for estimator in (ours, theirs):
            estimator.partial_fit(X, y, **first)
        first = {}
    for one, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_weights_that_are_assigned_or_changed_in_place_count() -> None:
    given = {"hidden_layer_sizes": (4,), "random_state": 3}
    one, other = MLPRegressor(**given), MLPRegressor(**given)
    X, y = samples(1, "float64", MLPRegressor)
    for estimator in (one, other):
        estimator.partial_fit(X, y).partial_fit(X, y)
    one.coefs_[0][1, 2] += 0.5
    other.coefs_ = [other.coefs_[0] + np.where(np.arange(12).reshape(3, 4) == 6, 0.5, 0.0), other.coefs_[1]]
    for estimator in (one, pickle.loads(pickle.dumps(one)), other):
        estimator.partial_fit(X, y)
    assert same(one, other)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[0.0, np.nan, 0.0]], [1], "Input X contains NaN"),
        ([[0.0, np.inf, 0.0]], [1], "Input X contains infinity"),
        ([[0.0, 0.0]], [1], "X has 2 features, but MLP.* is expecting 3"),
        ([0.0, 0.0, 0.0], [1], "Expected 2D array, got 1D"),
        (np.empty((0, 3)), [], "Found array with 0 sample"),
        ([[0.0, 0.0, 0.0]], [1, 1], "inconsistent numbers of samples"),
        ([["a", "b", "c"]], [1], "could not convert|dtype='numeric'"),
    ],
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_every_call_is_checked(kind: Any, X: Any, y: Any, message: str) -> None:
    estimator = kind(hidden_layer_sizes=(4,))
    good = samples(2, "float64", kind)
    first: dict[str, Any] = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    estimator.partial_fit(*good, **first).partial_fit(*good)
    before = pickle.dumps(estimator)
    for given in (X, np.asarray(X)):
        with pytest.raises(ValueError, match=message):
            estimator.partial_fit(given, np.asarray(y))
    assert pickle.dumps(estimator) == before
    estimator.partial_fit(*good)


def test_targets_are_checked_in_every_call() -> None:
    classifier, regressor = MLPClassifier(hidden_layer_sizes=(4,)), MLPRegressor(hidden_layer_sizes=(4,))
    X = RNG.randn(2, 3)
    classifier.partial_fit(X, [2, 5], classes=[2, 5, 7]).partial_fit(X, np.array([7, 2]))
    regressor.partial_fit(X, [0.5, 1.0])
    for y in ([2, 3], [1, 2], [8, 2], [2.5, 3.0], ["2", "5"]):
        with pytest.raises(ValueError, match=r"has classes not in `self.classes_`|Unknown label type|Mix of label"):
            classifier.partial_fit(X, np.array(y))
    for y in ([np.nan, 0.0], [np.inf, 1.0]):
        with pytest.raises(ValueError, match="Input y contains"):
            regressor.partial_fit(X, np.array(y))
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        regressor.set_params(early_stopping=True).partial_fit(X, np.array([1.0, 2.0]))


def test_a_generator_of_the_user_s_is_never_seeded() -> None:
    generator = np.random.RandomState(0)
    X, y = samples(4, "float64", MLPRegressor)
    estimator = MLPRegressor(hidden_layer_sizes=(4,), random_state=generator).partial_fit(X, y)
    state = generator.get_state()[1].copy()  # type: ignore[index]
    estimator.set_params(random_state=0).partial_fit(X, y).partial_fit(X, y)
    assert same_bits(generator.get_state()[1], state)  # type: ignore[index]


def test_samples_are_not_kept() -> None:
    X, y = samples(1, "float64", MLPRegressor)
    estimator = MLPRegressor(hidden_layer_sizes=(4,)).partial_fit(X, y).partial_fit(X, y)
    known = weakref.ref(X)
    del X
    gc.collect()
    assert known() is None
    assert hasattr(estimator, "coefs_")
