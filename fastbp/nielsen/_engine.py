"""The bridge between the book's lists and a network on the kernels, as long as these do what the book's code would."""

from __future__ import annotations

import functools
import random
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastbp
from fastbp import checks
from fastbp.arrays import as_inputs, require_finite
from fastbp.nielsen._book import pairs, stacked, vectorized_result
from fastbp.targets import out_of_reach


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


class Originals:
    """The functions of a module and the methods of its ``Network``, as the module was imported.

    ``state`` names the attributes of a net that its methods read and assign.
    """

    def __init__(self, module: dict[str, Any], state: Sequence[str]) -> None:
        self._module = module
        self._state = tuple(state)
        self._numpy = module["np"]
        self._functions = self._among(module)
        self._methods = self._among(vars(module["Network"]))

    @staticmethod
    def _among(names: Any) -> dict[str, Any]:
        return {name: value for name, value in names.items() if isinstance(value, types.FunctionType)}

    def samples(self, net: Any, data: list[Any]) -> Samples | None:
        """The samples for the kernels, if these compute what ``feedforward`` would."""
        sizes = self.on_kernels(net, "feedforward", "sigmoid")
        return Samples(data, sizes) if data and sizes else None

    def on_kernels(self, net: Any, *names: str) -> list[int]:
        """Neurons of each layer, if the kernels do what these methods and functions of the net would; else none."""
        return sizes_on_kernels(net) if self.run(net, *names) else []

    def run(self, net: Any, *names: str) -> bool:
        """Whether these methods of the net, and functions of the module, are the originals, and are all that runs.

        They are not where they have been replaced on the object, in a subclass, on the class or in the module, nor
        where a property or ``__setattr__`` listens when weights are read or assigned.
        """
        kind: Any = type(net)
        return (
            kind.__setattr__ is object.__setattr__
            and kind.__getattribute__ is object.__getattribute__
            and self._module["np"] is self._numpy
            and not any(hasattr(kind, name) for name in self._state)
            and all(self._is_original(net, name) for name in names)
        )

    def _is_original(self, net: Any, name: str) -> bool:
        if name in self._methods:
            method: Any = getattr(net, name, None)
            return getattr(method, "__func__", None) is self._methods[name] and method.__self__ is net
        return self._module.get(name) is self._functions[name]


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
    net, data, epochs, size, eta, lmbda
        As ``SGD`` of network2 has them.
    held : list of (x, y) or None
        Samples to evaluate between epochs.
    cost, evaluates, shuffle, step, after : functions
        Name of the kernels' cost, or an empty string where something that training calls has been replaced; whether the
        kernels evaluate as the net's methods would, else these may change samples, which are then read again; the
        function that shuffles a list; of a minibatch and the number of all samples; of these epochs, which it does not
        keep, and the number of the one that has ended, which may say stop.
    """

    def __init__(
        self,
        net: Any,
        data: Any,
        epochs: Any,
        size: Any,
        eta: float,
        lmbda: float,
        held: list[Any] | None,
        *,
        cost: Callable[[], str],
        evaluates: Callable[[], bool],
        shuffle: Callable[[], Callable[[list[Any]], Any]],
        step: Callable[[list[Any], int], None],
        after: Callable[[Epochs, int], bool],
    ) -> None:
        self.net, self.data, self.held = net, pairs(data, "training_data"), held
        self.epochs = checks.check_int(epochs, "epochs", low=0)
        self.size = checks.check_int(size, "mini_batch_size", low=1)
        if not self.data:
            raise ValueError("training_data has no samples; at least one is needed. A zip can be read only once.")
        self.eta, self.lmbda, self.cost, self._evaluates = eta, lmbda, cost, evaluates
        self._shuffle, self._step, self._after = shuffle, step, after
        self.n, self.done = len(self.data), 0
        self.samples: Samples | None = None
        self.evaluated: Samples | None = None
        self._warned = False

    def run(self) -> None:
        """Train, until all epochs are done or ``after`` says stop."""
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

    def _runs_own_code(self) -> bool:
        """Whether code of the user's runs between epochs. Python's own ``random.shuffle`` looks at no sample."""
        return getattr(self._shuffle(), "__func__", None) is not random.Random.shuffle or not self._evaluates()

    def refresh(self) -> None:
        """After an epoch: samples that the user's code may change are read again, those to evaluate on once."""
        if self._runs_own_code():
            self.samples = self.evaluated = None
        elif self.evaluated is None and self.held:
            self.evaluated = Samples(self.held, sizes_on_kernels(self.net))

    def _begin(self) -> bool:
        """Shuffle for the next epoch, if there is one."""
        if self.done == self.epochs:
            return False
        self._shuffle()(self.data)
        if self._runs_own_code():
            self.samples = None
        return True

    def _end(self) -> bool:
        """Let the user's code see the epoch that has ended, then begin the next one; whether there is one."""
        over = self._after(self, self.done)
        self.done += 1
        return not over and self._begin()

    def _in_python(self) -> bool:
        """One epoch through the net's own methods; whether another has begun."""
        for k in range(0, self.n, self.size):
            self._step(self.data[k : k + self.size], len(self.data))
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
