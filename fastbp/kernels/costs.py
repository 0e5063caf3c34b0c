"""C_x of each sample, in the net's dtype."""

from __future__ import annotations

from collections.abc import Callable

from fastbp.functions.costs import CLIPPED, COSTS, clipped_probability, term
from fastbp.functions.elementary import log
from fastbp.functions.entry import TERMS, by_code, is_own
from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real, line, number
from fastbp.jit.rows import call_row
from fastbp.kernels.matrix import Matrix, row


def _loops(code: int, term: Callable[..., Real], otherwise: Callable[..., None]) -> Callable[..., None]:
    @strict
    def loop(cost: int, p: Real, X: int, J: int, z: Matrix, a: Matrix, y: Matrix, out: Array) -> None:
        if cost == code:
            for x in range(X):
                z_x, a_x, y_x = row(z, x, J), row(a, x, J), row(y, x, J)
                C = number(z.buf, 0)
                for j in range(J):
                    C = term(C, z_x[j], a_x[j], y_x[j], p)
                out[x] = C
        else:
            otherwise(cost, p, X, J, z, a, y, out)

    return loop


@strict
def _own_loop(cost: int, p: Real, X: int, J: int, z: Matrix, a: Matrix, y: Matrix, out: Array) -> None:
    if is_own(cost):
        for x in range(X):
            out[x] = number(z.buf, 0)
            call_row(cost, TERMS, J, row(a, x, J), row(y, x, J), line(out, x, 1))


of_outputs = by_code([entry.term for entry in COSTS], _loops, _own_loop)
"""(cost, p, X, J, z, a, y, out): C_x of X samples whose rows of z^L, a^L and y are given, into the vector ``out``."""


@strict
def of_weighed_outputs(cost: int, p: Real, z: Matrix, a: Matrix, y: Matrix, u: Array, out: Array) -> None:
    """C_x = sum_j u_j c(a_j, y_j) over those outputs that count: u_j is not 0, nor y_j missing, which is NaN.

    Of as many samples as ``out`` has room for, and as many outputs as there are u[j].
    """
    zero, J = number(z.buf, 0), u.size
    for x in range(out.size):
        z_x, a_x, y_x = row(z, x, J), row(a, x, J), row(y, x, J)
        C = zero
        for j in range(J):
            if y_x[j] == y_x[j] and u[j] != zero:
                C += u[j] * term(cost, zero, z_x[j], a_x[j], y_x[j], p)
        out[x] = C


@strict
def categorical_cross_entropy(X: int, J: int, z: Matrix, d: Matrix, y: Matrix, out: Array) -> None:
    """C_x = sum_j y_j (ln sum_i e^z_i - z_j), which is - sum_j y_j ln a_j of the softmax, for X samples.

    `dense.softmax` has left the sum of e^(z_i - largest z) in d[x, 0]. Logarithms side by side, for which LLVM has
    vector code: the samples wait in ``out``.
    """
    for x in range(X):
        d_x = row(d, x, J)
        out[x] = d_x[0]
    for x in range(X):
        out[x] = log(out[x])
    for x in range(X):
        z_x, y_x = row(z, x, J), row(y, x, J)
        largest = z_x[0]
        for j in range(1, J):
            largest = max(largest, z_x[j])
        log_sum = largest + out[x]
        cost = number(z.buf, 0)
        for j in range(J):
            cost += y_x[j] * (log_sum - z_x[j])
        out[x] = cost


@strict
def clipped_categorical_cross_entropy(X: int, J: int, a: Matrix, y: Matrix, out: Array) -> None:
    """C_x of softmax as scikit-learn reports it, from clipped probabilities, for X one-hot rows y.

    Logarithms side by side, for which LLVM has vector code: the samples wait in ``out``.
    """
    one = number(a.buf, 1)
    for x in range(X):
        a_x, y_x = row(a, x, J), row(y, x, J)
        p = number(a.buf, 0)
        for j in range(J):
            p += y_x[j] * a_x[j]
        out[x] = p
    for x in range(X):
        out[x] = log(one / clipped_probability(out[x]))


@strict
def of_softmax(cost: int, X: int, J: int, z: Matrix, a: Matrix, d: Matrix, y: Matrix, out: Array) -> None:
    """C_x of X samples of softmax, which is no function of one z, from what F2 has left in d beside rows as above."""
    if cost == CLIPPED:
        clipped_categorical_cross_entropy(X, J, a, y, out)
    else:
        categorical_cross_entropy(X, J, z, d, y, out)
