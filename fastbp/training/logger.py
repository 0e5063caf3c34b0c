"""What a training logs, under the logger ``fastbp``, which has the handlers and the level that the user gives it."""

from __future__ import annotations

import logging

from fastbp.training.history import Run

LOGGER = logging.getLogger("fastbp")


def began(run: Run) -> None:
    """INFO: what is trained, how, and how long. DEBUG: the plan."""
    if LOGGER.isEnabledFor(logging.INFO):
        work = f"samples: {run.n_samples}, minibatches: {run.n_minibatches}, epochs: {run.n_epochs}"
        LOGGER.info(f"Training begins: {run.net!r}, {run.optimizer!r}, {work}, threads: {run.n_threads}")
        LOGGER.debug(repr(run.plan))


def epoch_ended(run: Run) -> None:
    """DEBUG: how far it is, and the epoch's values."""
    if LOGGER.isEnabledFor(logging.DEBUG):
        values = ", ".join(f"{name} {value}" for name, value in run.history.last_in_words().items())
        LOGGER.debug(f"Epoch {run.epoch} of {run.n_epochs}, step {run.step}, {run.seconds:.3g} s: {values}")


def ended(run: Run) -> None:
    """INFO: how far it came, and why no further."""
    if LOGGER.isEnabledFor(logging.INFO):
        exception = "an exception" if run.epoch < run.n_epochs else None
        why = run.stopped or exception
        done = f"{run.epoch} of {run.n_epochs} epochs, step {run.step}, {run.seconds:.3g} s"
        LOGGER.info(f"Training ends after {done}" + (f": {why}" if why else ""))
