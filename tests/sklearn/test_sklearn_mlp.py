"""scikit-learn's own tests of its MLP, from the installed scikit-learn, with fastbp's estimators in their place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_theirs = pytest.importorskip("sklearn.neural_network.tests.test_mlp")

# They are written for scikit-learn's own warning filters, and take minutes as plain Python.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.compiled]

_path = Path(_theirs.__file__)
_source, _replaced = re.subn(
    r"^from sklearn\.neural_network import MLPClassifier, MLPRegressor$",
    "from fastbp.sklearn import MLPClassifier, MLPRegressor",
    _path.read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
exec(compile(_source, str(_path), "exec"))  # here, so that pytest collects each of them


@pytest.fixture
def global_random_seed() -> int:
    return 42


def test_they_are_all_here_and_test_fastbp() -> None:
    assert _replaced == 1
    functions = [node.name for node in ast.parse(_source).body if isinstance(node, ast.FunctionDef)]
    tests = [name for name in functions if name.startswith("test_")]
    assert len(tests) >= 42
    assert all(globals()[name].__code__.co_filename == str(_path) for name in tests)
    assert globals()["MLPClassifier"].__module__ == "fastbp.sklearn._classifier"
    assert globals()["MLPRegressor"].__module__ == "fastbp.sklearn._regressor"
