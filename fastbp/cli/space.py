"""What ``fastbp tune`` tries: the values of each option of a training, and who chooses among them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np

from fastbp.cli.options import KINDS


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Between:
    """A number between two others, as likely in each tenfold of them; rounded to three digits, as it is typed."""

    low: float
    high: float


RATES = {"sgd": Between(3e-3, 1.0), "rmsprop": Between(1e-4, 1e-2), "adagrad": Between(3e-3, 0.3)}
"""Learning rates of optimizers other than those of Adam's family."""


def space(fixed: Mapping[str, Any], n_rows: int) -> dict[str, Choice | Between]:
    """The options to choose, and their values.

    Parameters
    ----------
    fixed : mapping
        Options that the user has given: they are what they are.
    n_rows : int
        Rows to train on: a minibatch is at most an eighth of them.
    """
    optimizer = str(fixed.get("optimizer", "adamw"))
    takes = {field.name for field in dataclasses.fields(KINDS[optimizer])}
    sizes = tuple(size for size in (16, 32, 64, 128, 256, 512) if size <= max(16, n_rows // 8))
    found: dict[str, Choice | Between] = {
        "hidden": Choice(("16", "32", "64", "128", "32,32", "64,64", "128,64", "128,128", "64,64,64")),
        "activation": Choice(("relu", "tanh", "silu", "mish")),
        "optimizer": Choice(("adamw",)),
        "learning_rate": RATES.get(optimizer, Between(3e-4, 3e-2)),
        "weight_decay": Between(1e-5, 0.3),
        "batch_size": Choice(sizes),
        "dropout": Choice(("0", "0.1", "0.2", "0.4")),
        "schedule": Choice(("constant", "cosine")),
    }
    for name in ("learning_rate", "weight_decay"):
        if name not in takes:
            del found[name]
    if optimizer == "lbfgs":
        for name in ("batch_size", "dropout", "schedule"):
            del found[name]
    if "l2" in fixed:
        found.pop("weight_decay", None)
    if fixed.get("hidden", "") in ("none", "0"):
        del found["activation"], found["dropout"]
    return {name: values for name, values in found.items() if name not in fixed}


class Chooser(Protocol):
    """Chooses the options of a trial, and learns how it went."""

    name: str

    def ask(self) -> dict[str, Any]:
        """The options of the next trial."""

    def tell(self, loss: float) -> None:
        """How good they were; infinite if the training failed."""


class Random:
    """Each option by itself, at random."""

    name = "random search"

    def __init__(self, space: Mapping[str, Choice | Between], seed: int) -> None:
        self._space, self._rng = space, np.random.default_rng(seed)

    def ask(self) -> dict[str, Any]:
        """The options of the next trial."""
        chosen = {}
        for name, values in self._space.items():
            if isinstance(values, Choice):
                chosen[name] = values.values[self._rng.integers(len(values.values))]
            else:
                chosen[name] = rounded(math.exp(self._rng.uniform(math.log(values.low), math.log(values.high))))
        return chosen

    def tell(self, loss: float) -> None:
        """Nothing is learned from it."""


class Optuna:
    """Optuna's tree-structured Parzen estimator."""

    name = "Optuna's TPE"

    def __init__(self, space: Mapping[str, Choice | Between], seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False))
        self._failed = optuna.trial.TrialState.FAIL
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """The options of the next trial."""
        self._trial = self._study.ask()
        chosen = {}
        for name, values in self._space.items():
            if isinstance(values, Choice):
                chosen[name] = self._trial.suggest_categorical(name, values.values)
            else:
                chosen[name] = rounded(self._trial.suggest_float(name, values.low, values.high, log=True))
        return chosen

    def tell(self, loss: float) -> None:
        """Note how good they were."""
        if math.isfinite(loss):
            self._study.tell(self._trial, loss)
        else:
            self._study.tell(self._trial, state=self._failed)


def chooser(space: Mapping[str, Choice | Between], seed: int) -> Chooser:
    """Optuna where it is installed, random search elsewhere."""
    try:
        return Optuna(space, seed)
    except ModuleNotFoundError:
        return Random(space, seed)


def rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


def described(options: Mapping[str, Any], names: Collection[str]) -> str:
    """Options as they are typed."""
    return " ".join(f"--{name.replace('_', '-')} {options[name]}" for name in names)
