"""The solvers sgd and adam: epochs of minibatches on the compiled engine, stopped by scikit-learn's rules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from fastbp.arrays import Targets, largest_magnitude
from fastbp.kernels import clipping, layout, updates
from fastbp.runtime import csr, engine
from fastbp.runtime.slices import Pace
from fastbp.runtime.team import ThreadTeam
from fastbp.sklearn._hooks import overridden
from fastbp.sklearn._parameters import pack, pack_changes, views
from fastbp.sklearn._stepper import Stepper, say
from fastbp.sklearn._warn import warn_as_scikit_learn
from fastbp.sklearn._weights import Sums
from fastbp.training.explosion import Growth, infinite_moment
from fastbp.training.schedules import SCHEDULES, ReduceOnPlateau

if TYPE_CHECKING:
    from fastbp.network import Network
    from fastbp.sklearn._base import BaseMLP

Samples = np.ndarray | csr.Rows


def batch_size_of(estimator: BaseMLP, n: int) -> int:
    """Samples of a minibatch; a number above that of the samples is clipped, with scikit-learn's warning."""
    if estimator.batch_size == "auto":
        return min(200, n)
    if estimator.batch_size > n:
        warn_as_scikit_learn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", UserWarning
        )
    return int(min(max(estimator.batch_size, 1), n))


def is_plain(estimator: BaseMLP) -> bool:
    """Whether the steps are those of plain descent: no momentum, penalty, weight decay, clipping or dropout."""
    more = estimator.alpha or estimator.l1 or estimator.dropout or estimator.clip_norm is not None
    return estimator._optimizer.code == updates.SGD and not estimator._optimizer.constants[3] and not more


class Epochs:
    """The resident job of one call of ``fit``, and what its epochs report."""

    def __init__(
        self,
        estimator: BaseMLP,
        net: Network,
        X: Samples,
        targets: Targets,
        sample_weight: np.ndarray | None,
        batch: int,
        team: ThreadTeam,
    ) -> None:
        n = len(X)
        self._stepper, self._attempt = estimator._optimizer, estimator._attempt
        self.n_minibatches = -(-n // batch)
        # A batch's loss counts as often as the batch has samples, whatever their weights.
        self._counts = np.full(self.n_minibatches, float(batch))
        self._counts[-1] = n - batch * (self.n_minibatches - 1)
        self._share = 1.0 / net.sizes[-1] if estimator.loss == "squared_error" else 1.0
        if isinstance(X, csr.Rows):
            where = csr.plan(net, csr.tile_size(net, batch), team.size)
        elif estimator.clip_norm is not None:  # the team then shares the whole gradient
            where = engine.plan(net, engine.tile_size(net, batch), team.size)
        else:
            where = engine.plan_training(net, batch, plain=is_plain(estimator), n_threads=team.size)
        keeping = (  # the gradient
            where.tile < batch or isinstance(X, csr.Rows) or estimator.clip_norm is not None
        )
        engine.check_job_memory(net, where, self._stepper.slots + keeping + 1, "Training")
        values = X.values if isinstance(X, csr.Rows) else X
        reals = engine.limits(net.dtype, largest_magnitude(values))
        reals[layout.LIMIT] = float(np.finfo(net.dtype).max)  # scikit-learn goes on until a weight is not finite
        self._stepper.write(reals)
        estimator._write(reals)
        self._reals = reals
        sums = None
        if estimator.clip_norm is not None:
            reals[layout.CLIP], reals[layout.CLIP_AT] = estimator.clip_norm, where.sums_size
            sums = np.empty(where.sums_size + -(-net.theta.size // clipping.BLOCK))
        self._stats = np.zeros((self.n_minibatches, layout.N_STATISTICS))
        self._sums = Sums(sample_weight)
        self.first: float | None = None
        """Loss of the first minibatch, before any update."""
        job = engine.make_job(
            net,
            where,
            values,
            targets,
            sample_weight=sample_weight,
            g=layout.aligned(net.theta.size, net.dtype) if keeping else None,
            state=self._stepper.bind(net),
            order=np.arange(n),
            stats=self._stats,
            eta=np.zeros(self.n_minibatches),
            reals=reals,
            sums=sums,
            batch=batch,
            optimizer=self._stepper.code,
            updating=True,
        )
        job = X.into(job, batch) if isinstance(X, csr.Rows) else job
        self._job = estimator._as_job(job)
        team.start(self._job)
        self._pace = Pace(team, engine.operations(net.sizes, batch, training=True))

    def sow(self, seed: int) -> None:
        """The seed of the coming epoch's dropout."""
        self._reals[layout.SEED] = seed

    def run(self, order: np.ndarray, factors: float | np.ndarray) -> float | None:
        """Every minibatch once; the mean loss before each update as scikit-learn counts it, None on divergence."""
        job = self._job
        self._sums.check(order, job.batch)
        self._attempt.begin()
        job.order[:] = order
        self._stats[:] = 0
        job.eta[:] = self._stepper.rate * factors
        done = 0
        while done < self.n_minibatches:
            done, status = self._pace.run(done, self.n_minibatches)
            if status == layout.DIVERGED:
                return None
        weight, counts = self._stats[:, layout.WEIGHT], self._counts
        total = self._stats[:, layout.COST] * self._share + self._stats[:, layout.PENALTY]
        if job.weighted:  # minibatches whose samples all have weight 0 are skipped
            some = weight != 0
            total, weight, counts = total[some], weight[some], counts[some]
        if self.first is None and len(total):
            self.first = float(total[0] / weight[0])
        self._stepper.stepped(len(counts))
        return float(total / weight @ counts) / len(order)


class HeldOut(NamedTuple):
    """Samples that decide when training stops."""

    X: Any
    columns: np.ndarray
    """Targets, a column for each output."""
    y: Any
    """Targets as the user gave them."""
    weight: Any


class Stopping:
    """scikit-learn's bookkeeping: the best loss or score, epochs without improvement, the best weights."""

    def __init__(self, estimator: BaseMLP, net: Network, held_out: HeldOut | None) -> None:
        self._estimator, self._net, self._held_out = estimator, net, held_out
        scoring = estimator.scoring
        self.scorer = None if scoring in (None, "loss") else check_scoring(estimator, scoring)
        hooks = overridden(estimator)
        self._hooks = "_score" in hooks
        self.watched = self.scorer is not None or bool(hooks.difference(("_init_coef",)))
        if held_out is not None:
            self._y = held_out.y if is_classifier(estimator) else held_out.columns  # as scikit-learn has it
            self._samples, self._targets, _ = estimator._prepared(net, held_out.X, held_out.columns, None)

    def score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Score on the samples held out, NaN where outputs are not finite; their loss joins ``validation_loss_curve_``.

        The loss has no penalty and, unlike the training loss, is not clipped.
        """
        estimator, held_out = self._estimator, self._held_out
        assert held_out is not None
        out, cost = estimator._outputs(self._net, self._samples, self._targets)
        finite = np.isfinite(out).all()
        loss = estimator._mean_cost(out, held_out.columns, cost, held_out.weight) if finite else float("nan")
        estimator.validation_loss_curve_.append(loss)
        if self._hooks or not (X is held_out.X and y is self._y and sample_weight is held_out.weight):
            return float(estimator._score(X, y, sample_weight=sample_weight))
        if estimator.scoring == "loss":
            return -loss
        if self.scorer is None:
            return estimator._score_of_outputs(out, held_out.columns, held_out.weight)
        if not np.isfinite(self._net.theta).all():
            return float("nan")
        options = {} if held_out.weight is None else {"sample_weight": held_out.weight}
        return float(self.scorer(estimator, held_out.X, held_out.y, **options))

    def note(self) -> None:
        """The epoch that has just ended."""
        estimator, held_out = self._estimator, self._held_out
        if held_out is None:
            estimator._update_no_improvement_count(False, None, None, None)
            return
        estimator._stopping = self
        try:
            estimator._update_no_improvement_count(True, held_out.X, self._y, held_out.weight)
        finally:
            del estimator._stopping

    def keep(self) -> None:
        """Copy the weights, which are the best so far."""
        coefs, intercepts = views(self._net, self._net.theta)
        self._estimator._best_coefs = [np.array(coef, order="C") for coef in coefs]
        self._estimator._best_intercepts = [intercept.copy() for intercept in intercepts]

    def restore(self) -> None:
        """Put the best weights back."""
        if self._held_out is not None:
            pack(self._net, self._estimator._best_coefs, self._estimator._best_intercepts)

    def is_over(self) -> bool:
        """Whether there was no improvement for too long; the message says so when ``verbose``."""
        estimator = self._estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        what = "Training loss" if self._held_out is None else "Validation score"
        message = (
            f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} "
            "consecutive epochs."
        )
        if estimator._optimizer.has_stalled(message, estimator.verbose):
            return True
        estimator._no_improvement_count = 0
        return False


class Schedule:
    """The factor on the step size of each minibatch: 1 without ``schedule``."""

    def __init__(self, estimator: BaseMLP) -> None:
        schedule = estimator.schedule
        schedule = SCHEDULES[schedule]() if isinstance(schedule, str) else schedule
        self._estimator = estimator
        self._plateau = schedule.tracker() if isinstance(schedule, ReduceOnPlateau) else None
        self._rule = schedule if self._plateau is None else None
        self._monitor = schedule.monitor if self._plateau is not None else ""
        if self._monitor.startswith("val_") and not estimator.early_stopping:
            raise ValueError(
                f"schedule watches {self._monitor!r}; there are no validation samples. Set early_stopping=True, or "
                "pass ReduceOnPlateau(monitor='loss')."
            )
        self._factor = 1.0

    def factors(self, n_minibatches: int) -> float | np.ndarray:
        """Of the coming epoch; one number where all are the same."""
        if self._rule is None:
            return self._factor
        epochs = self._estimator.n_iter_ + np.arange(n_minibatches) / n_minibatches
        return np.broadcast_to(np.asarray(self._rule(epochs, self._estimator.max_iter), float), epochs.shape)

    def note(self) -> None:
        """The epoch that has just ended, for a schedule that watches a quantity."""
        if self._plateau is not None:
            curves = {"loss": "loss_curve_", "val_loss": "validation_loss_curve_"}
            curve = getattr(self._estimator, curves.get(self._monitor, "validation_scores_"))
            self._factor = self._plateau.update(curve[-1])


class Watch:
    """Warns, once, of a run that explodes in finite numbers, where scikit-learn says nothing."""

    def __init__(
        self, estimator: BaseMLP, net: Network, X: Samples, targets: Targets, sample_weight: np.ndarray | None
    ) -> None:
        self._estimator, self._net, self._X, self._targets = estimator, net, X, targets
        # Weights that are negative are no shares of a mean.
        self._weight = None if sample_weight is None or sample_weight.min() < 0 else sample_weight
        self._growth = Growth(net.theta)
        self._warned = False

    def note(self, loss: float, first: float | None) -> None:
        """The epoch that has just ended."""
        self._growth.first = first
        if not self._warned and self._growth.is_explosion(loss, self._net.theta, self._constant):
            self._warned = True
            warnings.warn(
                f"Training has exploded: the loss has grown from {first:.2g} in the first minibatch to {loss:.2g}, "
                f"that of the best constant output is {self._constant():.2g}, and the weights have grown too. "
                "Standardise X and y, or lower learning_rate_init.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def end(self) -> None:
        """The run's last updates, which no epoch's loss shows."""
        net = self._net
        if not self._warned and self._growth.of_weights(net.theta) and np.isfinite(net.theta).all():
            out, cost = self._estimator._outputs(net, self._X, self._targets)
            columns = np.empty(0) if self._targets.dense is None else self._targets.dense
            self.note(self._estimator._mean_cost(out, columns, cost, self._weight), self._growth.first)

    def _constant(self) -> float:
        return self._estimator._cost_of_best_constant(self._net, self._targets, self._weight)


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
        if not callable(callback):
            raise ValueError(f"callbacks holds {callback!r}, which is no function. Pass functions f(estimator).")
    return functions


def train(
    estimator: BaseMLP,
    net: Network,
    X: Samples,
    targets: Targets,
    sample_weight: np.ndarray | None,
    held_out: HeldOut | None,
    incremental: bool,
) -> bool:
    """Epochs until one of the rules ends them, one for ``partial_fit``; whether all weights are finite."""
    n = len(X)
    batch = batch_size_of(estimator, n)
    stopping = Stopping(estimator, net, held_out)
    schedule = Schedule(estimator)
    callbacks = as_functions(estimator.callbacks)
    watched = bool(callbacks) or stopping.watched or estimator._tasks.watched
    order = np.arange(n)
    plain = is_plain(estimator) and not isinstance(X, csr.Rows)
    with ThreadTeam(engine.choose_team(net, batch, plain, estimator.n_threads)) as team:
        epochs = Epochs(estimator, net, X, targets, sample_weight, batch, team)
        watch = Watch(estimator, net, X, targets, sample_weight)
        finite = True
        before = estimator._optimizer.t
        try:
            estimator.n_iter_ = 0
            for _ in range(estimator.max_iter):
                task = estimator._tasks.epoch()
                if estimator.shuffle:
                    # The draws of sklearn.utils.shuffle, epoch upon epoch.
                    places = np.arange(n)
                    estimator._random_state.shuffle(places)
                    order = order[places]
                if estimator.dropout:
                    epochs.sow(int(estimator._random_state.randint(2**31)))
                loss = epochs.run(order, schedule.factors(epochs.n_minibatches)) if finite else None
                if loss is None:
                    finite = False
                    if held_out is None:
                        break
                    # Early stopping will go back to the best weights; until then scikit-learn's epochs are all NaN.
                    for part in (*net.w, *net.b):
                        part[...] = np.nan
                    loss = float("nan")
                if finite:
                    watch.note(loss, epochs.first)
                estimator.n_iter_ += 1
                estimator.loss_ = loss
                estimator.t_ += n
                estimator.loss_curve_.append(loss)
                if estimator.verbose:
                    say(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
                if watched:
                    estimator._copy_back(net)
                stopping.note()
                estimator._optimizer.epoch_ends(estimator.t_)
                schedule.note()
                asked = [callback(estimator) for callback in callbacks]  # all of them, whatever one answers
                asked.append(estimator._tasks.epoch_ends(task))
                if watched:  # what was written into coefs_ counts
                    pack_changes(net, estimator.coefs_, estimator.intercepts_)
                if any(asked) or stopping.is_over() or incremental:
                    break
                if estimator.n_iter_ == estimator.max_iter:
                    warn_as_scikit_learn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization "
                        "hasn't converged yet.",
                        ConvergenceWarning,
                    )
        except KeyboardInterrupt:
            warn_as_scikit_learn("Training interrupted by user.", UserWarning)
    stopping.restore()
    if finite and epochs.first is not None:
        watch.end()
        warn_of_overflow(net, estimator._optimizer, before)
    return finite or held_out is not None
