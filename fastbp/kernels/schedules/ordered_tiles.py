"""Minibatches of many tiles on a net of few weights: the threads take the tiles in order.

From F1 to BP2 no tile needs another. BP4 adds to the same sums in the order of the samples, so it waits for its ticket,
which the tiles pass on one to the next: the sums, few enough to move between caches, move with it, and the activations,
which are many, stay in the cache of the thread that computed them.

    thread 0:  tile 0: F1 .. BP2 | BP4 | tile 2: F1 .. BP2 | BP4 | ...
    thread 1:  tile 1: F1 .. BP2 ..... | BP4 | tile 3: F1 .. BP2 | BP4 | ...

The thread of the last tile takes U, and with it begins the next minibatch.
"""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import field
from fastbp.kernels.parameters import APPLY, REFUSE, conclude, minibatch_of, note_statistics, parameters, verdict
from fastbp.kernels.penalties import penalty_sums
from fastbp.kernels.records import NEVER, Minibatch, Tile, Training
from fastbp.kernels.samples import begin_minibatch, gather_inputs, tile_of_samples
from fastbp.kernels.team import barrier, load, store, wait_for
from fastbp.kernels.views import activations, flags, no_prefetch, offsets, thread


@strict
def rule(training: Training, minibatch: Minibatch) -> int:
    """``verdict`` on what all threads have seen of the minibatch; their records are ready for the next."""
    control = training.control
    ruling = verdict(training, minibatch, 0, control.n_threads)
    for t in range(control.n_threads):
        thread(control, t).largest_a = 0
        thread(control, t).largest_delta = 0
    return ruling


@strict
def tiles(training: Training, minibatch: Minibatch, ticket: int, t: int) -> bool:
    """Thread t's tiles of a minibatch, whose first tile has this ticket; whether the team leaves before it."""
    layers, data, workspace, control = training.layers, training.data, training.workspace, training.control
    m, n, most, n_threads = minibatch.m, minibatch.n, offsets(workspace).tile, control.n_threads
    serving, leaving = field(control.flags, 0, "ticket"), field(control.flags, 0, "leaving")
    for done in range(t * most, n, n_threads * most):
        # F1 needs the weights that the minibatch before leaves behind.
        wait_for(serving, ticket)
        if load(leaving) != NEVER:
            return True
        tile = Tile(place=minibatch.start + done, row=t * most, X=min(most, n - done))
        if done == 0:
            for other in range(1, n_threads):  # some may have no tile
                penalty_sums(training, other)
        gather_inputs(layers, data, tile, activations(layers, workspace, 0, tile.row))
        if done == 0:
            begin_minibatch(training, t)
        tile_of_samples(training, tile, 1, t)
        own_ticket = ticket + done // most
        wait_for(serving, own_ticket)
        note_statistics(training, m, tile, t, t + 1)
        finishing = done + tile.X >= n
        ruling = rule(training, minibatch) if finishing else APPLY
        if ruling == APPLY:
            parameters(training, minibatch, tile, 1, 0, 1, no_prefetch(data, workspace, t), t)
        if finishing:
            conclude(training, m, ruling)
            if ruling == REFUSE or load(field(control.flags, 0, "stop")) != 0:
                store(leaving, m)
        store(serving, own_ticket + 1)
    return False


@strict
def ordered_tiles_minibatches(training: Training, t: int) -> None:
    """The slice of an epoch that `FLAGS` name."""
    control, tile = training.control, offsets(training.workspace).tile
    ticket = 0
    for m in range(flags(control).first, flags(control).last):
        if tiles(training, minibatch_of(training, m), ticket, t):
            break
        ticket += (control.batch + tile - 1) // tile
    barrier(control.threads, control.n_threads, t)
