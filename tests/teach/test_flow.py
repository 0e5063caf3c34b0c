"""Vanishing gradients: the book's ratios, and the numbers against a derivative of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nets import SMALL

import fastbp
from fastbp.teach import FlowRecorder, gradient_flow

WIDE = 60 if SMALL else 784
N = 20 if SMALL else 300


def mnist_like(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten classes of images that are dark but for a fifth of their pixels, as MNIST's are."""
    classes = rng.random((10, WIDE)) * (rng.random((10, WIDE)) < 0.2)
    labels = rng.integers(0, 10, n)
    return np.clip(classes[labels] + 0.1 * rng.standard_normal((n, WIDE)) * (classes[labels] > 0), 0, 1), labels


def deep(hidden: int, seed: int, activation: str = "sigmoid") -> fastbp.Network:
    sizes = [WIDE, *[30] * hidden, 10]
    names = [*[activation] * hidden, "sigmoid"]
    return fastbp.Network(sizes, activations=names, cost="cross_entropy", seed=seed, init="nielsen_unit_bias")


@pytest.mark.parametrize("hidden", [2, 3, 4])
def test_each_layer_back_learns_several_times_slower(hidden: int) -> None:
    """Chapter 5 has 0.07, 0.31 for two hidden layers, 0.012, 0.060, 0.283 and 0.003, 0.017, 0.070, 0.285 for more."""
    rng = np.random.default_rng(0)
    X, y = mnist_like(rng, N)
    seeds = range(2 if SMALL else 5)
    norms = np.array([gradient_flow(deep(hidden, seed), X, y).norms for seed in seeds])
    assert norms.shape == (len(seeds), hidden)
    assert (np.diff(norms, axis=1) > 0).all()
    ratios = norms[:, 1:] / norms[:, :-1]
    assert 3 < np.exp(np.log(ratios).mean()) < 8


def test_relu_does_not_vanish_as_fast() -> None:
    X, y = mnist_like(np.random.default_rng(0), N)
    sigmoid, relu = (gradient_flow(deep(4, 0, name), X, y).norms for name in ("sigmoid", "relu"))
    assert relu[0] / relu[-1] > 10 * sigmoid[0] / sigmoid[-1]


def test_numbers_are_those_of_the_equations() -> None:
    rng = np.random.default_rng(1)
    net = fastbp.Network([4, 5, 3], seed=rng)
    X, Y = rng.standard_normal((6, 4)), rng.random((6, 3))
    flow = gradient_flow(net, X, Y)
    a1 = 1 / (1 + np.exp(-(X @ net.w[1].T + net.b[1])))
    a2 = 1 / (1 + np.exp(-(a1 @ net.w[2].T + net.b[2])))
    d2 = (a2 - Y) * a2 * (1 - a2)
    back = d2 @ net.w[2]
    d1 = back * a1 * (1 - a1)
    first, last = flow.layers
    assert first.gradient_norm == pytest.approx(np.linalg.norm(d1.mean(axis=0)), rel=1e-12)
    assert last.gradient_norm == pytest.approx(np.linalg.norm(d2.mean(axis=0)), rel=1e-12)
    assert first.delta_norm == pytest.approx(np.linalg.norm(d1, axis=1).mean(), rel=1e-12)
    assert first.slope == pytest.approx((a1 * (1 - a1)).mean(), rel=1e-12)
    assert first.gain == pytest.approx((np.linalg.norm(back, axis=1) / np.linalg.norm(d2, axis=1)).mean(), rel=1e-12)
    assert first.ratio == pytest.approx(first.gradient_norm / last.gradient_norm)
    assert last.ratio is None
    assert json.loads(json.dumps(flow.to_dict()))["layers"][0]["neurons"] == 5
    assert str(flow).startswith("Backpropagation, layer by layer; ")
    assert "<table>" in flow._repr_html_()


def test_saturation_and_dead_neurons_are_counted() -> None:
    net = fastbp.Network([1, 4, 1], activations=["relu", "sigmoid"], seed=0)
    net.w[1], net.b[1] = [[1.0], [1.0], [-1.0], [-1.0]], [0.0, 0.0, 0.0, 0.0]
    net.w[2], net.b[2] = [[0.0, 0.0, 0.0, 0.0]], [20.0]
    first, last = gradient_flow(net, [[1.0], [2.0]], [[0.0], [0.0]]).layers
    assert first.dead == 0.5
    assert last.saturated == 1
    assert last.dead == 0
    soft = fastbp.Network([2, 3], activations="softmax", cost="cross_entropy", seed=0)
    assert gradient_flow(soft, [[1.0, 2.0]], [0]).layers[0].slope is None


def test_recorder_follows_training() -> None:
    rng = np.random.default_rng(2)
    X, y = mnist_like(rng, 40)
    recorder = FlowRecorder(X, y)
    net = deep(2, 0)
    at_first = gradient_flow(net, X, y).norms
    fastbp.train(net, X, y, epochs=3, batch_size=10, seed=0, callbacks=[recorder])
    assert recorder.norms.shape == (4, 2)
    assert tuple(recorder.norms[0]) == at_first
    assert tuple(recorder.norms[-1]) == gradient_flow(net, X, y).norms
    assert len(str(recorder).splitlines()) == 5
