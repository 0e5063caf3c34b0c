"""The child process: it runs a learner's cells, hands over values as data, and calls the learner's functions.

It is started as ``python -m fastbp.teach.grading.child MEMORY`` and speaks over what are its standard input and output
at first; what the learner's code prints goes nowhere. It decides nothing: whatever it says is an answer.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import random
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastbp.layers import PerLayer
from fastbp.teach import examples, exercises  # noqa: F401  # before the memory is limited
from fastbp.teach.exercises.counting import instructions
from fastbp.teach.grading.values import Writer, read

LARGEST = 16 * 2**20
"""Bytes of one message."""
WRITTEN = 64 * 2**20
"""Bytes of the largest file that a learner's code may write."""


def send(stream: BinaryIO, message: Any) -> None:
    """One message: its length, then JSON."""
    data = json.dumps(message).encode()
    stream.write(len(data).to_bytes(4, "big") + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message, or None at the end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    return json.loads(stream.read(int.from_bytes(head, "big")))


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under other numbers; from here on nothing is read from them, and nothing shown."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return source, sink


def limit(memory: int) -> None:
    """At most so many bytes beyond what is in use, where the system knows such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))


def told(error: BaseException) -> dict[str, Any]:
    """An exception as data: type, text, and the learner's line."""
    where = ""
    with contextlib.suppress(BaseException):
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<cell ")]
        if own:
            line = f": {own[-1].line}" if own[-1].line else ""
            where = f" (in {own[-1].filename[1:-1]}, line {own[-1].lineno}{line})"
    try:
        text = str(error)
    except BaseException:
        text = ""
    memory = isinstance(error, MemoryError)
    return {"error": type(error).__name__[:60], "text": text[:500], "where": where[:300], "memory": memory}


MAGIC = re.compile(r"^(\s*)(?:%(?!%)|!|\?|.*\?$)\s*.*$")
"""A line for the notebook and not for Python."""


def python(source: str) -> str:
    """The cell without what only a notebook knows: lines of ``%`` and ``!``, and a first line of ``%%``."""
    lines = source.splitlines()
    if lines and lines[0].startswith("%%"):
        lines[0] = ""
    try:
        compile("\n".join(lines), "<cell>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        lines = [MAGIC.sub(r"\1pass", line) for line in lines]
    return "\n".join(lines) + "\n"


UNSEEN = {
    "sys.settrace",  # also by each thread of the module threading
    "_thread.start_new_thread",
    "_thread.start_joinable_thread",
    "os.fork",
    "os.posix_spawn",
    "subprocess.Popen",
}
"""Events after which a function's instructions are no longer all counted."""


def instructions_of(function: Callable[..., Any], given: list[Any], seen: list[str]) -> tuple[Any, int]:
    """Result and number of instructions; `seen` grows by the events of the process. Code that hides some is refused."""

    def called(*arguments: Any) -> Any:
        seen.clear()
        result = function(*arguments)
        if seen:
            raise RuntimeError("its instructions are counted, and it starts threads or processes, or ends the counting")
        return result

    return instructions(called, *given)


class Learner:
    """The learner's names, and what is asked of them."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "display": lambda *objects, **options: None}
        self.writer = Writer()
        self._seen: list[str] = []
        sys.addaudithook(lambda event, _: self._seen.append(event) if event in UNSEEN else None)

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What one message asks for."""
        try:
            match message["ask"]:
                case "run":
                    self._run(message["source"], message["title"])
                    return {"done": 1}
                case "read":
                    if message["name"] not in self.names:
                        return {"missing": 1}
                    return {"value": self.writer.write(self.names[message["name"]])}
                case "call":
                    return self._call(message)
        except BaseException as error:
            return told(error)
        return {"error": "ValueError", "text": "no such question", "where": "", "memory": False}

    def _run(self, source: str, title: str) -> None:
        source, file = python(source), f"<{title}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec", dont_inherit=True), self.names)

    def _call(self, message: dict[str, Any], counted: Callable[..., Any] = instructions_of) -> dict[str, Any]:
        """A function of the learner's, with arguments; they go back too, in case it has changed them."""
        function = self.writer.functions[message["function"]]
        given = [self._argument(one) for one in message["arguments"]]
        reply: dict[str, Any] = {}
        if message.get("counted"):
            result, reply["steps"] = counted(function, given, self._seen)
        else:
            with np.errstate(all="ignore"):
                result = function(*given)
        reply["value"] = self.writer.write(result)
        reply["arguments"] = [self.writer.write(list(one) if isinstance(one, PerLayer) else one) for one in given]
        return reply

    @staticmethod
    def _argument(one: Any) -> Any:
        return PerLayer(one["name"], read(one["layers"])) if "layers" in one else read(one["value"])


def main() -> None:
    """Answer until nobody asks."""
    source, sink = own_streams()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # what a learner draws without a seed is the same in every grading
    learner = Learner()
    send(sink, {"id": 0, "ready": 1})
    limit(int(sys.argv[1]))
    while (message := receive(source)) is not None:
        reply = learner.answer(message)
        try:
            data = {"id": message["id"], **reply}
            if len(json.dumps(data)) > LARGEST:
                data = {"id": message["id"], "error": "ValueError", "text": "too large", "where": "", "memory": False}
        except BaseException as error:
            data = {"id": message["id"], **told(error)}
        send(sink, data)
    os._exit(0)  # threads that are left do not keep it


if __name__ == "__main__":
    main()
