"""fastbp.sklearn beside scikit-learn: the time of an epoch, and how well both do on whole data sets.

    taskset -c 0 python -m pytest bench/test_sklearn.py -s

Both get the same parameters and draws, and their loss curves are compared before anything is timed.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network as theirs
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
    make_moons,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from fastbp import sklearn as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETS: list[tuple[str, int, tuple[int, ...], int, float]] = [
    ("digits", 64, (30,), 10, 6.0),
    ("digits", 64, (30,), 32, 6.0),
    ("digits", 64, (100,), 32, 6.0),
    ("digits", 64, (100,), 200, 2.5),
    ("wide", 784, (512, 512), 200, 1.2),
]
"""Data, features, hidden layers, batch size, and the least speed-up over scikit-learn on one core."""


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16, y
    rng = np.random.default_rng(0)
    return rng.random((2000, 784)), rng.integers(0, 10, 2000)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "n_in", "hidden", "batch", "least"), NETS)
def test_an_epoch(
    name: str, n_in: int, hidden: tuple[int, ...], batch: int, least: float, dtype: str, solver: str
) -> None:
    X, y = samples(name)
    X = X.astype(dtype)
    assert X.shape[1] == n_in
    options = {"hidden_layer_sizes": hidden, "solver": solver, "batch_size": batch, "random_state": 0, "tol": 0.0}
    epochs = 2 if name == "wide" else 5
    pair = [
        theirs.MLPClassifier(max_iter=epochs, **options),
        ours.MLPClassifier(max_iter=epochs, n_threads=1, **options),
    ]
    best = [float("inf")] * 2
    for _ in range(3 if name == "wide" else 7):
        for i, estimator in enumerate(pair):
            began = time.perf_counter()
            estimator.fit(X, y)
            best[i] = min(best[i], (time.perf_counter() - began) / epochs)
    assert pair[1].loss_curve_ == pytest.approx(pair[0].loss_curve_, rel=1e-8 if dtype == "float64" else 1e-3)
    sizes = "-".join(map(str, [n_in, *hidden, 10]))
    ratio = best[0] / best[1]
    print(
        f"\n{sizes} batch {batch} {solver} {dtype}: scikit-learn {best[0] * 1e3:.2f} ms an epoch, "
        f"fastbp {best[1] * 1e3:.2f} ms: {ratio:.1f} x (at least {least:g})"
    )
    assert ratio >= least


def data_sets() -> dict[str, tuple[Any, Any, str]]:
    """Name -> samples, targets and kind of estimator."""
    sets = {
        "iris": load_iris(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "two moons": make_moons(1000, noise=0.2, random_state=0),
        "multilabel": make_multilabel_classification(600, random_state=0),
    }
    regressions = {
        "diabetes": load_diabetes(return_X_y=True),
        "Friedman 1": make_friedman1(1000, noise=0.5, random_state=0),
        "three outputs": make_regression(600, 10, n_targets=3, noise=5.0, random_state=0),
    }
    return {name: (*pair, "MLPClassifier") for name, pair in sets.items()} | {
        name: (*pair, "MLPRegressor") for name, pair in regressions.items()
    }


def compare(name: str, seeds: int = 5, **options: Any) -> dict[str, Any]:
    """Scores on a quarter held out and seconds of ``fit``, of both, over several seeds."""
    X, y, kind = data_sets()[name]
    result: dict[str, Any] = {"scores": ([], []), "seconds": ([], [])}
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        if kind == "MLPRegressor":
            mean, spread = y_train.mean(axis=0), y_train.std(axis=0)
            y_train, y_test = (y_train - mean) / spread, (y_test - mean) / spread
        for i, module in enumerate((theirs, ours)):
            estimator = getattr(module, kind)(random_state=seed, max_iter=100, **options)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                began = time.perf_counter()
                estimator.fit(X_train, y_train)
            result["seconds"][i].append(time.perf_counter() - began)
            result["scores"][i].append(estimator.score(X_test, y_test))
    return result


@pytest.mark.parametrize("name", list(data_sets()))
def test_a_data_set(name: str) -> None:
    compare(name, seeds=1)  # compiled before it is timed
    result = compare(name)
    a, b = (np.array(scores) for scores in result["scores"])
    noise = max(a.std(), b.std(), 0.005)
    seconds = [sum(times) for times in result["seconds"]]
    print(
        f"\n{name}: scikit-learn {a.mean():.4f} in {seconds[0]:.2f} s, fastbp {b.mean():.4f} in {seconds[1]:.2f} s: "
        f"{seconds[0] / seconds[1]:.1f} x"
    )
    assert abs(a.mean() - b.mean()) <= 2 * noise
