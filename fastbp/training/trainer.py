"""Minibatch training: shuffling, step sizes, validation, early stopping, callbacks and the history of it all."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastbp import checks, synonyms
from fastbp.arrays import Targets, as_inputs, as_sample_weight, largest_magnitude
from fastbp.errors import DivergenceError, argument_error
from fastbp.kernels import layout, updates
from fastbp.network import Network, not_a_network
from fastbp.runtime import engine
from fastbp.runtime.slices import Pace
from fastbp.runtime.team import ThreadTeam
from fastbp.training.callbacks import Callback, as_callbacks
from fastbp.training.explosion import Growth, cost_of_best_constant, infinite_moment
from fastbp.training.history import Run
from fastbp.training.optimizers import SGD, Optimizer, nearest
from fastbp.training.schedules import ReduceOnPlateau
from fastbp.training.stopping import Best, EarlyStopping, monitored_value, require_measured


def _progress(progress: Any) -> list[Callback]:
    if progress is True:
        from fastbp.training.progress import ProgressBar

        return [ProgressBar()]
    if progress is False or progress is None:
        return []
    if not isinstance(progress, Callback):
        raise argument_error(
            TypeError, "progress", f"is {progress!r}; it must be True, False or a fastbp.Callback. Pass one of these."
        )
    return [progress]


@dataclass
class _Data:
    """Checked arrays."""

    X: np.ndarray
    targets: Targets
    weight: np.ndarray | None

    @classmethod
    def checked(cls, net: Network, X: Any, Y: Any, sample_weight: Any, ending: str = "") -> _Data:
        X = as_inputs(X, net.sizes[0], net.dtype, "X" + ending)
        targets = net._targets(Y, len(X), name="Y" + ending)
        return cls(X, targets, as_sample_weight(sample_weight, len(X), net.dtype, "sample_weight" + ending))


def _check_validation(net: Network, validation: Any) -> _Data | None:
    if validation is None:
        return None
    if not isinstance(validation, Sequence) or len(validation) not in (2, 3):
        raise argument_error(
            ValueError,
            "validation",
            "is not a pair; it needs samples and their targets. Pass validation=(X_val, Y_val), "
            "or (X_val, Y_val, sample_weight_val).",
        )
    X, Y, *weight = validation
    return _Data.checked(net, X, Y, weight[0] if weight else None, "_val")


def _check_batch_size(batch_size: Any, n: int) -> int:
    if batch_size is None:
        return n
    if batch_size == "auto":
        return min(32, n)
    size = checks.check_int(batch_size, "batch_size", low=1)
    if size > n:
        warnings.warn(
            f"batch_size is {size}; there are {n} samples. Each epoch is one minibatch of {n}.",
            UserWarning,
            stacklevel=4,
        )
    return min(size, n)


def _make_order(shuffle: Any, seed: Any) -> Callable[[int, int], np.ndarray]:
    """Function of (epoch, n_samples) that gives the index array of an epoch."""
    if callable(shuffle):

        def given(epoch: int, n: int) -> np.ndarray:
            order = np.asarray(shuffle(epoch))
            if order.dtype.kind not in "iu":
                raise TypeError(
                    f"shuffle({epoch}) returned {order.dtype} values; an epoch needs indices of samples. Return an "
                    "integer array."
                )
            order = np.ascontiguousarray(order, np.int64)
            # Without its sign a negative index is a very large one.
            if order.shape != (n,) or (n and order.view(np.uint64).max() >= n):
                raise ValueError(
                    f"shuffle({epoch}) returned shape {order.shape} with values outside the samples or of another "
                    f"number; an epoch needs {n} indices in 0..{n - 1}. Return an index array of shape ({n},)."
                )
            return order

        return given
    if not isinstance(shuffle, (bool, np.bool_)):
        raise argument_error(
            TypeError, "shuffle", f"is {shuffle!r}; it must be True, False or a function. Pass one of these."
        )
    if not shuffle:
        return lambda epoch, n: np.arange(n, dtype=np.int64)
    rng = checks.make_rng(seed)
    return lambda epoch, n: rng.permutation(n).astype(np.int64, copy=False)


def _require_room(number: float, name: str, dtype: np.dtype[Any]) -> None:
    """ValueError where a number is so large that a step could overflow without a large activation or error."""
    limit = float(np.finfo(dtype).max) ** 0.5
    if number >= limit:
        remedy = "Lower it" + checks.or_wider(dtype)
        raise argument_error(
            ValueError, name, f"is {number:g}; in {dtype.name} steps overflow from {limit:.2g} on. {remedy}."
        )


class _Epochs:
    """The loop of ``train``: checked input in, a finished run out."""

    def __init__(self, net: Network, data: _Data, run: Run, callbacks: list[Callback], batch: int, plain: bool) -> None:
        self.net, self.data, self.run, self.callbacks, self.batch = net, data, run, callbacks, batch
        self.plain = plain  # descent without momentum and penalty
        self.factor = 1.0  # of ReduceOnPlateau
        self.rate: float | None = None  # in ``job.eta``, where it is the same for all minibatches
        self.growth = Growth(net.theta)

    def prepare(self, team: ThreadTeam, l1: float, l2: float) -> None:
        """Lay out and allocate everything that an epoch needs; nothing is allocated in it."""
        net, X, optimizer = self.net, self.data.X, self.run.optimizer
        shrinking = optimizer.code == updates.SGD and l1 == optimizer.weight_decay == 0
        where = engine.plan_training(net, self.batch, self.plain, team.size, shrinking=shrinking)
        several_tiles = where.tile < self.batch
        engine.check_job_memory(net, where, optimizer.slots + several_tiles + 1, "Training")
        reals = engine.limits(net.dtype, largest_magnitude(X))
        reals[layout.L1], reals[layout.L2] = l1, l2
        reals[layout.C0 : layout.C0 + 4] = optimizer.constants()
        self.stats = np.zeros((self.run.n_minibatches, layout.N_STATISTICS))
        self.job = engine.make_job(
            net,
            where,
            X,
            self.data.targets,
            sample_weight=self.data.weight,
            g=layout.aligned(net.theta.size, net.dtype) if several_tiles else None,
            state=layout.aligned(optimizer.slots * net.theta.size, net.dtype),
            order=np.arange(len(X)),
            stats=self.stats,
            eta=np.zeros(self.run.n_minibatches),
            reals=reals,
            batch=self.batch,
            optimizer=optimizer.code,
            updating=True,
            counting_hits=net._classifies(self.data.targets),
        )
        team.start(self.job)
        self.pace = Pace(team, engine.operations(net.sizes, self.batch, training=True))
        self.run._control = self.job.control
        self.run.n_threads = team.size

    def set_rates(self, schedule: Any) -> None:
        """Step size of each minibatch of the coming epoch."""
        run = self.run
        rate = run.optimizer.learning_rate * self.factor
        if schedule is None or isinstance(schedule, ReduceOnPlateau):
            if rate == self.rate:
                return
            self.rate = rate
            factor: Any = 1.0
        else:
            steps = run.epoch + np.arange(run.n_minibatches) / run.n_minibatches
            factor = np.asarray(schedule(steps, run.n_epochs), float)
            if factor.shape not in ((), steps.shape) or not (np.isfinite(factor) & (factor >= 0)).all():
                raise ValueError(
                    f"The schedule returned shape {factor.shape} in epoch {run.epoch + 1}, or factors that are "
                    f"negative or not finite; one factor of at least 0 is needed, or shape {steps.shape}. "
                    "Return one of these."
                )
        self.job.eta[:] = rate * factor
        largest, l1, l2 = (float(x) for x in (self.job.eta.max(), *self.job.reals[[layout.L1, layout.L2]]))
        _require_room(largest, "learning_rate", self.net.dtype)
        _require_room(largest * l1, "learning_rate * l1", self.net.dtype)
        run.optimizer.check_shrinking(largest, l2)

    def epoch(self, order: np.ndarray) -> None:
        """Every minibatch once."""
        run, job = self.run, self.job
        job.order[:] = order
        self.stats[:] = 0
        run.minibatch = 0
        while run.minibatch < run.n_minibatches:
            before = self.pace.seconds
            run.minibatch, status = self.pace.run(run.minibatch, run.n_minibatches)
            run.seconds += self.pace.seconds - before
            if status == layout.DIVERGED:
                self.diverged()
            run.running = self.summary()
            for callback in self.callbacks:
                callback.on_progress(run)
            if run.stopped:
                return

    def diverged(self) -> None:
        run, dtype = self.run, self.net.dtype
        problem = "its gradient is not finite or too large to apply"
        largest = self.largest_gradients(run.minibatch)
        if not np.isnan(largest).any():
            l = int(np.argmax(largest)) + 1
            moment = run.optimizer.infinite_moment(largest[l - 1], dtype)
            problem += f", most of all in layer {l}, where it reaches {largest[l - 1]:.2g}"
            if moment is not None:
                problem += f" and would make the {moment} infinite in {dtype.name}"
        self.refuse(
            f"Training diverged in epoch {run.epoch + 1}, minibatch {run.minibatch + 1} of {run.n_minibatches}: "
            f"{problem}.",
            run.epoch + 1,
            run.minibatch + 1,
            kept=" The weights before that minibatch are kept.",
        )

    def largest_gradients(self, minibatch: int) -> list[float]:
        """The largest |g| of each layer in a minibatch of the epoch; NaN where errors are not finite."""
        net, data = self.net, self.data
        x = self.job.order[minibatch * self.batch : (minibatch + 1) * self.batch]
        Y: Any = data.targets.labels if data.targets.dense is None else data.targets.dense
        s = None if data.weight is None else data.weight[x]
        l1, l2 = self.job.reals[[layout.L1, layout.L2]].tolist()
        g = net._gradient(data.X[x], Y[x], s, l1, l2, None, 1, keep=False)[0]
        return [float(max(np.abs(w).max(), np.abs(b).max())) for w, b in zip(*net._views(g, "w", "b"), strict=True)]

    def refuse(self, problem: str, epoch: int, minibatch: int, kept: str = "") -> None:
        """Raise DivergenceError, with what helps."""
        scale = "scale the inputs" if self.data.targets.are_classes else "scale inputs and targets: standardise X and y"
        rate = self.run.optimizer.learning_rate
        message = f"{problem}{kept} Lower the learning rate ({rate:g}) or {scale}."
        raise DivergenceError(message, epoch, minibatch, problem=problem)

    def require_convergence(self, cost: float) -> None:
        """DivergenceError where training goes nowhere in numbers that are all finite."""
        net, run = self.net, self.run
        if self.growth.first is None:
            done = np.argmax(self.stats[:, layout.WEIGHT] > 0)  # the first minibatch that was not skipped
            total, weight, _, penalty = self.stats[done].tolist()
            self.growth.first = total / weight + penalty if weight > 0 else 0.0
        epoch = run.epoch + (run.minibatch < run.n_minibatches)
        lost = infinite_moment(net, self.job.state)
        if lost is not None:
            slot, l = lost
            self.refuse(
                f"Training diverged in epoch {epoch}: the {list(run.optimizer.moments)[slot]} of layer {l} has become "
                f"infinite in {net.dtype.name}, and the layer learns no more.",
                epoch,
                run.minibatch,
            )
        if self.growth.is_explosion(cost, net.theta, self.constant):
            self.refuse(
                f"Training diverged in epoch {epoch} and explodes: the cost has grown from {self.growth.first:.2g} in "
                f"the first minibatch to {cost:.2g}, that of the best constant output is {self.constant():.2g}, and "
                f"the largest weight or bias is {largest_magnitude(net.theta):.2g}.",
                epoch,
                run.minibatch,
            )

    def constant(self) -> float:
        """C of the best constant outputs on the samples of the epoch."""
        return cost_of_best_constant(self.net, self.data.targets, self.data.weight, self.job.order)

    def end(self) -> None:
        """What the running mean of the last epoch does not show: its last updates."""
        net, data, run = self.net, self.data, self.run
        if self.growth.of_weights(net.theta):
            l1, l2 = self.job.reals[[layout.L1, layout.L2]].tolist()
            w = [w.astype(np.float64) for w in net.w]
            cost = net._evaluate(data.X, data.targets, data.weight, run.n_threads)["loss"]
            cost += sum(float(l1 * np.abs(part).sum() + l2 / 2 * (part**2).sum()) for part in w)
            self.require_convergence(cost)
        elif run.minibatch < run.n_minibatches:  # a whole epoch has been looked at
            self.require_convergence(run.running.get("loss", 0.0))

    def summary(self) -> dict[str, float]:
        """Means over the minibatches done so far."""
        stats = self.stats[: self.run.minibatch]
        weight = stats[:, layout.WEIGHT]
        total = weight.sum()
        if not total:
            return {"loss": float("nan")}
        values = {"loss": float((stats[:, layout.COST] + weight * stats[:, layout.PENALTY]).sum() / total)}
        if self.job.counting_hits:
            n = min(self.run.minibatch * self.batch, self.job.n)
            values["accuracy"] = float(stats[:, layout.HITS].sum() / n)
        return values


@synonyms.answering(
    "train",
    synonyms.TRAIN,
    lambda _: (
        "It takes net, X and Y so, and all else by name: epochs=30, batch_size=10, optimizer=fastbp.SGD(3.0), say."
    ),
)
def train(
    net: Network,
    X: Any,
    Y: Any,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | Literal["auto"] | None = "auto",
    shuffle: bool | Callable[[int], Any] = True,
    seed: Any = None,
    sample_weight: Any = None,
    validation: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    schedule: Callable[..., Any] | ReduceOnPlateau | None = None,
    early_stopping: EarlyStopping | None = None,
    n_threads: int | None = None,
    callbacks: Iterable[Callback | Callable[[Run], Any]] = (),
    progress: bool | Callback = False,
) -> Run:
    """Train a network in place by minibatch gradient descent (F1, F2, BP1 to BP4, U).

    The weights have the same bits for any number of threads. Ctrl-C ends the run within 0.1 s and one minibatch, at a
    minibatch boundary, and returns it with ``stopped="interrupted"``.

    Parameters
    ----------
    net : Network
        Its ``w`` and ``b`` are overwritten.
    X : array_like, shape (n_samples, sizes[0])
        Not copied when already contiguous and of the net's dtype.
    Y : array_like
        Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]) that the output activation can reach.
        Where they are other numbers than 0 and 1, the net is a regression from then on (`Network.task`).
    optimizer : Optimizer, optional
        Default ``SGD()``.
    epochs : int
        Passes over the samples; 0 leaves the net as it is.
    batch_size : int, "auto" or None
        Samples of a minibatch; "auto" for 32, or all if there are fewer; None for all. The last minibatch of an epoch
        may be shorter: it is a mean over its own samples.
    shuffle : bool or function
        Whether each epoch visits the samples in a new order, or a function of the epoch, counted from 0, that returns
        the order as an index array.
    seed : int, numpy.random.Generator or None
        Of the order.
    sample_weight : array_like, shape (n_samples,), optional
        s_x. A minibatch whose weights sum to zero is skipped.
    validation : tuple, optional
        ``(X_val, Y_val)`` or ``(X_val, Y_val, sample_weight_val)``, evaluated after each epoch.
    l1, l2 : float
        Strengths of the penalties ``l1 sum |w| + l2/2 sum w^2``; biases are not penalised.
    schedule : function or ReduceOnPlateau, optional
        ``schedule(epoch, epochs)``, the factor on the learning rate, evaluated for each minibatch at fractional epochs.
    early_stopping : EarlyStopping, optional
    n_threads : int, optional
        Default: chosen from the machine and the work.
    callbacks : iterable of Callback or function
        A function is called as ``f(run)`` after each epoch; ``run.stop()`` ends the run.
    progress : bool or Callback
        True shows a progress bar (needs ``rich``).

    Returns
    -------
    Run
        With ``history``, a dict of lists.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be trained on, before any kernel runs.
    DivergenceError
        Within one minibatch of a gradient that is not finite; the last finite weights are kept. At the end of an epoch
        in which a moment of the optimizer has become infinite, so that its layer learns no more. At the end of an
        epoch, or of the run, when training has exploded in finite numbers: the cost is more than a million times that
        of the first minibatch and that of the best constant output, and so is the largest weight or bias, if it began
        below 1, else more than a million times what it was.
    MemoryError
        Before anything is allocated.
    """
    if not isinstance(net, Network):
        raise not_a_network(net)
    if not np.isfinite(net.theta).all():
        raise argument_error(
            ValueError,
            "net",
            "has weights or biases that are not finite; nothing can be learned from there. Make a new network, or "
            "load an older one.",
        )
    data = _Data.checked(net, X, Y, sample_weight)
    held_out = _check_validation(net, validation)
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise argument_error(
            TypeError,
            "optimizer",
            f"is {optimizer!r}; it must be one of fastbp's. {nearest(optimizer)}",
        )
    optimizer.check_dtype(net.dtype)
    epochs = checks.check_int(epochs, "epochs", low=0)
    batch = _check_batch_size(batch_size, len(data.X))
    l1, l2 = checks.check_real(l1, "l1", low=0.0), checks.check_real(l2, "l2", low=0.0)
    _require_room(l1, "l1", net.dtype)
    _require_room(l2, "l2", net.dtype)
    if early_stopping is not None and not isinstance(early_stopping, EarlyStopping):
        raise argument_error(
            TypeError,
            "early_stopping",
            f"is {early_stopping!r}; a rule is needed. Pass fastbp.EarlyStopping(patience=10), say.",
        )
    if isinstance(schedule, type) or (
        schedule is not None and not callable(schedule) and not isinstance(schedule, ReduceOnPlateau)
    ):
        raise argument_error(
            TypeError,
            "schedule",
            f"is {schedule!r}; a function of (epoch, n_epochs) is needed. Pass fastbp.schedules.Cosine(), say.",
        )
    rule = schedule if isinstance(schedule, ReduceOnPlateau) else None
    monitored = [part.monitor for part in (early_stopping, rule) if part is not None]
    if held_out is None and any(name.startswith("val_") for name in monitored):
        raise argument_error(
            ValueError,
            "monitor",
            f"is {monitored[0]!r}; there is no validation set. Pass validation=(X_val, Y_val) or monitor='loss'.",
        )
    for name in monitored:
        require_measured(name, net, data.targets, None if held_out is None else held_out.targets)
    n_minibatches = -(-len(data.X) // batch)
    run = Run(net, optimizer, epochs, n_minibatches, len(data.X))
    made = [*as_callbacks(callbacks), *_progress(progress)]
    plain = optimizer.code == updates.SGD and l1 == l2 == optimizer.weight_decay == 0
    loop = _Epochs(net, data, run, made, batch, plain)
    order = _make_order(shuffle, seed)
    best = Best(early_stopping, net)
    if epochs:
        net._learns(data.targets)
    plateau = None if rule is None else rule.tracker()
    with ThreadTeam(engine.choose_team(net, batch, plain, n_threads)) as team:
        loop.prepare(team, l1, l2)
        try:
            for callback in made:
                callback.on_train_begin(run)
            while run.epoch < epochs and not run.stopped:
                loop.set_rates(schedule)
                loop.epoch(order(run.epoch, len(data.X)))
                if run.minibatch < n_minibatches:
                    break
                values = dict(run.running)
                if held_out is not None:
                    began = time.perf_counter()
                    scores = net._evaluate(held_out.X, held_out.targets, held_out.weight, team.size)
                    run.seconds += time.perf_counter() - began
                    values |= {f"val_{name}": value for name, value in scores.items()}
                values["learning_rate"] = float(loop.job.eta[-1])
                run.history.add(values)
                run.epoch += 1
                loop.require_convergence(run.running["loss"])
                for callback in made:
                    callback.on_epoch_end(run)
                if rule is not None and plateau is not None:
                    loop.factor = plateau.update(monitored_value(run, rule.monitor))
                if best.is_over(run):
                    run.stopped = "early stopping"
        except KeyboardInterrupt:
            run.stopped = "interrupted"
            # The kernel knows exactly; the interrupt may have come before Python took note.
            run.minibatch = int(loop.job.control[layout.TOTAL]) - run.epoch * n_minibatches
        finally:
            best.restore()
            run._control = None
            for callback in made:
                callback.on_train_end(run)
    if run.history or run.minibatch:
        loop.end()
    return run
