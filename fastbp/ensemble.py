"""An ensemble: several networks whose outputs are averaged."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastbp.arrays import as_sample_weight, check_out
from fastbp.errors import argument_error, renamed
from fastbp.functions.costs import NAMED
from fastbp.layers import Floats
from fastbp.network import Network, not_a_network
from fastbp.runtime import csr
from fastbp.targets import decide

IN_META = ("classes", "features", "target")
"""Entries of ``meta`` that say what inputs and outputs mean."""


def costs_of_outputs(
    net: Network | Ensemble, out: np.ndarray, y: np.ndarray, p: Any = None, output_weight: Any = None
) -> np.ndarray:
    """C_x of rows of outputs and targets, in float64; a target that is NaN adds 0.

    Parameters
    ----------
    net : Network or Ensemble
        Whose cost and output activation they are.
    out, y : numpy.ndarray, shape (n_samples, sizes[-1])
    p : numpy.ndarray, shape (sizes[-1],), optional
        The cost's parameter for each output; default: the network's.
    output_weight : array_like, shape (sizes[-1],), optional
    """
    a, y = out.astype(np.float64)[..., None], y.astype(np.float64)[..., None]
    p = np.broadcast_to(net._p if p is None else p, a.shape[1:2])[:, None]
    u = np.ones(len(p)) if output_weight is None else np.asarray(output_weight, np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # the caller says what such a loss means
        of_outputs = NAMED[net.cost].analytic(None, a, y, net.activations[-1], p)
        costs: np.ndarray = np.where(np.isnan(y[..., 0]), 0, of_outputs) @ u
    return costs


class Ensemble:
    """Several networks for the same inputs and outputs; what it predicts is the mean of what they predict.

    `load` returns one from the file that `save` wrote of one. Put into a `Model`, it has a preprocessing.

    Parameters
    ----------
    nets : iterable of Network
        They are not copied. They may differ in hidden layers and dtype, not in numbers of inputs and outputs, output
        activation, cost, `Network.task`, nor in the names of classes, features and target in ``meta``.
    own_inputs : bool
        Whether each network has inputs of its own, as many as it needs: a row holds those of the first one, then those
        of the second one, and so on. Default: all networks see the same inputs.

    Attributes
    ----------
    own_inputs : bool
    sizes : tuple of int
        Inputs and outputs; with inputs of their own, those of all networks.
    activations : tuple of str
        That of the outputs.
    cost, cost_parameter, task, meta
        Those of the first network.
    dtype : numpy.dtype
        The widest of the networks'.
    n_parameters : int
        Of all networks.

    Raises
    ------
    TypeError, ValueError
        For what is no network, for none, and for networks that do not fit each other.
    """

    def __init__(self, nets: Iterable[Network], *, own_inputs: bool = False) -> None:
        if isinstance(nets, Network) or not isinstance(nets, Iterable):
            raise argument_error("nets", f"is {nets!r}; several networks are needed. Pass a list of them.", TypeError)
        self.nets = tuple(nets)
        for i, net in enumerate(self.nets):
            if not isinstance(net, Network):
                raise renamed(not_a_network(net), {"net": f"nets[{i}]"})
        if not self.nets:
            raise argument_error("nets", "is empty; at least one network is needed. Pass [fastbp.Network(...)], say.")
        self.own_inputs = bool(own_inputs)
        first, *others = map(_meaning, self.nets)
        if own_inputs:
            first.pop("numbers of inputs")
        for i, other in enumerate(others, 1):
            for what, value in first.items():
                if other[what] != value:
                    raise argument_error(
                        "nets",
                        f"have different {what}: {value!r} of nets[0], {other[what]!r} of nets[{i}]; their outputs "
                        "have no mean that means anything. Pass networks for the same inputs and outputs.",
                    )

    @property
    def sizes(self) -> tuple[int, int]:
        """Inputs and outputs."""
        inputs = [net.sizes[0] for net in self.nets]
        return sum(inputs) if self.own_inputs else inputs[0], self.nets[0].sizes[-1]

    @property
    def parts(self) -> tuple[slice, ...]:
        """Which columns of a row each network sees."""
        if not self.own_inputs:
            return (slice(None),) * len(self.nets)
        ends = list(accumulate((net.sizes[0] for net in self.nets), initial=0))
        return tuple(slice(low, high) for low, high in pairwise(ends))

    @property
    def activations(self) -> tuple[str]:
        """The activation of the outputs."""
        return (self.nets[0].activations[-1],)

    @property
    def cost(self) -> str:
        """The networks' cost."""
        return self.nets[0].cost

    @property
    def cost_parameter(self) -> float | None:
        """Its parameter."""
        return self.nets[0].cost_parameter

    @property
    def _p(self) -> float:
        return self.nets[0]._p

    @property
    def task(self) -> str:
        """``"classification"`` or ``"regression"``."""
        return self.nets[0].task

    @property
    def meta(self) -> Mapping[str, Any]:
        """The first network's."""
        return self.nets[0].meta

    @property
    def dtype(self) -> np.dtype[Any]:
        """The widest of the networks'."""
        return np.result_type(*(net.dtype for net in self.nets))

    @property
    def n_parameters(self) -> int:
        """Of all networks."""
        return sum(net.n_parameters for net in self.nets)

    if not TYPE_CHECKING:  # or a type checker would believe in every attribute

        def __getattr__(self, name: str) -> Any:
            problem = f"An Ensemble has no {name}"
            if hasattr(Network, name) and not name.startswith("_"):
                problem += f"; its networks have. Use ensemble[0].{name}, say"
            raise AttributeError(problem + ".", name=name, obj=self)

    def __len__(self) -> int:
        return len(self.nets)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.nets)

    def __getitem__(self, i: int) -> Network:
        return self.nets[i]

    @property
    def _thetas(self) -> tuple[Floats, ...]:
        return tuple(net.theta for net in self.nets)

    def feedforward(self, X: Any, *, out: Floats | None = None, n_threads: int | None = None) -> Floats:
        """The mean of the networks' outputs, a^L of every sample.

        Parameters
        ----------
        X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
        out : numpy.ndarray, shape (n_samples, sizes[-1]), optional
            The result, overwritten and returned, as in `Network.feedforward`.
        n_threads : int, optional
            Default: chosen from the machine and the work. The result does not depend on it.

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1])
            Summed in float64, in the order of the networks, divided by their number and rounded once to ``dtype``.
        """
        known = {dtype: csr.as_inputs(X, self.sizes[0], dtype) for dtype in {net.dtype for net in self.nets}}
        n = len(next(iter(known.values())))
        if out is not None:
            check_out(out, (n, self.sizes[-1]), self.dtype, (X, *known.values()), self._thetas)
        total = np.zeros((n, self.sizes[-1]))
        for net, part in zip(self.nets, self.parts, strict=True):
            seen = known[net.dtype]
            if self.own_inputs:
                seen = np.ascontiguousarray(csr.require_dense(seen)[:, part])
            total += net._outputs(seen, None, n_threads)[0]
        total /= len(self.nets)
        if out is None:
            return total.astype(self.dtype, copy=False)
        out[...] = total
        return out

    def predict(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """The decision for every sample, from what `feedforward` takes.

        Returns
        -------
        numpy.ndarray
            Classification: shape (n_samples,), the index of the largest mean; of one output, whether it is at least one
            half. Regression: what `feedforward` returns.

        Warns
        -----
        RuntimeWarning
            Outputs of a sample are NaN, so that its class means nothing.
        """
        out = self.feedforward(X, n_threads=n_threads)
        if self.task == "regression":
            return out
        lost = np.isnan(out).any(axis=1)
        if lost.any():
            warnings.warn(
                f"The outputs of {lost.sum()} of {len(out)} samples, first of row {lost.argmax()}, are NaN, and their "
                "class means nothing. Look at the networks one by one: ensemble[0].predict(X).",
                RuntimeWarning,
                stacklevel=2,
            )
        return decide(out)

    def evaluate(
        self,
        X: Any,
        Y: Any,
        *,
        sample_weight: Any = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        n_threads: int | None = None,
    ) -> dict[str, float]:
        """How well the mean does on samples with known targets.

        Parameters and what is returned are those of `Network.evaluate`; ``loss`` is the cost of the mean of the
        outputs, which is not the mean of the networks' costs.

        Warns
        -----
        RuntimeWarning
            ``loss`` is not finite.
        """
        first, out = self.nets[0], self.feedforward(X, n_threads=n_threads)
        given: dict[str, Any] = {"output_weight": output_weight, "missing_targets": missing_targets}
        targets = first._targets(Y, len(out), **given)
        weight = as_sample_weight(sample_weight, len(out), first.dtype)
        y = np.eye(self.sizes[-1])[targets.labels] if targets.dense is None else targets.dense
        scores = first._scores(out, costs_of_outputs(self, out, y, output_weight=output_weight), targets, weight)
        if not np.isfinite(scores["loss"]):
            warnings.warn(
                f"The loss is {scores['loss']}: outputs are NaN, or so near to the wrong end of their range that the "
                "cost is infinite. Look at ensemble.feedforward(X).",
                RuntimeWarning,
                stacklevel=2,
            )
        return scores

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.nets[:3])) + (", ..." if len(self) > 3 else "")
        return f"<Ensemble of {len(self)} networks: {shown}>"


def _meaning(net: Network) -> dict[str, Any]:
    """What networks of an ensemble have in common."""
    names = {f"meta[{name!r}]": net.meta.get(name) for name in IN_META}
    return {
        "numbers of inputs": net.sizes[0],
        "numbers of outputs": net.sizes[-1],
        "output activations": net.activations[-1],
        "costs": net.cost,
        "cost_parameter": net.cost_parameter,
        "tasks": net.task,
        **names,
    }
