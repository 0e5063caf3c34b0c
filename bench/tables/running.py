"""Runs: one model on one split of one table, each kept in a file as soon as it is done and never done twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.files import RESULTS
from bench.tables import loading, metric
from bench.tables.peers import Given, Made
from bench.tables.protocol import Described, protocol

FOLDER = Path(os.environ.get("FASTBP_TABLES_RESULTS", RESULTS / "tables"))
"""Of the files of runs."""


class Key(NamedTuple):
    """Which run it is."""

    table: str
    split: int
    seed: int


def path_of(model: str) -> Path:
    """The file of a model's runs, a line each."""
    return FOLDER / f"{model}.jsonl"


def known(model: str) -> dict[Key, dict[str, Any]]:
    """The runs of a model that were done."""
    path = path_of(model)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines if line.strip()]
    return {Key(run["table"], run["split"], run["seed"]): run for run in found}


def _score(given: Given, made: Made, y_test: np.ndarray) -> float:
    if given.task == "regression":
        return metric.rmse(y_test, made.predicted)
    assert made.classes is not None
    return metric.log_loss(y_test, made.predicted, made.classes)


def run_one(model: str, fit: Callable[[Given], Made], table: loading.Loaded, split: int, seed: int) -> dict[str, Any]:
    """Fit to the training rows, predict the test rows, and say how well and in which time."""
    train, test = loading.splits(table)[split]
    units, moments = (None if what is None else what[train] for what in (table.units, table.time))
    frame = table.X
    rows = (frame.iloc[train].reset_index(drop=True), frame.iloc[test].reset_index(drop=True))
    given = Given(table.entry.task, rows[0], table.y[train], rows[1], units, moments, seed, 1)
    begun, cpu = time.perf_counter(), time.process_time()
    made = fit(given)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    base = metric.constant(table.entry.task, given.y, table.y[test])
    loss = _score(given, made, table.y[test])
    return {
        "table": table.entry.name,
        "split": split,
        "seed": seed,
        "model": model,
        "loss": loss,
        "constant": base,
        "ratio": loss / base,
        "seconds": round(seconds, 4),
        "cpu_seconds": round(cpu, 4),
        "rows": len(train),
    }


def run_all(
    model: str,
    fit: Callable[[Given], Made],
    entries: Sequence[Described],
    seeds: Iterable[int],
    n_splits: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Every run that is not there yet, split by split, so that a part of them covers all tables."""
    done, path, seeds = known(model), path_of(model), tuple(seeds)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tables: dict[str, loading.Loaded] = {}
    for split in range(len(protocol().split_seeds) if n_splits is None else n_splits):
        for entry in entries:
            for seed in seeds:
                if Key(entry.name, split, seed) in done:
                    continue
                if entry.name not in tables:
                    tables[entry.name] = loading.load(entry)
                result = run_one(model, fit, tables[entry.name], split, seed)
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(result) + "\n")
                    stream.flush()
                    os.fsync(stream.fileno())
                yield result
