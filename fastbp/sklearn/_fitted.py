"""The network behind the fitted attributes, what it predicts, and what a pickle of it holds."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import check_is_fitted, validate_data

import fastbp
from fastbp.chunks import all_finite, contiguous
from fastbp.errors import LoadError
from fastbp.functions import activations, own
from fastbp.functions.costs import LOSSES, NAMED
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.network import Network
from fastbp.runtime import csr
from fastbp.sklearn._convert import Convertible
from fastbp.sklearn._parameters import (
    Names,
    PlainNetwork,
    blank_network,
    fastbp_name,
    in_own_memory,
    pack,
    plain_name,
    sizes_of,
    unpack,
)

HIDDEN = Names(lambda: {"logistic", *activations.NAMED} - {"softmax"})
"""Activations that a hidden layer may have."""
FORMAT = 1
"""Of pickles. Raised when an older fastbp would misread the state; a parameter or an attribute more is no reason."""


def as_is(X: Any, n_features: int, names: np.ndarray | None) -> Any:
    """Samples as ``validate_data`` would return them; None where it has to look at them: to convert, warn or refuse.

    What its checks would return as it is does not have to wait for them. ``names`` are those that were seen in fit.
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
        return X if X.shape[0] > 0 and X.shape[1] == n_features and are_finite(X.data) else None
    else:
        return None
    if array.ndim != 2 or not len(array) or array.shape[1] != n_features or not array.dtype.isnative:
        return None
    array = contiguous(array, array.dtype)
    return array if array.dtype.kind in "iu" or are_finite(array) else None


def are_targets(y: Any, n: int) -> bool:
    """Whether ``validate_data`` would return these targets of n samples, and ``column_or_1d`` too, as they are."""
    if type(y) is not np.ndarray or y.ndim not in (1, 2) or len(y) != n or not y.dtype.isnative:
        return False
    return (y.ndim == 1 or y.shape[1] > 1) and (y.dtype.kind in "iu" or are_finite(y))


def are_finite(values: np.ndarray) -> bool:
    """Whether all are, seen at once: contiguous numbers of a dtype that kernels have."""
    return values.dtype in (np.float64, np.float32) and values.flags.c_contiguous and all_finite(values.reshape(-1))


class FittedNetwork(Convertible, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What an estimator is once it has ``coefs_`` and ``intercepts_``, whoever assigned them."""

    coefs_: list[Any]
    intercepts_: list[Any]

    def _cost(self) -> tuple[Any, float | None]:
        """fastbp's name of the loss, and its parameter."""
        entry = self._loss_function()
        return entry.name, None if entry.parameter is None else float(getattr(self, entry.parameter.name))

    def _loss_function(self) -> CostFunction:
        """The cost that ``loss`` names; what names none is refused when parameters are checked, not here."""
        return LOSSES.get(plain_name(self.loss), NAMED["quadratic"])

    def _weights_dtype(self) -> Any:
        """float32 if all of coefs_ and intercepts_ are no wider, else float64."""
        dtype = np.result_type(np.float32, *(np.asarray(array).dtype for array in (*self.coefs_, *self.intercepts_)))
        return np.float32 if dtype == np.float32 else np.float64

    def _activations(self) -> tuple[str, ...]:
        """fastbp's names of the activations of layers 1..L."""
        hidden = self._hidden_activations(len(self.coefs_) - 1)
        return (*map(fastbp_name, hidden), fastbp_name(self.out_activation_))

    def _pack(self, dtype: Any = None, *, kept: bool = True) -> Network:
        """The network with the values of coefs_ and intercepts_, whoever assigned them, in their dtype.

        It is the one to train; not ``kept``, one of its own: another thread may be training the other.
        """
        sizes, activations = tuple(sizes_of(self.coefs_, self.intercepts_)), self._activations()
        dtype = dtype or self._weights_dtype()
        networks: dict[Any, Network] = self.__dict__.setdefault("_networks", {}) if kept else {}
        net = networks.get(dtype)
        if net is None or (net.sizes, net.activations) != (sizes, activations):
            net = networks[dtype] = blank_network(sizes, activations, dtype)
        net._set_cost(*self._cost())
        pack(net, self.coefs_, self.intercepts_)
        return net

    def _copy_back(self, net: Network) -> None:
        """coefs_ and intercepts_ become those of the network that was trained."""
        self.coefs_, self.intercepts_ = unpack(net, self.coefs_, self.intercepts_)

    def _hidden_activations(self, n: int) -> list[str]:
        """The activation of each of n hidden layers, under the names given."""
        if isinstance(self.activation, str | ActivationFunction):
            return [plain_name(self.activation)] * n
        names = [plain_name(name) for name in self.activation]
        if len(names) != n or not set(names) <= HIDDEN:
            raise ValueError(
                f"The 'activation' parameter of {type(self).__name__} must be a str among {sorted(HIDDEN)}, or one of "
                f"these for each hidden layer, of which there are {n}. Got {names!r} instead."
            )
        return names

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        state = {name: value for name, value in state.items() if name != "_networks"}
        return state | {"_fastbp_version": fastbp.__version__, "_fastbp_format": FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickle's state, with the defaults of parameters that came later.

        Raises
        ------
        LoadError
            The number of the format is newer than this fastbp's, or a function that it names is not known here.
        """
        version, number = state.get("_fastbp_version"), state.get("_fastbp_format", 0)
        name, ours = type(self).__name__, fastbp.__version__
        if number > FORMAT:
            raise LoadError(
                f"This {name} was pickled by fastbp {version} in format {number}; fastbp {ours}, which is installed, "
                f"reads formats up to {FORMAT}. Install fastbp {version} or newer."
            )
        if version is not None and parse_version(version) > parse_version(ours):
            warning = InconsistentVersionWarning(
                estimator_name=name, current_sklearn_version=ours, original_sklearn_version=version
            )
            warnings.warn(warning, stacklevel=1)
        parameters = inspect.signature(type(self)).parameters
        later = {key: parameters[key].default for key in self._get_param_names() if key not in state}
        known = {key: value for key, value in later.items() if value is not inspect.Parameter.empty} | state
        super().__setstate__({key: value for key, value in known.items() if not key.startswith("_fastbp_")})
        self._require_registered()
        if "coefs_" in state:
            self._networks: dict[Any, Network] = {}
            self.coefs_, self.intercepts_ = (
                [*map(in_own_memory, arrays)] for arrays in (self.coefs_, self.intercepts_)
            )

    def _require_registered(self) -> None:
        """Raise LoadError where a function is named that may be a user's own, and is not known here."""
        one = isinstance(self.activation, str | ActivationFunction)
        names = [self.activation] if one else self.activation if isinstance(self.activation, list | tuple) else []
        names = [*names, getattr(self, "output_activation", None)]
        words = [name for name in names if isinstance(name, str) and name.isidentifier() and name not in HIDDEN]
        loss = self.loss if isinstance(self.loss, str) and self.loss.isidentifier() else None
        own.require(words, None if loss in LOSSES else loss)

    def _dtype_for(self, X: Any) -> Any:
        """float64 unless samples and weights are no wider than float32."""
        return np.float32 if np.result_type(X.dtype, self._weights_dtype()) == np.float32 else np.float64

    def _forward(self, X: Any, L: int | None = None) -> np.ndarray:
        """a^L of checked samples, L the last layer or one below."""
        coefs, intercepts = self.coefs_[:L], self.intercepts_[:L]
        activations, dtype, n = self._activations()[:L], self._dtype_for(X), X.shape[0]
        networks = self.__dict__.setdefault("_networks", {})
        kept: PlainNetwork | None = networks.get(("plain", activations, dtype))
        net = kept and kept.on(coefs, intercepts, n)
        if net is None:
            kept = PlainNetwork(sizes_of(coefs, intercepts), activations, self._cost(), dtype)
            networks["plain", activations, dtype] = kept
            net = kept.on(coefs, intercepts, n)
            assert net is not None
        return net._outputs(self._samples(X, net), None, self.n_threads)[0]

    @staticmethod
    def _samples(X: Any, net: Network) -> np.ndarray | csr.Rows:
        """Checked samples as the kernels take them."""
        return csr.as_rows(X, net.dtype) if issparse(X) else contiguous(np.asarray(X), net.dtype)

    def transform(self, X: Any) -> np.ndarray:
        """Activations of the last hidden layer.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples, hidden_layer_sizes[-1])
            Without hidden layers, a copy of X, sparse if X is.
        """
        check_is_fitted(self)
        X = self._check_X(X)
        L = len(self.coefs_) - 1
        return X.astype(self._dtype_for(X)) if L == 0 else self._forward(X, L)

    @property
    def _n_features_out(self) -> int:
        return int(self.coefs_[-1].shape[0])

    def input_gradient(self, X: Any) -> np.ndarray:
        """Derivative of every output by every feature, of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray
            Shape (n_samples, n_outputs, n_features); (n_samples, n_features) with one output, which for two classes is
            the probability of the second.
        """
        check_is_fitted(self)
        X = self._check_X(X)
        net = self._pack(self._dtype_for(X), kept=False)
        if issparse(X):
            rows, block = X.tocsr(), 32  # never the whole of X as a dense array
            slopes = np.empty((X.shape[0], net.sizes[-1], net.sizes[0]), net.dtype)
            for start in range(0, X.shape[0], block):
                slopes[start : start + block] = net.input_jacobian(rows[start : start + block].toarray())
        else:
            slopes = net.input_jacobian(X)
        return slopes[:, 0] if slopes.shape[1] == 1 else slopes

    def _check_X(self, X: Any) -> Any:
        """Samples that can be predicted."""
        checked = as_is(X, self.n_features_in_, getattr(self, "feature_names_in_", None))
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False) if checked is None else checked

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
