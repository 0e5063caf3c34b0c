"""What tests of runs that go on train: a small net, its samples, and every kind of training."""

from __future__ import annotations

from typing import Any

import numpy as np
from nets import SMALL, same_bits

import fastbp

RNG = np.random.RandomState(5)
X, LABELS = RNG.randn(23, 4), RNG.randint(0, 3, 23)
HELD_OUT = RNG.randn(9, 4), RNG.randint(0, 3, 9)
WEIGHTS = np.where(np.arange(23) < 14, RNG.rand(23), 0.0)
BATCH, N_MINIBATCHES = 4, 6
THREADS = (1, 1) if SMALL else (1, 2)

OPTIMIZERS = (
    fastbp.SGD(0.1), fastbp.SGD(0.1, 0.9), fastbp.SGD(0.1, 0.9, True), fastbp.Adam(0.01), fastbp.AdamW(0.01),
    fastbp.RMSprop(), fastbp.Adagrad(),
)  # fmt: skip


def plateau() -> fastbp.schedules.ReduceOnPlateau:
    return fastbp.schedules.ReduceOnPlateau(monitor="val_loss", patience=1, min_delta=0.01)


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weighted": {"sample_weight": WEIGHTS, "l1": 1e-3, "l2": 1e-2, "class_weight": {0: 2.0}},
    "masked": {"dropout": 0.3, "clip_norm": 0.5},
    "partly": {"frozen": [2], "layer_rates": (0.5, 1.0)},
    "step": {"schedule": fastbp.schedules.StepDecay(3)},
    "exponential": {"schedule": fastbp.schedules.ExponentialDecay()},
    "cosine": {"schedule": fastbp.schedules.Cosine(warmup=1.5, epochs=10)},
    "warm-up": {"schedule": fastbp.schedules.WarmUp(7.0)},
    "plateau": {"schedule": plateau(), "validation": HELD_OUT},
    "early stopping": {"early_stopping": fastbp.EarlyStopping(patience=10), "validation": HELD_OUT},
    "early stopping without the best": {"early_stopping": fastbp.EarlyStopping("loss", restore_best=False)},
    "in order": {"shuffle": False},
    "in a given order": {"shuffle": lambda epoch: np.roll(np.arange(23), 5 * epoch)},
}
SOME = ("masked", "partly", "cosine", "plateau", "early stopping", "in a given order")
AGAIN = ("sample_weight", "validation")
"""What no run keeps."""


def make_net(dtype: str = "float64") -> fastbp.Network:
    return fastbp.Network([4, 5, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=1, dtype=dtype)


def train(net: fastbp.Network, **options: Any) -> fastbp.Run:
    return fastbp.train(net, X, LABELS, **({"batch_size": BATCH, "seed": 3} | options))


def go_on(net: fastbp.Network, run: fastbp.Run, options: dict[str, Any], **more: Any) -> fastbp.Run:
    again = {name: options[name] for name in AGAIN if name in options}
    return fastbp.train(net, X, LABELS, continuing=run, **again, **more)


def check_same(run: fastbp.Run, other: fastbp.Run) -> None:
    assert same_bits(run.net.theta, other.net.theta)
    assert run.history == other.history
    assert (run.epoch, run.step, run.best_epoch) == (other.epoch, other.step, other.best_epoch)


class Stopping(fastbp.Callback):
    """Ends the run once it has made so many steps more."""

    every = 1

    def __init__(self, n: int) -> None:
        self.left = n

    def on_minibatch(self, run: fastbp.Run) -> None:
        self.left -= 1
        if not self.left:
            run.stop()
