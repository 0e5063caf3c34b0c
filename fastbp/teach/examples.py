"""Networks small enough to follow by hand."""

from __future__ import annotations

import numpy as np

from fastbp.network import Network

ETA = 0.5
"""Step size of the worked example."""


def worked_example() -> tuple[Network, np.ndarray, np.ndarray]:
    """The 2-2-2 network of Matt Mazur's "A Step by Step Backpropagation Example" (2015), its sample and its target."""
    net = Network([2, 2, 2], seed=0)
    net.w[1], net.b[1] = [[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35]
    net.w[2], net.b[2] = [[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60]
    return net, np.array([0.05, 0.10]), np.array([0.01, 0.99])
