"""Many networks trained at a time: each has the bits that it has alone, and none is another one's concern."""

from __future__ import annotations

import inspect
import io
import os
import pickle
import signal
import sys
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from nets import same_bits

import fastbp
from fastbp.kernels import layout
from fastbp.kernels.team import CLOSED, GATE, acquire_spin_lock, release_spin_lock
from fastbp.runtime import pool, team

RNG = np.random.RandomState(7)
X, LABELS = RNG.randn(40, 4), RNG.randint(0, 3, 40)
HELD_OUT = RNG.randn(9, 4), RNG.randint(0, 3, 9)


def make_net(seed: int = 0, dtype: str = "float64", hidden: int = 5) -> fastbp.Network:
    activations: list[Any] = ["tanh", "softmax"]
    return fastbp.Network([4, hidden, 3], activations=activations, cost="cross_entropy", seed=seed, dtype=dtype)


def make_nets(n: int, dtype: str = "float64") -> list[fastbp.Network]:
    return [make_net(seed, dtype, 3 + seed) for seed in range(n)]


def assert_as_alone(nets: list[fastbp.Network], each: list[dict[str, Any]], runs: list[fastbp.Run]) -> None:
    """The nets are those of ``make_nets``, trained; ``each`` has the arguments of `fastbp.train` for each."""
    assert len(runs) == len(nets)
    for i, (net, arguments, run) in enumerate(zip(nets, each, runs, strict=True)):
        alone = make_net(i, net.dtype.name, 3 + i)
        expected = fastbp.train(alone, **arguments)
        assert run.net is net
        assert same_bits(net.theta, alone.theta)
        assert (run.history, run.epoch, run.step) == (expected.history, expected.epoch, expected.step)


@pytest.mark.parametrize("n_threads", [None, 1, 2, 5])
def test_each_has_the_bits_that_it_has_alone(dtype: str, n_threads: int | None) -> None:
    optimizers = [fastbp.SGD(0.1), fastbp.Adam(), fastbp.SGD(0.3, 0.9), fastbp.RMSprop()]
    shared = {"batch_size": 7, "dropout": 0.2, "validation": HELD_OUT, "l2": 1e-3}
    nets = make_nets(4, dtype)
    runs = fastbp.train_many(
        nets, X, LABELS, optimizer=optimizers, epochs=[2, 3, 0, 1], seed=[5, 6, 7, 8], n_threads=n_threads, **shared
    )
    each = [
        {"X": X, "Y": LABELS, "optimizer": optimizer, "epochs": epochs, "seed": seed} | shared
        for optimizer, epochs, seed in zip(optimizers, [2, 3, 0, 1], [5, 6, 7, 8], strict=True)
    ]
    assert_as_alone(nets, each, runs)
    assert all(run.n_threads == 1 for run in runs)


def test_samples_and_their_weights_may_be_each_net_s_own() -> None:
    samples = [X, scipy.sparse.csr_array(X * (X > 0)), X[:20].astype(np.float32)]
    labels: list[Any] = [LABELS, LABELS, np.eye(3)[LABELS[:20]]]
    weights = [None, RNG.rand(40), None]
    validation = [HELD_OUT, None, HELD_OUT]
    nets = make_nets(3)
    given = {"sample_weight": weights, "validation": validation}
    runs = fastbp.train_many(nets, samples, labels, epochs=2, seed=1, n_threads=2, **given)
    each = [
        {"X": x, "Y": y, "sample_weight": s, "validation": v, "epochs": 2, "seed": 1}
        for x, y, s, v in zip(samples, labels, weights, validation, strict=True)
    ]
    assert_as_alone(nets, each, runs)


def test_solvers_go_too() -> None:
    nets = make_nets(2)
    runs = fastbp.train_many(nets, X, LABELS, optimizer=[fastbp.LBFGS(), fastbp.SGD()], seed=0, epochs=3)
    each = [{"X": X, "Y": LABELS, "optimizer": o, "seed": 0, "epochs": 3} for o in (fastbp.LBFGS(), fastbp.SGD())]
    assert_as_alone(nets, each, runs)


class Counting:
    """Samples that say how often they were converted."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.count = array, 0

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        self.count += 1
        return self.array


def test_samples_for_all_are_converted_once_for_each_kind_of_network() -> None:
    samples, labels, held_out = Counting(X), Counting(LABELS), Counting(HELD_OUT[0])
    nets = [*make_nets(3), *make_nets(3, "float32")]
    fastbp.train_many(nets, samples, labels, epochs=1, validation=(held_out, HELD_OUT[1]))
    assert (samples.count, labels.count, held_out.count) == (2, 2, 2)


def test_a_diverged_run_has_its_error_and_the_others_finish() -> None:
    optimizers = [fastbp.SGD(0.1), fastbp.SGD(1e150), fastbp.SGD(0.1)]
    nets = make_nets(3)
    runs = fastbp.train_many(nets, X, LABELS, optimizer=optimizers, epochs=3, seed=0, n_threads=2)
    assert [run.error is None for run in runs] == [True, False, True]
    assert runs[1].epoch < runs[0].epoch == runs[2].epoch == 3
    alone = make_net(1, hidden=4)
    with pytest.raises(fastbp.DivergenceError) as caught:
        fastbp.train(alone, X, LABELS, optimizer=optimizers[1], epochs=3, seed=0)
    error = runs[1].error
    assert isinstance(error, fastbp.DivergenceError)
    assert str(error) == str(caught.value)
    assert (error.epoch, error.minibatch, error.__traceback__) == (caught.value.epoch, caught.value.minibatch, None)
    assert same_bits(nets[1].theta, alone.theta)
    assert "diverged" in repr(runs[1])
    again = pickle.loads(pickle.dumps(runs[1]))
    assert str(again.error) == str(error)


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """A shell's background job would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_ends_all_at_a_boundary_and_they_go_on(n_threads: int) -> None:
    def interrupt(run: fastbp.Run) -> None:
        if run.net is nets[0] and run.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    nets, seeds = make_nets(4), [5, 6, 7, 8]
    runs = fastbp.train_many(
        nets, X, LABELS, epochs=10**6, seed=seeds, n_threads=n_threads, callbacks=interrupt, batch_size=4
    )
    assert [run.stopped for run in runs] == ["interrupted"] * 4
    assert runs[0].epoch >= 2
    assert [run.step for run in runs[2:]] == [0, 0]
    total = max(run.epoch for run in runs) + 2
    runs = fastbp.train_many(nets, X, LABELS, continuing=runs, epochs=total, n_threads=n_threads)
    each = [{"X": X, "Y": LABELS, "epochs": total, "seed": seed, "batch_size": 4} for seed in seeds]
    assert_as_alone(nets, each, runs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_when_all_is_done_is_told(n_threads: int) -> None:
    class Late(fastbp.Callback):
        ended = 0

        def on_train_end(self, run: fastbp.Run) -> None:
            self.ended += 1
            if self.ended == len(nets):
                os.kill(os.getpid(), signal.SIGINT)
                threading.Event().wait(0.2)  # so that the caller's thread, if it is another, has noticed

    nets = make_nets(2)
    runs = fastbp.train_many(nets, X, LABELS, epochs=2, n_threads=n_threads, callbacks=Late())
    assert [run.epoch for run in runs] == [2, 2]
    assert "interrupted" in [run.stopped for run in runs]


def test_each_goes_on_from_its_own_checkpoint(tmp_path: Path) -> None:
    def fail(run: fastbp.Run) -> None:
        if run.net is nets[1] and run.epoch == 2:
            raise KeyError

    nets, options = make_nets(3), {"epochs": 4, "seed": 3, "optimizer": fastbp.Adam()}
    files: list[Any] = [fastbp.Checkpoint(tmp_path / "0.ckpt"), fastbp.Checkpoint(tmp_path / "1.ckpt"), None]
    with pytest.raises(KeyError):
        fastbp.train_many(nets, X, LABELS, checkpoint=files, callbacks=fail, n_threads=2, **options)
    nets = [*make_nets(2), make_nets(3)[2]]
    runs = fastbp.train_many(nets, X, LABELS, checkpoint=files, **options)
    assert_as_alone(nets, [{"X": X, "Y": LABELS} | options] * 3, runs)


def test_one_run_can_be_stopped_alone() -> None:
    nets = make_nets(3)
    runs = fastbp.train_many(
        nets, X, LABELS, epochs=4, seed=0, n_threads=2, callbacks=lambda run: run.stop() if run.net is nets[1] else None
    )
    assert [run.epoch for run in runs] == [4, 1, 4]
    assert [run.stopped for run in runs] == [None, "stop() was called", None]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_exception_of_a_callback_ends_all_and_leaves_nothing_behind(n_threads: int) -> None:
    def fail(run: fastbp.Run) -> None:
        if run.net is nets[0] and run.epoch == 2:
            raise KeyError("mine")

    nets = make_nets(4)
    with pytest.raises(KeyError, match="mine") as caught:
        fastbp.train_many(nets, X, LABELS, epochs=10**6, seed=0, n_threads=n_threads, callbacks=fail)
    assert caught.value.__notes__ == ["While nets[0] was trained."]
    assert not pool.in_use()
    runs = fastbp.train_many(nets, X, LABELS, epochs=1, n_threads=n_threads)
    assert [run.epoch for run in runs] == [1] * 4


def test_a_network_that_is_being_trained_elsewhere_is_refused() -> None:
    refused = []

    def again(run: fastbp.Run) -> None:
        with pytest.raises(RuntimeError, match="being trained already") as caught:
            fastbp.train_many([make_net(), run.net], X, LABELS, epochs=1)
        refused.append(caught.value.__notes__)

    fastbp.train(make_net(), X, LABELS, epochs=1, callbacks=again)
    assert refused == [["While nets[1] was trained."]]


def test_callbacks_are_called_one_at_a_time_and_about_every_network() -> None:
    inside = threading.Lock()
    seen = []

    class Watching(fastbp.Callback):
        every = 3

        def _note(self, what: str, run: fastbp.Run) -> None:
            assert inside.acquire(blocking=False)
            seen.append((what, run.net))
            inside.release()

        def on_train_begin(self, run: fastbp.Run) -> None:
            self._note("begin", run)

        def on_minibatch(self, run: fastbp.Run) -> None:
            self._note("minibatch", run)

        def on_epoch_end(self, run: fastbp.Run) -> None:
            self._note("epoch", run)

        def on_train_end(self, run: fastbp.Run) -> None:
            self._note("end", run)

    nets = make_nets(3)
    fastbp.train_many(nets, X, LABELS, epochs=3, batch_size=10, n_threads=3, callbacks=[Watching()])
    expected = {"begin": 1, "minibatch": 4, "epoch": 3, "end": 1}
    for net in nets:
        names = [what for what, of in seen if of is net]
        assert {what: names.count(what) for what in expected} == expected


def test_it_works_from_another_thread_and_inside_a_callback() -> None:
    nets, inner = make_nets(2), make_nets(2)
    runs: list[fastbp.Run] = []

    def nested(run: fastbp.Run) -> None:
        if run.net is nets[0] and run.epoch == 1:
            runs.extend(fastbp.train_many(inner, X, LABELS, epochs=2, seed=4))

    def work() -> None:
        runs.extend(fastbp.train_many(nets, X, LABELS, epochs=3, seed=3, n_threads=2, callbacks=nested))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert_as_alone(inner, [{"X": X, "Y": LABELS, "epochs": 2, "seed": 4}] * 2, runs[:2])
    assert_as_alone(nets, [{"X": X, "Y": LABELS, "epochs": 3, "seed": 3}] * 2, runs[2:])


def test_forced_choices_hold_on_all_threads() -> None:
    from fastbp.runtime.plan import forced

    nets = make_nets(3)
    with forced(tile=4):
        runs = fastbp.train_many(nets, X, LABELS, epochs=1, batch_size=16, n_threads=2)
    assert [run.plan is not None and run.plan.tile for run in runs] == [4, 4, 4]


def test_one_bar_counts_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    written = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=written, force_terminal=True, width=130))
    fastbp.train_many(make_nets(3), X, LABELS, epochs=2, progress=True, n_threads=2)
    assert "3 of 3 networks" in written.getvalue()


def spin_lock_of(gate: Any) -> int:
    return int(gate["spin_lock"][0])


def test_the_spin_lock_is_acquired_and_released_and_nobody_waits_for_it_for_ever() -> None:
    gate = layout.aligned(2, GATE)
    acquire_spin_lock(gate)
    assert spin_lock_of(gate) == 1
    acquire_spin_lock(gate)  # of a thread that is in Python for good
    assert spin_lock_of(gate) == 1
    release_spin_lock(gate)
    assert spin_lock_of(gate) == 0


def test_a_closed_gate_has_no_spin_lock() -> None:
    gate = np.full(2, CLOSED, GATE)
    acquire_spin_lock(gate)
    assert spin_lock_of(gate) == CLOSED
    release_spin_lock(gate)
    assert spin_lock_of(gate) == CLOSED


@pytest.mark.compiled
@pytest.mark.parametrize("cores", [1, 2])
def test_threads_with_a_core_each_share_a_spin_lock_in_python(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(run: fastbp.Run) -> None:
        gate = team._shared_gate.get(team.CLOSED_GATE)
        if gate is team.CLOSED_GATE:
            return
        seen.append(spin_lock_of(gate))
        gate["spin_lock"][0] = 2  # what stays, unless the thread releases the lock before it acquires it again

    monkeypatch.setattr(pool, "limits", lambda: {"cores": cores})
    nets = make_nets(2)
    fastbp.train_many(nets, X, LABELS, epochs=[0, 4], seed=0, n_threads=2, callbacks=look)
    assert seen == ([1] * 4 if cores == 2 else [])
    assert team._shared_gate.get(team.CLOSED_GATE) is team.CLOSED_GATE
    assert spin_lock_of(team.CLOSED_GATE) == CLOSED
    alone = make_net(1, hidden=4)
    fastbp.train(alone, X, LABELS, epochs=4, seed=0)
    assert same_bits(nets[1].theta, alone.theta)


NETS = make_nets(3)
REFUSED: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (NETS[0], {}, TypeError, r"nets is Network\(.*; several networks are needed"),
    (3, {}, TypeError, "nets is 3"),
    ([], {}, ValueError, "nets is empty"),
    ([NETS[0], NETS[1], NETS[0]], {}, ValueError, "nets has the same network in places 0 and 2"),
    ([NETS[0], 3], {}, TypeError, r"nets\[1\] is 3; a network is needed"),
    ([NETS[0], fastbp.Model(NETS[1])], {}, TypeError, r"nets\[1\] is a Model; its network is needed"),
    (NETS, {"X": X.tolist()}, ValueError, "X is a list of 40; a list has one for each of the 3 networks"),
    (NETS, {"X": X[:3].tolist()}, ValueError, r"nets\[0\]: X has shape \(4,\), one dimension"),
    (NETS, {"Y": LABELS.tolist()}, ValueError, r"Y is a list of 40; .* numpy.asarray\(Y\)"),
    (NETS, {"epochs": [1, 2]}, ValueError, "epochs is a list of 2"),
    (NETS, {"epochs": [1, -1, 1]}, ValueError, r"nets\[1\]: epochs is -1"),
    (NETS, {"optimizer": [fastbp.SGD(), fastbp.SGD(), 3]}, TypeError, r"nets\[2\]: optimizer is 3"),
    (NETS, {"optimizer": [fastbp.SGD(), fastbp.SGD(), fastbp.SGD(1e200)]}, ValueError, r"nets\[2\]: learning_rate is"),
    (NETS, {"seed": np.random.default_rng(0)}, ValueError, "seed is one generator for several networks"),
    (NETS, {"continuing": fastbp.Run(NETS[0], None, 1, 1, 1)}, TypeError, "continuing is .*; it belongs to one"),
    (NETS, {"checkpoint": fastbp.Checkpoint("x.ckpt")}, TypeError, "checkpoint is .*; it belongs to one"),
    (NETS, {"checkpoint": [fastbp.Checkpoint("x.ckpt")] * 3}, ValueError, "checkpoint has '.*x.ckpt' for several"),
    (NETS, {"callbacks": fastbp.callbacks.CSVLog("x.csv")}, ValueError, "callbacks holds a CSVLog"),
    (NETS, {"progress": fastbp.Callback()}, TypeError, "progress is .*; it must be True or False"),
    (NETS, {"n_threads": 0}, ValueError, "n_threads is 0"),
    (NETS, {"lr": 0.1}, TypeError, "train_many has no argument lr, .* It belongs to the optimizer"),
    ([*NETS, fastbp.Network([5, 3])], {}, ValueError, r"nets\[3\]: X has 4 columns"),
]


@pytest.mark.parametrize(("nets", "options", "kind", "message"), REFUSED)
def test_what_is_refused(nets: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    before = [net.theta.copy() for net in NETS]
    given = {"X": X, "Y": LABELS, "epochs": 1} | options
    with pytest.raises(kind, match=message):
        fastbp.train_many(nets, given.pop("X"), given.pop("Y"), **given)
    assert all(same_bits(net.theta, old) for net, old in zip(NETS, before, strict=True))


def test_a_network_becomes_a_regression_only_when_training_begins() -> None:
    nets = [fastbp.Network([4, 3], seed=0), fastbp.Network([4, 3], seed=1)]
    with pytest.raises(ValueError, match=r"nets\[1\]: epochs"):
        fastbp.train_many(nets, X, RNG.rand(40, 3), epochs=[1, -1])
    assert [net.task for net in nets] == ["classification"] * 2
    fastbp.train_many(nets, X, RNG.rand(40, 3), epochs=[1, 0])
    assert [net.task for net in nets] == ["regression", "classification"]


def test_a_warning_names_the_line_of_the_call() -> None:
    for call in (lambda: fastbp.train(make_net(), X, LABELS, batch_size=99, epochs=0),
                 lambda: fastbp.train_many([make_net()], X, LABELS, batch_size=99, epochs=0)):  # fmt: skip
        with pytest.warns(UserWarning, match="batch_size is 99") as caught:
            call()
        assert caught[0].filename == __file__


def test_help_shows_the_arguments_of_train() -> None:
    many, one = (inspect.signature(function).parameters for function in (fastbp.train_many, fastbp.train))
    assert [*many] == ["nets", *[*one][1:]]
    assert inspect.signature(fastbp.train).return_annotation == "Run"
    assert typing.get_type_hints(fastbp.train)["return"] is fastbp.Run
