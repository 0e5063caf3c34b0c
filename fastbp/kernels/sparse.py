"""F1 and BP4 of layer 1 for samples of which only some a_k^0 are stored: loops over those, and over no other k.

A sum that skips a term 0 * w has the bits of the one that adds it, as long as w is finite: adding 0 changes nothing. So
these are the bits of the dense samples. (An infinite or NaN weight would make a dense sum NaN where k is not stored.)

``data.X`` holds the stored values of all samples one after another, ``data.indices`` their k, ascending in each sample,
and ``data.indptr[i]`` where sample i begins: SciPy's CSR.
"""

from __future__ import annotations

from fastbp.jit import fused, strict
from fastbp.jit.addresses import Array, Real, exists, line
from fastbp.kernels.matrix import Matrix, row
from fastbp.kernels.records import Data, Layers, Tile
from fastbp.kernels.views import layer


@fused
def add_row(J: int, a: Real, source: Array, sums: Array) -> None:
    """sums[j] += a source[j], the product fused with the sum."""
    for j in range(J):
        sums[j] += a * source[j]


@strict
def weighted_input(layers: Layers, data: Data, tile: Tile, w: Matrix, b: Matrix, z: Matrix) -> None:
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l

    Of layer 1, for the samples of a tile: reads the stored a_k of each, w[k, j] and b[j]; overwrites z[x, j], and its
    padding with 0, because sigma is taken of whole rows.
    """
    J, stride, width = layer(layers, 1).J, layer(layers, 1).stride, layer(layers, 1).row
    bias = row(b, 0, J)
    for x in range(tile.X):
        i = data.order[tile.place + x] if exists(data.order) else tile.place + x
        sums = row(z, x, width)
        for j in range(J):
            sums[j] = bias[j]
        for j in range(J, width):
            sums[j] = 0
        for stored in range(data.indptr[i], data.indptr[i + 1]):
            add_row(J, data.X[stored], line(w.buf, data.indices[stored] * stride, J), sums)


@strict
def times(n: int, g: Array, scale: Real) -> None:
    """g[i] = scale * g[i]"""
    for i in range(n):
        g[i] = g[i] * scale


@strict
def weight_gradient(
    layers: Layers, data: Data, tile: Tile, k0: int, delta: Matrix, g: Array, starting: bool, scale: Real
) -> None:
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Of layer 1, rows k0 to the end of g, for the samples of a tile: reads the stored a_k and delta[x, j]; accumulates
    their products over x, in order, into g[k, j], which begins with row k0 and, when ``starting``, with 0; then scales
    the sums.
    """
    J, stride = layer(layers, 1).J, layer(layers, 1).stride
    n = g.size
    k1 = k0 + n // stride
    if starting:
        for i in range(n):
            g[i] = 0
    for x in range(tile.X):
        i = data.order[tile.place + x] if exists(data.order) else tile.place + x
        d = row(delta, x, J)
        for stored in range(data.indptr[i], data.indptr[i + 1]):
            k = data.indices[stored]
            if k0 <= k < k1:
                add_row(J, data.X[stored], d, line(g, (k - k0) * stride, J))
    if scale != 1:  # of the last tile only: g is as large as w, and a tile touches few of its rows
        times(n, g, scale)
