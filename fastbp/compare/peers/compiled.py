"""torch.compile: gather, forward, backward and update of a step as one compiled graph."""

from __future__ import annotations

import importlib
import shutil
import warnings
from typing import Any

from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Trainer
from fastbp.compare.peers.torch_ import Torch, forward_cost, set_threads, start


class _Trainer(Trainer):
    def __init__(self, case: Case, X: Any, Y: Any, n_threads: int) -> None:
        self.case, torch = case, importlib.import_module("torch")
        self.torch = torch
        set_threads(torch, n_threads)
        self.X, self.Y = torch.from_numpy(X), torch.from_numpy(Y)
        self.weights = start(torch, case)
        self.moments = [[torch.zeros_like(w) for w in self.weights] for _ in range(2)]
        self.t = 0
        rate = case.learning_rate

        def step(weights: Any, m: Any, v: Any, X: Any, Y: Any, chosen: Any, correction: Any) -> None:
            x, y = (X, Y) if case.full_batch else (X[chosen], Y[chosen])
            gradients = torch.func.grad(lambda w: forward_cost(torch, case, w, x, y))(weights)
            for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
                if case.optimizer == "sgd":
                    w.sub_(rate * g)
                    continue
                m[i].mul_(0.9).add_(0.1 * g)
                v[i].mul_(0.999).add_(0.001 * (g * g))
                w.sub_(correction[0] * m[i] / (v[i].sqrt() + correction[1]))

        torch._dynamo.reset()  # another net: nothing that was compiled before fits
        self.step = torch.compile(step, dynamic=False)

    def run(self, orders: Any) -> None:
        batch, torch = self.case.batch, self.torch
        correction = torch.zeros(2, dtype=self.X.dtype)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what the compiler could do elsewhere
            for order in torch.from_numpy(orders):
                for start in range(0, len(order), batch):
                    if self.case.optimizer == "adam":
                        self.t += 1
                        root = (1 - 0.999**self.t) ** 0.5
                        correction[0] = self.case.learning_rate * root / (1 - 0.9**self.t)
                        correction[1] = 1e-8 * root
                    chosen = order[start : start + batch]
                    self.step(self.weights, *self.moments, self.X, self.Y, chosen, correction)

    def parameters(self) -> Parameters:
        arrays = [w.numpy().copy() for w in self.weights]
        return list(zip(arrays[::2], arrays[1::2], strict=True))


class Compiled(Torch):
    """torch.compile of the whole step."""

    name = "torch.compile"

    def cannot(self, case: Case) -> str:
        """Without a C++ compiler there is nothing to compile with."""
        return "" if any(map(shutil.which, ("g++", "clang++", "cl"))) else "there is no C++ compiler"

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Tensors, and a step that compiles when it first runs."""
        return _Trainer(case, X, Y, n_threads)


PEER = Compiled()
