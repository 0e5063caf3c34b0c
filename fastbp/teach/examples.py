"""Networks small enough to follow by hand."""

from __future__ import annotations

import numpy as np

from fastbp.network import Network
from fastbp.teach.seeds import Draws

ETA = 0.5
"""Step size of the worked example."""
SMALLEST = 0.02
"""What a sum over k of an example of one's own comes to at least: its terms do not cancel."""


def worked_example(seed: str | None = None) -> tuple[Network, np.ndarray, np.ndarray]:
    """The 2-2-2 network of Matt Mazur's "A Step by Step Backpropagation Example" (2015), its sample and its target.

    Parameters
    ----------
    seed : str, optional
        The name of a learner, who gets other numbers of two digits: a network, a sample and a target that belong to
        this name.

    Returns
    -------
    net : Network
    x, y : numpy.ndarray, shape (2,)

    Raises
    ------
    TypeError, ValueError
        The seed is no text, or an empty one.
    """
    net = Network([2, 2, 2], seed=0)
    if seed is None:
        net.w[1], net.b[1] = [[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35]
        net.w[2], net.b[2] = [[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60]
        return net, np.array([0.05, 0.10]), np.array([0.01, 0.99])
    draws = Draws(seed)
    while True:
        hundredths = draws.some(range(11, 90), 14)
        numbers = np.array([h / 100 for h in hundredths])
        net.w[1], net.b[1] = numbers[:4].reshape(2, 2), numbers[4:6]
        net.w[2], net.b[2] = numbers[6:10].reshape(2, 2), numbers[10:12]
        x, y = numbers[12:14], np.array([draws.below(10) + 1, 90 + draws.below(10)]) / 100
        t = net.backprop(x[None], y[None])
        sums = np.abs(net.w[2].T @ t.delta[2][0])
        if abs(hundredths[7] - hundredths[8]) >= 10 and sums.min() >= SMALLEST:  # w^2 is not its own transpose
            return net, x, y
