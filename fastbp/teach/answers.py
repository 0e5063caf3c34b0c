"""What a learner's function does when it is called: gradients by layer, or what is wrong with them."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.layers import PerLayer
from fastbp.network import Network
from fastbp.teach.matching import Given, per_layer
from fastbp.teach.ways import Found, Problem

PACKAGE = str(Path(__file__).parents[1])
Layers = dict[int, np.ndarray]
"""Arrays by layer."""


class Refused(Exception):
    """What the function did that is no gradient: a kind, and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@contextmanager
def guarded(message: Callable[[BaseException], str]) -> Iterator[None]:
    """Whatever a learner's function, or an array of some library, raises becomes Refused, with a message."""
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        raise Refused("error", message(error)) from error


@dataclass
class Case:
    """One network, its samples, and what the function made of them."""

    net: Network
    problem: Problem
    right: Found
    """Numbers with their |terms|."""
    got: Given | None = None
    again: Given | None = None
    """Of a second call."""
    refused: Refused | None = None
    fits: bool = True
    """Whether what it gave has the right shapes."""
    pair: tuple[Layers, Layers] = field(default_factory=lambda: ({}, {}))


def described(value: Any) -> str:
    """The value in a sentence."""
    if inspect.isgenerator(value):
        return "a generator (a function with yield in it returns one)"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} of shape {np.shape(value)}" if isinstance(value, np.ndarray) else repr(value)


def _read(answer: Any, net: Network) -> tuple[Layers, Layers]:
    """The function's answer as arrays by layer, or Refused with what is wrong with it."""
    if answer is None:
        raise Refused("shapes", "Your function returned None. End it with: return grad_w, grad_b.")
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Refused(
            "shapes",
            f"Your function returned {described(answer)}; it must return the pair grad_w, grad_b, each a list of "
            f"arrays for l = 1..{net.L}.",
        )
    out = []
    for name, part in zip(("grad_w", "grad_b"), answer, strict=True):
        part = list(part) if isinstance(part, Iterator) else part
        try:
            out.append(per_layer(part, net.L, name))
        except (TypeError, ValueError) as error:
            raise Refused("shapes", str(error)) from None
        missing = [l for l in range(1, net.L + 1) if l not in out[-1]]
        if missing:
            longer = isinstance(part, (tuple, list)) and len(part) == net.L + 1
            hint = f" In a list of {net.L + 1} the first stands for layer 0." if longer else ""
            raise Refused(
                "shapes", f"{name} has no array for layer {missing[0]}.{hint} Return one for each l = 1..{net.L}."
            )
    return out[0], out[1]


def read(answer: Any, net: Network) -> tuple[Layers, Layers]:
    """Copies of the arrays; whatever reading them raises becomes Refused."""
    with guarded(
        lambda error: (
            f"Reading what your function returned raised {type(error).__name__}: {text_of(error)} "
            "Return arrays of plain numbers, of a tensor tensor.detach().numpy()."
        )
    ):
        w, b = ({l: array.copy() for l, array in part.items()} for part in _read(answer, net))
    return w, b


def _as_vectors(b: Layers, net: Network) -> Layers:
    """Biases that are columns, or rows, as vectors."""
    return {l: v.ravel() if v.shape in ((net.sizes[l], 1), (1, net.sizes[l])) else v for l, v in b.items()}


def _check_shapes(w: Layers, b: Layers, net: Network) -> None:
    for l in range(1, net.L + 1):
        J, K = net.w[l].shape
        for name, array, shape in (("grad_w", w[l], (J, K)), ("grad_b", b[l], (J,))):
            if array.shape == shape:
                continue
            hint = ""
            if name == "grad_w" and array.shape == (K, J):
                hint = " It looks transposed: j, from delta, is the row."
            raise Refused(
                "shapes", f"{name}[{l}] has shape {array.shape}; {name[5:]}[{l}] has {shape}, and so must it.{hint}"
            )


def _check_finite(w: Layers, b: Layers) -> None:
    for name, part in (("grad_w", w), ("grad_b", b)):
        for l, array in part.items():
            if not np.isfinite(array).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise Refused(
                    "values",
                    f"{name}[{l}]{list(index)} is {array[index]}. Look for a division by 0, a logarithm of 0, or an "
                    "array from np.empty that nothing was written to.",
                )


def _place(error: BaseException) -> str:
    """Where in the learner's own code it was raised: NumPy's lines, or this package's, would not help."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [
        frame for frame in frames if not frame.filename.startswith(PACKAGE) and "site-packages" not in frame.filename
    ]
    if not own:
        return ""
    line = f": {own[-1].line}" if own[-1].line else ""
    return f" (in {own[-1].name}, line {own[-1].lineno}{line})"


def text_of(error: BaseException) -> str:
    """What the error says; a learner's class of errors may fail even at that."""
    try:
        return str(error)
    except Exception as second:
        return f"(its text raised {type(second).__name__})"


def raised(error: BaseException) -> str:
    """What the learner's function raised, and where."""
    return f"Your function raised {type(error).__name__}: {text_of(error)}{_place(error)}"


def _call(mine: Callable[..., Any], problem: Problem, batch: bool) -> Any:
    """Call the function on copies; Refused if it raises or changes them."""
    w = PerLayer("w", [array.copy() for array in problem.w])
    b = PerLayer("b", [array.copy() for array in problem.b])
    x, y = (part.copy() if batch else part[0].copy() for part in (problem.X, problem.Y))
    before = [array.copy() for array in (*w, *b, x, y)]
    with guarded(raised), np.errstate(all="ignore"):
        answer = mine(w, b, x, y)
    L = len(problem.w)
    names = [f"{letter}[{l}]" for letter in "wb" for l in range(1, L + 1)] + ["x", "y"]
    for name, old, new in zip(names, before, (*w, *b, x, y), strict=True):
        if not np.array_equal(old, new):
            raise Refused(
                "inputs",
                f"Your function changes its input {name} in place (such as {name.split('[')[0]}[...] -= ...). "
                "Work on copies: the caller still needs the old numbers, and so does BP2.",
            )
    return answer


def try_on(mine: Callable[..., Any], case: Case, batch: bool) -> None:
    """Call the function twice, and note in the case what came of it."""
    L = case.net.L
    try:
        w, b = case.pair = read(_call(mine, case.problem, batch), case.net)
        b = _as_vectors(b, case.net)
        given = Given(w, b, None, L)
        try:
            _check_shapes(w, b, case.net)
        except Refused:
            case.got, case.fits = given, False
            raise
        _check_finite(w, b)
        case.got = given
        w, b = read(_call(mine, case.problem, batch), case.net)
        case.again = Given(w, _as_vectors(b, case.net), None, L)
    except Refused as refused:
        case.refused = refused
