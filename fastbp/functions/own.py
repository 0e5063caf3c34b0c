"""A user's own activation or cost: checked, compiled and registered under a name, and known from then on as the others.

One is a function of numbers, called over a row of them, and its name stands for it as long as the process lives. Files
and pickles hold the name alone: whoever opens them registers the function first.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from fastbp.equations import Equation
from fastbp.errors import LoadError, argument_error
from fastbp.functions import activations, costs
from fastbp.functions.differences import N_POINTS, REACH, ROUNDING, check_derivative
from fastbp.functions.entry import PAIR, SECOND, SLOPES, TERMS, ActivationFunction, CostFunction
from fastbp.functions.own_rows import compiled_rows, pair_row, second_row, slopes_row, terms_row

FORMAT = 3
"""First version of the format of model files that may hold such a name."""

LONGEST_NAME = 100
"""Letters of a name, which messages repeat."""

Number = Callable[..., float]
"""A user's function of one number, or of two."""

_lock = threading.Lock()


def _by_name(kind: str, name: str) -> Any:
    require((name,) if kind == "activation" else (), name if kind == "cost" else None)
    return activations.NAMED[name] if kind == "activation" else costs.NAMED[name]


@dataclass(frozen=True, repr=False)
class OwnActivation(ActivationFunction):
    """An activation of a user's. A pickle holds its name."""

    functions: tuple[Callable[..., Any], ...] = field(default=(), repr=False, compare=False, kw_only=True)
    """f and f_prime, as the user passed them, and f_second if there is one."""

    def __reduce__(self) -> Any:
        return _by_name, ("activation", self.name)

    def __repr__(self) -> str:
        return f"<activation {self.name!r}, a user's own>"


@dataclass(frozen=True, repr=False)
class OwnCost(CostFunction):
    """A cost of a user's. A pickle holds its name."""

    functions: tuple[Callable[..., Any], ...] = field(default=(), repr=False, compare=False, kw_only=True)
    """c and dc, as the user passed them."""

    def __reduce__(self) -> Any:
        return _by_name, ("cost", self.name)

    def __repr__(self) -> str:
        return f"<cost {self.name!r}, a user's own>"


def of_users(names: Iterable[str]) -> dict[str, OwnActivation | OwnCost]:
    """Those of these names that stand for a function of a user's."""
    entries = ((name, activations.NAMED.get(name) or costs.NAMED.get(name)) for name in names)
    return {name: entry for name, entry in entries if isinstance(entry, OwnActivation | OwnCost)}


def require(names: Iterable[str], cost: str | None = None, *, pickled: bool = True) -> None:
    """LoadError, about a pickle or what the caller names, unless these activations and this cost are known here."""
    unknown = [("activation", name, "f, f_prime") for name in names if name not in activations.NAMED]
    unknown += [("cost", cost, "c, dc")] if cost is not None and cost not in costs.NAMED else []
    for kind, name, functions in unknown:
        workers = (
            " Worker processes of joblib register it if they import a module that does: "
            "joblib.parallel_config('loky', initializer=importlib.import_module, initargs=('my_functions',))."
        )
        raise LoadError(
            f"{'This pickle ' * pickled}needs the {kind} {name!r}, a user's own function, of which it holds the name "
            f"alone; this process has not registered it. In Python, call {name} = fastbp.{kind}({name!r}, {functions}) "
            f"first, here as where it was saved; fastbp.load(path, functions=[{name}]) takes it too.{workers * pickled}"
        )


def _check_new(name: Any, kind: str, known: Iterable[str]) -> str:
    if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST_NAME:
        name = name[:20] + "..." if isinstance(name, str) and len(name) > LONGEST_NAME else name
        problem = f"is {name!r}; the name of the {kind} is needed, letters, digits and underscores. Pass 'bump', say."
        raise argument_error("name", problem, ValueError if isinstance(name, str) else TypeError)
    if name in known:
        raise argument_error(
            "name",
            f"is {name!r}, which stands for {'a' if kind == 'cost' else 'an'} {kind} already, and a name stands for "
            "one function as long as the process lives. Choose another name; in a notebook, register it in a cell of "
            "its own, which you run once.",
        )
    return name


def _check_range(range_: Any) -> tuple[float, float]:
    low = high = math.nan
    pair = isinstance(range_, Sequence | np.ndarray) and not isinstance(range_, str | bytes) and len(range_) == 2
    if pair and all(isinstance(bound, Real) and not isinstance(bound, bool) for bound in range_):
        low, high = map(float, range_)
    if not low < high:
        raise argument_error(
            "range",
            f"is {range_!r}; the bounds between which f lies are needed. Pass (0.0, 1.0), say, or leave it out.",
        )
    return low, high


def activation(
    name: str,
    f: Number,
    f_prime: Number,
    f_second: Number | None = None,
    range: tuple[float, float] | None = None,
) -> ActivationFunction:
    """Register an activation of your own: a_j = f(z_j) in F2, and f'(z_j) in BP1 and BP2.

    From then on ``name`` stands for it in this process, wherever activations have names: in `Network`, the estimators
    and the textbook, whose loops give the kernels' bits. The functions are compiled here, once for float32 and once
    for float64, and called over rows. They are written like any function of a number: with arithmetic, ``if``, and the
    functions of `fastbp.functions`, from which LLVM makes vector code and whose bits are the same on every machine.
    ``math`` and ``numpy`` work too, by the C library's functions. Python's numbers take the dtype of z.

    Parameters
    ----------
    name : str
        One that no activation has yet.
    f, f_prime : function
        f(z) and its derivative, for any finite z. An exception inside is NaN, which ends a training as divergence does.
    f_second : function, optional
        The second derivative, which `Network.hessian_vector_product` needs.
    range : tuple of float, optional
        Bounds of f; targets beyond those of the outputs are refused.

    Returns
    -------
    ActivationFunction
        Accepted in place of the name; `load` takes it in ``functions``.

    Raises
    ------
    ValueError
        The name is taken; f is not finite, or beyond its range, at one of 1,000 points; or a derivative differs from
        differences there, kinks aside. The message has the worst point.
    TypeError
        A function cannot be compiled, or returns no number.

    Examples
    --------
    >>> import fastbp
    >>> bump = fastbp.activation("bump", lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2, range=(0, 1))
    >>> net = fastbp.Network([2, 4, 1], activations=[bump, "identity"], seed=0)
    >>> fastbp.gradcheck(net, [[0.5, -1.0]], [[0.3]]).passed
    True
    """
    given = {"f": f, "f_prime": f_prime} | ({"f_second": f_second} if f_second is not None else {})
    bounds = (-math.inf, math.inf) if range is None else _check_range(range)
    with _lock:
        taken = {*activations.NAMED, *(other for entry in activations.ACTIVATIONS for other in entry.also)}
        _check_new(name, "activation", taken)

        def rows_of(value: Any, slope: Any, *second: Any) -> list[Any]:
            pair = pair_row(value, slope)
            # Without f'' nobody asks for it, but for loops that leave out what they have made of it.
            return [pair, second_row(*second) if second else pair]

        (value, slope, *second), rows = compiled_rows(given, 1, "one number", rows_of)

        def evaluated(which: int, z: Any) -> tuple[Any, Any]:
            z = np.ascontiguousarray(z, np.float64)
            a, d = np.empty(z.size), np.empty(z.size)
            rows(which, z.size, z.ravel(), a, d)
            return a.reshape(z.shape), d.reshape(z.shape)

        def analytic(z: Any) -> Any:
            a, d = evaluated(PAIR, np.real(z))
            return a + 1j * (np.imag(z) * d) if np.iscomplexobj(z) else a

        z = np.random.default_rng(0).uniform(-REACH, REACH, N_POINTS)
        a, d = evaluated(PAIR, z)
        for parameter, values in (("f", a), ("f_prime", d)):
            if not np.isfinite(values).all():
                i = int(np.argmin(np.isfinite(values)))
                raise argument_error(
                    parameter,
                    f"is {values[i]} at z = {z[i]:.8g}; an activation has a finite value at every z, and raises no "
                    "exception. Bound z inside the function, say.",
                )
        outside = np.maximum(bounds[0] - a, a - bounds[1])
        i = int(np.argmax(outside))
        if outside[i] > ROUNDING:
            raise argument_error(
                "range", f"is {bounds}, and f is {a[i]:.8g} at z = {z[i]:.8g}. Pass bounds that hold, or leave it out."
            )

        def at(i: int) -> str:
            return f"z = {z[i]:.8g}"

        check_derivative(lambda z: evaluated(PAIR, z)[0], d, z, ("f", "f_prime"), at, N_POINTS // 2)
        if second:
            bend = evaluated(SECOND, z)[0]
            check_derivative(lambda z: evaluated(PAIR, z)[1], bend, z, ("f_prime", "f_second"), at, N_POINTS // 2)
        entry = OwnActivation(
            name,
            f"{name}(z)",
            rf"\mathrm{{{_in_latex(name)}}}(z)",
            lambda z: (value(z), slope(z)),
            second[0] if second else None,
            analytic,
            range=bounds,
            since=FORMAT,
            functions=tuple(given.values()),
        )
        activations.CODES[name] = rows.code
        activations.NAMED[name] = entry
    return entry


def cost(name: str, c: Number, dc: Number) -> CostFunction:
    """Register a cost of your own: C_x = sum_j c(a_j, y_j), and BP1 of it with dc(a_j, y_j) = dc/da_j.

    From then on ``name`` stands for it in this process, wherever costs have names. It goes with all outputs but
    softmax; delta_j^L is dc sigma'(z_j) always. The functions are written and compiled as those of `activation` are.

    Parameters
    ----------
    name : str
        One that no cost has yet.
    c, dc : function
        c(a, y) and its derivative by a. Where c is NaN, or raises an exception, it is not checked: no output or target
        should come there. In a training that is divergence.

    Returns
    -------
    CostFunction
        Accepted in place of the name; `load` takes it in ``functions``.

    Raises
    ------
    ValueError
        The name is taken, or the derivative differs from differences at one of 1,000 points, half of them between 0
        and 1, kinks aside. The message has the worst point.
    TypeError
        A function cannot be compiled, or returns no number.

    Examples
    --------
    >>> import fastbp
    >>> quartic = fastbp.cost("quartic", lambda a, y: (a - y) ** 4 / 4, lambda a, y: (a - y) ** 3)
    >>> net = fastbp.Network([2, 4, 1], activations=["tanh", "identity"], cost=quartic, seed=0)
    >>> fastbp.gradcheck(net, [[0.5, -1.0]], [[0.3]]).passed
    True
    """
    with _lock:
        _check_new(name, "cost", {*(entry.name for entry in costs.COSTS), *costs.LOSSES, *costs.NAMED})

        def rows_of(term: Any, slope: Any) -> list[Any]:
            return [terms_row(term), slopes_row(slope)]

        (term, slope), rows = compiled_rows({"c": c, "dc": dc}, 2, "two numbers, a and y,", rows_of)

        def evaluated(which: int, a: Any, y: Any) -> Any:
            a, y = (np.ascontiguousarray(part, np.float64) for part in np.broadcast_arrays(a, y))
            out = np.full(a.size, float(which == SLOPES))
            if which == SLOPES:
                rows(SLOPES, a.size, a.ravel(), y.ravel(), out)
            else:
                for i, (a_i, y_i) in enumerate(zip(a.reshape(-1, 1), y.reshape(-1, 1), strict=True)):
                    rows(TERMS, 1, a_i, y_i, out[i : i + 1])
            return out.reshape(a.shape)

        def analytic(z: Any, a: Any, y: Any, output: str, p: float) -> Any:
            value = evaluated(TERMS, np.real(a), y)
            if np.iscomplexobj(a):
                value = value + 1j * (np.imag(a) * evaluated(SLOPES, np.real(a), y))
            return value.sum(axis=-1)

        rng = np.random.default_rng(0)
        half = 2, N_POINTS // 2
        a, y = np.concatenate([rng.uniform(0, 1, half), rng.uniform(-REACH, REACH, half)], axis=1)

        def at(i: int) -> str:
            return f"a = {a[i]:.8g}, y = {y[i]:.8g}"

        check_derivative(lambda a: evaluated(TERMS, a, y), evaluated(SLOPES, a, y), a, ("c", "dc"), at, N_POINTS // 10)
        formula, latex = f"sum_j {name}(a_j^L, y_j)", rf"\sum_j \mathrm{{{_in_latex(name)}}}(a_j^L, y_j)"
        sentence = f"The cost {name}, a sum over outputs of a user's own function."
        entry = OwnCost(
            name,
            (Equation(f"C {name}", f"C_x = {formula}", f"C_x = {latex}", sentence, "a user's own"),),
            lambda C, z, a, y, p: C + term(a, y),
            lambda z, a, y, p: slope(a, y),
            analytic,
            refusal=f"is {name!r} and the output activation {{output!r}}; sigma'(z) of BP1 is then no function of one "
            "z. Pass another activation for the last layer, or cost='cross_entropy'.",
            since=FORMAT,
            functions=(c, dc),
        )
        costs.CODES[name] = rows.code
        costs.NAMED[name] = costs.LOSSES[name] = entry
    return entry


def _in_latex(name: str) -> str:
    return name.replace("_", r"\_")
