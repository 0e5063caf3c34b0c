"""Backpropagations with one thing wrong, or two, in NumPy as learners write it; spelled apart from fastbp's catalogue.

Each function is ``mine(w, b, x, y)`` for one sample or a minibatch. It works in any precision, with any activation in
all layers (quadratic cost), or with softmax and cross-entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from solutions import NUMPY
from wrong_lines import Learner, change, formula, slope_at, softmax
from wrong_rare import CORNER, CROSS, DIVIDED, KEPT, MEANS, RARE, SHARES, UNEVEN


def raw_chain(m: Any, l: int) -> Any:
    return m.error[l + 1] @ m.w[l + 1]


def raw_at_the_top(m: Any, l: int) -> Any:
    return (m.error if l + 1 == m.L else m.delta)[l + 1] @ m.w[l + 1]


def early(m: Any, l: int) -> None:
    m.w[l] = m.w[l] - m.dtype(0.3) * (m.delta[l].T @ m.a[l - 1]) / m.dtype(m.n)


def new(m: Any) -> Any:
    eta = m.dtype(0.2)
    return ({l: m.w[l] - eta * m.grad_w[l] for l in m.grad_w}, {l: m.b[l] - eta * m.grad_b[l] for l in m.grad_b})


def without(*layers: Callable[[Any], int]) -> Callable[..., Any]:
    """Gradients of 0 in some layers."""

    def returned(m: Any) -> Any:
        out = [layer(m) for layer in layers]
        return tuple({l: np.zeros_like(g) if l in out else g for l, g in part.items()} for part in (m.grad_w, m.grad_b))

    return returned


def again(m: Any, l: int) -> Any:
    """delta, already divided by the number of samples, is divided in every layer."""
    return m.delta[l + 1] / m.dtype(m.n) @ m.w[l + 1]


ANY: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the raw error goes back, all the way": (change(back=raw_chain), ("raw-error",)),
    "the raw error goes back from the output": (change(back=raw_at_the_top), ("raw-error",)),
    "no sigma' in hidden layers": (change(times_hidden_slope=lambda m, e, l: e), ("no-hidden-slope",)),
    "sigma' twice in hidden layers": (
        change(times_hidden_slope=lambda m, e, l: e * m.slope(l) ** 2), ("slope-squared",)),
    "a factor 1/2": (change(at_output=lambda m: (m.a[m.L] - m.y) / 2), ("half-left",)),
    "y - a": (change(at_output=lambda m: m.y - m.a[m.L]), ("y-minus-a",)),
    "a mean over outputs": (
        change(at_output=lambda m: (m.a[m.L] - m.y) / m.dtype(m.y.shape[1])), ("mean-over-outputs",)),
    "biases from the weights' rows": (change(biases=lambda m, l: m.weights(l).sum(axis=1)), ("bias-from-weights",)),
    "biases summed over the neurons": (
        change(biases=lambda m, l: np.full_like(m.b[l], m.delta[l].sum())), ("bias-summed-over-neurons",)),
    "biases as one number": (change(biases=lambda m, l: m.delta[l].sum()), ("bias-summed-over-neurons",)),
    "biases forgotten": (change(biases=lambda m, l: np.zeros_like(m.b[l])), ("no-bias-gradient",)),
    "a of the layer itself": (change(weights=lambda m, l: m.delta[l].T @ m.a[l]), ("own-activation",)),
    "z in the place of a": (change(weights=lambda m, l: m.delta[l].T @ m.z[l - 1]), ("z-not-a",)),
    "x in every layer": (change(weights=lambda m, l: m.delta[l].T @ m.x), ("inputs-everywhere",)),
    "delta without a": (
        change(weights=lambda m, l: np.outer(m.delta[l].sum(axis=0), np.ones(m.w[l].shape[1], m.dtype))),
        ("no-activation",)),
    "the outer product transposed": (change(weights=lambda m, l: m.a[l - 1].T @ m.delta[l]), ("outer-transposed",)),
    "l2 of the weights": (
        change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] + m.dtype(m.n) * m.dtype(0.05) * m.w[l]),
        ("penalty-left",)),
    "l1 of the weights": (
        change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] + m.dtype(m.n) * m.dtype(0.05) * np.sign(m.w[l])),
        ("penalty-left",)),
    "new parameters": (change(returned=new), ("new-weights",)),
    "minus eta times the gradient": (
        change(returned=lambda m: ({l: g * m.dtype(-0.1) for l, g in m.grad_w.items()},
                                   {l: g * m.dtype(-0.1) for l, g in m.grad_b.items()})), ("step-returned",)),
    "weights moved before BP2": (change(after=early), ("updated-weights",)),
    "one path": (change(back=lambda m, l: m.delta[l + 1][:, :1] * m.w[l + 1][:1]), ("one-path",)),
    "the mean of the paths": (
        change(back=lambda m, l: m.delta[l + 1] @ m.w[l + 1] / m.dtype(len(m.w[l + 1]))), ("mean-over-paths",)),
    "w not transposed": (change(back=lambda m, l: m.delta[l + 1] @ m.w[l + 1].T), ("w-not-transposed",)),
    "the output's delta everywhere": (
        change(back=lambda m, l: m.delta[m.L] @ m.w[l + 1]), ("output-error-everywhere",)),
    "the slope of the layer above": (
        change(back=lambda m, l: (m.delta[l + 1] * m.slope(l + 1)) @ m.w[l + 1],
               times_hidden_slope=lambda m, e, l: e), ("slope-of-wrong-layer",)),
    "zs one layer too low": (
        change(times_hidden_slope=lambda m, e, l: e * slope_at(m, l, m.z[l - 1])), ("slope-of-wrong-layer",)),
    "no bias": (change(weighted=lambda m, l: m.a[l - 1] @ m.w[l].T), ("no-bias",)),
    "bias as a threshold": (change(weighted=lambda m, l: m.a[l - 1] @ m.w[l].T - m.b[l]), ("bias-subtracted",)),
    "absolute errors": (change(back=lambda m, l: abs(m.delta[l + 1] @ m.w[l + 1])), ("sign-lost",)),
    "divided by the number of inputs": (
        change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] / m.dtype(m.x.shape[1])), ("divided-by-sizes",)),
    "divided by the inputs of each layer": (
        change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] / m.dtype(m.a[l - 1].shape[1]),
               biases=lambda m, l: m.delta[l].sum(axis=0) / m.dtype(m.a[l - 1].shape[1])), ("divided-by-sizes",)),
    "delta added up without weights": (
        change(back=lambda m, l: m.delta[l + 1].sum(axis=1, keepdims=True)), ("no-weights",)),
    "biases of thresholds": (change(biases=lambda m, l: -m.delta[l].sum(axis=0)), ("bias-negated",)),
    "only the output layer": (change(returned=without(*(lambda m, i=i: m.L - i for i in range(1, 9)))),
                              ("layers-left-out",)),
    "all but the output layer": (change(returned=without(lambda m: m.L)), ("layers-left-out",)),
    "all but the first layer": (change(returned=without(lambda m: 1 if m.L > 1 else 0)), ("layers-left-out",)),
    "delta at the layer's own weights": (
        change(back=lambda m, l: m.delta[l + 1] @ m.w[l]), ("own-weights",)),
    "b times its gradient": (
        change(biases=lambda m, l: m.delta[l].sum(axis=0) * m.b[l]), ("bias-times-b",)),
    "y - a and the raw error back": (
        change(at_output=lambda m: m.y - m.a[m.L], back=raw_chain), ("y-minus-a", "raw-error")),
    "the error before sigma' in the gradients": (
        change(weights=lambda m, l: m.error[l].T @ m.a[l - 1], biases=lambda m, l: m.error[l].sum(axis=0)),
        ("error-not-delta",)),
    "y - a and no sigma' in hidden layers": (
        change(at_output=lambda m: m.y - m.a[m.L], times_hidden_slope=lambda m, e, l: e),
        ("y-minus-a", "no-hidden-slope")),
    "biases forgotten and the raw error back": (
        change(biases=lambda m, l: np.zeros_like(m.b[l]), back=raw_chain), ("raw-error", "no-bias-gradient")),
}  # fmt: skip
"""What is wrong in any activation -> the function, and the names of the mistakes."""

QUADRATIC: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the errors of all outputs added up": (
        change(at_output=lambda m: (m.a[m.L] - m.y).sum(axis=1, keepdims=True) * np.ones_like(m.y)), ("one-error",)),
    "the mean of the outputs' errors": (
        change(at_output=lambda m: (m.a[m.L] - m.y).mean(axis=1, keepdims=True) * np.ones_like(m.y)), ("one-error",)),
    "a factor 2": (change(at_output=lambda m: 2 * (m.a[m.L] - m.y)), ("no-half",)),
    "2/J": (change(at_output=lambda m: 2 * (m.a[m.L] - m.y) / m.dtype(m.y.shape[1])), ("mean-over-outputs",)),
    "no sigma' in the output layer": (change(times_output_slope=lambda m, e: e), ("no-output-slope",)),
    "no sigma' at all": (
        change(times_output_slope=lambda m, e: e, times_hidden_slope=lambda m, e, l: e), ("no-slope",)),
    "sigma' at a": (
        change(times_output_slope=lambda m, e: e * slope_at(m, m.L, m.a[m.L]),
               times_hidden_slope=lambda m, e, l: e * slope_at(m, l, m.a[l])), ("slope-at-a",)),
    "sigma' at a in hidden layers": (
        change(times_hidden_slope=lambda m, e, l: e * slope_at(m, l, m.a[l])), ("slope-at-a",)),
    "the squared error goes back": (change(at_output=lambda m: (m.a[m.L] - m.y) ** 2), ("cost-not-slope",)),
    "sigma in the place of sigma'": (
        change(times_output_slope=lambda m, e: e * m.a[m.L], times_hidden_slope=lambda m, e, l: e * m.a[l]),
        ("sigma-not-slope",)),
    "sigma' at a and a factor 2": (
        change(at_output=lambda m: 2 * (m.a[m.L] - m.y), times_output_slope=lambda m, e: e * slope_at(m, m.L, m.a[m.L]),
               times_hidden_slope=lambda m, e, l: e * slope_at(m, l, m.a[l])), ("slope-at-a", "no-half")),
    "no sigma' at the output and weights moved early": (
        change(times_output_slope=lambda m, e: e, after=early), ("no-output-slope", "updated-weights")),
    "the sign of the error only": (change(at_output=lambda m: np.sign(m.a[m.L] - m.y)), ("another-cost",)),
}  # fmt: skip
"""The same with the quadratic cost."""

FORMULAS: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "a (1 - a) of z": (
        change(times_output_slope=lambda m, e: e * formula(m, m.z[m.L]),
               times_hidden_slope=lambda m, e, l: e * formula(m, m.z[l])), ("formula-at-z",)),
    "sigma of a in BP4": (
        change(weights=lambda m, l: m.delta[l].T @ NUMPY[m.hidden][0](m.a[l - 1])), ("activated-twice",)),
    "a (a - 1), or a a - 1": (change(slope=lambda m, l: -formula(m, m.a[l])), ("slope-negated",)),
    "the slope of the layer below": (
        change(times_hidden_slope=lambda m, e, l: e * formula(m, m.a[l - 1])), ("slope-of-wrong-layer",)),
    "a (1 - a) of z in hidden layers": (
        change(times_hidden_slope=lambda m, e, l: e * formula(m, m.z[l])), ("formula-at-z",)),
    "1 - a": (
        change(times_output_slope=lambda m, e: e * (1 - m.a[m.L]),
               times_hidden_slope=lambda m, e, l: e * (1 - m.a[l])), ("part-of-slope",)),
}  # fmt: skip
"""The same with sigmoid or tanh."""

SOFTMAX: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the diagonal of the Jacobian": (
        change(times_output_slope=lambda m, e: -m.y / m.a[m.L] * m.a[m.L] * (1 - m.a[m.L])), ("softmax-diagonal",)),
    "an extra sigma'": (change(times_output_slope=lambda m, e: e * m.a[m.L] * (1 - m.a[m.L])), ("extra-slope",)),
    "dC/da as delta": (change(times_output_slope=lambda m, e: -m.y / m.a[m.L]), ("no-output-slope",)),
}  # fmt: skip
"""The same with softmax and cross-entropy."""

SEVERAL: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "summed": (
        change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] * m.n, biases=lambda m, l: m.delta[l].sum(axis=0) * m.n),
        ("sum-not-mean",)),
    "divided twice": (change(at_output=lambda m: (m.a[m.L] - m.y) / m.dtype(m.n)), ("divided-twice",)),
    "divided by n - 1": (
        change(at_output=lambda m: (m.a[m.L] - m.y) * m.dtype(m.n) / m.dtype(m.n - 1)), ("one-sample-less",)),
    "divided in every layer": (change(back=again), ("divided-in-every-layer",)),
    "only the biases summed": (change(biases=lambda m, l: m.delta[l].sum(axis=0) * m.n), ("half-averaged",)),
    "only the weights summed": (change(weights=lambda m, l: m.delta[l].T @ m.a[l - 1] * m.n), ("half-averaged",)),
    "biases along the other axis": (
        change(biases=lambda m, l: m.delta[l].sum(axis=1)), ("bias-summed-over-neurons",)),
    "means multiplied": (
        change(weights=lambda m, l: m.dtype(m.n) * np.outer(m.delta[l].mean(axis=0), m.a[l - 1].mean(axis=0))),
        ("averages-multiplied",)),
    "only the first sample": (
        change(weights=lambda m, l: m.delta[l][:1].T @ m.a[l - 1][:1], biases=lambda m, l: m.delta[l][0]),
        ("last-sample",)),
}  # fmt: skip
"""Minibatches; all of the above are right and wrong for them too."""

OVER_SAMPLES: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "softmax along the samples": (
        change(sigma=lambda m, z, l: softmax(z, 0) if l == m.L and m.output == "softmax" else NUMPY[m.hidden][0](z)),
        ("softmax-over-samples",)),
}  # fmt: skip
"""Minibatches with softmax."""

SAME = {
    *((what, "relu") for what in (
        "sigma' twice in hidden layers", "sigma' at a", "sigma' at a in hidden layers", "sigma' at a and a factor 2")),
    ("the raw error goes back from the output", "softmax"),
    ("z - y", "relu"),
}  # fmt: skip
"""No mistakes: relu's slope is 0 or 1, the same at a, and where it is 1 z is a; cross-entropy's delta is a - y."""


def _settings(activations: tuple[str, ...], cost: str = "quadratic") -> list[tuple[str, str, bool]]:
    return [(activation, cost, batch) for activation in activations for batch in (False, True)]


GROUPS = (
    (ANY | QUADRATIC, _settings(("sigmoid", "tanh", "relu", "gelu"))),
    (FORMULAS, _settings(("sigmoid", "tanh"))),
    (ANY | SOFTMAX, _settings(("softmax",), "cross_entropy")),
    (SEVERAL, [one for one in _settings(("sigmoid", "tanh", "relu")) if one[2]]),
    (SEVERAL | OVER_SAMPLES, [("softmax", "cross_entropy", True)]),
    (RARE, _settings(("sigmoid", "tanh", "relu", "gelu"))),
    (SHARES, [*_settings(("sigmoid", "tanh", "gelu")), ("relu", "quadratic", False)]),
    (DIVIDED, _settings(("sigmoid", "tanh"))),
    (KEPT, _settings(("tanh",))),
    (UNEVEN, _settings(("relu", "gelu"))),
    (CORNER, _settings(("relu",))),
    (CROSS, _settings(("sigmoid",), "cross_entropy")),
    (MEANS, [("sigmoid", "quadratic", True), ("tanh", "quadratic", True), ("softmax", "cross_entropy", True)]),
)
"""Mistakes, and the activation, cost and minibatch or not that each is tried with."""
