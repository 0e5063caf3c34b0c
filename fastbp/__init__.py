"""fastbp: backpropagation in index form, at hardware speed.

Importing it is light: a name's module, and with it Numba, is imported when the name is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from fastbp import _moved

__version__ = "0.1.0"

_MODULES = {
    "Network": "network",
    "Gradient": "layers",
    "Trace": "layers",
    "train": "training.standard",
    "train_many": "training.many",
    "Trainer": "training.online",
    "plan": "training.planning",
    "activation": "functions.own",
    "cost": "functions.own",
    "Run": "training.history",
    "History": "training.history",
    "Callback": "training.callbacks",
    "EarlyStopping": "training.stopping",
    "Checkpoint": "training.checkpoints",
    "SGD": "training.optimizers",
    "Adam": "training.optimizers",
    "AdamW": "training.optimizers",
    "RMSprop": "training.optimizers",
    "Adagrad": "training.optimizers",
    "LBFGS": "training.optimizers",
    "optimizer": "training.own_optimizer",
    "Model": "model",
    "Ensemble": "ensemble",
    "Scale": "data.scaling",
    "standardise": "data.scaling",
    "split": "data.reading",
    "save": "saving",
    "load": "saving",
    "read": "data.reading",
    "gradcheck": "derivatives",
    "explain": "teach",
    "check_backprop": "teach",
    "diagnose": "teach",
    "diagnose_training": "teach",
    "LoadError": "errors",
    "DivergenceError": "errors",
}
_SUBMODULES = (
    "textbook",
    "equations",
    "functions",
    "activations",
    "callbacks",
    "schedules",
    "initializers",
    "optimizers",
    "kernels",
    "tables",
    "teach",
)

__all__ = ["__version__", *_MODULES, *_SUBMODULES]

if TYPE_CHECKING:
    from fastbp import equations as equations
    from fastbp import functions as functions
    from fastbp import initializers as initializers
    from fastbp import kernels as kernels
    from fastbp import tables as tables
    from fastbp import teach as teach
    from fastbp import textbook as textbook
    from fastbp.data.reading import read as read
    from fastbp.data.reading import split as split
    from fastbp.data.scaling import Scale as Scale
    from fastbp.data.scaling import standardise as standardise
    from fastbp.derivatives import gradcheck as gradcheck
    from fastbp.ensemble import Ensemble as Ensemble
    from fastbp.errors import DivergenceError as DivergenceError
    from fastbp.errors import LoadError as LoadError
    from fastbp.functions import activations as activations
    from fastbp.functions.own import activation as activation
    from fastbp.functions.own import cost as cost
    from fastbp.layers import Gradient as Gradient
    from fastbp.layers import Trace as Trace
    from fastbp.model import Model as Model
    from fastbp.network import Network as Network
    from fastbp.saving import load as load
    from fastbp.saving import save as save
    from fastbp.teach import check_backprop as check_backprop
    from fastbp.teach import diagnose as diagnose
    from fastbp.teach import diagnose_training as diagnose_training
    from fastbp.teach import explain as explain
    from fastbp.training import callbacks as callbacks
    from fastbp.training import optimizers as optimizers
    from fastbp.training import schedules as schedules
    from fastbp.training.callbacks import Callback as Callback
    from fastbp.training.checkpoints import Checkpoint as Checkpoint
    from fastbp.training.history import History as History
    from fastbp.training.history import Run as Run
    from fastbp.training.many import train_many as train_many
    from fastbp.training.online import Trainer as Trainer
    from fastbp.training.optimizers import LBFGS as LBFGS
    from fastbp.training.optimizers import SGD as SGD
    from fastbp.training.optimizers import Adagrad as Adagrad
    from fastbp.training.optimizers import Adam as Adam
    from fastbp.training.optimizers import AdamW as AdamW
    from fastbp.training.optimizers import RMSprop as RMSprop
    from fastbp.training.own_optimizer import optimizer as optimizer
    from fastbp.training.planning import plan as plan
    from fastbp.training.standard import train as train
    from fastbp.training.stopping import EarlyStopping as EarlyStopping

_moved.install()


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"fastbp.{name}")
    if name not in _MODULES:
        elsewhere = f". Write from fastbp.sklearn import {name}" if name in ("MLPClassifier", "MLPRegressor") else ""
        raise AttributeError(
            f"module 'fastbp' has no attribute {name!r}{elsewhere}", name=name, obj=sys.modules[__name__]
        )
    value = getattr(importlib.import_module(f"fastbp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
