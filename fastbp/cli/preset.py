"""What ``fastbp train`` does of a table with named columns: the preset of `fastbp.tables`."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.text import Text

import fastbp
from fastbp._signals import Phase, signals
from fastbp.checks import check_int
from fastbp.cli import deciding, tables
from fastbp.cli.app import Out
from fastbp.cli.fitting import Prepared
from fastbp.cli.interrupts import Interrupts
from fastbp.cli.options import check_class_weight
from fastbp.errors import called

if TYPE_CHECKING:
    from fastbp.tables.fitting import Fitted
    from fastbp.tables.of_data import HeldOut

Preset = Annotated[
    str | None,
    typer.Option(
        help="tabular: members side by side, as tables ask for, each with its best epoch; none: the plain net. "
        "Default: tabular for a table with named columns, where no option asks for the plain net."
    ),
]
Members = Annotated[int | None, typer.Option(help="Of the preset: networks side by side, a fold each; default 5.")]
TimeLimit = Annotated[float | None, typer.Option(help="Of the preset: seconds that its training takes about.")]

NAMES = ("tabular", "none")
OF_THE_PRESET = ("members", "time_limit")
HONOURED = {
    *("data", "target", "kinds", "drop", "only", "id", "sample_weight", "group", "decimal", "date_format", "missing"),
    *(*tables.FORMAT, "test_file", "split", "task", "test", "epochs", "batch_size", "seed", "threads", "model", "plot"),
    *("report", "config", "quiet", "verbose", "preset", *OF_THE_PRESET),
    *("threshold", "interval", "class_weight", "log"),
}
"""Options that mean something to the preset; every other one asks for the plain net."""
MEMBERS = 5


def check(o: Mapping[str, Any], given: Collection[str]) -> bool:
    """Whether the options leave it to the data; ValueError where they contradict each other."""
    if o["preset"] not in (None, *NAMES):
        raise ValueError(f"--preset is {o['preset']!r}; it must be one of {', '.join(NAMES)}. Pass one of these.")
    others = [name for name in given if name not in HONOURED]
    option = {"kinds": "--kind"}.get(others[0], "--" + others[0].replace("_", "-")) if others else ""
    mine = [name for name in OF_THE_PRESET if o[name] is not None]
    if o["preset"] == "tabular" and others:
        raise ValueError(
            f"{option} is the plain net's, and --preset is tabular. Leave {option} out, or pass --preset none."
        )
    plain = o["preset"] == "none" or bool(others)
    if plain and mine:
        why = "--preset is none" if o["preset"] == "none" else f"{option} asks for the plain net"
        raise ValueError(f"--{mine[0].replace('_', '-')} is of the preset, and {why}. Leave one of the two out.")
    if o["members"] is not None:
        check_int(o["members"], "--members", low=1)
    if not plain:
        check_int(o["seed"], "--seed", low=0)
    return not plain


def applies(o: Mapping[str, Any], data: Any) -> bool:
    """Whether the preset is to be trained on the data; ValueError where it is asked for and cannot be."""
    from fastbp.tables.of_data import suits

    asked = o["preset"] == "tabular" or any(o[name] is not None for name in OF_THE_PRESET)
    if asked and not suits(data):
        given = "preset" if o["preset"] == "tabular" else next(name for name in OF_THE_PRESET if o[name] is not None)
        raise ValueError(
            f"{o['data']!r} is no table with named columns whose targets are all there; the preset is made for these. "
            f"Leave --{given.replace('_', '-')} out."
        )
    return suits(data)


@dataclass(frozen=True)
class OfPreset(Prepared):
    """A training of the preset, once it has ended.

    Attributes
    ----------
    fitted : Fitted
    """

    fitted: Fitted | None = None

    def transform(self, X: Any) -> np.ndarray:
        """Rows as a linear model takes them."""
        assert self.columns is not None
        return self.columns.encode(X)

    held_out_in_words = (
        "The rows to train on that the members are most wrong about, each predicted by the member that has not seen it:"
    )

    def rows_in_words(self) -> str:
        """How many rows there are, and which members hold out."""
        assert self.fitted is not None
        n, members = len(self.held_out[0]) if self.held_out is not None else 0, len(self.fitted.nets)
        if members == 1:
            return f"{len(self.kept):,} rows, {n:,} of them to validate on"
        return f"{len(self.kept):,} rows for {members} members, {n:,} of them held out by one of these"

    def training_in_words(self, run: fastbp.Run) -> str:
        """The members' network, how long they were trained, and which epoch's weights each has."""
        assert self.fitted is not None
        nets, runs = self.fitted.nets, self.fitted.runs
        said = f"{nets[0]}, {nets[0].n_parameters:,} parameters; {run.epoch} epochs."
        if len(nets) > 1:
            said = f"{len(nets)} members, the first a {said}"
        if run.stopped:
            said += f" It ended early: {run.stopped}."
        epochs = [str(one.best_epoch) for one in runs if one.best_epoch is not None]
        if epochs:
            said += f" The weights are those of epoch {', '.join(epochs)}, the best on the rows that were held out."
        return said + (" The curves are those of the first." if len(nets) > 1 else "")

    @functools.cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows, and what a member that has not seen them predicts of each."""
        assert self.fitted is not None
        rows = np.flatnonzero(self.fitted.member_of >= 0)
        return (rows, self.fitted.out_of_fold[rows]) if len(rows) else None


class _Begun(fastbp.Callback):
    """Tells `Interrupts` that there is something to save; members end one after the other, which it need not know."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def on_train_begin(self, run: fastbp.Run) -> None:
        if self._interrupts.run is None:
            self._interrupts.run = run
            signals.phase = Phase.RAISE


def train(console: Out, errors: Out, o: dict[str, Any], data: Any) -> tuple[OfPreset, fastbp.Run]:
    """Train the preset and write its model."""
    from fastbp.tables.of_data import fit_data, held_out, to_hold_out
    from fastbp.tables.recipe import Recipe

    n_members = MEMBERS if o["members"] is None else o["members"]
    with called({"epochs": "--epochs", "batch_size": "--batch-size"}):
        recipe = Recipe(batch_size=o["batch_size"])
        if o["epochs"] is not None:
            recipe = replace(recipe, epochs=o["epochs"], least_steps=0)
    time_order = None if o["split"] is None else tables.moments(data, o)
    check_class_weight(o["class_weight"], data.task)
    aside = to_hold_out(data, n_members, o["seed"], o["class_weight"], time_order)
    deciding.check(data, aside, "sigmoid" if len(data.classes or ()) == 2 else "", o)
    columns = tables.learn(data, np.arange(len(data.X)), o)
    assert columns is not None
    if not o["quiet"]:
        tables.show(columns, console)
        what = f"{len(data.classes)} classes" if data.classes else f"{data.n_outputs} target columns"
        console.print(
            f"{data.name}: {len(data.X):,} samples to train on, {len(data.X_test):,} to test; "
            f"{'1 target column' if what == '1 target columns' else what}",
            soft_wrap=True,
        )
        members = f"{n_members} members" if n_members > 1 else "1 member"
        if not len(aside):
            members += f"; of {len(data.X):,} samples none is held out, and the last epoch is kept"
        elif n_members > 1:
            members += ", each with a fold to validate on"
        console.print(f"The preset for tables: {members}", soft_wrap=True)
    with Interrupts() as interrupts:
        fitted = fit_data(
            data,
            learn=lambda rows: columns,
            n_members=n_members,
            recipe=recipe,
            seed=o["seed"],
            class_weight=o["class_weight"],
            time_order=time_order,
            time_limit=o["time_limit"],
            n_threads=o["threads"],
            callbacks=[_Begun(interrupts), *o["logs"]],
            progress=not o["quiet"],
        )
        run = next((run for run in fitted.runs if run.stopped == "interrupted"), fitted.runs[0])
        interrupts.run = run
        interrupts.on_train_end(run)
        rows = np.arange(len(data.X))
        options = {"seed": o["seed"], "class_weight": o["class_weight"], "early_stopping": None}
        X = columns.encode(data.X)
        trained = OfPreset(data, rows, rows[:0], fitted.model(), X, data.Y, options, columns, fitted)
        said = deciding.settle(trained, o)
        fastbp.save(trained.model, o["model"])
        if o.get("written") is not None:
            o["written"].write()
        if run.stopped == "interrupted":
            console.print(f"{signals.word} after {run.epoch} epochs and {run.minibatch} minibatches.")
        elif not o["quiet"]:
            said = [*_said(fitted, held_out(fitted, data), data), *said]
        for sentence in said:
            console.print(Text(sentence), soft_wrap=True)
        console.print(Text(f"Saved what was learned to {o['model']}."))
    if interrupts.leaving:
        raise typer.Exit(signals.status)
    return trained, run


def _said(fitted: Fitted, found: HeldOut | None, data: Any) -> list[str]:
    """What there is to say of the training; that it has learned nothing is a finding of the result."""
    epochs = [run.best_epoch for run in fitted.runs if run.best_epoch is not None]
    said = []
    if found is not None:
        name = "log loss" if data.classes else "RMSE"
        said.append(f"Held-out rows: {name} {found.loss:.4g}, where a constant has {found.constant:.4g}.")
    if epochs:
        said.append(f"Best epochs: {', '.join(map(str, epochs))} of {fitted.runs[0].epoch}.")
    return said
