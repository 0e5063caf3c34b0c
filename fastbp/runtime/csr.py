"""Jobs on sparse samples, of which the kernels visit the stored values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp.chunks import contiguous
from fastbp.runtime import engine
from fastbp.runtime.plan import LARGE_CALL, choose_threads, operations, plan_prediction
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
        contiguous(X.data, dtype),
        contiguous(X.indices, np.int64, copy=True),  # kernels use them as indices, and the user may change his
        contiguous(X.indptr, np.int64, copy=True),
        (int(X.shape[0]), int(X.shape[1])),
    )


def outputs(net: Parameters, X: Rows, targets: Targets | None, n_threads: int | None) -> tuple[np.ndarray, np.ndarray]:
    """a^L (F1, F2) and, with targets, C_x of every sample."""
    n = len(X)
    flops = 2.0 * len(X.values) * net.sizes[1] + operations(net.sizes[1:], n, training=False)
    threads = choose_threads(n_threads, flops, LARGE_CALL)
    plan = plan_prediction(n, threads)
    key = "sparse", plan
    if key not in net._layouts:
        net._layouts[key] = engine.lay_out(net, plan, predicting=True, sparse=True), []
    where, spare = net._layouts[key]
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
