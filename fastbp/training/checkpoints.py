"""Checkpoints: a training's state in a file, from which it goes on after its process has ended in any way."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from fastbp import checks
from fastbp.chunks import CHUNK_BYTES, all_finite
from fastbp.errors import LoadError, argument_error
from fastbp.functions import own
from fastbp.io.container import AGAIN
from fastbp.io.model_file import Contents, read_checkpoint, write_checkpoint
from fastbp.io.paths import as_new_path, as_path
from fastbp.kernels.records import STATISTICS
from fastbp.runtime import csr
from fastbp.training.described import Described, checksum, described, differences
from fastbp.training.history import History, Run
from fastbp.training.minibatches import Order, Samples
from fastbp.training.state import State, decoded, encoded

if TYPE_CHECKING:
    from fastbp.network import Network

VERSION = 1
"""Of what a file says of the training."""

HISTORY = "history."
"""How names of arrays begin that are lists of the history."""

SAMPLED_ROWS = 1000
"""Of samples too many to be read through: those that a file knows them by."""


@runtime_checkable
class Preprocessing(Protocol):
    """A `Model`, or what else says what a model file holds of it."""

    def contents(self) -> Contents:
        """Network, steps and scaling of the targets."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a training keeps its state, and how often: pass it as ``checkpoint=`` to `train`.

    The file is written at a minibatch boundary, when the training begins to end, and in between after so many seconds.
    It appears whole or not at all, and a training that goes on from it ends in the bits of one that was never
    disturbed. `load` reads the network of that moment from it, or the model. Only one training at a time may write to a
    file. The weights are the file's: those that the network has when the training begins are overwritten.

    Parameters
    ----------
    path : str, bytes or path-like
        The file; ``.ckpt`` is the usual ending.
    every : float
        Seconds from one checkpoint to the next.
    resume : "auto" or bool
        Whether to go on from the file: "auto" if there is one; True refuses to begin without, False with one.
    model : Model, optional
        That the network is part of. The file holds its preprocessing too then, and what `load` reads takes raw rows; by
        default it takes what the training was given.

    Raises
    ------
    ValueError, TypeError
        The path is none, or another value makes no sense.
    """

    path: str | bytes | os.PathLike[Any]
    every: float = 60.0
    resume: bool | Literal["auto"] = "auto"
    model: Preprocessing | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        as_new_path(self.path, "run.ckpt")
        checks.keep_real(self, "every", low=0.0)
        if not (self.resume in (True, False, "auto") and isinstance(self.resume, bool | str)):
            raise argument_error("resume", f"is {self.resume!r}; it must be 'auto', True or False. Pass one of these.")
        if self.model is not None and (isinstance(self.model, type) or not isinstance(self.model, Preprocessing)):
            raise argument_error(
                "model", f"is {self.model!r}; a fastbp.Model is needed. Pass fastbp.Model(net, steps), say.", TypeError
            )

    @property
    def name(self) -> str:
        """The file's name as text."""
        return as_path(self.path)


def check_checkpoint(checkpoint: Any, continuing: Run | None = None) -> Checkpoint:
    """What was passed as ``checkpoint=``, if it is one, and its file can be beside the run that is passed."""
    if not isinstance(checkpoint, Checkpoint):
        raise argument_error(
            "checkpoint",
            f"is {checkpoint!r}; a fastbp.Checkpoint is needed. Pass fastbp.Checkpoint('run.ckpt'), say.",
            TypeError,
        )
    name, exists = checkpoint.name, os.path.exists(checkpoint.name)
    problem = None
    if not os.path.isdir(os.path.dirname(os.path.abspath(name))):
        problem = "its folder does not exist. Make the folder first"
    elif os.path.isdir(name) or not os.path.basename(name):
        problem = "that is a folder, and a file is needed. Add a file name"
    elif checkpoint.resume is True and not exists:
        problem = "there is no such file, and resume is True. Leave resume out to begin without"
    elif checkpoint.resume is False and exists:
        problem = "the file is there, and resume is False. Leave resume out to go on from it, or remove it"
    elif exists and continuing is not None:
        problem = "the file is there, and a run to go on from is passed too. Leave continuing out, or pass another name"
    if problem is not None:
        raise argument_error("checkpoint", f"is {name!r}: {problem}.")
    return checkpoint


def _identity(path: str) -> tuple[int, ...] | None:
    """What tells a file from another that has taken its place; None of none."""
    try:
        known = os.stat(path)
    except OSError:
        return None
    return known.st_ino, known.st_mtime_ns, known.st_size


def digest(samples: Samples | None) -> str:
    """What a file knows samples by: their number, and checksums."""
    if samples is None:
        return "None"
    X, targets = samples.X, samples.targets
    arrays: dict[str, np.ndarray | None]
    arrays = {"X": X.values, "indices": X.indices} if isinstance(X, csr.Rows) else {"X": X}
    arrays |= {"Y": targets.labels if targets.dense is None else targets.dense, "weights": samples.weight}
    parts = [f"{name} {_checksum(values)}" for name, values in arrays.items() if values is not None]
    return f"{len(samples)} samples, {', '.join(parts)}"


def _checksum(values: np.ndarray) -> str:
    if values.nbytes > 4 * CHUNK_BYTES:
        values = values[np.linspace(0, len(values) - 1, SAMPLED_ROWS).astype(int)]
    return f"{values.dtype} {checksum(values):08x}"


def in_words(path: str | bytes | os.PathLike[Any]) -> list[str]:
    """How far the training is whose checkpoint a file is, and its settings; nothing of a model file."""
    _, training, tensors = read_checkpoint(path)
    if training is None:
        return []
    get = training.get
    lines = [
        f"checkpoint: {get('epoch')} of {get('n_epochs')} epochs and {get('minibatch')} of {get('n_minibatches')} "
        f"minibatches, step {get('step')}"
    ]
    last = [
        f"{name.removeprefix(HISTORY)} {tensors[name].flat[-1]:.4g}" for name in tensors if name.startswith(HISTORY)
    ]
    lines += [f"last epoch: {', '.join(last)}"] if last else []
    options = get("options")
    return lines + [f"{name}: {value}" for name, value in (options.items() if isinstance(options, dict) else ())]


Extra: TypeAlias = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]
"""Numbers, and arrays, by name."""

NOTHING: Extra = {}, {}

Columns: TypeAlias = Mapping[str, Sequence[float]]
"""Lists of numbers of a history, by name."""


class Saving:
    """Writes a training's checkpoints.

    Parameters
    ----------
    checkpoint : Checkpoint
    options : mapping
        Settings of the training, by name.
    net : Network
        That of the checkpoint's model, if it has one.
    samples, held_out : Samples
        That it trains on, and those that it validates on.
    n_slots : int
        Vectors of its optimizer.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        options: Mapping[str, Any],
        net: Network,
        samples: Samples,
        held_out: Samples | None,
        n_slots: int,
    ) -> None:
        self.checkpoint, self._n_slots = checkpoint, n_slots
        self._contents = Contents(net) if checkpoint.model is None else checkpoint.model.contents()
        if self._contents.net is not net:
            raise argument_error(
                "checkpoint",
                f"has the model {checkpoint.model!r}, whose network is another than the one that is trained. Train "
                "model.net, or leave model out.",
            )
        self._file = os.path.abspath(checkpoint.name)  # a callback may go to another folder
        self._known, self._left_out = _identity(self._file), set[str]()  # the file as it was left or found
        self._options = {name: described(value) for name, value in options.items()}
        users = own.of_users((*net.activations, net.cost))
        self._options |= {f"function {name}": described(entry) for name, entry in users.items()}
        self._options |= {"data": digest(samples), "validation": digest(held_out)}
        self._due = time.monotonic() + checkpoint.every

    def is_due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() >= self._due

    def write(self, run: Run, state: State, more: Extra = NOTHING) -> None:
        """Write one, or warn of what prevents it: then the file stays as it was.

        ``more`` are numbers and arrays that the state does not have.
        """
        name, numbers = self.checkpoint.name, run.history.numbers()
        try:
            self._require_right_to_write(run.net, state)
            training = {**_description(run, state, self._options, numbers), "more": more[0]}
            write_checkpoint(self._file, self._contents, training, {**_tensors(run, state, numbers), **more[1]})
        except (OSError, MemoryError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            if isinstance(error, FileNotFoundError) and os.path.isdir(os.path.dirname(os.path.realpath(self._file))):
                reason = "another training writes to the same file, and one at a time may"
            warnings.warn(
                f"The checkpoint {name!r} could not be written: {reason}. The training goes on, and tries again.",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self._known = _identity(self._file)
            self._warn_of_left_out(run.history, numbers)
        self._due = time.monotonic() + self.checkpoint.every

    def _require_right_to_write(self, net: Network, state: State) -> None:
        """ValueError where the file would become worse: another training's, or one from which no training can go on."""
        if _identity(self._file) not in (self._known, None):
            raise ValueError("another training has written to the same file, and one at a time may")
        if not all(values is None or all_finite(values) for values in (net.theta, state.best_theta)):
            raise ValueError("a weight or bias is not finite")

    def _warn_of_left_out(self, history: History, numbers: Columns) -> None:
        """Say once of each list of the history that the file does not hold it."""
        kept = {*numbers, *(name for name, values in history.columns().items() if not values)}
        new = {str(name) for name in history if name not in kept} - self._left_out
        if new:
            self._left_out |= new
            warnings.warn(
                f"The checkpoint {self.checkpoint.name!r} holds the lists of numbers of the history, and is without "
                f"{', '.join(map(repr, sorted(new)))}. A run that goes on from the file does not have it.",
                RuntimeWarning,
                stacklevel=3,
            )

    def read(self) -> tuple[Run, Extra] | None:
        """The run that the file is of, if there is one and it is this training; and what was written beside.

        Raises
        ------
        LoadError
            The file is damaged, or something else.
        ValueError
            It is of another training.
        """
        name = self.checkpoint.name
        if not os.path.exists(self._file):
            return None
        contents, training, tensors = read_checkpoint(self._file)
        if training is None:
            raise LoadError(f"{name!r} is a model file, and no checkpoint. Pass another name for the checkpoint.")
        if training.get("version") != VERSION:
            raise LoadError(
                f"{name!r} was written by a newer fastbp: it is a checkpoint of version {training.get('version')!r}, "
                f"and this fastbp reads version {VERSION}. Upgrade with: pip install --upgrade fastbp"
            )
        try:
            options = {str(key): Described(str(value)) for key, value in training["options"].items()}
        except (KeyError, AttributeError):
            raise LoadError(f"{name!r} is damaged: it does not say what training it is of. {AGAIN}") from None
        if self._options.get("weights") == "None" and "weights" in options:  # read, and maybe from this very file
            self._options["weights"] = options["weights"].description
        now = {key: Described(value) for key, value in self._options.items()}
        found = differences(options, now, "checkpoint")
        if found:
            raise argument_error(
                "checkpoint",
                f"is {name!r}, of another training: {'; '.join(found.values())}. Pass what that one was given, or "
                "another name.",
            )
        try:
            return _run(contents.net, training, tensors, self._n_slots), (training["more"], tensors)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise LoadError(f"{name!r} is damaged: of its training, {error!r}. {AGAIN}") from error


def _description(run: Run, state: State, options: dict[str, str], numbers: Columns) -> dict[str, Any]:
    """Numbers of a checkpoint; floats by all their bits."""
    return {
        "version": VERSION,
        "options": options,
        "n_epochs": run.n_epochs,
        "n_minibatches": run.n_minibatches,
        "n_samples": run.n_samples,
        "epoch": run.epoch,
        "minibatch": state.minibatch,
        "step": run.step,
        "best_epoch": run.best_epoch,
        "seconds": run.seconds.hex(),
        "powers": [power.hex() for power in state.powers],
        "first_loss": None if state.first_loss is None else state.first_loss.hex(),
        "generator": None if state.generator is None else encoded(state.generator),
        "seed": hex(state.seed),
        "plateau": [float(state.plateau[0]).hex(), float(state.plateau[1]).hex(), state.plateau[2]],
        "concluded": state.concluded,
        "limit": state.limit.hex(),
        "best": None if state.best is None else float(state.best).hex(),
        "finished": run.stopped == "early stopping",
        "integers": [name for name, column in numbers.items() if all(type(v) is int for v in column)],
    }


def _tensors(run: Run, state: State, numbers: Columns) -> dict[str, np.ndarray]:
    """Arrays of a checkpoint: those like theta without its padding."""
    net = run.net
    tensors: dict[str, np.ndarray] = {}
    for name, values in _like_theta(net, state.moments, state.best_theta):
        for l, (w, b) in enumerate(zip(*net._views(values, "w", "b"), strict=True), 1):
            tensors |= {f"{name}.layers.{l}.weight": w, f"{name}.layers.{l}.bias": b}
    if state.minibatch:
        tensors["statistics"] = state.statistics.view(np.float64).reshape(state.minibatch, -1)
    for name, column in numbers.items():
        tensors[HISTORY + name] = np.array(column, np.float64)
    return tensors


def _like_theta(net: Network, moments: np.ndarray, best: np.ndarray | None) -> Iterator[tuple[str, np.ndarray]]:
    for slot, values in enumerate(moments.reshape(-1, net.theta.size)):
        yield f"optimizer.{slot}", values
    if best is not None:
        yield "best", best


def _run(net: Network, training: dict[str, Any], tensors: dict[str, np.ndarray], n_slots: int) -> Run:
    """The run whose checkpoint it is, with the state that it left."""
    moments = np.zeros(n_slots * net.theta.size, net.dtype)
    best = np.zeros(net.theta.size, net.dtype) if any(name.startswith("best.") for name in tensors) else None
    for name, values in _like_theta(net, moments, best):
        for l, parts in enumerate(zip(*net._views(values, "w", "b"), strict=True), 1):
            for part, kind in zip(parts, ("weight", "bias"), strict=True):
                kept = tensors[f"{name}.layers.{l}.{kind}"]
                if kept.shape != part.shape:
                    raise ValueError(f"{name} has shape {kept.shape} in layer {l}")
                part[...] = kept
    statistics = np.zeros(training["minibatch"], STATISTICS)
    if len(statistics):
        statistics.view(np.float64)[:] = tensors["statistics"].reshape(-1)
    state = State(
        options={},
        moments=moments,
        powers=(float.fromhex(training["powers"][0]), float.fromhex(training["powers"][1])),
        minibatch=len(statistics),
        statistics=statistics,
        first_loss=None if training["first_loss"] is None else float.fromhex(training["first_loss"]),
        generator=None if training["generator"] is None else decoded(training["generator"]),
        seed=int(training["seed"], 16),
        plateau=(
            float.fromhex(training["plateau"][0]),
            float.fromhex(training["plateau"][1]),
            int(training["plateau"][2]),
        ),
        concluded=bool(training["concluded"]),
        limit=float.fromhex(training["limit"]),
        best=None if training["best"] is None else float.fromhex(training["best"]),
        best_theta=best,
        last_theta=net.theta,
        finished=bool(training["finished"]),
    )
    names = ("n_epochs", "n_minibatches", "n_samples", "epoch", "minibatch", "step", "best_epoch")
    counts = {name: training[name] for name in names}
    known = [n for name, n in counts.items() if name != "best_epoch" or n is not None]
    if not all(isinstance(n, int) and n >= 0 for n in known) or counts["minibatch"] > counts["n_minibatches"]:
        raise ValueError(f"the counts {counts}")
    lists = {name.removeprefix(HISTORY): values for name, values in tensors.items() if name.startswith(HISTORY)}
    history = History({name: [float(value) for value in values] for name, values in lists.items()})
    for name in lists.keys() & {*training["integers"]}:
        history[name] = [int(value) if value.is_integer() else value for value in history[name]]
    Order().restore(state.generator)  # before anything is trained with it
    run = Run(net, None, **counts, history=history, seconds=float.fromhex(training["seconds"]))
    run._state = state
    return run
