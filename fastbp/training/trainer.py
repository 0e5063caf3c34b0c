"""The loop over minibatches, which is the only one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from fastbp.functions.costs import CODES
from fastbp.kernels import clipping, layout, updates
from fastbp.kernels.records import DIVERGED, STATISTICS, Training, new_settings
from fastbp.network import Network
from fastbp.runtime import csr, engine
from fastbp.runtime.plan import LARGE_STEP, Plan, Task, choose_team, choose_threads, plan_training
from fastbp.runtime.slices import Pace
from fastbp.runtime.team import ThreadTeam
from fastbp.training import logger
from fastbp.training.frozen import Trained
from fastbp.training.history import Run
from fastbp.training.minibatches import Samples
from fastbp.training.optimizers import HasUpdate, Update
from fastbp.training.plans import Plans, plans_of
from fastbp.training.policy import Policy

SMALL_STEP = 1e7
"""Floating-point operations of a minibatch, up to which it matters how long it takes to lay out memory for it."""

Result = TypeVar("Result")
Evaluate = Callable[[], tuple[np.record, bool]]
"""Computes g; returns the `STATISTICS` of all samples, and whether g is finite."""


class Trainer:
    """Minibatch gradient descent on a network, in place (F1, F2, BP1 to BP4, U).

    It owns what the kernels work on: their records and memory, the optimizer's state and, during a run, the team of
    threads. It trains on in a further run as if there had been one only.

    Parameters
    ----------
    net : Network
        Its ``w`` and ``b`` are overwritten.
    optimizer : Optimizer, or another object with ``update()``; or None
        None where `minimize` hands the gradient to a solver.
    batch_size : int
        Samples of a minibatch.
    state : function, optional
        Of the network, called once memory is known to suffice: the optimizer's vectors. Default: 0.
    l1, l2 : float
        Strengths of the penalties on w.
    shared_penalty : bool
        Whether they are divided by the minibatch's sum of s_x, as scikit-learn's is.
    dropout : float or sequence of float
        Part of the hidden neurons that each sample leaves out, or that of each hidden layer.
    clip_norm : float, optional
        Longest gradient that is not scaled down.
    trained : Trained, optional
        What is frozen, and factors on the step size; default: nothing, and 1.
    cost : int, optional
        Code of the kernels' cost, if it is not the network's.
    limit : float, optional
        Largest |a| and |delta| of a minibatch that is applied; default: where squares overflow, for a solver any.
    counting_hits : bool
        Whether right decisions are counted.
    n_threads : int, optional
        Default: chosen from the machine and the work.
    """

    def __init__(
        self,
        net: Network,
        optimizer: HasUpdate | None,
        *,
        batch_size: int,
        state: Callable[[Network], np.ndarray] | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        shared_penalty: bool = False,
        dropout: float | Sequence[float] = 0.0,
        clip_norm: float | None = None,
        trained: Trained | None = None,
        cost: int | None = None,
        limit: float | None = None,
        counting_hits: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.net, self.optimizer, self.batch_size, self.n_threads = net, optimizer, batch_size, n_threads
        self.update = Update(updates.SGD, 0, (0.0, 0.0, 0.0, 0.0)) if optimizer is None else optimizer.update()
        self.l1, self.l2, self.shared_penalty = l1, l2, shared_penalty
        self.dropout = tuple(dropout) if isinstance(dropout, Sequence) else (dropout,) * (net.L - 1)
        self.clip_norm, self.counting_hits = clip_norm, counting_hits
        self.trained = trained or Trained((1.0,) * net.L)
        self._cost, self._limit, self._make_state = cost, limit, state
        self.state: np.ndarray | None = None
        """The optimizer's vectors, from the first run on."""
        self.first_loss: float | None = None
        """What the policy measures of the first minibatch that was applied."""
        self.plan: Plan | None = None
        """Of the last run."""
        self._begun: Training | None = None
        self._spare: Training | None = None
        """What a run of one small minibatch an epoch has worked on, without its samples."""
        self._statistics = np.zeros(0, STATISTICS)
        self._steps_before, self._weighted = 0, False
        self._powers = [beta**self.update.t for beta in self.update.constants[:2]]
        self._diverged = False

    # What the kernels work on

    def planned(self) -> tuple[Task, Plan]:
        """What the minibatches of dense samples ask of a plan, and the plan."""
        task = self._task(sparse=False)
        return task, plan_training(task, self._team(task))

    def _team(self, task: Task) -> int:
        """Threads for the minibatches, or for the gradient of all samples."""
        if self.optimizer is None:
            return choose_threads(self.n_threads, task.flops, LARGE_STEP)
        return choose_team(task, self.n_threads)

    def _task(self, *, sparse: bool) -> Task:
        """What the minibatches ask of a plan."""
        return Task(
            self.net.sizes,
            self.net.dtype.itemsize,
            self.batch_size,
            descent=self.update.code == updates.SGD and self.l1 == self.update.constants[3] == 0,
            penalised=self.l2 != 0,
            dropout=any(self.dropout),
            sparse=sparse,
            masked=self.trained.mask is not None,
            whole_gradient=self.optimizer is None or self.clip_norm is not None or self.update.own is not None,
        )

    def _settings(self, samples: Samples) -> np.ndarray:
        names = ("beta_1", "beta_2", "epsilon", "weight_decay", "plain_epsilon", "beta_1_power", "beta_2_power")
        values = (*self.update.constants, self.update.epsilon, *self._powers)
        limit = np.inf if self.optimizer is None else float(np.finfo(self.net.dtype).max) ** 0.5
        return new_settings(
            own=0 if self.update.own is None else self.update.own.address(self.net.dtype),
            largest_input=samples.largest,
            limit=(limit if self._limit is None else self._limit) / max(1.0, *self.trained.rates),
            l1=self.l1,
            l2=self.l2,
            shared_penalty=self.shared_penalty,
            **dict(zip(names, values, strict=True)),
        )

    def _make_training(self, samples: Samples, task: Task, plan: Plan, most_threads: int) -> Training:
        """Lay out and allocate everything that an epoch needs; nothing is allocated in it.

        Another plan, of up to so many threads, finds room in what is not its own (`engine.with_plan`).
        """
        net, update, batch = self.net, self.update, self.batch_size
        self.plan = plan
        key = "training", task.sparse
        where = net._layouts[key][0] if key in net._layouts else None
        if where is None or where.plan != plan:
            where = engine.lay_out(net, plan, sparse=task.sparse)
            net._layouts[key] = where, []
        cost = CODES[net.cost] if self._cost is None else self._cost
        rates, table = self.trained.rates, where.layers.table
        lowest = next(l for l, rate in enumerate(rates, 1) if rate)
        if task.dropout or min(rates) != 1 or max(rates) != 1:
            table = table.copy()
            table["dropout"][1:-1], table["rate"][1:] = self.dropout, rates
        layers = where.layers._replace(table=table, cost=cost, cost_parameter=net._p, lowest=lowest)
        keeping = plan.tile < batch or task.sparse or task.whole_gradient
        if most_threads > plan.n_threads:
            where = where._replace(sums_size=layout.sums_size(table, most_threads))
        engine.check_layout(where, update.slots + keeping + 1 + 2 * task.masked, "Training")
        if self.state is None:
            vectors = update.slots * net.theta.size
            self.state = self._make_state(net) if self._make_state else layout.aligned(vectors, net.dtype)
        settings, sums = self._settings(samples), None
        if self.update.own is not None:
            settings["clip_norm"] = np.inf
        if self.clip_norm is not None:
            settings["clip_norm"], settings["clip_sums"] = self.clip_norm, where.sums_size
            sums = np.empty(where.sums_size + -(-net.theta.size // clipping.BLOCK))
        data = engine.make_data(
            samples.X,
            samples.targets,
            sample_weight=samples.weight,
            order=engine.NO_INDICES if self.optimizer is None else np.empty(len(samples), np.int64),
            counting_hits=self.counting_hits,
        )
        return engine.make_training(
            where._replace(layers=layers),
            data,
            settings,
            n=len(samples),
            batch=batch,
            g=layout.aligned(net.theta.size, net.dtype) if keeping else None,
            code=None if self.optimizer is None else update.code,
            slots=update.slots,
            state=self.state,
            sums=sums,
            mask=self.trained.mask,
            numbers=update.numbers,
            counting_hits=self.counting_hits,
            output_weight=samples.targets.output_weight,
        )

    def restart(self) -> None:
        """Begin as a new trainer would, at what the optimizer now says, in memory that is there."""
        self.update = self.update if self.optimizer is None else self.optimizer.update()
        self._powers = [beta**self.update.t for beta in self.update.constants[:2]]
        self.state, self.first_loss, self._diverged = None, None, False

    def _training(self, samples: Samples, task: Task, plan: Plan, most_threads: int) -> Training:
        """What `_make_training` makes, or that of the run before, if it fits."""
        spare, dense = self._spare, not task.sparse and samples.targets.output_weight is None
        if spare is not None and self._make_state is not None:
            self.state = self._make_state(self.net)
        known = spare is not None and dense and most_threads == 1 and plan == self.plan
        if spare is None or not known or spare.optimizer.state is not self.state or spare.control.n != len(samples):
            made = self._make_training(samples, task, plan, most_threads)
            fits = most_threads == 1 and dense and len(samples) <= self.batch_size and task.flops <= SMALL_STEP
            self._spare = engine.without_samples(made) if fits else None
            return made
        settings = spare.optimizer.settings
        settings["largest_input"], settings["failed"] = samples.largest, 0
        settings["beta_1_power"], settings["beta_2_power"] = self._powers
        given = {"sample_weight": samples.weight, "order": spare.data.order, "counting_hits": self.counting_hits}
        return engine.with_samples(spare, engine.make_data(samples.X, samples.targets, **given), self.net._p)

    # The loop

    def run(self, samples: Samples, n_epochs: int, policy: Policy, before: Run | None = None) -> Run:
        """Epochs, until there are so many or the policy, ``run.stop()`` or Ctrl-C ends them.

        Returns the run that the policy has seen. It goes on from the run ``before``, if there was one.
        """
        run = Run(self.net, self.optimizer, n_epochs, -(-len(samples) // self.batch_size), len(samples))
        task = self._task(sparse=isinstance(samples.X, csr.Rows))
        self._weighted = samples.weight is not None
        if before is not None:
            self._take_over(run, before)
        several = plans_of(task, self._team(task), self.n_threads)
        with ThreadTeam(max(plan.n_threads for plan in several)) as team:
            plans = Plans(self.net, task, several, team.size)
            training = self._begun = self._training(samples, task, plans.now, team.size)
            team.start(training)
            pace = Pace(team, task.flops, plans.tuner)
            if before is not None:
                self._go_on(run, before, policy)
            begun = run.minibatch
            run._control, run.n_threads, run.plan = training.control.flags[0], plans.now.n_threads, plans.now
            logger.began(run)
            values: dict[str, float] = {}
            try:
                policy.begin(run)
                while run.epoch < run.n_epochs and not run.stopped:
                    self._epoch(pace, plans, run, policy, begun)
                    begun = 0
                    if run.minibatch < run.n_minibatches:
                        break
                    values = run.running | policy.scores(run)
                    run.history._note(values)
                    run.epoch += 1
                    logger.epoch_ended(run)
                    policy.epoch_ended(run)
            except KeyboardInterrupt:
                run.stopped = "interrupted"
                # The kernel knows exactly; the interrupt may have come before Python took note.
                run.minibatch = int(training.control.flags[0].total) - run.epoch * run.n_minibatches
                if run.minibatch > 0:
                    self._count_steps(run)
                for name in values:  # those of an epoch that is not counted yet
                    del run.history.get(name, [])[run.epoch :]
            finally:
                run._control, self._powers = None, self._current_powers()
                policy.end(run)
                self._begun = None
                plans.end()
                logger.ended(run)
        return run

    def _epoch(self, pace: Pace, plans: Plans, run: Run, policy: Policy, begun: int) -> None:
        """Every minibatch once, but for those ``begun``; of weights that have become infinite, none."""
        order, eta, seed = policy.epoch(run)
        training = self._begun
        if self._diverged or training is None:
            return
        statistics = self._statistics = training.control.statistics
        training.data.order[:], training.optimizer.eta[:], training.layers.table["seed"] = order, eta, seed
        if not begun:
            statistics.view(np.float64)[:] = 0
            run.minibatch, self._steps_before = 0, run.step
        while run.minibatch < run.n_minibatches:
            if plans.are_to_change:
                training = self._begun = plans.change(training, pace.team)
                self.plan = run.plan = plans.now
                run.n_threads = plans.now.n_threads
            before = pace.seconds
            run.minibatch, status = pace.run(run.minibatch, policy.next_boundary(run))
            run.seconds += pace.seconds - before
            self._count_steps(run)
            if status == DIVERGED:
                policy.diverged(run)
                self._diverged = True
                if not run.stopped:
                    run.minibatch, run.running = run.n_minibatches, {"loss": float("nan")}
                return
            run.running = policy.measure(statistics[: run.minibatch])
            if self.first_loss is None and run.step:
                alone = run.running
                if run.minibatch > 1:
                    alone = policy.measure(statistics[np.flatnonzero(statistics["weight"])[:1]])
                self.first_loss = alone["loss"]
            policy.progress(run)
            if run.stopped:
                return

    def update_has_failed(self) -> bool:
        """Whether a user's own update has made what is not finite, since this was asked last."""
        assert self._begun is not None
        settings = self._begun.optimizer.settings
        failed, settings["failed"] = bool(settings["failed"][0]), 0
        return failed

    def _count_steps(self, run: Run) -> None:
        """Note the updates made until ``run.minibatch`` of the epoch that has begun last."""
        run.step = self._steps_before + self._count_applied(run.minibatch)

    def _count_applied(self, n: int) -> int:
        """How many of an epoch's first n minibatches were applied."""
        return int(np.count_nonzero(self._statistics["weight"][:n])) if self._weighted else n

    # Going on

    def _take_over(self, run: Run, before: Run) -> None:
        """Begin where a run has ended."""
        state = before._state
        assert state is not None
        run.history.update(before.history | {name: list(values) for name, values in before.history.columns().items()})
        run.epoch, run.step, run.seconds, run.best_epoch = before.epoch, before.step, before.seconds, before.best_epoch
        run.minibatch, self._powers, self.first_loss = state.minibatch, list(state.powers), state.first_loss
        make = self._make_state or (lambda net: layout.aligned(state.moments.size, net.dtype))
        self.state = make(self.net)
        self.state[:] = state.moments

    def _go_on(self, run: Run, before: Run, policy: Policy) -> None:
        """Put back what an epoch in which a run has ended has shown so far."""
        assert self._begun is not None
        assert before._state is not None
        control, n = self._begun.control, run.minibatch
        control.flags["total"] = run.epoch * run.n_minibatches + n
        control.statistics[:n] = before._state.statistics
        self._statistics = control.statistics
        self._steps_before = run.step - self._count_applied(n)
        if n:
            run.running = policy.measure(control.statistics[:n])

    def _current_powers(self) -> list[float]:
        """beta_1^t and beta_2^t after the last update."""
        assert self._begun is not None
        settings = self._begun.optimizer.settings
        return [float(settings[name][0]) for name in ("beta_1_power", "beta_2_power")]

    def kept(self, run: Run) -> dict[str, Any]:
        """What a `State` holds of the loop: copies, but for the moments."""
        assert self._begun is not None
        n = int(self._begun.control.flags["total"][0]) - run.epoch * run.n_minibatches
        return {
            "moments": self.state,
            "powers": tuple(self._current_powers()),
            "minibatch": n,
            "statistics": self._begun.control.statistics[:n].copy(),
            "first_loss": self.first_loss,
        }

    @property
    def n_applied(self) -> int:
        """Minibatches of the last epoch that were applied: not those whose weights sum to 0."""
        return int(np.count_nonzero(self._statistics["weight"]))

    def minimize(self, samples: Samples, solve: Callable[[np.ndarray, Evaluate], Result]) -> Result:
        """What a solver returns that is given cost and gradient of all samples as a function of the network's weights.

        ``solve`` is a function of g, laid out like theta, and of the function that computes it.
        """
        task = self._task(sparse=isinstance(samples.X, csr.Rows))
        with ThreadTeam(self._team(task)) as team:
            training = self._make_training(samples, task, plan_training(task, team.size), team.size)
            team.start(training)
            pace, self._statistics = Pace(team, task.flops), training.control.statistics

            def evaluate() -> tuple[np.record, bool]:
                training.control.statistics[:] = 0
                status = pace.run(0, 1)[1]
                return training.control.statistics[0], status != DIVERGED

            return solve(training.optimizer.g, evaluate)
