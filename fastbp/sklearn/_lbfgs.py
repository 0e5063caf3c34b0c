"""The solver lbfgs: SciPy's L-BFGS-B on the kernels' cost and gradient."""

from __future__ import annotations

import itertools
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


Objective = Callable[..., tuple[float, np.ndarray]]
"""Cost and gradient of all samples at a vector: all of coefs_, then all of intercepts_, in float64.

The cost of several outputs is their sum, which is what the gradient belongs to; NaN where the gradient is not finite.
"""


def _packed(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts, axis=None, dtype=np.float64)


def _unpack(values: np.ndarray, parts: list[np.ndarray]) -> None:
    at = 0
    for part in parts:
        part[...] = values[at : at + part.size].reshape(part.shape)
        at += part.size


def with_objective(
    estimator: Estimator, net: Network, samples: Samples, n_threads: int | None, solve: Callable[[Objective], Any]
) -> Any:
    """What a solver returns that is given the objective of a network and samples."""
    weights = list(itertools.chain(*views(net, net.theta)))

    def of(g: np.ndarray, evaluate: Evaluate) -> Any:
        slopes = list(itertools.chain(*views(net, g)))

        def objective(values: np.ndarray, *_: Any) -> tuple[float, np.ndarray]:
            _unpack(values, weights)
            statistics, finite = evaluate()
            gradient = _packed(slopes) if finite else np.full(values.shape, np.nan)
            return float((statistics.cost + statistics.penalty) / statistics.weight), gradient

        return solve(objective)

    trainer = make_trainer(estimator, net, None, len(samples), limit=np.inf, n_threads=n_threads)
    return trainer.minimize(samples, of)


def minimize(estimator: Estimator, net: Network, samples: Samples) -> None:
    """Run the solver from the net's weights; they, ``n_iter_`` and ``loss_`` are its result."""
    n_iter, weights = 0, list(itertools.chain(*views(net, net.theta)))

    def report(intermediate_result: Any) -> None:
        nonlocal n_iter
        n_iter += 1
        say(f"Iteration {n_iter}, loss = {intermediate_result.fun:.8f}")

    def solve(objective: Objective) -> Any:
        estimator._attempt.begin()
        result = scipy.optimize.minimize(
            objective,
            _packed(weights),
            method="L-BFGS-B",
            jac=True,
            callback=report if estimator.verbose else None,
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
        _unpack(result.x, weights)
        return result

    if samples.weight is not None:
        check_sums(samples.weight, np.arange(len(samples)), len(samples))
    result = with_objective(estimator, net, samples, estimator.n_threads, solve)
    estimator.n_iter_ = in_their_name(_check_optimize_result, "lbfgs", result, estimator.max_iter)
    estimator.loss_ = float(result.fun)
