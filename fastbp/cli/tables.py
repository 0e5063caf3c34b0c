"""Tables at the command line: the options that say how they are read, what is read, and what was found in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid
from rich.text import Text

import fastbp
from fastbp.cli.app import Out
from fastbp.cli.options import column
from fastbp.data.columns import Columns, Table
from fastbp.data.columns.table import listed
from fastbp.data.dataset import Data
from fastbp.errors import called

Delimiter = Annotated[
    str | None, typer.Option(help="Of a table: the mark between cells, or tab, space; default: found out.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Of a table, such as cp1252 or utf-16; default: UTF-8, or what its first bytes say.")
]
Quote = Annotated[str | None, typer.Option(help='Of a table: the mark around cells, or none; default: ".')]
Comment = Annotated[str | None, typer.Option(help="Of a table: what lines begin with that are no rows.")]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether a table's first row names the columns; default: found out."),
]
Sheet = Annotated[str | None, typer.Option(help="Of a workbook; default: the first.")]
FORMAT = ("delimiter", "encoding", "quote", "comment", "header", "sheet")
"""Options of how a table is written, in `train` and in `predict`."""

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help="What a column is: number, yes/no, category, date or time, such as zip=category; more than once, or with "
        "commas between.",
    ),
]
Drop = Annotated[str | None, typer.Option(help="Columns of a table to leave out, such as name,id.")]
Only = Annotated[str | None, typer.Option(help="Columns of a table to learn from, and no others.")]
Id = Annotated[str | None, typer.Option("--id", help="Column that identifies the rows: nothing is learned from it.")]
Weight = Annotated[
    str | None,
    typer.Option(
        "--sample-weight",
        "--weight",
        help="Weights of the samples: column of a table, key of an .npz file, else an .npy file.",
    ),
]
Group = Annotated[str | None, typer.Option(help="Column that says which rows belong together: they are never parted.")]
Decimal = Annotated[
    str | None, typer.Option(help='Decimal mark of numbers, "." or ",", where no cell decides; price=, for one column.')
]
DateFormat = Annotated[
    str | None,
    typer.Option(help="Format of dates that are not ISO's, such as %d/%m/%Y; born=%d.%m.%y for one column."),
]
Missing = Annotated[str | None, typer.Option(help="Words that stand for nothing, such as -,-999, beside NA and so on.")]
TestFile = Annotated[str | None, typer.Option(help="Table of the samples to test on, with the same columns.")]
Split = Annotated[
    str | None, typer.Option(help="time:COLUMN tests and validates on the last rows, by a date or a number.")
]

MOST_SHOWN = 40
"""Columns that are shown before the training."""
PATIENT = 20
"""Epochs without a better validation loss, after which a training on a table stops."""
LONGEST = 200
"""Epochs that a training on a table takes at most."""
LEAST = 100
"""Rows from which on some are set aside to validate on."""
ASIDE = (0.15, 20, 10_000)
"""Share of the rows, least and most of them."""


def names(text: str | None, table: Table | None = None) -> list[str]:
    """Columns with commas between; a name that has a comma itself is known by the table."""
    if text is None:
        return []
    return [text] if table is not None and text in table else [part.strip() for part in text.split(",")]


def pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    """``column=value`` of each text."""
    found = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise ValueError(f"{option} is {text!r}; a column and what it is are needed. Pass {option} {example}, say.")
        found[name.strip()] = value.strip()
    return found


def per_column(text: str | None) -> str | dict[str, str] | None:
    """One value for all columns, or ``column=value``."""
    if text is None or "=" not in text:
        return text
    name, _, value = text.rpartition("=")
    return {name: value}


def how_written(options: Mapping[str, Any]) -> dict[str, Any]:
    """How a table is written, as far as it is said."""
    return {name: options[name] for name in FORMAT}


@contextmanager
def reading(errors: Console, quiet: bool) -> Iterator[Any]:
    """What `fastbp.read` is to tell its progress: a bar on a terminal, once reading has taken a second."""
    bar = Progress(
        TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=errors, transient=True
    )
    began, task = time.monotonic(), None

    def told(done: int, size: int) -> None:
        nonlocal task
        if task is None and time.monotonic() - began > 1:
            bar.start()
            task = bar.add_task("reading", total=size or None)
        if task is not None:
            bar.update(task, completed=done)

    try:
        yield told if errors.is_terminal and not quiet else None
    finally:
        if task is not None:
            bar.stop()


def read(o: Mapping[str, Any], errors: Out) -> Data:
    """The data, with a test part; the features of a table as a `Table`."""
    from fastbp.data import reading as files
    from fastbp.data.dataset import parted
    from fastbp.data.splitting import last_in_time

    path = o["data"] if o["targets"] is None else (o["data"], o["targets"])
    if o["targets"] is not None and o["target"] is not None:
        raise ValueError("--target and --targets are both given; the targets stand in one place. Leave one out.")
    asked: dict[str, Any] = {
        "task": o["task"] and o["task"].value,
        "missing_targets": o["missing_targets"],
        "decimal": per_column(o["decimal"]),
        **how_written(o),
    }
    with called({"target": "--target" if o["targets"] is None else "--targets", "weight": "--sample-weight"}):
        with reading(errors, o["quiet"]) as progress:
            data = files.read(
                path,
                column(o["target"]),
                weight=column(o["sample_weight"]),
                group=column(o["group"]),
                progress=progress,
                **asked,
            )
    if data.table is None:
        _refuse_for_arrays(o)
    else:
        data = replace(data, X=data.table)
    if o["test_file"] is not None:
        return files.with_test(data, o["test_file"], missing_targets=o["missing_targets"], **how_written(o))
    if data.X_test is not None:
        return data
    if o["split"] is not None:
        with called({"fraction": "--test"}):
            data = parted(data, *last_in_time(moments(data, o), o["test"]))
    else:
        data = files.split(data, o["test"], seed=o["seed"])
    return data if data.table_test is None else replace(data, X_test=data.table_test)


def _refuse_for_arrays(o: Mapping[str, Any]) -> None:
    """ValueError for options of tables where there is none."""
    for name in ("kinds", "drop", "only", "id", "group", "date_format", "missing", "test_file", "split"):
        if o[name]:
            option = {"kinds": "--kind"}.get(name, "--" + name.replace("_", "-"))
            raise ValueError(
                f"{option} is about the columns of a table; {o['data']!r} is none. Leave it out, or pass a table."
            )


def moments(data: Data, o: Mapping[str, Any]) -> np.ndarray:
    """When each row was taken, from the column of ``--split time:COLUMN``."""
    from fastbp.data.columns.times import moments_of

    kind, _, name = o["split"].partition(":")
    if kind != "time" or not name:
        raise ValueError(f"--split is {o['split']!r}; it must be time:COLUMN. Pass for example --split time:date.")
    assert data.table is not None
    if name not in data.table:
        raise ValueError(
            f"--split names the column {name!r}; there is {', '.join(data.table.names)}. Pass one of these."
        )
    return moments_of(data.table, name, per_column(o["date_format"]))


def validation(data: Data, o: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the rows to train on, and of those to validate on."""
    from fastbp.data.splitting import last_in_time, split_indices

    n, share = len(data.X), o["validation"]
    if not share or n < 2:
        return np.arange(n), np.arange(0)
    with called({"fraction": "--validation"}):
        if o["split"] is not None:
            return last_in_time(moments(data, o), share)
        labels = data.Y if data.task == "classification" else None
        return split_indices(n, share, seed=o["seed"], labels=labels, groups=data.group)


def likely(o: Mapping[str, Any]) -> dict[str, Any]:
    """The options before the data are known, with defaults that leave out nothing that is given."""
    stopping = 0 if o["validation"] == 0 else PATIENT
    usual = {"validation": ASIDE[0], "early_stopping": stopping, "epochs": LONGEST}
    return {**o, **{name: value for name, value in usual.items() if o[name] is None}}


def filled_in(o: dict[str, Any], data: Data, console: Out) -> dict[str, Any]:
    """The options, with those of validation, stopping and epochs that suit the data where none are given."""
    o, given = dict(o), {name: o[name] is not None for name in ("validation", "early_stopping", "epochs")}
    table, n = data.table is not None, len(data.X)
    if not given["validation"]:
        share, least, most = ASIDE
        o["validation"] = 0.1 if not table else 0.0 if n < LEAST else min(max(round(share * n), least), most) / n
        if table and n < LEAST and not o["quiet"] and not o["early_stopping"]:
            console.print(
                f"{n} rows to train on are fewer than {LEAST}: none are set aside to validate on, and nothing stops "
                "the training early. --validation 0.2 sets some aside.",
                soft_wrap=True,
            )
    if not given["early_stopping"]:
        watched = table and o["validation"] > 0
        o["early_stopping"] = PATIENT if watched else 0
    if not given["epochs"]:
        o["epochs"] = LONGEST if table and o["early_stopping"] else 30
    return o


def learn(data: Data, kept: np.ndarray, o: Mapping[str, Any]) -> Columns | None:
    """What the rows to train on say of the columns of a table."""
    if data.table is None:
        return None
    kinds = pairs([part for text in o["kinds"] or () for part in text.split(",")], "--kind", "zip=category")
    if o["id"] is not None:
        if o["id"] not in data.table:
            raise ValueError(
                f"--id names the column {o['id']!r}; {data.table.where} has no such column: it has "
                f"{listed(data.table.names)}. Pass one of these names."
            )
        kinds[o["id"]] = "identifier"
    with called({"kinds": "--kind"}):
        columns = Columns.learn(
            data.table.rows(kept),
            kinds,
            per_column(o["decimal"]) if data.target is None else _of_features(per_column(o["decimal"]), data.table),
            _of_features(per_column(o["date_format"]), data.table),
            names(o["drop"], data.table),
            names(o["only"], data.table) or None,
            names(o["missing"]),
        )
    if isinstance(data.X_test, Table):
        columns.values(data.X_test)  # whose cells may be refused: before anything is trained
    return columns if o["scale"] else columns.without_scale()


def _of_features(given: str | dict[str, str] | None, table: Table) -> Any:
    """What is said of a target is not said of a feature."""
    return {k: v for k, v in given.items() if k in table} if isinstance(given, dict) else given


def show(columns: Columns, console: Out) -> None:
    """The columns, their kinds and why."""
    grid = Grid("column", "kind", "why", "becomes", box=None, pad_edge=False)
    for found in columns.found[:MOST_SHOWN]:
        style = "" if found.is_used else "dim"
        grid.add_row(Text(found.name), found.kind, Text(found.why), Text(becomes(columns, found)), style=style)
    console.print(grid)
    if len(columns.found) > MOST_SHOWN:
        rest = columns.found[MOST_SHOWN:]
        dropped = sum(not found.is_used for found in rest)
        console.print(f"and {len(rest):,} more columns, {dropped:,} of them dropped", soft_wrap=True)


def becomes(columns: Columns, found: Any) -> str:
    """What a column is to the network."""
    if not found.is_used:
        return "dropped"
    made = columns.features_of(found)
    missing = f", {found.n_missing:,} missing" if found.n_missing else ""
    if found.kind == "category":
        return f"{len(made)} columns of 0 and 1{missing}"
    return f"{len(made)} number{'' if len(made) == 1 else 's'}{missing}"


def to_predict(model: fastbp.Model, path: str, options: Mapping[str, Any], errors: Out) -> tuple[Any, Table | None]:
    """The samples in a file as a model takes them, and the table that they stand in."""
    from fastbp.data import reading as files

    if model.columns is None:
        drop = model.meta.get("target")
        X = files.read_features(path, columns=model.features, drop=drop, **how_written(options))
        if X.shape[1] != model.sizes[0]:
            raise ValueError(
                f"{path!r} has {X.shape[1]} features; the model was trained on {model.sizes[0]}. Pass samples with the "
                "same features, in the same order."
            )
        return X, X if isinstance(X, Table) else None
    with reading(errors, bool(options.get("quiet"))) as progress:
        table = files.read_table(path, progress=progress, **how_written(options))
    if table is None:
        return files.read_features(path), None
    return (_without_target(table, model) if table.numbered else table), table


def _without_target(table: Table, model: fastbp.Model) -> Table:
    """The columns of a table without names, without that of the target if it is there."""
    assert model.columns is not None
    target = model.meta.get("target")
    targets = [target] if isinstance(target, str) else list(target or ())
    there = [name for name in targets if name in table]
    if model.columns.numbered and len(table.names) == len(model.columns.found) + len(targets):
        return table
    if model.columns.numbered:
        columns = model.columns.found
        if len(table.names) == len(columns):
            return Table({c.name: table[name] for c, name in zip(columns, table.names, strict=True)}, where=table.where)
    return table.without(there)
