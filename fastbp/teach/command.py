"""What ``fastbp explain`` and ``fastbp learn`` do, without the parsing of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp import _checks
from fastbp.data import Data, read
from fastbp.io import load
from fastbp.network import Network
from fastbp.scaling import apply_scaling
from fastbp.teach.examples import worked_example
from fastbp.teach.explanation import Explanation

FORMATS = ("text", "markdown", "latex", "html", "svg", "json")
EXAMPLE = "example"


def _labels(data: Data, net: Network) -> Any:
    """Class of each sample by the numbers that the net knows, found by name."""
    known = net.meta.get("classes")
    if data.classes is None or known is None:
        return data.Y
    names = [str(name) for name in known]
    missing = [str(name) for name in data.classes if str(name) not in names]
    if missing:
        raise ValueError(
            f"The file has the class {missing[0]!r}; the network knows {', '.join(names)}. Pass data of these classes."
        )
    return np.array([names.index(str(name)) for name in data.classes])[data.Y]


def sample(model: str, path: Any, row: int, target: Any) -> tuple[Network, np.ndarray, Any]:
    """Network, sample and target: of the worked example, or of a model file and a row of a data file."""
    if model == EXAMPLE:
        if path is not None:
            raise ValueError(f"{EXAMPLE!r} has a sample of its own; {path!r} is not needed. Leave it out.")
        return worked_example()
    net = load(model)
    if path is None:
        raise ValueError(
            f"{model!r} is a network without a sample. Pass a data file too, such as the one it was trained on: "
            f"fastbp explain {model} digits."
        )
    column = target if target is not None else net.meta.get("target")
    data = read(path, column, task="regression" if net.task == "regression" else "classification")
    row = _checks.check_int(row, "--row", low=0, high=len(data.X) - 1)
    X = apply_scaling(data.X[row : row + 1], net.meta.get("input"), net.dtype)
    return net, X[0], _labels(data, net)[row]


def rendered(e: Explanation, form: str, digits: int | None, terms: int | None) -> str:
    """One of the renderings by name."""
    form = _checks.check_name(form, FORMATS, "--format")
    if form == "json":
        return e.json()
    if form == "svg":
        return e.svg()
    text: str = getattr(e, form)(digits=digits, terms=terms)
    return text
