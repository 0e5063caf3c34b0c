"""``fastbp bench``: a short race for any user, with whatever peers are installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastbp import jit
from fastbp.compare import nets, peers, pin, results, run
from fastbp.machine import cpu_name

DEFAULT = ("784-30-10 b10 float32", "64-32-10 b16 float32", "784-128-64-10 b128 float32", "784-512-512-10 b128 float32")


def peers_table(names: Sequence[str] | None) -> Table:
    """Which peers were found, and how each is held to the number of threads."""
    table = Table("peer", "version", "held to the number of threads by", box=None, pad_edge=False)
    for peer in peers.load(None if names is None else list(names)):
        version = peer.version
        found = Text(version) if version else Text("not installed", style="dim")
        table.add_row(peer.name, found, Text(peer.pinning if version else "", style="dim"))
    return table


def race_table(result: nets.Result) -> Table:
    """One net: every peer's step, as time, as multiple of the floor and of fastbp's time."""
    times = {name: peer["us"] for name, peer in result["peers"].items() if "us" in peer}
    least = min(times.values())
    table = Table("peer", "a step", "x floor", "x fastbp", "", box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    for name, peer in sorted(result["peers"].items(), key=lambda item: item[1].get("us", float("inf"))):
        if "us" not in peer:
            table.add_row(Text(name, style="dim"), "-", "-", "-", Text(peer["reason"], style="dim"))
            continue
        us = peer["us"]
        note = f"gradient agrees to {peer['error']:.0e}" if peer["error"] else ""
        if peer["cores"] > result["threads"] + 0.5:
            note += f"; it kept {peer['cores']:.1f} cores busy"
        table.add_row(
            Text(name, style="bold" if name == "fastbp" else ""),
            results.duration(us),
            results.number(us / result["floor"]),
            results.number(us / times["fastbp"]),
            Text(note, style="dim"),
            style="green" if us == least else "",
        )
    return table


def show(console: Console, result: nets.Result) -> None:
    """A net's heading and its table."""
    threads = results.counted(result["threads"], "thread")
    console.print()
    console.print(
        f"[bold]{result['net']}[/bold] {result['dtype']}, {threads}: floor {results.duration(result['floor'])} a step "
        f"(its operations at sgemm's {result['rate']:.0f} GFLOP/s in this run)"
    )
    console.print(race_table(result))


def bench(
    console: Console,
    *,
    names: Sequence[str],
    racing: Sequence[str] | None,
    threads: Sequence[int],
    seconds: float,
    out: Path | None = None,
    against: Path | None = None,
    tolerance: float = 0.1,
) -> bool:
    """Race; whether nothing has become slower, by more than the tolerance, than in the file ``against`` of this CPU."""
    cases = nets.find(names)
    old = results.races_of(against) if against else None
    if jit.DISABLED:
        raise ValueError(
            "FASTBP_DISABLE_JIT or NUMBA_DISABLE_JIT is set, so that every kernel runs as plain Python; a race needs "
            "compiled ones. Unset it."
        )
    available = len(pin.cores())
    console.print(f"{cpu_name()}, {results.counted(available, 'core')}")
    for n in threads:
        if n > available:
            console.print(
                f"{n} threads share {results.counted(available, 'core')}: such times say little.", style="yellow"
            )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        console.print(
            f"The machine is busy (load {load:.1f}): times are the least of many turns, but see.", style="yellow"
        )
    console.print(peers_table(racing))
    found = run.tables(cases, racing, threads, seconds, lambda result: show(console, result))
    if out is not None:
        results.write(out, results.rounded({"machine": results.machine(), "nets": found}))
        console.print(Text(f"\nWrote {out}."))
    if old is None:
        return True
    lines, slower = results.judged({"machine": results.cpu(), "nets": found}, old, str(against), tolerance)
    for line in lines:
        console.print(Text("\n" + line, style="red" if slower else "yellow"))
    return not slower
