"""Numba's ``prange`` over samples (F1, F2, BP1, BP2) and over rows of w (BP4), a parallel region for each equation."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from fastbp import jit
from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer
from fastbp.functions.activations import CODES, COSTS


class _Trainer(Trainer):
    def __init__(self, case: Case, X: Any, Y: Any, n_threads: int) -> None:
        self.loops = importlib.import_module("fastbp.compare.loops")
        if not jit.DISABLED:
            importlib.import_module("numba").set_num_threads(n_threads)
        self.case, self.X, self.Y, net = case, X, Y, case.network()
        self.w = [np.ascontiguousarray(w.T) for w in net.w]
        self.b = [b.copy() for b in net.b]
        n = case.batch
        self.x, self.y = np.empty((n, case.sizes[0]), X.dtype), np.empty((n, case.sizes[-1]), X.dtype)
        self.z, self.a, self.delta = ([np.empty((n, J), X.dtype) for J in case.sizes[1:]] for _ in range(3))
        self.g_w, self.g_b = ([np.empty_like(part) for part in parts] for parts in (self.w, self.b))
        slots = range(2 * (case.optimizer == "adam"))
        self.state = [[np.zeros(part.size, X.dtype) for part in self.w + self.b] for _ in slots]
        self.codes = [CODES[name] for name in case.activations]
        self.t = 0

    def run(self, orders: Any) -> None:
        batch = self.case.batch
        for order in orders:
            for start in range(0, len(order), batch):
                if self.case.full_batch:
                    self.step(self.X, self.Y)
                else:
                    self.loops.gather(self.X, self.Y, order[start : start + batch], self.x, self.y)
                    self.step(self.x, self.y)

    def step(self, x: Any, y: Any) -> None:
        """One minibatch."""
        loops, L, a = self.loops, self.case.L, [x, *self.a]
        for l in range(L):
            loops.forward(self.w[l], self.b[l], a[l], self.codes[l], self.z[l], a[l + 1])
        loops.output_error(COSTS[self.case.cost], self.codes[-1], self.z[-1], a[L], y, self.delta[-1])
        for l in range(L - 1, 0, -1):
            loops.hidden_error(self.w[l], self.delta[l], self.codes[l - 1], self.z[l - 1], self.delta[l - 1])
        scale = self.X.dtype.type(1 / len(x))
        for l in range(L):
            loops.gradient(a[l], self.delta[l], scale, self.g_w[l], self.g_b[l])
        self.update()

    def update(self) -> None:
        """U."""
        number, rate = self.X.dtype.type, self.case.learning_rate
        self.t += 1
        root = (1 - 0.999**self.t) ** 0.5
        for i, (w, g) in enumerate(zip(self.w + self.b, self.g_w + self.g_b, strict=True)):
            if self.case.optimizer == "sgd":
                self.loops.descend(w.reshape(-1), g.reshape(-1), number(rate))
            else:
                step, epsilon = number(rate * root / (1 - 0.9**self.t)), number(1e-8 * root)
                moments = self.state[0][i], self.state[1][i]
                self.loops.adam(w.reshape(-1), g.reshape(-1), *moments, step, epsilon)

    def parameters(self) -> Parameters:
        return [(w.T.copy(), b.copy()) for w, b in zip(self.w, self.b, strict=True)]


class Prange(Peer):
    """Plain Numba."""

    name = "Numba prange"
    module = distribution = "numba"
    pinning = "NUMBA_NUM_THREADS before import, numba.set_num_threads, affinity"

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Arrays; the loops compile when they first run."""
        return _Trainer(case, X, Y, n_threads)


PEER = Prange()
