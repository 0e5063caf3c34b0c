"""The exercises of the book's chapter 3: steps with L1 and with momentum, and a schedule of learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.teach.exercises.functions import Case, as_array, called_with, near, returns
from fastbp.teach.exercises.judging import Exercise, Task, Wrong


def _l1_cases(rng: np.random.Generator) -> list[Case]:
    out: list[Case] = []
    for shape in ((2, 3), (4, 1)):
        w, g = rng.standard_normal(shape), rng.standard_normal(shape)
        w[0, 0] = 0.0  # its sign is 0
        eta, lmbda, n = 0.5, 3.0, 20
        shrunk = {
            "that is L2, which shrinks a weight by a part of itself.": w * (1 - eta * lmbda / n) - eta * g,
            "the penalty is added where it must be subtracted.": w + eta * lmbda / n * np.sign(w) - eta * g,
            "lmbda is not divided by n.": w - eta * lmbda * np.sign(w) - eta * g,
            "the penalty lacks eta.": w - lmbda / n * np.sign(w) - eta * g,
        }
        out.append(((w, g, eta, lmbda, n), w - eta * lmbda / n * np.sign(w) - eta * g, shrunk))
    return out


def _momentum_cases(rng: np.random.Generator) -> list[Case]:
    out: list[Case] = []
    for shape in ((2, 3), (4, 1)):
        w, v, g = (rng.standard_normal(shape) for _ in range(3))
        mu, eta = 0.8, 0.25
        new = mu * v - eta * g
        wrongs = {
            "the weights moved by the old velocity.": np.stack([new, w + v]),
            "the velocity has the gradient's sign.": np.stack([mu * v + eta * g, w + mu * v + eta * g]),
            "the weights moved by the gradient alone.": np.stack([new, w - eta * g]),
            "the two look exchanged.": np.stack([w + new, new]),
        }
        out.append(((w, v, g, mu, eta), np.stack([new, w + new]), wrongs))
    return out


def halving(accuracies: Sequence[float], eta: float, patience: int) -> list[float]:
    """The learning rate of each epoch: halved after so many without a better accuracy, at its end at 1/128."""
    etas, best, waited, now = [], -np.inf, 0, eta
    for accuracy in accuracies:
        if now <= eta / 128:
            break
        etas.append(now)
        best, waited = (accuracy, 0) if accuracy > best else (best, waited + 1)
        if waited == patience:
            now, waited = now / 2, 0
    return etas


def schedule(function: Any, task: Task) -> Wrong | None:
    """A list of learning rates."""
    if not callable(function):
        return Wrong(f"{function!r} is no function. Pass one of accuracies, eta and n, without calling it.")
    rng = task.rng()
    for accuracies, n in (
        ([0.5, 0.6, 0.6, 0.6, 0.7], 2),
        ([0.5] * 40, 3),
        ([0.9, 0.8, 0.85, 0.95, 0.9, 0.9], 1),
        ([float(a) for a in rng.integers(50, 60, 60) / 100], 4),
    ):
        given = as_array(list(called_with(function, list(accuracies), 0.5, n)))
        right = np.array(halving(accuracies, 0.5, n))
        if given.shape != right.shape:
            return Wrong(
                f"For accuracies {accuracies[:6]}... and n = {n} there are {right.size} epochs until eta has come down "
                f"to 1/128 of its first value, or the accuracies end; you gave {given.size} learning rates."
            )
        if not near(given, right):
            at = int(np.argmax(~np.isclose(given, right)))
            return Wrong(
                f"For accuracies {accuracies[:6]}... and n = {n}: in epoch {at} eta is {right[at]:g}, you gave "
                f"{given[at]:g}. It is halved after n epochs in a row without a better one than the best so far; then "
                "the count begins anew."
            )
    return None


STEPS = {
    "l1": Exercise(
        "A function of w, g, eta, lmbda and n that returns the new w of a step with L1 regularisation; g is dC_0/dw.",
        returns("w, g, eta, lmbda and n", _l1_cases, "w - eta lmbda / n sgn(w) - eta g, with sgn(0) = 0.", "U"),
        2,
        "U",
    ),
    "momentum": Exercise(
        "A function of w, v, g, mu and eta that returns the new v and the new w of a step with momentum.",
        returns(
            "w, v, g, mu and eta", _momentum_cases, "v' = mu v - eta g, then w' = w + v'. Return both, v' first.", "U"
        ),
        2,
        "U",
    ),
    "schedule": Exercise(
        "A function of accuracies, eta and n that returns the learning rate of each epoch: halved after n epochs "
        "without a better accuracy; no more epochs once it has come down to 1/128.",
        schedule,
        3,
        "U",
    ),
}
"""Name -> exercise."""
