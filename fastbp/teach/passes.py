"""The passes forward and back in NumPy, in every `Way`. They are spelled apart from kernels and textbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from fastbp.teach.terms import Array, Sized, beside, each, number, sigma, sigma_prime
from fastbp.teach.ways import RIGHT, Arrays, Found, Problem, Way

EXACT_SLOPES = {"sigmoid": lambda a: a * (1 - a), "tanh": lambda a: 1 - a * a}
"""sigma' as a function of a, which learners feed with z, or keep when they change sigma."""


class _Forward:
    """One pass forward: names of the activations, a (from layer 0) and z (from layer 1), and every slope asked for."""

    def __init__(self, names: list[str], a: Arrays, z: Arrays) -> None:
        self.names, self.a, self.z = names, a, z
        self._slopes: dict[tuple[str, int], Array | None] = {}

    def slope(self, kind: str, l: int) -> Array | None:
        """The factor of layer l, here counted from 0; None for none."""
        if (kind, l) not in self._slopes:
            self._slopes[kind, l] = self._slope(kind, l)
        return self._slopes[kind, l]

    def _slope(self, kind: str, l: int) -> Array | None:
        names, a, z = self.names, self.a, self.z
        kind, _, other = kind.partition(":")
        if kind == "none":
            return None
        if kind == "at a":
            return sigma_prime(names[l], a[l + 1])
        if kind == "value":
            return a[l + 1]
        if kind == "1 - a":
            return 1 - a[l + 1]
        if kind == "a (1 - a) of z":
            if names[l] not in EXACT_SLOPES:
                raise ValueError("no such formula")
            return EXACT_SLOPES[names[l]](z[l])
        if kind == "of":  # another activation's, at z
            return sigma_prime(other, z[l])
        if kind == "formula of":  # another activation's a (1 - a), of this one's a
            return EXACT_SLOPES[other](a[l + 1])
        if kind == "formula below" and names[l] in EXACT_SLOPES:
            return EXACT_SLOPES[names[l]](a[l])
        if kind == "layer below":
            return sigma_prime(names[l], z[l - 1] if l else a[0])
        if kind == "layer above":
            return sigma_prime(names[l + 1], z[l + 1])
        slope = sigma_prime(names[l], z[l])
        if kind == "squared":
            return slope * slope
        if kind == "negated":
            return -slope
        if kind == "1 at 0":
            return each(lambda values: np.where(number(z[l]) == 0, 1.0, values), slope)
        return slope


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


def _cost_slope(cost: str, output: str, a: Array, Y: np.ndarray) -> Array:
    """dC/da of another cost."""
    e = a - Y
    if cost == "cross_entropy":
        return 0 - Y / a if output == "softmax" else e / (a * (1 - a))
    if cost == "binary cross_entropy":
        return e / (a * (1 - a))
    if cost == "poisson":
        return 1 - Y / number(a) + 0 * a
    if cost == "absolute":
        return np.sign(number(e)) + 0 * e
    if cost == "root":  # of the mean squared error
        return e / np.sqrt((number(e) ** 2).sum(axis=1, keepdims=True) * len(Y[0]))
    return e


def cancels(cost: str, output: str) -> bool:
    """Whether sigma' cancels in BP1, and a - y remains."""
    return (cost, output) in (("cross_entropy", "sigmoid"), ("cross_entropy", "softmax"), ("poisson", "exp"))


def _output(problem: Problem, way: Way, forward: _Forward) -> tuple[Array, Array]:
    """BP1: the error as it is before sigma', and delta."""
    names, last = forward.names, forward.a[-1]
    cost, Y = way.cost or problem.cost, problem.Y
    simple = cancels(cost, names[-1])
    e = last - Y if simple or cost == "quadratic" else _cost_slope(cost, names[-1], last, Y)
    if way.error == "y - a":
        e = -e
    elif way.error == "|a - y|":
        e = abs(e)
    elif way.error == "(a - y)^2":
        e = e * e
    elif way.error == "(a - y)^2 / 2":
        e = e * e * 0.5
    elif way.error.endswith("over j"):
        total = each(lambda v: v.sum(axis=1, keepdims=True), e)
        e = 0 * e + (total if way.error == "sum over j" else total / len(Y[0]))
    elif way.error == "one term":
        e = -(Y * (1 - last))
    J = len(Y[0])
    e = e * {"1": 1.0, "2": 2.0, "1/2": 0.5, "1/J": 1 / J, "2/J": 2 / J}[way.factor]
    kind = way.output_slope or ("none" if simple else "own")
    if kind == "dC/da":  # of a cost whose sigma' cancels
        if names[-1] == "softmax":
            e = _cost_slope(cost, "softmax", last, Y)
            return e, e
        return e, e / sigma_prime(names[-1], forward.z[-1])
    if kind == "own" and names[-1] == "softmax":  # the whole Jacobian
        return e, last * (e - each(lambda v: v.sum(axis=1, keepdims=True), last * e))
    slope = forward.slope(kind, len(names) - 1)
    return e, e if slope is None else e * slope


def _sums(way: Way, w: Arrays, b: Arrays, d: Array, a: Array, l: int, t: float) -> Array:
    """The sum over k of BP2, into layer l, here counted from 0; a: that layer's activations."""
    ahead, kind = w[l + 1], way.sums
    if kind == "along a row":
        return d @ ahead.T
    if kind == "first":
        return d[:, :1] * ahead[:1]
    if kind == "last":
        return d[:, -1:] * ahead[-1:]
    if kind == "absolute":
        return abs(d @ ahead)
    if kind == "absolute weights":
        return d @ np.abs(ahead)
    if kind == "mean":
        return d @ ahead / len(ahead)
    if kind == "no weights":
        return each(lambda v: v.sum(axis=1, keepdims=True), d) + 0 * a
    if kind == "shares":
        w_next = Sized(ahead) if isinstance(d, Sized) else ahead
        return d @ (w_next / each(lambda v: v.sum(axis=1, keepdims=True), w_next))
    if kind == "own weights":
        return d @ w[l]
    if kind == "reshaped":
        return d @ ahead.reshape(ahead.T.shape).T
    if kind.startswith("bias unit"):  # w has a column for the biases, and the other end is cut off
        back, own = d @ ahead, d @ b[l + 1][:, None]
        parts = (back, own) if kind == "bias unit last" else (own, back)
        both = beside(*parts)
        return both[:, 1:] if kind == "bias unit last" else both[:, :-1]
    if kind == "early":  # of each sample by itself: sum_k (w_kj - t delta_k a_j) delta_k
        return d @ ahead - t * (each(lambda v: v.sum(axis=1, keepdims=True), d * d) * a)
    if kind == "early, of all":
        return d @ (ahead - d.T @ a * (t / len(d)))
    return d @ ahead


def _weights(kind: str, names: Sequence[str], d: Array, a: Arrays, z: Arrays, l: int) -> Array:
    """BP4, summed over the samples."""
    enters = a[l]
    if kind == "z" and l:
        enters = z[l - 1]
    elif kind == "own a":
        enters = a[l + 1]
    elif kind == "own a, cut":
        K = a[l].shape[1]
        enters = each(lambda v: np.array([np.resize(row, K) for row in v]), a[l + 1])
    elif kind == "1":
        enters = each(np.ones_like, a[l])
    elif kind == "x":
        enters = a[0]
    elif kind == "mean over samples":
        enters = each(lambda v: np.broadcast_to(v.mean(axis=0), v.shape), a[l])
    elif kind == "activated again":
        enters = sigma(names[l], a[l])
    if kind == "reshaped":
        return each(lambda v: v.reshape(v.T.shape), enters.T @ d)
    return enters.T @ d if kind == "transposed" else d.T @ enters


def _biases(kind: str, d: Array, g: Array, b: np.ndarray, last: bool) -> Array:
    """BP3, summed over the samples; ``last``: of the output layer."""
    if kind == "0":
        return each(lambda v: np.zeros(v.shape[1]), d)
    if kind == "0 in hidden layers":
        return each(lambda v: v.sum(axis=0) * last, d)
    if kind == "rows of w":
        return each(lambda v: v.sum(axis=1), g)
    if kind == "sum over j":
        return each(lambda v: np.full(v.shape[1], v.sum()), d)
    if kind == "one number":
        return each(lambda v: v.sum(), d)
    if kind == "mean over j":
        return each(lambda v: np.full(v.shape[1], v.sum() / v.shape[1]), d)
    if kind == "one mean":
        return each(lambda v: v.sum() / v.shape[1], d)
    if kind == "other axis":
        return each(lambda v: v.sum(axis=1), d)
    total = each(lambda v: v.sum(axis=0), d)
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
    inputs = len(problem.X[0])
    by_w = by_b = [1.0] * len(g_w)
    if way.divided in ("w by inputs", "by inputs"):
        by_w = [1 / inputs] * len(g_w)
        by_b = by_w if way.divided == "by inputs" else by_b
    elif way.divided in ("w by fan-in", "by fan-in"):
        by_w = [1 / w.shape[1] for w in problem.w]
        by_b = by_w if way.divided == "by fan-in" else by_b
    elif way.divided == "by samples again":
        by_w = by_b = [len(problem.X) ** -float(back) for back in reversed(range(len(g_w)))]
    elif way.divided == "by layers":
        by_w = by_b = [1 / w.shape[0] for w in problem.w]
    g_w = [g * by for g, by in zip(g_w, by_w, strict=True)]
    g_b = [g * by for g, by in zip(g_b, by_b, strict=True)]
    if way.left_out:
        L = len(g_w)
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
