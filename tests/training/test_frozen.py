"""Weights that a training leaves as they are, and layers that follow their gradient faster or slower than others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import fastbp
from fastbp import jit
from fastbp.runtime import plan

RNG = np.random.RandomState(5)
X = RNG.randn(23, 9)
Y = RNG.randn(23, 2)
SOME = RNG.rand(20, 9) < 0.5
MASKS = [(SOME, False), (True, True), (False, np.array([True, False]))]
SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False}
OPTIMIZERS = [
    fastbp.SGD(0.1),
    fastbp.SGD(0.1, momentum=0.9, weight_decay=0.5),
    fastbp.AdamW(0.01),
    fastbp.Adagrad(0.1),
]


def make_net(**options: Any) -> fastbp.Network:
    return fastbp.Network([9, 20, 6, 2], **({"activations": ["tanh", "tanh", "identity"], "seed": 1} | options))


def parts(net: Any) -> list[np.ndarray]:
    return [part for layer in zip(net.w, net.b, strict=True) for part in layer]


def as_masks(frozen: Any, net: fastbp.Network) -> list[np.ndarray]:
    """True where a number is frozen, of w[1], b[1], w[2], ..."""
    if all(isinstance(item, int) for item in frozen):
        frozen = [(l in frozen or l - net.L - 1 in frozen,) * 2 for l in range(1, net.L + 1)]
    masks = [mask for pair in frozen for mask in pair]
    return [np.broadcast_to(mask, part.shape) for mask, part in zip(masks, parts(net), strict=True)]


def descent(
    net: fastbp.Network,
    optimizer: Any,
    frozen: Any,
    rates: tuple[float, ...],
    longest: float = np.inf,
    **penalty: float,
) -> list[np.ndarray]:
    """Weights and biases after two epochs of minibatches of 10, in NumPy, as PyTorch has it: what is frozen has no
    gradient, nor a share in the norm of all, and a layer's rate is that of its group.
    """
    net, masks = net.copy(), as_masks(frozen, net)
    first, second = ([np.zeros_like(part) for part in parts(net)] for _ in range(2))
    for t, start in enumerate((0, 10, 20) * 2, 1):
        g = parts(net.gradient(X[start : start + 10], Y[start : start + 10], **penalty))
        g = [np.where(mask, 0, slope) for mask, slope in zip(masks, g, strict=True)]
        g = [slope * min(1.0, longest / np.sqrt(sum((s**2).sum() for s in g))) for slope in g]
        for i, (part, mask, slope, m, v) in enumerate(zip(parts(net), masks, g, first, second, strict=True)):
            eta = optimizer.learning_rate * rates[i // 2]
            new = part - eta * optimizer.weight_decay * part
            if isinstance(optimizer, fastbp.Adam):
                m += 0.1 * (slope - m)
                v += 0.001 * (slope**2 - v)
                new -= eta * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            elif isinstance(optimizer, fastbp.Adagrad):
                v += slope**2
                new -= eta * slope / (np.sqrt(v) + 1e-10)
            else:
                m *= optimizer.momentum
                m -= eta * slope
                new += m
            part[...] = np.where(mask, part, new)
    return parts(net)


@pytest.mark.parametrize("extra", [{}, {"l1": 0.01, "l2": 0.1}, {"clip_norm": 0.5, "l2": 0.1}], ids=str)
@pytest.mark.parametrize("frozen", [[], [1, -2], [-1], MASKS], ids=["none", "below", "last", "masks"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_all_but_the_frozen_weights_follow_their_gradient(optimizer: Any, frozen: Any, extra: dict[str, Any]) -> None:
    net, rates = make_net(), (0.5, 2.0, 1.0)
    before = parts(net.copy())
    penalty = {name: value for name, value in extra.items() if name != "clip_norm"}
    expected = descent(net, optimizer, frozen, rates, extra.get("clip_norm", np.inf), **penalty)
    fastbp.train(net, X, Y, optimizer=optimizer, frozen=frozen, layer_rates=rates, **SHORT, **extra)
    for ours, by_hand, old, mask in zip(parts(net), expected, before, as_masks(frozen, net), strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-8, atol=1e-11)
        assert np.array_equal(ours[mask], old[mask])
        assert (ours[~mask] != old[~mask]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=lambda optimizer: type(optimizer).__name__)
@pytest.mark.parametrize("frozen", [[1], [2, 3], MASKS], ids=["first", "above", "masks"])
def test_no_schedule_and_no_number_of_threads_changes_a_bit(frozen: Any, optimizer: Any, dtype: Any) -> None:
    def trained(schedule: plan.Schedule, n_threads: int) -> np.ndarray:
        net = fastbp.Network([64, 48, 6, 2], activations=["tanh", "tanh", "identity"], seed=1, dtype=dtype)
        masks = [(np.eye(48, 64) > 0, False), *MASKS[1:]]
        with plan.forced(schedule=schedule):
            run = fastbp.train(
                net, wide, Y, optimizer=optimizer, frozen=masks if frozen is MASKS else frozen,
                layer_rates=(0.5, 1.0, 0.25), n_threads=n_threads, **(SHORT | {"epochs": 1}),
            )  # fmt: skip
        assert run.plan is not None
        assert run.plan.schedule == schedule
        return net.theta

    wide = np.random.RandomState(0).randn(23, 64)
    expected = trained("data_parallel", 1)
    ways: list[tuple[plan.Schedule, int]] = [("ordered_tiles", 1)]
    ways += [] if jit.DISABLED else [("data_parallel", 2), ("data_parallel", 3), ("ordered_tiles", 2)]
    if frozen is not MASKS and optimizer is OPTIMIZERS[0]:
        ways += [("column_parallel", 1)] + ([] if jit.DISABLED else [("column_parallel", 3)])  # type: ignore[list-item]
    for way in ways:
        assert trained(*way).tobytes() == expected.tobytes(), way


def test_a_net_of_one_output_and_sparse_samples() -> None:
    few = np.where(np.abs(X) > 1, X, 0)
    mask = RNG.rand(1, 5) < 0.5
    for frozen in ([1], [2], [(RNG.rand(5, 9) < 0.5, False), (mask, True)]):
        nets = [fastbp.Network([9, 5, 1], activations="tanh", seed=0) for _ in range(3)]
        for net, samples in zip(nets, (few, scipy.sparse.csr_array(few)), strict=False):
            fastbp.train(net, samples, np.tanh(Y[:, 0]), optimizer=fastbp.AdamW(0.1), frozen=frozen, **SHORT)
        assert np.array_equal(nets[0].theta, nets[1].theta)
        for ours, old, frozen_here in zip(parts(nets[0]), parts(nets[2]), as_masks(frozen, nets[0]), strict=True):
            assert np.array_equal(ours == old, frozen_here)


def test_the_penalty_of_frozen_weights_is_in_the_cost() -> None:
    net = make_net()
    own = net.evaluate(X, Y)["loss"]
    penalty = sum(0.3 * np.abs(w).sum() + 0.1 * (w**2).sum() for w in net.w)
    run = fastbp.train(
        net, X, Y, optimizer=fastbp.SGD(1e-300), epochs=1, batch_size=None, l1=0.3, l2=0.2, frozen=[1, 2]
    )
    assert run.history["loss"][0] == pytest.approx(own + penalty, rel=1e-12)


def test_a_mask_that_freezes_whole_layers_or_nothing_is_none() -> None:
    nets = [make_net() for _ in range(2)]
    run = fastbp.train(nets[0], X, Y, frozen=[(True, np.ones(20, bool)), (False, False), (False, False)], **SHORT)
    fastbp.train(nets[1], X, Y, frozen=np.array([1]), **SHORT)
    assert np.array_equal(nets[0].theta, nets[1].theta)
    assert run.plan is not None
    assert run.plan.fused_update
    assert not fastbp.plan(make_net(), 10, frozen=MASKS).plan.fused_update


def test_what_diverges_is_no_frozen_layer() -> None:
    net = fastbp.Network([9, 5, 2], activations=["relu", "identity"], seed=0)
    for options in ({"frozen": [1]}, {"layer_rates": (1e-30, 1.0)}):
        with pytest.raises(fastbp.DivergenceError, match=r"(?s)layer 2|explodes"):
            fastbp.train(net.copy(), 1e3 * X, 1e6 * Y, optimizer=fastbp.SGD(10.0), **options)
    with pytest.raises(ValueError, match="weight_decay is 3"):
        fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.1, weight_decay=1.0), layer_rates=(1, 30))


@pytest.mark.parametrize(
    "frozen",
    [1, "1", iter([1]), {1: True}, np.array(1),
     [0], [4], [-4], [1.5], [True], ["1"], [1, 2, 3], [(True, True)] * 3, [(True, True)], [(True,)] * 3,
     [(np.ones((9, 20), bool), True), (False, False), (False, False)], [(0.5, True), (False, False), (False, False)],
     [1, (True, True), (False, False)]],
)  # fmt: skip
def test_what_cannot_be_frozen_is_refused(frozen: Any) -> None:
    net = make_net()
    before = net.theta.copy()
    with pytest.raises((TypeError, ValueError), match=r"^frozen (is|has) ") as caught:
        fastbp.train(net, X, Y, frozen=frozen)
    assert caught.value.parameter == "frozen"
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize(
    "rates",
    [
        1.0,
        "1,1,1",
        iter([1, 1, 1]),
        {0.5, 1.0, 2.0},
        np.array(1),
        (1, 1),
        (1, 1, 1, 1),
        (1, 0, 1),
        (1, -1, 1),
        (1, np.nan, 1),
        (1, "1", 1),
    ],
)
def test_rates_that_no_layer_can_have_are_refused(rates: Any) -> None:
    net = make_net()
    before = net.theta.copy()
    with pytest.raises((TypeError, ValueError), match=r"^layer_rates (is|has) ") as caught:
        fastbp.train(net, X, Y, layer_rates=rates)
    assert caught.value.parameter == "layer_rates"
    assert np.array_equal(net.theta, before)
