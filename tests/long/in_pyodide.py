"""Imported inside Pyodide by pyodide.mjs: every lesson as it stands, with all answers, and a loop that must be seen."""

from __future__ import annotations

import ast
import io
import sys
import time
import traceback
from contextlib import redirect_stdout
from typing import Any

import numpy as np

import fastbp
from fastbp.teach.exercises import EXERCISES, check
from fastbp.teach.notebooks import cells, exercise_cells, lessons

NOT_HERE = {"6-vanishing-gradients": "takes the digits from scikit-learn"}
"""Lessons that need what is not here."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def run(text: str) -> str:
    """What the cells print and show."""
    namespace: dict[str, Any] = {"__name__": "__lesson__"}
    said = io.StringIO()
    with redirect_stdout(said):
        for kind, source, _ in cells(text):
            if kind == "code":
                tree = ast.parse(source)
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, "<cell>", "exec"), namespace)
                if last is not None:
                    say(repr(eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)))
    return said.getvalue()


def loop(w: Any, b: Any, X: Any, Y: Any) -> Any:
    """Right, one sample after the other."""
    found = [fastbp.textbook.gradient(list(w), list(b), x, y) for x, y in zip(X, Y, strict=True)]
    return [[sum(getattr(g, part)[l] for g in found) / len(X) for l in range(len(w))] for part in "wb"]


def main(*names: str) -> int:
    """How many lessons failed."""
    say(f"Python {sys.version.split()[0]} on {sys.platform}, NumPy {np.__version__}, fastbp {fastbp.__version__}")
    assert "numba" not in sys.modules
    assert check("minibatch", loop)
    assert "one by one" in check("matrices", loop).text
    passed, failed, answered = 0, 0, set()
    for name in names or [name for name in lessons() if name not in NOT_HERE]:
        began = time.time()
        asked = {cell.exercise for cell in exercise_cells(lessons()[name]) if cell.role}
        try:
            said = run(lessons()[name])
            missing = {one for one in asked if f"Exercise {one}: right." not in said}
            assert not missing, f"not right: {missing}"
        except Exception:
            failed += 1
            say(f"{name}: {traceback.format_exc()}")
            continue
        answered |= asked
        passed += 1
        say(f"{name}: runs, {len(asked)} exercises, {time.time() - began:.1f} s")
    assert names or answered == set(EXERCISES), set(EXERCISES) - answered
    say(f"{passed} passed, {failed} failed")
    return failed
