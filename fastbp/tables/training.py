"""The training of the members, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastbp.runtime import pool
from fastbp.tables.logs import watching_members
from fastbp.tables.members import Member
from fastbp.tables.recipe import Recipe
from fastbp.training.callbacks import Callback
from fastbp.training.history import Run
from fastbp.training.many import train_many
from fastbp.training.optimizers import AdamW
from fastbp.training.schedules import Cosine, CosineLog
from fastbp.training.standard import train
from fastbp.training.stopping import EarlyStopping

STEPS_OF_FEW_ROWS = 100
"""Steps on fewer than `LEAST_ROWS` rows, which would soon be known by heart."""
EPSILON, EPSILON_OF_FEW_ROWS = 1e-8, 1e-4
"""Of Adam: small gradients of a few rows, which are rounding errors in the end, do not become steps."""


def trained(
    members: Sequence[Member],
    recipe: Recipe,
    seeds: list[int],
    begun: float,
    time_limit: float | None,
    n_threads: int | None,
    callbacks: Iterable[Callback | Callable[[Run], Any]],
    progress: bool,
) -> list[Run]:
    """Train them, each on a thread; a single one on all of them."""
    # A few rows are one minibatch, whatever their order and however often they repeat one another.
    batches = [len(m.X) if m.X.dtype == np.float64 else recipe.batch_of(len(m.X)) for m in members]
    steps = min(-(-len(m.X) // batch) for m, batch in zip(members, batches, strict=True))
    small = members[0].X.dtype == np.float64
    least = STEPS_OF_FEW_ROWS if small and recipe.least_steps else recipe.least_steps
    epochs = max(recipe.epochs, -(-least // steps))
    options: dict[str, Any] = {
        "batch_size": max(batches),
        "schedule": CosineLog(recipe.cycles) if recipe.cycles else Cosine(),
        "dropout": recipe.dropout if recipe.hidden and not small else 0.0,
        "optimizer": AdamW(
            recipe.learning_rate,
            beta_2=recipe.beta_2,
            epsilon=EPSILON_OF_FEW_ROWS if small else EPSILON,
            weight_decay=recipe.weight_decay,
        ),
    }
    watching: list[Any] = [*callbacks]
    if time_limit is not None:
        threads = min(pool.effective(n_threads), len(members))
        each = _seconds_of_an_epoch(members[0], options) * -(-len(members) // threads)
        left = begun + time_limit - time.monotonic()
        epochs = max(1, min(epochs, int(0.9 * left / each)))
        watching.append(_until(begun + time_limit))
    if all(member.validation is not None for member in members) and recipe.best_epoch:
        options["early_stopping"] = EarlyStopping(patience=epochs)
    options |= {"epochs": epochs, "callbacks": watching, "n_threads": n_threads, "progress": progress}
    if len(members) == 1:
        (member,) = members
        options |= {"sample_weight": member.weight, "validation": member.validation, "seed": seeds[0]}
        return [train(member.net, member.X, member.Y, **options)]
    nets = [member.net for member in members]
    with watching_members(watching, nets) as options["callbacks"]:
        runs = train_many(
            nets,
            [member.X for member in members],
            [member.Y for member in members],
            sample_weight=[member.weight for member in members],
            validation=[member.validation for member in members],
            seed=seeds,
            **options,
        )
    for run in runs:
        if run.error is not None:
            raise run.error
    return runs


def _seconds_of_an_epoch(member: Member, options: dict[str, Any]) -> float:
    """An epoch of a copy, the second one: the first may have to compile."""
    seconds = 1e-6
    for _ in range(2):
        begun = time.monotonic()
        train(
            member.net.copy(),
            member.X,
            member.Y,
            epochs=1,
            n_threads=1,
            validation=member.validation,
            sample_weight=member.weight,
            **{**options, "schedule": None},
        )
        seconds = max(time.monotonic() - begun, 1e-6)
    return seconds


def _until(moment: float) -> Callable[[Run], None]:
    """A callback that ends runs after a moment."""

    def watch(run: Run) -> None:
        if time.monotonic() >= moment:
            run.stop()

    return watch
