"""A user's own optimizer: a function of one parameter, compiled and called over all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp.checks import check_held, check_real
from fastbp.errors import argument_error
from fastbp.jit.decorators import Uncompilable
from fastbp.jit.own_updates import OwnUpdate, own_update
from fastbp.jit.rows import is_number
from fastbp.training.optimizers import Optimizer, Update

_OWN = 6  # that of kernels.updates, as the other codes in optimizers.py

TRIAL_G = (0.5, -0.25, 0.0, 1e-3)
TRIAL_W = (0.25, -1.0, 0.5, 0.0)
"""Parameters that an update is tried on."""

FORM = (
    "it must be a function update(g, w, ..., eta, t, ...): after g and w the numbers of its state, after eta and t its "
    "constants, with defaults"
)


@dataclass(frozen=True, repr=False)
class OwnOptimizer(Optimizer):
    """What `fastbp.optimizer` returns; `dataclasses.replace` gives one with another learning rate, say.

    Attributes
    ----------
    function : function
        The update.
    constants : tuple of (str, float)
        What it is given beside state, eta and t.
    """

    function: Callable[..., Any] = field(kw_only=True)
    constants: tuple[tuple[str, float], ...] = field(default=(), kw_only=True)

    code = _OWN

    def __post_init__(self) -> None:
        super().__post_init__()
        states, known = _signature(self.function)
        given = dict(self.constants)
        for name in given:
            if name not in known:
                has = ", ".join(known) or "none"
                raise argument_error(name, f"is no constant of {self.name}, which has {has}. Leave it out.", TypeError)
        values = {name: check_real(given.get(name, default), name) for name, default in known.items()}
        object.__setattr__(self, "constants", tuple(values.items()))
        object.__setattr__(self, "_states", states)
        self._try(_plain(self.function))

    def __repr__(self) -> str:
        where = f"{self.function.__module__}.{self.function.__qualname__}"
        numbers = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay} | dict(self.constants)
        return f"optimizer({where}, {', '.join(f'{name}={value!r}' for name, value in numbers.items())})"

    @property
    def functions(self) -> tuple[Callable[..., Any]]:
        """What the user passed."""
        return (self.function,)

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.__name__

    @property
    def moments(self) -> dict[str, int]:
        """The numbers of its state, by name."""
        return {f"state {name}": 1 for name in vars(self)["_states"]}

    def update(self) -> Update:
        """What the kernels need to know."""
        own = own_update(self.function, len(self.moments), len(self.constants))
        numbers = tuple(value for _, value in self.constants)
        return Update(_OWN, len(self.moments), (0.0, 0.0, 0.0, self.weight_decay), own=own, numbers=numbers)

    def check_dtype(self, dtype: np.dtype[Any]) -> None:
        """Compile the update for numbers of a net's dtype, and try it; TypeError or ValueError if it cannot be used."""
        for name, value in self.constants:
            check_held(value, name, dtype)
        own = self.update().own
        assert isinstance(own, OwnUpdate)
        try:
            own.address(dtype)
        except Uncompilable as error:
            raise argument_error(
                "optimizer",
                f"is {self.name}, which cannot be compiled ({error.reason}); needed is arithmetic on numbers, with if "
                "and for, fastbp.functions, math or np, and no function beside them that numba.njit has not marked. "
                "Write it so.",
                TypeError,
            ) from error

    def _try(self, function: Callable[..., Any]) -> None:
        """A few steps from zero state; TypeError or ValueError if its results are not what is needed."""
        names = list(self.moments)
        for g, w in zip(TRIAL_G, TRIAL_W, strict=True):
            state: list[Any] = [0.0] * len(names)
            for t in (1.0, 2.0):
                numbers = map(np.float64, (g, w, *state, self.learning_rate, t, *dict(self.constants).values()))
                try:
                    with np.errstate(all="ignore"):
                        made = function(*numbers)
                except Exception as error:  # a user's update may raise anything
                    problem = (
                        f"raises {error!r} of g = {g:g} at step {t:g}; it must return numbers. Guard against that."
                    )
                    raise argument_error("update", problem) from error
                parts = made if isinstance(made, tuple) else (made,)
                if len(parts) != 1 + len(names) or not all(map(is_number, parts)):
                    need = "w" if not names else f"w and {len(names)} numbers of its state, as a tuple"
                    raise argument_error(
                        "update", f"returns {made!r}; {need} is needed. Return the new values of these.", TypeError
                    )
                w, *state = map(float, parts)
                if not np.isfinite([w, *state]).all():
                    raise argument_error(
                        "update",
                        f"makes {made!r} of g = {g:g} at step {t:g}; finite numbers are needed. Keep its divisors "
                        "from 0.",
                    )


def _plain(function: Any) -> Callable[..., Any]:
    plain: Callable[..., Any] = getattr(function, "py_func", function)
    return plain


def _signature(function: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the state, and constants with their defaults; TypeError for a function of another form."""
    if not inspect.isfunction(_plain(function)):
        raise argument_error("update", f"is {function!r}; {FORM}. Pass such a function.", TypeError)
    parameters = inspect.signature(_plain(function)).parameters
    names = list(parameters)
    plain = all(part.kind is part.POSITIONAL_OR_KEYWORD for part in parameters.values())
    if not plain or names[:2] != ["g", "w"] or "eta" not in names or names[names.index("eta") + 1 :][:1] != ["t"]:
        raise argument_error("update", f"has the parameters ({', '.join(names)}); {FORM}. Name them so.", TypeError)
    at = names.index("eta")
    constants = {name: parameters[name].default for name in names[at + 2 :]}
    missing = [name for name, default in constants.items() if default is inspect.Parameter.empty]
    if missing:
        raise argument_error(
            "update", f"has the constant {missing[0]} without a default; {FORM}. Give it one, such as 0.9.", TypeError
        )
    return tuple(names[2:at]), constants


def optimizer(
    update: Callable[..., Any], learning_rate: float, *, weight_decay: float = 0.0, **constants: float
) -> OwnOptimizer:
    """An optimizer of one's own, for `fastbp.train`.

    Parameters
    ----------
    update : function
        ``update(g, w, ..., eta, t, ...)`` of one parameter: its gradient, itself, the numbers of its state, which begin
        at 0, the step size, the number of the step, from 1 on, and constants with defaults. It returns the new w, or a
        tuple of it and the new numbers of the state. It is compiled for the net's dtype, once in a process, and called
        over runs of parameters; it may use `math`, functions of NumPy and `fastbp.functions` on numbers, and what
        ``numba.njit`` has marked. Variables from outside are what they were when it was compiled.
    learning_rate : float
        eta, > 0.
    weight_decay : float
        Decoupled, >= 0: after each step w <- w - eta weight_decay w_before, biases too.
    **constants : float
        In place of the defaults of ``update``.

    Returns
    -------
    OwnOptimizer

    Raises
    ------
    TypeError, ValueError
        The function has other parameters, returns something else, or numbers that are not finite.

    Notes
    -----
    Clipping and penalties have changed g before; decay and ``frozen`` come after. Parameters are updated in any order,
    by any thread, and never padding. What is not finite, or an exception, leaves the parameter as it is and ends the
    training with `DivergenceError`. No cache on disk holds the update: each process compiles it anew, in less than a
    second, and the kernels never.
    """
    return OwnOptimizer(learning_rate, weight_decay=weight_decay, function=update, constants=tuple(constants.items()))
