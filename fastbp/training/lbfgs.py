"""L-BFGS: SciPy's solver on the kernels' cost and gradient of all samples; its iterations are the epochs of a run."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from fastbp.errors import DivergenceError, argument_error
from fastbp.network import Network
from fastbp.training import logger
from fastbp.training.frozen import Trained
from fastbp.training.history import Run
from fastbp.training.minibatches import Samples
from fastbp.training.optimizers import LBFGS
from fastbp.training.standard_policy import Standard
from fastbp.training.trainer import Evaluate, Result, Trainer

Objective = Callable[..., tuple[float, np.ndarray]]
"""Cost and gradient of all samples at a vector of the numbers that the solver sees, in float64.

The gradient is NaN where it is not finite.
"""


class Seen:
    """Numbers that the solver sees, out of arrays, as one vector of float64.

    Parameters
    ----------
    parts : iterable of (numpy.ndarray, numpy.ndarray or None)
        Arrays, each with a mask of its numbers that are seen; None for all of them.
    """

    def __init__(self, parts: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> None:
        self._parts: list[tuple[np.ndarray, Any, tuple[int, ...], slice]] = []
        at = 0
        for part, mask in parts:
            size = part.size if mask is None else int(np.count_nonzero(mask))
            shape = part.shape if mask is None else (size,)
            self._parts.append((part, mask, shape, slice(at, at + size)))
            at += size

    def values(self) -> np.ndarray:
        """A copy of the numbers."""
        parts = [part if mask is None else part[mask] for part, mask, _, _ in self._parts]
        return np.concatenate(parts, axis=None, dtype=np.float64)

    def assign(self, values: np.ndarray) -> None:
        """Copy such a vector in, rounded to the dtype of the arrays."""
        for part, mask, shape, where in self._parts:
            part[... if mask is None else mask] = values[where].reshape(shape)


def of_trained(net: Network, trained: Trained, theta: np.ndarray) -> Seen:
    """Of a vector laid out like theta, w[1], b[1], w[2] and so on, without what is frozen."""
    views = zip(*net._views(theta, "w", "b"), strict=True)
    masks: Any = [(None, None)] * net.L
    if trained.mask is not None:
        masks = zip(*net._views(trained.mask != 0, "w", "b"), strict=True)
    layers = zip(trained.rates, views, masks, strict=True)
    return Seen(part for rate, arrays, of_arrays in layers if rate for part in zip(arrays, of_arrays, strict=True))


def with_objective(
    trainer: Trainer, samples: Samples, split: Callable[[np.ndarray], Seen], solve: Callable[[Objective], Result]
) -> Result:
    """What a solver returns that is given the objective of a trainer's network and samples.

    Parameters
    ----------
    trainer : Trainer
        One without an optimizer, whose minibatch is all samples.
    samples : Samples
    split : function
        Of a vector laid out like theta: what the solver sees of it, in its order.
    solve : function
    """
    weights = split(trainer.net.theta)

    def of(g: np.ndarray, evaluate: Evaluate) -> Result:
        slopes = split(g)

        def objective(values: np.ndarray, *_: Any) -> tuple[float, np.ndarray]:
            weights.assign(values)
            statistics, finite = evaluate()
            gradient = slopes.values() if finite else np.full(values.shape, np.nan)
            penalty = statistics.penalty * (1.0 if trainer.shared_penalty else statistics.weight)
            return float((statistics.cost + penalty) / statistics.weight), gradient

        return solve(objective)

    return trainer.minimize(samples, of)


def minimize(objective: Objective, start: np.ndarray, callback: Callable[..., Any] | None, **options: Any) -> Any:
    """SciPy's result of L-BFGS-B from a vector on; its options have SciPy's names.

    Raises
    ------
    ModuleNotFoundError
        Without SciPy.
    """
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'L-BFGS is SciPy\'s, which is not installed. Install it with pip install "fastbp[scipy]", or pass '
            "optimizer=fastbp.Adam(), say."
        ) from None
    return minimize(objective, start, method="L-BFGS-B", jac=True, callback=callback, options=options)


def check_options(samples: Samples, **given: Any) -> None:
    """ValueError, by its name, for what belongs to steps of minibatches, and for what has no gradient everywhere."""
    whole = "L-BFGS takes all samples at once, in one order. Leave it out"
    no_rate = "L-BFGS has no learning rate. Leave it out"
    refused = {
        "continuing": given["continuing"] is not None and "L-BFGS goes on from no run. Leave it out",
        "batch_size": given["batch_size"] not in (None, "auto", len(samples)) and whole,
        "shuffle": callable(given["shuffle"]) and whole,
        "l1": given["l1"] and "|w| has no slope at 0, and L-BFGS needs one everywhere. Pass l2",
        "dropout": np.any(given["dropout"]) and "L-BFGS needs a cost that is the same whenever it asks. Leave it out",
        "clip_norm": given["clip_norm"] is not None and "L-BFGS needs the gradient as it is. Leave it out",
        "schedule": given["schedule"] is not None and no_rate,
        "layer_rates": given["layer_rates"] is not None and no_rate,
        "checkpoint": given["checkpoint"] is not None and "what L-BFGS knows is in SciPy, and in no file. Leave it out",
    }
    for name, why in refused.items():
        if why:
            got = repr(given[name]) if isinstance(given[name], int | float | str) else "given"
            raise argument_error(name, f"is {got}; {why}, or pass another optimizer.")


class Iterations(Standard):
    """The policy of `train` where an epoch is an iteration, which has no learning rate."""

    def scores(self, run: Run) -> dict[str, float]:
        """Those of the samples held out."""
        return {name: value for name, value in super().scores(run).items() if name != "learning_rate"}

    def look_at_end(self, run: Run) -> None:
        """Nothing: an iteration's cost is that of the weights to which it has led."""

    def end(self, run: Run) -> None:
        """Put the best weights back, and tell the callbacks: what SciPy knows of the iterations is lost."""
        self.best.restore()
        for callback in self.callbacks:
            callback.on_train_end(run)

    def diverged(self, run: Run) -> NoReturn:
        """Raise DivergenceError: there is no cost to begin with."""
        problem = "Training diverged in epoch 1: the cost or its gradient is not finite"
        raise DivergenceError(f"{problem}. Scale the inputs, or begin with smaller weights.", 1, 1, problem=problem)


def descend(trainer: Trainer, samples: Samples, optimizer: LBFGS, n_epochs: int, policy: Standard) -> Run:
    """Iterations of the solver, until it is done, or the policy, ``run.stop()`` or Ctrl-C ends them.

    The weights are then those of the last whole iteration.
    """
    net = trainer.net
    run = Run(net, optimizer, n_epochs, 1, len(samples))
    split = functools.partial(of_trained, net, trainer.trained)
    weights, last = split(net.theta), net.theta.copy()

    def solve(objective: Objective) -> Any:
        def timed(values: np.ndarray) -> tuple[float, np.ndarray]:
            run.minibatch, began = 0, time.perf_counter()
            cost, gradient = objective(values)
            run.seconds += time.perf_counter() - began
            if trainer.first_loss is None:
                trainer.first_loss = cost
                if not (np.isfinite(cost) and np.isfinite(gradient).all()):
                    policy.diverged(run)
            return cost, gradient

        def iterated(intermediate_result: Any) -> None:
            weights.assign(intermediate_result.x)
            last[:] = net.theta
            run.minibatch, run.step, run.running = 1, run.step + 1, policy.measure(trainer._statistics)
            policy.progress(run)
            run.history._note(run.running | policy.scores(run))
            run.epoch += 1
            logger.epoch_ended(run)
            policy.epoch_ended(run)
            if run.stopped:
                raise StopIteration

        assert trainer.plan is not None
        run.n_threads, run.plan = trainer.plan.n_threads, trainer.plan
        logger.began(run)
        policy.begin(run)
        if n_epochs == 0 or run.stopped:
            return None
        known = {"gtol": optimizer.tol, "maxcor": optimizer.memory, "maxfun": optimizer.max_evaluations}
        return minimize(timed, weights.values(), iterated, maxiter=n_epochs, **known)

    try:
        result = with_objective(trainer, samples, split, solve)
        if not run.stopped and run.epoch < n_epochs:
            ended = {0: "converged", 1: "max_evaluations were made"}
            run.stopped = ended.get(result.status, "no step lowers the cost")
    except KeyboardInterrupt:
        run.stopped = "interrupted"
    finally:
        net.theta[:] = last  # not what the solver tried last
        policy.end(run)
        logger.ended(run)
    return run
