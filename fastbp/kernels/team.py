"""Gate and barrier of a team of threads that stay inside one kernel: atomics on a few fields, a cache line apart.

Measured 0.03 to 0.14 us a crossing on two cores; ``prange`` costs 1.1 to 80 us. In plain Python a team is one thread
and its barrier nothing.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from fastbp import jit
from fastbp.jit import strict
from fastbp.jit.addresses import Buffer, field
from fastbp.jit.asked import BUILD_FOR, SYSTEM
from fastbp.jit.mode import when_compiling
from fastbp.jit.records import fields_apart
from fastbp.kernels.records import Control
from fastbp.machine import kernel32

MAX_TEAM = 1 if jit.DISABLED else 64

WINDOWS = SYSTEM == "win32"

SPINS = 1000
"""Tries before the core is offered to others: some microseconds, the imbalance of a well split step."""
YIELDS = 2000
"""Offers before the thread sleeps, ever longer up to a millisecond; on Windows until its clock ticks, 1 to 16 ms."""

ARRIVING = SPINS + YIELDS + (1 if WINDOWS else 100)
"""Pauses, about 10 ms, after which thread 0 no longer waits for threads to come but lets Python look around."""
LEASE = SPINS + YIELDS + (20 if WINDOWS else 500)
"""Pauses, about 0.2 s, after which a thread leaves the gate by itself if no slice has begun."""
PATIENCE = SPINS + 700
"""Pauses, about 0.1 ms, after which a thread no longer waits for the spin lock of those in Python."""

GATE = fields_apart(
    slice=np.int64,  # in thread 0's row: the number of the slice that has begun, or CLOSED
    present=np.int64,  # in another's: whether the thread has come
    spin_lock=np.int64,  # in thread 0's row: whether one of the single threads here is in Python, or CLOSED
)
"""Where threads wait for a slice: a row for each."""

RUN, CLOSED, MISSING = 0, -1, -2
"""What became of a slice: it ran; the gate is closed; not all threads have come yet."""


def load(cell: Buffer) -> int:
    """The field's value, and everything written before it was stored (acquire)."""
    return int(cell[0])


def store(cell: Buffer, value: int) -> None:
    """Set the field after everything written so far (release)."""
    cell[0] = value


def replace(cell: Buffer, expected: int, value: int) -> bool:
    """Set the field if it still has the expected value. Whether it had (compare-and-swap)."""
    if cell[0] != expected:
        return False
    cell[0] = value
    return True


def claim(cell: Buffer) -> int:
    """The field's value, which is one more for whoever comes next (fetch-and-add)."""
    cell[0] += 1
    return int(cell[0]) - 1


def pause(n: int) -> None:
    """Wait a moment, longer the more pauses came before: n."""


@when_compiling
def _twins() -> None:
    from llvmlite import binding as llvm
    from llvmlite import ir
    from numba.core import types
    from numba.core.typing import signature
    from numba.extending import intrinsic

    @intrinsic
    def _load(typing: Any, cell: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load_atomic(args[0], "acquire", 8)

        return signature(types.int64, cell), codegen

    @intrinsic
    def _store(typing: Any, cell: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            builder.store_atomic(args[1], args[0], "release", 8)
            return context.get_dummy_value()

        return signature(types.none, cell, types.int64), codegen

    @intrinsic
    def _replace(typing: Any, cell: Any, expected: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.extract_value(builder.cmpxchg(*args, "acq_rel", "acquire"), 1)

        return signature(types.boolean, cell, types.int64, types.int64), codegen

    @intrinsic
    def _claim(typing: Any, cell: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.atomic_rmw("add", args[0], ir.IntType(64)(1), "acq_rel")

        return signature(types.int64, cell), codegen

    def _external(name: str) -> Any:
        """Intrinsic that calls a function of the system: of integers, and what it returns does not matter."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            c_int = ir.IntType(32)
            function = builder.module.globals.get(name) or ir.Function(
                builder.module, ir.FunctionType(c_int, [c_int] * len(args)), name
            )
            builder.call(function, [builder.trunc(arg, c_int) for arg in args])
            return context.get_dummy_value()

        return codegen

    OFFER, SLEEP, LONGEST = ("SwitchToThread", "Sleep", 1) if WINDOWS else ("sched_yield", "usleep", 1000)
    """The system's functions, and how long a sleep may be in what the second one counts: milliseconds, microseconds."""

    if WINDOWS and not BUILD_FOR:  # LLVM looks among the functions of the C library
        for _name in (OFFER, SLEEP):
            llvm.add_symbol(_name, ctypes.cast(getattr(kernel32(), _name), ctypes.c_void_p).value)

    @intrinsic
    def _offer(typing: Any) -> Any:
        return signature(types.none), _external(OFFER)

    @intrinsic
    def _sleep(typing: Any, time: Any) -> Any:
        return signature(types.none, types.int64), _external(SLEEP)

    @jit.overload(load)
    def _(cell):
        return lambda cell: _load(cell)

    @jit.overload(store)
    def _(cell, value):
        return lambda cell, value: _store(cell, value)

    @jit.overload(replace)
    def _(cell, expected, value):  # type: ignore[no-untyped-def]
        return lambda cell, expected, value: _replace(cell, expected, value)

    @jit.overload(claim)
    def _(cell):
        return lambda cell: _claim(cell)

    @jit.overload(pause)
    def _(n):
        if MAX_TEAM == 1:
            return lambda n: None

        def twin(n):
            if n > SPINS + YIELDS:
                _sleep(min(LONGEST, 50 + (n - SPINS - YIELDS)))
            elif n > SPINS:
                _offer()

        return twin


@strict
def begin_slice(gate: Buffer, n_threads: int) -> int:
    """Thread 0: begin a slice when all others wait for one. Its number; or CLOSED, or MISSING.

    Until the last line nothing has begun: whoever is at the gate may leave it.
    """
    slice_ = field(gate, 0, "slice")
    for t in range(1, n_threads):
        present = field(gate, t, "present")
        pauses = 0
        while load(present) == 0:
            if load(slice_) == CLOSED:
                return CLOSED
            if pauses == ARRIVING:
                return MISSING
            pauses += 1
            pause(pauses)
    number = load(slice_)
    return number + 1 if number != CLOSED and replace(slice_, number, number + 1) else CLOSED


@strict
def wait_for_slice(gate: Buffer, number: int, t: int) -> int:
    """Another thread: the number of the slice that begins after slice ``number``; or CLOSED.

    The call that the team works for may have been interrupted anywhere, and nobody may ever come again. So a thread
    that has waited long closes the gate itself, unless a slice begins at that moment.
    """
    slice_ = field(gate, 0, "slice")
    store(field(gate, t, "present"), 1)
    pauses = 0
    while load(slice_) == number:
        pauses += 1
        pause(pauses)
        if pauses > LEASE:
            replace(slice_, number, CLOSED)
    return load(slice_)


@strict
def acquire_spin_lock(gate: Buffer) -> None:
    """A thread that works alone, about to return to Python: wait, but not for long, until no other one here is there.

    Whoever finds the interpreter's lock taken sleeps, and is woken long after the lock is free: for threads that each
    need it for some microseconds an epoch that is most of the time they lose. Nothing depends on the lock but time: who
    has waited too long goes all the same, and a thread that never comes back costs each other one such wait.
    """
    lock = field(gate, 0, "spin_lock")
    for pauses in range(PATIENCE):
        if load(lock) == CLOSED or (load(lock) == 0 and replace(lock, 0, 1)):
            break
        pause(pauses)


@strict
def release_spin_lock(gate: Buffer) -> None:
    """The thread, back from Python: another one may go there."""
    lock = field(gate, 0, "spin_lock")
    if load(lock) != CLOSED:
        store(lock, 0)


@strict
def wait_for(cell: Buffer, value: int) -> None:
    """Wait until a field has come to a value, and what was written before is seen."""
    pauses = 0
    while load(cell) < value:
        pauses += 1
        pause(pauses)


@strict
def barrier(threads: Buffer, n_threads: int, t: int) -> None:
    """Wait until all ``n_threads`` are here; what each wrote before is seen by all after.

    Each thread counts its arrivals in a line of its own and watches the others' counts: one trip of a cache line from
    core to core, where a counter they share takes three, and as many more as there are threads.
    """
    arrived = field(threads, t, "arrived")
    arrivals = load(arrived) + 1
    store(arrived, arrivals)
    for other in range(n_threads):
        wait_for(field(threads, other, "arrived"), arrivals)


@strict
def barrier_and_poll(control: Control, m: int, t: int) -> bool:
    """Wait for the team in minibatch m; whether it is to leave after it, as thread 0 has just found for all.

    Thread 0 names the minibatch, because it may come to the next one before another thread has looked.
    """
    leaving = field(control.flags, 0, "leaving")
    if t == 0 and load(field(control.flags, 0, "stop")) != 0:
        store(leaving, m)
    barrier(control.threads, control.n_threads, t)
    return load(leaving) == m
