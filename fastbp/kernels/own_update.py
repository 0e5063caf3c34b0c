"""U by a user's own function, which never sees padding: it is called once for each run of parameters without any."""

from __future__ import annotations

from fastbp.jit import strict
from fastbp.jit.addresses import Array, after, copy_line, exists, line, number
from fastbp.jit.own_updates import call_update
from fastbp.kernels.records import Optimizer, Training
from fastbp.kernels.updates import Constants
from fastbp.kernels.views import layer, settings


@strict
def update_run(optimizer: Optimizer, w: Array, g: Array, at: int, first: int, end: int, c: Constants) -> None:
    """U of elements ``first`` to before ``end`` of w and g, whose first ones are those of theta at ``at``."""
    n = end - first
    if n > 0:
        known = settings(optimizer)
        w_n, g_n, state = line(w, first, n), line(g, first, n), after(optimizer.state, at + first)
        t, factor = number(w, known.beta_1_power - 1.0), c.eta * c.weight_decay
        lengths, of_step = (n, optimizer.size), (c.eta, t, factor)
        if call_update(known.own, lengths, w_n, g_n, state, of_step, optimizer.numbers) != 0:
            known.failed = 1


@strict
def own_update(training: Training, l: int, w: Array, g: Array, at: int, n: int, c: Constants) -> None:
    """U of those n parameters of layer l that begin in theta at ``at``; decoupled decay follows it.

    ``w`` and ``g`` begin with the first of them. Rows of weights are walked one by one, unless they lie side by side.
    """
    optimizer, J, K = training.optimizer, layer(training.layers, l).J, layer(training.layers, l).K
    stride, start, biases = layer(training.layers, l).stride, layer(training.layers, l).w, layer(training.layers, l).b
    first = at - start  # elements count from the start of the layer, in w and g from ``first``
    if stride == J:
        update_run(optimizer, w, g, at, 0, min(n, K * J - first), c)
        update_run(optimizer, w, g, at, max(0, biases - start - first), min(n, biases - start + J - first), c)
        return
    for k in range(first // stride, min((first + n - 1) // stride, K) + 1):
        begin = k * stride - first
        update_run(optimizer, w, g, at, max(0, begin), min(n, begin + J), c)


@strict
def own_step(training: Training, l: int, g: Array, at: int, n: int, c: Constants) -> None:
    """U of n parameters of layer l from ``at`` of theta on; with a mask of a copy, of which frozen ones are left."""
    optimizer, w = training.optimizer, line(training.layers.theta, at, n)
    if exists(optimizer.mask):
        mask, stepped = line(optimizer.mask, at, n), line(optimizer.stepped, at, n)
        copy_line(n, stepped, w)
        own_update(training, l, stepped, g, at, n, c)
        for i in range(n):
            w[i] = stepped[i] if mask[i] != 0 else w[i]
    else:
        own_update(training, l, w, g, at, n, c)
