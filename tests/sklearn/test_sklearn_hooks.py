"""Overrides of scikit-learn's private methods: obeyed as scikit-learn obeys them, or refused by name."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score

import fastbp
from fastbp import sklearn as ours
from fastbp.sklearn import _hooks

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*overrides _.*is slow:UserWarning"),
]

rng = np.random.default_rng(0)
X = rng.standard_normal((80, 4))
LABELS, NUMBERS = rng.integers(0, 3, 80), rng.standard_normal(80)
KINDS = ("MLPClassifier", "MLPRegressor")
SHORT: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}


def targets(kind: str) -> Any:
    return LABELS if kind == "MLPClassifier" else NUMBERS


def arrays(estimator: Any) -> list[Any]:
    return [*estimator.coefs_, *estimator.intercepts_]


def assert_alike(a: Any, b: Any, rtol: float = 1e-10) -> None:
    for theirs_, ours_ in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_allclose(ours_, theirs_, rtol=rtol, atol=1e-12)


def freeze_first_row(self: Any, loss: float, coef_grads: list[Any], intercept_grads: list[Any]) -> Any:
    coef_grads[0][0] = 0
    return loss, coef_grads, intercept_grads


class Backprop:
    def _backprop(self, *args: Any) -> Any:
        return freeze_first_row(self, *super()._backprop(*args))  # type: ignore[misc]


class ComputeLossGrad:
    def _compute_loss_grad(self, layer: int, sw_sum: Any, activations: Any, deltas: Any, *grads: Any) -> None:
        super()._compute_loss_grad(layer, sw_sum, activations, deltas, *grads)  # type: ignore[misc]
        grads[0][layer] *= 0.5


class ForwardPass:
    def _forward_pass(self, activations: Any) -> Any:
        activations = super()._forward_pass(activations)  # type: ignore[misc]
        activations[1] *= 0.9
        return activations


def below(mixin: type, kind: str, module: Any) -> Any:
    """A subclass, in which the mixin comes before the class."""
    return type("Below", (mixin, getattr(module, kind)), {})


def subclassed(mixin: type, kind: str, module: Any) -> Any:
    """A subclass of its own that overrides, and one of it that does not."""

    def method(self: Any, *args: Any) -> Any:
        return getattr(super(own, self), name)(*args)

    (name,) = [name for name in vars(mixin) if name.startswith("_") and not name.startswith("__")]
    base = getattr(module, kind)
    own = type("Own", (below(mixin, kind, module),), {name: method})
    assert issubclass(own, base)
    return type("OfOwn", (own,), {})


@pytest.mark.parametrize("mixin", [Backprop, ComputeLossGrad, ForwardPass])
@pytest.mark.parametrize("kind", KINDS)
def test_replaced_derivatives_are_scikit_learns_fit_bit_for_bit(kind: str, mixin: type) -> None:
    y = targets(kind)
    for make in (below, subclassed):
        for options in ({}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True, "batch_size": 20}):
            a, b = (make(mixin, kind, module)(**SHORT, **options).fit(X, y) for module in (theirs, ours))
            assert all(np.array_equal(p, q) for p, q in zip(arrays(a), arrays(b), strict=True)), options
            np.testing.assert_allclose(b.predict(X), a.predict(X), rtol=1e-12)
            assert all(array.flags.c_contiguous and array.flags.owndata for array in arrays(b))
            plain = getattr(ours, kind)(**SHORT, **options).fit(X, y)
            if not options:
                assert not np.array_equal(plain.coefs_[0], b.coefs_[0]), "the override matters"
            again = pickle.loads(pickle.dumps(plain))
            assert np.array_equal(again.predict(X), plain.predict(X))


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_backprop_is_called_by_partial_fit_on_sparse_samples_and_with_weights(kind: str) -> None:
    y, s, sparse = targets(kind), rng.random(80), scipy.sparse.csr_matrix(X)
    pair = [below(Backprop, kind, module)(**SHORT) for module in (theirs, ours)]
    first = {"classes": [0, 1, 2]} if kind == "MLPClassifier" else {}
    for net in pair:
        net.partial_fit(sparse, y, **first)
        net.partial_fit(sparse, y, sample_weight=s)
        net.partial_fit(X, y)
    assert all(np.array_equal(p, q) for p, q in zip(*map(arrays, pair), strict=True))
    row = clone(pair[1]).fit(X, y, sample_weight=s).coefs_[0][0]
    net = clone(pair[1]).set_params(max_iter=1, warm_start=True)
    assert np.array_equal(net.fit(X, y, sample_weight=s).coefs_[0][0], row), "it has not moved"
    assert np.array_equal(net.fit(X, y).coefs_[0][0], row)


def test_an_override_on_the_instance_or_on_the_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in ("instance", "class"):
        with monkeypatch.context() as patch:
            pair = []
            for module in (theirs, ours):
                net = module.MLPClassifier(**SHORT)
                original = module.MLPClassifier._backprop

                def backprop(*args: Any, original: Any = original, net: Any = net) -> Any:
                    args = args if isinstance(args[0], type(net)) else (net, *args)
                    return freeze_first_row(net, *original(*args))

                patch.setattr(net if where == "instance" else module.MLPClassifier, "_backprop", backprop)
                pair.append(net.fit(X, LABELS))
            assert all(np.array_equal(p, q) for p, q in zip(*map(arrays, pair), strict=True)), where
    net = ours.MLPClassifier(**SHORT).fit(X, LABELS)
    assert_alike(theirs.MLPClassifier(**SHORT).fit(X, LABELS), net)


def test_a_mixin_above_the_class_does_not_count() -> None:
    kind = type("Above", (ours.MLPClassifier, Backprop), {})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Above overrides")
        net = kind(**SHORT).fit(X, LABELS)
    assert_alike(theirs.MLPClassifier(**SHORT).fit(X, LABELS), net)


def test_scikit_learns_loop_says_once_that_it_is_slow_and_refuses_what_it_does_not_know() -> None:
    kind = below(Backprop, "MLPClassifier", ours)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kind(**SHORT).fit(X, LABELS)
    (slow,) = [warning for warning in told if "slow" in str(warning.message)]
    assert slow.category is UserWarning
    assert slow.filename == __file__
    assert "overrides _backprop" in str(slow.message)
    only_here: dict[str, Any] = {
        "n_threads": 2, "dropout": 0.1, "l1": 0.1, "clip_norm": 1.0, "class_weight": "balanced", "solver": "adamw",
        "activation": "gelu", "init": "he_normal", "scoring": "loss", "weight_decay": 0.1, "schedule": "cosine",
        "callbacks": print, "checkpoint": fastbp.Checkpoint("fit.ckpt"),
    }  # fmt: skip
    for name, value in only_here.items():
        with pytest.raises(ValueError, match=rf"Below overrides _backprop, .* does not know {name}="):
            kind(**{**SHORT, name: value}).fit(X, LABELS)
    with pytest.raises(ValueError, match="activation="):
        kind(**SHORT, activation=["relu"]).fit(X, LABELS)
    with pytest.raises(ValueError, match="X_val and y_val"):
        kind(**SHORT, early_stopping=True).fit(X, LABELS, X_val=X, y_val=LABELS)
    if hasattr(kind, "set_callbacks"):  # scikit-learn 1.9
        from sklearn.callback import ProgressBar

        with pytest.raises(ValueError, match="set_callbacks"):
            kind(**SHORT).set_callbacks(ProgressBar()).fit(X, LABELS)
    with pytest.raises(ValueError, match="loss='huber'"):
        below(Backprop, "MLPRegressor", ours)("huber", **SHORT).fit(X, NUMBERS)
    net = kind(**{**SHORT, "l1": 0.0, "n_threads": None}).fit(X, LABELS)
    with pytest.raises(ValueError, match="dropout"):
        net.set_params(dropout=0.1).fit(X, LABELS)
    assert hasattr(net, "coefs_"), "a fit that is refused changes nothing"


class InitCoef:
    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> Any:
        assert len(self.coefs_) == len(self.intercepts_)  # type: ignore[attr-defined]
        coef, intercept = super()._init_coef(fan_in, fan_out, dtype)  # type: ignore[misc]
        return coef * 0.5, np.zeros_like(intercept)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_of_the_users_own(kind: str) -> None:
    y = targets(kind)
    for solver in ("adam", "lbfgs"):
        pair = [below(InitCoef, kind, module)(**SHORT, solver=solver).fit(X, y) for module in (theirs, ours)]
        assert_alike(*pair, rtol=1e-7)
        assert np.abs(arrays(pair[1])[0] - getattr(ours, kind)(**SHORT, solver=solver).fit(X, y).coefs_[0]).max() > 1e-3

    seen = []

    def zeros(fan_in: int, fan_out: int, dtype: Any) -> Any:
        seen.append((fan_in, fan_out, dtype))
        return np.zeros((fan_in, fan_out), dtype), np.zeros(fan_out, dtype)

    net = getattr(ours, kind)(**SHORT)
    net._init_coef = zeros
    net.fit(X.astype(np.float32), y)
    assert seen == [(4, 6, np.float32), (6, 3 if kind == "MLPClassifier" else 1, np.float32)]
    assert not net.coefs_[0].any(), "nothing passes through weights of 0"
    net._init_coef = lambda fan_in, fan_out, dtype: (np.zeros((fan_out, fan_in)), np.zeros(fan_out))
    with pytest.raises(ValueError, match=r"coefs_ have shapes \[\(6, 4\)"):
        net.fit(X, y)


class Patience:
    """Nothing counts as no improvement."""

    def _update_no_improvement_count(self, *args: Any) -> None:
        self.seen = [*getattr(self, "seen", []), (args, [w.copy() for w in self.coefs_], self.loss_)]  # type: ignore


class Impatience:
    def _update_no_improvement_count(self, early_stopping: bool, X: Any, y: Any, sample_weight: Any) -> None:
        super()._update_no_improvement_count(early_stopping, X, y, sample_weight)  # type: ignore[misc]
        self._no_improvement_count += 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_count_of_epochs_without_improvement_is_the_users(kind: str) -> None:
    y, s = targets(kind), np.linspace(0.5, 2, 80)
    for early in (False, True):
        options = {"hidden_layer_sizes": (3,), "random_state": 0, "early_stopping": early, "tol": 0.1}
        pair = [below(Patience, kind, module)(**options, max_iter=40).fit(X, y, s) for module in (theirs, ours)]
        assert pair[0].n_iter_ == pair[1].n_iter_ == 40
        assert_alike(*pair, rtol=1e-7)
        for a, b in zip(*(net.seen for net in pair), strict=True):
            for given, ours_ in zip(a[0], b[0], strict=True):
                assert np.array_equal(np.asarray(given, object), np.asarray(ours_, object))
                assert np.shape(given) == np.shape(ours_)
            for v, w in zip(a[1], b[1], strict=True):
                np.testing.assert_allclose(w, v, rtol=1e-7, atol=1e-12)
            assert b[2] == pytest.approx(a[2], rel=1e-9)
        pair = [below(Impatience, kind, module)(**options, max_iter=100).fit(X, y) for module in (theirs, ours)]
        assert pair[0].n_iter_ == pair[1].n_iter_ < getattr(ours, kind)(**options, max_iter=100).fit(X, y).n_iter_
        assert_alike(*pair, rtol=1e-7)
        assert pair[0].validation_scores_ == pytest.approx(pair[1].validation_scores_)


class Score:
    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        assert X.shape[1] == 4
        self.asked = [*getattr(self, "asked", []), (X, y, sample_weight)]
        value = super()._score(X, y, sample_weight=sample_weight)  # type: ignore[misc]
        metric = accuracy_score if hasattr(self, "classes_") else r2_score
        assert value == pytest.approx(metric(y, self.predict(X), sample_weight=sample_weight))  # type: ignore
        return -float(value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_of_early_stopping_is_the_users(kind: str) -> None:
    y, s = targets(kind), np.linspace(0.5, 2, 80)
    for samples in (X, scipy.sparse.csr_matrix(X)):
        options = {"hidden_layer_sizes": (3,), "random_state": 0, "early_stopping": True, "max_iter": 20}
        pair = [below(Score, kind, module)(**options).fit(samples, y, s) for module in (theirs, ours)]
        assert pair[0].validation_scores_ == pytest.approx(pair[1].validation_scores_)
        assert pair[0].n_iter_ == pair[1].n_iter_
        assert_alike(*pair, rtol=1e-7)
        for a, b in zip(*(net.asked for net in pair), strict=True):
            assert [np.shape(part) for part in a] == [np.shape(part) for part in b]
            assert np.array_equal(a[1], b[1])
    assert len(pair[1].validation_loss_curve_) == pair[1].n_iter_
    with pytest.raises(ValueError, match=r"overrides _score, and scoring is 'loss'"):
        pair[1].set_params(scoring="loss").fit(X, y)


REFUSED = sorted({name for kind in KINDS for name in _hooks.private_methods(getattr(theirs, kind))})
REFUSED = [name for name in REFUSED if name not in (*_hooks.CALLED, *_hooks.LOOPED)]


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", KINDS)
def test_any_other_override_is_refused_and_the_public_way_named(kind: str, name: str) -> None:
    def method(self: Any, *args: Any, **options: Any) -> None:
        raise AssertionError

    subclass = type("Sub", (getattr(ours, kind),), {name: method})
    instance = getattr(ours, kind)(**SHORT)
    setattr(instance, name, lambda *args, **options: None)
    calls: list[Callable[..., Any]] = [subclass(**SHORT).fit, instance.fit, subclass(**SHORT).partial_fit]
    for call in calls:
        with pytest.raises(TypeError, match=rf"overrides {name}, a private method .* fastbp never calls\. ") as error:
            call(X, targets(kind))
        assert _hooks.PUBLIC[name] in str(error.value), "every one has advice of its own"
    del instance.__dict__[name]
    instance.fit(X, targets(kind))


def test_private_names_are_no_other_methods_than_scikit_learns() -> None:
    """An override of scikit-learn's must not hit something of fastbp's that happens to have the name."""
    hooks = {*_hooks.CALLED, *_hooks.LOOPED}
    for kind in KINDS:
        private = set(_hooks.private_methods(getattr(theirs, kind)))
        assert {"_fit", "_predict", "_unpack", "_validate_input", *hooks} <= private
        own = [c for c in getattr(ours, kind).__mro__ if c.__module__.startswith("fastbp.")]
        names = {name for c in own for name in vars(c) if name.startswith("_") and not name.startswith("__")}
        assert len(names) > 20
        # Beside the hooks, scikit-learn's own tests call this one.
        assert names & private == hooks | {"_loss_grad_lbfgs"}
        for name in hooks:
            a, b = (inspect.signature(getattr(getattr(module, kind), name)) for module in (theirs, ours))
            assert list(a.parameters) == list(b.parameters)


def test_they_are_no_instances_of_scikit_learns_classes() -> None:
    assert not isinstance(ours.MLPClassifier(), theirs.MLPClassifier)
    assert not isinstance(ours.MLPRegressor(), theirs.MLPRegressor)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_override_may_come_and_go_between_calls_of_partial_fit(solver: str) -> None:
    """The optimizer's state passes from fastbp's loop to scikit-learn's and back."""
    a, b = (module.MLPRegressor(solver=solver, **SHORT) for module in (theirs, ours))
    for step in range(5):
        if step in (1, 3):
            kept = b._backprop
            b._backprop = lambda *args, kept=kept: kept(*args)
        a.partial_fit(X, NUMBERS)
        b.partial_fit(X, NUMBERS)
        assert_alike(a, b)
        assert_alike(a.partial_fit(X, NUMBERS), b.to_sklearn().partial_fit(X, NUMBERS))
        b.partial_fit(X, NUMBERS)
        vars(b).pop("_backprop", None)
    assert_alike(a, b)


class Failing:
    """Gradients that are not finite, or an exception, from a given call on."""

    left, error = 10**9, False

    def _backprop(self, *args: Any) -> Any:
        loss, coef_grads, intercept_grads = super()._backprop(*args)  # type: ignore[misc]
        self.left -= 1
        if self.left < 0:
            if self.error:
                raise RuntimeError("The user's own.")
            coef_grads[0][0] = np.nan
        return loss, coef_grads, intercept_grads


FailingRegressor = type("FailingRegressor", (Failing, ours.MLPRegressor), {})


@pytest.mark.parametrize("error", [False, True])
@pytest.mark.parametrize("fitted_before", [False, True])
def test_a_new_fit_that_fails_in_scikit_learns_loop_leaves_no_fitted_attributes(
    fitted_before: bool, error: bool
) -> None:
    b: Any = FailingRegressor(**SHORT)
    if fitted_before:
        b.fit(X, NUMBERS)
    b.left, b.error = 2, error
    with pytest.raises((ValueError, RuntimeError), match=r"non-finite|The user's own"):
        b.fit(X, NUMBERS)
    with pytest.raises(NotFittedError):
        b.predict(X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_going_on_in_scikit_learns_loop_keeps_the_last_finite_weights(solver: str) -> None:
    options = {**SHORT, "solver": solver, "warm_start": True, "batch_size": 20}
    b: Any = FailingRegressor(**options).fit(X, NUMBERS)
    until: Any = FailingRegressor(**options).fit(X, NUMBERS)
    b.left = 5
    with pytest.raises(ValueError, match="non-finite"):
        b.fit(X, NUMBERS)
    assert all(np.isfinite(array).all() for array in arrays(b))
    until.left, until.error = 5, True  # the weights after five minibatches more
    with pytest.raises(RuntimeError, match="The user's own"):
        until.fit(X, NUMBERS)
    assert_alike(until, b)
    b.left = 10**9
    assert np.isfinite(b.fit(X, NUMBERS).predict(X)).all()


@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_other_layers_are_refused_in_scikit_learns_loop_too(how: str) -> None:
    b: Any = FailingRegressor(warm_start=True, **SHORT).fit(X, NUMBERS).set_params(hidden_layer_sizes=(9,))
    before = [array.copy() for array in arrays(b)]
    with pytest.raises(ValueError, match=r"ask for layers of \[4, 9, 1\] neurons.*have \[4, 6, 1\]"):
        (b.fit if how == "warm_start" else b.partial_fit)(X, NUMBERS)
    assert all(np.array_equal(x, y) for x, y in zip(arrays(b), before, strict=True))
