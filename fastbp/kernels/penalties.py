"""l1 sum |w| + l2/2 sum w^2 over all weights, in blocks of rows that no number of threads changes."""

from __future__ import annotations

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import line, view
from fastbp.kernels.job import layer, settings
from fastbp.kernels.layout import PENALTY_ROWS

AT_ONCE = 4
"""Rows added to a sum between its load and its store, one after the other all the same."""


@strict
def n_blocks(job):
    """Blocks of rows in all layers."""
    total = 0
    for l in range(1, job.L + 1):
        total += (layer(job, l).K + PENALTY_ROWS - 1) // PENALTY_ROWS
    return total


@strict
def sum_block(squared, theta, at, n_rows, J, stride, partial):
    """sum w^2, or else sum |w|, of some rows, in float64: over k for each j, then over j."""
    w = view(theta, at, n_rows, stride, stride, 1)
    sums = line(partial, 0, stride)
    for j in range(stride):
        sums[j] = 0.0
    whole = n_rows // AT_ONCE * AT_ONCE
    for k in range(0, whole, AT_ONCE):
        for j in range(stride):
            s = sums[j]
            for i in range(AT_ONCE):
                value = np.float64(w[k + i, j])
                s += value * value if squared else abs(value)
            sums[j] = s
    for k in range(whole, n_rows):
        for j in range(stride):
            value = np.float64(w[k, j])
            sums[j] += value * value if squared else abs(value)
    total = 0.0
    for j in range(J):
        total += sums[j]
    return total


@strict
def penalty_sums(job, t):
    """Thread t's share of the blocks; nothing when nothing is penalised."""
    l1, l2 = settings(job).l1 != 0.0, settings(job).l2 != 0.0
    if not (l1 or l2):
        return
    widest = 0
    for l in range(1, job.L + 1):
        widest = max(widest, layer(job, l).stride)
    partial = line(job.sums, 2 * n_blocks(job) + widest * t, widest)
    block = 0
    for l in range(1, job.L + 1):
        K, J, stride = layer(job, l).K, layer(job, l).J, layer(job, l).stride
        for k in range(0, K, PENALTY_ROWS):
            if block % job.n_threads == t:
                n_rows = min(PENALTY_ROWS, K - k)
                at = layer(job, l).w + k * stride
                magnitudes = sum_block(False, job.theta, at, n_rows, J, stride, partial) if l1 else 0.0
                squares = sum_block(True, job.theta, at, n_rows, J, stride, partial) if l2 else 0.0
                job.sums[2 * block], job.sums[2 * block + 1] = magnitudes, squares
            block += 1


@strict
def total_penalty(job):
    """The penalty in C: the blocks' sums, added in order."""
    if settings(job).l1 == 0.0 and settings(job).l2 == 0.0:
        return 0.0
    magnitudes, squares = 0.0, 0.0
    for block in range(n_blocks(job)):
        magnitudes += job.sums[2 * block]
        squares += job.sums[2 * block + 1]
    return settings(job).l1 * magnitudes + settings(job).l2 * 0.5 * squares
