"""A model as an ONNX graph."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastbp.data.cells import MISSING
from fastbp.data.columns.matrices import one_hot_names
from fastbp.export.parts import Levels, Numbers, cannot, layers_of, network_of, parts_of, scale_of
from fastbp.io.atomic import write_atomically
from fastbp.io.paths import as_new_path
from fastbp.model import Model

OPSET, OPSET_ML = 17, 3
OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "identity": ""}
"""Activations that are one operator."""
WORDS = sorted({form for word in MISSING for form in (word, word.upper(), word.capitalize())} | {"NaN"})
"""How missing cells may be written."""


def to_onnx(model: Model, path: str | bytes | os.PathLike[Any] | None = None) -> Any:
    """The model as an ONNX graph of standard operators, computed in float64.

    Parameters
    ----------
    model : Model
        Of one network.
    path : str, bytes or path-like, optional
        File to write the graph to.

    Returns
    -------
    onnx.ModelProto
        With columns it has an input for each one, of shape (n, 1): double, NaN where a number is missing, or string,
        empty where a category is missing. Without columns its one input is ``X``, double, (n, n_features). Outputs are
        ``outputs``, what `Model.feedforward` returns, to 1e-6 of the largest, and of a classification ``label``, what
        `Model.predict` returns.

    Raises
    ------
    NotImplementedError
        The message names the step that no standard operator can say: columns of dates, times, of text with a decimal
        comma, and of yes and no in words; an activation; several networks.
    ModuleNotFoundError
        onnx is not installed.
    """
    import onnx

    network_of(model)
    graph = _Graph(onnx)
    if model.columns is None:
        Z = graph.input("X", "DOUBLE", model.sizes[0])
    else:
        numbers, levels = parts_of(model.columns)
        Z = _of_columns(graph, numbers, levels)
    for scale in model.steps:
        centred = graph.node("Sub", Z, graph.constant(scale.subtract))
        Z = graph.node("Div", centred, graph.constant(scale.divide))
    for w, b, activation in layers_of(model):
        Z = _activated(
            graph, graph.node("Add", graph.node("MatMul", Z, graph.constant(w.T)), graph.constant(b)), activation
        )
    graph.output(Z, "outputs", "DOUBLE", [None, model.sizes[-1]])
    if model.task != "regression":
        _label(graph, Z, model)
    made = graph.model()
    onnx.checker.check_model(made)
    if path is not None:
        write_atomically(as_new_path(path, "model.onnx"), [made.SerializeToString()])
    return made


class _Graph:
    """Nodes, constants, inputs and outputs as they are added."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def _name(self) -> str:
        return f"value_{len(self.nodes) + len(self.constants)}"

    def input(self, name: str, kind: str, width: int) -> str:
        """An input of shape (n, width)."""
        element = getattr(self.onnx.TensorProto, kind)
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, element, ["n", width]))
        return name

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """An array of the graph."""
        name = self._name()
        self.constants.append(self.onnx.numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The one output of an operator."""
        name = self._name()
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def output(self, value: str, name: str, kind: str, shape: list[Any]) -> None:
        """A value under the name of an output."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        element = getattr(self.onnx.TensorProto, kind)
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, element, ["n", *shape[1:]]))

    def model(self) -> Any:
        """The whole."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, "fastbp", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="fastbp", ir_version=8)


def _of_columns(graph: _Graph, numbers: list[Numbers], levels: list[Levels]) -> str:
    """What the columns become, side by side."""
    double = graph.onnx.TensorProto.DOUBLE
    made: list[str] = []
    for part in numbers:
        fill, subtract, divide = scale_of(part.column)
        x = graph.input(part.column.name, "DOUBLE", 1)
        missing = graph.node("IsNaN", x)
        filled = graph.node("Where", missing, graph.constant(fill), x)
        centred = graph.node("Sub", filled, graph.constant(subtract))
        made.append(graph.node("Div", centred, graph.constant(divide)))
        if part.flag is not None:
            made.append(graph.node("Cast", missing, to=double))
    for category in levels:
        column = category.column
        names = one_hot_names(column)
        places = {level: j for j, level in enumerate(column.levels)}
        nowhere = len(names)
        absent = names.index(f"{column.name} is missing") if column.n_missing else nowhere
        another = names.index(f"{column.name} is another") if column.other else nowhere
        known = {**dict.fromkeys(WORDS, absent), **{level: j for level, j in places.items() if level not in WORDS}}
        x = graph.input(column.name, "STRING", 1)
        index = graph.node(
            "LabelEncoder", x, domain="ai.onnx.ml", keys_strings=list(known), values_int64s=list(known.values()),
            default_int64=another,
        )  # fmt: skip
        if names:
            hot = graph.node("Equal", index, graph.constant([range(len(names))], np.int64))
            made.append(graph.node("Cast", hot, to=double))
    return graph.node("Concat", *made, axis=1) if len(made) > 1 else made[0]


def _activated(graph: _Graph, z: str, activation: str) -> str:
    if activation == "softmax":
        return graph.node("Softmax", z, axis=1)
    if activation == "silu":
        return graph.node("Mul", z, graph.node("Sigmoid", z))
    if activation == "mish":
        return graph.node("Mul", z, graph.node("Tanh", _softplus(graph, z)))
    if activation == "softplus":
        return _softplus(graph, z)
    if activation not in OPERATORS:
        raise cannot("net", f"has the activation {activation!r}, which is no standard operator", "Use fastbp.save.")
    return graph.node(OPERATORS[activation], z) if OPERATORS[activation] else z


def _softplus(graph: _Graph, z: str) -> str:
    """max(z, 0) + ln(1 + e^-|z|), of operators that onnxruntime has in float64."""
    power = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    logarithm = graph.node("Log", graph.node("Add", power, graph.constant(1.0)))
    return graph.node("Add", graph.node("Relu", z), logarithm)


def _label(graph: _Graph, outputs: str, model: Model) -> None:
    """The decision for each row, by the names of the classes."""
    onnx = graph.onnx
    if model.sizes[-1] == 1:
        half = graph.node("Less", outputs, graph.constant(0.5))
        index = graph.node("Cast", graph.node("Not", half), to=onnx.TensorProto.INT64)
        index = graph.node("Reshape", index, graph.constant([-1], np.int64))
    else:
        index = graph.node("ArgMax", outputs, axis=1, keepdims=0)
    if model.classes is None:
        graph.output(index, "label", "INT64", [None])
        return
    names = model.classes.tolist()
    whole = all(type(name) is int for name in names)
    values = np.array(names, np.int64) if whole else np.array([str(name) for name in names], object)
    table = onnx.numpy_helper.from_array(values, f"classes_{len(graph.constants)}")
    graph.constants.append(table)
    graph.output(graph.node("Gather", table.name, index), "label", "INT64" if whole else "STRING", [None])
