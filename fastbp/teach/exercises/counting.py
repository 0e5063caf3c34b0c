"""How much Python a function runs: a loop over the samples takes more for more samples, products of matrices do not."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any


def instructions(function: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Result of a call, and the number of Python's instructions on the way: NumPy's own Python and threads included.

    Raises
    ------
    RuntimeError
        A frame on the way has stopped the counting of its instructions.
    """
    counted = running = 0
    stopped = False

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal counted, running, stopped
        if event == "call":
            running += 1
            stopped |= _names_tracing(frame)
        elif not (frame.f_trace_opcodes and frame.f_trace_lines):  # a line is seen too where instructions are not
            stopped = True
        running -= event == "return"
        frame.f_trace_opcodes = frame.f_trace_lines = True
        counted += event == "opcode"
        return trace

    before, before_in_threads = sys.gettrace(), threading.gettrace()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
        threading.settrace(before_in_threads)  # type: ignore[arg-type]  # typeshed leaves None out
    if stopped or running:  # frames that are no longer traced are not seen to return
        raise RuntimeError("its instructions are counted, and it ends the counting")
    return result, counted


def _names_tracing(frame: FrameType) -> bool:
    """Whether its code names what counts it: a frame can end the counting and begin it again before the next event."""
    code = frame.f_code
    return any("f_trace" in str(one) for one in (*code.co_names, *code.co_consts) if not isinstance(one, CodeType))
