"""What the command line prints: tables of a network, of its accuracy by class, of the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastbp import __version__, jit
from fastbp.ensemble import Ensemble
from fastbp.jit import cpu, library
from fastbp.jit.asked import PLAIN
from fastbp.jit.cache import flag
from fastbp.jit.mode import has_numba
from fastbp.kernels.gemm import tiling
from fastbp.machine import cpu_name
from fastbp.model import Model
from fastbp.network import Network
from fastbp.runtime import pool
from fastbp.training.planning import Planned


def confusion(known: np.ndarray, decided: np.ndarray, n_classes: int) -> np.ndarray:
    """Samples of each class (rows) by what the net decided (columns)."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (known, decided), 1)
    return counts


def class_table(counts: np.ndarray, names: Sequence[Any]) -> Table:
    """Precision, recall, F1 score and samples of each class."""
    table = Table("class", "precision", "recall", "F1", "samples", "mistaken for", box=None, pad_edge=False)
    for column in table.columns[1:5]:
        column.justify = "right"
    for i, name in enumerate(names):
        hits, decided, known = int(counts[i, i]), int(counts[:, i].sum()), int(counts[i].sum())
        precision, recall = hits / decided if decided else 0.0, hits / known if known else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        others = sorted(((int(n), j) for j, n in enumerate(counts[i]) if j != i and n), reverse=True)[:3]
        mistaken = ", ".join(f"{names[j]} ({n})" for n, j in others)
        table.add_row(
            Text(str(name)), f"{precision:.1%}", f"{recall:.1%}", f"{f1:.1%}", str(known), Text(mistaken, style="dim")
        )
    return table


def network_table(net: Network) -> Table:
    """A row for each layer."""
    table = Table("layer", "neurons", "activation", "w", "b", "parameters", "mean |w|", box=None, pad_edge=False)
    table.add_row("0", str(net.sizes[0]), "input", "", "", "", "")
    for l in range(1, net.L + 1):
        w, b = net.w[l], net.b[l]
        values = (l, w.shape[0], net.activations[l - 1], w.shape, b.shape, w.size + b.size, f"{np.abs(w).mean():.4f}")
        table.add_row(*map(str, values))
    return table


def describe(model: Model, console: Console) -> None:
    """Print what a model is and what travels with it."""
    net = model.net
    for part in net if isinstance(net, Ensemble) else [net]:
        console.print(network_table(part))
    if isinstance(net, Ensemble):
        console.print(f"an ensemble of {len(net)} networks")
    p = "" if net.cost_parameter is None else f" ({net.cost_parameter:g})"
    console.print(f"cost {net.cost}{p}, {net.dtype.name}, {net.n_parameters:,} parameters, {net.task}")
    scales = [*(("input", step) for step in model.steps), *([] if model.target is None else [("target", model.target)])]
    for name, scale in scales:
        numbers = ", ".join(f"{part}: {_short(getattr(scale, part).tolist())}" for part in ("subtract", "divide"))
        console.print(Text(f"{name} scaled, {numbers}"))
    if model.columns is not None:
        for found in model.columns.found:
            numbers = ", ".join(
                f"{key}: {_short(value)}"
                for key, value in found.described().items()
                if key not in ("name", "kind", "why")
            )
            console.print(Text(f"column {found.name}: {found.kind}, {found.why}{numbers and '; '}{numbers}"))
    for name, value in net.meta.items():
        text = str(dict(value)) if hasattr(value, "items") else str(value)
        console.print(Text(f"{name}: {_short(text)}"))


def plan_table(planned: Planned) -> Table:
    """A row for each choice of a training's plan, and why."""
    table = Table("plan", "choice", "why", box=None, pad_edge=False)
    for name, choice in planned.plan._asdict().items():
        shown = {True: "yes", False: "no"}[choice] if isinstance(choice, bool) else str(choice)
        table.add_row(Text(name, no_wrap=True), Text(shown, no_wrap=True), Text(planned.why[name]))
    return table


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 100 else text[:97] + "..."


def _version(module: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(module)
    except PackageNotFoundError:
        return "not installed"


def _machine_code() -> str:
    """Which code the kernels run, and why."""
    known = library.LIBRARY
    if known is None:
        return f"compiled here by Numba, when it is first needed: {library.REASON}"
    better = f"; {library.REASON}" if library.REASON else ""
    return f"ready-made, {known.path} for {known.level}, by Numba {known.numba}: nothing is compiled{better}"


def _why_plain() -> str:
    """And what to do about it."""
    if PLAIN:
        return "FASTBP_DISABLE_JIT or NUMBA_DISABLE_JIT is set"
    return f"Numba is not installed, and {library.REASON}. Run: pip install numba"


def _first_use() -> str:
    """What will be compiled, and when."""
    if library.LIBRARY is None:
        return "the first run compiles"
    return "functions of your own, the textbook and the lessons are compiled when they are first used"


def machine_table() -> Table:
    """CPU, threads and why, cache of compiled code, versions."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")

    def add(name: str, value: Any) -> None:
        table.add_row(name, Text(str(value)))

    add("fastbp", __version__)
    add("Python", f"{platform.python_version()} on {platform.platform()}")
    for module in ("numpy", "numba", "llvmlite", "scikit-learn", "matplotlib", "safetensors"):
        add(module, _version(module))
    add("CPU", cpu_name())
    if jit.DISABLED:
        add("compiled code", f"none, every kernel runs as plain Python: {_why_plain()}")
    else:
        rows = f"tiles of up to {tiling.MAX_ROWS} x {2 * cpu.VECTOR_BYTES // 4} float32 sums"
        add("vectors", f"{8 * cpu.VECTOR_BYTES} bits, {rows}")
        add("machine code", _machine_code())
    threads = pool.effective(None)
    limits = pool.limits()
    reason = min(limits, key=lambda name: limits[name])
    add("threads", f"{threads}, limited by: {reason}")
    for name, value in limits.items():
        add("", f"{name}: {value if value < pool.MAX_THREADS else 'no limit'}")
    cache, none = None, "none: nothing is compiled"
    if not jit.DISABLED and has_numba():
        unset = "no directory is writable by this user alone, and lies in one that nobody else may change"
        cache, none = jit.CACHE_DIR, f"none: {'FASTBP_NO_CACHE is set' if flag('FASTBP_NO_CACHE') else unset}"
    elif not jit.DISABLED:
        none += "; the textbook runs as plain Python, and functions of your own need Numba. Run: pip install numba"
    add("cache", cache or none)
    if cache is not None:
        sizes = [path.stat().st_size for path in cache.rglob("*.nbc")]
        add("", f"{len(sizes)} compiled functions, {sum(sizes) / 1e6:.1f} MB" if sizes else f"empty: {_first_use()}")
    add("environment", ", ".join(f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(_PREFIXES)) or "-")
    return table


_PREFIXES = ("FASTBP_", "NUMBA_", "OMP_NUM_THREADS")
