"""A user's own optimizer: its protocol, Lion beside NumPy, and the same bits for any number of threads."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp import jit
from fastbp.runtime import plan
from fastbp.training.own_optimizer import OwnOptimizer

RNG = np.random.RandomState(5)
X = RNG.randn(23, 9)
Y = RNG.randn(23, 2)
SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False}


def lion(g: Any, w: Any, m: Any, eta: Any, t: Any, beta_1: float = 0.9, beta_2: float = 0.99) -> Any:
    c = beta_1 * m + (1 - beta_1) * g
    return w - eta * np.sign(c), beta_2 * m + (1 - beta_2) * g


def descent(g: Any, w: Any, eta: Any, t: Any) -> Any:
    return w - eta * g


def counted(g: Any, w: Any, last: Any, sum_of_t: Any, eta: Any, t: Any, per: float = 8.0) -> Any:
    """Its state tells of every step: how many there were."""
    return w - eta * g / per, t, sum_of_t + t


def moved(g: Any, w: Any, m: Any, eta: Any, t: Any) -> Any:
    """Each parameter that is touched shows it."""
    return w + 1, m + 1


def make_net(**options: Any) -> fastbp.Network:
    return fastbp.Network([9, 20, 6, 2], **({"activations": ["tanh", "tanh", "identity"], "seed": 1} | options))


def parts(net: Any) -> list[np.ndarray]:
    return [part for layer in zip(net.w, net.b, strict=True) for part in layer]


def by_hand(net: fastbp.Network, beta_1: float, decay: float, frozen: int, longest: float, l2: float) -> list[Any]:
    """Lion in NumPy, of arrays: w <- w - eta (sign(beta_1 m + (1 - beta_1) g) + decay w)."""
    net = net.copy()
    means = [np.zeros_like(part) for part in parts(net)]
    for start in (0, 10, 20) * 2:
        g = parts(net.gradient(X[start : start + 10], Y[start : start + 10], l2=l2))
        g = [slope * (i // 2 + 1 != frozen) for i, slope in enumerate(g)]
        g = [slope * min(1.0, longest / np.sqrt(sum((s**2).sum() for s in g))) for slope in g]
        for i, (part, m, slope) in enumerate(zip(parts(net), means, g, strict=True)):
            if i // 2 + 1 != frozen:
                part -= 0.01 * (np.sign(beta_1 * m + (1 - beta_1) * slope) + decay * part)
            m *= 0.99
            m += 0.01 * slope
    return parts(net)


@pytest.mark.parametrize(
    ("decay", "extra"),
    [(0.0, {}), (0.5, {"l2": 0.1}), (0.5, {"clip_norm": 0.5, "frozen": [1]}), (0.0, {"frozen": [2], "l2": 0.1})],
    ids=str,
)
def test_lion_is_that_of_numpy(decay: float, extra: dict[str, Any]) -> None:
    net = make_net()
    expected = by_hand(
        net, 0.8, decay, extra.get("frozen", [0])[0], extra.get("clip_norm", np.inf), extra.get("l2", 0.0)
    )
    fastbp.train(net, X, Y, optimizer=fastbp.optimizer(lion, 0.01, weight_decay=decay, beta_1=0.8), **SHORT, **extra)
    for ours, theirs, old in zip(parts(net), expected, parts(make_net()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
        assert np.array_equal(ours, old) == (np.array_equal(theirs, old))
    other = by_hand(make_net(), 0.1, decay, 0, np.inf, 0.0)
    assert max(np.abs(a - b).max() for a, b in zip(parts(net), other, strict=True)) > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("extra", [{}, {"clip_norm": 0.5, "l1": 0.01}, {"frozen": [(np.eye(20, 9) > 0, True)] * 1}])
def test_neither_tiles_nor_threads_change_a_bit(extra: dict[str, Any], dtype: Any) -> None:
    if "frozen" in extra:
        extra = {"frozen": [*extra["frozen"], (False, False), (False, True)], "layer_rates": (1.0, 0.5, 2.0)}
    expected = None
    for tile, n_threads in [(10, 1), (4, 1)] + ([] if jit.DISABLED else [(10, 2), (10, 3), (4, 2), (4, 3)]):
        net = make_net(dtype=dtype)
        with plan.forced(tile=tile):
            fastbp.train(net, X, Y, optimizer=fastbp.optimizer(lion, 0.01), n_threads=n_threads, **SHORT, **extra)
        expected = net.theta.tobytes() if expected is None else expected
        assert net.theta.tobytes() == expected, (tile, n_threads)
    assert expected != make_net(dtype=dtype).theta.tobytes()


@pytest.mark.parametrize("sizes", [[9, 16, 1], [9, 5, 16], [9, 3, 1]])
def test_the_same_arithmetic_has_the_bits_of_the_library(sizes: list[int]) -> None:
    """Rows with and without padding, and one output neuron."""
    for dtype in ("float32", "float64"):
        for extra in ({"l1": 0.01, "l2": 0.1}, {"clip_norm": 0.1}):
            nets = [fastbp.Network(sizes, activations="tanh", seed=0, dtype=dtype) for _ in range(2)]  # type: ignore[arg-type]
            for net, optimizer in zip(nets, (fastbp.SGD(0.1), fastbp.optimizer(descent, 0.1)), strict=True):
                fastbp.train(net, X, np.tanh(X[:, : sizes[-1]]) if sizes[-1] < 9 else np.tanh(np.hstack([X, X[:, :7]])),
                             optimizer=optimizer, **SHORT, **extra)  # type: ignore[arg-type]  # fmt: skip
            assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


@pytest.mark.parametrize("sizes", [[9, 5, 1], [8, 3, 2], [8, 16, 3]])
def test_padding_is_never_seen(sizes: list[int]) -> None:
    """A layer of three neurons ends with half a cache line that no row has."""

    options: dict[str, Any]
    for options in ({}, {"clip_norm": 1.0}):
        net = fastbp.Network(sizes, activations="identity", seed=0)
        before = net.theta.copy()
        samples, targets = np.zeros((4, sizes[0])), np.zeros((4, sizes[-1]))
        run = fastbp.train(net, samples, targets, optimizer=fastbp.optimizer(moved, 0.1), epochs=1, **options)
        assert (net.theta != before).sum() == net.n_parameters
        assert run._state is not None
        assert run._state.moments.sum() == net.n_parameters


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}], ids=str)
def test_a_frozen_layer_stays_even_where_an_update_heeds_no_step_size(options: dict[str, Any]) -> None:
    net, before = make_net(), make_net()
    run = fastbp.train(net, X, Y, optimizer=fastbp.optimizer(moved, 0.1), epochs=1, frozen=[2], **options)
    assert run._state is not None
    moments = before.copy()
    moments.theta[:] = run._state.moments
    for l in (1, 2, 3):
        for ours, old, m in ((net.w[l], before.w[l], moments.w[l]), (net.b[l], before.b[l], moments.b[l])):
            assert ((ours == old).all(), (m == 0).all()) == ((True, True) if l == 2 else (False, False))
            assert l == 2 or np.array_equal(m, np.ones_like(m))


@pytest.mark.compiled
@pytest.mark.parametrize("sizes", [[64, 33, 1], [64, 48, 33], [9, 1500, 1]])
def test_shares_of_threads_may_begin_in_the_middle_of_a_row(sizes: list[int]) -> None:
    rng = np.random.RandomState(0)
    samples, targets = rng.randn(8, sizes[0]), rng.randn(8, sizes[-1])
    for dtype in ("float32", "float64"):
        nets = [fastbp.Network(sizes, activations=["tanh", "identity"], seed=0, dtype=dtype) for _ in range(4)]  # type: ignore[arg-type]
        optimizers = [fastbp.SGD(0.01), *[fastbp.optimizer(descent, 0.01)] * 3]
        for net, optimizer, n_threads in zip(nets, optimizers, (1, 1, 2, 3), strict=True):
            fastbp.train(
                net, samples, targets, optimizer=optimizer, epochs=2, seed=0, n_threads=n_threads, clip_norm=0.5
            )
            assert net.theta.tobytes() == nets[0].theta.tobytes(), n_threads
        for n_threads in (2, 3):
            before = nets[0].theta.copy()
            optimizer: Any = fastbp.optimizer(moved, 0.01)
            run = fastbp.train(nets[0], samples, targets, optimizer=optimizer, epochs=1, n_threads=n_threads)
            assert run._state is not None
            assert (nets[0].theta != before).sum() == run._state.moments.sum() == nets[0].n_parameters  # no padding


def test_steps_are_counted_and_state_is_kept_by_a_run_that_goes_on() -> None:
    nets = [make_net() for _ in range(2)]
    optimizer = fastbp.optimizer(counted, 0.1)
    whole = fastbp.train(nets[0], X, Y, optimizer=optimizer, epochs=4, batch_size=10, seed=0)
    run = fastbp.train(nets[1], X, Y, optimizer=optimizer, epochs=2, batch_size=10, seed=0)
    run = fastbp.train(nets[1], X, Y, epochs=4, continuing=run)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()
    for done in (whole, run):
        assert done._state is not None
        last, sums = np.split(done._state.moments, 2)
        w_1 = nets[0]._views(last, "w", "b")[0][1]
        assert (w_1 == 12).all()
        assert (nets[0]._views(sums, "w", "b")[0][1] == 12 * 13 / 2).all()
    with pytest.raises(ValueError, match=r"counted.*per=8\.0.*per=4\.0"):
        fastbp.train(nets[1], X, Y, epochs=5, continuing=run, optimizer=fastbp.optimizer(counted, 0.1, per=4.0))


def not_a_number(g: Any, w: Any, eta: Any, t: Any) -> Any:
    return w - eta * g if t < 4 or w > 0 else math.nan


def exception(g: Any, w: Any, m: Any, eta: Any, t: Any) -> Any:
    if t == 4 and w <= 0:
        raise ValueError(t)
    return w - eta * g, m


def infinite_state(g: Any, w: Any, m: Any, eta: Any, t: Any) -> Any:
    return w - eta * g, (m if t < 4 or w > 0 else 1 / (m - m))


def text(g: Any, w: Any, eta: Any, t: Any) -> Any:
    return w - eta * g if t < 4 or w > 0 else "1"


@pytest.mark.parametrize(
    "update", [not_a_number, exception, infinite_state, pytest.param(text, marks=pytest.mark.plain)]
)
def test_what_is_not_finite_is_divergence(update: Callable[..., Any]) -> None:
    thetas = []
    for n_threads in (1, 2):
        net = make_net()
        with pytest.raises(fastbp.DivergenceError) as caught:
            fastbp.train(net, X, Y, optimizer=fastbp.optimizer(update, 0.1), n_threads=n_threads, **SHORT)
        assert (caught.value.epoch, caught.value.minibatch) == (2, 1)
        assert update.__name__ in str(caught.value)
        assert "what is not finite" in str(caught.value)
        thetas.append(net.theta)
    assert np.isfinite(thetas[0]).all()
    assert np.array_equal(*thetas)


def test_an_optimizer_is_a_value() -> None:
    ours = fastbp.optimizer(lion, 0.01, beta_2=0.5)
    assert isinstance(ours, OwnOptimizer)
    assert dataclasses.replace(ours, learning_rate=0.5) == fastbp.optimizer(lion, 0.5, beta_2=0.5) != ours
    assert pickle.loads(pickle.dumps(ours)) == ours
    text = "optimizer(test_own_optimizer.lion, learning_rate=0.01, weight_decay=0.0, beta_1=0.9, beta_2=0.5)"
    assert repr(ours) == text


def not_all(g: Any, w: Any, m: Any, eta: Any, t: Any) -> Any:
    return w - eta * g


def words(g: Any, w: Any, eta: Any, t: Any) -> Any:
    return "w"


def divides(g: Any, w: Any, eta: Any, t: Any) -> Any:
    return w - eta * np.float64(g) / np.float64(t - 1)


@pytest.mark.parametrize(
    ("update", "what"),
    [
        (3, "is 3; it must be a function update"),
        (np.sign, "it must be a function"),
        (lambda w, g, eta, t: w, r"has the parameters \(w, g, eta, t\)"),
        (lambda g, w: w, r"has the parameters \(g, w\)"),
        (lambda g, w, eta: w, "has the parameters"),
        (lambda g, w, *state: w, "has the parameters"),
        (lambda g, w, eta, t, mu: w, "has the constant mu without a default"),
        (not_all, "w and 1 numbers of its state, as a tuple is needed"),
        (words, "returns 'w'"),
        (lambda g, w, eta, t: "1", "returns '1'; w is needed"),
        (lambda g, w, eta, t: w + 0j, "returns .*; w is needed"),
        (lambda g, w, m, eta, t: (w, [m]), "w and 1 numbers of its state, as a tuple is needed"),
        (divides, "finite numbers are needed"),
        (lambda g, w, eta, t: w - eta * math.log(g), r"raises ValueError.* of g = -0\.25 at step 1"),
    ],
)
def test_a_function_of_another_form_is_refused(update: Any, what: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^update .*{what}") as caught:
        fastbp.optimizer(update, 0.1)
    assert caught.value.parameter == "update"  # type: ignore[attr-defined]


def test_bad_numbers_are_refused_by_name() -> None:
    for name, value in (("learning_rate", 0.0), ("weight_decay", -1.0), ("beta_1", math.nan), ("beta_1", "x")):
        with pytest.raises((TypeError, ValueError), match=f"^{name} is "):
            fastbp.optimizer(lion, **({"learning_rate": 0.1} | {name: value}))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^mu is no constant of lion, which has beta_1, beta_2\."):
        fastbp.optimizer(lion, 0.1, mu=0.5)
    with pytest.raises(ValueError, match="weight_decay"):
        fastbp.optimizer(lion, 0.1, weight_decay=30.0)
    for number in (1e300, -1e300, 1e-300):
        optimizer = fastbp.optimizer(counted, 0.1, per=number)
        with pytest.raises(ValueError, match=r"^per is -?1e.?300; float32 holds .* to .*use dtype='float64'") as caught:
            fastbp.train(make_net(dtype="float32"), X, Y, optimizer=optimizer, epochs=1)
        assert caught.value.parameter == "per"  # type: ignore[attr-defined]


def reads_a_file(g: Any, w: Any, eta: Any, t: Any) -> Any:
    with open("/dev/null") as file:
        file.read()
    return w - eta * g


@pytest.mark.compiled
def test_what_cannot_be_compiled_is_refused_before_a_step() -> None:
    net = make_net()
    with pytest.raises(TypeError, match=r"^optimizer is reads_a_file, which cannot be compiled"):
        fastbp.train(net, X, Y, optimizer=fastbp.optimizer(reads_a_file, 0.1))
    assert np.array_equal(net.theta, make_net().theta)
