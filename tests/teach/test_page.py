"""The stepping page in a real browser, from a file: its numbers, keyboard, mouse, phone and screen reader."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser

import fastbp
from fastbp.teach.examples import ETA, worked_example
from fastbp.teach.page import page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as window:
        yield window


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Browser:
    net, x, y = worked_example()
    path = tmp_path / "page.html"
    path.write_text(page(net, x, y, learning_rate=ETA), encoding="utf-8")
    browser.open(path.as_uri())
    return browser


def shown(browser: Browser) -> dict[tuple[int, int], float]:
    """The number that each neuron carries; NaN where nothing is computed yet."""
    script = "return [...document.querySelectorAll('.node')].map(g => [+g.dataset.l, +g.dataset.j, g.dataset.value])"
    return {(l, j): float(value or "nan") for l, j, value in browser.run(script)}


def result(browser: Browser) -> float:
    return float(browser.run("return document.querySelector('[data-result]').dataset.result"))


def label(browser: Browser) -> str:
    return str(browser.run("return document.getElementById('label').textContent"))


def test_every_step_shows_the_kernels_numbers(opened: Browser) -> None:
    net, x, y = worked_example()
    t = net.backprop(x[None], y[None])
    labels = []
    for _ in range(13):
        labels.append(label(opened))
        name, numbers = labels[-1], shown(opened)
        l = opened.run("return data.steps[step].layer")
        if name in ("F1", "F2"):
            rows = (t.z if name == "F1" else t.a)[l][0]
            assert [numbers[l, j] for j in range(2)] == list(rows)
            assert result(opened) == rows[0]
        elif name in ("BP1", "BP2"):
            assert [numbers[l, j] for j in range(2)] == list(t.delta[l][0])
            assert result(opened) == t.delta[l][0, 0]
        elif name == "BP3, BP4":
            script = "return [...document.querySelectorAll('[data-g]')].map(c => +c.dataset.exact)"
            assert opened.run(script) == list(t.w[l][0])
            assert result(opened) == t.b[l][0]
        elif name == "C":
            assert result(opened) == t.cost
        elif name == "U":
            script = "return [...document.querySelectorAll('td[data-new]')].map(c => +c.dataset.exact)"
            trained = net.copy()
            fastbp.train(trained, x[None], y[None], optimizer=fastbp.SGD(ETA), epochs=1, batch_size=1)
            assert opened.run(script) == [trained.b[l][0], *trained.w[l][0]]
            assert result(opened) == trained.backprop(x[None], y[None]).a[l][0, 0]
        opened.press("ArrowRight")
    assert labels == ["start", "F1", "F2", "F1", "F2", "C", "BP1", "BP2", "BP3, BP4", "BP3, BP4", "U", "U", "end"]
    trained = net.copy()
    fastbp.train(trained, x[None], y[None], optimizer=fastbp.SGD(ETA), epochs=1, batch_size=1)
    assert result(opened) == trained.gradient(x[None], y[None]).cost == pytest.approx(0.28047144679143016, rel=1e-14)
    after = trained.backprop(x[None], y[None]).a
    assert shown(opened) == {(0, j): x[j] for j in (0, 1)} | {(l, j): after[l][0, j] for l in (1, 2) for j in (0, 1)}
    assert opened.run("return [...document.querySelectorAll('[data-after]')].map(c => +c.dataset.exact)") == [
        *after[2][0],
        *after[1][0],
    ]
    assert opened.run("return [...document.querySelectorAll('.weight')].map(t => t.textContent)")[:2] == [
        "0.150",
        "0.200",
    ]
    assert opened.complaints() == []


def test_network_and_sample_stand_at_the_beginning(opened: Browser) -> None:
    net, x, y = worked_example()
    script = (
        "return [...document.querySelectorAll('.chip')].map(c => [c.querySelector('annotation').textContent, "
        "+c.dataset.exact, +c.querySelector('b').textContent])"
    )
    found = {name: (exact, read) for name, exact, read in opened.run(script)}
    expected = {f"a_{k}^0": x[k] for k in (0, 1)} | {f"y_{j}": y[j] for j in (0, 1)}
    for l in (1, 2):
        expected |= {f"b_{j}^{l}": net.b[l][j] for j in (0, 1)}
        expected |= {f"w_{{{j},{k}}}^{l}": net.w[l][j, k] for j in (0, 1) for k in (0, 1)}
    assert found == {name: (value, value) for name, value in expected.items()}
    # And every line of the drawing carries its weight.
    drawn = opened.run("return [...document.querySelectorAll('.weight')].map(t => +t.textContent)")
    assert drawn == [net.w[l][j, k] for l in (1, 2) for j in (0, 1) for k in (0, 1)]


def test_numbers_have_four_to_six_digits_until_all_are_asked_for(opened: Browser) -> None:
    opened.press(*["ArrowRight"] * 7)
    net, x, y = worked_example()
    delta = fastbp.explain(net, x, y).result
    numbers = "return [...document.querySelectorAll('#panel mn, #panel td')].map(e => e.textContent)"

    def most() -> int:
        found = [text for text in opened.run(numbers) if re.fullmatch(r"\W?0\.\d+", text)]
        assert found
        return max(len(text.split(".")[1].lstrip("0")) for text in found)

    assert 4 <= most() <= 6
    assert str(delta) not in opened.run("return document.getElementById('panel').textContent")
    opened.click("#digits")
    assert most() >= 16
    assert opened.run("return document.querySelector('.result').textContent").count(str(delta)) == 2  # and annotation
    opened.press("d")
    assert 4 <= most() <= 6
    assert opened.run("return document.getElementById('digits').getAttribute('aria-pressed')") == "false"


CUT = """
const cut = [];
let least = 99;
for (exact of [false, true]) for (step = 0; step < data.steps.length; step++) {
  const s = data.steps[step];
  for (const j of s.layer === null ? [null] : data.shown[s.layer]) {
    if (j !== null) chosen[s.layer] = j;
    draw();
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    const card = document.getElementById("panel").parentElement.getBoundingClientRect();
    for (const e of document.querySelectorAll("body *")) {
      if (e.closest("svg, script")) continue;
      const style = getComputedStyle(e), place = e.getBoundingClientRect();
      const what = [exact, step, j, e.tagName, e.className];
      if (e.clientWidth && style.display !== "inline" && e.scrollWidth > e.clientWidth + 1) cut.push(what);
      if (place.width && place.right > (e.closest("#panel") ? card.right : innerWidth)) cut.push(what);
      if (e.tagName === "mn" && e.closest(".result") && !e.closest("msub, msup, msubsup, munder"))
        least = Math.min(least, parseFloat(style.fontSize));
    }
  }
}
return [innerWidth, cut.slice(0, 20), least];
"""


@pytest.mark.parametrize("width", [390, 1280, *(pytest.param(width, marks=pytest.mark.slow) for width in (1440, 1920))])
def test_nothing_is_cut_off(browser: Browser, tmp_path: Path, width: int) -> None:
    """No element of any step, for any neuron, is wider than its place, with few digits and with all of them."""
    net, x, y = worked_example()
    binary = fastbp.Network([3, 3, 2], activations=["tanh", "sigmoid"], cost="cross_entropy", seed=2)
    wide = fastbp.Network([40, 30, 12, 3], activations=["tanh", "relu", "softmax"], cost="cross_entropy", seed=1)
    counts = fastbp.Network([3, 2, 1], activations=["tanh", "exp"], cost="poisson", dtype="float32", seed=2)
    pages = [
        page(net, x, y, learning_rate=ETA),
        page(binary, [1e-5, -123.456, 7.25], [0, 1], learning_rate=1.5, notation="row"),
        page(wide, np.linspace(-1, 1, 40), 2, layer=2, neuron=9),
        page(counts, [0.5, -1, 2], [3], notation="bishop"),
    ]
    try:
        for text in pages:
            (tmp_path / "page.html").write_text(text, encoding="utf-8")
            browser.resize(width, 844)
            browser.open("about:blank")
            browser.open((tmp_path / "page.html").as_uri())
            inner, cut, least = browser.run(CUT)
            assert inner == width
            assert cut == []
            assert least >= 11, "a result that is too small to be read"
    finally:
        browser.resize(1200, 900)


BELOW = """
const bar = document.querySelector('.controls').getBoundingClientRect().top, below = []
for (let s = 1; s < data.steps.length; s++) {
  go(s)
  const place = document.querySelector('[data-result]').getBoundingClientRect()
  if (place.bottom > bar || place.top < 0) below.push(data.steps[s].label + ' ' + place.bottom)
}
return below
"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 720), (1440, 900), (1920, 1080)])
def test_the_result_of_every_step_is_seen_without_scrolling(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    """On a phone of the worked example; a drawing of seven neurons on each other fills its screen."""
    net, x, y = worked_example()
    wide = fastbp.Network([40, 30, 12, 3], activations=["tanh", "relu", "softmax"], cost="cross_entropy", seed=1)
    pages = [page(net, x, y, learning_rate=ETA), page(wide, np.linspace(-1, 1, 40), 2, layer=2, neuron=9)]
    try:
        for text in pages[: 1 if width < 600 else 2]:
            (tmp_path / "page.html").write_text(text, encoding="utf-8")
            browser.resize(width, height)
            browser.open("about:blank")
            browser.open((tmp_path / "page.html").as_uri())
            assert browser.run(BELOW) == []
    finally:
        browser.resize(1200, 900)


def test_what_is_cut_off_would_be_seen(opened: Browser) -> None:
    opened.run("data.steps[7].panels[0].html += '<table><td style=\"white-space:nowrap\">' + '0.12345 '.repeat(99)")
    assert any(step == 7 for _, step, *_ in opened.run(CUT)[1])


def test_a_wrong_number_would_be_seen(opened: Browser) -> None:
    """The test above compares what the browser shows: a digit changed in the page changes it."""
    opened.press("ArrowRight")
    before = shown(opened)
    opened.run("data.values.z['1,0'].exact = '0.3776'; draw()")
    assert shown(opened) != before


def test_keyboard(opened: Browser) -> None:
    opened.press("End")
    assert label(opened) == "end"
    assert opened.run("return document.getElementById('next').disabled")
    opened.press("Home")
    assert label(opened) == "start"
    assert opened.run("return document.getElementById('back').disabled")
    opened.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert label(opened) == "F1"
    first = result(opened)
    opened.press("ArrowDown")
    assert opened.run("return document.body.dataset.neuron") == "1"
    net, x, _ = worked_example()
    z = fastbp.explain(net, x, layer=1, neuron=1, of="z").result
    assert result(opened) == z != first
    assert opened.run("return document.querySelector('.node[aria-pressed=true]').dataset.j") == "1"
    opened.press("ArrowUp")
    assert result(opened) == first


def test_mouse(opened: Browser) -> None:
    opened.click("#next")
    assert label(opened) == "F1"
    opened.click('.node[data-l="2"][data-j="1"]')
    net, x, _ = worked_example()
    assert result(opened) == fastbp.explain(net, x, layer=2, neuron=1, of="z").result
    # Two lines end in this neuron, with the terms of its sum.
    assert opened.run("return document.querySelectorAll('#terms line').length") == 2
    opened.click("#back")
    assert opened.run("return step") == 2


@pytest.mark.parametrize(("address", "step"), [("1.5", 1), ("99", 12), ("-1", 0), ("one", 0)])
def test_any_step_of_an_address_is_shown(opened: Browser, address: str, step: int) -> None:
    opened.run(f"location.hash = 'step={address}'; fromAddress()")
    assert opened.run("return document.getElementById('count').textContent") == f"{step + 1} / 13"


def test_a_title_is_shown_as_it_is(browser: Browser, tmp_path: Path) -> None:
    title = "<b>@@DATA@@ & @@SVG@@</b>"
    (tmp_path / "titled.html").write_text(page(*worked_example(), title=title), encoding="utf-8")
    browser.open((tmp_path / "titled.html").as_uri())
    assert browser.run("return document.querySelector('h1').textContent") == title


def test_it_asks_nothing_of_any_server(opened: Browser) -> None:
    assert (
        opened.run("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length")
        == 0
    )
    text = str(opened.run("return document.documentElement.outerHTML"))
    for address in ("http://", "https://", "//cdn"):
        assert text.replace("http://www.w3.org/", "").count(address) == 0


def test_a_screen_reader_is_told(opened: Browser) -> None:
    opened.press("ArrowRight")
    names = opened.run("return [...document.querySelectorAll('.node')].map(g => g.getAttribute('aria-label'))")
    assert "neuron 0 of layer 1: weighted input = 0.3775" in names
    assert "neuron 1 of layer 2: not computed yet" in names
    assert opened.run("return document.querySelector('[aria-live]').textContent").startswith(
        "F1Weighted inputs of layer 1"
    )
    assert opened.run("return [...document.querySelectorAll('button, input')].every(e => e.textContent || e.ariaLabel)")
    assert opened.run("return document.documentElement.lang") == "en"
    assert opened.run("return document.querySelector('math annotation').textContent") == "z_0^1 = 0.3775"


def test_a_phone_needs_no_sideways_scrolling(tmp_path: Path) -> None:
    net = fastbp.Network([40, 30, 12, 3], activations=["tanh", "relu", "softmax"], cost="cross_entropy", seed=1)
    text = page(net, np.linspace(-1, 1, 40), 2, layer=2, neuron=9)
    (tmp_path / "wide.html").write_text(text, encoding="utf-8")
    with Browser(500, 800) as phone:
        phone.open((tmp_path / "wide.html").as_uri())
        for _ in range(18):
            assert phone.run("return document.documentElement.scrollWidth <= window.innerWidth")
            phone.press("ArrowRight")
        assert label(phone) == "end"
        # Wide layers are cut, with the neuron asked for among those drawn.
        assert phone.run("return document.querySelectorAll('.node[data-l=\"0\"]').length") == 8
        assert phone.run('return document.querySelectorAll(\'.node[data-l="2"][data-j="9"]\').length') == 1
        assert "32 more" in phone.run("return document.querySelector('svg').textContent")
        assert phone.complaints() == []


def test_latex_is_typeset_without_errors(browser: Browser, tmp_path: Path) -> None:
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        pytest.skip("sphinx-mathjax-offline is not installed: LaTeX was NOT typeset")
    script = next(Path(found.origin).parent.rglob("tex-*.js"))
    net, x, y = worked_example()
    soft = fastbp.Network([2, 3, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    binary = fastbp.Network([2, 2], cost="cross_entropy", seed=0)
    every = [fastbp.explain(net, x, y, l, 1, of) for l in (1, 2) for of in ("z", "delta", "bias", "update")]
    every += [fastbp.explain(net, x, y, 1, 1, of, k=1) for of in ("weight", "update")]
    every += [fastbp.explain(net, [x, 2 * x], [y, y], 1, 0, of) for of in ("z", "delta", "bias")]
    every += [fastbp.explain(soft, x, 2, 2, 1), fastbp.explain(binary, x, y, 1, 0)]
    every = [e.in_notation(name) for e in every for name in ("nielsen", "bishop", "row")]

    def errors(body: str) -> int:
        settings = (
            "window.errors = []; MathJax = {tex: {"
            "inlineMath: [['$', '$']], packages: {'[-]': ['noundefined', 'noerrors']},"
            "formatError(jax, error) {errors.push(error.message); return jax.formatError(error)}},"
            "startup: {ready() {MathJax.startup.defaultReady(); MathJax.startup.promise.then(() => window.done = 1)}}}"
        )
        head = f'<script>{settings}</script><script src="{script.as_uri()}"></script>'
        (tmp_path / "math.html").write_text(f"<!doctype html><meta charset=utf-8>{head}{body}")
        browser.open((tmp_path / "math.html").as_uri())
        while not browser.run("return window.done"):
            time.sleep(0.05)
        assert browser.run("return document.querySelectorAll('mjx-container').length") > 0
        return int(browser.run("return window.errors.length"))

    assert errors("".join(f"<p>{e.latex()}</p>" for e in every)) == 0
    assert errors(r"<p>$$\frac{1} + \nosuchcommand{x}$$ $$x$$</p>") == 1
