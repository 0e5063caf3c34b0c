"""fastbp train: its options."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from fastbp.checks import COSTS, HIDDEN
from fastbp.cli import config as configuration
from fastbp.cli import logs, tables
from fastbp.cli import preset as of_tables
from fastbp.cli.app import DType, Out, app
from fastbp.cli.options import check_file, check_report
from fastbp.cli.running import run
from fastbp.functions.costs import PARAMETERS_IN_WORDS
from fastbp.initializers import INITIALIZERS

Task = enum.StrEnum("Task", ["classification", "regression"])
Optimizers = enum.StrEnum("Optimizers", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lbfgs"])


@app.command()
def train(
    ctx: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .tsv and other text, .parquet, .xlsx, .jsonl; - is standard input), digits, a folder "
            "with MNIST's four idx files, or an .npz or .npy file."
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(help="Target column of a table, by name or index, or several with commas; key of an .npz file."),
    ] = None,
    targets: Annotated[Path | None, typer.Option(help="File of the targets, for an .npy or idx file.")] = None,
    kinds: tables.Kinds = None,
    drop: tables.Drop = None,
    only: tables.Only = None,
    id: tables.Id = None,
    sample_weight: tables.Weight = None,
    group: tables.Group = None,
    decimal: tables.Decimal = None,
    date_format: tables.DateFormat = None,
    missing: tables.Missing = None,
    delimiter: tables.Delimiter = None,
    encoding: tables.Encoding = None,
    quote: tables.Quote = None,
    comment: tables.Comment = None,
    header: tables.Header = None,
    sheet: tables.Sheet = None,
    test_file: tables.TestFile = None,
    split: tables.Split = None,
    class_weight: Annotated[
        str | None, typer.Option(help="balanced: each class has the same share of the cost; default: each sample has.")
    ] = None,
    output_weight: Annotated[str | None, typer.Option(help="Weight of each output in the cost, such as 1,0.5.")] = None,
    missing_targets: Annotated[
        str | None, typer.Option(help="ignore: a target that is missing counts nothing.")
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the targets are; default: decided from them.")] = None,
    hidden: Annotated[str, typer.Option(help="Neurons of the hidden layers, such as 128,64; or none.")] = "30",
    activation: Annotated[str, typer.Option(help=f"Of hidden layers: {', '.join(HIDDEN)}.")] = "sigmoid",
    output: Annotated[str | None, typer.Option(help="Activation of the output layer; default by task.")] = None,
    cost: Annotated[str | None, typer.Option("--cost", "--loss", help=f"{', '.join(COSTS)}; default by task.")] = None,
    cost_parameter: Annotated[
        float | None,
        typer.Option("--cost-parameter", "--loss-parameter", help=f"Of {PARAMETERS_IN_WORDS.replace('`', '')}."),
    ] = None,
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
    weight_decay: Annotated[float | None, typer.Option(help="Before each step w <- w - eta decay w.")] = None,
    tol: Annotated[float | None, typer.Option(help="Of lbfgs: no derivative is larger in the end.")] = None,
    memory: Annotated[int | None, typer.Option(help="Of lbfgs: steps that it remembers.")] = None,
    max_evaluations: Annotated[int | None, typer.Option(help="Of lbfgs: costs that it may ask for.")] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="How the learning rate changes: constant, step, exponential, cosine, cosine_log, warmup or plateau; "
            "with numbers such as step:every=10,factor=0.5 or cosine:warmup=2,final=0.01."
        ),
    ] = "constant",
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the samples, of lbfgs iterations; default 30, on a table at most 200."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples of a minibatch; default 10, of lbfgs all.")] = None,
    l1: Annotated[float, typer.Option(help="Strength of l1 sum |w|.")] = 0.0,
    l2: Annotated[float, typer.Option(help="Strength of l2/2 sum w^2.")] = 0.0,
    dropout: Annotated[
        str,
        typer.Option(help="Part of the hidden neurons left out in training, or one for each layer, such as 0.5,0.2."),
    ] = "0",
    clip_norm: Annotated[
        float | None, typer.Option(help="Scale down gradients that are longer than this; default: none.")
    ] = None,
    frozen: Annotated[
        str | None, typer.Option(help="Layers whose weights and biases stay as they are, such as 1,2; default: none.")
    ] = None,
    layer_rates: Annotated[
        str | None, typer.Option(help="Factors on the learning rate, one for each layer, such as 0.1,1.")
    ] = None,
    shuffle: Annotated[bool, typer.Option(help="A new order of the samples in each epoch.")] = True,
    scale: Annotated[
        bool, typer.Option(help="Bring the inputs, and the targets of a regression, to a common range.")
    ] = True,
    test: Annotated[float, typer.Option(help="Share of the samples to test on, if the data has no test part.")] = 0.2,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of the training samples to validate on, 0 for none; default 0.1, of a table 0.15."),
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            help="Stop after this many epochs without a better validation loss; 0 for never; default 0, on a table 20."
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            help="What early stopping looks at: val_loss, val_accuracy, val_r2, loss or accuracy; default val_loss."
        ),
    ] = None,
    min_delta: Annotated[
        float | None, typer.Option(help="Least change that is an improvement to early stopping; default 0.")
    ] = None,
    restore_best: Annotated[
        bool | None,
        typer.Option(
            "--restore-best/--no-restore-best",
            help="Whether early stopping goes back to the best epoch's weights; default: it does.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and splits.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Default: chosen from the machine and the work.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="File that keeps the training's state, once a minute, and from which it goes on."),
    ] = None,
    resume: Annotated[
        bool | None, typer.Option("--resume/--no-resume", help="Whether the checkpoint is there; default: either.")
    ] = None,
    model: Annotated[Path, typer.Option(help="Model file to write.")] = Path("model.fastbp"),
    plot: Annotated[Path | None, typer.Option(help="Picture of the run to write, .png, .svg or .pdf.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Page of the result to write, .html: metrics, curves, columns, worst rows.")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="Of two classes: the probability from which a row is of the second; or balanced or f1, which "
            "choose it by the validation rows. Default 0.5."
        ),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(help="Of a regression: part of the rows, such as 0.9, that intervals of predictions shall cover."),
    ] = None,
    preset: of_tables.Preset = None,
    members: of_tables.Members = None,
    time_limit: of_tables.TimeLimit = None,
    log: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of every epoch's values, .jsonl or .csv; or a folder, for TensorBoard. May be repeated."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            is_eager=True,
            callback=configuration.use,
            help="TOML file of options, such as the one beside each model; what is typed goes before.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no tables.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say with which schedule, threads and optimisations it runs, and why.")
    ] = False,
) -> None:
    """Train a network, test it and save it."""
    run(Out(), Out(stderr=True), checked(ctx, {name: value for name, value in locals().items() if name != "ctx"}))


def checked(ctx: typer.Context, o: dict[str, Any]) -> dict[str, Any]:
    """The options, with the callbacks of ``--log`` and the file that is written beside the model.

    Raises
    ------
    ValueError, ModuleNotFoundError
        A file that is asked for could not be written.
    """
    check_file(o["model"], "--model")
    check_file(o["plot"], "--plot")
    check_file(o["checkpoint"], "--checkpoint")
    if o["plot"] is not None:
        from fastbp.cli import plot as pictures

        pictures.check(o["plot"])
    check_report(o["report"])
    written = configuration.Written("train", o["model"], configuration.given(ctx, o), o)
    return o | {"logs": logs.check(o["log"] or []), "written": written}
