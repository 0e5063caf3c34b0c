"""From a network and checked arrays to the kernels' job."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp import jit
from fastbp.arrays import writable
from fastbp.checks import check_memory
from fastbp.functions.activations import COSTS
from fastbp.jit.cpu import CACHE_LINE, VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.kernels.gemm.prefetch import CURSOR
from fastbp.kernels.gemm.tiling import PASS_ROWS
from fastbp.kernels.job import LABELS, NO_TARGETS, OUTPUTS, Job
from fastbp.kernels.records import STATISTICS, THREAD, new_settings
from fastbp.kernels.schedules import data_parallel
from fastbp.runtime import pool

if TYPE_CHECKING:
    from fastbp.arrays import Targets
    from fastbp.parameters import Parameters

TILE_BYTES = 1 << 20
"""Activations of a tile of samples: as much as a core's second-level cache holds."""

FAR_BYTES = 1 << 19
"""Samples that take more than this are fetched ahead of their use."""

LARGE_CALL = 2e7
"""Floating-point operations from which handing part of a single call to another thread pays."""

LARGE_STEP = 1e6
"""Floating-point operations of a minibatch for each thread, from which a team is faster than one thread."""

SAMPLES_EACH = 8
"""Samples of a minibatch for each thread, likewise: with fewer, moving weights that another thread has just changed
from its cache takes longer than multiplying by them."""

LARGE_OWNED_STEP = 1.5e5
"""``LARGE_STEP`` of layer 1 alone, where each thread owns some of its neurons: their weights stay in its cache."""

RELAYED_TILE = 1e6
RELAYED_BYTE = 300
"""Floating-point operations of a tile, and for each byte of theta, from which threads take tiles in turn."""


class Plan(NamedTuple):
    """Where a job's parts live, and its size in bytes, before any of it is allocated."""

    layers: Any
    offsets: Any
    scratch_size: int
    sums_size: int
    tile: int
    n_threads: int
    owning: bool = False
    relaying: bool = False


@functools.lru_cache(maxsize=256)
def operations_of_one(sizes: tuple[int, ...]) -> float:
    """Floating-point operations of F1 of one sample."""
    return 2.0 * sum(n_in * n_out for n_in, n_out in itertools.pairwise(sizes))


def operations(sizes: tuple[int, ...], n: int, *, training: bool) -> float:
    """Floating-point operations of n samples: 2 for each multiply-add of F1, and of BP2 and BP4 when training."""
    forward = n * operations_of_one(sizes)
    return 3 * forward - 2.0 * n * sizes[0] * sizes[1] if training else forward


def choose_threads(n_threads: int | None, flops: float, least: float) -> int:
    """The explicit number; else what this process may use, as far as the work is worth it and no team is at work."""
    if n_threads is not None:
        return pool.effective(n_threads)
    if flops < 2 * least or pool.in_use():
        return 1
    return min(pool.effective(None), int(flops // least))


def tile_size(net: Parameters, batch: int) -> int:
    """Samples that pass through all layers together: all, or as many as the cache holds."""
    row = 2 * int(net._layers["J"].sum() + max(net.sizes)) * net.dtype.itemsize
    return max(1, min(batch, max(256, TILE_BYTES // row // 64 * 64)))


def step_of_layer_1(net: Parameters, batch: int) -> float:
    """Floating-point operations of a minibatch's F1 and BP4 in layer 1; U takes about as long as two samples do."""
    return 4.0 * net.sizes[0] * net.sizes[1] * (batch + 2)


def lines_of_layer_1(net: Parameters) -> int:
    """Whole cache lines of a row of w^1."""
    return int(net._layers["stride"][1]) * net.dtype.itemsize // CACHE_LINE


def is_owning(net: Parameters, batch: int, n_threads: int) -> bool:
    """Whether plain descent gives each thread some neurons of layer 1 for itself, and every layer above.

    One thread then owns everything: U and F1 in one pass pay for themselves until a minibatch's activations no longer
    fit beside w^1 into the nearest cache. Several threads save moving w^1 and the layers above from cache to cache, but
    each computes what lies above layer 1, and what the cache lines of a row of w^1 leave uneven. Prices, measured on
    784-30, 784-100, 784-500, 784-128-64, 784-256-256, 784-64-512, 64-64 and 256-128, in floating-point operations.
    """
    n_lines = lines_of_layer_1(net)
    if net.L == 1 or n_lines == 0 or net.sizes[0] < PASS_ROWS:
        return False
    if n_threads == 1:
        return batch <= 16 or (batch <= 64 and n_lines * CACHE_LINE <= 2 * VECTOR_BYTES)
    uneven = math.ceil(n_lines / n_threads) / n_lines - 1 / n_threads
    above = 3 * operations_of_one(net.sizes[1:]) * (1 - 1 / n_threads)
    extra = 4.0 * net.sizes[0] * net.sizes[1] * uneven + above + 200 * net.sizes[1]
    return bool(batch * extra <= 1.5e5 + 3 * net.theta.nbytes)


def relay_tile(net: Parameters, batch: int, n_threads: int) -> int:
    """Samples of the tiles that ``n_threads`` threads take in turn; 0 where that does not pay.

    Sums and weights, which move with the turn, must be few for what a tile computes.
    """
    work = max(RELAYED_TILE, RELAYED_BYTE * net.theta.size * net.dtype.itemsize)
    tile = 8 * math.ceil(work / operations(net.sizes, 8, training=True))
    return tile if n_threads > 1 and tile <= tile_size(net, batch) and batch >= 4 * n_threads * tile else 0


def choose_team(net: Parameters, batch: int, plain: bool, n_threads: int | None) -> int:
    """Threads for minibatches of ``batch`` samples; ``plain`` is descent without momentum and penalty."""
    flops = operations(net.sizes, batch, training=True)
    if relay_tile(net, batch, 2):
        return choose_threads(n_threads, flops, 4 * RELAYED_TILE)
    if plain and n_threads is None and tile_size(net, batch) >= batch:
        most = choose_threads(None, step_of_layer_1(net, batch), LARGE_OWNED_STEP)
        for T in range(most, 1, -1):
            if is_owning(net, batch, T):
                n_lines = lines_of_layer_1(net)
                return math.ceil(n_lines / math.ceil(n_lines / T))  # as good as T, where not all would have a line
    return choose_threads(n_threads, flops, max(LARGE_STEP, flops * SAMPLES_EACH / batch))


def plan(
    net: Parameters,
    tile: int,
    n_threads: int,
    *,
    keep_z: bool = False,
    own_tiles: bool = False,
    owning: bool = False,
    relaying: bool = False,
) -> Plan:
    """Lay out a job of ``n_threads`` over tiles of ``tile`` samples, one for all threads or one for each."""
    n_tiles = n_threads if own_tiles or relaying or owning else 1
    layers, offsets, size = layout.scratch_layout(
        net._layers, tile, n_tiles, n_threads, net.dtype.itemsize, keep_z=keep_z, owning=owning
    )
    return Plan(layers, offsets, size, layout.sums_size(layers, n_threads), tile, n_threads, owning, relaying)


def plan_training(net: Parameters, batch: int, plain: bool, n_threads: int, *, shrinking: bool = False) -> Plan:
    """Lay out minibatches of ``batch`` samples, split between ``n_threads`` in the way that is fastest.

    ``plain`` is descent without momentum and penalty, ``shrinking`` with an l2 penalty: one thread then owns w^1 alike;
    of several, none would know all of w^1 for the penalty in C.
    """
    relayed = relay_tile(net, batch, n_threads)
    tile = relayed or tile_size(net, batch)
    owning = (plain or (shrinking and n_threads == 1)) and tile >= batch and is_owning(net, batch, n_threads)
    return plan(net, tile, n_threads, owning=owning, relaying=relayed > 0)


def prepare_scratch(where: Plan, dtype: Any) -> Any:
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
    where: Plan,
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
        control=layout.aligned(layout.control_size(where.n_threads), np.int64),
        threads=layout.aligned(where.n_threads, THREAD),
        cursors=layout.aligned(where.n_threads, CURSOR),
        L=net.L,
        size=net.theta.size,
        slots=0 if state is None else state.size // net.theta.size,
        n=len(X),
        batch=batch or len(X),
        tile=where.tile,
        n_threads=where.n_threads,
        cost=COSTS[cost or net.cost],
        optimizer=optimizer,
        targets=kind,
        sparse=0,
        ordered=int(order.size > 0),
        weighted=int(sample_weight is not None),
        keeping=int(g is not None),
        updating=int(updating),
        owning=int(where.owning),
        relaying=int(where.relaying),
        fetching=int(order.size > 0 and X.nbytes > FAR_BYTES),
        counting_hits=int(counting_hits),
    )


def limits(dtype: Any, largest_input: float) -> np.ndarray:
    """Settings that only decide whether a minibatch may be applied."""
    return new_settings(largest_input=largest_input, limit=float(np.finfo(dtype).max) ** 0.5)


def as_compiled() -> contextlib.AbstractContextManager[Any]:
    """As plain Python, kernels must not warn of an overflow either: they decide themselves what it means."""
    return np.errstate(all="ignore") if jit.DISABLED else contextlib.nullcontext()


def run_alone(
    net: Parameters,
    where: Plan,
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
    rest = (scratch, nothing, _NO_SETTINGS, _NO_CURSORS, out, net.L, where.tile, 0, NO_TARGETS, 0)
    with as_compiled():
        for x in range(0, len(out), step):
            end = min(x + step, len(out))
            data_parallel.outputs(*arrays, *rest, x, end, 0)


def check_job_memory(net: Parameters, where: Plan, vectors: int, what: str) -> None:
    """Refuse a job that memory cannot hold, before any of it is allocated."""
    needed = (where.scratch_size + vectors * net.theta.size) * net.dtype.itemsize + 8 * where.sums_size
    check_memory(needed, what)
