"""`TabularClassifier` and `TabularRegressor`: what scikit-learn's checks do not ask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from fastbp.tables import Recipe, TabularClassifier, TabularRegressor

QUICK = Recipe(hidden=(6,), epochs=8, least_steps=1)


def _frame(n: int = 80) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "kind": pd.Categorical(rng.choice(["a", "b", "c"], n)),
        }
    )
    return frame, np.where((frame["kind"] == "a") | (frame["size"] > 0.5), "dear", "cheap")


@pytest.mark.parametrize("names", [["cheap", "dear"], [7, -3], [True, False]])
def test_classes_of_any_kind(names: list[Any]) -> None:
    frame, words = _frame()
    y = np.array(names)[(words == "dear").astype(int)]
    model = TabularClassifier(2, recipe=QUICK, random_state=0).fit(frame, y)
    assert set(model.classes_) == set(names)
    assert set(model.predict(frame)) <= set(names)
    np.testing.assert_allclose(model.predict_proba(frame).sum(axis=1), 1)
    assert model.score(frame, y) > 0.6


def test_frames_are_the_same() -> None:
    frame, y = _frame()
    model = TabularClassifier(2, recipe=QUICK, random_state=0)
    of_pandas = clone(model).fit(frame, y).predict_proba(frame)
    in_polars = pl.DataFrame({"size": frame["size"].to_numpy(), "kind": frame["kind"].astype(str).to_list()})
    assert (clone(model).fit(in_polars, y).predict_proba(in_polars) == of_pandas).all()
    array = frame.astype({"kind": object}).to_numpy()
    assert clone(model).fit(array, y).predict_proba(array).shape == of_pandas.shape


def test_several_targets_weights_groups_and_time() -> None:
    frame, _ = _frame()
    y = np.stack([frame["size"].fillna(0), frame["kind"] == "a"], axis=1).astype(float)
    model = TabularRegressor(2, recipe=QUICK, random_state=0)
    assert clone(model).fit(frame, y).predict(frame).shape == (80, 2)
    assert clone(model).fit(frame, y[:, 0]).predict(frame).shape == (80,)
    groups = np.repeat(["x", "y", "z", "u"], 20)
    fitted = clone(model).fit(frame, y, groups=groups, sample_weight=np.ones(80)).fitted_
    for i in range(2):
        assert len(set(groups[fitted.member_of == i])) == 2
    fitted = clone(model).fit(frame, y, time=pd.date_range("2025-01-01", periods=80)).fitted_
    assert (fitted.member_of == np.repeat([0, 1], 40)).all()


def test_validation_rows() -> None:
    frame, y = _frame()
    model = TabularClassifier(2, recipe=QUICK, random_state=0)
    model.fit(frame[20:], y[20:], X_val=frame[:20], y_val=y[:20])
    assert (model.fitted_.member_of == -1).all()
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not provided"):
        model.fit(frame, y, X_val=frame)
    with pytest.raises(ValueError, match="sample_weight_val is provided, but X_val was not provided"):
        model.fit(frame, y, sample_weight_val=np.ones(80))
    with pytest.raises(ValueError, match="y_val has the class 'new'"):
        model.fit(frame, y, X_val=frame[:1], y_val=["new"])


@pytest.mark.compiled
def test_inside_a_search() -> None:
    """Fits in threads of a search are those alone."""
    from joblib import parallel_config

    frame, y = _frame()
    search = GridSearchCV(TabularClassifier(2, recipe=QUICK, random_state=0), {"n_members": [1, 2]}, cv=2)
    alone = clone(search).fit(frame, y).cv_results_["mean_test_score"]
    with parallel_config("threading", n_jobs=2):
        together = clone(search).fit(frame, y).cv_results_["mean_test_score"]
    assert (alone == together).all()


def test_kinds_are_taken() -> None:
    frame, y = _frame()
    model = TabularClassifier(1, recipe=QUICK, random_state=0, kinds={"kind": "left out"}).fit(frame, y)
    assert model.fitted_.features[0].columns.category_names == ()
    with pytest.raises(ValueError, match="kinds has 'colour'"):
        TabularClassifier(1, kinds={"kind": "colour"}).fit(frame, y)
