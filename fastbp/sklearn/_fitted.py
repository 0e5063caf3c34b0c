"""The network behind the fitted attributes, what it predicts, and its conversions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from fastbp import _checks, _sparse
from fastbp.network import Network
from fastbp.sklearn import _convert
from fastbp.sklearn._parameters import Bound, blank_network, fastbp_name, sizes_of, without_output
from fastbp.sklearn._pickles import restored, stamped

HIDDEN = {"logistic", *_checks.ACTIVATIONS} - {"softmax"}
"""Activations that a hidden layer may have."""


class FittedNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """What an estimator is once it has ``coefs_`` and ``intercepts_``, whoever assigned them."""

    activation: Any
    n_threads: int | None
    coefs_: list[Any]
    intercepts_: list[Any]

    @abstractmethod
    def _cost(self) -> str:
        """fastbp's name of the loss."""

    def _network(self, dtype: Any = None) -> Network:
        """The network of coefs_ and intercepts_, whoever assigned them, in their own dtype or in a wider one."""
        coefs, intercepts = self.coefs_, self.intercepts_
        own = np.result_type(np.float32, *(np.asarray(array).dtype for array in (*coefs, *intercepts)))
        own = np.dtype(np.float64) if own != np.float32 else own
        dtype = own if dtype is None or np.dtype(dtype) == own else np.dtype(np.float64)
        activations = (*map(fastbp_name, self._hidden_activations(len(coefs) - 1)), fastbp_name(self.out_activation_))
        bound: Bound | None = self.__dict__.get("_bound")
        if bound is not None and bound.net.dtype == dtype and bound.net.activations == activations:
            if bound.holds(coefs, intercepts):
                return bound.net
            if list(bound.net.sizes) == sizes_of(coefs, intercepts):
                bound.take(coefs, intercepts)
                return bound.net
        bound = Bound.of(blank_network(sizes_of(coefs, intercepts), activations, self._cost(), dtype))
        bound.take(coefs, intercepts)
        if dtype == own:
            self._bound = bound
        return bound.net

    def _bind(self) -> Network:
        """The network of coefs_ and intercepts_, which become views of its theta."""
        net = self._network()
        self.coefs_, self.intercepts_ = list(self._bound.coefs), list(self._bound.intercepts)
        return net

    def _hidden_activations(self, n: int) -> list[str]:
        """The activation of each of n hidden layers, under the names given."""
        if isinstance(self.activation, str):
            return [self.activation] * n
        names = list(self.activation)
        if len(names) != n or not set(names) <= HIDDEN:
            raise ValueError(
                f"The 'activation' parameter of {type(self).__name__} must be a str among {sorted(HIDDEN)}, or one of "
                f"these for each hidden layer, of which there are {n}. Got {names!r} instead."
            )
        return names

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return stamped({name: value for name, value in state.items() if name != "_bound"})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(restored(self, state))
        if "coefs_" in state:
            self._bind()

    def _network_for(self, X: Any) -> Network:
        """The network, in float64 unless samples and weights are all float32."""
        dtype = np.result_type(X.dtype, *(coef.dtype for coef in self.coefs_))
        return self._network(np.float32 if dtype == np.float32 else np.float64)

    def _outputs(self, net: Network, samples: np.ndarray | _sparse.Rows, targets: Any = None) -> Any:
        """a^L and, with targets, C_x of samples as the kernels take them."""
        if isinstance(samples, _sparse.Rows):
            return _sparse.outputs(net, samples, targets, self.n_threads)
        return net._outputs(samples, targets, self.n_threads)

    def _forward(self, X: Any) -> np.ndarray:
        """a^L of checked samples."""
        net = self._network_for(X)
        return self._outputs(net, self._samples(X, net))[0]  # type: ignore[no-any-return]

    @staticmethod
    def _samples(X: Any, net: Network) -> np.ndarray | _sparse.Rows:
        """Checked samples as the kernels take them."""
        return _sparse.as_rows(X, net.dtype) if issparse(X) else np.require(X, net.dtype, ["C", "A"])

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
        net = self._network_for(X)
        if net.L == 1:
            return X.astype(net.dtype)  # type: ignore[no-any-return]
        return self._outputs(without_output(net), self._samples(X, net))[0]  # type: ignore[no-any-return]

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
        net = self._network_for(X)
        if issparse(X):
            rows, block = X.tocsr(), 32  # never the whole of X as a dense array
            slopes = np.empty((X.shape[0], net.sizes[-1], net.sizes[0]), net.dtype)
            for start in range(0, X.shape[0], block):
                slopes[start : start + block] = net.input_jacobian(rows[start : start + block].toarray())
        else:
            slopes = net.input_jacobian(X)
        return slopes[:, 0] if slopes.shape[1] == 1 else slopes

    # Conversions

    def to_network(self) -> Network:
        """A copy of the fitted network.

        Returns
        -------
        fastbp.Network
            With task, classes and feature names in its ``meta``. Per-sample gradients, Jacobians and Hessian-vector
            products are its methods.
        """
        check_is_fitted(self)
        return _convert.to_network(self)

    @classmethod
    def from_network(cls, net: Network, **parameters: Any) -> Any:
        """A fitted estimator that predicts what the network does, and that ``warm_start`` or ``partial_fit`` train on.

        Parameters
        ----------
        net : fastbp.Network
            Its ``meta["classes"]``, if there, name the classes. Of a `Model` pass ``model.net``, and the estimator
            ``model.transform(X)``.
        **parameters
            Of the estimator, beside those that the network decides.

        Raises
        ------
        ValueError
            For a cost that no such estimator has.
        """
        return _convert.from_network(cls, net, parameters)

    def to_sklearn(self) -> Any:
        """scikit-learn's estimator of the same name, parameters and, if fitted, state.

        Raises
        ------
        ValueError
            Where its predictions could not be the same. Where only further training differs, a warning says so.
        """
        return _convert.to_sklearn(self)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Any:
        """An estimator with the parameters and, if fitted, the state of scikit-learn's of the same name."""
        return _convert.from_sklearn(cls, estimator)

    def _check_X(self, X: Any) -> Any:
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
