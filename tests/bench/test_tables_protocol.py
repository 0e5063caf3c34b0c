"""The tables that the preset is judged on are what was promised of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.tables import ablation, loading, metric, parts, peers, protocol, report, running, summary


def test_what_is_promised() -> None:
    dev, test = protocol.tables("dev"), protocol.tables("test")
    assert len(dev) == 12
    assert len(test) == 20
    assert not {entry.source for entry in dev.values()} & {entry.source for entry in test.values()}
    assert sum(entry.source.startswith("sklearn:") for entry in test.values()) <= 4
    assert sum(entry.task == "regression" for entry in test.values()) >= 8
    known = protocol.protocol()
    assert len(known.split_seeds) == 5
    assert len(known.ablation_seeds) == 3
    for entry in [*dev.values(), *test.values()]:
        assert entry.source.partition(":")[0] in loading.SOURCES
        assert entry.target not in entry.drop


def test_metric() -> None:
    y, p = np.array(["b", "a", "c"]), np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    expected = -(np.log(0.8) + np.log(0.5) + np.log(metric.LEAST)) / 3
    assert metric.log_loss(y, p, np.array(["a", "b"])) == pytest.approx(expected)
    assert metric.constant("regression", np.array([1.0, 3.0]), np.array([2.0, 4.0])) == pytest.approx(np.sqrt(2))
    half = metric.constant("classification", np.array(["a", "b"]), np.array(["a", "a"]))
    assert half == pytest.approx(np.log(2))


def test_a_scikit_learn_table_and_its_splits() -> None:
    pytest.importorskip("sklearn")
    table = loading.load(protocol.tables()["wine"])
    assert table.X.shape == (178, 13)
    splits = loading.splits(table)
    assert len(splits) == 5
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(178))
    by_unit = loading.splits(table._replace(units=np.arange(178) // 2))
    assert all(not set(train // 2) & set(test // 2) for train, test in by_unit)
    by_time = loading.splits(table._replace(time=np.arange(178) // 3))
    assert all(train.max() < test.min() and train.max() // 3 != test.min() // 3 for train, test in by_time)


def _write(folder: Path, model: str, ratios: dict[tuple[str, int], float], cpu: float) -> None:
    folder.mkdir(exist_ok=True)
    lines = [
        json.dumps({"table": table, "split": split, "seed": 0, "ratio": ratio, "cpu_seconds": cpu})
        for (table, split), ratio in ratios.items()
    ]
    (folder / f"{model}.jsonl").write_text("\n".join(lines))


def test_what_is_reported_is_of_equal_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    names = list(protocol.tables("test"))
    everywhere = [(name, split) for name in names for split in range(5)]
    _write(tmp_path, "fastbp", {key: 0.5 if key[1] else 0.6 for key in everywhere}, 0.2)
    _write(tmp_path, "linear", dict.fromkeys(everywhere, 0.5), 0.1)
    _write(tmp_path, "lightgbm", {(name, 0): 0.8 for name in names}, 0.1)
    both = summary.of_both("fastbp", "lightgbm", names)
    assert both.runs == 20
    assert summary.against(both.ours, both.theirs) == pytest.approx((0.75, 0.75, 0.75))
    assert summary.mean_ranks({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 1.0, "y": 1.0}}) == {"a": 1.75, "b": 1.25}
    text = report.block()
    assert "| ames | 0.520 | **0.500** |" in text  # LightGBM has not all splits
    assert "| LightGBM | 20, 20 | 0.750 (0.750 to 0.750) | - | - |" in text
    assert (
        "preset, 1 member, loss by that of LightGBM: **0.750** (20 tables, 20 runs); at most 0.97 is asked for: met."
        in text
    )
    assert "by more than 0.01 of the constant's loss: **20**" in text
    assert "CPU seconds by LightGBM's, median: **2.000**; at most 3 is asked for: met." in text
    assert "- LightGBM: 20 of 100 runs were made." in text


def test_an_ablation_is_of_equal_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    _write(tmp_path / "before", "ablation-full", {("wine", 0): 0.1, ("chile", 0): 0.4, ("chile", 1): 9.0}, 1.0)
    _write(tmp_path / "before", "ablation-a", {("wine", 0): 0.2, ("chile", 0): 0.2, ("hotels", 0): 9.0}, 1.0)
    _write(tmp_path / "before", "ablation-5-b", {("wine", 0): 0.2}, 1.0)
    (one,) = ablation.found(list(protocol.tables("dev")), 1, "before/")
    assert one == ("a", pytest.approx(1.0), 1, 2, 2)
    assert ablation.names("dropout,mish", 5) == ["ablation-5-full", "ablation-5-dropout", "ablation-5-mish"]


@pytest.mark.parametrize("part", ["full", *parts.PARTS])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_presets_network_in_pytorch_learns_what_there_is(part: str, task: Any) -> None:
    """With each part that may be added: one level of a category decides."""
    pytest.importorskip("torch", reason="PyTorch is not installed: parts that kernels lack are not tried")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=240), "c": rng.choice(list("pqrst"), 240).astype(object)})
    y = np.where(X["c"] == "q", 3.0, 1.0) if task == "regression" else np.where(X["c"] == "q", "yes", "no")
    given = peers.Given(task, X[:160], y[:160], X[160:], None, None, 0, 1)
    made = parts.run(part, given)
    if task == "regression":
        assert metric.rmse(y[160:], made.predicted) < 0.3 * metric.rmse(y[160:], np.full(80, y.mean()))
    else:
        assert made.classes is not None
        assert np.mean(made.classes[made.predicted.argmax(axis=1)] == y[160:]) > 0.95
