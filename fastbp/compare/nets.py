"""What is trained: sizes, batch, activations, cost, optimizer, and made-up data of the right shape."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import fastbp
from fastbp.checks import HIDDEN, Activation, Cost, DTypeName

Array = Any
"""An array of NumPy's, or of a peer's own kind."""

Number = Any
"""A scalar of an array's dtype."""

Result = dict[str, Any]
"""What was measured, by name, as JSON has it."""

Parameters = list[tuple[Array, Array]]
"""(w^l, b^l) for l = 1..L, w of shape (J, K)."""


@dataclass(frozen=True)
class Case:
    """A net and how it is trained. An epoch is ``samples``; a call to a peer makes ``epochs`` passes over them."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    samples: int
    activations: tuple[Activation, ...] = ()
    cost: Cost = "quadratic"
    optimizer: str = "sgd"
    learning_rate: float = 0.05
    dtype: DTypeName = "float32"
    epochs: int = 1

    def __post_init__(self) -> None:
        for name in ("sizes", "activations"):  # from a file of JSON they are lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.samples % self.batch:
            raise ValueError(
                f"{self.samples} samples are no multiple of the batch of {self.batch}. Change one of them."
            )
        if not self.activations:
            object.__setattr__(self, "activations", ("sigmoid",) * self.L)

    @property
    def L(self) -> int:
        """Number of the output layer."""
        return len(self.sizes) - 1

    @property
    def key(self) -> str:
        """Name and dtype."""
        return f"{self.name} {self.dtype}"

    @property
    def full_batch(self) -> bool:
        """Whether a minibatch is all samples, so that their order means nothing."""
        return self.batch == self.samples

    def flops(self, *, training: bool = True) -> float:
        """Floating-point operations of a step: 2 for each multiply-add of F1, BP2 and BP4; no BP2 of the input."""
        forward = sum(n_in * n_out for n_in, n_out in itertools.pairwise(self.sizes))
        return 2.0 * self.batch * (3 * forward - self.sizes[0] * self.sizes[1] if training else forward)

    def network(self) -> fastbp.Network:
        """The net every peer starts from."""
        return fastbp.Network(
            self.sizes, activations=self.activations, cost=self.cost, dtype=self.dtype, seed=0, init="nielsen_unit_bias"
        )

    def start(self) -> Parameters:
        """Its parameters, in C order, the caller's own."""
        net = self.network()
        return [(w.copy(), b.copy()) for w, b in zip(net.w, net.b, strict=True)]

    def data(self) -> tuple[Array, Array]:
        """Samples in [0, 1) and targets: one-hot rows where the output is a class, else numbers."""
        rng = np.random.default_rng(1)
        n, width = self.samples, self.sizes[-1]
        X = rng.random((n, self.sizes[0]), dtype=np.float64).astype(self.dtype)
        if self.activations[-1] in ("sigmoid", "softmax"):
            Y = np.eye(width)[rng.integers(0, width, n)] if width > 1 else rng.integers(0, 2, (n, 1))
        else:
            Y = rng.standard_normal((n, width))
        return X, Y.astype(self.dtype)

    def orders(self) -> Array:
        """Index array of each pass, shape (epochs, samples)."""
        rng = np.random.default_rng(2)
        return np.stack([rng.permutation(self.samples) for _ in range(self.epochs)]).astype(np.int64)


_FIVE: tuple[Activation, ...] = ("tanh", "tanh", "identity")


NETS: tuple[Case, ...] = (
    Case("784-30-10 b10", (784, 30, 10), 10, 10_000),
    Case("64-32-10 b16", (64, 32, 10), 16, 16_000, epochs=5),
    Case("4-16-16-1 b32", (4, 16, 16, 1), 32, 32_000, epochs=10),
    Case("784-128-64-10 b128", (784, 128, 64, 10), 128, 5_120),
    Case("784-512-512-10 b128", (784, 512, 512, 10), 128, 1_024),
    Case("784-1024-1024-10 b256", (784, 1024, 1024, 10), 256, 768),
    Case("4-32-16-4 Adam 10k", (4, 32, 16, 4), 10_000, 10_000, _FIVE, "quadratic", "adam", 0.001, epochs=60),
    Case("784-50-10 relu b1", (784, 50, 10), 1, 4_000, ("relu", "identity"), learning_rate=0.0002),
)
"""Sigmoid, quadratic cost and plain descent where the name does not say otherwise; hidden layers have the named
activation, the output of a regression is the identity. Adam's net is trained on full batches of 10,000."""

FLOAT64: tuple[Case, ...] = tuple(replace(NETS[i], dtype="float64") for i in (0, 3, 5))

MORE: tuple[Case, ...] = (
    # scikit-learn's own default, on data as wide as its digits.
    Case("64-100-10 relu softmax Adam b200", (64, 100, 10), 200, 1_800, ("relu", "softmax"), "cross_entropy", "adam",
         0.001, epochs=8),
    Case("784-500-250-10 softmax b100", (784, 500, 250, 10), 100, 1_000, ("sigmoid", "sigmoid", "softmax"),
         "cross_entropy"),
    Case("10-45-45-1 tanh Adam b128", (10, 45, 45, 1), 128, 12_800, ("tanh", "tanh", "identity"), "quadratic", "adam",
         0.001),
    Case("16-64-64-64-64-4 gelu b64", (16, 64, 64, 64, 64, 4), 64, 6_400, ("gelu",) * 4 + ("identity",),
         learning_rate=0.01),
)  # fmt: skip
"""Other activations, depths and optimizers, of nets that people have asked about."""

ALL: tuple[Case, ...] = NETS + FLOAT64 + MORE


def find(names: Iterable[str]) -> list[Case]:
    """The cases of these names: each begins the name of at least one, or is like ``30-20-10`` sizes of a new one."""
    found: list[Case] = []
    for name in names:
        matching = [case for case in ALL if case.key.startswith(name)]
        if not matching:
            matching = [parse(name)]
        found += [case for case in matching if case not in found]
    return found


def parse(text: str) -> Case:
    """A new case of words: sizes, then batch ``b32``, an activation, ``adam``, ``softmax``, a dtype, in any order."""
    words = text.split()
    try:
        sizes = tuple(int(part) for part in words[0].split("-"))
    except (ValueError, IndexError):
        sizes = ()
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(
            f"{text!r} is no net of the table and no sizes; I need the beginning of one of its names, or sizes. Choose "
            f"one of: {', '.join(dict.fromkeys(case.name for case in ALL))}; or write for example '30-20-10 b32 tanh'."
        )
    hidden, output, batch = "sigmoid", "sigmoid", 32
    options: dict[str, Any] = {}
    for word in words[1:]:
        if word[:1] == "b" and word[1:].isdigit() and int(word[1:]) > 0:
            batch = int(word[1:])
        elif word == "softmax":
            output, options["cost"] = "softmax", "cross_entropy"
        elif word == "adam":
            options |= {"optimizer": "adam", "learning_rate": 0.001}
        elif word in ("float32", "float64"):
            options["dtype"] = word
        elif word in HIDDEN:
            hidden = word
            output = output if output == "softmax" or word == "sigmoid" else "identity"
            if word not in ("sigmoid", "tanh"):
                options.setdefault("learning_rate", 0.0002)
        else:
            raise ValueError(
                f"{word!r} in {text!r} says nothing; I know b<batch>, activations, softmax, adam, float32 and float64. "
                "Leave it out."
            )
    activations: Any = (hidden,) * (len(sizes) - 2) + (output,)
    if output == "softmax" and sizes[-1] < 2:
        raise ValueError(
            f"{text!r} has one output, whose softmax is always 1; softmax needs two classes or more. Leave softmax out."
        )
    small = Case(text, sizes, batch, batch, activations, **options)
    steps = int(min(512, max(2, 1e9 // (small.flops() + 5e5))))  # some ten milliseconds
    return replace(small, samples=batch * steps)
