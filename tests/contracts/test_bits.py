"""The fast code is the textbook code: equal as bytes, for every shape, activation, cost and optimizer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, random_net, same_bits, textbook_gradient, textbook_lists

import fastbp
from fastbp import textbook
from fastbp.runtime import engine

ROUNDS = 12 if SMALL else 60


def random_sizes(rng: np.random.Generator, widest: int) -> list[int]:
    return [int(n) for n in rng.integers(1, widest + 1, rng.integers(2, 6))]


@pytest.fixture(autouse=True)
def _poisoned_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace holds NaN, but for its rows of 0 and 1, before any kernel sees it."""
    prepare = engine.prepare_workspace

    def poisoned(where: engine.Layout) -> Any:
        workspace = prepare(where)
        workspace.buf[where.offsets[0].targets :] = np.nan
        return workspace

    monkeypatch.setattr(engine, "prepare_workspace", poisoned)


def test_gradient_of_random_nets(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(ROUNDS):
        net = random_net(rng, random_sizes(rng, 12 if SMALL else 70), dtype)
        X, Y = random_data(rng, net, int(rng.choice([1, 2, 3, 5, 7, 8, 9, 10, 13, 16, 17, 33])))
        weight = rng.random(len(X)) if rng.random() < 0.5 else None
        l1, l2 = (0.01, 0.1) if rng.random() < 0.5 else (0.0, 0.0)
        fast = net.gradient(X, Y, sample_weight=weight, l1=l1, l2=l2)
        slow = textbook_gradient(net, X, Y, sample_weight=weight, l1=l1, l2=l2)
        for l in range(1, net.L + 1):
            assert same_bits(fast.w[l], slow.w[l - 1]), (net, len(X), l)
            assert same_bits(fast.b[l], slow.b[l - 1]), (net, len(X), l)
        assert math.isclose(fast.cost, slow.cost, rel_tol=1e-12)
        if l1 == 0:
            assert fast.cost == slow.cost


@pytest.mark.parametrize("K", [1, 7, 8, 9, 16, 17, 33, 100])
def test_one_output_neuron(K: int, dtype: str) -> None:
    """Its weights lie in a row, its samples side by side; whatever is computed beyond them, the padding stays 0."""
    rng = np.random.default_rng(17)
    for n in 1, 5, 16, 41:
        net = fastbp.Network([3, K, 1], dtype=dtype, seed=0)
        X, Y = random_data(rng, net, n)
        fast, slow = net.gradient(X, Y), textbook_gradient(net, X, Y)
        trace = net.backprop(X, Y)
        assert same_bits(net.feedforward(X), trace.a[2])
        for l in 1, 2:
            assert same_bits(fast.w[l], slow.w[l - 1])
            assert same_bits(fast.b[l], slow.b[l - 1])
            assert same_bits(trace.w[l], fast.w[l])
    trained = []
    for n_threads in (1,) if SMALL else (1, 2, 3):
        for optimizer in fastbp.SGD(0.5), fastbp.SGD(0.5, momentum=0.5), fastbp.Adam(0.01):
            for l2 in 0.0, 0.01:
                net = fastbp.Network([3, K, 1], dtype=dtype, seed=0)
                parameters = np.zeros(net.theta.size, bool)
                for view in (*net._views(parameters, "w", "b")[0], *net._views(parameters, "w", "b")[1]):
                    view[...] = True
                fastbp.train(
                    net, X, Y, epochs=2, batch_size=16, seed=1, optimizer=optimizer, l2=l2, n_threads=n_threads
                )
                assert parameters.sum() == net.n_parameters
                assert not net.theta[~parameters].any()
                trained.append(net.theta.tobytes())
    assert trained == trained[:6] * (len(trained) // 6)


def test_backprop_of_random_nets(dtype: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(ROUNDS // 2):
        net = random_net(rng, random_sizes(rng, 9 if SMALL else 40), dtype)
        X, Y = random_data(rng, net, int(rng.integers(1, 20)))
        weights, biases = textbook_lists(net)
        trace = net.backprop(X, Y)
        for i in range(len(X)):
            one = textbook.backprop(weights, biases, X[i], Y[i], activations=net.activations, cost=net.cost)
            for l in range(1, net.L + 1):
                assert same_bits(trace.z[l][i], one.z[l - 1])
                assert same_bits(trace.a[l][i], one.a[l - 1])
                assert same_bits(trace.delta[l][i], one.delta[l - 1])


def test_rows_of_a_whole_page(dtype: str) -> None:
    """Such rows are a cache line longer, in which no sum stands; what stands there must not look like divergence."""
    J = 1024 // np.dtype(dtype).itemsize
    net = fastbp.Network([3, J, 2], activations=["relu", "identity"], dtype=dtype, seed=0)
    before = net.copy()
    X, Y = random_data(np.random.default_rng(7), net, 5)
    fastbp.train(net, X, Y, optimizer=fastbp.SGD(1.0), epochs=1, batch_size=5, shuffle=False)
    slow = textbook_gradient(before, X, Y)
    for l in (1, 2):
        assert same_bits(net.w[l], before.w[l] - slow.w[l - 1])


def test_a_planted_error_is_caught(dtype: str) -> None:
    rng = np.random.default_rng(3)
    net = random_net(rng, [5, 4, 3], dtype)
    X, Y = random_data(rng, net, 6)
    fast, slow = net.gradient(X, Y), textbook_gradient(net, X, Y)
    slow.w[0][2, 1] = np.nextafter(slow.w[0][2, 1], slow.w[0][2, 1] + 1)
    assert not same_bits(fast.w[1], slow.w[0])


OPTIMIZERS = (
    fastbp.SGD(0.5),
    fastbp.SGD(0.5, weight_decay=0.1),
    fastbp.SGD(0.5, momentum=0.9),
    fastbp.SGD(0.5, momentum=0.9, weight_decay=0.1),
    fastbp.SGD(0.5, momentum=0.9, nesterov=True),
    fastbp.SGD(0.5, momentum=0.9, nesterov=True, weight_decay=0.1),
    fastbp.Adam(0.01),
    fastbp.AdamW(0.01, weight_decay=0.1),
    fastbp.RMSprop(0.01),
    fastbp.RMSprop(0.01, weight_decay=0.1),
    fastbp.Adagrad(0.05),
    fastbp.Adagrad(0.05, weight_decay=0.1),
)


def textbook_step(
    optimizer: fastbp.optimizers.Optimizer, w: np.ndarray, g: np.ndarray, state: list[np.ndarray], step: int
) -> None:
    """One U of the textbook, on flat vectors."""
    real = w.dtype.type
    if optimizer.weight_decay > 0:
        textbook.update_decay(w, real(optimizer.learning_rate) * real(optimizer.weight_decay))
    match optimizer:
        case fastbp.SGD(learning_rate=eta, momentum=0):
            textbook.update_sgd(w, g, real(eta))
        case fastbp.SGD(learning_rate=eta, momentum=mu, nesterov=nesterov):
            textbook.update_momentum(w, g, state[0], real(eta), real(mu), nesterov)
        case fastbp.Adam(learning_rate=eta, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon):
            power_1, power_2 = 1.0, 1.0
            for _ in range(step):
                power_1, power_2 = power_1 * beta_1, power_2 * beta_2
            root = math.sqrt(1 - power_2)
            constants = (real(eta * root / (1 - power_1)), real(beta_1), real(beta_2), real(epsilon * root))
            textbook.update_adam(w, g, state[0], state[1], *constants)
        case fastbp.RMSprop(learning_rate=eta, rho=rho, epsilon=epsilon):
            textbook.update_rmsprop(w, g, state[0], real(eta), real(rho), real(epsilon))
        case fastbp.Adagrad(learning_rate=eta, epsilon=epsilon):
            textbook.update_adagrad(w, g, state[0], real(eta), real(epsilon))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_weights_after_an_epoch(optimizer: fastbp.optimizers.Optimizer, dtype: str) -> None:
    """Gradient, penalty and update of every minibatch, the short last one included, composed from the textbook."""
    rng = np.random.default_rng(5)
    cases = (([4, 3], 0.0, 0.01), ([7, 18, 5, 2], 0.0, 0.01), ([33, 20, 3], 0.005, 0.01), ([33, 20, 3], 0.005, 0.0))
    # The last is descent with a penalty whose step and F1 of the next minibatch are one pass over w^1, and a rest.
    for sizes, l1, l2 in (*cases, ([7, 18, 2], 0.0, 0.0), ([19, 18, 5, 2], 0.0, 0.01)):
        net = random_net(rng, sizes, dtype)
        X, Y = random_data(rng, net, 23)
        weight = rng.random(23).astype(dtype)
        weights, biases = textbook_lists(net)
        parts = [part.reshape(-1) for layer in zip(weights, biases, strict=True) for part in layer]
        states = [[np.zeros_like(part), np.zeros_like(part)] for part in parts]
        order = rng.permutation(23)
        for step, start in enumerate(range(0, 23, 8), 1):
            chosen = order[start : start + 8]
            g = textbook.minibatch_gradient(
                weights,
                biases,
                X[chosen],
                Y[chosen],
                activations=net.activations,
                cost=net.cost,
                sample_weight=weight[chosen],
                l1=l1,
                l2=l2,
            )
            flat = [part.reshape(-1) for layer in zip(g.w, g.b, strict=True) for part in layer]
            for w, g_part, state in zip(parts, flat, states, strict=True):
                textbook_step(optimizer, w, g_part, state, step)
        fastbp.train(
            net,
            X,
            Y,
            optimizer=optimizer,
            epochs=1,
            batch_size=8,
            shuffle=lambda epoch, order=order: order,
            sample_weight=weight,
            l1=l1,
            l2=l2,
        )
        for l in range(1, net.L + 1):
            assert same_bits(net.w[l], weights[l - 1]), l
            assert same_bits(net.b[l], biases[l - 1]), l
        padding = np.ones(net.theta.size, bool)
        for view in (*net.w, *net.b):
            view_places = (np.array([*_addresses(view)]) - net.theta.ctypes.data) // net.dtype.itemsize
            padding[view_places] = False
        assert same_bits(net.theta[padding], np.zeros(padding.sum(), dtype))


def _addresses(view: np.ndarray) -> list[int]:
    base = view.__array_interface__["data"][0]
    return [base + int(np.dot(index, view.strides)) for index in np.ndindex(view.shape)]


def test_threads_own_neurons_of_every_width(dtype: str) -> None:
    """The last thread's share may be less than half a cache line of neurons: all of its padding must be computed."""
    for J in range(1, 20 if SMALL else 70):
        net = fastbp.Network([11, J, 3], activations=["softplus", "identity"], dtype=dtype, seed=J)
        X, Y = random_data(np.random.default_rng(J), net, 12)
        trained = []
        for n_threads in 1, 2:
            copy = net.copy()
            settings = {"batch_size": 4, "shuffle": False, "n_threads": n_threads}
            fastbp.train(copy, X, Y, optimizer=fastbp.SGD(0.001), epochs=2, **settings)
            trained.append(copy)
        assert same_bits(trained[0].theta, trained[1].theta), J
        assert not same_bits(trained[0].theta, net.theta), J
