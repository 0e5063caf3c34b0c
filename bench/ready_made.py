"""Ready-made code beside what Numba compiles for this very CPU: ``python -m bench.ready_made [--threads N] [NET ...]``.

The library is built here as an installation builds it. Fresh processes of both kinds follow one another, by the plan
that the model of costs chooses (``FASTBP_TUNE=0``), so that what differs is the code. Of each process the fastest epoch
counts, and of the ratios of neighbours the median: a second core that is taken away for a while takes both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.levels import COMPILED, environment
from fastbp.compare import nets, pin, run
from fastbp.native import build

SAME_PLAN = {"FASTBP_TUNE": "0"}

LEAST_EPOCHS = 5


def fastest(cases: list[nets.Result], seconds: float, n_threads: int) -> Iterator[nets.Result]:
    """Of each case, us for a step of its fastest epoch, of as many as ``seconds`` have time for."""
    for case in (nets.Case(**one) for one in cases):
        trainer, orders = run.OURS.trainer(case, *case.data(), n_threads), case.orders()
        trainer.time(orders)
        epochs: list[float] = []
        end = time.perf_counter() + seconds
        while len(epochs) < LEAST_EPOCHS or time.perf_counter() < end:
            epochs.append(trainer.time(orders))
        yield {"us": 1e6 * min(epochs) * case.batch / orders.size}


def measure(cases: Sequence[nets.Case], n_threads: int, rounds: int, seconds: float) -> list[dict[str, float]]:
    """For each case the least ``ready`` and ``compiled`` of all rounds, in us for a step, and the median ``ratio``."""
    times: dict[str, list[list[float]]] = {"ready": [], "compiled": []}
    arguments: dict[str, Any] = {"cases": [asdict(case) for case in cases], "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        build.build_here(Path(folder))
        variables = {"ready": {"FASTBP_MACHINE_CODE": folder}, "compiled": COMPILED}
        for turn in range(rounds):
            for kind in sorted(times, reverse=bool(turn % 2)):
                with environment(SAME_PLAN | variables[kind]):
                    results = pin.task("bench.ready_made:fastest", n_threads, **arguments)
                times[kind].append([result["us"] for result in results])
    of_cases = {kind: list(zip(*found, strict=True)) for kind, found in times.items()}
    return [
        {
            "ready": min(ready),
            "compiled": min(compiled),
            "ratio": statistics.median(one / other for one, other in zip(ready, compiled, strict=True)),
        }
        for ready, compiled in zip(of_cases["ready"], of_cases["compiled"], strict=True)
    ]


def describe(cases: Sequence[nets.Case], found: Sequence[dict[str, float]]) -> str:
    """Markdown: both times, and their ratio."""
    lines = ["| net | compiled us | ready-made us | ready-made / compiled |", "|---|---|---|---|"]
    for case, one in zip(cases, found, strict=True):
        lines.append(f"| {case.key} | {one['compiled']:.2f} | {one['ready']:.2f} | {one['ratio']:.3f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.ready_made", description="Ready-made and compiled code.")
    parser.add_argument("nets", nargs="*", default=[case.key for case in nets.ALL], help="as 'fastbp compare' has them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each net in a process")
    given = parser.parse_args(arguments)
    cases = nets.find(given.nets)
    try:
        found = measure(cases, given.threads, given.rounds, given.seconds)
    except RuntimeError as error:
        raise SystemExit(f"There is no ready-made code to measure: {error}") from None
    sys.stdout.write(describe(cases, found) + "\n")


if __name__ == "__main__":
    main()
