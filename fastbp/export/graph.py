"""A model as an ONNX graph."""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy as np

from fastbp.data.cells import MISSING
from fastbp.data.columns import Column, Columns
from fastbp.data.columns.kinds import YES_NO
from fastbp.data.columns.matrices import one_hot_names
from fastbp.data.features import FARTHEST, Features
from fastbp.decisions import THRESHOLD
from fastbp.export.parts import PLAIN_WORDS, Levels, Numbers, cannot, layers_of, nets_of, parts_of, scale_of
from fastbp.io.atomic import write_atomically
from fastbp.io.paths import as_new_path
from fastbp.model import Model

OPSET, OPSET_ML = 17, 3
OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "identity": ""}
"""Activations that are one operator."""
WORDS = sorted({form for word in MISSING for form in (word, word.upper(), word.capitalize())} | {"NaN"})
"""How missing cells may be written."""
LONGEST_WORD = 8
"""Letters of a word for yes or no, whose forms in upper and lower case are listed."""


def to_onnx(model: Model, path: str | bytes | os.PathLike[Any] | None = None) -> Any:
    """The model as an ONNX graph of standard operators, computed in float64.

    Parameters
    ----------
    model : Model
        Of one network or an ensemble, the preset's too.
    path : str, bytes or path-like, optional
        File to write the graph to.

    Returns
    -------
    onnx.ModelProto
        With columns it has an input for each one, of shape (n, 1): double, NaN where a number is missing, or string,
        empty where a category, or yes or no in words, is missing. Without columns its one input is ``X``, double,
        (n, n_features). Outputs are ``outputs``, what `Model.feedforward` returns, to 1e-6 of the largest, and of a
        classification ``label``, what `Model.predict` returns.

    Raises
    ------
    NotImplementedError
        The message names the step that no standard operator can say: columns of dates, times, and of text with
        a decimal comma; an activation.
    ModuleNotFoundError
        onnx is not installed.
    """
    import onnx

    graph = _Graph(onnx)
    inputs: dict[int, str] = {}
    outputs = []
    for net, columns in nets_of(model):
        if id(columns) not in inputs:
            inputs[id(columns)] = _input(graph, model, columns)
        Z = inputs[id(columns)]
        for w, b, activation in layers_of(model, net):
            z = graph.node("Add", graph.node("MatMul", Z, graph.constant(w.T)), graph.constant(b))
            Z = _activated(graph, z, activation)
        outputs.append(Z)
    if len(outputs) > 1:
        Z = graph.node("Div", graph.node("Sum", *outputs), graph.constant(len(outputs)))
    graph.output(Z, "outputs", "DOUBLE", [None, model.sizes[-1]])
    if model.task != "regression":
        _label(graph, Z, model)
    made = graph.model()
    onnx.checker.check_model(made)
    if path is not None:
        write_atomically(as_new_path(path, "model.onnx"), [made.SerializeToString()])
    return made


def _input(graph: _Graph, model: Model, columns: Columns | Features | None) -> str:
    """What a network sees of a row."""
    if columns is None:
        Z = graph.input("X", "DOUBLE", model.sizes[0])
    elif isinstance(columns, Features):
        Z = _of_columns(graph, *parts_of(columns.columns, words=True), columns)
    else:
        Z = _of_columns(graph, *parts_of(columns, words=True))
    for scale in model.steps:
        centred = graph.node("Sub", Z, graph.constant(scale.subtract))
        Z = graph.node("Div", centred, graph.constant(scale.divide))
    return Z


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
        """An input of shape (n, width), which several networks may see."""
        element = getattr(self.onnx.TensorProto, kind)
        known = next((one for one in self.inputs if one.name == name), None)
        if known is not None:
            assert known.type.tensor_type.elem_type == element
            return name
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


def _of_columns(graph: _Graph, numbers: list[Numbers], levels: list[Levels], features: Features | None = None) -> str:
    """What the columns become, side by side; with features, their numbers are scaled as these say."""
    double = graph.onnx.TensorProto.DOUBLE
    made: list[str] = []
    for part in numbers:
        x = _number(graph, part.column)
        missing = graph.node("IsNaN", x)
        flag = graph.node("Cast", missing, to=double) if part.flag is not None else ""
        if features is None:
            made.append(
                _scaled(graph, _filled(graph, missing, x, scale_of(part.column)[0]), *scale_of(part.column)[1:])
            )
            made += [flag] if flag else []
            continue
        fill, subtract, divide = features.fill, features.subtract, features.divide
        i, j = part.value, part.flag
        far = graph.constant(FARTHEST)
        u = _scaled(graph, _filled(graph, missing, x, fill[i]), subtract[i], divide[i])
        made.append(graph.node("Max", graph.node("Min", u, far), graph.node("Neg", far)))
        if j is not None:
            made.append(_scaled(graph, flag, subtract[j], divide[j]))
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


def _number(graph: _Graph, column: Column) -> str:
    """A column's numbers, NaN where one is missing: its input, or what its words mean."""
    if column.kind != "yes/no" or column.words in PLAIN_WORDS:
        return graph.input(column.name, "DOUBLE", 1)
    pairs = [*(YES_NO if column.words in YES_NO else ()), column.words]
    means = {form: float(answer) for pair in pairs for answer, word in enumerate(pair) for form in _forms(column, word)}
    x = graph.input(column.name, "STRING", 1)
    answers = graph.node(
        "LabelEncoder", x, domain="ai.onnx.ml", keys_strings=list(means), values_floats=list(means.values()),
        default_float=float("nan"),
    )  # fmt: skip
    return graph.node("Cast", answers, to=graph.onnx.TensorProto.DOUBLE)


def _forms(column: Column, word: str) -> list[str]:
    """A word in upper and lower case, letter by letter."""
    if len(word) > LONGEST_WORD:
        raise cannot(
            column.name, f"is {' or '.join(column.words)} in any case, of which there are too many",
            f"Train again with kinds={{{column.name!r}: 'category'}}.",
        )  # fmt: skip
    return ["".join(form) for form in itertools.product(*({letter.lower(), letter.upper()} for letter in word))]


def _filled(graph: _Graph, missing: str, x: str, value: float) -> str:
    return graph.node("Where", missing, graph.constant(value), x)


def _scaled(graph: _Graph, x: str, subtract: float, divide: float) -> str:
    return graph.node("Div", graph.node("Sub", x, graph.constant(subtract)), graph.constant(divide))


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
        below = graph.node("Less", outputs, graph.constant(model.net.meta.get(THRESHOLD, 0.5)))
        index = graph.node("Cast", graph.node("Not", below), to=onnx.TensorProto.INT64)
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
