"""Feedforward, gradient and a slice of an epoch: the equations of all layers, run by a team of threads.

A minibatch passes in tiles of samples. In a tile each thread takes some samples x through F1, F2, C, BP1 and BP2, which
no other thread looks at; after a barrier each takes some rows k of every w^l through BP4 (BP3 for its last row, the
biases), the penalty and the update U; a second barrier ends the tile.

Small minibatches are split by neurons of layer 1 instead (`owning`); large minibatches on small nets are passed from
thread to thread tile by tile (`relay`).

No sum is ever split, so the bits are the same for any number of threads, any tile, and every way.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import itemsize, line, pointer
from fastbp.jit.records import record
from fastbp.kernels.clipping import clipped_update
from fastbp.kernels.gemm.tiling import CROWDING_STRIDE
from fastbp.kernels.job import (
    NO_TARGETS,
    activations,
    addressed,
    inputs,
    job_of_outputs,
    layer,
    offsets,
    own_theta,
    prefetch,
    settings,
)
from fastbp.kernels.matrix import matrix, row
from fastbp.kernels.parameters import (
    APPLY,
    REFUSE,
    conclude,
    constants,
    note_statistics,
    parameters,
    sum_of_weights,
    verdict,
)
from fastbp.kernels.samples import decision, forward, gather_inputs, gather_targets, outputs_and_costs, tile_of_samples
from fastbp.kernels.schedules.column_parallel import owned_minibatches
from fastbp.kernels.schedules.ordered_tiles import relay
from fastbp.kernels.team import RUN, barrier, barrier_and_poll, begin_slice, wait_for_slice


@strict
def minibatch(job, m, t):
    """One minibatch, by thread t of the team; whether the team leaves after it.

    Of a minibatch that would take long, a slice: from sample ``begun`` on ``at_most`` so many, in whole tiles. The sums
    go on in the next slice where they are.
    """
    start = m * job.batch
    n = min(job.batch, job.n - start)
    total = sum_of_weights(job, start, n)
    control = record(job.control, 0)
    done = control.begun if m == control.first else 0
    end = min(n, done + control.at_most)
    ruling = APPLY
    leaving = False
    while done < end:
        X = min(job.tile, n - done)
        x0, x1 = X * t // job.n_threads, X * (t + 1) // job.n_threads
        gather_inputs(job, start + done, x0, x1, inputs(job, x0))
        tile_of_samples(job, start + done, 1, x0, x1, done == 0, t)
        leaving = barrier_and_poll(job.control, job.threads, job.n_threads, m, t)
        if t == 0:
            note_statistics(job, m, start + done, 0, X, 0, job.n_threads)
        finishing = done + X >= n
        if finishing:
            ruling = verdict(job, m, n, total, 0, job.n_threads)
        if ruling == APPLY:
            coming = prefetch(job, start + done + X, t)
            parameters(job, m, start + done, 1, 0, X, done == 0, finishing, total, coming, t, job.n_threads, t)
            if finishing and job.updating and settings(job).clip_norm > 0.0:
                clipped_update(job, m, constants(job, m), t)
        barrier(job.threads, job.n_threads, t)
        done += X
    if t == 0:
        control.begun = done % n
        if done == n:
            conclude(job, m, ruling)
    return leaving or ruling == REFUSE or done < n


@strict
def minibatches(job, t):
    """The slice of an epoch that `CONTROL` names."""
    control = record(job.control, 0)
    for m in range(control.first, control.last):
        if minibatch(job, m, t):
            break


@strict(cache=True)
def work(job, gate, t):
    """Thread t of a team. Thread 0 leads: it runs a slice and returns; the others serve slices until the gate closes.

    Between slices the others wait at the gate, so that a slice begins without waking a thread. Once thread 0 has begun
    a slice all of them are in it, and it returns when all are done: nothing that happens to Python comes between.
    """
    theta, gate = pointer(job.theta), pointer(gate)
    job = addressed(job, own_theta(job, t))
    number = 0
    while True:
        if job.n_threads > 1:
            number = begin_slice(gate, job.n_threads) if t == 0 else wait_for_slice(gate, number, t)
            if number < 0:
                return number
        if job.owning:
            owned_minibatches(job, theta, t)
        elif job.relaying:
            relay(job, t)
        else:
            minibatches(job, t)
        if t == 0:
            return RUN


@strict(cache=True)
def outputs(
    theta, X, indices, indptr, Y, labels, layers, offset_table, scratch, sums, settings, cursors, out,
    L, tile, cost, kind, sparse, x0, x1, t,
):  # fmt: skip
    """a^L of samples x0..x1, into the rows of ``out``; C_x into ``sums`` where there are targets; where there are none
    but room for labels, what the outputs decide.

    A thread's tiles are its own: no barrier. Arrays one by one, because taking a whole job apart would take longer than
    a single sample does.
    """
    job = job_of_outputs(
        theta,
        X,
        indices,
        indptr,
        Y,
        labels,
        layers,
        offset_table,
        scratch,
        sums,
        settings,
        cursors,
        L,
        tile,
        cost,
        kind,
        sparse,
    )
    K, J = layer(job, 0).J, layer(job, job.L).J
    in_place = not job.sparse and K * itemsize(job.X) % CROWDING_STRIDE != 0
    own = t * job.tile
    deciding = kind == NO_TARGETS and labels.size > 0
    while x0 < x1:
        X = min(job.tile, x1 - x0)
        if in_place:
            a_0 = matrix(job.X, x0 * K, K)
        else:
            a_0 = inputs(job, own)
            gather_inputs(job, x0 - own, own, own + X, a_0)
        forward(job, x0 - own, 1, own, own + X, a_0, t)
        if job.targets != NO_TARGETS:
            gather_targets(job, x0 - own, own, own + X)
            outputs_and_costs(job, own, own + X)
            c = line(job.scratch, offsets(job).costs + own, X)
            for x in range(X):
                job.sums[x0 + x] = c[x]
        for x in range(X):
            a = row(activations(job, job.L, own + x), 0, J)
            for j in range(J):
                out[x0 + x, j] = a[j]
            if deciding:
                labels[x0 + x] = decision(J, a)
        x0 += X
