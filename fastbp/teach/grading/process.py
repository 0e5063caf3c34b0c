"""The parent's side of the child process: limits, questions and answers, and cells that are run again."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastbp.layers import PerLayer
from fastbp.teach.grading.values import Damaged, Writer, read

LARGEST = 16 * 2**20
"""Bytes of one message that is read."""
STARTING = 120.0
"""Seconds in which a child must be ready."""
KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Variables of the environment that the child sees."""


@dataclass(frozen=True)
class Limits:
    """Of each exercise.

    Attributes
    ----------
    seconds : float
        For the cells up to its check, and for what the check asks.
    memory : int
        Bytes beyond what Python, NumPy and fastbp take; kept to on Linux.
    """

    seconds: float = 10.0
    memory: int = 2**30


class Over(BaseException):
    """An exercise went beyond its limits, or its process ended. No handler of a learner's errors takes it for one.

    ``status`` is "time", "memory", "ended" or "damaged".
    """

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Failed:
    """What a cell raised."""

    text: str


class Budget:
    """The seconds that an exercise has left. Only those in which it is being run count."""

    def __init__(self, seconds: float) -> None:
        self.left = self.seconds = seconds

    def over(self) -> Over:
        """That they are used up."""
        return Over("time", f"It took longer than {self.seconds:g} s.")


def _environment(home: str) -> dict[str, str]:
    """Plain Python, so that nothing is compiled or cached; one thread; hashes that do not change; nothing else."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    root = str(Path(__file__).parents[3])
    if root not in site.getsitepackages():
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [root, kept.get("PYTHONPATH", "")]))
    fixed = {"FASTBP_DISABLE_JIT": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **fixed, **threads, "HOME": home, "USERPROFILE": home, "TMPDIR": home, "TEMP": home, "TMP": home}


class Child:
    """A process that runs a learner's code, in a folder of its own that goes with it."""

    def __init__(self, memory: int) -> None:
        self._folder = tempfile.mkdtemp(prefix="fastbp-grade-")
        self._replies: queue.Queue[Any] = queue.Queue(maxsize=4)
        self._asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fastbp.teach.grading.child", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=_environment(self._folder),
            start_new_session=sys.platform != "win32",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if "ready" not in self._reply(STARTING, 0):
            raise Over("damaged", "The process that runs the cells did not start.")

    def _read(self) -> None:
        """Messages as they come, and None at the end."""
        assert self._process.stdout is not None
        stream = self._process.stdout
        with contextlib.suppress(Exception):
            while len(head := stream.read(4)) == 4:
                size = int.from_bytes(head, "big")
                if size > LARGEST:
                    break
                self._replies.put(json.loads(stream.read(size)))
        self._replies.put(None)

    def _reply(self, seconds: float, id: int) -> dict[str, Any]:
        """The answer to a question; Over if none comes, or another."""
        try:
            message = self._replies.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            raise Over("time", "") from None
        if message is None:
            raise Over("ended", "Its process ended: it exited, was killed, or ran out of memory or stack.")
        if type(message) is not dict or message.get("id") != id:
            raise Over("damaged", "Something else than its values came from its process.")
        return message

    def ask(self, budget: Budget, **question: Any) -> dict[str, Any]:
        """A question's answer, within the budget."""
        assert self._process.stdin is not None
        self._asked += 1
        data = json.dumps({"id": self._asked, **question}).encode()
        began = time.monotonic()
        try:
            with contextlib.suppress(OSError):  # it has ended: the answer will say so
                self._process.stdin.write(len(data).to_bytes(4, "big") + data)
                self._process.stdin.flush()
            reply = self._reply(budget.left, self._asked)
        except Over as over:
            if over.status == "time":
                raise budget.over() from None
            raise
        finally:
            budget.left -= time.monotonic() - began
        if reply.get("memory"):
            raise Over("memory", "It took more memory than there is for an exercise.")
        return reply

    def close(self) -> None:
        """End it, and what it started, as far as that is in its group."""
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None and stream is not self._process.stdout:
                    stream.close()
        self._process.wait()
        while self._reader.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                self._replies.get(timeout=0.05)
            if self._process.stdout is not None and not self._reader.is_alive():
                break
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def error_of(reply: dict[str, Any]) -> tuple[str, str]:
    """Type and text of what a reply says was raised, without what differs from run to run."""
    kind, text, where = (str(reply.get(name, ""))[:500] for name in ("error", "text", "where"))
    text = re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x...", text)
    text = re.sub(r"\S*fastbp-grade-\w+", "...", text)
    return kind if kind.isidentifier() else "Exception", f"{text}{where}"


class Session:
    """A learner's cells, in a child that is started anew, and runs again what went well, when one goes too far."""

    def __init__(self, limits: Limits, total: float) -> None:
        self._limits = limits
        self._kept: list[tuple[str, str]] = []
        self._child: Child | None = None
        self._ends = time.monotonic() + total

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _ready(self) -> Child:
        """The child, with the names that the cells so far have made."""
        if time.monotonic() > self._ends:
            raise Over("time", "The notebook as a whole took too long.")
        if self._child is None:
            self._child = Child(self._limits.memory)
            for cell in list(self._kept):
                try:
                    self._child.ask(Budget(self._limits.seconds), ask="run", title=cell[0], source=cell[1])
                except Over:  # it did not before: it is not to be relied on
                    self.close()
                    self._kept.remove(cell)
                    return self._ready()
        return self._child

    def _ask(self, budget: Budget, **question: Any) -> dict[str, Any]:
        child = self._ready()
        if budget.left <= 0:
            raise budget.over()
        try:
            return child.ask(budget, **question)
        except BaseException:
            self.close()
            raise

    def run(self, title: str, source: str, budget: Budget) -> Failed | None:
        """Run a cell; Over where it is left out from here on."""
        reply = self._ask(budget, ask="run", title=title, source=source)
        self._kept.append((title, source))
        return Failed(": ".join(error_of(reply))) if "error" in reply else None

    def read(self, variable: str, budget: Budget) -> Any:
        """The value of a variable; ``...`` where there is none. Whatever reading it raises is raised."""
        reply = self._ask(budget, ask="read", name=variable)
        if "missing" in reply:
            return ...
        return self._value(reply, budget)

    def _value(self, reply: dict[str, Any], budget: Budget) -> Any:
        if "error" in reply:
            kind, text = error_of(reply)
            raise type(kind, (Exception,), {})(text)
        try:
            return read(reply.get("value"), lambda number: self._function(number, budget))
        except Damaged:
            raise Over("damaged", "Something else than its values came from its process.") from None

    def _function(self, number: int, budget: Budget) -> Callable[..., Any]:
        """What stands for a function of the learner's: it is called in the child, with data."""

        def call(*arguments: Any, counted: bool = False) -> Any:
            sent = [_sent(one) for one in arguments]
            reply = self._ask(budget, ask="call", function=number, arguments=sent, counted=counted)
            value = self._value(reply, budget)
            for one, changed in zip(arguments, reply.get("arguments") or [], strict=False):
                _put_back(one, changed)
            return (value, reply.get("steps")) if counted else value

        call.counts = True  # type: ignore[attr-defined]  # how many instructions it takes, if asked
        return call


def _sent(one: Any) -> dict[str, Any]:
    if isinstance(one, PerLayer):
        return {"name": one._name, "layers": Writer().write(list(one))}
    return {"value": Writer().write(one)}


def _put_back(one: Any, changed: Any) -> None:
    """What the function did to its arguments, so that the check sees it."""
    try:
        value = read(changed)
        targets = list(one) if isinstance(one, PerLayer) else [one]
        for target, new in zip(targets, value if isinstance(one, PerLayer) else [value], strict=False):
            if hasattr(target, "shape") and target.shape == getattr(new, "shape", None) and target.shape:
                target[...] = new
    except (Damaged, TypeError, ValueError):
        raise Over("damaged", "Something else than its values came from its process.") from None
