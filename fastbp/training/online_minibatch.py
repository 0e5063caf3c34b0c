"""The memory of the minibatches that a `Trainer` is given one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastbp import jit
from fastbp.chunks import extremes
from fastbp.kernels import finite
from fastbp.network import Network
from fastbp.runtime import csr
from fastbp.runtime.plan import plan_training
from fastbp.runtime.single import Single
from fastbp.runtime.slices import Pace
from fastbp.runtime.team import ROWS_OPERATIONS, ThreadTeam
from fastbp.targets import Targets
from fastbp.training.minibatches import Samples
from fastbp.training.trainer import Trainer as Loop


class OnlineMinibatch:
    """Minibatches of as many samples, with targets of one kind: the memory that they are copied to, and their step.

    `takes` looks for all that samples are refused for, in less time than the checks that have words for it. Those
    refuse single targets outside of an interval, so that a target between two which they have let pass needs no check.
    """

    def __init__(self, loop: Loop, samples: Samples) -> None:
        net, n, dense = loop.net, len(samples), samples.targets.dense
        self.X: Any = samples.X if isinstance(samples.X, csr.Rows) else np.array(samples.X)
        self.y = np.array(samples.targets.labels if dense is None else dense)
        self.u = samples.targets.output_weight
        targets = Targets(None, self.y, self.u) if dense is None else Targets(self.y, None, self.u)
        self.weight = None if samples.weight is None else np.array(samples.weight)
        task = loop._task(sparse=isinstance(self.X, csr.Rows))
        self.flops, self.n_threads = task.flops, loop._team(task)
        with ThreadTeam(self.n_threads) as team:
            self.n_threads = team.size  # fewer, where the system starts no more
        plan = plan_training(task, self.n_threads)
        self.training = loop._make_training(Samples(self.X, targets, self.weight), task, plan, self.n_threads)
        optimizer: Any = loop.optimizer
        self.training.optimizer.eta[:], self.training.data.order[:] = optimizer.learning_rate, range(n)
        alone = self.n_threads == 1 and self.flops <= ROWS_OPERATIONS
        self.single = Single(self.training) if alone else None
        self.statistics = self.training.control.statistics.view(np.float64)
        self.total = self.training.control.flags["total"]
        """Steps made: the kernel counts them, and no interrupt comes in between."""
        self._largest_input = self.training.optimizer.settings["largest_input"]
        self._theta = net.theta
        self._whole = dense is not None and net.activations[-1] == "softmax"
        """Whether targets are refused for more than single numbers."""
        self._least, self._largest = math.inf, -math.inf
        self._rows = self.X.reshape(-1) if isinstance(self.X, np.ndarray) else self.X.values
        self._targets = self.y.reshape(-1)
        self._magnitude = jit.machine_code(finite.largest_magnitude, self._rows)
        self._between = jit.machine_code(finite.all_between, self._targets, 0.0, 0.0)
        self._let_pass(net, samples.targets)

    def _let_pass(self, net: Network, targets: Targets) -> None:
        """Note that these targets have been checked."""
        self._decides = targets.dense is not None and net._classifies(targets) and "task" not in net.meta
        """Whether other targets than 0 and 1 would make the net a regression."""
        if not self._whole:
            least, largest = extremes(self.y)
            self._least, self._largest = min(self._least, float(least)), max(self._largest, float(largest))

    def is_like(self, net: Network, samples: Samples) -> bool:
        """Whether these samples fit."""
        y = samples.targets.labels if samples.targets.dense is None else samples.targets.dense
        assert y is not None
        known = isinstance(self.X, np.ndarray) and isinstance(samples.X, np.ndarray) and self._theta is net.theta
        alike = (self.y.shape, self.y.dtype, self.weight is None) == (y.shape, y.dtype, samples.weight is None)
        alike &= self.u is not None or samples.targets.output_weight is None
        return known and alike

    def put(self, net: Network, samples: Samples) -> None:
        """Copy samples that have been checked."""
        self.X[...] = samples.X
        self.y[...] = samples.targets.labels if samples.targets.dense is None else samples.targets.dense
        if self.weight is not None:
            self.weight[...] = samples.weight
        self._largest_input[0] = self._magnitude(self._rows)
        self._let_pass(net, samples.targets)

    def takes(self, net: Network, X: Any, Y: Any) -> bool:
        """Copy samples and their targets; whether they can be trained on, as far as it is seen at once."""
        own, y = self.X, self.y
        if not (type(X) is type(own) is type(Y) is np.ndarray) or self._theta is not net.theta or self._whole:
            return False
        if X.shape != own.shape or X.dtype != own.dtype or Y.shape != y.shape or Y.dtype != y.dtype:
            return False
        own[...], y[...] = X, Y
        largest = self._magnitude(self._rows)
        if not largest < math.inf or self.weight is not None:
            return False
        self._largest_input[0] = largest
        if not self._between(self._targets, self._least, self._largest):
            return False
        return not self._decides or {0, 1}.issuperset(self._targets.tolist())

    def run(self) -> int:
        """Make the step; its status."""
        if self.single is not None:
            return self.single.run()
        self.statistics[:] = 0
        with ThreadTeam(self.n_threads) as team:
            team.start(self.training)
            return Pace(team, self.flops).run(0, 1)[1]
