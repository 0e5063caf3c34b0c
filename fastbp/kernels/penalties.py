"""l1 sum |w| + l2/2 sum w^2 over all weights, in blocks of rows that no number of threads changes."""

from __future__ import annotations

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Buffer, line, view
from fastbp.kernels.layout import PENALTY_ROWS
from fastbp.kernels.records import Layers, Training
from fastbp.kernels.views import layer, settings

AT_ONCE = 4
"""Rows added to a sum between its load and its store, one after the other all the same."""


@strict
def n_blocks(layers: Layers) -> int:
    """Blocks of rows in all layers."""
    total = 0
    for l in range(1, layers.L + 1):
        total += (layer(layers, l).K + PENALTY_ROWS - 1) // PENALTY_ROWS
    return total


@strict
def sum_block(squared: bool, theta: Buffer, at: int, n_rows: int, J: int, stride: int, partial: Array) -> float:
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
def penalty_sums(training: Training, t: int) -> None:
    """Thread t's share of the blocks; nothing when nothing is penalised."""
    layers, sums = training.layers, training.optimizer.sums
    l1, l2 = settings(training.optimizer).l1 != 0.0, settings(training.optimizer).l2 != 0.0
    if not (l1 or l2):
        return
    widest = 0
    for l in range(1, layers.L + 1):
        widest = max(widest, layer(layers, l).stride)
    partial = line(sums, 2 * n_blocks(layers) + widest * t, widest)
    block = 0
    for l in range(1, layers.L + 1):
        K, J, stride = layer(layers, l).K, layer(layers, l).J, layer(layers, l).stride
        for k in range(0, K, PENALTY_ROWS):
            if block % training.control.n_threads == t:
                n_rows = min(PENALTY_ROWS, K - k)
                at = layer(layers, l).w + k * stride
                magnitudes = sum_block(False, layers.theta, at, n_rows, J, stride, partial) if l1 else 0.0
                squares = sum_block(True, layers.theta, at, n_rows, J, stride, partial) if l2 else 0.0
                sums[2 * block], sums[2 * block + 1] = magnitudes, squares
            block += 1


@strict
def total_penalty(training: Training) -> float:
    """The penalty in C: the blocks' sums, added in order."""
    known, sums = settings(training.optimizer), training.optimizer.sums
    if known.l1 == 0.0 and known.l2 == 0.0:
        return 0.0
    magnitudes, squares = 0.0, 0.0
    for block in range(n_blocks(training.layers)):
        magnitudes += sums[2 * block]
        squares += sums[2 * block + 1]
    return float(known.l1 * magnitudes + known.l2 * 0.5 * squares)
