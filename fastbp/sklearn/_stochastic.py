"""The solvers sgd and adam: epochs of minibatches on the compiled engine, stopped by scikit-learn's rules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastbp.functions.costs import CLIPPED
from fastbp.functions.own_rows import takes
from fastbp.sklearn._checkpoint import extra, restore, saving_of
from fastbp.sklearn._parameters import Estimator, pack
from fastbp.sklearn._stepper import Stepper, say
from fastbp.sklearn._validation import HeldOut, Stopping
from fastbp.sklearn._warn import warn_as_scikit_learn
from fastbp.sklearn._weights import check_sums
from fastbp.training.explosion import Watch, infinite_moment
from fastbp.training.history import Run
from fastbp.training.minibatches import Samples, sizes_of_minibatches
from fastbp.training.policy import Epoch, Policy
from fastbp.training.schedules import SCHEDULES, Factors
from fastbp.training.state import State
from fastbp.training.trainer import Trainer

if TYPE_CHECKING:
    from fastbp.network import Network


def batch_size_of(estimator: Estimator, n: int) -> int:
    """Samples of a minibatch; a number above that of the samples is clipped, with scikit-learn's warning."""
    if estimator.batch_size == "auto":
        return min(200, n)
    if estimator.batch_size > n:
        warn_as_scikit_learn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", UserWarning
        )
    return int(min(max(estimator.batch_size, 1), n))


def make_trainer(
    estimator: Estimator,
    net: Network,
    optimizer: Stepper | None,
    batch_size: int,
    *,
    limit: float | None = None,
    **options: Any,
) -> Trainer:
    """A trainer of a network with the estimator's cost and penalties."""
    return Trainer(
        net,
        optimizer,
        batch_size=batch_size,
        l1=estimator.l1,
        l2=estimator.alpha,
        shared_penalty=True,
        cost=CLIPPED if estimator.loss == "log_loss" else None,
        limit=limit,
        **options,
    )


CURVES = {"loss": "loss_curve_", "val_loss": "validation_loss_curve_"}
"""What a schedule may watch -> where an estimator has it; all else is the score of the validation samples."""


def factors_of(estimator: Estimator) -> Factors:
    """Those on the step size, of the estimator's ``schedule``."""
    schedule = estimator.schedule
    factors = Factors(SCHEDULES[schedule]() if isinstance(schedule, str) else schedule)
    if factors.monitor is not None and factors.monitor.startswith("val_") and not estimator.early_stopping:
        raise ValueError(
            f"schedule watches {factors.monitor!r}; there are no validation samples. Set early_stopping=True, or "
            "pass ReduceOnPlateau(monitor='loss')."
        )
    return factors


def warn_of_overflow(net: Network, stepper: Stepper, before: int) -> None:
    """Warn of an infinite moment of the optimizer, with which weights do not change: there scikit-learn stalls too.

    Infinite moments stay so. Calls of few steps, of ``partial_fit``, look when the number of all steps, ``before`` at
    their begin, has doubled.
    """
    if stepper.t.bit_length() == before.bit_length() or stepper.is_finite():
        return
    lost = infinite_moment(net, stepper.bind(net))
    if lost is not None:
        remedy = " or pass X as float64" if net.dtype == np.float32 else ""
        warnings.warn(
            f"A moment of the optimizer has overflowed in {net.dtype}, in layer {lost[1]}, whose weights stand still "
            f"or move wrongly. Standardise X and y{remedy}.",
            RuntimeWarning,
            stacklevel=1,
        )


def as_functions(callbacks: Any) -> list[Any]:
    """Functions of the estimator, called after each epoch; training ends when one returns True."""
    functions: list[Any] = [callbacks] if callable(callbacks) else list(callbacks or ())
    for callback in functions:
        if not takes(callback, 1):
            raise ValueError(
                f"callbacks holds {callback!r}, which is no function of an estimator. Pass functions f(estimator)."
            )
    return functions


class ScikitLearn(Policy):
    """scikit-learn's order of samples, reported loss, bookkeeping and stopping rule.

    ``incremental`` is one epoch of ``partial_fit``.
    """

    def __init__(
        self, estimator: Estimator, trainer: Trainer, samples: Samples, held_out: HeldOut | None, incremental: bool
    ) -> None:
        self.estimator, self.trainer, self.samples = estimator, trainer, samples
        self.held_out, self.incremental = held_out, incremental
        self.finite = True
        self.stopping = Stopping(estimator, trainer.net, held_out)
        self._factors = factors_of(estimator)
        self._callbacks = as_functions(estimator.callbacks)
        self._watched = bool(self._callbacks) or self.stopping.watched or estimator._tasks.watched
        self._order = np.arange(len(samples))
        self._sizes = sizes_of_minibatches(len(samples), trainer.batch_size)
        weight = samples.weight
        signed = weight is not None and weight.min() < 0  # weights that are negative are no shares of a mean
        self._signed, self._weight = weight if signed else None, None if signed else weight
        self._watch = Watch(trainer.net)
        self._warned = False
        self._task: Any = None
        self.saving = saving_of(estimator, trainer.net, estimator._optimizer, samples, self._held_out_samples())
        self.before: Run | None = None
        self._settled = 0
        self._drawn: tuple[int, Any, np.ndarray] = -1, None, self._order

    def _held_out_samples(self) -> Samples | None:
        if self.held_out is None:
            return None
        samples = self.stopping._samples
        return Samples(samples.X, samples.targets, self.held_out.weight)

    def look_for_a_checkpoint(self) -> None:
        """Go on from the file, if there is one."""
        found = None if self.saving is None else self.saving.read()
        if found is not None:
            self.before, more = found
            order = restore(self.estimator, self.trainer.net, self.before, more, self._factors, len(self._sizes))
            self._order = self._order if order is None else order
            state = self.before._state
            assert state is not None
            self._factors.restore(state.plateau)
            self._watch.limit = state.limit

    def begin(self, run: Run) -> None:
        if self.before is None:
            self.estimator.n_iter_ = 0
            return
        state, self._settled = self.before._state, run.epoch
        assert state is not None
        self.trainer.net.theta[:] = state.last_theta
        if state.finished:
            run.stopped = "early stopping"

    def epoch(self, run: Run) -> Epoch:
        """Draw as scikit-learn draws; from here on weights change."""
        estimator, n = self.estimator, len(self.samples)
        if self.saving is not None:
            self._drawn = run.epoch, self._generator(), self._order
        self._task = estimator._tasks.epoch()
        if estimator.shuffle:
            # The draws of sklearn.utils.shuffle, epoch upon epoch.
            positions = np.arange(n)
            estimator._random_state.shuffle(positions)
            self._order = self._order[positions]
        seed = int(estimator._random_state.randint(2**31)) if estimator.dropout else 0
        if not self.finite:
            return Epoch(self._order, 0.0, seed)
        factors = self._factors.of_epoch(run.epoch, estimator.max_iter, run.n_minibatches)
        if self._signed is not None:
            check_sums(self._signed, self._order, self.trainer.batch_size)
        estimator._attempt.begin()
        return Epoch(self._order, estimator._optimizer.rate * factors, seed)

    def measure(self, statistics: np.ndarray) -> dict[str, float]:
        """The mean loss before each update; a batch's counts as often as it has samples, whatever their weights."""
        weight, sizes = statistics["weight"], self._sizes[: len(statistics)]
        n = min(len(statistics) * self.trainer.batch_size, len(self.samples))
        total = statistics["cost"] * self.estimator._share + statistics["penalty"]
        if self.samples.weight is not None:  # minibatches whose samples all have weight 0 are skipped
            some = weight != 0
            total, weight, sizes = total[some], weight[some], sizes[some]
        return {"loss": float(total / weight @ sizes) / n}

    def progress(self, run: Run) -> None:
        """scikit-learn looks at whole epochs only; a checkpoint is of any minibatch."""
        if self.saving is not None and self.saving.is_due():
            self._save(run)

    def _generator(self) -> Any:
        return self.estimator._random_state.get_state(legacy=False)

    def _save(self, run: Run) -> None:
        """Write a checkpoint, unless an interrupt has come in between what belongs together."""
        if self.saving is None or self._settled != run.epoch or not self.finite:
            return
        epoch, generator, order = self._drawn
        if epoch != run.epoch:  # nothing is drawn yet
            generator, order = self._generator(), self._order
        state = State(
            options={},
            generator=None,
            seed=0,
            plateau=self._factors.state,
            concluded=True,
            limit=self._watch.limit,
            best=None,
            best_theta=None,
            **self.trainer.kept(run),
        )
        self.saving.write(run, state, extra(self.estimator, generator, order))

    def scores(self, run: Run) -> dict[str, float]:
        """None; the optimizer's own count of its steps goes on."""
        self._settled = -1
        if self.finite:
            self.estimator._optimizer.stepped(self.trainer.n_applied)
        return {}

    def epoch_ended(self, run: Run) -> None:
        """The bookkeeping of scikit-learn's loop, in its order."""
        estimator, net, loss = self.estimator, self.trainer.net, run.running["loss"]
        if self.finite:
            self._look(loss)
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += len(self.samples)
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            say(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        if self._watched:
            estimator._copy_back(net)
        self.stopping.note()
        estimator._optimizer.epoch_ends(estimator.t_)
        if self._factors.monitor is not None:
            curve = getattr(estimator, CURVES.get(self._factors.monitor, "validation_scores_"))
            self._factors.note(curve[-1])
        asked = [callback(estimator) for callback in self._callbacks]  # all of them, whatever one answers
        asked.append(estimator._tasks.epoch_ends(self._task))
        if self._watched:  # what was written into coefs_ counts
            pack(net, estimator.coefs_, estimator.intercepts_, changes=True)
        if any(asked) or self.stopping.is_over() or self.incremental:
            run.stopped = "early stopping"
        elif estimator.n_iter_ == estimator.max_iter:
            warn_as_scikit_learn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
            )

        self._settled = run.epoch

    def diverged(self, run: Run) -> None:
        """The end, unless early stopping will go back to the best weights.

        Until then scikit-learn's epochs are all NaN.
        """
        self.finite = False
        if self.held_out is None:
            run.stopped = "diverged"
            return
        for part in (*self.trainer.net.w, *self.trainer.net.b):
            part[...] = np.nan

    def end(self, run: Run) -> None:
        """Write a checkpoint; what follows depends on how it ended."""
        self._save(run)

    def _cost_of_best_constant(self) -> float:
        return self.estimator._cost_of_best_constant(self.trainer.net, self.samples.targets, self._weight)

    def _look(self, loss: float) -> None:
        """Warn, once, of a run that explodes in finite numbers, where scikit-learn says nothing."""
        exploded = None
        if not self._warned:
            exploded = self._watch.explosion(self.trainer.first_loss, loss, self._cost_of_best_constant)
        if exploded is not None:
            self._warned = True
            warnings.warn(
                f"Training has exploded: the loss {exploded} the weights have grown too. Standardise X and y, or lower "
                "learning_rate_init.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def look_at_end(self) -> None:
        """The run's last updates, which no epoch's loss shows."""
        net, targets = self.trainer.net, self.samples.targets
        if not self._warned and self._watch.weights_have_grown() and np.isfinite(net.theta).all():
            _, cost = net._outputs(self.samples.X, targets, self.estimator.n_threads)
            self._look(self.estimator._mean_cost(cost, self._weight))


def trainer_of(estimator: Estimator, net: Network, stepper: Stepper, batch_size: int) -> Trainer:
    """The trainer of an estimator: that of the call before, if it is as this one's would be."""
    settings = estimator.loss, estimator.l1, estimator.alpha, estimator.dropout, estimator.clip_norm
    key = id(net), id(stepper), batch_size, estimator.n_threads, *settings
    kept: tuple[Any, Trainer | None] = estimator._networks.get("trainer", (None, None))
    trainer = kept[1]
    if trainer is not None and kept[0] == key:
        trainer.restart()
        return trainer
    trainer = make_trainer(
        estimator,
        net,
        stepper,
        batch_size,
        limit=float(np.finfo(net.dtype).max),  # scikit-learn goes on until a weight is not finite
        state=stepper.bind,
        dropout=estimator.dropout,
        clip_norm=estimator.clip_norm,
        n_threads=estimator.n_threads,
    )
    estimator._networks["trainer"] = key, trainer
    return trainer


def train(estimator: Estimator, net: Network, samples: Samples, held_out: HeldOut | None, incremental: bool) -> bool:
    """Epochs until one of the rules ends them, one for ``partial_fit``; whether all weights are finite."""
    stepper = estimator._optimizer
    before = stepper.t
    trainer = trainer_of(estimator, net, stepper, batch_size_of(estimator, len(samples)))
    policy = ScikitLearn(estimator, trainer, samples, held_out, incremental)
    policy.look_for_a_checkpoint()
    run = trainer.run(samples, estimator.max_iter, policy, policy.before)
    if run.stopped == "interrupted":
        warn_as_scikit_learn("Training interrupted by user.", UserWarning)
    policy.stopping.restore()
    if policy.finite and trainer.first_loss is not None:
        policy.look_at_end()
        warn_of_overflow(net, stepper, before)
    return policy.finite or held_out is not None
