"""PyTorch, eager: modules' functions, autograd, the fused optimizer; and compiled: a step as one graph."""

from __future__ import annotations

import importlib
import shutil
import warnings
from typing import Any

import numpy as np

from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import Peer, Trainer, adam_step


class TorchTrainer(Trainer):
    """Tensors: ``weights`` are w^1, b^1, w^2, ..., w of shape (J, K). A step is gather, forward, backward, update."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        self.torch = torch = importlib.import_module("torch")
        torch.set_num_threads(n_threads)  # of an operation; those between operations do nothing here
        super().__init__(case, torch.from_numpy(X), torch.from_numpy(Y), n_threads)
        self.weights = [torch.from_numpy(np.ascontiguousarray(part)) for pair in case.start() for part in pair]
        self.prepare()

    def prepare(self) -> None:
        """The optimizer."""
        kind = self.torch.optim.Adam if self.case.optimizer == "adam" else self.torch.optim.SGD
        leaves = [w.requires_grad_() for w in self.weights]
        self.optimizer = kind(leaves, lr=self.case.learning_rate, fused=True)

    def cost(self, weights: list[Array], x: Array, y: Array) -> Any:
        """C, as fastbp has it."""
        torch, F = self.torch, self.torch.nn.functional
        # PyTorch has the others under our names.
        known = {
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
            "exp": torch.exp,
            "identity": lambda z: z,
            "softmax": lambda z: z,
        }
        a = x
        for l, name in enumerate(self.case.activations):
            z = F.linear(a, weights[2 * l], weights[2 * l + 1])
            a = (known.get(name) or getattr(F, name))(z)
        if self.case.cost == "quadratic":
            return F.mse_loss(a, y, reduction="sum") * (0.5 / len(x))
        if self.case.activations[-1] == "softmax":
            return -(y * F.log_softmax(z, 1)).sum() / len(x)
        return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(x)

    def run(self, orders: Array) -> None:
        super().run(self.torch.from_numpy(orders))

    def gather(self, chosen: Array) -> tuple[Array, Array]:
        return self.X.index_select(0, chosen), self.Y.index_select(0, chosen)

    def step(self, x: Array, y: Array) -> None:
        cost = self.cost(self.weights, x, y)
        self.optimizer.zero_grad(set_to_none=True)
        cost.backward()
        self.optimizer.step()

    def parameters(self) -> Parameters:
        arrays = [w.detach().numpy().copy() for w in self.weights]
        return list(zip(arrays[::2], arrays[1::2], strict=True))


class CompiledTrainer(TorchTrainer):
    """Gather, forward, backward and update of a step as one graph, compiled when it first runs."""

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
    """Of what is compiled: without a C++ compiler there is nothing to compile with."""
    return "" if any(map(shutil.which, ("g++", "clang++", "cl"))) else "there is no C++ compiler"


PINNING = "OMP_NUM_THREADS before import, torch.set_num_threads, affinity"
PEERS = (
    Peer("PyTorch", "torch", PINNING, TorchTrainer),
    Peer("torch.compile", "torch", PINNING, CompiledTrainer, cannot),
)
