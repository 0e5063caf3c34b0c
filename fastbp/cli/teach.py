"""fastbp explain: numbers term by term."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.text import Text

import fastbp
from fastbp.checks import check_int, check_name
from fastbp.cli.app import Out, app
from fastbp.cli.options import check_file, column, listed
from fastbp.errors import called
from fastbp.io.atomic import write_atomically

if TYPE_CHECKING:
    from fastbp.data.reading import Data
    from fastbp.data.targets import Task
    from fastbp.model import Model

EXAMPLE = "example"
FORMATS = ("text", "markdown", "latex", "html", "svg", "json")


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="Model file, or example: a network of 2-2-2 neurons.")] = "example",
    data: Annotated[str | None, typer.Argument(help="Samples with targets: any file that train reads.")] = None,
    row: Annotated[str, typer.Option(help="Sample of the file, counted from 0; a minibatch of several: 0,3,7.")] = "0",
    layer: Annotated[int, typer.Option(help="l in 1..L; 0 is the input.")] = 1,
    neuron: Annotated[int, typer.Option(help="j, counted from 0.")] = 0,
    of: Annotated[str, typer.Option(help="z, delta, weight (with --k), bias or update.")] = "delta",
    k: Annotated[int | None, typer.Option("--k", help="Neuron of layer l-1 that the weight comes from.")] = None,
    learning_rate: Annotated[float, typer.Option(help="eta of the update.")] = 0.5,
    l1: Annotated[float, typer.Option(help="Strength of l1 sum |w|, of a weight or update.")] = 0.0,
    l2: Annotated[float, typer.Option(help="Strength of l2/2 sum w^2, of a weight or update.")] = 0.0,
    sample_weight: Annotated[
        str | None,
        typer.Option(
            help="Weights of the samples: column of a table, key of an .npz file, else an .npy file. That of a single "
            "sample cancels."
        ),
    ] = None,
    notation: Annotated[str, typer.Option(help="nielsen, bishop or row.")] = "nielsen",
    target: Annotated[str | None, typer.Option(help="Target column of a table, by name or index.")] = None,
    targets: Annotated[Path | None, typer.Option(help="File of the targets, for .npy or idx files.")] = None,
    digits: Annotated[int | None, typer.Option(help="Significant digits; default: all, and of a page 5.")] = None,
    terms: Annotated[int | None, typer.Option(help="Rows of a sum to show, by default 12; 0 for all.")] = None,
    format: Annotated[str | None, typer.Option(help="text, markdown, latex, html, svg or json.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write: a page that steps through the sample.")] = None,
    paths: Annotated[bool, typer.Option("--paths", help="Also every path from the neuron to the cost.")] = False,
    nudge: Annotated[float | None, typer.Option(help="Also the difference quotient for this h.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Also the code that computes it.")] = False,
) -> None:
    """Show every term of one number of backpropagation."""
    from fastbp.teach import page

    out = Out()
    check_file(html, "--html")
    if digits is not None and not 1 <= digits <= 17:
        raise ValueError(f"--digits is {digits}; a float64 has at most 17. Pass a number in 1..17.")
    shown = 12 if terms is None else check_int(terms, "--terms", low=0)
    if html is not None:
        refused = {"--format": format, "--l1": l1, "--l2": l2, "--sample-weight": sample_weight, "--row": "," in row}
        for option, given in refused.items():
            if given:
                raise ValueError(
                    f"{option} and --html do not go together: the page steps through one sample and its update without "
                    "penalty. Leave one of the two out."
                )
    rows = shown or None
    if targets is not None and data is None:
        raise ValueError(f"--targets is {str(targets)!r}, without a file of samples. Pass both, or neither.")
    path = data if targets is None else (data, targets)
    made, x, y, s = _sample(model, path, row, column(target), column(sample_weight))
    net = made.net
    options: dict[str, Any] = {"learning_rate": learning_rate, "notation": notation}
    e = fastbp.explain(net, x, y, layer, neuron, of, k=k, l1=l1, l2=l2, sample_weight=s, **options)
    further: list[Any] = [e.paths()] if paths else []
    further += [] if nudge is None else [e.nudge(nudge)]
    further += [e.source()] if source else []
    if html is not None:
        options |= {"of": of, "k": k, "digits": digits, "terms": rows}
        write_atomically(html, [page(net, x, y, layer=layer, neuron=neuron, **options).encode()])
        out.print(Text(f"Wrote {html}: open it in a browser; arrow keys step."))
    elif format is not None:
        form = check_name(format, FORMATS, "--format")
        limits = {"digits": digits, "terms": rows}
        if form in ("json", "svg"):  # a picture has room for few: it has limits of its own
            asked = {name for name, option in (("digits", digits), ("terms", terms)) if option is not None}
            if asked and form == "json":
                raise ValueError(
                    f"--{min(asked)} and --format json do not go together: it has every digit of every term. Leave "
                    "one of the two out."
                )
            limits = {name: limits[name] for name in asked}
        out.write(getattr(e, form)(**limits) + "\n")
    elif out.is_terminal:
        from fastbp.teach.render import rich

        out.print(rich(e, digits, rows))
    else:
        out.write(e.text(digits=digits, terms=rows) + "\n")
    for answer in further:
        out.write(f"\n{answer}\n")
    if made.steps or made.target:
        Out(stderr=True).print(Text(f"Samples and targets are the network's, scaled as fastbp info {model} shows."))


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


def _sample(model: str, path: Any, row: str, target: Any, weight: Any) -> tuple[Model, np.ndarray, Any, Any]:
    """Model, sample, target and s_x: of the worked example, or of a model file and a row of a data file.

    Sample and target are what the network knows, scaled if the model scales. Several rows are a minibatch; of one row
    there is no s_x, because it cancels.
    """
    from fastbp.data.dataset import rows_of
    from fastbp.data.reading import read
    from fastbp.model import Model, as_model
    from fastbp.teach.examples import worked_example

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
    made = as_model(fastbp.load(model))
    if path is None:
        raise ValueError(
            f"{model!r} is a network without a sample. Pass a data file too, such as the one it was trained on: "
            f"fastbp explain {model} digits."
        )
    column = target if target is not None else made.meta.get("target")
    column = list(column) if isinstance(column, tuple) else column
    task: Task = "regression" if made.task == "regression" else "classification"
    with called({"weight": "--sample-weight"}):
        data = read(path, column, weight=weight, task=task, columns=made.features)
    held = data.X if made.columns is None or data.table is None else data.table
    numbers = listed(row, "--row", "a row, or several such as 0,3,7, are needed. Pass such numbers.")
    rows = [check_int(number, "--row", low=0, high=len(data.X) - 1) for number in numbers]
    X, y = made.transform(rows_of(held, np.array(rows))), _targets(data, made, rows)
    if len(rows) == 1:
        return made, X[0], y[0], None
    return made, X, y, None if data.weight is None else data.weight[rows]
