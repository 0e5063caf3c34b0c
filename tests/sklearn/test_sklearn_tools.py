"""Tools of the scikit-learn world, unchanged, on fastbp's estimators."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn import neural_network as theirs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from fastbp.sklearn import MLPClassifier, MLPRegressor, register_onnx

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # loky replaces a worker whose memory has grown, as by a compilation; its thread must not die of saying so.
    pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given to the executor"),
]

X, Y = load_iris(return_X_y=True)
X = scale(X)
SHORT: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 0}


@pytest.fixture
def compiled() -> None:
    """What workers need stands in the cache before they start."""
    MLPClassifier(**SHORT).fit(X, Y).predict(X)


@pytest.mark.compiled
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search(backend: str, compiled: None) -> None:
    searches = []
    for kind in (theirs.MLPClassifier, MLPClassifier):
        pipeline = make_pipeline(StandardScaler(), kind(**SHORT))
        grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__solver": ["sgd", "adam"]}
        with joblib.parallel_backend(backend, n_jobs=2):
            searches.append(GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, Y))
    assert searches[0].best_params_ == searches[1].best_params_
    for key in ("mean_test_score", "split0_test_score"):
        np.testing.assert_allclose(searches[1].cv_results_[key], searches[0].cv_results_[key])


@pytest.mark.compiled
def test_cross_validation(compiled: None) -> None:
    a, b = (cross_val_predict(kind(**SHORT), X, Y, cv=3, n_jobs=2) for kind in (theirs.MLPClassifier, MLPClassifier))
    assert np.array_equal(a, b)
    pair = [
        cross_validate(kind(**SHORT), X, Y, cv=3, n_jobs=2, scoring=["accuracy", "neg_log_loss"])
        for kind in (theirs.MLPClassifier, MLPClassifier)
    ]
    for key in ("test_accuracy", "test_neg_log_loss"):
        np.testing.assert_allclose(pair[1][key], pair[0][key], rtol=1e-9)


def test_calibration() -> None:
    pair = [CalibratedClassifierCV(kind(**SHORT), cv=2).fit(X, Y) for kind in (theirs.MLPClassifier, MLPClassifier)]
    np.testing.assert_allclose(pair[1].predict_proba(X), pair[0].predict_proba(X), atol=1e-6)


def test_inspection() -> None:
    for name in ("MLPClassifier", "MLPRegressor"):
        D, t = (X, Y) if name == "MLPClassifier" else load_diabetes(return_X_y=True)
        D, t = scale(D)[:100], t[:100]
        pair = [
            getattr(module, name)(**SHORT).fit(D, t) for module in (theirs, __import__("fastbp.sklearn", fromlist=[""]))
        ]
        a, b = (permutation_importance(net, D, t, n_repeats=2, random_state=0)["importances"] for net in pair)
        np.testing.assert_allclose(b, a, atol=1e-9)
        a, b = (partial_dependence(net, D, [0], grid_resolution=5)["average"] for net in pair)
        np.testing.assert_allclose(b, a, rtol=1e-9)


def test_partial_dependence_display() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    D, t = load_diabetes(return_X_y=True)
    display = PartialDependenceDisplay.from_estimator(
        MLPRegressor(**SHORT).fit(D, t), D, [0, (0, 1)], grid_resolution=4
    )
    assert display.axes_.size
    matplotlib.pyplot.close("all")


def test_several_regressors() -> None:
    y = np.stack([X[:, 0], X[:, 1] * X[:, 2]], axis=1)
    assert MultiOutputRegressor(MLPRegressor(**SHORT)).fit(X, y).predict(X).shape == (150, 2)


@pytest.mark.parametrize("mode", [None, "r"])
def test_joblib_files(tmp_path: Any, mode: str | None) -> None:
    net = MLPClassifier(**SHORT).fit(X, Y)
    joblib.dump(net, tmp_path / "net.joblib")
    again = joblib.load(tmp_path / "net.joblib", mmap_mode=mode)
    assert np.array_equal(again.predict_proba(X), net.predict_proba(X))
    assert np.array_equal(again.partial_fit(X, Y).coefs_[0], net.partial_fit(X, Y).coefs_[0])


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_data_frames(frames: str) -> None:
    library = pytest.importorskip(frames)
    frame = library.DataFrame({name: X[:, i] for i, name in enumerate("abcd")})
    y = library.Series(name="y", **({"data": Y} if frames == "pandas" else {"values": Y}))
    net = MLPClassifier(**SHORT).fit(frame, y)
    assert np.array_equal(net.predict(frame), MLPClassifier(**SHORT).fit(X, Y).predict(X))
    if not hasattr(theirs.MLPClassifier(**SHORT).fit(frame, y), "feature_names_in_"):
        assert sklearn.__version__ < "1.9"  # before, without a name from frames of newer libraries
        return
    assert list(net.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame.rename(columns={"a": "z"}) if frames == "pandas" else frame.rename({"a": "z"}))


def test_metadata_routing() -> None:
    s = np.linspace(0, 2, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPClassifier(**SHORT).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = GridSearchCV(net, {"alpha": [0.1]}, cv=2).fit(X, Y, sample_weight=s)
    alone = MLPClassifier(alpha=0.1, **SHORT).fit(X, Y, sample_weight=s)
    assert np.array_equal(routed.best_estimator_.coefs_[0], alone.coefs_[0])


def test_callbacks_of_scikit_learn() -> None:
    callback = pytest.importorskip("sklearn.callback")

    class Watch:
        def __init__(self) -> None:
            self.events: list[Any] = []

        def setup(self, estimator: Any, context: Any) -> None:
            self.events.append("setup")

        def teardown(self, estimator: Any, context: Any) -> None:
            self.events.append("teardown")

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
            self.events.append(("begin", context.task_name))

        def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any) -> bool:
            if context.task_name == "epoch":
                self.events.append(fitted_estimator.score(X, y))
                assert fitted_estimator is not estimator
            return context.task_name == "epoch" and estimator.n_iter_ == 3

    watch = Watch()
    assert isinstance(watch, callback.FitCallback)
    net = MLPClassifier(**SHORT).set_callbacks(watch).fit(X, Y)
    assert net.n_iter_ == 3
    scores = [event for event in watch.events if isinstance(event, float)]
    assert len(scores) == 3
    assert scores[-1] == net.score(X, Y)
    assert watch.events[:2] == ["setup", ("begin", "fit")]
    assert watch.events.count(("begin", "epoch")) == 3
    assert watch.events[-1] == "teardown"


def test_scikit_learns_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    net = MLPClassifier(**SHORT).set_callbacks(monitor).fit(X, Y)
    assert net.n_iter_ == 8


def in_onnx(net: Any, samples: np.ndarray, **options: Any) -> list[Any]:
    """What onnxruntime makes of the converted estimator."""
    skl2onnx, runtime = pytest.importorskip("skl2onnx"), pytest.importorskip("onnxruntime")
    register_onnx()
    model = skl2onnx.to_onnx(net, samples[:1], options=options or None)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: samples})  # type: ignore[no-any-return]


TARGETS: dict[str, Any] = {
    "three": Y,
    "two": Y == 1,
    "names": np.array(["x", "y", "z"])[Y],
    "labels": np.eye(3, dtype=int)[Y],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("y", TARGETS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", ["relu"], ["logistic"]], ids=str)
def test_a_classifier_in_onnx(activation: Any, y: str, dtype: str) -> None:
    samples = X.astype(dtype)
    net = MLPClassifier(activation=activation, **SHORT).fit(samples, TARGETS[y])
    labels, probabilities = in_onnx(net, samples, zipmap=False)
    assert np.array_equal(labels, net.predict(samples))
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, net.predict_proba(samples), atol=1e-14 if dtype == "float64" else 1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("y", ["three", "two", "names"])
def test_a_classifier_in_onnx_as_skl2onnx_converts_it_unasked(y: str, dtype: str) -> None:
    """Probabilities as dictionaries, which ONNX has in float32 only."""
    samples = X.astype(dtype)
    net = MLPClassifier(**SHORT).fit(samples, TARGETS[y])
    labels, dictionaries = in_onnx(net, samples)
    assert np.array_equal(labels, net.predict(samples))
    found = [[row[name] for name in net.classes_] for row in dictionaries]
    np.testing.assert_allclose(found, net.predict_proba(samples), atol=1e-6)
    scaled = make_pipeline(StandardScaler(), net).fit(samples, TARGETS[y])
    assert np.array_equal(in_onnx(scaled, samples)[0], scaled.predict(samples))


@pytest.mark.filterwarnings("ignore")
def test_a_regressor_in_onnx(dtype: str) -> None:
    samples = X.astype(dtype)
    for options in ({}, {"activation": ["tanh"]}, {"output_activation": "sigmoid"}):
        regressor = MLPRegressor(**SHORT, **options).fit(samples, samples[:, 0])
        (values,) = in_onnx(regressor, samples)
        np.testing.assert_allclose(values.ravel(), regressor.predict(samples), atol=1e-5)
    linear = MLPRegressor(hidden_layer_sizes=(), activation="gelu", max_iter=2).fit(samples, samples[:, 0])
    np.testing.assert_allclose(in_onnx(linear, samples)[0].ravel(), linear.predict(samples), atol=1e-5)


def test_what_skl2onnx_cannot_convert_says_so() -> None:
    two = {**SHORT, "hidden_layer_sizes": (6, 5)}
    for options in ({"activation": "gelu"}, {"activation": ["relu", "tanh"]}):
        with pytest.raises(NotImplementedError, match="skl2onnx knows"):
            in_onnx(MLPClassifier(**two, **options).fit(X, Y), X)
    with pytest.raises(NotImplementedError, match="There are 2 outputs"):
        in_onnx(MLPRegressor(**SHORT).fit(X, X[:, :2]), X)
