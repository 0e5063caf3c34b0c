"""The mistakes that learners make, each as a gradient that has it: what `diagnose` and `check_backprop` compare with.

The gradients here are spelled in NumPy, sample by sample, apart from the kernels and the textbook's composition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastbp import textbook
from fastbp.activations import CODES

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Mistake:
    """A mistake by name.

    Attributes
    ----------
    name : str
    equation : str
        The label of the equation that is wrong, or "averaging".
    title, why, fix : str
        What was done, how it comes about, what to write.
    """

    name: str
    equation: str
    title: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name} ({self.equation}): {self.title} {self.why} {self.fix}"


_ALL = (
    Mistake(
        "w-not-transposed",
        "BP2",
        "The weights are used where their transpose belongs.",
        "In delta_j^l the sum runs over k, the first index of w_kj^{l+1}: down a column. w @ delta runs along a row.",
        "Write w[l+1].T @ delta[l+1]. The transpose is not the inverse: w need not even be square.",
    ),
    Mistake(
        "slope-at-a",
        "BP1, BP2",
        "sigma' is taken at a instead of z.",
        "sigma' is a function of the weighted input. Code for a (1 - a) takes a; code for "
        "sigma(z) (1 - sigma(z)) takes z: mixing them applies sigma twice.",
        "Keep z of every layer from the forward pass and call sigma_prime(z[l]).",
    ),
    Mistake(
        "sigma-not-slope",
        "BP1, BP2",
        "sigma is used where sigma' belongs.",
        "Link 1 of the chain is the slope of sigma, not its value.",
        "Multiply by sigma_prime(z[l]), for the sigmoid a * (1 - a).",
    ),
    Mistake(
        "no-hidden-slope",
        "BP2",
        "sigma'(z_j^l) is missing in the hidden layers.",
        "Link 2 alone gives dC/da_j^l; link 1 turns it into dC/dz_j^l.",
        "delta[l] = sigma_prime(z[l]) * (w[l+1].T @ delta[l+1]).",
    ),
    Mistake(
        "no-output-slope",
        "BP1",
        "sigma'(z_j^L) is missing in the output layer.",
        "With the quadratic cost it does not cancel; only cross-entropy leaves a - y alone.",
        "delta[L] = (a[L] - y) * sigma_prime(z[L]).",
    ),
    Mistake(
        "one-path",
        "BP2",
        "One path instead of the sum over k.",
        "The cost feels z_j^l through every neuron k of the next layer, and the changes add up. Often an = in the "
        "loop where += belongs.",
        "Add up all k: total += w[l+1][k, j] * delta[l+1][k].",
    ),
    Mistake(
        "updated-weights",
        "BP2",
        "BP2 uses weights that are already updated.",
        "All derivatives belong to one point: the weights before the step. Layer l+1 was moved before its errors went "
        "back through it.",
        "Compute every gradient first; then update every layer.",
    ),
    Mistake(
        "y-minus-a",
        "BP1",
        "The sign of the error is turned: y - a instead of a - y.",
        "C falls where a moves towards y, so dC/da is a - y. y - a is the negative gradient, which only fits w += ...",
        "delta[L] starts from a[L] - y, and the update subtracts.",
    ),
    Mistake(
        "no-half",
        "BP1",
        "The cost has no 1/2: everything is twice too large.",
        "The derivative of (y - a)^2 is 2 (a - y); the notes' C has a 1/2 that cancels the 2.",
        "Use a - y without the 2, or state the other cost.",
    ),
    Mistake(
        "mean-over-outputs",
        "BP1",
        "The cost is a mean over the outputs instead of a sum.",
        "Libraries' mean squared error also divides by the number of outputs; the notes' C sums over j.",
        "Divide by the number of samples only.",
    ),
    Mistake(
        "extra-slope",
        "BP1",
        "An extra sigma' with cross-entropy.",
        "The cross-entropy's 1 / (a (1 - a)) has already cancelled it; for softmax the sum over k collapses to a - y.",
        "delta[L] = a[L] - y, and nothing else.",
    ),
    Mistake(
        "outer-transposed",
        "BP4",
        "The outer product is transposed.",
        "dC/dw_jk^l = a_k^{l-1} delta_j^l: j, the row, comes from delta; k, the column, from a.",
        "np.outer(delta[l], a[l-1]), of the shape of w[l].",
    ),
    Mistake(
        "z-not-a",
        "BP4",
        "BP4 uses z_k^{l-1} instead of a_k^{l-1}.",
        "What enters through a weight is the activation of the layer before; in layer 1 that is the sample itself.",
        "np.outer(delta[l], a[l-1]).",
    ),
    Mistake(
        "no-bias",
        "F1",
        "The bias is missing in the weighted input.",
        "z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l: without b every later number moves.",
        "z = w[l] @ a + b[l].",
    ),
    Mistake(
        "no-bias-gradient",
        "BP3",
        "The gradient of the biases is 0.",
        "A bias moves its weighted input one to one, so dC/db_j^l is delta_j^l.",
        "grad_b[l] = delta[l].",
    ),
    Mistake(
        "sum-not-mean",
        "averaging",
        "The gradients of the samples are added and not divided.",
        "C of a minibatch is the mean over its samples.",
        "Divide the sum once by the number of samples.",
    ),
    Mistake(
        "averaged-sample",
        "averaging",
        "The samples are averaged first, and one pass is made of their mean.",
        "sigma is curved: the mean of the inputs does not give the mean of the gradients.",
        "Backpropagate every sample; average the gradients.",
    ),
    Mistake(
        "last-sample",
        "averaging",
        "Only one sample's gradient is there.",
        "An = in the loop over the samples where += belongs: each one overwrites the one before.",
        "grad_w[l] += np.outer(delta[l], a[l-1]).",
    ),
    Mistake(
        "accumulated",
        "averaging",
        "Gradients of an earlier call are still in there.",
        "The arrays that are added to were made once, outside of the function, and never set to 0.",
        "Make new arrays of zeros in every call.",
    ),
)
MISTAKES = {mistake.name: mistake for mistake in _ALL}
"""Name -> mistake."""

LAYER_WIDE = {"w-not-transposed", "outer-transposed"}
"""Mistakes that fit only square weights; elsewhere NumPy raises, or shapes are wrong."""


class Problem(NamedTuple):
    """Parameters and samples: lists hold layer l = 1..L at index l - 1."""

    w: Arrays
    b: Arrays
    X: np.ndarray
    Y: np.ndarray
    activations: Sequence[str]
    cost: str
    before: tuple[np.ndarray, np.ndarray] | None = None
    """Samples and targets of an earlier call."""


class Found(NamedTuple):
    """Gradients, and the errors of the last sample; index l - 1."""

    w: Arrays
    b: Arrays
    delta: Arrays


Flags = frozenset[str]
RIGHT: Flags = frozenset()


def _slope(name: str, z: np.ndarray, flags: Flags) -> np.ndarray:
    if name == "softmax":
        a = textbook.softmax(z)
        return np.asarray(a * (1 - a))
    code = CODES[name]
    if "slope-at-a" in flags:
        return np.asarray(textbook.link_1(code, textbook.activation(code, z)))
    if "sigma-not-slope" in flags:
        return np.asarray(textbook.activation(code, z))
    return np.asarray(textbook.link_1(code, z))


def _output(problem: Problem, a: np.ndarray, z: np.ndarray, y: np.ndarray, flags: Flags) -> np.ndarray:
    """BP1."""
    delta = y - a if "y-minus-a" in flags else a - y
    if "no-half" in flags:
        delta = 2 * delta
    if "mean-over-outputs" in flags:
        delta = delta / len(delta)
    if problem.cost == "quadratic":
        has_slope = "no-output-slope" not in flags
    else:
        has_slope = "extra-slope" in flags
    return np.asarray(delta * _slope(problem.activations[-1], z, flags) if has_slope else delta)


def _sums(w: np.ndarray, delta: np.ndarray, flags: Flags) -> np.ndarray:
    """The sum over k of BP2."""
    if "w-not-transposed" in flags:
        return np.asarray(w @ delta)
    if "one-path" in flags:
        return np.asarray(w[0] * delta[0])
    if "one-path:last" in flags:
        return np.asarray(w[-1] * delta[-1])
    return np.asarray(w.T @ delta)


def _one(problem: Problem, x: np.ndarray, y: np.ndarray, flags: Flags, moved: Arrays | float | None) -> Found:
    """One sample. ``moved``: the weights that BP2 takes if others than w, or the step size that moves them."""
    w, b, names = problem.w, problem.b, problem.activations
    L = len(w)
    a, z = [x], []
    for l in range(L):
        z.append(w[l] @ a[l] + (0 if "no-bias" in flags else b[l]))
        softmax = names[l] == "softmax"
        a.append(textbook.softmax(z[l]) if softmax else textbook.activation(CODES[names[l]], z[l]))
    delta: Arrays = [np.empty(0)] * L
    delta[-1] = _output(problem, a[-1], z[-1], y, flags)
    for l in range(L - 2, -1, -1):
        ahead = w[l + 1]
        if isinstance(moved, float):
            ahead = ahead - moved * np.outer(delta[l + 1], a[l + 1])
        elif moved is not None:
            ahead = moved[l + 1]
        delta[l] = _sums(ahead, delta[l + 1], flags)
        if "no-hidden-slope" not in flags:
            delta[l] = delta[l] * _slope(names[l], z[l], flags)
    enters = [x, *(z[:-1] if "z-not-a" in flags else a[1:-1])]
    outer = [np.outer(a_prev, d) if "outer-transposed" in flags else np.outer(d, a_prev)
             for d, a_prev in zip(delta, enters, strict=True)]  # fmt: skip
    return Found(outer, [np.zeros_like(d) if "no-bias-gradient" in flags else d for d in delta], delta)


def _scaled(found: Iterable[Found], factor: float) -> Found:
    found = list(found)

    def total(parts: Iterable[Arrays]) -> Arrays:
        return [np.asarray(sum(arrays) * factor) for arrays in zip(*parts, strict=True)]

    return Found(total(f.w for f in found), total(f.b for f in found), found[-1].delta)


def gradient(problem: Problem, flags: Flags = RIGHT, eta: float | None = None) -> Found:
    """The gradient of C over the samples, with these mistakes in it.

    ``eta`` is the step of ``updated-weights``: of each sample by itself, or, with ``updated-weights:batch``, of all.
    Raises ValueError where a mistake does not fit the shapes.
    """
    X, Y = problem.X, problem.Y
    n = len(X)
    moved: Arrays | float | None = None
    if "updated-weights" in flags:
        moved = 0.0 if eta is None else float(eta)
    elif "updated-weights:batch" in flags:
        right = gradient(problem, flags - {"updated-weights:batch"})
        moved = [w - (0.0 if eta is None else eta) * g for w, g in zip(problem.w, right.w, strict=True)]
    if "averaged-sample" in flags:
        return _one(problem, X.mean(axis=0), Y.mean(axis=0), flags, moved)
    samples = list(zip(X, Y, strict=True))
    if "last-sample" in flags or "last-sample:divided" in flags:
        return _scaled([_one(problem, X[-1], Y[-1], flags, moved)], 1.0 if "last-sample" in flags else 1 / n)
    found = _scaled((_one(problem, x, y, flags, moved) for x, y in samples), 1.0 if "sum-not-mean" in flags else 1 / n)
    if "accumulated" in flags:
        X_0, Y_0 = (X, Y) if problem.before is None else problem.before
        earlier = gradient(problem._replace(X=X_0, Y=Y_0, before=None), flags - {"accumulated"})
        found = _scaled([earlier, found], 1.0)
    return found


VARIANTS = {
    "one-path": ("one-path", "one-path:last"),
    "updated-weights": ("updated-weights", "updated-weights:batch"),
    "last-sample": ("last-sample", "last-sample:divided"),
}
"""Forms that one mistake takes."""


def candidates(problem: Problem, names: Sequence[str] = tuple(MISTAKES)) -> Iterator[tuple[str, Flags]]:
    """Mistakes that this problem can show, in every form."""
    quadratic, several = problem.cost == "quadratic", len(problem.X) > 1
    for name in names:
        if name in ("no-output-slope", "no-half") and not quadratic:
            continue
        if name == "extra-slope" and quadratic:
            continue
        if name in ("sum-not-mean", "averaged-sample", "last-sample") and not several:
            continue
        for variant in VARIANTS.get(name, (name,)):
            if variant == "updated-weights:batch" and not several:
                continue
            yield name, frozenset([variant])


def pairs(problem: Problem) -> Iterator[tuple[tuple[str, str], Flags]]:
    """Two mistakes at once."""
    single = [pair for pair in candidates(problem) if not pair[0].startswith("updated")]
    for (one, a), (other, b) in itertools.combinations(single, 2):
        if one != other:
            yield (one, other), a | b


def step_size(problem: Problem, flags: Flags, b_hidden: np.ndarray, w_hidden: np.ndarray | None) -> float | None:
    """The eta with which ``updated-weights`` comes nearest to the gradient of layer L - 1, in which eta is linear."""
    if len(problem.w) < 2:
        return None
    base, one = gradient(problem, flags, 0.0), gradient(problem, flags, 1.0)
    l = len(problem.w) - 2
    parts = [(base.b[l], one.b[l], b_hidden)] + ([] if w_hidden is None else [(base.w[l], one.w[l], w_hidden)])
    slope = np.concatenate([(o - z).ravel() for z, o, _ in parts])
    wanted = np.concatenate([(np.asarray(g, float) - z).ravel() for z, _, g in parts])
    size = float(slope @ slope)
    return None if size == 0 else float(slope @ wanted) / size
