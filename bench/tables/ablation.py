"""The preset without one of its parts at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.tables import peers, running, summary
from bench.tables.peers import Given, Made
from bench.tables.running import known
from fastbp.tables import Recipe

WITHOUT: dict[str, dict[str, Any]] = {
    "full": {},
    "best-epoch": {"best_epoch": False},
    "calibrated": {"calibrated": False},
    "dropout": {"dropout": 0.0},
    "weight-decay": {"weight_decay": 0.0},
    "cosine-log": {"cycles": 0},
    "mish": {"activation": "relu", "init": "he_normal"},
    "beta-2": {"beta_2": 0.999},
    "second-layer": {"hidden": (128,)},
    "least-steps": {"least_steps": 0},
}
"""Name of a run -> what it changes of the preset's `Recipe`. Names joined by "+" change all that each of them does."""


def names(asked: str, members: int = 1) -> list[str]:
    """The runs that are asked for; the full preset is always among them."""
    parts = WITHOUT if asked == "all" else dict.fromkeys(["full", *asked.split(",")])
    return [_prefix(members) + name for name in parts]


def _prefix(members: int) -> str:
    return "ablation-" if members == 1 else f"ablation-{members}-"


def fit(name: str, members: int = 1) -> Callable[[Given], Made]:
    """The preset so changed, with so many members."""
    parts = name.removeprefix(_prefix(members)).split("+")
    changed = {key: value for part in parts for key, value in WITHOUT[part].items()}

    def run(given: Given) -> Made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peers.preset(given, members, recipe=Recipe(**changed))

    return run


class Found(NamedTuple):
    """What leaving something out does, on the runs that both have."""

    without: str
    loss: float
    """Over the preset's, geometric mean of tables."""
    worse: int
    """On so many tables."""
    tables: int
    runs: int


def found(tables: Sequence[str], members: int = 1, stage: str = "", prefix: str = "") -> list[Found]:
    """What each part brings: loss without it over loss with it.

    A stage is a folder beside the runs: those of an earlier preset, which had more parts. Another prefix of the files'
    names is that of other runs than those without a part.
    """
    prefix = prefix or _prefix(members)
    full = known(f"{stage}{prefix}full")
    result = []
    for path in sorted((running.FOLDER / stage).glob(f"{prefix}*.jsonl")):
        without = path.stem.removeprefix(prefix)
        if without == "full" or without[0].isdigit():  # of other members
            continue
        ratios: dict[str, list[float]] = {}
        for key, run in known(f"{stage}{path.stem}").items():
            if key in full and key.table in tables:
                ratios.setdefault(key.table, []).append(run["ratio"] / full[key]["ratio"])
        if ratios:
            means = {table: float(np.exp(np.mean(np.log(of_table)))) for table, of_table in ratios.items()}
            worse, n = sum(value > 1 for value in means.values()), sum(map(len, ratios.values()))
            result.append(Found(without, summary.geometric_mean(means), worse, len(means), n))
    return result


def as_text(tables: Sequence[str], members: int = 1) -> str:
    """A line for each part that was left out."""
    lines = [f"{'without':<30}{'loss':>9}{'worse on':>12}{'runs':>7}"]
    for one in found(tables, members):
        lines.append(f"{one.without:<30}{one.loss:9.4f}{one.worse:>6} of {one.tables:<3}{one.runs:>6}")
    return "\n".join(lines)
