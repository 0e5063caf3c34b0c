"""What the preset is compared with: every peer gets the same rows, and its own kind of categories."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.tables.protocol import Task, protocol

FEWEST = 5
"""A level that is rarer joins the others, where a peer wants columns of 0 and 1."""


class Given(NamedTuple):
    """What a model is fitted to and what it predicts."""

    task: Task
    X: Any
    y: np.ndarray
    X_test: Any
    units: np.ndarray | None
    time: np.ndarray | None
    seed: int
    n_threads: int


class Made(NamedTuple):
    """Predictions of the test rows: numbers, or probabilities of these classes."""

    predicted: np.ndarray
    classes: np.ndarray | None = None


def _with_dates(frame: Any) -> Any:
    """Dates as numbers: days, month, weekday."""
    import pandas as pd

    frame = frame.copy()
    for name in [name for name in frame.columns if frame[name].dtype.kind == "M"]:
        moment = frame.pop(name)
        frame[f"{name}.days"] = (moment - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        frame[f"{name}.month"], frame[f"{name}.weekday"] = moment.dt.month * 1.0, moment.dt.weekday * 1.0
    return frame


def _text(frame: Any) -> list[str]:
    return [name for name in frame.columns if frame[name].dtype.kind not in "biuf"]


def _as_categories(g: Given) -> tuple[Any, Any]:
    """Categories as pandas' own; levels that training does not have are missing in the test rows."""
    import pandas as pd

    X, X_test = _with_dates(g.X), _with_dates(g.X_test)
    for name in _text(X):
        levels = pd.CategoricalDtype(sorted(X[name].dropna().unique()))
        X[name], X_test[name] = (
            frame[name].where(frame[name].isin(levels.categories), np.nan).astype(levels) for frame in (X, X_test)
        )
    return X, X_test


def _columns_of_numbers(g: Given) -> tuple[np.ndarray, np.ndarray]:
    """Standardised numbers, missing ones at the median beside a column that says so, and categories as 0 and 1."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, X_test = _with_dates(g.X), _with_dates(g.X_test)
    text = _text(X)
    for name in text:
        X[name], X_test[name] = X[name].fillna("(missing)"), X_test[name].fillna("(missing)")
    numbers = [name for name in X.columns if name not in text and X[name].notna().any()]
    made = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            (
                "text",
                OneHotEncoder(min_frequency=FEWEST, handle_unknown="infrequent_if_exist", sparse_output=False),
                text,
            ),
        ]
    )
    return made.fit_transform(X), made.transform(X_test)


def _fitted(g: Given, model: Any, X: Any, X_test: Any, **options: Any) -> Made:
    """A classifier's or regressor's predictions, of labels 0, 1, ... or of standardised numbers."""
    classes, labels = np.unique(g.y, return_inverse=True)
    if g.task == "classification":
        model.fit(X, labels, **options)
        return Made(np.asarray(model.predict_proba(X_test)), classes[np.asarray(model.classes_, int)])
    model.fit(X, g.y, **options)
    return Made(np.asarray(model.predict(X_test), np.float64).ravel())


def linear(g: Given) -> Made:
    """Ridge regression or logistic regression, the penalty's strength by cross-validation."""
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV

    X, X_test = _columns_of_numbers(g)
    if g.task == "regression":
        return _fitted(g, RidgeCV(np.logspace(-3, 5, 17)), X, X_test)
    model = LogisticRegressionCV(
        Cs=np.logspace(-4, 3, 8), scoring="neg_log_loss", max_iter=1000, l1_ratios=(0.0,), use_legacy_attributes=False
    )
    return _fitted(g, model, X, X_test)


def _mlp(g: Given, early_stopping: bool) -> Made:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    X, X_test = _columns_of_numbers(g)
    options: dict[str, Any] = {"random_state": g.seed, "early_stopping": early_stopping}
    if g.task == "classification":
        return _fitted(g, MLPClassifier(**options), X, X_test)
    return _fitted(g, TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler()), X, X_test)


def mlp(g: Given) -> Made:
    """scikit-learn's MLP as it comes."""
    return _mlp(g, early_stopping=False)


def mlp_stopping(g: Given) -> Made:
    """scikit-learn's MLP with early stopping."""
    return _mlp(g, early_stopping=True)


def lightgbm(g: Given) -> Made:
    """LightGBM's defaults."""
    import lightgbm as lgb

    X, X_test = _as_categories(g)
    kind = lgb.LGBMClassifier if g.task == "classification" else lgb.LGBMRegressor
    X.columns = X_test.columns = [f"c{i}" for i in range(X.shape[1])]  # it refuses some names
    return _fitted(g, kind(random_state=g.seed, n_jobs=g.n_threads, verbose=-1), X, X_test)


def xgboost(g: Given) -> Made:
    """XGBoost's defaults."""
    import xgboost as xgb

    X, X_test = _as_categories(g)
    kind = xgb.XGBClassifier if g.task == "classification" else xgb.XGBRegressor
    X.columns = X_test.columns = [f"c{i}" for i in range(X.shape[1])]
    return _fitted(g, kind(random_state=g.seed, n_jobs=g.n_threads, enable_categorical=True), X, X_test)


def catboost(g: Given) -> Made:
    """CatBoost's defaults."""
    import catboost as cb

    X, X_test = _with_dates(g.X), _with_dates(g.X_test)
    text = _text(X)
    for name in text:
        X[name], X_test[name] = X[name].fillna("(missing)"), X_test[name].fillna("(missing)")
    kind = cb.CatBoostClassifier if g.task == "classification" else cb.CatBoostRegressor
    model = kind(random_seed=g.seed, thread_count=g.n_threads, verbose=False, allow_writing_files=False)
    return _fitted(g, model, X, X_test, cat_features=text)


def held_out(g: Given, k: int) -> np.ndarray | None:
    """Rows that each of k members validates on, where units or time forbid to draw them freely."""
    from sklearn.model_selection import GroupKFold

    n = len(g.y)
    if g.time is not None:
        return np.tile(np.arange(n - n // 5, n), (k, 1))
    if g.units is None:
        return None
    folds = [test for _, test in GroupKFold(max(k, 5)).split(g.y, groups=g.units)][:k]
    least = min(map(len, folds))
    return np.stack([fold[:least] for fold in folds])


def _pytabkit(g: Given, name: str, k: int) -> Made:
    """It refuses missing numbers, which get the training rows' median."""
    import pytabkit

    X, X_test = _as_categories(g)
    numbers = [name for name in X.columns if X[name].dtype.kind in "biuf"]
    middle = X[numbers].median().fillna(0.0)
    X[numbers], X_test[numbers] = X[numbers].fillna(middle), X_test[numbers].fillna(middle)
    kind = getattr(pytabkit, f"{name}_{'Classifier' if g.task == 'classification' else 'Regressor'}")
    model = kind(n_cv=k, random_state=g.seed, n_threads=g.n_threads, device="cpu", verbosity=0)
    aside = held_out(g, k)
    options = {} if aside is None else {"val_idxs": aside}
    return _fitted(g, model, X, X_test, **options)


def lgbm_td(g: Given) -> Made:
    """pytabkit's LightGBM with tuned defaults."""
    return _pytabkit(g, "LGBM_TD", 1)


def realmlp_td(g: Given) -> Made:
    """pytabkit's RealMLP with tuned defaults, one member."""
    return _pytabkit(g, "RealMLP_TD", 1)


def realmlp_td_k(g: Given) -> Made:
    """pytabkit's RealMLP with tuned defaults, k members."""
    return _pytabkit(g, "RealMLP_TD", protocol().members)


def preset(g: Given, k: int, **options: Any) -> Made:
    """fastbp's preset with k members."""
    from fastbp import tables

    kind: Any = tables.TabularClassifier if g.task == "classification" else tables.TabularRegressor
    model = kind(n_members=k, random_state=g.seed, n_threads=g.n_threads, **options)
    model.fit(g.X, g.y, groups=g.units, time=g.time)
    if g.task == "classification":
        return Made(model.predict_proba(g.X_test), model.classes_)
    return Made(np.asarray(model.predict(g.X_test)))


PEERS: dict[str, Callable[[Given], Made]] = {
    "linear": linear,
    "mlp": mlp,
    "mlp-stopping": mlp_stopping,
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "catboost": catboost,
    "lgbm-td": lgbm_td,
    "realmlp-td": realmlp_td,
    "realmlp-td-k": realmlp_td_k,
    "fastbp": lambda g: preset(g, 1),
    "fastbp-k": lambda g: preset(g, protocol().members),
}
"""Models by name."""


def run(name: str, g: Given) -> Made:
    """Fit and predict, quietly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PEERS[name](g)
