"""What the parts of this package use of an estimator: its parameters, its attributes and the methods it must have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fastbp.arrays import Targets
from fastbp.functions.entry import CostFunction
from fastbp.network import Network
from fastbp.training.minibatches import Samples


class Estimator(Protocol):
    """`MLPClassifier` or `MLPRegressor`."""

    # Parameters, which the constructors set.
    activation: Any
    loss: str
    solver: str
    alpha: float
    l1: float
    batch_size: Any
    max_iter: int
    max_fun: int
    n_iter_no_change: float
    tol: float
    validation_fraction: float
    shuffle: bool
    early_stopping: bool
    scoring: Any
    schedule: Any
    callbacks: Any
    dropout: float
    clip_norm: float | None
    n_threads: int | None
    verbose: Any
    output_activation: str | None

    # Fitted attributes.
    coefs_: list[Any]
    intercepts_: list[Any]
    classes_: Any
    feature_names_in_: Any
    n_features_in_: int
    n_outputs_: int
    n_layers_: int
    n_iter_: int
    t_: int
    out_activation_: str
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    best_validation_score_: Any
    validation_scores_: Any
    validation_loss_curve_: Any

    # State of training.
    _attempt: Any
    _best_coefs: list[np.ndarray]
    _best_intercepts: list[np.ndarray]
    _label_binarizer: Any
    _no_improvement_count: int
    _optimizer: Any
    _random_state: Any
    _stopping: Any
    _tasks: Any
    _fastbp_methods: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name."""

    def set_params(self, **parameters: Any) -> Any:
        """Set some."""

    def _as_given(self, y: np.ndarray) -> Any: ...
    def _pack(self, dtype: Any = None, *, kept: bool = True) -> Network: ...
    def _copy_back(self, net: Network) -> None: ...
    def _loss_function(self) -> CostFunction: ...
    def _cost_in_kernels(self) -> tuple[int | None, float]: ...
    def _cost_of_best_constant(self, net: Network, targets: Targets, weight: np.ndarray | None) -> float: ...
    def _hidden_activations(self, n: int) -> list[str]: ...
    def _hidden_sizes(self) -> list[int]: ...
    def _keep_best(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None: ...
    def _mean_cost(self, out: np.ndarray, columns: np.ndarray, cost: np.ndarray, weight: Any) -> float: ...
    def _prepared(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any) -> Samples: ...
    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
    def _start_record(self) -> None: ...
    def _update_no_improvement_count(self, early_stopping: bool, X: Any, y: Any, sample_weight: Any = None) -> None: ...

    def _checked_samples(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """Checked samples and targets; a classifier's targets as columns of bool."""

    def _encoded(self, y: Any) -> np.ndarray:
        """Checked targets as columns, for a fitted estimator."""

    def _output_activation(self) -> str:
        """scikit-learn's name of the activation of layer L."""

    def _decisions(self, X: Any) -> Any:
        """Predictions for checked samples."""

    @staticmethod
    def _metric(y: Any, predicted: Any, *, sample_weight: Any) -> float:
        """What early stopping watches."""

    def _score_of_outputs(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float:
        """What ``score`` would say of samples with outputs ``out`` and targets ``columns``, without its checks."""
