"""MLPClassifier."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from fastbp.sklearn._base import BaseMLP
from fastbp.sklearn._described import described
from fastbp.sklearn._hooks import remember
from fastbp.sklearn._warn import in_their_name
from fastbp.sklearn._weights import with_class_weights

FEW = 20
"""Labels, of which so many may all be different before scikit-learn warns that they may be no classes."""


@remember
@described
class MLPClassifier(ClassifierMixin, BaseMLP):
    """scikit-learn's multilayer perceptron classifier on fastbp's kernels.

    Parameters, attributes, errors and, for the same ``random_state``, numbers are those of
    `sklearn.neural_network.MLPClassifier`; what stands after ``max_fun`` is fastbp's own.

    Parameters
    ----------
    {shared parameters}
    class_weight : dict, list of dicts, 'balanced' or None, default=None
        Weight of each class, multiplied with the sample weights, as scikit-learn's other classifiers take it.

    Attributes
    ----------
    classes_ : numpy.ndarray, or list of them
        Class labels.
    {shared attributes}

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
        class_weight: Any = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda estimator: estimator._is_stochastic())
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
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see how frequent the classes "
                "are. Use sklearn.utils.class_weight.compute_class_weight on a large enough sample, and pass its "
                "weights as a dictionary."
            )
        self._train(X, y, sample_weight, incremental=True, classes=classes)
        return self

    def _take_classes(self, y: Any, classes: Any) -> None:
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            several = in_their_name(type_of_target, y).startswith("multilabel")
            self._label_binarizer.fit(y if several else classes)

    def _checked_samples(self, X: Any, y: Any, *, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = self._checked_pair(X, y, reset=reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer()
            self._label_binarizer.fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif not self._knows(y):
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
        return X, self._columns(y)

    def _knows(self, y: np.ndarray) -> bool:
        """Whether the checks of labels have nothing to say about these, as far as it is seen at once."""
        classes = self.classes_
        plain = y.ndim == 1 and y.dtype.kind in "iu" and type(classes) is np.ndarray and classes.dtype == y.dtype
        if (
            not plain
            or len(y) > FEW
            or self.warm_start
            or self._label_binarizer.y_type_ not in ("binary", "multiclass")
        ):
            return False
        return bool((classes.take(np.searchsorted(classes, y), mode="clip") == y).all())

    def _columns(self, y: np.ndarray) -> np.ndarray:
        """Known labels as columns of truth values: what the binarizer makes of them, which would check them again."""
        columns: np.ndarray
        if y.ndim > 1 or len(self.classes_) == 1:
            columns = self._label_binarizer.transform(y).astype(bool)
        else:
            codes = np.searchsorted(self.classes_, y)[:, np.newaxis]
            columns = codes == (1 if len(self.classes_) == 2 else np.arange(len(self.classes_)))
        return columns

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
        return self._columns(y)

    def _weighted(self, y: np.ndarray, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        return with_class_weights(
            self.class_weight, self.classes_, self._as_given(y.reshape(len(y), -1)), sample_weight
        )

    def _as_given(self, y: np.ndarray) -> Any:
        return self._label_binarizer.inverse_transform(y)

    _metric = staticmethod(accuracy_score)

    def _decisions(self, X: Any) -> Any:
        out = self._forward(X)
        if np.isnan(out).any():
            self._pack(self._dtype_for(X), kept=False)._warn_of_no_decision(out, 4, "coefs_ and intercepts_")
        if self._label_binarizer.y_type_ == "multiclass":  # what the binarizer would do, after more checks
            return self.classes_.take(out.argmax(axis=1))
        if self._label_binarizer.y_type_ == "binary" and len(self.classes_) == 2:
            return self.classes_.take(out[:, 0] > 0.5)
        return self._label_binarizer.inverse_transform(out.ravel() if self.n_outputs_ == 1 else out)

    def _score_of_outputs(self, out: np.ndarray, columns: np.ndarray, weight: Any) -> float:
        if len(self.classes_) == 1:
            right = np.ones(len(out), bool)  # whatever the output is
        elif self.out_activation_ == "softmax":
            right = out.argmax(axis=1) == columns.argmax(axis=1)
        else:
            right = ((out > 0.5) == columns).all(axis=1)  # of several labels, all
        return float(np.average(right, weights=weight))

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
        return in_their_name(np.log, out, out=out)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
