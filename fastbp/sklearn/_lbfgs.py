"""The solver lbfgs: SciPy's L-BFGS-B on the kernels' cost and gradient."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.optimize import _check_optimize_result

from fastbp.sklearn._parameters import Estimator, views
from fastbp.sklearn._stepper import say
from fastbp.sklearn._stochastic import make_trainer
from fastbp.sklearn._warn import in_their_name
from fastbp.sklearn._weights import check_sums
from fastbp.training import lbfgs
from fastbp.training.lbfgs import Objective, Seen
from fastbp.training.minibatches import Samples

if TYPE_CHECKING:
    from fastbp.network import Network


def with_objective(
    estimator: Estimator, net: Network, samples: Samples, n_threads: int | None, solve: Callable[[Objective], Any]
) -> Any:
    """What a solver returns that is given the objective of a network and samples: of all of coefs_, then intercepts_.

    The cost of several outputs is their sum, which is what the gradient belongs to.
    """
    trainer = make_trainer(estimator, net, None, len(samples), n_threads=n_threads)
    return lbfgs.with_objective(trainer, samples, lambda theta: _seen(net, theta), solve)


def _seen(net: Network, theta: np.ndarray) -> Seen:
    return Seen((part, None) for part in itertools.chain(*views(net, theta)))


def minimize(estimator: Estimator, net: Network, samples: Samples) -> None:
    """Run the solver from the net's weights; they, ``n_iter_`` and ``loss_`` are its result."""
    n_iter, weights = 0, _seen(net, net.theta)

    def report(intermediate_result: Any) -> None:
        nonlocal n_iter
        n_iter += 1
        say(f"Iteration {n_iter}, loss = {intermediate_result.fun:.8f}")

    def solve(objective: Objective) -> Any:
        estimator._attempt.begin()
        result = lbfgs.minimize(
            objective,
            weights.values(),
            callback=report if estimator.verbose else None,
            maxfun=estimator.max_fun,
            maxiter=estimator.max_iter,
            gtol=estimator.tol,
        )
        weights.assign(result.x)
        return result

    if samples.weight is not None:
        check_sums(samples.weight, np.arange(len(samples)), len(samples))
    result = with_objective(estimator, net, samples, estimator.n_threads, solve)
    estimator.n_iter_ = in_their_name(_check_optimize_result, "lbfgs", result, estimator.max_iter)
    estimator.loss_ = float(result.fun)
