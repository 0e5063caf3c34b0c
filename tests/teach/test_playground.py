"""The playground in a real browser, from a file: what it shows, how it is stepped and changed, and what is copied."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from plain_bits import plain
from playground_page import NUMBERS, copied, emulate, label, opened, wait, where

import fastbp
from fastbp.teach.playground import play, playground

pytestmark = pytest.mark.plain  # the page is the same, compiled or not
DATA = ["xor", "moons", "spirals", "example", "line", "digits"]


SIDEWAYS = """
const out = [];
if (document.documentElement.scrollWidth > innerWidth) out.push(["page", document.documentElement.scrollWidth]);
for (const e of document.querySelectorAll(".card, .controls, .controls *, .setup *")) {
  const place = e.getBoundingClientRect();
  if (place.width && place.right > innerWidth + 1 && !e.closest(".terms, .formula, .result"))
    out.push([e.tagName, e.id, place.right]);
}
return out.slice(0, 9);
"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900), (1920, 1080)])
def test_every_data_set_fits_on_the_screen_without_a_word_on_the_console(
    window: Browser, address: str, width: int, height: int
) -> None:
    try:
        window.resize(width, height)
        for i, name in enumerate(DATA):
            emulate(window, ("light", "dark")[(i + (width > 1000)) % 2])
            opened(window, address, f"#data={name}")
            for key in ("ArrowRight",) * 3:
                window.press(key)
            for tab in ("F1", "C", "BP1", "BP4", "U"):
                window.run(f"document.getElementById('tab-{tab}').click()")
                assert window.run(SIDEWAYS) == [], (name, tab)
        loaded = "return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length"
        assert window.run(loaded) == 0
        assert window.complaints() == []
    finally:
        window.resize(1280, 900)
        emulate(window)


def test_its_text_names_no_server() -> None:
    text = playground().replace("http://www.w3.org/", "")
    assert not re.search(r"https?://|//cdn", text)
    for forbidden in ("Math.exp(", "Math.log(", "Math.tanh(", "Math.random(", "eval(", "new Function"):
        assert forbidden not in text


def test_the_panels_show_the_textbooks_numbers(window: Browser, address: str) -> None:
    """After two updates, of a sample of the third minibatch: z, a, delta of a hidden neuron, and C."""
    opened(window, address, "#data=moons&step=2.0&look=23.1.2")
    state = window.run(
        "const {net, X, Y, state} = playground.app, rows = part => part.map(row => [...row]);"
        "return {w: net.w.slice(1).map(rows), b: rows(net.b.slice(1)), X: rows(X), Y: rows(Y), eta: state.eta}"
    )
    case = {**state, "activations": ["tanh", "sigmoid"], "cost": "quadratic"}
    order = [*range(20), 23]  # two updates of 10, then the sample
    (found,) = plain([{**case, "order": order, "batch": 10, "steps": 3}])
    numbers = np.frombuffer(bytes.fromhex(found), ">f8")
    z, a, delta, C = numbers[:7], numbers[7:14], numbers[14:21], numbers[21]
    shown = {}
    for tab in ("F1", "F2", "BP2", "BP3", "C"):
        window.run(f"document.getElementById('tab-{tab}').click()")
        shown[tab] = float(window.run("return document.querySelector('[data-result]').dataset.result"))
    assert shown == {"F1": z[2], "F2": a[2], "BP2": delta[2], "BP3": delta[2], "C": C}
    assert window.run('return document.querySelector(\'.node[data-l="1"][data-j="2"]\').dataset.value') != ""


def test_one_equation_one_layer_one_sample_one_minibatch_one_epoch(window: Browser, address: str) -> None:
    opened(window, address, "#data=xor&batch=2")
    labels = []
    for _ in range(9):
        window.press("ArrowRight")
        labels.append(label(window))
    assert labels == ["F1", "F2", "F1", "F2", "C", "BP1", "BP2", "BP3", "BP4"]
    window.press("ArrowLeft")
    assert (label(window), where(window)) == ("BP3", [0, 8])
    window.run("document.getElementById('layer').click()")
    assert (label(window), where(window)) == ("BP4", [0, 9])
    window.run("document.getElementById('one-sample').click()")
    assert where(window) == [0, 11]
    window.run("document.getElementById('one-sample').click()")
    assert where(window) == [0, 22]
    window.press("ArrowRight")
    assert label(window) == "U"
    window.run("document.getElementById('minibatch').click()")
    assert where(window) == [1, 0]
    window.run("document.getElementById('epoch').click()")
    assert where(window) == [2, 0]
    window.press("ArrowLeft")
    assert where(window) == [1, 23]
    window.press("Home")
    assert where(window) == [0, 0]
    # Not computed yet is not shown: after F1 of layer 1 the output has no number.
    window.press("ArrowRight")
    names = window.run("return [...document.querySelectorAll('.node')].map(g => g.getAttribute('aria-label'))")
    assert "neuron 0 of layer 2: not computed yet" in names
    assert any(name.startswith("neuron 0 of layer 1: weighted input = ") for name in names)


def test_playing_lowers_the_cost_and_reduced_motion_is_respected(window: Browser, address: str) -> None:
    opened(window, address)
    first = window.run("return playground.app.points[0][1]")
    window.run("document.getElementById('speed').value = 4; document.getElementById('play').click()")
    wait(window, "playground.app.run.t > 2000")
    window.run("document.getElementById('play').click()")
    assert window.run("return playground.app.playing") is None
    assert window.run("return playground.app.points.at(-1)[1]") < first / 10
    assert window.run("return document.querySelector('#curve title').textContent").startswith("The cost is")
    window.press("Home", *["ArrowRight"] * 7)
    moving = "return getComputedStyle(document.querySelector('.flow')).display"
    assert window.run(moving) != "none"
    emulate(window, motion="reduce")
    assert window.run(moving) == "none"
    emulate(window)


def test_every_number_can_be_changed(window: Browser, address: str) -> None:
    opened(window, address, "#data=xor&look=3.1.0")
    change = (
        "const e = document.querySelector(arguments[0]); e.focus(); e.value = arguments[1];"
        "e.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    before = window.run("return playground.app.run.net.w[1][0][1]")
    window.run(change, '#panel input[data-key="1.0.1"]', "0.125")
    assert window.run("return playground.app.run.net.w[1][0][1]") == 0.125 != before
    time.sleep(0.1)
    b, w = window.run("return [playground.app.net.b[1][0], playground.app.net.w[1][0][0]]")
    assert float(window.run("return document.querySelector('[data-result]').dataset.result")) == b + w * 1 + 0.125 * 1
    # The field that was changed still has the focus.
    assert window.run("return document.activeElement.dataset.key") == "1.0.1"
    for field, value, what in [
        ("#x-0", "0.5", "playground.app.X[3][0]"), ("#y-0", "0.25", "playground.app.Y[3][0]"),
        ("#eta", "0.75", "playground.app.run.eta"), ("#batch", "3", "playground.app.run.batch"),
    ]:  # fmt: skip
        window.run(change, field, value)
        assert window.run(f"return {what}") == float(value)
    window.run(change, "#order", "3 1 1 0")
    assert window.run("return playground.app.run.order") == [3, 1, 1, 0]
    window.run(change, "#order", "3 9")
    assert window.run("return document.getElementById('order').getAttribute('aria-invalid')") == "true"
    assert window.run("return playground.app.run.order") == [3, 1, 1, 0]
    window.run(change, "#cost", "cross_entropy")
    window.run(change, "#activation-1", "gelu")
    time.sleep(0.05)
    window.run("document.getElementById('more-1').click()")
    time.sleep(0.05)
    window.run("document.getElementById('deeper').click()")
    time.sleep(0.05)
    assert window.run("const n = playground.app.net; return [n.sizes, n.activations.slice(1), n.cost]") == [
        [2, 4, 4, 1], ["gelu", "gelu", "sigmoid"], "cross_entropy",
    ]  # fmt: skip
    window.run(change, "#activation-3", "softmax")
    assert window.run("return playground.app.net.cost") == "cross_entropy"
    window.run(change, "#cost", "huber")
    assert window.run("const n = playground.app.net; return [n.activations.at(-1), n.p]") == ["sigmoid", 1.35]
    assert window.complaints() == []


def test_an_address_opens_the_page_at_its_step_with_everything_that_was_changed(window: Browser, address: str) -> None:
    opened(window, address, "#data=xor&order=2.0.3.1&batch=3&eta=0.5&w=1.0.1:0.3&x=2.0:0.9&act=gelu-sigmoid&step=7.3")
    assert where(window) == [7, 3]
    numbers = window.run(f"return {NUMBERS}")
    assert window.run("return playground.app.X[2][0]") == 0.9
    window.run("playground.act.number('b', '2.0', 0.1)")  # from here: all weights are in the address now
    time.sleep(0.05)
    changed = window.run(f"return {NUMBERS}")
    assert [i for i in range(len(numbers)) if numbers[i] != changed[i]] == [len(numbers) - 1]
    window.run("playground.move('minibatch')")
    numbers, link = window.run(f"return [{NUMBERS}, '#' + playground.encode(playground.app.state)]")
    assert copied(window, "link") == address + link
    wait(window, f"location.hash === {link!r}")
    opened(window, address, link)
    assert window.run(f"return {NUMBERS}") == numbers
    assert window.complaints() == []


def test_what_an_address_says_wrongly_is_as_at_the_beginning(window: Browser, address: str) -> None:
    opened(window, address, "#data=constructor&cost=toString&act=valueOf-sigmoid&scale=1e308&w=1.0.0:NaN&step=3.0")
    assert where(window) == [3, 0]
    decoded = "return arguments[0].map(text => JSON.stringify(playground.decode(text, null)))"
    nonsense = [
        "", "data=none&net=9-9&act=x&cost=y&step=a.b&look=9.9.9", "net=2-0-1", "w=1:2&order=99", "all=zz",
        "data=constructor", "data=__proto__", "cost=toString", "act=valueOf-sigmoid", "scale=1e308", "scale=-3", "p=3",
        "eta=-1", "eta=0", "eta=1e300", "w=1.0.0:NaN,1.9.0:1,1.0.2:1,0.0.0:1,1.0:1", "b=1.0:1e400,3.0:1",
        "x=4.0:1,0.2:1", "y=0.1:1", "batch=0", "order=", "net=2-65-1", "mistake=hasOwnProperty", "eq=BP9", "%%%",
    ]  # fmt: skip
    beginning, *others = window.run(decoded, nonsense)
    for text, found in zip(nonsense[1:], others, strict=True):
        assert found == beginning, text
    parameters = {"cost=quantile&p=5": 0.5, "cost=quantile&p=0.9": 0.9, "cost=huber&p=-1": 1.35, "cost=huber&p=2": 2}
    assert [json.loads(found)["p"] for found in window.run(decoded, [*parameters])] == [*parameters.values()]
    assert window.complaints() == []


def test_a_gradient_that_overflows_is_told(window: Browser, address: str) -> None:
    setting = "#data=xor&net=2-2-1&act=identity-identity&cost=quadratic&look=1.1.0"
    for x, told in (("0.9", False), ("1e300", True)):
        opened(window, address, f"{setting}&x=1.1:{x}")
        assert ("training diverges here" in window.run("return document.getElementById('status').textContent")) is told


def test_a_bias_that_overflows_alone_is_told(window: Browser, address: str) -> None:
    setting = "#data=xor&net=2-1&act=identity&cost=quadratic&x=1.0:0,1.1:0&order=1&batch=1&eta=3"
    for b, stops in (("1e300", False), ("1e308", True)):
        opened(window, address, f"{setting}&w=1.0.0:0,1.0.1:0&b=1.0:{b}&step=1.0")
        assert where(window) == [1, 0]
        assert window.run("return playground.app.run.net.w[1][0].every(Number.isFinite)")
        status = window.run("return document.getElementById('status').textContent")
        assert ("A weight or a bias is no longer finite" in status) is stops, status
    assert window.complaints() == []  # a number field takes no infinity


def test_what_overflows_on_the_way_is_told_where_it_does(window: Browser, address: str) -> None:
    setting = "#data=xor&net=2-1-1&act=identity-identity&cost=quadratic&x=1.1:1e200&order=1&batch=1&w=1.0.1:1e200"
    for step, told in ((0, False), (1, True)):
        opened(window, address, f"{setting}&step=0.{step}")
        status = window.run("return document.getElementById('status').textContent")
        assert ("z of layer 1 is not finite" in status) is told, status


def test_targets_that_fastbp_refuses_are_told(window: Browser, address: str) -> None:
    opened(window, address, "#cost=cross_entropy")
    assert window.run("return document.getElementById('refusal')") is None
    opened(window, address, "#cost=cross_entropy&y=2.0:2")
    told = "Sample 2 has the target 2, which sigmoid outputs cannot reach."
    assert window.run("return document.getElementById('refusal').textContent").startswith(told)
    copied(window, "fastbp")
    assert told in window.run("return document.getElementById('dialog-note').textContent")


def test_the_worked_example_is_that_of_the_stepping_page(window: Browser, address: str) -> None:
    """Published digits: the cost before and after a step with all biases moved (ours), delta of layer 1."""
    opened(window, address, "#data=example&look=0.1.0&eq=BP2")
    delta = window.run("return +document.querySelector('[data-result]').dataset.result")
    assert delta == pytest.approx(0.00877135468948693, rel=1e-14)
    window.press(*["ArrowRight"] * 13)
    assert where(window) == [1, 0]
    assert window.run("return playground.app.points[0][1]") == pytest.approx(0.2983711087600027, rel=1e-14)
    assert window.run("return playground.app.points.at(-1)[1]") == pytest.approx(0.28047144679143016, rel=1e-14)


def test_depth_makes_delta_vanish(window: Browser, address: str) -> None:
    opened(window, address, "#data=xor&net=2-4-4-4-4-4-1&act=sigmoid-sigmoid-sigmoid-sigmoid-sigmoid-sigmoid")
    texts = window.run("return [...document.querySelectorAll('[data-delta]')].map(cell => cell.textContent)")
    sizes = [float(text) for text in texts]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 100


def test_a_screen_reader_and_a_keyboard_do(window: Browser, address: str) -> None:
    opened(window, address)
    unnamed = """
      const named = e => e.ariaLabel || e.getAttribute("aria-labelledby") || e.labels?.length || e.textContent.trim();
      const all = [...document.querySelectorAll("button, input, select, textarea")];
      return all.filter(e => e.offsetParent && !named(e)).map(e => e.outerHTML);
    """
    assert window.run(unnamed) == []
    assert window.run("return document.getElementById('status').getAttribute('aria-live')") == "polite"
    assert window.run("return document.documentElement.lang") == "en"
    window.press("ArrowDown")
    assert window.run("return document.querySelector('.node[aria-pressed=true]').dataset.j") == "1"
    hidden = """
      const e = document.activeElement, box = e.getBoundingClientRect(), bar = document.querySelector(".controls");
      const seen = box.bottom <= bar.getBoundingClientRect().top;
      return seen || e === document.body || e.closest(".controls") ? "" : e.outerHTML;
    """
    for _ in range(45):  # what has the focus is never behind the bar of steps
        window.press("Tab")
        assert not window.run(hidden)
    window.run("document.getElementById('eta').focus()")
    window.press("ArrowRight")
    assert where(window)[1] == 0, "keys in fields are the fields'"
    window.press("Tab")
    assert window.run("return document.activeElement.tagName") != "BODY"
    window.run("document.querySelector('.node[aria-pressed=true]').focus()")
    window.press("d")
    assert window.run("return document.getElementById('digits').getAttribute('aria-pressed')") == "true"
    assert window.run("return document.activeElement.closest('.node') !== null")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_notebook_shows_the_kernels_numbers_until_something_is_done(
    window: Browser, tmp_path: Path, dtype: Any
) -> None:
    net = fastbp.Network([3, 4, 2], activations=["tanh", "sigmoid"], dtype=dtype, seed=3)
    x, y = np.array([[0.1, -0.2, 0.3], [0.7, 0.6, -0.5]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    shown = play(net, x, y, learning_rate=0.5)
    page = f"<!doctype html><meta charset=utf-8><p>A notebook.{shown._repr_html_()}"
    (tmp_path / "notebook.html").write_text(page, encoding="utf-8")
    window.open("about:blank")
    window.open((tmp_path / "notebook.html").as_uri())
    inside = "const w = document.querySelector('iframe').contentWindow, d = w.document;"
    wait(window, "document.querySelector('iframe').contentWindow.playground")
    source = inside + "return d.getElementById('source').textContent"
    assert window.run(source).startswith(f"The numbers of fastbp's kernels ({dtype})")
    t = net.backprop(x[:1], y[:1])
    nodes = inside + "return [...d.querySelectorAll('.node')].map(g => [+g.dataset.l, +g.dataset.j, g.dataset.value])"
    assert {(l, j): float(v) for l, j, v in window.run(nodes) if l == 1} == {(1, j): t.z[1][0, j] for j in range(4)}
    window.run(inside + "d.getElementById('step').click()")
    assert window.run(source).startswith("Switched from the kernels' numbers to the page's own, in float64.")
    assert ("is float32" in window.run(source)) == (dtype == "float32")
    own = {(l, j): v for l, j, v in window.run(nodes) if l == 1}
    assert [float(own[1, j]) for j in range(4)] == pytest.approx(t.z[1][0], rel=1e-6)
    weights = window.run(inside + "return w.playground.app.net.w[1].map(r => [...r])")
    assert np.array_equal(np.array(weights), net.w[1])
    assert window.complaints() == []
    assert repr(shown).startswith("<Playground: a page of")


def test_what_a_page_cannot_hold_is_refused(own: Any) -> None:
    with pytest.raises(ValueError, match="a function of your own"):
        playground(fastbp.Network([2, 1], activations=own.swoosh, seed=0), [0, 0], [1])
    with pytest.raises(ValueError, match="a page holds up to 200,000"):
        playground(fastbp.Network([784, 300, 10], seed=0), np.zeros(784), np.zeros(10))
    for eta in (0.0, -1.0, 1e300, float("inf")):
        with pytest.raises(ValueError, match="learning_rate is"):
            playground(fastbp.Network([2, 1], seed=0), [0, 0], [1], learning_rate=eta)
    net = fastbp.Network([2, 1], seed=0)
    net.w[1][0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite; a page needs numbers"):
        playground(net, [0, 0], [1])
    with pytest.raises(ValueError, match="learning_rate is given without a network"):
        play(learning_rate=0.1)
    with pytest.raises(ValueError, match="batch_size"):
        playground(fastbp.Network([2, 1], seed=0), [0, 0], [1], batch_size=2)


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from fastbp.cli import app

    monkeypatch.chdir(tmp_path)

    def given(*arguments: str) -> Any:
        done = CliRunner().invoke(app, ["play", *arguments, "--html", "play.html"])
        assert done.exit_code == 0, done.output
        assert "open it in a browser" in done.output
        data = re.search(r'<script id="given"[^>]*>(.*?)</script>', Path("play.html").read_text("utf-8"), re.DOTALL)
        assert data is not None
        return json.loads(data[1])["net"]

    assert given() is None
    assert given("example")["w"][0] == [[0.15, 0.2], [0.25, 0.3]]
    net = fastbp.Network([3, 2, 2], activations=["tanh", "softmax"], cost="cross_entropy", dtype="float32", seed=0)
    fastbp.save(net, "model.fastbp")
    found = given("model.fastbp")
    assert np.array_equal(found["w"][0], net.w[1].astype(float))
    assert (found["X"], found["Y"], found["dtype"]) == ([[0.5, 0.5, 0.5]], [[1.0, 0.0]], "float32")
    np.savez("data.npz", X=np.arange(36).reshape(12, 3) / 36, y=np.arange(12) % 2)
    found = given("model.fastbp", "data.npz", "--samples", "5", "--learning-rate", "0.25")
    assert (len(found["X"]), found["Y"][1], found["eta"], found["batch"]) == (5, [0.0, 1.0], 0.25, 5)
    refused = CliRunner().invoke(app, ["play", "example", "data.npz"])
    assert refused.exit_code != 0
