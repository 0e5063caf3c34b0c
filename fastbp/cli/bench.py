"""fastbp bench: a short race for any user, with whatever peers are installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from fastbp import jit
from fastbp._signals import Phase, signals
from fastbp.checks import check_int
from fastbp.cli.app import Out, app, fail
from fastbp.cli.options import check_file, listed
from fastbp.machine import cpu_name

DEFAULT = ("784-30-10 b10 float32", "64-32-10 b16 float32", "784-128-64-10 b128 float32", "784-512-512-10 b128 float32")


@app.command()
def bench(
    nets: Annotated[
        list[str] | None,
        typer.Argument(help="Nets of the table by the beginning of their names, or new ones: '30-20-10 b32 tanh'."),
    ] = None,
    peers: Annotated[str | None, typer.Option(help="Peers to race, such as NumPy,JAX; default: all there are.")] = None,
    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,2.")] = "1",
    seconds: Annotated[float, typer.Option(min=0.0, help="For the race of each net.")] = 2.0,
    json: Annotated[Path | None, typer.Option(help="File to write the results to.")] = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="File of earlier results of this CPU; the command fails where fastbp has become slower."),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="How much slower than in --compare's file is noise.")] = 0.1,
) -> None:
    """Race fastbp against NumPy and every other library that is installed, on this machine."""
    from fastbp.compare import pin, results, run
    from fastbp.compare.nets import find

    check_file(json, "--json")
    numbers = listed(threads, "--threads", "it must list numbers. Pass for example --threads 1,2.")
    counts = [check_int(number, "--threads", low=1, high=64) for number in numbers]
    racing = None if peers is None else [name.strip() for name in peers.split(",")]
    console = Out()
    signals.phase = Phase.RAISE  # in the process that races, too, somebody has to hear of it
    try:
        cases = find(nets or DEFAULT)
        old = results.races_of(compare) if compare else None
        if jit.DISABLED:
            raise ValueError(
                "FASTBP_DISABLE_JIT or NUMBA_DISABLE_JIT is set, so that every kernel runs as plain Python; a race "
                "needs compiled ones. Unset it."
            )
        available = len(pin.cores())
        there = results.counted(available, "core")
        console.print(f"{cpu_name()}, {there}")
        for n in counts:
            if n > available:
                console.print(f"{n} threads share {there}: such times say little.", style="yellow")
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        if load > 0.5:
            console.print(
                f"The machine is busy (load {load:.1f}): times are the least of many turns, but see.", style="yellow"
            )
        console.print(peers_table(racing))
        found = run.tables(cases, racing, counts, seconds, lambda result: show(console, result))
    except RuntimeError as error:
        fail(error)
    signals.phase = Phase.LEAVE
    if json is not None:
        results.write(json, results.rounded({"machine": results.machine(), "nets": found}))
        console.print(Text(f"\nWrote {json}."))
    if old is not None:
        lines, slower = results.judged({"machine": results.cpu(), "nets": found}, old, str(compare), tolerance)
        for line in lines:
            console.print(Text("\n" + line, style="red" if slower else "yellow"))
        if slower:
            raise typer.Exit(1)


def peers_table(names: list[str] | None) -> Table:
    """Which peers were found, and how each is held to the number of threads."""
    from fastbp.compare import peers

    table = Table("peer", "version", "held to the number of threads by", box=None, pad_edge=False)
    for peer in peers.load(names):
        version = peer.version
        found = Text(version) if version else Text("not installed", style="dim")
        table.add_row(peer.name, found, Text(peer.pinning if version else "", style="dim"))
    return table


def show(console: Out, result: dict[str, Any]) -> None:
    """One net: every peer's step, as time, as multiple of the floor and of fastbp's time."""
    from fastbp.compare import results

    console.print()
    console.print(
        f"[bold]{result['net']}[/bold] {result['dtype']}, {results.counted(result['threads'], 'thread')}: floor "
        f"{results.duration(result['floor'])} a step (its operations at sgemm's {result['rate']:.0f} GFLOP/s in this "
        "run)"
    )
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
    console.print(table)
