"""Jobs on sparse samples, of which the kernels visit the stored values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.kernels import layout
from fastbp.runtime import engine
from fastbp.runtime.team import run_outputs

if TYPE_CHECKING:
    from fastbp.arrays import Targets
    from fastbp.kernels.job import Job
    from fastbp.parameters import Parameters


class Rows(NamedTuple):
    """Samples in SciPy's CSR form, canonical: k ascending, each once."""

    values: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def into(self, job: Job, batch: int) -> Job:
        """A job that was made on ``values``, on these samples."""
        return job._replace(indices=self.indices, indptr=self.indptr, sparse=1, n=len(self), batch=batch, fetching=0)


def as_rows(X: Any, dtype: Any) -> Rows:
    """A SciPy sparse matrix as the kernels take it."""
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return Rows(
        np.require(X.data, dtype, ["C", "A"]),
        np.array(X.indices, np.int64),  # copies: kernels use them as indices, and the user may change his
        np.array(X.indptr, np.int64),
        (int(X.shape[0]), int(X.shape[1])),
    )


def plan(net: Parameters, tile: int, n_threads: int, *, own_tiles: bool = False) -> engine.Plan:
    """``engine.plan`` without room for the samples of a tile: they are never copied."""
    layers = net._layers.copy()
    layers["J"][0] = 0
    n_tiles = n_threads if own_tiles else 1
    layers, offsets, size = layout.scratch_layout(layers, tile, n_tiles, n_threads, net.dtype.itemsize)
    layers["J"][0] = net.sizes[0]
    return engine.Plan(layers, offsets, size, layout.sums_size(layers, n_threads), tile, n_threads)


def tile_size(net: Parameters, batch: int) -> int:
    """``engine.tile_size`` likewise: samples of which the cache holds all layers but the input."""
    row = 2 * int(net._layers["J"][1:].sum() + max(net.sizes[1:])) * net.dtype.itemsize
    return max(1, min(batch, max(256, engine.TILE_BYTES // row // 64 * 64)))


def outputs(net: Parameters, X: Rows, targets: Targets | None, n_threads: int | None) -> tuple[np.ndarray, np.ndarray]:
    """a^L (F1, F2) and, with targets, C_x of every sample."""
    n = len(X)
    flops = 2.0 * len(X.values) * net.sizes[1] + engine.operations(net.sizes[1:], n, training=False)
    threads = engine.choose_threads(n_threads, flops, engine.LARGE_CALL)
    tile = 1 << min(7, (n - 1).bit_length())
    key = -tile, threads  # beside the plans for dense samples
    if key not in net._plans:
        net._plans[key] = plan(net, tile, threads, own_tiles=True), []
    where, spare = net._plans[key]
    where = net._located(where)
    out = np.empty((n, net.sizes[-1]), net.dtype)
    cost = np.empty(0 if targets is None else n)
    try:
        scratch = spare.pop()
    except IndexError:
        scratch = engine.prepare_scratch(where, net.dtype)
    job = X.into(engine.make_job(net, where, X.values, targets, sums=cost, scratch=scratch), n)
    run_outputs(job, out, threads, flops)
    spare.append(scratch)
    return out, cost
