"""``--threshold`` and ``--interval``: what they mean, and that predictions, figures and files have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run
from sklearn.metrics import balanced_accuracy_score, f1_score

import fastbp
from fastbp.decisions import INTERVAL, THRESHOLD, best_threshold, interval, least_rows, problem, residual_bounds


@pytest.fixture(autouse=True)
def _in_a_folder_with_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1200, 2)).round(3)
    rare = x[:, 0] + rng.standard_normal(1200) > 1.8
    y = (100 * x[:, 0] + 20 * rng.standard_normal(1200)).round(2)
    for name, target, values in (("c", "kind", np.where(rare, "yes", "no")), ("r", "y", y)):
        lines = [f"a,b,{target}", *(f"{a},{b},{v}" for (a, b), v in zip(x, values, strict=True))]
        Path(f"{name}.csv").write_text("\n".join(lines) + "\n")


SHORT = ("--hidden", "4", "--epochs", "6", "--optimizer", "adam", "--learning-rate", "0.02", "-q")


@pytest.mark.parametrize("goal", ["balanced", "f1"])
def test_the_best_threshold_is_the_best_of_all(goal: str) -> None:
    rng = np.random.default_rng(1)
    known = (rng.random(150) < 0.2).astype(int)
    p = np.round(np.clip(0.25 * known + rng.random(150) * 0.6, 0, 1), 2)
    score = balanced_accuracy_score if goal == "balanced" else f1_score
    found = best_threshold(known, p, goal)
    best = max(score(known, p >= t) for t in np.unique(p))
    assert score(known, p >= found) == pytest.approx(best)


def test_predictions_and_figures_have_the_threshold() -> None:
    run("train", "c.csv", "--target", "kind", *SHORT, "--model", "half.fastbp")
    found = {}
    for given in ("0.25", "f1", "balanced"):
        printed = run("train", "c.csv", "--target", "kind", *SHORT, "--threshold", given, "--report", "r.html")
        model = fastbp.load("model.fastbp")
        data = fastbp.split(fastbp.read("c.csv", "kind"), 0.2, seed=0)
        names = data.named(data.Y_test)
        threshold = model.meta[THRESHOLD]
        decided = model.predict(data.X_test)
        np.testing.assert_array_equal(decided == "yes", model.feedforward(data.X_test)[:, 0] >= threshold)
        accuracy = float(np.mean(decided == names))
        assert model.evaluate(data.X_test, names)["accuracy"] == pytest.approx(accuracy)
        assert f"Test accuracy {accuracy:.2%}" in printed
        assert f"<b>{accuracy:.1%}</b>" in Path("r.html").read_text()
        assert f"threshold {threshold:g}" in Path("r.html").read_text()
        assert run("predict", "model.fastbp", "c.csv").splitlines()[1:] == [str(v) for v in model.predict(_rows("c"))]
        found[given] = (threshold, int((decided == "yes").sum()))
    half = fastbp.load("half.fastbp")
    n_half = int((half.predict(data.X_test) == "yes").sum())
    np.testing.assert_array_equal(half.feedforward(data.X_test), model.feedforward(data.X_test))
    assert found["0.25"][0] == 0.25
    assert found["0.25"][1] > n_half
    assert found["balanced"][1] > n_half, "a rare class is found more often"
    assert "From 0." in printed


def _rows(name: str) -> object:
    data = fastbp.read(f"{name}.csv", "kind" if name == "c" else "y")
    return data.X


def test_intervals_cover_what_they_say() -> None:
    """Of new rows, on average over many sets of residuals, at least the level; hardly more."""
    rng = np.random.default_rng(0)
    for level in (0.5, 0.9):
        covered = []
        for _ in range(400):
            low, high = residual_bounds(rng.exponential(size=59), level)
            new = rng.exponential(size=200)
            covered.append(np.mean((new >= low) & (new <= high)))
        assert level - 0.01 < np.mean(covered) < level + 0.03
    assert residual_bounds(np.arange(19.0), 0.9) == (0, 18)
    assert least_rows(0.9) == 19
    assert least_rows(0.5) == 3


def test_predictions_with_intervals() -> None:
    printed = run("train", "r.csv", "--target", "y", *SHORT, "--interval", "0.9")
    assert "Intervals that cover 0.9 of the validation rows: prediction -" in printed
    model = fastbp.load("model.fastbp")
    data = fastbp.split(fastbp.read("r.csv", "y"), 0.2, seed=0)
    ends = model.predict_interval(data.X_test)
    assert ends.shape == (240, 1, 2)
    inside = (ends[:, 0, 0] <= data.Y_test[:, 0]) & (data.Y_test[:, 0] <= ends[:, 0, 1])
    assert 0.84 < inside.mean() < 0.97
    np.testing.assert_array_equal(ends, interval(model.feedforward(data.X_test), model.meta))
    lines = run("predict", "model.fastbp", "r.csv", "--interval").splitlines()
    name = lines[0].split(",")[0]
    assert lines[0] == f"{name},{name}_low,{name}_high"
    value, low, high = map(float, lines[1].split(","))
    assert low < value < high
    run("train", "r.csv", "--target", "y", *SHORT)
    assert "The model has no intervals" in run("predict", "model.fastbp", "r.csv", "--interval", code=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("c.csv --target kind --threshold 1", "--threshold is '1'; it must be a number between 0 and 1"),
        ("c.csv --target kind --threshold best", "--threshold is 'best'; it must be a number"),
        ("r.csv --target y --threshold 0.5", "of two classes, and there are numbers"),
        ("c.csv --target kind --threshold f1 --validation 0 --early-stopping 0", "of these 0 there are 0 classes"),
        ("c.csv --target kind --interval 0.9", "these are classes"),
        ("r.csv --target y --interval 1", "--interval is 1"),
        ("r.csv --target y --interval 0.999", "takes at least 1999, and there are"),
        ("r.csv --target y --interval 0.9 --validation 0 --early-stopping 0", "takes at least 19, and there are 0"),
    ],
)
def test_what_cannot_be_is_refused(options: str, message: str) -> None:
    assert message in " ".join(run("train", *options.split(), *SHORT, code=1).split())
    assert not Path("model.fastbp").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (THRESHOLD, "x"), (THRESHOLD, 2.0), (THRESHOLD, True), (INTERVAL, 3), (INTERVAL, {"level": 0.9, "low": [0.0]}),
        (INTERVAL, {"level": 0.9, "low": [0.0], "high": ["x"]}),
        (INTERVAL, {"level": 9, "low": [0.0], "high": [1.0]}),
        (INTERVAL, {"level": 0.9, "low": [0.0, 1.0], "high": [1.0, 2.0]}),
    ],
)  # fmt: skip
def test_a_file_with_others_is_damaged(key: str, value: object) -> None:
    net = fastbp.Network([2, 1], meta={key: value}, seed=0)
    with pytest.raises(ValueError, match=key):  # what could not be loaded is not saved
        fastbp.save(net, "x.fastbp")
    assert problem({key: value}, 1) is not None
