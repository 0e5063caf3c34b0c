"""Networks and samples on which a learner's function is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.network import Network
from fastbp.teach.answers import Case
from fastbp.teach.forms.form import Activations, Form
from fastbp.teach.passes import gradient
from fastbp.teach.ways import Problem

_SIZES = "1-1 2-1 1-2 1-1-1 2-3 2-1-1 1-2-1 1-1-2 2-2-2 2-3-2 3-2-4 3-4-2 2-3-3-2 3-2-4-2 4-3-3-5"
SIZES = [[int(size) for size in sizes.split("-")] for sizes in _SIZES.split()]
"""Networks tried, smallest first; most have no square weights, so that a forgotten transpose does not go unnoticed."""

SAMPLES = 3
"""Of a minibatch: with two, a missing 1/2 and a sum instead of a mean look alike."""
SEVERAL = 6
"""Networks tried where only one size can be."""
MARGIN = 0.05
"""How far from 0 every z is where sigma has a corner there: rounding does not take it across."""
TAME = 0.25
"""Part of the usual weights that networks of e^z have."""


def _drawn(
    sizes: Sequence[int], rng: np.random.Generator, activations: Activations, cost: Any, n: int
) -> tuple[Network, Problem]:
    """A network with numbers of two digits, all different, and samples."""
    L = len(sizes) - 1
    names: Any = [activations[0]] * (L - 1) + [activations[1]]
    net = Network(sizes, activations=names, cost=cost, seed=0)
    size = TAME if "exp" in names else 1.0
    for l in range(1, L + 1):
        w = rng.uniform(0.2, 1.4, net.w[l].shape) * rng.choice([-1, 1], net.w[l].shape)
        b = rng.uniform(0.1, 0.9, sizes[l]) * rng.choice([-1, 1], sizes[l])
        net.w[l], net.b[l] = np.round(size * w, 2), np.round(size * b, 2)
    X = np.round(rng.uniform(-1.5, 1.5, (n, sizes[0])), 2)
    Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], n)] if names[-1] == "softmax" else None
    if Y is None:
        Y = np.round(rng.uniform(0.05, 0.95, (n, sizes[-1])), 2)
    return net, Problem([np.array(w) for w in net.w], [np.array(b) for b in net.b], X, Y, names, cost, p=net._p)


def _case(sizes: Sequence[int], rng: np.random.Generator, activations: Activations, cost: str, n: int) -> Case:
    """A network and samples; where sigma has a corner, no z is near it, and something goes back through every layer."""
    while True:
        net, problem = _drawn(sizes, rng, activations, cost, n)
        right = gradient(problem, sized=True)
        cornered = [name in ("relu", "leaky_relu") for name in net.activations]
        if not any(cornered):
            return Case(net, problem, right)
        z = net.backprop(problem.X, problem.Y).z
        smallest = min(float(np.abs(part).min()) for part, has_one in zip(z, cornered, strict=True) if has_one)
        if smallest >= MARGIN and all(np.abs(b.value).max() > 0 for b in right.b):
            return Case(net, problem, right)


def make_cases(activations: Activations, cost: str, seed: int, n: int, form: Form | None = None) -> list[Case]:
    """One of each of the sizes that this form can be tried on; where that is one only, several."""
    rng = np.random.default_rng(seed)
    every: list[Sequence[int]] = [*SIZES]
    if form is not None:
        every = [sizes for sizes in SIZES if form.can_be(sizes)] if form.sizes is None else [form.sizes] * SEVERAL
    return [_case(sizes, rng, activations, cost, n) for sizes in every if activations[1] != "softmax" or sizes[-1] > 1]


def make_case_at_zero(n: int) -> Case:
    """A network of relu where z is exactly 0 in both layers, in any precision and order of sums."""
    net = Network([2, 2, 2], activations="relu", seed=0)
    net.w[1], net.b[1] = [[0.7, -0.4], [0.3, 0.9]], [0.0, 0.5]
    net.w[2], net.b[2] = [[0.6, 0.5], [-0.8, 0.25]], [-0.25, 0.75]
    Y = np.linspace(0.2, 0.7, 2 * n).reshape(n, 2)
    problem = Problem(
        [np.array(w) for w in net.w], [np.array(b) for b in net.b], np.zeros((n, 2)), Y, net.activations, net.cost
    )
    return Case(net, problem, gradient(problem, sized=True))
