"""The policy of `train`: an exact loss, callbacks, a schedule, early stopping; divergence is an error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from fastbp import checks
from fastbp.chunks import largest_magnitude
from fastbp.errors import DivergenceError, argument_error
from fastbp.functions import own
from fastbp.runtime import csr, slices
from fastbp.training.callbacks import Callback
from fastbp.training.checkpoints import Saving
from fastbp.training.explosion import Watch, cost_of_best_constant, infinite_moment
from fastbp.training.history import Run
from fastbp.training.minibatches import Order, Samples
from fastbp.training.optimizers import Optimizer
from fastbp.training.policy import Epoch, Policy
from fastbp.training.schedules import Factors
from fastbp.training.state import State, fingerprint_of
from fastbp.training.stopping import Best, monitored_value
from fastbp.training.trainer import Trainer


def require_room(number: float, name: str, dtype: np.dtype[Any]) -> None:
    """ValueError where a number is so large that a step could overflow without a large activation or error."""
    limit = float(np.finfo(dtype).max) ** 0.5
    if number >= limit:
        remedy = "Lower it" + checks.or_wider(dtype)
        raise argument_error(name, f"is {number:g}; in {dtype.name} steps overflow from {limit:.2g} on. {remedy}.")


def check_rate(optimizer: Optimizer, largest: float, l1: float, l2: float, dtype: np.dtype[Any]) -> None:
    """ValueError where the largest step size lets weights overflow, or grow that the penalties should shrink."""
    require_room(largest, "learning_rate", dtype)
    require_room(largest * l1, "learning_rate * l1", dtype)
    optimizer.check_shrinking(largest, l2)


class Standard(Policy):
    """The policy of `train`.

    ``order`` gives the index array of an epoch and a number of samples, ``seed_of`` the seed of an epoch's dropout.
    """

    def __init__(
        self,
        trainer: Trainer,
        samples: Samples,
        order: Order,
        *,
        held_out: Samples | None,
        factors: Factors,
        best: Best,
        callbacks: list[Callback],
        seed_of: Callable[[int], int],
        options: dict[str, Any],
        before: State | None = None,
        saving: Saving | None = None,
    ) -> None:
        self.net, self.trainer, self.samples, self.held_out = trainer.net, trainer, samples, held_out
        self.factors, self.best, self.callbacks = factors, best, callbacks
        self._regular = [(callback.every, callback) for callback in callbacks if callback.every is not None]
        self._options, self._before, self._saving = options, before, saving
        self._shown, self._concluded = 0.0, 0
        self._make_order, self._order = order, np.empty(0, np.int64)
        self._seed_of = seed_of
        self._eta: float | np.ndarray = np.nan
        """The step sizes that have been checked last."""
        self.watch = Watch(self.net)

    def begin(self, run: Run) -> None:
        self._shown, self._concluded = run.seconds, run.epoch
        if self._before is not None:
            self._go_on(run, self._before)
        for callback in self.callbacks:
            callback.on_train_begin(run)

    def epoch(self, run: Run) -> Epoch:
        """The order and the step sizes, checked where they are new."""
        eta = run.optimizer.learning_rate * self.factors.of_epoch(run.epoch, run.n_epochs, run.n_minibatches)
        if not (isinstance(eta, float) and isinstance(self._eta, float) and eta == self._eta):
            self.check_eta(run.optimizer, eta)
        self._order = self._make_order(run.epoch, len(self.samples))
        return Epoch(self._order, self._eta, self._seed_of(run.epoch))

    def check_eta(self, optimizer: Any, eta: float | np.ndarray) -> None:
        """ValueError where a step of one of these sizes could overflow."""
        self._eta = eta
        largest = (eta if isinstance(eta, float) else float(eta.max())) * max(self.trainer.trained.rates)
        check_rate(optimizer, largest, self.trainer.l1, self.trainer.l2, self.net.dtype)

    def measure(self, statistics: np.ndarray) -> dict[str, float]:
        """The mean cost, penalty included, and the share of right decisions."""
        weight, cost, add = statistics["weight"], statistics["cost"], np.add.reduce  # faster than .sum() of a few
        total = add(weight)
        if not total:
            return {"loss": float("nan")}
        if self.trainer.l1 or self.trainer.l2:
            cost = cost + weight * statistics["penalty"]
        values = {"loss": float(add(cost) / total)}
        if self.trainer.counting_hits:
            n = min(len(statistics) * self.trainer.batch_size, len(self.samples))
            values["accuracy"] = float(add(statistics["hits"]) / n)
        return values

    def next_boundary(self, run: Run) -> int:
        """The next minibatch before which a callback wants to be called."""
        if not self._regular:
            return run.n_minibatches
        done = run.epoch * run.n_minibatches + run.minibatch
        return min(run.n_minibatches, *(run.minibatch + every - done % every for every, _ in self._regular))

    def progress(self, run: Run) -> None:
        """Call those that want it after so many minibatches, and, about every 50 ms, all."""
        for every, callback in self._regular:
            if (run.epoch * run.n_minibatches + run.minibatch) % every == 0:
                callback.on_minibatch(run)
        if not self._regular or run.seconds - self._shown >= slices.SLICE_SECONDS:
            self._shown = run.seconds
            for callback in self.callbacks:
                callback.on_progress(run)
        if self._saving is not None and self._saving.is_due():
            self._saving.write(run, self._state(run))

    def scores(self, run: Run) -> dict[str, float]:
        """Those of the samples held out, and the learning rate."""
        values = {}
        if self.held_out is not None:
            X, targets, weight = self.held_out.X, self.held_out.targets, self.held_out.weight
            began = time.perf_counter()
            scores = self.net._evaluate(X, targets, weight, run.n_threads)
            run.seconds += time.perf_counter() - began
            values = {f"val_{name}": value for name, value in scores.items()}
        return values | {"learning_rate": float(self._eta if isinstance(self._eta, float) else self._eta[-1])}

    def epoch_ended(self, run: Run) -> None:
        """Look for an explosion, tell the callbacks, and ask schedule and early stopping."""
        self._require_finite_moments(run)
        self._require_no_explosion(run, run.running["loss"])
        for callback in self.callbacks:
            callback.on_epoch_end(run)
        self._conclude(run)

    def _conclude(self, run: Run) -> None:
        if self.factors.monitor is not None:
            self.factors.note(monitored_value(run, self.factors.monitor))
        if self.best.is_over(run):
            run.stopped = "early stopping"
        self._concluded = run.epoch

    def end(self, run: Run) -> None:
        """Note how to go on, put the best weights back, and tell the callbacks."""
        state = self._state(run)
        if self._saving is not None:
            self._saving.write(run, state)
        state.last_theta = self.best.restore()
        if state.last_theta is not None:
            state.best_theta = None  # the net's
        state.fingerprint = fingerprint_of(self.net.theta)
        run._state = state
        for callback in self.callbacks:
            callback.on_train_end(run)

    # Going on

    def _state(self, run: Run) -> State:
        """What a run from here on needs, but for the weights."""
        return State(
            options=self._options,
            generator=self._make_order.state(run.epoch),
            seed=self._seed_of(0),
            plateau=self.factors.state,
            concluded=self._concluded == run.epoch,
            limit=self.watch.limit,
            best=self.best.value,
            best_theta=self.best.theta,
            **self.trainer.kept(run),
        )

    def _go_on(self, run: Run, state: State) -> None:
        """As the run that left this state would have."""
        self._make_order.restore(state.generator)
        self.factors.restore(state.plateau)
        self.watch.limit = state.limit
        self.best.take_over(state.best, self.net.theta if state.best_theta is None else state.best_theta)
        if state.last_theta is not None:
            self.net.theta[:] = state.last_theta
        if not state.concluded:
            self._conclude(run)
        if state.finished:
            run.stopped = "early stopping"

    # Divergence

    def diverged(self, run: Run) -> None:
        """Raise DivergenceError, which names layer and moment."""
        dtype = self.net.dtype
        if self.trainer.update_has_failed():
            problem = f": {run.optimizer!r} makes of some parameters what is not finite."
            place = f", minibatch {run.minibatch + 1} of {run.n_minibatches}"
            self._refuse(run, place + problem, 1, kept=" These parameters are left as they were.")
        problem = "its gradient is not finite or too large to apply"
        largest, cost = self._largest_gradients(run.minibatch)
        if np.isnan(cost):
            problem = "its cost C is NaN"
        elif not np.isnan(largest).any():
            l = int(np.argmax(largest)) + 1
            moment = run.optimizer.infinite_moment(largest[l - 1], dtype)
            problem += f", most of all in layer {l}, where it reaches {largest[l - 1]:.2g}"
            if moment is not None:
                problem += f" and would make the {moment} infinite in {dtype.name}"
        place = f", minibatch {run.minibatch + 1} of {run.n_minibatches}: {problem}."
        self._refuse(run, place, 1, kept=" The weights before that minibatch are kept.")

    def _largest_gradients(self, minibatch: int) -> tuple[list[float], float]:
        """The largest |g| of each layer in a minibatch of the epoch, NaN where errors are not finite; and its C."""
        net, trainer, samples = self.net, self.trainer, self.samples
        x = self._order[minibatch * trainer.batch_size : (minibatch + 1) * trainer.batch_size]
        s = None if samples.weight is None else samples.weight[x]
        X = samples.X.take(x) if isinstance(samples.X, csr.Rows) else samples.X[x]
        of = net.cost, net.cost_parameter
        g, cost, _ = net._gradient(X, samples.targets.take(x), s, trainer.l1, trainer.l2, of, 1, keep=False)
        views = net._views(trainer.trained.only(net, g), "w", "b")
        return [float(max(np.abs(w).max(), np.abs(b).max())) for w, b in zip(*views, strict=True)], cost

    def _refuse(self, run: Run, problem: str, ahead: int = 0, kept: str = "") -> NoReturn:
        """Raise DivergenceError for the last minibatch applied, or one ``ahead``, with what helps."""
        epoch = run.epoch + (run.minibatch < run.n_minibatches)
        wide = "scale inputs and targets: standardise X and y"
        scale = "scale the inputs" if self.samples.targets.are_classes else wide
        problem = f"Training diverged in epoch {epoch}{problem}"
        users = own.of_users((*self.net.activations, self.net.cost))
        look = f", or see that {next(iter(users))}, your own, is finite wherever a neuron comes" if users else ""
        message = f"{problem}{kept} Lower the learning rate ({run.optimizer.learning_rate:g}) or {scale}{look}."
        raise DivergenceError(message, epoch, run.minibatch + ahead, problem=problem)

    def _require_finite_moments(self, run: Run) -> None:
        assert self.trainer.state is not None
        lost = infinite_moment(self.net, self.trainer.state)
        if lost is not None:
            slot, l = lost
            self._refuse(
                run,
                f": the {list(run.optimizer.moments)[slot]} of layer {l} has become infinite in {self.net.dtype.name}, "
                "and the layer learns no more.",
            )

    def _cost_of_best_constant(self) -> float:
        return cost_of_best_constant(self.net, self.samples.targets, self.samples.weight, self._order)

    def _require_no_explosion(self, run: Run, cost: float) -> None:
        exploded = self.watch.explosion(self.trainer.first_loss, cost, self._cost_of_best_constant)
        if exploded is not None:
            largest = largest_magnitude(self.net.theta)
            self._refuse(run, f" and explodes: the cost {exploded} the largest weight or bias is {largest:.2g}.")

    def look_at_end(self, run: Run) -> None:
        """What the running mean of the last epoch does not show: its last updates."""
        net, trainer, samples = self.net, self.trainer, self.samples
        has_grown = self.watch.weights_have_grown()
        if has_grown or run.minibatch < run.n_minibatches:  # a whole epoch has been looked at
            self._require_finite_moments(run)
        if has_grown:
            cost = net._evaluate(samples.X, samples.targets, samples.weight, run.n_threads)["loss"]
            for w in net.w:
                part = w.astype(np.float64)
                with np.errstate(over="ignore"):  # infinite then, and so the cost
                    cost += trainer.l1 * np.abs(part).sum() if trainer.l1 else 0.0
                    cost += trainer.l2 / 2 * (part**2).sum() if trainer.l2 else 0.0
            self._require_no_explosion(run, cost)
