"""fastbp.sklearn beside scikit-learn: the time of an epoch, and how well both do on whole data sets.

Both get the same parameters and draws, and their loss curves are compared before a time is believed.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastbp.compare.measure import rest

SEEDS = 5
PAIR = {"scikit-learn": "sklearn.neural_network", "fastbp": "fastbp.sklearn"}
"""Name in results -> module of the estimators."""

NOISE = 0.005
"""Scores nearer than this, or than twice their standard deviation over seeds, are the same."""

COMPARED = 3
CLOSE = {"float64": 1e-8, "float32": 1e-3}
"""How far the losses of the first epochs may differ, relative to their values; later on, rounding has grown."""


class Net(NamedTuple):
    """A net to time an epoch of."""

    data: str
    hidden: tuple[int, ...]
    batch: int
    goal: float
    """Times faster than scikit-learn, at least, on one core."""
    epochs: int
    """Of one call of ``fit``, whose checks are part of the time."""
    turns: int

    @property
    def sizes(self) -> str:
        """All layers."""
        n_in = {"digits": 64, "wide": 784}[self.data]
        return "-".join(map(str, (n_in, *self.hidden, 10)))


NETS = (
    *(
        Net("digits", hidden, batch, goal, 20, 5)
        for hidden in ((30,), (64,), (100,))
        for batch, goal in ((10, 6.0), (32, 6.0), (200, 2.5))
    ),
    Net("wide", (512, 512), 200, 1.2, 2, 3),
)
CASES = [(net, solver, dtype) for net in NETS for solver in ("adam", "sgd") for dtype in ("float64", "float32")]


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Of the nets: the bundled digits, or 2,000 samples of noise, wide enough for the weights to count."""
    if name == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return X / 16, y
    rng = np.random.default_rng(0)
    return rng.random((2000, 784)), rng.integers(0, 10, 2000)


def fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Seconds of ``fit``, which need not converge."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rest()
        began = time.perf_counter()
        estimator.fit(X, y)
        return time.perf_counter() - began


def estimator(library: str, kind: str, n_threads: int, **options: Any) -> Any:
    """Of either library; scikit-learn's threads are those of its BLAS, and fastbp chooses, up to ``n_threads``."""
    extra = {"n_threads": 1} if library == "fastbp" and n_threads == 1 else {}
    return getattr(importlib.import_module(PAIR[library]), kind)(**options, **extra)


class Pair:
    """Both libraries' classifiers on one net, which have to compute the same."""

    def __init__(self, net: Net, solver: str, dtype: str, n_threads: int) -> None:
        X, self.y = samples(net.data)
        self.X, self.n_threads = X.astype(dtype), n_threads
        self.net, self.solver, self.dtype = net, solver, dtype
        self.options: dict[str, Any] = {"hidden_layer_sizes": net.hidden, "solver": solver, "batch_size": net.batch}
        self.options |= {"random_state": 0, "tol": 0.0, "max_iter": net.epochs}
        self.curves: dict[str, Any] = {}

    def fit(self, library: str) -> float:
        """Seconds of one ``fit``."""
        model = estimator(library, "MLPClassifier", self.n_threads, **self.options)
        seconds = fit(model, self.X, self.y)
        self.curves[library] = np.array(model.loss_curve_[:COMPARED])
        return seconds

    def agree(self) -> None:
        """ValueError where the first losses of both differ by more than rounding."""
        far = float(np.max(np.abs(self.curves["fastbp"] / self.curves["scikit-learn"] - 1)))
        if not far <= CLOSE[self.dtype]:
            raise ValueError(
                f"{self.net.sizes} {self.solver} {self.dtype}: the loss curves differ by {far:.1e}; nothing was "
                "compared."
            )

    def row(self, seconds: dict[str, float]) -> dict[str, Any]:
        """Of the table, with the seconds of an epoch by each."""
        case = {"net": self.net.sizes, "batch": self.net.batch, "solver": self.solver, "dtype": self.dtype}
        return case | {"threads": self.n_threads, "goal": self.net.goal, "seconds": seconds}


def epoch(net: Net, solver: str, dtype: str, n_threads: int) -> dict[str, Any]:
    """Seconds of an epoch of both, in turns, the least of each; ValueError where they do not compute the same."""
    pair = Pair(net, solver, dtype, n_threads)
    seconds = dict.fromkeys(PAIR, float("inf"))
    for _ in range(net.turns):
        for library in PAIR:
            seconds[library] = min(seconds[library], pair.fit(library) / net.epochs)
    pair.agree()
    return pair.row(seconds)


def data_sets() -> dict[str, tuple[Any, Any, str]]:
    """Name -> samples, targets and kind of estimator: scikit-learn's bundled and generated ones."""
    from sklearn import datasets

    classes = {
        "iris": datasets.load_iris(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "breast cancer": datasets.load_breast_cancer(return_X_y=True),
        "digits": datasets.load_digits(return_X_y=True),
        "two moons": datasets.make_moons(1000, noise=0.2, random_state=0),
        "multilabel": datasets.make_multilabel_classification(600, random_state=0),
    }
    values = {
        "diabetes": datasets.load_diabetes(return_X_y=True),
        "Friedman 1": datasets.make_friedman1(1000, noise=0.5, random_state=0),
        "three outputs": datasets.make_regression(600, 10, n_targets=3, noise=5.0, random_state=0),
    }
    return {name: (*pair, "MLPClassifier") for name, pair in classes.items()} | {
        name: (*pair, "MLPRegressor") for name, pair in values.items()
    }


def quality(name: str, n_threads: int, seeds: int = SEEDS) -> dict[str, Any]:
    """Scores on a quarter held out and seconds of ``fit``, of both, over several seeds: splits, weights and orders."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y, kind = data_sets()[name]
    scores: dict[str, list[float]] = {library: [] for library in PAIR}
    seconds = dict.fromkeys(PAIR, 0.0)
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        if kind == "MLPRegressor":
            mean, spread = y_train.mean(axis=0), y_train.std(axis=0)
            y_train, y_test = (y_train - mean) / spread, (y_test - mean) / spread
        for library in PAIR:
            model = estimator(library, kind, n_threads, random_state=seed, max_iter=100)
            seconds[library] += fit(model, X_train, y_train) / seeds
            scores[library].append(float(model.score(X_test, y_test)))
    measure = "accuracy" if kind == "MLPClassifier" else "R2"
    return {"data": name, "samples": len(X), "measure": measure, "scores": scores, "seconds": seconds}


def within_noise(row: dict[str, Any]) -> bool:
    """Whether the mean scores of a data set are the same but for what another seed would change."""
    theirs, ours = (np.array(row["scores"][library]) for library in PAIR)
    return bool(abs(theirs.mean() - ours.mean()) <= max(2 * theirs.std(), 2 * ours.std(), NOISE))


def epochs(n_threads: int, cases: list[Any]) -> Iterator[dict[str, Any]]:
    """Of `CASES`; runs in a fresh process (`pin.task`)."""
    for (data, hidden, *more), solver, dtype in cases:
        yield epoch(Net(data, tuple(hidden), *more), solver, dtype, n_threads)


def qualities(n_threads: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """Of `data_sets`; runs in a fresh process (`pin.task`)."""
    for name in names:
        quality(name, n_threads, seeds=1)  # compiled before it is timed
        yield quality(name, n_threads)


def cell(seconds: dict[str, float]) -> str:
    """fastbp's time and how many times longer scikit-learn takes."""
    return f"{1e3 * seconds['fastbp']:.3g} ms, **{seconds['scikit-learn'] / seconds['fastbp']:.1f}** x"


def epoch_table(rows: list[dict[str, Any]]) -> list[str]:
    """A row for each net and batch size, a column for each solver and dtype."""
    columns = list(dict.fromkeys((row["solver"], row["dtype"]) for row in rows))
    lines = [
        "| net | batch | " + " | ".join(f"{s} {d}" for s, d in columns) + " |",
        "|---|---:|" + "---:|" * len(columns),
    ]
    nets = dict.fromkeys((row["net"], row["batch"]) for row in rows)
    found = {(row["net"], row["batch"], row["solver"], row["dtype"]): row["seconds"] for row in rows}
    for net, batch in nets:
        cells = " | ".join(cell(found[net, batch, solver, dtype]) for solver, dtype in columns)
        lines.append(f"| {net} | {batch} | {cells} |")
    return lines


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """Cases on one core that stay below their goal, and those on any number in which scikit-learn is faster."""
    found = []
    for row in rows:
        ratio = row["seconds"]["scikit-learn"] / row["seconds"]["fastbp"]
        goal = row["goal"] if row["threads"] == 1 else 1.0
        if ratio < goal:
            case = f"{row['net']} b{row['batch']} {row['solver']} {row['dtype']}"
            found.append(f"{case} on {row['threads']} ({ratio:.1f}, goal {goal:g})")
    return found


def quality_table(rows: list[dict[str, Any]]) -> list[str]:
    """Mean score and its standard deviation over seeds, side by side, and the mean time of ``fit``."""
    lines = ["| data set | samples | score | scikit-learn | fastbp | fit |", "|---|---:|---|---:|---:|---:|"]
    for row in rows:
        both = " | ".join(f"{np.mean(row['scores'][name]):.3f} ± {np.std(row['scores'][name]):.3f}" for name in PAIR)
        name = row["data"] if within_noise(row) else f"{row['data']} (**not within noise**)"
        lines.append(f"| {name} | {row['samples']:,} | {row['measure']} | {both} | {cell(row['seconds'])} |")
    return lines


def describe(found: dict[str, Any]) -> list[str]:
    """The suite in tables and words."""
    lines: list[str] = []
    for n in sorted({row["threads"] for row in found["epochs"]}):
        rows = [row for row in found["epochs"] if row["threads"] == n]
        lines += [f"An epoch on {n} {'core' if n == 1 else 'cores'}, and how many times longer scikit-learn takes:", ""]
        lines += [*epoch_table(rows), ""]
    below = missed(found["epochs"])
    if below:
        lines += [f"Below the goal: {'; '.join(below)}.", ""]
    seeds = len(found["data"][0]["scores"]["fastbp"])
    lines += [
        "Whole data sets, features (and targets of regression) standardised, a quarter held out, defaults but for "
        f"`max_iter=100`: mean ± standard deviation of the score over {seeds} seeds, which decide the split, the "
        "weights and the order, and the time of `fit` on one core:",
        "",
        *quality_table(found["data"]),
    ]
    return lines
