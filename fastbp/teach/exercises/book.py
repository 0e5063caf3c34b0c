"""The exercises of the book's chapter 2, and of the lessons on regression and on softmax."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fastbp.layers import PerLayer
from fastbp.teach.answers import guarded, raised
from fastbp.teach.exercises.counting import instructions
from fastbp.teach.exercises.functions import Case, called_with, fresh, near, returns
from fastbp.teach.exercises.judging import Exercise, Task, Wrong, number, spelled
from fastbp.teach.exercises.notes import checked
from fastbp.teach.matching import per_layer
from fastbp.teach.seeds import Draws


def _sigma(z: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-z)))


# Chapter 2


def _layers(sizes: Sequence[int], rng: np.random.Generator) -> tuple[PerLayer, PerLayer]:
    w = [rng.uniform(-1, 1, (J, K)).round(2) for K, J in pairwise(sizes)]
    return PerLayer("w", w), PerLayer("b", [rng.uniform(-1, 1, J).round(2) for J in sizes[1:]])


def _product_cases(rng: np.random.Generator) -> list[Case]:
    """Sigma'(z^1) (w^2)^T Sigma'(z^2) ... (w^L)^T Sigma'(z^L), of one, two and three layers."""
    out = []
    for sizes in ([2, 3], [2, 3, 2], [3, 2, 4, 2], [1, 2, 3, 2, 4]):
        w, _ = _layers(sizes, rng)
        z = PerLayer("z", [rng.standard_normal(J) for J in sizes[1:]])
        slopes = [np.diag(_sigma(one) * (1 - _sigma(one))) for one in z]
        right = slopes[0]
        for l in range(2, len(sizes)):
            right = right @ w[l].T @ slopes[l - 1]
        twice = slopes[0] @ right
        out.append(((w, z), right, {"sigma'(z^1) stands in it twice.": twice, "It is negated.": -right}))
    return out


def _modified(w: PerLayer, b: PerLayer, x: np.ndarray, y: np.ndarray, *, forward: bool, back: bool) -> Any:
    """Gradients where neuron 0 of layer 1 has sin for sigma, on the way forward and on the way back."""
    L = len(w)
    a, slope = {0: x}, {}
    for l in range(1, L + 1):
        z = w[l] @ a[l - 1] + b[l]
        a[l] = _sigma(z)
        slope[l] = a[l] * (1 - a[l])
        if l == 1:
            if forward:
                a[1][0] = np.sin(z[0])
            if back:
                slope[1][0] = np.cos(z[0])
    delta = {L: (a[L] - y) * slope[L]}
    for l in range(L - 1, 0, -1):
        delta[l] = w[l + 1].T @ delta[l + 1] * slope[l]
    return {l: np.outer(delta[l], a[l - 1]) for l in delta}, delta


def _same(given: Any, right: Any) -> bool:
    return all(near(given[i][l], right[i][l]) for i in (0, 1) for l in right[i])


def modified(function: Any, task: Task) -> Wrong | None:
    """Gradients of w and b where one neuron differs."""
    if not callable(function):
        return Wrong(f"{function!r} is no function. Pass one of w, b, x and y, without calling it.")
    rng = task.rng()
    for sizes in ([2, 2], [2, 3, 2], [3, 2, 4, 2]):
        w, b = _layers(sizes, rng)
        x, y = rng.standard_normal(sizes[0]).round(2), rng.random(sizes[-1]).round(2)
        result = called_with(function, *map(fresh, (w, b, x, y)))
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            return Wrong("Your function must return the pair grad_w, grad_b, each with an array for l = 1..L.")
        try:
            given = [per_layer(part, len(w), name) for part, name in zip(result, ("grad_w", "grad_b"), strict=True)]
        except (TypeError, ValueError) as error:
            return Wrong(str(error))
        right = _modified(w, b, x, y, forward=True, back=True)
        missing = [l for l in right[0] if l not in given[0] or l not in given[1]]
        if missing:
            return Wrong(f"There is no gradient for layer {missing[0]}. Return one for each l = 1..L.")
        if _same(given, right):
            continue
        where = f"On a net of sizes {list(sizes)}: "
        if _same(given, _modified(w, b, x, y, forward=False, back=False)):
            return Wrong(where + "that is the gradient with sigma in every neuron.", "F2")
        if _same(given, _modified(w, b, x, y, forward=True, back=False)):
            return Wrong(where + "forward it is right; on the way back the neuron has still sigma'.", "BP2")
        if _same(given, _modified(w, b, x, y, forward=False, back=True)):
            return Wrong(where + "on the way back the neuron has cos; forward it has still sigma.", "F2")
        return Wrong(where + "your numbers differ. Two places change: that neuron's a, and its factor in delta.", "BP2")
    return None


_WITHOUT_LOOP = checked(True)
FEW, MANY = 3, 23
"""Samples of the two minibatches that are counted."""


def matrices(function: Any, task: Task) -> Wrong | None:
    """A minibatch's gradients, without a loop over its samples: more samples take no more of Python's instructions."""
    wrong = _WITHOUT_LOOP(function, task)
    if wrong is not None:
        return wrong
    rng = task.rng()
    w, b = _layers([3, 4, 2], rng)
    counts = []
    for n in (FEW, FEW, MANY):  # the first is a rehearsal: what is traced for the first time is counted otherwise
        X, Y = rng.standard_normal((n, 3)), rng.random((n, 2))
        with guarded(raised):
            if getattr(function, "counts", False):
                _, count = function(w, b, X, Y, counted=True)
            else:
                _, count = instructions(function, w, b, X, Y)
        counts.append(count)
    if counts[2] - counts[1] < MANY - FEW:  # a loop runs at least one for each
        return None
    return Wrong(
        f"The gradient is right. With {MANY} samples it takes {counts[2]} of Python's instructions and with {FEW} "
        f"{counts[1]}: something still goes through the samples one by one. Let a product of matrices do it.",
        "averaging",
    )


# Regression; cross-entropy and softmax


def line_points(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Three points to lay a line through."""
    if task.seed is None:
        return np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.5])
    draws = Draws(task.seed)
    draws.some(range(10), 3)
    x = sorted(draws.some(range(1, 9), 3))
    return np.array(x, float), np.array([1 + draws.below(60) / 10 for _ in x])


def _line_step(task: Task, scale: float = 1.0, sign: float = 1.0) -> list[float]:
    x, y = line_points(task)
    return [0.1 * scale * sign * float(np.mean(y * x)), 0.1 * scale * sign * float(np.mean(y))]


def _slope_cases(rng: np.random.Generator) -> list[Case]:
    out: list[Case] = []
    for n in (1, 3):
        a, y = rng.uniform(0.1, 0.9, n), rng.uniform(0, 1, n)
        right = (a - y) / (a * (1 - a))
        wrongs = {
            "that is delta, after sigma' has cancelled.": a - y,
            "the sign is turned.": -right,
            "that is the half with y alone.": -y / a,
        }
        out.append(((a, y), right, wrongs))
    return out


def _jacobian_cases(rng: np.random.Generator) -> list[Case]:
    out: list[Case] = []
    for n in (2, 4):
        e = np.exp(rng.standard_normal(n))
        a = e / e.sum()
        right = np.diag(a) - np.outer(a, a)
        wrongs = {"softmax-diagonal": np.diag(a * (1 - a)), "the sign is turned.": -right}
        out.append(((a,), right, wrongs))
    return out


def _line_question(task: Task) -> str:
    x, y = line_points(task)
    points = ", ".join(f"({p:g}, {q:g})" for p, q in zip(x, y, strict=True))
    return (
        f"A line w x + b through {points} begins at w = b = 0. One step of gradient descent with all three and "
        "eta = 0.1, quadratic cost: the new w and b."
    )


BOOK = {
    "alternate": Exercise(
        "A function of w and z that returns the matrix M with delta^1 = M nabla_a C: the product of square matrices "
        "Sigma'(z^l) and transposed weights.",
        returns(
            "w and z",
            _product_cases,
            "M = Sigma'(z^1) (w^2)^T Sigma'(z^2) ... (w^L)^T Sigma'(z^L); sigma'(z_j) is on the diagonal of Sigma'(z).",
            "BP2 matrix",
        ),
        3,
        "BP2 matrix",
    ),
    "prove-bp3": Exercise(
        "dC/db_j^l = dC/dz_j^l times dz_j^l/db_j^l. What are the two factors?",
        spelled(
            ("delta", "deltaj", "deltajl"),
            ("1",),
            hint="The first is the definition of the error; the second comes from z_j^l = sum_k w_jk a_k + b_j.",
            in_order=False,
        ),
        equation="BP3",
    ),
    "prove-bp4": Exercise(
        "dC/dw_jk^l = dC/dz_j^l times dz_j^l/dw_jk^l. What are the two factors?",
        spelled(
            ("delta", "deltaj", "deltajl"),
            ("ak", "akl1", "ak(l1)"),
            hint="Of z_j^l = sum_i w_ji a_i + b_j only the term i = k has w_jk. Give the index and the layer too.",
            in_order=False,
        ),
        equation="BP4",
    ),
    "modified": Exercise(
        "A function of w, b, x, y that returns grad_w, grad_b where neuron j = 0 of layer 1 has sin in place of sigma.",
        modified,
        4,
        "BP2",
    ),
    "linear": Exercise(
        "A function of w, b, x, y that returns grad_w, grad_b where sigma(z) = z in all neurons.",
        checked(False, "identity"),
        2,
        "BP2",
    ),
    "matrices": Exercise(
        "A function of w, b, X, Y for a minibatch, with a sample in each row, that has no loop over the samples.",
        matrices,
        4,
        "averaging",
    ),
    "line": Exercise(
        _line_question,
        number(
            _line_step,
            lambda task: (
                "delta of each point is a - y = -y at first. BP4 and BP3: the means of -y x and of -y. The step goes "
                "against them."
            ),
            lambda task: {
                "sum-not-mean": _line_step(task, 3.0),
                "no-half": _line_step(task, 2.0),
                "y-minus-a": _line_step(task, sign=-1.0),
            },
        ),
        2,
        "U",
    ),
    "cross-entropy": Exercise(
        "A function of a and y that returns dC/da of the cross-entropy, for a vector of sigmoid outputs.",
        returns(
            "a and y", _slope_cases, "Differentiate -y ln a - (1 - y) ln(1 - a), and bring it over one line.", "BP1"
        ),
        2,
        "BP1",
    ),
    "softmax": Exercise(
        "A function of a, the outputs of softmax, that returns the matrix of da_j/dz_k.",
        returns("a", _jacobian_cases, "Off the diagonal -a_j a_k, on it a_j (1 - a_j).", "BP1"),
        3,
        "BP1",
    ),
}
"""Name -> exercise."""
