"""fastbp tune: trainings with other options, judged by the validation rows; the best one is done and saved."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

import fastbp
from fastbp._signals import Phase, signals
from fastbp.checks import check_int, check_real
from fastbp.cli import config, space
from fastbp.cli.app import Out, app
from fastbp.cli.compiling import compile_first
from fastbp.cli.fitting import prepare
from fastbp.cli.options import check_file
from fastbp.cli.running import run
from fastbp.cli.train import checked
from fastbp.io.atomic import write_atomically

USUAL = {"epochs": 100, "early_stopping": 15}
"""What every trial has, unless it is given."""

SHOWN = 5
"""Trials that are printed, best first."""


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="DATA [OPTIONS OF TRAIN]",
)
def tune(
    ctx: typer.Context,
    trials: Annotated[int, typer.Option(help="Trainings to try.")] = 50,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds after which no further one is begun; default: none.")
    ] = None,
    trials_file: Annotated[
        Path | None, typer.Option(help="File to write, .jsonl: options, val_loss and seconds of every trial.")
    ] = None,
) -> None:
    """Search for the options of a training, and train with the best.

    DATA and all options are those of fastbp train, but for the preset's; what is given is fixed, what is not is
    searched: the plain net is trained. Optuna chooses where it is installed, else chance. Ctrl-C ends the search, and
    the best so far is trained.
    """
    check_int(trials, "--trials", low=1)
    if time_limit is not None:
        check_real(time_limit, "--time-limit", above=0.0)
    check_file(trials_file, "--trials-file")
    options, given = _options_of_train(ctx)
    if options["preset"] == "tabular":
        raise ValueError("--preset is tabular; a search is one for the options of the plain net. Leave it out.")
    if options["validation"] == 0:
        raise ValueError("--validation is 0; a search judges by validation rows. Leave it out.")
    console, errors = Out(), Out(stderr=True)
    for name, value in USUAL.items():
        options[name] = options[name] if name in given else value
    found = search(console, errors, options, given, trials, time_limit)
    if trials_file is not None:
        lines = [json.dumps(trial) + "\n" for trial in found]
        write_atomically(trials_file, ["".join(lines).encode("utf-8")])
    best = min((trial for trial in found if trial["val_loss"] is not None), key=_loss, default=None)
    if best is None:
        raise ValueError(
            f"None of {len(found)} trials ended with a loss. Pass a smaller --learning-rate, or look at the data with "
            "fastbp train."
        )
    if not options["quiet"]:
        console.print(_table(found))
        shown = space.described(best["options"], best["options"])
        console.print(Text(f"Best of {len(found)}: trial {best['trial']}, val_loss {best['val_loss']:.4g}: {shown}"))
    options |= {**best["options"], "preset": "none"}
    chosen = {
        name: options[name]
        for name in options
        if name in given or name in best["options"] or name in {*USUAL, "preset"}
    }
    options["written"] = config.Written("train", options["model"], chosen, options)
    run(console, errors, options)


def _loss(trial: Mapping[str, Any]) -> float:
    return float(trial["val_loss"])


def _options_of_train(ctx: typer.Context) -> tuple[dict[str, Any], set[str]]:
    """The options of ``fastbp train`` that stand on the line, checked, and the names of those that are given."""
    group: Any = ctx.parent.command if ctx.parent is not None else None
    train = group.commands["train"]
    with train.make_context("tune", list(ctx.args), parent=ctx.parent) as parsed:
        options = checked(parsed, dict(parsed.params))
        return options, set(options["written"].chosen) - {"seed"}


def search(
    console: Out,
    errors: Out,
    options: Mapping[str, Any],
    given: set[str],
    trials: int,
    time_limit: float | None = None,
) -> list[dict[str, Any]]:
    """Every trial: its number, options, least val_loss (None if it failed), epoch and seconds."""
    first = prepare(options, console, errors)
    data = first.data
    if not len(first.aside):
        raise ValueError(
            f"{data.name!r} has too few rows to set some aside, and a search judges by validation rows. Pass "
            "--validation 0.2, say."
        )
    fixed = {name: options[name] for name in given}
    choose = space.chooser(space.space(fixed, len(first.kept)), options["seed"])
    if not options["quiet"]:
        console.print(
            f"{data.name}: {len(first.kept):,} samples to train on, {len(first.aside):,} to validate; {trials} trials "
            f"by {choose.name}",
            soft_wrap=True,
        )
        compile_first(errors, first.model.net.dtype.name)
    found: list[dict[str, Any]] = []
    began = time.monotonic()
    signals.phase = Phase.RAISE
    try:
        with _bar(errors, trials, options["quiet"]) as told:
            while len(found) < trials and (time_limit is None or not found or time.monotonic() - began < time_limit):
                chosen = choose.ask()
                trial = _trial(len(found) + 1, {**options, **chosen}, data, chosen, errors)
                if trial is None:
                    break
                choose.tell(math.inf if trial["val_loss"] is None else trial["val_loss"])
                found.append(trial)
                told(found)
    except KeyboardInterrupt:  # between two trainings
        pass
    finally:
        signals.phase = Phase.LEAVE
    if signals.received:
        if not found or len(signals.received) > 1:
            raise KeyboardInterrupt
        console.print(f"{signals.word} after {len(found)} trials.")
        signals.received.clear()
    return found


def _trial(
    number: int, options: Mapping[str, Any], data: Any, chosen: dict[str, Any], nobody: Out
) -> dict[str, Any] | None:
    """One training; None if it was interrupted."""
    began = time.monotonic()
    loss, epoch = None, None
    with contextlib.suppress(fastbp.DivergenceError):
        ended = prepare({**options, "quiet": True}, nobody, nobody, data).fit([], False)
        if ended.stopped == "interrupted":
            return None
        losses = np.asarray(ended.history["val_loss"], np.float64)
        if np.isfinite(losses).any():
            epoch = int(np.nanargmin(losses)) + 1
            loss = float(losses[epoch - 1])
    seconds = round(time.monotonic() - began, 3)
    return {"trial": number, "val_loss": loss, "epoch": epoch, "seconds": seconds, "options": chosen}


@contextlib.contextmanager
def _bar(errors: Out, trials: int, quiet: bool) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Context with a bar on a terminal: trials done, the best loss, the time left."""
    if quiet or not errors.is_terminal:
        yield lambda found: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("trial"), MofNCompleteColumn(), BarColumn(bar_width=24), TextColumn("{task.fields[best]}"))
    with Progress(*columns, TimeRemainingColumn(compact=True), console=errors, transient=True) as bar:
        task = bar.add_task("", total=trials, best="")

        def told(found: list[dict[str, Any]]) -> None:
            losses = [trial["val_loss"] for trial in found if trial["val_loss"] is not None]
            bar.update(task, completed=len(found), best=f"best val_loss {min(losses):.4g}" if losses else "")

        yield told


def _table(found: list[dict[str, Any]]) -> Table:
    """The best trials."""
    table = Table("trial", "val_loss", "epoch", "seconds", "options", box=None, pad_edge=False)
    for trial in sorted((t for t in found if t["val_loss"] is not None), key=_loss)[:SHOWN]:
        shown = space.described(trial["options"], trial["options"])
        cells = (str(trial["trial"]), f"{trial['val_loss']:.4g}", str(trial["epoch"]), f"{trial['seconds']:.2f}")
        table.add_row(*cells, Text(shown))
    return table
