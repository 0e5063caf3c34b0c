"""fastbp: backpropagation in index form, at hardware speed.

Importing it is light: a name's module, and with it Numba, is imported when the name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULES = {
    "Network": "network",
    "Gradient": "network",
    "Trace": "network",
    "train": "training",
    "Run": "training",
    "History": "training",
    "Callback": "training",
    "EarlyStopping": "training",
    "SGD": "optimizers",
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "RMSprop": "optimizers",
    "Adagrad": "optimizers",
    "save": "io",
    "load": "io",
    "read": "data",
    "gradcheck": "derivatives",
    "LoadError": "errors",
    "DivergenceError": "errors",
}
_SUBMODULES = ("textbook", "equations", "activations", "schedules", "initializers", "optimizers", "kernels")

__all__ = ["__version__", *_MODULES, *_SUBMODULES]

if TYPE_CHECKING:
    from fastbp import activations, equations, initializers, kernels, optimizers, schedules, textbook
    from fastbp.data import read
    from fastbp.derivatives import gradcheck
    from fastbp.errors import DivergenceError, LoadError
    from fastbp.io import load, save
    from fastbp.network import Gradient, Network, Trace
    from fastbp.optimizers import SGD, Adagrad, Adam, AdamW, RMSprop
    from fastbp.training import Callback, EarlyStopping, History, Run, train


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"fastbp.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'fastbp' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"fastbp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
