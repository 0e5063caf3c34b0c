"""Run inside Pyodide by pyodide.mjs: every lesson as it stands, and a learner's answers."""

import ast
import io
import sys
import time
from contextlib import redirect_stdout

sys.dont_write_bytecode = True
sys.path[:0] = ["/repository", "/numpy"]
import numpy as np

import fastbp
from fastbp.teach.exercises import EXERCISES
from fastbp.teach.notebooks import cells, exercise_cells, lessons

NOT_HERE = {
    "4-speed": "times compiled code",
    "6-vanishing-gradients": "takes the digits from scikit-learn",
}
"""Lessons that need what is not here."""

print(f"Python {sys.version.split()[0]} on {sys.platform}, NumPy {np.__version__}, fastbp {fastbp.__version__}")
assert "numba" not in sys.modules
passed = failed = 0
answered = set()
for name, text in lessons().items():
    if name in NOT_HERE or (globals().get("names") and name not in list(globals()["names"])):
        continue
    began, namespace, said = time.time(), {"__name__": "__lesson__"}, io.StringIO()
    try:
        with redirect_stdout(said):
            for kind, source, _ in cells(text):
                if kind == "code":
                    tree = ast.parse(source)
                    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                    exec(compile(tree, name, "exec"), namespace)
                    if last is not None:
                        print(eval(compile(ast.Expression(last.value), name, "eval"), namespace))
        asked = {cell.exercise for cell in exercise_cells(text) if cell.role}
        right = {one for one in asked if f"Exercise {one}: right." in said.getvalue()}
        assert right == asked, f"not right: {asked - right}"
        answered |= asked
        passed += 1
        print(f"{name}: as in Python, {len(asked)} exercises, {time.time() - began:.1f} s")
    except BaseException as error:
        failed += 1
        print(f"{name}: {type(error).__name__}: {error}")
        import traceback

        traceback.print_exc(file=sys.stdout)
from fastbp.teach.exercises import check


def loop(w, b, X, Y):
    found = [fastbp.textbook.gradient(list(w), list(b), x, y) for x, y in zip(X, Y, strict=True)]
    return [[sum(getattr(g, part)[l] for g in found) / len(X) for l in range(len(w))] for part in "wb"]


assert check("minibatch", loop)
assert "one by one" in check("matrices", loop).text
if not globals().get("names"):
    assert answered == set(EXERCISES), set(EXERCISES) - answered
print(f"{passed} passed, {failed} failed")
failed
