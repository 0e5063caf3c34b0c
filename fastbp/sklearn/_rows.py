"""Samples to predict: what scikit-learn's checks would return as it is does not have to wait for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from fastbp.chunks import all_finite, contiguous


def as_is(X: Any, n_features: int, names: np.ndarray | None) -> Any:
    """Samples as ``validate_data`` would return them; None where it has to look at them: to convert, warn or refuse.

    Parameters
    ----------
    X : any
        What the user passes.
    n_features : int
    names : numpy.ndarray or None
        Of the features, where the estimator was fitted to some.
    """
    if names is not None:
        if not hasattr(X, "columns") or not hasattr(X, "to_numpy") or list(X.columns) != names.tolist():
            return None
        array = X.to_numpy()
    elif type(X) is np.ndarray:
        array = X
    elif type(X) is list:
        try:
            array = np.asarray(X)
        except (ValueError, TypeError, OverflowError):
            return None
    elif issparse(X) and X.format == "csr":
        return X if X.shape[0] > 0 and X.shape[1] == n_features and _are_finite(X.data) else None
    else:
        return None
    if array.ndim != 2 or not len(array) or array.shape[1] != n_features or not array.dtype.isnative:
        return None
    array = contiguous(array, array.dtype)
    return array if array.dtype.kind in "iu" or _are_finite(array) else None


def _are_finite(values: np.ndarray) -> bool:
    return values.dtype in (np.float64, np.float32) and values.flags.c_contiguous and all_finite(values.reshape(-1))
