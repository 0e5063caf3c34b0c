"""The loops composed: the feedforward pass, backpropagation and the gradient of a minibatch, sample after sample.

Lists hold layer l = 1..L at index l - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.functions.activations import CODES, COSTS, SOFTMAX
from fastbp.functions.costs import NAMED, parameter_of
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.textbook.extensions import (
    categorical_cross_entropy,
    penalty_gradient,
    sample_cost,
    softmax,
    weigh_error,
    weighed_cost,
)
from fastbp.textbook.notes import (
    activation,
    bias_gradient,
    hidden_error,
    output_error,
    weight_gradient,
    weighted_input,
)

Array = NDArray[Any]
Names = str | ActivationFunction | Sequence[str | ActivationFunction]


class Trace(NamedTuple):
    """One sample, forward and back: z^l, a^l and delta^l at index l - 1, and C_x."""

    z: list[Array]
    a: list[Array]
    delta: list[Array]
    cost: Any


class Gradient(NamedTuple):
    """dC/dw^l and dC/db^l at index l - 1, and C."""

    w: list[Array]
    b: list[Array]
    cost: float


Cost = tuple[int, float]
"""Code of a cost, and its parameter."""


def _name(function: str | ActivationFunction | CostFunction) -> str:
    return function if isinstance(function, str) else function.name


def _names(activations: Names, L: int) -> list[str]:
    """One for each layer 1..L, of one for all or of several."""
    if isinstance(activations, str | ActivationFunction):
        return [_name(activations)] * L
    return [_name(function) for function in activations]


def _codes(activations: Names, cost: str | CostFunction, L: int, p: float | None = None) -> tuple[list[int], Cost]:
    """Codes of the activations of layers 1..L and of the cost, with its parameter."""
    names, cost = _names(activations, L), _name(cost)
    if L == 0 or len(names) != L:
        raise ValueError(
            f"There are {len(names)} activations for {L} layers. Pass one name, or one for each layer 1..L."
        )
    for name, known, what in [*((name, CODES, "activation") for name in names), (cost, COSTS, "cost")]:
        if name not in known:
            raise ValueError(f"{name!r} is no {what}. Choose one of: {', '.join(known)}.")
    if "softmax" in names[:-1]:
        raise ValueError(
            "softmax stands in a hidden layer; it needs the output layer. Choose another for layers below L."
        )
    if not NAMED[cost].goes_with(names[-1]):
        needs = ", ".join(f"{name} {entry.needs}" for name, entry in NAMED.items())
        raise ValueError(
            f"The cost {cost!r} does not go with {names[-1]!r} outputs. Needed are, for {needs}. Change one of the two."
        )
    if p is not None and NAMED[cost].parameter is None:
        raise ValueError(f"The cost {cost!r} was given the parameter {p}; it has none. Leave cost_parameter out.")
    return [CODES[name] for name in names], (COSTS[cost], parameter_of(cost, p))


def _arrays(weights: Sequence[Array], biases: Sequence[Array], X: ArrayLike, Y: ArrayLike) -> tuple[Any, ...]:
    """Contiguous arrays of the dtype of the weights, of shapes that fit: compiled loops do not look."""
    dtype = np.asarray(weights[0]).dtype
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"weights[0] has dtype {dtype}; the loops need float32 or float64. Convert it with .astype.")
    w, b = ([np.ascontiguousarray(array, dtype) for array in arrays] for arrays in (weights, biases))
    x, y = np.ascontiguousarray(X, dtype), np.ascontiguousarray(Y, dtype)
    sizes = [x.shape[-1], *(array.shape[0] for array in w)]
    for l in range(1, len(w) + 1):
        if w[l - 1].shape != (sizes[l], sizes[l - 1]):
            raise ValueError(
                f"w^{l} has shape {w[l - 1].shape}; between {sizes[l - 1]} and {sizes[l]} neurons it needs "
                f"{(sizes[l], sizes[l - 1])}: w[j, k] leads from k to j. Pass weights in this order."
            )
    if [array.shape for array in b] != [(size,) for size in sizes[1:]] or y.shape != (*x.shape[:-1], sizes[-1]):
        raise ValueError(
            f"Biases have shapes {[array.shape for array in b]} and y {y.shape}; the weights need "
            f"{[(size,) for size in sizes[1:]]} and {(*x.shape[:-1], sizes[-1])}. Pass one bias for each neuron of "
            "layers 1..L and one target for each output."
        )
    return w, b, x, y


def _feedforward(w: list[Array], b: list[Array], x: Array, codes: list[int]) -> tuple[list[Array], list[Array]]:
    z: list[Array] = []
    a = [x]
    for l in range(1, len(w) + 1):
        z.append(weighted_input(w[l - 1], b[l - 1], a[l - 1]))
        a.append(softmax(z[-1]) if codes[l - 1] == SOFTMAX else activation(codes[l - 1], z[-1]))
    return z, a


def _backprop(
    w: list[Array], b: list[Array], x: Array, y: Array, codes: list[int], of: Cost, s: Any, u: Any = None
) -> Trace:
    (cost, p), (z, a) = of, _feedforward(w, b, x, codes)
    if codes[-1] == SOFTMAX:
        C = categorical_cross_entropy(z[-1], y)
    elif u is None:
        C = sample_cost(cost, z[-1], a[-1], y, y.dtype.type(p))
    else:
        C = weighed_cost(cost, z[-1], a[-1], y, y.dtype.type(p), u)
    L = len(w)
    delta = list(z)  # of the same shapes; overwritten from the last to the first
    delta[L - 1] = output_error(cost, codes[L - 1], z[L - 1], a[L], y, s, p)
    if u is not None:
        weigh_error(delta[L - 1], y, u)
    for l in range(L - 1, 0, -1):
        delta[l - 1] = hidden_error(w[l], delta[l], codes[l - 1], z[l - 1])
    return Trace(z, a[1:], delta, C)


def feedforward(
    weights: Sequence[Array], biases: Sequence[Array], x: ArrayLike, *, activations: Names = "sigmoid"
) -> list[Array]:
    """a^l of one sample for l = 1..L (F1, F2). Parameters as in `gradient`."""
    names = _names(activations, 1)
    codes, _ = _codes(activations, "cross_entropy" if names[-1:] == ["softmax"] else "quadratic", len(weights))
    w, b, sample, _ = _arrays(weights, biases, x, np.zeros(len(weights[-1])))
    return _feedforward(w, b, sample, codes)[1][1:]


def backprop(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: ArrayLike,
    y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str | CostFunction = "quadratic",
    cost_parameter: float | None = None,
) -> Trace:
    """z^l, a^l and delta^l of one sample, and C_x (F1, F2, C, BP1, BP2). Parameters as in `gradient`."""
    codes, of = _codes(activations, cost, len(weights), cost_parameter)
    w, b, sample, target = _arrays(weights, biases, x, y)
    return _backprop(w, b, sample, target, codes, of, w[0].dtype.type(1))


def gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: ArrayLike,
    y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str | CostFunction = "quadratic",
    cost_parameter: float | None = None,
) -> Gradient:
    """The gradient of C_x for one sample (BP1 to BP4).

    Parameters
    ----------
    weights, biases : sequence of numpy.ndarray
        w^l of shape (J, K) and b^l of shape (J,) for l = 1..L. The dtype of w^1, float32 or float64, is that of all.
    x, y : array_like, shapes (sizes[0],) and (sizes[-1],)
        The sample and its target.
    activations : str or sequence of str
        One name, or one for each layer 1..L.
    cost : str
        As of `fastbp.Network`: "quadratic", or "cross_entropy" after sigmoid or softmax outputs, or another.
    cost_parameter : float, optional
        Of a cost that has one; default its own.

    Returns
    -------
    Gradient
        ``w[l - 1][j, k]``, ``b[l - 1][j]`` and ``cost``.

    Raises
    ------
    TypeError, ValueError
        For a dtype, a shape or a name that does not fit.
    """
    options: dict[str, Any] = {"activations": activations, "cost": cost, "cost_parameter": cost_parameter}
    return minibatch_gradient(weights, biases, np.asarray(x)[None], np.asarray(y)[None], **options)


def minibatch_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: ArrayLike,
    Y: ArrayLike,
    *,
    activations: Names = "sigmoid",
    cost: str | CostFunction = "quadratic",
    cost_parameter: float | None = None,
    sample_weight: ArrayLike | None = None,
    output_weight: ArrayLike | None = None,
    missing_targets: str | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
) -> Gradient:
    """The gradient of C over a minibatch, sample after sample (C total, BP1 to BP4).

    delta carries the weight s_x; the sums of BP3 and BP4 are multiplied once by 1 / sum_x s_x, and the penalty follows.

    Parameters
    ----------
    weights, biases, activations, cost, cost_parameter
        As in `gradient`.
    X, Y : array_like, shapes (n_samples, sizes[0]) and (n_samples, sizes[-1])
        The samples and their targets.
    sample_weight : array_like, shape (n_samples,), optional
        s_x, 1 if not given.
    output_weight : array_like, shape (sizes[-1],), optional
        u_j, 1 if not given: by it the cost of output j is multiplied. Not of softmax.
    missing_targets : "ignore", optional
        Targets that are NaN are missing: they add nothing to C_x, and their delta is 0. Not of softmax.
    l1, l2 : float
        Strengths of the penalties on weights; biases are free.

    Returns
    -------
    Gradient

    Raises
    ------
    TypeError, ValueError
        As `gradient`, and where the sample weights do not fit or sum to 0.
    """
    codes, of = _codes(activations, cost, len(weights), cost_parameter)
    w, b, samples, targets = _arrays(weights, biases, X, Y)
    number = w[0].dtype.type
    s = np.ones(len(samples), number) if sample_weight is None else np.asarray(sample_weight, number)
    if samples.ndim != 2 or s.shape != samples.shape[:1] or not s.sum(dtype=np.float64) > 0:
        raise ValueError(
            f"X has shape {samples.shape} and the sample weights {s.shape}, of sum {s.sum()}; X needs two axes and "
            "each sample one weight, with a positive sum. Pass X[None] for one sample, and weights that are not all 0."
        )
    u = None
    if output_weight is not None or missing_targets is not None:
        u = np.ones(targets.shape[-1], number) if output_weight is None else np.asarray(output_weight, number)
        if u.shape != targets.shape[-1:] or missing_targets not in (None, "ignore") or codes[-1] == SOFTMAX:
            raise ValueError(
                f"The output weights have shape {u.shape}, missing_targets is {missing_targets!r} and the outputs are "
                f"{'softmax' if codes[-1] == SOFTMAX else 'functions of one z'}; needed are shape "
                f"{targets.shape[-1:]}, 'ignore' or None, and no softmax. Change that."
            )
    g_w, g_b = [np.zeros_like(array) for array in w], [np.zeros_like(array) for array in b]
    C, S = 0.0, 0.0
    for x in range(len(samples)):
        one = _backprop(w, b, samples[x], targets[x], codes, of, s[x], u)
        for l in range(1, len(w) + 1):
            weight_gradient(samples[x] if l == 1 else one.a[l - 2], one.delta[l - 1], g_w[l - 1])
            bias_gradient(one.delta[l - 1], g_b[l - 1])
        C += float(s[x]) * float(one.cost)
        S += float(s[x])
    C /= S
    for l in range(1, len(w) + 1):
        g_w[l - 1] *= number(1.0 / S)
        g_b[l - 1] *= number(1.0 / S)
        if l1 or l2:
            penalty_gradient(w[l - 1].ravel(), g_w[l - 1].reshape(-1), number(l1), number(l2))
            w_double = w[l - 1].astype(np.float64)
            C += l1 * float(np.abs(w_double).sum()) + l2 / 2 * float((w_double * w_double).sum())
    return Gradient(g_w, g_b, C)
