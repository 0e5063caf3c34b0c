"""The solver lbfgs: SciPy's L-BFGS-B on the kernels' cost and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from fastbp.sklearn._parameters import Estimator, views
from fastbp.sklearn._stepper import say
from fastbp.sklearn._stochastic import make_trainer
from fastbp.sklearn._warn import in_their_name
from fastbp.sklearn._weights import check_sums
from fastbp.training.minibatches import Samples
from fastbp.training.trainer import Evaluate

if TYPE_CHECKING:
    from fastbp.network import Network


class Objective:
    """Cost and gradient of all samples as a function of one vector: all of coefs_, then all of intercepts_, in float64.

    The cost of several outputs is their sum, which is what the gradient belongs to.
    """

    def __init__(self, net: Network, g: np.ndarray, evaluate: Evaluate) -> None:
        self._theta, self._g, self._evaluate = views(net, net.theta), views(net, g), evaluate

    def pack(self) -> np.ndarray:
        """The weights as they are."""
        return _packed(*self._theta)

    def unpack(self, values: np.ndarray) -> None:
        """Set the weights."""
        at = 0
        for part in [*self._theta[0], *self._theta[1]]:
            part[...] = values[at : at + part.size].reshape(part.shape)
            at += part.size

    def __call__(self, values: np.ndarray, *_: Any) -> tuple[float, np.ndarray]:
        """Cost and gradient there; NaN where the gradient is not finite."""
        self.unpack(values)
        statistics, finite = self._evaluate()
        gradient = _packed(*self._g)
        if not finite:
            gradient[:] = np.nan
        return float((statistics.cost + statistics.penalty) / statistics.weight), gradient


def _packed(coefs: list[np.ndarray], intercepts: list[np.ndarray]) -> np.ndarray:
    """One float64 vector of all of them, each copied once: they are views of padded rows."""
    parts = [*coefs, *intercepts]
    vector, at = np.empty(sum(part.size for part in parts)), 0
    for part in parts:
        vector[at : at + part.size].reshape(part.shape)[...] = part
        at += part.size
    return vector


def with_objective(
    estimator: Estimator, net: Network, samples: Samples, n_threads: int | None, solve: Callable[[Objective], Any]
) -> Any:
    """What a solver returns that is given the objective of a network and samples."""
    trainer = make_trainer(estimator, net, None, len(samples), limit=np.inf, n_threads=n_threads)
    return trainer.minimize(samples, lambda g, evaluate: solve(Objective(net, g, evaluate)))


def minimize(estimator: Estimator, net: Network, samples: Samples) -> None:
    """Run the solver from the net's weights; they, ``n_iter_`` and ``loss_`` are its result."""
    n_iter = 0

    def report(intermediate_result: Any) -> None:
        nonlocal n_iter
        n_iter += 1
        say(f"Iteration {n_iter}, loss = {intermediate_result.fun:.8f}")

    def solve(objective: Objective) -> Any:
        estimator._attempt.begin()
        result = scipy.optimize.minimize(
            objective,
            objective.pack(),
            method="L-BFGS-B",
            jac=True,
            callback=report if estimator.verbose else None,
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
        objective.unpack(result.x)
        return result

    if samples.weight is not None:
        check_sums(samples.weight, np.arange(len(samples)), len(samples))
    result = with_objective(estimator, net, samples, estimator.n_threads, solve)
    estimator.n_iter_ = in_their_name(_check_optimize_result, "lbfgs", result, estimator.max_iter)
    estimator.loss_ = float(result.fun)
