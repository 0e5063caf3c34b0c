"""The exercises of the notes: the chain, its links, the sum over k, a backpropagation of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp import textbook
from fastbp.functions.activations import SIGMOID
from fastbp.teach.answers import guarded, text_of
from fastbp.teach.check import Check, check_backprop
from fastbp.teach.examples import ETA
from fastbp.teach.exercises.judging import (
    Exercise,
    Judge,
    Task,
    Wrong,
    answered,
    indices,
    named,
    number,
    spelled,
)
from fastbp.teach.seeds import Draws


def output_error(function: Any, task: Task) -> Wrong | None:
    """A function of a, y and z, vectors of the output layer."""
    if not callable(function):
        return Wrong(f"{function!r} is no function. Pass one of a, y and z, without calling it.")
    mine = answered(function)
    rng = task.rng()
    for n in (2, 1, 5):
        z, y = rng.standard_normal(n), rng.random(n)
        a = textbook.activation(SIGMOID, z)
        with guarded(lambda error: f"Your function raised {type(error).__name__}: {text_of(error)}"):
            given = np.asarray(mine(a.copy(), y.copy(), z.copy()), float)
        right = (a - y) * a * (1 - a)
        if given.shape != right.shape:
            return Wrong(f"For {n} neurons your function returned shape {given.shape}; delta has {right.shape}.")
        for what, name, wrong in (
            ("y - a in place of a - y", "y-minus-a", -right),
            ("no sigma'", "no-output-slope", a - y),
        ):
            if n > 1 and np.allclose(given, wrong):
                return Wrong(f"That is BP1 with {what}.", "BP1", name)
        if not np.allclose(given, right, rtol=1e-5, atol=1e-6):  # single precision is right too
            return Wrong("Your numbers differ. BP1 is dC/da times sigma'(z): a - y, and a (1 - a).", "BP1")
    return None


def from_check(found: Check) -> Wrong | None:
    """What `check_backprop` says, as a judge does."""
    if found.passed:
        return None
    name = found.mistake.name if found.mistake else ""
    return Wrong(str(found), found.first_wrong or "", name)


def checked(batch: bool, activations: str = "sigmoid") -> Judge:
    """A function of w, b, x and y that returns gradients."""

    def judge(function: Any, task: Task) -> Wrong | None:
        if not callable(function):
            return Wrong(f"{function!r} is no function. Pass one of w, b, x and y, without calling it.")
        return from_check(check_backprop(answered(function), batch, activations=activations, seed=task.number))

    return judge


def _sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _slope(z: Any) -> Any:
    return _sigma(z) * (1 - _sigma(z))


def _column(task: Task, j: int | slice = 0) -> Any:
    return task.net.w[2][:, j].T @ task.t.delta[2][0]


def _slope_mistakes(task: Task) -> dict[str, Any]:
    z = task.t.z[1][0, 0]
    return {"sigma-not-slope": _sigma(z), "slope-at-a": _slope(_sigma(z)), "formula-at-z": z * (1 - z)}


def _sum_mistakes(task: Task) -> dict[str, Any]:
    w, d, a = task.net.w[2], task.t.delta[2][0], task.t.a[1][0]
    return {
        "w-not-transposed": w[0] @ d,
        "one-path:first": w[0, 0] * d[0],
        "one-path:last": w[1, 0] * d[1],
        "updated-weights": (w - ETA * np.outer(d, a))[:, 0] @ d,
        "no-weights": d.sum(),
    }


def _delta_mistakes(task: Task) -> dict[str, Any]:
    w, d, z, a = task.net.w[2], task.t.delta[2][0], task.t.z[1][0], task.t.a[1][0]
    return {
        "w-not-transposed": w @ d * _slope(z),
        "no-hidden-slope": w.T @ d,
        "one-path:first": w[0] * d[0] * _slope(z),
        "one-path:last": w[1] * d[1] * _slope(z),
        "slope-at-a": w.T @ d * _slope(a),
        "sigma-not-slope": w.T @ d * a,
        "updated-weights": (w - ETA * np.outer(d, a)).T @ d * _slope(z),
        "y-minus-a": -(w.T @ d) * _slope(z),
    }


def _weight_mistakes(task: Task) -> dict[str, Any]:
    d, x, t = task.t.delta[1][0], task.x, task.t
    return {
        "outer-transposed": x[0] * d[1],
        "own-activation": t.a[1][0, 1] * d[0],
        "no-activation": d[0],
        "error-not-delta": x[1] * _column(task),
    }


def layer_sizes(task: Task) -> tuple[int, int]:
    """Neurons of two layers that follow each other, never as many."""
    if task.seed is None:
        return 30, 10
    J, K = Draws(task.seed).some(range(11, 60), 2)
    return J, K


def _told(text: str) -> Callable[[Task], str]:
    return lambda task: text


NOTES = {
    "touch": Exercise(
        "Through which two does z_j^l move the cost? Put these three in order: C, a_j^l, z_k^{l+1}.",
        spelled(
            ("a", "aj", "ajl"),
            ("z", "zk", "zkl+1"),
            ("c",),
            hint="z_j^l only enters its own activation; that enters the next layer's sums, then C.",
        ),
    ),
    "link-1": Exercise(
        lambda task: f"Link 1 of neuron j = 0 in layer 1, sigma'(z), z = {task.t.z[1][0, 0]:.10g}.",
        number(
            lambda task: _slope(task.t.z[1][0, 0]),
            lambda task: (
                f"sigma'(z) is sigma(z) (1 - sigma(z)), with sigma({task.t.z[1][0, 0]:.10g}) = {task.t.a[1][0, 0]:.5g}."
            ),
            _slope_mistakes,
        ),
        equation="BP2",
    ),
    "link-2": Exercise("The indices of the weight in link 2, dz_k^{l+1}/da_j^l = w_??^{l+1}.", indices, equation="BP2"),
    "bp1": Exercise(
        "A function of a, y and z that returns delta of the output layer, with the quadratic cost.",
        output_error,
        2,
        "BP1",
    ),
    "sum": Exercise(
        "sum_k w_k0^2 delta_k^2, for neuron j = 0 of layer 1.",
        number(
            _column,
            _told("Two terms: w_00^2 delta_0^2 + w_10^2 delta_1^2, down the first column of w[2]."),
            _sum_mistakes,
        ),
        equation="BP2",
    ),
    "delta": Exercise(
        "delta^1, both neurons.",
        number(
            lambda task: task.t.delta[1][0],
            _told("sigma'(z_j^1) times the sum over k, for j = 0 and j = 1."),
            _delta_mistakes,
        ),
        2,
        "BP2",
    ),
    "shape": Exercise(
        lambda task: (
            f"Layer 1 has {layer_sizes(task)[0]} neurons, layer 2 has {layer_sizes(task)[1]}. Which shape has (w^2)^T?"
        ),
        number(
            layer_sizes,
            lambda task: (
                f"w^2 has a row for each neuron it leads to: {layer_sizes(task)[::-1]}. Its transpose has the rows as "
                "columns."
            ),
        ),
        equation="BP2 matrix",
    ),
    "weight": Exercise(
        "dC/dw_01^1: to neuron 0 of layer 1, from input 1.",
        number(
            lambda task: task.x[1] * task.t.delta[1][0, 0],
            lambda task: f"BP4: a_1^0 is the input {task.x[1]:.10g}, delta_0^1 you have just computed.",
            _weight_mistakes,
        ),
        equation="BP4",
    ),
    "backprop": Exercise(
        "A function of w, b, x, y that returns grad_w, grad_b for one sample.", checked(False), 4, "BP1"
    ),
    "minibatch": Exercise(
        "The same for a minibatch: x and y have a row for each sample.", checked(True), 4, "averaging"
    ),
}
"""Name -> exercise."""

__all__ = ["NOTES", "checked", "from_check", "named", "output_error"]
