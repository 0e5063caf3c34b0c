"""fastbp's textbook: the equations as compiled loops over one sample, without any blocking."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp import __version__, textbook
from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer


class _Trainer(Trainer):
    def __init__(self, case: Case, X: Any, Y: Any) -> None:
        net = case.network()
        self.case, self.X, self.Y = case, X, Y
        self.w = [np.ascontiguousarray(w) for w in net.w]
        self.b = [b.copy() for b in net.b]
        slots = range(2 * (case.optimizer == "adam"))
        self.state = [[np.zeros(part.size, X.dtype) for part in self.w + self.b] for _ in slots]
        self.t = 0

    def run(self, orders: Any) -> None:
        for order in orders:
            for start in range(0, len(order), self.case.batch):
                chosen = order[start : start + self.case.batch]
                g = textbook.minibatch_gradient(
                    self.w,
                    self.b,
                    self.X[chosen],
                    self.Y[chosen],
                    activations=self.case.activations,
                    cost=self.case.cost,
                )
                self.update(g.w + g.b)

    def update(self, gradients: list[Any]) -> None:
        """U."""
        number, rate = self.X.dtype.type, self.case.learning_rate
        self.t += 1
        root = (1 - 0.999**self.t) ** 0.5
        for i, (w, g) in enumerate(zip(self.w + self.b, gradients, strict=True)):
            flat, slope = w.reshape(-1), g.reshape(-1)
            if self.case.optimizer == "sgd":
                textbook.update_sgd(flat, slope, number(rate))
            else:
                numbers = map(number, (rate * root / (1 - 0.9**self.t), 0.9, 0.999, 1e-8 * root))
                textbook.update_adam(flat, slope, self.state[0][i], self.state[1][i], *numbers)

    def parameters(self) -> Parameters:
        return [(w.copy(), b.copy()) for w, b in zip(self.w, self.b, strict=True)]


class Textbook(Peer):
    """`fastbp.textbook.minibatch_gradient` and its updates."""

    name = "textbook"
    module = distribution = "fastbp"
    pinning = "always one thread"

    @property
    def version(self) -> str:
        """Fastbp's own."""
        return __version__

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Lists of w^l and b^l."""
        return _Trainer(case, X, Y)


PEER = Textbook()
