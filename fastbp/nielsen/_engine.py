"""The bridge between the book's lists and a network on the kernels."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastbp
from fastbp import checks
from fastbp.arrays import as_inputs, out_of_reach, require_finite
from fastbp.nielsen._columns import pairs, stacked, vectorized_result


def sizes_on_kernels(net: Any) -> list[int]:
    """Neurons of each layer, as the weights say; none where weights and biases are not arrays of the book's float64."""
    weights, biases = net.weights, net.biases
    if not all(type(arrays) in (list, tuple) and len(arrays) == net.num_layers - 1 for arrays in (weights, biases)):
        return []
    if not all(type(array) is np.ndarray and array.dtype == np.float64 for array in (*weights, *biases)):
        return []
    if not weights or any(w.ndim != 2 for w in weights):
        return []
    sizes = [weights[0].shape[1], *(len(w) for w in weights)]
    fitting = all(w.shape == (J, K) for w, K, J in zip(weights, sizes, sizes[1:], strict=False))
    return sizes if fitting and [b.shape for b in biases] == [(J, 1) for J in sizes[1:]] else []


class Twin:
    """A network on the kernels with the weights of the book's."""

    def __init__(self, net: Any, cost: Any = "quadratic") -> None:
        self.book = net
        self.net = fastbp.Network(sizes_on_kernels(net), activations="sigmoid", cost=cost, dtype="float64", seed=0)
        self.net._needs_reach = False  # the book trains on any targets
        self.read()

    def read(self) -> None:
        """Copy the book's weights in."""
        for l in range(1, self.net.L + 1):
            self.net.w[l], self.net.b[l] = self.book.weights[l - 1], self.book.biases[l - 1][:, 0]
        self.ahead = True

    def write(self) -> None:
        """Give the book's net new arrays with these weights, as its own update does."""
        layers = range(1, self.net.L + 1)
        self.book.weights = [np.array(self.net.w[l], order="C") for l in layers]
        self.book.biases = [np.array(self.net.b[l])[:, None] for l in layers]
        self.ahead = False  # from here on, until it is read again, the book's net has the weights that count


class Samples:
    """Samples of the book's lists, read once and evaluated as often as weights change."""

    def __init__(self, data: Sequence[tuple[Any, Any]], sizes: Sequence[int]) -> None:
        self.sizes = sizes
        self.X = as_inputs(stacked([x for x, _ in data], sizes[0], "x"), sizes[0], np.dtype(np.float64), "x")
        self.targets = [y for _, y in data]
        self._twin: Twin | None = None

    @functools.cached_property
    def Y(self) -> np.ndarray:
        """Targets that are columns, in rows."""
        return stacked(self.targets, self.sizes[-1], "y")

    @functools.cached_property
    def units(self) -> np.ndarray:
        """Targets that are digits as columns with a 1 in their place, in rows."""
        return stacked([vectorized_result(y, self.sizes[-1]) for y in self.targets], self.sizes[-1], "y")

    @functools.cached_property
    def classes(self) -> np.ndarray:
        """The place of the largest number of targets that are columns."""
        return np.asarray(np.argmax(self.Y, axis=1))

    @functools.cached_property
    def digits(self) -> np.ndarray:
        """Targets that are digits."""
        return np.array([y if np.ndim(y) == 0 else np.ravel(y)[0] for y in self.targets])

    def outputs(self, net: Any) -> np.ndarray:
        """a^L of every sample, in rows."""
        if self._twin is None or self._twin.book is not net or list(self._twin.net.sizes) != sizes_on_kernels(net):
            self._twin = Twin(net)
        self._twin.read()
        outputs: np.ndarray = self._twin.net._outputs(self.X, None, None)[0]
        return outputs

    def hits(self, outputs: np.ndarray, columns: bool = False) -> int:
        """How many samples have their largest output where the target, a digit or a column, says."""
        return int(np.sum(np.argmax(outputs, axis=1) == (self.classes if columns else self.digits)))


class Epochs:
    """The epochs of ``SGD``: on the kernels as long as these do what the book's code would do, else the book's way.

    What it would do is asked before every epoch: whatever the user's code replaces, or puts back, in between counts
    from the next one on.

    Parameters
    ----------
    net : network.Network or network2.Network
    data : list of (x, y)
        Shuffled in place.
    size : int
        Samples of a minibatch.
    eta, lmbda : float
        Step size, and strength of the penalty lmbda / 2n sum w^2.
    cost : function
        Name of the kernels' cost, or an empty string where something that training calls has been replaced.
    own_code : function
        Whether code of the user's runs between epochs: it may change samples in place, so they are read again.
    shuffle, step, after : functions
        Of the list of samples; of a minibatch; of the number of the epoch that has ended, which may say stop, and sets
        ``samples`` to None where it runs own code.
    """

    def __init__(
        self,
        net: Any,
        data: list[Any],
        size: int,
        eta: float,
        lmbda: float,
        *,
        cost: Callable[[], str],
        own_code: Callable[[], bool],
        shuffle: Callable[[list[Any]], Any],
        step: Callable[[list[Any]], None],
        after: Callable[[int], bool],
    ) -> None:
        self.net, self.data, self.size, self.eta, self.lmbda = net, data, size, eta, lmbda
        self.cost, self.own_code = cost, own_code
        self._shuffle, self._step, self._after = shuffle, step, after
        self.n = len(data)
        self.samples: Samples | None = None
        self._warned = False

    def run(self, epochs: int) -> None:
        """Train for so many epochs, or until ``after`` says stop."""
        self.epochs, self.done = epochs, 0
        if self.cost():
            self._read()  # what is wrong is refused before anything is shuffled
            self.eta = checks.check_real(self.eta, "eta", above=0.0)
            self.lmbda = checks.check_real(self.lmbda, "lmbda", low=0.0)
        going = self._begin()
        while going:
            cost = self.cost()
            if cost:
                self._read()
            going = self._on_kernels(cost) if cost and self._fits(cost) else self._in_python()

    def _begin(self) -> bool:
        """Shuffle for the next epoch, if there is one."""
        if self.done == self.epochs:
            return False
        self._shuffle(self.data)
        if self.own_code():
            self.samples = None
        return True

    def _end(self) -> bool:
        """Let the user's code see the epoch that has ended, then begin the next one; whether there is one."""
        over = self._after(self.done)
        self.done += 1
        return not over and self._begin()

    def _in_python(self) -> bool:
        """One epoch through the net's own methods; whether another has begun."""
        for k in range(0, self.n, self.size):
            self._step(self.data[k : k + self.size])
        return self._end()

    def _read(self) -> None:
        """The samples as the kernels take them, in the order of this epoch."""
        if self.samples is None:
            data = pairs(self.data, "training_data")
            self.samples = Samples(data, sizes_on_kernels(self.net))
            self._places = {id(pair): i for i, pair in enumerate(data)}
            self._look_at_targets(self.samples.Y)
        self.order = self._order()

    def _look_at_targets(self, Y: np.ndarray) -> None:
        """Refuse targets that are not finite; warn once of those that no output reaches."""
        require_finite(Y, Y, "training_data")
        problem = out_of_reach(Y, "sigmoid", "training_data")
        self.within_reach = problem is None
        if problem and not self._warned:
            self._warned = True
            warnings.warn(
                f'{problem} Scale the targets to 0..1, or train fastbp.Network(sizes, activations=[..., "identity"]).',
                UserWarning,
                stacklevel=5,
            )

    def _order(self) -> np.ndarray:
        """The shuffled list as indices of the samples read; own code that shuffles has them read again."""
        return np.array(list(map(self._places.__getitem__, map(id, self.data))), np.int64)

    def _fits(self, cost: str) -> bool:
        """Whether the kernels train on the samples of this epoch as the book's code would."""
        return len(self.data) == self.n and (self.within_reach or cost == "quadratic")

    def _on_kernels(self, cost: str) -> bool:
        """Epochs on the kernels, for as long as these do what the book's code would; whether another has begun.

        The weights are the book's net's whenever its own code runs, and however training ends.
        """
        assert self.samples is not None
        eta = checks.check_real(self.eta, "eta", above=0.0)
        lmbda = checks.check_real(self.lmbda, "lmbda", low=0.0)
        twin = Twin(self.net, cost)
        going = False

        def epoch_end(run: fastbp.Run) -> None:
            nonlocal going
            twin.write()
            going = self._end()
            same = sizes_on_kernels(self.net) == list(twin.net.sizes)
            if going and same and self.cost() == cost and self.samples is not None:
                self.order = self._order()
                twin.read()  # what prints may have given the net other weights
            else:
                run.stop()

        run = None
        try:
            run = fastbp.train(
                twin.net,
                self.samples.X,
                self.samples.Y,
                optimizer=fastbp.SGD(learning_rate=eta),
                epochs=self.epochs - self.done,
                batch_size=min(self.size, self.n),
                l2=lmbda / self.n,
                shuffle=lambda epoch: self.order,
                callbacks=[epoch_end],
            )
        finally:
            if twin.ahead:
                twin.write()
        if run.stopped == "interrupted":
            raise KeyboardInterrupt
        return going
