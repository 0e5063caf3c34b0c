"""Thousands of real signals: on predictions, gradients and trainings, and on first trainings, which compile.

Each is a process that ends in a traceback where a result is wrong, a thread is lost, or nothing moves for a minute.
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
TESTS = Path(__file__).parent.parent

COMPILING = """
import faulthandler, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
faulthandler.dump_traceback_later(600, exit=True)
import fastbp.training.standard  # what is interrupted is a compilation, not an import
from injection import CALLS, network, threads
network()
sys.stdout.write("begin\\n"); sys.stdout.flush()
try:
    result = CALLS["training"](network())
except KeyboardInterrupt:
    result = b""
finally:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
assert threads() <= 2, threads()
sys.stdout.write(("interrupted" if result == b"" else "finished") + " " + CALLS["training"](network()).hex())
"""


def compilations() -> None:
    """SIGINT at a random moment of the first training of a process with an empty cache; the next one must be right."""
    draw = random.Random(0)
    results, interrupted = set(), 0
    for _ in range(COMPILATIONS):
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | {"FASTBP_CACHE_DIR": cache}
            environment["PYTHONPATH"] = os.pathsep.join([environment.get("PYTHONPATH", ""), str(TESTS)])
            process = subprocess.Popen(
                [sys.executable, "-c", COMPILING], stdout=subprocess.PIPE, text=True, env=environment
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            time.sleep(draw.random() * 15)
            process.send_signal(signal.SIGINT)
            words = process.communicate()[0].split()
            assert process.returncode == 0, f"a first training that was interrupted ended with {process.returncode}"
            interrupted += words[0] == "interrupted"
            results.add(words[1])
    assert len(results) == 1, "trainings after interrupted compilations differ"
    assert interrupted > COMPILATIONS / 2, f"only {interrupted} compilations were interrupted"
    sys.stdout.write(f"{COMPILATIONS} signals on compilations, {interrupted} before their end\n")


def main() -> None:
    for call in "prediction", "gradient", "training":
        subprocess.run([sys.executable, str(TESTS / "signalling.py"), call, str(SIGNALS)], check=True)
    compilations()


if __name__ == "__main__":
    main()
