"""F1 and BP4 of layer 1 for samples of which only some a_k^0 are stored: loops over those, and over no other k.

A sum that skips a term 0 * w has the bits of the one that adds it, as long as w is finite: adding 0 changes nothing. So
these are the bits of the dense samples. (An infinite or NaN weight would make a dense sum NaN where k is not stored.)

``job.X`` holds the stored values of all samples one after another, ``job.indices`` their k, ascending in each sample,
and ``job.indptr[i]`` where sample i begins: SciPy's CSR.
"""

from __future__ import annotations

from fastbp.jit import fused, strict
from fastbp.jit.addresses import line
from fastbp.kernels.job import layer
from fastbp.kernels.matrix import row


@fused
def add_row(J, a, source, sums):
    """sums[j] += a source[j], the product fused with the sum."""
    for j in range(J):
        sums[j] += a * source[j]


@strict
def weighted_input(job, first, x0, x1, w, b, z):
    """F1: z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l

    Of layer 1, for samples x0..x1 of the tile that starts at place ``first`` of the epoch: reads the stored a_k of
    each, w[k, j] and b[j]; overwrites z[x, j], and its padding with 0, because sigma is taken of whole rows.
    """
    J, stride, width = layer(job, 1).J, layer(job, 1).stride, layer(job, 1).row
    bias = row(b, 0, J)
    for x in range(x0, x1):
        i = job.order[first + x] if job.ordered else first + x
        sums = row(z, x - x0, width)
        for j in range(J):
            sums[j] = bias[j]
        for j in range(J, width):
            sums[j] = 0
        for stored in range(job.indptr[i], job.indptr[i + 1]):
            add_row(J, job.X[stored], line(w.buf, job.indices[stored] * stride, J), sums)


@strict
def times(n, g, scale):
    """g[i] = scale * g[i]"""
    for i in range(n):
        g[i] = g[i] * scale


@strict
def weight_gradient(job, first, X, k0, k1, delta, g, starting, scale):
    """BP4: dC/dw_jk^l = a_k^{l-1} * delta_j^l

    Of layer 1, rows k0..k1, for X samples from place ``first`` of the epoch on: reads the stored a_k and delta[x, j];
    accumulates their products over x, in order, into g[k, j], which begins with row k0 and, when ``starting``, with 0;
    then scales the sums.
    """
    J, stride = layer(job, 1).J, layer(job, 1).stride
    n = (k1 - k0) * stride
    if starting:
        for i in range(n):
            g[i] = 0
    for x in range(X):
        i = job.order[first + x] if job.ordered else first + x
        d = row(delta, x, J)
        for stored in range(job.indptr[i], job.indptr[i + 1]):
            k = job.indices[stored]
            if k0 <= k < k1:
                add_row(J, job.X[stored], d, line(g, (k - k0) * stride, J))
    if scale != 1:  # of the last tile only: g is as large as w, and a tile touches few of its rows
        times(n, g, scale)
