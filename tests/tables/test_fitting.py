"""The preset: what its members see, what they keep, and what it does not depend on."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fastbp.data.columns import Columns
from fastbp.data.features import FARTHEST, Features, scaled, standard_scale, weighted_quantiles
from fastbp.tables import Fitted, Recipe, fit
from fastbp.tables.calibration import cool, cooled, logits, loss_at, temperature_of
from fastbp.tables.folds import LEAST_ROWS, folds
from fastbp.training.callbacks import CSVLog, JSONLines
from fastbp.training.history import Run

QUICK = Recipe(hidden=(6,), epochs=2, least_steps=1)
N = 90


def _table(n: int = N, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 20, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "sold": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D"),
            "new": rng.choice(["yes", "no"], n),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.exponential(10, n)),
        }
    )
    y = frame["size"] / 10 + (frame["colour"] == "red") * 4 - frame["age"].fillna(20) / 10 + rng.normal(0, 0.3, n)
    return frame, y.to_numpy()[:, np.newaxis]


def _bytes(fitted: Fitted) -> list[bytes]:
    return [net.theta.tobytes() for net in fitted.nets]


@pytest.fixture(scope="module")
def regression() -> Fitted:
    return fit(*_table(), task="regression", n_members=3, recipe=QUICK, n_threads=1)


@pytest.mark.compiled
def test_it_learns() -> None:
    frame, y = _table(400)
    fitted = fit(frame, y, task="regression", n_members=2, recipe=Recipe(hidden=(32,), epochs=20))
    fresh, truth = _table(300, seed=1)
    assert np.mean((fitted.outputs(fresh) - truth) ** 2) < 0.15 * truth.var()


def test_equal_bits_for_any_number_of_threads(regression: Fitted) -> None:
    again = fit(*_table(), task="regression", n_members=3, recipe=QUICK, n_threads=2)
    assert _bytes(again) == _bytes(regression)
    other = fit(*_table(), task="regression", n_members=3, recipe=QUICK, seed=1)
    assert _bytes(other) != _bytes(regression)
    frame, _ = _table()
    assert (regression.outputs(frame, 1) == regression.outputs(frame, 2)).all()


def test_frames_of_pandas_and_polars_are_the_same(regression: Fitted) -> None:
    frame, y = _table()
    in_polars = pl.DataFrame({name: frame[name].to_numpy() for name in ("size", "age")}).with_columns(
        pl.Series(name, frame[name].to_list()) for name in ("colour", "sold", "new")
    )
    in_polars = in_polars.select(frame.columns.tolist()).with_columns(pl.col("age").fill_nan(None))
    assert _bytes(fit(in_polars, y, task="regression", n_members=3, recipe=QUICK)) == _bytes(regression)


def test_nothing_is_learned_of_held_out_rows(regression: Fitted) -> None:
    """Held-out rows that are changed change nothing that a member knows of columns, scales and targets."""
    frame, y = _table()
    last = dataclasses.replace(QUICK, best_epoch=False)
    before = fit(frame, y, task="regression", n_members=3, recipe=last)
    for i in range(3):
        rows = before.member_of == i
        other, other_y = frame.copy(), y.copy()
        other.loc[rows, "size"] = 1e6
        other.loc[rows, "colour"] = "purple"
        other.loc[rows, "age"] = np.nan
        other_y[rows] = 1e3
        after = fit(other, other_y, task="regression", n_members=3, recipe=last)
        assert (after.member_of == before.member_of).all()
        assert after.features[i].described() == before.features[i].described()
        # the hidden layers are the very same; the last one is in units that are common to all members
        net, same = after.nets[i], before.nets[i]
        assert net.w[1].tobytes() == same.w[1].tobytes()
        assert after.features[i - 1].described() != before.features[i - 1].described()


def test_outputs_of_rows_that_were_not_seen(regression: Fitted) -> None:
    frame, _ = _table()
    assert sorted(set(regression.member_of)) == [0, 1, 2]
    for i in range(3):
        rows = regression.member_of == i
        X = regression.features[i].encode(frame[rows], regression.nets[i].dtype)
        own = regression.in_units(regression.nets[i].feedforward(X).astype(float))
        np.testing.assert_allclose(regression.out_of_fold[rows], own, rtol=1e-4, atol=1e-4)


def test_validation_of_the_users_own() -> None:
    frame, y = _table()
    fitted = fit(
        frame[50:], y[50:], task="regression", n_members=2, recipe=QUICK, validation=(frame[:50], y[:50], None)
    )
    assert (fitted.member_of == -1).all()
    assert np.isnan(fitted.out_of_fold).all()
    assert all(len(run.history["val_loss"]) == run.epoch for run in fitted.runs)
    assert all(run.best_epoch is not None for run in fitted.runs)


def test_classes_are_calibrated() -> None:
    frame, y = _table()
    labels = np.digitize(y[:, 0], np.quantile(y, [0.3, 0.6]))
    recipe = dataclasses.replace(QUICK, epochs=15, learning_rate=0.02)
    fitted = fit(frame, labels, task="classification", n_classes=3, n_members=2, recipe=recipe)
    np.testing.assert_allclose(fitted.outputs(frame).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fitted.out_of_fold.sum(axis=1), 1, atol=1e-5)
    assert temperature_of(fitted.out_of_fold, labels) == pytest.approx(1, abs=0.02)


@pytest.mark.compiled
def test_a_time_limit_is_kept() -> None:
    frame, y = _table(600)
    fit(frame, y, task="regression", n_members=1, recipe=QUICK)  # compiled
    begun = time.monotonic()
    fitted = fit(frame, y, task="regression", n_members=2, recipe=Recipe(epochs=10**6), time_limit=1.0)
    assert time.monotonic() - begun < 20
    assert all(1 <= run.epoch < 10**6 for run in fitted.runs)


def test_weights_of_0_are_not_looked_at(regression: Fitted) -> None:
    frame, y = _table()
    more = pd.concat([frame, frame.assign(size=1e9, colour="purple")], ignore_index=True)
    weight = np.repeat([1.0, 0.0], len(frame))
    fitted = fit(more, np.vstack([y, y]), task="regression", n_members=3, recipe=QUICK, sample_weight=weight)
    assert [one.described() for one in fitted.features] == [one.described() for one in regression.features]


@pytest.mark.parametrize("n_members", [1, 5])
def test_folds(n_members: int) -> None:
    n = 230
    labels = (np.arange(n) % 10 == 0).astype(int)
    made = folds(n_members, n, np.random.default_rng(0), labels=labels)
    for one in made:
        assert sorted([*one.train, *one.held_out]) == list(range(n))
        assert labels[one.held_out].mean() == pytest.approx(0.1, abs=0.03)
    if n_members > 1:
        assert sorted(np.concatenate([one.held_out for one in made])) == list(range(n))
    groups = np.arange(n) // 7
    for one in folds(n_members, n, np.random.default_rng(0), groups=groups):
        assert not set(groups[one.train]) & set(groups[one.held_out])
        assert len(one.held_out)
    moments = np.arange(n) // 3
    of_time = folds(n_members, n, np.random.default_rng(0), time=moments)
    for one in of_time:
        assert not set(moments[one.train]) & set(moments[one.held_out])
        assert np.ptp(one.held_out) == len(one.held_out) - 1
    assert of_time[-1].held_out[-1] == n - 1
    few = folds(n_members, LEAST_ROWS - 1, np.random.default_rng(0))
    assert all(len(one.held_out) == 0 for one in few)


def test_temperature() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1.5, (4000, 3))
    p = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    labels = (rng.random((4000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    sharp = cooled(p, 1 / 2.5)
    assert temperature_of(sharp, labels) == pytest.approx(2.5, rel=0.1)
    assert loss_at(logits(sharp), labels, None, 1.0) == pytest.approx(-np.log(sharp[np.arange(4000), labels]).mean())
    one = cooled(np.array([[0.9], [0.2]]), 2.0)
    np.testing.assert_allclose(one[:, 0], [0.75, 1 / 3], rtol=1e-6)  # the roots of odds 9 and 1/4
    assert temperature_of(sharp[:49], labels[:49]) == 1.0


def test_cooling_divides_logits(regression: Fitted) -> None:
    import fastbp

    net = fastbp.Network([3, 4, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    X = np.random.default_rng(0).normal(size=(5, 3))
    before = net.feedforward(X)
    cool(net, 3.0)
    np.testing.assert_allclose(net.feedforward(X), cooled(before, 3.0), rtol=1e-10)


def test_features(regression: Fitted) -> None:
    frame, _ = _table()
    features = regression.features[0]
    again = Features.from_described(features.described())
    assert again == features
    assert (again.encode(frame) == features.encode(frame)).all()
    assert len(features.feature_names) == features.n_features == features.encode(frame[:1]).shape[1]
    numbers, _codes = features.columns.values(frame)
    j = features.columns.number_names.index("size")
    u = (frame["size"].to_numpy() - features.subtract[j]) / features.divide[j]
    np.testing.assert_allclose(features.encode(frame)[:, j], u)
    assert np.isfinite(features.encode(frame)).all()
    assert np.isnan(numbers).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fill": [float("nan")] * 9}, "fill"),
        ({"divide": None}, "divide must be a list of numbers"),
        ({"more": 1}, "nothing else"),
    ],
)
def test_hostile_features(regression: Fitted, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Features.from_described(regression.features[0].described() | change)


def test_scales() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    weight = np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    repeated = np.repeat(values, weight.astype(int))
    shares = (0.1, 0.25, 0.5, 0.75, 0.99)
    assert weighted_quantiles(values, weight, shares) == weighted_quantiles(repeated, None, shares)
    assert standard_scale(np.array([5.0, 5.0, np.nan]), None) == (5.0, 5.0, 1.0)
    assert standard_scale(values, weight) == pytest.approx((3.0, repeated.mean(), repeated.std()))
    assert standard_scale(np.array([1e300, 2e300, 0.0]), None) == (1e300, 1e300, 1.0)
    assert standard_scale(np.array([1e308, 1.5e308]), None) == (1e308, 1e308, 1.0)
    far = scaled(np.array([[1e300], [-1e300], [np.nan]]), *np.array([[0.0], [0.0], [1.0]]))
    np.testing.assert_allclose(far[:, 0], [FARTHEST, -FARTHEST, 0])


def test_columns_are_said() -> None:
    frame, y = _table()
    learn = lambda rows: Columns.learn(rows, kinds={"colour": "left out"})  # noqa: E731
    fitted = fit(frame, y, task="regression", n_members=1, recipe=QUICK, learn=learn)
    assert fitted.features[0].columns.category_names == ()


def test_networks_with_inputs_of_their_own(regression: Fitted) -> None:
    """An ensemble of the members, with what each sees side by side, gives what they give."""
    import fastbp
    from fastbp.data.features import SideBySide

    frame, _ = _table()
    ensemble = fastbp.Ensemble(regression.nets, own_inputs=True)
    features = SideBySide(regression.features)
    assert ensemble.sizes == (features.n_features, 1)
    X = features.encode(frame, np.float32)
    np.testing.assert_allclose(
        regression.in_units(ensemble.feedforward(X).astype(float)), regression.outputs(frame), rtol=1e-6
    )
    each = [net.feedforward(X[:, part]) for net, part in zip(ensemble, ensemble.parts, strict=True)]
    np.testing.assert_allclose(ensemble.feedforward(X), np.mean(each, axis=0), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="numbers of inputs"):
        fastbp.Ensemble([fastbp.Network([3, 1]), fastbp.Network([4, 1])])


@pytest.mark.parametrize("n_members", [1, 2])
def test_a_model_is_saved_and_loaded(n_members: int, tmp_path: Any) -> None:
    import fastbp

    frame, y = _table()
    meta = {"target": "price"}
    fitted = fit(frame, y, task="regression", n_members=n_members, recipe=QUICK, meta=meta)
    model = fitted.model()
    np.testing.assert_allclose(model.predict(frame), fitted.outputs(frame), rtol=1e-5)
    fastbp.save(model, tmp_path / "model.fastbp")
    loaded = fastbp.load(tmp_path / "model.fastbp")
    assert isinstance(loaded, fastbp.Model)
    assert loaded.columns == model.columns
    assert (loaded.predict(frame) == model.predict(frame)).all()
    assert loaded.features == model.features == tuple(frame.columns)
    assert loaded.evaluate(frame, y)["loss"] == pytest.approx(np.mean((fitted.outputs(frame) - y) ** 2) / 2, rel=1e-4)


def test_a_model_of_classes(tmp_path: Any) -> None:
    import fastbp

    frame, y = _table()
    labels = (y[:, 0] > np.median(y)).astype(int)
    meta = {"classes": ["cheap", "dear"]}
    fitted = fit(frame, labels, task="classification", n_classes=2, n_members=2, recipe=QUICK, meta=meta)
    fastbp.save(fitted.model(), tmp_path / "model.fastbp")
    loaded: Any = fastbp.load(tmp_path / "model.fastbp")
    assert set(loaded.predict(frame)) <= {"cheap", "dear"}
    assert ((loaded.predict(frame) == "dear") == (fitted.outputs(frame)[:, 0] >= 0.5)).all()


def test_estimators_without_scikit_learn_say_what_they_need() -> None:
    """The rest of the room does without."""
    code = """
import sys
sys.modules["sklearn"] = None
from fastbp import tables
tables.fit
for name in ("TabularClassifier", "TabularRegressor"):
    try:
        getattr(tables, name)
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert len(said) == 2
    assert all(
        "needs scikit-learn, which is not installed. Run: pip install 'fastbp[sklearn]'." in line for line in said
    )


def test_a_log_of_members_has_their_rows_in_order(tmp_path: Path) -> None:
    """Also where a callback ends the training: the rows that were waiting are written, and nothing is twice."""
    options: dict[str, Any] = {"task": "regression", "n_members": 3, "recipe": QUICK}
    found = []
    for n_threads in (1, 2):
        logs = [JSONLines(tmp_path / "run.jsonl"), CSVLog(tmp_path / "run.csv")]
        fitted = fit(*_table(), **options, n_threads=n_threads, callbacks=logs)
        found.append([(tmp_path / name).read_bytes() for name in ("run.jsonl", "run.csv")])
    assert found[0] == found[1]
    rows = [json.loads(line) for line in found[0][0].splitlines()]
    assert [(row["member"], row["epoch"]) for row in rows] == [(i, e) for i in range(3) for e in (1, 2)]
    for row in rows:
        history = fitted.runs[row["member"]].history
        assert {name: row[name] for name in history} == {
            name: values[row["epoch"] - 1] for name, values in history.items()
        }

    def end(run: Run) -> None:
        if run.epoch == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fit(*_table(), **options, n_threads=2, callbacks=[JSONLines(tmp_path / "cut.jsonl"), end])
    cut = [(row["member"], row["epoch"]) for row in map(json.loads, (tmp_path / "cut.jsonl").read_text().splitlines())]
    assert cut == sorted(set(cut))
    assert (0, 1) in cut
