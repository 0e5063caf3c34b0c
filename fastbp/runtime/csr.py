"""Sparse samples, of which the kernels visit the stored values only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp.chunks import contiguous
from fastbp.runtime.plan import operations


class Rows(NamedTuple):
    """Samples in SciPy's CSR form, canonical: k ascending, each once."""

    values: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]


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


def operations_of(sizes: tuple[int, ...], X: Rows) -> float:
    """Floating-point operations of F1 of these samples."""
    return 2.0 * len(X.values) * sizes[1] + operations(sizes[1:], len(X), training=False)
