"""The exceptions of fastbp that a caller may want to catch by name; everything else is a standard type."""

from __future__ import annotations


class LoadError(ValueError):
    """A model or data file is damaged, truncated, foreign or newer than this fastbp; the message says which."""


class DivergenceError(ArithmeticError):
    """Training met a value that is not finite; the network keeps the last weights that were.

    Attributes
    ----------
    epoch : int or None
        Epoch in which it happened, counted from 1.
    minibatch : int or None
        Minibatch of that epoch, counted from 1. It was not applied.
    """

    def __init__(self, message: str, epoch: int | None = None, minibatch: int | None = None) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.minibatch = minibatch
