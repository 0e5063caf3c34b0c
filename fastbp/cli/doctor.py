"""fastbp doctor: the machine, the threads, the cache."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

import fastbp
from fastbp.cli.app import DType, app


@app.command()
def doctor(
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile all kernels now, and say how long it took.")
    ] = False,
) -> None:
    """Print CPU, threads and why, cache of compiled code, versions."""
    from fastbp._report import machine_table

    console = Console(highlight=False)
    if compile:
        for dtype in DType:
            began = time.perf_counter()
            net = fastbp.Network([2, 3, 2], dtype=dtype.value, seed=0)
            fastbp.train(net, np.eye(2), np.eye(2), epochs=1, batch_size=1)
            net.predict(np.eye(2))
            console.print(f"{dtype.value}: ready after {time.perf_counter() - began:.1f} s")
    console.print(machine_table())
