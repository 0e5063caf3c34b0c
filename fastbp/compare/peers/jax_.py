"""JAX: one compiled program for the whole epoch, a scan over its minibatches; the fastest of several ways to say it."""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np

from fastbp.compare.nets import Case
from fastbp.compare.peers import Parameters, Peer, Trainer

WAYS = (("inside", 1), ("inside", 4), ("before", 1), ("before", 4))
"""Whether each step gathers its samples by index or all are gathered before the scan; steps written out per turn of the
loop. All are compiled and tried, the fastest is what is timed."""


class _Trainer(Trainer):
    whole = True

    def __init__(self, case: Case, X: Any, Y: Any) -> None:
        self.case, self.jax = case, importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", case.dtype == "float64")
        self.X, self.Y = self.jax.device_put(X), self.jax.device_put(Y)
        self.compiled: dict[Any, Any] = {}
        self.way: tuple[str, int] | None = None
        self.reset()

    def reset(self) -> None:
        """The common start."""
        jnp, net = self.jax.numpy, self.case.network()
        weights = [(jnp.array(np.ascontiguousarray(w.T)), jnp.array(b)) for w, b in zip(net.w, net.b, strict=True)]
        zeros = [self.jax.tree.map(jnp.zeros_like, weights) for _ in range(2 * (self.case.optimizer == "adam"))]
        self.state: Any = (weights, zeros, jnp.zeros((), self.case.dtype))

    def cost(self, weights: Any, x: Any, y: Any) -> Any:
        """C, as fastbp has it."""
        jax, a = self.jax, x
        # JAX has the others under our names.
        known = {
            "gelu": lambda z: jax.nn.gelu(z, approximate=False),
            "exp": jax.numpy.exp,
            "identity": lambda z: z,
            "softmax": lambda z: z,
        }
        for name, (w, b) in zip(self.case.activations, weights, strict=True):
            z = a @ w + b
            a = (known.get(name) or getattr(jax.nn, name))(z)
        if self.case.cost == "quadratic":
            return 0.5 * ((a - y) ** 2).sum() / len(x)
        if self.case.activations[-1] == "softmax":
            return -(y * jax.nn.log_softmax(z)).sum() / len(x)
        return (jax.nn.softplus(z) - y * z).sum() / len(x)

    def step(self, state: Any, x: Any, y: Any) -> Any:
        """One minibatch."""
        jax, case = self.jax, self.case
        weights, moments, t = state
        g = jax.grad(self.cost)(weights, x, y)
        if case.optimizer == "sgd":
            return jax.tree.map(lambda w, g: w - case.learning_rate * g, weights, g), moments, t
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), moments[1], g)
        root = jax.numpy.sqrt(1 - 0.999**t)
        rate = case.learning_rate * root / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jax.numpy.sqrt(v) + 1e-8 * root), weights, m, v)
        return weights, [m, v], t

    def program(self, way: tuple[str, int], n: int) -> Any:
        """The compiled epoch of n samples; the state is donated, so that it is updated in place."""
        if (way, n) in self.compiled:
            return self.compiled[way, n]
        jax, case, (gather, unroll) = self.jax, self.case, way

        def epoch(state: Any, order: Any, X: Any, Y: Any) -> Any:
            if case.full_batch:  # the order means nothing
                return self.step(state, X, Y)
            order = order.reshape(-1, case.batch)
            if gather == "inside":
                return jax.lax.scan(lambda s, i: (self.step(s, X[i], Y[i]), None), state, order, unroll=unroll)[0]
            return jax.lax.scan(lambda s, xy: (self.step(s, *xy), None), state, (X[order], Y[order]), unroll=unroll)[0]

        self.compiled[way, n] = jax.jit(epoch, donate_argnums=0)
        return self.compiled[way, n]

    def run(self, orders: Any) -> None:
        n = orders.shape[1]
        if self.way is None:
            self.way = WAYS[0]
        program = self.program(self.way, n)
        state = self.state
        for order in orders.astype(np.int32):
            state = program(state, order, self.X, self.Y)
        self.state = self.jax.block_until_ready(state)

    def tune(self, orders: Any) -> None:
        """Keep the fastest way, and start again."""
        best = float("inf")
        steps = orders.shape[1] // self.case.batch
        for way in WAYS[:1] if self.case.full_batch else [way for way in WAYS if way[1] <= steps]:
            program = self.program(way, orders.shape[1])
            for turn in range(4):  # the first compiles
                state, self.state = self.state, None
                began = time.perf_counter()
                order = orders[0].astype(np.int32)
                self.state = self.jax.block_until_ready(program(state, order, self.X, self.Y))
                seconds = time.perf_counter() - began
                if turn and seconds < best:
                    best, self.way = seconds, way
        self.reset()

    def parameters(self) -> Parameters:
        return [(np.array(w).T, np.array(b)) for w, b in self.state[0]]


class Jax(Peer):
    """jit, scan, donated buffers, index arrays."""

    name = "JAX"
    module = distribution = "jax"
    pinning = "affinity and NPROC before import, which size XLA's pool; on one thread also XLA_FLAGS"

    def trainer(self, case: Case, X: Any, Y: Any, n_threads: int) -> Trainer:
        """Data on the device, the fastest program compiled."""
        trainer = _Trainer(case, X, Y)
        trainer.tune(case.orders())
        return trainer


PEER = Jax()
