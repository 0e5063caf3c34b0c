"""What can be said outside fastbp of a model: its columns, and one network that knows their own units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.data.columns import Column, Columns
from fastbp.data.columns.matrices import filling, number_names, one_hot_names
from fastbp.data.features import Features, SideBySide
from fastbp.model import Model
from fastbp.network import Network

PLAIN_WORDS = (("0", "1"), ("false", "true"))
"""Of yes and no, where a column has numbers or truth values."""


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, and where it goes: the input of its value, and that of whether it is missing."""

    column: Column
    value: int
    flag: int | None


@dataclass(frozen=True)
class Levels:
    """A category, and the first of its inputs; they are those of `one_hot_names`."""

    column: Column
    first: int


def cannot(step: str, why: str, instead: str) -> NotImplementedError:
    """An error that names the step of a model that cannot be said."""
    return NotImplementedError(f"The step {step!r} {why}. {instead}")


def network_of(model: Any) -> Network:
    """The model's one network; an error for several."""
    if not isinstance(model, Model):
        raise TypeError(f"model is {model!r}; a fastbp.Model is needed. Pass what fastbp.load returned.")
    if not isinstance(model.net, Network):
        raise cannot("net", f"is a {type(model.net).__name__}, which is more than one network", "Export one of them.")
    return model.net


def nets_of(model: Any) -> list[tuple[Network, Columns | Features | None]]:
    """The model's networks, each with the columns that it sees: what it answers is the mean of their outputs."""
    if not isinstance(model, Model):
        raise TypeError(f"model is {model!r}; a fastbp.Model is needed. Pass what fastbp.load returned.")
    columns = model.columns
    if isinstance(model.net, Network):
        assert not isinstance(columns, SideBySide)
        return [(model.net, columns)]
    nets = model.net.nets
    if isinstance(columns, SideBySide):
        return list(zip(nets, columns.of_each, strict=True))
    return [(net, columns) for net in nets]


def parts_of(columns: Any, *, words: bool = False) -> tuple[list[Numbers], list[Levels]]:
    """The columns that a network sees, with their places among its inputs; an error that names one that has text.

    With ``words``, yes and no may be words.
    """
    if not isinstance(columns, Columns):
        raise cannot("columns", f"are {type(columns).__name__}, which the preset makes of them", "Use to_onnx.")
    numbers, levels, at = [], [], 0
    for column in columns.used:
        if column.kind == "category":
            continue
        instead = f"Make numbers of it first, or train again with drop=[{column.name!r}]."
        if column.kind in ("date", "time"):
            raise cannot(column.name, f"is a {column.kind}, for which there is no standard transformer", instead)
        if column.kind == "number" and column.decimal == ",":
            raise cannot(column.name, "is text with a decimal comma, which only fastbp reads", instead)
        if column.kind == "yes/no" and column.words not in PLAIN_WORDS and not words:
            raise cannot(
                column.name,
                f"is {' or '.join(column.words)} in any case",
                f"Train again with kinds={{{column.name!r}: 'category'}}.",
            )
        width = len(number_names(column))
        numbers.append(Numbers(column, at, at + 1 if width == 2 else None))
        at += width
    for column in columns.used:
        if column.kind == "category":
            levels.append(Levels(column, at))
            at += len(one_hot_names(column))
    return numbers, levels


def scale_of(column: Column) -> tuple[float, float, float]:
    """What fills a missing cell, what is subtracted, and what divides."""
    fill, subtract, divide = filling(column)
    return float(fill[0]), float(subtract[0]), float(divide[0])


def layers_of(model: Model, net: Network) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Weights, biases and activation of each layer in float64; the last one gives the targets' own units."""
    layers: list[tuple[np.ndarray, np.ndarray, str]]
    layers = [(net.w[l].astype(float), net.b[l].astype(float), net.activations[l - 1]) for l in range(1, net.L + 1)]
    if model.target is not None:
        w, b, activation = layers[-1]
        if activation != "identity":
            raise cannot("target", f"scales what a {activation} output gives", "Train with an identity output.")
        divide = np.broadcast_to(model.target.divide, b.shape)
        layers[-1] = w * divide[:, None], b * divide + model.target.subtract, activation
    return layers
