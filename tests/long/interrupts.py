"""Thousands of real signals: on predictions, gradients and trainings, and on first trainings, which compile.

Before them, an exception at every line of the runtime that these calls execute, at the first three times each.

Each is a process that ends in a traceback where a result is wrong, a thread is lost, or nothing moves for ten minutes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIGNALS = 5000
COMPILATIONS = 100
TESTS = Path(__file__).parents[1] / "contracts"

COMPILING = """
import faulthandler, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import fastbp.training.standard  # what is interrupted is a compilation, not an import
from injection import CALLS, network, threads
def tell(word):
    sys.stdout.write(word + "\\n")
    sys.stdout.flush()
while signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    try:
        faulthandler.dump_traceback_later(3600, exit=True)  # a machine that does much else compiles for long
        tell("begin")
        result = CALLS["training"](network())
        if result != b"":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        pass
    assert threads() <= 2, threads()
tell(result.hex())
"""


def interrupted_compilation(draw: random.Random, cache: str) -> tuple[int, str]:
    """A process with an empty cache whose first training is begun again after each SIGINT, until one comes to its end.

    How often it was interrupted, and the weights.
    """
    environment = os.environ | {"FASTBP_CACHE_DIR": cache}
    environment["PYTHONPATH"] = os.pathsep.join([environment.get("PYTHONPATH", ""), str(TESTS)])
    process = subprocess.Popen([sys.executable, "-c", COMPILING], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    begun = 0
    for line in process.stdout:
        if line != "begin\n":
            break
        begun += 1
        time.sleep(draw.random() * begun)  # later and later, or a busy machine would never come to the end
        process.send_signal(signal.SIGINT)
    assert process.wait() == 0, f"a first training that was interrupted ended with {process.returncode}"
    return begun - 1, line


def compilations() -> None:
    """SIGINT at random moments of first trainings; the one that is left alone must be right."""
    draw = random.Random(0)
    results, interrupted, processes = set(), 0, 0
    while interrupted < COMPILATIONS:
        with tempfile.TemporaryDirectory() as cache:
            n, result = interrupted_compilation(draw, cache)
        interrupted, processes = interrupted + n, processes + 1
        results.add(result)
    assert len(results) == 1, "trainings after interrupted compilations differ"
    sys.stdout.write(f"{interrupted} signals on compilations in {processes} processes\n")


def main() -> None:
    for call in "prediction", "gradient", "training", "sparse":
        for where in "caller", "worker":
            done = subprocess.run(
                [sys.executable, str(TESTS / "injection.py"), call, where, "whole"],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            sys.stdout.write(f"{call}, {where}: {done.stdout}")
    for call in "prediction", "gradient", "training", "many":
        subprocess.run([sys.executable, str(TESTS / "signalling.py"), call, str(SIGNALS)], check=True)
    compilations()


if __name__ == "__main__":
    main()
