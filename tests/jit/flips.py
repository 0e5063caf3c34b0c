"""Flip bits of cached code, one after another, in a process that has to live and to compute what it did before:

    python tests/jit/flips.py 2000              # so many bits
    python tests/jit/flips.py 200 --unchecked   # without the checksums: the process dies, or says what went wrong

Every flip has to cost one compilation, after which the file is whole again. Numba keeps what it has compiled, so after
two hundred flips another process goes on.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# ruff: noqa: E402  # the environment is read when fastbp is imported
CACHE = tempfile.TemporaryDirectory(prefix="fastbp-flips-")
os.environ["FASTBP_CACHE_DIR"] = CACHE.name
for name in ("FASTBP_NO_CACHE", "FASTBP_DISABLE_JIT", "NUMBA_DISABLE_JIT"):
    os.environ.pop(name, None)

from numba.core import event

from fastbp import jit, textbook
from fastbp.jit import cache, compiling


def call(function: Any, dtype: str) -> bytes:
    """Load or compile a function as a new process does; the bits of what it computes."""
    entry = compiling.entry(function.py_func, {"contract"})
    a = np.linspace(-3, 3, 7, dtype=dtype)
    result = entry(0, a) if function is textbook.activation else entry(np.outer(a[:3], a), a[:3], a)
    return b"".join(np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,)))


def flip(n: int, seed: int) -> None:
    """Flip n bits of the files of two functions, for both dtypes."""
    calls = [(f, dtype) for f in (textbook.activation, textbook.weighted_input) for dtype in ("float32", "float64")]
    expected, kept = {}, {}
    for key in calls:
        before = set(jit.CACHE_DIR.glob("*.nbc"))
        expected[key] = call(*key)
        (kept[key],) = set(jit.CACHE_DIR.glob("*.nbc")) - before
    rng = random.Random(seed)
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    sizes = [kept[key].stat().st_size for key in calls]
    for i in range(n):
        (key,) = rng.choices(calls, sizes)  # each bit of all files as likely as any other
        path: Path = kept[key]
        whole = bytearray(path.read_bytes())
        at = rng.randrange(8 * len(whole))
        whole[at // 8] ^= 1 << at % 8
        path.write_bytes(whole)
        compiled.buffer.clear()
        assert call(*key) == expected[key], f"flip {i}, bit {at} of {path.name}: another result"
        entries = [found for _, found in compiled.buffer if found.data["dispatcher"].py_func is key[0].py_func]
        assert len(entries) == 2, f"flip {i}, bit {at} of {path.name}: not noticed"  # it begins and ends
        assert cache.read(path) is not None, f"flip {i}: {path.name} is still damaged"
    sys.stdout.write(f"{n} bits flipped in {sum(sizes)} bytes: each cost a compilation, all results right\n")
    sys.stdout.flush()


EACH = 200


def main(n: int, *options: str) -> int:
    """Flip n bits, in as many processes as it takes; how many of them died or saw a wrong result."""
    failed = 0
    for begun in range(0, n, EACH):
        arguments = [str(min(EACH, n - begun)), f"--seed={begun}", *options]
        failed += subprocess.run([sys.executable, __file__, *arguments], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    if "--unchecked" in sys.argv:
        size = cache.CHECKSUM().digest_size
        cache.read = lambda path: path.read_bytes()[size:]  # type: ignore[assignment]
    seeds = [argument.removeprefix("--seed=") for argument in sys.argv if argument.startswith("--seed=")]
    if not seeds and int(sys.argv[1]) > EACH:
        raise SystemExit(main(int(sys.argv[1]), *sys.argv[2:]))
    flip(int(sys.argv[1]), int(seeds[0]) if seeds else 0)
