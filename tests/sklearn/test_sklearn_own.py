"""Estimators with a user's own activation or loss, and what a process says that does not know it."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.externals.loky.process_executor import BrokenProcessPool
from nets import SMALL, same_bits
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import fastbp
from fastbp.sklearn import MLPClassifier, MLPRegressor

N = 12 if SMALL else 60
OPTIONS: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, "tol": 0}
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("own"),
]


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((N, 3))
    return X, np.tanh(X[:, 0] - X[:, 1])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_twins_of_built_in_functions_fit_with_their_bits(own: SimpleNamespace, solver: str) -> None:
    X, y = samples()
    fitted = [
        MLPRegressor(activation=activation, loss=loss, solver=solver, **OPTIONS)
        for activation, loss in (
            ("tanh", "squared_error"),
            ("twin_of_tanh", "twin_of_quadratic"),
            (own.twin_of_tanh, own.twin_of_quadratic),
            ([own.twin_of_tanh], "squared_error"),
        )
    ]
    for estimator in fitted:
        estimator.fit(X, y)
        for mine, tanh in zip(estimator.coefs_, fitted[0].coefs_, strict=True):
            assert same_bits(mine, tanh)
        assert same_bits(estimator.predict(X), fitted[0].predict(X))
        net = estimator.to_network()
        assert same_bits(net.feedforward(X).ravel(), estimator.predict(X))
        assert net.activations[0] == ("tanh" if estimator is fitted[0] else "twin_of_tanh")
        assert type(estimator).from_network(net).predict(X) == pytest.approx(estimator.predict(X), abs=0)
        for again in (pickle.loads(pickle.dumps(estimator)), clone(estimator).fit(X, y)):
            assert same_bits(again.predict(X), estimator.predict(X))
        if solver == "adam":
            assert estimator.loss_curve_ == fitted[0].loss_curve_


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_loss_that_is_nan_is_refused_though_its_slope_is_finite(solver: str) -> None:
    spoilt = fastbp.cost(
        f"spoilt_for_{solver}", lambda a, y: (a - y) ** 2 if a < 3 else np.nan, lambda a, y: 2 * (a - y)
    )
    X, y = samples()
    options = OPTIONS | {"max_iter": 60, "learning_rate_init": 0.1}
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(loss=spoilt, solver=solver, **options).fit(X, y + 9)


def test_searches_choose_among_them(own: SimpleNamespace) -> None:
    X, y = samples()
    grid = {"activation": ["swoosh", own.hinge, "relu"]}
    search = GridSearchCV(MLPClassifier(**OPTIONS), grid, cv=2).fit(X, y > 0)
    assert search.best_params_["activation"] in grid["activation"]
    loss = MLPRegressor(loss="quartic", **OPTIONS).fit(X, y)
    out = loss.predict(X)
    net = loss.to_network()
    assert net.cost == "quartic"
    assert net.evaluate(X, y)["loss"] == pytest.approx(np.mean((out - y) ** 4 / 4), rel=1e-12)


def search_in_workers(own: SimpleNamespace, **workers: Any) -> GridSearchCV:
    """Over a user's own activation, by joblib's processes."""
    X, y = samples()
    with joblib.parallel_config("loky", n_jobs=2, **workers):
        return GridSearchCV(MLPRegressor(activation=own.swoosh, **OPTIONS), {"alpha": [1e-4, 1.0]}, cv=2).fit(X, y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given to the executor")
def test_workers_of_joblib_register_them_by_importing_their_module(
    own: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_functions.py").write_text(
        "import own_functions\nknown = own_functions.registered()\nknown.__enter__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BrokenProcessPool) as caught:
        search_in_workers(own)
    cause = str(caught.value.__cause__)
    assert "functions=[swoosh]" in cause
    assert "initializer=importlib.import_module" in cause
    found = search_in_workers(own, initializer=importlib.import_module, initargs=("my_functions",))
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_names_that_nobody_knows_are_refused() -> None:
    X, y = samples()
    for options in ({"activation": "swosh"}, {"loss": "quarter"}, {"output_activation": "swosh"}):
        with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter .*swoosh|quartic"):
            MLPRegressor(**OPTIONS, **options).fit(X, y)


STRANGER = """
import pathlib, pickle, sys
import fastbp
for path in map(pathlib.Path, sys.argv[1:]):
    try:
        pickle.loads(path.read_bytes())
    except fastbp.LoadError as error:
        kind, name = path.stem.split("-")[:2]
        assert str(error).startswith(f"This pickle needs the {kind} {name!r}, a user's own"), error
        assert f"functions=[{name}]" in str(error), error
        assert f"fastbp.{kind}({name!r}" in str(error), error
    else:
        raise AssertionError(path)
print("all refused")
"""


def test_a_process_that_does_not_know_them_says_so(own: SimpleNamespace, tmp_path: Path) -> None:
    X, y = samples()
    kept = {
        "activation-swoosh-unfitted": MLPClassifier(activation="swoosh"),
        "activation-swoosh-fitted": MLPRegressor(activation=["swoosh"], **OPTIONS).fit(X, y),
        "activation-hinge-output": MLPRegressor(output_activation="hinge"),
        "activation-hinge-entry": MLPRegressor(activation=own.hinge),
        "cost-quartic-loss": MLPRegressor(loss="quartic"),
        "cost-quartic-entry": own.quartic,
        "activation-swoosh-network": fastbp.Network([2, 1], activations="swoosh"),
    }
    paths = []
    for name, value in kept.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(pickle.dumps(value))
    done = subprocess.run([sys.executable, "-c", STRANGER, *paths], capture_output=True, text=True)
    assert done.stdout.strip() == "all refused", done.stderr
