"""PyTorch, eager: modules' functions, autograd, the fused optimizer."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer


def forward_cost(torch: Any, case: Case, weights: list[Any], x: Any, y: Any) -> Any:
    """C, as fastbp has it. ``weights`` are w^1, b^1, w^2, ..., w of shape (J, K)."""
    F = torch.nn.functional
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
    for l, name in enumerate(case.activations):
        z = F.linear(a, weights[2 * l], weights[2 * l + 1])
        a = (known.get(name) or getattr(F, name))(z)
    if case.cost == "quadratic":
        return F.mse_loss(a, y, reduction="sum") * (0.5 / len(x))
    if case.activations[-1] == "softmax":
        return -(y * F.log_softmax(z, 1)).sum() / len(x)
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(x)


def start(torch: Any, case: Case) -> list[Any]:
    """The common start as tensors."""
    net = case.network()
    both = zip(net.w, net.b, strict=True)
    return [torch.from_numpy(np.ascontiguousarray(part).copy()) for pair in both for part in pair]


def set_threads(torch: Any, n_threads: int) -> None:
    """Threads of an operation; those between operations do nothing here."""
    torch.set_num_threads(n_threads)


class TorchTrainer(Trainer):
    """A step is gather, forward, backward, update."""

    def __init__(self, case: Case, X: Any, Y: Any, n_threads: int) -> None:
        self.case, self.torch = case, importlib.import_module("torch")
        set_threads(self.torch, n_threads)
        self.X, self.Y = self.torch.from_numpy(X), self.torch.from_numpy(Y)
        self.weights = [w.requires_grad_() for w in start(self.torch, case)]
        optim = self.torch.optim
        kind = optim.Adam if case.optimizer == "adam" else optim.SGD
        self.optimizer = kind(self.weights, lr=case.learning_rate, fused=True)

    def run(self, orders: Any) -> None:
        case, batch = self.case, self.case.batch
        for order in self.torch.from_numpy(orders):
            for start in range(0, len(order), batch):
                if case.full_batch:
                    x, y = self.X, self.Y
                else:
                    chosen = order[start : start + batch]
                    x, y = self.X.index_select(0, chosen), self.Y.index_select(0, chosen)
                cost = forward_cost(self.torch, case, self.weights, x, y)
                self.optimizer.zero_grad(set_to_none=True)
                cost.backward()
                self.optimizer.step()

    def parameters(self) -> Parameters:
        arrays = [w.detach().numpy().copy() for w in self.weights]
        return list(zip(arrays[::2], arrays[1::2], strict=True))


class Torch(Peer):
    """Eager PyTorch."""

    name = "PyTorch"
    module = distribution = "torch"
    pinning = "OMP_NUM_THREADS before import, torch.set_num_threads, affinity"

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Tensors and an optimizer."""
        return TorchTrainer(case, X, Y, n_threads)


PEER = Torch()
