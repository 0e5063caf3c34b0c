"""``diagnose_training`` and the callback that watches a training for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.arrays import as_inputs
from fastbp.errors import DivergenceError, argument_error
from fastbp.network import Network, not_a_network
from fastbp.runtime import csr
from fastbp.teach.training.case import Case
from fastbp.teach.training.diagnosis import TrainingDiagnosis, judge
from fastbp.teach.training.experiments import Experiments, skill
from fastbp.training.callbacks import Callback
from fastbp.training.history import Run
from fastbp.training.standard import train

LARGEST = 20_000
"""Samples that are looked at, at most: every so manieth of more."""


def _dense(net: Network, X: Any, Y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Samples and targets as arrays, of very many some."""
    inputs = csr.as_inputs(X, net.sizes[0], net.dtype)
    Y = np.asarray(Y)
    if len(Y) != len(inputs):
        raise argument_error("Y", f"has {len(Y)} rows; X has {len(inputs)} samples. Pass one target for each sample.")
    every = slice(None, None, -(-len(inputs) // LARGEST))
    if isinstance(inputs, csr.Rows):
        return as_inputs(X.tocsr()[every].toarray(), net.sizes[0], net.dtype, "X"), Y[every]
    return np.asarray(inputs)[every], Y[every]


class TrainingRecorder(Callback):
    """Callback of `fastbp.train` that afterwards, or in between, says why it does not learn.

    Parameters
    ----------
    X, Y
        The samples of the training.
    **training
        Other arguments of the training, such as ``l2`` or ``class_weight``: what is tried has them too. Optimizer,
        minibatches and epochs are known.
    """

    def __init__(self, X: Any, Y: Any, **training: Any) -> None:
        self.X, self.Y, self.training = X, Y, training
        self.run: Run | None = None
        self.before: Network | None = None

    def on_train_begin(self, run: Run) -> None:
        """Keep the weights that it begins with."""
        self.run, self.before = run, run.net.copy()

    def diagnose(self, error: DivergenceError | None = None) -> TrainingDiagnosis:
        """What is found in the training so far; ``error``: what it ended with, if it diverged.

        Raises
        ------
        ValueError
            No training has begun.
        """
        if self.run is None or self.before is None:
            raise argument_error("callback", "has seen no training. Pass it in callbacks= of fastbp.train.")
        return _judged(self.run, self.before, self.X, self.Y, self.training, error)


def _counting(training: dict[str, Any]) -> dict[str, Any]:
    """What says which targets count in C."""
    return {name: training[name] for name in ("output_weight", "missing_targets") if training.get(name) is not None}


def _judged(
    run: Run, before: Network, X: Any, Y: Any, training: dict[str, Any], error: DivergenceError | None
) -> TrainingDiagnosis:
    net = run.net
    inputs, targets = _dense(net, X, Y)
    counting = _counting(training)
    batch_size = max(1, -(-run.n_samples // max(1, run.n_minibatches)))
    experiments = Experiments(
        before, inputs, targets, run.optimizer, batch_size, max(1, run.n_epochs * run.n_minibatches), training
    )
    held_out = training.get("validation")
    validation = None if held_out is None or error else skill(net, *_dense(net, *held_out[:2]), **counting)
    losses = list(run.history.get("loss", []))
    diverged = None if error is None else error.problem
    return judge(Case(before, net, inputs, targets, losses, diverged, experiments, counting, validation))


def diagnose_training(
    net: Network, X: Any, Y: Any, *, run: Run | None = None, before: Network | None = None, **training: Any
) -> TrainingDiagnosis:
    """Why a training does not learn: the cause by name, with its numbers, the equation and the remedy.

    A copy of the network is trained as `fastbp.train` would with the same arguments. What is seen in it (deltas layer
    by layer, dead and saturated neurons, the size of inputs and targets, the loss) says which causes may be at work.
    Then it is trained again, more briefly and on three quarters of at most 1,200 samples, with one thing changed at a
    time: a cause is named where the training learns without it, as the samples held out show. What can be read off
    (equal neurons, targets that are in no relation to their rows) needs no such training.

    Parameters
    ----------
    net : Network
        As it is before the training; with ``run`` as it is after it. It is left as it is.
    X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
    Y : array_like
        Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]).
    run : Run, optional
        What `fastbp.train` returned, or handed to its callbacks: that training is looked at, and none is made but those
        that try something.
    before : Network, optional
        With ``run``: a copy of the network from before that training, which `fastbp.teach.TrainingRecorder` keeps by
        itself. By default what is tried begins from the weights as they are now.
    **training
        Arguments of `fastbp.train`: ``optimizer``, ``epochs``, ``batch_size``, ``validation``, ``l2``, ....

    Returns
    -------
    TrainingDiagnosis
        True if nothing was found; print it. ``.names``, ``.findings``, ``.line``.

    Raises
    ------
    ValueError, TypeError
        For what cannot be trained on, as `fastbp.train`.
    """
    if not isinstance(net, Network):
        raise not_a_network(net)
    if run is not None:
        return _judged(run, net.copy() if before is None else before, X, Y, training, run.error)
    recorder, error = TrainingRecorder(X, Y, **training), None
    callbacks = training.pop("callbacks", ())
    callbacks = [callbacks] if callable(callbacks) or isinstance(callbacks, Callback) else [*callbacks]
    try:
        train(net.copy(), X, Y, callbacks=[recorder, *callbacks], **training)
    except DivergenceError as diverged:
        if recorder.run is None:
            raise
        error = diverged
    return recorder.diagnose(error)
