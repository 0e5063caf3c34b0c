"""Every choice of a plan is one of speed: with each forced, bits, divergence and derivatives are what they are without.

The choices reach kernels that are compiled once; in plain Python it is counted what the kernels then do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, same_bits, textbook_lists

import fastbp
from fastbp import textbook
from fastbp.derivatives import numerical_gradient
from fastbp.jit.cpu import VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.kernels.gemm import gemm, microkernel, prefetch
from fastbp.kernels.gemm.epilogues import SGD_STEP
from fastbp.kernels.schedules import column_parallel as columns
from fastbp.runtime import engine
from fastbp.runtime.plan import OPTIMISATIONS, Plan, Task, forced, plan_gradient, plan_prediction, plan_training
from fastbp.training import plans as plans_of_a_run

COLUMNS: dict[str, Any] = {"schedule": "column_parallel"}
EACH_OFF: list[dict[str, Any]] = [{name: False} for name in OPTIMISATIONS]
ALL_OFF: dict[str, Any] = dict.fromkeys(OPTIMISATIONS, False)
FORCED: list[dict[str, Any]] = [
    {"schedule": "data_parallel"},
    {"schedule": "data_parallel", "tile": 3},
    {"schedule": "data_parallel", "parts": 3},
    {"schedule": "data_parallel", "parts": 2, "tile": 3},
    {"schedule": "ordered_tiles"},
    {"schedule": "ordered_tiles", "tile": 3},
    COLUMNS,
    {"tile": 3},
    *EACH_OFF,
    *({"schedule": "data_parallel", **off} for off in EACH_OFF),
    *({**COLUMNS, **off} for off in EACH_OFF),
    {**COLUMNS, "fused_update": False, "fused_update_forward": False},
    *({"schedule": schedule, **ALL_OFF} for schedule in ("data_parallel", "ordered_tiles", "column_parallel")),
]
THREADS = (1,) if SMALL else (1, 2, 3)  # plain Python has a team of one

# Of the wide one, F1 packs w^1 and BP4 the activations below it.
NETS = {"small": ([19, 18, 5, 2], 8, 23), "wide": ([300, 650, 3], 48, 96)}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans of trainings, as they are made. All samples count as far away."""
    made: list[Plan] = []

    def kept(task: Task, n_threads: int) -> Plan:
        made.append(plan_training(task, n_threads))
        return made[-1]

    monkeypatch.setattr(plans_of_a_run, "plan_training", kept)
    monkeypatch.setattr(engine, "FAR_BYTES", 0)
    return made


def example(sizes: list[int], n: int, dtype: str) -> tuple[fastbp.Network, np.ndarray, np.ndarray]:
    net = fastbp.Network(sizes, activations="tanh", dtype=dtype, seed=0)
    return net, *random_data(np.random.default_rng(40), net, n)


def stepped_by_the_textbook(net: fastbp.Network, X: np.ndarray, Y: np.ndarray, batch: int, eta: float) -> list[Any]:
    """w^l and b^l after an epoch of descent, of one minibatch after the other."""
    weights, biases = textbook_lists(net)
    for start in range(0, len(X), batch):
        part = slice(start, start + batch)
        g = textbook.minibatch_gradient(weights, biases, X[part], Y[part], activations=net.activations, cost=net.cost)
        for values, slopes in zip([*weights, *biases], [*g.w, *g.b], strict=True):
            textbook.update_sgd(values.reshape(-1), slopes.reshape(-1), net.dtype.type(eta))
    return [*weights, *biases]


@pytest.mark.parametrize("kind", ["small"] if SMALL else ["small", "wide"])
def test_weights_of_descent_are_the_textbooks(kind: str, dtype: str, plans: list[Plan]) -> None:
    sizes, batch, n = NETS[kind]
    net, X, Y = example(sizes, n, dtype)
    expected = stepped_by_the_textbook(net, X, Y, batch, 0.25)
    losses = set()
    for choices in [{}, *FORCED]:
        for n_threads in THREADS:
            trained = net.copy()
            with forced(**choices, n_threads=n_threads):
                run = fastbp.train(trained, X, Y, epochs=1, batch_size=batch, shuffle=False, optimizer=fastbp.SGD(0.25))
            used = plans[-1]
            assert used.n_threads == run.n_threads == n_threads
            assert all(getattr(used, name) == value for name, value in choices.items()), used
            for l in range(1, net.L + 1):
                assert same_bits(trained.w[l], expected[l - 1]), used
                assert same_bits(trained.b[l], expected[net.L + l - 1]), used
            losses.add(run.history["loss"][0])
    assert len(losses) == 1
    assert {used.schedule for used in plans} == {"data_parallel", "column_parallel", "ordered_tiles"}


TRAININGS: dict[str, dict[str, Any]] = {
    "Adam": {"optimizer": fastbp.Adam(0.01), "l1": 1e-3},
    "penalised descent": {"optimizer": fastbp.SGD(0.25), "l2": 0.01},
    "momentum": {"optimizer": fastbp.SGD(0.1, momentum=0.5, weight_decay=0.01), "l2": 0.01},
}


@pytest.mark.parametrize("kind", TRAININGS)
def test_weights_of_other_steps_are_the_defaults(kind: str, dtype: str, plans: list[Plan]) -> None:
    """A schedule that the training cannot have is refused, before a weight is touched; one thread may."""
    net, X, Y = example([19, 18, 5, 2], 23, dtype)
    s = np.random.default_rng(41).random(23)

    def trained(**choices: Any) -> Any:
        copy = net.copy()
        with forced(**choices):
            run = fastbp.train(copy, X, Y, epochs=2, batch_size=8, seed=1, sample_weight=s, **TRAININGS[kind])
        return copy.theta.tobytes(), run.history["loss"]

    expected = trained(n_threads=1)
    for choices in FORCED:
        for n_threads in THREADS:
            by_columns = choices.get("schedule") == "column_parallel"
            if by_columns and not (kind == "penalised descent" and n_threads == 1):
                with pytest.raises(ValueError, match=r"column_parallel is forced on .* Take data_parallel, ordered_t"):
                    trained(**choices, n_threads=n_threads)
                continue
            assert trained(**choices, n_threads=n_threads) == expected, (choices, n_threads)
            assert not plans[-1].fused_update, "the step is more than w - eta g"


def test_a_minibatch_that_diverges_is_refused_at_the_same_place(plans: list[Plan]) -> None:
    sizes, n = [9, 48, 1], 40 if SMALL else 200
    rng = np.random.default_rng(29)
    X, Y = rng.standard_normal((n, 9)), rng.standard_normal((n, 1))
    places = set()
    for choices in [{}, *FORCED]:
        for n_threads in THREADS:
            net = fastbp.Network(sizes, activations=["relu", "identity"], seed=0)
            with forced(**choices, n_threads=n_threads), pytest.raises(fastbp.DivergenceError) as caught:
                fastbp.train(net, X, Y, epochs=50, batch_size=10, seed=1, optimizer=fastbp.SGD(30.0))
            assert np.isfinite(net.theta).all()
            places.add((net.theta.tobytes(), caught.value.epoch, caught.value.minibatch))
    assert len(places) == 1
    assert len({used.schedule for used in plans}) == 3


def test_a_step_is_along_the_derivative_by_a_complex_step(plans: list[Plan]) -> None:
    net, X, Y = example([9, 18, 5, 2], 7, "float64")
    w, b = numerical_gradient(net, X, Y)
    for choices in [{}, *FORCED]:
        trained = net.copy()
        with forced(**choices):
            fastbp.train(trained, X, Y, epochs=1, batch_size=7, optimizer=fastbp.SGD(1.0), n_threads=1)
            g = net.gradient(X, Y)
        for l in range(1, net.L + 1):
            for derivative, moved, slope in (
                (w[l - 1], net.w[l] - trained.w[l], g.w[l]), (b[l - 1], net.b[l] - trained.b[l], g.b[l])
            ):  # fmt: skip
                np.testing.assert_allclose(moved, derivative, rtol=0, atol=1e-14)
                np.testing.assert_allclose(slope, derivative, rtol=0, atol=1e-14)
    with forced(tile=3):  # three of seven samples: what is compared above can differ
        fastbp.train(net, X[:3], Y[:3], epochs=1, batch_size=3, optimizer=fastbp.SGD(1.0), n_threads=1)
    assert np.abs(net.w[1] - trained.w[1]).max() > 1e-6


def test_predictions_and_gradients_are_the_same(dtype: str) -> None:
    sizes, _, n = NETS["small" if SMALL else "wide"]
    net, X, Y = example(sizes, n, dtype)
    out, g = net.feedforward(X, n_threads=1), net.gradient(X, Y, n_threads=1)
    for choices in FORCED:
        for n_threads in THREADS:
            with forced(**choices, n_threads=n_threads):
                assert same_bits(net.feedforward(X), out)
                again = net.gradient(X, Y)
                made = plan_prediction(n, n_threads), plan_gradient(Task(net.sizes, net.dtype.itemsize, n), n_threads)
            assert all(same_bits(again.w[l], g.w[l]) and same_bits(again.b[l], g.b[l]) for l in range(1, net.L + 1))
            for used in made:
                assert used.schedule == "data_parallel"
                assert used.tile == choices.get("tile", used.tile)
                assert all(getattr(used, name) <= choices.get(name, True) for name in OPTIMISATIONS)


def calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, answer: Any = None) -> list[Any]:
    """The arguments of each call of a module's function, which gives this answer if there is one."""
    seen: list[Any] = []
    function = getattr(module, name)

    def counted(*args: Any) -> Any:
        seen.append(args)
        return function(*args) if answer is None else answer

    monkeypatch.setattr(module, name, counted)
    return seen


@pytest.mark.plain
@pytest.mark.parametrize("schedule", ["data_parallel", "column_parallel"])
def test_what_is_left_out_is_not_done(schedule: str, plans: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each optimisation is at work in these trainings, and only that one is missing where it is forced off."""
    packed_a, packed_b = calls(monkeypatch, gemm, "packs_a", True), calls(monkeypatch, gemm, "pack")
    for module in gemm, layout:  # pack whatever can be packed, in nets that plain Python is fast enough for
        monkeypatch.setattr(module, "packs_b", lambda *_: True)
    monkeypatch.setattr(layout, "packs_a", lambda *_: True)
    net, X, Y = example([12, 4 * VECTOR_BYTES // 8, 4 * VECTOR_BYTES // 8, 3], 16, "float64")
    fetched, passes = calls(monkeypatch, prefetch, "fetch_part"), calls(monkeypatch, columns, "step_and_weighted_input")
    steps = calls(monkeypatch, microkernel, "finish")

    def at_work(**choices: Any) -> dict[str, bool]:
        for seen in packed_a, packed_b, fetched, passes, steps:
            seen.clear()
        with forced(schedule=schedule, **choices):
            fastbp.train(net.copy(), X, Y, epochs=1, batch_size=8, n_threads=1, optimizer=fastbp.SGD(0.1))
        fused = sum(args[3] == SGD_STEP for args in steps)
        counts = len(packed_a), len(packed_b), len(fetched), fused, len(passes)
        return {name: count > 0 for name, count in zip(OPTIMISATIONS, counts, strict=True)}

    by_columns = schedule == "column_parallel"
    usual = {name: name != "fused_update_forward" or by_columns for name in OPTIMISATIONS}
    assert at_work() == usual
    for name in OPTIMISATIONS:
        # By columns, the pass over w^1 is what fetches.
        missing = ["fused_update_forward", "prefetch"] if by_columns and name == "fused_update_forward" else [name]
        assert at_work(**{name: False}) == usual | dict.fromkeys(missing, False)
    assert not any(at_work(**ALL_OFF).values())


def tile_and_packing() -> tuple[int, bool]:
    made = plan_prediction(10, 1)
    return made.tile, made.pack_a


def test_a_choice_that_there_is_not_is_refused() -> None:
    wrong: dict[str, Any]
    for wrong in ({"parts": 0}, {"parts": -1}, {"parts": 1.5}, {"tile": 0}, {"tile": "a"}, {"parts": None}):
        with pytest.raises(ValueError, match="a plan needs a whole number from 1"), forced(**wrong):
            pass
    with pytest.raises(TypeError, match="A plan has no tiles; it has schedule, n_threads, tile"), forced(tiles=3):
        pass
    with forced(schedule="column_parallel"), pytest.raises(ValueError, match=r"Take data_parallel\."):
        plan_training(Task((9, 20, 3), 8, 5, descent=True, whole_gradient=True), 1)
    with forced(tile=3):
        with forced(pack_a=False):
            assert tile_and_packing() == (3, False)
        assert tile_and_packing() == (3, True)
    assert tile_and_packing() == (16, True)
