"""scikit-learn's MLP, an epoch for each ``partial_fit``; only nets whose gradient is the same."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from fastbp.compare.nets import Array, Case, Parameters
from fastbp.compare.peers import BY_ENVIRONMENT, Peer, Trainer

NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}


class SklearnTrainer(Trainer):
    """MLPRegressor (identity output, squared error) and MLPClassifier (softmax, cross-entropy)."""

    def __init__(self, case: Case, X: Array, Y: Array, n_threads: int | None) -> None:
        super().__init__(case, X, Y, n_threads)
        mlp = importlib.import_module("sklearn.neural_network")
        options = {
            "hidden_layer_sizes": case.sizes[1:-1],
            "activation": NAMES[case.activations[0]] if case.L > 1 else "identity",
            "solver": case.optimizer,
            "alpha": 0.0,
            "batch_size": case.batch,
            "learning_rate_init": case.learning_rate,
            "momentum": 0.0,
            "nesterovs_momentum": False,
            "shuffle": False,  # the samples come in the order
            # It adds epsilon before Adam's correction, others after it: so small, either place gives the same steps.
            "epsilon": 1e-10,
        }
        self.known: dict[str, Any] = {}
        if case.activations[-1] == "identity":
            self.model = mlp.MLPRegressor(**options)
            self.Y = Y if Y.shape[1] > 1 else Y[:, 0]
        else:
            self.model = mlp.MLPClassifier(**options)
            self.Y = np.argmax(Y, axis=1)
            self.known = {"classes": np.arange(case.sizes[-1])}
        # The first call makes the arrays, into which the common start is then written.
        self.model.partial_fit(X[: case.batch], self.Y[: case.batch], **self.known)
        for (w, b), coefs, intercepts in zip(case.start(), self.model.coefs_, self.model.intercepts_, strict=True):
            coefs[...], intercepts[...] = w.T, b
        del self.model._optimizer

    def run(self, orders: Array) -> None:
        for order in orders:
            x, y = (self.X, self.Y) if self.case.full_batch else self.gather(order)
            self.model.partial_fit(x, y, **self.known)

    def parameters(self) -> Parameters:
        return [(w.T.copy(), b.copy()) for w, b in zip(self.model.coefs_, self.model.intercepts_, strict=True)]


def cannot(case: Case) -> str:
    """What its two estimators do not compute."""
    hidden = set(case.activations[:-1])
    if (case.activations[-1], case.cost) not in (("identity", "quadratic"), ("softmax", "cross_entropy")):
        return f"it has no {case.activations[-1]} output with the {case.cost.replace('_', '-')} cost"
    if len(hidden) > 1 or not hidden <= set(NAMES):
        return f"it has no {', '.join(sorted(hidden))} hidden layers"
    if case.activations[-1] == "softmax" and case.sizes[-1] < 3:
        return "it takes two classes through one logistic output"
    return ""


PEERS = (Peer("scikit-learn", "sklearn", BY_ENVIRONMENT, SklearnTrainer, cannot, "scikit-learn"),)
