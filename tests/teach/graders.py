"""Lessons handed in, right and with planted mistakes, and what fastbp grade, nbgrader and otter-grader give them.

Both tools run as a teacher runs them: nbgrader's generate_assignment and autograde, otter's assign and run.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

from fastbp.teach.exercises import EXERCISES
from fastbp.teach.formats import for_nbgrader, for_otter, question_name
from fastbp.teach.grading import Limits, grade
from fastbp.teach.notebooks import ANSWER, CHECK, SOLUTION, exercise_cells, lessons, notebook, without_check, written

TOOLS = Path(sys.executable).parent
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course"
c.ExecutePreprocessor.startup_timeout = c.ExecutePreprocessor.timeout = 600  # the machine may be busy
c.Execute.startup_timeout = c.Execute.timeout = 600
"""
PLANTED: dict[str, dict[str, dict[str, str]]] = {
    "1-the-notes": {
        "right": {},
        "unanswered": {"link-1": "", "bp1": "", "delta": "", "backprop": ""},
        "transposed": {
            "sum": "total = net.w[2][0] @ t.delta[2][0]",
            "delta": "a = t.a[1][0]\ndelta_1 = a * (1 - a) * (net.w[2] @ t.delta[2][0])",
            "weight": "slope_of_weight = x[0] * t.delta[1][0, 1]",
        },
        "raises": {
            "sum": "total = undefined",
            "bp1": "def output_error(a, y, z):\n    return a / None",
            "shape": "1 / 0",
        },
        "signs": {
            "bp1": "def output_error(a, y, z):\n    return (y - a) * a * (1 - a)",
            "touch": 'chain = ["C", "a_j^l", "z_k^{l+1}"]',
            "link-2": 'letters = "jk"',
        },
        "rounded": {"link-1": "slope = 0.24", "delta": "delta_1 = [0.0088, 0.0100]", "backprop": "mine = None"},
    },
    "7-the-books-chapter-2": {
        "right": {},
        "unanswered": {"linear": "", "prove-bp3": ""},
        "loop": {
            "matrices": "def matrices(w, b, X, Y):\n"
            "    found = [fastbp.textbook.gradient(list(w), list(b), x, y) for x, y in zip(X, Y)]\n"
            "    return [sum(g.w[l] for g in found) / len(X) for l in range(len(w))], [\n"
            "        sum(g.b[l] for g in found) / len(X) for l in range(len(w))]"
        },
        "half": {
            "modified": "def modified(w, b, x, y):\n"
            "    g = fastbp.textbook.gradient(list(w), list(b), x, y)\n"
            "    return g.w, g.b"
        },
        "order": {"alternate": "def product(w, z):\n    return w[1]"},
        "letters": {"prove-bp4": 'factors_of_weight = ["delta_k^l", "a_j^{l-1}"]'},
    },
}
"""Answers by lesson, learner and exercise; an empty one is left as it was handed out. All others are right."""


ALSO_RIGHT = {("1-the-notes", "rounded", "delta")}
"""Planted answers that are right: rounded, with enough digits."""


def exercises(lesson: str) -> list[str]:
    return [cell.exercise for cell in exercise_cells(lessons()[lesson]) if cell.role == CHECK]


def sources(lesson: str, planted: dict[str, str]) -> dict[str, str]:
    """What a learner writes, by exercise; nothing where it is left as it was."""
    right = {c.exercise: without_check(c.source) for c in exercise_cells(lessons()[lesson]) if c.role == SOLUTION}
    return {name: source for name, source in (right | planted).items() if source}


def expected(lesson: str) -> dict[str, dict[str, int]]:
    """Learner -> exercise -> the points that are earned."""
    lost = {(learner, one) for learner, planted in PLANTED[lesson].items() for one in planted}
    lost -= {(learner, one) for where, learner, one in ALSO_RIGHT if where == lesson}
    return {
        learner: {one: 0 if (learner, one) in lost else EXERCISES[one].points for one in exercises(lesson)}
        for learner in PLANTED[lesson]
    }


def run(*command: str, cwd: Path) -> None:
    """Run it; once more where a kernel took too long to start, as on a busy machine."""
    environment = os.environ | {
        "FASTBP_DISABLE_JIT": "1",
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    for _ in range(5):
        done = subprocess.run(
            command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if "Kernel didn't respond" not in done.stdout:
            break
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}")


def by_fastbp(lesson: str, work: Path) -> dict[str, dict[str, int]]:
    """Learner -> exercise -> points."""
    for learner, planted in PLANTED[lesson].items():
        contents = notebook(lessons()[lesson], "student", None, lesson)
        given = sources(lesson, planted)
        for cell in contents["cells"]:
            said = cell["metadata"].get("fastbp", {})
            if said.get("role") == ANSWER and said["exercise"] in given:
                cell["source"] = given[said["exercise"]]
        (work / f"{learner}.ipynb").write_bytes(written(contents))
    found: dict[str, dict[str, int]] = {}
    for row in grade(work, limits=Limits(seconds=120.0)):  # the machine may be busy
        found.setdefault(row.file.removesuffix(".ipynb"), {})[row.exercise] = row.points
    return found


def by_nbgrader(lesson: str, work: Path) -> dict[str, dict[str, int]]:
    (work / "source" / "a").mkdir(parents=True)
    (work / "source" / "a" / f"{lesson}.ipynb").write_bytes(written(for_nbgrader(lessons()[lesson], name=lesson)))
    (work / "nbgrader_config.py").write_text(CONFIG)
    nbgrader = str(TOOLS / "nbgrader")
    run(nbgrader, "generate_assignment", "a", "--create", cwd=work)
    released = json.loads((work / "release" / "a" / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    assert "### BEGIN SOLUTION" not in json.dumps(released)
    for learner, planted in PLANTED[lesson].items():
        contents, given = copy.deepcopy(released), sources(lesson, planted)
        for cell in contents["cells"]:
            exercise, _, role = cell["metadata"].get("nbgrader", {}).get("grade_id", "").rpartition("-")
            if role == ANSWER and exercise in given:
                cell["source"] = given[exercise]
        folder = work / "submitted" / learner / "a"
        folder.mkdir(parents=True)
        (folder / f"{lesson}.ipynb").write_bytes(written(contents))
    run(nbgrader, "autograde", "a", "--create", cwd=work)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from nbgrader.api import Gradebook

    found: dict[str, dict[str, int]] = {}
    with Gradebook(f"sqlite:///{work / 'gradebook.db'}") as book:
        for learner in PLANTED[lesson]:
            graded = book.find_submission_notebook(lesson, "a", learner)
            found[learner] = {one.name.removesuffix("-check"): int(one.score) for one in graded.grades}
    return found


def by_otter(lesson: str, work: Path) -> dict[str, dict[str, int]]:
    (work / "master.ipynb").write_bytes(written(for_otter(lessons()[lesson], name=lesson)))
    otter = str(TOOLS / "otter")
    run(otter, "assign", "master.ipynb", "dist", "--no-pdfs", cwd=work)
    (autograder,) = (work / "dist" / "autograder").glob("*.zip")
    released = json.loads((work / "dist" / "student" / "master.ipynb").read_text(encoding="utf-8"))
    assert "BEGIN SOLUTION" not in json.dumps(released)
    found: dict[str, dict[str, int]] = {}
    for learner, planted in PLANTED[lesson].items():
        contents, given = copy.deepcopy(released), sources(lesson, planted)
        answers = [cell for cell in contents["cells"] if "otter_answer_cell" in cell["metadata"].get("tags", [])]
        for exercise, cell in zip(exercises(lesson), answers, strict=True):
            if exercise in given:
                cell["source"] = given[exercise]
        out = work / learner
        out.mkdir()
        (out / "master.ipynb").write_bytes(written(contents))
        run(otter, "run", "-a", str(autograder), "-o", str(out), "--no-logo", str(out / "master.ipynb"), cwd=work)
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        scores = {one["name"]: one.get("score", 0) for one in tests}
        found[learner] = {}
        for exercise in exercises(lesson):
            (name,) = [name for name in scores if name.split()[0] == question_name(exercise)]
            found[learner][exercise] = int(scores[name])
    return found


GRADERS = {"fastbp": by_fastbp, "nbgrader": by_nbgrader, "otter": by_otter}
"""Grader -> the points by learner and exercise, from a lesson and a folder to work in."""
