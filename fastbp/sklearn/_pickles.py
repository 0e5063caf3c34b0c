"""Pickled estimators: a stamp of the version, and what the state of another version means here."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.fixes import parse_version

import fastbp
from fastbp.errors import LoadError

FORMAT = 1
"""Raised when an older fastbp would misread the state; a parameter or an attribute more is no reason."""


def stamped(state: dict[str, Any]) -> dict[str, Any]:
    """The state to be pickled, with fastbp's version and the number of the format."""
    return {**state, "_fastbp_version": fastbp.__version__, "_fastbp_format": FORMAT}


def restored(estimator: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The state to be set: without the stamp, and with the defaults of parameters that came later.

    Raises
    ------
    LoadError
        The number of the format is newer than this fastbp's.
    """
    state = dict(state)
    version, number = state.pop("_fastbp_version", None), state.pop("_fastbp_format", 0)
    name = type(estimator).__name__
    if number > FORMAT:
        raise LoadError(
            f"This {name} was pickled by fastbp {version} in format {number}; fastbp {fastbp.__version__}, which is "
            f"installed, reads formats up to {FORMAT}. Install fastbp {version} or newer."
        )
    if version is not None and parse_version(version) > parse_version(fastbp.__version__):
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=name,
                current_sklearn_version=fastbp.__version__,
                original_sklearn_version=version,
            ),
            stacklevel=1,
        )
    parameters = inspect.signature(type(estimator)).parameters
    later = {key: parameters[key].default for key in estimator._get_param_names() if key not in state}
    return {**{key: value for key, value in later.items() if value is not inspect.Parameter.empty}, **state}
