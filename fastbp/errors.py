"""The exceptions of fastbp that a caller may want to catch by name; everything else is a standard type."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping


class LoadError(ValueError):
    """A model or data file is damaged, truncated, foreign or newer than this fastbp; the message says which."""


class DivergenceError(ArithmeticError):
    """Training met a value that is not finite, or exploded in finite ones; the network's weights are finite.

    Attributes
    ----------
    epoch : int or None
        Epoch in which it happened, counted from 1.
    minibatch : int or None
        Minibatch of that epoch, counted from 1: the one that was not applied, or the last that was.
    problem : str
        What happened, without what to do.
    """

    def __init__(
        self, message: str, epoch: int | None = None, minibatch: int | None = None, *, problem: str | None = None
    ) -> None:
        super().__init__(message)
        self.problem = message if problem is None else problem
        self.epoch = epoch
        self.minibatch = minibatch


def argument_error(
    name: str, problem: str, kind: type[Exception] = ValueError, *, parameter: str | None = None
) -> Exception:
    """An exception about an argument, to be raised; its message is the name, then the problem.

    The exception carries ``.parameter``, the argument's name, and ``.problem``, the rest of the message, so that a
    caller whose users know the argument by another name can speak of that (see `called`).

    Parameters
    ----------
    name : str
        What the message begins with.
    problem : str
        What I got - what I need - what to do.
    kind : type
        Of the exception.
    parameter : str, optional
        The argument's name where the message begins with something else.
    """
    error = kind(f"{name} {problem}")
    error.__dict__.update(parameter=parameter or name, problem=problem)
    return error


def renamed(error: Exception, names: Mapping[str, str]) -> Exception:
    """An exception about an argument, speaking of it by the name that ``names`` has for it; any other as it is.

    One about a product, ``learning_rate * l1``, speaks of both factors.
    """
    own = getattr(error, "parameter", "").split(" * ")
    if not any(name in names for name in own):
        return error
    return argument_error(" * ".join(names.get(name, name) for name in own), error.__dict__["problem"], type(error))


@contextlib.contextmanager
def called(names: Mapping[str, str]) -> Iterator[None]:
    """Context in which exceptions about arguments are `renamed`."""
    try:
        yield
    except Exception as error:  # what is no argument's goes on as it is
        other = renamed(error, names)
        if other is error:
            raise
        raise other from None
