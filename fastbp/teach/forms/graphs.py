"""Graphs of scalars: a class such as micrograd's Value, with data, grad and backward(), or a model made of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.errors import argument_error
from fastbp.teach.forms.form import Activations, Asked, Call, Form

KNOWN = ("tanh", "sigmoid", "relu", "exp")
"""Methods of a Value that are activations."""


def is_value(mine: Any) -> bool:
    """Whether it is a class of scalars that go backward."""
    return isinstance(mine, type) and callable(getattr(mine, "backward", None)) and not hasattr(mine, "parameters")


def is_model(mine: Any) -> bool:
    """Whether it is a class of models that are called and have parameters."""
    return isinstance(mine, type) and callable(getattr(mine, "parameters", None)) and "__call__" in dir(mine)


def _sigma(name: str, value: Any) -> Any:
    """The activation of a scalar."""
    if name == "identity":
        return value
    if callable(getattr(value, name, None)):
        return getattr(value, name)()
    if name == "sigmoid" and callable(getattr(value, "exp", None)):
        one = type(value)(1.0)
        return one / (one + (value * type(value)(-1.0)).exp())
    has = ", ".join(known for known in KNOWN if callable(getattr(value, known, None)))
    raise argument_error(
        "activations",
        f"is {name!r}, and {type(value).__name__} has no method {name}; it has {has or 'none that is known'}. Pass one "
        "that it has, or 'identity'.",
    )


def _cost(outputs: list[Any], y: Any, kind: Callable[[float], Any]) -> Any:
    """Half the sum of the squares, of sums and products alone."""
    total = kind(0.0)
    for output, target in zip(outputs, y, strict=True):
        e = output + kind(-float(target))
        total = total + e * e * kind(0.5)
    return total


def _gradients(w: Any, b: Any, x: Any, y: Any, made: Callable[[], tuple[list[Any], list[Any], Any]]) -> Any:
    """Build the graph of all samples, go back once, and read what arrived; ``made`` gives leaves and a model."""
    W, B, model = made()
    kind = type(B[0][0])
    total = kind(0.0)
    X, Y = np.atleast_2d(x), np.atleast_2d(y)
    for one, target in zip(X, Y, strict=True):
        outputs = model([kind(float(v)) for v in one])
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        total = total + _cost(outputs, target, kind) * kind(1.0 / len(X))
    total.backward()
    grads = [[[float(v.grad) for v in row] for row in layer] for layer in W]
    return [np.array(g) for g in grads], [np.array([float(v.grad) for v in layer]) for layer in B]


def _engine(Value: Any, activations: Activations) -> Call:
    """A network built of the class."""

    def called(w: Any, b: Any, x: Any, y: Any) -> Any:
        def made() -> Any:
            W = [[[Value(float(v)) for v in row] for row in layer] for layer in w]
            B = [[Value(float(v)) for v in layer] for layer in b]

            def model(a: list[Any]) -> list[Any]:
                for l, (rows, biases) in enumerate(zip(W, B, strict=True), 1):
                    z = []
                    for row, total in zip(rows, biases, strict=True):
                        for v, a_k in zip(row, a, strict=True):
                            total = total + v * a_k
                        z.append(total)
                    a = [_sigma(activations[l == len(W)], v) for v in z]
                return a

            return W, B, model

        return _gradients(w, b, x, y, made)

    return called


def _leaves(model: Any, w: Any, b: Any) -> tuple[list[Any], list[Any]]:
    """Its parameters, as w and b have them: neuron by neuron, each with its weights before its bias."""
    W: list[Any] = []
    B: list[Any] = []
    if all(hasattr(layer, "neurons") for layer in getattr(model, "layers", [None])):
        for layer in model.layers:
            W.append([list(neuron.w) for neuron in layer.neurons])
            B.append([neuron.b for neuron in layer.neurons])
        return W, B
    flat = iter(model.parameters())
    for rows in w:
        each = [[next(flat) for _ in range(rows.shape[1] + 1)] for _ in range(rows.shape[0])]
        W.append([one[:-1] for one in each])
        B.append([one[-1] for one in each])
    return W, B


def _model(Model: Any) -> Call:
    """A class of models, made of sizes."""

    def called(w: Any, b: Any, x: Any, y: Any) -> Any:
        def made() -> Any:
            model = Model(int(np.shape(x)[-1]), [len(layer) for layer in b])
            W, B = _leaves(model, w, b)
            for rows, values in zip(W, w, strict=True):
                for row, numbers in zip(rows, values, strict=True):
                    for leaf, number in zip(row, numbers, strict=True):
                        leaf.data, leaf.grad = float(number), 0.0
            for leaves, numbers in zip(B, b, strict=True):
                for leaf, number in zip(leaves, numbers, strict=True):
                    leaf.data, leaf.grad = float(number), 0.0
            return W, B, model

        return _gradients(w, b, x, y, made)

    return called


def form(mine: Any, asked: Asked) -> Form:
    """A class of scalars, or of models made of them."""
    if asked.cost != "quadratic":
        raise argument_error(
            "cost",
            f"is {asked.cost!r}; of a graph of scalars only 'quadratic' is built, which + and * make. Pass that.",
        )
    if is_value(mine):
        has = [name for name in KNOWN[:3] if callable(getattr(mine, name, None))]
        seen = (has[0], has[0]) if has else ("sigmoid", "sigmoid") if hasattr(mine, "exp") else ("identity", "identity")
        activations = asked.activations or seen
        for name in activations:
            _sigma(name, mine(0.5))
        return Form((_engine(mine, activations),), f"{mine.__name__}, of which networks are built", activations=seen)
    neurons = [neuron for layer in getattr(mine(2, [2, 1]), "layers", []) for neuron in getattr(layer, "neurons", [])]
    seen = ("relu", "identity") if any(hasattr(neuron, "nonlin") for neuron in neurons) else ("tanh", "tanh")
    what = f"{mine.__name__}, a model of scalars"
    return Form((_model(mine),), what, narrow=_can_be_narrow(mine, neurons), activations=seen)


def _can_be_narrow(Model: Any, neurons: list[Any]) -> bool:
    """Whether a hidden layer may have one neuron: micrograd's hands on the scalar itself, in no list."""
    kind = type(neurons[0].b) if neurons else float
    try:
        Model(1, [1, 2])([kind(0.5)])
    except TypeError:
        return False
    return True
