"""Updates U that wait for the whole gradient: after clipping by norm, and by a user's own function.

A gradient longer than allowed is scaled to the length allowed.

The sum of squares is that of blocks of parameters, each in order, added in the order of the blocks: the number of
threads does not change it.
"""

from __future__ import annotations

import math

import numpy as np

from fastbp.jit import apart, strict
from fastbp.jit.addresses import Array, line, number
from fastbp.kernels.own_update import own_step
from fastbp.kernels.parameters import constants, step
from fastbp.kernels.records import Optimizer, Training
from fastbp.kernels.team import barrier
from fastbp.kernels.updates import OWN
from fastbp.kernels.views import layer, settings

BLOCK = 1024
"""Parameters whose squares are summed apart."""


@strict
def sum_of_squares(n: int, g: Array) -> float:
    """sum_i g_i^2 in float64, in order."""
    total = 0.0
    for i in range(n):
        total += np.float64(g[i]) * np.float64(g[i])
    return total


@strict
def n_blocks(optimizer: Optimizer) -> int:
    """Blocks of parameters."""
    return (optimizer.size + BLOCK - 1) // BLOCK


@strict
def thread_squares(optimizer: Optimizer, n_threads: int, t: int) -> None:
    """Thread t's share of the sums of squares."""
    sums, n = settings(optimizer).clip_sums, n_blocks(optimizer)
    for block in range(n * t // n_threads, n * (t + 1) // n_threads):
        size = min(BLOCK, optimizer.size - block * BLOCK)
        optimizer.sums[sums + block] = sum_of_squares(size, line(optimizer.g, block * BLOCK, size))


@strict
def factor(optimizer: Optimizer) -> float:
    """1, or what scales the gradient to the length allowed."""
    sums, longest = settings(optimizer).clip_sums, settings(optimizer).clip_norm
    total = 0.0
    for block in range(n_blocks(optimizer)):
        total += optimizer.sums[sums + block]
    norm = math.sqrt(total)
    return longest / norm if norm > longest else 1.0


@strict
def thread_update(training: Training, m: int, by: float, t: int) -> None:
    """U of thread t's share of the parameters in minibatch m, with the gradient scaled by ``by``."""
    layers, optimizer, n_threads = training.layers, training.optimizer, training.control.n_threads
    first = n_blocks(optimizer) * t // n_threads * BLOCK
    last = min(n_blocks(optimizer) * (t + 1) // n_threads * BLOCK, optimizer.size)
    for l in range(1, layers.L + 1):
        end = layer(layers, l + 1).w if l < layers.L else optimizer.size
        at, rate = max(first, layer(layers, l).w), layer(layers, l).rate
        n = min(last, end) - at
        if n > 0 and rate != 0.0:
            g = line(optimizer.g, at, n)
            if by != 1.0:
                scale = number(g, by)
                for i in range(n):
                    g[i] = g[i] * scale
            c = constants(training, m, rate)
            if optimizer.code == OWN:
                own_step(training, l, g, at, n, c)
            else:
                step(training, g, at, n, number(g, 0), c)


@strict
@apart
def update_of_all(training: Training, m: int, t: int) -> bool:
    """U of minibatch m, whose gradient, penalty included, is in g: of frozen weights it is 0.

    Whether all that a user's own update has made is finite, which all threads learn.
    """
    optimizer, threads, n_threads = training.optimizer, training.control.threads, training.control.n_threads
    known = settings(optimizer)
    barrier(threads, n_threads, t)
    by = 1.0
    if optimizer.code == OWN and t == 0:
        known.beta_1_power += 1.0
    if known.clip_norm < np.inf:
        thread_squares(optimizer, n_threads, t)
    barrier(threads, n_threads, t)
    if known.clip_norm < np.inf:
        by = factor(optimizer)
    thread_update(training, m, by, t)
    if optimizer.code != OWN:
        return True
    barrier(threads, n_threads, t)
    return bool(known.failed == 0)
