"""The temperature by which logits are divided, so that probabilities are those that come true."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastbp.network import Network

Numbers = npt.NDArray[np.float64]

LOWEST, HIGHEST = 0.25, 8.0
LEAST_ROWS = 50
"""From fewer rows nothing is learned."""
ROUNDS = 60


def logits(probabilities: Numbers) -> Numbers:
    """What the softmax, or the sigmoid of one output, makes these of, but for a constant of each row."""
    tiny = float(np.finfo(np.float32).tiny)
    p = np.clip(np.asarray(probabilities, np.float64), tiny, 1.0)
    if p.shape[1] > 1:
        return np.log(p)
    return np.log(p) - np.log(np.clip(1.0 - np.asarray(probabilities, np.float64), 1e-8, 1.0))


def loss_at(z: Numbers, labels: npt.NDArray[np.int64], weight: Numbers | None, temperature: float) -> float:
    """The mean of -log p of the right classes with logits z divided by a temperature."""
    scaled = z / temperature
    if z.shape[1] == 1:
        losses = np.logaddexp(0.0, np.where(labels == 1, -scaled[:, 0], scaled[:, 0]))
    else:
        losses = np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(z)), labels]
    return float(np.average(losses, weights=weight))


def log_loss(p: Numbers, labels: npt.NDArray[np.int64], weight: Numbers | None = None) -> float:
    """The mean of -log p of the right classes, p of shape (n, n_classes)."""
    right = np.clip(p[np.arange(len(p)), labels], np.finfo(np.float32).tiny, 1.0)
    return float(np.average(-np.log(right), weights=weight))


def temperature_of(probabilities: Numbers, labels: npt.NDArray[np.int64], weight: Numbers | None = None) -> float:
    """The temperature with the least loss, found by a golden-section search on its logarithm.

    Parameters
    ----------
    probabilities : array (n, n_classes), or (n, 1) of the second of two classes
        Of rows that whoever predicted them has not been trained on.
    labels : array (n,) of int64
    weight : array (n,), optional

    Returns
    -------
    float
        1 for fewer than `LEAST_ROWS` rows.
    """
    if len(labels) < LEAST_ROWS:
        return 1.0
    z = logits(probabilities)
    shrink = (np.sqrt(5.0) - 1) / 2
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(ROUNDS):
        a, b = high - shrink * (high - low), low + shrink * (high - low)
        if loss_at(z, labels, weight, float(np.exp(a))) <= loss_at(z, labels, weight, float(np.exp(b))):
            high = b
        else:
            low = a
    found = float(np.exp((low + high) / 2))
    return found if loss_at(z, labels, weight, found) < loss_at(z, labels, weight, 1.0) else 1.0


def cool(net: Network, temperature: float) -> None:
    """Divide the logits of a network by a temperature: its last w and b."""
    if temperature != 1.0:
        net.w[net.L][...] /= temperature
        net.b[net.L][...] /= temperature


def cooled(p: Numbers, temperature: float) -> Numbers:
    """Probabilities with their logits divided by a temperature."""
    z = logits(p) / temperature
    if z.shape[1] == 1:
        sure: Numbers = 1 / (1 + np.exp(-z))
        return sure
    e = np.exp(z - z.max(axis=1, keepdims=True))
    shares: Numbers = e / e.sum(axis=1, keepdims=True)
    return shares
