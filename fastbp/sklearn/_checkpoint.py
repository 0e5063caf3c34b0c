"""Checkpoints of `fit`: what a file holds of an estimator beside the state of its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.errors import LoadError
from fastbp.io.container import AGAIN
from fastbp.network import Network
from fastbp.sklearn._parameters import Estimator, views
from fastbp.training.checkpoints import Extra, Saving, check_checkpoint
from fastbp.training.described import Described
from fastbp.training.history import Run
from fastbp.training.minibatches import Samples
from fastbp.training.schedules import Factors
from fastbp.training.state import decoded, encoded

if TYPE_CHECKING:
    from fastbp.sklearn._stepper import Stepper

MAY_DIFFER = {"max_iter", "n_threads", "callbacks", "verbose", "warm_start", "checkpoint"}
"""Parameters that may be others when a fit goes on."""

LISTS = ("loss_curve_", "validation_scores_", "validation_loss_curve_")
NUMBERS = ("loss_", "best_loss_", "best_validation_score_")
COUNTS = ("n_iter_", "t_", "_no_improvement_count")

BEST = "estimator.best."
ORDER = "estimator.order"


def require_checkpoint_of_a_fit(estimator: Estimator, incremental: bool) -> None:
    """ValueError for what keeps no checkpoint."""
    if estimator.checkpoint is None:
        return
    problem = None
    if incremental:
        problem = "partial_fit trains for one epoch, and keeps none"
    elif estimator.solver == "lbfgs":
        problem = "what the solver 'lbfgs' knows is in SciPy, and in no file"
    elif estimator.warm_start:
        problem = "warm_start=True goes on from the weights that the estimator has"
    if problem is not None:
        raise ValueError(f"checkpoint is {estimator.checkpoint!r}; {problem}. Set checkpoint=None.")


def saving_of(
    estimator: Estimator, net: Network, stepper: Stepper, samples: Samples, held_out: Samples | None
) -> Saving | None:
    """What writes the checkpoints of a fit; None without any."""
    if estimator.checkpoint is None:
        return None
    options = {name: value for name, value in estimator.get_params(deep=False).items() if name not in MAY_DIFFER}
    about = {"estimator": Described(type(estimator).__name__), "net": Described(repr(net))}
    return Saving(check_checkpoint(estimator.checkpoint), about | options, net, samples, held_out, stepper.slots)


def extra(estimator: Estimator, generator: Any, order: np.ndarray) -> Extra:
    """What the estimator has noted until the epoch at hand; state of its generator and order are those before it."""
    known = vars(estimator)
    stepper = estimator._optimizer
    numbers = {name: None if known.get(name) is None else float(known[name]).hex() for name in NUMBERS}
    more: dict[str, Any] = {
        **numbers,
        **{name: int(known[name]) for name in COUNTS},
        "step": stepper.t,
        "rate": float(stepper.learning_rate).hex(),
        "generator": encoded(generator),
    }
    arrays = {f"estimator.{name}": np.array(known[name], np.float64) for name in LISTS if known[name]}
    if estimator.shuffle:
        arrays[ORDER] = order.astype(np.float64)  # whole numbers below 2^53
    if estimator.early_stopping:
        for i, part in enumerate((*estimator._best_coefs, *estimator._best_intercepts)):
            arrays[f"{BEST}{i}"] = part
    return more, arrays


def restore(
    estimator: Estimator, net: Network, run: Run, more: Extra, factors: Factors, n_minibatches: int
) -> np.ndarray | None:
    """Put back what `extra` took, and the optimizer's vectors; the order before the epoch at hand.

    Raises
    ------
    LoadError
        The file does not hold it, and the estimator is as it was.
    ValueError
        The schedule depends on ``max_iter``, which is another one.
    """
    state = run._state
    assert state is not None
    if run.epoch + (state.minibatch > 0) > estimator.max_iter:
        raise ValueError(
            f"max_iter is {estimator.max_iter}; the fit that goes on has begun {run.epoch + (state.minibatch > 0)} "
            "epochs, and max_iter counts them all. Set it higher."
        )
    factors.require_same_until(run.epoch, (run.n_epochs, estimator.max_iter), n_minibatches)
    numbers, arrays = more
    try:
        put_back = _read(estimator, net, numbers, arrays, run.n_samples)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        name = estimator.checkpoint.name
        raise LoadError(f"{name!r} is damaged: of the estimator, {error!r}. {AGAIN}") from error
    estimator._optimizer.bind(net)[:] = state.moments
    return put_back()


def _read(
    estimator: Estimator, net: Network, numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n: int
) -> Callable[[], np.ndarray | None]:
    """What puts back all that has been read."""
    known: dict[str, Any] = {name: None if numbers[name] is None else float.fromhex(numbers[name]) for name in NUMBERS}
    known |= {name: _count(numbers[name]) for name in COUNTS}
    for name in LISTS:
        if getattr(estimator, name) is not None:
            known[name] = [float(value) for value in arrays.get(f"estimator.{name}", ())]
    order = None
    if estimator.shuffle:
        order = arrays[ORDER].astype(np.int64)
        if not np.array_equal(np.sort(order), np.arange(n)):
            raise ValueError("the order of the samples")
    if estimator.early_stopping:
        coefs, intercepts = views(net, net.theta)
        best = [np.array(arrays[f"{BEST}{i}"]) for i in range(2 * net.L)]
        if [part.shape for part in best] != [part.shape for part in (*coefs, *intercepts)]:
            raise ValueError("the shapes of the best weights")
        known |= {"_best_coefs": best[: net.L], "_best_intercepts": best[net.L :]}
    generator = np.random.RandomState()
    generator.set_state(decoded(numbers["generator"]))
    step, rate = _count(numbers["step"]), float.fromhex(numbers["rate"])

    def put_back() -> np.ndarray | None:
        for name, value in known.items():
            if name != "loss_" or value is not None:
                setattr(estimator, name, value)
        estimator._optimizer.t, estimator._optimizer.learning_rate = step, rate
        estimator._random_state = generator
        return order

    return put_back


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"the count {value!r}")
    return value
