"""Ctrl-C and the other signals that end the ``fastbp`` command, from its first import to its last line.

A KeyboardInterrupt in the middle of an import or of a compilation can be swallowed, or printed as a traceback, by
whatever code it happens to meet. So it is raised only where somebody waits for it; everywhere else there is nothing to
save, and the process ends in the signal handler. This module imports next to nothing, because it must come first.
"""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import threading
import time
from types import FrameType
from typing import NoReturn

WORDS = {"SIGINT": "Interrupted", "SIGTERM": "Terminated", "SIGHUP": "Hung up"}
"""What the command says that a signal did to it."""

PATIENCE = 1.0
"""Seconds after which a KeyboardInterrupt that nobody answered is raised again."""


class Phase(enum.Enum):
    """What a signal does."""

    LEAVE = "end the process"
    RAISE = "raise KeyboardInterrupt, once"
    NOTE = "be noted"


class Signals:
    """The handler, and what came.

    Attributes
    ----------
    phase : Phase
    received : list of int
        Signals that did not end the process, in order.
    """

    def __init__(self) -> None:
        self.phase = Phase.LEAVE
        self.received: list[int] = []
        self._raised = float("-inf")

    def install(self) -> None:
        """Handle the signals. One that is ignored, as Ctrl-C by a shell's background job, stays so."""
        if threading.current_thread() is not threading.main_thread():
            return
        for name in WORDS:
            number = getattr(signal, name, None)  # Windows has fewer
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.phase is Phase.LEAVE:
            self.leave(number)
        self.received.append(number)
        now = time.monotonic()
        if self.phase is Phase.RAISE and now - self._raised > PATIENCE:
            self._raised = now
            raise KeyboardInterrupt

    @property
    def word(self) -> str:
        """What the first signal did."""
        return WORDS[signal.Signals(self.received[0]).name] if self.received else WORDS["SIGINT"]

    @property
    def status(self) -> int:
        """The exit status of a command that the last signal ended, as shells have it."""
        return 128 + (self.received[-1] if self.received else signal.SIGINT)

    def leave(self, number: int) -> NoReturn:
        """Say so in one line, and end without another line of Python."""
        with contextlib.suppress(OSError):
            os.write(2, f"{WORDS[signal.Signals(number).name]}.\n".encode())
        os._exit(128 + number)


signals = Signals()
"""Of this process."""
