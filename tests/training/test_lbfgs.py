"""L-BFGS as an optimizer of `train`: SciPy's solver, an epoch for each of its iterations."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

import fastbp
from fastbp import jit

RNG = np.random.RandomState(2)
X = RNG.randn(40, 5)
Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])
S = RNG.rand(40)


def make_net(dtype: Any = "float64") -> fastbp.Network:
    return fastbp.Network([5, 7, 2], activations=["tanh", "identity"], seed=3, dtype=dtype)


def by_hand(n: int, l2: float) -> tuple[list[float], np.ndarray]:
    """Costs after each of n iterations of SciPy on the net written down in NumPy, and the parameters."""
    net = make_net()

    def cost(v: np.ndarray) -> tuple[float, np.ndarray]:
        w1, b1, w2, b2 = v[:35].reshape(7, 5), v[35:42], v[42:56].reshape(2, 7), v[56:]
        a = np.tanh(X @ w1.T + b1)
        d2 = (a @ w2.T + b2 - Y) * (S / S.sum())[:, None]
        d1 = d2 @ w2 * (1 - a**2)
        parts = d1.T @ X + l2 * w1, d1.sum(axis=0), d2.T @ a + l2 * w2, d2.sum(axis=0)
        errors = a @ w2.T + b2 - Y
        value = S @ (errors**2).sum(axis=1) / S.sum() / 2 + l2 / 2 * ((w1**2).sum() + (w2**2).sum())
        return value, np.concatenate(parts, axis=None)

    costs: list[float] = []
    result = optimize.minimize(
        cost, net.parameters(), jac=True, method="L-BFGS-B", options={"maxiter": n, "gtol": 1e-5},
        callback=lambda v: costs.append(cost(v)[0]),
    )  # fmt: skip
    return costs, result.x


def test_it_is_scipys_on_the_same_cost() -> None:
    net, (costs, x) = make_net(), by_hand(12, 0.01)
    options: dict[str, Any] = {"optimizer": fastbp.LBFGS(), "epochs": 12, "l2": 0.01, "sample_weight": S}
    run = fastbp.train(net, X, Y, validation=(X, Y, S), **options)
    np.testing.assert_allclose(run.history["loss"], costs, rtol=1e-7)
    np.testing.assert_allclose(net.parameters(), x, rtol=1e-5, atol=1e-7)
    penalty = 0.005 * sum((w**2).sum() for w in net.w)
    assert run.history["loss"][-1] == pytest.approx(run.history["val_loss"][-1] + penalty, rel=1e-12)
    assert (run.epoch, run.step, run.n_minibatches, run.stopped, list(run.history)) == (
        12, 12, 1, None, ["loss", "val_loss", "val_r2"],
    )  # fmt: skip
    assert abs(by_hand(11, 0.01)[0][-1] / costs[-1] - 1) > 1e-4  # an iteration less would be seen


def test_a_run_ends_where_the_gradient_does() -> None:
    net = make_net()
    run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(tol=1e-3), epochs=2000, l2=0.1)
    g = net.gradient(X, Y, l2=0.1)
    assert run.stopped == "converged"
    assert max(np.abs(part).max() for part in [*g.w, *g.b]) <= 1e-3
    run = fastbp.train(make_net(), X, Y, optimizer=fastbp.LBFGS(max_evaluations=4), epochs=2000)
    assert run.stopped == "max_evaluations were made"
    assert 0 < run.epoch < 5
    net = make_net()
    run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=0)
    assert np.array_equal(net.theta, make_net().theta)
    assert run.stopped is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neither_threads_nor_sparse_samples_change_a_bit(dtype: Any) -> None:
    few = np.where(np.abs(X) > 1, X, 0)
    nets = [make_net(dtype) for _ in range(4)]
    for net, samples, n in zip(nets, (few, sparse.csr_array(few), few, few), (1, 1, 2, 3), strict=True):
        if n == 1 or not jit.DISABLED:
            fastbp.train(net, samples, Y, optimizer=fastbp.LBFGS(), epochs=5, n_threads=n)
            assert net.theta.tobytes() == nets[0].theta.tobytes()
    assert nets[0].dtype == dtype
    assert not np.array_equal(nets[0].theta, make_net(dtype).theta)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frozen_weights_keep_their_bits(dtype: Any) -> None:
    mask = RNG.rand(7, 5) < 0.5
    for frozen in ([1], [(mask, True), (False, np.array([True, False]))]):
        net, before = make_net(dtype), make_net(dtype)
        before.w[1][mask] = net.w[1][mask] = -0.0
        run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=6, frozen=frozen, l2=0.01)
        kept = mask if len(frozen) == 2 else np.ones_like(mask)
        assert net.w[1][kept].tobytes() == before.w[1][kept].tobytes()
        assert (net.w[1][~kept] != before.w[1][~kept]).all()
        assert np.array_equal(net.b[1], before.b[1])
        assert (net.b[2] == before.b[2]).tolist() == [len(frozen) == 2, False]
        assert (np.diff(run.history["loss"]) < 0).all()


def test_callbacks_early_stopping_and_interrupts_end_it_at_an_iteration() -> None:
    expected = make_net()
    fastbp.train(expected, X, Y, optimizer=fastbp.LBFGS(), epochs=3)

    def stop(run: fastbp.Run) -> None:
        if run.epoch == 3:
            run.stop()

    def interrupt(run: fastbp.Run) -> None:
        if run.epoch == 3:
            raise KeyboardInterrupt

    for callback, why in ((stop, "stop() was called"), (interrupt, "interrupted")):
        net = make_net()
        run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=9, callbacks=callback)
        assert (run.epoch, run.stopped) == (3, why)
        assert np.array_equal(net.theta, expected.theta)
    net = make_net()
    rule = fastbp.EarlyStopping("val_loss", patience=3)
    far = (X[:5], 3 - Y[:5])  # the better on the samples, the worse here
    run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=200, validation=far, early_stopping=rule)
    assert run.stopped == "early stopping"
    assert net.evaluate(*far)["loss"] == min(run.history["val_loss"])


def test_what_has_no_cost_diverges_at_once() -> None:
    net = fastbp.Network([5, 7, 2], activations=["relu", "identity"], seed=3, dtype="float32")
    before = net.theta.copy()
    net.w[1] *= 1e30
    net.w[2] *= 1e30
    before = net.theta.copy()
    with pytest.raises(fastbp.DivergenceError, match="the cost or its gradient is not finite"):
        fastbp.train(net, X, Y, optimizer=fastbp.LBFGS())
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 7), ("shuffle", lambda epoch: np.arange(40)), ("l1", 0.1), ("dropout", 0.5), ("dropout", [0.5]),
     ("clip_norm", 1.0), ("schedule", fastbp.schedules.Cosine()), ("schedule", fastbp.schedules.ReduceOnPlateau()),
     ("layer_rates", [1.0, 2.0])],
)  # fmt: skip
def test_what_belongs_to_steps_is_refused_by_name(name: str, value: Any) -> None:
    net = make_net()
    options: dict[str, Any] = {"validation": (X, Y), name: value}
    with pytest.raises(ValueError, match=rf"^{name} is .*L-BFGS") as caught:
        fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), **options)
    assert caught.value.parameter == name  # type: ignore[attr-defined]
    assert np.array_equal(net.theta, make_net().theta)
    fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=1, batch_size=40, shuffle=False, dropout=0, l1=0.0)


def test_no_run_goes_on_from_one_of_it() -> None:
    net = make_net()
    run = fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=2)
    with pytest.raises(ValueError, match=r"^continuing is a run of L-BFGS"):
        fastbp.train(net, X, Y, epochs=3, continuing=run)
    run = fastbp.train(net, X, Y, epochs=2)
    with pytest.raises(ValueError, match=r"^continuing is given; L-BFGS goes on from no run"):
        fastbp.train(net, X, Y, optimizer=fastbp.LBFGS(), epochs=3, continuing=run)


def test_bad_numbers_and_names_from_elsewhere_are_answered() -> None:
    for name, value in (("tol", -1.0), ("tol", "x"), ("memory", 0), ("max_evaluations", 1.5)):
        with pytest.raises((TypeError, ValueError), match=f"^{name} is "):
            fastbp.LBFGS(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"no argument learning_rate.* Leave it out"):
        fastbp.LBFGS(learning_rate=0.1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Pass optimizer=fastbp\.LBFGS\(\)"):
        fastbp.train(make_net(), X, Y, optimizer="lbfgs")  # type: ignore[arg-type]
    assert fastbp.plan(make_net(), 40, optimizer=fastbp.LBFGS()).plan.schedule == "data_parallel"


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_net()
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fastbp\[scipy\]"'):
        fastbp.train(net, X, Y, optimizer=fastbp.LBFGS())
    assert np.array_equal(net.theta, make_net().theta)
