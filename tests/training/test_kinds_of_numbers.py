"""A number is a number, whoever made it: each option's float, in the other shapes that people have it in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp import schedules

KINDS = {"int": int, "float32": np.float32, "int64": np.int64, "0-d": np.array, "Fraction": Fraction}

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((24, 3)), RNG.random((24, 2))


def bits(optimizer: Any, **options: Any) -> bytes:
    net = fastbp.Network([3, 4, 2], seed=0)
    fastbp.train(net, X, Y, optimizer=optimizer, epochs=2, batch_size=8, seed=0, **options)
    return net.theta.tobytes()


OPTIONS: dict[str, tuple[float, Any]] = {
    "learning_rate": (1, lambda one: bits(fastbp.SGD(one))),
    "learning_rate of Adam": (1, lambda one: bits(fastbp.Adam(one))),
    "learning_rate, scheduled": (1, lambda one: bits(fastbp.SGD(one), schedule=schedules.ExponentialDecay(0.5))),
    "weight_decay": (1, lambda one: bits(fastbp.SGD(0.25, weight_decay=one))),
    "momentum": (0, lambda zero: bits(fastbp.SGD(0.25, momentum=zero, nesterov=False))),
    "epsilon": (1, lambda one: bits(fastbp.RMSprop(0.25, epsilon=one))),
    "beta_1": (0, lambda zero: bits(fastbp.Adam(0.25, beta_1=zero))),
    "l1": (1, lambda one: bits(fastbp.SGD(0.25), l1=one)),
    "l2": (1, lambda one: bits(fastbp.SGD(0.25), l2=one)),
    "clip_norm": (1, lambda one: bits(fastbp.SGD(0.25), clip_norm=one)),
    "dropout": (0, lambda zero: bits(fastbp.SGD(0.25), dropout=zero)),
    "layer_rates": (1, lambda one: bits(fastbp.SGD(0.25), layer_rates=[one, one])),
    "factor": (1, lambda one: bits(fastbp.SGD(0.25), schedule=schedules.StepDecay(1, one))),
    "rate": (1, lambda one: bits(fastbp.SGD(0.25), schedule=schedules.ExponentialDecay(one))),
    "warmup": (1, lambda one: bits(fastbp.SGD(0.25), schedule=schedules.Cosine(one, one))),
    "of WarmUp": (1, lambda one: bits(fastbp.SGD(0.25), schedule=schedules.WarmUp(one))),
    "min_delta": (1, lambda one: bits(fastbp.SGD(0.25), early_stopping=fastbp.EarlyStopping("loss", min_delta=one))),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", OPTIONS)
def test_numbers_of_all_kinds_are_the_float_they_stand_for(option: str, kind: str) -> None:
    number, run = OPTIONS[option]
    assert run(KINDS[kind](number)) == run(float(number))


def test_a_record_keeps_floats_and_ints() -> None:
    assert repr(fastbp.SGD(np.float32(0.5), momentum=np.array(0))) == repr(fastbp.SGD(0.5, momentum=0.0))
    assert type(schedules.StepDecay(np.int64(3), 1).every) is int
    assert type(schedules.StepDecay(np.int64(3), 1).factor) is float
    assert hash(fastbp.Adam(np.array(0.5))) == hash(fastbp.Adam(0.5))
