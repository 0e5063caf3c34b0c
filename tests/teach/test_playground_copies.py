"""What the playground copies, as programs that are run, and its mistakes, which `check_backprop` names in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from plain_bits import run_programs
from playground_page import NUMBERS, copied, opened, where

import fastbp
from fastbp.teach import MISTAKES
from fastbp.teach.playground import playground

pytestmark = pytest.mark.plain  # the page is the same, compiled or not

PROGRAMS = [
    "#data=xor&step=12.0",
    "#data=moons&order=5.9.1.33.2.77.5&batch=3&net=2-4-3-1&act=gelu-mish-sigmoid&cost=cross_entropy&eta=0.2&step=8.4",
    "#data=spirals&net=2-4-3-1&act=silu-leaky_relu-identity&cost=huber&p=0.7&eta=0.05&x=3.1:0.125&step=9.0",
    "#data=line&net=1-3-1&act=softplus-exp&cost=tweedie&p=1.5&eta=0.01&step=9.0",
    "#data=digits&net=64-3-10&batch=2&x=3.7:0.25&step=2.0",
    "#data=xor&act=relu-tanh&cost=quantile&p=0.9&scale=2&seed=5&mistake=one-path&net=2-3-1&step=6.0",
]


def test_the_copied_program_has_the_pages_bits_in_plain_python(window: Browser, address: str) -> None:
    programs, pages = [], []
    for link in PROGRAMS:
        opened(window, address, link)
        at = [int(n) for n in link.rpartition("=")[2].split(".")]
        assert where(window) == at
        programs.append(copied(window, "fastbp"))
        window.run("playground.app.run.goTo(arguments[0], 0)", at[0])
        pages.append(window.run(f"return {NUMBERS}"))
    for link, page, found in zip(PROGRAMS, pages, run_programs(programs), strict=True):
        assert found["numbers"] == page, link


def test_the_books_code_has_the_pages_numbers(window: Browser, address: str) -> None:
    programs, pages = [], []
    for link in (
        "#data=xor&act=sigmoid-sigmoid&step=9.0",
        "#data=moons&act=sigmoid-sigmoid&cost=cross_entropy&step=4.0",
    ):
        opened(window, address, link)
        programs.append(copied(window, "book"))
        pages.append(window.run(f"return {NUMBERS}"))
    for page, found in zip(pages, run_programs(programs), strict=True):
        np.testing.assert_allclose(found["numbers"], page, rtol=1e-12, atol=1e-13)
    opened(window, address, "#data=xor")
    assert copied(window, "book").startswith("# The book's networks are sigmoid")


def test_latex_has_every_equation_of_the_neuron(window: Browser, address: str) -> None:
    opened(window, address, "#data=xor&look=1.1.2")
    text = copied(window, "latex")
    window.run("document.getElementById('tab-BP2').click()")
    delta = float(window.run("return document.querySelector('[data-result]').dataset.result"))
    assert text.startswith(r"\begin{align*}")
    assert f"{delta:.5g}".rstrip("0") in text
    assert text.count("&=") == 6
    assert text.count(r"\leftarrow") == 1
    assert text.count("{") == text.count("}")


SWITCHED = """
const name = arguments[0], given = [[[0.3, -0.7], [1, 0]], [[-0.2, 0.9], [0, 1]], [[1.1, 0.4], [1, 0]]];
const {app, act, render} = playground;
const tries = [
  [[2, 3, 1], ["sigmoid", "sigmoid"], "quadratic"], [[2, 3, 2], ["sigmoid", "sigmoid"], "quadratic"],
  [[2, 2, 2, 2], ["sigmoid", "sigmoid", "sigmoid"], "quadratic"], [[2, 3, 2], ["sigmoid", "sigmoid"], "cross_entropy"],
  [[2, 3, 2], ["sigmoid", "softmax"], "cross_entropy"], [[2, 3, 2], ["relu", "relu"], "quadratic"],
];
for (const [sizes, activations, cost] of tries.slice(1)) {
  act.reset({...playground.initial("given", app.given.net), sizes, activations, cost, base: "drawn", bug: name});
  if (app.bug === name) break;
}
playground.moves.minibatch();
playground.moves.minibatch();
render();
document.getElementById("copy-fastbp").click();
document.getElementById("dialog").close();
const chips = [...document.querySelectorAll("#check .chip.bad[data-label]")].map(c => c.dataset.label);
const layers = [...document.querySelectorAll("#check .chip.bad[data-layer]")].length;
return {bug: app.bug, chips, layers, lines: document.querySelectorAll("#panel code.wrong").length,
        code: document.getElementById("dialog-text").value, numbers: NUMBERS, cost: app.points.map(p => p[1])};
""".replace("NUMBERS", NUMBERS)


def test_every_mistake_of_the_catalogue_is_a_switch_that_turns_its_equation_red(
    window: Browser, tmp_path: Path
) -> None:
    """And `check_backprop` of the copied program names the same mistake; its training has the page's bits."""
    net = fastbp.Network([2, 2, 2], seed=1)
    X, Y = [[0.3, -0.7], [-0.2, 0.9], [1.1, 0.4]], [[1, 0], [0, 1], [1, 0]]
    (tmp_path / "play.html").write_text(playground(net, X, Y, learning_rate=0.3), encoding="utf-8")
    opened(window, (tmp_path / "play.html").as_uri())
    assert sorted(window.run("return playground.NAMES")) == sorted(MISTAKES)
    pages = {name: window.run(SWITCHED, name) for name in MISTAKES}
    answers = run_programs([page["code"] for page in pages.values()])
    for (name, page), answer in zip(pages.items(), answers, strict=True):
        assert page["bug"] == name
        assert answer["mistakes"] == [name], answer["printed"]
        assert answer["numbers"] == page["numbers"], name
        if name == "slope-at-zero":  # shows where z is exactly 0, which here it is not
            assert page["chips"] == []
            continue
        wanted = {part.strip() for part in MISTAKES[name].equation.split(",")}
        assert wanted & set(page["chips"]), (name, page["chips"])
        assert answer["first wrong"][0] in page["chips"], (name, page["chips"])
        if name not in ("no-bias", "bias-subtracted", "accumulated"):
            assert page["layers"] > 0, name
    assert window.complaints() == []


def test_a_mistake_without_a_place_is_shown_where_it_has_one(window: Browser, address: str) -> None:
    """Every one of the catalogue, from XOR."""
    opened(window, address)
    script = """
      const {app, act, render} = playground, left = [];
      for (const name of playground.NAMES) {
        act.reset({...playground.initial("xor", null), bug: name});
        render();
        if (app.bug !== name) document.getElementById("make-room").click();
        if (app.bug !== name) left.push(name);
      }
      return left;
    """
    assert window.run(script) == []
    assert window.complaints() == []


def test_the_curve_shows_how_a_mistake_goes_wrong(window: Browser, address: str) -> None:
    """Beside the cost of the same updates without it."""
    opened(window, address, "#data=xor&step=150.0")
    right = window.run("return playground.app.points.at(-1)[1]")
    opened(window, address, "#data=xor&mistake=y-minus-a&step=150.0")
    with_it, without = window.run("return playground.app.points.at(-1).slice(1)")
    assert without == right
    assert with_it > 2 * right
    window.press("ArrowLeft", "Home", "ArrowRight")
    assert window.run("return document.querySelectorAll('.curve.right').length") == 1
    assert window.run("return playground.app.points.map(p => p[1] === p[2])") == [True]


def test_without_a_mistake_nothing_is_red(window: Browser, address: str) -> None:
    for link in ("#data=xor&step=40.0", "#data=moons&act=relu-sigmoid&step=5.0", "#data=digits"):
        opened(window, address, link)
        assert window.run("return document.querySelectorAll('.chip.bad').length") == 0
        assert window.run("return document.querySelectorAll('.chip.good').length") > 8
