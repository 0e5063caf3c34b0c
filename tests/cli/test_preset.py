"""``fastbp train`` on tables: which runs get the preset, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run_flat as run

import fastbp

N = 80
SHORT = ("--epochs", "3", "--members", "2")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    rng = np.random.default_rng(0)
    size, colour = rng.normal(50, 10, N), rng.choice(["red", "green"], N)
    rows = [f"{s:.2f},{c},{2 * s + 30 * (c == 'red'):.2f}" for s, c in zip(size, colour, strict=True)]
    Path("t.csv").write_text("\n".join(["size,colour,price", *rows]))


def test_regression() -> None:
    printed = run("train", "t.csv", "--target", "price", *SHORT)
    assert "The preset for tables: 2 members, each with a fold to validate on" in printed
    assert "RMSE" in printed
    model = fastbp.load("model.fastbp")
    assert isinstance(model, fastbp.Model)
    assert isinstance(model.net, fastbp.Ensemble)
    assert model.features == ("size", "colour")
    table = {"size": np.array([40.0, np.nan]), "colour": np.array(["red", "never seen"], object)}
    assert np.isfinite(model.predict(table)).all()
    first = Path("model.fastbp").read_bytes()
    run("train", "t.csv", "--target", "price", *SHORT, "--threads", "1", "-q")
    assert Path("model.fastbp").read_bytes() == first
    assert len(run("predict", "model.fastbp", "t.csv").split()) == N + 1


def test_classification() -> None:
    run("train", "t.csv", "--target", "colour", "--epochs", "3", "--members", "1")
    model = fastbp.load("model.fastbp")
    assert isinstance(model, fastbp.Model)
    assert isinstance(model.net, fastbp.Network)
    table = {"size": np.array([40.0]), "price": np.array([110.0])}
    assert model.predict(table)[0] in ("red", "green")
    assert model.feedforward(table).shape == (1, 1)


@pytest.mark.parametrize(
    "options",
    [("--hidden", "3"), ("--activation", "tanh"), ("--optimizer", "adam"), ("--learning-rate", "0.1"),
     ("--schedule", "cosine"), ("--preset", "none")],
)  # fmt: skip
def test_the_plain_net_is_asked_for(options: tuple[str, ...]) -> None:
    printed = run("train", "t.csv", "--target", "price", "--epochs", "1", *options)
    assert "preset" not in printed
    assert isinstance(fastbp.load("model.fastbp").net, fastbp.Network)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--preset", "tabular", "--momentum", "0.5"), "--momentum is the plain net's, and --preset is tabular"),
        (("--members", "2", "--hidden", "3"), "--members is of the preset, and --hidden asks for the plain net"),
        (("--preset", "other"), "--preset is 'other'; it must be one of tabular, none"),
        (("--members", "0"), "--members"),
    ],
)
def test_contradictions(options: tuple[str, ...], message: str) -> None:
    assert message in " ".join(run("train", "t.csv", "--target", "price", *options, code=1).split())
