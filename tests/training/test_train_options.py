"""What `train` is asked for beside optimizer and samples: clipping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastbp

RNG = np.random.RandomState(3)
X = RNG.randn(23, 6)
Y = RNG.randn(23, 2)


def make_net(**options: Any) -> fastbp.Network:
    return fastbp.Network([6, 5, 4, 2], **({"activations": ["tanh", "tanh", "identity"], "seed": 1} | options))


def parts(net: Any) -> list[np.ndarray]:
    return [*net.w, *net.b]


# Clipping


def clipped_descent(net: fastbp.Network, longest: float, eta: float, mu: float, l2: float) -> tuple[list[Any], int]:
    """Weights and biases after two epochs of minibatches of 10, and how many gradients were scaled down.

    The rule of PyTorch's ``clip_grad_norm_``: one norm, of all parameters.
    """
    net, scaled = net.copy(), 0
    velocity = [np.zeros_like(part) for part in parts(net)]
    for start in (0, 10, 20) * 2:
        g = parts(net.gradient(X[start : start + 10], Y[start : start + 10], l2=l2))
        norm = np.sqrt(sum((part**2).sum() for part in g))
        scaled += norm > longest
        for part, v, slope in zip(parts(net), velocity, g, strict=True):
            v *= mu
            v -= eta * slope * min(1.0, longest / norm)
            part += v
    return parts(net), scaled


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("mu", [0.0, 0.9])
def test_a_gradient_that_is_too_long_is_scaled_down(mu: float, n_threads: int) -> None:
    net = make_net()
    expected, scaled = clipped_descent(net, 1.0, 0.1, mu, 0.01)
    assert 0 < scaled < 6  # some are, some are not
    options: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False, "l2": 0.01, "n_threads": n_threads}
    fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.1, momentum=mu), clip_norm=1.0, **options)
    for ours, by_hand in zip(parts(net), expected, strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12)
    free = make_net()
    fastbp.train(free, X, Y, optimizer=fastbp.SGD(0.1, momentum=mu), **options)
    assert np.abs(free.theta - net.theta).max() > 1e-3  # what is not clipped would be caught


def test_a_long_step_does_not_diverge_once_it_is_clipped() -> None:
    far = 1e3 * Y
    with pytest.raises(fastbp.DivergenceError):
        fastbp.train(make_net(activations="identity"), X, far, optimizer=fastbp.SGD(2.0), epochs=20)
    net = make_net(activations="identity")
    fastbp.train(net, X, far, optimizer=fastbp.SGD(2.0), epochs=20, clip_norm=0.1)
    assert np.abs(net.theta).max() < 10


@pytest.mark.parametrize("clip_norm", [0, -1.0, float("nan"), "1"])
def test_a_length_that_no_gradient_can_have_is_refused(clip_norm: Any) -> None:
    net = make_net()
    before = net.theta.copy()
    with pytest.raises((TypeError, ValueError), match=r"^clip_norm is .* a finite number > 0") as caught:
        fastbp.train(net, X, Y, clip_norm=clip_norm)
    assert caught.value.parameter == "clip_norm"
    assert np.array_equal(net.theta, before)
