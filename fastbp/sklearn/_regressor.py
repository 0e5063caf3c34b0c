"""MLPRegressor."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from fastbp.activations import ABSOLUTE, HUBER, POISSON, QUANTILE, TWEEDIE
from fastbp.kernels import layout
from fastbp.sklearn._base import INPUT, BaseMLP
from fastbp.sklearn._fitted import HIDDEN

OWN_LOSSES = {"absolute_error": (ABSOLUTE, None), "huber": (HUBER, "huber_delta"), "quantile": (QUANTILE, "quantile")}
"""Losses that scikit-learn does not have -> code in the kernels, and the parameter of the estimator it goes with."""


def mean_costs(code: int, p: float, out: np.ndarray, y: np.ndarray) -> np.ndarray:
    """C_x of every sample in float64, by NumPy: for validation, where no kernel has it."""
    a, y = np.asarray(out, float), np.asarray(y, float)
    if code == ABSOLUTE:
        each = np.abs(a - y)
    elif code == HUBER:
        distance = np.abs(a - y)
        each = np.where(distance <= p, distance**2 / 2, p * (distance - p / 2))
    elif code == QUANTILE:
        each = np.maximum(p * (y - a), (1 - p) * (a - y))
    elif code == POISSON:
        each = xlogy(y, y / a) - y + a
    elif p == 2:
        each = np.log(a / y) + y / a - 1
    else:
        each = y ** (2 - p) / ((1 - p) * (2 - p)) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)
    return each.sum(axis=1)  # type: ignore[no-any-return]


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
    hidden_layer_sizes : array-like of int, default=(100,)
        Neurons of each hidden layer; one number for one layer, ``()`` for none.
    activation : str or sequence of str, default='relu'
        Of the hidden layers: scikit-learn's identity, logistic, tanh, relu, or any of fastbp's; one for all, or one for
        each.
    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop', 'adagrad'}, default='adam'
        ``lbfgs`` is SciPy's L-BFGS-B on the kernels' gradient; the others train on minibatches in the kernels. The last
        three are PyTorch's, with ``beta_1``, ``beta_2`` (rmsprop's alpha) and ``epsilon``.
    alpha : float, default=0.0001
        Strength of the L2 penalty ``alpha / 2 sum w^2``, divided by the sum of the sample weights of each minibatch.
    batch_size : int or 'auto', default='auto'
        Samples of a minibatch; 'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Of ``sgd``: constant; ``learning_rate_init / (t_ + 1) ** power_t`` after each epoch; or divided by 5 whenever
        training stalls.
    learning_rate_init : float, default=0.001
        Step size of ``sgd`` and ``adam``.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Epochs, or iterations of ``lbfgs``.
    shuffle : bool, default=True
        Whether each epoch visits the samples in a new order.
    random_state : int, RandomState instance or None, default=None
        Of initial weights, held-out samples and order.
    tol : float, default=1e-4
        Least improvement of the loss, or of the validation score, that counts; the gradient's bound of ``lbfgs``.
    verbose : bool, default=False
        Print the loss of each iteration.
    warm_start : bool, default=False
        Whether ``fit`` begins with the weights it finds.
    momentum : float, default=0.9
        Of ``sgd``, in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether ``sgd`` looks ahead along the momentum.
    early_stopping : bool, default=False
        Whether to hold out a part of the samples, to stop when their score no longer improves, and to return to the
        weights that scored best.
    validation_fraction : float, default=0.1
        Part of the samples that early stopping holds out.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of ``adam``'s means of g and g^2, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of ``adam``'s mean of g^2.
    n_iter_no_change : int, default=10
        Epochs without improvement after which training ends.
    max_fun : int, default=15000
        Evaluations that ``lbfgs`` may make.
    n_threads : int or None, default=None
        Threads; None chooses from the machine and the work. The result does not depend on it.
    l1 : float, default=0.0
        Strength of the penalty ``l1 sum |w|``, divided as that of ``alpha``.
    weight_decay : float, default=0.0
        Of ``adamw``: before each step w <- w - eta weight_decay w.
    schedule : str, function, fastbp.schedules object or None, default=None
        Factor on ``learning_rate_init``: ``"cosine"``, ``"step"``, ``"exponential"``, ``"warmup"``, ``"plateau"``, an
        object with its numbers, or a function of (epochs done, max_iter).
    init : str or None, default=None
        Initializer of `fastbp.initializers` in place of scikit-learn's.
    scoring : str, callable or None, default=None
        What early stopping watches: a scorer's name or a scorer, ``"loss"``, or scikit-learn's choice.
    callbacks : function or list of functions, default=None
        Called as ``f(estimator)`` after each epoch; training ends when one returns True.
    dropout : float, default=0.0
        Part of the hidden neurons left out of each sample of a minibatch, in [0, 1). Which ones depends on
        ``random_state`` only. Not with ``lbfgs``.
    clip_norm : float or None, default=None
        Longest gradient, over all parameters and penalty included, that is not scaled to this length. Not with
        ``lbfgs``.
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
    coefs_ : list of numpy.ndarray, shapes (n_in, n_out)
        Weights of layers 1..L: views of the network's parameters. Arrays assigned in their place take effect.
    intercepts_ : list of numpy.ndarray, shapes (n_out,)
        Biases, likewise.
    loss_ : float
        Loss of the last epoch: the mean over its minibatches before each update, penalty included.
    loss_curve_ : list of float
        Of each epoch; not with ``lbfgs``.
    best_loss_ : float or None
        Least loss; None with early stopping.
    validation_scores_ : list of float or None
        R2 on the held-out samples; None without early stopping.
    validation_loss_curve_ : list of float or None
        Loss on the same samples, without penalty.
    best_validation_score_ : float or None
        The best of them.
    n_iter_, t_ : int
        Epochs of the last fit, and samples seen.
    n_layers_, n_outputs_ : int
        Layers, the input's included, and neurons of the last.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : numpy.ndarray, shape (n_features,)
        Their names, where X has names that are strings.
    out_activation_ : str
        Activation of the last layer.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.preprocessing import scale
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> round(MLPRegressor(max_iter=500, random_state=0).fit(X, scale(y)).score(X, scale(y)), 2)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson", *OWN_LOSSES, "tweedie"})],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "power": [Interval(Real, 1, None, closed="left")],
        "output_activation": [StrOptions(HIDDEN), None],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
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
        output_activation: str | None = None,
        huber_delta: float = 1.35,
        quantile: float = 0.5,
        power: float = 1.5,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_threads = n_threads
        self.l1 = l1
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.init = init
        self.scoring = scoring
        self.callbacks = callbacks
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.output_activation = output_activation
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.power = power

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Train on samples X with targets y.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)
        y : array-like, shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like, shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Validation samples for early stopping, in place of a part held out. In a ``Pipeline``, ``X_val`` is
            transformed as X is with ``transform_input=["X_val"]``.

        Returns
        -------
        MLPRegressor
            Itself.

        Raises
        ------
        ValueError, TypeError
            For input that cannot be trained on, and when training diverges.
        """
        self._fit(X, y, sample_weight, incremental=False, validation=(X_val, y_val, sample_weight_val))
        return self

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on these samples, from the weights and the optimizer's state as they are.

        Parameters are those of `fit`.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, reset=reset, **INPUT)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._check_range(y)
        return X, y

    def _check_range(self, y: np.ndarray) -> None:
        """ValueError for targets to which ``tweedie`` gives no probability."""
        if self.loss == "tweedie" and (np.any(y < 0) or (self.power >= 2 and np.any(y == 0))):
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'tweedie', which with "
                f"power={self.power:g} needs y {'>=' if self.power < 2 else '>'} 0."
            )

    def _output_activation(self) -> str:
        natural = "exp" if self.loss in ("poisson", "tweedie") else "identity"
        if natural == "exp" and self.output_activation not in (None, "exp"):
            raise ValueError(
                f"output_activation is {self.output_activation!r}; with loss={self.loss!r} the output is 'exp'. "
                "Leave output_activation out, or use loss='squared_error'."
            )
        return self.output_activation or natural

    def _own_cost(self) -> tuple[int, float] | None:
        """Code and parameter of a cost that fastbp's networks do not have."""
        if self.loss == "tweedie":
            return (POISSON, 0.0) if self.power == 1 else (TWEEDIE, float(self.power))
        if self.loss in OWN_LOSSES:
            code, parameter = OWN_LOSSES[self.loss]
            return code, float(getattr(self, parameter)) if parameter else 0.0
        return None

    def _write(self, reals: np.ndarray) -> None:
        super()._write(reals)
        own = self._own_cost()
        if own is not None:
            reals[layout.PARAMETER] = own[1]

    def _as_job(self, job: Any) -> Any:
        own = self._own_cost()
        return job if own is None else job._replace(cost=own[0])

    def _mean_cost(self, out: np.ndarray, columns: np.ndarray, cost: np.ndarray, weight: Any) -> float:
        own = self._own_cost()
        if own is not None:
            cost = mean_costs(*own, out, columns)
        return super()._mean_cost(out, columns, cost, weight)

    def _encoded(self, y: Any) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y_val")
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y_val has {y.shape[1]} columns; y has {self.n_outputs_}. Pass as many.")
        self._check_range(y)
        return y  # type: ignore[no-any-return]

    def _predict(self, X: Any) -> np.ndarray:
        out = self._forward(X)
        return out.ravel() if out.shape[1] == 1 else out

    def _score(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float:
        if not np.isfinite(out).all() or len(out) < 2:
            return float("nan")
        share = 1.0 if weight is None else weight[:, None]
        residual = np.sum(share * (columns - out) ** 2, axis=0)
        spread = np.sum(share * (columns - np.average(columns, axis=0, weights=weight)) ** 2, axis=0)
        constant = spread == 0  # of targets that are all the same, R2 says only whether they are hit
        r2 = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, spread))
        return float(np.average(r2))

    def predict(self, X: Any) -> np.ndarray:
        """Predicted values.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return self._predict(self._check_X(X))
