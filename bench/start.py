"""What a fresh process pays: the import, and the first training with ready-made code, a warm cache, an empty one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fastbp.native import build

FIRST_TRAIN = """
import time
import fastbp, numpy
X, Y = numpy.ones((100, 784), {dtype!r}), numpy.ones((100, 10), {dtype!r})
net = fastbp.Network([784, 30, 10], dtype={dtype!r}, seed=0)
fastbp.train(net, X, Y, epochs=1, batch_size=10)
print(time.time())
"""

IMPORT = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""


def _fresh(code: str, **variables: str) -> float:
    """The number that the code prints, in a new process of these sources."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path} | variables
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout.split()[-1])


def imports(turns: int = 10) -> dict[str, float]:
    """Seconds to import NumPy and fastbp, each alone in a fresh process: the best of turns side by side."""
    best = {"numpy": float("inf"), "fastbp": float("inf")}
    for _ in range(turns):
        for module in best:
            best[module] = min(best[module], _fresh(IMPORT.format(module=module)))
    return best


COLD_TURNS = 2
"""Cold compilations of each dtype, of which the best counts."""


def first_train(dtype: str, **variables: str) -> float:
    """Seconds from the start of a process to the end of its first short training."""
    began = time.time()
    return _fresh(FIRST_TRAIN.format(dtype=dtype), **variables) - began


def measure(turns: int = 10) -> dict[str, Any]:
    """All of it."""
    found: dict[str, Any] = {"import": imports(turns)}
    cold: dict[str, float] = {}
    warm: dict[str, float] = {}
    # Both in turns, so that a busy moment of the machine is not what one of them is known by.
    for dtype in ("float32", "float64") * COLD_TURNS:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o700)
            compiling = {"FASTBP_CACHE_DIR": folder, "FASTBP_MACHINE_CODE": "0"}
            cold[dtype] = min(cold.get(dtype, math.inf), first_train(dtype, **compiling))
            again = [first_train(dtype, **compiling) for _ in range(max(2, turns // 4))]
            warm[dtype] = min(warm.get(dtype, math.inf), *again)
    return found | {"cold": cold, "warm": warm} | ready_made(turns)


def ready_made(turns: int) -> dict[str, Any]:
    """With the library that an installation would build here; nothing where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            build.build_here(Path(folder))
        except RuntimeError:
            return {}
        known = {"FASTBP_MACHINE_CODE": folder, "FASTBP_NO_CACHE": "1"}
        return {
            "ready": {
                dtype: min(first_train(dtype, **known) for _ in range(max(2, turns // 2)))
                for dtype in ("float32", "float64")
            }
        }
