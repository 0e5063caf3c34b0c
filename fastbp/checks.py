"""Scalars and names in, messages out: what I got - what I need - what to do."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np

from fastbp import synonyms
from fastbp.errors import argument_error
from fastbp.functions import activations as functions
from fastbp.functions import costs
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.machine import available_memory

Activation = functions.Name
OtherName = functions.OtherName
"""Of an activation, taken for one of these."""
Cost = costs.Name
AnyActivation = Activation | OtherName | ActivationFunction
AnyCost = Cost | CostFunction
"""What users pass: a name, or what `fastbp.activation` or `fastbp.cost` has returned."""
DTypeName = Literal["float32", "float64"]
DType = DTypeName | np.dtype[Any] | type[np.float32] | type[np.float64]
"""Of networks."""

ACTIVATIONS = functions.NAMED.keys()
"""All names, those of users' own activations too."""
HIDDEN = tuple(entry.name for entry in functions.ACTIVATIONS if entry.pair is not None)
"""Activations that a hidden layer may have: functions of one z; and users' own beside them."""
COSTS = costs.NAMED.keys()
"""All names, those of users' own costs too."""

CLASSIFYING = tuple(entry.name for entry in functions.ACTIVATIONS if entry.probabilities)
"""Activations of outputs that stand for classes, as their values are probabilities."""

ROUNDING = 1e-6
"""How far a target may lie beyond the range of the outputs: float32 rounds numbers of size 1 by less."""


def check_int(value: Any, name: str, *, low: int | None = None, high: int | None = None) -> int:
    """The value as an int; TypeError if it is not a whole number, ValueError outside low..high."""
    if low is not None and high is not None:
        need = f"a whole number in {low}..{high}"
    else:
        need = "a whole number" if low is None else f"a whole number of at least {low}"
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        wrong = ValueError if isinstance(value, (float, np.floating)) else TypeError
        raise argument_error(name, f"is {value!r}; it must be {need}. Pass an int.", wrong) from None
    if (low is not None and number < low) or (high is not None and number > high):
        raise argument_error(name, f"is {number}; it must be {need}. Pass another number.")
    return number


def check_real(
    value: Any,
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """The value as a float; TypeError if it is no number, ValueError if not finite or outside its bounds."""
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if (
        number is not None
        and math.isfinite(number)
        and (low is None or number >= low)
        and (above is None or number > above)
        and (high is None or number <= high)
        and (below is None or number < below)
    ):
        return number
    bounds = ((">=", low), (">", above), ("<=", high), ("<", below))
    need = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
    need = f"a finite number {need}".rstrip()
    if number is None:
        raise argument_error(name, f"is {value!r}; it must be {need}. Pass a float.", TypeError)
    raise argument_error(name, f"is {number:g}; it must be {need}. Pass another number.")


def keep_int(record: Any, *names: str, **bounds: int | None) -> None:
    """`check_int` of fields of a frozen dataclass, which keep the ints from now on: whatever else stood for them."""
    for name in names:
        object.__setattr__(record, name, check_int(getattr(record, name), name, **bounds))


def keep_real(record: Any, *names: str, **bounds: float | None) -> None:
    """`check_real` of fields of a frozen dataclass, which keep the floats from now on: of an int or a float32, say."""
    for name in names:
        object.__setattr__(record, name, check_real(getattr(record, name), name, **bounds))


def make_rng(seed: Any) -> np.random.Generator:
    """NumPy's generator of a seed."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        problem = (
            f"is {seed!r}; it must be a whole number of at least 0, a numpy.random.Generator or None. Pass an int."
        )
        raise argument_error("seed", problem, type(error)) from None


def check_name(
    value: Any,
    allowed: Iterable[str],
    name: str,
    *,
    parameter: str | None = None,
    answers: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The value if it is one of the allowed names, or another name of one, or what has such a name; ValueError with
    what to do otherwise.
    """
    allowed = tuple(allowed)
    if isinstance(value, ActivationFunction | CostFunction):
        value = value.name
    if isinstance(value, str):
        same = value if value in allowed else synonyms.ACTIVATIONS.get(value)
        if same in allowed:
            return same
    word = str(value).strip().lower()
    near = [synonyms.ACTIVATIONS.get(word, "")] if isinstance(value, str) else []
    if near and near[0] not in allowed:
        near = difflib.get_close_matches(word, allowed, 1)
    if callable(value):
        registered = "cost('name', c, dc)" if name == "cost" else "activation('name', f, f_prime)"
        hint = f"Register a function of your own: fastbp.{registered}."
    elif word in answers:
        hint = answers[word]
    elif near:
        hint = f"Did you mean {near[0]!r}?"
    else:
        hint = "Pass one of these names." if len(allowed) > 1 else "Pass that."
    need = f"one of {', '.join(allowed)}" if len(allowed) > 1 else repr(allowed[0])
    problem = f"is {value!r}; it must be {need}. {hint}"
    raise argument_error(name, problem, parameter=parameter)


def check_sizes(sizes: Any) -> tuple[int, ...]:
    """Neurons of every layer: at least two layers of at least one neuron."""
    if isinstance(sizes, (str, bytes)) or not isinstance(sizes, Iterable):
        raise argument_error(
            "sizes",
            f"is {sizes!r}; it must list the neurons of layers 0 to L. Pass for example [784, 30, 10].",
            TypeError,
        )
    checked = tuple(check_int(size, f"sizes[{l}]", low=1) for l, size in enumerate(sizes))
    if len(checked) < 2:
        raise argument_error(
            "sizes", f"is {list(checked)}; a network has at least an input and an output layer. Pass [784, 10], say."
        )
    return checked


def check_activations(activations: Any, L: int) -> tuple[Activation, ...]:
    """A name for each of layers 1..L, from one name or L of them."""
    if isinstance(activations, str | ActivationFunction):
        activations = check_name(activations, ACTIVATIONS, "activations", answers=synonyms.NO_ACTIVATIONS)
        names = (cast(Activation, activations),) * L
        if activations == "softmax" and L > 1:
            raise argument_error(
                "activations",
                "is 'softmax' for all layers; a hidden neuron's activation must be a function of its own "
                f"z. Pass one name per layer, such as {['sigmoid'] * (L - 1) + ['softmax']}.",
            )
        return names
    if not isinstance(activations, Iterable):
        raise argument_error(
            "activations", f"is {activations!r}; it must be a name or one name per layer. Pass 'sigmoid'.", TypeError
        )
    given = list(activations)
    if len(given) != L:
        raise argument_error(
            "activations",
            f"has {len(given)} names; the network has {L} layers after the input. Pass one name, or {L} names.",
        )
    for l, name in enumerate(given, 1):
        given[l - 1] = check_name(
            name,
            ACTIVATIONS,
            f"The activation of layer {l}",
            parameter=f"activations[{l - 1}]",
            answers=synonyms.NO_ACTIVATIONS,
        )
        if given[l - 1] == "softmax" and l < L:
            raise argument_error(
                f"The activation of layer {l}",
                f"is 'softmax'; only the output layer, {L}, may have it, because it is not a function of one z. Pass "
                "another name there.",
                parameter=f"activations[{l - 1}]",
            )
    return tuple(cast(Activation, name) for name in given)


def check_cost(cost: Any, activations: Sequence[str]) -> Cost:
    """The cost, if it goes with the output activation."""
    cost = check_name(cost, COSTS, "cost", answers=synonyms.COSTS)
    entry, output = costs.NAMED[cost], activations[-1]
    if not entry.goes_with(output):
        raise argument_error("cost", entry.refusal.format(output=output))
    return cast(Cost, cost)


def check_cost_parameter(value: Any, cost: str, dtype: Any = np.float64) -> float | None:
    """The parameter of a cost, its default if None is given; None of a cost that has none."""
    own = costs.NAMED[cost].parameter
    if own is not None:
        p = own.default if value is None else check_real(value, "cost_parameter", **own.bounds)
        check_held(p, "cost_parameter", np.dtype(dtype))
        return p
    if value is not None:
        having = ", ".join(f"{entry.name!r}" for entry in costs.NAMED.values() if entry.parameter is not None)
        raise argument_error(
            "cost_parameter", f"is {value!r}; the cost {cost!r} has none, but {having} have. Leave it out."
        )
    return None


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or float64."""
    try:
        name = np.dtype(dtype).name if dtype is not None else ""
    except TypeError:
        name = ""
    if name not in ("float32", "float64"):
        raise argument_error("dtype", f"is {dtype!r}; kernels exist for 'float32' and 'float64'. Pass one of them.")
    return np.dtype(name)


def check_held(value: float, name: str, dtype: np.dtype[Any]) -> None:
    """ValueError, about ``name``, for a number whose size the dtype does not hold; 0 is the caller's to judge."""
    least, most = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    if value != 0 and not least <= abs(value) <= most:
        problem = f"is {value:g}; {dtype.name} holds {least:.2g} to {most:.2g}. Pass a number between these"
        raise argument_error(name, f"{problem}{or_wider(dtype)}.")


def or_wider(dtype: np.dtype[Any]) -> str:
    """What else helps where float32 does not do."""
    return ", or use dtype='float64'" if dtype == np.float32 else ""


def check_memory(needed: int, what: str) -> None:
    """MemoryError, before anything is allocated, if ``needed`` bytes are more than there are."""
    if needed < 1 << 26:  # asking the system costs more than such an array is worth
        return
    available = available_memory()
    if needed >= 1 << 62 or (available is not None and needed > available):
        have = "this system has" if available is None else f"{available / 1e9:.3g} GB are free"
        have = "more than any system has" if needed >= 1 << 62 else have
        raise MemoryError(
            f"{what} need {needed / 1e9:.3g} GB; {have}. Use fewer or narrower layers or smaller batches."
        )
