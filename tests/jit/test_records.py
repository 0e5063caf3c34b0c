"""Records that kernels and Python share: fields by name, addresses in place of arrays, what is not given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import fastbp
from fastbp import jit
from fastbp.jit import strict
from fastbp.jit.addresses import addressed, exists, field
from fastbp.jit.cpu import LINE_PAIR
from fastbp.jit.records import fields, fields_apart, groups_apart, record
from fastbp.kernels.records import FLAGS, THREAD, Data
from fastbp.kernels.schedules.data_parallel import outputs
from fastbp.kernels.team import GATE, load, replace, store
from fastbp.runtime import engine
from fastbp.runtime.plan import plan_prediction

PAIR = fields(count=np.int64, share=np.float64)


class Inner(NamedTuple):
    values: Any
    nothing: Any


class Outer(NamedTuple):
    inner: Inner
    table: Any
    factor: float


@strict
def multiply(outer: Outer) -> int:
    """Multiply the first two values, note it in row 1 of the table; which of the arrays there are, as bits."""
    own = addressed(outer)
    for i in range(2):
        own.inner.values[i] = own.inner.values[i] * own.factor
    row = record(own.table, 1)
    row.count += 2
    row.share = own.factor
    there = 0
    if exists(own.inner.values):
        there += 1
    if exists(own.inner.nothing):
        there += 2
    if exists(own.table):
        there += 4
    return there


def test_addresses_stand_for_the_arrays_of_nested_records(dtype: str) -> None:
    values, table = np.array([1, 2, 3], dtype), np.zeros(3, PAIR)
    there = multiply(Outer(inner=Inner(values=values, nothing=np.empty(0, dtype)), table=table, factor=1.5))
    assert there == 1 + 4
    assert values.tolist() == [1.5, 3, 3]
    assert table.tolist() == [(0, 0.0), (2, 1.5), (0, 0.0)]


@strict
def exchange(flags: Any, i: int, expected: int, value: int) -> tuple[int, bool]:
    """What ``done`` of row i was, and whether it was what was expected, and became ``value``; ``stop`` becomes 7."""
    done = field(flags, i, "done")
    before = load(done)
    exchanged = replace(done, expected, value)
    store(field(flags, i, "stop"), 7)
    return before, exchanged


def test_a_field_is_read_and_written_by_its_name() -> None:
    flags = np.zeros(2, FLAGS)
    for name in flags.dtype.names or ():
        flags[name] = 1
    assert exchange(flags, 1, 1, 5) == (1, True)
    assert exchange(flags, 1, 1, 6) == (5, False)
    for name in flags.dtype.names or ():
        assert flags[name].tolist() == [1, {"done": 5, "stop": 7}.get(name, 1)]


@pytest.mark.parametrize("apart", [FLAGS, GATE, fields_apart(a=np.int64, b=np.float32)])
def test_each_flag_has_a_pair_of_lines_for_itself(apart: Any) -> None:
    offsets = [apart.fields[name][1] for name in apart.names]
    assert offsets == [LINE_PAIR * i for i in range(len(offsets))]
    assert apart.itemsize == LINE_PAIR * len(offsets)


def test_what_others_watch_is_not_in_the_line_that_a_thread_writes() -> None:
    arrived, *found = (
        THREAD.fields[name][1] // LINE_PAIR for name in ("arrived", "largest_a", "largest_delta", "hits")
    )
    assert (arrived, found) == (0, [1, 1, 1])
    assert THREAD.itemsize == 2 * LINE_PAIR
    wide = groups_apart({f"f{i}": np.int64 for i in range(17)}, {"last": np.int64})
    assert wide.fields["last"][1] == wide.itemsize - LINE_PAIR == 2 * LINE_PAIR


def test_samples_without_targets_are_those_of_any_other_way(dtype: str) -> None:
    X = np.ones((3, 2), dtype)
    plain, named = engine.without_targets(X), engine.make_data(X, None)
    for name, a, b in zip(Data._fields, plain, named, strict=True):
        assert (a.dtype, a.size) == (b.dtype, b.size), name
        assert np.shares_memory(a, X) == np.shares_memory(b, X) == (name == "X")


def test_machine_code_is_what_the_dispatcher_calls(dtype: str) -> None:
    """Also when NamedTuples stand for tuples."""
    net = fastbp.Network([3, 4, 2], seed=0, dtype=dtype)
    X = np.random.default_rng(0).random((5, 3)).astype(dtype)
    where = engine.lay_out(net, plan_prediction(5, 1), predicting=True)
    data, workspace = engine.make_data(X, None), engine.prepare_workspace(where)
    found = []
    for exact in (True, False):
        out = np.empty((5, 2), dtype), np.empty(0), np.empty(0, np.int64)
        records = where.layers, data, workspace
        plain = (*(tuple(record) for record in records), out, 0, 5, 0)
        if exact:
            outputs(*plain)
        else:
            jit.machine_code(outputs, *plain)(*records, out, 0, 5, 0)
        found.append(out[0])
    assert found[0].tobytes() == found[1].tobytes() == net.feedforward(X).tobytes()
