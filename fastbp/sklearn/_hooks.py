"""scikit-learn's private methods that its users override, and what an override does here.

Some are called by fastbp's loops as by scikit-learn's. Some compute what the compiled kernels compute: scikit-learn's
own loop then calls them, at its speed. All others have no place here, and are refused.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.neural_network import _multilayer_perceptron
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.utils._param_validation import InvalidParameterError

from fastbp.sklearn._convert import changed_own_parameters, from_their_optimizer, scikit_learns, to_their_optimizer
from fastbp.sklearn._parameters import Estimator, in_own_memory
from fastbp.sklearn._warn import warn_of_own

CALLED = ("_init_coef", "_update_no_improvement_count", "_score")
"""Called by fastbp's loops, with scikit-learn's arguments."""

LOOPED = ("_backprop", "_compute_loss_grad", "_forward_pass")
"""An override is called by scikit-learn's own loop, which then takes the place of fastbp's."""

PUBLIC = {
    "_check_solver": "Set solver=, or use fit in place of partial_fit.",
    "_fit": "Override fit and partial_fit.",
    "_fit_lbfgs": "Set solver=, or minimise by yourself with to_network().gradient and assign coefs_ and intercepts_.",
    "_fit_stochastic": "Set solver= and callbacks=, or call partial_fit in a loop of your own.",
    "_forward_pass_fast": "Override predict and predict_proba, or use to_network().feedforward.",
    "_initialize": "Override _init_coef, set init=, or assign coefs_ and intercepts_ and train with warm_start=True.",
    "_loss_grad_lbfgs": "Override _backprop, or use to_network().gradient.",
    "_predict": "Override predict.",
    "_score_with_function": "Override _score, or set scoring=.",
    "_unpack": "Assign coefs_ and intercepts_.",
    "_validate_input": "Override fit, and convert X and y before super().fit(X, y).",
}
"""What to do in place of overriding a method that is never called here."""


@functools.cache
def private_methods(kind: type) -> tuple[str, ...]:
    """Names of the private methods of scikit-learn's multilayer perceptron, for one of its two classes."""
    of_module = [c for c in kind.__mro__ if c.__module__ == _multilayer_perceptron.__name__]
    names = {name for c in of_module for name, value in vars(c).items() if inspect.isfunction(value)}
    return tuple(sorted(name for name in names if name.startswith("_") and not name.startswith("__")))


def remember(kind: Any) -> Any:
    """The class, with a note of which of those methods are its own: whatever stands there later is an override."""
    kind._fastbp_methods = {
        name: getattr(kind, name, None)
        for theirs in (neural_network.MLPClassifier, neural_network.MLPRegressor)
        for name in private_methods(theirs)
    }
    return kind


def check_overrides(estimator: Estimator) -> set[str]:
    """Which of scikit-learn's private methods are replaced: in a subclass or mixin, on the class or on the instance.

    Raises
    ------
    TypeError
        For one that is never called here; the message names the public way.
    sklearn.utils._param_validation.InvalidParameterError
        For parameters that an override contradicts.
    """
    # Looked up in the class, which is fast. What each look makes anew, as of a class method, is no method of ours.
    own, kind, attributes = estimator._fastbp_methods, type(estimator), vars(estimator)
    names = {
        name
        for name in private_methods(scikit_learns(estimator))
        if name in attributes or getattr(kind, name, None) is not own[name]
    }
    for name in sorted(names - {*CALLED, *LOOPED}):
        raise TypeError(
            f"{type(estimator).__name__} overrides {name}, a private method of scikit-learn's MLP that fastbp never "
            f"calls. {PUBLIC.get(name, 'Use the public methods.')} Or use scikit-learn's own estimator."
        )
    if "_score" in names and estimator.scoring is not None:
        raise InvalidParameterError(
            f"{type(estimator).__name__} overrides _score, and scoring is {estimator.scoring!r}; one of them decides "
            "when training stops. Set scoring=None, or remove the override."
        )
    return names


def _only_here(estimator: Estimator, validation: tuple[Any, ...] | None) -> list[str]:
    """What the user asks for that scikit-learn's loop does not know."""
    given = estimator.get_params(deep=False)
    asked = [f"{name}={value!r}" for name, value in changed_own_parameters(estimator).items()]
    constraints = scikit_learns(estimator)._parameter_constraints
    for name in ("loss", "activation", "solver"):
        if name in given and name in constraints:
            known = [getattr(constraint, "options", ()) for constraint in constraints[name]]
            if not (isinstance(given[name], str) and any(given[name] in options for options in known)):
                asked.append(f"{name}={given[name]!r}")
    if any(part is not None for part in validation or ()):
        asked.append("X_val and y_val")
    if getattr(estimator, "_skl_callbacks", None):
        asked.append("set_callbacks")
    return asked


def run_scikit_learns_loop(
    estimator: Estimator,
    names: set[str],
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    incremental: bool,
    validation: tuple[Any, ...] | None,
) -> None:
    """Train with scikit-learn's loop, in which the estimator's overrides stand for its own methods.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        For parameters that only fastbp has.
    """
    overrides = ", ".join(name for name in LOOPED if name in names)
    asked = _only_here(estimator, validation)
    if asked:
        raise InvalidParameterError(
            f"{type(estimator).__name__} overrides {overrides}, which scikit-learn's own loop calls; that loop does "
            f"not know {', '.join(asked)}. Leave it out, or remove the override."
        )
    warn_of_own(
        f"{type(estimator).__name__} overrides {overrides}: training runs in scikit-learn's own loop, which calls the "
        "override for every minibatch and is slow.",
        UserWarning,
        stacklevel=5,
    )
    theirs = scikit_learns(estimator)

    finite: list[np.ndarray] = []

    def weights() -> list[np.ndarray]:
        return [*estimator.coefs_, *estimator.intercepts_]

    def are_finite() -> bool:
        return all(np.isfinite(part).all() for part in weights())

    def forwarding(name: str) -> Any:
        def forward(loop: Any, *args: Any, **options: Any) -> Any:
            if name in LOOPED:  # scikit-learn trains in place, and calls these before each update
                estimator._attempt.begin()
                if estimator._attempt.going_on and are_finite():
                    finite[:] = [part.copy() for part in weights()]
            return getattr(estimator, name)(*args, **options)

        return forward

    of_estimator = {"loss": estimator.loss, **{name: forwarding(name) for name in names}}
    kind = type(theirs.__name__, (theirs,), of_estimator)
    loop: Any = object.__new__(kind)
    loop.__dict__ = estimator.__dict__  # one state: what either sets, both have
    if hasattr(estimator, "_optimizer"):
        loop._optimizer = to_their_optimizer(estimator._optimizer, loop)
    try:
        loop._fit(X, y, sample_weight=sample_weight, incremental=incremental)
    finally:
        if finite and not are_finite():
            for part, last in zip(weights(), finite, strict=True):
                part[...] = last
        if hasattr(estimator, "coefs_"):
            estimator.coefs_ = [in_own_memory(coef) for coef in estimator.coefs_]
            estimator.intercepts_ = [in_own_memory(intercept) for intercept in estimator.intercepts_]
        if hasattr(estimator, "_optimizer"):
            estimator._optimizer = from_their_optimizer(loop._optimizer, estimator)
    if estimator.solver != "lbfgs":
        estimator.validation_loss_curve_ = [] if estimator.early_stopping else None


class Overridable:
    """scikit-learn's methods that fastbp's kernels stand for, for ``super()`` in an override."""

    _backprop = BaseMultilayerPerceptron._backprop
    _compute_loss_grad = BaseMultilayerPerceptron._compute_loss_grad
    _forward_pass = BaseMultilayerPerceptron._forward_pass
