"""What the classifier and the regressor share: parameters, fitted attributes, and the way into the kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

from fastbp import _engine, _sparse
from fastbp._arrays import Targets
from fastbp._threads import MAX_THREADS
from fastbp.network import Network
from fastbp.sklearn import _lbfgs, _stochastic
from fastbp.sklearn._parameters import Bound, blank_network, fastbp_name, sizes_of
from fastbp.sklearn._stepper import make_stepper

STOCHASTIC = ("sgd", "adam")
INPUT: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32)}


class BaseMLP(BaseEstimator, ABC):
    """Base of both estimators; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_threads": [None, Interval(Integral, 1, MAX_THREADS, closed="both")],
    }

    # What the solvers read; set in the constructors of the estimators.
    loss: str
    solver: str
    activation: Any
    hidden_layer_sizes: Any
    random_state: Any
    n_threads: int | None
    coefs_: list[Any]
    intercepts_: list[Any]
    best_loss_: Any
    best_validation_score_: Any
    validation_scores_: Any

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """Checked samples and targets; a classifier's targets as columns of bool."""

    @abstractmethod
    def _output_activation(self) -> str:
        """scikit-learn's name of the activation of layer L."""

    @abstractmethod
    def _predict(self, X: Any) -> Any:
        """Predictions for checked samples."""

    @abstractmethod
    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Score of checked samples, NaN where predictions are not finite."""

    # The network behind the fitted attributes

    def _network(self, dtype: Any = None) -> Network:
        """The network of coefs_ and intercepts_, whoever assigned them, in their own dtype or in a wider one."""
        coefs, intercepts = self.coefs_, self.intercepts_
        own = np.result_type(np.float32, *(np.asarray(array).dtype for array in (*coefs, *intercepts)))
        own = np.dtype(np.float64) if own != np.float32 else own
        dtype = own if dtype is None or np.dtype(dtype) == own else np.dtype(np.float64)
        hidden = fastbp_name(self.activation)
        activations = (*[hidden] * (len(coefs) - 1), fastbp_name(self.out_activation_))
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

    def _cost(self) -> str:
        """fastbp's name of the loss."""
        return {"log_loss": "cross_entropy", "squared_error": "quadratic"}.get(self.loss, self.loss)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_bound"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in state:
            self._bind()

    # Fitting

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return hidden

    def _initialize(self, sizes: list[int], dtype: Any) -> None:
        """Draw the weights and forget all earlier training."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output_activation()
        # Glorot and Bengio's bound, for the biases too.
        factor = 2.0 if self.activation == "logistic" else 6.0
        self.coefs_, self.intercepts_ = [], []
        for n_in, n_out in pairwise(sizes):
            bound = np.sqrt(factor / (n_in + n_out))
            self.coefs_.append(self._random_state.uniform(-bound, bound, (n_in, n_out)).astype(dtype, copy=False))
            self.intercepts_.append(self._random_state.uniform(-bound, bound, n_out).astype(dtype, copy=False))
        self._best_coefs = [coef.copy() for coef in self.coefs_]
        self._best_intercepts = [intercept.copy() for intercept in self.intercepts_]
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Any:
        hidden = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validate_input(X, y, incremental=incremental, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        self.n_outputs_ = y.shape[1]
        self._random_state = check_random_state(self.random_state)
        if first:
            self._initialize([X.shape[1], *hidden, self.n_outputs_], X.dtype)
        net = self._bind()
        if (X.shape[1], self.n_outputs_) != (net.sizes[0], net.sizes[-1]):
            raise ValueError(
                f"X has {X.shape[1]} features and y {self.n_outputs_} outputs; coefs_ lead from {net.sizes[0]} to "
                f"{net.sizes[-1]}. Pass such data, or fit with warm_start=False."
            )
        if self.solver == "lbfgs":
            X, targets, weight = self._prepared(net, X, y, sample_weight)
            _lbfgs.minimize(self, net, X, targets, weight)
            finite = True
        else:
            finite = self._fit_stochastic(net, X, y, sample_weight, incremental)
        if not finite or not np.isfinite(net.theta).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        return self

    def _fit_stochastic(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any, incremental: bool) -> bool:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = make_stepper(self)
        held_out = None
        if self.early_stopping:
            if incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            X, y, sample_weight, held_out = self._hold_out(X, y, sample_weight)
        X, targets, weight = self._prepared(net, X, y, sample_weight)
        return _stochastic.train(self, net, X, targets, weight, held_out, incremental)

    def _hold_out(self, X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, ...]:
        """Training part and held-out part, drawn as scikit-learn draws them."""
        arrays = (X, y) if sample_weight is None else (X, y, sample_weight)
        parts = train_test_split(
            *arrays,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=y if is_classifier(self) and self.n_outputs_ == 1 else None,  # not several labels
        )
        X, X_val, y, y_val, *weights = parts
        if X_val.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        weight, weight_val = weights or (None, None)
        return X, y, weight, (X_val, self._as_given(y_val), weight_val)

    def _as_given(self, y: np.ndarray) -> Any:
        """Targets as the user's scores want them."""
        return y

    def _prepared(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any) -> tuple[Any, Targets, Any]:
        """Samples, targets and weights as the kernels take them: contiguous, of the net's dtype."""
        X = self._samples(X, net)
        if y.dtype == bool and y.shape[1] > 1 and net.activations[-1] == "softmax":
            targets = Targets(None, np.argmax(y, axis=1).astype(np.int64, copy=False))
        else:
            targets = Targets(np.require(y, net.dtype, ["C", "A"]), None)
        if sample_weight is not None:
            sample_weight = np.require(sample_weight, net.dtype, ["C", "A"])
        return X, targets, sample_weight

    def _loss_grad_lbfgs(self, packed: np.ndarray, X: Any, y: Any, sample_weight: Any, *_: Any) -> Any:
        """Loss and gradient at a vector of all of coefs_, then all of intercepts_, which are set to it."""
        net = self._bind()
        X, targets, weight = self._prepared(net, X, np.asarray(y).reshape(len(y), -1), sample_weight)
        with _engine.Team(1) as team:
            return _lbfgs.Objective(self.alpha, net, X, targets, weight, team)(packed)

    # Predicting

    def _forward(self, X: Any) -> np.ndarray:
        """a^L of checked samples."""
        dtype = np.result_type(X.dtype, *(coef.dtype for coef in self.coefs_))
        net = self._network(np.float32 if dtype == np.float32 else np.float64)
        samples = self._samples(X, net)
        if isinstance(samples, _sparse.Rows):
            return _sparse.outputs(net, samples, self.n_threads)
        out, _ = net._outputs(samples, None, self.n_threads)
        return out

    @staticmethod
    def _samples(X: Any, net: Network) -> np.ndarray | _sparse.Rows:
        """Checked samples as the kernels take them."""
        return _sparse.as_rows(X, net.dtype) if issparse(X) else np.require(X, net.dtype, ["C", "A"])

    def _check_X(self, X: Any) -> Any:
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
