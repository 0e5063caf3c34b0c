"""A fresh process that has a given number of threads and no more: set before anything is imported that reads it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # XLA's pool
)


def cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def environment(n_threads: int) -> dict[str, str]:
    """The variables that hold libraries to ``n_threads``."""
    flags = os.environ.get("XLA_FLAGS", "")
    if n_threads == 1:
        flags += " --xla_cpu_multi_thread_eigen=false"
    named = dict.fromkeys(VARIABLES, str(n_threads))
    return named | {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}


def hold(n_threads: int) -> None:
    """Hold this process: before NumPy is imported. Cores too, where the system allows it: that holds every library."""
    if "numpy" in sys.modules:
        raise RuntimeError("NumPy is imported, and has started its threads. Hold a process before its first import.")
    os.environ.update(environment(n_threads))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores()[:n_threads])


def held() -> bool:
    """Whether this process may use no more cores than its variables say."""
    named = os.environ.get("NPROC", "")
    return named.isdigit() and (not hasattr(os, "sched_getaffinity") or len(cores()) <= int(named))


def task(function: str, n_threads: int, seen: Callable[[Any], None] | None = None, **arguments: Any) -> list[Any]:
    """What ``module:function`` yields in a fresh process of ``n_threads`` threads, as JSON, each passed to ``seen``."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "fastbp.compare.pin", str(n_threads), function]
    found: list[Any] = []
    with subprocess.Popen(
        command,
        env=os.environ | environment(n_threads) | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        json.dump(arguments, process.stdin)
        process.stdin.close()
        try:
            for text in process.stdout:
                if text.startswith("{"):
                    found.append(json.loads(text))
                    if seen is not None:
                        seen(found[-1])
        except BaseException:  # KeyboardInterrupt too: nobody waits for it any more
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(
            f"{function} on {n_threads} threads ended with code {process.returncode}; its own message is above."
        )
    return found


def run_child(n_threads: int, function: str) -> None:
    """The fresh process's side: hold, import, run, write each result as a line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that waits for this one, which ends it
    hold(n_threads)
    given = json.load(sys.stdin)
    module, _, name = function.partition(":")
    # Libraries may print; results have the real standard output to themselves.
    out, sys.stdout = sys.stdout, sys.stderr
    for result in getattr(importlib.import_module(module), name)(n_threads=n_threads, **given):
        out.write(json.dumps(result) + "\n")
        out.flush()


if __name__ == "__main__":
    run_child(int(sys.argv[1]), sys.argv[2])
