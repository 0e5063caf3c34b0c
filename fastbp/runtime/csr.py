"""Sparse samples, of which the kernels visit the stored values only."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from fastbp import arrays
from fastbp.chunks import contiguous, extremes
from fastbp.errors import argument_error, called
from fastbp.runtime.plan import operations


class Rows(NamedTuple):
    """Samples in SciPy's CSR form, canonical: k ascending, each once."""

    values: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, x: np.ndarray) -> Rows:
        """These samples, copied."""
        starts, sizes = self.indptr[x], np.diff(self.indptr)[x]
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        at = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], sizes)
        return Rows(self.values[at], self.indices[at], indptr, (len(x), self.shape[1]))


def as_rows(X: Any, dtype: Any) -> Rows:
    """A SciPy sparse matrix as the kernels take it.

    Raises
    ------
    ValueError
        Its indices lie outside its shape, or do not belong to its values.
    """
    X = X.tocsr()
    rows = _copied(X, dtype)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
        rows = _copied(X, dtype)
    return rows


def _copied(X: Any, dtype: Any) -> Rows:
    """Canonical or not: indices are copied, as kernels use them and the user may change his."""
    n, K = (int(size) for size in X.shape)
    indices, indptr = contiguous(X.indices, np.int64, copy=True), contiguous(X.indptr, np.int64, copy=True)
    if indptr.shape == (n + 1,) and indptr[0] == 0 and (indptr[1:] >= indptr[:-1]).all():
        total = int(indptr[-1])
        indices = indices[:total]
        least, largest = extremes(indices) if total and len(indices) else (0, 0)
        if total <= min(len(X.data), len(X.indices)) and 0 <= least <= largest < K:
            return Rows(contiguous(X.data[:total], dtype), indices, indptr, (n, K))
    raise argument_error(
        "X", f"is a sparse matrix whose indices do not fit its shape, {(n, K)}; it is damaged. Make it anew."
    )


def require_dense(X: Any) -> np.ndarray:
    """Samples, unless they are sparse ones."""
    if isinstance(X, Rows):
        raise argument_error(
            "X", "is sparse; networks with inputs of their own take dense samples. Pass X.toarray().", TypeError
        )
    dense: np.ndarray = X
    return dense


def is_sparse(X: Any) -> bool:
    """Whether this is a sparse matrix or array of SciPy, which is not imported for the question."""
    known = sys.modules.get("scipy.sparse")
    return known is not None and bool(known.issparse(X))


def as_inputs(X: Any, K: int, dtype: np.dtype[Any], name: str = "X") -> np.ndarray | Rows:
    """Samples of shape (n_samples, K), dense or sparse, of the net's dtype and finite."""
    return X if isinstance(X, Rows) else measured_inputs(X, K, dtype, name)[0]


def measured_inputs(X: Any, K: int, dtype: np.dtype[Any], name: str) -> tuple[np.ndarray | Rows, float]:
    """Such samples, and the largest |x| of them."""
    if isinstance(X, np.ndarray) or not is_sparse(X):
        return arrays.measured_inputs(X, K, dtype, name)
    if X.ndim != 2 or X.shape[1] != K or not X.shape[0]:
        arrays.refuse_shape(X, K, name, type(X).__name__)
    with called({"X": name}):
        rows = as_rows(X, X.dtype)
    original = arrays.as_numbers(rows.values, name)
    values = contiguous(original, dtype)

    def place(first: tuple[int, ...]) -> str:
        row = int(np.searchsorted(rows.indptr, first[0], "right")) - 1
        return f"row {row}, column {rows.indices[first[0]]}"

    largest = arrays.require_finite(values, original, name, place)
    return Rows(values, rows.indices, rows.indptr, rows.shape), largest


def operations_of(sizes: tuple[int, ...], X: Rows) -> float:
    """Floating-point operations of F1 of these samples."""
    return 2.0 * len(X.values) * sizes[1] + operations(sizes[1:], len(X), training=False)
