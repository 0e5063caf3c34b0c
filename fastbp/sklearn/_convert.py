"""Between these estimators and scikit-learn's, and between them and fastbp's Network."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import is_classifier
from sklearn.neural_network._base import LOSS_FUNCTIONS
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from fastbp.functions.costs import NAMED
from fastbp.network import Network, not_a_network
from fastbp.sklearn._parameters import NAMES, OF_LOSS, Estimator
from fastbp.sklearn._stepper import Stepper, make_stepper
from fastbp.sklearn._warn import warn_of_own

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def their_name(activation: str) -> str:
    """The activation, under whichever name, under scikit-learn's."""
    return {ours: theirs for theirs, ours in NAMES.items()}.get(activation, activation)


def scikit_learns(estimator: Estimator) -> Any:
    """scikit-learn's class of the same name."""
    return neural_network.MLPClassifier if is_classifier(estimator) else neural_network.MLPRegressor


def changed_own_parameters(estimator: Estimator) -> dict[str, Any]:
    """Parameters that scikit-learn does not have and that are not at their defaults."""
    theirs, ours = scikit_learns(estimator)._parameter_constraints, inspect.signature(type(estimator)).parameters
    own = {name: value for name, value in estimator.get_params(deep=False).items() if name not in theirs}
    defaults = {name: ours[name].default if name in ours else None for name in own}
    return {
        name: value
        for name, value in own.items()
        if not (value is defaults[name] or (np.isscalar(value) and value == defaults[name]))
    }


def to_their_optimizer(stepper: Stepper, twin: Any) -> Any:
    """scikit-learn's optimizer of its estimator ``twin``, in the state of ours."""
    parameters = twin.coefs_ + twin.intercepts_
    moments = [[np.array(part, order="C") for part in slot] for slot in stepper.moments]
    if stepper.corrected:
        beta_1, beta_2, epsilon = stepper.constants[:3]
        adam = AdamOptimizer(parameters, stepper.learning_rate_init, beta_1, beta_2, epsilon)
        adam.t, adam.learning_rate = stepper.t, stepper.learning_rate
        if len(moments) == 2:
            adam.ms, adam.vs = moments
        return adam
    sgd = SGDOptimizer(
        parameters,
        stepper.learning_rate_init,
        stepper.schedule,
        stepper.constants[0],
        twin.nesterovs_momentum,
        stepper.power_t,
    )
    sgd.learning_rate = stepper.learning_rate
    if moments:
        sgd.velocities = moments[0]
    return sgd


def from_their_optimizer(their: Any, estimator: Estimator) -> Stepper:
    """The optimizer of our estimator, in the state of scikit-learn's."""
    stepper = make_stepper(estimator)
    stepper.learning_rate_init, stepper.learning_rate = their.learning_rate_init, their.learning_rate
    if isinstance(their, AdamOptimizer):
        stepper.t, stepper.moments = their.t, [list(their.ms), list(their.vs)]
    else:
        stepper.moments = [list(their.velocities)] if stepper.slots else []
    return stepper


class Convertible:
    """The conversions of an estimator."""

    def to_network(self: Estimator) -> Network:
        """A copy of the fitted network.

        Returns
        -------
        fastbp.Network
            With task, classes and feature names in its ``meta``. Per-sample gradients, Jacobians and Hessian-vector
            products are its methods.
        """
        check_is_fitted(self)
        meta: dict[str, Any] = {"task": "classification" if is_classifier(self) else "regression"}
        if is_classifier(self) and isinstance(self.classes_, np.ndarray) and len(self.classes_) > 1:
            meta["classes"] = self.classes_.tolist()
        if hasattr(self, "feature_names_in_"):
            meta["features"] = self.feature_names_in_.tolist()
        net = Network.__new__(Network)
        net.__setstate__(self._pack(kept=False).__getstate__() | {"meta": meta})
        return net

    @classmethod
    def from_network(cls: Any, net: Network, **parameters: Any) -> Any:
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
        if not isinstance(net, Network):
            raise not_a_network(net)
        hidden = list(map(their_name, net.activations[:-1]))
        activation = hidden[0] if len(set(hidden)) == 1 else hidden or "relu"
        estimator = cls(**{"hidden_layer_sizes": net.sizes[1:-1], "activation": activation, **parameters})
        output = net.activations[-1]
        estimator.n_features_in_, estimator.n_outputs_ = net.sizes[0], net.sizes[-1]
        estimator.n_layers_ = len(net.sizes)
        outputs = np.arange(net.sizes[-1])
        if is_classifier(estimator):
            if net.cost != "cross_entropy":
                raise ValueError(
                    f"The network's cost is {net.cost!r}; a classifier's is 'cross_entropy', because its outputs are "
                    "probabilities. Use MLPRegressor.from_network."
                )
            n_classes = max(2, net.sizes[-1])
            classes = np.asarray(net.meta.get("classes", range(n_classes)))
            if len(classes) != n_classes or len(set(classes.tolist())) != n_classes:
                raise ValueError(
                    f"net.meta names {len(classes)} classes; the network tells {n_classes} apart. "
                    "Give it as many different names, or none."
                )
            several = output == "sigmoid" and net.sizes[-1] > 1  # labels of a sample
            estimator._label_binarizer = LabelBinarizer().fit(np.eye(n_classes, dtype=int) if several else classes)
            estimator.classes_ = estimator._label_binarizer.classes_
            order = np.arange(n_classes) if several else np.argsort(classes)
            if net.sizes[-1] > 1:
                outputs = order  # scikit-learn sorts class labels
            elif order[0] == 1:
                raise ValueError(
                    "net.meta names its two classes in descending order. Exchange the names and the signs."
                )
        elif net.cost == "cross_entropy":
            raise ValueError(
                "The network's cost is 'cross_entropy'; a regressor has none like it. Use MLPClassifier.from_network."
            )
        else:
            entry = NAMED[net.cost]
            known: dict[str, Any] = {"loss": entry.loss or entry.name}
            if entry.parameter is not None:
                known[entry.parameter.name] = net._p
            # An older fastbp kept in meta what costs networks did not have.
            stated = {name: net.meta[name] for name in ("loss", *OF_LOSS.values()) if name in net.meta}
            known |= stated | parameters
            estimator.set_params(**{name: known[name] for name in ("loss", *OF_LOSS.values()) if name in known})
            if output != (estimator._loss_function().outputs or ("identity",))[0]:
                estimator.output_activation = their_name(output)
            estimator._output_activation()  # refuses one that does not go with the loss
        estimator.out_activation_ = their_name(output)
        *coefs, coef = (w.T for w in net.w)
        *intercepts, intercept = net.b
        estimator.coefs_ = [np.array(w, order="C") for w in (*coefs, coef[:, outputs])]
        estimator.intercepts_ = [np.array(b) for b in (*intercepts, intercept[outputs])]
        estimator._keep_best(estimator.coefs_, estimator.intercepts_)
        estimator._start_record()
        estimator.loss_ = np.inf
        if "features" in net.meta:
            estimator.feature_names_in_ = np.asarray(net.meta["features"], dtype=object)
        return estimator

    def to_sklearn(self: Estimator) -> Any:
        """scikit-learn's estimator of the same name, parameters and, if fitted, state.

        Raises
        ------
        ValueError
            Where its predictions could not be the same. Where only further training differs, a warning says so.
        """
        hidden = self._hidden_activations(len(self._hidden_sizes()))
        names = set(map(their_name, hidden)) or {"relu"}
        output = getattr(self, "output_activation", None)
        if len(names) > 1 or not names <= set(ACTIVATIONS) or output is not None:
            raise ValueError(
                f"The activations are {hidden} and, of the output, {output!r}; scikit-learn has one of "
                f"{', '.join(ACTIVATIONS)} for all hidden layers and an output of its own choice. Use to_network() "
                "instead."
            )
        if self.solver not in ("sgd", "adam", "lbfgs") or self.loss not in LOSS_FUNCTIONS:
            raise ValueError(
                f"solver is {self.solver!r} and loss {self.loss!r}; scikit-learn has no such pair. Use "
                "to_network(), or set them to scikit-learn's with set_params first."
            )
        kind = scikit_learns(self)
        lost = sorted(set(changed_own_parameters(self)) - {"activation", "n_threads"})
        if lost:
            warn_of_own(
                f"scikit-learn has no {', '.join(lost)}: predictions stay the same, further training will differ.",
                UserWarning,
                stacklevel=2,
            )
        given = self.get_params(deep=False)
        twin = kind(**{name: given[name] for name in kind._get_param_names()} | {"activation": names.pop()})
        if not hasattr(self, "coefs_"):
            return twin
        for name, value in vars(self).items():
            if name.endswith("_") or name in ("_label_binarizer", "_random_state", "_no_improvement_count"):
                setattr(twin, name, copy.deepcopy(value))
        for name in ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts"):
            setattr(twin, name, [np.array(part, order="C") for part in getattr(self, name)])
        if hasattr(self, "_optimizer"):
            twin._optimizer = to_their_optimizer(self._optimizer, twin)
        return twin

    @classmethod
    def from_sklearn(cls: Any, estimator: Any) -> Any:
        """An estimator with the parameters and, if fitted, the state of scikit-learn's of the same name."""
        made = cls(**estimator.get_params(deep=False))
        if not isinstance(estimator, scikit_learns(made)):
            raise TypeError(
                f"{cls.__name__}.from_sklearn was given a {type(estimator).__name__}; it needs scikit-learn's "
                f"{cls.__name__}. Pass one, fitted or not."
            )
        if not hasattr(estimator, "coefs_"):
            return made
        for name, value in vars(estimator).items():
            if name.startswith("_") or name.endswith("_"):
                setattr(made, name, copy.deepcopy(value))
        if hasattr(estimator, "validation_scores_"):  # of the losses until now they keep no record
            made.validation_loss_curve_ = None if estimator.validation_scores_ is None else []
        if hasattr(estimator, "_optimizer"):
            made._optimizer = from_their_optimizer(estimator._optimizer, made)
        return made
