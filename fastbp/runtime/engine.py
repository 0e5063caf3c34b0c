"""From a network and checked arrays to the kernels' records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.checks import check_memory
from fastbp.chunks import writable
from fastbp.functions.costs import CODES
from fastbp.kernels import layout
from fastbp.kernels.gemm.prefetch import CURSOR
from fastbp.kernels.records import (
    FLAGS,
    SCHEDULES,
    STATISTICS,
    THREAD,
    Control,
    Data,
    Layers,
    Optimizer,
    Training,
    Workspace,
)
from fastbp.runtime import csr
from fastbp.runtime.plan import FAR_BYTES, Plan

if TYPE_CHECKING:
    from fastbp.parameters import Parameters
    from fastbp.targets import Targets


class Layout(NamedTuple):
    """Where everything lies, and its size, before any of it is allocated."""

    plan: Plan
    layers: Layers
    offsets: Any
    workspace_size: int
    sums_size: int


def lay_out(
    net: Parameters, plan: Plan, *, keep_z: bool = False, predicting: bool = False, sparse: bool = False
) -> Layout:
    """The layout of a training, of a prediction, or of samples that are never copied, being sparse."""
    n_tiles = 1 if plan.schedule == "data_parallel" and not predicting else plan.n_threads
    table = net._layers
    if sparse:
        table = table.copy()
        table["J"][0] = 0
    table, offsets, size = layout.workspace_layout(
        table,
        plan.tile,
        n_tiles,
        plan.n_threads,
        net.dtype.itemsize,
        keep_z=keep_z,
        column_parallel=plan.schedule == "column_parallel",
        fused_update=plan.fused_update,
        fused_update_forward=plan.fused_update_forward,
    )
    for name in ("pack_a", "pack_b", "fused_update", "fused_update_forward"):
        offsets[name] = getattr(plan, name)
    table["J"][0] = net.sizes[0]
    layers = Layers(theta=net.theta, table=table, L=net.L, cost=CODES[net.cost], cost_parameter=net._p, lowest=1)
    return Layout(plan, layers, offsets, size, layout.sums_size(table, plan.n_threads))


def prepare_workspace(where: Layout) -> Workspace:
    """The workspace: its row of 0 and its output weights written, the rest as the memory comes."""
    buf = layout.aligned(where.workspace_size, where.layers.theta.dtype, zeroed=False)
    zeros, output_weights, after = (where.offsets[name][0] for name in ("zeros", "output_weights", "targets"))
    buf[zeros:output_weights] = 0
    buf[output_weights:after] = 1
    return Workspace(buf=buf, offsets=where.offsets, cursors=_records(where.plan.n_threads, CURSOR, where.plan))


def _records(n: int, dtype: np.dtype[Any], plan: Plan) -> np.ndarray:
    """So many records of 0: where several threads write to them, on cache lines of their own."""
    records: np.ndarray = np.zeros(n, dtype) if plan.n_threads == 1 else layout.aligned(n, dtype)
    return records


def weighing_outputs(workspace: Workspace, u: np.ndarray | None) -> Workspace:
    """The workspace, in which u_j stand if there are any."""
    if u is None:
        return workspace
    offsets = workspace.offsets.copy()
    offsets["weighing_outputs"], at = 1, int(offsets["output_weights"][0])
    workspace.buf[at : at + len(u)] = u
    return workspace._replace(offsets=offsets)


def output_weights(training: Training) -> np.ndarray | None:
    """u_j, if there are any."""
    workspace, n = training.workspace, int(training.layers.table["J"][-1])
    at = int(workspace.offsets["output_weights"][0])
    return workspace.buf[at : at + n] if workspace.offsets["weighing_outputs"][0] else None


NO_INDICES, NO_COSTS = np.empty(0, np.int64), np.empty(0)
_NO_NUMBERS = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}
_NO_TARGETS = {
    dtype: (NO_INDICES, NO_INDICES, none, NO_INDICES, none, NO_INDICES) for dtype, none in _NO_NUMBERS.items()
}
"""What follows X in `Data` of dense samples, of which nothing else is known."""


def without_targets(X: np.ndarray) -> tuple[Any, ...]:
    """The `Data` of dense samples as a plain tuple: a prediction of one row takes little longer than to make it."""
    return (writable(X.reshape(-1)), *_NO_TARGETS[X.dtype])


def make_data(
    X: np.ndarray | csr.Rows,
    targets: Targets | None,
    *,
    sample_weight: np.ndarray | None = None,
    order: np.ndarray = NO_INDICES,
    counting_hits: bool = False,
) -> Data:
    """Checked samples, which must stay alive as long as a kernel may read them."""
    values, indices, indptr = (
        (X.values, X.indices, X.indptr) if isinstance(X, csr.Rows) else (X, NO_INDICES, NO_INDICES)
    )
    nothing = _NO_NUMBERS[values.dtype]
    Y, labels = nothing, NO_INDICES
    if targets is not None:
        if targets.dense is not None:
            Y = writable(targets.dense.reshape(-1))
        if targets.dense is None or counting_hits:
            labels = writable(targets.decisions)
    weights = nothing if sample_weight is None else sample_weight
    values = writable(values.reshape(-1))
    return Data(X=values, indices=indices, indptr=indptr, Y=Y, labels=labels, weights=weights, order=order)


def make_training(
    where: Layout,
    data: Data,
    settings: np.ndarray,
    *,
    n: int,
    batch: int,
    g: np.ndarray | None,
    code: int | None = None,
    slots: int = 0,
    state: np.ndarray | None = None,
    sums: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    numbers: Sequence[float] = (),
    counting_hits: bool = False,
    output_weight: np.ndarray | None = None,
) -> Training:
    """Everything that a training of n samples works on; without an optimizer's code the gradient is left in g."""
    plan, theta, n_minibatches = where.plan, where.layers.theta, -(-n // batch)
    nothing = _NO_NUMBERS[theta.dtype]
    optimizer = Optimizer(
        code=code or 0,
        updating=int(code is not None),
        size=theta.size,
        slots=slots,
        state=nothing if state is None else state,
        g=nothing if g is None else g,
        eta=np.ones(n_minibatches),
        settings=settings,
        sums=np.empty(where.sums_size) if sums is None else sums,
        numbers=np.array(numbers, theta.dtype),
        mask=nothing if mask is None else mask,
        stepped=nothing if mask is None else layout.aligned(theta.size, theta.dtype),
    )
    far = data.order.size > 0 and data.indptr.size == 0 and data.X.nbytes > FAR_BYTES
    control = Control(
        flags=_records(1, FLAGS, plan),
        threads=_records(plan.n_threads, THREAD, plan),
        statistics=np.zeros(n_minibatches, STATISTICS),
        n_threads=plan.n_threads,
        schedule=SCHEDULES.index(plan.schedule),
        parts=plan.parts,
        n=n,
        batch=batch,
        fetching=int(plan.prefetch and far),
        counting_hits=int(counting_hits),
    )
    workspace = weighing_outputs(prepare_workspace(where), output_weight)
    return Training(layers=where.layers, data=data, optimizer=optimizer, workspace=workspace, control=control)


def with_plan(training: Training, where: Layout) -> Training:
    """The same training, in memory that is laid out for another plan."""
    theta, optimizer, plan = where.layers.theta, training.optimizer, where.plan
    if plan.tile < training.control.batch and not optimizer.g.size:
        optimizer = optimizer._replace(g=layout.aligned(theta.size, theta.dtype))
    control = training.control._replace(
        threads=_records(plan.n_threads, THREAD, plan),
        n_threads=plan.n_threads,
        schedule=SCHEDULES.index(plan.schedule),
        parts=plan.parts,
    )
    made = Training(
        layers=training.layers._replace(table=where.layers.table),
        data=training.data,
        optimizer=optimizer,
        workspace=weighing_outputs(prepare_workspace(where), output_weights(training)),
        control=control,
    )
    take_over(made, training)
    return made


def take_over(other: Training, training: Training) -> None:
    """Of the same training with another plan: what the table of layers says of an epoch."""
    for name in ("dropout", "seed", "rate"):
        other.layers.table[name] = training.layers.table[name]


def without_samples(training: Training) -> Training:
    """What it works on, which holds no sample any more."""
    nothing = _NO_NUMBERS[training.layers.theta.dtype]
    return training._replace(data=training.data._replace(X=nothing, Y=nothing, labels=NO_INDICES, weights=nothing))


def with_samples(training: Training, data: Data, cost_parameter: float) -> Training:
    """The same for other samples, as many, as it was when it was made, but for scratch memory."""
    for record in (training.control.flags, training.control.threads, training.workspace.cursors):
        record.view(np.uint8)[:] = 0
    return training._replace(data=data, layers=training.layers._replace(cost_parameter=cost_parameter))


def check_layout(where: Layout, vectors: int, what: str) -> None:
    """Refuse what memory cannot hold, with so many vectors like theta, before any of it is allocated."""
    theta = where.layers.theta
    check_memory((where.workspace_size + vectors * theta.size) * theta.itemsize + 8 * where.sums_size, what)
