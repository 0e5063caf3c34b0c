"""Gate and barrier of a team of threads that stay inside one kernel: atomics on a few cells, a cache line apart.

Measured 0.03 to 0.14 us a crossing on two cores; ``prange`` costs 1.1 to 80 us. In plain Python, and where there is no
``sched_yield`` (Windows), a team is one thread and its barrier nothing.
"""

from __future__ import annotations

import sys
from typing import Any

from fastbp import jit
from fastbp.jit import strict
from fastbp.kernels.layout import ARRIVED, CELLS, LEAVING, LINE, OWN, STOP

MAX_TEAM = 1 if jit.DISABLED or sys.platform == "win32" else 64

SPINS = 1000
"""Tries before the core is offered to others: some microseconds, the imbalance of a well split step."""
YIELDS = 2000
"""Offers before the thread sleeps, ever longer up to a millisecond."""

ARRIVING = SPINS + YIELDS + 100
"""Turns, about 10 ms, after which thread 0 no longer waits for threads to come but lets Python look around."""
LEASE = SPINS + YIELDS + 500
"""Turns, about 0.2 s, after which a thread leaves the gate by itself if no slice has begun."""

SLICE, PRESENT = 0, LINE
"""Cells of the gate: the number of the slice, or CLOSED; and from PRESENT on, a line for each thread, whether it has
come."""

RUN, CLOSED, MISSING = 0, -1, -2
"""What became of a slice: it ran; the gate is closed; not all threads have come yet."""


def gate_size(n_threads: int) -> int:
    """Cells of a gate for so many threads."""
    return PRESENT + LINE * n_threads


def load(cells: Any, i: int) -> int:
    """The cell's value, and everything written before it was stored (acquire)."""
    return int(cells[i])


def store(cells: Any, i: int, value: int) -> None:
    """Set the cell after everything written so far (release)."""
    cells[i] = value


def replace(cells: Any, i: int, expected: int, value: int) -> bool:
    """Set the cell if it still has the expected value. Whether it had (compare-and-swap)."""
    if cells[i] != expected:
        return False
    cells[i] = value
    return True


def pause(turn: int) -> None:
    """Wait a moment, longer the more turns have been waited."""


if not jit.DISABLED:
    from llvmlite import ir
    from numba.core import types
    from numba.core.typing import signature
    from numba.extending import intrinsic

    from fastbp.jit.addresses import address

    def _cell(context: Any, builder: Any, type_: Any, cells: Any, i: Any) -> Any:
        return builder.gep(address(context, builder, type_, cells), [i])

    @intrinsic
    def _load(typing: Any, cells: Any, i: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load_atomic(_cell(context, builder, sig.args[0], *args), "acquire", 8)

        return signature(types.int64, cells, types.intp), codegen

    @intrinsic
    def _store(typing: Any, cells: Any, i: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            builder.store_atomic(args[2], _cell(context, builder, sig.args[0], *args[:2]), "release", 8)
            return context.get_dummy_value()

        return signature(types.none, cells, types.intp, types.int64), codegen

    @intrinsic
    def _replace(typing: Any, cells: Any, i: Any, expected: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = _cell(context, builder, sig.args[0], *args[:2])
            return builder.extract_value(builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire"), 1)

        return signature(types.boolean, cells, types.intp, types.int64, types.int64), codegen

    def _external(name: str, *argument: Any) -> Any:
        """Intrinsic that calls a function of the C library."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            c_int = ir.IntType(32)
            function = builder.module.globals.get(name) or ir.Function(
                builder.module, ir.FunctionType(c_int, [c_int] * len(args)), name
            )
            builder.call(function, [builder.trunc(arg, c_int) for arg in args])
            return context.get_dummy_value()

        return codegen

    @intrinsic
    def _yield(typing: Any) -> Any:
        return signature(types.none), _external("sched_yield")

    @intrinsic
    def _sleep(typing: Any, microseconds: Any) -> Any:
        return signature(types.none, types.int64), _external("usleep")

    @jit.overload(load)
    def _(cells, i):
        return lambda cells, i: _load(cells, i)

    @jit.overload(store)
    def _(cells, i, value):
        return lambda cells, i, value: _store(cells, i, value)

    @jit.overload(replace)
    def _(cells, i, expected, value):  # type: ignore[no-untyped-def]
        return lambda cells, i, expected, value: _replace(cells, i, expected, value)

    @jit.overload(pause)
    def _(turn):
        if MAX_TEAM == 1:
            return lambda turn: None

        def twin(turn):
            if turn > SPINS + YIELDS:
                _sleep(min(1000, 50 + (turn - SPINS - YIELDS)))
            elif turn > SPINS:
                _yield()

        return twin


@strict
def begin_slice(gate, n_threads):
    """Thread 0: begin a slice when all others wait for one. Its number; or CLOSED, or MISSING.

    Until the last line nothing has begun: whoever is at the gate may leave it.
    """
    for t in range(1, n_threads):
        turn = 0
        while load(gate, PRESENT + t * LINE) == 0:
            if load(gate, SLICE) == CLOSED:
                return CLOSED
            if turn == ARRIVING:
                return MISSING
            turn += 1
            pause(turn)
    number = load(gate, SLICE)
    return number + 1 if number != CLOSED and replace(gate, SLICE, number, number + 1) else CLOSED


@strict
def wait_for_slice(gate, number, t):
    """Another thread: the number of the slice that begins after slice ``number``; or CLOSED.

    The call that the team works for may have been interrupted anywhere, and nobody may ever come again. So a thread
    that has waited long closes the gate itself, unless a slice begins at that moment.
    """
    store(gate, PRESENT + t * LINE, 1)
    turn = 0
    while load(gate, SLICE) == number:
        turn += 1
        pause(turn)
        if turn > LEASE:
            replace(gate, SLICE, number, CLOSED)
    return load(gate, SLICE)


@strict
def wait_for(cells, i, value):
    """Wait until a cell has come to a value, and what was written before is seen."""
    turn = 0
    while load(cells, i) < value:
        turn += 1
        pause(turn)


@strict
def barrier(cells, n_threads, t):
    """Wait until all ``n_threads`` are here; what each wrote before is seen by all after.

    Each thread counts its arrivals in a line of its own and watches the others' counts: one trip of a cache line from
    core to core, where a counter they share takes three, and as many more as there are threads.
    """
    own = CELLS + t * OWN + ARRIVED
    arrivals = load(cells, own) + 1
    store(cells, own, arrivals)
    for other in range(n_threads):
        wait_for(cells, CELLS + other * OWN + ARRIVED, arrivals)


@strict
def meet(cells, n_threads, m, t):
    """Wait for the team in minibatch m; whether it is to leave, as thread 0 has just found for all.

    Two cells in turn: thread 0 may come to the next minibatch before another has read this one's.
    """
    leaving = LEAVING + (m & 1)
    if t == 0:
        store(cells, leaving, load(cells, STOP))
    barrier(cells, n_threads, t)
    return load(cells, leaving) != 0
