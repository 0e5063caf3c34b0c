"""fastbp's estimators beside scikit-learn's: the same draws, the same numbers, the same behaviour."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import scipy.sparse
from nets import SMALL
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.preprocessing import scale

from fastbp import sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EPOCHS = 3 if SMALL else 20


def data(name: str) -> tuple[np.ndarray, Any]:
    """Standardised samples and, for regression, targets."""
    if name == "poisson":
        return data("diabetes")[0], np.random.RandomState(0).poisson(2.0, 60 if SMALL else 442).astype(float)
    loaders = {
        "digits": lambda: load_digits(return_X_y=True),
        "iris": lambda: load_iris(return_X_y=True),
        "breast cancer": lambda: load_breast_cancer(return_X_y=True),
        "diabetes": lambda: load_diabetes(return_X_y=True),
        "multilabel": lambda: make_multilabel_classification(200, random_state=0),
        "multi-output": lambda: make_regression(200, 10, n_targets=3, random_state=0),
    }
    X, y = loaders[name]()
    if SMALL:
        keep = np.random.RandomState(1).permutation(len(X))[:60]
        X, y = X[keep], y[keep]
    return scale(X), scale(y) if name in ("diabetes", "multi-output") else y


def pair(name: str, **options: Any) -> tuple[Any, Any]:
    """scikit-learn's estimator and ours."""
    options = {"hidden_layer_sizes": (8, 5) if SMALL else (20, 10), "max_iter": EPOCHS, "random_state": 3, **options}
    if name == "poisson":
        options["loss"] = "poisson"
    kind = "MLPRegressor" if name in ("diabetes", "multi-output", "poisson") else "MLPClassifier"
    return getattr(theirs, kind)(**options), getattr(ours, kind)(**options)


def difference(a: Any, b: Any) -> float:
    """max|a - b| / max|b|."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))


def largest_difference(a: Any, b: Any) -> float:
    """Over the loss curve and every array of weights."""
    parts = zip([a.loss_curve_, *a.coefs_, *a.intercepts_], [b.loss_curve_, *b.coefs_, *b.intercepts_], strict=True)
    return max(difference(x, y) for x, y in parts)


DATA = ["digits", "iris", "breast cancer", "diabetes", "multilabel", "multi-output", "poisson"]
VARIANTS: list[dict[str, Any]] = [
    {"solver": "adam"},
    {"solver": "adam", "batch_size": 32, "activation": "tanh", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
    {"solver": "adam", "early_stopping": True, "activation": "logistic", "validation_fraction": 0.2},
    {"solver": "sgd"},
    {"solver": "sgd", "momentum": 0, "batch_size": 50, "activation": "identity", "learning_rate_init": 0.01},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "nesterovs_momentum": False, "alpha": 0.1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "momentum": 0.5},
    {"solver": "sgd", "shuffle": False, "early_stopping": True, "activation": "tanh"},
    {"solver": "sgd", "hidden_layer_sizes": (), "activation": "logistic"},
]


def test_a_minibatch_may_be_a_single_sample() -> None:
    X, y = np.random.RandomState(0).standard_normal((9, 2)), np.arange(9.0) / 9
    options: dict[str, Any] = {"hidden_layer_sizes": (3,), "batch_size": 1, "max_iter": 2, "random_state": 0}
    with pytest.warns(ConvergenceWarning):
        reference, mine = (library.MLPRegressor(**options).fit(X, y) for library in (theirs, ours))
    assert mine.t_ == reference.t_ == 2 * len(X)
    assert largest_difference(mine, reference) < 1e-12


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: " ".join(f"{k}={x}" for k, x in v.items()))
@pytest.mark.parametrize("name", DATA)
def test_the_numbers_are_scikit_learns(name: str, variant: dict[str, Any]) -> None:
    X, y = data(name)
    a, b = (estimator.fit(X, y) for estimator in pair(name, **variant))
    assert largest_difference(b, a) <= 1e-8
    for attribute in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "_no_improvement_count"):
        assert getattr(a, attribute) == getattr(b, attribute), attribute
    assert b.best_loss_ == (None if a.best_loss_ is None else pytest.approx(a.best_loss_, rel=1e-8))
    if variant.get("early_stopping"):
        assert difference(b.validation_scores_, a.validation_scores_) <= 1e-8
        assert b.best_validation_score_ == pytest.approx(a.best_validation_score_, rel=1e-8)
    assert b._optimizer.learning_rate == pytest.approx(a._optimizer.learning_rate, rel=1e-12)
    assert difference(b.predict(X), a.predict(X)) <= 1e-8
    assert set(vars(a)) - set(vars(b)) <= {"loss"}  # a constant of the class in ours


STILL = {"solver": "sgd", "learning_rate_init": 1e-300, "shuffle": False}
"""So small a step leaves the weights as they were drawn."""


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_epoch_as_good_as_the_best_counts_at_a_tolerance_of_0(early_stopping: bool) -> None:
    X, y = data("iris")
    options = {**STILL, "tol": 0.0, "n_iter_no_change": 2, "early_stopping": early_stopping, "max_iter": 8}
    for estimator in pair("iris", **options):
        assert estimator.fit(X, y).n_iter_ == 8
        assert estimator._no_improvement_count == 0


@pytest.mark.parametrize(("activations", "like"), [(["logistic", "tanh"], "tanh"), (["logistic"] * 2, "logistic")])
def test_initial_weights_are_smaller_where_all_hidden_neurons_are_logistic(activations: list[str], like: str) -> None:
    X, y = data("iris")
    a, b = (estimator.fit(X, y) for estimator in pair("iris", **STILL, max_iter=1, activation=like))
    b.set_params(activation=activations).fit(X, y)
    for x, z in zip(b.coefs_, a.coefs_, strict=True):
        assert np.array_equal(x, z)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_held_out_samples_are_those_of_scikit_learn(weighted: bool) -> None:
    rng = np.random.RandomState(0)
    s = rng.rand(40) if weighted else None
    for name, labels in {
        "iris": np.arange(40) % 3,
        "binary": np.arange(40) % 2,
        "multilabel": rng.rand(40, 3) > 0.4,
    }.items():
        b = ours.MLPClassifier((3,), max_iter=3, random_state=0).fit(rng.randn(40, 2), labels.astype(int))
        X = rng.randn(40, 2)
        columns = b._label_binarizer.transform(labels.astype(int)).astype(bool)
        assert 0 < b._score_of_outputs(b._forward(X), columns, s) < 1, name
        assert b._score_of_outputs(b._forward(X), columns, s) == b.score(X, labels.astype(int), s)
    b = ours.MLPRegressor(max_iter=2)
    for y in (rng.randn(40, 1), rng.randn(40, 3), rng.randn(40, 3) * [1, 0, 1], np.ones((40, 2))):
        for out in (rng.randn(*y.shape), y.copy(), rng.randn(*y.shape).astype(np.float32)):
            assert b._score_of_outputs(out, y, s) == r2_score(y, out, sample_weight=s)
    assert np.isnan(b._score_of_outputs(np.full((40, 1), np.nan), np.ones((40, 1)), s))


def test_a_planted_difference_is_caught() -> None:
    X, y = data("iris")
    a, b = (estimator.fit(X, y) for estimator in pair("iris"))
    b.coefs_[1][2, 3] += 1e-7
    assert largest_difference(b, a) > 1e-8
    c = pair("iris", alpha=0.00011)[1].fit(X, y)
    assert largest_difference(c, a) > 1e-8


@pytest.mark.parametrize("name", ["iris", "diabetes", "multilabel"])
def test_sample_weights(name: str) -> None:
    X, y = data(name)
    s = np.random.RandomState(0).randint(0, 4, len(X)).astype(float)
    a, b = (estimator.fit(X, y, sample_weight=s) for estimator in pair(name, batch_size=50))
    assert largest_difference(b, a) <= 1e-8


@pytest.mark.parametrize("name", ["digits", "breast cancer"])
def test_the_first_epoch_on_raw_data(name: str) -> None:
    """Nets on raw data saturate and are chaotic; so is not what the first epoch reports."""
    X, y = (load_digits if name == "digits" else load_breast_cancer)(return_X_y=True)
    X, y = (X[:80], y[:80]) if SMALL else (X, y)
    a, b = (estimator.fit(X, y) for estimator in pair(name, max_iter=1))
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-8)


def test_the_loss_is_clipped_as_theirs() -> None:
    """A net that is certain and wrong: -ln of 0 would be infinite, of a tiny number large; theirs is -ln eps."""
    X, y = np.array([[1.0], [1.0]]), np.array([0, 1])
    options = {"hidden_layer_sizes": (), "solver": "sgd", "max_iter": 1, "alpha": 0, "warm_start": True}
    losses = []
    for estimator in (theirs.MLPClassifier(**options), ours.MLPClassifier(**options)):
        estimator.fit(X, y)
        estimator.coefs_[0][...] = 50.0
        losses.append(estimator.fit(X, y).loss_)
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    assert losses[0] == pytest.approx(-np.log(np.finfo(float).eps) / 2, rel=1e-3)


@pytest.mark.parametrize("name", ["iris", "diabetes", "multilabel", "poisson"])
def test_partial_fit_continues(name: str) -> None:
    X, y = data(name)
    a, b = pair(name)
    extra = {"iris": {"classes": [0, 1, 2]}, "multilabel": {"classes": [0, 1, 2, 3, 4]}}.get(name, {})
    for epoch in range(3):
        half = slice(epoch % 2, None, 2)
        for estimator in (a, b):
            estimator.partial_fit(X[half], y[half], **extra)
        b = pickle.loads(pickle.dumps(b))  # the optimizer's state travels
    assert largest_difference(b, a) <= 1e-8
    assert b.t_ == a.t_


def test_warm_start_continues() -> None:
    X, y = data("iris")
    a, b = pair("iris", warm_start=True, max_iter=2)
    for _ in range(3):
        a.fit(X, y), b.fit(X, y)
    assert largest_difference(b, a) <= 1e-8


@pytest.mark.parametrize("name", ["iris", "diabetes", "breast cancer", "multilabel", "poisson"])
def test_lbfgs(name: str) -> None:
    X, y = data(name)
    a, b = (estimator.fit(X, y) for estimator in pair(name, solver="lbfgs", max_iter=5, activation="tanh"))
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-6)
    assert difference(b.coefs_[0], a.coefs_[0]) <= 1e-6
    assert b.n_iter_ == a.n_iter_
    assert not hasattr(b, "loss_curve_")
    assert not hasattr(b, "partial_fit")


def test_lbfgs_ends_by_the_tolerance_of_the_gradient() -> None:
    X, y = data("breast cancer")
    for tol in (0.3, 0.03):
        a, b = (estimator.fit(X, y) for estimator in pair("breast cancer", solver="lbfgs", max_iter=50, tol=tol))
        assert b.n_iter_ == a.n_iter_ < 50
        assert difference(b.coefs_[0], a.coefs_[0]) <= 1e-6


def test_lbfgs_minimises_what_its_gradient_belongs_to() -> None:
    """Of several outputs the sum: half the squared distance, as a derivative by differences confirms."""
    X, y = data("multi-output")
    b = pair("multi-output", solver="lbfgs", max_iter=3, alpha=0.01)[1].fit(X, y)
    net, n = b.coefs_, len(X)
    value = 0.5 * ((b.predict(X) - y) ** 2).sum() / n + 0.005 * sum((w**2).sum() for w in net) / n
    assert b.loss_ == pytest.approx(value, rel=1e-10)
    at = np.concatenate([part.ravel() for part in [*b.coefs_, *b.intercepts_]])
    _, g = b._loss_grad_lbfgs(at, X, y, None)
    for i in (0, 17, len(at) - 1):
        step = np.zeros_like(at)
        step[i] = 1e-6
        slope = (b._loss_grad_lbfgs(at + step, X, y, None)[0] - b._loss_grad_lbfgs(at - step, X, y, None)[0]) / 2e-6
        assert slope == pytest.approx(g[i], rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_float32_stays_float32(name: str, solver: str) -> None:
    X, y = data(name)
    b = pair(name, solver=solver)[1].fit(X.astype(np.float32), y)
    assert {part.dtype for part in [*b.coefs_, *b.intercepts_]} == {np.dtype(np.float32)}
    wide = pair(name, solver=solver)[1].fit(X, y)
    assert b.loss_ == pytest.approx(wide.loss_, rel=2e-2)
    out = b.predict_proba if name == "iris" else b.predict
    assert out(X.astype(np.float32)).dtype == np.float32
    assert out(X).dtype == np.float64
    assert difference(out(X), out(X.astype(np.float32))) < 1e-5


def as_sparse(X: np.ndarray, form: str) -> Any:
    return {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_array}[form](X)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("variant", [VARIANTS[0], VARIANTS[2], VARIANTS[4], {"solver": "lbfgs", "max_iter": 3}])
def test_sparse_samples_have_the_bits_of_dense_ones(variant: dict[str, Any], form: str) -> None:
    rng = np.random.RandomState(0)
    X = np.where(rng.rand(70, 40) < 0.1, rng.randn(70, 40), 0.0)
    y = rng.randint(0, 3, 70)
    a, b = pair("iris", **variant)
    a.fit(as_sparse(X, form), y)
    b.fit(as_sparse(X, form), y)
    dense = clone(b).fit(X, y)
    for x, z in zip([*b.coefs_, *b.intercepts_], [*dense.coefs_, *dense.intercepts_], strict=True):
        assert np.array_equal(x, z)
    assert np.array_equal(b.predict_proba(as_sparse(X, form)), dense.predict_proba(X))
    assert difference(b.predict_proba(as_sparse(X, form)), a.predict_proba(as_sparse(X, form))) <= 1e-6


def test_sparse_samples_that_are_not_in_order() -> None:
    """Column numbers out of order and twice: as SciPy adds them up."""
    X = scipy.sparse.csr_matrix((np.array([1.0, 2.0, 3.0, 4.0]), np.array([3, 0, 0, 1]), np.array([0, 3, 4])), (2, 5))
    b = ours.MLPClassifier((4,), max_iter=3, random_state=0)
    assert np.array_equal(b.fit(X, [0, 1]).coefs_[0], clone(b).fit(X.toarray(), [0, 1]).coefs_[0])


@pytest.mark.compiled
@pytest.mark.parametrize("sparse", [False, True])
def test_the_bits_do_not_depend_on_threads(sparse: bool) -> None:
    X, y = data("digits")
    X = scipy.sparse.csr_matrix(X) if sparse else X
    fits = [pair("digits", max_iter=2, batch_size=100)[1].set_params(n_threads=n).fit(X, y) for n in (1, 2, 3)]
    for other in fits[1:]:
        assert all(np.array_equal(x, z) for x, z in zip(fits[0].coefs_, other.coefs_, strict=True))
        assert np.array_equal(fits[0].predict_proba(X), other.predict_proba(X))


def test_assigned_weights_take_effect() -> None:
    X, y = data("iris")
    b = pair("iris")[1].fit(X, y)
    other = pair("iris", random_state=7)[1].fit(X, y)
    expected = other.predict_proba(X)
    b.coefs_, b.intercepts_ = [np.array(c) for c in other.coefs_], [np.array(i) for i in other.intercepts_]
    assert np.array_equal(b.predict_proba(X), expected)
    b.coefs_[0][:] = 0.0  # of an assigned array too
    assert not np.array_equal(b.predict_proba(X), expected)
    b.coefs_[0] = other.coefs_[0]
    assert np.array_equal(b.predict_proba(X), expected)
    b.intercepts_[-1] = np.zeros(4)
    with pytest.raises(ValueError, match=r"coefs_ have shapes .* and intercepts_"):
        b.predict(X)


@pytest.mark.parametrize("how", [lambda b: pickle.loads(pickle.dumps(b)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_copies_are_independent(how: Any) -> None:
    X, y = data("digits")
    b = pair("digits", max_iter=2)[1].fit(X, y)
    expected = b.predict_proba(X)
    twin = how(b)
    assert np.array_equal(twin.predict_proba(X), expected)
    twin.coefs_[0][...] = 0
    assert np.array_equal(b.predict_proba(X), expected)
    assert not np.array_equal(twin.predict_proba(X), expected)


def test_a_prediction_alone_is_that_of_a_batch() -> None:
    X, y = data("digits")
    b = pair("digits", max_iter=2)[1].fit(X, y)
    together = b.predict_proba(X[:20])
    assert all(np.array_equal(b.predict_proba(X[i : i + 1])[0], together[i]) for i in range(20))


def test_an_interrupted_fit_keeps_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbp.runtime.slices import Pace

    X, y = data("iris")
    calls = []
    run = Pace.run

    def interrupted(self: Pace, first: int, n: int) -> Any:
        calls.append(first)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, first, n)

    monkeypatch.setattr(Pace, "run", interrupted)
    b = ours.MLPClassifier((5,), max_iter=50, batch_size=len(X), random_state=0)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        b.fit(X, y)
    assert b.n_iter_ == 2
    assert np.isfinite(b.predict_proba(X)).all()


def test_divergence_is_said_in_scikit_learns_words() -> None:
    X, y = data("diabetes")
    b = ours.MLPRegressor(
        hidden_layer_sizes=(5,), activation="identity", solver="sgd", learning_rate_init=100.0, random_state=0
    )
    with pytest.raises(ValueError, match=r"Solver produced non-finite parameter weights\."):
        b.fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "newton"}, "The 'solver' parameter of MLPClassifier must be a str among"),
        ({"hidden_layer_sizes": [3, 0]}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
        ({"alpha": -1}, "The 'alpha' parameter of MLPClassifier must be a float in the range"),
        ({"n_threads": 0}, "The 'n_threads' parameter of MLPClassifier must be None or an int in the range"),
    ],
)
def test_bad_values_get_scikit_learns_messages(options: dict[str, Any], message: str) -> None:
    X, y = data("iris")
    with pytest.raises(ValueError, match=message):
        ours.MLPClassifier(**options).fit(X, y)


def test_parameters_are_theirs_and_some_more() -> None:
    for kind in ("MLPClassifier", "MLPRegressor"):
        a, b = (inspect.signature(getattr(module, kind)).parameters for module in (theirs, ours))
        assert list(b)[: len(a)] == list(a)
        for name, parameter in a.items():
            assert (b[name].default, b[name].kind) == (parameter.default, parameter.kind)
        assert all(b[name].kind is inspect.Parameter.KEYWORD_ONLY for name in set(b) - set(a))
        methods = {name for name in dir(getattr(theirs, kind)) if not name.startswith("_")}
        assert methods <= {name for name in dir(getattr(ours, kind)) if not name.startswith("_")}


@pytest.mark.compiled
@pytest.mark.parametrize("kind", [ours.MLPClassifier, ours.MLPRegressor])
def test_docstrings_name_every_parameter_and_their_examples_run(kind: Any) -> None:
    parameters, attributes = kind.__doc__.partition("Parameters\n---")[2].split("Attributes\n---")
    named = ", ".join(re.findall(r"^(\w[\w, ]*) : ", parameters, re.MULTILINE)).split(", ")
    assert named == list(inspect.signature(kind).parameters)
    named = ", ".join(re.findall(r"^(\w[\w, ]*) : ", attributes, re.MULTILINE)).split(", ")
    b = kind(max_iter=2, random_state=0).fit(np.eye(4), [0, 1, 0, 1])
    assert set(named) - {"feature_names_in_"} == {name for name in vars(b) if name.endswith("_") and name[0] != "_"}
    (examples,) = doctest.DocTestFinder(recurse=False).find(kind, globs={kind.__name__: kind})
    assert len(examples.examples) > 3
    assert doctest.DocTestRunner().run(examples).failed == 0


def test_a_convergence_warning() -> None:
    X, y = data("iris")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
            ours.MLPClassifier(max_iter=2).fit(X, y)
