"""The playground's own arithmetic, in a browser, beside the textbook's loops in plain Python: the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from browser import Browser
from engine import HIDDEN, LEGAL, case, engine, long_case
from plain_bits import plain

from fastbp.functions.activations import ACTIVATIONS
from fastbp.functions.costs import NAMED
from fastbp.targets import as_targets

RANGES = {entry.name: entry.range for entry in ACTIVATIONS}
pytestmark = pytest.mark.plain  # the programs that are compared are plain Python in any case
LONG = [
    ("quadratic", "sigmoid"), ("cross_entropy", "sigmoid"), ("cross_entropy", "softmax"), ("poisson", "exp"),
    ("tweedie", "exp"), ("absolute", "identity"), ("huber", "leaky_relu"), ("quantile", "softplus"),
    ("quadratic", "tanh"), ("quadratic", "gelu"),
]  # fmt: skip
"""Cost and output of the long trainings, one behind each hidden activation."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with engine(tmp_path_factory.mktemp("engine")) as window:
        yield window


def test_the_page_knows_the_same_functions(browser: Browser) -> None:
    assert browser.run("return engine.ACTIVATIONS") == [entry.name for entry in ACTIVATIONS]
    script = (
        "return Object.keys(engine.COSTS).flatMap(c => engine.ACTIVATIONS.filter(o => engine.goesWith(c, o))"
        ".map(o => [c, o]))"
    )
    assert {tuple(pair) for pair in browser.run(script)} == set(LEGAL)
    defaults = browser.run("return Object.entries(engine.COSTS).map(([c, e]) => [c, e.p ?? null])")
    assert dict(defaults) == {
        name: entry.parameter.default if entry.parameter else None for name, entry in NAMED.items()
    }


def test_the_page_says_which_targets_fastbp_refuses(browser: Browser) -> None:
    ranges = browser.run("return Object.entries(engine.RANGES).map(([name, ends]) => [name, ...ends.map(String)])")
    assert {name: (float(low), float(high)) for name, low, high in ranges} == RANGES
    tried = [[0.0, 1.0], [0.25, 0.75], [0.0, 0.0], [1.0, 1.0 + 1e-4], [-0.2, 0.5], [-0.1, 0.5], [3.0, 0.5]]
    refused = 0
    for (cost, output), p in itertools.product(LEGAL, (1.5, 2.0)):
        if cost != "tweedie" and p == 2.0:
            continue
        p = p if cost == "tweedie" else NAMED[cost].parameter.default if NAMED[cost].parameter else 0.0
        for Y in ([row] for row in tried):
            said = browser.run(
                "const [cost, p, output, Y] = arguments; return engine.refusalOf({cost, p, activations: [output]}, Y)",
                cost, p, output, Y,
            )  # fmt: skip
            try:
                as_targets(np.array(Y), 1, 2, (cost, p), output, np.dtype(float))
                assert said is None, (cost, p, output, Y)
            except ValueError:
                refused += 1
                assert said is not None, (cost, p, output, Y)
    assert refused > 50


def test_one_step_of_every_network_has_the_textbooks_bits(browser: Browser) -> None:
    """Every output and cost that go together behind every hidden activation: z, a, delta, C, gradients, new weights."""
    cases = [
        case(cost, output, hidden, 1, (3, 4, 3, 2), seed)
        for seed, ((cost, output), hidden) in enumerate(itertools.product(LEGAL, HIDDEN))
    ]
    cases[7] |= {"cost": "tweedie", "p": 2.0, "activations": ["tanh", "tanh", "exp"]}
    found = browser.run("return arguments[0].map(trained)", cases)
    for one, page, textbook in zip(cases, found, plain(cases), strict=True):
        assert page == textbook, one
    assert len(set(found)) == len(cases)


def test_a_thousand_steps_of_a_network_have_the_textbooks_bits(browser: Browser) -> None:
    one = long_case("cross_entropy", "sigmoid", "tanh", 0)
    assert browser.run("return trained(arguments[0])", one) == plain([one])[0]


@pytest.mark.slow
def test_a_thousand_steps_have_the_textbooks_bits(browser: Browser) -> None:
    """Every activation in hidden layers, every cost; all outputs and costs together in tests/long/playground.py."""
    cases = [
        long_case(cost, output, hidden, seed)
        for seed, (hidden, (cost, output)) in enumerate(zip(HIDDEN, LONG, strict=True))
    ]
    assert {name for one in cases for name in one["activations"]} == {*HIDDEN, "softmax"}
    assert {one["cost"] for one in cases} == set(NAMED)
    found = browser.run("return arguments[0].map(trained)", cases)
    for one, page, textbook in zip(cases, found, plain(cases), strict=True):
        assert page == textbook, one


def test_a_last_digit_would_be_seen(browser: Browser) -> None:
    """The browser's own exp has other bits than fastbp's, in some of these places."""
    found = browser.run("return [...Array(999).keys()].filter(i => Math.exp(i / 99) !== engine.exp(i / 99)).length")
    assert found > 0
    one = case("quadratic", "tanh", "tanh", 1, (2, 2, 1), 0)
    other = {**one, "b": [[np.nextafter(one["b"][0][0], 9), one["b"][0][1]], one["b"][1]]}
    assert browser.run("return trained(arguments[0]) === trained(arguments[1])", one, other) is False
