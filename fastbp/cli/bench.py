"""fastbp bench: the races."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastbp._signals import Phase, signals
from fastbp.checks import check_int
from fastbp.cli.app import Out, app, fail
from fastbp.cli.options import check_file, listed


@app.command()
def bench(
    nets: Annotated[
        list[str] | None,
        typer.Argument(help="Nets of the table by the beginning of their names, or new ones: '30-20-10 b32 tanh'."),
    ] = None,
    peers: Annotated[str | None, typer.Option(help="Peers to race, such as NumPy,JAX; default: all there are.")] = None,
    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,2.")] = "1",
    seconds: Annotated[float, typer.Option(min=0.0, help="For the race of each net.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="File to write the results to.")] = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="File of earlier results of this CPU; the command fails where fastbp has become slower."),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="How much slower than in --compare's file is noise.")] = 0.1,
) -> None:
    """Race fastbp against NumPy and every other library that is installed, on this machine."""
    from fastbp.compare import quick

    check_file(json, "--json")
    counts = listed(threads, "--threads", "it must list numbers. Pass for example --threads 1,2.")
    signals.phase = Phase.RAISE  # in the process that races, too, somebody has to hear of it
    try:
        kept = quick.bench(
            Out(),
            names=nets or quick.DEFAULT,
            racing=None if peers is None else [name.strip() for name in peers.split(",")],
            threads=[check_int(count, "--threads", low=1, high=64) for count in counts],
            seconds=seconds,
            out=json,
            against=compare,
            tolerance=tolerance,
        )
    except RuntimeError as error:
        fail(error)
    signals.phase = Phase.LEAVE
    if not kept:
        raise typer.Exit(1)
