"""A live progress bar: loss, accuracy, samples a second and time left. It needs ``rich``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fastbp.errors import argument_error
from fastbp.training.callbacks import Callback, check_every
from fastbp.training.history import Run

if TYPE_CHECKING:
    from rich.console import Console


WIDE = 120
"""Columns from which all words are written out."""

NUMBERS = 74
"""Columns that a narrow line needs beside the bar."""


def as_bars(progress: Any) -> list[Callback]:
    """The callback of ``progress=``, if there is one."""
    if progress is True:
        return [ProgressBar()]
    if progress is False or progress is None:
        return []
    if not isinstance(progress, Callback):
        raise argument_error(
            "progress", f"is {progress!r}; it must be True, False or a fastbp.Callback. Pass one of these.", TypeError
        )
    return [check_every(progress, "progress")]


def as_bar_of_many(progress: Any, n: int) -> BarOfMany | None:
    """The callback of ``progress=`` where n networks are trained, if there is one."""
    if not isinstance(progress, bool):
        raise argument_error("progress", f"is {progress!r}; it must be True or False. Pass one of these.", TypeError)
    return BarOfMany(n) if progress else None


def _unbreakable() -> contextlib.AbstractContextManager[None]:
    """Context in which a terminal or reader that is gone does not stop the training.

    rich ends the process where it finds a broken pipe.
    """
    return contextlib.suppress(OSError, SystemExit)


class ProgressBar(Callback):
    """Callback that draws one line to standard error, at minibatch boundaries about every 50 ms.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw; default standard error.

    Raises
    ------
    ModuleNotFoundError
        Without ``rich``.
    """

    def __init__(self, console: Console | None = None) -> None:
        try:
            from rich import console as rich_console
            from rich import progress
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "The progress bar is drawn by rich, which is not installed. "
                'Install it with pip install "fastbp[cli]", or pass progress=False.'
            ) from None
        where = console or rich_console.Console(stderr=True)
        # Time left stands last; on a narrow terminal the bar and the words give way, not the numbers.
        self._narrow = where.width < WIDE
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=max(3, min(24, where.width - NUMBERS)) if self._narrow else 24),
            progress.TextColumn("{task.fields[values]}"),
            progress.TimeRemainingColumn(compact=True),
            console=where,
            refresh_per_second=10,
        )
        self._task: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Start drawing."""
        self._task = self._progress.add_task("", total=run.n_epochs * run.n_minibatches, values="")
        with _unbreakable():
            self._progress.start()

    def on_progress(self, run: Run) -> None:
        """Note how far the run is."""
        self._update(run, run.running, run.epoch + 1, run.epoch * run.n_minibatches + run.minibatch)

    def on_epoch_end(self, run: Run) -> None:
        """Note the epoch's values, those of the validation set among them."""
        last = {name: values[-1] for name, values in run.history.columns().items() if values}
        self._update(run, last, run.epoch, run.epoch * run.n_minibatches)

    def on_train_end(self, run: Run) -> None:
        """Leave the finished bar on the screen."""
        with _unbreakable():
            self._progress.stop()

    def _update(self, run: Run, values: dict[str, float], epoch: int, done: int) -> None:
        shown = [f"loss {values['loss']:.4g}"] if "loss" in values else []
        short, long = ("acc", "val"), ("accuracy", "validation")
        for name, text in zip(("accuracy", "val_accuracy"), short if self._narrow else long, strict=True):
            if name in values:
                shown.append(f"{text} {values[name]:.1%}")
        if "val_r2" in values:
            shown.append(f"{short[1] if self._narrow else long[1]} R2 {values['val_r2']:.3f}")
        samples = done / run.n_minibatches * run.n_samples
        if run.seconds > 0:
            shown.append(f"{samples / run.seconds:,.0f} samples/s")
        line = (" " if self._narrow else "  ").join(shown)
        self._progress.update(self._task, completed=done, description=f"epoch {epoch}/{run.n_epochs}", values=line)


class BarOfMany(ProgressBar):
    """One line for n networks that are trained at a time; `close` ends it."""

    def __init__(self, n: int, console: Console | None = None) -> None:
        super().__init__(console)
        self._n, self._ended = n, 0
        self._parts: dict[int, float] = {}

    def on_train_begin(self, run: Run) -> None:
        """Start drawing with the first network."""
        if self._task is None:
            self._task = self._progress.add_task("", total=self._n, values="")
            with _unbreakable():
                self._progress.start()
        self._note(run, run.epoch)

    def on_progress(self, run: Run) -> None:
        """Note how far this run is."""
        self._note(run, run.epoch + run.minibatch / run.n_minibatches)

    def on_epoch_end(self, run: Run) -> None:
        """Note how far this run is."""
        self._note(run, run.epoch)

    def on_train_end(self, run: Run) -> None:
        """Count this network."""
        self._ended += 1
        self._note(run, run.n_epochs)

    def _note(self, run: Run, epochs: float) -> None:
        self._parts[id(run.net)] = epochs / run.n_epochs if run.n_epochs else 1.0
        done = f"{self._ended} of {self._n} networks"
        self._progress.update(self._task, completed=sum(self._parts.values()), description=done)

    def close(self) -> None:
        """Leave the line on the screen."""
        with _unbreakable():
            self._progress.stop()
