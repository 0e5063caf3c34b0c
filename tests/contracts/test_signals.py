"""Ctrl-C and the other signals that end the command line, in every phase of it: real signals, real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import fastbp

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to one process")

AT_A_PHASE = """
import atexit, os, signal, sys, threading, time
number, count, phases = int(sys.argv.pop(1)), int(sys.argv.pop(1)), sys.argv.pop(1).split(",")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and what nohup starts this one
sent = set()
def send(phase):
    # As fast as a hand can press, while the process goes on: whatever it does next may meet the second one.
    def press():
        for _ in range(count):
            os.kill(os.getpid(), number)
            time.sleep(0.01)
    if phase not in sent:
        sent.add(phase)
        threading.Thread(target=press, daemon=True).start()
        for _ in range(20):  # there are bytecodes for the handler to run between
            time.sleep(0.01)
def sending(phase, owner, name):
    real = getattr(owner, name)
    def call(*args, **options):
        send(phase)
        return real(*args, **options)
    setattr(owner, name, call)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "fastbp.cli.options":
            send("import")
sys.meta_path.insert(0, Finder()) if "import" in phases else None
from fastbp.__main__ import main
from fastbp._signals import signals
if "import" not in phases:
    signals.install()
    from fastbp.data import reading
    from fastbp.io import atomic
    from fastbp.runtime.team import ThreadTeam
    from fastbp.training import progress
    import fastbp.cli, fastbp.cli.running
    where = {
        "reading": (reading, "read"), "compiling": (ThreadTeam, "start"),
        "training": (progress.ProgressBar, "on_progress"),
        "saving": (atomic, "_write"), "testing": (fastbp.cli.running, "_conclude"),
        "explaining": (fastbp, "explain"),
    }
    for phase in phases:
        atexit.register(send, phase) if phase == "leaving" else sending(phase, *where[phase])
main()
"""


def ended(number: int, count: int, phases: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
    command = command or ("train", "digits", "--epochs", "3", "--hidden", "4")
    return subprocess.run(
        [sys.executable, "-c", AT_A_PHASE, str(number), str(count), phases, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


NAMES = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated", signal.SIGHUP: "Hung up"}


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGINT, "import"),
        (signal.SIGINT, "reading"),
        pytest.param(signal.SIGTERM, "reading", marks=pytest.mark.slow),
        (signal.SIGINT, "compiling"),
    ],
)
def test_before_the_training_five_signals_end_in_one_line(number: signal.Signals, phase: str) -> None:
    done = ended(number, 5, phase)
    assert done.stderr.splitlines()[-1] == f"{NAMES[number]}."
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (2 if "Compiling" in done.stderr else 1)
    assert done.returncode == 128 + number
    assert os.listdir() == []


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("number", "count", "phase"),
    [
        (signal.SIGINT, 1, "training"),
        (signal.SIGINT, 5, "saving"),
        (signal.SIGTERM, 1, "training"),
        pytest.param(signal.SIGTERM, 5, "training", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 1, "saving", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 1, "training", marks=pytest.mark.slow),
    ],
)
def test_what_was_learned_is_saved(number: signal.Signals, count: int, phase: str) -> None:
    """The exit status tells the signal, but for a single Ctrl-C in the training, which only ends the training."""
    done = ended(number, count, phase)
    gentle = (number, count, phase) == (signal.SIGINT, 1, "training")
    assert done.returncode == (0 if gentle else 128 + number), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert NAMES[number] not in done.stderr, "it is said once, where the run is summed up"
    assert "Saved what was learned to model.fastbp." in done.stdout
    assert (f"{NAMES[number]} after 0 epochs" in done.stdout) == (phase == "training")
    assert ("Test accuracy" in done.stdout) == gentle
    assert sorted(os.listdir()) == ["model.fastbp", "model.fastbp.toml"]
    fastbp.load("model.fastbp")


@pytest.mark.compiled
def test_five_quick_ctrl_c_in_the_training_cost_no_model() -> None:
    """The later ones come before the model is saved, while it is tested, which they end, or after the end."""
    done = ended(signal.SIGINT, 5, "training")
    assert done.returncode == 130 or (done.returncode == 0 and "Test accuracy" in done.stdout), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("Interrupted") <= 1, "it is said where the run is summed up, and where the command ends"
    assert "Interrupted after 0 epochs" in done.stdout
    assert "Saved what was learned to model.fastbp." in done.stdout
    assert sorted(os.listdir()) == ["model.fastbp", "model.fastbp.toml"]
    fastbp.load("model.fastbp")


@pytest.mark.compiled
@pytest.mark.parametrize("second", [pytest.param("saving", marks=pytest.mark.slow), "testing"])
def test_the_second_ctrl_c_ends_the_command_and_costs_no_model(second: str) -> None:
    """The first one ends the training. Each is sent at a known place, once."""
    done = ended(signal.SIGINT, 1, f"training,{second}")
    assert done.returncode == 130
    assert "Interrupted after 0 epochs" in done.stdout
    assert "Saved what was learned to model.fastbp." in done.stdout
    assert "Test accuracy" not in done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("Interrupted.") == (second == "testing")
    assert sorted(os.listdir()) == ["model.fastbp", "model.fastbp.toml"]
    fastbp.load("model.fastbp")


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("phase", "command"),
    [
        ("testing", ()),
        pytest.param("leaving", ("explain",), marks=pytest.mark.slow),
        ("explaining", ("explain", "--html", "step.html")),
    ],
)
def test_with_nothing_to_save_five_signals_end_in_one_line(phase: str, command: tuple[str, ...]) -> None:
    done = ended(signal.SIGINT, 5, phase, *command)
    assert done.stderr.splitlines()[-1].endswith("Interrupted.")
    assert "Traceback" not in done.stderr
    assert done.returncode == 130
    assert sorted(os.listdir()) == ([] if command else ["model.fastbp", "model.fastbp.toml"])


def test_an_ignored_signal_stays_ignored() -> None:
    """As Ctrl-C is by a shell's background job, and the end of the terminal under nohup."""
    code = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from fastbp._signals import signals; signals.install();"
        "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGHUP); print('on')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "on\n"


def test_a_keyboard_interrupt_that_is_swallowed_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbp import _signals

    now = [0.0]
    monkeypatch.setattr(_signals.time, "monotonic", lambda: now[0])
    signals = _signals.Signals()
    signals.phase = _signals.Phase.RAISE
    with pytest.raises(KeyboardInterrupt):
        signals._handle(signal.SIGINT, None)
    now[0] = 0.5
    signals._handle(signal.SIGINT, None)
    now[0] = 2.0
    with pytest.raises(KeyboardInterrupt):
        signals._handle(signal.SIGINT, None)
    assert len(signals.received) == 3


BENCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from fastbp._signals import Phase, signals
signals.install()
from fastbp.cli.app import run
from fastbp.compare import nets, pin
def find(names):
    pin.task("sleeper:sleep", 1, lambda found: print(found["pid"], flush=True))
nets.find = find
sys.argv = ["fastbp", "bench"]
import fastbp.cli
run()
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for the process in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_that_races_ends_with_the_command(number: signal.Signals, tmp_path: Path) -> None:
    Path("sleeper.py").write_text(
        "import os, time\ndef sleep(n_threads):\n    yield {'pid': os.getpid()}\n    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{Path(fastbp.__file__).parent.parent}{os.pathsep}{tmp_path}"}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", BENCH], env=environment, **options) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        for _ in range(5):
            process.send_signal(number)
            time.sleep(0.01)
        errors = process.communicate(timeout=60)[1]
    assert errors == f"{NAMES[number]}.\n"
    assert process.returncode == 128 + number
    state = Path(f"/proc/{child}/status")
    assert not state.exists() or "Z (zombie)" in state.read_text()
