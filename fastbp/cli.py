"""The command line: fastbp train | predict | info | explain | learn | bench | doctor."""

from __future__ import annotations

import enum
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

try:
    import typer
    from rich.console import Console
    from rich.text import Text
except ModuleNotFoundError as missing:  # pragma: no cover
    sys.exit(f'fastbp: {missing.name} is not installed. Install the command line with pip install "fastbp[cli]".')

import numpy as np

import fastbp
from fastbp._checks import ACTIVATIONS, COSTS, check_int, check_real
from fastbp._options import check_file, column, in_options, network, optimizer, schedule
from fastbp.initializers import INITIALIZERS

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Backpropagation in index form, at hardware speed.",
)


class Task(enum.StrEnum):
    """What the targets are."""

    classification = "classification"
    regression = "regression"


class DType(enum.StrEnum):
    """Of weights and activations."""

    float32 = "float32"
    float64 = "float64"


class Optimizers(enum.StrEnum):
    """Names of the optimizers."""

    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"
    rmsprop = "rmsprop"
    adagrad = "adagrad"


EXPECTED = (ValueError, TypeError, OSError, MemoryError, ArithmeticError, ModuleNotFoundError)
"""Errors whose message is written for the user."""


def _fail(console: Console, error: BaseException) -> NoReturn:
    match error:
        case fastbp.DivergenceError():
            message = (
                f"Training diverged in epoch {error.epoch}, minibatch {error.minibatch}: its gradient is not finite or "
                "too large to apply. No model is written. Pass a smaller --learning-rate."
            )
        case FileNotFoundError(filename=str(name)):
            message = f"{name!r} does not exist. Pass the path of a file that does."
        case OSError(strerror=str(reason)):
            message = f"{error.filename}: {reason}."
        case _:
            message = in_options(str(error))
    console.print(Text.assemble(("Error: ", "bold red"), message))
    raise typer.Exit(1)


def _announce_compilation(console: Console, dtype: str) -> None:
    """One line before the first run of all, which compiles."""
    from fastbp import _jit

    kept = _jit.CACHE_DIR is not None and any(_jit.CACHE_DIR.rglob("minibatch.work-*.nbc"))
    if not _jit.DISABLED and not kept:
        console.print(f"Compiling the {dtype} kernels once; later runs find them in the cache.", style="dim")


@app.command()
def train(
    data: Annotated[
        str, typer.Argument(help="digits, a folder with MNIST's four idx files, or an .npz, .npy, .csv or .tsv file.")
    ],
    target: Annotated[
        str | None, typer.Option(help="Target column of a table, by name or index; key of an .npz file.")
    ] = None,
    targets: Annotated[Path | None, typer.Option(help="File of the targets, for an .npy or idx file.")] = None,
    sample_weight: Annotated[
        str | None,
        typer.Option(help="Weights of the samples: column of a table, key of an .npz file, else an .npy file."),
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the targets are; default: decided from them.")] = None,
    hidden: Annotated[str, typer.Option(help="Neurons of the hidden layers, such as 128,64; or none.")] = "30",
    activation: Annotated[str, typer.Option(help=f"Of hidden layers: {', '.join(ACTIVATIONS[:-1])}.")] = "sigmoid",
    output: Annotated[str | None, typer.Option(help="Activation of the output layer; default by task.")] = None,
    cost: Annotated[str | None, typer.Option(help=f"{' or '.join(COSTS)}; default by task.")] = None,
    init: Annotated[str, typer.Option(help=f"Of the weights: {', '.join(INITIALIZERS)}.")] = "nielsen",
    dtype: Annotated[DType, typer.Option(help="Of weights and activations.")] = DType.float32,
    optimizer: Annotated[Optimizers, typer.Option(help="How the weights follow the gradient.")] = Optimizers.sgd,
    learning_rate: Annotated[
        float | None, typer.Option(help="eta; default for sgd 0.5, for regression 0.05; else the optimizer's own.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd.")] = None,
    nesterov: Annotated[bool, typer.Option("--nesterov", help="Nesterov's momentum, of sgd.")] = False,
    beta_1: Annotated[float | None, typer.Option(help="Of adam and adamw: decay of the mean of g.")] = None,
    beta_2: Annotated[float | None, typer.Option(help="Of adam and adamw: decay of the mean of g^2.")] = None,
    rho: Annotated[float | None, typer.Option(help="Of rmsprop: decay of the mean of g^2.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Of all but sgd: added to the root.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of adamw.")] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="How the learning rate changes: constant, step, exponential, cosine, warmup or plateau; with numbers "
            "such as step:every=10,factor=0.5 or cosine:warmup=2,final=0.01."
        ),
    ] = "constant",
    epochs: Annotated[int, typer.Option(help="Passes over the samples.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Samples of a minibatch.")] = 10,
    l1: Annotated[float, typer.Option(help="Strength of l1 sum |w|.")] = 0.0,
    l2: Annotated[float, typer.Option(help="Strength of l2/2 sum w^2.")] = 0.0,
    shuffle: Annotated[bool, typer.Option(help="A new order of the samples in each epoch.")] = True,
    scale: Annotated[
        bool, typer.Option(help="Bring the inputs, and the targets of a regression, to a common range.")
    ] = True,
    test: Annotated[float, typer.Option(help="Share of the samples to test on, if the data has no test part.")] = 0.2,
    validation: Annotated[float, typer.Option(help="Share of the training samples to validate on; 0 for none.")] = 0.1,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after this many epochs without a better validation loss.")
    ] = None,
    monitor: Annotated[
        str, typer.Option(help="What early stopping looks at: val_loss, val_accuracy, val_r2, loss or accuracy.")
    ] = "val_loss",
    min_delta: Annotated[float, typer.Option(help="Least change that is an improvement to early stopping.")] = 0.0,
    restore_best: Annotated[bool, typer.Option(help="Early stopping goes back to the best epoch's weights.")] = True,
    seed: Annotated[int, typer.Option(help="Of weights, order and splits.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Default: chosen from the machine and the work.")] = None,
    model: Annotated[Path, typer.Option(help="Model file to write.")] = Path("model.fastbp"),
    plot: Annotated[Path | None, typer.Option(help="Picture of the run to write, .png, .svg or .pdf.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no tables.")] = False,
) -> None:
    """Train a network, test it and save it."""
    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False)
    options = locals()
    try:
        check_file(model, "--model")
        check_file(plot, "--plot")
        if plot is not None:
            from fastbp import _plot

            _plot.check(plot)
        _train(console, errors, options)
    except EXPECTED as error:
        _fail(errors, error)


def _read(o: dict[str, Any]) -> Any:
    """The data, with a test part."""
    from fastbp import data as files

    path = o["data"] if o["targets"] is None else (o["data"], o["targets"])
    if o["targets"] is not None and o["target"] is not None:
        raise ValueError("--target and --targets are both given; the targets stand in one place. Leave one out.")
    data = files.read(path, column(o["target"]), weight=column(o["sample_weight"]), task=o["task"] and o["task"].value)
    return data if data.X_test is not None else files.split(data, o["test"], seed=o["seed"])


def _stopping(o: dict[str, Any]) -> fastbp.EarlyStopping | None:
    if o["early_stopping"] is None:
        return None
    if not o["validation"] and o["monitor"].startswith("val_"):
        raise ValueError(
            f"--early-stopping looks at {o['monitor']}; --validation is 0. Pass --validation 0.1, or --monitor loss."
        )
    return fastbp.EarlyStopping(
        o["monitor"], patience=o["early_stopping"], min_delta=o["min_delta"], restore_best=o["restore_best"]
    )


def _rate(o: dict[str, Any]) -> Any:
    rule = schedule(o["schedule"])
    monitor = getattr(rule, "monitor", "")
    if not o["validation"] and monitor.startswith("val_"):
        raise ValueError(
            f"--schedule plateau looks at {monitor}; --validation is 0. Pass --validation 0.1, or "
            "--schedule plateau:monitor=loss."
        )
    return rule


def _train(console: Console, errors: Console, options: dict[str, Any]) -> None:
    from fastbp import data as files
    from fastbp import scaling as scales

    o = options
    held = check_real(o["validation"], "--validation", low=0.0, below=1.0) > 0
    check_int(o["seed"], "--seed", low=0)
    stopping, rule = _stopping(o), _rate(o)
    data = _read(o)
    labels = data.Y if data.task == "classification" else None
    kept, aside = np.arange(len(data.X)), np.arange(0)
    if held:
        kept, aside = files.split_indices(len(data.X), o["validation"], seed=o["seed"], labels=labels)
    scaling = data.scaling(kept) if o["scale"] else None
    net = network(data, scaling, o)
    X, X_test = (scales.apply_scaling(part, scaling, net.dtype) for part in (data.X, data.X_test))
    Y, Y_scaling = data.Y, None
    if o["scale"] and data.task == "regression" and net.activations[-1] == "identity":
        Y_scaling = scales.standardise(data.Y[kept])
        Y = scales.apply_scaling(data.Y, Y_scaling)
    s = data.weight
    how = optimizer(str(o["optimizer"]), data.task, o)
    if not o["quiet"]:
        columns = "1 target column" if data.n_outputs == 1 else f"{data.n_outputs} target columns"
        console.print(
            f"{data.name}: {len(kept):,} samples to train on, {len(aside):,} to validate, {len(X_test):,} to test; "
            f"{X.shape[1]} features, {f'{len(data.classes)} classes' if data.classes else columns}"
        )
        console.print(f"{net}, {net.n_parameters:,} parameters")
        _announce_compilation(errors, net.dtype.name)
    from fastbp.progress import ProgressBar

    run = fastbp.train(
        net,
        X[kept],
        Y[kept],
        optimizer=how,
        epochs=o["epochs"],
        batch_size=min(o["batch_size"], len(kept)),
        shuffle=o["shuffle"],
        seed=o["seed"],
        sample_weight=None if s is None else s[kept],
        validation=(X[aside], Y[aside], None if s is None else s[aside]) if held else None,
        l1=o["l1"],
        l2=o["l2"],
        schedule=rule,
        early_stopping=stopping,
        n_threads=o["threads"],
        progress=False if o["quiet"] else ProgressBar(errors),
    )
    if Y_scaling is not None:
        scales.unscale_outputs(net, Y_scaling)
    fastbp.save(net, o["model"])
    if run.stopped == "interrupted":
        console.print(f"Interrupted after {run.epoch} epochs and {run.minibatch} minibatches.")
    elif run.stopped:
        where = f"the weights of epoch {run.best_epoch}" if o["restore_best"] else "the last weights"
        console.print(f"Stopped after {run.epoch} epochs ({run.stopped}), with {where}.")
    _conclude(console, net, run, X_test, data, o)
    console.print(Text(f"Saved what was learned to {o['model']}."))


def _conclude(console: Console, net: fastbp.Network, run: fastbp.Run, X_test: np.ndarray, data: Any, o: Any) -> None:
    """Test, print and draw."""
    from fastbp._report import class_table, confusion

    scores = net.evaluate(X_test, data.Y_test)
    names = data.classes or ()
    if names:
        if not o["quiet"]:
            console.print(class_table(confusion(data.Y_test, net.predict(X_test), len(names)), names))
        console.print(f"Test accuracy {scores['accuracy']:.2%}, loss {scores['loss']:.4f}")
    else:
        console.print(f"Test R2 {scores['r2']:.4f}, loss {scores['loss']:.4f}")
    if o["plot"] is not None:
        from fastbp import _plot

        _plot.picture(o["plot"], run, net, X_test, data.Y_test, raw=data.X_test, names=names, image=data.image)
        console.print(Text(f"Drew {o['plot']}."))


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[str, typer.Argument(help="Samples: any file that train reads; targets are not needed.")],
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, or .npy; default: standard output.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="The outputs, not the decisions.")] = False,
) -> None:
    """Write a network's predictions for samples in a file."""
    errors = Console(stderr=True, highlight=False)
    try:
        check_file(out, "--out")
        net = fastbp.load(model)
        names, values = _predictions(net, data, probabilities)
        if out is not None and out.suffix == ".npy":
            np.save(out, values)
            return
        lines = [",".join(names), *(",".join(_quoted(v) for v in np.atleast_1d(row)) for row in values)]
        text = "\n".join(lines) + "\n"
        if out is None:
            sys.stdout.write(text)
        else:
            out.write_text(text, encoding="utf-8")
    except BrokenPipeError:  # the reader, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except EXPECTED as error:
        _fail(errors, error)


def _quoted(value: Any) -> str:
    text = str(value.item() if isinstance(value, np.generic) else value)
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

    console = Console(highlight=False)
    try:
        describe(fastbp.load(model), console)
    except EXPECTED as error:
        _fail(Console(stderr=True, highlight=False), error)


@app.command()
def bench(
    nets: Annotated[
        list[str] | None,
        typer.Argument(help="Nets of the table by the beginning of their names, or new ones: '30-20-10 b32 tanh'."),
    ] = None,
    peers: Annotated[str | None, typer.Option(help="Peers to race, such as NumPy,JAX; default: all there are.")] = None,
    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,2.")] = "1",
    seconds: Annotated[float, typer.Option(min=0.0, help="For the race of each net.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="File to write the results to.")] = None,
    compare: Annotated[
        Path | None, typer.Option(help="File of earlier results; the command fails where fastbp has become slower.")
    ] = None,
) -> None:
    """Race fastbp against NumPy and every other library that is installed, on this machine."""
    console = Console(highlight=False)
    try:
        from fastbp.bench import quick

        check_file(json, "--json")
        kept = quick.bench(
            console,
            names=nets or quick.DEFAULT,
            racing=None if peers is None else [name.strip() for name in peers.split(",")],
            threads=_thread_counts(threads),
            seconds=seconds,
            out=json,
            against=compare,
        )
    except (*EXPECTED, RuntimeError) as error:
        _fail(Console(stderr=True, highlight=False), error)
    if not kept:
        raise typer.Exit(1)


def _thread_counts(text: str) -> list[int]:
    from fastbp._checks import check_int

    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--threads is {text!r}; it must list numbers. Pass for example --threads 1,2.") from None
    return [check_int(count, "--threads", low=1, high=64) for count in counts]


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="Model file, or example: a network of 2-2-2 neurons.")] = "example",
    data: Annotated[str | None, typer.Argument(help="Samples with targets: any file that train reads.")] = None,
    row: Annotated[int, typer.Option(help="Sample of the file, counted from 0.")] = 0,
    layer: Annotated[int, typer.Option(help="l in 1..L; 0 is the input.")] = 1,
    neuron: Annotated[int, typer.Option(help="j, counted from 0.")] = 0,
    of: Annotated[str, typer.Option(help="z, delta, weight (with --k), bias or update.")] = "delta",
    k: Annotated[int | None, typer.Option("--k", help="Neuron of layer l-1 that the weight comes from.")] = None,
    learning_rate: Annotated[float, typer.Option(help="eta of the update.")] = 0.5,
    notation: Annotated[str, typer.Option(help="nielsen, bishop or row.")] = "nielsen",
    target: Annotated[str | None, typer.Option(help="Target column of a table, by name or index.")] = None,
    targets: Annotated[Path | None, typer.Option(help="File of the targets, for .npy or idx files.")] = None,
    digits: Annotated[int | None, typer.Option(help="Significant digits; default: all.")] = None,
    terms: Annotated[int, typer.Option(help="Rows of a sum to show; 0 for all.")] = 12,
    format: Annotated[str | None, typer.Option(help="text, markdown, latex, html, svg or json.")] = None,
    html: Annotated[Path | None, typer.Option(help="File to write: a page that steps through the sample.")] = None,
    paths: Annotated[bool, typer.Option("--paths", help="Also every path from the neuron to the cost.")] = False,
    nudge: Annotated[float | None, typer.Option(help="Also the difference quotient for this h.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Also the code that computes it.")] = False,
) -> None:
    """Show every term of one number of backpropagation."""
    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False)
    try:
        from fastbp.teach.command import rendered, sample
        from fastbp.teach.page import page

        check_file(html, "--html")
        if digits is not None and not 1 <= digits <= 17:
            raise ValueError(f"--digits is {digits}; a float64 has at most 17. Pass a number in 1..17.")
        rows = terms if terms > 0 else None
        net, x, y = sample(
            model, None if data is None else (data if targets is None else (data, targets)), row, column(target)
        )
        e = fastbp.explain(net, x, y, layer, neuron, of, k=k, learning_rate=learning_rate, notation=notation)
        if html is not None:
            eta, rows = learning_rate, rows or sys.maxsize
            text = page(net, x, y, layer=layer, neuron=neuron, learning_rate=eta, notation=notation, terms=rows)
            html.write_text(text, encoding="utf-8")
            console.print(Text(f"Wrote {html}: open it in a browser; arrow keys step."))
        elif format is not None:
            sys.stdout.write(rendered(e, format, digits, rows) + "\n")
        elif console.is_terminal:
            from fastbp.teach.render import rich

            console.print(rich(e, digits, rows))
        else:
            sys.stdout.write(e.text(digits=digits, terms=rows) + "\n")
        further: list[Any] = [e.paths()] if paths else []
        further += [] if nudge is None else [e.nudge(nudge)]
        further += [e.source()] if source else []
        for answer in further:
            sys.stdout.write(f"\n{answer}\n")
    except EXPECTED as error:
        _fail(errors, error)


@app.command()
def learn(
    folder: Annotated[Path, typer.Argument(help="Where to put the lessons.")] = Path("fastbp-lessons"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace lessons that are there.")] = False,
) -> None:
    """Copy the lessons, as notebooks, and say how to start."""
    console = Console(highlight=False)
    try:
        from fastbp.teach.notebooks import copy_lessons

        for path in copy_lessons(folder, overwrite=overwrite):
            console.print(Text(f"Wrote {path}"))
        console.print(
            Text(
                "Open them in any editor that runs notebooks, or:\n"
                f'  pip install jupyterlab scikit-learn && jupyter lab "{folder}"\n'
                "Begin with 1-the-notes. Where you see dots, put your answer: the cell says whether it is right."
            )
        )
    except EXPECTED as error:
        _fail(Console(stderr=True, highlight=False), error)


@app.command()
def doctor(
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile all kernels now, and say how long it took.")
    ] = False,
) -> None:
    """Print CPU, threads and why, cache of compiled code, versions."""
    from fastbp._report import machine_table

    console = Console(highlight=False)
    if compile:
        for dtype in DType:
            began = time.perf_counter()
            net = fastbp.Network([2, 3, 2], dtype=dtype.value, seed=0)
            fastbp.train(net, np.eye(2), np.eye(2), epochs=1, batch_size=1)
            net.predict(np.eye(2))
            console.print(f"{dtype.value}: ready after {time.perf_counter() - began:.1f} s")
    console.print(machine_table())


def main() -> None:
    """Entry point of the ``fastbp`` command."""
    app()


if __name__ == "__main__":
    main()
