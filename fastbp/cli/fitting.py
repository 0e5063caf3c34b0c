"""What ``fastbp train`` trains: rows that are read, split and scaled, a model that fits them, and options."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastbp
from fastbp.checks import check_int, check_name, check_real
from fastbp.cli import tables
from fastbp.cli.app import Out
from fastbp.cli.options import (
    MONITORED,
    check_class_weight,
    checkpoint,
    counting,
    dropped,
    early_stopping,
    model_for,
    optimizer,
    rate,
    trained,
)
from fastbp.data.columns import Columns
from fastbp.targets import out_of_reach
from fastbp.training.schedules import ReduceOnPlateau


@dataclass(frozen=True)
class Prepared:
    """A training that is ready to begin.

    Attributes
    ----------
    data : Data
        With a test part.
    kept, aside : arrays of int
        The rows of ``data.X`` to train on, and those to validate on.
    model : Model
        Not trained yet.
    X, Y : arrays
        All rows of ``data.X`` and their targets, as ``model.net`` takes them.
    options : dict
        Of `fastbp.train`, but for callbacks and progress.
    columns : Columns or None
        What was learned of those of a table.
    """

    data: Any
    kept: np.ndarray
    aside: np.ndarray
    model: fastbp.Model
    X: np.ndarray
    Y: Any
    options: dict[str, Any]
    columns: Columns | None = None

    held_out_in_words = "The validation rows that the model is most wrong about:"
    """Heading of the worst of the rows that are held out."""

    def raw(self, index: np.ndarray) -> Any:
        """Those rows of the data as they were read: what the model takes."""
        X = self.data.X
        return X.rows(index) if hasattr(X, "rows") else X[index]

    def transform(self, X: Any) -> np.ndarray:
        """Rows as they were read, as ``X`` has them."""
        return self.model.transform(X)

    @functools.cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows that the training has not seen, and the model's outputs for them."""
        return (self.aside, self.model.feedforward(self.raw(self.aside))) if len(self.aside) else None

    @functools.cached_property
    def samples(self) -> tuple[np.ndarray, Any]:
        """Rows to train on, and their targets, as the network takes them."""
        return self.X[self.kept], self.Y[self.kept]

    def rows_in_words(self) -> str:
        """How many rows there are to train and to validate on."""
        return f"{len(self.kept):,} rows to train on, {len(self.aside):,} to validate"

    def training_in_words(self, run: fastbp.Run) -> str:
        """What was trained, for how long, and whose weights were kept."""
        net = self.model.net
        said = f"{net}, {net.n_parameters:,} parameters; {run.epoch} epochs in {run.seconds:.3g} s."
        if run.stopped:
            said += f" It ended early: {run.stopped}."
        if run.best_epoch is not None:
            said += f" The weights are those of epoch {run.best_epoch}, the best on the validation rows."
        return said

    def fit(self, callbacks: Sequence[Any], progress: Any) -> fastbp.Run:
        """Train the model."""
        X, Y = self.samples
        return fastbp.train(self.model.net, X, Y, callbacks=callbacks, progress=progress, **self.options)


def prepare(options: Mapping[str, Any], console: Out, errors: Out, data: Any = None) -> Prepared:
    """Check the options, read the data unless they are there already, and make the model."""
    from fastbp.io.model_file import check_savable

    check_real(options["validation"] or 0.0, "--validation", low=0.0, below=1.0)
    check_int(options["seed"], "--seed", low=0)
    told = tables.likely(options)  # what cannot be is told before anything is read
    early_stopping(told), rate(told)
    parts, counted = dropped(options["dropout"]), counting(options)
    frozen, layer_rates = trained(options)
    data = tables.read(options, errors) if data is None else data
    o = tables.filled_in(dict(options), data, console)
    stopping, rule = early_stopping(o), rate(o)
    for who, where in ((stopping, "--monitor"), (rule, "--schedule plateau:monitor")):
        if isinstance(who, (fastbp.EarlyStopping, ReduceOnPlateau)):
            check_name(who.monitor, MONITORED[data.task], where)
    check_class_weight(o["class_weight"], data.task)
    kept, aside = tables.validation(data, o)
    columns = tables.learn(data, kept, o)
    model = model_for(data, kept, o, columns)
    check_savable(model.contents())  # what could not be saved is not trained either
    _require_reach(data, model.net.activations[-1])
    X = model.transform(data.X)
    Y = model.transform_targets(data.named(data.Y))
    s = data.weight
    how = optimizer(str(o["optimizer"]), data.task, o)
    usual = len(kept) if isinstance(how, fastbp.LBFGS) else 10
    of_train = {
        "optimizer": how,
        "epochs": o["epochs"],
        "batch_size": min(usual if o["batch_size"] is None else o["batch_size"], len(kept)),
        "shuffle": o["shuffle"],
        "seed": o["seed"],
        "sample_weight": None if s is None else s[kept],
        "class_weight": o["class_weight"],
        **counted,
        "validation": (X[aside], Y[aside], None if s is None else s[aside]) if aside.size else None,
        "l1": o["l1"],
        "l2": o["l2"],
        "dropout": parts,
        "clip_norm": o["clip_norm"],
        "frozen": frozen,
        "layer_rates": layer_rates,
        "schedule": rule,
        "early_stopping": stopping,
        "n_threads": o["threads"],
        "checkpoint": checkpoint(o, model),
    }
    return Prepared(data, kept, aside, model, X, Y, of_train, columns)


def _require_reach(data: Any, output: str) -> None:
    """ValueError for numbers to learn, or to test on, that the outputs cannot reach."""
    if data.task == "regression":
        for Y, name in ((data.Y, "The target"), (data.Y_test, "The target of the test part")):
            problem = out_of_reach(Y, output, name)
            if problem is not None:
                raise ValueError(f"{problem} Scale the target, or pass --output identity.")
