"""fastbp play: a page where every number of a network can be changed."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.text import Text

import fastbp
from fastbp.checks import check_int
from fastbp.cli.app import Out, app
from fastbp.cli.options import check_file, column
from fastbp.cli.teach import EXAMPLE, _targets
from fastbp.io.atomic import write_atomically

if TYPE_CHECKING:
    from fastbp.data.targets import Task
    from fastbp.model import Model


@app.command()
def play(
    model: Annotated[
        str | None, typer.Argument(help="Model file, or example: a network of 2-2-2 neurons; else XOR.")
    ] = None,
    data: Annotated[str | None, typer.Argument(help="Samples with targets: any file that train reads.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write; default: one that the browser is shown.")] = None,
    samples: Annotated[int, typer.Option(help="How many of the first samples of the file.")] = 100,
    target: Annotated[str | None, typer.Option(help="Target column of a table, by name or index.")] = None,
    targets: Annotated[Path | None, typer.Option(help="File of the targets, for .npy or idx files.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="eta at first; by default 0.5.")] = None,
) -> None:
    """Write a page on which a network is changed, trained and broken, and every equation watched."""
    from fastbp.teach.playground import playground

    out = Out()
    check_file(html, "--html")
    check_int(samples, "--samples", low=1)
    for name, given, needed in (("DATA", data, model), ("--target", target, data), ("--targets", targets, data)):
        if given is not None and needed is None:
            raise ValueError(
                f"{name} is {str(given)!r}, without {'a model' if name == 'DATA' else 'a file of samples'}. Pass both."
            )
    if model is None:
        text = playground(learning_rate=learning_rate)
    else:
        path = data if targets is None else (data, targets)
        made, x, y, title = _given(model, path, column(target), samples)
        text = playground(made.net, x, y, learning_rate=learning_rate, name=title)
        if made.steps or made.target:
            words = f"Samples and targets are the network's, scaled as fastbp info {model} shows."
            Out(stderr=True).print(Text(words))
    if html is None:
        handle, name = tempfile.mkstemp(prefix="fastbp-play-", suffix=".html")
        os.close(handle)
        html = Path(name)
    write_atomically(html, [text.encode()])
    if out.is_terminal and webbrowser.open(html.resolve().as_uri()):
        out.print(Text(f"Wrote {html}, which the browser shows."))
    else:
        out.print(Text(f"Wrote {html}: open it in a browser."))


def _given(model: str, path: Any, target: Any, most: int) -> tuple[Model, np.ndarray, Any, str]:
    """The model, its samples and targets as the network knows them, and what to call them."""
    from fastbp.data.reading import read
    from fastbp.model import Model, as_model
    from fastbp.teach.examples import worked_example

    if model == EXAMPLE:
        if path is not None:
            raise ValueError(f"{EXAMPLE!r} has a sample of its own; {path!r} is not needed. Leave it out.")
        net, x, y = worked_example()
        return Model(net), x, y, "the worked example"
    made = as_model(fastbp.load(model))
    if path is None:
        net = made.net
        y = np.array([0]) if net.activations[-1] == "softmax" else np.full((1, net.sizes[-1]), 0.5)
        return made, np.full((1, net.sizes[0]), 0.5), y, "a sample of halves"
    wanted = target if target is not None else made.meta.get("target")
    task: Task = "regression" if made.task == "regression" else "classification"
    found = read(path, wanted, task=task, columns=made.features)
    rows = list(range(min(most, len(found.X))))
    name = path if isinstance(path, str) else path[0]
    return made, made.transform(found.X[rows]), _targets(found, made, rows), f"{Path(str(name)).name}, 0 to {rows[-1]}"
