"""Feedforward, gradient and a slice of an epoch: the equations of all layers, run by a team of threads.

A minibatch passes in tiles of samples. In a tile each thread takes some samples x through F1, F2, C, BP1 and BP2, which
no other thread looks at; after a barrier each takes some rows k of every w^l through BP4 (BP3 for its last row, the
biases), the penalty and the update U; a second barrier ends the tile. Between barriers a thread has one share for
itself, or, where a share takes long, there are several parts for each thread, which claim them one by one: a core that
another process disturbs takes fewer.

Small minibatches are split by neurons of layer 1 instead (`column_parallel`); large minibatches on small nets are
passed from thread to thread tile by tile (`ordered_tiles`).

No sum is ever split, so the bits are the same for any number of threads, any tile, and every way.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from fastbp.jit import strict
from fastbp.jit.addresses import Buffer, addressed, exists, field, itemsize, line, pointer
from fastbp.kernels.clipping import update_of_all
from fastbp.kernels.gemm.tiling import CROWDING_STRIDE
from fastbp.kernels.matrix import matrix, row
from fastbp.kernels.parameters import (
    APPLY,
    REFUSE,
    conclude,
    minibatch_of,
    note_statistics,
    parameters,
    verdict,
)
from fastbp.kernels.records import (
    COLUMN_PARALLEL,
    ORDERED_TILES,
    Control,
    Data,
    Layers,
    Outputs,
    Tile,
    Training,
    Workspace,
)
from fastbp.kernels.samples import (
    begin_minibatch,
    decision,
    forward,
    gather_inputs,
    gather_targets,
    outputs_and_costs,
    tile_of_samples,
)
from fastbp.kernels.schedules.column_parallel import column_parallel_minibatches
from fastbp.kernels.schedules.ordered_tiles import ordered_tiles_minibatches
from fastbp.kernels.team import (
    RUN,
    acquire_spin_lock,
    barrier,
    barrier_and_poll,
    begin_slice,
    claim,
    release_spin_lock,
    store,
    wait_for_slice,
)
from fastbp.kernels.views import activations, flags, layer, offsets, prefetch, settings, thread_theta, with_theta

Plain: TypeAlias = tuple[Any, ...]
"""A record without its class, which takes Python less time to pass."""


@strict
def first_part(control: Control, claimed: Buffer, t: int) -> int:
    """The part of a phase that thread t begins with: its share, if each has one."""
    return claim(claimed) if control.parts > 1 else t


@strict
def next_part(control: Control, claimed: Buffer) -> int:
    """The part that a thread takes when it is done with one; or none."""
    return claim(claimed) if control.parts > 1 else control.n_threads


@strict
def minibatch(training: Training, m: int, t: int) -> bool:
    """One minibatch, by thread t of the team; whether the team leaves after it.

    Of a minibatch that would take long, a slice: from sample ``begun`` on ``at_most`` so many, in whole tiles. The sums
    go on in the next slice where they are.
    """
    layers, data, workspace, control = training.layers, training.data, training.workspace, training.control
    n_threads, n_parts = control.n_threads, control.n_threads * control.parts
    samples, rows = field(control.flags, 0, "samples"), field(control.flags, 0, "rows")
    batch = minibatch_of(training, m)
    done = flags(control).begun if m == flags(control).first else 0
    end = min(batch.n, done + flags(control).at_most)
    ruling = APPLY
    leaving = False
    while done < end:
        tile = Tile(place=batch.start + done, row=0, X=min(offsets(workspace).tile, batch.n - done))
        if done == 0:
            begin_minibatch(training, t)
        part = first_part(control, samples, t)
        while part < n_parts:
            x0, x1 = tile.X * part // n_parts, tile.X * (part + 1) // n_parts
            mine = Tile(place=tile.place + x0, row=x0, X=x1 - x0)
            gather_inputs(layers, data, mine, activations(layers, workspace, 0, x0))
            tile_of_samples(training, mine, 1, t)
            part = next_part(control, samples)
        leaving = barrier_and_poll(control, m, t)
        if t == 0:
            note_statistics(training, m, tile, 0, n_threads)
            store(samples, 0)  # for the next tile: nobody claims any before the next barrier
        finishing = done + tile.X >= batch.n
        if finishing:
            ruling = verdict(training, batch, 0, n_threads)
        if ruling == APPLY:
            coming = prefetch(training, tile.place + tile.X, t)
            part = first_part(control, rows, t)
            while part < n_parts:
                parameters(training, batch, tile, 1, part, n_parts, coming, t)
                part = next_part(control, rows)
            if finishing and training.optimizer.updating and settings(training.optimizer).clip_norm > 0.0:
                ruling = APPLY if update_of_all(training, m, t) else REFUSE
        barrier(control.threads, n_threads, t)
        if t == 0:
            store(rows, 0)  # nor rows of the next tile
        done += tile.X
    if t == 0:
        flags(control).begun = done if done < batch.n else 0
        if done == batch.n:
            conclude(training, m, ruling)
    return leaving or ruling == REFUSE or done < batch.n


@strict
def data_parallel_minibatches(training: Training, t: int) -> None:
    """The slice of an epoch that `FLAGS` name."""
    for m in range(flags(training.control).first, flags(training.control).last):
        if minibatch(training, m, t):
            break


@strict(cache=True)
def work(training: Training, gate: Buffer, t: int) -> int:
    """Thread t of a team. Thread 0 leads: it runs a slice and returns; the others serve slices until the gate closes.

    Between slices the others wait at the gate, so that a slice begins without waking a thread. Once thread 0 has begun
    a slice all of them are in it, and it returns when all are done: nothing that happens to Python comes between.
    Threads that work alone at one gate hold its spin lock while they are in Python.
    """
    training, gate = addressed(training), pointer(gate)
    theta, control = training.layers.theta, training.control
    training = with_theta(training, thread_theta(training, t))
    number = 0
    while True:
        if control.n_threads > 1:
            number = begin_slice(gate, control.n_threads) if t == 0 else wait_for_slice(gate, number, t)
            if number < 0:
                return number
        else:
            release_spin_lock(gate)
        if control.schedule == COLUMN_PARALLEL:
            column_parallel_minibatches(training, theta, t)
        elif control.schedule == ORDERED_TILES:
            ordered_tiles_minibatches(training, t)
        else:
            data_parallel_minibatches(training, t)
        if control.n_threads == 1:
            acquire_spin_lock(gate)
        if t == 0:
            return RUN


@strict
def tiles_of_outputs(layers: Layers, data: Data, workspace: Workspace, out: Outputs, x0: int, x1: int, t: int) -> None:
    """``outputs`` of samples x0..x1, tile by tile."""
    K, J = layer(layers, 0).J, layer(layers, layers.L).J
    in_place = not exists(data.indptr) and K * itemsize(data.X) % CROWDING_STRIDE != 0
    first = t * offsets(workspace).tile
    while x0 < x1:
        X = min(offsets(workspace).tile, x1 - x0)
        tile = Tile(place=x0, row=first, X=X)
        a_0 = matrix(data.X, x0 * K, K)
        if not in_place:
            a_0 = activations(layers, workspace, 0, first)
            gather_inputs(layers, data, tile, a_0)
        forward(layers, data, workspace, tile, 1, a_0, t)
        if exists(out.costs):
            gather_targets(layers, data, workspace, tile)
            outputs_and_costs(layers, workspace, tile)
            c = line(workspace.buf, offsets(workspace).costs + first, X)
            for x in range(X):
                out.costs[x0 + x] = c[x]
        for x in range(X):
            a = row(activations(layers, workspace, layers.L, first + x), 0, J)
            for j in range(J):
                out.a[x0 + x, j] = a[j]
            if exists(out.decisions):
                out.decisions[x0 + x] = decision(J, a)
        x0 += X


@strict(cache=True)
def outputs(layers: Plain, data: Plain, workspace: Plain, out: Plain, x0: int, x1: int, t: int) -> None:
    """a^L of samples x0..x1; C_x where there is room for it; and, likewise, what the outputs decide.

    A thread's tiles are its own: no barrier.
    """
    of_layers, of_data = addressed(Layers(*layers)), addressed(Data(*data))
    tiles_of_outputs(of_layers, of_data, addressed(Workspace(*workspace)), Outputs(*out), x0, x1, t)
