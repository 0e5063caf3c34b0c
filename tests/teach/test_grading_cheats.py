"""Attempts to cheat: values that pretend, code against the machinery, other cells, loops that hide from the count."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from handed_in import FORCE, LESSON, LIES, LONG, SHORT, answer, by_exercise, cell, hand_in, lesson, without

from fastbp.teach.exercises import EXERCISES
from fastbp.teach.grading import Row, grade
from fastbp.teach.grading.submission import CHANGED, MISSING, checks_of


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


SAMPLE_BY_SAMPLE = """    w, b = list(w), list(b)
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
"""
"""A loop over the samples, whose gradient is right."""

UNSEEN_BETWEEN_TWO_LINES = f"""
def matrices(w, b, X, Y):
    import sys
    frame = sys._getframe()
    frame.f_trace_opcodes = frame.f_trace_lines = False
{SAMPLE_BY_SAMPLE}    frame.f_trace_lines = frame.f_trace_opcodes = True
    return g
"""


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
        "unseen": f"""
def matrices(w, b, X, Y):
    import sys
    sys._getframe().f_trace_opcodes = False
{SAMPLE_BY_SAMPLE}    return g
""",
        "between": UNSEEN_BETWEEN_TWO_LINES,
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
    assert "ends the counting" in rows["between.ipynb"].message
    assert "one by one" in rows["patched.ipynb"].message
    assert "starts threads" in rows["elsewhere.ipynb"].message
