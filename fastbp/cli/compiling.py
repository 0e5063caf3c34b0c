"""What compiles before a command begins, and the bar that moves meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastbp
from fastbp import jit
from fastbp.cli.app import Out


def compile_kernels(dtype: Any) -> float:
    """Compile all that training, testing and prediction need, or load it from the cache; how many seconds it took."""
    began = time.perf_counter()
    net = fastbp.Network([2, 3, 2], dtype=dtype, seed=0)
    if fastbp.train(net, np.eye(2), np.eye(2), epochs=1, batch_size=1).stopped:
        raise KeyboardInterrupt
    net.predict(np.eye(2))
    return time.perf_counter() - began


def compile_first(console: Out, dtype: str) -> None:
    """Before the run, so that its samples a second and time left are its own; with a word where the cache is empty."""
    if jit.DISABLED or jit.LIBRARY is not None:
        return
    if jit.CACHE_DIR is not None and any(jit.CACHE_DIR.rglob("data_parallel.work-*.nbc")):
        compile_kernels(dtype)
        return
    later = "" if jit.CACHE_DIR is None else "; later runs find them in the cache"
    console.print(f"Compiling the {dtype} kernels once{later}.", style="dim")
    with compiling_bar(console, dtype):
        compile_kernels(dtype)


@contextlib.contextmanager
def compiling_bar(console: Out, dtype: str) -> Iterator[None]:
    """Context with a bar, on a terminal, that says how far the compilation of all kernels is. It leaves nothing."""
    from rich.progress import BarColumn, Progress, TextColumn

    from fastbp.jit import progress

    columns = (BarColumn(bar_width=24), TextColumn("{task.percentage:.0f} %{task.fields[left]}", style="dim"))
    with contextlib.ExitStack() as stack:
        if console.is_terminal:
            bar = stack.enter_context(Progress(*columns, console=console, transient=True, auto_refresh=False))
            task = bar.add_task("", total=1.0, left="")

            def tell(status: progress.Status) -> None:
                left = f", about {max(1, round(status.left))} s left"
                bar.update(task, completed=status.fraction, left=left, refresh=True)

            stack.enter_context(progress.watching(tell, [f"{name} {dtype}" for name in ("outputs", "work")]))
        yield
