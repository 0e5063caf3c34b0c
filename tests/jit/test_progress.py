"""How far a compilation is: counted, timed by a clock of the test's own, told to who watches, logged, remembered."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastbp
from fastbp.functions import own_rows
from fastbp.jit import cache, own_updates, progress, shield
from fastbp.jit.decorators import Uncompilable

ROOT = Path(progress.__file__).parents[2]


class Clock:
    """A clock that goes on when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    """The time, with nothing remembered and nothing ready."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(progress, "_progress", progress._Progress())
    progress.remembered_at(tmp_path / "durations")
    return clock


def compile_all(clock: Clock, name: str, functions: int, each: float, rest: float) -> list[progress.Status]:
    """A compilation as it goes; what is told every half second."""
    told: list[progress.Status] = []

    def wait(seconds: float) -> None:
        end = clock.now + seconds
        while clock.now < end:
            clock.now = min(end, clock.now + 0.5)
            progress.tick()

    with progress.watching(told.append), progress.compiling(name):
        for _ in range(functions):
            wait(each)
            progress.function_begins()
        wait(rest)
    return told


def test_the_time_left_is_right_where_it_is_known(clock: Clock) -> None:
    compile_all(clock, "work", 10, 1.0, 10.0)
    assert progress._progress.costs["work"] == (10, 10.0, 10.0)
    told = compile_all(clock, "work", 10, 1.0, 10.0)
    fractions = [status.fraction for status in told]
    assert fractions == sorted(fractions)
    for i, status in enumerate(told):
        assert status.fraction == pytest.approx(min(0.995, (i + 1) / len(told)), abs=0.06)
        assert status.left == pytest.approx(20 - (i + 1) / 2, abs=1.2)


def test_a_machine_of_half_the_speed_is_noticed(clock: Clock) -> None:
    compile_all(clock, "work", 10, 1.0, 10.0)
    told = compile_all(clock, "work", 10, 2.0, 20.0)
    for i, status in list(enumerate(told))[21:]:  # when five functions have been compiled
        assert status.left == pytest.approx(40 - (i + 1) / 2, abs=2.5)


def test_several_are_one_status(clock: Clock) -> None:
    for name in ("outputs", "work"):
        compile_all(clock, name, 10, 1.0, 10.0)
    progress._progress.ready.clear()
    told: list[progress.Status] = []
    with progress.watching(told.append, ["outputs", "work"]):
        for name in ("outputs", "work"):
            compile_all(clock, name, 10, 1.0, 10.0)
    fractions = [status.fraction for status in told]
    assert fractions == sorted(fractions)
    assert fractions[len(told) // 2] == pytest.approx(0.5, abs=0.05)
    assert told[0].left == pytest.approx(40, abs=1.5)
    assert told[-1].left < 1.5


def test_what_the_cache_has_is_ready(clock: Clock) -> None:
    for name in ("outputs", "work"):
        compile_all(clock, name, 10, 1.0, 10.0)
    progress._progress.ready.clear()
    progress.is_ready("outputs")
    told: list[progress.Status] = []
    with progress.watching(told.append, ["outputs", "work"]):
        compile_all(clock, "work", 10, 1.0, 10.0)
    assert told[0].fraction == pytest.approx(0.5, abs=0.05)


def test_what_fails_is_not_remembered(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), progress.compiling("work"):
        raise ZeroDivisionError
    assert "work" not in progress._progress.costs
    progress.tick()  # nothing is running


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[]", b"{}", b'{"work": [1]}', b'{"work": "abc"}', b'{"work": [1, "x", 2]}']
)
def test_remembered_nonsense_is_forgotten(clock: Clock, tmp_path: Path, content: bytes) -> None:
    cache.write(tmp_path / "durations", content)
    assert compile_all(clock, "work", 3, 1.0, 1.0)
    assert progress._progress.costs["work"] == (3, 3.0, 1.0)
    (tmp_path / "durations").write_bytes(content)
    progress._progress._costs = None
    assert progress._progress.costs == progress.FIRST


def test_the_log_says_what_and_how_long(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fastbp"):
        compile_all(clock, "work", 10, 1.0, 10.0)
        compile_all(clock, "work", 10, 1.0, 10.0)
        compile_all(clock, "fingerprint", 0, 0.0, 0.1)
    words = [record.getMessage() for record in caplog.records]
    assert words[:3] == [
        "Compiled work in 20.0 s",
        "Compiling work, in about 20 s",
        "Compiling work: 5%, about 19 s left",
    ]
    assert words[-1] == "Compiled work in 20.0 s"
    assert len(words) == 3 + 9 + 1  # every two seconds


def test_who_waits_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the thread that waits; and an error of whoever is told ends the waiting, after the compilation."""
    monkeypatch.setattr(progress, "_progress", progress._Progress())
    monkeypatch.setattr(shield, "TICK", 0.01)

    def compile_(sig: int) -> int:
        import time

        with progress.compiling("work"):
            for _ in range(20):
                shield.begin_function()
                time.sleep(0.01)
        return sig

    told: list[progress.Status] = []
    with progress.watching(told.append):
        assert shield.shielded(compile_, 42) == 42
    assert told
    assert not progress._watchers

    def fail(status: progress.Status) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), progress.watching(fail):
        shield.shielded(compile_, 42)


LOGGED = """
import logging, sys
import numpy as np
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(message)s")
logging.getLogger("numba").setLevel(logging.WARNING)
from fastbp import textbook
textbook.activation(0, np.ones(1))
"""


@pytest.mark.compiled
def test_a_compilation_is_logged_and_what_the_cache_has_is_not(tmp_path: Path) -> None:
    def printed() -> list[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "FASTBP_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", LOGGED], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    begins, ends = printed()
    assert begins == "Compiling activation float64"
    assert ends.startswith("Compiled activation float64 in ")
    assert printed() == []
    assert (tmp_path / "fastbp-durations-linking").exists()


def test_the_bar_of_the_command_line_moves(clock: Clock) -> None:
    import io

    from fastbp.cli.app import Out
    from fastbp.cli.compiling import compiling_bar

    for is_terminal in (True, False):
        console = Out(stderr=True)
        console.file = io.StringIO()
        console._force_terminal = console.is_interactive = is_terminal
        with compiling_bar(console, "float32"):
            compile_all(clock, "outputs float32", 148, 4.1 / 148, 3.7)
            compile_all(clock, "work float32", 112, 4.5 / 112, 2.5)
        shown = console.file.getvalue()
        assert ("s left" in shown) == is_terminal
        assert ("8" in shown and "%" in shown) == is_terminal
        progress._progress.ready.clear()


def test_the_costs_of_this_machine_take_the_place_of_others(clock: Clock) -> None:
    kernels = ("outputs", "work", "an update of your own")
    names = {f"{name} {dtype}" for name in kernels for dtype in ("float32", "float64")}
    assert set(progress.FIRST) == names | {"a function of your own"}
    compile_all(clock, "work float32", 10, 1.0, 10.0)
    assert progress._progress.costs["work float32"].functions == 10


def test_functions_of_ones_own_are_announced_before_they_are_compiled(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is compiled here: who would compile it waits, and looks at what has been said."""
    said: list[list[str]] = []

    def refuse(*_: object) -> None:
        clock.now += 2.5
        progress.tick()
        said.append([record.getMessage() for record in caplog.records])
        raise Uncompilable("it is not compiled here")

    monkeypatch.setattr(own_rows, "DISABLED", False)
    monkeypatch.setattr(own_updates, "DISABLED", False)
    monkeypatch.setattr(own_rows, "guarded", refuse)
    monkeypatch.setattr(own_updates, "compiler", lambda _: SimpleNamespace(compile_update=refuse))
    with caplog.at_level(logging.INFO, logger="fastbp"):
        with pytest.raises(TypeError, match="cannot be compiled"):
            fastbp.activation("announced", lambda z: z, lambda z: 1.0)
        with pytest.raises(Uncompilable):
            own_updates.OwnUpdate(lambda g, w, eta, t: w - eta * g, 0, 0).address("float32")
    first, second = said
    name = "a function of your own"
    assert first == [f"Compiling {name}, in about 1 s", f"Compiling {name}: 0%, about 1 s left"]
    name = "an update of your own float32"
    assert second[2:] == [f"Compiling {name}, in about 1 s", f"Compiling {name}: 0%, about 1 s left"]
