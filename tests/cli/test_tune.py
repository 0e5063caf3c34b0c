"""``fastbp tune``: what is searched, who chooses, and that the best training can be done again."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run

import fastbp
from fastbp.cli.space import Between, Choice, Optuna, Random, chooser, space

pytestmark = pytest.mark.usefixtures("with_a_table")

FIXED = ("--target", "kind", "--hidden", "4", "--epochs", "3", "--schedule=constant")


@pytest.mark.parametrize("optuna", [True, False])
def test_the_best_of_some_trials_is_trained(optuna: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if optuna:
        pytest.importorskip("optuna", reason="optuna is not installed: its choices were NOT tested")
    else:
        monkeypatch.setitem(sys.modules, "optuna", None)
    options = ("t.csv", *FIXED, "--trials", "6", "--trials-file", "trials.jsonl")
    printed = run("tune", *options, "--model", "best.fastbp")
    assert ("Optuna's TPE" if optuna else "random search") in printed
    trials = [json.loads(line) for line in Path("trials.jsonl").read_text().splitlines()]
    assert [trial["trial"] for trial in trials] == [1, 2, 3, 4, 5, 6]
    best = min(trials, key=lambda trial: trial["val_loss"])
    assert f"Best of 6: trial {best['trial']}, val_loss {best['val_loss']:.4g}" in printed
    assert "Test accuracy" in printed
    for trial in trials:
        assert trial["options"].keys() == {
            "activation",
            "optimizer",
            "learning_rate",
            "weight_decay",
            "batch_size",
            "dropout",
        }
        assert 1 <= trial["epoch"] <= 3
    found = tomllib.loads(Path("best.fastbp.toml").read_text())
    assert found.items() >= {**best["options"], "hidden": "4", "epochs": 3, "schedule": "constant", "seed": 0}.items()
    assert fastbp.load("best.fastbp").sizes == (2, 4, 1)
    # The file trains the same model, and the same seed makes the same search.
    saved = Path("best.fastbp").read_bytes()
    run("train", "--config", "best.fastbp.toml", "-q")
    assert Path("best.fastbp").read_bytes() == saved
    run("tune", *options, "-q")
    again = [json.loads(line) for line in Path("trials.jsonl").read_text().splitlines()]
    assert [(t["options"], t["val_loss"]) for t in again] == [(t["options"], t["val_loss"]) for t in trials]
    run("tune", *options, "-q", "--seed", "1")
    other = [json.loads(line) for line in Path("trials.jsonl").read_text().splitlines()]
    assert [t["options"] for t in other] != [t["options"] for t in trials]


def test_time_ends_a_search() -> None:
    run("tune", "t.csv", *FIXED, "--trials", "1000", "--time-limit", "0.05", "--trials-file", "trials.jsonl", "-q")
    assert 1 <= len(Path("trials.jsonl").read_text().splitlines()) < 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--trials 0", "--trials is 0"),
        ("--time-limit 0", "--time-limit is 0"),
        ("--validation 0", "--validation is 0; a search judges by validation rows"),
        ("--trials-file no/x.jsonl", "--trials-file is 'no/x.jsonl'; its folder does not exist"),
        ("--epochs -1", "--epochs is -1"),
        ("--frozen 9", "--frozen"),
    ],
)
def test_what_cannot_be_is_refused(options: str, message: str) -> None:
    printed = run("tune", "t.csv", "--target", "kind", "--trials", "1", *options.split(), code=1)
    assert message in " ".join(printed.split())
    assert not Path("model.fastbp").exists()


def test_an_option_that_does_not_exist_is_a_mistake_of_typing() -> None:
    run("tune", "t.csv", "--target", "kind", "--trails", "1", code=2)


def test_trainings_that_diverge_are_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*args: Any, **options: Any) -> None:
        raise fastbp.DivergenceError("It diverged.")

    monkeypatch.setattr(fastbp, "train", diverge)
    monkeypatch.setattr("fastbp.cli.tune.compile_first", lambda console, dtype: None)
    assert "None of 2 trials ended with a loss" in run("tune", "t.csv", *FIXED, "--trials", "2", code=1)


@pytest.mark.parametrize("kind", [Random, Optuna])
def test_choices_are_among_those_of_the_space(kind: Any) -> None:
    if kind is Optuna:
        pytest.importorskip("optuna", reason="optuna is not installed: its choices were NOT tested")
    tried = space({}, 4000)
    choose = kind(tried, 0)
    losses = []
    for _ in range(30):
        chosen = choose.ask()
        assert chosen.keys() == tried.keys()
        for name, values in tried.items():
            if isinstance(values, Choice):
                assert chosen[name] in values.values
            else:
                assert values.low <= chosen[name] <= values.high
                assert chosen[name] == float(f"{chosen[name]:.3g}")
        losses.append(abs(np.log(chosen["learning_rate"] / 3e-3)))
        choose.tell(float("inf") if len(losses) == 1 else losses[-1])
    if kind is Optuna:
        assert np.mean(losses[20:]) < np.mean(losses[:10]), "it learns which rate is good"


def test_the_space_leaves_out_what_is_given_or_makes_no_sense() -> None:
    assert {"hidden", "activation", "batch_size"} <= space({}, 1000).keys()
    assert space({}, 100)["batch_size"] == Choice((16,))
    assert "learning_rate" not in space({"learning_rate": 0.1}, 1000)
    assert space({"optimizer": "sgd"}, 1000)["learning_rate"] == Between(3e-3, 1.0)
    assert space({"optimizer": "lbfgs"}, 1000).keys() == {"hidden", "activation"}
    assert "activation" not in space({"hidden": "none"}, 1000)
    assert "weight_decay" not in space({"l2": 0.1}, 1000)


def test_without_optuna_chance_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert isinstance(chooser(space({}, 100), 0), Random)
