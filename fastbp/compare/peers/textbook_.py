"""fastbp's textbook: the equations as compiled loops over one sample, without any blocking."""

from __future__ import annotations

from fastbp import textbook
from fastbp.compare.nets import Array, Number
from fastbp.compare.peers import ArrayTrainer, Peer


class TextbookTrainer(ArrayTrainer):
    """`fastbp.textbook.minibatch_gradient` and its updates."""

    transposed = False

    def step(self, x: Array, y: Array) -> None:
        case = self.case
        g = textbook.minibatch_gradient(self.w, self.b, x, y, activations=case.activations, cost=case.cost)
        self.update(g.w + g.b)

    def descend(self, w: Array, g: Array, eta: Number) -> None:
        textbook.update_sgd(w.reshape(-1), g.reshape(-1), eta)

    def adam(self, w: Array, g: Array, m: Array, v: Array, step: Number, epsilon: Number) -> None:
        number = w.dtype.type
        w, g, m, v = (part.reshape(-1) for part in (w, g, m, v))
        textbook.update_adam(w, g, m, v, step, number(0.9), number(0.999), epsilon)


PEERS = (Peer("textbook", "fastbp", "always one thread", TextbookTrainer),)
