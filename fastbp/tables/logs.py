"""Files of a training that has several members."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from fastbp.network import Network
from fastbp.training.callbacks import Callback, CSVLog, JSONLines, TensorBoard, as_callbacks, lengths_of, new_values
from fastbp.training.history import Run


class _LogOfMembers(Callback):
    """Writes all members' rows to one file, in the members' order, whatever the order in which they are trained.

    A row says its member, counted from 0. It has no seconds, which depend on how many members are trained at a time.

    Parameters
    ----------
    log : CSVLog or JSONLines
        Of the file.
    nets : sequence of Network
        Of the members.
    """

    def __init__(self, log: CSVLog | JSONLines, nets: Sequence[Network]) -> None:
        self._log = log
        self._member = {id(net): i for i, net in enumerate(nets)}
        self._lengths: dict[int, dict[str, int]] = {}
        self._rows: list[list[dict[str, Any]]] = [[] for _ in nets]
        self._ended = [False] * len(nets)
        self._turn = 0
        """Of this member the rows are written as they come; those of later ones wait."""

    def on_train_begin(self, run: Run) -> None:
        if not self._lengths:
            self._log.on_train_begin(run)
        self._lengths[self._member[id(run.net)]] = lengths_of(run)

    def on_epoch_end(self, run: Run) -> None:
        member = self._member[id(run.net)]
        values = new_values(run, self._lengths[member])
        self._lengths[member] = lengths_of(run)
        self._rows[member].append({"member": member, "epoch": run.epoch, "step": run.step, **values})
        self._write()

    def on_train_end(self, run: Run) -> None:
        self._ended[self._member[id(run.net)]] = True
        self._write()
        self._log.on_train_end(run)

    def close(self) -> None:
        """Write what waits for members that were never trained to their end."""
        self._ended = [True] * len(self._ended)
        if self._lengths:
            self._write()

    def _write(self) -> None:
        while self._turn < len(self._rows):
            rows = self._rows[self._turn]
            while rows:
                self._log.write(rows.pop(0))
            if not self._ended[self._turn]:
                return
            self._turn += 1


class _EventsOfMembers(Callback):
    """Writes events for TensorBoard, a folder for each member inside the folder that is given.

    Parameters
    ----------
    events : TensorBoard
    nets : sequence of Network
        Of the members.
    """

    def __init__(self, events: TensorBoard, nets: Sequence[Network]) -> None:
        folder = os.fsdecode(events.folder)
        self._of = {id(net): TensorBoard(os.path.join(folder, f"member-{i}")) for i, net in enumerate(nets)}

    def on_train_begin(self, run: Run) -> None:
        self._of[id(run.net)].on_train_begin(run)

    def on_epoch_end(self, run: Run) -> None:
        self._of[id(run.net)].on_epoch_end(run)

    def on_train_end(self, run: Run) -> None:
        self._of[id(run.net)].on_train_end(run)


@contextmanager
def watching_members(callbacks: Iterable[Any], nets: Sequence[Network]) -> Iterator[list[Callback]]:
    """Context with the callbacks, of which those that write the file of one run write that of all members."""
    with ExitStack() as stack:
        made: list[Callback] = []
        for callback in as_callbacks(callbacks):
            if isinstance(callback, CSVLog | JSONLines):
                log = _LogOfMembers(callback, nets)
                stack.callback(log.close)
                made.append(log)
            elif isinstance(callback, TensorBoard):
                made.append(_EventsOfMembers(callback, nets))
            else:
                made.append(callback)
        yield made
