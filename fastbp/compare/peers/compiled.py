"""torch.compile: gather, forward, backward and update of a step as one compiled graph."""

from __future__ import annotations

import shutil
import warnings
from typing import Any

from fastbp.compare.nets import Array, Case
from fastbp.compare.peers import Peer, adam_step
from fastbp.compare.peers.torch_ import PINNING, TorchTrainer


class CompiledTrainer(TorchTrainer):
    """Tensors, and a step that compiles when it first runs."""

    def prepare(self) -> None:
        """Adam's moments, and the graph."""
        case, torch = self.case, self.torch
        self.moments = [[torch.zeros_like(w) for w in self.weights] for _ in range(2)]

        def step(weights: Any, m: Any, v: Any, X: Array, Y: Array, chosen: Array, correction: Array) -> None:
            x, y = (X, Y) if case.full_batch else (X[chosen], Y[chosen])
            gradients = torch.func.grad(self.cost)(weights, x, y)
            for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
                if case.optimizer == "sgd":
                    w.sub_(case.learning_rate * g)
                    continue
                m[i].mul_(0.9).add_(0.1 * g)
                v[i].mul_(0.999).add_(0.001 * (g * g))
                w.sub_(correction[0] * m[i] / (v[i].sqrt() + correction[1]))

        torch._dynamo.reset()  # another net: nothing that was compiled before fits
        self.graph = torch.compile(step, dynamic=False)

    def run(self, orders: Array) -> None:
        batch, torch = self.case.batch, self.torch
        correction = torch.zeros(2, dtype=self.X.dtype)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what the compiler could do elsewhere
            for order in torch.from_numpy(orders):
                for start in range(0, len(order), batch):
                    if self.case.optimizer == "adam":
                        self.t += 1
                        correction[0], correction[1] = adam_step(self.case.learning_rate, self.t)
                    chosen = order[start : start + batch]
                    self.graph(self.weights, *self.moments, self.X, self.Y, chosen, correction)


def cannot(case: Case) -> str:
    """Without a C++ compiler there is nothing to compile with."""
    return "" if any(map(shutil.which, ("g++", "clang++", "cl"))) else "there is no C++ compiler"


PEER = Peer("torch.compile", "torch", PINNING, CompiledTrainer, cannot)
