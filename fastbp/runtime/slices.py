"""Slices of an epoch: how long the team works before Python looks at Ctrl-C, callbacks and the progress display."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastbp import jit
from fastbp.kernels.records import RUNNING

if TYPE_CHECKING:
    from fastbp.runtime.team import ThreadTeam
    from fastbp.runtime.tuning import Tuner

SLICE_SECONDS = 0.05
"""How long the team stays in a kernel before Python can look at Ctrl-C and the progress display."""

SLOWEST = 0.0 if jit.DISABLED else 5e8
"""Floating-point operations a second that any machine is trusted with before it has been measured."""


class Pace:
    """Runs minibatches of ``operations`` each in slices of about ``SLICE_SECONDS``, from the speed of those before.

    A slice is many minibatches, or of one that takes several tiles of samples some of these.

    Parameters
    ----------
    team : ThreadTeam
    operations : float
    tuner : Tuner, optional
        Says how long a slice is, and wants to know how long it was.
    """

    def __init__(self, team: ThreadTeam, operations: float, tuner: Tuner | None = None) -> None:
        self.team, self.tuner = team, tuner
        self._rate = SLOWEST / operations  # minibatches a second
        self.seconds = 0.0
        """In kernels, so far."""

    def run(self, first: int, last: int) -> tuple[int, int]:
        """Slices from minibatch ``first`` of an epoch, until at least one is done, and at most until ``last``.

        Returns
        -------
        done : int
            The first one that is not done.
        status : int

        Raises
        ------
        RuntimeError
            A thread of the team was lost.
        """
        done, begun, status = first, 0, RUNNING
        longest = SLICE_SECONDS if self.tuner is None else self.tuner.seconds(SLICE_SECONDS)
        whole = self.seconds
        while done == first and status == RUNNING:
            amount = min(self._rate * longest, 8.0 * max(1, last))
            before = begun
            began = time.perf_counter()
            done, begun, status = self.team.run(first, min(first + max(1, int(amount)), last), begun, amount)
            seconds = max(time.perf_counter() - began, 1e-7)
            self.seconds += seconds
            progress = done - first + (begun - before) / self.team.batch
            # At most eight times more than the last slice, whose time may have been a compilation's or a hiccup's.
            self._rate = min(progress / seconds, 8 * progress / longest)
        if self.tuner is not None:
            self.tuner.note(done - first, self.seconds - whole)
        return done, status
