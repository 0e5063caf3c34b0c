"""Memory that training asks for: what the samples, the parameters and a minibatch's activations take, not more."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp.jit.cpu import VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.nielsen import network, network2
from fastbp.runtime import engine
from fastbp.runtime.plan import Task, plan_training
from fastbp.sklearn import MLPClassifier, MLPRegressor

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


X = np.random.RandomState(0).random_sample((24, 4))
LABELS = np.arange(24) % 3
COLUMNS = [(x[:, None], np.eye(3)[label][:, None]) for x, label in zip(X, LABELS, strict=True)]


def _doors() -> dict[str, Callable[[], Any]]:
    """Each way in, with memory of its own to hold on to."""
    net = fastbp.Network([4, 5, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    options: Any = {"hidden_layer_sizes": (5,), "random_state": 0}
    few = MLPClassifier(max_iter=200, tol=1.0, n_iter_no_change=1, **options)
    stopping = MLPRegressor(max_iter=200, tol=1.0, n_iter_no_change=1, early_stopping=True, **options)
    solver = MLPRegressor(solver="lbfgs", tol=1.0, **options)
    book, book_2 = network.Network([4, 5, 3]), network2.Network([4, 5, 3])

    def train(**more: Any) -> None:
        fastbp.train(net, X, LABELS, epochs=2, batch_size=8, seed=0, **more)

    return {
        "train": lambda: train(n_threads=1),
        "train on two threads": lambda: train(n_threads=2),
        "train with all that watches": lambda: train(
            validation=(X, LABELS), early_stopping=fastbp.EarlyStopping(), callbacks=[lambda run: None], dropout=0.1
        ),
        "fit": lambda: few.fit(X, LABELS),
        "fit with early stopping": lambda: stopping.fit(X, X[:, 0]),
        "fit with a solver": lambda: solver.fit(X, X[:, 0]),
        "partial_fit": lambda: few.partial_fit(X, LABELS),
        "predict": lambda: few.predict(X),
        "feedforward on two threads": lambda: net.feedforward(X, n_threads=2),
        "gradient on two threads": lambda: net.gradient(X, LABELS, n_threads=2),
        "backprop": lambda: net.backprop(X, LABELS),
        "evaluate": lambda: net.evaluate(X, LABELS),
        "jacobian": lambda: net.input_jacobian(X),
        "explain": lambda: fastbp.explain(net, X[0], LABELS[0], layer=1, neuron=0),
        "gradcheck": lambda: fastbp.gradcheck(net, X[:2], LABELS[:2]),
        "the book's SGD": lambda: book.SGD(COLUMNS, 2, 8, 0.1, [(x, int(y.argmax())) for x, y in COLUMNS]),
        "the second book's SGD": lambda: book_2.SGD(COLUMNS, 2, 8, 0.1, monitor_training_cost=True),
    }


def test_samples_and_state_are_free_when_a_call_is_over() -> None:
    """No cycle of references holds them until Python looks for cycles: that may be many calls later."""
    kept = {}
    for name, call in _doors().items():
        with contextlib.redirect_stdout(io.StringIO()):
            call()  # what is made once may stay
            gc.collect()
            gc.disable()
            try:
                call()
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                kept[name] = sorted({type(one).__qualname__ for one in gc.garbage})
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
    assert kept == {name: [] for name in kept}
