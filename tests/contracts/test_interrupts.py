"""Whatever is interrupted, and wherever: no thread is lost, nothing hangs, and what comes next is right."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp

pytestmark = pytest.mark.compiled


def run(program: str, *arguments: str) -> str:
    """What a program of this folder writes; it ends by itself, with all threads' tracebacks, where it hangs."""
    folder = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, str(folder / program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("where", ["caller", "worker"])
@pytest.mark.parametrize(
    "call", ["training", *(pytest.param(call, marks=pytest.mark.slow) for call in ("prediction", "gradient", "sparse"))]
)
def test_an_exception_at_every_line_of_the_runtime(call: str, where: str) -> None:
    assert "exceptions at" in run("injection.py", call, where)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize(
    "call",
    [
        "training",
        "prediction",
        "many",
        *(pytest.param(call, marks=pytest.mark.slow) for call in ("gradient", "sparse")),
    ],
)
def test_signals_at_any_time(call: str) -> None:
    assert "100 signals" in run("signalling.py", call, "100")


def network() -> fastbp.Network:
    return fastbp.Network([12, 9, 3], activations=["sigmoid", "softmax"], cost="cross_entropy", seed=0)


def data(n: int = 96) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 12)), rng.integers(0, 3, n)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_labels_that_a_callback_changes_are_no_indices_of_the_kernels(n_threads: int) -> None:
    X, Y = data()
    expected = network()
    fastbp.train(expected, X, Y, epochs=3, batch_size=8, seed=1)
    labels = Y.astype(np.int64)

    def spoil(run: Any) -> None:
        labels[:] = 2**40

    net = network()
    fastbp.train(net, X, labels, epochs=3, batch_size=8, seed=1, n_threads=n_threads, callbacks=[spoil])
    assert net.theta.tobytes() == expected.theta.tobytes()


def test_two_trainings_of_one_network_at_a_time_are_refused() -> None:
    X, Y = data()
    expected = network()
    fastbp.train(expected, X, Y, epochs=2, seed=1)
    net, refused = network(), []

    def again() -> None:
        with pytest.raises(RuntimeError, match="being trained already"):
            fastbp.train(net, X, Y)
        refused.append(True)

    def from_here_and_elsewhere(run: Any) -> None:
        again()
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()

    fastbp.train(net, X, Y, epochs=2, seed=1, callbacks=[from_here_and_elsewhere])
    assert len(refused) == 4
    assert net.theta.tobytes() == expected.theta.tobytes()
    fastbp.train(net, X, Y, epochs=1)  # it has ended


def test_a_training_that_an_error_ended_is_over_while_its_traceback_is_kept() -> None:
    X, Y = data()
    net = network()

    def fail(run: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError) as kept:
        fastbp.train(net, X, Y, callbacks=[fail])
    fastbp.train(net, X, Y, epochs=1)
    assert kept.tb is not None


@pytest.mark.parametrize("n_threads", [1, 2])
def test_predictions_during_a_training_of_the_same_network(n_threads: int) -> None:
    """In a callback, of the weights after whole minibatches; from another thread at any time: numbers, and no harm."""
    X, Y = data()
    expected, after = network(), []
    for _ in range(3):
        fastbp.train(expected, X, Y, epochs=1, batch_size=8, shuffle=False, n_threads=1)
        after.append(expected.feedforward(X).tobytes())
    net, seen, over = network(), [], threading.Event()
    elsewhere: list[np.ndarray] = []

    def predict() -> None:
        while not over.is_set():
            elsewhere.append(net.feedforward(X, n_threads=n_threads))

    thread = threading.Thread(target=predict)
    thread.start()
    fastbp.train(
        net, X, Y, epochs=3, batch_size=8, shuffle=False, n_threads=n_threads,
        callbacks=[lambda run: seen.append(net.feedforward(X, n_threads=n_threads).tobytes())],
    )  # fmt: skip
    over.set()
    thread.join()
    assert seen == after
    assert net.theta.tobytes() == expected.theta.tobytes()
    assert all(np.isfinite(outputs).all() for outputs in elsewhere)


FORKED = """
import os, sys
import numpy as np, fastbp
from fastbp.runtime import pool
X, Y = np.random.default_rng(0).standard_normal((96, 12)), np.arange(96) % 3
def trained(callback):
    net = fastbp.Network([12, 9, 3], activations=["sigmoid", "softmax"], cost="cross_entropy", seed=0)
    fastbp.train(net, X, Y, epochs=4, batch_size=8, seed=1, n_threads=2, callbacks=[callback])
    return net.theta.tobytes()
expected = trained(lambda run: None)
children = []
def fork(run):
    if run.epoch == 2 and not children:
        children.append(os.fork())
assert trained(fork) == expected
if children[0] == 0:
    os._exit(42)
assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 42
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_goes_on_with_the_training_of_its_parent() -> None:
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED], check=True)
