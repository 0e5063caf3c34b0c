"""Feedforward, gradient and a slice of an epoch: the equations of all layers, run by a team of threads.

A minibatch passes in tiles of samples. In a tile each thread takes some samples x through F1, F2, C, BP1 and BP2, which
no other thread looks at; after a barrier each takes some rows k of every w^l through BP4 (BP3 for its last row, the
biases), the penalty and the update U; a second barrier ends the tile.

Plain descent on small minibatches would spend its time on moving w^1, the largest layer of most nets, from the cache of
the thread that stepped it to those that need it next. There each thread has some neurons j of layer 1 for itself
(``job.owning``): their columns of w^1 never leave its cache. It steps them at the start of the next minibatch, just
before F1 needs them, so that two barriers are enough again:

    own neurons j of layer 1: U of the minibatch before, F1, F2 | own samples x: everything above layer 1, down to BP2 |
    U of the layers above; own neurons j of layer 1: U, F1 and F2 of the next minibatch | ...

No sum is ever split, so the bits are the same for any number of threads, any tile, and either way.
"""

from __future__ import annotations

import math

import numpy as np

from fastbp._jit import part, strict
from fastbp.activations import CLIPPED, EXP, GELU, IDENTITY, LEAKY_RELU, RELU, SILU, SOFTMAX, SOFTPLUS
from fastbp.kernels import dense, layout, regression, sparse
from fastbp.kernels.blocks import fetch
from fastbp.kernels.clipping import clipped_update
from fastbp.kernels.costs import costs
from fastbp.kernels.dropout import drop
from fastbp.kernels.job import (
    LABELS,
    NO_TARGETS,
    OUTPUTS,
    activations,
    addressed,
    biases,
    errors,
    gradient,
    inputs,
    job_of_outputs,
    layer,
    nothing_ahead,
    ones,
    own_columns,
    own_inputs,
    own_weights,
    panel,
    samples_ahead,
    targets,
    weighted_inputs,
    weights,
    zeros,
)
from fastbp.kernels.online import step_and_weighted_input
from fastbp.kernels.penalties import penalty_sums, total_penalty
from fastbp.kernels.team import barrier, load, store
from fastbp.kernels.updates import ADAM, ADAMW, SGD, penalty, update
from fastbp.kernels.views import copy_line, full_width, line, number, row, shifted

APPLY, SKIP, REFUSE = range(3)


@strict
def sample(job, x):
    """Row of X at place x of the epoch."""
    return job.order[x] if job.ordered else x


@strict
def gather_inputs(job, first, x0, x1, a_0):
    """Copy a^0 of samples x0..x1 of the tile that starts at place ``first`` of the epoch into the rows of ``a_0``."""
    n_in = layer(job, 0, layout.J)
    if job.sparse:
        return
    for x in range(x0, x1):
        source = line(job.X, sample(job, first + x) * n_in, n_in)
        copy_line(n_in, row(a_0, x - x0, n_in), source)


@strict
def gather_targets(job, first, x0, x1):
    """Copy y of the same samples."""
    n_out = layer(job, job.L, layout.J)
    for x in range(x0, x1):
        i, y = sample(job, first + x), row(targets(job, x), 0, n_out)
        if job.targets == LABELS:
            for j in range(n_out):
                y[j] = 0
            y[job.labels[i]] = 1
        elif job.targets == OUTPUTS:
            copy_line(n_out, y, line(job.Y, i * n_out, n_out))


@strict
def activate(job, l, X, J, width, z, a, d):
    """F2 of ``width`` columns from the matrices' starts on, J of them neurons, for X samples."""
    code = layer(job, l, layout.ACTIVATION)
    if code == SOFTMAX:
        dense.softmax(X, J, z, a)
    elif width == a.i:
        n = X * width
        dense.activation(code, n, row(z, 0, n), row(a, 0, n), row(d, 0, n))
    else:
        for x in range(X):
            dense.activation(code, width, row(z, x, width), row(a, x, width), row(d, x, width))


@part
def forward(job, first, bottom, x0, x1, t):
    """F1 and F2 of the layers from ``bottom`` on for samples x0..x1 of the tile that starts at place ``first``."""
    X = x1 - x0
    for l in range(bottom, job.L + 1):
        K, J = layer(job, l, layout.K), layer(job, l, layout.J)
        a_prev = activations(job, l - 1, x0) if l > 1 else inputs(job, 0, x0)
        z, a, d = weighted_inputs(job, l, x0), activations(job, l, x0), errors(job, l, x0)
        if l == 1 and job.sparse:
            sparse.weighted_input(job, first, x0, x1, weights(job, l), biases(job, l), z)
        else:
            dense.weighted_input(X, J, K, a_prev, weights(job, l), biases(job, l), z, panel(job, t), nothing_ahead(job))
        activate(job, l, X, J, z.i, z, a, d)
        if job.reals[layout.DROPOUT] > 0.0 and l < job.L:
            p = job.reals[layout.DROPOUT]
            scale = number(job.scratch, 1.0 / (1.0 - p))
            drop(np.int64(job.reals[layout.SEED]), l, first + x0, np.int64(p * 16777216.0), scale, X, J, a, d)


@strict
def outputs_and_costs(job, x0, x1):
    """C_x of samples x0..x1 of the tile."""
    J, code = layer(job, job.L, layout.J), layer(job, job.L, layout.ACTIVATION)
    out = line(job.scratch, job.places[layout.COSTS] + x0, x1 - x0)
    z, a = weighted_inputs(job, job.L, x0), activations(job, job.L, x0)
    if job.cost > CLIPPED:
        parameter = number(job.scratch, job.reals[layout.PARAMETER])
        regression.costs(job.cost, parameter, x1 - x0, J, z, a, targets(job, x0), out)
    else:
        costs(job.cost, code, x1 - x0, J, z, a, targets(job, x0), out)


@strict
def hits(job, first, x0, x1):
    """For how many of samples x0..x1 of the tile the net decides as it should."""
    J = layer(job, job.L, layout.J)
    count = 0
    for x in range(x0, x1):
        a = row(activations(job, job.L, x), 0, J)
        label = job.labels[sample(job, first + x)]
        if J == 1:
            count += (a[0] >= 0.5) == (label == 1)
        else:
            # The first of the largest decides. No branch: which output is the largest cannot be predicted.
            largest = a[label]
            better = 0
            for j in range(J):
                better += (a[j] > largest) | ((a[j] == largest) & (j < label))
            count += better == 0
    return count


@part
def backward(job, first, x0, x1, t):
    """BP1 in the output layer and BP2 in every layer below, for samples x0..x1 of the tile."""
    X = x1 - x0
    J, width = layer(job, job.L, layout.J), layer(job, job.L, layout.ROW)
    a, y, d = activations(job, job.L, x0), targets(job, x0), errors(job, job.L, x0)
    n = X * width
    if job.cost > CLIPPED:
        z, parameter = weighted_inputs(job, job.L, x0), number(job.scratch, job.reals[layout.PARAMETER])
        regression.output_error(job.cost, parameter, n, row(z, 0, n), row(a, 0, n), row(y, 0, n), row(d, 0, n))
    else:
        dense.output_error(job.cost, n, row(a, 0, n), row(y, 0, n), row(d, 0, n))
    if job.weighted:
        for x in range(X):
            dense.weigh(width, job.weights[sample(job, first + x0 + x)], row(d, x, width))
    dense.clear_padding(X, J, width, d)
    for l in range(job.L - 1, 0, -1):
        J, K, width = layer(job, l, layout.J), layer(job, l + 1, layout.J), layer(job, l, layout.ROW)
        d, w_next, delta_next = errors(job, l, x0), weights(job, l + 1), errors(job, l + 1, x0)
        dense.hidden_error(X, J, K, w_next, delta_next, zeros(job), d, panel(job, t), nothing_ahead(job))
        dense.clear_padding(X, J, width, d)


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


@strict
def note_largest(job, x0, x1, own):
    """Keep in the thread's cells the largest |a| and |delta|: what decides whether the minibatch may be applied."""
    X = x1 - x0
    for l in range(1, job.L + 1):
        width = layer(job, l, layout.ROW)
        if is_unbounded(layer(job, l, layout.ACTIVATION)):
            cell, n = own + layout.LARGEST_A, layer(job, l, layout.STRIDE)
            job.control[cell] = dense.largest(X, n, activations(job, l, x0), job.control[cell])
        cell = own + layout.LARGEST_DELTA
        job.control[cell] = dense.largest(X, width, errors(job, l, x0), job.control[cell])


@part
def tile_of_samples(job, m, first, bottom, x0, x1, t):
    """The part of a tile that is split by samples, x0..x1 of those from place ``first`` on: layers from ``bottom``."""
    own = layout.CELLS + t * layout.OWN
    if first == m * job.batch:
        job.control[own + layout.LARGEST_A] = 0
        job.control[own + layout.LARGEST_DELTA] = 0
        penalty_sums(job, t)
    gather_targets(job, first, x0, x1)
    forward(job, first, bottom, x0, x1, t)
    outputs_and_costs(job, x0, x1)
    if job.counting_hits:
        job.control[own + layout.OWN_HITS] = hits(job, first, x0, x1)
    backward(job, first, x0, x1, t)
    note_largest(job, x0, x1, own)


@strict
def note_statistics(job, m, first, X):
    """Add the tile to the minibatch's statistics: sum of s_x C_x in float64, x in order; sum of s_x; hits."""
    c = line(job.scratch, job.places[layout.COSTS], X)
    stats = line(job.stats, m * layout.N_STATISTICS, layout.N_STATISTICS)
    total, weight = stats[layout.COST], stats[layout.WEIGHT]
    for x in range(X):
        s = 1.0
        if job.weighted:
            s = np.float64(job.weights[sample(job, first + x)])
        total += s * np.float64(c[x])
        weight += s
    stats[layout.COST], stats[layout.WEIGHT] = total, weight
    if job.counting_hits:
        for t in range(job.n_threads):
            stats[layout.HITS] += job.control[layout.CELLS + t * layout.OWN + layout.OWN_HITS]


@strict
def sum_of_weights(job, first, n):
    """sum_x s_x in float64, x in order."""
    if not job.weighted:
        return np.float64(n)
    total = 0.0
    for x in range(n):
        total += np.float64(job.weights[sample(job, first + x)])
    return total


@strict
def verdict(job, m, n, total):
    """Whether the minibatch of n samples may be applied: the point of no return.

    No entry of the gradient can exceed n |a| |delta| / sum s_x. Refused from the square root of the largest finite
    number on: below it no square overflows, and no weight can within more steps than anyone takes.
    """
    if not total > 0.0:
        return SKIP
    a, delta = 0, 0
    for t in range(job.n_threads):
        own = layout.CELLS + t * layout.OWN
        a = max(a, job.control[own + layout.LARGEST_A])
        delta = max(delta, job.control[own + layout.LARGEST_DELTA])
    largest_a = max(job.reals[layout.LARGEST_INPUT], 1.0)
    # A maximum may drop NaN, a sum does not.
    largest_a += dense.from_bits(number(job.scratch, 0), a)
    largest_delta = dense.from_bits(number(job.scratch, 0), delta)
    bound = largest_a * largest_delta * n / total * max(job.eta[m], 1.0) + total_penalty(job)
    return APPLY if bound < job.reals[layout.LIMIT] else REFUSE


@strict
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


@strict
def finish(job, g, at, n, l1, l2, eta, c):
    """Penalty and U: from the gradient of n parameters of theta from ``at`` on to their new values."""
    w = line(job.theta, at, n)
    if l1 != 0 or l2 != 0:
        penalty(w, g, l1, l2)
    if job.updating and job.reals[layout.CLIP] == 0.0:  # clipping waits for the whole gradient
        m = line(job.state, at, n if job.slots > 0 else 0)
        v = line(job.state, job.size + at, n if job.slots > 1 else 0)
        update(job.optimizer, w, g, m, v, eta, c)


@part
def at_once(job):
    """Whether each block of sums of BP4 becomes a step of w while it is in registers.

    Plain descent needs no gradient in memory.
    """
    penalised = job.reals[layout.L1] != 0.0 or job.reals[layout.L2] != 0.0
    return job.updating and job.optimizer == SGD and not penalised and not job.keeping


@part
def parameters(job, m, first, bottom, X, starting, finishing, total, ahead, t):
    """The part of a tile that is split by rows of w: BP4, BP3 and, with the last tile of a minibatch, U."""
    zero = number(job.scratch, 0)
    scale = number(job.scratch, 1.0 / total if finishing else 1.0)
    eta = number(job.scratch, job.eta[m])
    shares = total if job.reals[layout.SHARED] != 0.0 else 1.0
    l1, l2 = number(job.scratch, job.reals[layout.L1] / shares), number(job.scratch, job.reals[layout.L2] / shares)
    c = constants(job, m, t)
    chunk = job.places[layout.CHUNK]
    stepping = at_once(job)
    step = eta if stepping else zero
    for l in range(bottom, job.L + 1):
        K, J, stride = layer(job, l, layout.K), layer(job, l, layout.J), layer(job, l, layout.STRIDE)
        a_prev = activations(job, l - 1, 0) if l > 1 else inputs(job, 0, 0)
        delta, w_at = errors(job, l, 0), layer(job, l, layout.W)
        k, end = (K + 1) * t // job.n_threads, (K + 1) * (t + 1) // job.n_threads
        if l == 1 and job.sparse and k < K:
            n = min(end, K) - k
            g = row(gradient(job, l, k, t), 0, n * stride)
            sparse.weight_gradient(job, first, X, k, k + n, delta, g, starting, scale)
            if finishing:
                finish(job, g, w_at + k * stride, n * stride, l1, l2, eta, c)
            k += n
        if l == 2 and bottom == 2:
            # Of a^1 its owner's columns only: others may be at work on theirs for the next minibatch.
            k, end = own_columns(job, t)
            end = K + 1 if t == job.n_threads - 1 else min(end, K)
        while k < end:
            g = shifted(weights(job, l), k, 0) if stepping else gradient(job, l, k, t)
            start = zeros(job) if starting else g
            if k < K:
                n = min(chunk, min(end, K) - k)
                a = shifted(a_prev, 0, k)
                dense.weight_gradient(n, J, X, a, delta, start, g, scale, step, panel(job, t), ahead)
                if finishing and not stepping:
                    finish(job, row(g, 0, n * stride), w_at + k * stride, n * stride, l1, l2, eta, c)
            else:
                n = 1
                dense.bias_gradient(J, X, ones(job), delta, start, g, scale, step, panel(job, t), nothing_ahead(job))
                if finishing and not stepping:
                    finish(job, row(g, 0, stride), w_at + K * stride, stride, zero, zero, eta, c)
            k += n


@strict
def is_online(job):
    """Whether a minibatch is one sample, whose step of w^1 and the next sample's F1 are one pass over w^1."""
    return job.batch == 1 and not job.weighted


@part
def step_of_first_layer(job, m, last, t):
    """U of w^1 and b^1 for minibatch m, own neurons; one sample at a time, F1 of minibatch m + 1 too, if it follows."""
    j, end = own_columns(job, t)
    K, J = layer(job, 1, layout.K), min(end, layer(job, 1, layout.J)) - j
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
        fetch(ahead)
        z_x, b_1 = row(z, 0, end - j), row(b, 0, end - j)
        for i in range(end - j):
            z_x[i] = b_1[i]
        step_and_weighted_input(J, K, w, a, delta, eta, a_next, z)
    else:
        chunk = job.places[layout.CHUNK]
        for k in range(0, K, chunk):
            n = min(chunk, K - k)
            a_k, w_k = shifted(a, 0, k), shifted(w, k, 0)
            dense.weight_gradient(n, J, X, a_k, delta, zeros(job), w_k, scale, eta, panel(job, t), ahead)


@part
def first_layer(job, m, done, t):
    """F1, unless it is ``done``, and F2 of minibatch m: own neurons of layer 1, all samples."""
    j, end = own_columns(job, t)
    K, J = layer(job, 1, layout.K), min(end, layer(job, 1, layout.J)) - j
    X = min(job.batch, job.n - m * job.batch)
    z, a, d = weighted_inputs(job, 1, 0), activations(job, 1, 0), errors(job, 1, 0)
    z, a, d = shifted(z, 0, j), shifted(a, 0, j), shifted(d, 0, j)
    if not done:
        a_prev, (w, b) = own_inputs(job, m, t), own_weights(job, t)
        gather_inputs(job, m * job.batch, 0, X, a_prev)
        dense.weighted_input(X, J, K, a_prev, w, b, z, panel(job, t), nothing_ahead(job))
    activate(job, 1, X, J, end - j, z, a, d)


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


@part
def meet(job, t):
    """Wait for the team; whether it is to leave, as thread 0 has just found for all; and whether to abort."""
    if t == 0:
        store(job.control, layout.LEAVING, load(job.control, layout.STOP))
    aborting = barrier(job.control, job.n_threads)
    return load(job.control, layout.LEAVING) != 0, aborting


@part
def minibatch(job, m, stepped, t):
    """One minibatch, by thread t of the team, but for U of a first layer that threads own.

    ``stepped`` says whether that U has been taken for the minibatch before, just now. Returns whether this one may be
    applied, and whether the team leaves after it.
    """
    start = m * job.batch
    n = min(job.batch, job.n - start)
    total = sum_of_weights(job, start, n)
    bottom = 2 if job.owning else 1
    done = 0
    ruling = APPLY
    leaving = False
    while done < n:
        X = min(job.tile, n - done)
        x0, x1 = X * t // job.n_threads, X * (t + 1) // job.n_threads
        if job.owning:
            first_layer(job, m, stepped and is_online(job), t)
            if barrier(job.control, job.n_threads):
                return REFUSE, True
        else:
            gather_inputs(job, start + done, x0, x1, inputs(job, 0, x0))
        tile_of_samples(job, m, start + done, bottom, x0, x1, t)
        leaving, aborting = meet(job, t)
        if aborting:
            return REFUSE, True
        if t == 0:
            note_statistics(job, m, start + done, X)
        finishing = done + X >= n
        if finishing:
            ruling = verdict(job, m, n, total)
        if ruling == APPLY:
            ahead = samples_ahead(job, start + done + X, t) if bottom == 1 else nothing_ahead(job)
            parameters(job, m, start + done, bottom, X, done == 0, finishing, total, ahead, t)
            if finishing and job.updating and job.reals[layout.CLIP] > 0.0:
                if clipped_update(job, m, constants(job, m, t), t):
                    return REFUSE, True
        if not job.owning and barrier(job.control, job.n_threads):
            return REFUSE, True
        done += X
    if t == 0:
        job.stats[m * layout.N_STATISTICS + layout.PENALTY] = total_penalty(job)
        if ruling == APPLY:
            job.reals[layout.POWER_1] *= job.reals[layout.C0]
            job.reals[layout.POWER_2] *= job.reals[layout.C1]
    return ruling, leaving


@part
def minibatches(job, t):
    """The slice of an epoch that the control cells name, from minibatch FIRST to before LAST."""
    m, last = job.control[layout.FIRST], job.control[layout.LAST]
    leaving, pending = False, False
    if job.owning:
        copy_own_weights(job, t, False)
    while True:
        if pending:
            step_of_first_layer(job, m - 1, m if leaving else last, t)
        if m >= last or leaving:
            break
        ruling, leaving = minibatch(job, m, pending, t)
        if t == 0:
            job.control[layout.STATUS] = layout.DIVERGED if ruling == REFUSE else layout.RUNNING
            job.control[layout.DONE] = m + (ruling != REFUSE)
            job.control[layout.TOTAL] += ruling != REFUSE
        pending = job.owning != 0 and ruling == APPLY
        leaving = leaving or ruling == REFUSE
        m += 1
    if job.owning:
        copy_own_weights(job, t, True)
        barrier(job.control, job.n_threads)


@strict(cache=True)
def work(job, t):
    """Thread t of a team. Thread 0 leads: it runs one slice and returns; the others serve slices until told to abort.

    Between slices the others wait in the barrier, so that a slice begins without waking a thread.
    """
    full_width()
    job = addressed(job)
    while not barrier(job.control, job.n_threads):
        minibatches(job, t)
        if t == 0:
            return


@strict(cache=True)
def outputs(
    theta, X, indices, indptr, Y, labels, layers, places, scratch, sums, reals, out,
    L, tile, cost, kind, sparse, x0, x1, t,
):  # fmt: skip
    """a^L of samples x0..x1, into the rows of ``out``; C_x into ``sums`` where there are targets.

    A thread's tiles are its own: no barrier. Arrays one by one, because taking a whole job apart would take longer than
    a single sample does.
    """
    full_width()
    job = job_of_outputs(
        theta, X, indices, indptr, Y, labels, layers, places, scratch, sums, reals, L, tile, cost, kind, sparse
    )
    J = layer(job, job.L, layout.J)
    own = t * job.tile
    while x0 < x1:
        X = min(job.tile, x1 - x0)
        gather_inputs(job, x0 - own, own, own + X, inputs(job, 0, own))
        forward(job, x0 - own, 1, own, own + X, t)
        if job.targets != NO_TARGETS:
            gather_targets(job, x0 - own, own, own + X)
            outputs_and_costs(job, own, own + X)
            c = line(job.scratch, job.places[layout.COSTS] + own, X)
            for x in range(X):
                job.sums[x0 + x] = c[x]
        for x in range(X):
            a = row(activations(job, job.L, own + x), 0, J)
            for j in range(J):
                out[x0 + x, j] = a[j]
        x0 += X
