"""The tables that the preset is judged on are what was promised of them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.tables import loading, metric, protocol


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
