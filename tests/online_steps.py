"""What tests of `fastbp.Trainer` train: a small net, its samples, and an epoch of it as steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from nets import SMALL

import fastbp

RNG = np.random.RandomState(5)
X, LABELS = RNG.randn(24, 4), RNG.randint(0, 3, 24)
WEIGHTS = np.linspace(0.1, 1.0, 24)
ONE_HOT = np.eye(3)[LABELS]
OPTIMIZERS = (fastbp.SGD(0.1), fastbp.SGD(0.1, 0.9, True), fastbp.Adam(0.05), fastbp.RMSprop(), fastbp.Adagrad())
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "penalised": {"l1": 0.01, "l2": 0.1}, "clipped": {"clip_norm": 0.3}, "frozen": {"frozen": [1]},
    "rates": {"layer_rates": (0.5, 2.0)}, "threads": {"n_threads": 1 if SMALL else 2},
}  # fmt: skip


def make_net(dtype: str = "float64", **options: Any) -> fastbp.Network:
    usual: dict[str, Any] = {"activations": ["tanh", "softmax"], "cost": "cross_entropy", "seed": 1, "dtype": dtype}
    return fastbp.Network([4, 5, 3], **(usual | options))


def steps(trainer: fastbp.Trainer, targets: Any = LABELS, samples: Any = X, weights: Any = None) -> list[float]:
    """An epoch of minibatches of 8, as steps."""
    parts = [slice(at, at + 8) for at in range(0, 24, 8)]
    return [
        trainer.step(samples[part], targets[part], sample_weight=None if weights is None else weights[part])
        for part in parts
    ]


def train(net: fastbp.Network, targets: Any = LABELS, **options: Any) -> fastbp.Run:
    return fastbp.train(net, X, targets, **({"batch_size": 8, "shuffle": False, "seed": 0} | options))
