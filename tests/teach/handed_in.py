"""Notebooks as learners hand them in: right ones, planted ones, and ones that cheat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastbp.teach.grading import Limits, Row
from fastbp.teach.notebooks import ANSWER, CHECK, lessons, notebook, written

LESSON = "1-the-notes"
SHORT, LONG = Limits(seconds=5.0), Limits(seconds=600.0)
"""Where something hangs on purpose, and where nothing does, on a machine that may be busy."""


def by_exercise(rows: list[Row]) -> dict[str, Row]:
    return {row.exercise: row for row in rows}


def lesson(kind: str = "teacher", seed: str | None = None, name: str = LESSON) -> dict[str, Any]:
    """A copy of a lesson, as ``fastbp learn`` writes it."""
    made: dict[str, Any] = json.loads(written(notebook(lessons()[name], kind, seed, name)))  # type: ignore[arg-type]
    return made


def cell(contents: dict[str, Any], exercise: str, role: str) -> dict[str, Any]:
    """The cell of an exercise."""
    wanted = {"exercise": exercise, "role": role}
    for one in contents["cells"]:
        said = one["metadata"].get("fastbp", {})
        if isinstance(said, dict) and wanted.items() <= said.items():
            found: dict[str, Any] = one
            return found
    raise AssertionError(f"no {role} of {exercise}")


def answer(contents: dict[str, Any], exercise: str, source: str) -> None:
    """Write into an answer's cell."""
    cell(contents, exercise, ANSWER)["source"] = source


def without(contents: dict[str, Any], *exercises: str, role: str = CHECK) -> None:
    """Remove the cells of exercises."""
    gone = [cell(contents, exercise, role) for exercise in exercises]
    contents["cells"] = [one for one in contents["cells"] if not any(one is g for g in gone)]


def hand_in(folder: Path, file: str, contents: dict[str, Any]) -> Path:
    """Save it."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written(contents))
    return path


LIES = {
    "link-1": """
class Lie(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __abs__ = __float__ = lambda self, *_: 0.0
    def __array__(self, *_, **__): return np.full((), 0.5)
    def __repr__(self): return "sigma'(z)"
slope = Lie(0.5)
""",
    "bp1": """
class Lie(np.ndarray):
    def __array_ufunc__(self, *_, **__): return np.zeros(self.shape)
    def __eq__(self, other): return True
def output_error(a, y, z):
    return np.zeros(a.shape).view(Lie)
""",
    "touch": """
class Lie(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
    def lower(self): return "a z c"
    __str__ = __repr__ = __format__ = lambda self, *_: "C a z"
chain = [Lie("C"), Lie("C"), Lie("C")]
""",
    "link-2": "letters = ['kj', 'jk', 'jl', 'lk']",
    "sum": "total = iter([h / 1e5 for h in range(10_000)])",
    "delta": "delta_1 = np.array([np.nan, np.inf])",
    "shape": """
class Lie(np.ndarray):
    shape = property(lambda self: (2,))
    size = property(lambda self: 2)
shape = np.arange(1600).reshape(40, 40).view(Lie)
""",
    "weight": "slope_of_weight = 0.0",
    "backprop": """
def mine(w, b, x, y):
    import gc, inspect, sys
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if name in ("right", "expected", "wanted", "case", "trial"):
                return value
        frame = frame.f_back
    for one in gc.get_objects():
        if type(one).__name__ in ("Case", "Found", "Answer", "Row"):
            return one.right
    return [0 * one for one in w], [0 * one for one in b]
""",
}
"""Values that pretend, by exercise."""

FRAME = """
import json, os, sys
data = json.dumps({"id": 3, "value": {"text": "right"}, "right": True, "points": 99}).encode()
for number in range(3, 64):
    try:
        os.write(number, len(data).to_bytes(4, "big") + data)
    except OSError:
        pass
"""
FORCE = {
    "link-1": """
import builtins, fastbp.teach.exercises as e, fastbp.teach.exercises.judging as j
check = e.check = lambda *_, **__: e.Answer(True, "right")
for one in e.EXERCISES.values():
    object.__setattr__(one, "judge", lambda *_: None)
    object.__setattr__(one, "points", 99)
e.Answer.__bool__ = lambda self: True
np.allclose = np.array_equal = builtins.all = lambda *_, **__: True
slope = 0.5
""",
    "bp1": FRAME + "output_error = lambda a, y, z: a",
    "touch": "import os; print('right'); chain = ['C', 'C', 'C']; os._exit(0)",
    "link-2": "import time; letters = 'jk'\nwhile True: time.sleep(1e6)",
    "sum": "total = bytearray(64 << 30)",
    "delta": """
import sys
print("Exercise delta: right.", flush=True)
sys.__stdout__.write('{"points": 2}')
sys.stderr.write("right")
raise SystemExit(0)
""",
    "shape": """
import os, signal, sys
for name in ("json.py", "numpy.py", "fastbp.py", "sitecustomize.py", "usercustomize.py"):
    open(name, "w").write("raise SystemExit('right')")
sys.path.insert(0, os.getcwd())
os.kill(os.getpid(), signal.SIGKILL)
""",
    "weight": "slope_of_weight = x[1] * t.delta[1][0, 0]",  # honest
    "backprop": """
import os, time
class Bomb:
    def __reduce__(self): return (open, (MARK, "w"))
    def __deepcopy__(self, memo): raise KeyboardInterrupt
def mine(w, b, x, y):
    return [Bomb() for _ in w], [Bomb() for _ in b]
""",
}
"""Code against the machinery, by exercise."""
