"""The bits do not depend on threads, tiles, storage or company, and the team survives what ordinary programs do."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, same_bits

import fastbp
from fastbp.kernels.gemm import tiling
from fastbp.kernels.team import MAX_TEAM
from fastbp.runtime import plan, pool
from fastbp.runtime.plan import Task, alternatives, choose_team, forced, plan_training
from fastbp.runtime.team import ROWS_OPERATIONS, ThreadTeam, rows_at_a_time

THREADS = (1, 2, 3, 4, 8)
TILES, COLUMNS, ORDERED = "data_parallel", "column_parallel", "ordered_tiles"


def descent(net: fastbp.Network, batch: int) -> Task:
    """Descent without momentum and penalty."""
    return Task(net.sizes, net.dtype.itemsize, batch, descent=True)


def trained(X: Any, Y: Any, dtype: str, batch: int, n_threads: int | None = None, **options: Any) -> tuple[bytes, Any]:
    """theta after three epochs, and the losses and accuracies on the way."""
    net = fastbp.Network([X.shape[1], 9, 17, 3], activations=["sigmoid", "relu", "softmax"], cost="cross_entropy",
                         dtype=dtype, seed=0)  # fmt: skip
    options = {"optimizer": fastbp.SGD(0.1), **options}
    run = fastbp.train(net, X, Y, epochs=3, batch_size=batch, seed=1, n_threads=n_threads, **options)
    assert n_threads is None or run.n_threads == min(n_threads, MAX_TEAM)
    return net.theta.tobytes(), (run.history["loss"], run.history["accuracy"])


@pytest.mark.parametrize("batch", [7, 32] if SMALL else [1, 7, 10, 32, 1000])
def test_any_number_of_threads(batch: int, dtype: str) -> None:
    rng = np.random.default_rng(20)
    n = 40 if SMALL else min(1003, 100 * batch + 3)
    X, Y = rng.standard_normal((n, 20)), rng.integers(0, 3, n)
    options = {"l1": 1e-4, "l2": 1e-3, "sample_weight": rng.random(n)}
    expected = trained(X, Y, dtype, batch, 1, **options)
    for n_threads in THREADS[1:2] if SMALL else THREADS[1:]:  # plain Python has a team of one
        for _ in range(1 if SMALL else 2):
            assert trained(X, Y, dtype, batch, n_threads, **options) == expected, n_threads


@pytest.mark.compiled
def test_many_slices_with_more_threads_than_cores(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of one minibatch: the team meets between Python and the kernel a thousand times."""
    monkeypatch.setattr("fastbp.runtime.slices.SLICE_SECONDS", 1e-9)
    rng = np.random.default_rng(21)
    X, Y = rng.standard_normal((300, 11)), rng.integers(0, 3, 300)
    assert trained(X, Y, dtype, 1, 5) == trained(X, Y, dtype, 1, 1)


def test_any_tile(dtype: str) -> None:
    """A minibatch that passes in several tiles is the same minibatch."""
    rng = np.random.default_rng(22)
    n = 40 if SMALL else 300
    X, Y = rng.standard_normal((n, 20)), rng.integers(0, 3, n)
    whole = trained(X, Y, dtype, n - 10)
    for size in (1, 13, 64):
        with forced(tile=size):
            assert trained(X, Y, dtype, n - 10) == whole
            if not SMALL:
                assert trained(X, Y, dtype, n - 10, 3) == whole


def slices_of_a_tile(monkeypatch: pytest.MonkeyPatch, after: int | None = None) -> list[int]:
    """Have each tile be a slice; returns where they begin. After some of them comes Ctrl-C."""
    monkeypatch.setattr("fastbp.runtime.slices.SLICE_SECONDS", 1e-9)
    monkeypatch.setattr("fastbp.runtime.slices.SLOWEST", 1.0)
    begun, run = [], ThreadTeam.run

    def counted(self: ThreadTeam, first: int, last: int, at: int, part: float) -> tuple[int, int, int]:
        if len(begun) == after:
            raise KeyboardInterrupt
        begun.append(at)
        return run(self, first, last, at, part)

    monkeypatch.setattr(ThreadTeam, "run", counted)
    return begun


def test_slices_of_a_minibatch(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python looks around within a minibatch of several tiles, and the bits of trainings and gradients are the same."""
    rng = np.random.default_rng(22)
    n = 40 if SMALL else 300
    X, Y, s = rng.standard_normal((n, 20)), rng.integers(0, 3, n), rng.random(n)
    options = {"l1": 1e-4, "l2": 1e-3, "sample_weight": s}

    def everything(n_threads: int) -> list[Any]:
        net = fastbp.Network([20, 9, 3], dtype=dtype, seed=0)
        g = net.gradient(X, Y, n_threads=n_threads, **options)
        found = [trained(X, Y, dtype, n - 10, n_threads, **options), *(part.tobytes() for part in (*g.w, *g.b))]
        return [*found, np.float64(g.cost).tobytes()]

    whole = everything(1)
    begun = slices_of_a_tile(monkeypatch)
    with forced(tile=13):
        assert everything(1) == whole
        assert begun == [*range(0, n, 13), *([*range(0, n - 10, 13), 0] * 3)]
        if not SMALL:
            assert everything(3) == whole


def test_ctrl_c_in_the_middle_of_a_minibatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The minibatch has not been: its sums are dropped, and the next training begins it again."""
    X, Y = np.random.default_rng(22).standard_normal((40, 20)), np.arange(40) % 3
    theta = []
    for epochs in range(3):
        net = fastbp.Network([20, 9, 3], seed=0)
        fastbp.train(net, X, Y, epochs=epochs, batch_size=None, shuffle=False)
        theta.append(net.theta.tobytes())
    net = fastbp.Network([20, 9, 3], seed=0)
    with monkeypatch.context() as patched, forced(tile=13):
        begun = slices_of_a_tile(patched, after=6)
        run = fastbp.train(net, X, Y, epochs=2, batch_size=None, shuffle=False)
    assert begun == [0, 13, 26, 39, 0, 13]
    assert (run.stopped, run.epoch, run.minibatch) == ("interrupted", 1, 0)
    assert net.theta.tobytes() == theta[1]
    fastbp.train(net, X, Y, epochs=1, batch_size=None, shuffle=False)
    assert net.theta.tobytes() == theta[2]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 11])
@pytest.mark.parametrize("J", [9, 33] if SMALL else [9, 16, 17, 24, 33, 40, 48, 49, 64, 65, 80, 100])
def test_u_and_the_next_f1_in_one_pass(J: int, batch: int, weighted: bool, dtype: str) -> None:
    """Neurons of layer 1 that one thread or several own come to the bits of tiles; 21 is no multiple of a block."""
    rng = np.random.default_rng(31)
    X, Y = rng.random((23, 21)), rng.integers(0, 10, 23)
    sample_weight = rng.random(23) if weighted else None
    if weighted:
        sample_weight[:batch] = 0.0  # a minibatch to skip
    thetas = []
    for schedule, n_threads in [(TILES, 1), (COLUMNS, 1)] + ([] if SMALL else [(COLUMNS, 2), (COLUMNS, 3)]):
        net = fastbp.Network([21, J, 5, 10], dtype=dtype, seed=0)
        with forced(schedule=schedule):
            fastbp.train(
                net, X, Y, epochs=2, batch_size=batch, seed=1, shuffle=False, sample_weight=sample_weight,
                n_threads=n_threads, optimizer=fastbp.SGD(0.5),
            )  # fmt: skip
        thetas.append(net.theta)
    assert all(same_bits(theta, thetas[0]) for theta in thetas)


@pytest.mark.parametrize("batch", [1, 3, 11])
@pytest.mark.parametrize("J", [9, 33] if SMALL else [9, 33, 64, 100])
def test_u_with_a_penalty_and_the_next_f1_in_one_pass(J: int, batch: int, dtype: str) -> None:
    """One thread that owns layer 1 shrinks its weights, and counts the penalty in C, as tiles do."""
    rng = np.random.default_rng(31)
    X, Y, s = rng.random((23, 21)), rng.integers(0, 10, 23), rng.random(23)
    trained = []
    for schedule in TILES, COLUMNS:
        net = fastbp.Network([21, J, 5, 10], dtype=dtype, seed=0)
        with forced(schedule=schedule):
            run = fastbp.train(
                net, X, Y, epochs=2, batch_size=batch, seed=1, sample_weight=s, n_threads=1, l2=0.03,
                optimizer=fastbp.SGD(0.5),
            )  # fmt: skip
        trained.append((net.theta.tobytes(), run.history["loss"]))
    assert trained[0] == trained[1]


@pytest.mark.compiled
@pytest.mark.parametrize("batch", [1, 7, 10])
def test_neurons_of_their_own(batch: int, dtype: str) -> None:
    """Threads that keep some neurons of layer 1 for themselves compute what one thread does."""
    rng = np.random.default_rng(30)
    X, Y = rng.random((203, 21)), rng.integers(0, 10, 203)
    trained = {}
    for n_threads in THREADS:
        net = fastbp.Network([21, 64, 12, 10], dtype=dtype, seed=0)
        assert n_threads > 2 or plan_training(descent(net, batch), n_threads).schedule == COLUMNS
        run = fastbp.train(
            net, X, Y, epochs=3, batch_size=batch, seed=1, n_threads=n_threads, optimizer=fastbp.SGD(1.0)
        )
        trained[n_threads] = net.theta.tobytes(), run.history["loss"], run.history["accuracy"]
    assert all(trained[n_threads] == trained[1] for n_threads in THREADS)


def diverged_and_stopped(sizes: list[int], batch: int, too_fast: float, n_threads: int) -> tuple[Any, ...]:
    """Where training diverges, and with which weights, after it was seen to stop where a callback says so."""
    rng = np.random.default_rng(29)
    X, Y = rng.standard_normal((400, sizes[0])), rng.standard_normal((400, 1))
    net, other = (fastbp.Network(sizes, activations=["relu", "identity"], seed=0) for _ in range(2))
    run = fastbp.train(other, X, Y, epochs=3, batch_size=batch, n_threads=n_threads, optimizer=fastbp.SGD(0.001),
                       callbacks=[lambda run: run.stop()])  # fmt: skip
    assert run.epoch == 1
    with pytest.raises(fastbp.DivergenceError) as caught:
        fastbp.train(
            net, X, Y, epochs=50, batch_size=batch, seed=1, optimizer=fastbp.SGD(too_fast), n_threads=n_threads
        )
    assert np.isfinite(net.theta).all()
    assert not pool.in_use()
    return net.theta.tobytes(), caught.value.epoch, caught.value.minibatch


@pytest.mark.compiled
def test_neurons_of_their_own_stop_and_diverge_where_tiles_do() -> None:
    kept = []
    for schedule, n_threads in (TILES, 1), (COLUMNS, 1), (COLUMNS, 2), (COLUMNS, 3):
        with forced(schedule=schedule):
            kept.append(diverged_and_stopped([9, 48, 1], 10, 30.0, n_threads))
    assert kept[1:] == kept[:1] * 3


@pytest.mark.parametrize("cores", [2, 3, 4, 8, 64])
def test_no_thread_without_a_cache_line_of_layer_1(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "choose_threads", lambda n_threads, flops, least: n_threads or cores)
    for J in 30, 100, 500:
        task = descent(fastbp.Network([784, J, 10], dtype="float32"), 10)
        T = choose_team(task, None)
        n_lines = -(-J // 16)
        assert 2 <= T <= min(cores, n_lines)
        assert plan_training(task, T).schedule == COLUMNS
        assert -(-n_lines // T) < -(-n_lines // (T - 1))  # one thread less would have more to do
        assert choose_team(task, 5) == 5


@pytest.mark.compiled
@pytest.mark.parametrize("parts", [2, 7])
@pytest.mark.parametrize(("batch", "tile"), [(7, 7), (100, 100), (500, 64)])
def test_parts_that_threads_claim(batch: int, tile: int, parts: int, dtype: str) -> None:
    """However the parts fall to the threads: weights, losses and right decisions are those of one thread."""
    rng = np.random.default_rng(31)
    X, Y = rng.standard_normal((500, 20)), rng.integers(0, 3, 500)
    options = {"l1": 1e-4, "l2": 1e-3, "sample_weight": rng.random(500), "clip_norm": 0.5}
    expected = trained(X, Y, dtype, batch, 1, **options)
    with forced(schedule=TILES, tile=tile, parts=parts):
        for n_threads in THREADS:
            assert trained(X, Y, dtype, batch, n_threads, **options) == expected, n_threads


def test_large_minibatches_may_be_claimed_in_parts() -> None:
    """Only where a part takes long, and only as something to try."""
    wide, small = Task((784, 1024, 1024, 10), 4, 256, descent=True), Task((784, 128, 64, 10), 4, 128, descent=True)
    assert plan_training(wide, 2).parts == 1
    assert {kept.parts for kept in alternatives(wide, 2, 2)} == {1, 2}
    assert all(kept.parts == 1 for kept in alternatives(small, 2, 2) + alternatives(wide, 1, 1))


@pytest.mark.compiled
@pytest.mark.parametrize("optimizer", [fastbp.SGD(0.5), fastbp.Adam(0.01)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("batch", [64, 100, 500])
def test_ordered_tiles(optimizer: Any, batch: int, dtype: str) -> None:
    """Threads that take whole tiles in order compute what one thread does, down to the losses."""
    rng = np.random.default_rng(28)
    X, Y = rng.standard_normal((500, 5)), rng.integers(0, 3, 500)
    options = {"l1": 1e-4, "l2": 1e-3, "sample_weight": rng.random(500), "optimizer": optimizer}
    expected = trained(X, Y, dtype, batch, 1, **options)
    with forced(schedule=ORDERED, tile=8):
        for n_threads in THREADS:
            assert trained(X, Y, dtype, batch, n_threads, **options) == expected, n_threads


@pytest.mark.compiled
def test_ordered_tiles_stop_and_diverge_where_one_thread_does() -> None:
    kept = [diverged_and_stopped([3, 6, 1], 100, 1e3, 1)]
    with forced(schedule=ORDERED, tile=8):
        kept += [diverged_and_stopped([3, 6, 1], 100, 1e3, n_threads) for n_threads in (1, 2, 3)]
    assert kept[1:] == kept[:1] * 3


def test_large_minibatches_on_small_nets_go_in_ordered_tiles() -> None:
    small, wide = Task((4, 32, 16, 4), 4, 10_000), Task((784, 512, 10), 4, 10_000)
    chosen = plan_training(small, 2)
    assert chosen.schedule == ORDERED
    assert 0 < chosen.tile < 10_000
    assert plan_training(small, 1).schedule == plan_training(small._replace(batch=32), 2).schedule == TILES
    assert plan_training(wide, 2).schedule == TILES


def test_any_storage(dtype: str) -> None:
    rng = np.random.default_rng(23)
    X, Y = rng.standard_normal((50, 20)).astype(dtype), rng.integers(0, 3, 50)
    expected = trained(X, Y, dtype, 8)
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((100, 40), dtype)
    wide[::2, ::2] = X
    swapped = X.astype(X.dtype.newbyteorder())
    for other in (np.asfortranarray(X), read_only, wide[::2, ::2], swapped):
        assert trained(other, Y, dtype, 8) == expected
        net = fastbp.Network([20, 4], dtype=dtype, seed=0)
        assert same_bits(net.feedforward(other), net.feedforward(X))


@pytest.mark.parametrize("row_bytes", [160, tiling.CROWDING_STRIDE])
def test_a_row_alone_or_in_company(row_bytes: int, dtype: str) -> None:
    """Samples are read where they lie, but for rows that would crowd each other out of the cache, which are copied."""
    rng = np.random.default_rng(24)
    net = fastbp.Network([row_bytes // np.dtype(dtype).itemsize, 33, 5], dtype=dtype, seed=0)
    X, Y = random_data(rng, net, 20 if SMALL else 300)
    together = net.feedforward(X)
    assert same_bits(net.backprop(X, Y).a[2], together)
    for i in range(0, len(X), 7):
        assert same_bits(net.feedforward(X[i : i + 1]), together[i : i + 1])
    for n_threads in THREADS:
        assert same_bits(net.feedforward(X, n_threads=n_threads), together)


def test_threads_are_really_started() -> None:
    with ThreadTeam(4) as team:
        assert team.size == 4
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("fastbp") >= 3
    assert not pool.in_use()


def test_a_thread_that_cannot_start_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_pool", pool.ThreadPool())
    X, Y = np.random.default_rng(25).standard_normal((30, 4)), np.arange(30) % 3
    expected = trained(X, Y, "float64", 8)

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool, "start_new_thread", refuse)
    net = fastbp.Network([4, 9, 17, 3], activations=["sigmoid", "relu", "softmax"], cost="cross_entropy", seed=0)
    run = fastbp.train(net, X, Y, epochs=3, batch_size=8, seed=1, n_threads=4, optimizer=fastbp.SGD(0.1))
    assert run.n_threads == 1
    assert net.theta.tobytes() == expected[0]


def test_training_from_several_python_threads() -> None:
    X, Y = np.random.default_rng(26).standard_normal((60, 4)), np.arange(60) % 3
    expected = trained(X, Y, "float64", 8)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(trained, X, Y, "float64", 8, n) for n in (1, 2, 2, 3, 1, 2)]
        assert [job.result(60) for job in jobs] == [expected] * 6


def test_predicting_with_one_net_from_several_python_threads() -> None:
    net = fastbp.Network([6, 20, 3], seed=0)
    X = np.random.default_rng(27).standard_normal((20 if SMALL else 200, 6))
    expected = net.feedforward(X)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: net.feedforward(X), range(12 if SMALL else 50)))
    assert all(same_bits(result, expected) for result in results)


def _in_a_child(queue: Any, X: Any, Y: Any) -> None:
    queue.put(trained(X, Y, "float64", 8, 2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork.. was called:RuntimeWarning")  # JAX's, where another test has imported it
def test_a_forked_child_trains_after_its_parent_did() -> None:
    X, Y = np.random.default_rng(28).standard_normal((60, 4)), np.arange(60) % 3
    expected = trained(X, Y, "float64", 8, 2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_a_child, args=(queue, X, Y))
    child.start()
    try:
        assert queue.get(timeout=60) == expected
    finally:
        child.join(30)
        child.kill()


def test_limits_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert pool.effective(None) == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "nonsense")
    monkeypatch.setenv("OMP_NUM_THREADS", "1,2")
    assert pool.effective(None) == 1
    assert pool.effective(5) == min(5, MAX_TEAM)
    for wrong in (0, 65, -1):
        with pytest.raises(ValueError, match="n_threads is"):
            pool.effective(wrong)


INTERRUPTED = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)               # a shell's background job would ignore it
import numpy as np, fastbp
net = fastbp.Network([50, 40, 10], seed=0, dtype="float32")
X = np.random.default_rng(0).standard_normal((2000, 50)); Y = np.arange(2000) % 10
fastbp.train(net, X, Y, epochs=1, seed=0, n_threads=int(sys.argv[1]))  # compiled
sent, begun = [], threading.Event()
def send():
    begun.wait(); time.sleep(0.1); sent.append(time.perf_counter()); os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
threads, seen = int(sys.argv[1]), [lambda run: begun.set()]           # after an epoch, however long it takes
run = fastbp.train(net, X, Y, epochs=10**6, batch_size=7, seed=3, n_threads=threads, callbacks=seen)
late = time.perf_counter() - sent[0]
assert run.stopped == "interrupted", run.stopped
assert len(run.history["loss"]) == run.epoch > 0
again = fastbp.Network([50, 40, 10], seed=0, dtype="float32")          # the same minibatches, stopped at the same one
fastbp.train(again, X, Y, epochs=1, seed=0, n_threads=1)
rng = np.random.default_rng(3)
for epoch in range(run.epoch + 1):
    order = rng.permutation(2000)
    last = 2000 if epoch < run.epoch else min(2000, 7 * run.minibatch)
    if last:
        part = order[:last]
        fastbp.train(again, X[part], Y[part], epochs=1, batch_size=7, shuffle=False, n_threads=1)
assert again.theta.tobytes() == net.theta.tobytes(), "not at a minibatch boundary"
print("late", late)
print("finite", bool(np.isfinite(net.theta).all()))
fastbp.train(net, X, Y, epochs=1, n_threads=2)                         # and the next run works
"""


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c(n_threads: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(n_threads)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[3] == "True"
    # The promise is 0.1 s; a busy machine may be late, a design that waits for the end of the run would be for ever.
    assert float(words[1]) < 5


@pytest.mark.compiled
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_a_prediction_is_taken_in_whole_tiles(n_threads: int) -> None:
    """Less than a tile at a time, its weights would be packed as often for fewer samples."""
    for n in (1, 2, 127, 128, 129, 300, 4096, 100_000):
        for of_one in (10.0, 1e4, 3.7e6, 1e9):
            step = rows_at_a_time(n, n * of_one, 128, n_threads)
            assert 1 <= step <= n
            assert n_threads > 1 or step == n or step % 128 == 0
            assert step >= min(128, -(-n // n_threads)), "each thread has a tile, or its share of less"
            assert step <= max(128, ROWS_OPERATIONS / of_one), "Ctrl-C waits for no more"
