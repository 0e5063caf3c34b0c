"""The equations of one layer, for the samples x of a tile.

Letters as in the notes: j is a neuron of layer l; k one of layer l - 1 in F1 and BP4, of layer l + 1 in BP2. ``_prev``
is layer l - 1, ``_next`` layer l + 1. ``w[k, j]`` is w_jk^l: weights are stored input-major. Capitals count: X samples,
J and K neurons. Rows are padded to whole vectors; padding of a and z is arbitrary, that of delta 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.functions.activations import ACTIVATIONS, exp
from fastbp.functions.costs import COSTS
from fastbp.functions.entry import PAIR, SLOPES, CostFunction, by_code, is_own
from fastbp.jit import by_dtype, strict
from fastbp.jit.addresses import Array, Real, copy_line, line, number
from fastbp.jit.rows import call_row
from fastbp.kernels.gemm.epilogues import MULTIPLY, STORE
from fastbp.kernels.gemm.gemm import gemm
from fastbp.kernels.gemm.problem import Accumulation, Gemm, GemmWorkspace
from fastbp.kernels.gemm.row_sums import row_sums
from fastbp.kernels.matrix import Matrix, row, transposed


@strict
def weighted_input(
    X: int, J: int, K: int, a_prev: Matrix, w: Matrix, b: Matrix, z: Matrix, workspace: GemmWorkspace
) -> None:
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l

    Reads a_prev[x, k], w[k, j] and the repeated row b[j]; overwrites z[x, j].
    """
    one, zero = number(z.buf, 1), number(z.buf, 0)
    gemm(Gemm(m=X, n=J, k=K, a=a_prev, b=w, init=b, c=z, epilogue=STORE, scale=one, eta=zero), workspace)


@strict
def weighted_input_of_one(
    X: int, K: int, a_prev: Matrix, w: Matrix, b: Matrix, z: Matrix, sums: Matrix, workspace: GemmWorkspace
) -> None:
    """F1 of a single output, of samples side by side: z = sum_k w_k^L a_k^{L-1} + b^L

    Reads a_prev[x, k], the row w[k] and b; overwrites z[x], by way of ``sums``, which has room for the padding.
    """
    one, zero = number(z.buf, 1), number(z.buf, 0)
    z_1, z_x, b_1 = row(sums, 0, X), row(z, 0, X), row(b, 0, 1)
    for x in range(X):
        z_1[x] = b_1[0]
    w_row, a = Matrix(w.buf, 0, 1), transposed(a_prev)
    gemm(Gemm(m=1, n=X, k=K, a=w_row, b=a, init=sums, c=sums, epilogue=STORE, scale=one, eta=zero), workspace)
    for x in range(X):
        z_x[x] = z_1[x]


def _loops(code: int, pair: Callable[..., Any], otherwise: Callable[..., None]) -> Callable[..., None]:
    """The loop of one activation, without a choice inside, so that LLVM makes vector code of it."""

    @strict
    def loop(chosen: int, n: int, z: Array, a: Array, d: Array) -> None:
        if chosen == code:
            for i in range(n):
                a[i], d[i] = pair(z[i])
        else:
            otherwise(chosen, n, z, a, d)

    return loop


@strict
def _own_loop(code: int, n: int, z: Array, a: Array, d: Array) -> None:
    if is_own(code):
        call_row(code, PAIR, n, z, a, d)


_loop = by_code([entry.pair for entry in ACTIVATIONS], _loops, _own_loop)


@strict
def activation(code: int, n: int, z: Array, a: Array, d: Array) -> None:
    """F2: a_j^l = sigma(z_j^l)

    Reads n elements of z; overwrites a with sigma(z) and d with sigma'(z), from one exponential.
    """
    _loop(code, n, z, a, d)


@strict
def softmax(X: int, J: int, z: Matrix, a: Matrix, d: Matrix) -> None:
    """F2 of the one activation that is a function of a whole layer: a_j = e^z_j / sum_i e^z_i.

    Reads z[x, j], overwrites a[x, j], and d[x, 0] with the sum of e^(z_i - largest z), for the costs. The rows of ``a``
    lie one after another, padding included, and their exponentials are taken in one loop, which is vector code where a
    row of ten would be half of it scalar.
    """
    for x in range(X):
        z_x, a_x = row(z, x, J), row(a, x, J)
        largest = z_x[0]
        for j in range(1, J):
            largest = max(largest, z_x[j])
        for j in range(J):
            a_x[j] = z_x[j] - largest
    n = X * a.i
    powers = row(a, 0, n)
    for i in range(n):
        powers[i] = exp(powers[i])
    for x in range(X):
        a_x = row(a, x, J)
        total = number(a.buf, 0)
        for j in range(J):
            total += a_x[j]
        for j in range(J):
            a_x[j] = a_x[j] / total
        d_x = row(d, x, J)
        d_x[0] = total


def _error_loops(code: int, entry: CostFunction, otherwise: Callable[..., None]) -> Callable[..., None]:
    """Likewise the loop of one cost: its slope times sigma'(z), unless that cancels."""
    slope, cancels = entry.slope, entry.cancels

    @strict
    def loop(cost: int, p: Real, n: int, z: Array, a: Array, y: Array, d: Array) -> None:
        if cost == code:
            for i in range(n):
                e = slope(z[i], a[i], y[i], p)
                d[i] = e if cancels else e * d[i]
        else:
            otherwise(cost, p, n, z, a, y, d)

    return loop


@strict
def _own_error_loop(cost: int, p: Real, n: int, z: Array, a: Array, y: Array, d: Array) -> None:
    if is_own(cost):
        call_row(cost, SLOPES, n, a, y, d)


_error_loop = by_code(COSTS, _error_loops, _own_error_loop)


@strict
def output_error(cost: int, p: Real, n: int, z: Array, a: Array, y: Array, d: Array) -> None:
    """BP1: delta_j^L = dC/da_j^L * sigma'(z_j^L)

    Reads n elements of z, a and y, and the cost's parameter; d holds sigma'(z) and is overwritten with delta. With
    some costs, cross-entropy among them, sigma' cancels against the derivative of the cost.
    """
    _error_loop(cost, p, n, z, a, y, d)


@strict
def weigh(n: int, s: Real, d: Array) -> None:
    """s_x delta_j of one sample: d[j] is overwritten."""
    for j in range(n):
        d[j] = d[j] * s


@strict
def weigh_outputs(J: int, u: Array, y: Array, d: Array) -> None:
    """u_j delta_j of one sample; 0 where u_j is, or the target is missing, which is NaN: d[j] is overwritten."""
    zero = u[0] - u[0]
    for j in range(J):
        d[j] = u[j] * d[j] if y[j] == y[j] and u[j] != zero else zero


@strict
def hidden_error(
    X: int, J: int, K: int, w_next: Matrix, delta_next: Matrix, zeros: Matrix, delta: Matrix, workspace: GemmWorkspace
) -> None:
    """BP2: delta_j^l = sigma'(z_j^l) * sum_k w_kj^{l+1} delta_k^{l+1}

    Reads delta_next[x, k] and w_next[j, k]; delta[x, j] holds sigma'(z_j), by which the sum is multiplied, and is
    overwritten with delta_j.
    """
    one, zero, w = number(delta.buf, 1), number(delta.buf, 0), transposed(w_next)
    gemm(Gemm(m=X, n=J, k=K, a=delta_next, b=w, init=zeros, c=delta, epilogue=MULTIPLY, scale=one, eta=zero), workspace)


@strict
def clear_padding(X: int, J: int, width: int, zeros: Matrix, d: Matrix) -> None:
    """Overwrite columns J to ``width`` of d[x, j] with 0."""
    n = width - J
    if n > 0:
        for x in range(X):
            copy_line(n, line(d.buf, x * d.i + J, n), row(zeros, 0, n))


@strict
def weight_gradient(
    K: int, J: int, X: int, a_prev: Matrix, delta: Matrix, g: Matrix, into: Accumulation, workspace: GemmWorkspace
) -> None:
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Reads a_prev[x, k] and delta[x, j]; accumulates their products over x into g[k, j] as the ``Accumulation`` says:
    where its epilogue is SGD_STEP, g is w itself, and takes the step U.
    """
    init, epilogue, scale, eta = into
    a, b = transposed(a_prev), delta
    gemm(Gemm(m=K, n=J, k=X, a=a, b=b, init=init, c=g, epilogue=epilogue, scale=scale, eta=eta), workspace)


@strict
def weight_gradient_of_one(
    K: int, X: int, a_prev: Matrix, delta: Matrix, g: Matrix, into: Accumulation, workspace: GemmWorkspace
) -> None:
    """BP4 of a single output, of samples side by side: dC/dw_k^L = a_k^{L-1} * delta^L

    Reads a_prev[x, k] and delta[x]; accumulates over x into the row g[k] and its padding, like ``weight_gradient``.
    """
    init, epilogue, scale, eta = into
    a, b = Matrix(delta.buf, 0, 1), a_prev
    gemm(Gemm(m=1, n=K, k=X, a=a, b=b, init=init, c=g, epilogue=epilogue, scale=scale, eta=eta), workspace)


@strict
def bias_gradient(J: int, X: int, delta: Matrix, g: Matrix, into: Accumulation) -> None:
    """BP3: dC/db_j^l = delta_j^l

    Reads delta[x, j]; accumulates over x into the row g[j] as ``weight_gradient`` does: BP3 is BP4 of a neuron that is
    always 1.
    """
    row_sums(J, X, delta, g, into)


@strict
def _magnitude_32(z: Real) -> Real:
    return np.int32(np.float32(z).view(np.int32) & np.int32(0x7FFFFFFF))


@strict
def _magnitude_64(z: Real) -> Real:
    return np.float64(z).view(np.int64) & np.int64(0x7FFFFFFFFFFFFFFF)


magnitude = by_dtype(_magnitude_32, _magnitude_64)


@strict
def largest(X: int, J: int, a: Matrix, so_far: int) -> int:
    """The largest |a[x, j]| as bits: they order as the numbers do, infinity next and NaN on top: nothing escapes."""
    if J == a.i:
        X, J = 1, X * J
    most = magnitude(number(a.buf, 0))
    for x in range(X):
        a_x = row(a, x, J)
        for j in range(J):
            bits = magnitude(a_x[j])
            most = bits if bits > most else most
    return int(max(so_far, most))


@strict
def _from_bits_32(like: Real, bits: int) -> Real:
    return np.float64(np.int32(bits).view(np.float32))


@strict
def _from_bits_64(like: Real, bits: int) -> Real:
    return np.float64(np.int64(bits).view(np.float64))


from_bits = by_dtype(_from_bits_32, _from_bits_64)
"""``from_bits(like, bits)``: the float64 value of a magnitude of ``like``'s dtype."""
