"""The preset without one of its parts at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.tables import peers, summary
from bench.tables.peers import Given, Made
from bench.tables.running import known
from fastbp.tables import Recipe

WITHOUT: dict[str, dict[str, Any]] = {
    "full": {},
    "robust": {"robust": False},
    "clipped": {"clipped": False},
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


def names(asked: str) -> list[str]:
    """The runs that are asked for; the full preset is always among them."""
    if asked == "all":
        return [f"ablation-{name}" for name in WITHOUT]
    return [f"ablation-{name}" for name in dict.fromkeys(["full", *asked.split(",")])]


def fit(name: str) -> Callable[[Given], Made]:
    """The preset so changed, with one member."""
    changed = {key: value for part in name.removeprefix("ablation-").split("+") for key, value in WITHOUT[part].items()}

    def run(given: Given) -> Made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peers.preset(given, 1, recipe=Recipe(**changed))

    return run


def as_text(runs: Sequence[str], tables: Sequence[str]) -> str:
    """What each part brings: loss without it over loss with it, on the runs that both have."""
    full = known("ablation-full")
    lines = [f"{'without':<30}{'loss':>9}{'better on':>12}{'runs':>7}"]
    for name in runs:
        if name == "ablation-full":
            continue
        less = known(name)
        ratios: dict[str, list[float]] = {}
        for key, run in less.items():
            if key in full and key.table in tables:
                ratios.setdefault(key.table, []).append(run["ratio"] / full[key]["ratio"])
        if not ratios:
            continue
        means = {table: float(np.exp(np.mean(np.log(found)))) for table, found in ratios.items()}
        wins = sum(value > 1 for value in means.values())
        n = sum(map(len, ratios.values()))
        mean = summary.geometric_mean(means)
        lines.append(f"{name.removeprefix('ablation-'):<30}{mean:9.4f}{wins:>6} of {len(means):<3}{n:>6}")
    return "\n".join(lines)
