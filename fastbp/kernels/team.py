"""The barrier of a team of threads that stay inside one kernel: atomics on a few cells, a cache line apart.

Measured 0.03 to 0.14 us a crossing on two cores; ``prange`` costs 1.1 to 80 us. In plain Python, and where there is no
``sched_yield`` (Windows), a team is one thread and its barrier nothing.
"""

from __future__ import annotations

import sys
from typing import Any

from fastbp import jit
from fastbp.jit import strict
from fastbp.kernels.layout import ABORT, ARRIVED, CELLS, LEAVING, OWN, STOP

MAX_TEAM = 1 if jit.DISABLED or sys.platform == "win32" else 64

SPINS = 1000
"""Tries before the core is offered to others: some microseconds, the imbalance of a well split step."""
YIELDS = 2000
"""Offers before the thread sleeps, ever longer up to a millisecond."""


def load(cells: Any, i: int) -> int:
    """The cell's value, and everything written before it was stored (acquire)."""
    return int(cells[i])


def store(cells: Any, i: int, value: int) -> None:
    """Set the cell after everything written so far (release)."""
    cells[i] = value


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
def wait_for(cells, i, value):
    """Wait until a cell has come to a value, and what was written before is seen. Return whether to abort."""
    turn = 0
    while load(cells, i) < value:
        if load(cells, ABORT) != 0:
            return True
        turn += 1
        pause(turn)
    return load(cells, ABORT) != 0


@strict
def barrier(cells, n_threads, t):
    """Wait until all ``n_threads`` are here; what each wrote before is seen by all after. Return whether to abort.

    Each thread counts its arrivals in a line of its own and watches the others' counts: one trip of a cache line from
    core to core, where a counter they share takes three, and as many more as there are threads.
    """
    own = CELLS + t * OWN + ARRIVED
    arrivals = load(cells, own) + 1
    store(cells, own, arrivals)
    for other in range(n_threads):
        if wait_for(cells, CELLS + other * OWN + ARRIVED, arrivals):
            return True
    return load(cells, ABORT) != 0


@strict
def meet(cells, n_threads, m, t):
    """Wait for the team in minibatch m; whether it is to leave, as thread 0 has just found for all; whether to abort.

    Two cells in turn: thread 0 may come to the next minibatch before another has read this one's.
    """
    leaving = LEAVING + (m & 1)
    if t == 0:
        store(cells, leaving, load(cells, STOP))
    aborting = barrier(cells, n_threads, t)
    return load(cells, leaving) != 0, aborting
