"""sigma and sigma' of every activation, every cost, and the elementary functions of which users write their own."""

from fastbp.functions.scalars import exp, expm1, log, log1p, sigmoid, softplus, sqrt, tanh

__all__ = ["exp", "expm1", "log", "log1p", "sigmoid", "softplus", "sqrt", "tanh"]
