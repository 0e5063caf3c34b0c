"""The book's class: sizes in the constructor, lists of weights and biases, ``backprop(x, y)`` on column vectors."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp.errors import argument_error
from fastbp.teach.answers import text_of
from fastbp.teach.forms.form import Asked, Call, Form

WEIGHTS, BIASES = ("weights", "w", "W", "Ws", "theta"), ("biases", "bias", "b", "B", "bs")
TRIED = (3, 4, 2)
"""Sizes of a network on which it is seen how the class keeps its arrays: no two shapes are alike."""


def fits(mine: Any) -> bool:
    """Whether it has a method ``backprop``."""
    return callable(getattr(mine, "backprop", None))


class Kept(NamedTuple):
    """How a class keeps its arrays."""

    weights: str
    biases: str
    turned: bool
    """Whether weights have shape (K, J)."""
    columns: bool
    """Whether samples are columns."""
    one_by_one: bool
    """Whether the constructor takes the sizes one by one."""


def _made(mine: Any, sizes: Sequence[int], one_by_one: bool) -> Any:
    """A network of these sizes; of an object, another of its class with the same cost or whatever else it was given."""
    kind = mine if isinstance(mine, type) else type(mine)
    if one_by_one:
        return kind(*sizes)
    if kind is mine:
        return kind(list(sizes))
    return kind(list(sizes), **{name: getattr(mine, name) for name in _names(kind)[1:] if hasattr(mine, name)})


def _names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _name(net: Any, names: Sequence[str], of: str) -> str:
    found = next((name for name in names if isinstance(getattr(net, name, None), (list, tuple, np.ndarray))), None)
    if found is None:
        raise argument_error(
            "mine",
            f"is {of}, which has backprop but no list {names[0]}; its arrays must be known to be set. Call them "
            "weights and biases, a list for l = 1..L each, or pass a function of w, b, x, y.",
            TypeError,
        )
    return found


def _arrays(value: Any) -> list[Any]:
    return [part for part in value if part is not None and np.size(part)]


def _kept(mine: Any, of: str, one_by_one: bool = False) -> Kept:
    net = _made(mine, TRIED, one_by_one)
    weights, biases = _name(net, WEIGHTS, of), _name(net, BIASES, of)
    first_w, first_b = np.asarray(_arrays(getattr(net, weights))[0]), np.asarray(_arrays(getattr(net, biases))[0])
    turned = first_w.shape == (TRIED[0], TRIED[1])
    return Kept(weights, biases, turned, first_b.ndim == 2 and first_b.shape[1] == 1, one_by_one)


def _filled(old: Any, arrays: list[np.ndarray]) -> list[Any]:
    """The arrays, in a list that begins with a place for layer 0 if the old one did."""
    return [None, *arrays] if len(old) == len(arrays) + 1 else arrays


def _each(function: Callable[[np.ndarray], np.ndarray], part: Any) -> Any:
    """Of a list or a dict of arrays."""
    if isinstance(part, Mapping):
        return {l: function(np.asarray(v)) for l, v in part.items()}
    return [None if v is None else function(np.asarray(v)) for v in part]


def _of_one_column(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """Biases' gradients of n samples, a column for each, added up."""
    return lambda v: v.sum(axis=1) if n > 1 and v.ndim == 2 and v.shape[1] == n else v


def _call(mine: Any, kept: Kept, mean: bool, biases_first: bool) -> Call:
    def called(w: Any, b: Any, x: Any, y: Any) -> Any:
        net = _made(mine, [np.shape(x)[-1], *(len(v) for v in b)], kept.one_by_one)
        weights = [v.T.copy() if kept.turned else v.copy() for v in w]
        biases = [v[:, None].copy() if kept.columns else v.copy() for v in b]
        setattr(net, kept.weights, _filled(getattr(net, kept.weights), weights))
        setattr(net, kept.biases, _filled(getattr(net, kept.biases), biases))
        given = [np.atleast_2d(v).T.copy() if kept.columns else v.copy() for v in (x, y)]
        answer = net.backprop(*given)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            return answer
        n = len(x) if np.ndim(x) == 2 else 1
        first, second = (_each(lambda v: v / (1 if mean else n), part) for part in answer)
        grad_w, grad_b = (second, first) if biases_first else (first, second)
        return _each(np.transpose, grad_w) if kept.turned else grad_w, _each(_of_one_column(n), grad_b)

    return called


def form(mine: Any, asked: Asked) -> Form:
    """The class, or one of its objects."""
    of = f"the class {mine.__name__}" if isinstance(mine, type) else f"an object of {type(mine).__name__}"
    try:
        try:
            kept = _kept(mine, of)
        except (TypeError, ValueError, IndexError):
            if not isinstance(mine, type):
                raise
            with contextlib.suppress(TypeError):
                return _form(mine, asked, of, _kept(mine, of, True))
            raise
    except Exception as error:  # a learner's constructor may raise anything
        if hasattr(error, "parameter"):
            raise
        raise argument_error(
            "mine",
            f"is {of}, and making it of the sizes {list(TRIED)} raised {type(error).__name__}: {text_of(error)}. A "
            "network of given sizes is needed; let the constructor take the list of sizes.",
            TypeError,
        ) from error
    return _form(mine, asked, of, kept)


def _form(mine: Any, asked: Asked, of: str, kept: Kept) -> Form:
    # A minibatch as matrices: the book's exercise sums over it and divides in update_mini_batch; others return the
    # mean. The book returns the biases' gradients first.
    ways = [(mean, first) for first in (True, False) for mean in ((False, True) if asked.batch else (True,))]
    return Form(tuple(_call(mine, kept, *way) for way in ways), f"{of}, with backprop(x, y) as the book has it")
