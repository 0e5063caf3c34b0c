"""The contract of scikit-learn's estimators: every check it has, and no expected failure."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastbp.tables import Recipe, TabularClassifier, TabularRegressor

# Checks take minutes as plain Python.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.compiled]

QUICK = Recipe(hidden=(16,), epochs=12)
ESTIMATORS = [TabularClassifier(2, recipe=QUICK), TabularRegressor(2, recipe=QUICK)]

_checks = parametrize_with_checks(ESTIMATORS).mark


@pytest.mark.parametrize(_checks.args[0], list(_checks.args[1]), **_checks.kwargs)  # once it was a generator
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
