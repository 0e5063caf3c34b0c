"""Callbacks after every n minibatches, and the count of updates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits

import fastbp
from fastbp.runtime import slices

RNG = np.random.RandomState(5)
X, LABELS = RNG.randn(23, 4), RNG.randint(0, 3, 23)
BATCH, N_MINIBATCHES = 5, 5
THREADS = (1,) if SMALL else (1, 2)


def make_net() -> fastbp.Network:
    return fastbp.Network([4, 6, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=3)


def train(net: fastbp.Network, **options: Any) -> fastbp.Run:
    return fastbp.train(net, X, LABELS, **({"batch_size": BATCH, "epochs": 3, "seed": 0} | options))


class Watching(fastbp.Callback):
    """Notes when it is called, and the weights that it sees then."""

    def __init__(self, every: int | None) -> None:
        self.every = every
        self.at: list[tuple[int, int]] = []
        self.losses: list[float] = []
        self.thetas: list[np.ndarray] = []

    def on_minibatch(self, run: fastbp.Run) -> None:
        self.at.append((run.epoch, run.minibatch))
        self.losses.append(run.running["loss"])
        self.thetas.append(run.net.theta.copy())


@pytest.mark.parametrize("n_threads", THREADS)
@pytest.mark.parametrize("slice_seconds", [1e-9, 10.0])
def test_they_see_the_weights_of_plain_descent(
    n_threads: int, slice_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the minibatches that they ask for, whatever the slices; the gradient of a call is not that of the loop."""
    monkeypatch.setattr(slices, "SLICE_SECONDS", slice_seconds)
    watching = [Watching(every) for every in (1, 3, 7, 100, None)]
    net, plain, undisturbed = make_net(), make_net(), make_net()
    options: dict[str, Any] = {"optimizer": fastbp.SGD(0.3), "shuffle": False, "n_threads": n_threads}
    run = train(net, callbacks=watching, **options)
    train(undisturbed, **options)
    assert same_bits(net.theta, undisturbed.theta)
    thetas, losses = [], []
    for _ in range(3):
        costs = []
        for start in range(0, 23, BATCH):
            part = slice(start, start + BATCH)
            g = plain.gradient(X[part], LABELS[part])
            costs.append(g.cost * len(X[part]))
            for l in (1, 2):
                plain.w[l] -= 0.3 * g.w[l]
                plain.b[l] -= 0.3 * g.b[l]
            thetas.append(plain.theta.copy())
            losses.append(sum(costs) / min(start + BATCH, 23))
    for one in watching:
        due = [] if one.every is None else [done for done in range(1, 16) if done % one.every == 0]
        assert one.at == [((done - 1) // N_MINIBATCHES, (done - 1) % N_MINIBATCHES + 1) for done in due]
        assert all(same_bits(found, thetas[done - 1]) for found, done in zip(one.thetas, due, strict=True))
        np.testing.assert_allclose(one.losses, [losses[done - 1] for done in due], rtol=1e-13)
    assert run.step == 15


def test_a_function_is_called_after_minibatches_and_after_epochs() -> None:
    at: list[tuple[int, int]] = []

    def note(run: fastbp.Run) -> None:
        at.append((run.epoch, run.minibatch))

    note.every = 4  # type: ignore[attr-defined]
    train(make_net(), callbacks=note)
    assert at == [(0, 4), (1, 5), (1, 3), (2, 5), (2, 2), (3, 5)]


def test_it_may_end_the_run() -> None:
    """The weights are those of as many minibatches."""
    runs, nets = [], []
    for every in (1, 8):
        net = make_net()

        def stop(run: fastbp.Run) -> None:
            if run.step == 8:
                run.stop()

        stop.every = every  # type: ignore[attr-defined]
        runs.append(train(net, callbacks=[stop]))
        nets.append(net)
    watched = Watching(1)
    train(make_net(), callbacks=[watched])
    for run, net in zip(runs, nets, strict=True):
        assert (run.epoch, run.minibatch, run.step, run.stopped) == (1, 3, 8, "stop() was called")
        assert same_bits(net.theta, watched.thetas[7])


@pytest.mark.parametrize(("slice_seconds", "calls"), [(1e-9, 15), (1e3, 0)])
def test_progress_is_not_drawn_more_often(slice_seconds: float, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback after each minibatch does not make a progress bar draw itself as often."""
    monkeypatch.setattr(slices, "SLICE_SECONDS", slice_seconds)

    class Drawing(fastbp.Callback):
        def __init__(self) -> None:
            self.n = 0

        def on_progress(self, run: fastbp.Run) -> None:
            self.n += 1

    drawing = Drawing()
    train(make_net(), callbacks=[Watching(1), drawing])
    assert drawing.n == calls


@pytest.mark.parametrize("every", [0, -3, 2.5, "often", True])
def test_what_is_no_number_of_minibatches_is_refused(every: Any) -> None:
    net = make_net()
    before = net.theta.copy()
    for options, name in (
        ({"callbacks": [print, Watching(every)]}, r"callbacks\[1\]"),
        ({"progress": Watching(every)}, "progress"),
    ):
        with pytest.raises(
            (ValueError, TypeError), match=rf"{name}.every is .*; it must be a whole number of at least 1"
        ):
            train(net, **options)
    assert same_bits(net.theta, before)


def test_steps_are_the_minibatches_that_some_weight_has() -> None:
    """Adam's corrections count the same: it has made as many steps as in a run without the others."""
    s = np.ones(23)
    s[5:10] = s[20:] = 0
    net, other = make_net(), make_net()
    run = train(net, sample_weight=s, shuffle=False, optimizer=fastbp.Adam(0.01))
    kept = s > 0
    fastbp.train(other, X[kept], LABELS[kept], batch_size=BATCH, epochs=3, shuffle=False, optimizer=fastbp.Adam(0.01))
    assert run.step == 9
    np.testing.assert_allclose(net.theta, other.theta, rtol=1e-12)


@pytest.mark.parametrize("where", ["on_minibatch", "on_epoch_end"])
def test_steps_of_a_run_that_is_interrupted(where: str) -> None:
    class Interrupting(Watching):
        def on_minibatch(self, run: fastbp.Run) -> None:
            if where == "on_minibatch" and run.epoch == 1:
                raise KeyboardInterrupt

        def on_epoch_end(self, run: fastbp.Run) -> None:
            if where == "on_epoch_end" and run.epoch == 2:
                raise KeyboardInterrupt

    run = train(make_net(), callbacks=[Interrupting(4)])
    assert run.stopped == "interrupted"
    assert (run.epoch, run.minibatch, run.step) == ((1, 3, 8) if where == "on_minibatch" else (2, 0, 10))


def test_steps_of_a_run_that_diverges() -> None:
    runs: list[fastbp.Run] = []

    class Keeping(fastbp.Callback):
        def on_train_begin(self, run: fastbp.Run) -> None:
            runs.append(run)

        def on_epoch_end(self, run: fastbp.Run) -> None:
            run.net.b[2][0] = np.nan

    with pytest.raises(fastbp.DivergenceError):
        train(make_net(), callbacks=[Keeping()])
    assert (runs[0].epoch, runs[0].minibatch, runs[0].step) == (1, 0, 5)


@pytest.mark.parametrize(("value", "shown"), [("high", "high"), ([0.5, 2], "[0.5, 2]"), (None, "None")])
def test_what_a_callback_notes_that_is_no_number_is_shown(
    value: Any, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    def note(run: fastbp.Run) -> None:
        run.history.setdefault("noted", []).append(value)

    with caplog.at_level("DEBUG", logger="fastbp"):
        run = train(make_net(), epochs=2, callbacks=[note])
    assert f"noted={shown}" in repr(run)
    assert f"noted={shown}" in repr(run.history)
    assert caplog.messages[-1].startswith("Training ends after 2 of 2 epochs")


def test_names_of_the_training_are_not_a_callbacks() -> None:
    def add(run: fastbp.Run) -> None:
        run.history.add({"mine": 1.0})
        with pytest.raises(ValueError, match=r"^values has 'loss', which the training notes itself. Pass another name"):
            run.history.add({"other": 2.0, "loss": 9.0})

    net = fastbp.Network([2, 1], seed=0)
    run = fastbp.train(net, np.eye(2), [0, 1], epochs=3, callbacks=add)
    assert run.history["mine"] == [1.0, 1.0, 1.0]
    assert len(run.history["loss"]) == 3
    assert "other" not in run.history
