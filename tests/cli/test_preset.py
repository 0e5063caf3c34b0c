"""``fastbp train`` on tables: which runs get the preset, and what comes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import run_flat as run

import fastbp

N = 80
TRACKING = Path(__file__).parents[2] / "docs" / "tracking.md"
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


def test_intervals_of_held_out_rows() -> None:
    """They are around the members' mean, and as wide as the errors of members that have not seen a row."""
    options = ("train", "t.csv", "--target", "price", *SHORT, "--preset", "tabular")
    assert "Intervals that cover 0.8 of the validation rows" in run(*options, "--interval", "0.8")
    model = fastbp.load("model.fastbp")
    table = {"size": np.array([40.0, 60.0]), "colour": np.array(["red", "green"], object)}
    ends = model.predict_interval(table)[:, 0]
    middle = model.feedforward(table)[:, 0]
    assert np.all((ends[:, 0] < middle) & (middle < ends[:, 1]))
    assert len(run("predict", "model.fastbp", "t.csv", "--interval").split()) == N + 1
    assert "takes at least 199, and there are 64" in run(*options, "--interval", "0.99", code=1)


def test_thresholds_of_held_out_rows() -> None:
    options = ("train", "t.csv", "--target", "colour", *SHORT, "--preset", "tabular")
    for given in ("0.9", "f1"):
        said = run(*options, "--threshold", given)
        model = fastbp.load("model.fastbp")
        assert isinstance(model, fastbp.Model)
        threshold = model.meta["decision_threshold"]
        assert 0 < threshold < 1
        assert (f"From {threshold:.4g} on" in said) == (given == "f1")
        table = {"size": np.linspace(20, 80, 9), "price": np.linspace(60, 200, 9)}
        p = model.feedforward(table)[:, 0]
        names = np.array(model.classes)
        np.testing.assert_array_equal(model.predict(table), names[(p >= threshold).astype(int)])


def test_classes_of_equal_shares() -> None:
    """Weights of the classes are those of rows: one class has a fifth of the other's rows."""
    lines = Path("t.csv").read_text().splitlines()
    few = [line for i, line in enumerate(lines[1:]) if ",green," in line or i % 5 == 0]
    Path("t.csv").write_text("\n".join([lines[0], *few]))
    options = ("train", "t.csv", "--target", "colour", "--drop", "price", "--preset", "tabular")
    size = {"size": np.linspace(30, 70, 9)}
    shares = []
    for more in ((), ("--class-weight", "balanced")):
        run(*options, *more)
        shares.append(fastbp.load("model.fastbp").feedforward(size).mean())
    assert abs(shares[1] - 0.5) < abs(shares[0] - 0.5) / 2


def test_the_record_of_one_member() -> None:
    options = ("train", "t.csv", "--target", "price", "--epochs", "3", "--preset", "tabular", "--log", "run.jsonl")
    run(*options, "--members", "1")
    assert len(Path("run.jsonl").read_text().splitlines()) >= 3


def test_the_record_of_members_is_that_of_any_number_of_threads() -> None:
    """Rows come member by member, however many are trained at a time, and say what `run.history` does."""
    options = ("train", "t.csv", "--target", "price", "--epochs", "3", "--members", "3", "-q")
    found = []
    for threads in ("1", "2", "2"):
        run(*options, "--threads", threads, "--log", "run.jsonl", "--log", "run.csv")
        found.append((Path("run.jsonl").read_bytes(), Path("run.csv").read_bytes()))
    assert found[0] == found[1] == found[2]
    rows = [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]
    n = len(rows) // 3
    assert [(row["member"], row["epoch"]) for row in rows] == [(i, e) for i in range(3) for e in range(1, n + 1)]
    assert list(rows[0]) == ["member", "epoch", "step", "loss", "val_loss", "val_r2", "learning_rate"]
    assert len({row["val_loss"] for row in rows}) == 3 * n
    header, *lines = Path("run.csv").read_text().splitlines()
    assert [dict(zip(header.split(","), map(float, line.split(",")), strict=True)) for line in lines] == rows
    documented = re.findall(r"^\| `(\w+)` \|", TRACKING.read_text(), re.MULTILINE)
    assert {*rows[0], "seconds", "accuracy", "val_accuracy"} == set(documented)


def test_events_of_members_have_a_folder_each(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, list[str]] = {}

    class Writer:
        def __init__(self, folder: str) -> None:
            self.names = written.setdefault(folder, [])

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.names.append(name)

        def flush(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr("fastbp.training.callbacks._event_writer", lambda: Writer)
    run("train", "t.csv", "--target", "price", *SHORT, "-q", "--log", "runs")
    assert sorted(written) == ["runs/member-0", "runs/member-1"]
    assert len(written["runs/member-0"]) == len(written["runs/member-1"]) >= 3 * 3


def test_of_a_few_rows_none_is_held_out_and_that_is_said() -> None:
    Path("few.csv").write_text("\n".join(Path("t.csv").read_text().splitlines()[:31]))
    said = run("train", "few.csv", "--target", "price", *SHORT)
    assert "The preset for tables: 2 members; of 24 samples none is held out, and the last epoch is kept" in said


def test_that_nothing_was_learned_is_said_once() -> None:
    rng = np.random.default_rng(1)
    Path("t.csv").write_text("\n".join(["a,b", *(f"{a:.3f},{b:.3f}" for a, b in rng.normal(size=(N, 2)))]))
    said = run("train", "t.csv", "--target", "b", *SHORT)
    assert "Validation does not beat the constant prediction" in said
    assert said.count("nothing") == 1


def test_an_empty_cell_of_the_worst_row_is_called_empty() -> None:
    lines = Path("t.csv").read_text().splitlines()
    Path("t.csv").write_text("\n".join([lines[0], *("," + line.split(",", 1)[1] for line in lines[1:40]), *lines[40:]]))
    said = run("train", "t.csv", "--target", "price", *SHORT)
    assert re.search(r"Worst prediction, line \d+: .*size empty", said)


def test_a_column_that_is_not_there_is_named_with_its_option() -> None:
    for preset in ("tabular", "none"):
        said = run("train", "t.csv", "--target", "price", "--preset", preset, "--id", "nope", code=1)
        assert "--id names the column 'nope'; 't.csv' has no such column" in said


def test_the_page_says_what_the_members_did() -> None:
    run("train", "t.csv", "--target", "price", *SHORT, "--report", "r.html")
    text = " ".join(Path("r.html").read_text().split())
    assert "64 rows for 2 members, 64 of them held out by one of these, 16 to test" in text
    assert "2 members, the first a Network" in text.replace("&lt;", "").replace("<", "")
    assert "3 epochs. The weights are those of epoch" in text
    assert "The rows to train on that the members are most wrong about, each predicted by" in text
    model, data = fastbp.load("model.fastbp"), fastbp.split(fastbp.read("t.csv", "price"), 0.2, seed=0)
    worst = int(np.argmax(np.abs(model.feedforward(data.X_test) - data.Y_test)))
    first, second = (part.split("</table>")[0] for part in text.split("<h2>Worst rows")[1].split("<table")[1:3])
    assert f">{data.X_test.place(worst)}<" in first
    in_training = {data.X.place(i) for i in range(len(data.X))}
    assert set(re.findall(r"line \d+", second)) <= in_training
    assert len(set(re.findall(r"line \d+", second))) == 10
    run("train", "t.csv", "--target", "price", "--epochs", "3", "--members", "1", "--report", "r.html")
    text = " ".join(Path("r.html").read_text().split())
    assert "64 rows, 21 of them to validate on, 16 to test" in text


def test_a_table_with_names_has_the_preset() -> None:
    """A search for the plain net's options has none."""
    assert "The preset for tables: 5 members" in run("train", "t.csv", "--target", "price", "--epochs", "1")
    assert "Leave --hidden out, or pass --preset none" in run(
        "train", "t.csv", "--target", "price", "--preset", "tabular", "--hidden", "3", code=1
    )
    assert "--preset is tabular" in run("tune", "t.csv", "--target", "price", "--preset", "tabular", code=1)


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


@pytest.mark.parametrize("option", ["--members=2", "--time-limit=5", "--preset=tabular"])
def test_digits_are_no_table(option: str) -> None:
    assert f"Leave {option.split('=')[0]} out" in run("train", "digits", *option.split("="), code=1)
