"""From a network and checked arrays to the kernels' job."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp import jit
from fastbp.checks import check_memory
from fastbp.chunks import writable
from fastbp.functions.activations import COSTS
from fastbp.kernels import layout
from fastbp.kernels.gemm.prefetch import CURSOR
from fastbp.kernels.job import LABELS, NO_TARGETS, OUTPUTS, Job
from fastbp.kernels.records import CONTROL, STATISTICS, THREAD, new_settings
from fastbp.kernels.schedules import data_parallel
from fastbp.runtime.plan import FAR_BYTES, Plan

if TYPE_CHECKING:
    from fastbp.arrays import Targets
    from fastbp.parameters import Parameters


class Layout(NamedTuple):
    """Where a job's parts live, and its size in bytes, before any of it is allocated."""

    plan: Plan
    layers: Any
    offsets: Any
    scratch_size: int
    sums_size: int


def lay_out(
    net: Parameters, plan: Plan, *, keep_z: bool = False, predicting: bool = False, sparse: bool = False
) -> Layout:
    """The layout of a job: of a training, of a prediction, or of samples that are never copied, being sparse."""
    itemsize, n_threads, columns = net.dtype.itemsize, plan.n_threads, plan.schedule == "column_parallel"
    n_tiles = 1 if plan.schedule == "data_parallel" and not predicting else n_threads
    layers = net._layers
    if sparse:
        layers = layers.copy()
        layers["J"][0] = 0
    layers, offsets, size = layout.scratch_layout(
        layers, plan.tile, n_tiles, n_threads, itemsize, keep_z=keep_z, owning=columns
    )
    layers["J"][0] = net.sizes[0]
    return Layout(plan, layers, offsets, size, layout.sums_size(layers, n_threads))


def prepare_scratch(where: Layout, dtype: Any) -> Any:
    """The scratch buffer: its rows of 0 and of 1 written, the rest as the memory comes."""
    scratch = layout.aligned(where.scratch_size, dtype, fill=None)
    zeros, ones, after = (where.offsets[name][0] for name in ("zeros", "ones", "targets"))
    scratch[zeros:ones] = 0
    scratch[ones:after] = 1
    return scratch


NO_INDICES = np.empty(0, np.int64)
_NO_SUMS = np.empty(0, np.float64)
_NO_SETTINGS = new_settings()
_NO_CURSORS = np.empty(0, CURSOR)


def make_job(
    net: Parameters,
    where: Layout,
    X: np.ndarray,
    targets: Targets | None = None,
    *,
    sample_weight: np.ndarray | None = None,
    g: np.ndarray | None = None,
    state: np.ndarray | None = None,
    order: np.ndarray = NO_INDICES,
    stats: np.ndarray | None = None,
    eta: np.ndarray = _NO_SUMS,
    settings: np.ndarray | None = None,
    sums: np.ndarray | None = None,
    scratch: np.ndarray | None = None,
    batch: int = 0,
    decisions: np.ndarray = NO_INDICES,
    cost: str | None = None,
    optimizer: int = 0,
    updating: bool = False,
    counting_hits: bool = False,
) -> Job:
    """A job on checked arrays. ``X`` and the targets must stay alive as long as it does."""
    nothing = np.empty(0, net.dtype)
    kind, dense, labels = NO_TARGETS, nothing, decisions
    if targets is not None:
        kind = LABELS if targets.dense is None else OUTPUTS
        dense = nothing if targets.dense is None else writable(targets.dense.reshape(-1))
        labels = writable(targets.decisions) if counting_hits or targets.dense is None else NO_INDICES
    return Job(
        theta=net.theta,
        state=nothing if state is None else state,
        g=nothing if g is None else g,
        X=writable(X.reshape(-1)),
        indices=NO_INDICES,
        indptr=NO_INDICES,
        Y=dense,
        labels=labels,
        weights=nothing if sample_weight is None else sample_weight,
        order=order,
        layers=where.layers,
        offsets=where.offsets,
        scratch=prepare_scratch(where, net.dtype) if scratch is None else scratch,
        sums=np.empty(where.sums_size) if sums is None else sums,
        stats=np.zeros(1, STATISTICS) if stats is None else stats,
        eta=eta,
        settings=new_settings() if settings is None else settings,
        control=layout.aligned(1, CONTROL),
        threads=layout.aligned(where.plan.n_threads, THREAD),
        cursors=layout.aligned(where.plan.n_threads, CURSOR),
        L=net.L,
        size=net.theta.size,
        slots=0 if state is None else state.size // net.theta.size,
        n=len(X),
        batch=batch or len(X),
        tile=where.plan.tile,
        n_threads=where.plan.n_threads,
        cost=COSTS[cost or net.cost],
        optimizer=optimizer,
        targets=kind,
        sparse=0,
        ordered=int(order.size > 0),
        weighted=int(sample_weight is not None),
        keeping=int(g is not None),
        updating=int(updating),
        owning=int(where.plan.schedule == "column_parallel"),
        relaying=int(where.plan.schedule == "ordered_tiles"),
        fetching=int(where.plan.prefetch and order.size > 0 and X.nbytes > FAR_BYTES),
        counting_hits=int(counting_hits),
    )


def as_compiled() -> contextlib.AbstractContextManager[Any]:
    """As plain Python, kernels must not warn of an overflow either: they decide themselves what it means."""
    return np.errstate(all="ignore") if jit.DISABLED else contextlib.nullcontext()


def run_alone(
    net: Parameters,
    where: Layout,
    X: np.ndarray,
    out: np.ndarray,
    scratch: np.ndarray,
    decisions: np.ndarray,
    step: int,
) -> None:
    """``run_outputs`` on one thread, of dense samples without targets: a job would take longer to make than one row.

    Python can look at Ctrl-C after every ``step`` samples. Writes what the outputs decide into ``decisions``, shape
    (n_samples,), unless that is empty; -1 for NaN.
    """
    none, nothing = NO_INDICES, _NO_SUMS
    arrays = (net.theta, writable(X.reshape(-1)), none, none, scratch, decisions, where.layers, where.offsets)
    rest = (scratch, nothing, _NO_SETTINGS, _NO_CURSORS, out, net.L, where.plan.tile, 0, NO_TARGETS, 0)
    with as_compiled():
        for x in range(0, len(out), step):
            end = min(x + step, len(out))
            data_parallel.outputs(*arrays, *rest, x, end, 0)


def check_job_memory(net: Parameters, where: Layout, vectors: int, what: str) -> None:
    """Refuse a job that memory cannot hold, before any of it is allocated."""
    needed = (where.scratch_size + vectors * net.theta.size) * net.dtype.itemsize + 8 * where.sums_size
    check_memory(needed, what)
