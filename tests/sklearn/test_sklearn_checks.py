"""The contract of scikit-learn's estimators: every check it has, and no expected failure."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastbp.sklearn import MLPClassifier, MLPRegressor

# Checks train on data that may not converge, and take minutes as plain Python.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.compiled]

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPClassifier(solver="lbfgs", max_iter=100),
    MLPRegressor(max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=100),
]


_checks = parametrize_with_checks(ESTIMATORS).mark


@pytest.mark.parametrize(_checks.args[0], list(_checks.args[1]), **_checks.kwargs)  # once it was a generator
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(solver="lbfgs", max_iter=100), MLPRegressor(solver="sgd", tol=1e-2, random_state=42, max_iter=100)],
    ids=["classifier", "regressor"],
)
def test_weights_are_repetitions(estimator: Any) -> None:
    """With the parameters that scikit-learn checks its own two with."""
    from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data

    check_sample_weight_equivalence_on_dense_data(type(estimator).__name__, estimator)
