"""fastbp doctor: the machine, the threads, the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from fastbp.cli.app import DType, Out, app
from fastbp.cli.train import compile_kernels


@app.command()
def doctor(
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile all kernels now, and say how long it took.")
    ] = False,
) -> None:
    """Print CPU, threads and why, cache of compiled code, versions."""
    from fastbp.cli.report import machine_table

    console = Out()
    if compile:
        for dtype in DType:
            console.print(f"{dtype.value}: ready after {compile_kernels(dtype.value):.1f} s")
    console.print(machine_table())
