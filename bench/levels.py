"""How far code for each kind of vector is from its own floor: ``python -m bench.levels [--rounds N] [NET ...]``.

For machines with AVX-512, which run code for AVX2 too: Numba then compiles for x86-64-v3, and OpenBLAS, whose matrix
product is the floor, takes its kernels for AVX2. Both take turns in fresh processes of one thread; the least time of
each counts. On one machine they meet the same caches and memory, so that what differs is the code.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from fastbp.compare import nets, pin
from fastbp.jit.cpu import AVX512 as HAS_AVX512

X86_64_V3 = (
    "+64bit,+cmov,+cx8,+cx16,+fxsr,+mmx,+sahf,+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+bmi,+bmi2,"
    "+crc32,+f16c,+fma,+lzcnt,+movbe,+xsave"
)
"""LLVM's names of all that the third level of x86-64 promises."""

COMPILED = {"FASTBP_MACHINE_CODE": "0"}
"""Ready-made machine code is for one level, whatever is asked for."""

AVX2 = COMPILED | {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": X86_64_V3, "OPENBLAS_CORETYPE": "Haswell"}
AVX512 = COMPILED | {"OPENBLAS_CORETYPE": "SkylakeX"}
LEVELS = {"AVX-512": AVX512, "AVX2": AVX2}
"""What each kind of vector is asked of Numba and of OpenBLAS with."""

NETS = (
    "784-30-10 b10 float32",
    "64-32-10 b16 float32",
    "4-16-16-1 b32 float32",
    "784-128-64-10 b128 float32",
    "784-512-512-10 b128 float32",
    "784-1024-1024-10 b256 float32",
    "100-64-64-64-64-64-64-64-64-10 b64",
)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Processes that are started here have these variables too."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure(cases: Sequence[nets.Case], rounds: int, seconds: float) -> dict[str, list[dict[str, float]]]:
    """For each level and case: ``us`` a step, the ``floor`` in us and ``of_floor``, of all rounds."""
    found = {level: [{"us": float("inf"), "floor": float("inf")} for _ in cases] for level in LEVELS}
    arguments: dict[str, Any] = {"cases": [asdict(case) for case in cases], "names": ["fastbp"], "seconds": seconds}
    for _ in range(rounds):
        for level, variables in LEVELS.items():
            with environment(variables):
                results = pin.task("fastbp.compare.run:table", 1, **arguments)
            for best, result in zip(found[level], results, strict=True):
                best["us"] = min(best["us"], result["peers"]["fastbp"]["us"])
                best["floor"] = min(best["floor"], result["floor"])
    for best in (one for level in found.values() for one in level):
        best["of_floor"] = best["us"] / best["floor"]
    return found


def describe(cases: Sequence[nets.Case], found: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: multiples of each level's own floor, and how much more of it the code for AVX2 takes."""
    lines = [
        "| net | AVX-512 us | x floor | AVX2 us | x floor | AVX2 / AVX-512 |",
        "|---|---|---|---|---|---|",
    ]
    for case, wide, narrow in zip(cases, found["AVX-512"], found["AVX2"], strict=True):
        lines.append(
            f"| {case.name} | {wide['us']:.2f} | {wide['of_floor']:.2f} | {narrow['us']:.2f} | "
            f"{narrow['of_floor']:.2f} | {narrow['of_floor'] / wide['of_floor']:.2f} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.levels", description="Each kind of vector, and its own floor."
    )
    parser.add_argument("nets", nargs="*", default=NETS, help="nets as 'fastbp compare' names them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.6, help="for each net and level in a round")
    given = parser.parse_args(arguments)
    if not HAS_AVX512:
        sys.stdout.write(
            "This CPU has no AVX-512, so that there is one kind of vector only: python -m bench.full has its figures.\n"
        )
        return
    cases = nets.find(given.nets)
    sys.stdout.write(describe(cases, measure(cases, given.rounds, given.seconds)) + "\n")


if __name__ == "__main__":
    main()
