"""What scikit-learn does not have: every parameter and method against a computation of its own."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import pandas as pd
import scipy.sparse
import sklearn
from masks import dropout_mask
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import fastbp
from fastbp.sklearn import MLPClassifier, MLPRegressor
from fastbp.training.schedules import Cosine, ReduceOnPlateau, StepDecay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
X_DIABETES, Y_DIABETES = scale(X_DIABETES)[:120], scale(Y_DIABETES)[:120]

SHORT: dict[str, Any] = {"hidden_layer_sizes": (6, 4), "max_iter": 4, "random_state": 0}


def weights(estimator: Any) -> np.ndarray:
    return np.concatenate([part.ravel() for part in [*estimator.coefs_, *estimator.intercepts_]])


def same(a: Any, b: Any) -> bool:
    return np.array_equal(weights(a), weights(b))


def one_step(estimator: Any, X: np.ndarray, Y: np.ndarray, **gradient: Any) -> tuple[Any, Any, Any]:
    """Weights before and after one step over all samples, and Network's gradient before it."""
    estimator.set_params(max_iter=1, batch_size=len(X), shuffle=False, warm_start=True)
    estimator.fit(X, Y)
    net = estimator.to_network()
    before = [np.array(w.T) for w in net.w]
    targets = Y.reshape(-1, 1) if isinstance(estimator, MLPRegressor) else Y
    g = net.gradient(X, targets, **gradient)
    estimator.fit(X, Y)
    return before, estimator.coefs_, [w.T for w in g.w]


def test_class_weights_are_sample_weights() -> None:
    by_class = MLPClassifier(class_weight={0: 3.0, 1: 1.0, 2: 0.5}, **SHORT).fit(X_IRIS, Y_IRIS)
    by_sample = MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS, sample_weight=np.array([3.0, 1.0, 0.5])[Y_IRIS])
    assert same(by_class, by_sample)
    assert not same(by_class, MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS))


def test_class_weights_in_parts() -> None:
    """A part need not have all classes; those that are not named weigh 1."""
    b = MLPClassifier(class_weight={0: 3.0}, **SHORT)
    plain = clone(b).set_params(class_weight=None)
    for part in (slice(0, 60), slice(60, 150)):  # the second has no 0
        b.partial_fit(X_IRIS[part], Y_IRIS[part], classes=[0, 1, 2])
        weight = np.where(Y_IRIS[part] == 0, 3.0, 1.0)
        plain.partial_fit(X_IRIS[part], Y_IRIS[part], sample_weight=weight, classes=[0, 1, 2])
    assert same(b, plain)
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"The classes, \[0, 1, 2\], are not in class_weight"):
        MLPClassifier(class_weight={7: 2.0}).fit(X_IRIS, Y_IRIS)


def test_class_weights_of_several_labels() -> None:
    labels = np.eye(3, dtype=int)[Y_IRIS]
    labels[::4, 0] = 1
    of_each = [{0: 1.0, 1: 2.0}, {0: 1.0, 1: 0.5}, {0: 3.0, 1: 1.0}]
    s = np.prod([[weight[v] for v in column] for weight, column in zip(of_each, labels.T, strict=True)], axis=0)
    by_class = MLPClassifier(class_weight=of_each, **SHORT).fit(X_IRIS, labels)
    assert same(by_class, MLPClassifier(**SHORT).fit(X_IRIS, labels, sample_weight=s))


def test_balanced_class_weights_mean_what_they_mean_elsewhere() -> None:
    """Without hidden layers the net is logistic regression."""
    keep = np.r_[0:50, 50:60]
    X, y = X_IRIS[keep], np.array(["a", "b"])[Y_IRIS[keep]]
    options = {"class_weight": "balanced", "max_iter": 5000, "tol": 1e-10}
    net = MLPClassifier((), solver="lbfgs", alpha=1.0, random_state=0, **options).fit(X, y)
    # Its penalty is alpha / 2 |w|^2 over the sum of weights, theirs 1 / (2 C) |w|^2 over the same.
    linear = LogisticRegression(C=1.0, **options).fit(X, y)
    np.testing.assert_allclose(net.predict_proba(X), linear.predict_proba(X), atol=1e-5)


def test_activations_of_each_layer() -> None:
    b = MLPClassifier(activation=["tanh", "gelu"], **SHORT).fit(X_IRIS, Y_IRIS)
    z = np.tanh(X_IRIS @ b.coefs_[0] + b.intercepts_[0]) @ b.coefs_[1] + b.intercepts_[1]
    from scipy.special import erf, softmax

    a = z * 0.5 * (1 + erf(z / np.sqrt(2)))
    np.testing.assert_allclose(b.transform(X_IRIS), a, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(b.predict_proba(X_IRIS), softmax(a @ b.coefs_[2] + b.intercepts_[2], axis=1), rtol=1e-9)
    assert same(
        MLPClassifier(activation=["relu", "relu"], **SHORT).fit(X_IRIS, Y_IRIS),
        MLPClassifier(**SHORT).fit(X_IRIS, Y_IRIS),
    )
    with pytest.raises(ValueError, match=r"one of these for each hidden layer, of which there are 2\. Got \['tanh'\]"):
        MLPClassifier(activation=["tanh"], **SHORT).fit(X_IRIS, Y_IRIS)


def test_output_activation() -> None:
    b = MLPRegressor(output_activation="tanh", solver="sgd", momentum=0, alpha=0, learning_rate_init=0.1, **SHORT)
    y = np.tanh(Y_DIABETES)
    before, after, g = one_step(b, X_DIABETES, y)
    for w, v, slope in zip(before, after, g, strict=True):
        np.testing.assert_allclose(v, w - 0.1 * slope, rtol=1e-12, atol=1e-15)
    assert np.abs(b.predict(X_DIABETES)).max() <= 1
    assert fastbp.gradcheck(b.to_network(), X_DIABETES[:10], y[:10].reshape(-1, 1)).passed
    with pytest.raises(ValueError, match="output_activation is 'tanh'; with loss='poisson' the output is 'exp'"):
        MLPRegressor(loss="poisson", output_activation="tanh").fit(X_DIABETES, Y_DIABETES**2)


def test_targets_that_an_output_activation_cannot_reach_are_warned_of() -> None:
    y = np.stack([Y_DIABETES] * 2, axis=1)
    for name, text in (("logistic", "y has .* sigmoid outputs are in 0..1, and cannot reach it. Scale y"),
                       ("softplus", "softplus outputs are at least 0, and cannot reach it")):  # fmt: skip
        with pytest.warns(UserWarning, match=text):
            MLPRegressor(output_activation=name, **SHORT).fit(X_DIABETES, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MLPRegressor(output_activation="logistic", **SHORT).fit(X_DIABETES, 1.0 * (Y_DIABETES > 0))
    assert not [w for w in caught if "outputs are" in str(w.message)]


def test_l1_is_added_to_the_gradient() -> None:
    n = len(X_IRIS)
    b = MLPClassifier(l1=3.0, alpha=2.0, solver="sgd", momentum=0, learning_rate_init=0.1, **SHORT)
    before, after, g = one_step(b, X_IRIS, Y_IRIS, l1=3.0 / n, l2=2.0 / n)
    for w, v, slope in zip(before, after, g, strict=True):
        np.testing.assert_allclose(v, w - 0.1 * slope, rtol=1e-12, atol=1e-15)
    # Biases are not penalised: their gradient is that of the cost alone, by differences of the cost.
    net, biases = b.to_network(), [np.array(bias) for bias in b.intercepts_]
    b.fit(X_IRIS, Y_IRIS)
    for l in (1, 2, 3):
        for j in range(len(biases[l - 1])):
            costs = []
            for step in (1e-5, -1e-5):
                net.b[l][j] += step
                costs.append(net.evaluate(X_IRIS, Y_IRIS)["loss"])
                net.b[l][j] -= step
            slope = (costs[0] - costs[1]) / 2e-5
            assert b.intercepts_[l - 1][j] - biases[l - 1][j] == pytest.approx(-0.1 * slope, rel=1e-6, abs=1e-9)
    first = MLPClassifier(l1=3.0, alpha=2.0, solver="sgd", **SHORT)
    first.set_params(max_iter=1, batch_size=n, learning_rate_init=1e-300).fit(X_IRIS, Y_IRIS)
    penalty = sum(3.0 / n * np.abs(w).sum() + 1.0 / n * (w**2).sum() for w in first.coefs_)
    assert first.loss_ == pytest.approx(log_loss(Y_IRIS, first.predict_proba(X_IRIS)) + penalty, rel=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("solver", ["adamw", "rmsprop", "adagrad", "sgd"])
def test_further_solvers_are_those_of_train(solver: str, decay: float) -> None:
    options = {"shuffle": False, "alpha": 0, "batch_size": 30, "learning_rate_init": 0.01, **SHORT}
    b = MLPClassifier(solver=solver, weight_decay=decay, **options)
    start = clone(b).set_params(max_iter=1, learning_rate_init=1e-300, weight_decay=0.0).fit(X_IRIS, Y_IRIS)
    net = start.to_network()
    optimizer = {
        "adamw": fastbp.AdamW(0.01, weight_decay=decay),
        "rmsprop": fastbp.RMSprop(0.01, rho=0.999, weight_decay=decay),
        "adagrad": fastbp.Adagrad(0.01, epsilon=1e-8, weight_decay=decay),
        "sgd": fastbp.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=decay),
    }[solver]
    fastbp.train(net, X_IRIS, Y_IRIS, optimizer=optimizer, epochs=4, batch_size=30, shuffle=False)
    b.fit(X_IRIS, Y_IRIS)
    for w, v in zip(net.w, b.coefs_, strict=True):
        np.testing.assert_allclose(v, w.T, rtol=1e-9, atol=1e-12)
    b.partial_fit(X_IRIS, Y_IRIS)


def test_further_solvers_take_scikit_learns_names_of_constants() -> None:
    options = {"shuffle": False, "alpha": 0, "batch_size": 30, "learning_rate_init": 0.01, **SHORT}
    given = {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3}
    for solver, optimizer in {
        "adamw": fastbp.AdamW(0.01, weight_decay=0.0, beta_1=0.7, beta_2=0.8, epsilon=1e-3),
        "rmsprop": fastbp.RMSprop(0.01, rho=0.8, epsilon=1e-3),
        "adagrad": fastbp.Adagrad(0.01, epsilon=1e-3),
    }.items():
        b = MLPClassifier(solver=solver, **options, **given)
        net = clone(b).set_params(max_iter=1, learning_rate_init=1e-300).fit(X_IRIS, Y_IRIS).to_network()
        fastbp.train(net, X_IRIS, Y_IRIS, optimizer=optimizer, epochs=4, batch_size=30, shuffle=False)
        b.fit(X_IRIS, Y_IRIS)
        for w, v in zip(net.w, b.coefs_, strict=True):
            np.testing.assert_allclose(v, w.T, rtol=1e-9, atol=1e-12)


def test_lbfgs_ignores_what_belongs_to_steps_and_epochs() -> None:
    plain = MLPClassifier(solver="lbfgs", **SHORT).fit(X_IRIS, Y_IRIS)
    options: dict[str, Any] = {"dropout": 0.5, "clip_norm": 1e-3, "weight_decay": 0.1, "schedule": "cosine"}
    for name, value in {**options, "scoring": "accuracy", "callbacks": print, "learning_rate_init": 9.0}.items():
        b = MLPClassifier(solver="lbfgs", **SHORT).set_params(**{name: value}).fit(X_IRIS, Y_IRIS)
        assert same(b, plain), name


@pytest.mark.parametrize("batch_size", [1, 150])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    "options",
    [{"solver": name} for name in ("adam", "adamw", "rmsprop", "adagrad")]
    + [{"solver": "sgd", "momentum": 0.0}, {"solver": "sgd", "nesterovs_momentum": False}, {"solver": "sgd"}],
    ids=str,
)
def test_weight_decay_takes_a_part_of_every_parameter(options: Any, n_threads: int, batch_size: int) -> None:
    """One step with it and one without differ by eta weight_decay w, whatever the solver makes of the gradient."""
    X, y = X_IRIS[50:51], Y_IRIS[50:51]
    if batch_size == 150:
        X, y = X_IRIS, Y_IRIS
    options = options | {"alpha": 0.0, "batch_size": batch_size, "n_threads": n_threads, **SHORT, "max_iter": 1}
    start = MLPClassifier(**options | {"learning_rate_init": 1e-300})
    start.partial_fit(X, y, classes=[0, 1, 2])
    steps = []
    for decay in (0.0, 0.5):
        b = MLPClassifier(**options | {"learning_rate_init": 0.01, "weight_decay": decay})
        steps.append(weights(b.partial_fit(X, y, classes=[0, 1, 2])))
    assert not np.allclose(steps[0], weights(start), rtol=1e-3)
    np.testing.assert_allclose(steps[0] - steps[1], 0.01 * 0.5 * weights(start), rtol=1e-9, atol=1e-15)
    with pytest.raises(ValueError, match=r"learning_rate \* weight_decay is 2; from 2 on"):
        MLPClassifier(**options | {"learning_rate_init": 0.5, "weight_decay": 4.0}).fit(X_IRIS, Y_IRIS)


def test_schedules_multiply_the_rate() -> None:
    class Tenth:
        def __call__(self, epoch: Any, n_epochs: int) -> Any:
            return np.full(np.shape(epoch), 0.1)

    options = {"solver": "sgd", "momentum": 0.0, **SHORT}
    slow = MLPClassifier(learning_rate_init=0.01, schedule=Tenth(), **options).fit(X_IRIS, Y_IRIS)
    assert same(slow, MLPClassifier(learning_rate_init=0.1 * 0.01, **options).fit(X_IRIS, Y_IRIS))
    named = MLPClassifier(schedule="cosine", **options).fit(X_IRIS, Y_IRIS)
    assert same(named, MLPClassifier(schedule=Cosine(), **options).fit(X_IRIS, Y_IRIS))
    halved = MLPClassifier(schedule=StepDecay(every=2, factor=0.5), batch_size=150, **options).fit(X_IRIS, Y_IRIS)
    by_hand = MLPClassifier(batch_size=150, **options).set_params(max_iter=2, warm_start=True, shuffle=False)
    by_hand.fit(X_IRIS, Y_IRIS).set_params(learning_rate_init=0.0005).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(weights(halved), weights(by_hand), rtol=1e-9, atol=1e-12)


def test_a_schedule_is_asked_for_every_minibatch() -> None:
    asked: list[np.ndarray] = []

    def halved(epochs: np.ndarray, n_epochs: int) -> np.ndarray:
        asked.append(np.array(epochs))
        assert n_epochs == 4
        return np.full(np.shape(epochs), 0.5)

    MLPClassifier(schedule=halved, batch_size=50, **SHORT).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(np.concatenate(asked), np.arange(12) / 3)


def test_a_plateau_lowers_the_rate() -> None:
    options = {"solver": "sgd", "momentum": 0.0, "batch_size": 150, **SHORT, "max_iter": 3}
    rule = ReduceOnPlateau(factor=0.1, patience=1, min_delta=1e9, monitor="loss")  # never satisfied after the first
    b = MLPClassifier(schedule=rule, **options).fit(X_IRIS, Y_IRIS)
    by_hand = MLPClassifier(**options).set_params(max_iter=2, warm_start=True, shuffle=False).fit(X_IRIS, Y_IRIS)
    by_hand.set_params(max_iter=1, learning_rate_init=0.0001).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(weights(b), weights(by_hand), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="schedule watches 'val_loss'; there are no validation samples"):
        MLPClassifier(schedule="plateau").fit(X_IRIS, Y_IRIS)


def test_init_draws_from_fastbps_initializers() -> None:
    b = MLPClassifier(
        init="he_normal", hidden_layer_sizes=(400,), max_iter=1, learning_rate_init=1e-300, random_state=1
    )
    b.fit(np.random.default_rng(0).standard_normal((20, 300)), np.arange(20) % 2)
    assert b.coefs_[0].std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert np.abs(b.intercepts_[0]).max() < 1e-200


def test_callbacks_watch_and_stop() -> None:
    seen: list[float] = []

    def stop_at_three(estimator: Any) -> bool:
        seen.append(estimator.loss_)
        return estimator.n_iter_ == 3

    later: list[int] = []
    callbacks = [stop_at_three, lambda e: later.append(e.n_iter_)]
    b = MLPClassifier(callbacks=callbacks, **{**SHORT, "max_iter": 50}).fit(X_IRIS, Y_IRIS)
    assert b.n_iter_ == 3
    assert seen == b.loss_curve_
    assert later == [1, 2, 3]  # whatever the one before it has answered
    with pytest.raises(ValueError, match="callbacks holds 7, which is no function"):
        MLPClassifier(callbacks=[7]).fit(X_IRIS, Y_IRIS)


def test_scoring_decides_when_to_stop() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)[:200]
    y = y[:200]
    options = {"early_stopping": True, **SHORT, "max_iter": 6}
    b = MLPClassifier(scoring="roc_auc", **options)
    states: list[np.ndarray] = []
    b.set_params(callbacks=lambda e: states.append((weights(e), e.validation_scores_[-1]))).fit(X, y)
    assert len(b.validation_scores_) == len(b.validation_loss_curve_) == 6
    assert np.array_equal(weights(b), states[int(np.argmax(b.validation_scores_))][0])
    by_loss = MLPClassifier(scoring="loss", **options).fit(X, y)
    assert by_loss.validation_scores_ == [-loss for loss in by_loss.validation_loss_curve_]
    assert by_loss.best_validation_score_ == -min(by_loss.validation_loss_curve_)
    with pytest.raises(ValueError, match="The 'scoring' parameter of MLPClassifier must be"):
        MLPClassifier(scoring="beauty").fit(X, y)


@pytest.mark.parametrize("sparse", [False, True])
def test_validation_samples_given_by_the_user(sparse: bool) -> None:
    X, X_val, y, y_val = X_IRIS[::2], X_IRIS[1::2], Y_IRIS[::2], Y_IRIS[1::2]
    form = scipy.sparse.csr_matrix if sparse else np.asarray
    s = np.linspace(0.5, 2, len(X_val))
    b = MLPClassifier(early_stopping=True, scoring="neg_log_loss", **SHORT)
    b.fit(form(X), y, X_val=form(X_val), y_val=y_val, sample_weight_val=s)
    plain = MLPClassifier(**SHORT).fit(form(X), y)  # the same training: nothing is held out
    assert plain.loss_curve_ == b.loss_curve_
    value = log_loss(y_val, b.predict_proba(form(X_val)), sample_weight=s)
    assert -b.best_validation_score_ == pytest.approx(value, rel=1e-9)
    assert min(b.validation_loss_curve_) == pytest.approx(value, rel=1e-9)


def test_validation_errors_are_hist_gradient_boostings() -> None:
    options = {"X": X_IRIS, "y": Y_IRIS}
    for given in ({"X_val": X_IRIS}, {"y_val": Y_IRIS}):
        messages = []
        for estimator in (MLPClassifier(early_stopping=True), HistGradientBoostingClassifier(early_stopping=True)):
            with pytest.raises(ValueError, match="provided, but") as error:
                estimator.fit(**options, **given)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    with pytest.raises(
        ValueError, match="X_val and y_val are passed to fit while at the same time early_stopping is F"
    ):
        MLPClassifier().fit(X_IRIS, Y_IRIS, X_val=X_IRIS, y_val=Y_IRIS)
    labels = np.eye(3, dtype=int)[Y_IRIS]
    for wrong in (Y_IRIS, labels[:, :2]):
        with pytest.raises(ValueError, match=r"y_val has shape .*; y has 3 columns of 0 and 1\. Pass as many"):
            MLPClassifier(early_stopping=True).fit(X_IRIS, labels, X_val=X_IRIS, y_val=wrong)
    two = np.stack([Y_DIABETES, Y_DIABETES], axis=1)
    for y, y_val in ((Y_DIABETES, two), (two, Y_DIABETES)):
        with pytest.raises(ValueError, match=r"y_val has \d columns; y has \d\. Pass as many"):
            MLPRegressor(early_stopping=True).fit(X_DIABETES, y, X_val=X_DIABETES, y_val=y_val)
    with pytest.raises(ValueError, match="`y_val` has classes not in"):
        MLPClassifier(early_stopping=True).fit(X_IRIS, Y_IRIS, X_val=X_IRIS, y_val=Y_IRIS + 7)


def test_validation_samples_pass_through_a_pipeline() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPClassifier(early_stopping=True, **SHORT).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        pipeline.fit(X_IRIS[::2] * 9 + 4, Y_IRIS[::2], X_val=X_IRIS[1::2] * 9 + 4, y_val=Y_IRIS[1::2])
    scaler = StandardScaler().fit(X_IRIS[::2] * 9 + 4)
    alone = MLPClassifier(early_stopping=True, **SHORT)
    alone.fit(
        scaler.transform(X_IRIS[::2] * 9 + 4),
        Y_IRIS[::2],
        X_val=scaler.transform(X_IRIS[1::2] * 9 + 4),
        y_val=Y_IRIS[1::2],
    )
    assert alone.validation_scores_ == pipeline[-1].validation_scores_


def test_transform_is_the_last_hidden_layer() -> None:
    narrow = MLPClassifier((4, 1), activation="tanh", max_iter=2, random_state=0).fit(X_IRIS, Y_IRIS)
    a = np.tanh(np.tanh(X_IRIS @ narrow.coefs_[0] + narrow.intercepts_[0]) @ narrow.coefs_[1] + narrow.intercepts_[1])
    np.testing.assert_allclose(narrow.transform(X_IRIS), a, rtol=1e-10)
    b = MLPClassifier(activation="tanh", **SHORT).fit(X_IRIS, Y_IRIS)
    a = np.tanh(np.tanh(X_IRIS @ b.coefs_[0] + b.intercepts_[0]) @ b.coefs_[1] + b.intercepts_[1])
    np.testing.assert_allclose(b.transform(X_IRIS), a, rtol=1e-10)
    assert np.array_equal(b.transform(scipy.sparse.csr_matrix(X_IRIS)), b.transform(X_IRIS))
    frame = b.set_output(transform="pandas").transform(X_IRIS)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [f"mlpclassifier{i}" for i in range(4)] == list(b.get_feature_names_out())
    stacked = make_pipeline(MLPClassifier(**SHORT), LogisticRegression()).fit(X_IRIS, Y_IRIS)
    assert stacked.score(X_IRIS, Y_IRIS) > 0.8


@pytest.mark.parametrize("kind", ["two classes", "three classes", "regression"])
def test_the_gradient_by_features_against_differences(kind: str) -> None:
    X, y = (X_DIABETES, Y_DIABETES) if kind == "regression" else (X_IRIS, Y_IRIS)
    X, y = (X[:100], y[:100]) if kind == "two classes" else (X, y)
    b = (MLPRegressor if kind == "regression" else MLPClassifier)(activation="tanh", **SHORT).fit(X, y)

    def out(X: np.ndarray) -> np.ndarray:
        if kind == "regression":
            return b.predict(X)  # type: ignore[no-any-return]
        p = b.predict_proba(X)
        return p[:, 1] if kind == "two classes" else p  # type: ignore[no-any-return]

    slopes = b.input_gradient(X)
    assert slopes.shape == ((len(X), 3, 4) if kind == "three classes" else X.shape)
    for k in range(X.shape[1]):
        step = np.eye(X.shape[1])[k] * 1e-5
        by_differences = (out(X + step) - out(X - step)) / 2e-5
        np.testing.assert_allclose(slopes[..., k], by_differences, rtol=1e-6, atol=1e-9)
    assert np.array_equal(b.input_gradient(scipy.sparse.csc_array(X)), slopes)


@pytest.mark.compiled
@pytest.mark.parametrize("what", ["fit", "predict", "transform", "input_gradient"])
def test_sparse_samples_are_never_dense_as_a_whole(what: str) -> None:
    n, features = 3000, 20_000
    X = scipy.sparse.random(n, features, density=1e-4, format="csc", random_state=0)
    y = np.arange(n) % 2
    b = MLPClassifier((2,), max_iter=1, random_state=0).fit(X, y)
    if what == "input_gradient":
        X = X[:500]
        given = 500 * features * 8  # the result, which is dense
    else:
        given = 0
    call = getattr(b, what)
    call(X[:9], *([y[:9]] if what == "fit" else []))  # compiling takes memory too
    tracemalloc.start()
    try:
        call(X, *([y] if what == "fit" else []))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - given < X.shape[0] * features * 8 / 4


def test_transform_without_hidden_layers() -> None:
    b = MLPClassifier((), max_iter=2).fit(X_IRIS, Y_IRIS)
    assert np.array_equal(b.transform(X_IRIS), X_IRIS)
    assert not np.shares_memory(b.transform(X_IRIS), X_IRIS)
    assert scipy.sparse.issparse(b.transform(scipy.sparse.csr_matrix(X_IRIS)))


def test_tweedie_refuses_targets_it_gives_no_probability() -> None:
    y = np.abs(Y_DIABETES)
    for power, wrong in ((1.5, -1.0), (2.0, 0.0), (3.0, 0.0)):
        b = MLPRegressor("tweedie", power=power, **SHORT)
        with pytest.raises(ValueError, match="out of the valid range of the loss 'tweedie'"):
            b.fit(X_DIABETES, np.r_[wrong, y[1:]])
        with pytest.raises(ValueError, match="out of the valid range of the loss 'tweedie'"):
            b.set_params(early_stopping=True).fit(X_DIABETES, y, X_val=X_DIABETES, y_val=np.r_[wrong, y[1:]])
    MLPRegressor("tweedie", power=1.5, **SHORT).fit(X_DIABETES, np.r_[0.0, y[1:]])


def test_to_network_and_back() -> None:
    frame = pd.DataFrame(X_IRIS, columns=list("abcd"))
    b = MLPClassifier(activation="tanh", **SHORT).fit(frame, np.array(["x", "z", "y"])[Y_IRIS])
    net = b.to_network()
    assert np.array_equal(net.feedforward(X_IRIS), b.predict_proba(frame))
    assert net.meta["classes"] == ("x", "y", "z")
    assert net.meta["features"] == tuple("abcd")
    net.w[1][...] = 0
    assert b.coefs_[0].any(), "a copy"
    again = MLPClassifier.from_network(b.to_network(), random_state=1, max_iter=2, warm_start=True)
    assert np.array_equal(again.predict(frame), b.predict(frame))
    assert again.activation == "tanh"
    again.fit(frame, np.array(["x", "z", "y"])[Y_IRIS])
    assert again.loss_curve_[0] < b.loss_curve_[0]


def test_from_network_sorts_classes() -> None:
    net = fastbp.Network([4, 3], activations="softmax", cost="cross_entropy", seed=0, meta={"classes": ["z", "x", "y"]})
    b = MLPClassifier.from_network(net)
    decided = np.array(["z", "x", "y"])[net.predict(X_IRIS)]
    assert np.array_equal(b.predict(X_IRIS), decided)
    r = MLPRegressor.from_network(fastbp.Network([4, 2, 1], activations=["silu", "softplus"], seed=0))
    assert r.output_activation == "softplus"
    assert (r.predict(X_IRIS) > 0).all()
    with pytest.raises(ValueError, match="a classifier's is 'cross_entropy'"):
        MLPClassifier.from_network(fastbp.Network([4, 3]))
    with pytest.raises(ValueError, match="a regressor has none like it"):
        MLPRegressor.from_network(net)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_a_model_goes_to_scikit_learn_and_back_in_training(kind: str, solver: str) -> None:
    X, y = (X_IRIS, Y_IRIS) if kind == "MLPClassifier" else (X_DIABETES, Y_DIABETES)
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind]
    alone = getattr(theirs, kind)(solver=solver, **SHORT)
    extra = {"classes": [0, 1, 2]} if kind == "MLPClassifier" else {}
    for _ in range(4):
        alone.partial_fit(X, y, **extra)
    b = ours(solver=solver, **SHORT).partial_fit(X, y, **extra)
    a = b.to_sklearn().partial_fit(X, y)
    assert type(a) is getattr(theirs, kind)
    c = ours.from_sklearn(a).partial_fit(X, y)
    d = c.to_sklearn().partial_fit(X, y)
    np.testing.assert_allclose(weights(d), weights(alone), rtol=1e-9, atol=1e-12)
    assert d.loss_curve_ == pytest.approx(alone.loss_curve_, rel=1e-9)
    assert np.array_equal(d.predict(X), alone.predict(X)) or kind == "MLPRegressor"


def test_early_stopping_goes_on_after_a_conversion() -> None:
    options: dict[str, Any] = {"early_stopping": True, "warm_start": True, **SHORT}
    net = fastbp.Network([4, 6, 4, 3], activations=["relu", "relu", "softmax"], cost="cross_entropy", seed=0)
    b = MLPClassifier.from_network(net, **options).fit(X_IRIS, Y_IRIS)
    assert len(b.validation_scores_) == len(b.validation_loss_curve_) == 4
    a = theirs.MLPClassifier(**options).fit(X_IRIS, Y_IRIS)
    c = MLPClassifier.from_sklearn(a).fit(X_IRIS, Y_IRIS)
    a.fit(X_IRIS, Y_IRIS)
    assert c.validation_scores_ == pytest.approx(a.validation_scores_)
    assert len(c.validation_loss_curve_) == 4  # since the conversion


def test_a_loss_of_regression_survives_a_network() -> None:
    for loss, options in [*REGRESSIONS, ("poisson", {}), ("squared_error", {})]:
        y = np.exp(Y_DIABETES)
        b = MLPRegressor(loss=loss, solver="sgd", momentum=0, **SHORT, **options).fit(X_DIABETES, y)
        again = MLPRegressor.from_network(b.to_network(), solver="sgd", momentum=0, **SHORT)
        assert again.get_params() == b.get_params()
        for net in (b, again):
            net.set_params(warm_start=True).fit(X_DIABETES, y)
        assert same(again, b)
    net = MLPRegressor("quantile", quantile=0.9, **SHORT).fit(X_DIABETES, Y_DIABETES).to_network()
    assert MLPRegressor.from_network(net, quantile=0.8).quantile == 0.8
    assert MLPRegressor.from_network(net, loss="huber").loss == "huber"
    with pytest.raises(ValueError, match="with loss='poisson' the output is 'exp'"):
        MLPRegressor.from_network(net, loss="poisson")


def test_a_network_of_an_older_version_says_its_loss_in_meta() -> None:
    """When networks had no such costs, they were quadratic ones."""
    net = MLPRegressor("huber", huber_delta=0.4, **SHORT).fit(X_DIABETES, Y_DIABETES).to_network()
    assert (net.cost, net.cost_parameter) == ("huber", 0.4)
    state = net.__getstate__() | {"cost": "quadratic", "cost_parameter": None}
    state["meta"] |= {"loss": "huber", "huber_delta": 0.4}
    older = fastbp.Network.__new__(fastbp.Network)
    older.__setstate__(state)
    for made in (net, older):
        again = MLPRegressor.from_network(made)
        assert (again.loss, again.huber_delta) == ("huber", 0.4)
        assert (again.to_network().cost, again.to_network().cost_parameter) == ("huber", 0.4)


def test_what_scikit_learn_has_no_equivalent_for_says_so() -> None:
    with pytest.raises(ValueError, match="scikit-learn has one of identity, logistic, tanh, relu"):
        MLPClassifier(activation="gelu").to_sklearn()
    with pytest.raises(ValueError, match="scikit-learn has no such pair"):
        MLPClassifier(solver="adamw").to_sklearn()
    with pytest.warns(UserWarning, match=r"scikit-learn has no class_weight, l1: predictions stay the same"):
        MLPClassifier(l1=0.1, class_weight="balanced").to_sklearn()
    with pytest.warns(UserWarning, match=r"scikit-learn has no weight_decay: predictions stay the same"):
        MLPClassifier(solver="sgd", weight_decay=0.1).to_sklearn()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MLPClassifier(alpha=0.5, activation="sigmoid", n_threads=1).to_sklearn().activation == "logistic"
    with pytest.raises(TypeError, match="needs scikit-learn's MLPRegressor"):
        MLPRegressor.from_sklearn(theirs.MLPClassifier())


@pytest.mark.parametrize("y", [Y_IRIS, Y_IRIS == 1, np.eye(3, dtype=int)[Y_IRIS]], ids=["three", "two", "labels"])
def test_a_class_from_outputs_that_are_no_numbers_is_told(y: np.ndarray) -> None:
    b = MLPClassifier(**SHORT).fit(X_IRIS, y)
    b.predict(X_IRIS)  # a warning would be an error
    b.intercepts_[-1][0] = np.nan
    with pytest.warns(RuntimeWarning, match="The outputs of 150 of 150 samples, first of row 0, are NaN") as caught:
        b.predict(X_IRIS)
    assert caught[0].filename == __file__


def test_defaults_leave_everything_as_it_was() -> None:
    """Parameters saved by scikit-learn's estimator are ours too."""
    for kind in ("MLPClassifier", "MLPRegressor"):
        parameters = getattr(theirs, kind)(alpha=0.3).get_params()
        ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind](**parameters)
        assert parameters.items() <= ours.get_params().items()
        assert "alpha=0.3" in repr(clone(ours))
        assert repr(clone(ours)).count("=") == 1


def half_deviance(name: str, p: float, a: np.ndarray, y: np.ndarray) -> Any:
    """C_x of one output, the formulas once more, for real and complex a."""
    e = a - y
    distance = np.where(e.real > 0, e, -e)
    if name == "absolute_error":
        return distance
    if name == "huber":
        return np.where(distance.real <= p, e * e / 2, p * distance - p * p / 2)
    if name == "quantile":
        return np.where(e.real > 0, (1 - p) * e, -p * e)
    if p == 2:
        return np.log(a / y) + y / a - 1
    return y ** (2 - p) / ((1 - p) * (2 - p)) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)


REGRESSIONS: list[tuple[str, dict[str, float]]] = [
    ("absolute_error", {}),
    ("huber", {"huber_delta": 0.4}),
    ("quantile", {"quantile": 0.8}),
    ("tweedie", {"power": 1.5}),
    ("tweedie", {"power": 2.0}),
    ("tweedie", {"power": 3.0}),
]


@pytest.mark.parametrize("two_outputs", [False, True])
@pytest.mark.parametrize(("loss", "options"), REGRESSIONS)
def test_regression_losses_against_the_complex_step(loss: str, options: dict[str, float], two_outputs: bool) -> None:
    X, y = X_DIABETES[:30], Y_DIABETES[:30]
    y = np.exp(y / 2) if loss == "tweedie" else y
    Y = np.stack([y, y[::-1]], axis=1) if two_outputs else y.reshape(-1, 1)
    s = np.linspace(0.5, 2, len(X))
    b = MLPRegressor(loss=loss, activation="tanh", solver="sgd", momentum=0, alpha=0, **SHORT, **options)
    b.set_params(max_iter=1, batch_size=len(X), shuffle=False, warm_start=True, learning_rate_init=1e-3)
    target = Y if two_outputs else y
    b.fit(X, target, sample_weight=s)
    coefs, intercepts = [np.array(c) for c in b.coefs_], [np.array(i) for i in b.intercepts_]
    b.fit(X, target, sample_weight=s)
    p = next(iter(options.values()), 0.0)

    def cost(parts: list[np.ndarray]) -> Any:
        a = X
        for l, w in enumerate(parts):
            z = a @ w + intercepts[l]
            a = np.tanh(z) if l < 2 else (np.exp(z) if loss == "tweedie" else z)
        return s @ half_deviance(loss, p, a, Y).sum(axis=1) / s.sum()

    assert b.loss_ == pytest.approx(float(np.real(cost(coefs))), rel=1e-11)
    for l, w in enumerate(coefs):
        for i in [(0, 0), (w.shape[0] - 1, w.shape[1] - 1)]:
            parts = [c.astype(complex) for c in coefs]
            parts[l][i] += 1e-30j
            slope = cost(parts).imag / 1e-30
            assert (coefs[l][i] - b.coefs_[l][i]) / 1e-3 == pytest.approx(slope, rel=1e-9, abs=1e-12)


def test_a_planted_slope_is_caught() -> None:
    """The comparison above, for a loss that differs a little."""
    a, y = np.array([0.3 + 1e-30j]), np.array([1.0])
    slopes = [half_deviance("tweedie", p, a, y).imag[0] / 1e-30 for p in (1.5, 1.5000001)]
    assert slopes[0] != pytest.approx(slopes[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("loss", "options"), REGRESSIONS)
def test_kernels_of_regression_have_the_textbooks_bits(loss: str, options: dict[str, float], dtype: str) -> None:
    from fastbp import textbook
    from fastbp.functions.activations import EXP, IDENTITY
    from fastbp.functions.costs import COSTS, LOSSES
    from fastbp.kernels import costs, dense
    from fastbp.kernels.matrix import Matrix

    rng = np.random.default_rng(3)
    code, kind = COSTS.index(LOSSES[loss]), np.dtype(dtype).type
    p = kind(next(iter(options.values()), 0.0))
    sigma = EXP if loss == "tweedie" else IDENTITY
    z = rng.standard_normal((40, 3)).astype(dtype)
    y = np.exp(rng.standard_normal((40, 3))).astype(dtype)
    y[3, 1] = z[3, 1]
    if p < 2 and loss == "tweedie":
        y[5, 0] = 0
    a, d, out = np.empty_like(z), np.empty_like(z), np.empty(40, dtype)
    dense.activation(sigma, z.size, z.reshape(-1), a.reshape(-1), d.reshape(-1))
    with np.errstate(all="ignore"):
        views = [Matrix(array.reshape(-1), 3, 1) for array in (z, a, y)]
        costs.of_outputs(code, p, 40, 3, *views, out)
        dense.output_error(code, p, z.size, z.reshape(-1), a.reshape(-1), y.reshape(-1), d.reshape(-1))
        for x in range(40):
            assert out[x] == textbook.sample_cost(code, z[x], a[x], y[x], p)
            slow = textbook.output_error(code, sigma, z[x], a[x], y[x], kind(1), p)
            assert d[x].tobytes() == slow.tobytes()


@pytest.mark.compiled
def test_quantiles_are_quantiles() -> None:
    """Without features the best prediction is the quantile of the targets."""
    y = np.random.default_rng(0).gamma(2.0, size=400)
    X = np.zeros((400, 1))
    options = {"hidden_layer_sizes": (), "learning_rate_init": 0.02, "batch_size": 400, "max_iter": 600, "tol": 0}
    for q in (0.1, 0.5, 0.9):
        b = MLPRegressor(loss="quantile", quantile=q, random_state=0, **options).fit(X, y)
        assert np.mean(y < b.predict(X[:1])[0]) == pytest.approx(q, abs=0.02)
    b = MLPRegressor(loss="absolute_error", random_state=0, **options).fit(X, y)
    assert b.predict(X[:1])[0] == pytest.approx(np.median(y), abs=0.05)


def test_the_validation_loss_of_regression_losses() -> None:
    X, y = X_DIABETES[:80], np.exp(Y_DIABETES[:80])
    for loss, options in REGRESSIONS:
        b = MLPRegressor(loss=loss, early_stopping=True, scoring="loss", **SHORT, **options)
        b.fit(X[:50], y[:50], X_val=X[50:], y_val=y[50:])
        p = next(iter(options.values()), 0.0)
        expected = half_deviance(loss, p, b.predict(X[50:]), y[50:]).mean()
        assert min(b.validation_loss_curve_) == pytest.approx(expected, rel=1e-9)


def test_the_validation_loss_of_several_outputs_is_their_mean() -> None:
    """As the training loss is, in scikit-learn."""
    Y = np.stack([Y_DIABETES, Y_DIABETES**2, -Y_DIABETES], axis=1)
    s = np.linspace(0.5, 2, 50)
    b = MLPRegressor(early_stopping=True, scoring="loss", **SHORT)
    b.fit(X_DIABETES[:50], Y[:50], X_val=X_DIABETES[50:100], y_val=Y[50:100], sample_weight_val=s)
    squares = (b.predict(X_DIABETES[50:100]) - Y[50:100]) ** 2
    assert min(b.validation_loss_curve_) == pytest.approx(0.5 * (s @ squares).mean() / s.sum(), rel=1e-9)


def test_poisson_is_tweedie_of_power_one() -> None:
    y = np.round(np.exp(Y_DIABETES / 2))
    a = MLPRegressor(loss="poisson", **SHORT).fit(X_DIABETES, y)
    assert same(a, MLPRegressor(loss="tweedie", power=1, **SHORT).fit(X_DIABETES, y))


def test_dropout_is_a_mask_on_activations() -> None:
    """One step of descent, with the masks written down beforehand."""
    n, p, eta = 25, 0.3, 0.1
    X, y = X_DIABETES[:n], Y_DIABETES[:n]
    b = MLPRegressor(activation="tanh", solver="sgd", momentum=0, alpha=0, dropout=p, **SHORT)
    b.set_params(max_iter=1, batch_size=10, shuffle=False, learning_rate_init=1e-300).fit(X, y)
    coefs, intercepts = [np.array(c) for c in b.coefs_], [np.array(i) for i in b.intercepts_]
    b.set_params(warm_start=True, learning_rate_init=eta, random_state=5).fit(X, y)
    seed = int(np.random.RandomState(5).randint(2**31))
    for start in (0, 10, 20):
        rows = slice(start, min(start + 10, n))
        places = range(rows.start, rows.stop)
        masks = [np.stack([dropout_mask(seed, l, x, J, p) for x in places]) for l, J in ((1, 6), (2, 4))]
        a1 = np.tanh(X[rows] @ coefs[0] + intercepts[0])
        a2 = np.tanh(a1 * masks[0] @ coefs[1] + intercepts[1])
        d3 = (a2 * masks[1]) @ coefs[2] + intercepts[2] - y[rows, None]
        d2 = d3 @ coefs[2].T * masks[1] * (1 - a2**2)
        d1 = d2 @ coefs[1].T * masks[0] * (1 - a1**2)
        for l, (a, d) in enumerate([(X[rows], d1), (a1 * masks[0], d2), (a2 * masks[1], d3)]):
            coefs[l] -= eta * a.T @ d / len(d)
            intercepts[l] -= eta * d.mean(axis=0)
    for ours, by_hand in zip([*b.coefs_, *b.intercepts_], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12)


def test_every_epoch_leaves_out_other_neurons() -> None:
    """Two epochs of one sample, each with a mask of its own seed; the samples' order is drawn before it."""
    x, y, eta, p = X_DIABETES[:1], Y_DIABETES[:1], 0.1, 0.5
    b = MLPRegressor(hidden_layer_sizes=(6,), activation="identity", solver="sgd", momentum=0, alpha=0, dropout=p)
    b.set_params(random_state=0, max_iter=1, shuffle=False, learning_rate_init=1e-300).fit(x, y)
    (w1, w2), (b1, b2) = ([np.array(part) for part in parts] for parts in (b.coefs_, b.intercepts_))
    b.set_params(warm_start=True, learning_rate_init=eta, random_state=5, max_iter=2).fit(x, y)
    drawn, masks = np.random.RandomState(5), []
    for _ in range(2):
        mask = dropout_mask(int(drawn.randint(2**31)), 1, 0, 6, p)
        a = (x @ w1 + b1) * mask
        delta = a @ w2 + b2 - y
        hidden = delta @ w2.T * mask
        w2, b2 = w2 - eta * a.T @ delta, b2 - eta * delta[0]
        w1, b1 = w1 - eta * x.T @ hidden, b1 - eta * hidden[0]
        masks.append(mask)
    assert not np.array_equal(*masks)
    for ours, by_hand in zip([*b.coefs_, *b.intercepts_], [w1, w2, b1, b2], strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12)


def test_dropout_leaves_out_as_many_as_it_says() -> None:
    from fastbp.kernels import dropout
    from fastbp.kernels.matrix import Matrix

    a = np.ones(300 * 200)
    with np.errstate(over="ignore"):  # plain Python's whole numbers of 64 bits wrap around too, but say so
        dropout.drop(9, 1, 40, 0.3, 300, 200, Matrix(a, 200, 1), Matrix(a.copy(), 200, 1))
    share = np.mean(a == 0)
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / a.size)
    assert np.array_equal(a.reshape(300, 200)[7], dropout_mask(9, 1, 47, 200, 0.3))


@pytest.mark.compiled
def test_dropout_and_clipping_do_not_depend_on_threads() -> None:
    for options in ({"dropout": 0.5}, {"clip_norm": 0.1}):
        fits = [MLPClassifier(n_threads=n, batch_size=20, **SHORT, **options).fit(X_IRIS, Y_IRIS) for n in (1, 2, 3)]
        assert same(fits[0], fits[1])
        assert same(fits[0], fits[2])
        assert np.array_equal(fits[0].predict_proba(X_IRIS), fits[0].predict_proba(X_IRIS))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_long_gradient_is_scaled(solver: str) -> None:
    n = len(X_IRIS)
    b = MLPClassifier(clip_norm=0.05, alpha=2.0, solver=solver, momentum=0, learning_rate_init=0.1, **SHORT)
    b.set_params(max_iter=1, batch_size=n, shuffle=False, warm_start=True).fit(X_IRIS, Y_IRIS)
    net = b.to_network()
    g = net.gradient(X_IRIS, Y_IRIS, l2=2.0 / n)
    norm = np.sqrt(sum((part**2).sum() for part in [*g.w, *g.b]))
    assert norm > 0.05
    before = [np.array(w.T) for w in net.w]
    b.fit(X_IRIS, Y_IRIS)
    for w, v, slope in zip(before, b.coefs_, [part.T for part in g.w], strict=True):
        short = slope * 0.05 / norm
        # Adam's first step is eta g / (|g| + epsilon), with scikit-learn's epsilon before the corrections.
        root = np.sqrt(0.001)
        step = short if solver == "sgd" else (root / 0.1) * 0.1 * short / (root * np.abs(short) + 1e-8)
        np.testing.assert_allclose(v, w - 0.1 * step, rtol=1e-9, atol=1e-12)
    wide = clone(b).set_params(clip_norm=1e9).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(
        weights(wide), weights(clone(b).set_params(clip_norm=None).fit(X_IRIS, Y_IRIS)), rtol=1e-12
    )
