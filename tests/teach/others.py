"""Wrong backpropagations: 26 of kinds that are published, written anew, and 15 of other kinds and styles.

Each is what `fastbp.check_backprop` takes, what it is asked with, and the names of the mistakes: none where it is found
and told where, but has no name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapes

Names = tuple[str, ...]


class Other(NamedTuple):
    mine: Any
    names: Names
    options: dict[str, Any] = {}  # noqa: RUF012


def sig(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def slope(z: Any) -> Any:
    return sig(z) * (1 - sig(z))


# The 26: one sample, sigmoids, the quadratic cost


def forward(w: Any, b: Any, x: Any, sigma: Any = sig) -> Any:
    a, z = [np.asarray(x, float)], [None]
    for l in range(1, len(w) + 1):
        z.append(w[l] @ a[-1] + b[l])
        a.append(sigma(z[-1]))
    return z, a


def make(top: Any = None, down: Any = None, weights: Any = None, biases: Any = None, sigma: Any = sig) -> Any:
    """BP1, BP2, BP4 and BP3 with any of them replaced."""
    top = top or (lambda a, z, y: (a[-1] - y) * slope(z[-1]))
    down = down or (lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * slope(z[l]))
    weights = weights or (lambda d, a, l, w: np.outer(d[l], a[l - 1]))
    biases = biases or (lambda d, gw, l: d[l])

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        z, a = forward(w, b, x, sigma)
        L, d = len(w), {len(w): top(a, z, y)}
        for l in range(L - 1, 0, -1):
            d[l] = down(w, d, z, a, l)
        gw = [weights(d, a, l, w) for l in range(1, L + 1)]
        return gw, [biases(d, gw[l - 1], l) for l in range(1, L + 1)]

    return mine


def raw_back(w: Any, b: Any, x: Any, y: Any) -> Any:
    z, a = forward(w, b, x)
    L, e = len(w), {len(w): a[-1] - y}
    for l in range(L - 1, 0, -1):
        e[l] = w[l + 1].T @ e[l + 1]
    return [np.outer(e[l] * slope(z[l]), a[l - 1]) for l in range(1, L + 1)], [e[l] * slope(z[l]) for l in e][::-1]


def early(eta: float) -> Any:
    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        z, a = forward(w, b, x)
        d, gw, gb, W = (a[-1] - y) * slope(z[-1]), [], [], {l: w[l].copy() for l in range(1, len(w) + 1)}
        for l in range(len(w), 0, -1):
            gw.insert(0, np.outer(d, a[l - 1]))
            gb.insert(0, d)
            W[l] -= eta * gw[0]
            if l > 1:
                d = (W[l].T @ d) * slope(z[l - 1])
        return gw, gb

    return mine


def new_weights(w: Any, b: Any, x: Any, y: Any) -> Any:
    gw, gb = make()(w, b, x, y)
    return [v - 0.1 * g for v, g in zip(w, gw, strict=True)], [v - 0.1 * g for v, g in zip(b, gb, strict=True)]


def of_tanh() -> Any:
    return make(
        top=lambda a, z, y: (a[-1] - y) * (1 - a[-1] ** 2),
        down=lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * (1 - a[l] ** 2),
        sigma=np.tanh,
    )


def at_a(factor: int) -> Any:
    return make(
        top=lambda a, z, y: factor * (a[-1] - y) * slope(a[-1]),
        down=lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * slope(a[l]),
    )


def z_of_a(a: Any) -> Any:
    return np.log(a / (1 - a))


PUBLISHED: dict[str, Other] = {
    "the raw error goes back instead of delta": Other(raw_back, ("raw-error",)),
    "a (1 - a) of z in the output layer": Other(
        make(top=lambda a, z, y: (a[-1] - y) * z[-1] * (1 - z[-1])), ("formula-at-z",)),
    "a (1 - a) of z everywhere": Other(
        make(top=lambda a, z, y: (a[-1] - y) * z[-1] * (1 - z[-1]),
             down=lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * z[l] * (1 - z[l])), ("formula-at-z",)),
    "sigma' at a in hidden layers": Other(
        make(down=lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * slope(a[l])), ("slope-at-a",)),
    "sigma' at a, and a factor 2": Other(at_a(2), ("slope-at-a", "no-half")),
    "no sigma' in the output layer": Other(make(top=lambda a, z, y: a[-1] - y), ("no-output-slope",)),
    "no sigma' in hidden layers": Other(make(down=lambda w, d, z, a, l: w[l + 1].T @ d[l + 1]), ("no-hidden-slope",)),
    "y - a": Other(make(top=lambda a, z, y: (y - a[-1]) * slope(z[-1])), ("y-minus-a",)),
    "a factor 2": Other(make(top=lambda a, z, y: 2 * (a[-1] - y) * slope(z[-1])), ("no-half",)),
    "mean over outputs too": Other(
        make(top=lambda a, z, y: 2 / len(y) * (a[-1] - y) * slope(z[-1])), ("mean-over-outputs",)),
    "bias gradient as row sums of the weights'": Other(
        make(biases=lambda d, gw, l: gw.sum(1)), ("bias-from-weights",)),
    "bias gradient summed over neurons": Other(
        make(biases=lambda d, gw, l: np.full(len(d[l]), d[l].sum())), ("bias-summed-over-neurons",)),
    "bias gradient forgotten": Other(make(biases=lambda d, gw, l: np.zeros(len(d[l]))), ("no-bias-gradient",)),
    "one path instead of the sum": Other(
        make(down=lambda w, d, z, a, l: w[l + 1][0] * d[l + 1][0] * slope(z[l])), ("one-path",)),
    "a of the layer itself in BP4": Other(
        make(weights=lambda d, a, l, w: np.outer(d[l], np.resize(a[l], len(a[l - 1])))), ("own-activation",)),
    "z for a in BP4": Other(
        make(weights=lambda d, a, l, w: np.outer(d[l], a[l - 1] if l == 1 else z_of_a(a[l - 1]))), ("z-not-a",)),
    "l2 left in": Other(make(weights=lambda d, a, l, w: np.outer(d[l], a[l - 1]) + 0.1 * w[l]), ("penalty-left",)),
    "new weights returned": Other(new_weights, ("new-weights",)),
    "weights updated before BP2, eta 0.5": Other(early(0.5), ("updated-weights",)),
    "weights updated before BP2, eta 0.01": Other(early(0.01), ("updated-weights",)),
    "no output slope and weights updated early": Other(
        make(top=lambda a, z, y: a[-1] - y,
             down=lambda w, d, z, a, l: ((w[l + 1] - 0.5 * np.outer(d[l + 1], a[l])).T @ d[l + 1]) * slope(z[l])),
        ("no-output-slope", "updated-weights")),
    "next layer's slope in BP2": Other(
        make(down=lambda w, d, z, a, l: w[l + 1].T @ (d[l + 1] * slope(z[l + 1]))), ("slope-of-wrong-layer",)),
    "sigma' squared in hidden layers": Other(
        make(down=lambda w, d, z, a, l: (w[l + 1].T @ d[l + 1]) * slope(z[l]) ** 2), ("slope-squared",)),
    "the error divided by the number of inputs": Other(
        make(weights=lambda d, a, l, w: np.outer(d[l], a[l - 1]) / len(a[0])), ("divided-by-sizes",)),
    "sign lost in hidden layers": Other(
        make(down=lambda w, d, z, a, l: np.abs(w[l + 1].T @ d[l + 1]) * slope(z[l])), ("sign-lost",)),
    "right, but for tanh": Other(of_tanh(), ("another-activation",)),
}  # fmt: skip
"""What it does -> the function, and its name."""


# The 15 others


class Dense:
    """A layer that keeps what it needs and moves its own weights before it hands the error on."""

    def __init__(self, w: Any, b: Any) -> None:
        self.w, self.b = w.copy(), b.copy()

    def forward(self, a: Any) -> Any:
        self.a_in = a
        self.a_out = sig(self.w @ a + self.b)
        return self.a_out

    def backward(self, e: Any, eta: float = 0.2) -> Any:
        d = e * self.a_out * (1 - self.a_out)
        self.grad_w, self.grad_b = np.outer(d, self.a_in), d
        self.w -= eta * self.grad_w
        return self.w.T @ d


def layers_that_move_first(w: Any, b: Any, x: Any, y: Any) -> Any:
    layers = [Dense(*part) for part in zip(w, b, strict=True)]
    for layer in layers:
        x = layer.forward(x)
    e = x - y
    for layer in reversed(layers):
        e = layer.backward(e)
    return [layer.grad_w for layer in layers], [layer.grad_b for layer in layers]


def rows_divided_twice(w: Any, b: Any, X: Any, Y: Any) -> Any:
    a = [X]
    for l in range(1, len(w) + 1):
        z = a[-1] @ w[l].T + b[l]
        a.append(sig(z) if l < len(w) else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    delta, grads = (a[-1] - Y) / len(X), []
    for l in range(len(w), 0, -1):
        grads.insert(0, (np.einsum("xj,xk->jk", delta, a[l - 1]) / len(X), delta.mean(axis=0)))
        delta = np.einsum("xk,kj->xj", delta, w[l]) * a[l - 1] * (1 - a[l - 1])
    return [g for g, _ in grads], [g for _, g in grads]


def by_recursion(back: Any, top: Any = None) -> Any:
    """(gradients of this layer and all after it, the error that enters it)."""

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        def go(l: int, a: Any) -> Any:
            z = w[l] @ a + b[l]
            if l == len(w):
                delta, grads = (top or (lambda z, y: (sig(z) - y) * slope(z)))(z, y), []
            else:
                grads, error = go(l + 1, sig(z))
                delta = error * slope(z)
            return [(np.outer(delta, a), delta), *grads], back(w[l], delta)

        return tuple(zip(*go(1, x)[0], strict=True))

    return mine


def lists_of_numbers(w: Any, b: Any, x: Any, y: Any) -> Any:
    """Nothing but loops; the slope of the output is that of the target."""
    a = [list(x)]
    for l in range(1, len(w) + 1):
        a.append([sig(sum(w[l][j][k] * a[-1][k] for k in range(len(a[-1]))) + b[l][j]) for j in range(len(b[l]))])
    delta = [(a[-1][j] - y[j]) * y[j] * (1 - y[j]) for j in range(len(y))]
    gw, gb = [], []
    for l in range(len(w), 0, -1):
        gw.insert(0, [[delta[j] * a[l - 1][k] for k in range(len(a[l - 1]))] for j in range(len(delta))])
        gb.insert(0, list(delta))
        delta = [
            a[l - 1][j] * (1 - a[l - 1][j]) * sum(w[l][k][j] * delta[k] for k in range(len(delta)))
            for j in range(len(a[l - 1]))
        ]
    return gw, gb


def rectified(prime: Any, sigma: Any = lambda z: np.where(z > 0, z, 0.01 * z)) -> Any:
    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        a, zs = [x], []
        for v, c in zip(w, b, strict=True):
            zs.append(v @ a[-1] + c)
            a.append(sigma(zs[-1]))
        delta = (a[-1] - y) * prime(zs[-1], a[-1])
        gw, gb = [np.outer(delta, a[-2])], [delta]
        for l in range(2, len(w) + 1):
            delta = w[-l + 1].T @ delta * prime(zs[-l], a[-l])
            gw, gb = [np.outer(delta, a[-l - 1]), *gw], [delta, *gb]
        return gw, gb

    return mine


def batch(reduce_w: Any, reduce_b: Any) -> Any:
    def mine(w: Any, b: Any, X: Any, Y: Any) -> Any:
        a = {0: X}
        for l in range(1, len(w) + 1):
            a[l] = sig(np.einsum("jk,xk->xj", w[l], a[l - 1]) + b[l])
        delta = {len(w): (a[len(w)] - Y) * a[len(w)] * (1 - a[len(w)])}
        for l in range(len(w) - 1, 0, -1):
            delta[l] = np.einsum("kj,xk->xj", w[l + 1], delta[l + 1]) * a[l] * (1 - a[l])
        return {l: reduce_w(delta[l], a[l - 1]) for l in delta}, {l: reduce_b(delta[l]) for l in delta}

    return mine


def clipped(w: Any, b: Any, x: Any, y: Any) -> Any:
    gw, gb = make(top=lambda a, z, y: a[-1] - y)(w, b, x, y)
    length = np.sqrt(sum((g * g).sum() for g in gw + gb))
    return [g / max(1.0, length) for g in gw], [g / max(1.0, length) for g in gb]


def with_velocity() -> Any:
    kept: dict[Any, Any] = {}

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        gw, gb = make()(w, b, x, y)
        key = tuple(v.shape for v in w)
        v = kept.get(key, [0.0] * (len(gw) + len(gb)))
        kept[key] = v = [0.9 * old + g for old, g in zip(v, gw + gb, strict=True)]
        return v[: len(gw)], v[len(gw) :]

    return mine


def without_bias_and_turned(w: Any, b: Any, x: Any, y: Any) -> Any:
    nothing = {l: 0 * b[l] for l in range(1, len(b) + 1)}
    return make(top=lambda a, z, y: (y - a[-1]) * slope(z[-1]))(w, nothing, x, y)


OF_LOGISTIC = {"activations": ("relu", "sigmoid"), "cost": "cross_entropy", "batch": True}
MORE: dict[str, Other] = {
    "layers as objects that move their weights before they hand the error on": Other(
        layers_that_move_first, ("updated-weights",)),
    "rows, softmax: divided by n at the top and again below": Other(
        rows_divided_twice, ("divided-twice",), {"activations": "softmax", "cost": "cross_entropy", "batch": True}),
    "the sum of the weights times the sum of the deltas": Other(
        by_recursion(lambda w, d: w.sum(axis=0) * d.sum()), ("product-of-sums",)),
    "y (1 - y) as the slope of the output": Other(lists_of_numbers, ("slope-of-target",)),
    "a leaky relu whose slope has its sides exchanged": Other(
        rectified(lambda z, a: np.where(z < 0, 1, 0.01)), ("slope-of-wrong-side",), {"activations": "leaky_relu"}),
    "1 - tanh z": Other(rectified(lambda z, a: 1 - a, np.tanh), ("part-of-slope",), {"activations": "tanh"}),
    "z - y at the output": Other(
        by_recursion(lambda w, d: w.T @ d, lambda z, y: (z - y) * slope(z)), ("error-at-z",)),
    "the mean of delta times the mean of a": Other(
        batch(lambda d, a: np.outer(d.mean(axis=0), a.mean(axis=0)), lambda d: d.mean(axis=0)),
        ("averages-multiplied",), {"batch": True}),
    "db as the mean of all numbers": Other(
        batch(lambda d, a: d.T @ a / len(a), lambda d: np.full(d.shape[1], d.mean())),
        ("bias-summed-over-neurons",), {"batch": True}),
    "a graph whose scalars keep the last path alone": Other(
        shapes.scalar("one-path"), ("half-left", "one-path"), {"activations": "tanh"}),
    "dicts: dA goes through relu as it is": Other(
        shapes.deep_pair("no-hidden-slope"), ("no-hidden-slope",), OF_LOGISTIC),
    "divided by the slope": Other(
        rectified(lambda z, a: 1 / (a * (1 - a)), sig), ("slope-divided",)),
    "no bias going forward, and y - a": Other(without_bias_and_turned, ("no-bias", "y-minus-a")),
    "no slope at the output, and clipped to a length of 1": Other(
        clipped, ()),
    "a velocity is kept from call to call": Other(with_velocity(), ()),
}  # fmt: skip
"""The same of other kinds, in other styles."""
