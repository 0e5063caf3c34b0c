"""``--config`` and the file beside a model, ``--log``."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import run_flat as run

import fastbp
from fastbp.cli.config import toml

pytestmark = pytest.mark.usefixtures("with_a_table")


def test_the_file_beside_a_model_trains_it_again() -> None:
    options = ("--target", "kind", "--hidden", "3,2", "--epochs", "3", "--optimizer", "adam", "--no-scale", "-q")
    run("train", "t.csv", *options, "--seed", "7", "--schedule", "cosine:warmup=1", "--model", "first.fastbp")
    found = tomllib.loads(Path("first.fastbp.toml").read_text())
    assert found == {
        "data": "t.csv", "target": "kind", "hidden": "3,2", "optimizer": "adam", "schedule": "cosine:warmup=1",
        "epochs": 3, "scale": False, "seed": 7, "model": "first.fastbp", "quiet": True,
    }  # fmt: skip
    first = Path("first.fastbp").read_bytes()
    run("train", "--config", "first.fastbp.toml")
    assert Path("first.fastbp").read_bytes() == first
    assert tomllib.loads(Path("first.fastbp.toml").read_text()) == found
    # What is typed goes before, and is written.
    run("train", "--config", "first.fastbp.toml", "--seed", "8", "--model", "second.fastbp")
    assert tomllib.loads(Path("second.fastbp.toml").read_text()) == found | {"seed": 8, "model": "second.fastbp"}
    assert Path("second.fastbp").read_bytes() != first
    # Defaults are there to be read, as comments.
    assert "# batch_size = (none)" in Path("first.fastbp.toml").read_text()
    assert '# dtype = "float32"' in Path("first.fastbp.toml").read_text()


def test_a_file_as_people_write_it() -> None:
    Path("c.toml").write_text(
        'data = "t.csv"\ntarget = "kind"\nhidden = [4, 2]\nlearning-rate = 1\nepochs = 2\nlog = ["a.csv", "a.jsonl"]\n'
        "nesterov = true\nmomentum = 0.9\n"
    )
    run("train", "--config", "c.toml", "-q")
    assert fastbp.load("model.fastbp").sizes == (2, 4, 2, 1)
    assert len(Path("a.csv").read_text().splitlines()) == 3
    rows = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {"loss", "val_loss", "accuracy"} <= rows[0].keys()
    found = tomllib.loads(Path("model.fastbp.toml").read_text())
    assert found["hidden"] == "4,2"
    assert found["nesterov"] is True
    assert found["log"] == ["a.csv", "a.jsonl"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "is no TOML"),
        ("epoch = 3", "has 'epoch'; there is no such option. Did you mean epochs?"),
        ("[deep]\nepochs = 3", "has 'deep'; there is no such option."),
        ("epochs = [true]", "has epochs = [True]"),
        ("epochs = -1", "--epochs is -1"),
        ("hidden = [1, -2]", "--hidden is '1,-2'"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, message: str) -> None:
    Path("c.toml").write_text(text)
    assert message in run("train", "t.csv", "--target", "kind", "-q", "--config", "c.toml", code=1)
    assert not Path("model.fastbp").exists()


def test_a_file_that_is_not_there() -> None:
    assert "'no.toml' does not exist" in run("train", "t.csv", "--config", "no.toml", code=1)


def test_a_file_of_somebody_else_is_not_replaced() -> None:
    Path("model.fastbp.toml").write_text("mine = 1\n")
    assert "was not written by fastbp" in run("train", "t.csv", "--target", "kind", "-q", code=1)
    assert Path("model.fastbp.toml").read_text() == "mine = 1\n"


@pytest.mark.parametrize(
    "value",
    [
        "a",
        'with "quotes" and \\',
        "line\nend\ttab\x7f",
        "ünï",
        True,
        False,
        3,
        -1.5,
        1e-300,
        float("inf"),
        ["a", "b"],
        [],
    ],
)
def test_values_are_read_as_they_were_written(value: Any) -> None:
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


@pytest.mark.parametrize(
    ("path", "message"), [("run.txt", "ending must be .jsonl or .csv"), ("no/run.csv", "folder does not exist")]
)
def test_a_log_that_could_not_be_written_is_refused(path: str, message: str) -> None:
    assert message in run("train", "t.csv", "--target", "kind", "-q", "--log", path, code=1)


def test_events_for_tensorboard(tmp_path: Path) -> None:
    """Read back by the library that wrote them."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed: events were NOT tested")
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import RecordWriter

    logs = ("--log", "events", "--log", "run.jsonl")
    run("train", "t.csv", "--target", "kind", "--preset", "none", "-q", "--epochs", "3", *logs)
    assert RecordWriter is not None
    (file,) = (tmp_path / "events").iterdir()
    content, at, found = file.read_bytes(), 0, {}
    while at < len(content):  # length, its checksum, the event, its checksum
        size = int.from_bytes(content[at : at + 8], "little")
        event = event_pb2.Event.FromString(content[at + 12 : at + 12 + size])
        for value in event.summary.value:
            found[value.tag, event.step] = value.simple_value
        at += size + 16
    rows = [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]
    expected = {(name, row["epoch"]): row[name] for row in rows for name in ("loss", "accuracy", "val_loss")}
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-6)


def test_without_a_writer_of_events_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("tensorboardX", "tensorboard", "tensorboard.summary"):
        monkeypatch.setitem(sys.modules, name, None)
    printed = run("train", "t.csv", "--target", "kind", "-q", "--log", "events", code=1)
    assert 'pip install "fastbp[tensorboard]"' in printed
    assert not Path("model.fastbp").exists()
