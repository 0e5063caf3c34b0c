"""Every lesson runs as written, errors and warnings fatal; its exercises know right from wrong; it travels."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import fastbp
from fastbp.cli import app
from fastbp.teach import exercises, overview
from fastbp.teach.copies import copy_lessons
from fastbp.teach.examples import worked_example
from fastbp.teach.notebooks import SOLUTION, cells, exercise_cells, lessons, minutes, notebook, title

SLOW = {"4-speed", "6-vanishing-gradients"}
"""About compiled code, or too long as plain Python."""


def run(name: str, code: list[str], capsys: Any) -> str:
    """Run the cells in one namespace, showing the last value of each as a notebook does."""
    namespace: dict[str, Any] = {"__name__": "__lesson__"}
    for i, source in enumerate(code):
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{name}, cell {i}", "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"{name}, cell {i}", "eval"), namespace)
            if value is not None:
                print(repr(value))  # noqa: T201
    return str(capsys.readouterr().out)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.compiled) if name in SLOW else name for name in lessons()]
)
def test_lesson(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = [source for kind, source, _ in cells(lessons()[name]) if kind == "code"]
    assert len(code) >= 5
    printed = run(name, code, capsys)
    expected = {
        "1-the-notes": [
            "w-not-transposed",
            "place of the dots",
            "smallest counterexample",
            "Exercise backprop: right.",
        ],
        "2-twelve-questions": ["slope-at-a", "averaged first 0.00484", "cross_entropy [[1.]]", "quadratic [[0.]]"],
        "3-minibatch-and-threads": ["[True, True, True, True]", "Exercise minibatch: right."],
        "4-speed": ["register block", "numpy.dot"],
        "5-a-famous-off-by-one-step": ["0.291027774", "0.291027924", "updated-weights", "0.0000350848", "0.0000351085"],
        "6-vanishing-gradients": ["saturated", "epoch"],
        "7-the-books-chapter-2": ["Exercise matrices: right.", "Exercise modified: right.", "(True, (3, 5))"],
        "8-the-books-chapter-3": ["the same weights: True", "[0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]"],
        "9-regression": ["Exercise line: right.", "x =  0.75", "targets times   100"],
        "10-cross-entropy-and-softmax": [
            "delta = 0.9820",
            "Exercise softmax: right.",
            "Exercise cross-entropy: right.",
        ],
        "11-reading-a-kernel": ["def hidden_error", "def micro_kernel", "def gemm", "True"],
    }
    for text in expected[name]:
        assert text in printed, (text, printed)


def test_a_lesson_with_an_error_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        run("planted", ["x = 1", "x / 0"], capsys)


def test_there_are_twelve_questions_of_ten_lines() -> None:
    found = cells(lessons()["2-twelve-questions"])
    prose = [source for kind, source, _ in found if kind == "markdown"]
    assert sum(source.startswith("## ") for source in prose) == 12
    answers = [source for kind, source, _ in found if kind == "code"][1:]
    assert len(answers) == 12
    assert all(len([line for line in source.splitlines() if line.strip()]) <= 10 for source in answers)


def test_the_races_lose_additions(capsys: pytest.CaptureFixture[str]) -> None:
    code = [source for kind, source, _ in cells(lessons()["3-minibatch-and-threads"]) if kind == "code"]
    namespace: dict[str, Any] = {}
    exec("import numpy as np\n" + next(source for source in code if "def race" in source), namespace)
    assert all(namespace["race"](np.ones(1000), np.random.default_rng(seed)) < 900 for seed in range(5))


NOTES = [
    r"\delta_j^l = \frac{\partial C}{\partial z_j^l}",
    "It relates how a particular neuron j in layer l contributes to C",
    "An equation for the error in the output layer",
    r"\delta_j^L = \frac{\partial C}{\partial a_j^L}\, \sigma'(z_j^L)",
    r"= \frac{\partial C}{\partial a_j^L}\, \frac{\partial a_j^L}{\partial z_j^L}",
    r"a = \frac{1}{1 + e^{-z}} = \sigma(z)",
    r"\sigma'(z) = \sigma(z)(1 - \sigma(z))",
    r"\frac{\partial C}{\partial a_j^L} = a_j^L - y_j",
    r"\because C = \tfrac12 \sum_j (y_j - a_j^L)^2",
    r"\delta^L = \nabla_a C \odot \sigma'(z^L)",
    r"\delta^L = (a^L - y) \odot \sigma'(z^L)",
    "is the weight from the k-th neuron of layer l-1 to the j-th neuron of layer l",
    r"a_j^l = \sigma\Bigl(\sum_k w_{jk}^l a_k^{l-1} + b_j^l\Bigr)",
    "the error in terms of the error in the next layer",
    r"\delta^l = \bigl((w^{l+1})^{\mathsf T} \delta^{l+1}\bigr) \odot \sigma'(z^l)",
    "How?",
    r"\delta_k^l = \sum_j \frac{\partial C}{\partial z_j^{l+1}} \frac{\partial z_j^{l+1}}{\partial z_k^l}",
    r"\frac{\partial C}{\partial z_j^{l+1}} = \delta_j^{l+1};",
    r"z_j^{l+1} = \sum_k w_{jk}^{l+1} a_k^l + b_j^{l+1}",
    r"a_k^l = \sigma(z_k^l)",
    r"\frac{\partial z_j^{l+1}}{\partial z_k^l} = w_{jk}^{l+1}\, \sigma'(z_k^l)",
    r"\delta_k^l = \Bigl(\sum_j w_{jk}^{l+1} \delta_j^{l+1}\Bigr)\, \sigma'(z_k^l)",
    "Each layer computes $z^l = w^l a^{l-1} + b^l$",
    r"\delta_j^l = \partial C / \partial z_j^l",
    "Does $z_j^l$ touch C directly?",
    "There is a chain of dependency",
    "We work on each link, then combine",
    r"$z_j^l \to a_j^l$",
    r"\frac{\partial a_j^l}{\partial z_j^l} = \sigma'(z_j^l) \qquad [\because a_j^l = \sigma(z_j^l)]",
    r"$a_j^l \to z_k^{l+1}$",
    r"\frac{\partial z_k^{l+1}}{\partial a_j^l} = w_{??}^{l+1}",  # what the exercise asks for
    r"z_k^{l+1} = \sum_i w_{ki}^{l+1} a_i^l + b_k^{l+1}",
    "The other terms are independent of $a_j^l$",
    r"= \frac{\partial z_k^{l+1}}{\partial a_j^l} \cdot \frac{\partial a_j^l}{\partial z_j^l} = w_{kj}^{l+1}\,",
    r"\tag{I}",
    r"\delta_j^l = \partial C / \partial z_j^l",
    r"\{z_k^{l+1}\}\ \forall k",
    r"\frac{\partial C}{\partial z_j^l} = \sum_k \frac{\partial C}{\partial z_k^{l+1}} \cdot",
    "After substituting known values, we get",
    r"\frac{\partial C}{\partial z_j^l} = \sum_k \delta_k^{l+1} \cdot w_{kj}^{l+1}\, \sigma'(z_j^l)",
    "is independent of k, the summation index",
    r"\frac{\partial C}{\partial z_j^l} = \sigma'(z_j^l) \sum_k \delta_k^{l+1}\, w_{kj}^{l+1}",
    r"\Rightarrow\quad \delta_j^l = \Bigl(\sum_k w_{kj}^{l+1} \delta_k^{l+1}\Bigr)\, \sigma'(z_j^l)",
    r"The rule for matrix multiplication forced us to take $w^{\mathsf T}$",
    r"\Rightarrow \delta^l = \bigl((w^{l+1})^{\mathsf T} \delta^{l+1}\bigr) \odot \sigma'(z^l)",
]
"""Every line of the notes, in their order."""


def test_every_line_of_the_notes_is_there_in_their_order() -> None:
    text = " ".join(lessons()["1-the-notes"].split())
    at = 0
    for line in NOTES:
        found = text.find(line, at)
        assert found >= 0, (line, line in text)
        at = found + 1


def test_the_sample_and_the_network_are_the_first_thing_that_is_shown() -> None:
    first = next(source for kind, source, _ in cells(lessons()["1-the-notes"]) if kind == "code")
    assert first.splitlines()[-1] == "overview(net, x, y)"
    shown = overview(*worked_example())
    for part in ("x = a^0 = [0.05, 0.1 ]", "y = [0.01, 0.99]", "w^1 = [[0.15, 0.2 ]", "b^2 = [[0.6]"):
        assert part in str(shown)
    assert "<svg" in shown._repr_html_()


# Exercises


def right(w: Any, b: Any, x: Any, y: Any) -> Any:
    g = fastbp.textbook.gradient(list(w), list(b), x, y)
    return g.w, g.b


def right_batch(w: Any, b: Any, x: Any, y: Any) -> Any:
    g = fastbp.textbook.minibatch_gradient(list(w), list(b), x, y)
    return g.w, g.b


def alternate(w: Any, z: Any) -> np.ndarray:
    """Column by column, through the errors of unit vectors."""
    out = []
    for unit in np.eye(len(z[len(w)])):
        slope = [None, *(1 / (2 + 2 * np.cosh(one)) for one in z)]
        delta = slope[len(w)] * unit
        for l in range(len(w) - 1, 0, -1):
            delta = slope[l] * (delta @ w[l + 1])
        out.append(delta)
    return np.array(out).T


def modified(w: Any, b: Any, x: Any, y: Any, *, back: bool = True) -> Any:
    """By complex steps; ``back``: of the net that is meant, not of one whose sine is a sigmoid in its slope."""

    def cost(w: list[Any], b: list[Any]) -> Any:
        a = x
        for l in range(len(w)):
            z = w[l] @ a + b[l]
            a = 1 / (1 + np.exp(-z))
            if l == 0:
                a[0] = np.sin(z[0]) if back else 2 * a[0]
        return ((a - y) ** 2).sum() / 2

    grads = []
    for part in (0, 1):
        grads.append([])
        for l in range(len(w)):
            grad = np.zeros(([*w], [*b])[part][l].shape)
            for at in np.ndindex(grad.shape):
                moved = [[np.array(one, complex) for one in both] for both in (w, b)]
                moved[part][l][at] += 1e-30j
                grad[at] = cost(*moved).imag / 1e-30
            grads[part].append(grad)
    return tuple(grads)


def linear(w: Any, b: Any, x: Any, y: Any) -> Any:
    """By the product of all matrices."""
    L, a = len(w), [x]
    for l in range(1, L + 1):
        a.append(w[l] @ a[-1] + b[l])
    grad_b = []
    for l in range(1, L + 1):
        through = np.linalg.multi_dot([np.eye(len(y)), *(w[m] for m in range(L, l, -1)), np.eye(len(a[l]))])
        grad_b.append((a[-1] - y) @ through)
    return [np.multiply.outer(d, a[l]) for l, d in enumerate(grad_b)], grad_b


def matrices(w: Any, b: Any, X: Any, Y: Any) -> Any:
    A = [X.T]
    for l in range(1, len(w) + 1):
        A.append(1 / (1 + np.exp(-(w[l] @ A[-1] + b[l][:, None]))))
    D = (A[-1] - Y.T) * A[-1] * (1 - A[-1])
    grad_w, grad_b = [], []
    for l in range(len(w), 0, -1):
        grad_w.insert(0, D @ A[l - 1].T / len(X))
        grad_b.insert(0, D.mean(axis=1))
        D = w[l].T @ D * A[l - 1] * (1 - A[l - 1])
    return grad_w, grad_b


def momentum(w: Any, v: Any, g: Any, mu: float, eta: float) -> Any:
    w = w.copy()
    v = v * mu
    v -= eta * g
    w += v
    return v, w


def halved(accuracies: Any, eta: float, n: int) -> Any:
    """By looking back, epoch after epoch."""
    etas: list[float] = []
    began = 0
    for epoch in range(len(accuracies)):
        etas.append(eta)
        best = max(range(epoch + 1), key=lambda e: (accuracies[e], -e))
        if epoch - max(best, began - 1) >= n:
            eta, began = eta / 2, epoch + 1
        if eta <= etas[0] / 128:
            break
    return etas


def answers() -> dict[str, tuple[Any, Any]]:
    """A right and a wrong answer to each exercise; numbers from the published example."""
    return {
        "touch": (["a_j^l", "z_k^{l+1}", "C"], ["C", "a_j^l", "z_k^{l+1}"]),
        "link-1": (0.24130070857232525, 0.2314),
        "link-2": ("kj", "jk"),
        "bp1": (lambda a, y, z: (a - y) * a * (1 - a), lambda a, y, z: a - y),
        "sum": (0.03635030639314466, 0.055399425),
        "delta": ([0.00877135468948693, 0.009954254705217196], [0.00923101, 0.01162049]),
        "shape": ((30, 10), (10, 30)),
        "weight": (0.000877135468948693, 0.00043856773),
        "backprop": (right, lambda w, b, x, y: None),
        "alternate": (alternate, lambda w, z: alternate(w, z).T),
        "prove-bp3": (["delta_j^l", "1"], ["delta_j^l", "b_j^l"]),
        "prove-bp4": (["delta_j^l", "a_k^{l-1}"], ["delta_k^l", "a_j^{l-1}"]),
        "modified": (lambda *problem: modified(*problem), lambda *problem: modified(*problem, back=False)),
        "linear": (linear, right),
        "matrices": (matrices, right_batch),
        "l1": (lambda w, g, eta, lmbda, n: w - eta * (lmbda * np.sign(w) / n + g), lambda w, g, *_: w - g),
        "momentum": (momentum, lambda *problem: momentum(*problem)[::-1]),
        "schedule": (halved, lambda accuracies, eta, n: [eta for _ in accuracies]),
        "line": ([0.1 * 19.5 / 3, 0.1 * 7 / 3], [0.1 * 19.5, 0.7]),
        "cross-entropy": (lambda a, y: (1 - y) / (1 - a) - y / a, lambda a, y: a - y),
        "softmax": (lambda a: a[:, None] * (np.eye(len(a)) - a), lambda a: np.diag(a * (1 - a))),
        "minibatch": (right_batch, lambda w, b, x, y: [[3 * g for g in part] for part in right_batch(w, b, x, y)]),
    }


def text_of(answer: exercises.Answer) -> str:
    """What it prints, on one line."""
    return " ".join(repr(answer).split())


@pytest.mark.parametrize("name", exercises.EXERCISES)
def test_exercises_know_right_from_wrong(name: str) -> None:
    good, bad = answers()[name]
    assert exercises.check(name, good)
    assert text_of(exercises.check(name, good)).endswith("right.")
    found = exercises.check(name, bad)
    assert not found
    assert found.answered
    assert len(found.text) > 30
    assert max(map(len, repr(found).splitlines())) <= 78
    assert "in place of the dots" in text_of(exercises.check(name, ...))
    assert not exercises.check(name)


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("sum", "abc", "is no number"),
        ("link-1", 0.2413 + 0j, "is no number"),
        ("delta", np.array([0.0088, 0.01j]), "is no number"),
        ("delta", 0.1, r"shape \(\)"),
        ("bp1", lambda a, y, z: 1 / 0, "raised ZeroDivisionError"),
        ("bp1", lambda a, y, z: 0.0, "returned shape"),
        ("bp1", lambda a, y, z: (y - a) * a * (1 - a), "y - a in place of"),
    ],
)
def test_wrong_answers_are_told_why(name: str, answer: Any, message: str) -> None:
    assert re.search(message, text_of(exercises.check(name, answer)))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("link-1", 0.2413),
        ("link-1", 0.241),
        ("link-1", "0.2413"),
        ("link-1", np.float32(0.24130071)),
        ("sum", 0.03635),
        ("sum", 0.0364),
        ("delta", [0.0088, 0.0100]),
        ("delta", [[0.00877], [0.00995]]),
        ("delta", "0.0088, 0.0100"),
        ("weight", 0.000877),
        ("weight", "8.77e-4"),
        ("shape", "30 x 10"),
        ("shape", "(30, 10)"),
        ("shape", [30, 10]),
        *(("link-2", spelled) for spelled in (
            "kj", ["k", "j"], ("k", "j"), "k j", "k, j", "w_kj", "w_{kj}", "w_{kj}^{l+1}", "$w_{k j}^{l + 1}$", "W_kj",
            "w^{l+1}_{kj}", "w[k, j]", "w[l+1][k, j]", "w\u2096\u2c7c",
        )),
        *(("touch", spelled) for spelled in (
            ["a_j^l", "z_k^{l+1}", "C"], "a_j^l, z_k^{l+1}, C", "a_j^l -> z_k^(l+1) -> C", ["a", "z", "C"],
            ("a^l_j", "z^{l + 1}_k", "c"), r"$a_j^l \to z_k^{l+1} \to C$", "a_j then z_k then C",
        )),
    ],
)  # fmt: skip
def test_answers_may_be_rounded_and_spelled_as_people_do(name: str, answer: Any) -> None:
    assert exercises.check(name, answer), repr(exercises.check(name, answer))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounded_answers_may_be_of_any_precision(dtype: type[np.floating[Any]]) -> None:
    assert exercises.check("link-1", dtype(0.2413))
    assert exercises.check("delta", np.array([0.0088, 0.0100], dtype))
    assert not exercises.check("link-1", dtype(0.2423))


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("link-1", 0.2414, "is not right yet"),
        ("link-1", 0.2, "more digits"),
        ("link-1", 0.2413, ""),
        ("sum", 0.04, "more digits"),
        ("delta", [0.0088, 0.0101], "is not right yet"),
        ("delta", [0.0092, 0.0116], "is not right yet"),
        ("weight", 0.000439, "is not right yet"),
        ("shape", "10 x 30", "is not right yet"),
        ("shape", 30, "shape"),
        ("link-2", "jk", "to k, from j"),
        ("link-2", ["j", "k"], "to k, from j"),
        ("link-2", "k", "to k, from j"),
        ("touch", ["a_k^l", "z_k^{l+1}", "C"], "its own activation"),
        ("touch", ["a_j^l", "z_k^l", "C"], "its own activation"),
        ("touch", ["C", "z", "a"], "its own activation"),
    ],
)
def test_rounding_and_spelling_let_no_wrong_answer_through(name: str, answer: Any, message: str) -> None:
    found = exercises.check(name, answer)
    assert bool(found) is (message == "")
    assert message in text_of(found)


def test_an_answer_that_cannot_be_read_is_told_so() -> None:
    class Guarded:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    for name in ("link-1", "delta"):
        text = text_of(exercises.check(name, Guarded()))
        assert "raised RuntimeError: Can't call numpy()" in text
        assert "detach()" in text
    assert "RuntimeError" in text_of(exercises.check("bp1", lambda a, y, z: Guarded()))
    assert "RuntimeError" in text_of(exercises.check("backprop", lambda w, b, x, y: ([Guarded() for _ in w], list(b))))


def test_single_precision_is_right_in_the_output_layer() -> None:
    assert exercises.check("bp1", lambda a, y, z: np.float32(a - y) * np.float32(a) * np.float32(1 - a))


def test_an_unknown_exercise() -> None:
    with pytest.raises(ValueError, match="there are touch"):
        exercises.check("nothing")


def test_the_worked_example_is_as_published() -> None:
    net, x, y = worked_example()
    assert net.gradient(x[None], y[None]).cost == pytest.approx(0.298371109, abs=5e-10)


# Copies


def test_learn_copies_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    printed = CliRunner().invoke(app, ["learn"])
    assert printed.exit_code == 0
    assert "jupyter lab" in printed.output
    found = sorted(Path("fastbp-lessons").glob("*.ipynb"), key=lambda path: int(path.stem.split("-")[0]))
    assert [path.stem for path in found] == list(lessons())
    for path in found:
        contents = json.loads(path.read_text(encoding="utf-8"))
        assert contents["nbformat"] == 4
        text = lessons()[path.stem]
        code = ["".join(cell["source"]) for cell in contents["cells"] if cell["cell_type"] == "code"]
        assert code == [source for kind, source, _ in cells(text) if kind == "code"]
        # Nothing of the lesson is lost but fences, tags and the head.
        kept = {line.rstrip("\n") for cell in contents["cells"] for line in cell["source"]}
        lost = [line for line in text.split("---\n", 2)[2].splitlines() if line.strip() and line not in kept]
        assert {line for line in lost if not line.startswith(("```", ":tags:", "% "))} == set()
        assert len({cell["id"] for cell in contents["cells"]}) == len(contents["cells"])
    kept = found[0].read_text(encoding="utf-8")
    found[0].write_text("mine", encoding="utf-8")
    again = CliRunner().invoke(app, ["learn"])
    assert again.exit_code == 1
    assert "perhaps with your answers" in again.output
    assert found[0].read_text(encoding="utf-8") == "mine"
    assert CliRunner().invoke(app, ["learn", "--overwrite"]).exit_code == 0
    assert found[0].read_text(encoding="utf-8") == kept


def learned(folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    """The notebooks that a command writes."""
    printed = CliRunner().invoke(app, ["learn", str(folder), *options])
    assert printed.exit_code == 0, printed.output
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.ipynb")}


def code_of(contents: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in contents["cells"] if cell["cell_type"] == "code"]


def test_students_get_no_answers_and_teachers_get_all(tmp_path: Path) -> None:
    student, teacher = learned(tmp_path / "s", "--student"), learned(tmp_path / "t", "--teacher")
    assert student.keys() == teacher.keys() == lessons().keys()
    asked = 0
    for name, text in lessons().items():
        found = list(exercise_cells(text))
        solutions = [cell.source for cell in found if cell.role == SOLUTION]
        asked += len(solutions)
        given, solved = code_of(student[name]), code_of(teacher[name])
        assert len(given) == len(solved) == sum(cell.kind == "code" for cell in found) - len(solutions)
        for source in solutions:
            answer, _, checking = source.rpartition("\ncheck(")
            assert answer.strip("\n") in solved
            assert f"check({checking}" in solved
            assert f"check({checking}" in given
            for line in answer.splitlines():  # what the answer has and the question has not
                in_question = any(line in cell.source for cell in found if cell.role != SOLUTION)
                assert in_question or line not in "\n".join(given), line
        differing = [pair for pair in zip(given, solved, strict=True) if pair[0] != pair[1]]
        assert len(differing) == len(solutions)
        notes = "".join("".join(cell["source"]) for cell in teacher[name]["cells"])
        assert ("**For the teacher.**" in notes) == ("% teacher: " in text)
        assert "For the teacher" not in json.dumps(student[name])
    assert asked == len(exercises.EXERCISES)
    plan = (tmp_path / "t" / "plan.md").read_text(encoding="utf-8")
    assert not (tmp_path / "s" / "plan.md").exists()
    assert len(plan.splitlines()) <= 50  # one page
    for name, text in lessons().items():
        assert f"| {name.partition('-')[0]}. {title(text)} | {minutes(text)} |" in plan
    worth = sum(exercise.points for exercise in exercises.EXERCISES.values())
    assert f"| **all** | {sum(map(minutes, lessons().values()))} | | {worth} |" in plan
    both = CliRunner().invoke(app, ["learn", str(tmp_path / "b"), "--student", "--teacher"])
    assert both.exit_code == 1


def test_a_seed_gives_numbers_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "Zoe\u0308 'D' O\\Neill"
    own = learned(tmp_path, "--teacher", "--seed", name)["1-the-notes"]
    assert own["metadata"]["fastbp"] == {"lesson": "1-the-notes", "seed": name}
    printed = run("seeded", code_of(own), capsys)
    assert len(re.findall(r"Exercise [\w-]+: right\.", printed)) == 9
    net, x, _ = worked_example(name)
    again, x_again, _ = worked_example(" zo\xeb 'd' o\\neill\n")
    other, x_other, _ = worked_example("Zoe 'D' O\\Neill")
    assert again.theta.tobytes() == net.theta.tobytes()
    assert other.theta.tobytes() != net.theta.tobytes()
    assert (x == x_again).all()
    assert (x != x_other).any()
    for bad in ("", "  "):
        assert CliRunner().invoke(app, ["learn", str(tmp_path / "x"), "--seed", bad]).exit_code == 1
    with pytest.raises(TypeError, match="name of a learner"):
        worked_example(3)  # type: ignore[arg-type]


def test_numbers_of_a_name_never_change() -> None:
    """What was handed out last year is graded this year."""
    net, x, y = worked_example("Ada Lovelace")
    digest = hashlib.sha256(b"ada lovelace").digest()
    first = hashlib.sha256(digest + bytes(8)).digest()
    left, drawn = list(range(11, 90)), []
    for at in range(0, 32, 4):  # the first block is enough for w^1, b^1 and two of w^2; no draw comes near 2^32
        drawn.append(left.pop(int.from_bytes(first[at : at + 4], "big") % len(left)) / 100)
    assert [*net.w[1].ravel(), *net.b[1], *net.w[2][0]] == drawn
    assert 0.01 <= y[0] <= 0.1
    assert 0.9 <= y[1] <= 0.99
    assert len({*net.w[1].ravel(), *net.b[1], *net.w[2].ravel(), *net.b[2], *x}) == 14


@pytest.mark.parametrize("seed", [None, "Ada", "Bob", "Zo\xeb"])
def test_numbers_of_mistakes_are_named(seed: str | None) -> None:
    net, x, y = worked_example(seed)
    t = net.backprop(x[None], y[None])
    d, w, a, d_1 = t.delta[2][0], net.w[2], t.a[1][0], t.delta[1][0]
    planted = [
        ("link-1", a[0], "sigma-not-slope"),
        ("sum", (w @ d)[0], "w-not-transposed"),
        ("sum", w[0, 0] * d[0], "one-path"),
        ("delta", (w @ d) * a * (1 - a), "w-not-transposed"),
        ("delta", w.T @ d, "no-hidden-slope"),
        ("delta", -d_1, "y-minus-a"),
        ("weight", x[0] * d_1[1], "outer-transposed"),
        ("bp1", lambda a, y, z: a - y, "no-output-slope"),
    ]
    for name, answer, mistake in planted:
        found = exercises.check(name, answer, seed=seed)
        assert (found.right, found.mistake) == (False, mistake), (name, found.text)
        rounded = exercises.check(name, np.round(answer, 7), seed=seed) if not callable(answer) else found
        assert rounded.mistake == mistake


def test_notebooks_of_cells() -> None:
    text = "---\nfile_format: mystnb\n---\n\n# A\n\n```{code-cell}\n:tags: [hide-cell]\n\nx = 1\n```\n\nend\n"
    assert cells(text) == [("markdown", "# A", ()), ("code", "x = 1", ("hide-cell",)), ("markdown", "end", ())]
    assert notebook(text)["cells"][1]["metadata"]["jupyter"] == {"source_hidden": True}


def test_copying_makes_the_folder(tmp_path: Path) -> None:
    paths = copy_lessons(tmp_path / "a" / "b")
    assert all(path.exists() for path in paths)


# The command line of explain


def explain(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments])
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def test_explain_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    net, x, y = worked_example()
    assert explain() == fastbp.explain(net, x, y, learning_rate=0.5).text() + "\n"
    assert "0.00877" in explain("--digits", "3")
    assert json.loads(explain("--format", "json", "--of", "weight", "--k", "1"))["k"] == 1
    picture = explain("--format", "svg")
    assert picture.startswith("<svg")
    assert (
        len(explain("--format", "svg", "--digits", "9"))
        > len(picture)
        > len(explain("--format", "svg", "--digits", "2"))
    )
    assert len(explain("--format", "svg", "--terms", "1")) < len(picture)
    for limit in ("--digits", "3"), ("--terms", "3"):
        assert f"{limit[0]} and --format json" in explain("--format", "json", *limit, code=1)
    assert "\\delta" in explain("--format", "latex")
    assert "2 paths" in explain("--paths", "--nudge", "1e-4", "--source")
    assert "Wrote step.html" in explain("--html", "step.html", "--layer", "2", "--neuron", "1")
    assert "<!doctype html>" in Path("step.html").read_text(encoding="utf-8")
    assert "layer is 0, the input" in explain("--layer", "0", code=1)
    assert "has a sample of its own" in explain("example", "digits", code=1)
    assert "17" in explain("--digits", "0", code=1)
    assert "folder does not exist" in explain("--html", "no/where.html", code=1)
    assert "--format" in explain("--format", "pdf", code=1)
    of = ("--of", "weight", "--k", "1")
    text = fastbp.explain(net, x, y, of="weight", k=1, learning_rate=0.5, l1=0.25, l2=0.5).text()
    assert explain(*of, "--l1", "0.25", "--l2", "0.5") == text + "\n"
    assert text != fastbp.explain(net, x, y, of="weight", k=1, learning_rate=0.5, l1=0.5, l2=0.25).text()
    assert "a penalty adds to the gradient of a weight" in explain("--l2", "0.5", code=1)
    assert "without penalty" in explain(*of, "--l2", "0.5", "--html", "step.html", code=1)
    assert "whose weight cancels" in explain("--sample-weight", "s", code=1)


@pytest.mark.parametrize(
    ("options", "kind"),
    [("z", "F1"), ("delta", "BP2"), ("weight --k 1", "BP4"), ("bias", "BP4"), ("update --k 1", "U"), ("update", "U")],
)
def test_the_page_opens_at_the_quantity_that_was_asked_for(
    options: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    explain("--html", "step.html", "--neuron", "1", "--of", *options.split())
    data = page_data(Path("step.html"))
    step = data["steps"][data["start"]]
    assert (step["kind"], step["layer"], data["chosen"][1]) == (kind, 1, 1)
    # The row of the weight that was asked for stands out, and no other.
    rows = re.findall(r"<tr class=\"[a-z ]*asked\"><td>(.*?)</td>", "".join(p["html"] for p in step["panels"].values()))
    assert len(rows) == ("--k" in options)


def test_digits_and_terms_act_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net, x, y = worked_example()
    delta = float(fastbp.explain(net, x, y).result)
    for digits, shown in ((None, 5), (3, 3), (9, 9), (17, 17)):
        explain("--html", "step.html", *(() if digits is None else ("--digits", str(digits))))
        panel = page_data(Path("step.html"))["steps"][7]["panels"]["0"]
        assert f"<mn>{delta:.{shown}g}</mn>" in panel["html"]
        assert f"<mn>{delta!r}</mn>" in panel["exact"]
    fastbp.save(fastbp.Network([9, 2], seed=0), "nine.fastbp")
    np.savez("nine.npz", X=np.eye(9), y=[0, 1] * 4 + [0])
    for terms, hidden in (("3", True), ("0", False), ("12", False)):
        explain("nine.fastbp", "nine.npz", "--html", "step.html", "--terms", terms)
        assert ("terms are hidden" in str(page_data(Path("step.html")))) == hidden


@pytest.mark.parametrize(
    "options", ["--format json", "--l1 0.5", "--l2 0.5", "--row 0,1", "--sample-weight s", "--digits 18", "--terms -1"]
)
def test_what_the_page_cannot_show_is_refused(options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert options.split()[0] in explain("--html", "step.html", *options.split(), code=1)
    assert not Path("step.html").exists()


def page_data(path: Path) -> dict[str, Any]:
    """What a stepping page shows."""
    return json.loads(path.read_text(encoding="utf-8").split('type="application/json">')[1].split("</script>")[0])


def test_explain_of_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    lines = ["a,b,kind"] + [f"{i},{i * i % 7},{'odd' if i % 2 else 'even'}" for i in range(20)]
    Path("table.csv").write_text("\n".join(lines) + "\n")
    options = ["--epochs", "1", "--hidden", "3", "--quiet", "--dtype", "float64"]
    trained = CliRunner().invoke(app, ["train", "table.csv", "--target", "kind", *options])
    assert trained.exit_code == 0, trained.output
    printed = explain("model.fastbp", "table.csv", "--row", "4", "--layer", "1", "--neuron", "2", "--of", "z")
    model = fastbp.load("model.fastbp")
    data = fastbp.read("table.csv", target="kind")
    net, X = model.net, model.transform(data.X)
    assert str(fastbp.explain(net, X[4], layer=1, neuron=2, of="z").result) in printed
    printed = explain("model.fastbp", "table.csv", "--row", "5", "--layer", "2")
    assert str(fastbp.explain(net, X[5], data.Y[5], layer=2).result) in printed
    rows, s = [3, 4, 8], np.array([2.0, 0.5, 1.0])
    weights = np.ones(20)
    weights[rows] = s
    weighted = [f"{line},{weight}" for line, weight in zip(lines, ["s", *weights], strict=True)]
    Path("weighted.csv").write_text("\n".join(weighted) + "\n")
    options = ["--layer", "1", "--neuron", "2", "--of", "weight", "--k", "1", "--terms", "0"]
    printed = explain("model.fastbp", "weighted.csv", "--row", "3,4,8", "--sample-weight", "s", *options)
    e = fastbp.explain(net, X[rows], data.Y[rows], 1, 2, "weight", k=1, learning_rate=0.5, sample_weight=s)
    assert printed == e.text(terms=None) + "\n"
    assert printed != explain("model.fastbp", "table.csv", "--row", "3,4,8", *options)
    one = explain("model.fastbp", "weighted.csv", "--row", "3", "--sample-weight", "s", *options)
    assert one == explain("model.fastbp", "table.csv", "--row", "3", *options)
    assert "--row is '3;4'" in explain("model.fastbp", "table.csv", "--row", "3;4", code=1)
    assert "without a sample" in explain("model.fastbp", code=1)
    assert "--row is 20" in explain("model.fastbp", "table.csv", "--row", "20", code=1)


def test_explain_of_a_model_with_scaled_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("table.csv").write_text("a,b,price\n" + "".join(f"{i},{i * i % 7},{1000 * i + 0.5}\n" for i in range(20)))
    data = fastbp.read("table.csv", target="price")
    net = fastbp.Network([2, 3, 1], activations=["tanh", "identity"], seed=3, meta=data.meta())
    model = fastbp.Model(net, [data.scaling()], target=fastbp.Scale(9500.0, 5000.0))
    model.save("model.fastbp")
    x, y = (data.X[7] - data.X.mean(axis=0)) / data.X.std(axis=0), (data.Y[7] - 9500.0) / 5000.0
    options = ["--row", "7", "--layer", "1", "--neuron", "2"]
    printed = explain("model.fastbp", "table.csv", *options)
    result = CliRunner().invoke(app, ["explain", "model.fastbp", "table.csv", *options])
    assert result.stderr == "Samples and targets are the network's, scaled as fastbp info model.fastbp shows.\n"
    assert str(fastbp.explain(net, x, y, layer=1, neuron=2).result) in printed
    lines = Path("table.csv").read_text().splitlines()
    Path("other.csv").write_text("\n".join(f"{b},note,{p},{a}" for a, b, p in (line.split(",") for line in lines)))
    lines = Path("other.csv").read_text().replace("note", "1")
    Path("other.csv").write_text(lines)  # a column more, and in another order
    assert printed == explain("model.fastbp", "other.csv", *options)


def test_teachers_copies_have_the_marks_of_other_graders(tmp_path: Path) -> None:
    """That these tools give the same points is seen by .ci/long grading, where they are installed."""
    options = ("--teacher", "--seed", "Ada", "--format")
    source, master = learned(tmp_path / "n", *options, "nbgrader"), learned(tmp_path / "o", *options, "otter")
    for name, text in lessons().items():
        asked = [cell.exercise for cell in exercise_cells(text) if cell.role == SOLUTION]
        marks = [cell["metadata"]["nbgrader"] for cell in source[name]["cells"] if "nbgrader" in cell["metadata"]]
        graded = {one["grade_id"]: one["points"] for one in marks if one["grade"]}
        assert graded == {f"{one}-check": exercises.EXERCISES[one].points for one in asked}
        assert [one["grade_id"] for one in marks if one["solution"]] == [f"{one}-answer" for one in asked]
        assert json.dumps(source[name]).count("### BEGIN SOLUTION") == len(asked)
        assert json.dumps(source[name]).count("assert (found := check(") == len(asked)
        raw = ["".join(cell["source"]) for cell in master[name]["cells"] if cell["cell_type"] == "raw"]
        assert [one.split("name: ")[1].split("\n")[0] for one in raw if one.startswith("# BEGIN QUESTION")] == [
            one.replace("-", "_") for one in asked
        ]
        for code in (*code_of(source[name]), *code_of(master[name])):
            ast.parse(code)
    for refused in (("--format", "otter"), ("--teacher", "--format", "pdf")):
        assert CliRunner().invoke(app, ["learn", str(tmp_path / "x"), *refused]).exit_code == 1
