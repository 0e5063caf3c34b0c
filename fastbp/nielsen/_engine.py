"""The bridge between the book's lists of weights and a network on the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastbp
from fastbp.nielsen._columns import stacked


def is_plain(net: Any, base: type, names: Sequence[str]) -> bool:
    """Whether none of these methods is overridden, in a subclass or on the object."""
    own = vars(net)
    return all(name not in own and getattr(type(net), name) is getattr(base, name) for name in names)


def is_float64(net: Any) -> bool:
    """Whether the weights are arrays of the shapes that ``sizes`` says, in the book's float64."""
    if len(net.weights) != len(net.sizes) - 1 or len(net.biases) != len(net.sizes) - 1:
        return False
    return all(
        isinstance(w, np.ndarray)
        and isinstance(b, np.ndarray)
        and w.dtype == b.dtype == np.float64
        and w.shape == (n_out, n_in)
        and b.shape == (n_out, 1)
        for w, b, n_in, n_out in zip(net.weights, net.biases, net.sizes[:-1], net.sizes[1:], strict=True)
    )


class Twin:
    """A network on the kernels with the weights of the book's."""

    def __init__(self, net: Any, cost: str) -> None:
        self.book = net
        self.net = fastbp.Network(list(net.sizes), activations="sigmoid", cost=cost, dtype="float64", seed=0)
        self.net._needs_reach = False  # the book trains on any targets
        self.read()

    def read(self) -> None:
        """Copy the book's weights in."""
        for l in range(1, self.net.L + 1):
            self.net.w[l], self.net.b[l] = self.book.weights[l - 1], self.book.biases[l - 1][:, 0]

    def write(self) -> None:
        """Give the book's net new arrays with these weights, as its own update does."""
        layers = range(1, self.net.L + 1)
        self.book.weights = [np.array(self.net.w[l], order="C") for l in layers]
        self.book.biases = [np.array(self.net.b[l])[:, None] for l in layers]

    def train(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        order: Callable[[], np.ndarray],
        epochs: int,
        batch: int,
        eta: float,
        l2: float,
        after: Callable[[int], bool],
    ) -> None:
        """Epochs over the samples in the orders that ``order`` gives, each followed by ``after``, which may say stop.

        The weights are the book's net's whenever its own code runs, and however training ends.
        """

        def epoch_end(run: fastbp.Run) -> None:
            self.write()
            if after(run.epoch - 1):
                run.stop()
            self.read()  # it may have given its net other weights

        optimizer = fastbp.SGD(learning_rate=eta)
        run = None
        try:
            run = fastbp.train(
                self.net,
                X,
                Y,
                optimizer=optimizer,
                epochs=epochs,
                batch_size=min(batch, len(X)),
                l2=l2,
                shuffle=lambda epoch: order(),
                callbacks=[epoch_end],
            )
        finally:
            self.write()
        if run.stopped == "interrupted":
            raise KeyboardInterrupt


class Evaluation:
    """Samples that are evaluated after every epoch, converted once."""

    def __init__(self, data: Sequence[tuple[Any, Any]], sizes: Sequence[int]) -> None:
        self.X = stacked([x for x, _ in data], sizes[0], "x")
        self.targets = [y for _, y in data]

    def outputs(self, net: Any) -> np.ndarray:
        """a^L of every sample, in rows."""
        twin = Twin(net, "quadratic")
        return twin.net.feedforward(self.X)


def shuffler(shuffle: Callable[[list[int]], Any], order: list[int]) -> Callable[[], np.ndarray]:
    """Function that shuffles the order in place with the book's generator, and gives it as indices."""

    def mixed() -> np.ndarray:
        shuffle(order)
        return np.array(order, np.int64)

    return mixed
