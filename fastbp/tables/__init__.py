"""The preset for tables: networks that are trained as tables ask for, several side by side.

`TabularClassifier` and `TabularRegressor` are estimators for scikit-learn; `fit` does the same without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastbp.tables.estimators import TabularClassifier as TabularClassifier
    from fastbp.tables.estimators import TabularRegressor as TabularRegressor
    from fastbp.tables.fitting import Fitted as Fitted
    from fastbp.tables.fitting import fit as fit
    from fastbp.tables.recipe import Recipe as Recipe

_MODULES = {
    "Fitted": "fitting",
    "Recipe": "recipe",
    "TabularClassifier": "estimators",
    "TabularRegressor": "estimators",
    "fit": "fitting",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastbp.tables' has no attribute {name!r}", name=name)
    try:
        value = getattr(importlib.import_module(f"fastbp.tables.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(
            f"fastbp.tables.{name} needs scikit-learn, which is not installed. Run: pip install 'fastbp[sklearn]'."
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
