"""The README says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fastbp

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(marker: str, language: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert found, marker
    return found.group(1)


@pytest.mark.compiled
def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """To four digits: a CPU without fused multiply-add, and plain Python, round otherwise."""
    exec(compile(block("example", "python"), "README", "exec"), {})
    printed, expected = capsys.readouterr().out.split(), block("output", "text").split()
    assert len(printed) == len(expected)
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    for a, b in zip(printed, expected, strict=True):
        assert number.sub("#", a) == number.sub("#", b)
        for x, y in zip(number.findall(a), number.findall(b), strict=True):
            assert float(x) == pytest.approx(float(y), rel=1e-3)


def test_the_triptych_shows_lines_of_the_code() -> None:
    package = Path(fastbp.__file__).parent
    for name, line in re.findall(r"\(`fastbp/([\w/.]+)`\) \| `(.+?)` \|", README):
        assert line in (package / name).read_text(), line
    assert fastbp.equations.EQUATIONS["BP2"].ascii in README


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parent.parent
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    for link in links:
        assert (root / link).exists(), link
