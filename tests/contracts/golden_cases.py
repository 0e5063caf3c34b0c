"""The configurations whose bits `test_golden` keeps: a table of trainings and questions, each with a name.

Data and weights are whole numbers over a power of two, drawn from ``RandomState``, whose streams NumPy does not change.
What passes through BLAS, or through a function of NumPy or SciPy whose last bits depend on the CPU, is ``near``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

import fastbp


@dataclass
class Result:
    """What a configuration comes to."""

    bits: dict[str, list[Any]] = field(default_factory=dict)
    """Arrays and numbers that are the same to the bit everywhere, by what they are."""
    near: dict[str, list[Any]] = field(default_factory=dict)
    """Those that are the same to rounding."""


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    run: Callable[[], Result]


def whole(rng: np.random.RandomState, low: int, high: int, shape: Any) -> np.ndarray:
    """Whole numbers in low..high, as float64."""
    return rng.randint(low, high + 1, shape, dtype=np.int64).astype(np.float64)


def layer(rng: np.random.RandomState, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """w[j, k] and b[j] of one layer: weights below about 1 / sqrt(n_in)."""
    scale = 64 << ((n_in.bit_length() + 1) // 2 - 1)
    return whole(rng, -64, 64, (n_out, n_in)) / scale, whole(rng, -16, 16, n_out) / 64


def samples(rng: np.random.RandomState, n: int, n_in: int) -> np.ndarray:
    return whole(rng, -16, 16, (n, n_in)) / 8


def network(sizes: str, hidden: str, output: str, cost: str, dtype: str) -> fastbp.Network:
    numbers = [int(size) for size in sizes.split("-")]
    names = [*[hidden] * (len(numbers) - 2), output]
    net = fastbp.Network(numbers, activations=names, cost=cost, dtype=dtype, seed=0)
    rng = np.random.RandomState(len(numbers) + sum(numbers))
    for l in range(1, net.L + 1):
        net.w[l], net.b[l] = layer(rng, numbers[l - 1], numbers[l])
    return net


LEAST = {"relu": 0, "softplus": 0, "exp": 0, "silu": 0, "gelu": 0, "mish": 0}
"""Of targets that the outputs reach."""


class Data:
    """Samples and targets for a network; ``kind`` of targets is "labels", "one-hot" or "outputs"."""

    def __init__(self, net: fastbp.Network, n: int, kind: str) -> None:
        rng = np.random.RandomState(n + net.sizes[0])
        J, output = net.sizes[-1], net.activations[-1]
        self.X = samples(rng, n, net.sizes[0]).astype(net.dtype)
        self.labels = rng.randint(0, max(J, 2), n, dtype=np.int64)
        if kind == "labels":
            self.Y = self.labels
        elif kind == "one-hot":
            self.Y = np.eye(J)[self.labels] if J > 1 else self.labels[:, None].astype(float)
        elif output in ("sigmoid", "softmax"):
            self.Y = whole(rng, 0, 4, (n, J)) / 4
            if output == "softmax":
                self.Y[:, 0] = 8 - self.Y[:, 1:].sum(axis=1)
                self.Y /= 8
        else:
            self.Y = whole(rng, LEAST.get(output, -4), 4, (n, J)) / 4
        self.weight = whole(rng, 0, 4, n) / 4
        self.net = net

    def strided(self) -> np.ndarray:
        wide = np.zeros((2 * len(self.X), 2 * self.X.shape[1]), self.X.dtype)
        wide[::2, ::2] = self.X
        return wide[::2, ::2]

    def read_only(self) -> np.ndarray:
        X = self.X.copy()
        X.flags.writeable = False
        return X


EXTRAS: dict[str, Callable[[Data], dict[str, Any]]] = {
    "sample weights": lambda d: {"sample_weight": d.weight},
    "a minibatch of weight 0": lambda d: {"sample_weight": np.where(np.arange(len(d.X)) // 5 == 1, 0, d.weight)},
    "validation": lambda d: {"validation": (d.X[:9], d.Y[:9])},
    "weighted validation": lambda d: {"validation": (d.X[:9], d.Y[:9], 1 + d.weight[:9])},
    "early stopping": lambda d: {
        "validation": (d.X[:9], d.labels[::-1][:9]),
        "early_stopping": fastbp.EarlyStopping(patience=2),
        "epochs": 12,
    },
    "early stopping on the loss": lambda d: {
        "early_stopping": fastbp.EarlyStopping(monitor="loss", patience=1, min_delta=0.25),
        "epochs": 12,
    },
    "plateau": lambda d: {
        "schedule": fastbp.schedules.ReduceOnPlateau(monitor="loss", patience=1, min_delta=0.25),
        "epochs": 5,
    },
    "warm-up": lambda d: {"schedule": fastbp.schedules.WarmUp(1.5)},
    "rate of a function": lambda d: {"schedule": lambda epoch, epochs: 1 / (1 + epoch)},
    "step decay": lambda d: {"schedule": fastbp.schedules.StepDecay(1, 0.5)},
    "exponential decay": lambda d: {"schedule": fastbp.schedules.ExponentialDecay(0.75)},
    "cosine": lambda d: {"schedule": fastbp.schedules.Cosine(0.5, 0.125)},
    "order of RandomState": lambda d: {"shuffle": lambda epoch: np.random.RandomState(epoch).permutation(len(d.X))},
    "shuffled": lambda d: {"shuffle": True, "seed": 3},
    "shuffled by a generator": lambda d: {"shuffle": True, "seed": np.random.Generator(np.random.PCG64(7))},
    "all samples": lambda d: {"batch_size": None},
    "automatic batch": lambda d: {"batch_size": "auto"},
    "stopped by a callback": lambda d: {"callbacks": [lambda run: run.stop() if run.epoch == 1 else None]},
    "weights changed by a callback": lambda d: {"callbacks": [lambda run: run.net.w[1].__imul__(0.5)]},
    "chosen threads": lambda d: {"n_threads": None},
    "Fortran order": lambda d: {"X": np.asfortranarray(d.X)},
    "strided": lambda d: {"X": d.strided()},
    "read-only": lambda d: {"X": d.read_only()},
    "other byte order": lambda d: {"X": d.X.astype(d.X.dtype.newbyteorder())},
    "other precision": lambda d: {"X": d.X.astype("float32" if d.X.itemsize == 8 else "float64")},
    "whole numbers": lambda d: {"X": (8 * d.X).astype(np.int16)},
    "lists": lambda d: {"X": d.X.tolist(), "Y": d.Y.tolist()},
    "small whole labels": lambda d: {"Y": d.labels.astype(np.uint8)},
    "clipped": lambda d: {"clip_norm": 0.25, "l2": 0.0625},
    "classes of weights": lambda d: {"class_weight": {0: 0.5, 2: 2.0}, "sample_weight": d.weight},
    "balanced classes": lambda d: {"class_weight": "balanced"},
    "dropout": lambda d: {"dropout": 0.5, "seed": 5},
    "dropout of each layer": lambda d: {"dropout": [0.25], "seed": 5, "shuffle": True, "clip_norm": 0.5},
    "frozen": lambda d: {"frozen": [1], "l2": 0.0625},
    "frozen weights": lambda d: {"frozen": [(np.eye(9, 12) > 0, True), (False, np.arange(4) < 2)], "clip_norm": 0.5},
    "rates of layers": lambda d: {"layer_rates": [0.5, 2.0]},
}
"""Words in a name -> what they add to the arguments of ``train``."""

OF_OUTPUTS: dict[str, Callable[[Data], dict[str, Any]]] = {
    "weights of outputs": lambda d: {"output_weight": [0.5, 2.0, 0.0, 1.5]},
    "missing targets": lambda d: {
        "Y": np.where(np.indices(d.Y.shape).sum(axis=0) % 3 == 0, np.nan, d.Y),
        "missing_targets": "ignore",
        "sample_weight": d.weight,
    },
}
"""Likewise, of trainings on outputs."""


def words(optimizer: Any) -> str:
    """An optimizer and those of its numbers that are not the defaults."""
    values = {part.name: getattr(optimizer, part.name) for part in fields(optimizer)}
    others = [part.name for part in fields(optimizer) if values[part.name] != part.default]
    shown = {name: getattr(values[name], "__name__", repr(values[name])) for name in others}
    return f"{type(optimizer).__name__}({', '.join(f'{name}={value}' for name, value in shown.items())})"


def weights_of(net: fastbp.Network) -> list[np.ndarray]:
    """All w[l], then all b[l]."""
    return [*net.w, *net.b]


def training(
    group: str,
    sizes: str = "7-5-3",
    *extras: str,
    hidden: str = "tanh",
    output: str = "softmax",
    cost: str = "cross_entropy",
    optimizer: Any = None,
    dtype: str = "float64",
    threads: int = 1,
    n: int = 23,
    batch: int = 5,
    epochs: int = 2,
    kind: str = "labels",
    times: int = 1,
    near: bool = False,
    **penalties: float,
) -> Case:
    """A case of ``fastbp.train``, ``times`` of it one after the other."""
    optimizer = optimizer or fastbp.SGD(0.125)
    more = [f"{name}={value}" for name, value in penalties.items()]
    more += [f"{times} times"] * (times > 1) + [f"{epochs} epochs"] * (epochs != 2) + [kind] * (kind != "labels")
    activations = f"{hidden} {output}" if sizes.count("-") > 1 else output
    name = (
        f"train {sizes} {activations} {cost} {words(optimizer)} {dtype}, {n} samples, batch {batch}, {threads} threads"
    )

    def run() -> Result:
        net = network(sizes, hidden, output, cost, dtype)
        data = Data(net, n, kind)
        options: dict[str, Any] = {
            "X": data.X, "Y": data.Y, "optimizer": optimizer, "epochs": epochs, "batch_size": batch, "shuffle": False,
            "n_threads": threads, **penalties,
        }  # fmt: skip
        for extra in extras:
            options |= (EXTRAS | OF_OUTPUTS)[extra](data)
        losses: list[float] = []
        for _ in range(times):
            history = fastbp.train(net, **options).history
            losses += [v for key in ("loss", "accuracy", "val_loss", "val_accuracy") for v in history.get(key, [])]
        arrays = {"weights": weights_of(net), "outputs": [net.feedforward(data.X[:17])], "losses": losses}
        return Result(near=arrays) if near else Result(arrays)

    return Case(group, ", ".join([name, *extras, *more]), run)


DTYPES = ("float32", "float64")

SHAPES: tuple[tuple[str, int, int], ...] = (
    ("5-9", 23, 23),
    ("9-1", 23, 4),
    ("7-5-3", 23, 5),
    ("4-16-16-1", 70, 32),
    ("21-64-12-10", 43, 7),
    ("21-64-12-10", 19, 1),
    ("12-40-33-2", 21, 2),
    ("64-32-10", 100, 32),
    ("784-30-10", 60, 10),
    ("33-20-3", 150, 100),
    ("256-24-5", 600, 20),
    ("256-24-5", 600, 100),
    ("40-300-7", 330, 300),
    ("256-640-3", 60, 50),
    ("4-32-16-4", 8500, 8200),
)
"""Sizes, samples and minibatch: one at least for every schedule, storage and block shape; `test_golden` checks that."""


def schedules() -> Iterator[Case]:
    for sizes, n, batch in SHAPES:
        output = "sigmoid" if sizes.endswith("-1") else "softmax"
        for dtype in DTYPES:
            for threads in 1, 2, 3, 4:
                yield training("schedules", sizes, output=output, dtype=dtype, threads=threads, n=n, batch=batch,
                               epochs=1 if n > 500 else 2)  # fmt: skip
    for dtype in DTYPES:
        yield training("schedules", "21-64-12-10", "shuffled", dtype=dtype, n=43, batch=7, l2=0.0625)
        yield training("schedules", "21-33-10", "sample weights", dtype=dtype, n=43, batch=1, l2=0.0625)
        for sizes in "21-9-4", "16-17-4", "24-40-4", "21-100-4":
            yield training("schedules", sizes, "order of RandomState", dtype=dtype, n=19, batch=3)
            yield training("schedules", sizes, "a minibatch of weight 0", dtype=dtype, n=19, batch=1, threads=2)


OPTIMIZERS = (
    fastbp.SGD(0.25, weight_decay=0.125),
    fastbp.SGD(0.25, momentum=0.875),
    fastbp.SGD(0.25, momentum=0.875, weight_decay=0.125),
    fastbp.SGD(0.25, momentum=0.875, nesterov=True),
    fastbp.SGD(0.25, momentum=0.875, nesterov=True, weight_decay=0.125),
    fastbp.Adam(0.0625),
    fastbp.Adam(0.0625, beta_1=0.75, beta_2=0.875, epsilon=1e-3),
    fastbp.AdamW(0.0625, weight_decay=0.125),
    fastbp.RMSprop(0.0625),
    fastbp.RMSprop(0.0625, rho=0.75, weight_decay=0.125),
    fastbp.Adagrad(0.0625),
    fastbp.Adagrad(0.0625, epsilon=1e-3, weight_decay=0.125),
)


def optimizers() -> Iterator[Case]:
    for optimizer in OPTIMIZERS:
        for dtype in DTYPES:
            yield training("optimizers", "12-9-1", output="sigmoid", optimizer=optimizer, dtype=dtype, l2=0.0625)
            yield training("optimizers", "33-20-3", "sample weights", optimizer=optimizer, dtype=dtype, threads=3)
    for optimizer in (fastbp.SGD(0.25), *OPTIMIZERS[1:8:3]):
        for penalties in {"l1": 0.03125}, {"l2": 0.125}, {"l1": 0.03125, "l2": 0.125}:
            yield training("optimizers", "21-18-3", optimizer=optimizer, dtype="float32", **penalties)
            yield training("optimizers", "70-18-3", optimizer=optimizer, threads=2, **penalties)


HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish", "identity", "exp")


def functions() -> Iterator[Case]:
    for dtype in DTYPES:
        for name in HIDDEN:
            rate = 2**-12 if name == "exp" else 0.125
            yield training("functions", "9-10-6-3", hidden=name, dtype=dtype, optimizer=fastbp.SGD(rate))
            yield training("functions", "6-5-2", hidden="sigmoid", output=name, cost="quadratic", dtype=dtype,
                           kind="outputs", optimizer=fastbp.SGD(0.03125))  # fmt: skip
        for output, cost, kind, sizes in (
            ("softmax", "cross_entropy", "one-hot", "6-9-4"),
            ("softmax", "cross_entropy", "outputs", "6-9-4"),
            ("sigmoid", "cross_entropy", "labels", "6-9-1"),
            ("sigmoid", "cross_entropy", "outputs", "6-9-4"),
            ("sigmoid", "quadratic", "one-hot", "6-9-4"),
            ("identity", "quadratic", "outputs", "6-9-1"),
            ("exp", "poisson", "outputs", "6-9-1"),
            ("exp", "poisson", "outputs", "6-9-4"),
            ("identity", "absolute", "outputs", "6-9-4"),
            ("identity", "huber", "outputs", "6-9-4"),
            ("tanh", "quantile", "outputs", "6-9-4"),
            ("exp", "tweedie", "outputs", "6-9-4"),
        ):
            yield training("functions", sizes, output=output, cost=cost, dtype=dtype, kind=kind)


def lion(g: Any, w: Any, m: Any, eta: Any, t: Any, beta_1: float = 0.875, beta_2: float = 0.9375) -> Any:
    c = beta_1 * m + (1 - beta_1) * g
    return w - eta * np.sign(c), beta_2 * m + (1 - beta_2) * g


def options() -> Iterator[Case]:
    rounded = {"step decay", "exponential decay", "cosine"}  # powers and a cosine by NumPy
    for i, extra in enumerate(EXTRAS):
        yield training("options", "12-9-4", extra, dtype=DTYPES[i % 2] if extra not in rounded else "float64",
                       n=31, epochs=3, near=extra in rounded, optimizer=fastbp.Adam(0.0625))  # fmt: skip
    for extra in (
        *("chosen threads", "validation", "early stopping", "warm-up", "plateau", "whole numbers"),
        *("clipped", "dropout", "frozen", "frozen weights", "rates of layers"),
    ):
        yield training("options", "12-9-4", extra, threads=2, n=31, epochs=3, dtype="float32")
    for extra in OF_OUTPUTS:
        for dtype in DTYPES:
            for threads in 1, 2:
                yield training("options", "21-20-4", extra, output="identity", cost="quadratic", kind="outputs",
                               dtype=dtype, threads=threads)  # fmt: skip
    for optimizer in fastbp.SGD(0.125), fastbp.SGD(0.25, momentum=0.5), fastbp.Adam(0.0625):
        yield training("options", "21-18-3", "order of RandomState", optimizer=optimizer, times=3, threads=2)
        yield training("options", "6-5-4-3", optimizer=optimizer, times=2, epochs=0)
    for dtype in DTYPES:
        yield training("options", "12-9-4", optimizer=fastbp.optimizer(lion, 0.0625), dtype=dtype, n=31, threads=2)


def diverging(optimizer: Any, threads: int) -> Case:
    """Which minibatch is refused, and the weights before it."""

    def run() -> Result:
        net = network("9-16-1", "relu", "identity", "quadratic", "float32")
        data = Data(net, 60, "outputs")
        try:
            fastbp.train(net, data.X, data.Y, optimizer=optimizer, epochs=40, batch_size=6, shuffle=False,
                         n_threads=threads)  # fmt: skip
        except fastbp.DivergenceError as error:
            return Result({"weights": weights_of(net), "place": [error.epoch, error.minibatch]})
        raise AssertionError("training does not diverge")

    return Case("options", f"diverging {words(optimizer)} float32, {threads} threads", run)


def initial(init: Any, dtype: str) -> Case:
    def run() -> Result:
        arrays = {"weights": weights_of(fastbp.Network([7, 5, 3], init=init, dtype=dtype, seed=4))}
        # A compiler may fuse the sum and the product in NumPy's uniform numbers.
        return Result(near=arrays) if init.endswith("uniform") else Result(arrays)

    return Case("options", f"initial weights {init} {dtype}", run)


def gradient(net: Any, d: Data, **asked: Any) -> list[Any]:
    g = net.gradient(d.X, d.Y, **asked)
    return [*g.w, *g.b, g.cost]


def backprop(net: Any, d: Data, **asked: Any) -> list[Any]:
    t = net.backprop(d.X, d.Y, **asked)
    return [*t.z, *t.a, *t.delta, *t.w, *t.b, t.cost]


QUESTIONS: dict[str, Callable[[Any, Data], list[Any]]] = {
    "feedforward on 1 thread": lambda net, d: [net.feedforward(d.X, n_threads=1)],
    "feedforward on 3 threads": lambda net, d: [net.feedforward(d.strided(), n_threads=3)],
    "feedforward of single rows": lambda net, d: [net.feedforward(x[None]) for x in d.X[:5]],
    "predict": lambda net, d: [net.predict(d.X)],
    "loss": lambda net, d: [net.evaluate(d.X, d.Y, sample_weight=1 + d.weight)["loss"]],
    "gradient": lambda net, d: gradient(net, d, n_threads=1),
    "gradient on 2 threads with penalties and weights": lambda net, d: gradient(
        net, d, n_threads=2, l1=0.125, l2=0.25, sample_weight=d.weight
    ),
    "backprop": lambda net, d: backprop(net, d, n_threads=1),
    "backprop on 3 threads with weights": lambda net, d: backprop(net, d, n_threads=3, sample_weight=d.weight),
    "input_jacobian": lambda net, d: [net.input_jacobian(d.X)],
    "parameter_jacobian": lambda net, d: [net.parameter_jacobian(d.X)],
    "per_sample_gradient": lambda net, d: [part for parts in net.per_sample_gradient(d.X, d.Y) for part in parts],
    "hessian_vector_product": lambda net, d: [
        net.hessian_vector_product(
            d.X, d.Y, whole(np.random.RandomState(2), -4, 4, net.n_parameters) / 4, sample_weight=d.weight, l2=0.25
        )
    ],
}


def question(what: str, net_of: tuple[str, str, str, str], kind: str, n: int, dtype: str) -> Case:
    def run() -> Result:
        net = network(*net_of, dtype)
        return Result({"answers": QUESTIONS[what](net, Data(net, n, kind))})

    return Case("questions", f"{what} of {' '.join(net_of)} {dtype}, {n} samples", run)


def questions() -> Iterator[Case]:
    nets = (
        (("9-8-5-3", "tanh", "softmax", "cross_entropy"), "labels", 21),
        (("33-20-1", "gelu", "sigmoid", "cross_entropy"), "labels", 37),
        (("6-20-4", "softplus", "exp", "poisson"), "outputs", 12),
    )
    for what in QUESTIONS:
        for i, (net_of, kind, n) in enumerate(nets):
            if (what, net_of[2]) != ("predict", "exp"):  # a decision
                yield question(what, net_of, kind, n, DTYPES[i % 2])
    for what in ("gradient on 2 threads with penalties and weights", "feedforward on 3 threads"):
        yield question(what, ("40-300-7", "relu", "softmax", "cross_entropy"), "labels", 700, "float32")


def cases() -> list[Case]:
    """All configurations."""
    from golden_doors import book, estimators

    made = [*schedules(), *optimizers(), *functions(), *options(), *questions(), *estimators(), *book()]
    made += [diverging(optimizer, T) for optimizer in (fastbp.SGD(64.0), fastbp.Adam(1e8)) for T in (1, 2)]
    made += [initial(init, DTYPES[i % 2]) for i, init in enumerate(fastbp.initializers.INITIALIZERS)]
    return made
