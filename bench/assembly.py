"""What the kernels' hot loops are on each kind of CPU, as machine code: ``python -m bench.assembly [LEVEL ...]``.

The code is made, not run: from this machine, for others too, as `fastbp.native` makes it. Counted are, for each tile
that is compiled, in the innermost loops that multiply and add vectors: multiply-adds, and vectors that go to the stack
and come from there because registers are short (spills); then the same in the loops around them. Numbers that stay the
same for a whole call, and are loaded where they are needed, are among what is reloaded around.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fastbp.jit import strict
from fastbp.kernels.fused_update_forward import MinibatchPair, Pass, step_and_weighted_input
from fastbp.kernels.gemm.epilogues import STORE
from fastbp.kernels.gemm.gemm import macro_kernel
from fastbp.kernels.gemm.prefetch import CURSOR, Prefetch
from fastbp.kernels.gemm.problem import Gemm
from fastbp.kernels.matrix import Matrix
from fastbp.native.build import environment
from fastbp.native.entries import Specimen
from fastbp.native.levels import LEVELS, Level

SHOWN = {level.name: level for level in reversed(LEVELS) if level.system != "win32" and level.name != "x86-64-v3"} | {
    level.name: level for level in LEVELS if level.system == "linux"
}
"""One level of each kind of CPU, by its name."""


@strict(cache=True)
def every_tile(g: Gemm, p: Pass, prefetch: Prefetch, NR: int) -> None:
    """A function that all tiles are part of, with nothing known of its arguments."""
    macro_kernel(NR, g, prefetch)
    step_and_weighted_input(p, prefetch)


def assembly(level: Level, dtype: str) -> str:
    """Of all tiles, in a process whose constants are the level's."""
    from fastbp.native.code import code_of
    from fastbp.native.objects import assembly_of

    one, words = np.dtype(dtype).type(1), np.zeros(1, np.int64)
    m = Matrix(np.zeros(1, dtype), 1, 1)
    pair = MinibatchPair(m.buf, words, 1, words, 1)
    arguments = {
        "g": Gemm(1, 1, 1, m, m, m, m, STORE, one, one),
        "p": Pass(1, 1, pair, m, m, m, one, one, one),
        "prefetch": Prefetch(words, np.zeros(1, CURSOR), 1),
        "NR": 1,
    }
    return assembly_of(code_of([Specimen(every_tile, dtype, arguments, n_numbers=1, by_address=True)]), level)


class Counts(NamedTuple):
    """Of one tile's function."""

    kernel: str
    shape: tuple[int, ...]
    fmas: int
    """Vector multiply-adds in innermost loops."""
    stored: int
    loaded: int
    """Vectors to and from the stack there."""
    stored_around: int
    loaded_around: int
    single: int
    """Additions and multiplications of single elements, in any loop."""


_BRANCH = re.compile(r"(?:j\w+|b(?:\.\w+)?|cbn?z|tbn?z)\s.*?(\.?LBB\w+)$")
_FMA = re.compile(r"vf(?:n?m)(?:add|sub)\d+p[sd]|fml[as](?:\.\d[sd])?\s+v")
_SINGLE = re.compile(r"v(?:mul|add|sub|fn?m(?:add|sub)\d+)s[sd]\s|f(?:mul|add|sub|madd)\s+[sd]\d")
_STORED = re.compile(r"vmov\w+\s+%[xyz]mm\d+, [^,]*\(%SP|st[rp]\s+[qds]\d+,.*\[SP")
_LOADED = re.compile(r"v\w+\s+[^%]*\(%SP[^)]*\), .*%[xyz]mm\d+|ld[rp]\s+[qds]\d+,.*\[SP")


def functions(assembly: str) -> Iterator[tuple[str, tuple[int, ...], list[str]]]:
    """Kernel, shape and lines of each compiled tile."""
    parts = re.split(r"^_?(_ZN\w+):.*$", assembly, flags=re.MULTILINE)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        known = re.match(r"_ZN6fastbp7kernels\S*?(microkernel|fused_update_forward)5tiles", name)
        if known:
            shape = tuple(int(n) for n in re.findall(r"Literal_5bint_5d_28(\d+)_29", name))
            lines = [re.sub(r"\s*(#|//|;).*", "", line).strip() for line in text.split(".cfi_endproc")[0].splitlines()]
            yield known[1], shape, [line for line in lines if line]


def loops(lines: Sequence[str]) -> list[range]:
    """Each stretch of lines that a branch at its end goes back over."""
    labels = {line[:-1]: n for n, line in enumerate(lines) if line.endswith(":")}
    found = [(labels.get(m[1], n), n) for n, line in enumerate(lines) if (m := _BRANCH.match(line))]
    return [range(start, end + 1) for start, end in found if start < end]


def count(kernel: str, shape: tuple[int, ...], lines: Sequence[str]) -> Counts:
    """Count what the loops of a function consist of."""
    framed = any(re.match(r"movq\s+%rsp, %rbp", line) for line in lines)
    stack = {"x86": "r(?:sp|bp)" if framed else "rsp", "arm": r"(?:sp|x29)"}
    stored, loaded = (
        re.compile("|".join(part.replace("SP", stack[k]) for k, part in zip(stack, _halves(p.pattern), strict=True)))
        for p in (_STORED, _LOADED)
    )
    every = loops(lines)
    inner = [one for one in every if not any(other != one and set(other) < set(one) for other in every)]
    hot = {n for one in inner if any(_FMA.match(lines[n]) for n in one) for n in one}
    around = {n for one in every for n in one} - hot

    def number(pattern: re.Pattern[str], where: set[int]) -> int:
        return sum(bool(pattern.match(lines[n])) for n in where)

    return Counts(
        kernel,
        shape,
        number(_FMA, hot),
        number(stored, hot),
        number(loaded, hot),
        number(stored, around),
        number(loaded, around),
        number(_SINGLE, hot | around),
    )


def _halves(pattern: str) -> list[str]:
    """The parts of a pattern for x86 and for ARM."""
    x86, arm = re.split(r"\|(?=st|ld)", pattern)
    return [x86, arm]


def counts(name: str, dtype: str) -> list[Counts]:
    """Those of every tile, made in a fresh process."""
    command = [sys.executable, "-m", "bench.assembly", "--here", name, dtype]
    done = subprocess.run(command, env=environment(SHOWN[name]), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Code for {name} could not be made: {done.stderr[-2000:]}")
    return [Counts(kernel, tuple(shape), *rest) for kernel, shape, *rest in json.loads(done.stdout)]


def describe(name: str, dtype: str, found: Sequence[Counts]) -> str:
    """Markdown."""
    lines = [
        f"| {name}, {dtype} | shape | multiply-adds | spilled | reloaded | spilled around | reloaded around | single |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        shape = " x ".join(map(str, one.shape))
        lines.append(f"| {one.kernel} | {shape} | " + " | ".join(map(str, one[2:])) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.assembly", description="Hot loops as machine code.")
    parser.add_argument("levels", nargs="*", default=list(SHOWN), help=", ".join(SHOWN))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.here:
        name, dtype = given.levels
        made = assembly(SHOWN[name], dtype)
        sys.stdout.write(json.dumps([count(*one) for one in functions(made)]))
        return
    for name in given.levels:
        for dtype in ("float32", "float64"):
            sys.stdout.write(describe(name, dtype, counts(name, dtype)) + "\n\n")


if __name__ == "__main__":
    main()
