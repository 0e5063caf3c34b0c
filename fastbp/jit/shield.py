"""Compiling while Ctrl-C may come at any moment."""

from __future__ import annotations

import gc
import threading
from _thread import start_new_thread
from collections.abc import Callable
from typing import Any

from fastbp.jit import progress

TICK = 0.1
"""Seconds between two looks at how far the compilation is."""

_here = threading.local()
"""``stop``, in a thread that compiles for another one: an event that the other one no longer waits."""


def shielded(compile_: Callable[[Any], Any], sig: Any) -> Any:
    """Compile in a thread of its own while this one waits: Ctrl-C never meets Numba in the middle of its work.

    Numba is written for no interrupt: one may leave its lock taken. Where one comes, the compilation ends at the next
    function, and then the KeyboardInterrupt goes on; a second one does not wait for that.
    """
    if threading.current_thread() is not threading.main_thread():
        return compile_(sig)  # signals go to the main thread
    outcome: list[tuple[Any, BaseException | None]] = []
    stop, done = threading.Event(), threading.Event()

    def compile_and_tell() -> None:
        _here.stop = stop
        try:
            outcome.append((compile_(sig), None))
        except BaseException as error:
            outcome.append((None, error))
        finally:
            done.set()

    try:
        start_new_thread(compile_and_tell, ())
    except RuntimeError:  # can't start new thread
        return compile_(sig)
    try:
        # Not for an item of a queue: an interrupt may come when it has been taken, and there is no other.
        while not done.wait(TICK):
            progress.tick()
    except BaseException:
        stop.set()
        done.wait()
        raise
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def begin_function() -> None:
    """Before each function that is compiled. Where the thread that waits has gone, raise KeyboardInterrupt."""
    stop = getattr(_here, "stop", None)
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt
    progress.function_begins()


def compiled_whole(compile_: Callable[[Any], Any], sig: Any) -> Any:
    """Compile, or load, a function that Python calls, with all that it calls, whatever signals come.

    Python's garbage collector rests meanwhile: it would go through all that Numba keeps, in vain.
    """

    def without_collecting(sig: Any) -> Any:
        collecting = gc.isenabled()
        gc.disable()
        try:
            compiled = compile_(sig)
        except BaseException:
            progress.end(failed=True)
            raise
        else:
            progress.end()
            return compiled
        finally:
            if collecting:
                gc.enable()

    return shielded(without_collecting, sig)
