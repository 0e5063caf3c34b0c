"""JAX: one compiled program for the whole epoch, a scan over its minibatches; the fastest of several ways to say it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import Peer, Trainer

WAYS = (("inside", 1), ("inside", 4), ("before", 1), ("before", 4))
"""Whether each step gathers its samples by index or all are gathered before the scan; steps written out per turn of the
loop. All are compiled and tried, the fastest is what is timed."""


class JaxTrainer(Trainer):
    """Data on the device; jit, scan, donated buffers, index arrays; the fastest program compiled."""

    whole = True

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", case.dtype == "float64")
        super().__init__(case, self.jax.device_put(X), self.jax.device_put(Y), n_threads)
        self.compiled: dict[Any, Any] = {}
        self.way = WAYS[0]
        self.reset()
        self.tune(case.orders())

    def reset(self) -> None:
        """The common start."""
        jnp = self.jax.numpy
        weights = [(jnp.array(np.ascontiguousarray(w.T)), jnp.array(b)) for w, b in self.case.start()]
        zeros = [self.jax.tree.map(jnp.zeros_like, weights) for _ in range(2 * (self.case.optimizer == "adam"))]
        self.state: Any = (weights, zeros, jnp.zeros((), self.case.dtype))

    def cost(self, weights: Any, x: Array, y: Array) -> Array:
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

    def stepped(self, state: Any, x: Array, y: Array) -> Any:
        """The state after one minibatch."""
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

        def epoch(state: Any, order: Any, X: Array, Y: Array) -> Any:
            if case.full_batch:  # the order means nothing
                return self.stepped(state, X, Y)
            order = order.reshape(-1, case.batch)
            if gather == "inside":
                return jax.lax.scan(lambda s, i: (self.stepped(s, X[i], Y[i]), None), state, order, unroll=unroll)[0]
            return jax.lax.scan(lambda s, xy: (self.stepped(s, *xy), None), state, (X[order], Y[order]), unroll=unroll)[
                0
            ]

        self.compiled[way, n] = jax.jit(epoch, donate_argnums=0)
        return self.compiled[way, n]

    def run(self, orders: Array) -> None:
        program = self.program(self.way, orders.shape[1])
        state, self.state = self.state, None  # donated
        for order in orders.astype(np.int32):
            state = program(state, order, self.X, self.Y)
        self.state = self.jax.block_until_ready(state)

    def tune(self, orders: Array) -> None:
        """Keep the fastest way, and start again."""
        steps = orders.shape[1] // self.case.batch
        best: dict[tuple[str, int], float] = {}
        for way in WAYS[:1] if self.case.full_batch else [way for way in WAYS if way[1] <= steps]:
            self.way = way
            self.run(orders[:1])  # compiles
            best[way] = min(self.time(orders[:1]) for _ in range(3))
        self.way = min(best, key=lambda way: best[way])
        self.reset()

    def parameters(self) -> Parameters:
        return [(np.array(w).T, np.array(b)) for w, b in self.state[0]]


PINNING = "affinity and NPROC before import, which size XLA's pool; on one thread also XLA_FLAGS"
PEERS = (Peer("JAX", "jax", PINNING, JaxTrainer),)
