"""Flip bits of cached code, one after another, in a process that has to live and to compute what it did before:

    python tests/jit/flips.py 2000              # so many bits
    python tests/jit/flips.py 200 --unchecked   # without the checksums: the process dies, or says what went wrong

No damaged file may be loaded, whichever bit it is. What follows does not depend on the bit, and takes a hundred times
as long: so after every tenth flip the function is called, which has to cost one compilation, after which the file is
whole again and the result the same. Numba keeps what it has compiled, so after five hundred flips another process
goes on.
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
from numba.core.registry import cpu_target

from fastbp import jit, textbook
from fastbp.jit import cache, compiling


def new_entry(function: Any) -> Any:
    """The function as a new process has it, neither loaded nor compiled."""
    return compiling.entry(function.py_func, {"contract"})


def call(function: Any, dtype: str, entry: Any = None) -> bytes:
    """Load or compile a function as a new process does; the bits of what it computes."""
    entry = entry or new_entry(function)
    a = np.linspace(-3, 3, 7, dtype=dtype)
    result = entry(0, a) if function is textbook.activation else entry(np.outer(a[:3], a), a[:3], a)
    return b"".join(np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,)))


def load(function: Any, types: Any) -> Any:
    """What the cache has of the function for arguments of these types; None where it has to be compiled."""
    return new_entry(function)._cache.load_overload(types, cpu_target.target_context)


def flip(n: int, seed: int) -> None:
    """Flip n bits of the files of two functions, for both dtypes."""
    calls = [(f, dtype) for f in (textbook.activation, textbook.weighted_input) for dtype in ("float32", "float64")]
    expected, kept, types = {}, {}, {}
    for key in calls:
        before, entry = set(jit.CACHE_DIR.glob("*.nbc")), new_entry(key[0])
        expected[key] = call(*key, entry)
        (types[key],) = entry.overloads
        (kept[key],) = set(jit.CACHE_DIR.glob("*.nbc")) - before
        assert load(key[0], types[key]) is not None, "what is whole has to be loaded"
    rng = random.Random(seed)
    compiled = event.RecordingListener()
    event.register("numba:compile", compiled)
    sizes = [kept[key].stat().st_size for key in calls]
    for i in range(n):
        (key,) = rng.choices(calls, sizes)  # each bit of all files as likely as any other
        path: Path = kept[key]
        whole = path.read_bytes()
        damaged, at = bytearray(whole), rng.randrange(8 * len(whole))
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        assert load(key[0], types[key]) is None, f"flip {i}, bit {at} of {path.name}: loaded"
        if i % 10:
            path.write_bytes(whole)
            continue
        compiled.buffer.clear()
        assert call(*key) == expected[key], f"flip {i}, bit {at} of {path.name}: another result"
        entries = [found for _, found in compiled.buffer if found.data["dispatcher"].py_func is key[0].py_func]
        assert len(entries) == 2, f"flip {i}, bit {at} of {path.name}: not noticed"  # it begins and ends
        assert cache.read(path) is not None, f"flip {i}: {path.name} is still damaged"
    called = f"{(n + 9) // 10} times called and compiled anew, all results right"
    sys.stdout.write(f"{n} bits flipped in {sum(sizes)} bytes: no file was loaded; {called}\n")
    sys.stdout.flush()


EACH = 500


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
