"""What is held out of a table, and that nothing is learned from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import run_flat as run
from small_tables import SHORT, A, B, N, cycle, table

import fastbp


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")


def held_out(change: Callable[[list[str]], list[str]]) -> str:
    """A table whose last twelve rows are held out by their time, and changed."""
    rows = [
        f"{i},{a},{c},2025-01-{1 + i % 28:02},{t},{y:.3f}"
        for i, (a, c, t, y) in enumerate(zip(A, cycle("x", "y", "z"), cycle("", "1.5", "2"), B, strict=True))
    ]
    kept = [row.split(",") for row in rows]
    return "\n".join(["when,a,c,d,t,y", *(",".join(change(row) if i >= N - 12 else row) for i, row in enumerate(kept))])


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "numbers": lambda row: [row[0], "1e6", *row[2:]],
    "gaps": lambda row: [row[0], "", "", "", "", row[5]],
    "levels": lambda row: [*row[:2], "new", *row[3:]],
    "dates": lambda row: [*row[:3], "1971-06-07", *row[4:]],
    "copies": lambda row: [row[0], row[4] or "3", *row[2:]],
    "targets": lambda row: [*row[:5], "-987.5"],
    "order of time": lambda row: ["9" + row[0].rjust(4, "0"), *row[1:]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_learned_from_rows_that_are_held_out(change: str) -> None:
    """Neither from those to test on, nor, but for the epoch that is kept, from those to validate on: the same bytes."""
    options = ("--target", "y", "--task", "regression", "--split", "time:when", "--hidden", "3", "--epochs", "2", "-q")
    stopping = ("--validation", "0.2", "--early-stopping", "0", "--split", "time:when", "--test", "0.05")
    for given in ((), stopping):
        contents = []
        for edit in (list, CHANGES[change]):
            Path("t.csv").write_text(held_out(edit))
            run("train", "t.csv", *options, *given)
            contents.append(Path("model.fastbp").read_bytes())
        assert contents[0] == contents[1]
    Path("t.csv").write_text(held_out(list).replace("\n3,", "\n3,9"))  # and from those to train on something is
    run("train", "t.csv", *options)
    assert Path("model.fastbp").read_bytes() != contents[0]


def test_a_file_to_test_on() -> None:
    Path("t.csv").write_text(table(c=cycle("x", "y")))
    lines = table(c=cycle("x", "never")).splitlines()
    Path("test.csv").write_text("\n".join([lines[0], *lines[1:8]]))
    printed = run("train", "t.csv", "--target", "kind", "--test-file", "test.csv", *SHORT)
    assert f"{N} samples to train on, 0 to validate, 7 to test" in printed
    Path("test.csv").write_text("\n".join([lines[0], *lines[1:8]]).replace("dear", "new"))
    printed = run("train", "t.csv", "--target", "kind", "--test-file", "test.csv", *SHORT, code=1)
    assert "has the class 'new'; 't.csv' knows cheap, dear" in printed


def test_the_last_in_time_are_tested_on_and_groups_are_not_parted() -> None:
    days = [f"2025-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(N)]
    Path("t.csv").write_text(table(when=days[::-1], g=[f"g{i // 6}" for i in range(N)]))
    printed = run("train", "t.csv", "--target", "kind", "--split", "time:when", *SHORT, "--validation", "0.25")
    assert "36 samples to train on, 12 to validate, 12 to test" in printed
    first = fastbp.load("model.fastbp").columns.found[1].first
    assert np.datetime64(first, "us") == np.datetime64(days[0])
    run("train", "t.csv", "--target", "kind", "--group", "g", *SHORT)
    assert "g" not in [column.name for column in fastbp.load("model.fastbp").columns.found]
    data = fastbp.split(fastbp.read("t.csv", "kind", group="g"))
    assert len(data.X_test) == 12
    assert not {*data.group.tolist()} & {*range(10)} - {*data.group.tolist()}
    assert len(set(data.group.tolist())) == 8
    for split, says in (("when", "--split is 'when'"), ("time:no", "the column 'no'"), ("time:g", "neither dates")):
        assert says in run("train", "t.csv", "--target", "kind", "--split", split, *SHORT, code=1)


def test_defaults_of_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is validated on, and stops; fewer than 100 rows do not, and it is said."""
    seen: list[dict] = []
    train = fastbp.train
    monkeypatch.setattr(
        fastbp, "train", lambda *args, **options: seen.append(options) or train(*args, **{**options, "epochs": 1})
    )
    Path("t.csv").write_text("\n".join([*table().splitlines(), *(table().splitlines()[1:] * 3)]))
    printed = run("train", "t.csv", "--target", "kind", "--hidden", "none")
    assert "163 samples to train on, 29 to validate, 48 to test" in printed
    run("train", "t.csv", "--target", "kind", "--hidden", "none", "--early-stopping", "0")
    run("train", "t.csv", "--target", "kind", "--hidden", "none", "--monitor", "val_accuracy", "--epochs", "7")
    Path("t.csv").write_text(table())
    printed = run("train", "t.csv", "--target", "kind", "--hidden", "none")
    assert "48 rows to train on are fewer than 100: none are set aside" in printed
    assert "48 samples to train on, 0 to validate" in printed
    seen = [options for options in seen if "early_stopping" in options]  # not what makes the compiler ready
    assert [options["epochs"] for options in seen] == [200, 30, 7, 30]
    rules = [options["early_stopping"] for options in seen]
    assert [rule and (rule.patience, rule.monitor) for rule in rules] == [
        (20, "val_loss"),
        None,
        (20, "val_accuracy"),
        None,
    ]
    for flag in ("--drop", "--group", "--split", "--missing"):
        assert f"{flag} is about the columns of a table; 'digits' is none" in run("train", "digits", flag, "x", code=1)


def test_the_best_epoch_is_marked_in_the_picture() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    from fastbp.cli.plot import _curves

    for best in (2, None):
        axes = figure.Figure().subplots()
        run = SimpleNamespace(epoch=3, best_epoch=best, history={"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, 2.5, 2.6]})
        _curves(axes, run, (("loss", "training"), ("val_loss", "validation")), "loss")
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert words == ["training", "validation", *(["best epoch: 2"] if best else [])]
        assert not best or set(axes.lines[-1].get_xdata()) == {2}


@pytest.mark.parametrize("preset", ["tabular", "none"])
def test_a_test_file_that_does_not_fit_is_refused_before_anything_is_trained(preset: str) -> None:
    cells = enumerate(zip(A, cycle("x", "y"), strict=True))
    Path("t.csv").write_text("\n".join(["a,y,d", *(f"{a:.3f},{c},2025-01-{1 + i % 28:02}" for i, (a, c) in cells)]))
    options = ("train", "t.csv", "--target", "y", "--preset", preset, "--epochs", "1", "--test-file", "test.csv")
    for text, said in (
        ("a,y\n1,x\n2,y\n", "no column 'd'"),
        ("a,y,d\n1,x,2025-31-01\n2,y,\n", "'2025-31-01' in line 2"),
    ):
        Path("test.csv").write_text(text)
        assert said in run(*options, code=1)
        assert not Path("model.fastbp").exists()


def test_an_infinite_loss_of_test_rows_is_explained() -> None:
    """Of rows far away from all others, with the wrong class."""
    Path("t.csv").write_text("\n".join(["a,y", *(f"{a:.3f},{'pq'[int(a > np.median(A))]}" for a in A)]))
    Path("test.csv").write_text("a,y\n1e9,p\n1e9,p\n")
    options = ("train", "t.csv", "--target", "y", "--members", "2", "--epochs", "9", "--test-file", "test.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = run(*options)
    assert "loss inf The loss is infinite because of rows whose class has probability 0" in said
