"""Compiling the kernels before they are timed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import fastbp
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
    from fastbp import jit

    if jit.DISABLED:
        return
    if jit.CACHE_DIR is None or not any(jit.CACHE_DIR.rglob("data_parallel.work-*.nbc")):
        console.print(f"Compiling the {dtype} kernels once; later runs find them in the cache.", style="dim")
    compile_kernels(dtype)
