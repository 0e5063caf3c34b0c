"""Configurations of `golden_cases` that train through the estimators and the book's code."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import itertools
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from golden_cases import DTYPES, Case, Result, layer, samples, whole

SHORT: dict[str, Any] = {
    "hidden_layer_sizes": (6, 4), "max_iter": 3, "batch_size": 8, "random_state": 5, "learning_rate_init": 0.0625,
    "n_threads": 1,
}  # fmt: skip


@functools.cache
def started(kind: str) -> Any:
    """The estimator of this name, but that its first weights are whole numbers over a power of two."""
    import fastbp.sklearn

    def _init_coef(self: Any, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        w, b = layer(self._random_state, fan_in, fan_out)
        return np.ascontiguousarray(w.T, dtype), b.astype(dtype)

    return type(kind, (getattr(fastbp.sklearn, kind),), {"_init_coef": _init_coef})


class Table:
    """Samples, labels of three classes or two, targets of one column or two, and weights."""

    def __init__(self, dtype: str, n: int = 45) -> None:
        rng = np.random.RandomState(11)
        self.X = samples(rng, n, 7).astype(dtype)
        self.three, self.two = rng.randint(0, 3, n, dtype=np.int64), rng.randint(0, 2, n, dtype=np.int64)
        self.several = rng.randint(0, 2, (n, 3), dtype=np.int64)
        self.positive = whole(rng, 1, 12, n) / 4
        self.counts = whole(rng, 0, 4, n)
        self.numbers = whole(rng, -8, 8, n) / 4
        self.halves = self.numbers / 2
        self.columns = whole(rng, -8, 8, (n, 2)) / 4
        self.weight = whole(rng, 0, 4, n) / 4

    def sparse(self, form: str) -> Any:
        import scipy.sparse

        return scipy.sparse.csr_array(np.where(np.abs(self.X) > 1, self.X, 0)).asformat(form)


def fitted(estimator: Any, t: Table, y: Any, how: str) -> Any:
    """The estimator, trained in the way that its name tells."""
    match how:
        case "sample weights":
            estimator.fit(t.X, y, t.weight)
        case "csr" | "csc":
            estimator.fit(t.sparse(how), y)
        case "sparse, weighted":
            estimator.fit(t.sparse("csr"), y, t.weight)
        case "Fortran order":
            estimator.fit(np.asfortranarray(t.X), y)
        case "two calls of partial_fit":
            more = {"classes": np.unique(y)} if hasattr(estimator, "class_weight") else {}
            estimator.partial_fit(t.X[:30], y[:30], **more)
            estimator.partial_fit(t.X[20:], y[20:])
        case "warm start":
            estimator.set_params(warm_start=True).fit(t.X, y).fit(t.X[::-1], y[::-1])
        case "validation samples":
            estimator.fit(t.X[:30], y[:30], X_val=t.X[30:], y_val=y[30:])
        case _:
            estimator.fit(t.X, y)
    return estimator


def estimated(
    kind: str,
    targets: str,
    how: str = "",
    dtype: str = "float64",
    near: bool = False,
    plain: bool = False,
    **params: Any,
) -> Case:
    """A case of ``fit``; ``near`` where SciPy takes the steps, ``plain`` with the estimator's own first weights."""
    text = ", ".join(f"{name}={getattr(value, '__name__', repr(value))}" for name, value in params.items())
    name = f"MLP{kind}({text}), {targets}, {dtype}" + f", {how}" * bool(how) + ", own weights" * plain

    def run() -> Result:
        from sklearn.exceptions import ConvergenceWarning

        import fastbp.sklearn

        t = Table(dtype)
        made = getattr(fastbp.sklearn, "MLP" + kind) if plain else started("MLP" + kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator = fitted(made(**{**SHORT, **params}), t, getattr(t, targets), how)
        outputs = estimator.predict_proba(t.X) if kind == "Classifier" else estimator.predict(t.X)
        arrays = {"weights": [*estimator.coefs_, *estimator.intercepts_], "outputs": [outputs]}
        # scikit-learn's mean over minibatches, and its scores, are products by BLAS.
        losses = {"losses": [*getattr(estimator, "loss_curve_", []), estimator.loss_]}
        if getattr(estimator, "validation_scores_", None):
            losses["scores"] = [*estimator.validation_scores_, *estimator.validation_loss_curve_]
        return Result(near={**arrays, **losses}) if near or plain else Result(arrays, losses)

    return Case("estimators", name, run)


SOLVERS: tuple[dict[str, Any], ...] = (
    {"solver": "sgd", "momentum": 0.0, "alpha": 0.0},
    {"solver": "sgd", "momentum": 0.0, "alpha": 0.5},
    {"solver": "sgd", "momentum": 0.75, "nesterovs_momentum": False},
    {"solver": "sgd", "momentum": 0.75},
    {"solver": "adam"},
    {"solver": "adamw", "weight_decay": 0.125},
    {"solver": "rmsprop", "learning_rate_init": 0.015625},
    {"solver": "adagrad"},
)

LOSSES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("numbers", {"loss": "absolute_error"}),
    ("numbers", {"loss": "huber", "huber_delta": 0.75}),
    ("columns", {"loss": "quantile", "quantile": 0.75}),
    ("counts", {"loss": "poisson"}),
    ("counts", {"loss": "tweedie", "power": 1}),
    ("counts", {"loss": "tweedie", "power": 1.5}),
    ("positive", {"loss": "tweedie", "power": 2}),
    ("positive", {"loss": "tweedie", "power": 3}),
)


def slower(done: Any, max_iter: int) -> Any:
    return 1 / (1 + np.asarray(done, float))


def estimators() -> Iterator[Case]:
    for dtype in DTYPES:
        for i, params in enumerate(SOLVERS):
            yield estimated("Classifier", "three", dtype=dtype, **params)
            yield estimated("Classifier", "two", dtype=dtype, n_threads=1 + i % 3, activation="tanh", **params)
            yield estimated("Regressor", ("numbers", "columns")[i % 2], dtype=dtype, **params)
        for targets, params in LOSSES:
            yield estimated("Regressor", targets, dtype=dtype, activation="tanh", learning_rate_init=0.015625, **params)
        for threads in 1, 3:
            for params in {"dropout": 0.25}, {"clip_norm": 0.25}, {"dropout": 0.5, "clip_norm": 0.5, "l1": 0.125}:
                yield estimated("Classifier", "three", dtype=dtype, n_threads=threads, **params)
            yield estimated("Classifier", "three", "csr", dtype=dtype, n_threads=threads)
    for how in "sample weights", "csc", "sparse, weighted", "Fortran order", "two calls of partial_fit", "warm start":
        yield estimated("Classifier", "three", how, "float32", solver="adam")
        yield estimated("Regressor", "numbers", how, solver="sgd", learning_rate_init=0.015625)
    for params in (
        {"shuffle": False}, {"alpha": 0.5}, {"l1": 0.5}, {"weight_decay": 0.25}, {"class_weight": {0: 0.5, 1: 2, 2: 1}},
        {"class_weight": "balanced"}, {"schedule": slower}, {"hidden_layer_sizes": ()}, {"batch_size": 45},
        {"batch_size": 1, "solver": "sgd"}, {"activation": ("relu", "mish")}, {"activation": "logistic"},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 1.0}, {"hidden_layer_sizes": (30,), "n_threads": 4},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1, "max_iter": 12},
        {"init": "he_normal"}, {"dropout": 0.25, "solver": "sgd", "momentum": 0.0, "alpha": 0.0},
    ):  # fmt: skip
        plain = "init" in params
        yield estimated("Classifier", "three", plain=plain, **params)
    for params in {}, {"scoring": "loss"}, {"scoring": "accuracy", "validation_fraction": 0.25}:
        stopping = {"early_stopping": True, "max_iter": 20, "n_iter_no_change": 2, "tol": 0.01}
        yield estimated("Classifier", "three", **stopping, **params)
        yield estimated("Classifier", "two", "validation samples", "float32", **stopping, **params)
    yield estimated("Regressor", "columns", early_stopping=True, max_iter=20, n_iter_no_change=2)
    yield estimated("Classifier", "several", solver="adam")
    yield estimated("Classifier", "several", "csr", "float32", solver="sgd")
    yield estimated("Regressor", "halves", output_activation="tanh", activation="gelu", solver="sgd")
    yield estimated("Regressor", "columns", dropout=0.25, clip_norm=1.0, loss="huber", n_threads=2)
    for kind, targets in ("Classifier", "three"), ("Regressor", "numbers"):
        yield estimated(kind, targets, plain=True)
        for how in "", "csr", "sample weights":
            yield estimated(kind, targets, how, near=True, solver="lbfgs", max_iter=6)


def book_data(n: int, n_in: int, n_out: int) -> tuple[list[Any], list[Any]]:
    """Training data with columns as targets, and samples with digits."""
    rng = np.random.RandomState(n)
    X, digits = (samples(rng, n, n_in) + 2) / 4, rng.randint(0, n_out, n, dtype=np.int64)
    columns = [(x[:, None], np.eye(n_out)[:, [d]]) for x, d in zip(X, digits, strict=True)]
    return columns, [(x[:, None], int(d)) for x, d in zip(X[::-1], digits[::-1], strict=True)]


def booked(name: str, module: str, sizes: list[int], cost: str = "", replaced: str = "", **options: Any) -> Case:
    """A case of the book's ``SGD``; with a function replaced, training runs in NumPy and its results are near."""

    def run() -> Result:
        Network = importlib.import_module(f"fastbp.nielsen.{module}").Network
        arguments = {"cost": getattr(importlib.import_module("fastbp.nielsen.network2"), cost)} if cost else {}
        if replaced:
            own: dict[str, Callable[..., Any]] = {"cost_derivative": lambda self, a, y: 2 * (a - y)}
            Network = type("Own", (Network,), {replaced: own[replaced]})
        net = Network(sizes, **arguments)
        rng = np.random.RandomState(sum(sizes))
        parts = [layer(rng, n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]
        net.weights, net.biases = [w for w, _ in parts], [b[:, None] for _, b in parts]
        training, held = book_data(53, sizes[0], sizes[-1])
        given = {key: held[:20] if value == "held out" else value for key, value in options.items()}
        random.seed(9)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            monitored = net.SGD(training, 3, 10, 0.5, **given) or ([], [], [], [])
        lines = [line for line in printed.getvalue().splitlines() if "ost" not in line]
        bits = {"weights": [*net.weights, *net.biases], "hits": [*monitored[1], *monitored[3]], "words": lines}
        costs = {"costs": [*monitored[0], *monitored[2]]}
        return Result(near={"weights": bits["weights"]}) if replaced else Result(bits, costs)

    text = "".join(f", {key}={value}" for key, value in options.items())
    return Case("book", f"{name} {'-'.join(map(str, sizes))} {cost}{replaced}{text}", run)


def book() -> Iterator[Case]:
    for sizes in [12, 8, 3], [5, 3], [30, 20, 10, 4]:
        yield booked("network", "network", sizes)
        for cost in "QuadraticCost", "CrossEntropyCost":
            yield booked("network2", "network2", sizes, cost)
            yield booked("network2", "network2", sizes, cost, lmbda=2.0)
    yield booked("network", "network", [12, 8, 3], test_data="held out")
    yield booked("network", "network", [12, 8, 3], replaced="cost_derivative")
    monitors = {f"monitor_{of}_{what}": True for of in ("evaluation", "training") for what in ("cost", "accuracy")}
    for cost in "QuadraticCost", "CrossEntropyCost":
        yield booked("network2", "network2", [12, 8, 3], cost, lmbda=1.0, evaluation_data="held out", **monitors)
    yield booked("network2", "network2", [12, 8, 3], "CrossEntropyCost", evaluation_data="held out",
                 monitor_evaluation_accuracy=True, early_stopping_n=1)  # fmt: skip
