"""Optimizers: their numbers. Their arithmetic is `fastbp.kernels.updates` (U)."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, fields
from inspect import isfunction
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from fastbp import synonyms
from fastbp.checks import keep_int, keep_real, or_wider
from fastbp.errors import argument_error

# The codes of kernels.updates, spelled here so that this module does not import the compiler; a test compares them.
_SGD, _MOMENTUM, _NESTEROV, _ADAM, _RMSPROP, _ADAGRAD = range(6)


class Update(NamedTuple):
    """U of an optimizer as the kernels take it."""

    code: int
    """Which of `fastbp.kernels.updates` it is."""
    slots: int
    """State vectors of theta's size."""
    constants: tuple[float, ...]
    """c[0] .. c[3]; the last is the weight decay."""
    epsilon: float = 0.0
    """Adam's, if it is added to the root before that is corrected, as scikit-learn does."""
    t: int = 0
    """Steps that were made before."""
    own: Any = None
    """A user's own update: an `OwnUpdate`."""
    numbers: tuple[float, ...] = ()
    """Its constants."""


class HasUpdate(Protocol):
    """An optimizer for `fastbp.training.trainer.Trainer`."""

    def update(self) -> Update:
        """What the kernels need to know."""


@dataclass(frozen=True)
class Optimizer(synonyms.Answering, abc.ABC):
    """Base of all optimizers.

    Parameters
    ----------
    learning_rate : float
        eta, > 0.
    weight_decay : float
        Decoupled weight decay, >= 0: before each step w <- w - eta weight_decay w, biases too. It stays out of the
        cost and of g, whose penalty is ``l2`` of `fastbp.train`, and of what an optimizer makes of g. By keyword.
    """

    learning_rate: float
    weight_decay: float = field(default=0.0, kw_only=True)

    _answers = synonyms.OPTIMIZER
    _decays: ClassVar[tuple[str, ...]] = ()
    """Parameters in [0, 1): the first constants of the kernels."""

    def __post_init__(self) -> None:
        keep_real(self, "learning_rate", above=0.0)
        keep_real(self, "weight_decay", low=0.0)
        _require_shrinking(self.learning_rate * self.weight_decay, 2.0, "weight_decay")
        for name in self._decays:
            keep_real(self, name, low=0.0, below=1.0)
        if hasattr(self, "epsilon"):
            keep_real(self, "epsilon", above=0.0)

    @property
    @abc.abstractmethod
    def code(self) -> int:
        """Which update the kernel runs."""

    @property
    def moments(self) -> dict[str, int]:
        """What it keeps of a parameter's gradients, vector by vector, and which power of g that is."""
        return {}

    def update(self) -> Update:
        """What the kernels need to know."""
        decays = [getattr(self, name) for name in self._decays] + [0.0, 0.0]
        constants = (decays[0], decays[1], getattr(self, "epsilon", 0.0), self.weight_decay)
        return Update(self.code, len(self.moments), constants)

    def check_dtype(self, dtype: np.dtype[Any]) -> None:
        """ValueError where the arithmetic of a net's dtype cannot tell a decay from 1, or epsilon from 0."""
        for name in self._decays:
            value = getattr(self, name)
            if dtype.type(value) >= 1:
                raise argument_error(name, f"is {value!r}, which is 1 in {dtype.name}. Lower it{or_wider(dtype)}.")
        # Above, epsilon still counts where g^2 has vanished.
        least = float(np.finfo(dtype).tiny) ** 0.5
        epsilon = getattr(self, "epsilon", 1.0)
        if epsilon < least:
            raise argument_error(
                "epsilon",
                f"is {epsilon:g}; in {dtype.name} it must be at least {least:.2g}, or small gradients are "
                f"divided by 0. Raise it{or_wider(dtype)}.",
            )

    def infinite_moment(self, g: float, dtype: np.dtype[Any]) -> str | None:
        """The moment that a gradient of this magnitude would make infinite in a net's dtype; None if none."""
        largest = float(np.finfo(dtype).max)
        return next((name for name, power in self.moments.items() if g > largest ** (1 / power)), None)

    def check_shrinking(self, rate: float, l2: float) -> None:
        """ValueError where a step size makes weights grow that the penalty or decay should shrink.

        They would overflow without a large activation or error that tells of it: a saturated net hides them.
        """
        _require_shrinking(rate * self.weight_decay, 2.0, "weight_decay")


def _require_shrinking(product: float, limit: float, what: str) -> None:
    if product >= limit:
        raise argument_error(
            f"learning_rate * {what}",
            f"is {product:g}; from {limit:g} on, steps overshoot 0 by more each time and the weights grow without end. "
            "Lower one of the two.",
        )


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, w <- w - eta g; with momentum v <- mu v - eta g, w <- w + v.

    Parameters
    ----------
    learning_rate : float
        eta.
    momentum : float
        mu in [0, 1).
    nesterov : bool
        Whether w gets mu v - eta g with the new v instead of v, as in scikit-learn and Keras.
    weight_decay : float
        Decoupled, as in Keras: before each step w <- w - eta weight_decay w, biases too. The momentum does not see it.
        What PyTorch's SGD calls weight_decay is added to g: ``l2`` of `fastbp.train`, but for the biases.
    """

    learning_rate: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False

    _decays: ClassVar[tuple[str, ...]] = ("momentum",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise argument_error(
                "nesterov", "is True and momentum is 0; it looks ahead along the momentum. Pass momentum=0.9, say."
            )

    @property
    def moments(self) -> dict[str, int]:
        return {"first moment v (the velocity)": 1} if self.momentum > 0 else {}

    @property
    def code(self) -> int:
        if self.momentum == 0:
            return _SGD
        return _NESTEROV if self.nesterov else _MOMENTUM

    def check_shrinking(self, rate: float, l2: float) -> None:
        super().check_shrinking(rate, l2)
        # Of w <- w - eta l2 w with momentum: where the recurrence in (w, v) has a root of magnitude 1.
        left = 2 - rate * self.weight_decay
        limit = left * (1 + self.momentum) / (1 + 2 * self.momentum * self.nesterov)
        _require_shrinking(rate * l2, limit, "l2")


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam of Kingma and Ba, with PyTorch's numbers.

    Parameters
    ----------
    learning_rate : float
    beta_1, beta_2 : float
        Decay of the means of g and g^2, in [0, 1).
    epsilon : float
        Added to the root of the corrected mean of g^2, > 0.
    weight_decay : float
        Decoupled, >= 0, by keyword, as of `SGD`.
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    code: ClassVar[int] = _ADAM
    _decays: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2")
    moments: ClassVar[dict[str, int]] = {"first moment m (the mean of g)": 1, "second moment v (the mean of g^2)": 2}


@dataclass(frozen=True)
class AdamW(Adam):
    """`Adam` with a ``weight_decay`` of 0.01, as in PyTorch: before each step w <- w - eta 0.01 w, biases too."""

    weight_decay: float = field(default=0.01, kw_only=True)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: g over the root of its running mean square, with PyTorch's numbers.

    Parameters
    ----------
    learning_rate : float
    rho : float
        Decay of the mean of g^2, in [0, 1); PyTorch's ``alpha``.
    epsilon : float
        Added to the root, > 0.
    weight_decay : float
        Decoupled, >= 0, by keyword, as of `SGD`.
    """

    learning_rate: float = 0.01
    rho: float = 0.99
    epsilon: float = 1e-8

    code: ClassVar[int] = _RMSPROP
    _decays: ClassVar[tuple[str, ...]] = ("rho",)
    moments: ClassVar[dict[str, int]] = {"second moment v (the mean of g^2)": 2}


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: g over the root of the sum of its squares, with PyTorch's numbers.

    Parameters
    ----------
    learning_rate : float
    epsilon : float
        Added to the root, > 0.
    weight_decay : float
        Decoupled, >= 0, by keyword, as of `SGD`.
    """

    learning_rate: float = 0.01
    epsilon: float = 1e-10

    code: ClassVar[int] = _ADAGRAD
    moments: ClassVar[dict[str, int]] = {"second moment v (the sum of g^2)": 2}


@dataclass(frozen=True)
class LBFGS(synonyms.Answering):
    """L-BFGS on all samples at once, as SciPy's L-BFGS-B has it (needs ``scipy``).

    An epoch of `fastbp.train` is one of its iterations, which finds the length of its step itself: there are neither
    minibatches nor a learning rate. SciPy works in float64, the network in its own dtype.

    Parameters
    ----------
    tol : float
        The run has converged once no derivative of C is larger, >= 0; and once C no longer falls (SciPy's ``ftol``).
    memory : int
        Steps that the approximation of the second derivatives is made of.
    max_evaluations : int
        Evaluations of C and its gradient after which the run ends.
    """

    _answers = synonyms.LBFGS
    tol: float = 1e-5
    memory: int = 10
    max_evaluations: int = 15000

    def __post_init__(self) -> None:
        keep_real(self, "tol", low=0.0)
        keep_int(self, "memory", low=1)
        keep_int(self, "max_evaluations", low=1)


OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad}


def nearest(given: Any) -> str:
    """How to write the optimizer that something that is none stands for, as a sentence."""
    name = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
    name = name.lower().partition("(")[0].strip()
    if name in synonyms.OPTIMIZERS:
        return synonyms.OPTIMIZERS[name]
    kind: type[Any] = OPTIMIZERS.get(name, SGD)
    rate = next(part.default for part in fields(kind) if part.name == "learning_rate")
    return f"Pass optimizer=fastbp.{kind.__name__}(learning_rate={rate}), say."


def as_optimizer(optimizer: Any, dtype: np.dtype[Any]) -> Optimizer:
    """The optimizer, if it is one of steps that nets of this dtype can have."""
    if isinstance(optimizer, LBFGS):
        problem = f"is {optimizer!r}, which needs all samples at once. Pass it to fastbp.train, or take another here."
        raise argument_error("optimizer", problem)
    if not isinstance(optimizer, Optimizer):
        own = isfunction(optimizer)
        hint = "Pass fastbp.optimizer(update) of such a function." if own else nearest(optimizer)
        problem = f"is {optimizer!r}; it must be one of fastbp's. {hint}"
        raise argument_error("optimizer", problem, TypeError)
    optimizer.check_dtype(dtype)
    return optimizer
