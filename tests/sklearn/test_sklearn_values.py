"""What estimators are given beside samples: targets, weights of samples and classes, and calls that are refused."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_class_weight

from fastbp import sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = scale(X)
T = X[:, 0] - X[:, 1] * X[:, 2]
TWO = np.stack([T, T**2], axis=1)
LABELS = np.eye(3, dtype=int)[Y]
SHORT: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0, "batch_size": 50}


def weights(estimator: Any) -> np.ndarray:
    return np.concatenate([part.ravel() for part in [*estimator.coefs_, *estimator.intercepts_]])


def state(estimator: Any) -> dict[str, Any]:
    """The attributes, comparable: which objects they are, and what they hold."""
    return {name: (id(value), repr(value)) for name, value in vars(estimator).items() if name != "_networks"}


# Targets

NO_NUMBERS = {
    "NaT": np.array(["NaT"] * len(X), "M8[D]"),
    "dates": pd.date_range("2020-01-01", periods=len(X)),
    "a series of dates": pd.Series(pd.date_range("2020-01-01", periods=len(X), tz="UTC")),
    "durations": np.arange(len(X)).astype("m8[s]"),
    "objects that are dates": np.array([datetime.date(2020, 1, 1)] * len(X), object),
    "bytes": np.array([b"1.5"] * len(X)),
    "text": np.array(["1.5"] * len(X)),
    "a list of text": ["1.5"] * len(X),
    "two columns of text": np.array([["1.5", "2"]] * len(X)),
    "two columns of durations": np.arange(2 * len(X)).reshape(-1, 2).astype("m8[D]"),
    "records": np.zeros(len(X), [("a", float)]),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", NO_NUMBERS)
def test_targets_of_regression_that_are_no_numbers_are_refused_as_in_scikit_learn(name: str, solver: str) -> None:
    options = {**SHORT, "solver": solver, "max_iter": 2}
    for module in (theirs, ours):
        with pytest.raises(TypeError):
            module.MLPRegressor(**options).fit(X, NO_NUMBERS[name])


def test_targets_that_are_no_numbers_are_named() -> None:
    b = ours.MLPRegressor(**SHORT)
    with pytest.raises(TypeError, match=r"y has dtype timedelta64\[s\]; a regressor needs numbers\. Convert"):
        b.fit(X, NO_NUMBERS["durations"])
    with pytest.raises(TypeError, match=r"y has dtype datetime64\[D\]; a regressor needs numbers"):
        b.partial_fit(X, NO_NUMBERS["NaT"])
    for wrong in ("durations", "text", "NaT"):
        with pytest.raises(TypeError, match=r"y_val has dtype .*; a regressor needs numbers"):
            ours.MLPRegressor(early_stopping=True, **SHORT).fit(X, T, X_val=X, y_val=NO_NUMBERS[wrong])


@pytest.mark.parametrize("missing", [None, "nan", np.nan, pd.NaT, "1e999"], ids=str)
def test_objects_that_stand_for_no_number_are_refused_as_targets(missing: Any) -> None:
    y = T.astype(object)
    y[7] = missing
    b = ours.MLPRegressor(**SHORT)
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        b.fit(X, y)
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        b.set_params(early_stopping=True).fit(X, T, X_val=X, y_val=y)


@pytest.mark.parametrize("form", ["bool", "f2", "f4", "g", "u1", "i8", ">f8", "object", "Int64"])
def test_targets_that_are_numbers_of_any_kind_are_trained_on(form: str) -> None:
    y = np.round(T) > 0
    given = pd.Series(y.astype(int), dtype="Int64") if form == "Int64" else y.astype(form)
    a, b = (module.MLPRegressor(**SHORT).fit(X, given) for module in (theirs, ours))
    np.testing.assert_allclose(weights(b), weights(a), rtol=1e-8, atol=1e-10)


# Large values in float32

R = np.random.RandomState(0).rand(400, 5)
FACTORS = np.arange(1.0, 6.0)
LARGE: dict[str, Any] = {
    "hidden_layer_sizes": (20,),
    "learning_rate_init": 0.01,
    "random_state": 0,
    "max_iter": 200,
}


@pytest.mark.compiled
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("kind", ["float64", "int64", "two columns"])
def test_large_float32_samples_with_wider_targets_are_learned_as_in_scikit_learn(kind: str, form: str) -> None:
    D = (R * 1e10).astype(np.float32)
    y = D.astype(float) @ FACTORS
    y = {"float64": y, "int64": y.astype(np.int64), "two columns": np.stack([y, -2 * y], axis=1)}[kind]
    D = scipy.sparse.csr_array(D) if form == "sparse" else D
    b = ours.MLPRegressor(**LARGE).fit(D, y)
    assert {part.dtype for part in [*b.coefs_, *b.intercepts_]} == {np.dtype(np.float32)}
    assert b.predict(D).dtype == np.float32
    if (kind, form) == ("float64", "dense"):
        assert b.score(D, y) == pytest.approx(theirs.MLPRegressor(**LARGE).fit(D, y).score(D, y), abs=1e-6)
    assert b.score(D, y) > 0.998


@pytest.mark.parametrize("factor", [1e10, 1e18])
def test_large_float32_samples_are_learned_in_parts(factor: float) -> None:
    D = (R * factor).astype(np.float32)
    y = D.astype(float) @ FACTORS
    a, b = (module.MLPRegressor(**LARGE) for module in (theirs, ours))
    for epoch in range(30):
        half = slice(epoch % 2, None, 2)
        a.partial_fit(D[half], y[half]), b.partial_fit(D[half], y[half])
        b = pickle.loads(pickle.dumps(b))  # moments beyond float32 travel
    assert b.score(D, y) == pytest.approx(a.score(D, y), abs=1e-3)
    for module_part, own in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_allclose(own, module_part, rtol=1e-3, atol=1e-4)
    b.partial_fit(D[:50] * np.float32(1e-12), y[:50] * 1e-12)  # the moments are still large
    assert b._optimizer.is_finite()
    assert b.coefs_[0].dtype == np.float32


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["regression", "classes"])
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_moments_that_overflow_are_warned_of(kind: str, how: str) -> None:
    """There scikit-learn stalls without a word."""
    D = (R * (1e10 if kind == "regression" else 1e25)).astype(np.float32)
    if kind == "regression":
        b, y = ours.MLPRegressor(**LARGE), (D @ FACTORS).astype(np.float32)
        with np.errstate(all="ignore"):
            assert theirs.MLPRegressor(**LARGE).fit(D, y).score(D, y) < -9
    else:
        b, y = ours.MLPClassifier(**{**LARGE, "activation": "identity"}), np.arange(400) % 2
    arguments = {"classes": [0, 1]} if (kind, how) == ("classes", "partial_fit") else {}
    with pytest.warns(
        RuntimeWarning, match=r"A moment of the optimizer has overflowed in float32, in layer 1.* float64"
    ):
        getattr(b, how)(D, y, **arguments)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_weights_that_float32_cannot_hold_are_told_of_in_words() -> None:
    given = (1e10 * X).astype(np.float32)
    b = ours.MLPRegressor(solver="sgd", learning_rate_init=0.01, random_state=0, max_iter=30)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        b.fit(given, given.astype(float).sum(axis=1))


def test_ordinary_float32_samples_stay_float32_beside_float64_targets() -> None:
    D, asked = X.astype(np.float32), []
    b = ours.MLPRegressor(callbacks=lambda e: asked.append(e._optimizer.moments[0][0].dtype), **SHORT)
    b.fit(D, T)
    b.fit(D * np.float32(1e6), T * 1e6)
    assert set(asked) == {np.dtype(np.float32)}
    assert not b.set_params(callbacks=None)._is_too_large(D.astype(float) * 1e20, T, False)


def test_a_callback_that_only_looks_changes_nothing() -> None:
    D = (R * 1e10).astype(np.float32)
    y = D.astype(float) @ FACTORS
    options = {**LARGE, "max_iter": 5}
    alone, watched = ours.MLPRegressor(**options), ours.MLPRegressor(callbacks=lambda e: None, **options)
    assert np.array_equal(weights(alone.fit(D, y)), weights(watched.fit(D, y)))


# Weights of samples

SIGNED = np.random.RandomState(1).choice([-3.0, -1.0, 0.0, 1.0], len(X))  # minibatches of a negative sum among them
KINDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "classes": ("MLPClassifier", Y, {}),
    "two classes": ("MLPClassifier", Y == 1, {}),
    "labels": ("MLPClassifier", LABELS, {}),
    "regression": ("MLPRegressor", T, {}),
    "two outputs": ("MLPRegressor", TWO, {}),
    "counts": ("MLPRegressor", np.round(np.abs(T)), {"loss": "poisson"}),
}


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam", "alpha": 0.1},
        {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "learning_rate_init": 1e-3},  # threads own neurons
        {"solver": "sgd", "alpha": 0.1, "learning_rate_init": 1e-3},
        {"solver": "adam", "early_stopping": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_signed_sample_weights_are_divided_by_their_sum_as_in_scikit_learn(kind: str, options: Any) -> None:
    name, y, more = KINDS[kind]
    a, b = (getattr(module, name)(**{**SHORT, **more, **options}) for module in (theirs, ours))
    a.fit(X, y, sample_weight=SIGNED), b.fit(X, y, sample_weight=SIGNED)
    np.testing.assert_allclose(weights(b), weights(a), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(b.loss_curve_, a.loss_curve_, rtol=1e-7)
    if a.validation_scores_ is not None:
        np.testing.assert_allclose(b.validation_scores_, a.validation_scores_, rtol=1e-7)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_samples_are_weighted_as_dense_ones(solver: str) -> None:
    D = np.where(np.abs(X) > 0.5, X, 0.0)
    b = ours.MLPClassifier(**{**SHORT, "solver": solver})
    dense = weights(b.fit(D, Y, sample_weight=np.abs(SIGNED)))
    assert np.array_equal(weights(b.fit(scipy.sparse.csr_array(D), Y, sample_weight=np.abs(SIGNED))), dense)
    assert not np.array_equal(weights(b.fit(D, Y)), dense)


@pytest.mark.parametrize("kind", ["classes", "regression"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_of_minus_one_are_weights_of_one(kind: str, solver: str) -> None:
    name, y, _ = KINDS[kind]
    options = {**SHORT, "solver": solver, "alpha": 0.0}
    fits = [getattr(ours, name)(**options).fit(X, y, sample_weight=np.full(len(X), s)) for s in (1.0, -1.0)]
    assert fits[0].loss_ > 0
    assert fits[1].loss_ == pytest.approx(fits[0].loss_, rel=1e-12)
    np.testing.assert_allclose(weights(fits[1]), weights(fits[0]), rtol=1e-9, atol=1e-12)


def test_signed_sample_weights_have_the_same_bits_on_every_way_through_the_kernels() -> None:
    options: dict[str, Any] = {**SHORT, "solver": "sgd", "momentum": 0.0, "alpha": 0.0, "learning_rate_init": 1e-3}
    fits = [
        ours.MLPClassifier(**{**options, "n_threads": n, "batch_size": size}).fit(X, Y, sample_weight=SIGNED)
        for size in (30, 150)
        for n in (1, 2)
    ]
    assert np.array_equal(weights(fits[0]), weights(fits[1]))
    assert np.array_equal(weights(fits[2]), weights(fits[3]))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("form", ["float32", "float64"])
def test_weights_that_cancel_each_other_are_refused_with_the_minibatch(form: str, solver: str) -> None:
    s = np.ones(len(X))
    s[100:150] = np.tile([0.1, 0.2, -0.3, 0.5, -0.5], 10)  # sum 0, and in binary nearly so
    if solver == "lbfgs":
        s[:100] = np.tile([1.0, -1.0], 50)
    which = "minibatch 3 of 3" if solver == "adam" else "minibatch 1 of 1"
    b = ours.MLPClassifier(solver=solver, shuffle=False, **SHORT)
    with pytest.raises(ValueError, match=f"The sample weights of {which} sum to .*, though not all of them are 0"):
        b.fit(X.astype(form), Y, sample_weight=s)


@pytest.mark.parametrize(
    "options", [{"solver": "adam"}, {"solver": "sgd"}, {"solver": "sgd", "momentum": 0.0}], ids=str
)
def test_a_minibatch_whose_weights_are_all_zero_is_skipped(options: dict[str, Any]) -> None:
    """It is no step of the optimizer either."""
    s = np.repeat([0.0, 1.0], [50, 100])
    options = {**SHORT, "shuffle": False, "alpha": 0.0, **options}
    b, parts, rest = (ours.MLPClassifier(**options) for _ in range(3))
    b.fit(X, Y, sample_weight=s)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1, 2], sample_weight=s)
        rest.partial_fit(X[50:], Y[50:], classes=[0, 1, 2])
    np.testing.assert_allclose(weights(b), weights(rest), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(weights(parts), weights(rest), rtol=1e-12, atol=1e-14)


def test_weights_that_are_all_zero_are_refused() -> None:
    b = ours.MLPClassifier(**SHORT)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero number"):
        b.fit(X, Y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="at least one non-zero number"):
        b.set_params(early_stopping=True).fit(X, Y, X_val=X, y_val=Y, sample_weight_val=np.zeros(len(X)))


# Weights of classes


def test_balanced_class_weights_count_sample_weights_as_logistic_regression_does() -> None:
    q = np.random.RandomState(0)
    D, y = q.randn(80, 3), np.repeat([0, 1], 40)
    D[40:] += 0.5
    s = np.where(y == 1, 10.0, 1.0)
    options: dict[str, Any] = {"class_weight": "balanced", "max_iter": 2000, "tol": 1e-10}
    net = ours.MLPClassifier((), solver="lbfgs", alpha=1.0, random_state=0, **options).fit(D, y, sample_weight=s)
    # Its penalty is alpha / 2 |w|^2 over the sum of weights, theirs 1 / (2 C) |w|^2 over the same.
    linear = LogisticRegression(C=1.0, **options).fit(D, y, sample_weight=s)
    np.testing.assert_allclose(net.predict_proba(D), linear.predict_proba(D), atol=1e-5)
    assert net.predict_proba(D)[:, 1].mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("names", [[0, 1, 2], ["a", "b", "c"], [-5, 0, 7]], ids=str)
@pytest.mark.parametrize("y", [Y, (Y > 0).astype(int)], ids=["three", "two"])
def test_balanced_class_weights_are_those_of_compute_class_weight(y: np.ndarray, names: Any) -> None:
    y, s = np.array(names)[y], np.random.RandomState(2).rand(len(X)) * np.where(Y == 0, 1.0, 5.0)
    of_class = compute_class_weight("balanced", classes=np.unique(y), y=y, sample_weight=s)
    by_class = ours.MLPClassifier(class_weight="balanced", **SHORT).fit(X, y, sample_weight=s)
    by_hand = ours.MLPClassifier(**SHORT).fit(X, y, sample_weight=s * of_class[np.searchsorted(np.unique(y), y)])
    np.testing.assert_allclose(weights(by_class), weights(by_hand), rtol=1e-12, atol=1e-14)


def test_balanced_class_weights_of_several_labels_count_sample_weights() -> None:
    s = np.random.RandomState(2).rand(len(X)) * np.where(Y == 0, 1.0, 5.0)
    product = s.copy()
    for column in LABELS.T:
        product *= compute_class_weight("balanced", classes=np.array([0, 1]), y=column, sample_weight=s)[column]
    by_class = ours.MLPClassifier(class_weight="balanced", **SHORT).fit(X, LABELS, sample_weight=s)
    by_hand = ours.MLPClassifier(**SHORT).fit(X, LABELS, sample_weight=product)
    np.testing.assert_allclose(weights(by_class), weights(by_hand), rtol=1e-12, atol=1e-14)


def test_class_weights_that_are_not_finite_are_named() -> None:
    with pytest.raises(ValueError, match=r"class_weight is \{0: nan\}"):
        ours.MLPClassifier(class_weight={0: float("nan")}, **SHORT).fit(X, Y)


def test_weights_that_are_nan_are_told_of_under_their_names() -> None:
    b = ours.MLPClassifier(**SHORT).fit(X, Y)
    b.coefs_[0][0] = np.nan
    with pytest.warns(RuntimeWarning, match="Look at coefs_ and intercepts_"):
        b.predict(X)


def test_a_class_without_weight_does_not_count_among_balanced_ones() -> None:
    s = np.where(Y == 1, 0.0, 1.0)
    b = ours.MLPClassifier(class_weight="balanced", **SHORT).fit(X, Y, sample_weight=s)
    # Each of the others weighs the same, as its samples do.
    np.testing.assert_allclose(
        weights(b),
        weights(ours.MLPClassifier(**SHORT).set_params(alpha=1e-4 / 1.0).fit(X, Y, sample_weight=s * (100 / (3 * 50)))),
        rtol=1e-9,
        atol=1e-12,
    )
    s[Y == 1] = np.tile([1.0, -1.0], 25)
    with pytest.raises(ValueError, match=r"The sample weights of class .*1.* sum to 0, though not all of them are 0"):
        b.fit(X, Y, sample_weight=s)


# Early stopping


@pytest.mark.parametrize("name", [0, 1, "a"])
def test_a_single_class_scores_one_with_early_stopping_as_in_scikit_learn(name: Any) -> None:
    y = np.full(len(X), name)
    for seed in range(4):  # of them, some nets begin with an output above 1/2
        options = {**SHORT, "early_stopping": True, "random_state": seed}
        b = ours.MLPClassifier(**options).fit(X, y)
        assert b.validation_scores_ == [1.0] * 4
        if name != "a":  # of names scikit-learn asks whether they are NaN, before 1.8
            assert theirs.MLPClassifier(**options).fit(X, y).validation_scores_ == [1.0] * 4
        assert b.best_validation_score_ == 1.0
        assert accuracy_score(y, b.predict(X)) == 1.0


# What is refused, and what fails


@pytest.mark.parametrize(
    ("changed", "X_given", "y_given", "more"),
    [
        ({"hidden_layer_sizes": (0,)}, X, Y, {}),
        ({}, X[:, :2] * np.nan, Y, {}),
        ({}, X[:7], Y, {}),
        ({}, X[:, :3], Y[:0], {}),
        ({}, X[:, :3], T, {}),
        ({}, X[:, :3], Y == 1, {"sample_weight": [1.0]}),
        ({}, X[:, :3], Y == 1, {"sample_weight": np.zeros(len(X))}),
        ({"early_stopping": True}, X[:, :3], Y == 1, {"X_val": X[:, :2], "y_val": Y == 1}),
        ({"early_stopping": True}, X[:, :3], Y == 1, {"X_val": X[:, :3], "y_val": Y}),
        ({"early_stopping": True, "validation_fraction": 0.001}, X[:, :3], Y == 1, {}),
        ({"early_stopping": True}, X[:, :3], np.arange(len(X)) == 9, {}),  # one sample of a class cannot be divided
        ({"schedule": "plateau"}, X[:, :3], Y == 1, {}),
        ({"batch_size": len(X)}, X[:, :3], Y == 1, {"sample_weight": np.tile([1.0, -1.0], len(X) // 2)}),
        ({"callbacks": [7]}, X[:, :3], Y == 1, {}),
        ({"class_weight": {"z": 1.0}}, X[:, :3], Y == 1, {}),
        ({"class_weight": {True: np.nan}}, X[:, :3], Y == 1, {}),
        ({"activation": ["relu", "tanh"]}, X[:, :3], Y == 1, {}),
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray) else str(sorted(value)),
)
def test_a_fit_that_is_refused_leaves_the_estimator_as_it_was(
    changed: Any, X_given: Any, y_given: Any, more: Any
) -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    b = ours.MLPClassifier(**SHORT).fit(frame, Y)
    expected, fitted, parameters = b.predict_proba(frame), state(b), b.get_params()
    b.set_params(**changed)
    with pytest.raises((ValueError, TypeError)):
        b.fit(X_given, y_given, **more)
    b.set_params(**parameters)
    assert state(b) == fitted
    assert np.array_equal(b.predict_proba(frame), expected)
    b.partial_fit(frame, Y)


def test_a_first_fit_that_is_refused_leaves_nothing() -> None:
    for call in (
        lambda b: b.fit(X, T),
        lambda b: b.partial_fit(X, Y + 7, classes=[0, 1, 2]),
        lambda b: b.set_params(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2]),
    ):
        b = ours.MLPClassifier(**SHORT)
        before = state(b)
        with pytest.raises(ValueError, match=r"Unknown label type|classes not in|does not support early_stopping"):
            call(b)
        assert {**state(b), "early_stopping": before["early_stopping"]} == before


DIVERGING: dict[str, Any] = {"activation": "identity", "solver": "sgd", "learning_rate_init": 1e100, **SHORT}


@pytest.mark.parametrize("fitted_before", [False, True])
def test_a_new_fit_that_fails_in_training_leaves_no_fitted_attributes(fitted_before: bool) -> None:
    b = ours.MLPRegressor(**DIVERGING)
    if fitted_before:
        b.set_params(learning_rate_init=1e-3).fit(X, T).set_params(learning_rate_init=1e100)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        b.fit(X, T)
    with pytest.raises(NotFittedError):
        b.predict(X)
    assert set(vars(b)) == set(b.get_params())

    def wrong(estimator: Any) -> None:
        raise OSError("no space left")

    b.set_params(learning_rate_init=1e-3, callbacks=wrong)
    with pytest.raises(OSError, match="no space left"):
        b.fit(X, T)
    with pytest.raises(NotFittedError):
        b.predict(X)
    assert b.set_params(callbacks=None).fit(X, T).n_iter_ == 4


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_going_on_from_weights_keeps_the_last_finite_ones(how: str, solver: str) -> None:
    b = ours.MLPRegressor(
        **{**DIVERGING, "solver": solver, "learning_rate_init": 1e-3, "warm_start": how != "partial_fit"}
    )
    b.fit(X, T)
    before, huge = weights(b), T * 1e300
    b.set_params(learning_rate_init=1e308)
    train = b.partial_fit if how == "partial_fit" else b.fit
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        train(X * 1e300, huge)
    assert np.isfinite(weights(b)).all()
    np.testing.assert_array_equal(weights(b), before)
    assert np.isfinite(b.predict(X)).all()
    b.set_params(learning_rate_init=1e-3)
    train(X, T)  # nothing that is not finite is left in the optimizer
    assert np.isfinite(weights(b)).all()


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_a_step_to_infinity_is_taken_back(how: str) -> None:
    """The mean of g^2 rounds to 0, and epsilon is smaller than the mean of g: one step leads beyond all numbers."""
    b = ours.MLPRegressor(hidden_layer_sizes=(), max_iter=3, alpha=0, random_state=0, warm_start=how == "warm_start")
    b.fit(X * 1e-170, T)
    before = weights(b)
    b.set_params(epsilon=1e-300, learning_rate_init=1e200)
    if how == "partial_fit":
        del b._optimizer  # of other constants
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        getattr(b, "fit" if how == "warm_start" else how)(X * 1e-170, T)
    np.testing.assert_array_equal(weights(b), before)


@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
@pytest.mark.parametrize("sizes", [(9,), (8, 8), (), 7, [3]], ids=str)
def test_other_layers_than_those_to_go_on_from_are_refused(sizes: Any, how: str) -> None:
    b = ours.MLPClassifier((8,), max_iter=2, random_state=0, warm_start=how == "warm_start").fit(X, Y)
    before = weights(b)
    b.set_params(hidden_layer_sizes=sizes)
    train = b.fit if how == "warm_start" else b.partial_fit
    with pytest.raises(ValueError, match=r"ask for layers of \[4, .*3\] neurons; coefs_ .* have \[4, 8, 3\]\. Set"):
        train(X, Y)
    assert np.array_equal(weights(b), before)
    b.set_params(hidden_layer_sizes=[8])
    train(X, Y)
    assert not np.array_equal(weights(b), before)


def test_another_output_than_that_to_go_on_from_is_refused() -> None:
    b = ours.MLPRegressor(warm_start=True, **SHORT).fit(X, np.abs(T))
    with pytest.raises(ValueError, match=r"ask for an output activation 'exp'; the net .* has 'identity'"):
        b.set_params(loss="poisson").fit(X, np.abs(T))
    with pytest.raises(ValueError, match=r"ask for layers of \[4, 6, 2\] neurons; .* have \[4, 6, 1\]"):
        b.set_params(loss="squared_error").fit(X, TWO)


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "name"),
    [
        ({0: 1e308}, None, "sample_weight times class_weight"),
        (None, np.full(len(Y), 1e308), "sample_weight"),
        ({0: 1e300}, np.full(len(Y), 1e10), "sample_weight times class_weight"),
    ],
)
def test_weights_that_are_too_large_are_refused(class_weight: Any, sample_weight: Any, name: str) -> None:
    estimator = ours.MLPClassifier(class_weight=class_weight, **SHORT)
    with pytest.raises(ValueError, match=rf"^{name} sums to more than 1.8e\+308 .* only their ratios"):
        estimator.fit(X, Y, sample_weight=sample_weight)
    assert not hasattr(estimator, "coefs_")
