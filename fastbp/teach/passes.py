"""The passes forward and back in NumPy, in every `Way`. They are spelled apart from kernels and textbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

from fastbp.functions.costs import NAMED, SIMPLE
from fastbp.teach.terms import Array, Sized, beside, each, number, sigma, sigma_prime
from fastbp.teach.ways import RIGHT, Arrays, Found, Problem, Way

EXACT_SLOPES = {"sigmoid": lambda a: a * (1 - a), "tanh": lambda a: 1 - a * a}
"""sigma' as a function of a, which learners feed with z, or keep when they change sigma."""


def across(x: Array) -> Array:
    """The sum over the neurons, as a column."""
    return each(lambda v: v.sum(axis=1, keepdims=True), x)


class _Forward:
    """One pass forward: names of the activations, a (from layer 0) and z (from layer 1), and every slope asked for."""

    def __init__(self, names: list[str], a: Arrays, z: Arrays) -> None:
        self.names, self.a, self.z = names, a, z
        self.slope = cache(self._slope)

    def _slope(self, kind: str, l: int) -> Array | None:
        """The factor of layer l, here counted from 0; None for none."""
        kind, _, other = kind.partition(":")
        name, a, z = self.names[l], self.a[l + 1], self.z[l]
        if kind == "of":  # another activation's, at z
            return sigma_prime(other, z)
        if kind == "formula of":  # another activation's a (1 - a), of this one's a
            return EXACT_SLOPES[other](a)
        if kind == "a (1 - a) of z":
            if name not in EXACT_SLOPES:
                raise ValueError("no such formula")
            return EXACT_SLOPES[name](z)
        if kind == "formula below" and name in EXACT_SLOPES:
            return EXACT_SLOPES[name](self.a[l])
        elsewhere = {
            "none": lambda: None,
            "at a": lambda: sigma_prime(name, a),
            "value": lambda: a,
            "1 - a": lambda: 1 - a,
            "at -z": lambda: sigma_prime(name, -z),
            "layer below": lambda: sigma_prime(name, self.z[l - 1] if l else self.a[0]),
            "layer above": lambda: sigma_prime(self.names[l + 1], self.z[l + 1]),
        }
        if kind in elsewhere:
            return elsewhere[kind]()
        slope = sigma_prime(name, z)
        if kind == "squared":
            return slope * slope
        if kind == "1 at 0":
            return each(lambda values: np.where(number(z) == 0, 1.0, values), slope)
        if kind == "divided":
            return 1 / slope
        return -slope if kind == "negated" else slope


@lru_cache(maxsize=256)
def _forward(
    problem: Problem, inputs: str, bias: str, transposed: bool, hidden: str, output: str, axis: str, sized: bool
) -> _Forward:
    """F1 and F2; most ways share theirs."""
    w, b = problem.w, problem.b
    names = [hidden or name for name in problem.activations[:-1]] + [output or problem.activations[-1]]
    a: Arrays = [Sized(problem.X) if sized else problem.X]
    z: Arrays = []
    if inputs == "activated":
        a[0] = sigma(names[0], a[0])
    for l in range(len(w)):
        total = a[l] @ (w[l] if transposed else w[l].T)
        z.append(total + b[l] if bias == "added" else total - b[l] if bias == "subtracted" else total)
        a.append(sigma(names[l], z[l], axis=0 if axis == "samples" else 1))
    return _Forward(names, a, z)


def _cost_slope(cost: str, p: float, output: str, a: Array, Y: np.ndarray) -> Array:
    """dC/da of another cost, of parameter p."""
    e = a - Y
    if cost == "cross_entropy":
        return 0 - Y / a if output == "softmax" else e / (a * (1 - a))
    if cost == "binary cross_entropy":
        return e / (a * (1 - a))
    if cost == "poisson":
        return 1 - Y / number(a) + 0 * a
    if cost == "absolute":
        return np.sign(number(e)) + 0 * e
    if cost == "huber":
        return np.clip(number(e), -p, p) + 0 * e
    if cost == "quantile":
        return np.where(number(e) > 0, 1 - p, np.where(number(e) < 0, -p, 0.0)) + 0 * e
    if cost == "tweedie":
        return e * number(a) ** -p
    if cost == "root":  # of the mean squared error
        return e / np.sqrt((number(e) ** 2).sum(axis=1, keepdims=True) * len(Y[0]))
    return e


def cancels(cost: str, output: str) -> bool:
    """Whether sigma' cancels in BP1, and a - y remains."""
    return cost in SIMPLE and NAMED[cost].goes_with(output)


def _output(problem: Problem, way: Way, forward: _Forward) -> tuple[Array, Array]:
    """BP1: the error as it is before sigma', and delta."""
    names, last = forward.names, forward.a[-1]
    cost, Y = way.cost or problem.cost, problem.Y
    simple = cancels(cost, names[-1])
    e = last - Y if simple or cost == "quadratic" else _cost_slope(cost, problem.p, names[-1], last, Y)
    errors: dict[str, Callable[[], Array]] = {
        "y - a": lambda: -e,
        "|a - y|": lambda: abs(e),
        "(a - y)^2": lambda: e * e,
        "(a - y)^2 / 2": lambda: e * e * 0.5,
        "sum over j": lambda: 0 * e + across(e),
        "mean over j": lambda: 0 * e + across(e) / len(Y[0]),
        "one term": lambda: -(Y * (1 - last)),
        "z - y": lambda: forward.z[-1] - Y,
    }
    error = errors[way.error]() if way.error in errors else e
    J = len(Y[0])
    e = error * {"1": 1.0, "2": 2.0, "1/2": 0.5, "1/J": 1 / J, "2/J": 2 / J}[way.factor]
    kind = way.output_slope or ("none" if simple else "own")
    if kind == "dC/da":  # of a cost whose sigma' cancels
        if names[-1] == "softmax":
            e = _cost_slope(cost, problem.p, "softmax", last, Y)
            return e, e
        return e, e / sigma_prime(names[-1], forward.z[-1])
    if kind == "own" and names[-1] == "softmax":  # the whole Jacobian
        return e, last * (e - across(last * e))
    if kind == "of target":  # a (1 - a), or its like, of y
        if names[-1] not in EXACT_SLOPES:
            raise ValueError("no such formula")
        return e, e * EXACT_SLOPES[names[-1]](Y)
    slope = forward.slope(kind, len(names) - 1)
    return e, e if slope is None else e * slope


def _sums(way: Way, w: Arrays, b: Arrays, d: Array, a: Array, l: int, t: float) -> Array:
    """The sum over k of BP2, into layer l, here counted from 0; a: that layer's activations."""
    w_next = w[l + 1]

    sized = Sized(w_next) if isinstance(d, Sized) else w_next

    def biases() -> Array:
        return d @ b[l + 1][:, None]

    sums: dict[str, Callable[[], Array]] = {
        "down a column": lambda: d @ w_next,
        "along a row": lambda: d @ w_next.T,
        "first": lambda: d[:, :1] * w_next[:1],
        "last": lambda: d[:, -1:] * w_next[-1:],
        "absolute": lambda: abs(d @ w_next),
        "absolute weights": lambda: d @ np.abs(w_next),
        "mean": lambda: d @ w_next / len(w_next),
        "no weights": lambda: across(d) + 0 * a,
        "multiplied": lambda: across(d) * each(lambda v: v.sum(axis=0), sized),
        "shares": lambda: d @ (sized / across(sized)),
        "own weights": lambda: d @ w[l],
        "reshaped": lambda: d @ w_next.reshape(w_next.T.shape).T,
        # w has a column for the biases, and the other end is cut off.
        "bias unit last": lambda: beside(d @ w_next, biases())[:, 1:],
        "bias unit first": lambda: beside(biases(), d @ w_next)[:, :-1],
        # Of each sample by itself: sum_k (w_kj - t delta_k a_j) delta_k.
        "early": lambda: d @ w_next - t * (across(d * d) * a),
        "early, of all": lambda: d @ (w_next - d.T @ a * (t / len(d))),
    }
    return sums[way.sums]()


def _weights(kind: str, names: Sequence[str], d: Array, a: Arrays, z: Arrays, l: int) -> Array:
    """BP4, summed over the samples."""
    factors: dict[str, Callable[[], Array]] = {
        "z": lambda: z[l - 1] if l else a[0],
        "own a": lambda: a[l + 1],
        "own a, cut": lambda: each(lambda v: np.array([np.resize(row, a[l].shape[1]) for row in v]), a[l + 1]),
        "1": lambda: each(np.ones_like, a[l]),
        "x": lambda: a[0],
        "mean over samples": lambda: each(lambda v: np.broadcast_to(v.mean(axis=0), v.shape), a[l]),
        "activated again": lambda: sigma(names[l], a[l]),
    }
    enters = factors[kind]() if kind in factors else a[l]
    if kind == "reshaped":
        return each(lambda v: v.reshape(v.T.shape), enters.T @ d)
    return enters.T @ d if kind == "transposed" else d.T @ enters


def _biases(kind: str, d: Array, g: Array, b: np.ndarray, last: bool) -> Array:
    """BP3, summed over the samples; ``last``: of the output layer."""
    sums: dict[str, Callable[[np.ndarray], Any]] = {
        "0": lambda v: np.zeros(v.shape[1]),
        "0 in hidden layers": lambda v: v.sum(axis=0) * last,
        "sum over j": lambda v: np.full(v.shape[1], v.sum()),
        "one number": lambda v: v.sum(),
        "mean over j": lambda v: np.full(v.shape[1], v.sum() / v.shape[1]),
        "one mean": lambda v: v.sum() / v.shape[1],
        "other axis": lambda v: v.sum(axis=1),
    }
    if kind == "rows of w":
        return each(lambda v: v.sum(axis=1), g)
    total = each(sums.get(kind, lambda v: v.sum(axis=0)), d)
    if kind == "negated":
        return -total
    return total * b if kind == "times b" else total


def _pass(problem: Problem, way: Way, t: float, sized: bool) -> tuple[Arrays, Arrays, Arrays]:
    """Sums over the samples of the gradients, and delta of all of them."""
    w, b, L = problem.w, problem.b, len(problem.w)
    forward = _forward(problem, way.inputs, way.bias, way.transposed, way.hidden, way.output, way.axis, sized)
    names, a, z = forward.names, forward.a, forward.z
    raw: Arrays = [None] * L
    delta: Arrays = [None] * L
    raw[-1], delta[-1] = _output(problem, way, forward)
    for l in range(L - 2, -1, -1):
        back = delta[l + 1]
        if way.back == "error" or (way.back == "top error" and l == L - 2):
            back = raw[l + 1]
        elif way.back == "output":
            back = delta[-1]
        if way.hidden_slope == "inside":
            back = back * forward.slope("own", l + 1)
        raw[l] = _sums(way, w, b, back, a[l + 1], l, t)
        slope = None if way.hidden_slope == "inside" else forward.slope(way.hidden_slope or "own", l)
        delta[l] = raw[l] if slope is None else raw[l] * slope
    wrong = [*delta[:-1], raw[-1]] if way.local.endswith("at the output") else raw
    for_w = wrong if way.local.startswith("error") and "in b" not in way.local else delta
    for_b = wrong if way.local.startswith("error") and "in w" not in way.local else delta
    g_w = [_weights(way.enters, names, for_w[l], a, z, l) for l in range(L)]
    return g_w, [_biases(way.biases, for_b[l], g_w[l], b[l], l == L - 1) for l in range(L)], delta


def _finished(problem: Problem, way: Way, g_w: Arrays, g_b: Arrays, t: float) -> tuple[Arrays, Arrays]:
    """What is done to the gradient before it is returned."""
    inputs, L = len(problem.X[0]), len(g_w)
    divisors = {
        "by inputs": [1 / inputs] * L,
        "by fan-in": [1 / w.shape[1] for w in problem.w],
        "by layers": [1 / w.shape[0] for w in problem.w],
        "by samples again": [len(problem.X) ** -float(back) for back in reversed(range(L))],
    }
    for_w = divisors.get(way.divided.removeprefix("w "), [1.0] * L)
    for_b = [1.0] * L if way.divided.startswith("w ") else for_w
    g_w, g_b = ([g * by for g, by in zip(*pair, strict=True)] for pair in ((g_w, for_w), (g_b, for_b)))
    if way.left_out:
        out = {"first": range(min(1, L - 1)), "hidden": range(L - 1), "last": range(L - 1, L)}[way.left_out]
        g_w, g_b = ([g * float(l not in out) for l, g in enumerate(part)] for part in (g_w, g_b))
    if way.penalty:
        g_w = [g + t * (np.sign(w) if way.penalty == "sign" else w) for g, w in zip(g_w, problem.w, strict=True)]
        if way.penalty == "w and b":
            g_b = [g + t * b for g, b in zip(g_b, problem.b, strict=True)]
    if way.returned == "step":
        return [g * t for g in g_w], [g * t for g in g_b]
    if way.returned in ("new", "new w"):
        g_w = [w - g * t for g, w in zip(g_w, problem.w, strict=True)]
    if way.returned == "new":
        g_b = [b - g * t for g, b in zip(g_b, problem.b, strict=True)]
    return g_w, g_b


def gradient(problem: Problem, way: Way = RIGHT, t: float = 0.0, sized: bool = False) -> Found:
    """The gradient of C over the samples, done in this way, with the number t where it has one.

    ``sized`` makes each array one of numbers with their |terms|. Raises ValueError where the way does not fit the
    shapes.
    """
    kind, n = way.samples, len(problem.X)
    if kind == "averaged":
        problem = replace(problem, X=problem.X.mean(axis=0)[None], Y=problem.Y.mean(axis=0)[None])
    elif kind.startswith(("first", "last")):
        one = slice(0, 1) if kind.startswith("first") else slice(-1, None)
        problem = replace(problem, X=problem.X[one], Y=problem.Y[one])
    g_w, g_b, delta = _pass(problem, way, t, sized)
    by_w = by_b = {
        "sum": 1.0,
        "averaged": 1.0,
        "first": 1.0,
        "last": 1.0,
        "divided twice": 1 / n**2,
        "divided by n - 1": 1 / max(n - 1, 1),
    }.get(kind, 1 / n)
    by_w, by_b = 1.0 if kind == "w summed" else by_w, 1.0 if kind == "b summed" else by_b
    g_w, g_b = _finished(problem, way, [g * by_w for g in g_w], [g * by_b for g in g_b], t)
    if kind == "accumulated":
        X, Y = (problem.X, problem.Y) if problem.before is None else problem.before
        once = gradient(replace(problem, X=X, Y=Y, before=None), replace(way, samples="mean"), t, sized)
        g_w = [p + q for p, q in zip(once.w, g_w, strict=True)]
        g_b = [p + q for p, q in zip(once.b, g_b, strict=True)]
    return Found(g_w, g_b, [d[-1] for d in delta])
