"""What the parts of this package need to know of an estimator, so that they need not import its class."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fastbp.arrays import Targets
from fastbp.network import Network
from fastbp.runtime import csr
from fastbp.training.minibatches import Samples


class Estimator(Protocol):
    """`MLPClassifier` or `MLPRegressor`."""

    # Parameters, which the constructors set.
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
    def _copied(self, dtype: Any = None) -> Network: ...
    def _copy_back(self, net: Network) -> None: ...
    def _cost_in_kernels(self) -> tuple[int | None, float]: ...
    def _cost_of_best_constant(self, net: Network, targets: Targets, weight: np.ndarray | None) -> float: ...
    def _encoded(self, y: Any) -> np.ndarray: ...
    def _hidden_activations(self, n: int) -> list[str]: ...
    def _hidden_sizes(self) -> list[int]: ...
    def _init_callback_context(self, **options: Any) -> Any: ...
    def _mean_cost(self, out: np.ndarray, columns: np.ndarray, cost: np.ndarray, weight: Any) -> float: ...
    def _output_activation(self) -> str: ...
    def _outputs(self, net: Network, samples: np.ndarray | csr.Rows, targets: Any = None) -> Any: ...
    def _prepared(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any) -> Samples: ...
    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
    def _score_of_outputs(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float: ...
    def _update_no_improvement_count(self, early_stopping: bool, X: Any, y: Any, sample_weight: Any = None) -> None: ...
