"""fastbp doctor: the machine, the threads, the cache, and how a model would be trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fastbp
from fastbp.cli.app import DType, Out, app
from fastbp.cli.compiling import compile_kernels, compiling_bar
from fastbp.errors import called


@app.command()
def doctor(
    model: Annotated[Path | None, typer.Argument(help="Model file: how a training of it would run, and why.")] = None,
    batch_size: Annotated[int, typer.Option(help="Samples of a minibatch of that training.")] = 32,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile all kernels now, and say how long it took.")
    ] = False,
) -> None:
    """Print CPU, threads and why, cache of compiled code, versions; of a model the plan of a training by descent."""
    from fastbp.cli.report import machine_table, plan_table
    from fastbp.model import as_model

    console = Out()
    planned = None
    if model is not None:
        loaded = fastbp.load(model)
        with called({"batch": "--batch-size"}):
            planned = fastbp.plan(as_model(loaded).net, batch_size)
    if compile:
        for dtype in DType:
            with compiling_bar(console, dtype.value):
                seconds = compile_kernels(dtype.value)
            console.print(f"{dtype.value}: ready after {seconds:.1f} s")
    console.print(machine_table())
    if planned is not None:
        console.print()
        console.print(plan_table(planned))
