"""Measure all into this CPU's file: ``python -m bench.full [--out FILE] [--only SUITE ...] [--seconds S]``.

Each suite runs in a fresh process for each number of threads. What the file holds of
a suite that is not run again stays.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import estimators, memory, mnist, scaling, start, sweeps
from bench.files import RESULTS, slug
from fastbp.compare import nets, pin, run
from fastbp.compare.results import cpu, described, machine, rounded, write

THREADS = (1, 2)

SUITES = ("nets", "more", "sweeps", "forward", "book", "scaling", "threads", "start", "memory", "mnist", "sklearn")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _show(result: dict[str, Any]) -> None:
    if "peers" in result:
        times = [f"{name} {p['us'] / result['floor']:.2f}" for name, p in result["peers"].items() if "us" in p]
        _say(f"  {result['net']} {result['dtype']}, {result['threads']} threads, x floor: {', '.join(times)}")
    else:
        _say(f"  {json.dumps(rounded(result))}")


SWEPT = ["fastbp", "JAX", "PyTorch", "torch.compile", "NumPy", "Numba prange"]


def measure(suite: str, seconds: float, threads: Sequence[int], names: list[str] | None = None) -> Any:
    """One suite; what the file holds under its name."""
    if suite == "nets":
        return run.tables([*nets.NETS, *nets.FLOAT64], names, threads, seconds, _show)
    if suite == "more":
        return run.tables(nets.MORE, names, threads, seconds, _show)
    if suite == "sweeps":
        found = {}
        for kind in ("width", "batch"):
            points = sweeps.sweep(kind)
            results = run.tables([case for _, case in points], names or SWEPT, threads, seconds / 2, _show)
            values = {case.name: point for point, case in points}
            found[kind] = [compact(result, values[result["net"]]) for result in results]
        return found
    if suite in ("forward", "book"):
        name = "bench.forward:measure" if suite == "forward" else "bench.threads:book"
        return [result for n in threads for result in pin.task(name, n, _show, seconds=seconds)]
    if suite in ("scaling", "threads"):
        most = max(threads)
        cases = scaling.cases() if suite == "scaling" else list(nets.ALL)
        counts = [*(n for n in (1, 2, 4, 8, 16, 32, 64) if n < most), most, *([None] if suite == "threads" else [])]
        arguments = {"cases": [asdict(case) for case in cases], "counts": counts, "seconds": seconds / 4}
        return pin.task("bench.threads:measure", most, _show, **arguments)
    if suite == "start":
        started = start.measure()
        _show(started)
        return started
    if suite == "memory":
        if not memory.supported():
            return {"reason": "this system does not tell a process its peak"}
        at = range(len(memory.CASES))
        return [r for n in threads for i in at for r in pin.task("bench.memory:measure", n, _show, case=i)]
    if suite == "sklearn":
        if importlib.util.find_spec("sklearn") is None:
            return {"reason": "scikit-learn is not installed"}
        measured = "bench.estimators"
        rows = [row for n in threads for row in pin.task(f"{measured}:epochs", n, _show, cases=estimators.CASES)]
        names = list(estimators.data_sets())
        return {"epochs": rows, "data": pin.task(f"{measured}:qualities", 1, _show, names=names)}
    if mnist.folder() is None:
        return {"reason": "FASTBP_MNIST does not name the folder of the files"}
    return [result for n in threads for result in pin.task("bench.mnist:measure", n, _show)]


def compact(result: dict[str, Any], at: int) -> dict[str, Any]:
    """Of a point of a sweep, what the picture needs."""
    us = {name: peer["us"] for name, peer in result["peers"].items() if "us" in peer}
    return {"at": at, "threads": result["threads"], "floor": result["floor"], "us": us}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suites and write the file after each of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.full", description=__doc__.splitlines()[0])
    file = RESULTS / f"{slug(described(cpu()))}.json"
    parser.add_argument("--out", type=Path, default=file, help="file of the results (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=SUITES, default=list(SUITES), help="suites to run")
    parser.add_argument("--seconds", type=float, default=3.0, help="for the race of a net (default: %(default)s)")
    parser.add_argument("--peers", nargs="+", help="peers to race in the tables; default: all there are")
    parser.add_argument("--threads", nargs="+", type=int, default=list(THREADS), help="default: 1 2")
    options = parser.parse_args(arguments)
    if "OPENBLAS_CORETYPE" in os.environ:
        _say(
            f"OPENBLAS_CORETYPE is {os.environ['OPENBLAS_CORETYPE']}: NumPy and the floor may be those of another CPU. "
            "Unset it for figures that are worth keeping."
        )
    if options.out == file and not RESULTS.is_dir():
        parser.error("there is no bench/results here: these are not the sources. Say where with --out FILE.")
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    load: Callable[[], tuple[float, ...]] = getattr(os, "getloadavg", lambda: (0.0,))
    for suite in options.only:
        busy = load()[0]
        began = time.perf_counter()
        _say(f"{suite}:")
        result = rounded(measure(suite, options.seconds, options.threads, options.peers))
        found["machine"] = machine() | {"cache": scaling.cache_bytes()}
        found[suite] = result
        took = round(time.perf_counter() - began)
        # How busy the machine was before the suite began: figures from a busy one are not worth keeping.
        found.setdefault("runs", {})[suite] = {"seconds": took, "load": round(busy, 2)}
        write(options.out, {name: found[name] for name in ("machine", "runs", *SUITES) if name in found})
        _say(f"  {took} s")


if __name__ == "__main__":
    main()
