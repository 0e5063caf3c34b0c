"""How a run's options are told apart: functions by their code too."""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp.functions import activations, costs, own
from fastbp.training.described import Described, described, differences

RNG = np.random.RandomState(6)
X, LABELS = RNG.randn(12, 2), RNG.randint(0, 2, 12)


def written(text: str, name: str = "f", **around: Any) -> Any:
    """The function of this name that the text defines, as if it stood in the same place of the same module."""
    space = {"__name__": "somewhere", "np": np} | around
    exec(text, space)
    return space[name]


DESCENT = "def f(g, w, eta, t, k=1.0): return w - eta * g"


@pytest.mark.parametrize(
    "other",
    [
        "def f(g, w, eta, t, k=1.0): return w + eta * g",
        "def f(g, w, eta, t, k=1.0): return w - eta * g * 2.0",
        "def f(g, w, eta, t, k=2.0): return w - eta * g",
        "def f(g, w, eta, t, k=1.0): return w - eta * np.sign(g)",
        "def f(g, w, eta, t, k=1.0): return (lambda x: w - eta * x)(g)",
    ],
)
def test_functions_with_other_code_are_other_functions(other: str) -> None:
    assert described(written(DESCENT)) == described(written(DESCENT + "  # as it was"))
    assert described(written(DESCENT)) != described(written(other))
    assert described(written(DESCENT)).startswith("somewhere.f [code ")


def test_code_is_known_alike_in_every_process() -> None:
    """Though the order of a set of texts is another one in each."""
    text = "def f(name): return name in {'a', 'b', 'c', 'd'} or (lambda: 0.5)()"
    program = (
        "from fastbp.training.described import described\n"
        f"space = {{'__name__': 'somewhere'}}\nexec({text!r}, space)\nprint(described(space['f']))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == described(written(text))


def test_numbers_from_around_a_function_belong_to_it() -> None:
    text = "def outer(k):\n    def f(epoch, n): return k ** epoch\n    return f"
    make = written(text, "outer")
    assert described(make(0.5)) == described(written(text, "outer")(0.5))
    assert described(make(0.5)) != described(make(0.25))
    assert described(make(make(0.5))) != described(make(make(0.25)))
    assert described(frozenset({1})) == described(frozenset({1}))
    assert " at 0x" not in described(functools.partial(make(0.5), 3))


CALLED = """
def g(epoch): return {k} * epoch
class C:
    def __call__(self, epoch): return {k} + epoch
    def m(self, epoch): return {k} - epoch
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda space: functools.partial(space["g"], a=1),
        lambda space: functools.lru_cache(space["g"]),
        lambda space: space["C"](),
        lambda space: space["C"]().m,
        lambda space: functools.partial(space["C"]().m),
        lambda space: written("def outer(k):\n    def f(epoch): return k(epoch)\n    return f", "outer")(space["C"]()),
    ],
    ids=["partial", "cache", "object", "method", "partial of a method", "closure"],
)
def test_what_is_called_in_another_way_is_known_by_its_code_too(make: Any) -> None:
    def known(k: int) -> str:
        space: dict[str, Any] = {"__name__": "somewhere"}
        exec(CALLED.format(k=k), space)
        return described(make(space))

    assert known(1) == known(1)
    assert known(1) != known(2)
    assert " at 0x" not in known(1)


def test_what_a_partial_function_in_a_closure_is_given_belongs_to_it() -> None:
    make = written("def outer(k):\n    def f(epoch): return k(epoch)\n    return f", "outer")
    assert described(make(functools.partial(pow, 2))) != described(make(functools.partial(pow, 3)))


def test_a_function_that_calls_itself_is_described_once() -> None:
    make = written("def outer(k):\n    def f(n): return k if n == 0 else f(n - 1)\n    return f", "outer")
    assert described(make(2)) == described(make(2))
    assert described(make(2)) != described(make(3))


def test_schedules_of_the_library_are_known_by_their_numbers() -> None:
    assert described(fastbp.schedules.Cosine(epochs=3)) == "Cosine(warmup=0.0, final=0.0, epochs=3)"


def test_another_python_has_other_instructions_for_the_same_function() -> None:
    here = described(written(DESCENT))
    there = here.replace("[code ", "[code 0")[: here.index("[code ") + 6] + "01234567 of Python 2.7]"
    other = there.replace("2.7", here.rpartition("Python ")[2][:-1])
    assert not differences({"schedule": fixed(there)}, {"schedule": fixed(here)}, "run")
    assert differences({"schedule": fixed(other)}, {"schedule": fixed(here)}, "run")
    assert differences({"schedule": fixed(there.replace(".f", ".g"))}, {"schedule": fixed(here)}, "run")


def fixed(text: str) -> Any:
    return Described(text)


def test_a_checkpoint_knows_the_code_of_an_own_optimizer_a_schedule_and_an_order(tmp_path: Path) -> None:
    def train(path: str, **options: Any) -> fastbp.Run:
        net = fastbp.Network([2, 3, 2], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
        return fastbp.train(net, X, LABELS, epochs=2, seed=0, checkpoint=fastbp.Checkpoint(tmp_path / path), **options)

    reversed_, order = "def f(epoch): return range(11, -1, -1)", "def f(epoch): return range(12)"
    for name, old, new in [
        ("optimizer", *(fastbp.optimizer(written(text), 0.1) for text in (DESCENT, DESCENT + " * 0.5"))),
        ("schedule", *(written(f"def f(epoch, epochs): return {k}") for k in (0.5, 0.25))),
        ("shuffle", *(written(text.replace("range", "np.arange")) for text in (order, reversed_))),
    ]:
        run = train(name, **{name: old})
        assert train(name, **{name: old}).history == run.history
        with pytest.raises(ValueError, match=rf"of another training: {name}: checkpoint: .*\[code .*; now: .*\[code "):
            train(name, **{name: new})


@pytest.mark.parametrize("kind", ["activation", "cost"])
def test_a_checkpoint_knows_the_code_of_an_own_function(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one process a name is that of one function; another process may have given it to another one."""
    name = f"described_{kind}"
    if kind == "activation":
        entry: Any = fastbp.activation(name, lambda z: 2 * z, lambda z: 0 * z + 2)
        net = fastbp.Network([2, 3, 2], activations=[name, "softmax"], cost="cross_entropy", seed=0)
    else:
        entry = fastbp.cost(name, lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y))
        net = fastbp.Network([2, 3, 2], activations="tanh", cost=name, seed=0)
    assert own.of_users([name, "relu"]) == {name: entry}
    path = tmp_path / "run.ckpt"
    fastbp.train(net, X, np.eye(2)[LABELS], epochs=1, seed=0, checkpoint=fastbp.Checkpoint(path))
    named: dict[str, Any] = activations.NAMED if kind == "activation" else costs.NAMED
    other = dataclasses.replace(entry, functions=(lambda z: 3 * z, *entry.functions[1:]))
    monkeypatch.setitem(named, name, other)
    with pytest.raises(ValueError, match=rf"function {name}: checkpoint: .*\[code .*; now: "):
        fastbp.train(net, X, np.eye(2)[LABELS], epochs=2, seed=0, checkpoint=fastbp.Checkpoint(path))


def test_a_number_beside_a_function_is_of_its_code(tmp_path: Path) -> None:
    def made(number: float) -> Any:
        names: dict[str, Any] = {"K": number, "Other": object()}
        exec("def schedule(epoch, n_epochs):\n    return [K ** epoch for _ in (Other,)][0]", names)
        return names["schedule"]

    assert described(made(0.5)) == described(made(0.5))
    assert described(made(0.5)) != described(made(0.25))
