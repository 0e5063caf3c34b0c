"""fastbp predict and fastbp info: what a model file decides, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import fastbp
from fastbp.cli.app import Out, app
from fastbp.cli.options import check_file


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[str, typer.Argument(help="Samples: any file that train reads; targets are not needed.")],
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, or .npy; default: standard output.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="The outputs, not the decisions.")] = False,
) -> None:
    """Write a network's predictions for samples in a file."""
    check_file(out, "--out")
    net = fastbp.load(model)
    names, values = _predictions(net, data, probabilities)
    if out is not None and out.suffix == ".npy":
        np.save(out, values)
        return
    lines = [",".join(names), *(",".join(_quoted(v) for v in np.atleast_1d(row)) for row in values)]
    text = "\n".join(lines) + "\n"
    if out is None:
        Out().write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _quoted(value: Any) -> str:
    text = str(value)  # of a float32 no more digits than it has
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _predictions(net: fastbp.Network, path: str, probabilities: bool) -> tuple[list[str], np.ndarray]:
    """Column names and one row for each sample."""
    from fastbp.data import read_features
    from fastbp.scaling import apply_scaling

    columns, target = net.meta.get("features"), net.meta.get("target")
    X = read_features(path, columns=columns, drop=target)
    if X.shape[1] != net.sizes[0]:
        raise ValueError(
            f"{path!r} has {X.shape[1]} features; the model was trained on {net.sizes[0]}. Pass samples with the same "
            "features, in the same order."
        )
    X = apply_scaling(X, net.meta.get("input"), net.dtype)
    classes = net.meta.get("classes")
    if probabilities or net.task == "regression":
        values = net.feedforward(X)
        if classes and len(classes) == values.shape[1]:
            return [_quoted(name) for name in classes], values
        return [f"output_{j}" for j in range(values.shape[1])], values
    decided = net.predict(X)
    return ["prediction"], np.array(classes)[decided] if classes else decided


@app.command()
def info(model: Annotated[Path, typer.Argument(help="Model file.")]) -> None:
    """Show the network in a model file."""
    from fastbp._report import describe

    describe(fastbp.load(model), Out())
