"""What the classifier and the regressor share: parameters, checks of what is given, and the way into the solvers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer_names
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastbp.arrays import check_total
from fastbp.chunks import all_finite, by_rows, contiguous, largest_magnitude
from fastbp.functions.entry import ActivationFunction
from fastbp.initializers import INITIALIZERS, initialize
from fastbp.network import Network
from fastbp.runtime.pool import MAX_THREADS
from fastbp.sklearn import _lbfgs, _stochastic
from fastbp.sklearn._attempt import Attempt, CallbackSupportMixin, Tasks
from fastbp.sklearn._checkpoint import require_checkpoint_of_a_fit
from fastbp.sklearn._fitted import HIDDEN, FittedNetwork, are_targets, as_is
from fastbp.sklearn._hooks import LOOPED, Overridable, check_overrides, run_scikit_learns_loop
from fastbp.sklearn._parameters import fastbp_name, sizes_of
from fastbp.sklearn._stepper import make_stepper, say
from fastbp.sklearn._validation import INPUT, Stopping, given_validation, hold_out
from fastbp.sklearn._warn import in_their_name
from fastbp.sklearn._weights import check_some_weight
from fastbp.targets import Targets
from fastbp.training.checkpoints import Checkpoint
from fastbp.training.explosion import cost_of_best_constant
from fastbp.training.minibatches import Samples
from fastbp.training.schedules import SCHEDULES, ReduceOnPlateau

LARGE = 1e15
"""Of max |x| max(1, max |y|): the squares of larger gradients come near float32's largest number, 3e38."""

STOCHASTIC = ("sgd", "adam", "adamw", "rmsprop", "adagrad")


class BaseMLP(CallbackSupportMixin, Overridable, FittedNetwork):
    """Base of both estimators; not for use by itself.

    A subclass has ``_checked_samples(X, y, incremental=, reset=)``, of targets columns of bool if they are classes;
    ``_encoded(y)``, the columns of further targets; ``_output_activation()``, under scikit-learn's name;
    ``_decisions(X)``, its predictions for checked samples; ``_metric(y, predicted, sample_weight=)``, which early
    stopping watches; and ``_score_of_outputs(out, columns, weight)``, the same without checks.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMultilayerPerceptron._parameter_constraints,
        "activation": [StrOptions(HIDDEN), ActivationFunction, "array-like"],
        "solver": [StrOptions({"lbfgs", *STOCHASTIC})],
        "n_threads": [None, Interval(Integral, 1, MAX_THREADS, closed="both")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "schedule": [StrOptions(set(SCHEDULES)), callable, ReduceOnPlateau, None],
        "init": [StrOptions(set(INITIALIZERS)), None],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "callbacks": [callable, list, tuple, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "checkpoint": [Checkpoint, None],
    }

    best_loss_: Any
    best_validation_score_: Any
    validation_scores_: Any
    validation_loss_curve_: Any

    def _keep(self, given: dict[str, Any]) -> None:
        """Of a constructor: its arguments as attributes of the same names, which is what scikit-learn expects."""
        for name, value in given.items():
            if name != "self":
                setattr(self, name, value)

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        if all(type(size) is int and size > 0 for size in hidden):
            return hidden
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return hidden

    def _draw_weights(self, sizes: list[int], dtype: Any) -> None:
        """Draw the weights and forget all earlier training."""
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output_activation()
        self.coefs_, self.intercepts_ = [], []
        if self.init is not None:
            self._drawn = np.random.default_rng(self._random_state.randint(2**31))
        for n_in, n_out in pairwise(sizes):
            coef, intercept = self._init_coef(n_in, n_out, dtype)
            self.coefs_.append(coef)
            self.intercepts_.append(intercept)
        self.__dict__.pop("_drawn", None)
        self._keep_best(self.coefs_, self.intercepts_)
        self.n_iter_, self.t_ = 0, 0
        if self.solver in STOCHASTIC:
            self._start_record()

    def _start_record(self) -> None:
        """No epoch yet, and no loss or score to compare with."""
        self.n_iter_, self.t_, self._no_improvement_count = 0, 0, 0
        self.loss_curve_: list[float] = []
        early = self.early_stopping
        self.best_loss_, self.best_validation_score_ = (None, -np.inf) if early else (np.inf, None)
        self.validation_scores_, self.validation_loss_curve_ = ([], []) if early else (None, None)

    def _keep_best(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None:
        """Copy these weights, to which early stopping goes back."""
        self._best_coefs = [np.array(coef, order="C") for coef in coefs]
        self._best_intercepts = [np.array(intercept) for intercept in intercepts]

    # scikit-learn's hooks: users override them (`_hooks`).

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Initial weights, shape (fan_in, fan_out), and biases of one layer, drawn as scikit-learn or ``init`` does."""
        if self.init is not None:
            w, b = initialize(self.init, self._drawn, fan_out, fan_in)
            return np.ascontiguousarray(w.T, dtype), b.astype(dtype, copy=False)
        # Glorot and Bengio's bound, for the biases too.
        one = isinstance(self.activation, str | ActivationFunction)  # counts without hidden layers too
        names = [self.activation] if one else self.activation
        bound = np.sqrt((2.0 if set(map(fastbp_name, names)) == {"sigmoid"} else 6.0) / (fan_in + fan_out))
        w = self._random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype, copy=False)
        return w, self._random_state.uniform(-bound, bound, fan_out).astype(dtype, copy=False)

    def _update_no_improvement_count(self, early_stopping: bool, X: Any, y: Any, sample_weight: Any = None) -> None:
        """The bookkeeping after an epoch: whether loss or validation score have improved by ``tol``, and the best."""
        if not early_stopping:
            loss = self.loss_curve_[-1]
            stalled = loss > self.best_loss_ - self.tol
            if loss < self.best_loss_:
                self.best_loss_ = loss
        else:
            stopping: Stopping | None = self.__dict__.get("_stopping")
            score = stopping.score(X, y, sample_weight) if stopping else self._score(X, y, sample_weight=sample_weight)
            self.validation_scores_.append(score)
            if self.verbose:
                say(f"Validation score: {score:f}")
            stalled = score < self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_ = score
                stopping.keep() if stopping else self._keep_best(self.coefs_, self.intercepts_)
        self._no_improvement_count = self._no_improvement_count + 1 if stalled else 0

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score of the predictions of checked samples, NaN where they are not finite."""
        predicted = self._decisions(X)
        if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
            return float("nan")
        return float(self._metric(y, predicted, sample_weight=sample_weight))

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
    ) -> Self:
        """Train on samples X with targets y.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)
        y : array-like, shape (n_samples,) or (n_samples, n_outputs)
            A classifier's labels; several outputs are 0 and 1, for several labels each.
        sample_weight : array-like, shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Validation samples for early stopping, in place of a part held out. In a ``Pipeline``, ``X_val`` is
            transformed as X is with ``transform_input=["X_val"]``.

        Returns
        -------
        MLPClassifier or MLPRegressor
            Itself.

        Raises
        ------
        ValueError, TypeError
            For input that cannot be trained on, and when training diverges.
        """
        return self._train(X, y, sample_weight, incremental=False, validation=(X_val, y_val, sample_weight_val))

    def predict(self, X: Any) -> Any:
        """A regressor's values; a classifier's most probable class of each sample, or which of several labels are
        more probable than not.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples,) or (n_samples, n_outputs)

        Warns
        -----
        RuntimeWarning
            Outputs of a sample are NaN, so that its class means nothing, and why.
        """
        check_is_fitted(self)
        return self._decisions(self._check_X(X))

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool,
        validation: tuple[Any, Any, Any] | None = None,
        classes: Any = None,
    ) -> Self:
        hooks = check_overrides(self)
        require_checkpoint_of_a_fit(self, incremental)
        hidden = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        with Attempt(self, going_on=incremental or not first, hooks=hooks):
            if incremental:
                self._take_classes(y, classes)
            if not hooks.intersection(LOOPED):
                self._train_on_kernels(X, y, sample_weight, hidden, first, incremental, validation)
                return self
            if not first:
                there = sizes_of(self.coefs_, self.intercepts_)
                self._check_architecture([there[0], *hidden, there[-1]], there)
            run_scikit_learns_loop(self, hooks, X, y, sample_weight, incremental=incremental, validation=validation)
        return self

    def _train_on_kernels(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        hidden: list[int],
        first: bool,
        incremental: bool,
        validation: tuple[Any, Any, Any] | None,
    ) -> None:
        X, y = self._checked_samples(X, y, incremental=incremental, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weighted(y, sample_weight)
        check_some_weight(sample_weight)
        if sample_weight is not None:
            of_class = getattr(self, "class_weight", None) is not None
            parameter = "class_weight" if of_class else "sample_weight"
            check_total(sample_weight, "sample_weight" + " times class_weight" * of_class, X.dtype, parameter)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        self.n_outputs_ = y.shape[1]
        held_out = given_validation(self, validation)
        self._random_state = self._seeded()
        sizes = [X.shape[1], *hidden, self.n_outputs_]
        if first:
            self._draw_weights(sizes, X.dtype)
        wide = self._is_too_large(X, y, incremental)
        net = self._pack(np.float64 if wide else None)
        self._check_architecture(sizes, list(net.sizes))
        n_epochs = (1 if incremental else self.max_iter) if self.solver in STOCHASTIC else 0
        self._tasks = Tasks(self, n_epochs, lambda X=X: X, lambda y=y: self._as_given(y))
        try:
            finite = self._solve(net, X, y, sample_weight, held_out, incremental)
            if finite:
                self._tasks.end()
        finally:
            del self._tasks
            limit = float(np.finfo(np.float32).max)
            usable = all_finite(net.theta) and not (wide and largest_magnitude(net.theta) > limit)
            if usable or not self._attempt.going_on:
                with np.errstate(over="ignore"):  # weights too large for float32: said below
                    self._copy_back(net)
        if not finite or not usable:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )

    def _seeded(self) -> Any:
        """The generator of ``random_state``. That of a number is kept, and seeded again: to make one takes longer."""
        seed, kept = self.random_state, self.__dict__.setdefault("_networks", {})
        if type(seed) is not int:
            return check_random_state(seed)
        if "generator" not in kept:
            kept["generator"] = check_random_state(seed)
        kept["generator"].seed(seed)
        return kept["generator"]

    def _checked_pair(self, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Any, Any]:
        """Samples and targets as scikit-learn checks them. What it would return as it is does not wait for it."""
        if not reset:
            samples = as_is(X, getattr(self, "n_features_in_", 0), getattr(self, "feature_names_in_", None))
            if type(samples) is np.ndarray and samples.dtype.kind == "f" and are_targets(y, len(samples)):
                return samples, y
        X, y = validate_data(self, X, y, multi_output=True, reset=reset, **options, **INPUT)
        return X, in_their_name(column_or_1d, y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _is_too_large(self, X: Any, y: np.ndarray, incremental: bool) -> bool:
        """Whether squares of the gradient may overflow in float32, the dtype of X, where they do not in scikit-learn.

        There deltas have the wider dtype of X and y.
        """
        if X.dtype != np.float32 or np.result_type(np.float32, y.dtype) == np.float32:
            return False
        values = X.data if issparse(X) else X
        if largest_magnitude(values) * max(1.0, float(largest_magnitude(y))) > LARGE:
            return True
        stepper = getattr(self, "_optimizer", None)  # what moments have become they stay
        return incremental and stepper is not None and stepper.exceeds(np.float32)

    def _take_classes(self, y: Any, classes: Any) -> None:
        """Of a classifier: the labels that the first call of ``partial_fit`` names."""

    def _check_architecture(self, sizes: list[int], there: list[int]) -> None:
        """ValueError where the weights to go on from are not those of the layers that are asked for."""
        if sizes != there:
            raise ValueError(
                f"X, hidden_layer_sizes and y ask for layers of {sizes} neurons; coefs_ and intercepts_, from which "
                f"training would go on, have {there}. Set hidden_layer_sizes={tuple(there[1:-1])} and pass "
                "data that fit, or fit with warm_start=False."
            )
        if self._output_activation() != self.out_activation_:
            raise ValueError(
                f"The parameters ask for an output activation {self._output_activation()!r}; the net with which "
                f"training would go on has {self.out_activation_!r}. Set the parameters back, or fit with "
                "warm_start=False."
            )

    def _solve(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any, held_out: Any, incremental: bool) -> bool:
        """Run the solver; whether its weights are finite, and the loss of a user's own cost is a number."""
        if self.solver == "lbfgs":
            _lbfgs.minimize(self, net, self._prepared(net, X, y, sample_weight))
            return bool(np.isfinite(net.theta).all() and not np.isnan(self.loss_))
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = make_stepper(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and held_out is None:
            X, y, sample_weight, held_out = hold_out(self, X, y, sample_weight)
        return _stochastic.train(self, net, self._prepared(net, X, y, sample_weight), held_out, incremental)

    def _weighted(self, y: np.ndarray, sample_weight: Any) -> Any:
        """Sample weights, those of the classes included."""
        return sample_weight

    def _as_given(self, y: np.ndarray) -> Any:
        """Columns of targets as the user's scores want them."""
        return y.ravel() if y.shape[1] == 1 else y

    def _prepared(self, net: Network, X: Any, y: np.ndarray, sample_weight: Any) -> Samples:
        """Samples, targets and weights as the kernels take them."""
        X = self._samples(X, net)
        if y.dtype == bool and y.shape[1] > 1 and net.activations[-1] == "softmax":
            targets = Targets(None, by_rows(lambda labels: labels.argmax(axis=1), y, np.int64))
        else:
            targets = Targets(contiguous(y, net.dtype), None)
        if sample_weight is not None:
            sample_weight = contiguous(np.asarray(sample_weight), net.dtype)
        return Samples(X, targets, sample_weight)

    def _loss_grad_lbfgs(self, packed: np.ndarray, X: Any, y: Any, sample_weight: Any, *_: Any) -> Any:
        """Loss and gradient at a vector of all of coefs_, then all of intercepts_, which are set to it."""
        net = self._pack()
        samples = self._prepared(net, X, np.asarray(y).reshape(len(y), -1), sample_weight)
        result = _lbfgs.with_objective(self, net, samples, 1, lambda objective: objective(packed))
        self._copy_back(net)
        return result

    @property
    def _share(self) -> float:
        """What the loss counts of the sum over the outputs."""
        return 1.0 / self.n_outputs_ if self.loss == "squared_error" else 1.0

    def _mean_cost(self, cost: np.ndarray, weight: Any) -> float:
        """The loss of samples whose C_x is given."""
        return float(np.average(cost, weights=weight)) * self._share

    def _cost_of_best_constant(self, net: Network, targets: Targets, weight: np.ndarray | None) -> float:
        """The loss of the constant outputs that do best."""
        return cost_of_best_constant(net, targets, weight) * self._share

    def _is_stochastic(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True
