"""An interrupt while a thread waits for a compilation ends in the result or the KeyboardInterrupt, never in a hang."""

from __future__ import annotations

import faulthandler
import sys
from types import FrameType
from typing import Any

from fastbp.jit import shield


def compiled(n: int) -> int:
    """What `shielded` returns when the n-th bytecode of it is not reached, because a KeyboardInterrupt comes before."""
    count = 0

    def at_opcode(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
            if count == n:
                raise KeyboardInterrupt
        return at_opcode

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is not shield.shielded.__code__:
            return None
        frame.f_trace_opcodes = True
        return at_opcode

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return int(shield.shielded(lambda sig: sig + 1, 41))
    finally:
        sys.settrace(before)


def test_an_interrupt_before_any_bytecode_of_the_waiting_thread() -> None:
    faulthandler.dump_traceback_later(600, exit=True)
    n = 1
    while True:
        try:
            result = compiled(n)
        except KeyboardInterrupt:
            n += 1
        else:
            break
    faulthandler.cancel_dump_traceback_later()
    assert result == 42
    assert n > 20
