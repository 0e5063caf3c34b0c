"""The same training again with one thing changed, a shorter one, judged by samples that it has not seen."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from fastbp.errors import DivergenceError
from fastbp.network import Network
from fastbp.teach.training.relation import FEWEST, standardised
from fastbp.training.explosion import cost_of_best_constant
from fastbp.training.optimizers import LBFGS
from fastbp.training.standard import train

SAMPLES = 1200
"""Of an experiment, at most; a quarter is held out."""
OPERATIONS = 4e8
"""Of an experiment, at most: tenths of a second."""
MOST_UPDATES, FEWEST_UPDATES = 3000, 100
KEPT = ("l1", "l2", "dropout", "clip_norm", "class_weight", "schedule", "layer_rates", "frozen", "output_weight",
        "missing_targets")  # fmt: skip
"""Arguments of the training that its experiments keep."""
LINEAR = ("relu", "leaky_relu", "softplus", "silu", "gelu", "mish")
"""Activations that he_normal is made for."""


class Skill(NamedTuple):
    """How much better than one constant output a network is: 1 is perfect, 0 no better.

    ``cost`` compares C, ``classes`` the mean recall of the classes with chance, and is None for a regression.
    """

    cost: float
    classes: float | None
    recalls: tuple[float, ...] = ()
    """Of each class."""
    loss: float = math.nan
    constant: float = math.nan
    """C of the best constant output."""

    def __str__(self) -> str:
        """C in parts of that of the best constant output."""
        return f"{1 - self.cost:.3g}" if math.isfinite(self.cost) else "infinite"


FAILED = Skill(-math.inf, None)
"""Of a training that diverged."""


def skill(net: Network, X: np.ndarray, Y: Any, **counting: Any) -> Skill:
    """Of a network on samples."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        targets = net._targets(Y, len(X), **counting)
        loss = net.evaluate(X, Y, **counting)["loss"]
        constant = cost_of_best_constant(net, targets, None)
        of_cost = 1 - loss / constant if constant > 1e-12 else 1.0  # targets that are all the same: nothing to learn
        if not net._classifies(targets):
            return Skill(of_cost if math.isfinite(of_cost) else -math.inf, None, (), loss, constant)
        known, decided = targets.decisions, net.predict(X)
        present = np.unique(known)
        recalls = tuple(float((decided[known == c] == c).mean()) for c in present)
        chance = 1 / len(present)
        of_classes = (float(np.mean(recalls)) - chance) / (1 - chance) if len(present) > 1 else 0.0
    return Skill(of_cost if math.isfinite(of_cost) else -math.inf, of_classes, recalls, loss, constant)


class Experiments:
    """Trainings of copies, each with one thing changed.

    Parameters
    ----------
    before : Network
        With the weights that the training began with.
    X, Y : numpy.ndarray
    optimizer : Optimizer or LBFGS
    batch_size : int
    updates : int
        That the training made.
    options : mapping
        Other arguments of the training.
    """

    def __init__(
        self,
        before: Network,
        X: np.ndarray,
        Y: np.ndarray,
        optimizer: Any,
        batch_size: int,
        updates: int,
        options: Mapping[str, Any],
    ) -> None:
        self.before, self.optimizer = before, optimizer
        self.options = {name: options[name] for name in KEPT if name in options}
        self.counting = {name: self.options[name] for name in ("output_weight", "missing_targets") if name in options}
        rng = np.random.default_rng(0)
        order = rng.permutation(len(X))[:SAMPLES]
        n_held = len(order) // 4 if len(order) >= FEWEST else 0
        self.held, self.fit = (order[:n_held], order[n_held:]) if n_held else (order, order)
        self.X, self.Y = X, Y
        self.batch_size = min(batch_size, len(self.fit))
        operations = 6 * before.n_parameters * self.batch_size
        most = max(FEWEST_UPDATES, min(MOST_UPDATES, int(OPERATIONS / operations)))
        self.updates = max(1, min(updates, most))
        self.epochs = max(1, round(self.updates / -(-len(self.fit) // self.batch_size)))
        if isinstance(optimizer, LBFGS):
            self.epochs = max(1, min(updates, 100))
        self.done: dict[str, Skill] = {}

    @property
    def has_rate(self) -> bool:
        """Whether there is a learning rate to change."""
        return hasattr(self.optimizer, "learning_rate")

    def fresh(self, hidden: str | None = None) -> Network:
        """A network of the same kind with weights drawn as its activations need them; ``hidden``: with these."""
        names = [hidden or name for name in self.before.activations[:-1]] + [self.before.activations[-1]]
        return Network(
            self.before.sizes,
            activations=names,  # type: ignore[arg-type]  # checked when the first was made
            cost=self.before.cost,  # type: ignore[arg-type]
            cost_parameter=self.before.cost_parameter,
            dtype=self.before.dtype.name,  # type: ignore[arg-type]
            seed=0,
            init="he_normal" if any(name in LINEAR for name in names[:-1]) else "glorot_normal",
            meta=self.before.meta,
        )

    def again(
        self,
        what: str,
        *,
        net: Network | None = None,
        factor: float = 1.0,
        inputs: bool = False,
        targets: bool = False,
        labels: np.ndarray | None = None,
        **options: Any,
    ) -> Skill:
        """Train a copy with something changed; ``what`` names it, and the same is not trained twice.

        Parameters
        ----------
        what : str
        net : Network, optional
            In the place of the one it began with.
        factor : float
            On the learning rate.
        inputs, targets : bool
            Whether these are standardised.
        labels : numpy.ndarray, optional
            In the place of the targets.
        **options
            Of `fastbp.train`.
        """
        if what not in self.done:
            net = (self.before if net is None else net).copy()
            X = standardised(self.X.astype(float)).astype(net.dtype) if inputs else self.X
            Y = self.Y if labels is None else labels
            Y = standardised(Y.astype(float)) if targets else Y
            optimizer = self.optimizer
            if factor != 1.0:
                optimizer = dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * factor)
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore", RuntimeWarning)
                    batch = {} if isinstance(optimizer, LBFGS) else {"batch_size": self.batch_size}
                    train(net, X[self.fit], Y[self.fit], optimizer=optimizer, epochs=self.epochs, seed=0, n_threads=1,
                          **{**batch, **self.options, **options})  # fmt: skip
                self.done[what] = skill(net, X[self.held], Y[self.held], **self.counting)
            except (DivergenceError, ValueError):  # ValueError: a rate that a penalty does not go with
                self.done[what] = FAILED
        return self.done[what]
