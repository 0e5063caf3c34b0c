"""Ctrl-C in ``fastbp train``: the first ends the training, and none comes between what was learned and its file."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import fastbp


class Interrupts(fastbp.Callback):
    """Context manager around training and saving, and a callback of that training.

    While the run is at work, Ctrl-C raises KeyboardInterrupt, as ever. Once it has been told, or has ended by itself, a
    further one is only noted, until the context ends.

    Attributes
    ----------
    run : Run or None
        The training run, once it has begun.
    late : bool
        Whether a Ctrl-C came while there was nothing left to do but to save.
    """

    def __init__(self) -> None:
        self.run: fastbp.Run | None = None
        self.late = False
        self._ended = False
        self._before: Any = None

    def on_train_begin(self, run: fastbp.Run) -> None:
        """From here on there is something to save."""
        self.run = run

    def on_train_end(self, run: fastbp.Run) -> None:
        """From here on nothing may come between."""
        self._ended = True

    def __enter__(self) -> Interrupts:
        # A shell's background job goes on ignoring Ctrl-C; threads other than the main one never see it.
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if before not in (signal.SIG_IGN, None):
                self._before = before
                signal.signal(signal.SIGINT, self._told)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self._ended or (self.run is not None and self.run.stopped == "interrupted"):
            self.late = True
        else:
            raise KeyboardInterrupt
