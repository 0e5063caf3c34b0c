"""Layer 1 where each thread has some of its neurons j for itself: their columns of w^1 never leave its cache."""

from __future__ import annotations

from fastbp._jit import strict
from fastbp.kernels import dense, layout
from fastbp.kernels.blocks import fetch
from fastbp.kernels.job import (
    activations,
    errors,
    layer,
    nothing_ahead,
    ones,
    own_columns,
    own_inputs,
    own_weights,
    panel,
    samples_ahead,
    weighted_inputs,
    weights,
    zeros,
)
from fastbp.kernels.online import step_and_weighted_input
from fastbp.kernels.parameters import sum_of_weights
from fastbp.kernels.samples import activate, gather_inputs
from fastbp.kernels.views import PARTS, number, row, shifted


@strict
def is_online(job):
    """Whether a minibatch is one sample, whose step of w^1 and the next sample's F1 are one pass over w^1."""
    return job.batch == 1 and not job.weighted


@strict
def step_of_first_layer(job, m, last, t):
    """U of w^1 and b^1 for minibatch m, own neurons; one sample at a time, F1 of minibatch m + 1 too, if it follows."""
    j, end = own_columns(job, t)
    K, J = layer(job, 1, layout.K), end - j
    start = m * job.batch
    X = min(job.batch, job.n - start)
    eta, scale = number(job.scratch, job.eta[m]), number(job.scratch, 1.0 / sum_of_weights(job, start, X))
    w, b = own_weights(job, t)
    a, delta = own_inputs(job, m, t), shifted(errors(job, 1, 0), 0, j)
    ahead = samples_ahead(job, start + 2 * job.batch, t)
    dense.bias_gradient(J, X, ones(job), delta, zeros(job), b, scale, eta, panel(job, t), nothing_ahead(job))
    if is_online(job) and m + 1 < last:
        z, a_next = shifted(weighted_inputs(job, 1, 0), 0, j), own_inputs(job, m + 1, t)
        gather_inputs(job, start, 1, 2, a_next)
        for _ in range(ahead.cursor[PARTS]):
            fetch(ahead)
        z_x, b_1 = row(z, 0, J), row(b, 0, J)
        for i in range(J):
            z_x[i] = b_1[i]
        step_and_weighted_input(J, K, w, a, delta, eta, a_next, z)
    else:
        chunk = job.places[layout.CHUNK]
        for k in range(0, K, chunk):
            n = min(chunk, K - k)
            a_k, w_k = shifted(a, 0, k), shifted(w, k, 0)
            dense.weight_gradient(n, J, X, a_k, delta, zeros(job), w_k, scale, eta, panel(job, t), ahead)


@strict
def first_layer(job, m, done, t):
    """F1, unless it is ``done``, and F2 of minibatch m: own neurons of layer 1, all samples."""
    j, end = own_columns(job, t)
    K, J = layer(job, 1, layout.K), end - j
    X = min(job.batch, job.n - m * job.batch)
    z, a, d = weighted_inputs(job, 1, 0), activations(job, 1, 0), errors(job, 1, 0)
    z, a, d = shifted(z, 0, j), shifted(a, 0, j), shifted(d, 0, j)
    if not done:
        a_prev, (w, b) = own_inputs(job, m, t), own_weights(job, t)
        gather_inputs(job, m * job.batch, 0, X, a_prev)
        dense.weighted_input(X, J, K, a_prev, w, b, z, panel(job, t), nothing_ahead(job))
    activate(job, 1, X, J, J, z, a, d)


@strict
def copy_own_weights(job, t, returning):
    """Take thread t's columns of w^1 and b^1 from theta, or return them."""
    if job.n_threads == 1:
        return
    j, end = own_columns(job, t)
    slab, theta = own_weights(job, t)[0], shifted(weights(job, 1), 0, j)
    source, copy = (slab, theta) if returning else (theta, slab)
    for k in range(layer(job, 1, layout.K) + 1):  # b^1 is the row after w^1
        values, k_copy = row(source, k, end - j), row(copy, k, end - j)
        for i in range(end - j):
            k_copy[i] = values[i]
