"""Shared by all tests: the order in which Hypothesis looks is fixed, and compiled-only tests are marked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Before NumPy is imported. The threads of its OpenBLAS, and of SciPy's, spin while they wait: where processes share
# the cores, each small product of an L-BFGS step then takes milliseconds.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The plan of a training is the one that is expected, not the one that is fastest beside the other tests.
os.environ.setdefault("FASTBP_TUNE", "0")

import numpy as np
import pytest
from effort import EFFORT
from hypothesis import HealthCheck, settings

from fastbp import jit

settings.register_profile(
    "fastbp", derandomize=EFFORT == 1, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fastbp")


THREADS = set(
    """
    bits continuing ensemble golden many online planning sklearn sklearn_mlp threads train_options trainer training
    training_loops
    """.split()
)
"""Modules whose trainings take as many threads as there are, and are run again on one. What the others test does not
know the number of threads, or passes it."""

COMPILED = set(
    """
    adding bench check cli cli_options compare config deciding evaluation grading lessons memory mistakes page preset
    report_page sklearn_arrays sklearn_beyond sklearn_hooks sklearn_house sklearn_page sklearn_tools sklearn_values
    solutions table_kinds table_splits tune why
    """.split()
)
"""Modules about what is around the kernels, which does not know whether they are compiled."""


@pytest.fixture(autouse=True)
def _functions_are_forgotten() -> Iterator[None]:
    """What a test registers is known to no other one."""
    from own_functions import forgotten

    with forgotten():
        yield


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of the test write into a folder of its own, and lines are wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def with_a_table(in_an_empty_folder: None) -> None:
    """A small table of two classes is there, ``t.csv``."""
    rows = np.random.default_rng(0).random((140, 2))
    lines = ["a,b,kind", *(f"{a:.3f},{b:.3f},{'up' if a < b else 'down'}" for a, b in rows)]
    Path("t.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def own() -> Iterator[SimpleNamespace]:
    """Users' own functions, which are known as long as the test lasts."""
    from own_functions import registered

    with registered() as entries:
        yield entries


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Each dtype that kernels exist for."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the number of threads may matter to; as plain Python, leave out what is about compiled code, and
    compiled what is about plain Python. What is slow is left out but where more effort is asked for.

    As plain Python a net takes a thousand times longer. Its kernels are the same ones for both dtypes, so that of a
    test of both the first is enough, but where rounding is the subject.
    """
    for item in items:
        name = item.path.stem.removeprefix("test_")
        if name in THREADS:
            item.add_marker(pytest.mark.threads)
        if name in COMPILED:
            item.add_marker(pytest.mark.compiled)
    left_out = {"compiled" if jit.DISABLED else "plain"} | ({"slow"} if EFFORT == 1 else set())
    items[:] = [item for item in items if left_out.isdisjoint(mark.name for mark in item.iter_markers())]
    if jit.DISABLED:
        items[:] = [item for item in items if not is_twin(item)]


TWINS = {"bits", "plan", "targets", "threads"}
"""Modules whose tests take long as plain Python, for one dtype as for the other."""


def is_twin(item: pytest.Item) -> bool:
    """Whether the same test runs with float32 too."""
    parameters = getattr(item, "callspec", None)
    is_double = parameters is not None and parameters.params.get("dtype") == "float64"
    return is_double and item.path.stem.removeprefix("test_") in TWINS


COMPILE = """
import sys, numpy, fastbp
net = fastbp.Network([2, 3, 2], dtype=sys.argv[1], seed=0)
fastbp.train(net, numpy.eye(2), numpy.eye(2), epochs=1, batch_size=1)
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Any) -> None:
    """Before the workers of ``pytest -n`` start: compile what all of them need, or each would do it for itself."""
    if not jit.DISABLED and jit.CACHE_DIR is not None:
        started = [subprocess.Popen([sys.executable, "-c", COMPILE, dtype]) for dtype in ("float32", "float64")]
        for process in started:
            process.wait()
