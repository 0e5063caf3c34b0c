"""MLPClassifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from fastbp.sklearn._base import INPUT, BaseMLP


class MLPClassifier(ClassifierMixin, BaseMLP):
    """scikit-learn's multilayer perceptron classifier on fastbp's kernels.

    Parameters, attributes, errors and, for the same ``random_state``, numbers are those of
    `sklearn.neural_network.MLPClassifier`; what stands after ``max_fun`` is fastbp's own.

    Parameters
    ----------
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
    class_weight : dict, list of dicts, 'balanced' or None, default=None
        Weight of each class, multiplied with the sample weights, as scikit-learn's other classifiers take it.

    Attributes
    ----------
    classes_ : numpy.ndarray, or list of them
        Class labels.
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
        Accuracy on the held-out samples; None without early stopping.
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
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier(max_iter=500, random_state=0).fit(scale(X), y).score(scale(X), y)
    0.98
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    loss = "log_loss"

    def __init__(
        self,
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
        class_weight: Any = None,
    ) -> None:
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
        self.class_weight = class_weight

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
    ) -> MLPClassifier:
        """Train on samples X with labels y.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)
        y : array-like, shape (n_samples,), or (n_samples, n_labels) of 0 and 1 for several labels each
        sample_weight : array-like, shape (n_samples,), optional
        X_val, y_val, sample_weight_val : optional
            Validation samples for early stopping, in place of a part held out. In a ``Pipeline``, ``X_val`` is
            transformed as X is with ``transform_input=["X_val"]``.

        Returns
        -------
        MLPClassifier
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
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch on these samples, from the weights and the optimizer's state as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like, shape (n_classes,)
            All labels that any call will see; needed in the first call.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def _validate_input(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, multi_output=True, reset=reset, **INPUT)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y)
            if self.warm_start and set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
            if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        return X, self._label_binarizer.transform(y).astype(bool)

    def _output_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _encoded(self, y: Any) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y_val")
        several = self._label_binarizer.y_type_.startswith("multilabel")
        if several and y.shape != (len(y), self.n_outputs_):
            raise ValueError(f"y_val has shape {y.shape}; y has {self.n_outputs_} columns of 0 and 1. Pass as many.")
        unseen = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unseen):
            raise ValueError(f"`y_val` has classes not in `self.classes_`: {unseen}.")
        return self._label_binarizer.transform(y).astype(bool)  # type: ignore[no-any-return]

    def _weighted(self, y: np.ndarray, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        given = self._as_given(y.reshape(len(y), -1))
        weight = compute_sample_weight(self.class_weight, given)
        return weight if sample_weight is None else weight * sample_weight

    def _as_given(self, y: np.ndarray) -> Any:
        return self._label_binarizer.inverse_transform(y)

    def _predict(self, X: Any) -> Any:
        out = self._forward(X)
        return self._label_binarizer.inverse_transform(out.ravel() if self.n_outputs_ == 1 else out)

    def _score(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float:
        if self.out_activation_ == "softmax":
            right = out.argmax(axis=1) == columns.argmax(axis=1)
        else:
            right = ((out > 0.5) == columns).all(axis=1)  # of several labels, all
        return float(np.average(right, weights=weight))

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample; for several labels, which of them are more probable than not.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples,) or (n_samples, n_labels)
        """
        check_is_fitted(self)
        return self._predict(self._check_X(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n_samples, n_features)

        Returns
        -------
        numpy.ndarray, shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        out = self._forward(self._check_X(X))
        if self.n_outputs_ == 1:
            out = out.ravel()
            return np.vstack([1 - out, out]).T
        return out

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of `predict_proba`."""
        out = self.predict_proba(X)
        return np.log(out, out=out)  # type: ignore[no-any-return]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
