"""fastbp, as a user calls it."""

from __future__ import annotations

import time
from typing import Any

import fastbp
from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer


class _Clock(fastbp.Callback):
    """From the first epoch's beginning to the last one's end: as of every peer, preparation is not in it."""

    def on_train_begin(self, run: fastbp.Run) -> None:
        self.began = self.ended = time.perf_counter()

    def on_epoch_end(self, run: fastbp.Run) -> None:
        self.ended = time.perf_counter()


class _Trainer(Trainer):
    whole = True

    def __init__(self, case: Case, X: Any, Y: Any, n_threads: int | None) -> None:
        self.case, self.net, self.X, self.Y, self.n_threads = case, case.network(), X, Y, n_threads
        kind = fastbp.Adam if case.optimizer == "adam" else fastbp.SGD
        self.optimizer = kind(learning_rate=case.learning_rate)
        self.last: fastbp.Run | None = None

    def run(self, orders: Any) -> None:
        self.time(orders)

    def time(self, orders: Any) -> float:
        clock = _Clock()
        self.last = fastbp.train(
            self.net,
            self.X,
            self.Y,
            optimizer=self.optimizer,
            epochs=len(orders),
            batch_size=self.case.batch,
            shuffle=lambda epoch: orders[epoch],
            n_threads=self.n_threads,
            callbacks=[clock],
        )
        return clock.ended - clock.began

    def parameters(self) -> Parameters:
        return [(w.copy(), b.copy()) for w, b in zip(self.net.w, self.net.b, strict=True)]


class Fastbp(Peer):
    """`fastbp.train` of the case."""

    name = "fastbp"
    module = distribution = "fastbp"
    pinning = "the process's cores"

    @property
    def version(self) -> str:
        """The version of these sources."""
        return fastbp.__version__

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int | None) -> _Trainer:
        """A net and its data; of threads, None is fastbp's own choice."""
        return _Trainer(case, X, Y, n_threads)


PEER = Fastbp()
