"""fastbp predict and fastbp info: what a model file decides, and what is in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.text import Text

import fastbp
from fastbp.cli import tables
from fastbp.cli.app import Out, app
from fastbp.cli.options import check_file
from fastbp.io.atomic import write_atomically


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[str, typer.Argument(help="Samples: any file that train reads; targets are not needed.")],
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, or .npy; default: standard output.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="The outputs, not the decisions.")] = False,
    interval: Annotated[
        bool, typer.Option("--interval", help="Beside each number the ends of its interval, of a model that has them.")
    ] = False,
    id: Annotated[
        str | None,
        typer.Option("--id", help="Column of a table to write before the predictions, so that rows are known."),
    ] = None,
    delimiter: tables.Delimiter = None,
    encoding: tables.Encoding = None,
    quote: tables.Quote = None,
    comment: tables.Comment = None,
    header: tables.Header = None,
    sheet: tables.Sheet = None,
) -> None:
    """Write a network's predictions for samples in a file."""
    options = locals()
    check_file(out, "--out")
    from fastbp.model import as_model

    loaded = as_model(fastbp.load(model))
    X, table = tables.to_predict(loaded, data, options, Out(stderr=True))
    rows = None if id is None else _identifiers(table, id, data)
    names, values = _with_intervals(loaded, X) if interval else _predictions(loaded, X, probabilities)
    if out is not None and out.suffix == ".npy":
        write_atomically(out, [_npy(values)])
        return
    lines = [",".join(names), *(",".join(_quoted(v) for v in np.atleast_1d(row)) for row in values)]
    if rows is not None:
        lines = [f"{_quoted(row)},{line}" for row, line in zip([id, *rows], lines, strict=True)]
    text = "\n".join(lines) + "\n"
    if out is None:
        Out().write(text)
    else:
        write_atomically(out, [text.encode("utf-8")])


def _identifiers(table: Any, name: str, path: str) -> list[str]:
    """The cells of the column that identifies the rows."""
    from fastbp.data.tables import cells_of

    if table is None or name not in table:
        has = "is no table" if table is None else f"has no column {name!r}: it has {', '.join(table.names)}"
        raise ValueError(f"--id is {name!r}; {path!r} {has}. Pass another column, or leave it out.")
    return cells_of(table[name])


def _npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values.astype(str) if values.dtype.kind == "O" else values, allow_pickle=False)
    return stream.getvalue()


def _quoted(value: Any) -> str:
    text = str(value)  # of a float32 no more digits than it has
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _with_intervals(model: fastbp.Model, X: Any) -> tuple[list[str], np.ndarray]:
    """Of each target its prediction, and the ends of its interval."""
    ends = model.predict_interval(X)
    names, values = _predictions(model, X, False)
    several = [f"{name}{part}" for name in names for part in ("", "_low", "_high")]
    return several, np.concatenate([values[:, :, None], ends], axis=2).reshape(len(values), -1)


def _predictions(model: fastbp.Model, X: Any, probabilities: bool) -> tuple[list[str], np.ndarray]:
    """Column names and one row for each sample."""
    if not probabilities and model.task == "classification":
        return ["prediction"], model.predict(X)
    values = model.feedforward(X)
    if model.classes is not None and len(model.classes) == values.shape[1]:
        return [_quoted(name) for name in model.classes.tolist()], values
    targets = model.meta.get("target")
    if isinstance(targets, tuple | list) and len(targets) == values.shape[1]:
        return [_quoted(name) for name in targets], values
    return [f"output_{j}" for j in range(values.shape[1])], values


@app.command()
def info(model: Annotated[Path, typer.Argument(help="Model file, or checkpoint.")]) -> None:
    """Show what is in a model file, or a checkpoint."""
    from fastbp.cli.report import describe
    from fastbp.model import as_model
    from fastbp.training.checkpoints import in_words

    console = Out()
    describe(as_model(fastbp.load(model)), console)
    for line in in_words(model):
        console.print(Text(line))
