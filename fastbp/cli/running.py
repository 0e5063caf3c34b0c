"""``fastbp train``, once its options are known: train, save, test, draw, and say so."""

from __future__ import annotations

import math
import warnings
from typing import Any

import typer
from rich.text import Text

import fastbp
from fastbp._signals import signals
from fastbp.cli import deciding, preset, tables
from fastbp.cli.app import Out
from fastbp.cli.compiling import compile_first
from fastbp.cli.fitting import Prepared, prepare
from fastbp.cli.interrupts import Interrupts
from fastbp.cli.options import counting
from fastbp.cli.why import say_why
from fastbp.errors import called
from fastbp.io.atomic import write_atomically


def run(console: Out, errors: Out, o: dict[str, Any]) -> None:
    """Everything that the command does."""
    data = None
    if preset.check(o, o["written"].chosen):
        data = tables.read(o, errors)
        if preset.applies(o, data):
            _announce_classes(console, data, o)
            trained, ended = preset.train(console, errors, o, data)
            if not ended_before_it_began(ended):
                _conclude(console, errors, trained, ended, o)
            return
    prepared = prepare(o, console, errors, data)
    data, model = prepared.data, prepared.model
    _announce_classes(console, data, o)
    deciding.check(data, prepared.aside, model.net.activations[-1], o)
    if o["verbose"]:
        _explain_plan(console, prepared)
    if not o["quiet"]:
        if prepared.columns is not None:
            tables.show(prepared.columns, console)
        targets = "1 target column" if data.n_outputs == 1 else f"{data.n_outputs} target columns"
        console.print(
            f"{data.name}: {len(prepared.kept):,} samples to train on, {len(prepared.aside):,} to validate, "
            f"{len(data.X_test):,} to test; {prepared.X.shape[1]} features, "
            f"{f'{len(data.classes)} classes' if data.classes else targets}",
            soft_wrap=True,
        )
        console.print(f"{model.net}, {model.net.n_parameters:,} parameters", soft_wrap=True)
        compile_first(errors, model.net.dtype.name)
    why = _what_trains(prepared)
    ended = train_and_save(console, errors, prepared, o, why)
    if ended_before_it_began(ended):  # nothing to test, and kernels may not be compiled yet
        return
    _conclude(console, errors, prepared, ended, o)
    if not (o["quiet"] or ended.stopped == "interrupted"):
        say_why(console, ended, **why)


def ended_before_it_began(run: fastbp.Run) -> bool:
    """Whether a signal came before the first minibatch."""
    return run.stopped is not None and run.epoch == run.minibatch == 0


def _what_trains(prepared: Prepared) -> dict[str, Any]:
    """What a diagnosis needs, the network as it is before the training among it."""
    X, Y = prepared.samples
    names = ("class_weight", "dropout", "output_weight", "missing_targets")
    return {"before": prepared.model.net.copy(), "X": X, "Y": Y} | {name: prepared.options[name] for name in names}


def train_and_save(console: Out, errors: Out, prepared: Prepared, o: dict[str, Any], why: dict[str, Any]) -> fastbp.Run:
    """Train the model and write its file, whatever signal comes meanwhile."""
    from fastbp.training.progress import ProgressBar

    with Interrupts() as interrupts:
        try:
            run = prepared.fit([interrupts, *o["logs"]], False if o["quiet"] else ProgressBar(errors))
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
        said = [] if ended_before_it_began(run) else deciding.settle(prepared, o)
        fastbp.save(prepared.model, o["model"])
        o["written"].write()
        if run.stopped == "interrupted":
            console.print(f"{signals.word} after {run.epoch} epochs and {run.minibatch} minibatches.")
        elif run.stopped:
            stopping = prepared.options["early_stopping"]
            best = stopping is not None and stopping.restore_best and run.best_epoch is not None
            where = f"the weights of epoch {run.best_epoch}" if best else "the last weights"
            console.print(f"Stopped after {run.epoch} epochs ({run.stopped}), with {where}.")
        for sentence in said:
            console.print(Text(sentence), soft_wrap=True)
        console.print(Text(f"Saved what was learned to {o['model']}."))
    if o["verbose"]:
        console.print(Text(f"It ran with {run.plan}."))
    if interrupts.leaving:
        raise typer.Exit(signals.status)
    return run


def _explain_plan(console: Out, prepared: Prepared) -> None:
    """Say how the training will run, and why."""
    from fastbp.cli.report import plan_table

    of_a_plan = ("optimizer", "l1", "l2", "dropout", "clip_norm", "frozen", "n_threads")
    options = {name: prepared.options[name] for name in of_a_plan}
    with called({"batch": "--batch-size", "n_threads": "--threads"}):
        net, batch = prepared.model.net, prepared.options["batch_size"]
        planned = fastbp.plan(net, batch, n_samples=len(prepared.kept), **options)
    console.print(plan_table(planned))


def _announce_classes(console: Out, data: Any, o: dict[str, Any]) -> None:
    """Say so where numbers have been taken for the names of classes, which nobody asked for."""
    if o["task"] is None and data.image is None and data.classes and all(type(name) is int for name in data.classes):
        name = data.target or o["target"] or "targets"
        text = f"`{name}`: {len(data.classes)} whole numbers, taken as classes; --task regression for a number"
        console.print(Text(text), soft_wrap=True)


def _conclude(console: Out, errors: Out, prepared: Prepared, run: fastbp.Run, o: dict[str, Any]) -> None:
    """Test, print, draw and report."""
    from fastbp.cli.evaluation.judging import judge
    from fastbp.cli.screen import is_cheap, show, steps

    data, model = prepared.data, prepared.model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The loss is", RuntimeWarning)  # it is said below, in the command's words
        scores = model.evaluate(data.X_test, data.named(data.Y_test), **counting(o))
    judgement = None
    if o["report"] is not None or not o["quiet"]:
        named = data.feature_names is not None or prepared.columns is not None
        n_cells = data.X_test.shape[0] * data.X_test.shape[1]
        columns = o["report"] is not None or (named and is_cheap(n_cells, model.net.n_parameters))
        with steps(errors) as on_step:
            judgement = judge(prepared, run, columns=columns, on_step=on_step)
        if not o["quiet"]:
            show(console, judgement)
    if data.classes:
        accuracy = f"accuracy {scores['accuracy']:.2%}, " if "accuracy" in scores else ""
        console.print(f"Test {accuracy}loss {scores['loss']:.4f}")
    else:
        console.print(f"Test R2 {scores['r2']:.4f}, loss {scores['loss']:.4f}")
    if not math.isfinite(scores["loss"]):
        console.print(
            "The loss is infinite because of rows whose class has probability 0, or whose output is no number: they "
            "may be far from all that were trained on. Look at the worst rows.",
            soft_wrap=True,
        )
    if o["plot"] is not None:
        from fastbp.cli import plot as pictures

        pictures.picture(o["plot"], run, model, data)
        console.print(Text(f"Drew {o['plot']}."))
    if o["report"] is not None and judgement is not None:
        from fastbp.cli.page.page import page

        text = page(judgement, o, o["written"].text)
        write_atomically(o["report"], [text.encode("utf-8")])
        console.print(Text(f"Wrote the report {o['report']}."))
