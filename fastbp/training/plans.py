"""The plans of a training: the one it runs with, and those that it tries while it runs."""

from __future__ import annotations

from fastbp.kernels.records import Training
from fastbp.network import Network
from fastbp.runtime import engine, pool, tuning
from fastbp.runtime.plan import Plan, Task, alternatives, forced_names, plan_training
from fastbp.runtime.team import ThreadTeam


def plans_of(task: Task, n_threads: int, asked: int | None) -> tuple[Plan, ...]:
    """Those to choose from; the first is that of the model of costs, for so many threads.

    One where nothing is to be tried; with the number of threads that was ``asked`` for, if one was.
    """
    if not tuning.ENABLED or forced_names():
        return (plan_training(task, n_threads),)
    if asked is not None:
        return alternatives(task, n_threads, None)
    plans = alternatives(task, n_threads, max(2, n_threads))
    if len(plans) == 1 or pool.in_use():
        return plans[:1]
    return alternatives(task, n_threads, pool.effective(None))


class Plans:
    """Of a run: which one is to run now, and the memory of each.

    Parameters
    ----------
    net : Network
    task : Task
    plans : tuple of Plan
        The first is the one to begin with, if nothing is known of such trainings.
    size : int
        Threads that there are.
    """

    def __init__(self, net: Network, task: Task, plans: tuple[Plan, ...], size: int) -> None:
        if any(plan.n_threads > size for plan in plans):  # the system starts no more
            plans = (plan_training(task, size),)
        self._net, self._task, self._all = net, task, plans
        self._memory: dict[Plan, Training] = {}
        self.tuner = tuning.take(task, plans)
        self.now = plans[0] if self.tuner is None else self.tuner.plan
        """The plan that the training runs with."""

    @property
    def are_to_change(self) -> bool:
        """Whether another one is to run."""
        return self.tuner is not None and self.tuner.plan != self.now

    def change(self, training: Training, team: ThreadTeam) -> Training:
        """The same training with the plan that is to run, between two minibatches."""
        tuner = self.tuner
        assert tuner is not None
        plan = tuner.plan
        self._memory[self.now] = training
        if plan in self._memory:
            engine.take_over(self._memory[plan], training)
        else:
            try:
                where = engine.lay_out(self._net, plan, sparse=self._task.sparse)
                engine.check_layout(where, plan.tile < self._task.batch, "Training")
                self._memory[plan] = engine.with_plan(training, where)
            except MemoryError:
                tuner.drop(plan)
                return training
        self.now = plan
        training = self._memory[plan]
        team.change(training)
        if not tuner.trying:
            self._memory.clear()
        return training

    def end(self) -> None:
        """Keep what has been learned, and no memory."""
        self._memory.clear()
        if self.tuner is not None:
            tuning.back(self._task, self._all, self.tuner)
