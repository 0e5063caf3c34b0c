"""The kernels that Python calls, each with specimens of what it is called with: one for each set of dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastbp.kernels import explained, fingerprint, finite, tangents
from fastbp.kernels.gemm.prefetch import CURSOR
from fastbp.kernels.gemm.problem import Gemm
from fastbp.kernels.matrix import Matrix
from fastbp.kernels.records import (
    FLAGS,
    LAYER,
    OFFSETS,
    SETTINGS,
    STATISTICS,
    THREAD,
    Control,
    Data,
    Layers,
    Optimizer,
    Outputs,
    Training,
    Workspace,
)
from fastbp.kernels.schedules import data_parallel
from fastbp.kernels.team import GATE

TABLES = {
    "LAYER": LAYER,
    "OFFSETS": OFFSETS,
    "SETTINGS": SETTINGS,
    "STATISTICS": STATISTICS,
    "FLAGS": FLAGS,
    "THREAD": THREAD,
    "GATE": GATE,
    "CURSOR": CURSOR,
}
"""Tables in memory, by name; the library holds where their fields lie."""


class Specimen(NamedTuple):
    """A kernel, and arguments of the types that it is called with."""

    kernel: Any
    variant: str
    """The dtype that tells it from others of the same kernel."""
    arguments: dict[str, Any]
    """By name, whole numbers that change from call to call last."""
    n_numbers: int = 0
    """So many of the last arguments are passed by themselves; all others stand in the table of words."""
    by_address: bool = False
    """Whether the kernel takes addresses in place of arrays, and null in place of empty ones."""
    group: str = "small"
    """Kernels of a group share their machine code; large ones are inserted where they are called once."""

    @property
    def name(self) -> str:
        """Of the kernel: module and function."""
        function = self.kernel.py_func
        return f"{function.__module__}.{function.__qualname__}"

    @property
    def symbol(self) -> str:
        """Of the C function."""
        return f"fastbp_{self.kernel.py_func.__name__}_{self.variant}"


def _words(dtype: Any = np.int64) -> np.ndarray:
    return np.zeros(1, dtype)


def _layers(dtype: Any) -> Layers:
    return Layers(theta=_words(dtype), table=_words(LAYER), L=1, cost=0, cost_parameter=0.0, lowest=1)


def _data(dtype: Any) -> Data:
    whole, real = _words(), _words(dtype)
    return Data(X=real, indices=whole, indptr=whole, Y=real, labels=whole, weights=real, order=whole)


def _workspace(dtype: Any) -> Workspace:
    return Workspace(buf=_words(dtype), offsets=_words(OFFSETS), cursors=_words(CURSOR))


def _training(dtype: Any) -> Training:
    real, double = _words(dtype), _words(np.float64)
    optimizer = Optimizer(
        code=0,
        updating=0,
        size=1,
        slots=0,
        state=real,
        g=real,
        eta=double,
        settings=_words(SETTINGS),
        sums=double,
        mask=real,
        numbers=real,
        stepped=real,
    )
    control = Control(
        flags=_words(FLAGS),
        threads=_words(THREAD),
        statistics=_words(STATISTICS),
        n_threads=1,
        schedule=0,
        parts=1,
        n=1,
        batch=1,
        fetching=0,
        counting_hits=0,
    )
    return Training(_layers(dtype), _data(dtype), optimizer, _workspace(dtype), control)


def _outputs(dtype: Any) -> dict[str, Any]:
    out = Outputs(a=np.zeros((1, 1), dtype), costs=_words(np.float64), decisions=_words())
    records = {"layers": _layers(dtype), "data": _data(dtype), "workspace": _workspace(dtype), "out": out}
    return records | {"x0": 0, "x1": 1, "t": 0}


def _index_sums(dtype: Any) -> dict[str, Any]:
    buf, number = _words(dtype), np.dtype(dtype).type(1)
    matrix = Matrix(buf, 1, 1)
    g = Gemm(m=1, n=1, k=1, a=matrix, b=matrix, init=matrix, c=matrix, epilogue=0, scale=number, eta=number)
    return {"g": g, "panel": buf, "order": _words(), "cursors": _words(CURSOR)}


def _tangents(dtype: Any) -> Iterator[Specimen]:
    name = np.dtype(dtype).name
    a, s, cube = np.zeros((1, 1), dtype), _words(dtype), np.zeros((1, 1, 1), dtype)
    moving, number = (a, a), np.dtype(dtype).type(0)
    yield Specimen(tangents.index_sums, name, _index_sums(dtype), group="index_sums")
    calls: tuple[tuple[Any, dict[str, Any]], ...] = (
        (tangents.activations, {"code": 0, "z": a, "a": a, "d": a}),
        (tangents.output_slopes, {"code": 0, "a": a, "d": a, "delta": a}),
        (tangents.times_slope, {"d": a, "out": a}),
        (tangents.outer_products, {"a_prev": a, "delta": a, "out": cube}),
        (tangents.moving_activations, {"code": 0, "a": a, "d": a, "Rz": a, "Ra": a}),
        (
            tangents.moving_output_errors,
            {"of": (0, number), "code": 0, "y": a, "s": s, "d": a, "z_R": moving, "a_R": moving, "delta_R": moving},
        ),
        (tangents.moving_hidden_errors, {"code": 0, "d": a, "z_R": moving, "u_R": moving, "delta_R": moving}),
    )
    for kernel, arguments in calls:
        yield Specimen(kernel, name, arguments)


def _explained(dtype: Any) -> Iterator[Specimen]:
    name, v, number = np.dtype(dtype).name, _words(dtype), np.dtype(dtype).type(0)
    yield Specimen(explained.partial_sums, name, {"start": number, "first": v, "second": v, "running": v})
    yield Specimen(explained.cost_slopes, name, {"cost": 0, "z": v, "a": v, "y": v, "p": number, "out": v})


def _between(kind: Any) -> dict[str, Any]:
    return {"values": _words(kind), "least": 0.0, "largest": 0.0}


def specimens(dtype: str) -> Iterator[Specimen]:
    """Of the kernels for nets of a dtype; what needs no net's dtype is with float64."""
    kind = np.dtype(dtype).type
    training = {"training": _training(kind), "gate": _words(GATE), "t": 0}
    yield Specimen(data_parallel.work, dtype, training, 1, by_address=True, group="work")
    yield Specimen(data_parallel.outputs, dtype, _outputs(kind), 3, group="outputs")
    yield from _tangents(kind)
    yield from _explained(kind)
    yield Specimen(finite.largest_magnitude, dtype, {"values": _words(kind)})
    yield Specimen(finite.all_between, dtype, _between(kind))
    if dtype == "float64":
        yield Specimen(finite.all_between, "int64", _between(np.int64))
        yield Specimen(fingerprint.fingerprint, "uint64", {"words": _words(np.uint64)})
