"""Clipping by norm: a gradient longer than allowed is scaled to the length allowed, then the update U follows.

The sum of squares is that of blocks of parameters, each in order, added in the order of the blocks: the number of
threads does not change it.
"""

from __future__ import annotations

import math

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import line, number
from fastbp.kernels.job import settings
from fastbp.kernels.team import barrier
from fastbp.kernels.updates import update

BLOCK = 1024
"""Parameters whose squares are summed apart."""


@strict
def sum_of_squares(n, g):
    """sum_i g_i^2 in float64, in order."""
    total = 0.0
    for i in range(n):
        total += np.float64(g[i]) * np.float64(g[i])
    return total


@strict
def scaled(n, g, factor):
    """g[i] = g[i] * factor"""
    for i in range(n):
        g[i] = g[i] * factor


@strict
def own_blocks(job, t, at):
    """Thread t's share of the sums of squares, into ``job.sums`` from ``at`` on."""
    n_blocks = (job.size + BLOCK - 1) // BLOCK
    for block in range(n_blocks * t // job.n_threads, n_blocks * (t + 1) // job.n_threads):
        n = min(BLOCK, job.size - block * BLOCK)
        job.sums[at + block] = sum_of_squares(n, line(job.g, block * BLOCK, n))


@strict
def factor(job, at):
    """1, or what scales the gradient to the length allowed."""
    total = 0.0
    for block in range((job.size + BLOCK - 1) // BLOCK):
        total += job.sums[at + block]
    norm = math.sqrt(total)
    return settings(job).clip_norm / norm if norm > settings(job).clip_norm else 1.0


@strict
def own_update(job, m, by, c, t):
    """U of thread t's share of the parameters, with the gradient scaled by ``by``."""
    n_blocks = (job.size + BLOCK - 1) // BLOCK
    first = n_blocks * t // job.n_threads * BLOCK
    n = min(n_blocks * (t + 1) // job.n_threads * BLOCK, job.size) - first
    if n > 0:
        g = line(job.g, first, n)
        if by != 1.0:
            scaled(n, g, number(job.scratch, by))
        v = line(job.state, job.size + first, n if job.slots > 1 else 0)
        mean = line(job.state, first, n if job.slots > 0 else 0)
        w, zero = line(job.theta, first, n), number(job.scratch, 0)
        update(job.optimizer, w, g, zero, mean, v, number(job.scratch, job.eta[m]), c)


@strict
def clipped_update(job, m, c, t):
    """U of minibatch m, whose gradient, penalty included, is in g."""
    at = settings(job).clip_sums
    barrier(job.threads, job.n_threads, t)
    own_blocks(job, t, at)
    barrier(job.threads, job.n_threads, t)
    own_update(job, m, factor(job, at), c, t)
