"""Members side by side: each learns its columns, its scales and its weights from its own rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastbp.checks import check_int, check_real
from fastbp.data.columns import Columns, Table
from fastbp.data.features import Features, SideBySide
from fastbp.data.scaling import Scale
from fastbp.ensemble import Ensemble
from fastbp.errors import argument_error
from fastbp.model import Model
from fastbp.network import Network
from fastbp.tables.calibration import cool, cooled, temperature_of
from fastbp.tables.folds import LEAST_ROWS, Fold, folds
from fastbp.tables.members import Maker, Member
from fastbp.tables.recipe import Recipe
from fastbp.tables.training import trained
from fastbp.training.callbacks import Callback
from fastbp.training.history import Run

Array = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """Members of the preset, and what came out while they were trained.

    Attributes
    ----------
    nets : tuple of Network
        Their outputs are probabilities, or targets in ``units``.
    features : tuple of Features
        What each of them sees of a row.
    units : Scale or None
        Mean and standard deviation of the targets of regressions.
    out_of_fold : array (n_rows, n_outputs)
        Of each training row the outputs of the member that has not seen it, in the targets' units; NaN where there is
        none.
    member_of : array (n_rows,) of int64
        Which member that is; -1 for none.
    temperature : float
        By which logits were divided.
    runs : tuple of Run
    recipe : Recipe
    """

    nets: tuple[Network, ...]
    features: tuple[Features, ...]
    units: Scale | None
    out_of_fold: Numbers = field(repr=False)
    member_of: npt.NDArray[np.int64] = field(repr=False)
    temperature: float
    runs: tuple[Run, ...]
    recipe: Recipe

    def model(self) -> Model:
        """The members as a model, which can be saved and loaded: rows of a table in, classes or targets out.

        Returns
        -------
        Model
            Of one network, or of an ensemble of them; its outputs are rounded to the networks' dtype.
        """
        if len(self.nets) == 1:
            return Model(self.nets[0], target=self.units, columns=self.features[0])
        return Model(Ensemble(self.nets, own_inputs=True), target=self.units, columns=SideBySide(self.features))

    def outputs(self, table: Any, n_threads: int | None = None) -> Numbers:
        """The mean of the members' outputs for the rows of a table, in the targets' units.

        Parameters
        ----------
        table : Table, mapping, data frame or array_like
        n_threads : int, optional
            The result does not depend on it.

        Returns
        -------
        array (n_rows, n_outputs) of float64
        """
        rows = Table.of(table)
        total: Any = 0.0
        seen: dict[Columns, tuple[Any, Any]] = {}
        for net, features in zip(self.nets, self.features, strict=True):
            if features.columns not in seen:
                seen[features.columns] = features.columns.values(rows)
            X = features.encode_values(*seen[features.columns], net.dtype)
            total = total + net.feedforward(X, n_threads=n_threads).astype(np.float64)
        mean: Numbers = total / len(self.nets)
        return self.in_units(mean)

    def in_units(self, outputs: Numbers) -> Numbers:
        """Outputs of the networks in the targets' units."""
        return outputs if self.units is None else self.units.invert(outputs)


def fit(
    table: Any,
    y: Any,
    *,
    task: Literal["classification", "regression"],
    n_classes: int = 0,
    n_members: int = 5,
    recipe: Recipe | None = None,
    seed: int = 0,
    sample_weight: Any = None,
    groups: Any = None,
    time_order: Any = None,
    validation: tuple[Any, Any, Any] | None = None,
    time_limit: float | None = None,
    n_threads: int | None = None,
    learn: Callable[[Table], Columns] = Columns.learn,
    meta: Mapping[str, Any] | None = None,
    callbacks: Iterable[Callback | Callable[[Run], Any]] = (),
    progress: bool = False,
) -> Fitted:
    """Train the members of the preset.

    Parameters
    ----------
    table : Table, mapping, data frame or array_like, shape (n_rows, n_columns)
        Without the target.
    y : array
        Classification: (n_rows,) of int64, labels 0, 1, ...; regression: (n_rows, n_outputs) of float64.
    task : "classification" or "regression"
    n_classes : int
        Of a classification.
    n_members : int
        k. The members' held-out rows are the k folds; a single member holds out a part.
    recipe : Recipe, optional
    seed : int
        Of folds, weights, order and dropout.
    sample_weight : array (n_rows,), optional
        Rows of weight 0 are not looked at.
    groups, time_order : array (n_rows,), optional
        Rows of one group stay in one fold; or folds are stretches of time.
    validation : tuple, optional
        ``(X, y, weight or None)``: rows by which all members keep their best epoch, in place of folds.
    time_limit : float, optional
        Seconds, that the members' training takes at most about: with fewer epochs, which depend on the machine.
    n_threads : int, optional
        The bits do not depend on it.
    learn : function, optional
        The `Columns` of a table, from the training rows; of these, each member then learns all but kinds and formats
        from its own.
    meta : mapping, optional
        Of the networks, beside the task: the names of ``classes`` and ``target``, say.
    callbacks, progress
        As of `fastbp.train_many`. `CSVLog` and `JSONLines` write one file of all members, whose rows say their
        ``member`` and come in the members' order for any number of threads; `TensorBoard` a folder for each.

    Returns
    -------
    Fitted

    Raises
    ------
    ValueError, TypeError
        For rows that cannot be trained on.
    DivergenceError
        The training of a member diverged.
    """
    begun = time.monotonic()
    recipe = recipe or Recipe()
    n_members = check_int(n_members, "n_members", low=1)
    if time_limit is not None:
        time_limit = check_real(time_limit, "time_limit", above=0.0)
    rows = Table.of(table)
    y = np.asarray(y)
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    rng = np.random.default_rng(seed)
    kept = _that_count(weight, rows.n_rows)
    places = [Fold(kept, kept[:0])] * n_members
    if validation is None:
        labels = y if task == "classification" else None
        places = drawn(kept, n_members, rng, labels=labels, weight=weight, groups=groups, time_order=time_order)
    seeds = [int(s) for s in rng.integers(2**31, size=n_members)]
    maker = Maker(
        rows, y, weight,
        task=task, n_classes=n_classes, recipe=recipe, learn=learn, validation=validation, meta=meta or {},
    )  # fmt: skip
    members = [maker.member(fold.train, fold.held_out, s) for fold, s in zip(places, seeds, strict=True)]
    runs = trained(members, recipe, seeds, begun, time_limit, n_threads, callbacks, progress)
    return _concluded(maker, members, [fold.held_out for fold in places], runs, kept, n_threads)


def _that_count(weight: Numbers | None, n_rows: int) -> Array:
    """The rows whose weight is above 0."""
    kept = np.arange(n_rows) if weight is None else np.flatnonzero(weight > 0)
    if not len(kept):
        raise argument_error("sample_weight", "is 0 for every row; some row must count. Pass weights above 0.")
    return kept


def drawn(
    kept: Array,
    n_members: int,
    rng: np.random.Generator,
    *,
    labels: Array | None = None,
    weight: Numbers | None = None,
    groups: Any = None,
    time_order: Any = None,
) -> list[Fold]:
    """The folds that `fit` trains with, of those rows: what each member does not see."""

    def of(values: Any) -> Array | None:
        return None if values is None else np.asarray(values)[kept]

    # Weights count as repetitions do: the few rows of a small table are as many as their weights say.
    amount = len(kept) if weight is None else min(len(kept), int(weight[kept].sum()))
    if amount < LEAST_ROWS:
        return [Fold(kept, kept[:0])] * n_members
    found = folds(n_members, len(kept), rng, labels=of(labels), groups=of(groups), time=of(time_order))
    return [Fold(kept[fold.train], kept[fold.held_out]) for fold in found]


def _concluded(
    maker: Maker, members: list[Member], held_out: list[Array], runs: list[Run], kept: Array, n_threads: int | None
) -> Fitted:
    """The members' outputs for the rows that they have not seen, their temperature, and common units of targets."""
    n_outputs = members[0].net.sizes[-1]
    out, member_of = np.full((maker.rows.n_rows, n_outputs), np.nan), np.full(maker.rows.n_rows, -1)
    temperature, seen = 1.0, []
    for i, (member, rows) in enumerate(zip(members, held_out, strict=True)):
        if member.validation is None:
            continue
        values = member.net.feedforward(member.validation[0], n_threads=n_threads).astype(np.float64)
        seen.append(values)
        if len(rows):
            out[rows], member_of[rows] = values if member.units is None else member.units.invert(values), i
    if maker.task == "classification" and seen and maker.recipe.calibrated:
        if maker.validation is not None:
            p, labels, weight = np.mean(seen, axis=0), maker.validation[1], maker.validation[2]
        else:
            rows = np.flatnonzero(member_of >= 0)
            p, labels, weight = out[rows], maker.y[rows], None if maker.weight is None else maker.weight[rows]
        temperature = temperature_of(p, np.asarray(labels, np.int64), weight)
        for member in members:
            cool(member.net, temperature)
        rows = np.flatnonzero(member_of >= 0)
        out[rows] = cooled(out[rows], temperature)
    units = maker.units(kept, None if maker.weight is None else maker.weight[kept])
    for member in members:
        if units is not None and member.units is not None:
            w, b = member.net.w[member.net.L], member.net.b[member.net.L]
            factor = member.units.divide / units.divide
            b[...] = b.astype(np.float64) * factor + (member.units.subtract - units.subtract) / units.divide
            w[...] = w.astype(np.float64) * factor[:, np.newaxis]
    nets, features = tuple(m.net for m in members), tuple(m.features for m in members)
    return Fitted(nets, features, units, out, member_of, temperature, tuple(runs), maker.recipe)
