"""What the world around an estimator relies on: names of warnings, pickles of other versions, ONNX."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, InconsistentVersionWarning
from sklearn.preprocessing import scale

import fastbp
from fastbp import sklearn as ours
from fastbp.errors import LoadError

X, Y = load_iris(return_X_y=True)
X = scale(X)
SHORT: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
CONVERGED: dict[str, Any] = {**SHORT, "tol": 10.0, "n_iter_no_change": 1}


def interrupt(estimator: Any) -> None:
    raise KeyboardInterrupt


THEIRS = "sklearn.neural_network._multilayer_perceptron"
GIVEN_BY_BOTH: dict[str, tuple[dict[str, Any], Any, type[Warning]]] = {
    "maximum of iterations": (SHORT, Y, ConvergenceWarning),
    "lbfgs": ({**SHORT, "solver": "lbfgs"}, Y, ConvergenceWarning),
    "batch size": ({**CONVERGED, "batch_size": 1000}, Y, UserWarning),
    "a column of labels": (CONVERGED, Y.reshape(-1, 1), DataConversionWarning),
}


def modules_of_warnings(call: Any) -> list[tuple[str, type[Warning]]]:
    """The module that each warning of a call is filtered by, which a recorded warning does not tell."""
    found = []
    filtered = warnings.catch_warnings(record=True)
    with filtered as caught:
        warnings.simplefilter("always")
        call()
    for warning in caught:
        if issubclass(warning.category, DeprecationWarning):
            continue  # SciPy's to an older scikit-learn
        for name in (THEIRS, "fastbp.sklearn", "sklearn.utils.optimize"):
            with warnings.catch_warnings(record=True) as left:
                warnings.simplefilter("always")
                warnings.filterwarnings("ignore", module=name.replace(".", r"\."))
                call()
            if str(warning.message) not in [str(other.message) for other in left]:
                found.append((name, warning.category))
    return found


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("name", GIVEN_BY_BOTH)
def test_warnings_of_scikit_learn_carry_the_name_of_its_module(name: str, kind: str) -> None:
    options, y, category = GIVEN_BY_BOTH[name]
    for module in (theirs, ours):
        estimator = getattr(module, kind)(**options)
        assert modules_of_warnings(lambda estimator=estimator: estimator.fit(X, y)) == [(THEIRS, category)]


def test_an_interrupted_fit_warns_in_the_name_of_scikit_learn() -> None:
    b = ours.MLPClassifier(callbacks=interrupt, **SHORT)
    assert modules_of_warnings(lambda: b.fit(X, Y)) == [(THEIRS, UserWarning)]


def test_a_probability_of_zero_warns_in_the_name_of_scikit_learn() -> None:
    for module in (theirs, ours):
        estimator = module.MLPClassifier(**CONVERGED).fit(X, Y)
        estimator.coefs_[-1][:] *= 1e6
        found = modules_of_warnings(lambda estimator=estimator: estimator.predict_log_proba(X))
        assert found == [(THEIRS, RuntimeWarning)]


def test_warnings_that_are_fastbps_own_carry_its_name() -> None:
    b = ours.MLPClassifier(dropout=0.5, **CONVERGED).fit(X, Y)
    assert modules_of_warnings(b.to_sklearn) == [("fastbp.sklearn", UserWarning)]
    with pytest.warns(UserWarning, match="scikit-learn has no dropout") as caught:
        b.to_sklearn()
    assert caught[0].filename == __file__


def test_filters_by_module_reach_every_thread() -> None:
    """As scikit-learn's own warnings do: nothing is caught and given again, which threads would see of each other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=ours.MLPClassifier(**SHORT).fit, args=(X, Y)) for _ in range(3)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert [warning.category for warning in caught] == [ConvergenceWarning] * 3


# Pickles


@pytest.fixture
def fitted() -> Any:
    return ours.MLPClassifier(**CONVERGED).fit(X, Y)


def test_a_pickle_carries_the_version_and_an_estimator_does_not(fitted: Any) -> None:
    state = fitted.__getstate__()
    assert state["_fastbp_version"] == fastbp.__version__
    assert isinstance(state["_fastbp_format"], int)
    for twin in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert not any(name.startswith("_fastbp") for name in vars(twin))
        assert np.array_equal(twin.predict_proba(X), fitted.predict_proba(X))


def with_state(estimator: Any, **changed: Any) -> Any:
    """The estimator as unpickled from another state; None takes an entry away."""
    state = {**estimator.__getstate__(), **changed}
    again = type(estimator).__new__(type(estimator))
    again.__setstate__({name: value for name, value in state.items() if name not in changed or value is not None})
    return again


def test_a_state_without_a_parameter_that_came_later_gets_its_default(fitted: Any) -> None:
    own = set(fitted.get_params()) - set(theirs.MLPClassifier().get_params())
    assert {"weight_decay", "n_threads", "class_weight"} <= own
    again = with_state(fitted, **dict.fromkeys([*own, "_fastbp_version", "_fastbp_format"]))
    assert again.get_params() == fitted.get_params()
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    again.partial_fit(X, Y)


def test_a_pickle_of_a_newer_version_warns_as_in_scikit_learn(fitted: Any) -> None:
    with pytest.warns(
        InconsistentVersionWarning, match=f"version 99.0 when using version {fastbp.__version__}"
    ) as caught:
        again = with_state(fitted, _fastbp_version="99.0", a_later_parameter=3)
    assert caught[0].message.original_sklearn_version == "99.0"
    assert np.array_equal(again.predict(X), fitted.predict(X))
    with_state(fitted, _fastbp_version="0.0.9")  # an older one is read without a word


def test_a_pickle_of_a_newer_format_is_refused(fitted: Any) -> None:
    later = fitted.__getstate__()["_fastbp_format"] + 1
    with pytest.raises(LoadError, match=rf"This MLPClassifier was pickled by fastbp 99\.0 in format {later}; .* reads"):
        with_state(fitted, _fastbp_version="99.0", _fastbp_format=later)


BEFORE = [1.308436533079556, 1.308436533079556, 1.531343215209443, 1.7849323221045599, 2.0324533121781014, 2.26141152]
AFTER = [1.3074368112719963, 1.3074368112719963, 1.5294395643387837, 1.7819968564888464, 2.028074547630798, 2.25573205]


def test_a_pickle_of_the_first_version_is_read() -> None:
    b = pickle.loads((Path(__file__).parent / "golden" / "regressor-0.1.0.pickle").read_bytes())
    D = np.linspace(-1, 1, 12).reshape(6, 2)
    # What fastbp 0.1.0 predicted, and after one more epoch.
    np.testing.assert_allclose(b.predict(D), BEFORE, rtol=1e-8)
    np.testing.assert_allclose(b.partial_fit(D, D[:, 0] * D[:, 1]).predict(D), AFTER, rtol=1e-8)
    assert b.n_iter_no_change == 50
