"""Feedforward, gradient and a slice of an epoch: the equations of all layers, run by a team of threads.

A minibatch passes in tiles of samples. In a tile each thread takes some samples x through F1, F2, C, BP1 and BP2, which
no other thread looks at; after a barrier each takes some rows k of every w^l through BP4 (BP3 for its last row, the
biases), the penalty and the update U; a second barrier ends the tile. No sum is ever split, so the bits are the same
for any number of threads and any tile.
"""

from __future__ import annotations

import math

import numpy as np

from fastbp._jit import part, strict
from fastbp.activations import EXP, GELU, IDENTITY, LEAKY_RELU, RELU, SILU, SOFTMAX, SOFTPLUS
from fastbp.kernels import dense, layout, sparse
from fastbp.kernels.costs import sample_cost
from fastbp.kernels.job import (
    activations,
    biases,
    errors,
    gradient,
    ones,
    panel,
    row,
    sums,
    targets,
    unowned,
    weighted_inputs,
    weights,
    zeros,
)
from fastbp.kernels.penalties import penalty_sums, total_penalty
from fastbp.kernels.team import barrier, load, store
from fastbp.kernels.updates import ADAM, ADAMW, SGD, penalty, update
from fastbp.kernels.views import full_width, line, shifted

APPLY, SKIP, REFUSE = range(3)


@part
def sample(job, x):
    """Row of X at place x of the epoch."""
    return job.order[x] if job.order.size else x


@part
def gather(job, first, x0, x1):
    """Copy samples x0..x1 of the tile that starts at place ``first`` of the epoch, and their targets."""
    n_in = job.layers[0, layout.J]
    n_out = job.layers[len(job.layers) - 1, layout.J]
    for x in range(x0, x1):
        i = sample(job, first + x)
        if not job.indptr.size:
            a = row(activations(job, 0, x), n_in)
            source = line(job.X, i * n_in, n_in)
            for k in range(n_in):
                a[k] = source[k]
        y = row(targets(job, x), n_out)
        if job.labels.size:
            for j in range(n_out):
                y[j] = 0
            y[job.labels[i]] = 1
        elif job.Y.size:
            target = line(job.Y, i * n_out, n_out)
            for j in range(n_out):
                y[j] = target[j]


@part
def forward(job, first, x0, x1, t):
    """F1 and F2 of every layer for samples x0..x1 of the tile that starts at place ``first`` of the epoch."""
    X = x1 - x0
    for l in range(1, len(job.layers)):
        K, J, code = job.layers[l, layout.K], job.layers[l, layout.J], job.layers[l, layout.ACTIVATION]
        z, a, d = weighted_inputs(job, l, x0), activations(job, l, x0), errors(job, l, x0)
        if l == 1 and job.indptr.size:
            sparse.weighted_input(job, first, x0, x1, weights(job, l), biases(job, l), z)
        else:
            a_prev = activations(job, l - 1, x0)
            dense.weighted_input(X, J, K, a_prev, weights(job, l), biases(job, l), z, panel(job, t))
        if code == SOFTMAX:
            for x in range(X):
                dense.softmax(J, row(shifted(z, x, 0), J), row(shifted(a, x, 0), J))
        else:
            n = X * z.i
            dense.activation(code, n, row(z, n), row(a, n), row(d, n))


@part
def is_hit(job, x):
    """Whether the net decides for the class that sample x of the tile has."""
    L = len(job.layers) - 1
    J = job.layers[L, layout.J]
    a, y = row(activations(job, L, x), J), row(targets(job, x), J)
    if J == 1:
        return (a[0] >= 0.5) == (y[0] >= 0.5)
    decided, target = 0, 0
    for j in range(1, J):
        decided = j if a[j] > a[decided] else decided
        target = j if y[j] > y[target] else target
    return decided == target


@part
def costs(job, x0, x1):
    """C_x of samples x0..x1 of the tile."""
    L = len(job.layers) - 1
    J, code = job.layers[L, layout.J], job.layers[L, layout.ACTIVATION]
    out = line(job.scratch, job.places[layout.COSTS], x1)
    z = weighted_inputs(job, L, x0)
    for x in range(x0, x1):
        a, y = row(activations(job, L, x), J), row(targets(job, x), J)
        out[x] = sample_cost(job.cost, code, J, row(shifted(z, x - x0, 0), J), a, y)


@part
def backward(job, first, x0, x1, t):
    """BP1 in the output layer and BP2 in every layer below, for samples x0..x1 of the tile."""
    L = len(job.layers) - 1
    J, width = job.layers[L, layout.J], job.layers[L, layout.ROW]
    s = job.scratch.dtype.type(1)
    for x in range(x0, x1):
        if job.weights.size:
            s = job.weights[sample(job, first + x)]
        a, y, d = row(activations(job, L, x), width), row(targets(job, x), width), row(errors(job, L, x), width)
        dense.output_error(job.cost, J, width, a, y, s, d)
    X = x1 - x0
    for l in range(L - 1, 0, -1):
        J, K, width = job.layers[l, layout.J], job.layers[l + 1, layout.J], job.layers[l, layout.ROW]
        u, n = sums(job, l, x0), X * width
        dense.hidden_sums(X, J, K, weights(job, l + 1), errors(job, l + 1, x0), zeros(job), u, panel(job, t))
        dense.hidden_error(X, J, width, row(u, n), row(errors(job, l, x0), n))


@strict
def is_unbounded(code):
    """Whether a sum of finite terms can come out of this activation as infinity."""
    return (
        code == RELU
        or code == LEAKY_RELU
        or code == SOFTPLUS
        or code == SILU
        or code == GELU
        or code == IDENTITY
        or code == EXP
    )


@part
def note_largest(job, x0, x1, own):
    """Keep in the thread's cells the largest |a| and |delta|: what decides whether the minibatch may be applied."""
    X = x1 - x0
    for l in range(1, len(job.layers)):
        n = X * job.layers[l, layout.ROW]
        if is_unbounded(job.layers[l, layout.ACTIVATION]):
            cell = own + layout.LARGEST_A
            job.control[cell] = dense.largest(n, row(activations(job, l, x0), n), job.control[cell])
        cell = own + layout.LARGEST_DELTA
        job.control[cell] = dense.largest(n, row(errors(job, l, x0), n), job.control[cell])


@strict
def tile_of_samples(job, m, first, X, t):
    """The part of a tile that is split by samples: X of them from place ``first`` of the epoch on."""
    x0, x1 = X * t // job.n_threads, X * (t + 1) // job.n_threads
    own = layout.CELLS + t * layout.LINE
    if first == m * job.batch:
        job.control[own + layout.LARGEST_A] = 0
        job.control[own + layout.LARGEST_DELTA] = 0
        penalty_sums(job, t)
    gather(job, first, x0, x1)
    forward(job, first, x0, x1, t)
    costs(job, x0, x1)
    if job.counting_hits:
        hits = 0
        for x in range(x0, x1):
            hits += is_hit(job, x)
        job.control[own + layout.OWN_HITS] = hits
    backward(job, first, x0, x1, t)
    note_largest(job, x0, x1, own)


@part
def note_statistics(job, m, first, X):
    """Add the tile to the minibatch's statistics: sum of s_x C_x in float64, x in order; sum of s_x; hits."""
    c = line(job.scratch, job.places[layout.COSTS], X)
    for x in range(X):
        s = 1.0
        if job.weights.size:
            s = np.float64(job.weights[sample(job, first + x)])
        job.stats[m, layout.COST] += s * np.float64(c[x])
        job.stats[m, layout.WEIGHT] += s
    if job.counting_hits:
        for t in range(job.n_threads):
            job.stats[m, layout.HITS] += job.control[layout.CELLS + t * layout.LINE + layout.OWN_HITS]


@part
def sum_of_weights(job, first, n):
    """sum_x s_x in float64, x in order."""
    if not job.weights.size:
        return np.float64(n)
    total = 0.0
    for x in range(n):
        total += np.float64(job.weights[sample(job, first + x)])
    return total


@part
def verdict(job, m, n, total):
    """Whether the minibatch of n samples may be applied: the point of no return.

    No entry of the gradient can exceed n |a| |delta| / sum s_x. Refused from the square root of the largest finite
    number on: below it no square overflows, and no weight can within more steps than anyone takes.
    """
    if not total > 0.0:
        return SKIP
    a, delta = 0, 0
    for t in range(job.n_threads):
        own = layout.CELLS + t * layout.LINE
        a = max(a, job.control[own + layout.LARGEST_A])
        delta = max(delta, job.control[own + layout.LARGEST_DELTA])
    largest_a = max(job.reals[layout.LARGEST_INPUT], 1.0)
    # A maximum may drop NaN, a sum does not.
    largest_a += dense.from_bits(job.scratch.dtype.type(0), a)
    largest_delta = dense.from_bits(job.scratch.dtype.type(0), delta)
    bound = largest_a * largest_delta * n / total * max(job.eta[m], 1.0) + total_penalty(job)
    return APPLY if bound < job.reals[layout.LIMIT] else REFUSE


@part
def constants(job, m, t):
    """Write the optimizer's constants of this step into the thread's own line, in the net's dtype."""
    reals = job.reals
    c = line(job.scratch, job.places[layout.CONSTANTS] + t * layout.CONSTANTS_STEP, layout.CONSTANTS_STEP)
    for i in range(4):
        c[i] = reals[layout.C0 + i]
    if job.optimizer == ADAM or job.optimizer == ADAMW:
        # Kingma and Ba's corrections of both means, moved out of the loop over parameters.
        first, second = reals[layout.POWER_1] * reals[layout.C0], reals[layout.POWER_2] * reals[layout.C1]
        c[4] = job.eta[m] * math.sqrt(1.0 - second) / (1.0 - first)
        c[5] = reals[layout.EPSILON] if reals[layout.EPSILON] != 0.0 else reals[layout.C2] * math.sqrt(1.0 - second)
    return c


@part
def finish(job, g, at, n, l1, l2, eta, c):
    """Penalty and U: from the gradient of n parameters of theta from ``at`` on to their new values."""
    w = line(job.theta, at, n)
    if l1 != 0 or l2 != 0:
        penalty(w, g, l1, l2)
    if job.updating:
        size = job.theta.size
        m = line(job.state, at, n if job.state.size else 0)
        v = line(job.state, size + at, n if job.state.size > size else 0)
        update(job.optimizer, w, g, m, v, eta, c)


@strict
def parameters(job, m, first, X, starting, finishing, total, t):
    """The part of a tile that is split by rows of w: BP4, BP3 and, with the last tile of a minibatch, U."""
    zero = job.scratch.dtype.type(0)
    scale = job.scratch.dtype.type(1.0 / total if finishing else 1.0)
    eta = job.scratch.dtype.type(job.eta[m])
    shares = total if job.reals[layout.SHARED] != 0.0 else 1.0
    l1 = job.scratch.dtype.type(job.reals[layout.L1] / shares)
    l2 = job.scratch.dtype.type(job.reals[layout.L2] / shares)
    c = constants(job, m, t)
    chunk = job.places[layout.CHUNK]
    # Plain descent needs no gradient in memory: each block of sums becomes a step of w while it is in registers.
    at_once = job.updating and job.optimizer == SGD and l1 == 0 and l2 == 0 and not job.g.size
    step = eta if at_once else zero
    for l in range(1, len(job.layers)):
        K, J, stride = job.layers[l, layout.K], job.layers[l, layout.J], job.layers[l, layout.STRIDE]
        a_prev, delta, w_at = activations(job, l - 1, 0), errors(job, l, 0), job.layers[l, layout.W]
        k, end = (K + 1) * t // job.n_threads, (K + 1) * (t + 1) // job.n_threads
        if l == 1 and job.indptr.size and k < K:
            n = min(end, K) - k
            g = row(gradient(job, l, k, t), n * stride)
            sparse.weight_gradient(job, first, X, k, k + n, delta, g, starting, scale)
            if finishing:
                finish(job, g, w_at + k * stride, n * stride, l1, l2, eta, c)
            k += n
        while k < end:
            g = shifted(weights(job, l), k, 0) if at_once else gradient(job, l, k, t)
            start = zeros(job) if starting else g
            if k < K:
                n = min(chunk, min(end, K) - k)
                a = shifted(a_prev, 0, k)
                dense.weight_gradient(n, J, X, a, delta, start, g, scale, step, panel(job, t))
                if finishing and not at_once:
                    finish(job, row(g, n * stride), w_at + k * stride, n * stride, l1, l2, eta, c)
            else:
                n = 1
                dense.bias_gradient(J, X, ones(job), delta, start, g, scale, step, panel(job, t))
                if finishing and not at_once:
                    finish(job, row(g, stride), w_at + K * stride, stride, zero, zero, eta, c)
            k += n


@part
def minibatch(job, m, t):
    """One minibatch, by thread t of the team; whether it was applied, and whether the team leaves after it."""
    start = m * job.batch
    n = min(job.batch, job.n - start)
    total = sum_of_weights(job, start, n)
    done = 0
    ruling = APPLY
    leaving = False
    while done < n:
        X = min(job.tile, n - done)
        tile_of_samples(job, m, start + done, X, t)
        if t == 0:
            store(job.control, layout.LEAVING, load(job.control, layout.STOP))
        if barrier(job.control, job.n_threads):
            return REFUSE, True
        leaving = load(job.control, layout.LEAVING) != 0
        if t == 0:
            note_statistics(job, m, start + done, X)
        finishing = done + X >= n
        if finishing:
            ruling = verdict(job, m, n, total)
        if ruling == APPLY:
            parameters(job, m, start + done, X, done == 0, finishing, total, t)
        if barrier(job.control, job.n_threads):
            return REFUSE, True
        done += X
    if t == 0:
        job.stats[m, layout.PENALTY] = total_penalty(job)
        if ruling == APPLY:
            job.reals[layout.POWER_1] *= job.reals[layout.C0]
            job.reals[layout.POWER_2] *= job.reals[layout.C1]
    return ruling, leaving


@part
def minibatches(job, t):
    """The slice of an epoch that the control cells name, from minibatch FIRST to before LAST."""
    first, last = job.control[layout.FIRST], job.control[layout.LAST]
    for m in range(first, last):
        ruling, leaving = minibatch(job, m, t)
        if t == 0:
            job.control[layout.STATUS] = layout.DIVERGED if ruling == REFUSE else layout.RUNNING
            job.control[layout.DONE] = m + (ruling != REFUSE)
            job.control[layout.TOTAL] += ruling != REFUSE
        if leaving or ruling == REFUSE:
            return


@strict(cache=True)
def work(job, t):
    """Thread t of a team. Thread 0 leads: it runs one slice and returns; the others serve slices until told to abort.

    Between slices the others wait in the barrier, so that a slice begins without waking a thread.
    """
    full_width()
    job = unowned(job)
    while not barrier(job.control, job.n_threads):
        minibatches(job, t)
        if t == 0:
            return


@strict(cache=True)
def outputs(job, out, x0, x1, t):
    """a^L of samples x0..x1 of the job, into the rows of ``out``; C_x into ``job.sums`` where there are targets.

    A thread's tiles are its own: no barrier.
    """
    full_width()
    job = unowned(job)
    L = len(job.layers) - 1
    J = job.layers[L, layout.J]
    own = t * job.tile
    while x0 < x1:
        X = min(job.tile, x1 - x0)
        gather(job, x0 - own, own, own + X)
        forward(job, x0 - own, own, own + X, t)
        if job.Y.size or job.labels.size:
            costs(job, own, own + X)
            c = line(job.scratch, job.places[layout.COSTS] + own, X)
            for x in range(X):
                job.sums[x0 + x] = c[x]
        for x in range(X):
            a = row(activations(job, L, own + x), J)
            for j in range(J):
                out[x0 + x, j] = a[j]
        x0 += X
