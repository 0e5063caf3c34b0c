"""Trainings that are killed at random moments, again and again, and go on from their checkpoints.

A program of its own: ``python tests/contracts/killing.py NUMBER``. It kills so many of its children, and begins each
training that was killed anew. Every training has to end in the bits of one that nobody disturbed, and to leave nothing
but its checkpoint behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastbp
from fastbp.jit import DISABLED
from fastbp.runtime import slices

N, EPOCHS = (40, 6) if DISABLED else (160, 8)
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((N, 12)), rng.integers(0, 3, N)
HELD_OUT = rng.standard_normal((20, 12)), rng.integers(0, 3, 20)


def train(checkpoint: fastbp.Checkpoint | None, out: Path, n_threads: int | None) -> None:
    """Train, as a process that knows of no other, and write down weights and history."""
    net = fastbp.Network([12, 9, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    options: dict[str, Any] = {
        "optimizer": fastbp.Adam(0.02), "batch_size": 8, "seed": 1, "dropout": 0.2, "validation": HELD_OUT,
        "schedule": fastbp.schedules.ReduceOnPlateau(patience=2),
        "early_stopping": fastbp.EarlyStopping(patience=EPOCHS),
    }  # fmt: skip
    run = fastbp.train(net, X, Y, epochs=EPOCHS, checkpoint=checkpoint, n_threads=n_threads, **options)
    out.write_text(net.theta.tobytes().hex() + repr(run.history))


def child(*arguments: Any) -> int:
    """The id of a process that trains."""
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            train(*arguments)
            status = 0
        os._exit(status)
    return pid


def main(number: int) -> None:
    slices.SLICE_SECONDS = 1e-4  # a checkpoint after a minibatch or a few
    with tempfile.TemporaryDirectory() as folder:
        here, out = Path(folder) / "checkpoints", Path(folder) / "out"
        here.mkdir()
        train(fastbp.Checkpoint(here / "first.ckpt", every=0.0), out, 1)  # what is compiled is in memory from here on
        began = time.perf_counter()
        assert os.waitpid(child(fastbp.Checkpoint(here / "second.ckpt", every=0.0), out, 1), 0)[1] == 0
        usual, killed, finished = time.perf_counter() - began, 0, 0
        assert os.waitpid(child(None, out, 1), 0)[1] == 0
        expected = out.read_text()
        status = 1
        while killed < number or status:  # the last one ends
            out.unlink(missing_ok=True)
            checkpoint = fastbp.Checkpoint(here / f"{finished}.ckpt", every=0.0)
            pid = child(checkpoint, out, None if DISABLED else int(rng.integers(1, 3)))
            if killed < number:
                time.sleep(rng.random() * usual)
                os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            if status == 0:
                assert out.read_text() == expected, f"other bits after {killed} kills"
                finished += 1
            else:
                assert os.WIFSIGNALED(status), f"a training failed after {killed} kills"
                killed += 1
                if os.path.exists(checkpoint.name):
                    fastbp.load(checkpoint.name)
        left = sorted(path.name for path in here.iterdir())
        assert all(name.endswith(".ckpt") for name in left), left
    sys.stdout.write(f"{killed} killed, {finished} finished\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
