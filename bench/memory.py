"""Memory of a training run: its peak, whether steps allocate, whether data is copied."""

from __future__ import annotations

import importlib
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import fastbp
from fastbp import jit
from fastbp.compare import nets

CASES = (
    replace(nets.NETS[5], samples=512),
    nets.Case("784-2048-2048-10 Adam b256", (784, 2048, 2048, 10), 256, 512, optimizer="adam"),
    nets.Case("4096-4096-10 b64", (4096, 4096, 10), 64, 128),
)


def expected(case: nets.Case) -> int:
    """Bytes of parameters, their gradient, optimizer state and one copy, and of one minibatch of activations."""
    itemsize = np.dtype(case.dtype).itemsize
    slots = 2 if case.optimizer == "adam" else 0
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in zip(case.sizes, case.sizes[1:], strict=False))
    return itemsize * (n_parameters * (1 + 1 + slots + 1) + case.batch * sum(case.sizes))


def _status(name: str) -> int:
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith(name):
            return int(text.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}.")


def _train(case: nets.Case, net: fastbp.Network, X: Any, Y: Any, epochs: int = 1, n_threads: int = 1) -> None:
    optimizer = fastbp.Adam(0.001) if case.optimizer == "adam" else fastbp.SGD(case.learning_rate)
    fastbp.train(net, X, Y, optimizer=optimizer, epochs=epochs, batch_size=case.batch, n_threads=n_threads)


def peak(case: nets.Case, n_threads: int) -> dict[str, Any]:
    """Peak of resident memory during training above a process that has trained a tiny net of the same kind."""
    tiny = replace(case, sizes=(2, 3, *([2] * (case.L - 1))), batch=2, samples=4)
    _train(tiny, tiny.network(), *tiny.data(), n_threads=n_threads)
    X, Y = case.data()
    before = _status("VmRSS")
    net = case.network()
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    _train(case, net, X, Y, n_threads=n_threads)
    used = _status("VmHWM") - before
    return {"net": case.name, "threads": n_threads, "bytes": used, "expected": expected(case)}


def measure(case: int, n_threads: int) -> Iterator[dict[str, Any]]:
    """`peak` of one of ``CASES``; runs in a fresh process (`pin.task`)."""
    yield peak(CASES[case], n_threads)


def supported() -> bool:
    """Whether the system tells a process its peak and lets it be forgotten: Linux does."""
    return Path("/proc/self/clear_refs").exists()


def python_peak(case: nets.Case, X: Any, Y: Any) -> int:
    """Largest number of bytes that Python and NumPy allocated at once during a training: a copy of X would be in it."""
    net = case.network()
    _train(case, net, X, Y)
    tracemalloc.start()
    try:
        _train(case, net, X, Y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compiled_allocations(function: Callable[[], object]) -> int:
    """Arrays that compiled code allocated in one call, the second."""
    if jit.DISABLED:
        raise RuntimeError("Plain Python allocates in every line. Count in compiled code.")
    importlib.import_module("numba.core.runtime._nrt_python").memsys_enable_stats()
    statistics = importlib.import_module("numba.core.runtime").rtsys.get_allocation_stats
    function()
    before = statistics().alloc
    function()
    return int(statistics().alloc - before)


def allocations(case: nets.Case, epochs: int) -> int:
    """Arrays that compiled code allocated during a training of so many epochs."""
    X, Y = case.data()
    net = case.network()
    return compiled_allocations(lambda: _train(case, net, X, Y, epochs))
