"""A multilayer perceptron: sizes, activations, cost and the one vector theta that holds every w^l and b^l."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from numbers import Integral
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fastbp import checks, synonyms
from fastbp.arrays import as_sample_weight, check_out
from fastbp.checks import AnyActivation, AnyCost, DType
from fastbp.chunks import r2
from fastbp.errors import argument_error
from fastbp.functions import activations as functions
from fastbp.functions.costs import CODES, IN_WORDS, PARAMETERS_IN_WORDS
from fastbp.gradients import Backpropagation
from fastbp.initializers import Initializer, initialize
from fastbp.layers import Floats
from fastbp.parameters import freeze
from fastbp.runtime import csr, engine
from fastbp.runtime.plan import LARGE_CALL, choose_threads, operations, plan_prediction
from fastbp.runtime.team import run_outputs
from fastbp.targets import Targets, decide


def require_writable(net: Network) -> None:
    """ValueError where a training could not overwrite the weights."""
    if not net.theta.flags.writeable:
        raise argument_error("net", "has read-only weights, and training overwrites them. Pass net.copy().")


def not_a_network(value: Any) -> Exception:
    """The TypeError about something else that was passed as ``net``."""
    if isinstance(getattr(value, "net", None), Network):  # a model's units are others than its network's
        problem = (
            f"is a {type(value).__name__}; its network is needed, which knows scaled numbers only. Pass model.net with "
            "model.transform(X) and model.transform_targets(Y), or call the model's own train or evaluate."
        )
    else:
        problem = f"is {reprlib.repr(value)}; a network is needed. Pass fastbp.Network([784, 30, 10]), say."
        if hasattr(value, "shape"):  # X or Y
            problem = f"has shape {value.shape}; a network is needed, as the first argument. Pass the data after it."
    return argument_error("net", problem, TypeError)


class Description(NamedTuple):
    """What a network is, but for its weights. As text, how it is made."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    cost: str
    cost_parameter: float | None
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        activations = self.activations[0] if len(set(self.activations)) == 1 else list(self.activations)
        p = "" if self.cost_parameter is None else f", cost_parameter={self.cost_parameter!r}"
        return (
            f"Network({list(self.sizes)}, activations={activations!r}, cost={self.cost!r}{p}, "
            f"dtype={self.dtype.name!r})"
        )


class Network(Backpropagation):
    """A multilayer perceptron in the letters of the notes.

    Parameters
    ----------
    sizes : sequence of int
        Neurons of layers 0 (the input) to L (the output).
    activations : str or sequence of str
        One for all layers 1..L, or one for each; ``softmax`` in layer L only:
        {activations}; and your own, which `fastbp.activation` returns.
    cost : str
        The cost C, and the outputs that it goes with; cross-entropy is binary for each output after ``sigmoid``,
        categorical after ``softmax``: {costs}; and your own, which `fastbp.cost` returns.
    cost_parameter : float, optional
        The number p of a cost that has one: {parameters}.
    dtype : {"float64", "float32"}
        Of weights, activations and errors.
    seed : int, numpy.random.Generator or None
        Of the initial weights.
    init : str
        Initializer, see `fastbp.initializers`; the default draws N(0, 1/n_in) weights and zero biases.
    meta : mapping, optional
        Numbers and names that travel with the net into its file, such as class names. Kernels never see it.
        ``{"task": "regression"}`` or ``"classification"`` says what ``predict`` gives.

    Attributes
    ----------
    w : PerLayer
        ``w[l]``, l = 1..L: writable view, shape (J, K); ``w[l][j, k]`` is w_jk^l.
    b : PerLayer
        ``b[l]``: writable view, shape (J,).
    theta : numpy.ndarray
        The one vector behind all of them, rows padded with zeros.

    Raises
    ------
    ValueError, TypeError
        A size, name or dtype that no network has; the message says what is needed.
    MemoryError
        Weights that memory cannot hold, before any is allocated.
    """

    @synonyms.answering("Network", synonyms.NETWORK, synonyms.sizes_by_position)
    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activations: AnyActivation | Sequence[AnyActivation] = "sigmoid",
        cost: AnyCost = "quadratic",
        cost_parameter: float | None = None,
        dtype: DType = "float64",
        seed: int | np.random.Generator | None = None,
        init: Initializer = "nielsen",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.sizes = checks.check_sizes(sizes)
        self.activations = checks.check_activations(activations, len(self.sizes) - 1)
        self.cost = checks.check_cost(cost, self.activations)
        self.dtype = checks.check_dtype(dtype)
        self.cost_parameter = checks.check_cost_parameter(cost_parameter, self.cost, self.dtype)
        if meta is not None and not isinstance(meta, Mapping):
            raise argument_error(
                "meta", f"is {meta!r}; a mapping is needed. Pass a dict of numbers and names.", TypeError
            )
        self.meta = freeze(meta or {})
        self._allocate()
        with_seed = f" with the seed {seed}" if isinstance(seed, Integral) else ""
        self._drawn = f"drawn as {init}{with_seed}"
        rng = checks.make_rng(seed)
        for l in range(1, self.L + 1):
            self.w[l], self.b[l] = initialize(init, rng, self.sizes[l], self.sizes[l - 1])

    @property
    def task(self) -> str:
        """``"classification"`` or ``"regression"``: what ``meta["task"]`` says, else what the output activation says.

        Training on other targets than labels, 0 and 1 writes ``"regression"`` there if nothing stands there.
        """
        stated = self.meta.get("task")
        if stated in ("classification", "regression"):
            return str(stated)
        return "classification" if self.activations[-1] in checks.CLASSIFYING else "regression"

    def _becomes_regression(self, targets: Targets) -> bool:
        """Whether training on these targets makes the net a regression, as nothing has said what it is."""
        return self.task == "classification" and "task" not in self.meta and not targets.are_classes

    def _learns(self, targets: Targets) -> None:
        """Note what the targets of a training that now begins make of the net, for ``task``."""
        if self._becomes_regression(targets):
            self.meta = MappingProxyType({**self.meta, "task": "regression"})

    def _classifies(self, targets: Targets) -> bool:
        """Whether it can be counted how many of these targets the net decides as it should."""
        output = self.activations[-1]
        if output not in checks.CLASSIFYING or self.task != "classification":
            return False
        return targets.are_classes and targets.are_complete

    @property
    def _thetas(self) -> tuple[Floats]:
        """What outputs may not be written to."""
        return (self.theta,)

    def feedforward(self, X: Any, *, out: Floats | None = None, n_threads: int | None = None) -> Floats:
        """a^L of every sample (F1, F2).

        Parameters
        ----------
        X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
            Of a sparse one only stored values are visited, with the bits that the dense array has.
        out : numpy.ndarray, shape (n_samples, sizes[-1]), optional
            The result, overwritten and returned: C-contiguous, writeable, of the net's dtype, in memory of its own.
        n_threads : int, optional
            Default: chosen from the machine and the work. The result does not depend on it.

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1])

        Raises
        ------
        ValueError, TypeError
            X or ``out`` cannot be used; before anything is written.
        """
        inputs = csr.as_inputs(X, self.sizes[0], self.dtype)
        if out is None:
            return self._outputs(inputs, None, n_threads)[0]
        check_out(out, (len(inputs), self.sizes[-1]), self.dtype, (X, inputs), self._thetas)
        self._outputs(inputs, None, n_threads, out=out.view(np.ndarray))
        return out

    def _outputs(
        self,
        X: np.ndarray | csr.Rows,
        targets: Targets | None,
        n_threads: int | None,
        decisions: np.ndarray = engine.NO_INDICES,
        out: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """a^L and, with targets, C_x of checked samples; into ``decisions``, if there is room, what outputs decide."""
        n = len(X)
        values, rows = (X.values, X) if isinstance(X, csr.Rows) else (X, None)
        flops = csr.operations_of(self.sizes, rows) if rows else operations(self.sizes, n, training=False)
        threads = choose_threads(n_threads, flops, LARGE_CALL)
        plan = plan_prediction(n, threads)
        key = ("sparse", plan) if rows else plan
        known = self._layouts.get(key)
        if known is None:
            known = self._layouts[key] = engine.lay_out(self, plan, predicting=True, sparse=rows is not None), []
        where, spare = known
        where = self._located(where)
        out = np.empty((n, self.sizes[-1]), self.dtype) if out is None else out
        try:
            workspace = spare.pop()
        except IndexError:
            workspace = engine.prepare_workspace(where)
        layers = where.layers
        if targets is None and not rows:
            data, cost = engine.without_targets(values), engine.NO_COSTS
        else:
            data, cost = engine.make_data(X, targets), np.empty(0 if targets is None else n)
            layers = layers._replace(cost=CODES[self.cost], cost_parameter=self._p)
        used = workspace if targets is None else engine.weighing_outputs(workspace, targets.output_weight)
        run_outputs(layers, data, used, (out, cost, decisions), plan, flops)
        spare.append(workspace)
        return out, cost

    def predict(self, X: Any, *, n_threads: int | None = None) -> npt.NDArray[Any]:
        """The net's decision for every sample, from what `feedforward` takes.

        Returns
        -------
        numpy.ndarray
            Classification: shape (n_samples,), the index of the largest output; with one output, whether it is at
            least one half. Regression (`task`): a^L, shape (n_samples, sizes[-1]).

        Warns
        -----
        RuntimeWarning
            Outputs of a sample are NaN, so that its class means nothing, and why.
        """
        if self.task == "regression":
            return self.feedforward(X, n_threads=n_threads)
        X = csr.as_inputs(X, self.sizes[0], self.dtype)
        n = len(X)
        decisions = np.empty(n, np.int64)
        out, _ = self._outputs(X, None, n_threads, decisions)
        if (decisions.item() if n == 1 else decisions.min()) < 0:
            self._warn_of_no_decision(out)
            return decide(out)
        return decisions

    def _warn_of_no_decision(self, out: np.ndarray, stacklevel: int = 3, weights: str = "net.w and net.b") -> None:
        """Say for which samples, and why, there is no largest output."""
        lost = np.isnan(out).any(axis=1)
        if lost.any():
            what = (
                f"The outputs of {lost.sum()} of {len(out)} samples, first of row {lost.argmax()}, are NaN, and their "
                "class means nothing"
            )
            self._warn_of_what_is_not_finite(what, stacklevel + 1, weights)

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
        """How well the net does on samples with known targets.

        Parameters
        ----------
        X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
        Y : array_like
            Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]).
        sample_weight : array_like, shape (n_samples,), optional
        output_weight, missing_targets
            As in `gradient`.

        Returns
        -------
        dict
            ``loss``: C without penalty; ``accuracy`` where the outputs are sigmoid or softmax, the net is no regression
            and every target is a label, or 0 or 1, and none is missing; else, of targets that are outputs, ``r2``, the
            mean over the outputs, whatever their weights, each of its targets that are not missing.

        Raises
        ------
        ValueError
            Targets that the outputs cannot reach, among other things.

        Warns
        -----
        RuntimeWarning
            ``loss`` is not finite, and why.
        """
        X = csr.as_inputs(X, self.sizes[0], self.dtype)
        targets = self._targets(Y, len(X), output_weight=output_weight, missing_targets=missing_targets)
        weight = as_sample_weight(sample_weight, len(X), self.dtype)
        scores = self._evaluate(X, targets, weight, n_threads)
        self._warn_of_overflow(scores["loss"])
        return scores

    def _evaluate(
        self, X: np.ndarray | csr.Rows, targets: Targets, weight: Any, n_threads: int | None
    ) -> dict[str, float]:
        return self._scores(*self._outputs(X, targets, n_threads), targets, weight)

    def _scores(self, out: np.ndarray, cost: np.ndarray, targets: Targets, weight: Any) -> dict[str, float]:
        """What `evaluate` says of outputs and C_x."""
        s = np.ones(len(out)) if weight is None else weight.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller says what a loss that is not finite means
            scores = {"loss": float(np.cumsum(s * cost)[-1] / np.cumsum(s)[-1])}
        if self._classifies(targets):
            hits = decide(out) == targets.decisions
            if np.isnan(scores["loss"]):  # an output that is no number decides nothing
                hits &= ~np.isnan(out).any(axis=1)
            scores["accuracy"] = float(s @ hits / s.sum())
        elif targets.dense is not None:
            scores["r2"] = r2(targets.dense, out, s, targets.are_complete)
        return scores

    def _description(self) -> Description:
        """What it is, but for its weights."""
        return Description(self.sizes, self.activations, self.cost, self.cost_parameter, self.dtype)

    def __repr__(self) -> str:
        return str(self._description())


if Network.__doc__:  # python -OO has none
    Network.__doc__ = Network.__doc__.replace("{activations}", functions.in_words(functions.ACTIVATIONS))
    Network.__doc__ = Network.__doc__.replace("{costs}", IN_WORDS)
    Network.__doc__ = Network.__doc__.replace("{parameters}", PARAMETERS_IN_WORDS)
