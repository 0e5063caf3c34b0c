"""fastbp train: read, scale, train, save, test, draw."""

from __future__ import annotations

import enum
import signal
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.text import Text

import fastbp
from fastbp._signals import Phase, signals
from fastbp.checks import COSTS, HIDDEN, check_int, check_name, check_real
from fastbp.cli import tables
from fastbp.cli.app import DType, Out, app
from fastbp.cli.compiling import compile_first
from fastbp.cli.options import (
    MONITORED,
    check_class_weight,
    check_file,
    checkpoint,
    counting,
    dropped,
    early_stopping,
    model_for,
    optimizer,
    rate,
    trained,
)
from fastbp.errors import called
from fastbp.functions.costs import PARAMETERS_IN_WORDS
from fastbp.initializers import INITIALIZERS
from fastbp.targets import decide, out_of_reach
from fastbp.training.schedules import ReduceOnPlateau

Task = enum.StrEnum("Task", ["classification", "regression"])
Optimizers = enum.StrEnum("Optimizers", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lbfgs"])


@app.command()
def train(
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no tables.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say with which schedule, threads and optimisations it runs, and why.")
    ] = False,
) -> None:
    """Train a network, test it and save it."""
    options = locals()
    check_file(model, "--model")
    check_file(plot, "--plot")
    check_file(checkpoint, "--checkpoint")
    if plot is not None:
        from fastbp.cli import plot as pictures

        pictures.check(plot)
    _train(Out(), Out(stderr=True), options)


class Interrupts(fastbp.Callback):
    """Context manager around training, saving and the word about it, and a callback of that training: between them
    comes no signal.

    From the run's beginning a signal raises KeyboardInterrupt in it. Once the run has ended, signals are only noted,
    until the context ends.

    Attributes
    ----------
    run : Run or None
        The training run, once it has begun.
    """

    def __init__(self) -> None:
        self.run: fastbp.Run | None = None

    @property
    def leaving(self) -> bool:
        """Whether the process is to end once the model is saved, without testing it.

        A single Ctrl-C in the training ends the training. Ctrl-C after its end, a second one, and every other signal
        end the command.
        """
        stopped = self.run is not None and self.run.stopped == "interrupted"
        return signals.received not in ([], [signal.SIGINT] if stopped else [])

    def on_train_begin(self, run: fastbp.Run) -> None:
        """From here on there is something to save."""
        self.run = run
        signals.phase = Phase.RAISE

    def on_train_end(self, run: fastbp.Run) -> None:
        """From here on nothing may come between."""
        signals.phase = Phase.NOTE

    def __enter__(self) -> Interrupts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        signals.phase = Phase.NOTE if self.leaving else Phase.LEAVE


def _train(console: Out, errors: Out, options: dict[str, Any]) -> None:
    from fastbp.io.model_file import check_savable

    check_real(options["validation"] or 0.0, "--validation", low=0.0, below=1.0)
    check_int(options["seed"], "--seed", low=0)
    told = tables.likely(options)  # what cannot be is told before anything is read
    early_stopping(told), rate(told)
    parts, counted = dropped(options["dropout"]), counting(options)
    frozen, layer_rates = trained(options)
    data = tables.read(options, errors)
    o = tables.filled_in(options, data, console)
    stopping, rule = early_stopping(o), rate(o)
    for who, where in ((stopping, "--monitor"), (rule, "--schedule plateau:monitor")):
        if isinstance(who, (fastbp.EarlyStopping, ReduceOnPlateau)):
            check_name(who.monitor, MONITORED[data.task], where)
    check_class_weight(o["class_weight"], data.task)
    _announce_classes(console, data, o)
    kept, aside = tables.validation(data, o)
    held = aside.size > 0
    columns = tables.learn(data, kept, o)
    model = model_for(data, kept, o, columns)
    check_savable(model.contents())  # what could not be saved is not trained either
    _require_reach(data, model.net.activations[-1])
    net, X = model.net, model.transform(data.X)
    Y = model.transform_targets(data.named(data.Y))
    s = data.weight
    how = optimizer(str(o["optimizer"]), data.task, o)
    usual = len(kept) if isinstance(how, fastbp.LBFGS) else 10
    batch_size = min(usual if o["batch_size"] is None else o["batch_size"], len(kept))
    if o["verbose"]:
        _explain_plan(console, net, how, batch_size, len(kept), o)
    if not o["quiet"]:
        if columns is not None:
            tables.show(columns, console)
        targets = "1 target column" if data.n_outputs == 1 else f"{data.n_outputs} target columns"
        console.print(
            f"{data.name}: {len(kept):,} samples to train on, {len(aside):,} to validate, {len(data.X_test):,} to "
            f"test; {X.shape[1]} features, {f'{len(data.classes)} classes' if data.classes else targets}",
            soft_wrap=True,
        )
        console.print(f"{net}, {net.n_parameters:,} parameters", soft_wrap=True)
        compile_first(errors, net.dtype.name)
    from fastbp.cli.why import say_why
    from fastbp.training.progress import ProgressBar

    X_kept, Y_kept = X[kept], Y[kept]
    why = {
        "before": net.copy(),
        "X": X_kept,
        "Y": Y_kept,
        "class_weight": o["class_weight"],
        "dropout": parts,
        **counted,
    }
    with Interrupts() as interrupts:
        try:
            run = fastbp.train(
                net,
                X_kept,
                Y_kept,
                optimizer=how,
                epochs=o["epochs"],
                batch_size=batch_size,
                shuffle=o["shuffle"],
                seed=o["seed"],
                sample_weight=None if s is None else s[kept],
                class_weight=o["class_weight"],
                **counted,
                validation=(X[aside], Y[aside], None if s is None else s[aside]) if held else None,
                l1=o["l1"],
                l2=o["l2"],
                dropout=parts,
                clip_norm=o["clip_norm"],
                frozen=frozen,
                layer_rates=layer_rates,
                schedule=rule,
                early_stopping=stopping,
                n_threads=o["threads"],
                checkpoint=checkpoint(o, model),
                callbacks=[interrupts],
                progress=False if o["quiet"] else ProgressBar(errors),
            )
        except fastbp.DivergenceError as error:
            if not o["quiet"]:
                say_why(errors, interrupts.run, error=error, **why)
            raise
        except KeyboardInterrupt:  # while the run was ending
            if interrupts.run is None:
                raise
            run = interrupts.run
            run.stopped = "interrupted"
        interrupts.on_train_end(run)
        fastbp.save(model, o["model"])
        if run.stopped == "interrupted":
            console.print(f"{signals.word} after {run.epoch} epochs and {run.minibatch} minibatches.")
        elif run.stopped:
            best = stopping is not None and stopping.restore_best and run.best_epoch is not None
            where = f"the weights of epoch {run.best_epoch}" if best else "the last weights"
            console.print(f"Stopped after {run.epoch} epochs ({run.stopped}), with {where}.")
        console.print(Text(f"Saved what was learned to {o['model']}."))
    if o["verbose"]:
        console.print(Text(f"It ran with {run.plan}."))
    if interrupts.leaving:
        raise typer.Exit(signals.status)
    if run.stopped and run.epoch == run.minibatch == 0:  # nothing to test, and the kernels may not be compiled yet
        return
    _conclude(console, model, run, data, o)
    if not (o["quiet"] or run.stopped == "interrupted"):
        say_why(console, run, **why)


def _explain_plan(console: Out, net: fastbp.Network, how: Any, batch: int, n: int, o: dict[str, Any]) -> None:
    """Say how the training will run, and why."""
    from fastbp.cli.report import plan_table

    with called({"batch": "--batch-size", "n_threads": "--threads"}):
        planned = fastbp.plan(
            net,
            batch,
            optimizer=how,
            l1=o["l1"],
            l2=o["l2"],
            dropout=dropped(o["dropout"]),
            clip_norm=o["clip_norm"],
            frozen=trained(o)[0],
            n_samples=n,
            n_threads=o["threads"],
        )
    console.print(plan_table(planned))


def _announce_classes(console: Out, data: Any, o: dict[str, Any]) -> None:
    """Say so where numbers have been taken for the names of classes, which nobody asked for."""
    if o["task"] is None and data.image is None and data.classes and all(type(name) is int for name in data.classes):
        name = data.target or o["target"] or "targets"
        text = f"`{name}`: {len(data.classes)} whole numbers, taken as classes; --task regression for a number"
        console.print(Text(text), soft_wrap=True)


def _require_reach(data: Any, output: str) -> None:
    """ValueError for numbers to learn, or to test on, that the outputs cannot reach."""
    if data.task == "regression":
        for Y, name in ((data.Y, "The target"), (data.Y_test, "The target of the test part")):
            problem = out_of_reach(Y, output, name)
            if problem is not None:
                raise ValueError(f"{problem} Scale the target, or pass --output identity.")


def _conclude(console: Out, model: fastbp.Model, run: fastbp.Run, data: Any, o: Any) -> None:
    """Test, print and draw."""
    from fastbp.cli.report import class_table, confusion

    scores = model.evaluate(data.X_test, data.named(data.Y_test), **counting(o))
    names = data.classes or ()
    if names:
        if not o["quiet"]:
            decided = decide(model.feedforward(data.X_test))
            console.print(class_table(confusion(data.Y_test, decided, len(names)), names))
        accuracy = f"accuracy {scores['accuracy']:.2%}, " if "accuracy" in scores else ""
        console.print(f"Test {accuracy}loss {scores['loss']:.4f}")
    else:
        console.print(f"Test R2 {scores['r2']:.4f}, loss {scores['loss']:.4f}")
    if o["plot"] is not None:
        from fastbp.cli import plot as pictures

        pictures.picture(o["plot"], run, model, data)
        console.print(Text(f"Drew {o['plot']}."))
