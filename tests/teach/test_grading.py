"""Grading: full points for what is right, none for what is not, whatever a notebook does to get them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from handed_in import LESSON, LONG, answer, by_exercise, hand_in, lesson, without
from typer.testing import CliRunner

from fastbp.cli import app
from fastbp.teach.exercises import EXERCISES
from fastbp.teach.grading import Row, as_csv, grade, summary
from fastbp.teach.grading.roster import owner, read_roster
from fastbp.teach.grading.submission import Code, checks_of, gradable, read

ALL = sum(EXERCISES[name].points for name in checks_of(LESSON))


def points(rows: list[Row]) -> int:
    return sum(row.points for row in rows)


# What is right, and what is wrong


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class: everything right, nothing answered, mistakes, and the numbers of somebody else."""
    folder = tmp_path_factory.mktemp("class")
    hand_in(folder, "Ada Lovelace/1-the-notes.ipynb", lesson(seed="Ada Lovelace"))
    hand_in(folder, "Zoë_Brontë_1234/1-the-notes (1).ipynb", lesson("student", "Zoë Brontë"))
    mistaken = lesson(seed="Bob")
    answer(mistaken, "delta", "a = t.a[1][0]\ndelta_1 = a * (1 - a) * (net.w[2] @ t.delta[2][0])\n1 / 0")
    answer(mistaken, "sum", "total = undefined")
    answer(mistaken, "bp1", "%matplotlib inline\ndef output_error(a, y, z):\n    return (y - a) * a * (1 - a)")
    hand_in(folder, "bob.ipynb", mistaken)
    hand_in(folder, "Eve.ipynb", lesson(seed="ada lovelace "))
    published = lesson()  # with the answers that are known all over the world
    without(published, "backprop", role="answer")
    hand_in(folder, "mallory.ipynb", published)
    (folder / "broken-3-minibatch-and-threads.ipynb").write_text("{", encoding="utf-8")
    (folder / ".ipynb_checkpoints").mkdir()
    hand_in(folder, ".ipynb_checkpoints/bob-checkpoint.ipynb", mistaken)
    (folder / "roster.txt").write_text(
        "# the class\nADA LOVELACE\nZoe\u0308 Bronte\u0308\nBob\nEve\nMallory\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def graded(class_folder: Path) -> list[Row]:
    return grade(class_folder, roster=read_roster(class_folder / "roster.txt"), limits=LONG)


def of(rows: list[Row], file: str) -> list[Row]:
    found = [row for row in rows if row.file.startswith(file)]
    assert found
    return found


def test_everything_right_has_all_points(graded: list[Row]) -> None:
    rows = of(graded, "Ada")
    assert [row.exercise for row in rows] == list(checks_of(LESSON))
    assert points(rows) == ALL == sum(row.max for row in rows)
    assert {(row.status, row.name, row.message) for row in rows} == {("right", "ADA LOVELACE", "")}


@pytest.mark.parametrize("name", [name for name in gradable() if name != LESSON])
def test_every_lesson_answers_itself(name: str, tmp_path: Path) -> None:
    rows = grade(hand_in(tmp_path, f"{name}.ipynb", lesson(seed="Ada", name=name)), limits=LONG)
    assert [row.exercise for row in rows] == list(checks_of(name))
    assert {(row.status, row.message) for row in rows} == {("right", "")}


def test_nothing_answered_has_none(graded: list[Row]) -> None:
    rows = of(graded, "Zoë")
    assert points(rows) == 0
    assert {row.status for row in rows if row.exercise != "backprop"} == {"not answered"}
    assert by_exercise(rows)["backprop"].mistake == "w-not-transposed"  # as it was handed out
    assert {row.name for row in rows} == {"Zoe\u0308 Bronte\u0308"}


def test_mistakes_have_their_names_and_cost_their_points_alone(graded: list[Row]) -> None:
    found = by_exercise(of(graded, "bob"))
    assert (found["delta"].mistake, found["delta"].equation, found["delta"].points) == ("w-not-transposed", "BP2", 0)
    assert (found["bp1"].mistake, found["bp1"].status) == ("y-minus-a", "wrong")
    assert found["sum"].status == "error"
    assert "NameError: name 'undefined' is not defined (in cell" in found["sum"].message
    lost = [EXERCISES[name].points for name in ("delta", "sum", "bp1")]
    assert points(list(found.values())) == ALL - sum(lost)


def test_borrowed_numbers_are_found_and_judged_by_ones_own(graded: list[Row]) -> None:
    found = by_exercise(of(graded, "Eve"))
    assert all("Borrowed seed: the notebook has the numbers of 'ADA LOVELACE'" in row.message for row in found.values())
    assert all("has the same seed" in row.message for row in found.values())
    for name in ("link-1", "sum", "delta", "shape", "weight"):
        assert (found[name].points, found[name].status) == (0, "wrong")
    assert found["backprop"].points == EXERCISES["backprop"].points


def test_a_seed_cannot_be_taken_off(graded: list[Row]) -> None:
    found = by_exercise(of(graded, "mallory"))
    for name in ("link-1", "sum", "delta", "shape", "weight"):
        assert (found[name].points, found[name].status) == (0, "wrong")
    assert all("It has no seed" in row.message for row in found.values())


def test_a_class_without_seeds_may_have_a_roster(tmp_path: Path) -> None:
    hand_in(tmp_path, "eve.ipynb", lesson(name="3-minibatch-and-threads"))
    (row,) = grade(tmp_path, roster=["Eve"], limits=LONG)
    assert (row.status, row.name, row.message) == ("right", "Eve", "")


def test_what_is_no_notebook_is_said(graded: list[Row]) -> None:
    (row,) = of(graded, "broken")
    assert (row.status, row.points, row.max) == ("unreadable", 0, EXERCISES["minibatch"].points)
    assert "not JSON" in row.message
    assert not any("checkpoint" in row.file for row in graded)


def test_two_runs_give_equal_bytes(class_folder: Path, graded: list[Row]) -> None:
    roster = str(class_folder / "roster.txt")
    printed = CliRunner().invoke(app, ["grade", str(class_folder), "--csv", "--roster", roster, "--seconds", "600"])
    assert printed.exit_code == 0, printed.output
    assert printed.stdout == as_csv(graded)
    table = list(csv.reader(io.StringIO(printed.stdout)))
    assert table[0] == ["file", "name", "exercise", "points", "max", "equation", "mistake", "status", "message"]
    assert len(table) == len(graded) + 1
    assert {len(line) for line in table} == {9}


def test_the_summary_names_what_is_not_right(graded: list[Row]) -> None:
    text = summary(graded)
    assert f"Ada Lovelace/1-the-notes.ipynb (ADA LOVELACE): {ALL} of {ALL} points" in text
    assert "w-not-transposed" in text


def test_names_compute_nothing_in_a_spreadsheet() -> None:
    rows = [Row("=1+1.ipynb", "@SUM(A1)", "sum", 0, 1, "-BP2", "", "wrong", "a\x1b[2J\u2028b\n=c")]
    (cells,) = list(csv.reader(io.StringIO(as_csv(rows))))[1:]
    assert cells == ["'=1+1.ipynb", "'@SUM(A1)", "sum", "0", "1", "'-BP2", "", "wrong", "a [2J b\n=c"]


# Parts


def test_whose_a_notebook_is(tmp_path: Path) -> None:
    roster = ["Ann", "Ann Lee", "Jo-Ann Lee"]
    assert owner("ann_lee_123/1-the-notes.ipynb", roster) == "Ann Lee"
    assert owner("ann/ANN.LEE.ipynb", roster) == "Ann Lee"
    assert owner("jo ann lee.ipynb", roster) == "Jo-Ann Lee"
    assert owner("annika.ipynb", roster) is None
    (tmp_path / "empty").write_text("# nobody\n")
    (tmp_path / "twice").write_text("Ann\n ann \n")
    for name, said in (("empty", "no names"), ("twice", "twice")):
        with pytest.raises(ValueError, match=said):
            read_roster(tmp_path / name)


def test_a_lesson_is_known_by_its_file_where_its_metadata_are_lost(tmp_path: Path) -> None:
    contents = lesson()
    contents["metadata"] = {}
    found = read(hand_in(tmp_path, "lee_1-the-notes-final.ipynb", contents))
    assert (found.lesson, found.seed) == (LESSON, None)
    assert not isinstance(found.steps[-1], Code)
    assert "Neither its metadata nor its name" in grade(hand_in(tmp_path, "essay.ipynb", contents))[0].message


def test_nothing_to_grade_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "has no notebooks"), (tmp_path / "none", "no such file")):
        printed = CliRunner().invoke(app, ["grade", str(path)], env={"COLUMNS": "200"})
        assert printed.exit_code == 1
        assert said in printed.output
    assert "--seconds" in CliRunner().invoke(app, ["grade", str(tmp_path), "--seconds", "0"]).output


def test_the_help_says_that_it_is_no_sandbox() -> None:
    printed = CliRunner().invoke(app, ["grade", "--help"], env={"COLUMNS": "200"}).output
    assert "NO SANDBOX" in printed
    assert "container" in printed
