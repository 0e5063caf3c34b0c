"""What the runs say: means of splits, geometric means over tables, ranks, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.tables.running import known

DRAWS = 2000
"""Bootstrap samples of tables."""


def of_tables(model: str, tables: Sequence[str]) -> dict[str, float]:
    """The mean ratio of a model's runs on each table that has any."""
    ratios: dict[str, list[float]] = {}
    for key, run in known(model).items():
        if key.table in tables:
            ratios.setdefault(key.table, []).append(run["ratio"])
    return {name: float(np.mean(ratios[name])) for name in tables if name in ratios}


class Both(NamedTuple):
    """Mean ratios of two models on each table, of the runs that both have."""

    ours: dict[str, float]
    theirs: dict[str, float]
    runs: int


def of_both(ours: str, theirs: str, tables: Sequence[str]) -> Both:
    """Two models on equal splits."""
    mine, other = known(ours), known(theirs)
    keys = [key for key in mine if key in other and key.table in tables]
    means = []
    for runs in (mine, other):
        ratios: dict[str, list[float]] = {}
        for key in keys:
            ratios.setdefault(key.table, []).append(runs[key]["ratio"])
        means.append({name: float(np.mean(of_table)) for name, of_table in ratios.items()})
    return Both(means[0], means[1], len(keys))


def seconds_against(ours: str, theirs: str, tables: Sequence[str]) -> dict[str, float]:
    """Our CPU seconds over theirs on each table that both have, of the median run of each."""
    mine, other = seconds_of_tables(ours, tables), seconds_of_tables(theirs, tables)
    return {name: mine[name] / other[name] for name in mine if name in other}


def seconds_of_tables(model: str, tables: Sequence[str], what: str = "cpu_seconds") -> dict[str, float]:
    """The median time of a model's runs on each table."""
    times: dict[str, list[float]] = {}
    for key, run in known(model).items():
        if key.table in tables:
            times.setdefault(key.table, []).append(run[what])
    return {name: float(np.median(times[name])) for name in tables if name in times}


def geometric_mean(ratios: Mapping[str, float]) -> float:
    """Of the tables."""
    return float(np.exp(np.mean(np.log(list(ratios.values()))))) if ratios else float("nan")


def against(ours: Mapping[str, float], theirs: Mapping[str, float]) -> tuple[float, float, float]:
    """Geometric mean of ours over theirs on the tables that both have, and its 5 % and 95 % points over tables."""
    names = [name for name in ours if name in theirs]
    if not names:
        return float("nan"), float("nan"), float("nan")
    logs = np.log([ours[name] / theirs[name] for name in names])
    rng = np.random.default_rng(0)
    means = logs[rng.integers(len(logs), size=(DRAWS, len(logs)))].mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.05, 0.95]))
    return float(np.exp(logs.mean())), float(low), float(high)


def mean_ranks(by_model: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The mean rank of each model on the tables that all of them have."""
    names = set.intersection(*(set(ratios) for ratios in by_model.values())) if by_model else set()
    ranks: dict[str, list[float]] = {model: [] for model in by_model}
    for name in sorted(names):
        values = np.array([by_model[model][name] for model in by_model])
        for model, value in zip(by_model, values, strict=True):
            ranks[model].append(float((values < value).sum() + ((values == value).sum() + 1) / 2))
    return {model: float(np.mean(found)) for model, found in ranks.items() if found}


def as_text(models: Sequence[str], tables: Sequence[str]) -> str:
    """A table of mean ratios, model by model."""
    by_model = {model: of_tables(model, tables) for model in models}
    by_model = {model: ratios for model, ratios in by_model.items() if ratios}
    if not by_model:
        return "No runs."
    width = max(map(len, tables)) + 1
    lines = [" " * width + "".join(f"{model:>14}" for model in by_model)]
    for name in tables:
        cells = [f"{ratios[name]:14.4f}" if name in ratios else f"{'-':>14}" for ratios in by_model.values()]
        lines.append(f"{name:<{width}}" + "".join(cells))
    lines.append(f"{'geo. mean':<{width}}" + "".join(f"{geometric_mean(ratios):14.4f}" for ratios in by_model.values()))
    ranks = mean_ranks(by_model)
    lines.append(f"{'mean rank':<{width}}" + "".join(f"{ranks.get(model, float('nan')):14.2f}" for model in by_model))
    times = {model: seconds_of_tables(model, tables) for model in by_model}
    lines.append(f"{'CPU s':<{width}}" + "".join(f"{np.median(list(t.values())):14.2f}" for t in times.values()))
    return "\n".join(lines)
