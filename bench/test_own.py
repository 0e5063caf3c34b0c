"""A step with a user's own activation or cost, beside one with the library's function of the same arithmetic.

    python -m pytest bench/test_own.py
    python -m pytest bench/test_own.py -k "silu and float32"

Weights agree before anything is timed; a step may take 1.3 times as long as the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp.compare.measure import Racer
from fastbp.functions import exp, sigmoid, tanh

GOAL = 1.3
STEPS = 500


def silu_prime(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)


def sigmoid_prime(z):
    t = exp(-abs(z))
    return t / ((1 + t) * (1 + t))


PAIRS: dict[str, Callable[[], dict[str, Any]]] = {
    "silu": lambda: {"activation": fastbp.activation("own_silu", lambda z: z * sigmoid(z), silu_prime)},
    "tanh": lambda: {"activation": fastbp.activation("own_tanh", tanh, lambda z: 1 - tanh(z) * tanh(z))},
    "sigmoid": lambda: {"activation": fastbp.activation("own_sigmoid", sigmoid, sigmoid_prime)},
    "relu": lambda: {
        "activation": fastbp.activation("own_relu", lambda z: max(z, 0.0), lambda z: 1.0 if z > 0 else 0.0)
    },
    "quadratic": lambda: {"cost": fastbp.cost("own_quadratic", lambda a, y: (a - y) * (a - y) / 2, lambda a, y: a - y)},
}
"""Name of the library's function -> registers one of the same arithmetic."""
KNOWN: dict[str, dict[str, Any]] = {}
NETS = {"4-16-16-1 b32": ([4, 16, 16, 1], 32), "64-64-64-2 b32": ([64, 64, 64, 2], 32), "4-16-1 b1": ([4, 16, 1], 1)}
CASES = [(net, dtype, name) for net in NETS for dtype in ("float32", "float64") for name in PAIRS]


def trained(net: str, dtype: str, activation: Any = "tanh", cost: Any = "quadratic") -> tuple[fastbp.Network, Any]:
    """A network, and what trains it for some steps."""
    sizes, batch = NETS[net]
    rng, n = np.random.default_rng(0), batch * STEPS
    X, Y = rng.standard_normal((n, sizes[0])).astype(dtype), rng.uniform(0.1, 0.9, (n, sizes[-1])).astype(dtype)
    activations = [*[activation] * (len(sizes) - 2), "identity"]
    made = fastbp.Network(sizes, activations=activations, cost=cost, dtype=dtype, seed=0)

    def turn() -> float:
        began = time.perf_counter()
        fastbp.train(made, X, Y, optimizer=fastbp.SGD(1e-3), epochs=1, batch_size=batch, shuffle=False, n_threads=1)
        return time.perf_counter() - began

    return made, turn


@pytest.mark.parametrize(
    ("net", "dtype", "name"),
    [pytest.param(*case, marks=[pytest.mark.smallest] if case == CASES[0] else []) for case in CASES],
)
def test_a_step(laps: Callable[..., float], benchmark: Any, one_round: bool, net: str, dtype: str, name: str) -> None:
    own = KNOWN.get(name) or KNOWN.setdefault(name, PAIRS[name]())
    (mine, turn), (theirs, other_turn) = trained(net, dtype, **own), trained(net, dtype, **{next(iter(own)): name})
    turn(), other_turn()
    np.testing.assert_allclose(mine.theta, theirs.theta, rtol=0, atol=1e-4 if dtype == "float32" else 1e-12)
    racer, other = Racer(turn, STEPS), Racer(other_turn, STEPS)
    step = laps(racer, rounds=21, group=f"{net} {dtype}, {name}", beside=[other])
    benchmark.extra_info.update(of_own=step / other.best, goal=GOAL)
    assert one_round or step <= GOAL * other.best
