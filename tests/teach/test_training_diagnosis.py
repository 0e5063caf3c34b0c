"""What keeps a training from learning is named, and nobody is accused where it learns."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import trainings
from nets import SMALL

import fastbp
from fastbp.teach import TrainingDiagnosis, TrainingRecorder
from fastbp.teach.training.causes import CAUSES
from fastbp.teach.training.relation import relation

QUICK = ("weights that are all a half", "biases of -20 in front of relu", "a straight line")
"""Those that plain Python has the time for."""


def some(cases: dict[str, Any]) -> list[str]:
    return [what for what in cases if not SMALL or what in QUICK]


@pytest.mark.parametrize("what", some(trainings.FAILURES))
def test_the_planted_cause_is_named(what: str) -> None:
    cause, make = trainings.FAILURES[what]
    arguments = make()
    theta = arguments["net"].theta.copy()
    found = fastbp.diagnose_training(**arguments)
    assert found.names[:1] == (cause,), str(found)
    assert not found
    first = found.findings[0]
    assert (first.equation, first.remedy) == (CAUSES[cause].equation, CAUSES[cause].fix)
    assert re.search(r"\d", first.seen)
    assert not first.follows
    flat = re.sub(r"\s+", " ", str(found))
    assert f"({cause}, {first.equation})" in flat
    assert all(part in flat for part in (first.seen, first.tried, first.remedy))
    assert found.line.startswith(first.cause.title)
    assert json.loads(json.dumps(found.to_dict()))["findings"][0]["name"] == cause
    # The network is the caller's, and stays what it is.
    assert np.array_equal(arguments["net"].theta, theta)


@pytest.mark.parametrize("what", some(trainings.HEALTHY))
def test_nobody_is_accused(what: str) -> None:
    found = fastbp.diagnose_training(**trainings.HEALTHY[what]())
    assert found.names == (), str(found)
    assert found
    assert found.line == ""
    assert "Nothing was found" in str(found)


def test_there_are_enough_and_every_cause_is_planted() -> None:
    assert len(trainings.FAILURES) >= 15
    assert len(trainings.HEALTHY) >= 15
    assert {cause for cause, _ in trainings.FAILURES.values()} == set(CAUSES)
    for cause in CAUSES.values():
        assert all(text.endswith(".") for text in (cause.title, cause.why, cause.fix))
    assert {cause.equation for cause in CAUSES.values()} <= {"C", "F1", "BP1", "BP2", "U"}


def symmetric() -> Any:
    return trainings.FAILURES["weights that are all a half"][1]()


def test_a_callback_and_a_run_that_has_been_say_the_same() -> None:
    arguments = symmetric() | {"epochs": 3}
    net, X, Y = (arguments.pop(name) for name in ("net", "X", "Y"))
    recorder = TrainingRecorder(X, Y)
    run = fastbp.train(net, X, Y, callbacks=[recorder], **arguments)
    found = recorder.diagnose()
    assert isinstance(found, TrainingDiagnosis)
    assert found.names == ("symmetric-weights",)
    assert found.n_epochs == 3
    assert fastbp.diagnose_training(net, X, Y, run=run).names == ("symmetric-weights",)


@pytest.mark.skipif(SMALL, reason="some thousand steps")
def test_a_training_that_diverges_is_diagnosed_with_what_it_ended_with() -> None:
    X, Y = trainings.targets(trainings.wave(40), 1e6)
    net = trainings.regressor([2, 16, 1], "relu")
    found = fastbp.diagnose_training(net, X, Y, optimizer=fastbp.SGD(0.5), epochs=5)
    assert found.diverged
    assert found.names[0] == "targets-not-scaled"
    flat = " ".join(str(found).split())
    assert "Training diverged in epoch" in flat
    assert "diverged: " not in flat


def test_where_there_is_nothing_to_learn_or_nothing_was_trained_nobody_is_accused() -> None:
    X, y = trainings.blobs(41, 60)
    net = trainings.classifier([5, 4, 3])
    assert fastbp.diagnose_training(net, X, np.zeros(60, int), epochs=2).names == ()
    assert fastbp.diagnose_training(net, X, y, epochs=0).names == ()


def test_what_cannot_be_trained_on_is_refused_as_train_does() -> None:
    net, X, Y = (symmetric()[name] for name in ("net", "X", "Y"))
    with pytest.raises(TypeError, match="net is 3; a network is needed"):
        fastbp.diagnose_training(3, X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows"):
        fastbp.diagnose_training(net, X, Y[:-1])
    with pytest.raises(ValueError, match="has seen no training"):
        TrainingRecorder(X, Y).diagnose()


def test_a_relation_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    X, y = trainings.moons(1)
    Y = np.eye(2)[y]
    assert relation(X, Y, rng).found
    found = [relation(X, Y[rng.permutation(len(Y))], rng).found for _ in range(20)]
    assert sum(found) <= 1
