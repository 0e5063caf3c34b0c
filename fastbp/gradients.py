"""The gradient of C over a batch, and everything that it is made of: F1, F2 and BP1 to BP4 of all samples."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from fastbp import checks
from fastbp.arrays import as_sample_weight
from fastbp.checks import AnyCost, Cost
from fastbp.chunks import all_finite
from fastbp.functions.costs import CODES, parameter_of
from fastbp.jacobians import Differentiable
from fastbp.kernels import layout
from fastbp.kernels.records import DIVERGED, Training, new_settings
from fastbp.layers import Gradient, PerLayer, Trace
from fastbp.runtime import csr, engine
from fastbp.runtime.plan import LARGE_CALL, Task, choose_threads, operations, plan_gradient
from fastbp.runtime.slices import Pace
from fastbp.runtime.team import ThreadTeam
from fastbp.targets import Targets

Of: TypeAlias = tuple[Cost, float | None]
"""A cost, and its parameter if it has one."""


class Backpropagation(Differentiable):
    """The methods of `fastbp.Network` that pass a batch forward and back."""

    def gradient(
        self,
        X: Any,
        Y: Any,
        *,
        sample_weight: Any = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        cost: AnyCost | None = None,
        cost_parameter: float | None = None,
        n_threads: int | None = None,
    ) -> Gradient:
        """Gradient of C over all samples as one batch (F1, F2, BP1 to BP4).

        ``C = sum_x s_x C_x / sum_x s_x + l1 sum |w| + l2/2 sum w^2``, biases not penalised.

        Parameters
        ----------
        X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
        Y : array_like
            Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]).
        sample_weight : array_like, shape (n_samples,), optional
            s_x; 1 if not given.
        output_weight : array_like, shape (sizes[-1],), optional
            u_j of ``C_x = sum_j u_j c(a_j, y_j)``; 1 if not given. Not of softmax.
        missing_targets : "ignore", optional
            NaN in Y is a target that is missing: it adds 0 to C_x, and its output has delta 0. The sample's weight
            counts all the same. Default: NaN is refused. Not of softmax.
        l1, l2 : float
            Strengths of the penalties.
        cost : str, optional
            In place of the network's.
        cost_parameter : float, optional
            In place of the network's, or of the default of ``cost``.
        n_threads : int, optional
            Changes the speed, never a bit of the result.

        Warns
        -----
        RuntimeWarning
            C or the gradient are not finite, and why.
        """
        X, targets, of = self._batch(X, Y, cost, cost_parameter, output_weight, missing_targets)
        g, cost_value, _ = self._gradient(X, targets, sample_weight, l1, l2, of, n_threads, keep=False)
        self._warn_of_overflow(cost_value, g)
        w, b = self._views(g, "gradient.w", "gradient.b")
        return Gradient(w, b, cost_value)

    def backprop(
        self,
        X: Any,
        Y: Any,
        *,
        sample_weight: Any = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        cost: AnyCost | None = None,
        cost_parameter: float | None = None,
        n_threads: int | None = None,
    ) -> Trace:
        """Everything that ``gradient`` computes on its way: z, a and delta of every layer and sample.

        Parameters are those of ``gradient``. ``t.delta[l]`` carries the sample weights, and no 1/n_samples.
        """
        X, targets, of = self._batch(X, Y, cost, cost_parameter, output_weight, missing_targets)
        g, cost_value, done = self._gradient(X, targets, sample_weight, l1, l2, of, n_threads, keep=True)
        self._warn_of_overflow(cost_value, g)
        w, b = self._views(g, "trace.w", "trace.b")
        n, table, buf = done.control.n, done.layers.table, done.workspace.buf

        def kept(name: str) -> PerLayer:
            columns = zip(*(table[what][1:].tolist() for what in ("row", "J", name)), strict=True)
            layers = [buf[at : at + n * row].reshape(n, row)[:, :J].copy() for row, J, at in columns]
            return PerLayer(f"trace.{name}", layers)

        return Trace(kept("z"), kept("a"), kept("delta"), w, b, cost_value)

    def _batch(
        self, X: Any, Y: Any, cost: Any, cost_parameter: Any, output_weight: Any, missing_targets: Any
    ) -> tuple[np.ndarray | csr.Rows, Targets, Of]:
        """Samples, targets and the cost with its parameter, checked."""
        X, of = csr.as_inputs(X, self.sizes[0], self.dtype), self._cost_or(cost, cost_parameter)
        options = {"output_weight": output_weight, "missing_targets": missing_targets}
        return X, self._targets(Y, len(X), of=of, **options), of

    def _gradient(
        self,
        X: np.ndarray | csr.Rows,
        targets: Targets,
        sample_weight: Any,
        l1: float,
        l2: float,
        of: Of,
        n_threads: Any,
        *,
        keep: bool,
    ) -> tuple[np.ndarray, float, Training]:
        weight = as_sample_weight(sample_weight, len(X), self.dtype)
        settings = new_settings(
            l1=checks.check_real(l1, "l1", low=0.0), l2=checks.check_real(l2, "l2", low=0.0), limit=np.inf
        )
        sparse, flops = False, operations(self.sizes, len(X), training=True)
        if isinstance(X, csr.Rows):
            sparse, flops = True, 3 * csr.operations_of(self.sizes, X)
        threads = choose_threads(n_threads, flops, LARGE_CALL)
        g = layout.aligned(self.theta.size, self.dtype)
        with ThreadTeam(threads) as team:
            plan = plan_gradient(Task(self.sizes, self.dtype.itemsize, len(X), sparse=sparse), team.size)
            if keep:
                plan = plan._replace(tile=len(X))
            where = engine.lay_out(self, plan, keep_z=keep, sparse=sparse)
            engine.check_layout(where, 1, f"The activations of {plan.tile} samples")
            layers = where.layers._replace(cost=CODES[of[0]], cost_parameter=parameter_of(*of))
            where = where._replace(layers=layers)
            data = engine.make_data(X, targets, sample_weight=weight)
            training = engine.make_training(
                where, data, settings, n=len(X), batch=len(X), g=g, output_weight=targets.output_weight
            )
            team.start(training)
            if Pace(team, flops).run(0, 1)[1] == DIVERGED:  # the kernel makes no gradient of such errors
                g[:] = np.nan
        statistics = training.control.statistics[0]
        return g, float(statistics.cost / statistics.weight + statistics.penalty), training

    def _warn_of_overflow(self, cost: float, g: np.ndarray | None = None) -> None:
        """Say why C or its gradient are not finite, where they are not."""
        if not np.isfinite(cost):
            self._warn_of_what_is_not_finite(f"C is {cost}", 4)
        elif g is not None and not all_finite(g):
            self._warn_of_what_is_not_finite("The gradient is not finite", 4)
