"""Grading: full points for what is right, none for what is not, whatever a notebook does to get them."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handed_in import FORCE, LESSON, LIES, answer, cell, hand_in, lesson, without
from typer.testing import CliRunner

from fastbp.cli import app
from fastbp.teach.exercises import EXERCISES
from fastbp.teach.grading import Limits, Row, as_csv, grade, summary
from fastbp.teach.grading.roster import owner, read_roster
from fastbp.teach.grading.submission import CHANGED, MISSING, Code, checks_of, gradable, read
from fastbp.teach.grading.values import DEEPEST, Damaged, Writer
from fastbp.teach.grading.values import read as read_value

SHORT, LONG = Limits(seconds=5.0), Limits(seconds=600.0)
"""Where something hangs on purpose, and where nothing does, on a machine that may be busy."""
ALL = sum(EXERCISES[name].points for name in checks_of(LESSON))


def by_exercise(rows: list[Row]) -> dict[str, Row]:
    return {row.exercise: row for row in rows}


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


def test_a_loop_over_the_samples_is_seen_from_outside(tmp_path: Path) -> None:
    contents = lesson(name="7-the-books-chapter-2")
    loop = """
def matrices(w, b, X, Y):
    found = [fastbp.textbook.gradient(list(w), list(b), x, y) for x, y in zip(X, Y)]
    return [sum(g.w[l] for g in found) / len(X) for l in range(len(w))], [
        sum(g.b[l] for g in found) / len(X) for l in range(len(w))]
"""
    answer(contents, "matrices", loop)
    kept = [cell(contents, "matrices", role) for role in ("answer", "check")]
    contents["cells"] = contents["cells"][1:2] + kept  # the imports
    path = hand_in(tmp_path, "7-the-books-chapter-2.ipynb", contents)
    row = by_exercise(grade(path, limits=LONG))["matrices"]
    assert (row.points, row.status) == (0, "wrong")
    assert "one by one" in row.message


def test_instructions_cannot_be_hidden_from_the_count(tmp_path: Path) -> None:
    """Each of these has the right gradient, by a loop, which does not count where nobody looks."""
    gradients = """
    found = [fastbp.textbook.gradient(list(w), list(b), x, y) for x, y in zip(X, Y)]
    return [[sum(getattr(g, part)[l] for g in found) / len(X) for l in range(len(w))] for part in "wb"]
"""
    hidden = {
        "off": f"def matrices(w, b, X, Y):\n    import sys; sys.settrace(None){gradients}",
        "patched": f"""
import fastbp.teach.exercises.counting as counting
counting.instructions = lambda function, *arguments: (function(*arguments), 5)
def matrices(w, b, X, Y):{gradients}""",
        "unseen": """
def matrices(w, b, X, Y):
    import sys
    sys._getframe().f_trace_opcodes = False
    w, b = list(w), list(b)
    g = [[np.zeros(np.shape(v)) for v in part] for part in (w, b)]
    for x, y in zip(np.asarray(X), np.asarray(Y)):
        a, L = [x], len(w)
        for l in range(L):
            a += [1 / (1 + np.exp(-(w[l] @ a[-1] + b[l])))]
        delta = (a[-1] - y) * a[-1] * (1 - a[-1])
        for l in range(L - 1, -1, -1):
            g[0][l] += delta[:, None] * a[l] / len(X)
            g[1][l] += delta / len(X)
            delta = (delta @ w[l]) * a[l] * (1 - a[l])
    return g
""",
        "elsewhere": f"""
def loop(w, b, X, Y):{gradients}
def matrices(*arguments):
    import threading
    found = []
    thread = threading.Thread(target=lambda: found.append(loop(*arguments)))
    thread.start(); thread.join()
    return found[0]
""",
    }
    for name, source in hidden.items():
        contents = lesson("student", name="7-the-books-chapter-2")
        answer(contents, "matrices", source)
        hand_in(tmp_path, f"{name}.ipynb", contents)
    rows = {row.file: row for row in grade(tmp_path, limits=LONG) if row.exercise == "matrices"}
    assert {row.points for row in rows.values()} == {0}
    assert "ends the counting" in rows["off.ipynb"].message
    assert "ends the counting" in rows["unseen.ipynb"].message
    assert "one by one" in rows["patched.ipynb"].message
    assert "starts threads" in rows["elsewhere.ipynb"].message


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


# Attempts to cheat


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    contents = lesson()
    for exercise, source in LIES.items():
        answer(contents, exercise, source)
    return by_exercise(grade(hand_in(tmp_path_factory.mktemp("lies"), "1-the-notes.ipynb", contents), limits=LONG))


@pytest.mark.parametrize("exercise", LIES)
def test_a_value_that_pretends_is_worth_nothing(exercise: str, lied: dict[str, Row]) -> None:
    row = lied[exercise]
    assert (row.points, row.max) == (0, EXERCISES[exercise].points)
    assert row.status in ("wrong", "error")


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Row], Path]:
    folder = tmp_path_factory.mktemp("force")
    contents = lesson()
    for exercise, source in FORCE.items():
        answer(contents, exercise, source.replace("MARK", repr(str(folder / "mark"))))
    return by_exercise(grade(hand_in(folder, "1-the-notes.ipynb", contents), limits=SHORT)), folder / "mark"


@pytest.mark.parametrize(
    ("exercise", "status"),
    [
        ("link-1", "wrong"),  # the checks replaced
        ("bp1", "damaged"),  # answers forged on every open file
        ("touch", "ended"),
        ("link-2", "time"),
        pytest.param("sum", "memory", marks=pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")),
        ("delta", "error"),  # printed points, then SystemExit
        ("shape", "ended"),  # modules of the same names, then a new start
    ],
)
def test_code_against_the_machinery_is_worth_nothing(
    exercise: str, status: str, forced: tuple[dict[str, Row], Path]
) -> None:
    row = forced[0][exercise]
    assert (row.points, row.max, row.status) == (0, EXERCISES[exercise].points, status), row.message


def test_what_follows_a_limit_is_graded(forced: tuple[dict[str, Row], Path]) -> None:
    assert (forced[0]["weight"].points, forced[0]["weight"].status) == (1, "right")


def test_nothing_is_unpickled(forced: tuple[dict[str, Row], Path]) -> None:
    found, mark = forced
    assert found["backprop"].points == 0
    assert not mark.exists()


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    contents = lesson()
    answer(contents, "link-1", "slope = 0.5")
    cell(contents, "link-1", "check")["source"] = "print('Exercise link-1: right.')"
    answer(contents, "bp1", "output_error = None")
    without(contents, "bp1")
    cell(contents, "touch", "check")["metadata"]["fastbp"]["points"] = 1000
    double = json.loads(json.dumps(cell(contents, "touch", "check")))
    contents["cells"] += [double, double]
    cell(contents, "link-2", "check")["source"] = 'check("touch", chain)  # which is right'
    answer(contents, "link-2", "letters = 'jk'")
    cell(contents, "sum", "check")["source"] = 'check("sum", (total := net.w[2][:, 0] @ t.delta[2][0]))'
    answer(contents, "sum", "total = 1.0")
    for one in (cell(contents, "delta", "check"), cell(contents, "delta", "answer")):  # all traces removed
        one["metadata"], one["id"] = {}, "x"
    answers = cell(contents, "shape", "answer")
    without(contents, "shape", role="check")
    answers["metadata"] = {"fastbp": ["shape"]}
    weight, mine = cell(contents, "weight", "check"), cell(contents, "backprop", "check")
    weight["metadata"]["fastbp"], mine["metadata"]["fastbp"] = (
        mine["metadata"]["fastbp"],
        {"exercise": "nothing", "role": "check"},
    )
    path = hand_in(tmp_path_factory.mktemp("cells"), "1-the-notes.ipynb", contents)
    return by_exercise(grade(path, limits=LONG))


@pytest.mark.parametrize(
    ("exercise", "right", "note"),
    [
        ("link-1", False, CHANGED),
        ("bp1", False, MISSING),
        ("touch", True, ""),  # once, and for what it is worth
        ("link-2", False, MISSING),
        ("sum", False, CHANGED),
        ("delta", True, ""),  # found by what it says
        ("shape", True, MISSING),
        ("weight", True, ""),  # whatever its metadata say
        ("backprop", True, ""),
    ],
)
def test_checks_are_the_teachers(exercise: str, right: bool, note: str, rewritten: dict[str, Row]) -> None:
    row = rewritten[exercise]
    assert (row.points, row.max) == (EXERCISES[exercise].points * right, EXERCISES[exercise].points), row.message
    assert note in row.message
    assert bool(note) == ("check cell" in row.message)
    assert len(rewritten) == len(checks_of(LESSON))


def test_names_compute_nothing_in_a_spreadsheet() -> None:
    rows = [Row("=1+1.ipynb", "@SUM(A1)", "sum", 0, 1, "-BP2", "", "wrong", "a\x1b[2J\u2028b\n=c")]
    (cells,) = list(csv.reader(io.StringIO(as_csv(rows))))[1:]
    assert cells == ["'=1+1.ipynb", "'@SUM(A1)", "sum", "0", "1", "'-BP2", "", "wrong", "a [2J b\n=c"]


# Parts


def test_values_travel_as_data() -> None:
    import math
    from fractions import Fraction

    sent = [
        1, -2.5, True, None, "text", (1, [2.0]), {1: np.arange(3.0), "b": np.float32(0.1)}, np.eye(2, dtype=">f4"),
        np.bool_(True), 1j, math.inf, Fraction(1, 2), np.array(["a", 1], object), ..., 2**80, {1, 2}.__class__,
    ]  # fmt: skip
    writer = Writer()
    found = [read_value(json.loads(json.dumps(writer.write(one))), lambda number: f"function {number}") for one in sent]
    assert found[:6] == sent[:6]
    assert type(found[5]) is tuple
    assert found[6][1].tolist() == [0, 1, 2]
    assert found[6]["b"].dtype == np.float32
    assert found[7].tolist() == [[1, 0], [0, 1]]
    assert found[10] == math.inf
    assert found[12] == ["a", 1]
    assert found[13] is ...
    assert repr(found[14]).startswith("a whole number")
    assert found[15] == "function 0"
    assert [*read_value(writer.write(iter([1, 2])))] == [1, 2]


@pytest.mark.parametrize(
    "forged",
    [
        {"array": ["|O", [1], ""]},
        {"array": ["<f8", [10**9], "AAAA"]},
        {"array": ["<f8", [-1], ""]},
        {"array": ["<f8", [1], "!!"]},
        {"function": 0},
        {"text": 1},
        {"dict": [[{"list": []}, 1]]},
        {"float": "0x1"},
        {"list": 3},
        [1],
        {},
        {"pickle": "gASVAA=="},
    ],
)
def test_forged_values_are_refused(forged: Any) -> None:
    with pytest.raises(Damaged):
        read_value(forged)


def test_values_have_bounds() -> None:
    deep: Any = 1.0
    for _ in range(DEEPEST + 2):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        Writer().write(deep)
    with pytest.raises(ValueError, match="bytes"):
        Writer().write(np.zeros(10**6))
    endless = iter(int, 1)
    with pytest.raises(ValueError, match="bytes"):
        Writer().write(endless)


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
