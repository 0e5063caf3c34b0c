"""MLPRegressor."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from fastbp.checks import CLASSIFYING
from fastbp.functions import costs
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.sklearn._base import BaseMLP
from fastbp.sklearn._described import described
from fastbp.sklearn._fitted import HIDDEN, are_finite
from fastbp.sklearn._hooks import remember
from fastbp.sklearn._parameters import Names, fastbp_name, plain_name
from fastbp.targets import out_of_reach

LOSSES = Names(
    lambda: {loss for loss, entry in costs.LOSSES.items() if not set(entry.outputs or ()) & set(CLASSIFYING)}
)
"""Losses of regression."""
PARAMETERS = [entry.parameter for entry in costs.COSTS if entry.parameter is not None]


def check_numbers(y: np.ndarray, name: str) -> None:
    """Refuse targets that NumPy would make numbers of, and objects that it has made NaN or infinity of.

    Raises
    ------
    TypeError
        They are dates, durations or text.
    ValueError
        Not all of them are finite.
    """
    if y.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has dtype {y.dtype}; a regressor needs numbers. Convert the targets first: text with "
            f"{name}.astype(float), durations and dates by choosing a unit, such as {name} / numpy.timedelta64(1, 's')."
        )
    if y.dtype.kind == "f" and not are_finite(y):
        assert_all_finite(y, input_name=name)


@remember
@described
class MLPRegressor(RegressorMixin, BaseMLP):
    """scikit-learn's multilayer perceptron regressor on fastbp's kernels.

    Parameters, attributes, errors and, for the same ``random_state``, numbers are those of
    `sklearn.neural_network.MLPRegressor`; what stands after ``max_fun`` is fastbp's own.

    Parameters
    ----------
    loss : str, default='squared_error'
        ``'squared_error'``: half of it. ``'poisson'``: half of Poisson's deviance, with an output e^z, for y >= 0.
        fastbp's own: ``'absolute_error'``; ``'huber'`` with ``huber_delta``; ``'quantile'`` with ``quantile``;
        ``'tweedie'``, half of Tweedie's deviance with ``power``, with an output e^z, for y >= 0 (y > 0 from power 2
        on). Their value is a sum over outputs, as Poisson's is.
    {shared parameters}
    output_activation : str or None, default=None
        Activation of the output; None for identity, or for the e^z of ``poisson`` and ``tweedie``, which have no other.
    huber_delta : float, default=1.35
        Distance from which ``huber`` counts errors by their size, not by their square.
    quantile : float, default=0.5
        Which ``quantile`` to predict, in (0, 1).
    power : float, default=1.5
        Of ``tweedie``'s variance: 1 for Poisson's, between 1 and 2 for compound Poisson, 2 for gamma, 3 for inverse
        Gaussian.

    Attributes
    ----------
    {shared attributes}

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.preprocessing import scale
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> round(MLPRegressor(max_iter=500, random_state=0).fit(X, scale(y)).score(X, scale(y)), 2)
    0.99
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(LOSSES), CostFunction],
        **{
            p.name: [
                Interval(
                    Real, p.low, None if p.high == np.inf else p.high, closed="left" if p.low_included else "neither"
                )
            ]
            for p in PARAMETERS
        },
        "output_activation": [StrOptions(HIDDEN), ActivationFunction, None],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_threads: int | None = None,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        schedule: Any = None,
        init: str | None = None,
        scoring: Any = None,
        callbacks: Any = None,
        dropout: float = 0.0,
        clip_norm: float | None = None,
        checkpoint: Any = None,
        output_activation: str | None = None,
        huber_delta: float = 1.35,
        quantile: float = 0.5,
        power: float = 1.5,
    ) -> None:
        self._keep(locals())

    @available_if(lambda estimator: estimator._is_stochastic())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on these samples, from the weights and the optimizer's state as they are.

        Parameters are those of `fit`.
        """
        self._train(X, y, sample_weight, incremental=True)
        return self

    def _checked_samples(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = self._checked_pair(X, y, reset=reset, y_numeric=True)
        check_numbers(y, "y")
        self._check_range(y)
        if self.output_activation is not None and self._loss_function().outputs is None:
            problem = out_of_reach(y.reshape(len(y), -1), fastbp_name(self.output_activation), "y")
            if problem is not None:
                warnings.warn(f"{problem} Scale y, or leave output_activation out.", UserWarning, stacklevel=4)
        return X, y

    def _check_range(self, y: np.ndarray) -> None:
        """ValueError for targets to which ``tweedie`` gives no probability."""
        if self.loss == "tweedie" and (np.any(y < 0) or (self.power >= 2 and np.any(y == 0))):
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'tweedie', which with "
                f"power={self.power:g} needs y {'>=' if self.power < 2 else '>'} 0."
            )

    def _output_activation(self) -> str:
        own = self._loss_function().outputs
        output: str | None = plain_name(self.output_activation)
        if own is not None and output not in (None, *own):
            raise ValueError(
                f"output_activation is {output!r}; with loss={plain_name(self.loss)!r} the output is {own[0]!r}. "
                "Leave output_activation out, or use loss='squared_error'."
            )
        return output or (own or ("identity",))[0]

    def _encoded(self, y: Any) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y_val")
        y = y.astype(float) if y.dtype.kind == "O" else y
        check_numbers(y, "y_val")
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y_val has {y.shape[1]} columns; y has {self.n_outputs_}. Pass as many.")
        self._check_range(y)
        return y

    _metric = staticmethod(r2_score)

    def _decisions(self, X: Any) -> np.ndarray:
        out = self._forward(X)
        return out.ravel() if out.shape[1] == 1 else out

    def _score_of_outputs(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float:
        if not np.isfinite(out).all() or len(out) < 2:
            return float("nan")
        share = 1.0 if weight is None else weight[:, None]
        residual = np.sum(share * (columns - out) ** 2, axis=0)
        spread = np.sum(share * (columns - np.average(columns, axis=0, weights=weight)) ** 2, axis=0)
        constant = spread == 0  # of targets that are all the same, R2 says only whether they are hit
        r2 = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, spread))
        return float(np.average(r2))
