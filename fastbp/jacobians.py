"""Derivatives that are more than one gradient: Jacobians, the gradient of each sample, the Hessian times a vector."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fastbp import checks
from fastbp.arrays import as_inputs, as_sample_weight
from fastbp.checks import Cost
from fastbp.errors import argument_error
from fastbp.functions import costs
from fastbp.functions.activations import CODES, COSTS, NAMED
from fastbp.functions.costs import parameter_of
from fastbp.layers import PerLayer
from fastbp.parameters import Parameters
from fastbp.runtime import tangents
from fastbp.targets import Targets, as_targets


class Differentiable(Parameters):
    """The methods of `fastbp.Network` that carry a derivative of every sample, or a direction, through the layers."""

    _needs_reach = True
    """Whether targets that the outputs cannot reach are refused; a bridge to other code's rules says no."""

    def _cost_or(self, cost: Any, p: Any) -> tuple[Cost, float | None]:
        """The cost of this name and its parameter, if they go with the outputs; the network's own for None."""
        if cost:
            cost = checks.check_cost(cost, self.activations)
            return cost, checks.check_cost_parameter(p, cost, self.dtype)
        return self.cost, self.cost_parameter if p is None else checks.check_cost_parameter(p, self.cost, self.dtype)

    def _targets(
        self, Y: Any, n: int, name: str = "Y", *, of: tuple[str, float | None] | None = None, **options: Any
    ) -> Targets:
        """Checked targets of the network's cost, or of the one given with its parameter; options of `as_targets`."""
        cost, p = of or (self.cost, self.cost_parameter)
        return as_targets(
            Y,
            n,
            self.sizes[-1],
            (cost, parameter_of(cost, p)),
            self.activations[-1],
            self.dtype,
            name,
            within_reach=self._needs_reach,
            **options,
        )

    def _as_layers(self) -> tangents.Layers:
        codes = [CODES[name] for name in self.activations]
        return tangents.Layers([np.ascontiguousarray(w.T) for w in self.w], [np.array(b) for b in self.b], codes)

    def _cost_of_kernels(self) -> tuple[int, Any]:
        """Code of the cost, and its parameter in the net's dtype."""
        return COSTS[self.cost], self.dtype.type(self._p)

    def _dense_targets(self, Y: Any, n: int, **options: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Targets as outputs, and u_j; options of `as_targets`."""
        targets = self._targets(Y, n, **options)
        dense = np.eye(self.sizes[-1], dtype=self.dtype)[targets.labels] if targets.dense is None else targets.dense
        return dense, targets.output_weight

    def _check_second_derivatives(self) -> None:
        """Refuse users' own functions whose second derivative is not known."""
        for l, name in enumerate(self.activations, 1):
            if name != "softmax" and NAMED[name].second is None:
                raise argument_error(
                    f"The activation of layer {l}",
                    f"is {name!r}, registered without f_second; the Hessian needs its second derivative. Register it "
                    f"under another name with fastbp.activation(..., f_second=...).",
                    parameter="activations",
                )
        if costs.NAMED[self.cost].second is None:
            raise argument_error(
                "cost",
                f"is {self.cost!r}, whose second derivative fastbp does not know; the Hessian needs it. Differences of "
                "net.gradient come near the product: (g(theta + h v) - g(theta - h v)) / 2 h.",
            )

    def input_jacobian(self, X: Any) -> np.ndarray:
        """Derivative of every output by every input, of each sample (BP2 down to layer 0).

        Parameters
        ----------
        X : array_like, shape (n_samples, sizes[0])

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1], sizes[0])
            ``[x, i, k]`` is da_i^L / da_k^0.
        """
        return tangents.input_jacobian(self._as_layers(), as_inputs(X, self.sizes[0], self.dtype))

    def parameter_jacobian(self, X: Any) -> np.ndarray:
        """Derivative of every output by every parameter, of each sample (BP2, BP3, BP4 of each output).

        Parameters
        ----------
        X : array_like, shape (n_samples, sizes[0])

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1], n_parameters)
            Parameters in the order of `parameters`.
        """
        return tangents.parameter_jacobian(self._as_layers(), as_inputs(X, self.sizes[0], self.dtype))

    def per_sample_gradient(
        self, X: Any, Y: Any, *, output_weight: Any = None, missing_targets: Literal["ignore"] | None = None
    ) -> tuple[PerLayer, PerLayer]:
        """The gradient of C_x of every sample by itself, without its weight and penalty (BP1 to BP4).

        Parameters
        ----------
        X : array_like, shape (n_samples, sizes[0])
        Y : array_like
            As in `gradient`.
        output_weight, missing_targets
            As in `gradient`.

        Returns
        -------
        w, b : PerLayer
            ``w[l][x, j, k]`` is dC_x/dw_jk^l, ``b[l][x, j]`` dC_x/db_j^l.
        """
        X = as_inputs(X, self.sizes[0], self.dtype)
        Y, u = self._dense_targets(Y, len(X), output_weight=output_weight, missing_targets=missing_targets)
        w, b = tangents.per_sample_gradient(self._as_layers(), self._cost_of_kernels(), X, Y, u)
        return PerLayer("w", w), PerLayer("b", b)

    def hessian_vector_product(
        self,
        X: Any,
        Y: Any,
        v: Any,
        *,
        sample_weight: Any = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        l2: float = 0.0,
    ) -> np.ndarray:
        """The second derivative of C by all parameters, times a vector, without the matrix (Pearlmutter's R).

        Parameters
        ----------
        X : array_like, shape (n_samples, sizes[0])
        Y : array_like
            As in `gradient`.
        v : array_like, shape (n_parameters,)
            In the order of `parameters`.
        sample_weight : array_like, shape (n_samples,), optional
            s_x; 1 if not given.
        output_weight, missing_targets
            As in `gradient`.
        l2 : float
            Strength of the penalty.

        Returns
        -------
        numpy.ndarray, shape (n_parameters,)
            The derivative of the gradient in the direction v. relu's and leaky_relu's sigma'' is 0 everywhere.

        Raises
        ------
        ValueError
            The second derivative of a user's own activation or cost is not known, among other things.
        """
        self._check_second_derivatives()
        X = as_inputs(X, self.sizes[0], self.dtype)
        Y, u = self._dense_targets(Y, len(X), output_weight=output_weight, missing_targets=missing_targets)
        s = as_sample_weight(sample_weight, len(X), self.dtype)
        s = np.ones(len(X), self.dtype) if s is None else s
        l2 = checks.check_real(l2, "l2", low=0.0)
        v = np.asarray(v)
        if v.shape != (self.n_parameters,):
            raise argument_error(
                "v",
                f"has shape {v.shape}; this network has {self.n_parameters} parameters. "
                f"Pass an array of shape ({self.n_parameters},).",
            )
        parts = [np.ascontiguousarray(part.T, self.dtype) for part in self._unpacked(v)]
        v_w, v_b = parts[::2], parts[1::2]
        g, g_b = tangents.hessian_vector(self._as_layers(), self._cost_of_kernels(), X, Y, s, u, v_w, v_b)
        scale = self.dtype.type(1.0 / s.sum(dtype=np.float64))
        parts = []
        for l in range(self.L):
            parts += [(g[l] * scale + self.dtype.type(l2) * v_w[l]).T.ravel(), g_b[l] * scale]
        return np.concatenate(parts)
