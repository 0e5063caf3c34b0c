"""The sample that ``fastbp explain`` explains: of the worked example, or a row of a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp import checks
from fastbp.data.reading import Data, read
from fastbp.data.targets import Task
from fastbp.errors import called
from fastbp.model import Model, as_model
from fastbp.saving import load
from fastbp.teach.examples import worked_example

EXAMPLE = "example"


def _targets(data: Data, model: Model, rows: list[int]) -> Any:
    """Targets as the net knows them: numbers as it learned them, or classes by their labels, found by name."""
    if data.classes is None or model.classes is None:
        return model.transform_targets(data.Y[rows])
    names = [str(name) for name in model.classes.tolist()]
    missing = [str(name) for name in data.classes if str(name) not in names]
    if missing:
        raise ValueError(
            f"The file has the class {missing[0]!r}; the network knows {', '.join(names)}. Pass data of these classes."
        )
    return np.array([names.index(str(name)) for name in data.classes])[data.Y[rows]]


def _rows(text: str, n: int) -> list[int]:
    """Rows of a file with n samples."""
    try:
        rows = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--row is {text!r}; a row, or several such as 0,3,7, are needed. Pass such numbers."
        ) from None
    return [checks.check_int(row, "--row", low=0, high=n - 1) for row in rows]


def sample(model: str, path: Any, row: str, target: Any, weight: Any) -> tuple[Model, np.ndarray, Any, Any]:
    """Model, sample, target and s_x: of the worked example, or of a model file and a row of a data file.

    Sample and target are what the network knows, scaled if the model scales. Several rows are a minibatch; of one row
    there is no s_x, because it cancels.
    """
    if model == EXAMPLE:
        if weight is not None:
            raise ValueError(f"{EXAMPLE!r} has one sample, whose weight cancels. Leave --sample-weight out.")
        if row != "0":
            raise ValueError(f"--row is {row!r}; {EXAMPLE!r} has one sample. Leave it out.")
        if target is not None:
            raise ValueError(f"--target is {target!r}; {EXAMPLE!r} has a target of its own. Leave it out.")
        if path is not None:
            raise ValueError(f"{EXAMPLE!r} has a sample of its own; {path!r} is not needed. Leave it out.")
        net, x, y = worked_example()
        return Model(net), x, y, None
    made = as_model(load(model))
    if path is None:
        raise ValueError(
            f"{model!r} is a network without a sample. Pass a data file too, such as the one it was trained on: "
            f"fastbp explain {model} digits."
        )
    column = target if target is not None else made.meta.get("target")
    task: Task = "regression" if made.task == "regression" else "classification"
    with called({"weight": "--sample-weight"}):
        data = read(path, column, weight=weight, task=task, columns=made.features)
    rows = _rows(row, len(data.X))
    X, y = made.transform(data.X[rows]), _targets(data, made, rows)
    if len(rows) == 1:
        return made, X[0], y[0], None
    return made, X, y, None if data.weight is None else data.weight[rows]
