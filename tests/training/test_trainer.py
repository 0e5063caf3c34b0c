"""The one loop over minibatches, under a policy that only writes down what it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import fastbp
import fastbp.sklearn
from fastbp.runtime import csr, slices
from fastbp.targets import Targets
from fastbp.training.minibatches import Samples, check_samples
from fastbp.training.policy import Epoch, Policy
from fastbp.training.trainer import Trainer

RNG = np.random.RandomState(0)
X = RNG.randn(60, 9)
Y = RNG.rand(60, 3)


class Recording(Policy):
    """Every epoch in the samples' own order, with one step size and seed; ``asked`` has the names of what was asked."""

    def __init__(self, n: int, eta: float = 0.1, seed: int = 0, going_on: bool = False) -> None:
        self.n, self.eta, self.seed, self.going_on = n, eta, seed, going_on
        self.asked: list[str] = []

    def begin(self, run: fastbp.Run) -> None:
        self.asked.append("begin")

    def epoch(self, run: fastbp.Run) -> Epoch:
        self.asked.append("epoch")
        return Epoch(np.arange(self.n), self.eta, self.seed)

    def measure(self, statistics: np.ndarray) -> dict[str, float]:
        return {"loss": float(statistics["cost"].sum() / statistics["weight"].sum())}

    def progress(self, run: fastbp.Run) -> None:
        if self.asked[-1] != "progress":  # an epoch has one slice or more
            self.asked.append("progress")

    def scores(self, run: fastbp.Run) -> dict[str, float]:
        self.asked.append("scores")
        return {"epoch": float(run.epoch)}

    def epoch_ended(self, run: fastbp.Run) -> None:
        self.asked.append("epoch_ended")

    def diverged(self, run: fastbp.Run) -> None:
        self.asked.append("diverged")
        if not self.going_on:
            run.stopped = "diverged"

    def end(self, run: fastbp.Run) -> None:
        self.asked.append("end")


def make_net(**options: Any) -> fastbp.Network:
    return fastbp.Network([9, 8, 3], **({"activations": "tanh", "cost": "quadratic", "seed": 1} | options))


def run_of(net: fastbp.Network, samples: Samples, epochs: int = 2, seed: int = 0, **options: Any) -> fastbp.Run:
    trainer = Trainer(net, fastbp.SGD(0.1), **({"batch_size": 10} | options))
    return trainer.run(samples, epochs, Recording(len(samples), seed=seed))


def test_a_policy_is_asked_in_this_order() -> None:
    net = make_net()
    policy = Recording(60)
    run = Trainer(net, fastbp.SGD(0.1), batch_size=25).run(check_samples(net, X, Y, None), 2, policy)
    of_epoch = ["epoch", "progress", "scores", "epoch_ended"]
    assert policy.asked == ["begin", *of_epoch, *of_epoch, "end"]
    assert (run.epoch, run.minibatch, run.n_minibatches, run.stopped) == (2, 3, 3, None)
    assert list(run.history) == ["loss", "epoch"]
    assert run.history["epoch"] == [0.0, 1.0]


def test_seconds_are_those_of_all_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 1e-9)  # a minibatch each
    seconds = []

    class Counting(Recording):
        def progress(self, run: fastbp.Run) -> None:
            seconds.append(run.seconds)

        def epoch_ended(self, run: fastbp.Run) -> None:
            pass

    net = make_net()
    run = Trainer(net, fastbp.SGD(0.1), batch_size=1).run(check_samples(net, X, Y, None), 2, Counting(60))
    assert len(seconds) == 120
    assert (np.diff([0.0, *seconds]) > 0).all()
    assert run.seconds == seconds[-1]


@pytest.mark.parametrize(
    "optimizer", [fastbp.SGD(0.1, 0.9), fastbp.Adam(0.01), fastbp.AdamW(0.01), fastbp.RMSprop(0.01)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_runs_are_one(optimizer: Any, dtype: str) -> None:
    """State and number of steps are the trainer's: bits are those of a run that never stopped."""
    nets = [make_net(dtype=dtype) for _ in range(3)]
    samples = check_samples(nets[0], X, Y, None)
    Trainer(nets[0], optimizer, batch_size=10).run(samples, 4, Recording(60))
    trainer = Trainer(nets[1], optimizer, batch_size=10)
    for epochs in (1, 3):
        trainer.run(samples, epochs, Recording(60))
    assert np.array_equal(nets[0].theta, nets[1].theta)
    for epochs in (1, 3):  # what a new trainer does has other bits, or this would show nothing
        Trainer(nets[2], optimizer, batch_size=10).run(samples, epochs, Recording(60))
    assert not np.array_equal(nets[0].theta, nets[2].theta)


def test_a_net_is_trained_in_one_way_after_another() -> None:
    """What is kept of a training for the next one is nothing that has to do with its samples."""
    net, rows = make_net(), csr.as_rows(csr_matrix(X), np.dtype(np.float64))
    for n, sparse in [(7, False), (60, False), (3, True), (60, True), (7, False)]:
        fresh = net.copy()
        for one in (net, fresh):
            samples = check_samples(one, X, Y, None)
            run_of(one, Samples(rows, samples.targets, None) if sparse else samples, batch_size=n)
        assert np.array_equal(net.theta, fresh.theta)
        assert np.array_equal(net.feedforward(X), fresh.feedforward(X))


@pytest.mark.parametrize("going_on", [False, True])
def test_after_divergence_no_step_is_made(going_on: bool) -> None:
    net = make_net(activations=["relu", "identity"])
    net.theta[:] = np.nan
    samples, policy = check_samples(net, X, Y, None), Recording(60, going_on=going_on)
    run = Trainer(net, fastbp.SGD(0.1), batch_size=10).run(samples, 3, policy)
    ended = ["scores", "epoch_ended"]
    if going_on:
        assert policy.asked == ["begin", "epoch", "diverged", *ended, "epoch", *ended, "epoch", *ended, "end"]
        assert run.epoch == 3
        np.testing.assert_array_equal(run.history["loss"], [np.nan] * 3)
    else:
        assert policy.asked == ["begin", "epoch", "diverged", "end"]
        assert (run.epoch, run.minibatch, run.history) == (0, 0, {})


def test_train_and_an_estimator_are_the_same_loop() -> None:
    """Their weights have the same bits, where scikit-learn's order, rates and loss are those of fastbp."""
    net = fastbp.Network([9, 8, 3], activations=["tanh", "identity"], seed=1)
    estimator = fastbp.sklearn.MLPRegressor.from_network(
        net, solver="sgd", momentum=0.0, alpha=0.0, shuffle=False, learning_rate_init=0.1, batch_size=10, max_iter=3,
        tol=0.0, n_iter_no_change=np.inf, warm_start=True,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Maximum iterations"):
        estimator.fit(X, Y)
    run = fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.1), shuffle=False, batch_size=10, epochs=3)
    for l in (1, 2):
        assert np.array_equal(net.w[l].T, estimator.coefs_[l - 1])
        assert np.array_equal(net.b[l], estimator.intercepts_[l - 1])
    shares = [3 * loss for loss in estimator.loss_curve_]  # a mean over the outputs
    np.testing.assert_allclose(run.history["loss"], shares, rtol=1e-12)


# What a trainer is told beside.


@pytest.mark.parametrize("bound", [0.01, 1e9])
def test_a_clipped_step_is_as_long_as_it_may_be(bound: float) -> None:
    net = make_net()
    before, g = net.theta.copy(), net.gradient(X, Y)
    run_of(net, check_samples(net, X, Y, None), epochs=1, batch_size=60, clip_norm=bound)
    norm = np.sqrt(sum((part**2).sum() for part in (*g.w, *g.b)))
    assert np.linalg.norm(net.theta - before) == pytest.approx(0.1 * min(bound, norm), rel=1e-12)


def test_sparse_samples_train_as_dense_ones() -> None:
    dense = np.where(RNG.rand(60, 9) < 0.4, X, 0)
    nets = [make_net(), make_net()]
    samples = check_samples(nets[0], dense, Y, None)
    run_of(nets[0], samples)
    run_of(nets[1], Samples(csr.as_rows(csr_matrix(dense), nets[1].dtype), samples.targets, None))
    assert np.array_equal(nets[0].theta, nets[1].theta)


def test_the_step_of_a_bias_with_the_absolute_cost() -> None:
    """Of |a - y| and an identity output it is eta times the mean sign."""
    net = fastbp.Network([9, 3], activations="identity", cost="absolute", seed=1)
    b = net.b[1].copy()
    signs = np.sign(net.feedforward(X) - Y).mean(axis=0)
    run_of(net, Samples(X, Targets(Y, None), None), epochs=1, batch_size=60)
    np.testing.assert_allclose(net.b[1], b - 0.1 * signs, rtol=1e-12)


def test_dropout_leaves_out_what_the_seed_says() -> None:
    """The columns of w^2 that a full batch does not change belong to neurons that were left out for all samples."""
    nets = [make_net() for _ in range(4)]
    samples = check_samples(nets[0], X[:1], Y[:1], None)
    changed = []
    for net, (dropout, seed) in zip(nets, [(0.0, 1), (0.5, 1), (0.5, 1), (0.5, 2)], strict=True):
        before = net.w[2].copy()
        run_of(net, samples, epochs=1, batch_size=1, dropout=dropout, seed=seed)
        changed.append((net.w[2] != before).any(axis=0))
    assert changed[0].all()
    assert 0 < changed[1].sum() < 8
    assert np.array_equal(changed[1], changed[2])
    assert not np.array_equal(changed[1], changed[3])


def test_a_solver_gets_the_gradient_of_all_samples() -> None:
    net = make_net()
    samples, expected, before = check_samples(net, X, Y, None), net.gradient(X, Y), net.theta.copy()

    def solve(g: np.ndarray, evaluate: Any) -> str:
        for _ in range(2):  # what is left of the first call does not count in the second
            statistics, finite = evaluate()
            assert finite
            assert (statistics.cost + statistics.penalty) / statistics.weight == expected.cost
            for ours, theirs in zip(net._views(g, "w", "b"), (expected.w, expected.b), strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
        net.theta[:] = np.nan
        assert not evaluate()[1]
        return "solved"

    assert Trainer(net, None, batch_size=60).minimize(samples, solve) == "solved"
    net.theta[:] = before
