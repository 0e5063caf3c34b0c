"""What a training says to the logger ``fastbp``, and that nobody hears it unasked."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastbp

X, LABELS = np.eye(6), [0, 1, 0, 1, 0, 1]


def train(**options: Any) -> fastbp.Run:
    net = fastbp.Network([6, 3, 2], seed=0)
    return fastbp.train(net, X, LABELS, **({"epochs": 2, "batch_size": 2, "seed": 0} | options))


def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="fastbp")
    run = train(optimizer=fastbp.SGD(0.25), n_threads=1)
    said = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert {name for name, _, _ in said} == {"fastbp"}
    assert [level for _, level, _ in said] == ["INFO", "DEBUG", "DEBUG", "DEBUG", "INFO"]
    begins, plan, first, second, ends = (message for _, _, message in said)
    assert begins == (
        f"Training begins: {run.net!r}, {run.optimizer!r}, samples: 6, minibatches: 3, epochs: 2, threads: 1"
    )
    assert plan == repr(run.plan)
    assert first.startswith("Epoch 1 of 2, step 3, ")
    assert second.endswith(f"loss {run.history['loss'][1]:.4g}, accuracy 0.5, learning_rate 0.25")
    assert ends == f"Training ends after 2 of 2 epochs, step 6, {run.seconds:.3g} s"


def test_at_info_there_are_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="fastbp")
    train(callbacks=lambda run: run.stop())
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert caplog.records[1].getMessage().endswith(": stop() was called")
    caplog.clear()
    with pytest.raises(ZeroDivisionError):
        train(callbacks=lambda run: 1 / 0)
    assert ["an exception" in record.getMessage() for record in caplog.records] == [False, True]


def test_estimators_log_too(caplog: pytest.LogCaptureFixture) -> None:
    from fastbp.sklearn import MLPRegressor

    caplog.set_level(logging.INFO, logger="fastbp")
    with pytest.warns(UserWarning, match="Maximum iterations"):
        MLPRegressor(hidden_layer_sizes=[3], max_iter=1, random_state=0).fit(X, LABELS)
    assert [record.getMessage().split(":")[0].split(" after")[0] for record in caplog.records] == [
        "Training begins",
        "Training ends",
    ]


def test_a_program_that_asks_for_nothing_hears_nothing() -> None:
    code = (
        "import logging, numpy as np, fastbp\n"
        "fastbp.train(fastbp.Network([2, 2], seed=0), np.eye(2), [0, 1], epochs=1)\n"
        "assert logging.getLogger('fastbp').handlers == logging.root.handlers == []\n"
        "assert logging.getLogger('fastbp').level == logging.NOTSET\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
