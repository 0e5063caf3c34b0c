"""Minibatches of many tiles on a net of few weights: the threads take the tiles in order.

From F1 to BP2 no tile needs another. BP4 adds to the same sums in the order of the samples, so it waits for its turn,
which the tiles pass on one to the next: the sums, few enough to move between caches, move with it, and the activations,
which are many, stay in the cache of the thread that computed them.

    thread 0:  tile 0: F1 .. BP2 | BP4 | tile 2: F1 .. BP2 | BP4 | ...
    thread 1:  tile 1: F1 .. BP2 ..... | BP4 | tile 3: F1 .. BP2 | BP4 | ...

The thread of the last tile takes U, and with it begins the next minibatch.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import field
from fastbp.jit.records import record
from fastbp.kernels.job import inputs, no_prefetch, thread
from fastbp.kernels.parameters import APPLY, REFUSE, conclude, note_statistics, parameters, sum_of_weights, verdict
from fastbp.kernels.penalties import penalty_sums
from fastbp.kernels.records import NEVER
from fastbp.kernels.samples import gather_inputs, tile_of_samples
from fastbp.kernels.team import barrier, load, store, wait_for


@strict
def rule(job, m, n, total):
    """``verdict`` on what all threads have seen of minibatch m; their cells are ready for the next."""
    ruling = verdict(job, m, n, total, 0, job.n_threads)
    for t in range(job.n_threads):
        thread(job, t).largest_a = 0
        thread(job, t).largest_delta = 0
    return ruling


@strict
def tiles(job, m, ticket, t):
    """Thread t's tiles of minibatch m, whose first tile has this ticket; whether the team leaves before it."""
    start, own = m * job.batch, t * job.tile
    n = min(job.batch, job.n - start)
    total = sum_of_weights(job, start, n)
    serving, leaving = field(job.control, 0, "ticket"), field(job.control, 0, "leaving")
    for done in range(own, n, job.n_threads * job.tile):
        # F1 needs the weights that the minibatch before leaves behind.
        wait_for(serving, ticket)
        if load(leaving) != NEVER:
            return True
        X = min(job.tile, n - done)
        first = start + done - own  # of the tile that would have this thread's samples in these rows
        if done == 0:
            for other in range(1, job.n_threads):  # some may have no tile
                penalty_sums(job, other)
        gather_inputs(job, first, own, own + X, inputs(job, own))
        tile_of_samples(job, first, 1, own, own + X, done == 0, t)
        own_ticket = ticket + done // job.tile
        wait_for(serving, own_ticket)
        note_statistics(job, m, first, own, X, t, t + 1)
        finishing = done + X >= n
        ruling = rule(job, m, n, total) if finishing else APPLY
        if ruling == APPLY:
            parameters(job, m, first, 1, own, X, done == 0, finishing, total, no_prefetch(job, t), 0, 1, t)
        if finishing:
            conclude(job, m, ruling)
            if ruling == REFUSE or load(field(job.control, 0, "stop")) != 0:
                store(leaving, m)
        store(serving, own_ticket + 1)
    return False


@strict
def relay(job, t):
    """The slice of an epoch that `CONTROL` names."""
    control = record(job.control, 0)
    ticket = 0
    for m in range(control.first, control.last):
        if tiles(job, m, ticket, t):
            break
        ticket += (job.batch + job.tile - 1) // job.tile
    barrier(job.threads, job.n_threads, t)
