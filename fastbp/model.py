"""A model: a network, and what is done to raw rows before it and to its outputs after it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from fastbp import synonyms
from fastbp.arrays import as_names, as_sample_weight, check_out
from fastbp.data.columns import Columns
from fastbp.data.features import Features, SideBySide
from fastbp.data.scaling import Scale
from fastbp.decisions import INTERVAL, THRESHOLD, interval, labels_of
from fastbp.ensemble import Ensemble, costs_of_outputs
from fastbp.functions.costs import NAMED, SCALABLE
from fastbp.inputs import check_steps, prepared
from fastbp.io import model_file
from fastbp.network import Network, not_a_network

if TYPE_CHECKING:
    from fastbp.training.history import Run

OF_THE_NET = ("sizes", "activations", "cost", "cost_parameter", "dtype", "meta", "n_parameters")
"""What describes a network and is the same of a model."""
INDEX_FORM = {
    "explain": "Use fastbp.explain(model.net, ...)",
    "gradcheck": "Use fastbp.gradcheck(model.net, ...)",
    "jacobian": "Use model.net.input_jacobian or model.net.parameter_jacobian",
} | dict.fromkeys(("z", "a", "delta"), "Use model.net.backprop")
"""What is in index form and goes by no such name at a network -> where it is."""


class Model:
    """A network with its preprocessing: raw rows in, class names or numbers in the targets' own units out.

    `fastbp train` writes one, and `load` returns it. What is in index form - ``w``, ``b``, ``gradient``, ``backprop``,
    Jacobians, `explain` - is asked of ``model.net``, whose inputs and targets are what ``transform`` and
    ``transform_targets`` return; a model itself has none of it.

    Parameters
    ----------
    net : Network or Ensemble
        It is not copied. Its ``meta`` may name the ``classes``, and the columns as ``features``.
    steps : sequence of Scale
        Applied to raw rows, in this order.
    columns : Columns, optional
        What is known of the columns of a table (`fastbp.data.columns.Columns`): they turn its rows into numbers, before
        any step. Of the preset (`fastbp.tables`), the features of its network, or those of each of its networks.
    target : Scale, optional
        Of the targets: the network learns scaled ones. For costs of the difference a_j - y_j only: {scalable}. With it,
        the distance that is the parameter of ``huber`` is measured in scaled units.

    Attributes
    ----------
    sizes, activations, cost, cost_parameter, dtype, meta, n_parameters
        Those of the network.

    Raises
    ------
    TypeError, ValueError
        For steps that do not fit the network.
    """

    # What is assigned to any other name would be lost.
    __slots__ = ("__weakref__", "_columns", "_net", "_steps", "_target")

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    cost: str
    cost_parameter: float | None
    dtype: np.dtype[Any]
    meta: Mapping[str, Any]
    n_parameters: int

    def __init__(
        self,
        net: Network | Ensemble,
        steps: Sequence[Scale] = (),
        *,
        target: Scale | None = None,
        columns: Columns | Features | SideBySide | None = None,
    ) -> None:
        if not isinstance(net, Network | Ensemble):
            raise not_a_network(net)
        check_steps(net, steps, target, columns)
        self._columns = columns
        self._net = cast(Network, net)  # an ensemble says itself what it does not have
        self._steps, self._target = tuple(steps), target

    @property
    def net(self) -> Network:
        """The network or ensemble, whose unit is the scaled one."""
        return self._net

    @property
    def steps(self) -> tuple[Scale, ...]:
        """What is done to raw rows, in this order."""
        return self._steps

    @property
    def columns(self) -> Columns | Features | SideBySide | None:
        """What is known of the columns of raw rows, which may have text, dates and missing cells."""
        return self._columns

    @property
    def target(self) -> Scale | None:
        """How targets are scaled."""
        return self._target

    @property
    def task(self) -> str:
        """The network's; with scaled targets ``"regression"``."""
        return self.net.task if self.target is None else "regression"

    @property
    def classes(self) -> np.ndarray | None:
        """Names of the classes, as `predict` returns them."""
        names = self.net.meta.get("classes")
        return None if names is None or self.task == "regression" else as_names(names)

    @property
    def features(self) -> tuple[str, ...] | None:
        """Names of the columns of raw rows."""
        if self._columns is not None:
            return self._columns.names
        names: tuple[str, ...] | None = self.net.meta.get("features")
        return names

    if not TYPE_CHECKING:  # or a type checker would believe in every attribute

        def __getattr__(self, name: str) -> Any:
            if name in OF_THE_NET:
                return getattr(self.net, name)
            if name in synonyms.MODEL:
                problem = f"A Model has no {name}. {synonyms.MODEL[name]}"
            elif name in INDEX_FORM or (hasattr(Network, name) and not name.startswith("__")):
                use = INDEX_FORM.get(name, f"Use model.net.{name}")
                problem = (
                    f"A Model has no {name}: it is the network's, which knows scaled numbers only. "
                    f"{'Pass model.net' if name.startswith('_') else use}, with model.transform(X) and "
                    "model.transform_targets(Y)."
                )
            else:
                answer = synonyms.ATTRIBUTES.get(name)
                problem = f"A Model has no {name}" + (
                    f". With net = model.net: {answer}" if answer else "; see help(fastbp.Model)"
                )
            raise AttributeError(problem, name=name, obj=self)

    def transform(self, X: Any) -> np.ndarray:
        """Raw rows as the network takes them.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
            Of a data frame the columns named ``features`` are taken, whatever their order. With ``columns`` it may
            have text, dates and missing cells.

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[0])
            What ``columns`` encode, and ``(X - subtract) / divide`` of each step, computed in float64 and rounded once
            to the network's dtype.

        Raises
        ------
        ValueError, TypeError
            X has other columns, or values that are missing, infinite or no numbers.
        """
        return prepared(X, self.sizes[0], self.dtype, self.steps, self.features, self.columns)

    def transform_targets(self, Y: Any) -> Any:
        """Targets as the network takes them.

        Parameters
        ----------
        Y : array_like
            Class names, shape (n_samples,), as `predict` returns them; or numbers in their own units, shape
            (n_samples,) or (n_samples, sizes[-1]). Rows of a one-hot kind stay as they are.

        Returns
        -------
        numpy.ndarray
            Labels 0, 1, ..., or scaled numbers in float64.

        Raises
        ------
        ValueError
            A class that the model does not know.
        """
        if self.task != "regression":
            return Y if self.classes is None or np.ndim(Y) != 1 else self._labels(np.asarray(Y))
        if self.target is None:
            return Y
        values = np.asarray(Y)
        if values.dtype.kind not in "biuf":  # the network says what is wrong with it
            return Y
        if values.ndim == 1:
            values = values.reshape(-1, 1)
        return values if values.ndim != 2 or values.shape[1] != self.sizes[-1] else self.target.apply(values)

    def _label_of(self) -> dict[Any, int]:
        """Label of each class, by name."""
        assert self.classes is not None
        return {name: label for label, name in enumerate(self.classes.tolist())}

    def _labels(self, names: np.ndarray) -> np.ndarray:
        known = self._label_of()
        given = names.tolist()
        try:
            return np.array([known[name] for name in given], np.int64)
        except (KeyError, TypeError):
            wrong = next((name for name in given if not isinstance(name, str | int | float) or name not in known), None)
            raise ValueError(
                f"Y has the class {wrong!r}; the model knows {', '.join(map(repr, known))}. Pass names of these "
                "classes, as predict returns them."
            ) from None

    def feedforward(self, X: Any, *, out: np.ndarray | None = None, n_threads: int | None = None) -> np.ndarray:
        """The outputs for raw rows: probabilities of a classification, numbers in their own units of a regression.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
        out : numpy.ndarray, shape (n_samples, sizes[-1]), optional
            The result, overwritten and returned, as in `Network.feedforward`.
        n_threads : int, optional
            Default: chosen from the machine and the work. The result does not depend on it.

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1])
            Of the network's dtype. Of float64 where scaled targets are so far from 0, or so large, that float32 would
            round away more than a thousandth of their standard deviation.
        """
        Z = self.transform(X)
        if self.target is None:
            return self.net.feedforward(Z, out=out, n_threads=n_threads)
        dtype = self.target.dtype_of_values(self.dtype)
        if out is None:
            out = np.empty((len(Z), self.sizes[-1]), dtype)
        check_out(out, (len(Z), self.sizes[-1]), dtype, (X, Z), self.net._thetas)
        out[...] = self.target.invert(self.net.feedforward(Z, n_threads=n_threads), dtype)
        return out

    def predict(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """What the model makes of raw rows; exactly what `fastbp predict` writes.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
        n_threads : int, optional

        Returns
        -------
        numpy.ndarray
            Classification: shape (n_samples,), names of ``classes``, or labels where they have no names. Regression:
            shape (n_samples, sizes[-1]), what `feedforward` returns.

        Warns
        -----
        RuntimeWarning
            Outputs of a sample are NaN, so that its class means nothing, and why.
        """
        if self.task == "regression":
            return self.feedforward(X, n_threads=n_threads)
        labels = labels_of(self.net, self.transform(X), n_threads)
        return labels if self.classes is None else self.classes[labels]

    def predict_interval(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """Intervals that cover a new target as often as `fastbp train --interval` was asked for.

        X and n_threads are as in `feedforward`.

        Returns
        -------
        numpy.ndarray, shape (n_samples, sizes[-1], 2)
            Lower and upper ends, in the targets' own units.

        Raises
        ------
        ValueError
            The model has none.
        """
        if INTERVAL not in self.net.meta:
            raise ValueError("The model has no intervals. Train one with fastbp train --interval 0.9.")
        return interval(self.feedforward(X, n_threads=n_threads), self.net.meta)

    def evaluate(
        self,
        X: Any,
        Y: Any,
        *,
        sample_weight: Any = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        n_threads: int | None = None,
    ) -> dict[str, float]:
        """How well the model does on raw rows with known targets.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
        Y : array_like
            As `transform_targets` takes them.
        sample_weight : array_like, shape (n_samples,), optional
        output_weight, missing_targets
            As in `Network.gradient`.
        n_threads : int, optional

        Returns
        -------
        dict
            As `Network.evaluate`; the ``loss`` of a regression is in the targets' own units.
        """
        Z, T = self.transform(X), self.transform_targets(Y)
        counting: dict[str, Any] = {"output_weight": output_weight, "missing_targets": missing_targets}
        scores = self.net.evaluate(Z, T, sample_weight=sample_weight, n_threads=n_threads, **counting)
        if THRESHOLD in self.net.meta and "accuracy" in scores:
            right = labels_of(self.net, Z, n_threads) == np.asarray(T).reshape(len(Z))
            scores["accuracy"] = float(np.average(right, weights=as_sample_weight(sample_weight, len(Z), self.dtype)))
        if self.target is not None:
            s = as_sample_weight(sample_weight, len(Z), self.dtype)
            out = self.target.invert(self.net.feedforward(Z, n_threads=n_threads))
            y = np.asarray(Y, np.float64).reshape(out.shape)
            entry = NAMED[self.net.cost]
            is_distance = entry.parameter is not None and entry.parameter.is_distance
            p = self.net._p * self.target.divide if is_distance else None
            scores["loss"] = float(np.average(costs_of_outputs(self.net, out, y, p, output_weight), weights=s))
        return scores

    def train(self, X: Any, Y: Any, *, validation: Any = None, **options: Any) -> Run:
        """Train the network on raw rows and targets; the steps stay as they are.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
        Y : array_like
            As `transform_targets` takes them.
        validation : tuple, optional
            ``(X_val, Y_val)`` or ``(X_val, Y_val, sample_weight_val)``, raw like X and Y.
        **options
            Of `fastbp.train`; ``class_weight`` names classes as the targets do. A ``checkpoint`` is one of the model.

        Returns
        -------
        Run
            Its network is ``model.net``, and its losses are those of the scaled targets.

        Raises
        ------
        ValueError, TypeError, DivergenceError, MemoryError
            As `fastbp.train`, and for columns and classes that the model does not know.
        """
        from fastbp.training.checkpoints import Checkpoint
        from fastbp.training.class_weights import by_label
        from fastbp.training.standard import train

        if isinstance(given := options.get("checkpoint"), Checkpoint) and given.model is None:
            options["checkpoint"] = Checkpoint(given.path, given.every, given.resume, self)
        if isinstance(validation, Sequence) and 2 <= len(validation) <= 3:
            validation = (self.transform(validation[0]), self.transform_targets(validation[1]), *validation[2:])
        if self.classes is not None and isinstance(options.get("class_weight"), Mapping):
            options["class_weight"] = by_label(options["class_weight"], self._label_of())
        return train(self.net, self.transform(X), self.transform_targets(Y), validation=validation, **options)

    def contents(self) -> model_file.Contents:
        """What a model file holds of it."""
        return model_file.Contents(self.net, self.steps, self.target, self.columns)

    def save(self, path: str | bytes | os.PathLike[Any]) -> None:
        """Write the model to a file, as `fastbp.save` does."""
        model_file.write(path, self.contents())

    def __repr__(self) -> str:
        target = "" if self.target is None else f", target={self.target!r}"
        columns = "" if self.columns is None else f", columns={self.columns!r}"
        return f"Model({self.net!r}, {list(self.steps)!r}{target}{columns})"


def as_model(net: Network | Model | Ensemble) -> Model:
    """A network or an ensemble as a model without preprocessing."""
    return net if isinstance(net, Model) else Model(net)


if Model.__doc__:  # python -OO has none
    Model.__doc__ = Model.__doc__.replace("{scalable}", ", ".join(f"``{name}``" for name in SCALABLE))
