"""The report: its sentences, its numbers, and the page in a browser."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from command_line import run

import fastbp
from fastbp.cli.page import charts, svg

sys.path.insert(0, str(Path(__file__).parents[1] / "teach"))
from browser import Browser

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def write(path: str, names: str, *columns: Any) -> None:
    lines = [",".join(str(value) for value in row) for row in zip(*columns, strict=True)]
    Path(path).write_text("\n".join([names, *lines]) + "\n")


def numbers(n: int = 160, k: int = 2) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, k)).round(3)


def classes(path: str = "t.csv", rare: bool = False) -> None:
    x = numbers()
    noise = np.random.default_rng(1).random(len(x))
    known = noise > 0.9 if rare else x[:, 0] - x[:, 1] > 0
    write(path, "height,<wide>,kind", x[:, 0], x[:, 1], np.where(known, "<up>", "down & out"))


class Elements(HTMLParser):
    """Checks that elements close in order, and notes what they refer to."""

    VOID = ("meta", "line", "circle", "rect", "polyline", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action")]
        assert tag not in ("script", "link", "iframe")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        assert tag in self.VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(path: str = "r.html") -> str:
    text = Path(path).read_text(encoding="utf-8")
    assert Elements(text).addresses == [], "it asks for nothing"
    assert "url(" not in text
    assert "@import" not in text
    return text


SHORT = ("--epochs", "40", "--hidden", "4", "--optimizer", "adam", "--learning-rate", "0.02")


def test_a_classification() -> None:
    classes()
    printed = run("train", "t.csv", "--target", "kind", *SHORT, "--early-stopping", "20", "--report", "r.html")
    assert "Wrote the report r.html." in printed
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert rows["constant"][2] == "50.0%"
    assert float(rows["this"][3].rstrip("%")) > 90
    text = page()
    for heading in ("Data", "Result", "Training", "Classes", "Columns", "How to use it", "How it was made"):
        assert f"<h2>{heading}</h2>" in text, heading
    for chart in ("Loss", "Accuracy", "Confusion matrix", "ROC", "Calibration", "Permutation importance"):
        assert f"<h3>{chart}" in text, chart
    assert "Effect of height" in text
    assert "best: epoch " in text
    assert "does not beat" not in text
    assert "&lt;up&gt;" in text
    assert "<up>" not in text
    assert "fastbp predict model.fastbp new.csv" in text
    assert "epochs = 40" in text
    # The figures are those of the model file on the test rows.
    data = fastbp.split(fastbp.read("t.csv", "kind"), 0.2, seed=0)
    accuracy = fastbp.load("model.fastbp").evaluate(data.X_test, data.named(data.Y_test))["accuracy"]
    assert f"<b>{accuracy:.1%}</b>" in text


def test_a_regression_in_the_targets_units() -> None:
    x = numbers()
    price = 5e5 + 1e5 * x[:, 0] + 2e4 * x[:, 1] ** 2
    write("t.csv", "area,age,price", x[:, 0], x[:, 1], price.round(2))
    printed = run("train", "t.csv", "--target", "price", *SHORT, "--report", "r.html")
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert rows["constant"][2].replace(",", "").isdigit()
    constant, mine = (float(rows[name][at].replace(",", "")) for name, at in (("constant", 1), ("this", 2)))
    assert constant > 5e4
    assert mine < constant / 2
    assert rows["Worst"][:3] == ["Worst", "prediction,", "line"]
    text = page()
    for chart in ("Predicted and true", "Residuals", "Distribution of residuals", "Effect of area"):
        assert f"<h3>{chart}" in text, chart
    assert "<h2>Worst rows</h2>" in text
    assert "of price" in text


def test_a_result_that_is_no_better_than_nothing_is_said_first() -> None:
    """And a class that is never predicted, with its remedy."""
    classes(rare=True)
    printed = run("train", "t.csv", "--target", "kind", *SHORT, "--report", "r.html")
    never = "is never predicted" in printed
    run("train", "t.csv", "--target", "kind", "--epochs", "1", "--hidden", "4", "--report", "r.html", "-q")
    text = page()
    assert never or "is never predicted" in text
    assert "--class-weight balanced" in text
    write("noise.csv", "a,b,c", *numbers(140, 2).T, np.random.default_rng(5).standard_normal(140).round(3))
    options = ("--hidden", "60", "--epochs", "150", "--optimizer", "adam", "--learning-rate", "0.02")
    options += ("--early-stopping", "0")
    printed = run("train", "noise.csv", "--target", "c", *options, "--report", "r.html")
    assert "Validation does not beat the constant prediction, the mean of the training rows (RMSE" in printed
    text = page()
    at = [text.index(part) for part in ('class="serious"', "Validation does not beat", 'class="cards"', "<h2>")]
    assert at == sorted(at)


def test_several_classes_and_rows_without_names() -> None:
    x = numbers(150, 3)
    np.savez("t.npz", X=x, y=np.digitize(x[:, 0], [-0.5, 0.5]))
    run("train", "t.npz", *SHORT, "--report", "r.html", "-q")
    text = page()
    assert "Effect of column 0" in text
    assert text.count("AUC 0.") + text.count("AUC 1.") == 3


def test_targets_that_are_several_numbers_some_of_which_are_missing() -> None:
    x = numbers(150, 3)
    Y = np.stack([x[:, 0], 10 * x[:, 1]], axis=1)
    Y[::7, 1] = np.nan
    np.savez("t.npz", X=x, y=Y)
    options = ("--cost", "quadratic", "--missing-targets", "ignore")
    run("train", "t.npz", *SHORT, *options, "--report", "r.html", "-q")
    text = page()
    assert "RMSE output 0" in text
    assert "R2 output 1" in text
    assert "nan" not in text.replace("nano", "")


@pytest.mark.parametrize(("path", "message"), [("r.pdf", "is a page"), ("no/r.html", "folder does not exist")])
def test_a_report_that_could_not_be_written_is_refused_before_training(path: str, message: str) -> None:
    classes()
    assert message in run("train", "t.csv", "--target", "kind", *SHORT, "--report", path, code=1)
    assert not Path("model.fastbp").exists()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (0, 10, [0, 5, 10]),
        (-3.2, 17, [0, 5, 10, 15]),
        (1e6, 4e6, [1e6, 2e6, 3e6, 4e6]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert svg.ticks(low, high, 5) == pytest.approx(expected)
    for seed in range(200):
        a, b = sorted(np.random.default_rng(seed).standard_normal(2) * 10.0 ** (seed % 13 - 6))
        found = svg.ticks(a, b)
        assert 2 <= len(found) <= 5
        assert all(a - 1e-9 * (b - a) <= t <= b + 1e-9 * (b - a) for t in found)


def test_numbers_for_readers() -> None:
    assert [svg.brief(v) for v in (0, 2500, -2e6, 12_500, 3e9)] == ["0", "2,500", "-2M", "12.5k", "3G"]
    shown = [svg.number(v) for v in (0, -0.0, 1234567.8, 0.123456, 12.3456, 1e-7, float("nan"), 99999.5)]
    assert shown == ["0", "0", "1,234,568", "0.1235", "12.35", "1e-07", "-", "100,000"]


CUT = """
const cut = []
for (const e of document.querySelectorAll('body *')) {
  if (e.closest('.scroll, pre, svg, details:not([open])')) continue
  const place = e.getBoundingClientRect()
  if (place.width && place.right > innerWidth + 1) cut.push([e.tagName, e.className, place.right])
}
return [innerWidth, document.documentElement.scrollWidth, cut.slice(0, 9)]
"""

OUTSIDE = """
const out = []
for (const text of document.querySelectorAll('svg text')) {
  const place = text.getBoundingClientRect(), drawing = text.closest('svg').getBoundingClientRect()
  if (place.left < drawing.left - 1 || place.right > drawing.right + 1 || place.bottom > drawing.bottom + 1)
    out.push([text.closest('figure').textContent.slice(0, 40), text.textContent])
}
return out
"""

COLOURS = """
const style = getComputedStyle(document.body)
return [style.backgroundColor, style.color, getComputedStyle(document.querySelector('polyline')).stroke,
        parseFloat(getComputedStyle(document.querySelector('svg text')).fontSize)]
"""


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """On a phone and a desktop nothing is cut off; it is dark where that is asked for; its console is silent."""
    classes()
    run("train", "t.csv", "--target", "kind", *SHORT, "--report", "a.html", "-q")
    x = numbers()
    write("u.csv", "a_rather_long_name_of_a_column,age,price", x[:, 0], x[:, 1], (1e6 * x[:, 0]).round())
    run("train", "u.csv", "--target", "price", *SHORT, "--report", "b.html", "-q")
    seen = {}
    with Browser() as browser:
        for name in ("a", "b"):
            for width in (390, 1280):
                for scheme in ("light", "dark"):
                    browser.resize(width, 844)
                    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
                    wanted = {"cmd": "Emulation.setEmulatedMedia", "params": media}
                    browser._ask("POST", "/goog/cdp/execute", wanted)
                    browser.open((tmp_path / f"{name}.html").as_uri())
                    inner, whole, cut = browser.run(CUT)
                    assert inner == width
                    assert whole <= width
                    assert cut == []
                    assert browser.run(OUTSIDE) == []
                    seen[scheme] = browser.run(COLOURS)
        assert browser.run("return performance.getEntriesByType('resource').length") == 0
        assert browser.complaints() == []
        browser.run("document.querySelector('h2').style.cssText = 'width: 5000px'")
        assert browser.run(CUT)[2], "what is cut off would be seen"
    assert seen["light"][:3] != seen["dark"][:3]
    light, dark = (sum(map(int, re.findall(r"\d+", seen[scheme][0])[:3])) for scheme in ("light", "dark"))
    assert light > 700
    assert dark < 120
    assert seen["light"][3] >= 11


def test_the_best_epoch_is_named_where_the_lines_leave_room() -> None:
    """Above a loss, which falls, and below an accuracy, which rises."""
    up = [i / 30 for i in range(1, 31)]
    history = {"loss": up[::-1], "val_loss": up[::-1], "accuracy": up, "val_accuracy": up}
    loss, accuracy = charts.curves(cast(Any, SimpleNamespace(history=history, epoch=30)), 25)
    heights = [float(re.findall(r'y="([\d.]+)"[^>]*>best: epoch 25<', drawn)[0]) for drawn in (loss, accuracy)]
    assert heights[0] < 100 < heights[1]
