"""What may watch a training run."""

from __future__ import annotations

import abc
import contextlib
import csv
import io
import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastbp.checks import check_int
from fastbp.errors import argument_error
from fastbp.functions.own_rows import takes
from fastbp.io.paths import as_new_path
from fastbp.training.history import History as History  # pickles of version 0.1.0 look for these three here
from fastbp.training.history import Run as Run
from fastbp.training.stopping import EarlyStopping as EarlyStopping


class Callback:
    """Base of callbacks; override what is needed. A plain function ``f(run)`` is called at the end of each epoch.

    Attributes
    ----------
    every : int, optional
        A callback that has it is also called after every so many minibatches of the run, epochs notwithstanding:
        `on_minibatch`, or the function itself. It is read when the run begins.
    """

    every: int | None = None

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch."""

    def on_progress(self, run: Run) -> None:
        """About every 50 ms, at a minibatch boundary."""

    def on_minibatch(self, run: Run) -> None:
        """After every ``every`` minibatches, whose loss so far is in ``run.running``; ``run.stop()`` ends the run.

        Of an epoch's last minibatch that is before `on_epoch_end`.
        """

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, its values already in ``run.history``."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""


class _Function(Callback):
    def __init__(self, function: Callable[[Run], Any]) -> None:
        self._function = function
        self.every = getattr(function, "every", None)

    def on_minibatch(self, run: Run) -> None:
        self._function(run)

    def on_epoch_end(self, run: Run) -> None:
        self._function(run)


def check_every(callback: Callback, name: str) -> Callback:
    """The callback, if its ``every`` is None or a number of minibatches; ``name`` is what the message calls it."""
    if callback.every is not None:
        check_int(callback.every, f"{name}.every", low=1)
    return callback


def as_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks from objects and functions, or one of either."""
    if callable(callbacks) or isinstance(callbacks, Callback):
        callbacks = [callbacks]
    if not isinstance(callbacks, Iterable):
        raise argument_error(
            "callbacks",
            f"is {callbacks!r}; functions or objects derived from fastbp.Callback are needed. Pass a list of them.",
            TypeError,
        )
    made: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, Callback):
            made.append(callback)
        elif isinstance(callback, type):
            raise argument_error(
                "callbacks", f"holds the class {callback.__name__}; an object is needed. Call it.", TypeError
            )
        elif takes(callback, 1):
            made.append(_Function(callback))
        else:
            raise argument_error(
                "callbacks",
                f"holds {callback!r}, which is neither a fastbp.Callback nor a function of a run. "
                "Pass functions f(run) or objects derived from fastbp.Callback.",
                TypeError,
            )
    return [check_every(callback, f"callbacks[{i}]") for i, callback in enumerate(made)]


class _Log(Callback, abc.ABC):
    """Writes a row to a file as each epoch ends; derived classes say how a row is written."""

    def __init__(self, path: str | bytes | os.PathLike[Any], *, append: bool = False) -> None:
        self.path = as_new_path(path, self._example)
        if not isinstance(append, bool):
            raise argument_error("append", f"is {append!r}; it must be True or False. Pass one of these.", TypeError)
        self.append = append

    _example = ""
    """The name of such a file."""

    @abc.abstractmethod
    def _row(self, values: dict[str, Any]) -> str:
        """The text of an epoch's row, its line's end included."""

    @abc.abstractmethod
    def _epochs(self, lines: list[str]) -> Iterator[tuple[int, int | None]]:
        """Of each row the number of lines to its end, and its epoch if it has one."""

    def _follow(self, content: bytes) -> None:
        """Go on after these rows, the last of which may have been cut off."""
        self._unwritten = b"\n" if content and not content.endswith(b"\n") else b""

    def _without_later(self, content: bytes, epoch: int) -> bytes:
        """Cut off what a run has written that was killed after its checkpoint: rows at the end, of later epochs."""
        lines = content.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            del lines[-1]
        rows = [*self._epochs([line.decode(errors="replace") for line in lines])]
        while rows and (rows[-1][1] or 0) > epoch:
            rows.pop()
        kept = b"".join(lines[: rows[-1][0] if rows else 0])
        with contextlib.suppress(OSError):  # what is wrong is said when a row is written
            if len(kept) < len(content):
                os.truncate(self._file, len(kept))
                return kept
        return content

    def on_train_begin(self, run: Run) -> None:
        """Empty the file, or see where it ends."""
        self._file = os.path.abspath(self.path)  # a callback may go to another folder
        self._lengths = lengths_of(run)
        self._mode, self._complained, content = "wb", False, b""
        if self.append or run.epoch > 0:
            self._mode = "ab"
            try:
                with open(self._file, "rb") as file:
                    content = file.read()
            except (OSError, ValueError):
                pass  # there is none yet; or what is wrong with it is said when it is written to
        if run.epoch > 0 and not self.append:
            content = self._without_later(content, run.epoch)
        self._follow(content)
        self._write("")

    def on_epoch_end(self, run: Run) -> None:
        """Write the epoch's row."""
        counts = {"epoch": run.epoch, "step": run.step, "seconds": run.seconds}
        self.write({**counts, **new_values(run, self._lengths)})
        self._lengths = lengths_of(run)

    def write(self, row: dict[str, Any]) -> None:
        """Write a row: a value for each name."""
        self._write(self._row(row))

    def on_train_end(self, run: Run) -> None:
        """Try once more to write what could not be written."""
        if self._unwritten:
            self._write("")

    def _write(self, row: str) -> None:
        """Write a row, and before it what could not be written, from where that stopped."""
        self._unwritten += row.encode(errors="backslashreplace")
        try:
            with open(self._file, self._mode, buffering=0) as file:
                self._mode = "ab"
                while self._unwritten:
                    self._unwritten = self._unwritten[file.write(self._unwritten) :]
            self._complained = False
        except (OSError, ValueError) as error:  # ValueError of a name with a null character
            if not self._complained:
                self._complained = True
                reason = getattr(error, "strerror", None) or error
                self._warn(f"{reason}. The training goes on; rows are written as soon as they can be.")

    def _warn(self, problem: str) -> None:
        warnings.warn(f"{self.path}: {problem}", RuntimeWarning, stacklevel=4)


def lengths_of(run: Run) -> dict[str, int]:
    """How many values each list of a run's history has."""
    return {name: len(values) for name, values in run.history.columns().items()}


def new_values(run: Run, lengths: dict[str, int]) -> dict[str, float | str]:
    """The last values of those lists that have grown since they had these lengths."""
    grown = [name for name, n in lengths_of(run).items() if n > lengths.get(name, 0)]
    return {name: _plain(run.history[name][-1]) for name in grown}


def _plain(value: Any) -> float | str:
    """A number of the history; what a callback has put there and is none, as text."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)


class CSVLog(_Log):
    """Writes a table of the run: as each epoch ends, a row of ``epoch``, ``step``, ``seconds`` and the new history.

    The columns are those of the first row, or of the header that the file has already. A metric that is not among them
    is left out, with a warning; the cell of one that is not there is empty. Numbers have all their digits.

    Parameters
    ----------
    path : str, bytes or path
    append : bool
        Whether rows go after those that the file has. By default a run replaces the file, unless it goes on from
        another run or a checkpoint: then it appends, after it has cut off the rows at the end whose epochs come again.

    Raises
    ------
    TypeError, ValueError
        ``path`` is none, or ``append`` no bool.

    Warns
    -----
    RuntimeWarning
        The file cannot be written to, and why. The training goes on, and the rows are written as soon as they can be.
    """

    _example = "run.csv"

    def _follow(self, content: bytes) -> None:
        super()._follow(content)
        header = content.decode(errors="replace").splitlines()[:1]
        self._columns: list[str] = next(csv.reader(header), [])
        self._left_out: set[str] = set()

    def _epochs(self, lines: list[str]) -> Iterator[tuple[int, int | None]]:
        reader = csv.reader(lines)
        at = None
        for cells in reader:
            if at is None and "epoch" in cells:
                at = cells.index("epoch")
            epoch = cells[at] if at is not None and at < len(cells) else ""
            yield reader.line_num, int(epoch) if epoch.isdecimal() else None

    def _row(self, values: dict[str, Any]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._columns:
            self._columns = list(values)
            writer.writerow(self._columns)
        left_out = values.keys() - {*self._columns, *self._left_out}
        if left_out:
            self._left_out |= left_out
            names = ", ".join(sorted(left_out))
            self._warn(f"it has no column for {names}, which is left out. Write to a new file, or use JSONLines.")
        writer.writerow([values.get(name, "") for name in self._columns])
        return text.getvalue()


class JSONLines(_Log):
    """Writes a JSON object a line: as each epoch ends, one of ``epoch``, ``step``, ``seconds`` and the new history.

    Numbers have all their digits; those that are not finite, which JSON does not know, are null.

    Parameters
    ----------
    path : str, bytes or path
    append : bool
        As of `CSVLog`.

    Raises
    ------
    TypeError, ValueError
        ``path`` is none, or ``append`` no bool.

    Warns
    -----
    RuntimeWarning
        As of `CSVLog`.
    """

    _example = "run.jsonl"

    def _epochs(self, lines: list[str]) -> Iterator[tuple[int, int | None]]:
        for n, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            epoch = row.get("epoch") if isinstance(row, dict) else None
            yield n, epoch if isinstance(epoch, int) else None

    def _row(self, values: dict[str, Any]) -> str:
        known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
        return json.dumps(known, allow_nan=False) + "\n"


class TensorBoard(Callback):
    """Writes events for TensorBoard: as each epoch ends, a scalar for each quantity of the history.

    ``tensorboardX`` or ``tensorboard`` writes the file; ``tensorboard --logdir FOLDER`` shows it. A folder for each run
    keeps them apart.

    Parameters
    ----------
    folder : str, bytes or path
        It is made if it is not there.

    Raises
    ------
    ModuleNotFoundError
        Neither is installed.
    TypeError, ValueError
        ``folder`` is no name of a folder.
    """

    def __init__(self, folder: str | bytes | os.PathLike[Any]) -> None:
        self.folder = as_new_path(folder, "runs/first")
        self._open = _event_writer()
        self._writer: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Open a file of events."""
        self._writer = self._open(os.fspath(self.folder))

    def on_epoch_end(self, run: Run) -> None:
        """Write the epoch's values."""
        for name, values in run.history.numbers().items():
            self._writer.add_scalar(name, float(values[-1]), run.epoch)
        self._writer.flush()

    def on_train_end(self, run: Run) -> None:
        """Close the file."""
        self._writer.close()


def _event_writer() -> Callable[[str], Any]:
    """What opens a file of events in a folder."""
    try:
        from tensorboardX import SummaryWriter

        return lambda folder: SummaryWriter(folder)
    except ModuleNotFoundError:
        pass
    try:
        from tensorboard.summary import Writer

        return lambda folder: Writer(folder)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Events for TensorBoard are written by tensorboardX or tensorboard, and neither is installed. Install one "
            'with pip install "fastbp[tensorboard]", or write a file with fastbp.callbacks.JSONLines.'
        ) from None
