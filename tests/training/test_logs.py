"""A row of a file for each epoch, read back with other readers than wrote it."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastbp.callbacks import CSVLog, JSONLines

import fastbp

RNG = np.random.RandomState(6)
X, LABELS = RNG.randn(12, 2), RNG.randint(0, 2, 12)
LOGS = [CSVLog, JSONLines]


def train(log: Any, **options: Any) -> fastbp.Run:
    net = fastbp.Network([2, 3, 2], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    callbacks = log if isinstance(log, list) else [log]
    return fastbp.train(net, X, LABELS, **({"epochs": 3, "batch_size": 4, "seed": 0, "callbacks": callbacks} | options))


def rows_of(path: Path, log: Any) -> list[dict[str, Any]]:
    """Rows of numbers, read by hand; objects, by a parser that refuses what is no JSON."""
    if log is JSONLines:

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    names, *lines = path.read_text().splitlines()
    return [dict(zip(names.split(","), map(float, line.split(",")), strict=True)) for line in lines]


@pytest.mark.parametrize("log", LOGS)
def test_a_row_has_the_history_to_the_last_digit(log: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = train(log(path), validation=(X, LABELS))
    rows = rows_of(path, log)
    assert [list(row) for row in rows] == [["epoch", "step", "seconds", *run.history]] * 3
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["step"] for row in rows] == [3, 6, 9]
    assert rows[-1]["seconds"] == run.seconds
    assert "val_loss" in run.history
    for name, values in run.history.items():
        assert [row[name] for row in rows] == values


@pytest.mark.parametrize("log", LOGS)
def test_rows_are_there_as_they_come(log: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    there: list[int] = []
    train([log(str(path)), lambda run: there.append(len(rows_of(path, log)))])
    assert there == [1, 2, 3]


@pytest.mark.parametrize("log", LOGS)
def test_a_run_replaces_the_file_or_appends_to_it(log: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    one = log(os.fsencode(path))
    for _ in range(2):
        train(one)
    assert [row["epoch"] for row in rows_of(path, log)] == [1, 2, 3]
    train(log(path, append=True), epochs=2)
    assert [row["epoch"] for row in rows_of(path, log)] == [1, 2, 3, 1, 2]
    new = tmp_path / "new"
    train(log(new, append=True), epochs=1)
    assert [row["epoch"] for row in rows_of(new, log)] == [1]


@pytest.mark.parametrize("log", LOGS)
def test_a_run_that_goes_on_appends(log: Any, tmp_path: Path) -> None:
    """Its epoch is not 0 when it begins; the history that it brings along is not written again."""
    path = tmp_path / "run"
    one = log(path)
    run = train(one, epochs=2)
    one.on_train_begin(run)
    run.epoch += 1
    run.history._note(dict.fromkeys(run.history, -1.0))
    one.on_epoch_end(run)
    assert [(row["epoch"], row["loss"] == -1) for row in rows_of(path, log)] == [(1, False), (2, False), (3, True)]


@pytest.mark.parametrize("log", LOGS)
def test_after_a_row_that_was_cut_off_comes_a_new_line(log: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(log(path), epochs=2)
    path.write_bytes(path.read_bytes()[:-5])
    train(log(path, append=True), epochs=1)
    lines = path.read_text().splitlines()
    assert len(lines) == (4 if log is CSVLog else 3)
    assert lines[-1].startswith("1," if log is CSVLog else '{"epoch": 1')


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("torn", [False, True])
def test_what_a_killed_run_wrote_after_its_checkpoint_is_not_there_twice(log: Any, torn: bool, tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "run", fastbp.Checkpoint(tmp_path / "run.ckpt")
    run = train(log(path), epochs=2, checkpoint=checkpoint)
    train(log(tmp_path / "whole"), epochs=5)
    text = (tmp_path / "whole").read_text()
    path.write_text(text[:-7] if torn else text)  # five epochs, the checkpoint is of two
    run = train(log(path), epochs=4, checkpoint=checkpoint)
    rows = rows_of(path, log)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["loss"] for row in rows] == run.history["loss"]
    train(log(path, append=True), epochs=5, checkpoint=checkpoint)
    path.write_text(text)
    train(log(path, append=True), epochs=6, checkpoint=checkpoint)
    assert [row["epoch"] for row in rows_of(path, log)] == [1, 2, 3, 4, 5, 6]
    with open(path, "a") as file:
        file.write("a note\n")
    train(log(path), epochs=7, checkpoint=checkpoint)
    assert path.read_text().splitlines()[-2] == "a note"


@pytest.mark.parametrize("log", LOGS)
def test_entries_of_the_history_that_are_no_lists_are_not_written(log: Any, tmp_path: Path) -> None:
    def odd(run: fastbp.Run) -> None:
        history: Any = run.history
        history |= {"size": 5, "name": "abc", 3: [1.0], "pair": (1, 2)}
        history.setdefault("large", []).append(10**400)
        history.setdefault("\ud800", []).append(1.0)

    run = train([odd, log(tmp_path / "run")], epochs=2)
    text = (tmp_path / "run").read_text()
    assert len(text.splitlines()) == (3 if log is CSVLog else 2)
    assert not {"size", "name", "pair"} & set(text.replace('"', "").replace(",", " ").replace(":", " ").split())
    assert text.count("1" + "0" * 400) == 2
    assert "large=1000" in repr(run)


def metric_of_every_second_epoch(run: fastbp.Run) -> None:
    if run.epoch % 2 == 0:
        run.history.add({"late": np.float32(run.epoch) / 8})


def test_a_metric_that_comes_later(tmp_path: Path) -> None:
    table, lines = tmp_path / "run.csv", tmp_path / "run.jsonl"
    with pytest.warns(RuntimeWarning, match=r"run.csv: it has no column for late, which is left out") as told:
        train([metric_of_every_second_epoch, CSVLog(table), JSONLines(lines)], epochs=4)
    assert len(told) == 1
    assert "late" not in table.read_text()
    assert [row.get("late") for row in rows_of(lines, JSONLines)] == [None, 0.25, None, 0.5]


def test_an_empty_cell_stands_for_what_is_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    train([lambda run: run.history.add({"note": 'a "b", c'}) if run.epoch == 1 else None, CSVLog(path)], epochs=2)
    lines = path.read_text().splitlines()
    assert lines[0].endswith(",note")
    assert lines[1].endswith(',"a ""b"", c"')
    assert lines[2].endswith(",")


def test_json_has_null_for_what_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    train([lambda run: run.history.add({"a": np.inf, "b": float("nan")}), JSONLines(path)], epochs=1)
    (row,) = rows_of(path, JSONLines)
    assert row["a"] is row["b"] is None


@pytest.mark.parametrize("log", LOGS)
def test_a_file_that_cannot_be_written_is_a_warning(log: Any, tmp_path: Path) -> None:
    """One, with its name and the reason; the weights are those of a run without it."""
    path = tmp_path / "nowhere" / "run"
    with pytest.warns(RuntimeWarning) as told:
        run = train(log(path))
    assert [str(warning.message) for warning in told] == [
        f"{path}: {os.strerror(errno.ENOENT)}. The training goes on; rows are written as soon as they can be."
    ]
    assert run.epoch == 3
    assert np.array_equal(run.net.theta, train([]).net.theta)
    with pytest.warns(RuntimeWarning, match=os.strerror(errno.EISDIR)):
        train(log(tmp_path), epochs=1)


class FullDisk(io.RawIOBase):
    """A disk with so many bytes of room: what does not fit is cut off first, then refused."""

    room = 0

    def __init__(self, path: Path, mode: str) -> None:
        self.file = open(path, mode, buffering=0)

    def write(self, data: Any) -> int:
        if FullDisk.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run")
        n = min(len(data), FullDisk.room)
        FullDisk.room -= n
        return self.file.write(data[:n]) or 0

    def close(self) -> None:
        self.file.close()
        super().close()


@pytest.mark.parametrize("log", LOGS)
def test_rows_wait_for_a_disk_that_is_full(log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is lost, doubled or torn."""
    path = tmp_path / "run"
    monkeypatch.setattr(fastbp.callbacks, "open", lambda path, mode, buffering: FullDisk(path, mode), raising=False)
    FullDisk.room = 60

    def make_room(run: fastbp.Run) -> None:
        if run.epoch == 4:
            FullDisk.room = 10_000

    with pytest.warns(RuntimeWarning, match=os.strerror(errno.ENOSPC)) as told:
        train([make_room, log(path)], epochs=5)
    assert len(told) == 1
    assert [row["epoch"] for row in rows_of(path, log)] == [1, 2, 3, 4, 5]


def test_what_is_no_path_is_refused() -> None:
    for log, example in ((CSVLog, "run.csv"), (JSONLines, "run.jsonl")):
        with pytest.raises(TypeError, match=rf"path is 3.5; the name of a file is needed. Pass '{example}'") as caught:
            log(3.5)
        assert caught.value.parameter == "path"  # type: ignore[attr-defined]
        for name in ("", "a\0b"):
            with pytest.raises(ValueError, match=rf"^path is .*; the name of a file is needed. Pass '{example}'"):
                log(name)
        with pytest.raises(TypeError, match="append is 1; it must be True or False"):
            log("run", append=1)


@pytest.mark.parametrize("log", LOGS)
def test_a_callback_that_goes_to_another_folder_does_not_take_the_file_along(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    train([log("run"), lambda run: monkeypatch.chdir(elsewhere)])
    assert [row["epoch"] for row in rows_of(tmp_path / "run", log)] == [1, 2, 3]
    assert not [*elsewhere.iterdir()]
