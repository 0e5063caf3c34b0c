"""Print a digest of the weights and outputs of 48 trainings: three shapes, four activations, both dtypes, one and two
threads. Two ways of compiling have to print the same.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

import fastbp


def digest() -> str:
    """Train them all."""
    rng = np.random.default_rng(0)
    seen = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for sizes, batch in (([37, 45, 19, 10], 23), ([64, 32, 10], 10), ([4, 16, 16, 1], 8)):
            X, Y = rng.standard_normal((70, sizes[0])), rng.standard_normal((70, sizes[-1]))
            for activation in ("sigmoid", "tanh", "relu", "gelu"):
                for n_threads in (1, 2):
                    activations = [activation] * (len(sizes) - 2) + ["identity"]
                    net = fastbp.Network(sizes, activations=activations, dtype=dtype, seed=0)
                    how = fastbp.SGD(0.01)
                    fastbp.train(net, X, Y, epochs=2, batch_size=batch, optimizer=how, seed=0, n_threads=n_threads)
                    seen.update(net.theta.tobytes() + net.predict(X).tobytes())
    return seen.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest() + "\n")
