"""Metrics and baselines against scikit-learn's, effects against what is known of a function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics as theirs
from sklearn.calibration import calibration_curve

from fastbp.cli.evaluation import baselines, effects, metrics
from fastbp.cli.evaluation.findings import findings, never_predicted
from fastbp.cli.evaluation.outcome import Outcome, probabilities
from fastbp.cli.evaluation.rows import GRID, LEVELS, ArrayRows, Rows, TableRows
from fastbp.data.columns import Columns, Table


def random_classes(n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with ties that know something of them, and decisions."""
    rng = np.random.default_rng(seed)
    known = rng.integers(0, n_classes, 200)
    p = rng.random((200, n_classes)) + np.eye(n_classes)[known]
    p = np.round(p / p.sum(axis=1, keepdims=True), 1) + 0.01
    p /= p.sum(axis=1, keepdims=True)
    return known, p, p.argmax(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_metrics_of_classes_are_scikit_learns(n_classes: int, seed: int) -> None:
    known, p, decided = random_classes(n_classes, seed)
    found = Outcome(known, p, tuple(range(n_classes)), decided).scores()
    binary = n_classes == 2
    expected = {
        "accuracy": theirs.accuracy_score(known, decided),
        "balanced accuracy": theirs.balanced_accuracy_score(known, decided),
        "log loss": theirs.log_loss(known, p),
        "AUC": theirs.roc_auc_score(known, p[:, 1] if binary else p, multi_class="ovr"),
        "F1": theirs.f1_score(known, decided, average="binary" if binary else "macro"),
    }
    assert found == pytest.approx(expected, rel=1e-12)
    counts = metrics.confusion(known, decided, n_classes)
    np.testing.assert_array_equal(counts, theirs.confusion_matrix(known, decided))
    np.testing.assert_allclose(metrics.f1_scores(counts), theirs.f1_score(known, decided, average=None))
    # A wrong number would be seen.
    assert Outcome(known, p[::-1], tuple(range(n_classes)), decided).scores()["log loss"] != found["log loss"]


def test_curves_are_scikit_learns() -> None:
    known, p, _ = random_classes(2, 3)
    false, true, thresholds = metrics.roc(known == 1, p[:, 1])
    theirs_false, theirs_true, theirs_thresholds = theirs.roc_curve(known, p[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(false, theirs_false)
    np.testing.assert_allclose(true, theirs_true)
    np.testing.assert_allclose(thresholds, theirs_thresholds)
    said = np.random.default_rng(0).random(200)  # none on the border of two bins, which belongs to the other one there
    share, mean = calibration_curve(known, said, n_bins=10)
    ours_mean, ours_share, n = metrics.calibration(known == 1, said)
    assert n.sum() == len(known)
    np.testing.assert_allclose(ours_mean, mean)
    np.testing.assert_allclose(ours_share, share)


def test_metrics_of_numbers_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(90) * 100 + 1e3
    out = y + rng.standard_normal(90) * 30
    found = Outcome(y[:, None], out[:, None]).scores()
    expected = {
        "RMSE": theirs.root_mean_squared_error(y, out),
        "MAE": theirs.mean_absolute_error(y, out),
        "R2": theirs.r2_score(y, out),
    }
    assert found == pytest.approx(expected, rel=1e-12)
    holed = np.stack([y, np.where(np.arange(90) % 3, y, np.nan)], axis=1)
    several = Outcome(holed, np.stack([out, out], axis=1), columns=["a", "b"]).scores()
    assert several["MAE a"] == pytest.approx(expected["MAE"])
    there = np.arange(90) % 3 > 0
    assert several["MAE b"] == pytest.approx(theirs.mean_absolute_error(y[there], out[there]))
    assert np.isnan(metrics.r2(np.ones(5), np.zeros(5)))


def test_what_rows_do_not_define_is_nan() -> None:
    assert np.isnan(metrics.auc(np.ones(4, bool), np.arange(4.0)))
    single = Outcome(np.zeros(4, int), np.tile([0.7, 0.3], (4, 1)), ("a", "b"), np.zeros(4, int)).scores()
    assert single["accuracy"] == 1
    assert np.isnan(single["AUC"])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_linear_baselines_are_scikit_learns(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((240, 6)) * [1, 100, 0.01, 1, 1, 1] + [0, 5e3, 0, 1, 0, 0]
    X[:, 5] = 3.0  # a constant column
    s = rng.random(240) + 0.5 if weighted else None
    scale = X[:, :5] - np.average(X[:, :5], axis=0, weights=s)
    Z = scale / np.sqrt(np.average(scale**2, axis=0, weights=s))
    Y = np.stack([Z[:, 0] - 2 * Z[:, 1], Z[:, 2] ** 2], axis=1) + rng.standard_normal((240, 2))
    mine = baselines.Linear(X, Y, 0, s).predict(X)
    ridge = linear_model.Ridge(alpha=1.0).fit(Z, Y, sample_weight=s)
    np.testing.assert_allclose(mine, ridge.predict(Z), rtol=1e-8, atol=1e-8)
    for n_classes in (2, 4):
        labels = np.digitize(Y[:, 0], np.quantile(Y[:, 0], np.linspace(0, 1, n_classes + 1)[1:-1]))
        p = baselines.Linear(X, labels, n_classes, s).predict(X)
        # Two classes have two weights here and one there: half the penalty each.
        C = 2.0 if n_classes == 2 else 1.0
        logistic = linear_model.LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(Z, labels, sample_weight=s)
        np.testing.assert_allclose(p, logistic.predict_proba(Z), atol=2e-5)


def test_validation_rows_choose_the_penalty() -> None:
    rng = np.random.default_rng(2)
    X, noise = rng.standard_normal((60, 40)), rng.standard_normal((60, 1))
    held = (rng.standard_normal((400, 40)), rng.standard_normal((400, 1)))
    errors = [np.square(model.predict(held[0]) - held[1]).mean()
              for model in (baselines.Linear(X, noise, 0), baselines.Linear(X, noise, 0, None, held))]  # fmt: skip
    assert errors[1] < 0.7 * errors[0]


def test_constants() -> None:
    s = np.array([1.0, 1.0, 2.0])
    np.testing.assert_allclose(baselines.constant_probabilities(np.array([0, 2, 2]), 3, s), [0.25, 0, 0.75])
    Y = np.array([[1.0, np.nan], [3.0, 4.0], [3.0, 8.0]])
    np.testing.assert_allclose(baselines.constant_values(Y, s), [2.5, 20 / 3])


def test_importance_and_effect_of_a_known_function() -> None:
    """y = 3 a + b: the error that shuffling a column of variance v with factor f brings is 2 f^2 v."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 3))
    y = (3 * X[:, 0] + X[:, 1])[:, None]

    def outputs(rows: Rows) -> np.ndarray:
        return (3 * rows.column("a") + rows.column("b"))[:, None]

    rows = ArrayRows(X, ["a", "b", "c"])
    found = effects.importances(lambda changed, index: Outcome(y[index], outputs(changed)), rows)
    assert [i.name for i in found] == ["a", "b", "c"]
    assert [i.mean for i in found] == pytest.approx([2 * 9 / 10, 2 / 10, 0], abs=0.1)
    partial = effects.partial_dependence(outputs, rows, "a")
    np.testing.assert_allclose(np.diff(partial.means[:, 0]), 3 * np.diff(partial.values))
    assert partial.is_number
    assert len(partial.values) == GRID


def test_the_values_of_a_column_that_are_tried() -> None:
    few = ArrayRows(np.array([[3.0], [1.0], [3.0]]))
    np.testing.assert_array_equal(few.grid("column 0"), [[1, 3], [1, 3]])
    n = 200
    price = [f"{1000 + 7 * i},5" for i in range(n)]
    price[3] = ""
    days = (np.datetime64("2024-01-01") + np.arange(n)).astype(str)
    words = np.array([f"w{i % 13 if i % 3 else 0}" for i in range(n)], object)
    table = Table({"price": np.array(price, object), "day": days, "word": words, "flag": np.arange(n) % 2 > 0})
    columns = Columns.learn(table, decimal=",")
    rows = TableRows(table, columns)
    assert list(rows.names) == ["price", "day", "word", "flag"]
    cells, shown = rows.grid("price")
    assert len(shown) == GRID
    assert [float(cell.replace(",", ".")) for cell in cells] == pytest.approx(shown.tolist())
    cells, shown = rows.grid("day")
    assert len(cells) == LEVELS
    assert sorted(shown) == shown.tolist()
    cells, shown = rows.grid("word")
    assert shown[0] == "w0"
    assert len(cells) == LEVELS
    assert sorted(rows.grid("flag")[1]) == ["False", "True"]
    # A column that is changed is changed in what the model takes, and in no other column.
    changed = rows.changed("word", np.full(n, "w1", object))
    encoded = [columns.encode(part.raw) for part in (rows, changed)]
    differs = (encoded[0] != encoded[1]).any(axis=0)
    of_word = [name.startswith("word") for name in columns.feature_names]
    assert differs.any()
    assert not (differs & ~np.array(of_word)).any()


def test_outputs_as_probabilities() -> None:
    np.testing.assert_allclose(probabilities(np.array([[0.2]]), "sigmoid")[0], [[0.8, 0.2]])
    p, proper = probabilities(np.array([[0.2, 0.2], [0, 0]]), "sigmoid")
    np.testing.assert_allclose(p, [[0.5, 0.5], [0.5, 0.5]])
    assert proper
    p, proper = probabilities(np.array([[1.0, 3.0]]), "identity")
    assert p.argmax() == 1
    assert not proper


def outcome(known: Any, p: Any) -> Outcome:
    p = np.array(p, float)
    return Outcome(np.array(known), p, ("no", "yes"), p.argmax(axis=1))


def test_findings() -> None:
    good = outcome([0, 1, 1], [[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    constant = outcome([0, 1, 1], [[0.4, 0.6]] * 3)
    assert findings((good, constant), good, constant, constant) == []
    worse = outcome([0, 1, 1], [[0.1, 0.9], [0.9, 0.1], [0.2, 0.8]])
    first, *_ = findings((worse, constant), good, constant, None)
    assert first.serious
    assert first.text.startswith("Validation does not beat the constant prediction, the class shares")
    assert "log loss 1.609 against 0.6461" in first.text or "against" in first.text
    # Without validation rows the test rows say it.
    assert findings(None, worse, constant, None)[0].text.startswith("On the test rows the model does not beat")
    assert "a linear model does better" in findings((good, constant), constant, worse, good)[0].text


def test_a_class_that_is_never_predicted() -> None:
    never = outcome([0, 1, 0], [[0.9, 0.1], [0.8, 0.2], [0.9, 0.1]])
    (text,) = never_predicted(never)
    assert text == (
        "The class 'yes' is never predicted: 0 of 1 test row is found. Give the classes equal weight with "
        "--class-weight balanced, or lower the bar with --threshold."
    )
    assert never_predicted(outcome([0, 1], [[0.9, 0.1], [0.1, 0.9]])) == []
    assert never_predicted(outcome([0, 0], [[0.9, 0.1], [0.9, 0.1]])) == []
