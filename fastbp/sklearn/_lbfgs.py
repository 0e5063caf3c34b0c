"""The solver lbfgs: SciPy's L-BFGS-B on the kernels' cost and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from fastbp.arrays import Targets, largest_magnitude
from fastbp.kernels import layout
from fastbp.runtime import csr, engine
from fastbp.runtime.team import ThreadTeam
from fastbp.sklearn._parameters import views
from fastbp.sklearn._stepper import say
from fastbp.sklearn._stochastic import Samples
from fastbp.sklearn._warn import in_their_name
from fastbp.sklearn._weights import Sums

if TYPE_CHECKING:
    from fastbp.network import Network
    from fastbp.sklearn._base import BaseMLP


class Objective:
    """Cost and gradient of all samples as a function of one vector: all of coefs_, then all of intercepts_, in float64.

    The cost of several outputs is their sum, which is what the gradient belongs to.
    """

    def __init__(
        self,
        estimator: BaseMLP,
        net: Network,
        X: Samples,
        targets: Targets,
        sample_weight: np.ndarray | None,
        team: ThreadTeam,
    ) -> None:
        self._team = team
        g = layout.aligned(net.theta.size, net.dtype)
        self._g, self._theta = views(net, g), views(net, net.theta)
        maker = csr if isinstance(X, csr.Rows) else engine
        where = maker.plan(net, maker.tile_size(net, len(X)), team.size)
        engine.check_job_memory(net, where, 2, "Training")
        values = X.values if isinstance(X, csr.Rows) else X
        reals = engine.limits(net.dtype, largest_magnitude(values))
        reals[layout.LIMIT] = np.inf
        estimator._write(reals)
        job = engine.make_job(
            net, where, values, targets, sample_weight=sample_weight, g=g, reals=reals, eta=np.ones(1)
        )
        job = X.into(job, len(X)) if isinstance(X, csr.Rows) else job
        self._job = estimator._as_job(job)
        team.start(self._job)

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
        self._job.stats[:] = 0
        status = self._team.run(0, 1)[1]
        total, weight, _, penalty = self._job.stats
        gradient = _packed(*self._g)
        if status == layout.DIVERGED:
            gradient[:] = np.nan
        return float((total + penalty) / weight), gradient


def _packed(coefs: list[np.ndarray], intercepts: list[np.ndarray]) -> np.ndarray:
    """One float64 vector of all of them, each copied once: they are views of padded rows."""
    parts = [*coefs, *intercepts]
    vector, at = np.empty(sum(part.size for part in parts)), 0
    for part in parts:
        vector[at : at + part.size].reshape(part.shape)[...] = part
        at += part.size
    return vector


def minimize(estimator: BaseMLP, net: Network, X: Samples, targets: Targets, sample_weight: np.ndarray | None) -> None:
    """Run the solver from the net's weights; they, ``n_iter_`` and ``loss_`` are its result."""
    n_iter = 0

    def report(intermediate_result: Any) -> None:
        nonlocal n_iter
        n_iter += 1
        say(f"Iteration {n_iter}, loss = {intermediate_result.fun:.8f}")

    flops = engine.operations(net.sizes, len(X), training=True)
    with ThreadTeam(engine.choose_threads(estimator.n_threads, flops, engine.LARGE_STEP)) as team:
        Sums(sample_weight).check(np.arange(len(X)), len(X))
        objective = Objective(estimator, net, X, targets, sample_weight, team)
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
    estimator.n_iter_ = in_their_name(_check_optimize_result, "lbfgs", result, estimator.max_iter)
    estimator.loss_ = float(result.fun)
