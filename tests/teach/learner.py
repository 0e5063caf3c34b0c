"""A learner's backpropagation in index loops, with every mistake built in by hand, apart from the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np


def sigma(z: float) -> float:
    return float(1 / (1 + np.exp(-z)))


def slope(z: float) -> float:
    return sigma(z) * (1 - sigma(z))


def backprop(
    w: Any, b: Any, x: Any, y: Any, wrong: str = "", *, output: str = "sigmoid", cost: str = "quadratic"
) -> Any:
    """One sample, sigmoid hidden layers, w[1..L]; returns lists for l = 1..L, and delta."""
    L = len(w)
    sizes = [len(x), *(len(b[l]) for l in range(1, L + 1))]
    a: dict[int, list[float]] = {0: list(x)}
    z: dict[int, list[float]] = {0: list(x)}
    for l in range(1, L + 1):
        z[l], a[l] = [], []
        for j in range(sizes[l]):
            total = 0.0 if wrong == "no-bias" else b[l][j]
            for k in range(sizes[l - 1]):
                total += w[l][j, k] * a[l - 1][k]
            z[l].append(total)
            a[l].append(sigma(total))
        if l == L and output == "softmax":
            e = [np.exp(v) for v in z[l]]
            a[l] = [float(v / sum(e)) for v in e]

    def used_slope(l: int, j: int) -> float:
        if wrong == "slope-at-a":
            return slope(a[l][j])
        if wrong == "sigma-not-slope":
            return a[l][j]
        return slope(z[l][j])

    delta: dict[int, list[float]] = {}
    delta[L] = []
    for j in range(sizes[L]):
        d = y[j] - a[L][j] if wrong == "y-minus-a" else a[L][j] - y[j]
        if wrong == "no-half":
            d *= 2
        if wrong == "mean-over-outputs":
            d /= sizes[L]
        if cost == "quadratic" and wrong != "no-output-slope":
            d *= used_slope(L, j)
        if cost != "quadratic" and wrong == "extra-slope":
            d *= a[L][j] * (1 - a[L][j])
        delta[L].append(d)
    for l in range(L - 1, 0, -1):
        ahead = np.array(w[l + 1])
        if wrong == "updated-weights":
            for k in range(sizes[l + 1]):
                for j in range(sizes[l]):
                    ahead[k, j] -= 0.7 * a[l][j] * delta[l + 1][k]
        delta[l] = []
        for j in range(sizes[l]):
            total = 0.0
            for k in range(sizes[l + 1]):
                if wrong == "w-not-transposed":
                    total += ahead[j, k] * delta[l + 1][k]
                elif wrong == "one-path":
                    total = ahead[k, j] * delta[l + 1][k]
                else:
                    total += ahead[k, j] * delta[l + 1][k]
            delta[l].append(total if wrong == "no-hidden-slope" else total * used_slope(l, j))
    grad_w, grad_b = [], []
    for l in range(1, L + 1):
        enters = z[l - 1] if wrong == "z-not-a" else a[l - 1]
        g = np.array([[delta[l][j] * enters[k] for k in range(sizes[l - 1])] for j in range(sizes[l])])
        grad_w.append(g.T.copy() if wrong == "outer-transposed" else g)
        grad_b.append(np.zeros(sizes[l]) if wrong == "no-bias-gradient" else np.array(delta[l]))
    return grad_w, grad_b, {l: np.array(d) for l, d in delta.items()}


def minibatch(w: Any, b: Any, X: Any, Y: Any, wrong: str = "", **options: Any) -> Any:
    """The mean over the samples."""
    if wrong == "averaged-sample":
        return backprop(w, b, X.mean(axis=0), Y.mean(axis=0), **options)[:2]
    every = [backprop(w, b, x, y, wrong, **options) for x, y in zip(X, Y, strict=True)]
    if wrong == "last-sample":
        return every[-1][:2]
    n = 1 if wrong == "sum-not-mean" else len(every)
    grad_w = [sum(one[0][l] for one in every) / n for l in range(len(w))]
    return grad_w, [sum(one[1][l] for one in every) / n for l in range(len(w))]
