"""Users' own activations and costs for tests: registered once in a process, and known while a test asks for them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import fastbp
from fastbp.functions import activations, costs, exp, sigmoid

SLOPE = 1.5


def swoosh_prime(z):
    s = sigmoid(SLOPE * z)
    return s + SLOPE * z * s * (1 - s)


def swoosh_second(z):
    s = sigmoid(SLOPE * z)
    return SLOPE * s * (1 - s) * (2 + SLOPE * z * (1 - 2 * s))


def _registries() -> tuple[dict[str, Any], ...]:
    return activations.NAMED, activations.CODES, costs.NAMED, costs.CODES, costs.LOSSES


@functools.cache
def _added() -> tuple[SimpleNamespace, list[dict[str, Any]]]:
    """The entries, and what registering them has added to each registry."""
    before = [set(registry) for registry in _registries()]
    entries = SimpleNamespace(
        swoosh=fastbp.activation("swoosh", lambda z: z / (1 + exp(-SLOPE * z)), swoosh_prime, swoosh_second),
        hinge=fastbp.activation("hinge", lambda z: z if z > 0 else 0.25 * z, lambda z: 1 if z > 0 else 0.25),
        twin_of_tanh=fastbp.activation(
            "twin_of_tanh", lambda z: activations.tanh(z)[0], lambda z: activations.tanh(z)[1], range=(-1.0, 1.0)
        ),
        quartic=fastbp.cost("quartic", lambda a, y: (a - y) ** 4 / 4, lambda a, y: (a - y) ** 3),
        twin_of_quadratic=fastbp.cost("twin_of_quadratic", lambda a, y: 0.5 * ((a - y) * (a - y)), lambda a, y: a - y),
    )
    pairs = zip(_registries(), before, strict=True)
    return entries, [{name: of[name] for name in of if name not in known} for of, known in pairs]


@contextlib.contextmanager
def registered() -> Iterator[SimpleNamespace]:
    """Context in which they are known."""
    with forgotten():
        entries, added = _added()
        for registry, own in zip(_registries(), added, strict=True):
            registry.update(own)
        yield entries


@contextlib.contextmanager
def forgotten() -> Iterator[None]:
    """Context at whose end is forgotten, as no user can, whatever has been registered in it."""
    before = [set(registry) for registry in _registries()]
    try:
        yield
    finally:
        for registry, known in zip(_registries(), before, strict=True):
            for name in set(registry) - known:
                del registry[name]
