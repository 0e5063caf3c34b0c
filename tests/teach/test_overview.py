"""The network and the sample, as they stand before the first explanation."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import fastbp
from fastbp.teach import overview
from fastbp.teach.examples import worked_example
from fastbp.teach.notebooks import cells, lessons


def test_every_weight_bias_input_and_target_is_printed() -> None:
    printed = str(overview(*worked_example()))
    # As published in Mazur's article: i, w1..w8, b1, b2 and o.
    published = [0.05, 0.10, 0.15, 0.20, 0.35, 0.25, 0.30, 0.35, 0.40, 0.45, 0.60, 0.50, 0.55, 0.60, 0.01, 0.99]
    assert [float(number) for number in re.findall(r"\d\.\d+", printed.split("\n\n")[1])] == published


def test_the_drawing_carries_the_weights_on_its_lines() -> None:
    svg = ElementTree.fromstring(overview(*worked_example()).svg())
    texts = [e.text for e in svg.iter("{http://www.w3.org/2000/svg}text")]
    for number in ("0.050", "0.100", "0.150", "0.200", "0.250", "0.300", "0.400", "0.450", "0.500", "0.550"):
        assert number in texts
    titles = [e.text for e in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert "b_1^2 = 0.6" in titles


def test_a_wide_network_does_not_flood_the_screen() -> None:
    net = fastbp.Network([40, 30, 3], dtype="float32", seed=0)
    seen = overview(net, np.linspace(0, 1, 40), 2)
    assert max(map(len, str(seen).splitlines())) <= 120
    assert len(str(seen).splitlines()) < 20
    assert "target  y = [0., 0., 1.]" in str(seen)
    assert "32 more" in seen.svg()
    assert f"{net.w[1][0, 0]:.8f}" in str(seen)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [([[0.1, 0.2]] * 2, [[0, 1]] * 2, "2 samples"), ([0.1], [0, 1], "1 column"), ([0.1, 0.2], None, "y is None")],
)
def test_what_is_no_sample_is_refused(x: list, y: list, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        overview(worked_example()[0], x, y)
    with pytest.raises(TypeError, match=r"fastbp\.Network"):
        overview([2, 2], [0.1, 0.2], [0, 1])


def test_the_first_lesson_begins_with_the_network_and_the_sample() -> None:
    first = next(source for kind, source, _ in cells(lessons()["1-the-notes"]) if kind == "code")
    scope: dict = {}
    *above, last = first.splitlines()
    exec("\n".join(above), scope)
    assert str(eval(last, scope)) == str(overview(*worked_example()))
