"""Memory that training asks for: what the samples, the parameters and a minibatch's activations take, not more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp.jit.cpu import VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.runtime import engine
from fastbp.runtime.plan import Task, plan_training

WIDE = 200_000


@pytest.mark.parametrize("sizes", [[WIDE, 3, 2], [WIDE, 2], [WIDE, 1], [3, WIDE, 2], [3, 2, WIDE], [9, WIDE, 1]])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_workspace_of_wide_layers_is_a_few_rows_of_each(sizes: list[int], n_threads: int, dtype: str) -> None:
    """No part of it may multiply the widths of two layers, or a width by the rows that BP4 takes at a time."""
    net = fastbp.Network(sizes, activations="tanh", dtype=dtype, seed=0)
    neurons = sum(layout.padded(size, net.dtype.itemsize) for size in sizes)
    for descent in False, True:
        for batch in 1, 4:
            plan = plan_training(Task(net.sizes, net.dtype.itemsize, batch, descent=descent), n_threads)
            size = engine.lay_out(net, plan).workspace_size
            vectors = VECTOR_BYTES // net.dtype.itemsize
            each = 2 * vectors * neurons + 2 * net.theta.size + 100_000  # packed columns, a gradient, own weights
            assert size < (4 * batch + 8) * neurons + n_threads * each, (plan, batch)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        ([3000, 3, 2], 64),  # F1 packs nothing, BP4 neither
        ([3000, 300, 2], 64),  # F1 packs 3,000 terms of w^1
        ([600, 700, 650], 128),  # both pack
        ([40, 700, 1], 130),  # F1 of one output neuron packs activations
        ([5, 9, 2000], 3),  # BP2 packs 2,000 terms
        ([700, 1], 300),
    ],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_packing_stays_inside_its_panel(
    sizes: list[int], batch: int, n_threads: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, prepare, seen = layout.largest_panel, engine.prepare_workspace, []
    guard = 4096

    def poisoned(where: engine.Layout) -> Any:
        workspace = prepare(where)
        workspace.buf[where.offsets[0].targets :] = np.nan
        seen.append((where, workspace.buf))
        return workspace

    monkeypatch.setattr(layout, "largest_panel", lambda *sizes: needed(*sizes) + guard)
    monkeypatch.setattr(engine, "prepare_workspace", poisoned)
    net = fastbp.Network(sizes, activations="tanh", dtype=dtype, seed=0)
    rng = np.random.default_rng(0)
    X, Y = rng.random((2 * batch, sizes[0])), rng.random((2 * batch, sizes[-1]))
    fastbp.train(net, X, Y, optimizer=fastbp.Adam(1e-3), epochs=1, batch_size=batch, n_threads=n_threads)
    where, buf = seen[0]
    used = 0
    for t in range(where.plan.n_threads):
        end = int(where.offsets[0].panels + (t + 1) * where.offsets[0].panels_step)
        panel = buf[end - int(where.offsets[0].panels_step) : end]
        assert np.isnan(panel[-guard:]).all()
        used += int((~np.isnan(panel)).sum())
    assert used > 0 or sizes in ([3000, 3, 2], [700, 1])
