"""In a browser Python has no Numba, no fcntl, no lzma and no thread: what lessons need imports and works all the same.

The lessons themselves run in Pyodide in `.ci/long pyodide`.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from pathlib import Path

LESSON = """
import sys
for name in ("numba", "llvmlite", "fcntl", "lzma", "bz2", "_lzma", "_bz2", "resource", "multiprocessing"):
    sys.modules[name] = None
sys.platform = "emscripten"
import threading
def refuse(self): raise RuntimeError("can't start new thread")
import fastbp, numpy as np
from fastbp.teach.examples import worked_example
from fastbp.teach.exercises import check
threading.Thread.start = refuse
net, x, y = worked_example()
def mine(w, b, x, y):
    g = fastbp.textbook.gradient(list(w), list(b), x, y)
    return g.w, g.b
def wrong(w, b, x, y):
    g_w, g_b = mine(w, b, x, y)
    return [2 * g for g in g_w], [2 * g for g in g_b]
assert check("backprop", mine)
assert check("backprop", wrong).mistake == "no-half"
assert not fastbp.diagnose(net, x, y, delta={1: [0.00923101, 0.01162049]}).correct
assert "0.00877" in str(fastbp.explain(net, x, y))
fastbp.train(net, x[None], y[None], epochs=2, batch_size=1)
try:
    fastbp.read(sys.argv[1])
except fastbp.LoadError as error:
    assert "this Python cannot read" in str(error), error
else:
    raise SystemExit("read")
print("done", fastbp.equations.EQUATIONS["BP2"].ascii)
"""


def test_lessons_work_without_what_browsers_lack(tmp_path: Path) -> None:
    table = tmp_path / "table.csv.xz"
    table.write_bytes(lzma.compress(b"a,b\n1,2\n3,4\n"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FASTBP_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LESSON, str(table)],
        env=environment | {"FASTBP_MACHINE_CODE": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "done delta_j^l" in done.stdout
