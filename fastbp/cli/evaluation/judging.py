"""A trained model judged: its outcomes on test and validation rows, beside a constant and a linear model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastbp
from fastbp.cli.evaluation import baselines, effects
from fastbp.cli.evaluation.findings import Finding, findings
from fastbp.cli.evaluation.outcome import Outcome, probabilities
from fastbp.cli.evaluation.rows import MOST_COLUMNS, ArrayRows, Rows, TableRows
from fastbp.cli.fitting import Prepared
from fastbp.decisions import decided

EFFECTS = 6
"""Strongest columns whose partial dependence is shown."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is known of a trained model.

    Attributes
    ----------
    tested : Outcome
        Of the test rows, which nothing was learned or chosen from.
    constant, linear : Outcome, Outcome or None
        Of the same rows, by models of the training rows. A cost that asks for a quantile has no linear one.
    validated : tuple of two Outcomes, or None
        The model's and the constant's on the rows that ended its training.
    rows : Rows
        The test rows as they were read.
    importances : list of Importance
        Strongest first; empty where columns were not looked at.
    partials : list of Partial
    """

    prepared: Prepared
    run: fastbp.Run
    tested: Outcome
    constant: Outcome
    linear: Outcome | None
    validated: tuple[Outcome, Outcome] | None
    rows: Rows
    findings: list[Finding]
    importances: list[effects.Importance]
    partials: list[effects.Partial]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Those of the test rows by what the models are called."""
        found = {"constant": self.constant}
        found |= {} if self.linear is None else {"linear": self.linear}
        return found | {"this model": self.tested}


class Judge:
    """Makes outcomes of a model's predictions."""

    def __init__(self, prepared: Prepared) -> None:
        self._data, self.model = prepared.data, prepared.model
        self._classes = self._data.classes or ()
        target, n = self._data.target, self._data.n_outputs
        columns = target if isinstance(target, tuple) else (target or "target",)
        self._columns = columns if len(columns) == n else [f"output {j}" for j in range(n)]

    def outputs(self, rows: Rows) -> np.ndarray:
        """What an effect is the mean of: the probability of the second of two classes, of each, or numbers."""
        return self.model.feedforward(rows.raw)

    def outcome(self, X: Any, known: np.ndarray) -> Outcome:
        """The model's, of raw rows."""
        return self.of_outputs(self.model.feedforward(X), known)

    def of_outputs(self, out: np.ndarray, known: np.ndarray) -> Outcome:
        """The model's, whose outputs these are."""
        if not self._classes:
            return Outcome(known, out, columns=self._columns)
        p, proper = probabilities(out, self.model.activations[-1])
        return Outcome(known, p, self._classes, decided(out, self.model.meta), proper)

    def of(self, out: np.ndarray, known: np.ndarray) -> Outcome:
        """A baseline's, whose probabilities or numbers these are."""
        if not self._classes:
            return Outcome(known, out, columns=self._columns)
        return Outcome(known, out, self._classes, out.argmax(axis=1))


def judge(
    prepared: Prepared, run: fastbp.Run, *, columns: bool = False, on_step: Callable[[str, int], None] | None = None
) -> Judgement:
    """Judge the model of a training that has ended.

    Parameters
    ----------
    columns : bool
        Whether to look at the columns one by one, which asks for many predictions.
    on_step : callable, optional
        Told what is being done, and the number of steps that it has, at each step.
    """
    data = prepared.data
    asked = Judge(prepared)
    tested = asked.outcome(data.X_test, data.Y_test)
    n_classes = len(data.classes or ())
    s = None if data.weight is None else data.weight[prepared.kept]
    Y = data.Y[prepared.kept]
    share = baselines.constant_probabilities(Y, n_classes, s) if n_classes else baselines.constant_values(Y, s)

    def constant(known: np.ndarray) -> Outcome:
        return asked.of(np.tile(share, (len(known), 1)), known)

    validated = None
    if prepared.held_out is not None:
        index, out = prepared.held_out
        validated = asked.of_outputs(out, data.Y[index]), constant(data.Y[index])
    rows = rows_of(prepared)
    importances, partials = [], []
    if columns and len(rows.names) <= MOST_COLUMNS and data.image is None:
        tell = on_step or (lambda what, n: None)
        n, seed = len(rows.names), prepared.options["seed"]

        def judged(changed: Rows, index: np.ndarray) -> Outcome:
            return asked.outcome(changed.raw, data.Y_test[index])

        importances = effects.importances(
            judged, rows, seed=seed, on_column=lambda: tell("importance of the columns", n)
        )
        for importance in importances[:EFFECTS]:
            partials.append(effects.partial_dependence(asked.outputs, rows, importance.name, seed=seed))
            tell("effects of the strongest", min(n, EFFECTS))
    linear = _linear(prepared, asked, s)
    found = findings(validated, tested, constant(data.Y_test), linear)
    return Judgement(
        prepared, run, tested, constant(data.Y_test), linear, validated, rows, found, importances, partials
    )


def rows_of(prepared: Prepared) -> Rows:
    """The test rows as they were read."""
    data = prepared.data
    if prepared.columns is not None:
        return TableRows(data.X_test, prepared.columns)
    return ArrayRows(data.X_test, data.feature_names)


def held_out_rows(prepared: Prepared) -> Rows | None:
    """The rows of a file that the training has not seen, but for its choices; None where they have no lines."""
    if prepared.held_out is None or prepared.columns is None:
        return None
    rows = prepared.raw(prepared.held_out[0])
    return None if rows.lines is None else TableRows(rows, prepared.columns)


def _linear(prepared: Prepared, asked: Judge, s: np.ndarray | None) -> Outcome | None:
    """The outcome of a linear model, where one can be fitted."""
    data, net = prepared.data, prepared.model.net
    n_classes = len(data.classes or ())
    if prepared.X.shape[1] > baselines.MOST_INPUTS or net.cost == "quantile":
        return None
    Y = data.Y
    if not n_classes and np.isnan(Y).any():
        return None
    X_test = prepared.transform(data.X_test)
    chosen = prepared.kept[baselines.part(len(prepared.kept), prepared.options["seed"])]
    weight = None if s is None else data.weight[chosen]
    aside = prepared.aside
    validation = (prepared.X[aside], Y[aside]) if len(aside) else None
    model = baselines.Linear(prepared.X[chosen], Y[chosen], n_classes, weight, validation)
    return asked.of(model.predict(X_test), data.Y_test)
