"""One minibatch by the calling thread alone, again and again: where a team would cost more than the minibatch."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

import numpy as np

from fastbp.kernels.records import FLAGS, NEVER, Training
from fastbp.runtime.team import CLOSED_GATE, code_of_work, is_on_stack, require_alone, teams


class Single:
    """Runs the one minibatch of a training of one thread, in that which calls; one call at a time.

    Parameters
    ----------
    training : Training
    """

    def __init__(self, training: Training) -> None:
        self._arguments = training, CLOSED_GATE, 0
        self._code = code_of_work(training)
        asked: Any = np.zeros(1, FLAGS)
        asked["last"], asked["leaving"] = 1, NEVER
        asked["at_most"] = training.control.batch
        self._asked = memoryview(asked.view(np.uint8))
        flags: Any = training.control.flags
        self._flags = memoryview(flags.view(np.uint8))
        self._status, self._total, self._asked_total = flags["status"], flags["total"], asked["total"]
        statistics = training.control.statistics
        self._statistics, self._zeros = memoryview(statistics.view(np.uint8)), bytes(statistics.nbytes)
        self._theta, self._thread, self._frame = training.layers.theta, 0, 0
        teams.append(weakref.ref(self, teams.remove))

    def trains(self, theta: np.ndarray) -> bool:
        """Whether it updates these weights, in a call that has not ended."""
        return theta is self._theta and is_on_stack(self._thread, self._frame)

    def run(self) -> int:
        """The minibatch, from the beginning; its status.

        Raises
        ------
        RuntimeError
            Another training updates these weights.
        """
        try:
            self._thread, self._frame = threading.get_ident(), id(sys._getframe())
            if len(teams) > 1:
                require_alone([known for known in list(teams) if known() is not self], self._theta)
            self._asked_total[0] = self._total[0]
            self._flags[:], self._statistics[:] = self._asked, self._zeros
            self._code(*self._arguments)
            return int(self._status[0])
        finally:
            self._frame = 0  # another call's frame may come to lie where this one did
