"""Which way a training or a prediction runs: one record of choices, which change the speed and never the bits.

They follow from sizes, and from what the threads of this process may be. ``forced`` overrides each of them.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np

from fastbp.jit.cpu import CACHE_LINE, VECTOR_BYTES
from fastbp.kernels import layout
from fastbp.kernels.gemm.tiling import PASS_ROWS
from fastbp.runtime import pool

Schedule: TypeAlias = Literal["data_parallel", "column_parallel", "ordered_tiles"]
"""Who does what of a minibatch: the modules of `fastbp.kernels.schedules`."""

TILE_BYTES = 1 << 20
"""Activations of a tile of samples: as much as a core's second-level cache holds."""

PREDICTED_TILE = 128
"""Samples of a tile of a prediction, or as many as there are."""

FAR_BYTES = 1 << 19
"""Samples that take more than this are fetched ahead of their use."""

LARGE_CALL = 2e7
"""Floating-point operations from which giving part of a single call to another thread pays."""

LARGE_STEP = 1e6
"""Floating-point operations of a minibatch for each thread, from which a team is faster than one thread."""

SAMPLES_EACH = 8
"""Samples of a minibatch for each thread, likewise: with fewer, moving weights that another thread has just changed
from its cache takes longer than multiplying by them."""

LARGE_STEP_OF_COLUMNS = 1.5e5
"""``LARGE_STEP`` of layer 1 alone, in the column-parallel schedule: a thread's weights stay in its cache."""

PART = 1e8
"""Floating-point operations of a minibatch for each part of a thread's share, from which threads may claim parts one by
one: half a millisecond of each phase, which is as much as another process takes away at once. Two parts for each thread
cost 3 to 7 % where no core is disturbed (measured on 784-512-512 and 784-1024-1024)."""

ORDERED_TILE = 1e6
ORDERED_BYTE = 300
"""Floating-point operations of a tile, and for each byte of theta, from which threads take tiles in order."""


NEAR = 6.0
"""How far from where the model of costs draws a line the other side of it may be faster all the same."""


class Plan(NamedTuple):
    """The choices. Those that are true or false are optimisations, any of which can be left out."""

    schedule: Schedule
    n_threads: int
    tile: int
    """Samples that pass through all layers before their gradients are added."""
    parts: int = 1
    """Data-parallel: parts of each phase for each thread. Where there are several, threads claim them one by one, and a
    core that another process disturbs takes fewer."""
    pack_a: bool = True
    pack_b: bool = True
    """Whether operands of a gemm whose rows lie far apart are copied side by side, where that pays."""
    prefetch: bool = True
    """Whether samples are fetched from memory before they are needed, where they are many."""
    fused_update: bool = False
    """Whether BP4 ends with the step U while its sums are in registers: of descent, which needs no gradient then."""
    fused_update_forward: bool = False
    """Whether the step of w^1 and F1 of the next minibatch are one pass over w^1: column-parallel."""


OPTIMISATIONS = ("pack_a", "pack_b", "prefetch", "fused_update", "fused_update_forward")
"""The fields that are true or false."""


class Task(NamedTuple):
    """What a choice depends on: a net's sizes, and the minibatches of a training."""

    sizes: tuple[int, ...]
    itemsize: int
    """Bytes of a weight."""
    batch: int
    descent: bool = False
    """Whether the step is w - eta g, with no other change than by an l2 penalty: SGD without momentum."""
    penalised: bool = False
    """Whether there is an l2 penalty."""
    dropout: bool = False
    sparse: bool = False
    """Whether only stored values of the samples are visited."""
    masked: bool = False
    """Whether some weights of a layer are frozen, and others are not."""
    whole_gradient: bool = False
    """Whether all of the gradient must be there before it is used: it is clipped, or returned."""

    @property
    def flops(self) -> float:
        """Floating-point operations of a minibatch."""
        return operations(self.sizes, self.batch, training=True)

    @property
    def lines_of_layer_1(self) -> int:
        """Whole cache lines of a row of w^1."""
        return layout.padded(self.sizes[1], self.itemsize) * self.itemsize // CACHE_LINE


MOST = 1_000_000
"""Samples of a tile, or parts, that can be forced."""

_forced: ContextVar[Mapping[str, Any]] = ContextVar("forced", default=MappingProxyType({}))


@contextlib.contextmanager
def forced(**choices: Any) -> Iterator[None]:
    """Within this context all plans have these choices: for tests, and to measure what an optimisation is worth.

    Parameters
    ----------
    **choices
        Fields of `Plan`. A schedule goes for trainings, which refuse one that they cannot have; all else for
        predictions and single gradients too. An optimisation can be forced off, not on where it cannot be.

    Raises
    ------
    TypeError
        Plan has no such field.
    ValueError
        The tile or the number of parts is no whole number, or out of range.
    """
    unknown = choices.keys() - set(Plan._fields)
    if unknown:
        raise TypeError(f"A plan has no {', '.join(sorted(unknown))}; it has {', '.join(Plan._fields)}.")
    for name in ("tile", "parts"):
        number = choices.get(name, 1)
        if not isinstance(number, int | np.integer) or not 1 <= number <= MOST:
            raise ValueError(f"{name} is {number!r}; a plan needs a whole number from 1 to {MOST:,}. Force such a one.")
    token = _forced.set(MappingProxyType({**_forced.get(), **choices}))
    try:
        yield
    finally:
        _forced.reset(token)


P = ParamSpec("P")
R = TypeVar("R")


def _kept_unless_forced(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: an answer is kept, but for those in a context in which something is `forced`."""
    kept: Any = functools.lru_cache(maxsize=256)(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = (function if _forced.get() else kept)(*args, **kwargs)
        return answer

    return call


@functools.lru_cache(maxsize=256)
def operations_of_one(sizes: tuple[int, ...]) -> float:
    """Floating-point operations of F1 of one sample."""
    return 2.0 * sum(n_in * n_out for n_in, n_out in itertools.pairwise(sizes))


def operations(sizes: tuple[int, ...], n: int, *, training: bool) -> float:
    """Floating-point operations of n samples: 2 for each multiply-add of F1, and of BP2 and BP4 when training."""
    forward = n * operations_of_one(sizes)
    return 3 * forward - 2.0 * n * sizes[0] * sizes[1] if training else forward


def forced_names() -> set[str]:
    """The fields that are forced here."""
    return set(_forced.get())


@functools.lru_cache(maxsize=256)
def _theta_bytes(sizes: tuple[int, ...], itemsize: int) -> int:
    return layout.theta_layout(sizes, (0,) * (len(sizes) - 1), itemsize)[1] * itemsize


def choose_threads(n_threads: int | None, flops: float, least: float) -> int:
    """The explicit number; else what this process may use, as far as the work is worth it and no team is at work."""
    n_threads = _forced.get().get("n_threads", n_threads)
    if n_threads is not None:
        return pool.effective(n_threads)
    if flops < 2 * least or pool.in_use():
        return 1
    return min(pool.effective(None), int(flops // least))


def largest_tile(task: Task) -> int:
    """Samples that pass through all layers together: all, or as many as the cache holds."""
    copied = task.sizes[1:] if task.sparse else task.sizes
    row = 2 * (sum(copied) + max(copied)) * task.itemsize
    return max(1, min(task.batch, _forced.get().get("tile") or max(256, TILE_BYTES // row // 64 * 64)))


def _step_of_layer_1(task: Task) -> float:
    """Floating-point operations of a minibatch's F1 and BP4 in layer 1; U takes about as long as two samples do."""
    return 4.0 * task.sizes[0] * task.sizes[1] * (task.batch + 2)


def can_split_columns(task: Task, n_threads: int) -> bool:
    """Whether each thread can have some neurons of layer 1 for itself, and every layer above.

    Of several threads none would know all of w^1, and so the penalty in C.
    """
    plain = task.descent and not (task.dropout or task.sparse or task.masked or task.whole_gradient)
    shaped = len(task.sizes) > 2 and task.sizes[0] >= PASS_ROWS and task.lines_of_layer_1 > 0
    return plain and shaped and largest_tile(task) == task.batch and (n_threads == 1 or not task.penalised)


def columns_pay(task: Task, n_threads: int) -> bool:
    """Whether it is faster so.

    One thread then has everything for itself: U and F1 in one pass pay for themselves until a minibatch's activations
    no longer fit beside w^1 into the nearest cache. Several threads save moving w^1 and the layers above from cache to
    cache, but each computes what lies above layer 1, and what the cache lines of a row of w^1 leave uneven. Prices,
    measured on 784-30, 784-100, 784-500, 784-128-64, 784-256-256, 784-64-512, 64-64 and 256-128, in floating-point
    operations.
    """
    n_in, J, n_lines = task.sizes[0], task.sizes[1], task.lines_of_layer_1
    if n_threads == 1:
        return task.batch <= 16 or (task.batch <= 64 and n_lines * CACHE_LINE <= 2 * VECTOR_BYTES)
    uneven = math.ceil(n_lines / n_threads) / n_lines - 1 / n_threads
    above = 3 * operations_of_one(task.sizes[1:]) * (1 - 1 / n_threads)
    extra = 4.0 * n_in * J * uneven + above + 200 * J
    return task.batch * extra <= 1.5e5 + 3 * _theta_bytes(task.sizes, task.itemsize)


@_kept_unless_forced
def ordered_tile(task: Task, n_threads: int) -> int:
    """Samples of the tiles that ``n_threads`` threads take in order; 0 where that does not pay.

    Sums and weights, which move from thread to thread, must be few for what a tile computes.
    """
    work = max(ORDERED_TILE, ORDERED_BYTE * _theta_bytes(task.sizes, task.itemsize))
    return _tile_of(task, n_threads, work, 4)


def _tile_of(task: Task, n_threads: int, work: float, each: int) -> int:
    """Samples of tiles of so many operations, if each thread has so many of them; else 0."""
    tile = 8 * math.ceil(work / operations(task.sizes, 8, training=True))
    return tile if n_threads > 1 and tile <= largest_tile(task) and task.batch >= each * n_threads * tile else 0


def work_of_a_thread(task: Task, ordered: int) -> float:
    """Floating-point operations of a minibatch for each thread, from which threads pay that have no columns of w^1.

    ``ordered`` is the `ordered_tile` of two threads.
    """
    return 4 * ORDERED_TILE if ordered else max(LARGE_STEP, task.flops * SAMPLES_EACH / task.batch)


def choose_team(task: Task, n_threads: int | None) -> int:
    """Threads for the minibatches."""
    n_threads = _forced.get().get("n_threads", n_threads)
    ordered = ordered_tile(task, 2)
    if n_threads is None and not task.penalised and not ordered:
        most = choose_threads(None, _step_of_layer_1(task), LARGE_STEP_OF_COLUMNS)
        for T in range(most, 1, -1):
            if can_split_columns(task, T) and columns_pay(task, T):
                n_lines = task.lines_of_layer_1
                return math.ceil(n_lines / math.ceil(n_lines / T))  # as good as T, where not all would have a line
    return choose_threads(n_threads, task.flops, work_of_a_thread(task, ordered))


def _fastest_schedule(task: Task, n_threads: int) -> Schedule:
    if task.whole_gradient or task.sparse:
        return "data_parallel"
    if ordered_tile(task, n_threads):
        return "ordered_tiles"
    columns = can_split_columns(task, n_threads) and columns_pay(task, n_threads)
    return "column_parallel" if columns else "data_parallel"


def _reduced(plan: Plan) -> Plan:
    """The plan without the optimisations that are forced off."""
    off: dict[str, Any] = {name: False for name in OPTIMISATIONS if not _forced.get().get(name, True)}
    return plan._replace(**off)


@_kept_unless_forced
def plan_training(task: Task, n_threads: int) -> Plan:
    """The fastest way for as many threads as there are, but for what is forced.

    Raises
    ------
    ValueError
        The training cannot have the schedule that is forced.
    """
    schedule: Schedule = _forced.get().get("schedule") or _fastest_schedule(task, n_threads)
    possible = _possible_schedules(task, n_threads)
    if schedule not in possible:
        names = ", ".join(possible)
        raise ValueError(f"The schedule {schedule} is forced on a training that cannot have it. Take {names}.")
    tile = largest_tile(task)
    if schedule == "ordered_tiles":
        tile = ordered_tile(task, n_threads) or tile
    return _reduced(_plan_of(task, schedule, n_threads, tile))


def _forced_parts() -> int:
    """As many as are forced; else one, the fastest where no core is disturbed."""
    return int(_forced.get().get("parts", 1))


def _possible_schedules(task: Task, n_threads: int) -> list[Schedule]:
    """Those that a training can have."""
    possible: dict[Schedule, bool] = {
        "data_parallel": True,
        "column_parallel": can_split_columns(task, n_threads),
        "ordered_tiles": not (task.whole_gradient or task.sparse),
    }
    return [name for name, is_possible in possible.items() if is_possible]


def _plan_of(task: Task, schedule: Schedule, n_threads: int, tile: int) -> Plan:
    """With the optimisations that go with this schedule."""
    unchanged = not (task.penalised or task.sparse or task.masked or task.whole_gradient)
    return Plan(
        schedule,
        n_threads,
        tile,
        _forced_parts(),
        fused_update=task.descent and unchanged and tile >= task.batch,
        fused_update_forward=schedule == "column_parallel",
    )


@functools.lru_cache(maxsize=256)
def alternatives(task: Task, n_threads: int, most: int | None) -> tuple[Plan, ...]:
    """Plans that might be the fastest: what the model of costs takes for ``n_threads``, and those that it does not call
    hopeless; of as many threads, or of one and more up to ``most``: another process may have the other cores.
    """
    first = plan_training(task, n_threads)
    plans = [first, *_variants(task, first)]
    counts = {n_threads}
    if most is not None:
        counts |= {1, most, *(1 << i for i in range(most.bit_length()))}
    for T in sorted(counts):
        for schedule in _possible_schedules(task, T):
            plans += (_plan_of(task, schedule, T, tile) for tile in _near_tiles(task, schedule, T))
        if T > 1 and task.flops >= 2 * T * PART:
            plans.append(_plan_of(task, "data_parallel", T, largest_tile(task))._replace(parts=2))
    return tuple(dict.fromkeys(plans))


def _variants(task: Task, plan: Plan) -> list[Plan]:
    """The same schedule with other tiles, where a minibatch takes several, and without copies that a gemm makes."""
    variants = []
    if plan.schedule == "data_parallel" and plan.tile < task.batch:
        variants += [plan._replace(tile=tile) for tile in (plan.tile // 2, 2 * plan.tile) if 0 < tile < task.batch]
    rows = min(plan.tile, task.batch) // (plan.n_threads if plan.schedule == "data_parallel" else 1)
    strides = [layout.padded(n_out, task.itemsize) for n_out in task.sizes[1:]]
    if any(layout.packs_b(rows, stride, task.itemsize) for stride in strides):
        variants.append(plan._replace(pack_a=False, pack_b=False))
    return variants


def _near_tiles(task: Task, schedule: Schedule, T: int) -> list[int]:
    """Samples of a tile with which a schedule might pay: none where it would not."""
    if schedule == "ordered_tiles":
        work = max(ORDERED_TILE, ORDERED_BYTE * _theta_bytes(task.sizes, task.itemsize))
        tiles = {_tile_of(task, T, part * work, 2) for part in (0.25, 1.0)}
        return sorted(tiles - {0}, reverse=True)
    if schedule == "column_parallel":
        near = T == 1 or (T <= task.lines_of_layer_1 and _step_of_layer_1(task) >= T * LARGE_STEP_OF_COLUMNS / NEAR)
    else:
        near = T == 1 or task.flops >= T * LARGE_STEP / NEAR
    return [largest_tile(task)] if near else []


def plan_gradient(task: Task, n_threads: int) -> Plan:
    """For the gradient of one minibatch, whole and once, which no other schedule gives."""
    return _reduced(Plan("data_parallel", n_threads, largest_tile(task), _forced_parts()))


@functools.lru_cache(maxsize=64)
def _prediction(tile: int, n_threads: int) -> Plan:
    return Plan("data_parallel", n_threads, tile)


def plan_prediction(n: int, n_threads: int) -> Plan:
    """For n samples, of which each thread takes whole tiles of its own."""
    plan = _prediction(1 << min(PREDICTED_TILE.bit_length() - 1, (n - 1).bit_length()), n_threads)
    choices = _forced.get()
    return _reduced(plan._replace(tile=choices.get("tile", plan.tile))) if choices else plan
