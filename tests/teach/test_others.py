"""Mistakes of other people: how many of them have a name. docs/explain.md says these numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import others
import pytest
from nets import SMALL

import fastbp

EVERY = {**others.PUBLISHED, **others.MORE}
SLOW = ("the mean of delta times the mean of a", "a graph whose scalars keep the last path alone")
"""Those for which plain Python has no time."""


def named(what: str) -> set[str]:
    other = EVERY[what]
    check = fastbp.check_backprop(other.mine, **other.options)
    assert not check.passed
    assert check.counterexample is not None
    return {mistake.name for mistake in check.mistakes}


@pytest.mark.parametrize("what", [what for what in EVERY if not SMALL or what not in SLOW])
def test_each_has_its_name(what: str) -> None:
    assert named(what) == set(EVERY[what].names)


def test_the_numbers_in_the_documentation_are_these() -> None:
    with_name = [[bool(other.names) for other in group.values()] for group in (others.PUBLISHED, others.MORE)]
    assert [len(group) for group in with_name] == [26, 15]
    text = re.sub(r"\s+", " ", (Path(__file__).parents[2] / "docs" / "explain.md").read_text())
    said: Any = re.search(r"names (\d+) of the 26 .+? and (\d+) of 15 others", text)
    assert (int(said[1]), int(said[2])) == tuple(map(sum, with_name))
