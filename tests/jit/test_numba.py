"""Other versions of Numba than those that were tried, and none at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp

ROOT = Path(fastbp.__file__).parents[1]
LOOPS = """
import numpy as np
from fastbp import textbook
from fastbp.kernels import finite
w = np.random.default_rng(0).standard_normal((3, 13))
for dtype in ("float32", "float64"):
    values = w.astype(dtype)
    print(textbook.weighted_input(values, values[:, 0], values[0]).tobytes().hex(), textbook.activation(3, values[1]))
"""
OTHER_VERSION = """
import numba
numba.__version__ = "0.99.1"
"""
WITHOUT = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new process, where warnings are no errors."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.compiled
def test_a_version_that_was_not_tried_computes_the_same_and_warns_once(tmp_path: Path) -> None:
    cache = {"FASTBP_CACHE_DIR": str(tmp_path)}
    tried, other = python(LOOPS, **cache), python(OTHER_VERSION + LOOPS, **cache)
    asked, again = python(LOOPS, FASTBP_PLAIN_NUMBA="1", **cache), python(LOOPS, FASTBP_PLAIN_NUMBA="1", **cache)
    assert tried.returncode == other.returncode == asked.returncode == 0, other.stderr + asked.stderr
    assert tried.stdout == other.stdout == asked.stdout == again.stdout
    assert tried.stderr == asked.stderr == ""
    assert other.stderr.count("UserWarning") == 1
    assert "was not tried with Numba 0.99.1" in other.stderr
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 3


@pytest.mark.compiled
def test_what_is_compiled_plainly_may_use_the_widest_vectors() -> None:
    """And stays apart from its callers where that was asked for."""
    code = """
import numpy as np
from fastbp.jit import compiling, plainly
from fastbp.jit.decorators import apart
assert compiling.engine is plainly
def f(x):
    return x + 1
def g(x):
    return f(x) * 2
f = compiling.inner(apart(f), set(), False)
g = compiling.entry(g, set())
assert g(1.0) == 4.0
(text,) = g.inspect_llvm().values()
lines = text.splitlines()
for name in ("1f", "1g"):
    defined = [line for line in lines if line.startswith("define") and name in line]
    (first,) = [line for line in defined if "cpython" not in line and "cfunc" not in line]
    group = "attributes #" + first.split("#")[1].split()[0] + " "
    (attributes,) = [line for line in lines if line.startswith(group)]
    print('"prefer-vector-width"="512"' in attributes, "noinline" in attributes)
"""
    done = python(code, FASTBP_PLAIN_NUMBA="1", FASTBP_NO_CACHE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "True", "False"]


@pytest.mark.compiled
def test_without_numba_and_machine_code_all_is_plain_python_and_it_is_said_why() -> None:
    code = """
import numpy as np
import fastbp
from fastbp import textbook
fastbp.activation("mine", lambda z: z * z, lambda z: 2 * z)
fastbp.cost("mine", lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y))
print(textbook.activation(0, np.ones(1)).shape, fastbp.Network([2, 2, 1], seed=0).feedforward(np.eye(2)).shape)
"""
    done = python(WITHOUT + code, FASTBP_MACHINE_CODE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(1,) (2, 1)\n"
    assert done.stderr.count("Everything runs as plain Python, some hundred times slower: Numba is not installed") == 1
    assert "FASTBP_MACHINE_CODE=0 is set" in done.stderr
    assert "Run: pip install numba" in done.stderr


def test_plain_python_needs_no_numba() -> None:
    code = "import fastbp, numpy\nnet = fastbp.Network([2, 2, 1], seed=0)\nprint(net.feedforward(numpy.eye(2)).shape)"
    done = python(WITHOUT + code, FASTBP_DISABLE_JIT="1")
    assert done.stdout == "(2, 1)\n", done.stderr
