"""What a signal does while a command trains and saves."""

from __future__ import annotations

import signal
from types import TracebackType

import fastbp
from fastbp._signals import Phase, signals


class Interrupts(fastbp.Callback):
    """Context manager around training, saving and the word about it, and a callback of that training: between them
    comes no signal.

    From the run's beginning a signal raises KeyboardInterrupt in it. Once the run has ended, signals are only noted,
    until the context ends.

    Attributes
    ----------
    run : Run or None
        The training run, once it has begun.
    """

    def __init__(self) -> None:
        self.run: fastbp.Run | None = None

    @property
    def leaving(self) -> bool:
        """Whether the process is to end once the model is saved, without testing it.

        A single Ctrl-C in the training ends the training. Ctrl-C after its end, a second one, and every other signal
        end the command.
        """
        stopped = self.run is not None and self.run.stopped == "interrupted"
        return signals.received not in ([], [signal.SIGINT] if stopped else [])

    def on_train_begin(self, run: fastbp.Run) -> None:
        """From here on there is something to save."""
        self.run = run
        signals.phase = Phase.RAISE

    def on_train_end(self, run: fastbp.Run) -> None:
        """From here on nothing may come between."""
        signals.phase = Phase.NOTE

    def __enter__(self) -> Interrupts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        signals.phase = Phase.NOTE if self.leaving else Phase.LEAVE
