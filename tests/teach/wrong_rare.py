"""Rarer mistakes, spelled apart from fastbp's catalogue; `wrong.GROUPS` says with what each is tried."""

from __future__ import annotations

from typing import Any

import numpy as np
from solutions import NUMPY
from wrong_lines import Learner, change, formula, slope_at


class Averaged(Learner):
    """The samples become one before the passes."""

    def __call__(self, w: Any, b: Any, x: Any, y: Any) -> Any:
        return super().__call__(w, b, np.mean(x, axis=0), np.mean(y, axis=0))


class Kept(Learner):
    """The sums live outside the function, and no call sets them back to 0."""

    def __init__(self, activation: str = "sigmoid", dtype: Any = np.float64) -> None:
        super().__init__(activation, dtype)
        self.sums: dict[Any, Any] = {}

    def returned(self) -> Any:
        key = tuple(self.w[l].shape for l in range(1, self.L + 1))
        before = self.sums.get(key)
        if before is None:
            before = [{l: np.zeros_like(g) for l, g in part.items()} for part in (self.grad_w, self.grad_b)]
        both = zip(before, (self.grad_w, self.grad_b), strict=True)
        self.sums[key] = [{l: old[l] + g for l, g in part.items()} for old, part in both]
        return self.sums[key]


class Shared(Learner):
    """In double precision always: some weights add up to nearly 0, and single precision loses their shares."""

    def __init__(self, activation: str = "sigmoid", dtype: Any = np.float64) -> None:
        super().__init__(activation)

    def back(self, l: int) -> Any:
        total = self.w[l + 1].sum(axis=1)
        return (self.delta[l + 1] / total) @ self.w[l + 1]


def squashed(m: Any, l: int) -> Any:
    if l == 1:
        m.a[0] = NUMPY[m.hidden][0](m.x)
    return m.a[l - 1] @ m.w[l].T + m.b[l]


def with_bias_column(m: Any, l: int) -> Any:
    """The weights of the layer above with the biases as their first column, and the last entry cut off."""
    return (m.delta[l + 1] @ np.column_stack([m.b[l + 1], m.w[l + 1]]))[:, :-1]


RARE: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the inputs go through sigma": (change(weighted=squashed), ("inputs-activated",)),
    "w turned going forward": (
        change(weighted=lambda m, l: m.a[l - 1] @ m.w[l] + m.b[l]), ("w-transposed-forward",)),
    "w folded into the other shape": (
        change(back=lambda m, l: m.delta[l + 1] @ np.reshape(m.w[l + 1], m.w[l + 1].T.shape).T), ("reshaped",)),
    "the outer product folded": (
        change(weights=lambda m, l: np.resize(m.a[l - 1].T @ m.delta[l], m.w[l].shape)), ("reshaped",)),
    "the bias unit stays, the last neuron goes": (change(back=with_bias_column), ("bias-unit",)),
    "the deltas' sum times the weights' sum": (
        change(back=lambda m, l: np.outer(m.delta[l + 1].sum(axis=1), m.w[l + 1].sum(axis=0))), ("product-of-sums",)),
    "z - y": (change(at_output=lambda m: m.z[m.L] - m.y), ("error-at-z",)),
    "sums that are never cleared": (Kept, ("accumulated",)),
    "softplus everywhere": (
        change(sigma=lambda m, z, l: np.logaddexp(z, 0), slope=lambda m, l: 1 / (1 + np.exp(-m.z[l]))),
        ("another-activation",)),
}  # fmt: skip
"""Rarer ones with the quadratic cost."""

SHARES: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the error in shares of the weights": (Shared, ("error-shared",)),
}  # fmt: skip
"""Of a minibatch not with relu, where the mistake is found in BP2 but not always named."""

DIVIDED: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "divided by sigma'": (
        change(times_output_slope=lambda m, e: e / m.slope(m.L), times_hidden_slope=lambda m, e, l: e / m.slope(l)),
        ("slope-divided",)),
    "divided by sigma' in hidden layers": (
        change(times_hidden_slope=lambda m, e, l: e / m.slope(l)), ("slope-divided",)),
    "y (1 - y)": (change(times_output_slope=lambda m, e: e * formula(m, m.y)), ("slope-of-target",)),
}  # fmt: skip
"""The same with sigmoid or tanh, whose slope is never 0."""

KEPT: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "sigmoid's slope kept": (change(slope=lambda m, l: m.a[l] * (1 - m.a[l])), ("slope-of-another",)),
}  # fmt: skip
"""With tanh."""

UNEVEN: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "sigma' at -z": (change(slope=lambda m, l: slope_at(m, l, -m.z[l])), ("slope-of-wrong-side",)),
}  # fmt: skip
"""Where sigma' is not the same on both sides of 0."""

CORNER: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "1 at z = 0": (change(slope=lambda m, l: np.where(m.z[l] < 0, 0, 1).astype(m.dtype)), ("slope-at-zero",)),
}  # fmt: skip
"""With relu."""

CROSS: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "y ln a alone": (
        change(times_output_slope=lambda m, e: m.y * (m.a[m.L] - 1)), ("half-cross-entropy",)),
}  # fmt: skip
"""With sigmoid and cross-entropy."""

MEANS: dict[str, tuple[type[Learner], tuple[str, ...]]] = {
    "the mean of the samples goes in": (Averaged, ("averaged-sample",)),
}  # fmt: skip
"""Minibatches."""
