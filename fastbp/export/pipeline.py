"""A model as a scikit-learn ``Pipeline``."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.data.columns.kinds import RARE
from fastbp.data.columns.matrices import one_hot_names
from fastbp.decisions import THRESHOLD
from fastbp.export.parts import Levels, Numbers, cannot, layers_of, network_of, parts_of, scale_of
from fastbp.model import Model
from fastbp.network import Network

ANOTHER = "\N{REPLACEMENT CHARACTER} another level"
"""Stands for rare levels when an encoder is fitted."""


def to_pipeline(model: Model) -> Any:
    """The model as a fitted scikit-learn ``Pipeline`` of its own transformers, with a fastbp estimator at its end.

    Parameters
    ----------
    model : Model
        Of one network; with columns, or with steps.

    Returns
    -------
    sklearn.pipeline.Pipeline
        It takes pandas frames with the model's columns, in which numbers are numbers, and NaN where one is missing, and
        categories are text, and None where one is missing; without columns, arrays. Its predictions are the model's to
        1e-6 of the largest.

    Raises
    ------
    NotImplementedError
        The message names the step that no standard transformer can say: columns of dates, times, of text with a decimal
        comma, and of yes and no in words; several networks, and what the preset makes of columns; a threshold.
    ModuleNotFoundError
        scikit-learn is not installed.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    net = network_of(model)
    if THRESHOLD in net.meta:
        raise cannot(THRESHOLD, "is no part of a Pipeline", "Put it into a FixedThresholdClassifier, or use to_onnx.")
    steps: list[tuple[str, Any]] = []
    order: list[int | None] = list(range(net.sizes[0]))
    if model.columns is not None:
        numbers, levels = parts_of(model.columns)
        made, order = _transformers(numbers, levels)
        steps.append(("columns", _fitted(ColumnTransformer(made), numbers, levels)))
    for i, scale in enumerate(model.steps):
        width = net.sizes[0]
        subtract, divide = np.broadcast_to(scale.subtract, width), np.broadcast_to(scale.divide, width)
        scaler = StandardScaler().fit(np.zeros((2, width)))
        scaler.mean_, scaler.scale_, scaler.var_ = subtract.copy(), divide.copy(), divide**2
        steps.append((f"scale {i}", scaler))
    return Pipeline([*steps, ("net", _estimator(model, order))])


def _transformers(
    numbers: list[Numbers], levels: list[Levels]
) -> tuple[list[tuple[str, Any, list[str]]], list[int | None]]:
    """The transformers of the columns, and for each of their outputs which input of the network it is, or None."""
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    made: list[tuple[str, Any, list[str]]] = []
    order: list[int | None] = []
    if numbers:
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        made.append(("numbers", make_pipeline(imputer, StandardScaler()), [part.column.name for part in numbers]))
        order += [part.value for part in numbers]
    flagged = [part for part in numbers if part.flag is not None]
    if flagged:
        made.append(("missing", MissingIndicator(features="all"), [part.column.name for part in flagged]))
        order += [part.flag for part in flagged]
    for part in levels:
        unknown = "infrequent_if_exist" if part.column.other else "ignore"
        rare = {"min_frequency": RARE} if part.column.other else {}
        encoder = OneHotEncoder(handle_unknown=unknown, sparse_output=False, **rare)
        made.append((part.column.name, encoder, [part.column.name]))
        names = one_hot_names(part.column)
        order += [part.first + j for j in range(len(part.column.levels))]
        missing = f"{part.column.name} is missing"
        order.append(part.first + names.index(missing) if part.column.n_missing else None)
        if part.column.other:
            order.append(part.first + names.index(f"{part.column.name} is another"))
    return made, order


def _fitted(transformer: Any, numbers: list[Numbers], levels: list[Levels]) -> Any:
    """The transformer, fitted to rows made for it, and then told the numbers that were learned."""
    import pandas

    n = max([2, *(RARE * (len(part.column.levels) + 1) + 1 for part in levels)])
    rows: dict[str, Any] = {part.column.name: np.full(n, scale_of(part.column)[0]) for part in numbers}
    for part in levels:
        cells: list[Any] = [*part.column.levels, None] * RARE + ([ANOTHER] if part.column.other else [])
        rows[part.column.name] = np.array((cells + cells * n)[: max(n, len(cells))], object)
        if part.column.other:  # rare once, and the others as often as is needed
            kept = [cell for cell in cells if cell is not ANOTHER]
            rows[part.column.name] = np.array([ANOTHER, *(kept * n)[: n - 1]], object)
    transformer.fit(pandas.DataFrame(rows))
    if numbers:
        scaler = transformer.named_transformers_["numbers"][-1]
        learned = np.array([scale_of(part.column) for part in numbers])
        transformer.named_transformers_["numbers"][0].statistics_ = learned[:, 0].copy()
        scaler.mean_, scaler.scale_, scaler.var_ = learned[:, 1].copy(), learned[:, 2].copy(), learned[:, 2] ** 2
    return transformer


def _estimator(model: Model, order: list[int | None]) -> Any:
    """The network as an estimator, whose inputs are in the order of what the transformers give."""
    from fastbp.sklearn import MLPClassifier, MLPRegressor

    net = network_of(model)
    layers = layers_of(model, net)
    w = layers[0][0]
    first = np.stack([np.zeros(len(w)) if j is None else w[:, j] for j in order], axis=1)
    meta = {} if model.classes is None else {"classes": model.classes.tolist()}
    twin = Network(
        [len(order), *net.sizes[1:]],
        activations=list(net.activations),
        cost=net.cost,
        cost_parameter=net.cost_parameter,
        dtype="float64",
        seed=0,
        meta={**meta, "task": model.task},
    )
    for l, (weights, biases, _) in enumerate(layers, 1):
        twin.w[l][...] = first if l == 1 else weights
        twin.b[l][...] = biases
    kind: Any = MLPRegressor if model.task == "regression" else MLPClassifier
    return kind.from_network(twin)
