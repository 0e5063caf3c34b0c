"""fastbp, as a user calls it."""

from __future__ import annotations

import time

import fastbp
from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import Peer, Trainer


class _Clock(fastbp.Callback):
    """From the first epoch's beginning to the last one's end: as of every peer, preparation is not in it."""

    def on_train_begin(self, run: fastbp.Run) -> None:
        self.began = self.ended = time.perf_counter()

    def on_epoch_end(self, run: fastbp.Run) -> None:
        self.ended = time.perf_counter()


class FastbpTrainer(Trainer):
    """`fastbp.train` of the case."""

    whole = True

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        super().__init__(case, X, Y, n_threads)
        kind = fastbp.Adam if case.optimizer == "adam" else fastbp.SGD
        self.net, self.optimizer = case.network(), kind(learning_rate=case.learning_rate)
        self.last: fastbp.Run | None = None

    def run(self, orders: Array) -> None:
        self.time(orders)

    def time(self, orders: Array) -> float:
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


PEERS = (Peer("fastbp", "fastbp", "the process's cores", FastbpTrainer),)
