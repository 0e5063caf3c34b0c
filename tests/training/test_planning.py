"""`fastbp.plan` is what a training runs with, and its sentences are true."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits

import fastbp
from fastbp.runtime import plan as rules
from fastbp.runtime import pool
from fastbp.runtime.plan import Plan, Task, can_split_columns, choose_team, forced, plan_training
from fastbp.runtime.reasons import obstacle_to_columns, reasons

NETS = [[4, 6, 3], [64, 30, 10], [300, 16, 3], [9, 3]]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"optimizer": fastbp.SGD(0.1, momentum=0.5)},
    {"optimizer": fastbp.Adam(0.01)},
    {"l2": 0.01},
    {"l1": 0.01},
    {"clip_norm": 1.0},
    {"dropout": 0.3},
]


@pytest.mark.parametrize("sizes", NETS, ids=str)
@pytest.mark.parametrize("n_threads", [1] if SMALL else [None, 1, 2, 3])
def test_a_training_runs_with_it(sizes: list[int], n_threads: int | None) -> None:
    net = fastbp.Network(sizes, seed=0)
    X, Y = np.zeros((40, sizes[0])), np.zeros((40, sizes[-1]))
    for options, batch in itertools.product(OPTIONS[:2] if SMALL else OPTIONS, [1, 40]):
        if "dropout" in options and len(sizes) == 2:
            continue
        before = net.theta.copy()
        planned = fastbp.plan(net, batch, n_threads=n_threads, n_samples=40, **options)
        assert same_bits(net.theta, before)
        run = fastbp.train(net.copy(), X, Y, batch_size=batch, epochs=1, n_threads=n_threads, **options)
        assert run.plan == planned.plan
        assert list(planned.why) == list(Plan._fields)


TASKS = [
    Task(sizes, itemsize, batch, *flags)
    for sizes in [(4, 6, 3), (784, 30, 10), (784, 16), (784, 1, 1), (64, 512, 512, 10), (20, 50, 2)]
    for itemsize in (4, 8)
    for batch in (1, 10, 128, 5000)
    for flags in itertools.product([False, True], repeat=5)
]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_there_is_an_obstacle_to_columns_where_they_cannot_be_split(n_threads: int) -> None:
    """The rule and its explanation are two pieces of code: they agree on every task."""
    obstacles = [obstacle_to_columns(task, n_threads) for task in TASKS]
    assert [obstacle is None for obstacle in obstacles] == [can_split_columns(task, n_threads) for task in TASKS]
    assert len(set(obstacles)) >= 8


@pytest.mark.parametrize("allowed", [1, 2, 6])
def test_sentences_say_what_the_plan_is(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers in them are those that the sizes give, counted here in another way."""
    monkeypatch.setattr(pool, "effective", lambda n_threads: allowed if n_threads is None else n_threads)
    monkeypatch.setattr(pool, "limits", lambda: {"cores": allowed, "quota": 64})
    monkeypatch.setattr(pool, "in_use", lambda: False)
    seen = set()
    for task in TASKS:
        plan = plan_training(task, choose_team(task, None))
        why = reasons(task, plan)
        assert list(why) == list(Plan._fields)
        for sentence in why.values():
            assert re.fullmatch(r"[A-Z].*\.", sentence)
            assert "None" not in sentence
        seen |= set(why.values())
        assert ("w - eta g" in why["fused_update"] and "BP4" in why["fused_update"]) == plan.fused_update
        assert ("cannot be split" in why["schedule"]) <= (plan.schedule == "data_parallel")
        if why["n_threads"].startswith("A minibatch has"):
            assert 1 <= plan.n_threads < allowed
            has, needed = (
                float(n.replace(",", "")) * 1e6 for n in re.findall(r"([\d.,e+]+) million", why["n_threads"])
            )
            forward = [2 * m * n for m, n in itertools.pairwise(task.sizes)]
            assert has == pytest.approx(task.batch * (3 * sum(forward) - forward[0]), rel=6e-3)
            assert plan.n_threads == max(
                1, int(task.flops // rules.work_of_a_thread(task, rules.ordered_tile(task, 2)))
            )
            assert needed > has / (plan.n_threads + 1) * 0.99
    assert len(seen) > 12


def test_what_is_forced_is_said_to_be() -> None:
    net = fastbp.Network([64, 30, 10], seed=0)
    with forced(tile=3, pack_a=False):
        planned = fastbp.plan(net, 10)
    assert (planned.plan.tile, planned.plan.pack_a) == (3, False)
    assert {name for name, why in planned.why.items() if why == "It is forced."} == {"tile", "pack_a"}


def test_samples_that_are_far_are_fetched_early() -> None:
    net = fastbp.Network([64, 30, 10], seed=0)
    sentences = [fastbp.plan(net, 10, n_samples=n).why["prefetch"] for n in (None, 1024, 1025)]
    assert [sentence.split(",")[0].split(":")[0] for sentence in sentences] == [
        "Samples of more than 0.52 MB are fetched before they are needed.",
        "There is nothing to fetch early",
        "The samples take more than 0.52 MB",
    ]


def test_as_text_it_has_a_line_for_each_choice() -> None:
    planned = fastbp.plan(fastbp.Network([64, 30, 10], seed=0), 10, n_threads=1)
    lines = str(planned).splitlines()
    assert [line.split()[0] for line in lines] == list(Plan._fields)
    assert lines[1].split(maxsplit=2)[1:] == ["1", "As many as were asked for."]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"net": [4, 3]}, "net is"),
    ({"batch": 0}, "batch is 0; it must be a whole number of at least 1"),
    ({"optimizer": "adam"}, r"optimizer is 'adam'; .* Pass optimizer=fastbp.Adam"),
    ({"l2": -1}, "l2 is -1"),
    ({"n_samples": 0}, "n_samples is 0"),
    ({"n_threads": 0}, "n_threads is 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_no_training_takes_is_refused(options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"net": fastbp.Network([4, 3], seed=0), "batch": 10} | options
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        fastbp.plan(**given)
    assert caught.value.parameter == next(iter(options))  # type: ignore[attr-defined]
