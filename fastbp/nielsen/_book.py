"""The book's lists of columns, checked; and its loops in plain Python, through whatever the net's methods are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastbp.chunks import chunks

Lists = tuple[list[Any], list[Any]]


def column(value: Any, n: int, name: str) -> np.ndarray:
    """The value, if it is a column of n numbers, or several side by side: a minibatch as a matrix, shape (n, m).

    In the book's code a vector of shape (n,) broadcasts against the biases, of shape (n, 1), to an (n, n) matrix, and
    everything goes on with it.
    """
    array = np.asarray(value)
    if array.ndim == 2 and len(array) == n:
        return array
    if array.shape == (n,):
        raise ValueError(
            f"{name} has shape ({n},); the book's net takes columns, of shape ({n}, 1). A vector of shape ({n},) would "
            f"broadcast against the biases to a matrix. Pass np.reshape({name.split()[0]}, ({n}, 1))."
        )
    hint = f"Pass vectorized_result({array}, {n})." if array.shape == () else "Pass one."
    raise ValueError(
        f"{name} has shape {array.shape}; the net needs a column of shape ({n}, 1), or a matrix with a sample in each "
        f"column, here. {hint}"
    )


def pairs(data: Any, name: str) -> list[tuple[Any, Any]]:
    """The samples as a list; a ``zip`` is used up once, as in the ports to Python 3."""
    try:
        listed = list(data)
    except TypeError:
        raise TypeError(f"{name} is {type(data).__name__}; a list of pairs (x, y) is needed. Pass one.") from None
    for i, pair in enumerate(listed):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"{name}[{i}] is no pair (x, y); each sample has an input and a target. Pass pairs.")
    return listed


def labelled(data: Any, name: str) -> list[tuple[Any, Any]]:
    """`pairs` to evaluate on, whose targets are digits; data for training, whose targets are columns, is refused."""
    listed = pairs(data, name)
    for i, (_, y) in enumerate(listed):
        if np.size(y) != 1:
            raise ValueError(
                f"The target of {name}[{i}] has shape {np.shape(y)}; to count right answers it takes a digit, as "
                "validation and test data have. Pass (x, int(np.argmax(y))) for each sample."
            )
    return listed


def _filled(array: np.ndarray, columns: Sequence[Any]) -> bool:
    """Copy columns into an array if they have its shape; whether they have."""
    given = np.array(columns, np.float64)
    if given.shape == array.shape:
        array[...] = given
    return given.shape == array.shape


def stacked(columns: Sequence[Any], n: int, name: str) -> np.ndarray:
    """Columns of n numbers as the rows of one float64 array."""
    array = np.empty((len(columns), n, 1))
    try:
        if all(_filled(array[rows], columns[rows]) for rows in chunks(len(columns), 8 * n)) and columns:
            return array[:, :, 0]
    except (ValueError, TypeError):
        pass
    for i, value in enumerate(columns):  # name the first one that is wrong
        wrong = column(value, n, f"{name} of sample {i}")
        if wrong.shape != (n, 1):
            raise ValueError(
                f"{name} of sample {i} has shape {wrong.shape}; SGD takes a sample as a column of shape ({n}, 1). Pass "
                "the columns one by one."
            )
    raise ValueError(f"{name} cannot be read as numbers. Pass arrays of shape ({n}, 1).")


def vectorized_result(j: int, n: int = 10) -> np.ndarray:
    """Column of n numbers, 1 in place j and 0 elsewhere."""
    unit = np.zeros((n, 1))
    unit[j] = 1.0
    return unit


def feedforward(net: Any, a: Any, sigmoid: Callable[[Any], Any]) -> np.ndarray:
    """a^L of one sample, or of m samples in the columns of a matrix."""
    a = column(a, np.shape(net.weights[0])[1], "a")
    for w, b in zip(net.weights, net.biases, strict=True):
        a = sigmoid(w @ a + b)
    return np.asarray(a)


def backprop(
    net: Any,
    x: Any,
    y: Any,
    sigmoid: Callable[[Any], Any],
    sigmoid_prime: Callable[[Any], Any],
    output_error: Callable[[Any, Any, Any], Any],
) -> Lists:
    """F1, F2, BP1 to BP4 of one sample, or of m samples in the columns of matrices.

    Parameters
    ----------
    net : Network
        Its ``num_layers`` says how far the errors go back, as in the book; layers below keep a gradient of zero.
    x, y : array_like, shapes (K, 1) and (J, 1), or (K, m) and (J, m)
    sigmoid, sigmoid_prime, output_error : functions
        sigma(z), sigma'(z) and delta^L of (z^L, a^L, y).

    Returns
    -------
    nabla_b, nabla_w : lists of numpy.ndarray
        delta^l of every sample, shape (J, 1) or (J, m); dC/dw^l summed over the samples, shape (J, K).
    """
    L = len(net.weights)
    a, z = [column(x, np.shape(net.weights[0])[1], "x")], []
    y = column(y, np.shape(net.weights[-1])[0], "y")
    for w, b in zip(net.weights, net.biases, strict=True):
        z.append(w @ a[-1] + b)
        a.append(sigmoid(z[-1]))
    nabla_b, nabla_w = zeros_like(net)
    delta = output_error(z[-1], a[-1], y)
    nabla_b[-1], nabla_w[-1] = delta, delta @ a[-2].T
    for l in range(L - 1, L - net.num_layers + 1, -1):  # l as in the notes: w^l is weights[l - 1]
        delta = net.weights[l].T @ delta * sigmoid_prime(z[l - 1])
        nabla_b[l - 1], nabla_w[l - 1] = delta, delta @ a[l - 1].T
    return nabla_b, nabla_w


def zeros_like(net: Any) -> Lists:
    """Zeros of the shapes of ``biases`` and ``weights``."""
    return [np.zeros(b.shape) for b in net.biases], [np.zeros(w.shape) for w in net.weights]


def standard_normal(sizes: Sequence[int]) -> Lists:
    """Biases and weights from the book's global generator, biases first: the book's seeds give the book's weights."""
    normal = np.random.randn
    biases = [normal(n_out, 1) for n_out in sizes[1:]]
    return biases, [normal(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]


def step(net: Any, mini_batch: Sequence[Any], eta: float, keep: float = 1.0) -> None:
    """One step of gradient descent: of the weights the part ``keep`` stays, and eta times the mean gradient goes."""
    eta = eta / len(mini_batch)
    sum_b, sum_w = summed_gradients(net, mini_batch)
    net.weights = [keep * np.asarray(w) - eta * g for w, g in zip(net.weights, sum_w, strict=False)]
    net.biases = [b - eta * g for b, g in zip(net.biases, sum_b, strict=False)]


def summed_gradients(net: Any, mini_batch: Sequence[Any]) -> Lists:
    """What ``net.backprop`` returns, summed over a minibatch (BP3, BP4)."""
    sum_b, sum_w = zeros_like(net)
    for x, y in mini_batch:
        nabla_b, nabla_w = net.backprop(x, y)
        sum_b = [total + one for total, one in zip(sum_b, nabla_b, strict=False)]  # of a user's own lists, as in
        sum_w = [total + one for total, one in zip(sum_w, nabla_w, strict=False)]  # the book, those that have a partner
    return sum_b, sum_w
